//! Where a sign-in may send people back to: addresses that were registered, compared letter by letter. The one
//! exception is the port of a native application's loopback address, which it learns only when it runs (RFC 8252, 7.3).

use serde::{Deserialize, Serialize};

const LENGTH_MAX: usize = 2048;

/// The registered addresses, by the kind of application that is behind them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RedirectUris {
    /// Of web servers, which have a secret of their own.
    pub web: Vec<String>,
    /// Of pages that run in the browser.
    pub spa: Vec<String>,
    /// Of native applications.
    pub public_client: Vec<String>,
}

/// Whom a redirect address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RedirectKind {
    Web,
    Spa,
    Native,
}

impl RedirectUris {
    /// The kind of the registered address that `asked` is; none when it is not registered.
    pub(crate) fn find(&self, asked: &str) -> Option<RedirectKind> {
        let same = |list: &[String]| list.iter().any(|known| known == asked);
        let loopback = |list: &[String]| {
            loopback_parts(asked).is_some_and(|asked| {
                list.iter().any(|k| loopback_parts(k).as_ref() == Some(&asked))
            })
        };
        if same(&self.web) {
            Some(RedirectKind::Web)
        } else if same(&self.spa) {
            Some(RedirectKind::Spa)
        } else if same(&self.public_client) || loopback(&self.public_client) {
            Some(RedirectKind::Native)
        } else {
            None
        }
    }

    /// What is wrong with an address that someone wants to register.
    pub(crate) fn check(&self) -> Result<(), String> {
        let all = [(&self.web, false), (&self.spa, false), (&self.public_client, true)];
        for (list, native) in all {
            if list.len() > 256 {
                return Err("at most 256 redirect addresses of a kind".into());
            }
            for uri in list {
                check(uri, native).map_err(|why| format!("the redirect address '{uri}' {why}"))?;
            }
        }
        Ok(())
    }
}

/// Scheme, host and port of an address.
fn origin_of(uri: &str) -> Option<&str> {
    let (scheme, rest) = uri.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    uri.get(..scheme.len() + 3 + authority.len())
}

impl RedirectUris {
    /// True when pages of this origin are registered as a single-page application.
    pub(crate) fn has_page_at(&self, origin: &str) -> bool {
        let is = |uri: &String| origin_of(uri).is_some_and(|own| own.eq_ignore_ascii_case(origin));
        self.spa.iter().any(is)
    }
}

/// Host and path (never empty) of `http://localhost:PORT/path` and its like.
fn loopback_parts(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    let (host, port) = match authority.strip_prefix("[::1]") {
        Some(port) => ("[::1]", port.strip_prefix(':').or(port.is_empty().then_some(""))?),
        None => authority.split_once(':').unwrap_or((authority, "")),
    };
    let known = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let digits = port.bytes().all(|b| b.is_ascii_digit());
    let numeric = digits && (port.is_empty() || port.parse::<u16>().is_ok());
    (known && numeric).then_some((host, if path.is_empty() { "/" } else { path }))
}

fn check(uri: &str, native: bool) -> Result<(), &'static str> {
    let harmless = uri.bytes().all(|b| b.is_ascii_graphic() && !b"\"'<>\\^`{|}*".contains(&b));
    if uri.len() > LENGTH_MAX || !harmless {
        return Err("must be a plain URI of at most 2048 characters");
    }
    if uri.contains('#') {
        return Err("must not have a fragment");
    }
    if let Some(rest) = uri.strip_prefix("https://") {
        let host = rest.split(['/', '?']).next().unwrap_or_default();
        return match host.is_empty() || host.contains('@') {
            true => Err("must name a host, without a user before it"),
            false => Ok(()),
        };
    }
    if uri.starts_with("http://") {
        return match loopback_parts(uri) {
            Some(_) => Ok(()),
            None => Err("must be https, or http on localhost"),
        };
    }
    match native {
        true => check_private(uri),
        false => Err(
            "must be https, or http on localhost; a scheme of its own is for addresses of publicClient",
        ),
    }
}

/// Schemes that browsers and systems act on themselves: none is an application's own.
const TAKEN_SCHEMES: &[&str] = &[
    "about",
    "blob",
    "chrome",
    "chrome-extension",
    "data",
    "feed",
    "file",
    "filesystem",
    "ftp",
    "googlechrome",
    "googlechromes",
    "gopher",
    "http",
    "https",
    "intent",
    "jar",
    "javascript",
    "ldap",
    "ldaps",
    "livescript",
    "mailto",
    "market",
    "mhtml",
    "microsoft-edge",
    "mocha",
    "moz-extension",
    "ms-msdt",
    "ms-officecmd",
    "resource",
    "search-ms",
    "sftp",
    "smb",
    "sms",
    "ssh",
    "tel",
    "telnet",
    "vbscript",
    "view-source",
    "ws",
    "wss",
    "x-javascript",
];

