//! Subject alternative names: DNS names, mail addresses, user principal names, addresses, URIs.

use std::net::IpAddr;

use crate::der::{Node, Reader, Writer, tag};
use crate::{PkiError, oids};

/// Names of one certificate that are read or written.
const NAMES_MAX: usize = 1000;

/// What else a certificate stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlternativeNames {
    /// DNS names.
    pub dns: Vec<String>,
    /// Mail addresses.
    pub emails: Vec<String>,
    /// User principal names.
    pub upns: Vec<String>,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
    /// URIs.
    pub uris: Vec<String>,
}

impl AlternativeNames {
    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }

    /// Fails on what a certificate cannot carry.
    pub fn check(&self) -> Result<(), PkiError> {
        let bad = |kind: &str, value: &str| {
            let shown: String = value.chars().take(100).collect();
            Err(PkiError::Value(format!("'{shown}' is no {kind} for a subject alternative name")))
        };
        let groups = [
            self.dns.len(),
            self.emails.len(),
            self.upns.len(),
            self.addresses.len(),
            self.uris.len(),
        ];
        if groups.iter().sum::<usize>() > NAMES_MAX {
            return Err(PkiError::Value(format!(
                "more than {NAMES_MAX} subject alternative names"
            )));
        }
        for name in &self.dns {
            if !is_dns_name(name) {
                return bad("DNS name", name);
            }
        }
        for email in &self.emails {
            if !email.is_ascii() || email.len() > 320 || !email.contains('@') {
                return bad("mail address", email);
            }
        }
        for uri in &self.uris {
            if !uri.is_ascii() || uri.len() > 2048 || !uri.contains(':') || uri.contains(' ') {
                return bad("URI", uri);
            }
        }
        match self.upns.iter().find(|u| u.is_empty() || u.len() > 1024) {
            Some(upn) => bad("user principal name", upn),
            None => Ok(()),
        }
    }

    /// The value of the extension.
    pub(crate) fn der(&self) -> Vec<u8> {
        Writer::build(|w| {
            w.sequence(|w| {
                self.upns.iter().for_each(|upn| other_name(w, upn));
                self.emails.iter().for_each(|v| w.value(tag::implicit(1), v.as_bytes()));
                self.dns.iter().for_each(|v| w.value(tag::implicit(2), v.as_bytes()));
                self.uris.iter().for_each(|v| w.value(tag::implicit(6), v.as_bytes()));
                for address in &self.addresses {
                    match address {
                        IpAddr::V4(a) => w.value(tag::implicit(7), &a.octets()),
                        IpAddr::V6(a) => w.value(tag::implicit(7), &a.octets()),
                    }
                }
            });
        })
    }

    /// Reads the value of the extension; kinds that are none of ours are left out.
    pub(crate) fn from_der(der: &[u8]) -> Option<Self> {
        let mut found = Self::default();
        for node in Reader::new(der).sequence()?.all(NAMES_MAX)? {
            let text = || std::str::from_utf8(node.content).ok().map(str::to_owned);
            match node.tag {
                t if t == tag::context(0) => found.upns.extend(upn(&node)),
                t if t == tag::implicit(1) => found.emails.push(text()?),
                t if t == tag::implicit(2) => found.dns.push(text()?),
                t if t == tag::implicit(6) => found.uris.push(text()?),
                t if t == tag::implicit(7) => found.addresses.push(address(node.content)?),
                _ => {}
            }
        }
        Some(found)
    }
}

fn other_name(w: &mut Writer, upn: &str) {
    w.wrap(tag::context(0), |w| {
        w.oid(oids::UPN);
        w.wrap(tag::context(0), |w| w.value(tag::UTF8, upn.as_bytes()));
    });
}

fn upn(node: &Node<'_>) -> Option<String> {
    let mut inside = node.reader();
    if inside.oid()? != oids::UPN {
        return None;
    }
    inside.expect(tag::context(0))?.reader().node()?.text()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    v4.or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))
}

/// A DNS name, perhaps with a star as its first label.
pub fn is_dns_name(name: &str) -> bool {
    let plain = name.strip_prefix("*.").unwrap_or(name);
    let label = |label: &str| {
        let inside = label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        (1..=63).contains(&label.len())
            && inside
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (1..=253).contains(&name.len()) && plain.split('.').all(label)
}
