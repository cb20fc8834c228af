//! Certificate revocation lists: written and signed by the authority, and read again for comparison.

use crate::algorithm::{read_form, write_form};
use crate::der::{Node, Reader, Writer, tag};
use crate::issue::{extension, signed};
use crate::{Certificate, Issuer, PkiError, oids};

/// One certificate that no longer holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked {
    /// Its serial number, big endian.
    pub serial: Vec<u8>,
    /// When, in seconds since 1970.
    pub at: i64,
    /// Why, by the number of RFC 5280; 0 says nothing.
    pub reason: u8,
}

/// The reasons of RFC 5280 that may be given.
pub const REASONS: &[(u8, &str)] = &[
    (0, "unspecified"),
    (1, "keyCompromise"),
    (2, "cACompromise"),
    (3, "affiliationChanged"),
    (4, "superseded"),
    (5, "cessationOfOperation"),
    (6, "certificateHold"),
    (9, "privilegeWithdrawn"),
    (10, "aACompromise"),
];

/// A list, read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevocationList {
    /// Its number; grows with each list.
    pub number: u64,
    /// When it was made.
    pub this_update: i64,
    /// When the next one is due.
    pub next_update: i64,
    /// What it names.
    pub revoked: Vec<Revoked>,
}

impl RevocationList {
    /// DER of the list, signed by the authority.
    pub fn sign(&self, issuer: &Issuer) -> Result<Vec<u8>, PkiError> {
        let form = issuer.key().form();
        let tbs = Writer::build(|w| {
            w.sequence(|w| {
                w.number(1);
                write_form(w, form);
                w.raw(issuer.certificate().subject().der());
                w.time(self.this_update);
                w.time(self.next_update);
                if !self.revoked.is_empty() {
                    w.sequence(|w| self.revoked.iter().for_each(|r| entry(w, r)));
                }
                w.wrap(tag::context(0), |w| {
                    w.sequence(|w| {
                        if let Some(id) = issuer.certificate().subject_key_id() {
                            extension(w, oids::AUTHORITY_KEY_ID, false, |w| {
                                w.sequence(|w| w.value(tag::implicit(0), id));
                            });
                        }
                        extension(w, oids::CRL_NUMBER, false, |w| w.number(self.number));
                    });
                });
            });
        });
        let signature = issuer.key().sign(form, &tbs)?;
        Ok(signed(&tbs, form, &signature))
    }

    /// Reads a list and checks that the authority signed it.
    pub fn read(der: &[u8], authority: &Certificate) -> Result<Self, PkiError> {
        let (list, is_verified) =
            read(der, authority).ok_or(PkiError::Format("revocation list"))?;
        if is_verified { Ok(list) } else { Err(PkiError::Signature("revocation list")) }
    }
}

fn entry(w: &mut Writer, revoked: &Revoked) {
    w.sequence(|w| {
        w.unsigned(&revoked.serial);
        w.time(revoked.at);
        if revoked.reason != 0 {
            w.sequence(|w| {
                extension(w, oids::CRL_REASON, false, |w| {
                    w.value(tag::ENUMERATED, &[revoked.reason]);
                });
            });
        }
    });
}

fn read(der: &[u8], authority: &Certificate) -> Option<(RevocationList, bool)> {
    let mut outer = Node::only(der).filter(|n| n.tag == tag::SEQUENCE)?.reader();
    let tbs = outer.expect(tag::SEQUENCE)?;
    let form = read_form(&outer.expect(tag::SEQUENCE)?)?;
    let signature = outer.expect(tag::BIT_STRING)?.bits()?;
    let mut inside = tbs.reader();
    inside.take(tag::INTEGER);
    inside.expect(tag::SEQUENCE)?;
    let issuer = inside.expect(tag::SEQUENCE)?;
    let this_update = inside.node()?.time()?;
    let next_update = inside.node()?.time()?;
    let mut revoked = Vec::new();
    if let Some(list) = inside.take(tag::SEQUENCE) {
        let mut entries = list.reader();
        while !entries.is_empty() {
            revoked.push(read_entry(entries.sequence()?)?);
        }
    }
    let mut number = 0;
    if let Some(extensions) = inside.take(tag::context(0)) {
        for node in extensions.reader().sequence()?.all(20)? {
            let mut extension = node.reader();
            if extension.oid()? == oids::CRL_NUMBER {
                extension.take(tag::BOOLEAN);
                number = Node::only(extension.octets()?)?.number()?;
            }
        }
    }
    let is_verified = issuer.whole == authority.subject().der()
        && authority.public_key().verify(form, tbs.whole, signature);
    Some((RevocationList { number, this_update, next_update, revoked }, is_verified))
}

fn read_entry(mut entry: Reader<'_>) -> Option<Revoked> {
    let serial = entry.expect(tag::INTEGER)?.unsigned()?.to_vec();
    let at = entry.node()?.time()?;
    let mut reason = 0;
    if let Some(extensions) = entry.take(tag::SEQUENCE) {
        for node in extensions.reader().all(20)? {
            let mut extension = node.reader();
            if extension.oid()? == oids::CRL_REASON {
                extension.take(tag::BOOLEAN);
                reason = *Node::only(extension.octets()?)?.content.first()?;
            }
        }
    }
    Some(Revoked { serial, at, reason })
}
