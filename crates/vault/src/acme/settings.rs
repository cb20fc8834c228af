//! How an authority's ACME server behaves: the `acme` member of its issuer.

use std::net::{IpAddr, SocketAddr};

use serde_json::Value;

use super::Reach;
use crate::{Provider, Vault, VaultError};

/// Longest life of a certificate, in days.
const DAYS_MAX: i64 = 397;

/// A member of `acme`: its name, what it may be, in words, and whether a value is that.
type Member = (&'static str, &'static str, fn(&Value) -> bool);

/// Members of an authority's settings.
const SERVER: &[Member] = &[
    ("httpPort", "a port", |v| v.as_u64().is_some_and(|p| (1..=65535).contains(&p))),
    ("requireExternalAccount", "true or false", Value::is_boolean),
    ("validityDays", "a number from 1 to 397", |v| {
        v.as_i64().is_some_and(|d| (1..=DAYS_MAX).contains(&d))
    }),
    ("domains", "a list of names", is_list_of_names),
    ("nameServer", "an address, or address:port", |v| is_text(v, is_place)),
    ("allowLocal", "true or false", Value::is_boolean),
];

/// Members of the settings of an issuer that asks an ACME server elsewhere.
const CLIENT: &[Member] = &[
    ("challenge", "http-01 or dns-01", |v| is_text(v, |t| ["http-01", "dns-01"].contains(&t))),
    ("httpListen", "address:port", |v| is_text(v, |t| t.parse::<SocketAddr>().is_ok())),
    ("dnsHook", "the name of a program", |v| is_text(v, |t| !t.is_empty() && !t.contains('/'))),
];

fn is_text(value: &Value, good: fn(&str) -> bool) -> bool {
    value.as_str().is_some_and(good)
}

fn is_place(text: &str) -> bool {
    text.parse::<SocketAddr>().is_ok() || text.parse::<IpAddr>().is_ok()
}

fn is_list_of_names(value: &Value) -> bool {
    let is_name = |v: &Value| {
        let name = v.as_str().map(|t| t.trim_start_matches('.').to_ascii_lowercase());
        name.is_some_and(|n| pki::is_dns_name(&n) && !n.contains('*'))
    };
    value.as_array().is_some_and(|list| list.iter().all(is_name))
}

/// Refuses settings that would not be understood: what is misspelt is not to be taken for nothing said.
pub(crate) fn check(provider: &Provider, sent: &Value) -> Result<(), VaultError> {
    let members = match provider {
        Provider::PrivateAuthority => SERVER,
        Provider::Acme => CLIENT,
        Provider::Other(_) => return Ok(()),
    };
    let wrong = |what: String| Err(VaultError::bad_parameter(format!("Property acme{what}.")));
    let sent = match sent {
        Value::Null => return Ok(()),
        Value::Object(sent) => sent,
        _ => return wrong(" is an object".to_owned()),
    };
    for (name, value) in sent {
        match members.iter().find(|(known, ..)| known == name) {
            Some((_, _, is_good)) if value.is_null() || is_good(value) => {}
            Some((_, what, _)) => return wrong(format!(".{name} is {what}")),
            None => {
                let known: Vec<&str> = members.iter().map(|(known, ..)| *known).collect();
                return wrong(format!(".{name} is unknown; known are {}", known.join(", ")));
            }
        }
    }
    Ok(())
}

/// Settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcmeSettings {
    /// Port that http-01 asks; 80 unless a test or a closed network says otherwise.
    pub http_port: u16,
    /// New accounts must be bound to one that was handed out.
    pub requires_external_account: bool,
    /// Lifetime of certificates in days.
    pub validity_days: i64,
    /// Names must end with one of these, where there are any.
    pub domains: Vec<String>,
    /// Name server that dns-01 asks, `address:port`; the machine's own where there is none.
    pub name_server: Option<String>,
    /// Names that lead to this machine may be looked at: for nobody, for everybody, or, where nothing is said, for callers
    /// on this machine.
    pub allow_local: Option<bool>,
}

