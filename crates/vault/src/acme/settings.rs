//! How an authority's ACME server behaves: the `acme` member of its issuer.

use serde_json::Value;

use crate::Vault;

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
}

impl AcmeSettings {
    /// Those of an authority.
    pub fn of(vault: &Vault, authority: &str) -> Self {
        vault.issuer(authority).map_or_else(|_| Self::read(&Value::Null), |i| Self::read(&i.acme))
    }

    fn read(value: &Value) -> Self {
        let number = |name: &str| value.get(name).and_then(Value::as_i64);
        let domains = value.get("domains").and_then(Value::as_array);
        let texts = domains.into_iter().flatten().filter_map(Value::as_str);
        let port = number("httpPort").and_then(|p| u16::try_from(p).ok()).filter(|p| *p > 0);
        let name_server = value.get("nameServer").and_then(Value::as_str);
        Self {
            http_port: port.unwrap_or(80),
            requires_external_account: value
                .get("requireExternalAccount")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            validity_days: number("validityDays").unwrap_or(90).clamp(1, 397),
            domains: texts.map(|t| t.trim_start_matches('.').to_ascii_lowercase()).collect(),
            name_server: name_server.map(str::to_owned),
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
