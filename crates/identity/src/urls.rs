//! The names this instance answers to, and the URLs made of them.

/// Scheme, host and port that clients use, and the other host names that lead here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrls {
    host: String,
    port: u16,
    names: Vec<String>,
}

impl PublicUrls {
    /// `host` and `port` are those of VEDETTE_URL; `names` are further host names and addresses of the machine.
    pub fn new<'a>(host: &str, port: u16, names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut known: Vec<String> = Vec::new();
        let mut add = |name: &str| {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            let is_v6 = name.parse::<std::net::Ipv6Addr>().is_ok();
            let name = if is_v6 { format!("[{name}]") } else { name };
            if !name.is_empty() && !known.contains(&name) {
                known.push(name);
            }
        };
        [host, "localhost", "127.0.0.1", "[::1]"].into_iter().for_each(&mut add);
        names.into_iter().for_each(&mut add);
        Self { host: host.to_ascii_lowercase(), port, names: known }
    }

    fn with_port(&self, host: &str) -> String {
        if self.port == 443 { host.to_owned() } else { format!("{host}:{}", self.port) }
    }

    /// `localhost:8443`.
    pub fn authority(&self) -> String {
        self.with_port(&self.host)
    }

    /// `https://localhost:8443`.
    pub fn origin(&self) -> String {
        format!("https://{}", self.authority())
    }

    /// The origin as the client sees it: its Host header, when that names this instance (a forwarded port stays);
    /// else [`PublicUrls::origin`]. What is not known never comes back in a document.
    pub fn origin_for(&self, host_header: Option<&str>) -> String {
        match host_header.map(str::to_ascii_lowercase) {
            Some(host) if self.is_own_host(&host) => {
                format!("https://{}", host.trim_end_matches(":443"))
            }
            _ => self.origin(),
        }
    }

    /// True for `host` or `host:port` where the host is one of this instance's names.
    pub fn is_own_host(&self, host: &str) -> bool {
        let (name, port) = split_port(host);
        port.is_none_or(is_port) && self.names.iter().any(|n| n.eq_ignore_ascii_case(name))
    }

    /// The audience of vault tokens, `https://vault.localhost:8443`.
    pub fn vault_resource(&self) -> String {
        format!("https://{}", self.with_port("vault.localhost"))
    }

    /// The suffix of vault host names with port, `.vault.localhost:8443`.
    pub fn vault_suffix(&self) -> String {
        self.with_port(".vault.localhost")
    }

    /// A vault's URL, `https://default.vault.localhost:8443`.
    pub fn vault_url(&self, vault: &str) -> String {
        format!("https://{vault}{}", self.vault_suffix())
    }
}

/// The host name that passkeys of an origin belong to, WebAuthn's RP ID; none for an address, which cannot be one.
pub(crate) fn passkey_host(origin: &str) -> Option<&str> {
    let (host, _) = split_port(origin.strip_prefix("https://")?);
    let address = host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok();
    (!address && !host.is_empty()).then_some(host)
}

/// Splits `host:port`; an IPv6 address keeps its brackets.
pub(crate) fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => (name, Some(port)),
        _ => (host, None),
    }
}

pub(crate) fn is_port(text: &str) -> bool {
    !text.is_empty() && text.len() <= 5 && text.parse::<u16>().is_ok() && !text.starts_with('+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_follow_the_port() {
        let urls = PublicUrls::new("localhost", 8443, ["box.example", "fe80::1"]);
        assert_eq!(urls.origin(), "https://localhost:8443");
        assert_eq!(urls.vault_resource(), "https://vault.localhost:8443");
        assert_eq!(urls.vault_url("default"), "https://default.vault.localhost:8443");
        assert_eq!(PublicUrls::new("localhost", 443, []).origin(), "https://localhost");
    }

    #[test]
    fn passkeys_belong_to_names_not_to_addresses() {
        for (origin, host) in [
            ("https://localhost:8443", Some("localhost")),
            ("https://box.example", Some("box.example")),
            ("https://127.0.0.1:8443", None),
            ("https://[::1]:8443", None),
            ("https://[fe80::1]", None),
            ("http://localhost", None),
            ("https://", None),
        ] {
            assert_eq!(passkey_host(origin), host, "{origin}");
        }
    }

    #[test]
    fn an_origin_is_the_clients_own_or_ours_never_a_strangers() {
        let urls = PublicUrls::new("localhost", 8443, ["Box.Example", "fe80::1"]);
        let cases = [
            (Some("127.0.0.1:8443"), "https://127.0.0.1:8443"),
            (Some("LOCALHOST:9000"), "https://localhost:9000"),
            (Some("box.example"), "https://box.example"),
            (Some("box.example:443"), "https://box.example"),
            (Some("[::1]:8443"), "https://[::1]:8443"),
            (Some("[fe80::1]"), "https://[fe80::1]"),
            (Some("evil.example:8443"), "https://localhost:8443"),
            (Some("localhost:8443\"><x"), "https://localhost:8443"),
            (Some("localhost:"), "https://localhost:8443"),
            (Some("localhost:99999"), "https://localhost:8443"),
            (Some("localhost:+80"), "https://localhost:8443"),
            (Some(""), "https://localhost:8443"),
            (None, "https://localhost:8443"),
        ];
        for (header, origin) in cases {
            assert_eq!(urls.origin_for(header), origin, "{header:?}");
        }
    }
}