impl AcmeSettings {
    /// Those of an authority.
    pub fn of(vault: &Vault, authority: &str) -> Self {
        vault.issuer(authority).map_or_else(|_| Self::read(&Value::Null), |i| Self::read(&i.acme))
    }

    /// Reads what is stored. What was stored before it was checked restricts rather than opens.
    fn read(value: &Value) -> Self {
        let number = |name: &str| value.get(name).and_then(Value::as_i64);
        let domains: Vec<&str> = match value.get("domains") {
            Some(Value::String(one)) => vec![one],
            list => {
                let list = list.and_then(Value::as_array);
                list.into_iter().flatten().filter_map(Value::as_str).collect()
            }
        };
        let port = number("httpPort").and_then(|p| u16::try_from(p).ok()).filter(|p| *p > 0);
        let name_server = value.get("nameServer").and_then(Value::as_str);
        let external = value.get("requireExternalAccount").unwrap_or(&Value::Null);
        Self {
            http_port: port.unwrap_or(80),
            requires_external_account: ![Value::Null, Value::Bool(false)].contains(external),
            validity_days: number("validityDays").unwrap_or(90).clamp(1, DAYS_MAX),
            domains: domains
                .iter()
                .map(|t| t.trim_start_matches('.').to_ascii_lowercase())
                .collect(),
            name_server: name_server.map(str::to_owned),
            allow_local: value.get("allowLocal").and_then(Value::as_bool),
        }
    }

    /// How far the server looks for a caller.
    pub(super) fn reach(&self, is_local_caller: bool) -> Reach {
        if self.allow_local.unwrap_or(is_local_caller) {
            Reach::Everywhere
        } else {
            Reach::Elsewhere
        }
    }

    /// True when certificates may be ordered for the name.
    pub fn admits(&self, name: &str) -> bool {
        let inside = |d: &String| {
            name == d || name.strip_suffix(d.as_str()).is_some_and(|rest| rest.ends_with('.'))
        };
        self.domains.is_empty() || self.domains.iter().any(inside)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use serde_json::json;

    use super::*;

    #[test]
    fn settings_are_understood_or_refused() {
        let (server, client) = (Provider::PrivateAuthority, Provider::Acme);
        for (provider, good) in [
            (&server, json!(null)),
            (&server, json!({})),
            (
                &server,
                json!({ "httpPort": 5002, "requireExternalAccount": true, "validityDays": 397,
                    "domains": [".lab", "example.test"], "nameServer": "[::1]:53", "allowLocal": null }),
            ),
            (&server, json!({ "nameServer": "127.0.0.1" })),
            (&client, json!({ "challenge": "dns-01", "dnsHook": "dns" })),
            (&client, json!({ "httpListen": "0.0.0.0:80" })),
            (&Provider::Other("x".into()), json!({ "anything": 1 })),
        ] {
            check(provider, &good).unwrap_or_else(|e| panic!("{good}: {}", e.message));
        }
        for (provider, bad) in [
            (&server, json!([])),
            (&server, json!({ "requireExternalAccount": "true" })),
            (&server, json!({ "requireExternalAcount": true })),
            (&server, json!({ "domains": "example.test" })),
            (&server, json!({ "domains": ["*.example.test"] })),
            (&server, json!({ "validityDays": "30" })),
            (&server, json!({ "validityDays": 9999 })),
            (&server, json!({ "httpPort": 0 })),
            (&server, json!({ "nameServer": "dns.example:53" })),
            (&server, json!({ "allowLocal": 1 })),
            (&server, json!({ "challenge": "dns-01" })),
            (&client, json!({ "challenge": "tls-alpn-01" })),
            (&client, json!({ "httpListen": ":80" })),
        ] {
            assert_eq!(check(provider, &bad).unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn what_was_stored_unread_restricts() {
        let read =
            AcmeSettings::read(&json!({ "requireExternalAccount": "true", "domains": "a.b" }));
        assert!(read.requires_external_account && !read.admits("c.d") && read.admits("x.a.b"));
        assert!(!AcmeSettings::read(&json!({})).requires_external_account);
    }
}