/// An address with a scheme of the application's own, `myapp://auth` or `urn:ietf:wg:oauth:2.0:oob`.
fn check_private(uri: &str) -> Result<(), &'static str> {
    let (scheme, rest) = uri.split_once(':').ok_or("must have a scheme")?;
    let plain = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    if !plain || rest.is_empty() {
        return Err(
            "must have a scheme of letters, digits, '+', '-' or '.', and something behind it",
        );
    }
    match TAKEN_SCHEMES.iter().any(|taken| scheme.eq_ignore_ascii_case(taken)) {
        true => {
            Err("must be https, http on localhost, or have a scheme that is the application's own")
        }
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_letter_by_letter_but_for_a_loopback_port() {
        let uris = RedirectUris {
            web: vec!["https://app.example/back".into(), "http://localhost:5000/back".into()],
            spa: vec!["https://spa.example/".into()],
            public_client: vec![
                "http://localhost".into(),
                "http://127.0.0.1/cb".into(),
                "com.example.app://auth".into(),
            ],
        };
        let (web, spa, native) =
            (Some(RedirectKind::Web), Some(RedirectKind::Spa), Some(RedirectKind::Native));
        for (asked, expected) in [
            ("https://app.example/back", web),
            ("https://app.example/back/", None),
            ("https://app.example/back?x=1", None),
            ("https://APP.example/back", None),
            ("https://app.example:443/back", None),
            ("https://app.example.evil.example/back", None),
            ("https://app.example@evil.example/back", None),
            ("https://app.example/back/../evil", None),
            ("http://app.example/back", None),
            ("http://localhost:5000/back", web),
            ("http://localhost:5001/back", None), // a web server's port is fixed
            ("https://spa.example/", spa),
            ("https://spa.example", None),
            ("http://localhost", native),
            ("http://localhost/", native),
            ("http://localhost:8400", native),
            ("http://localhost:8400/", native),
            ("http://localhost:8400/x", None),
            ("http://localhost:8400/?x=1", None),
            ("http://localhost:84000000", None),
            ("http://localhost:80@evil.example", None),
            ("http://localhost.evil.example", None),
            ("http://127.0.0.1:9/cb", native),
            ("http://127.0.0.1:9/", None),
            ("http://[::1]:9/cb", None),
            ("com.example.app://auth", native),
            ("com.example.app://auth/x", None),
            ("", None),
        ] {
            assert_eq!(uris.find(asked), expected, "{asked}");
        }
    }

    #[test]
    fn what_may_be_registered() {
        for (uri, native, good) in [
            ("https://app.example/back", false, true),
            ("https://app.example:8080/back?a=b", false, true),
            ("http://localhost:3000/x", false, true),
            ("http://[::1]:3000/x", false, true),
            ("http://app.example/back", false, false),
            ("https://", false, false),
            ("https://user@app.example/", false, false),
            ("https://app.example/#x", false, false),
            ("https://*.example/", false, false),
            ("https://app.example/\"><script>", false, false),
            ("javascript:alert(1)", true, false),
            ("data:text/html,x", true, false),
            ("com.example.app://auth", true, true),
            ("com.example.app://auth", false, false),
            ("msal1234://auth", true, true),
            ("myapp://auth", true, true),
            ("myapp://auth", false, false),
            ("com.example.app:/cb", true, true),
            ("ms-appx-web://Microsoft.AAD.BrokerPlugin/x", true, true),
            ("brk-multihub://x", true, true),
            ("msauth://com.x/abc%3D", true, true),
            ("urn:ietf:wg:oauth:2.0:oob", true, true),
            ("JavaScript:alert(1)", true, false),
            ("vbscript:x", true, false),
            ("file:///etc/passwd", true, false),
            ("blob:https://app.example/x", true, false),
            ("view-source:https://app.example", true, false),
            ("intent://x#Intent;end", true, false),
            ("HTTP://app.example/", true, false),
            ("http:app.example", true, false),
            ("https:app.example", true, false),
            ("my app://auth", true, false),
            ("my\u{7}app://auth", true, false),
            ("myapp://auth\r\nx", true, false),
            ("myapp://auth#x", true, false),
            ("1app://auth", true, false),
            ("://auth", true, false),
            ("myapp:", true, false),
            ("x", true, false),
        ] {
            assert_eq!(check(uri, native).is_ok(), good, "{uri}");
        }
    }
}
