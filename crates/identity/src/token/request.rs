//! A request to the token endpoint, parsed by whoever speaks HTTP.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::SecretText;
use model::DateTime;

use super::OAuthError;

/// Which form of the endpoint was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenEndpoint {
    /// `/{tenant}/oauth2/token`: `resource`.
    V1,
    /// `/{tenant}/oauth2/v2.0/token`: `scope`.
    V2,
}

/// A request. No `Debug`: the form holds a secret.
pub struct TokenRequest<'a> {
    /// The tenant segment of the path.
    pub tenant: &'a str,
    /// Which form of the endpoint.
    pub endpoint: TokenEndpoint,
    /// Scheme, host and port as the client sees them, [`crate::PublicUrls::origin_for`].
    pub origin: &'a str,
    /// The decoded form.
    pub form: &'a [(String, String)],
    /// The Authorization header.
    pub authorization: Option<&'a str>,
    /// The Origin header: whose page asks, where a browser sends it.
    pub page: Option<&'a str>,
    /// Address of the client.
    pub source: IpAddr,
    /// The client-request-id header.
    pub correlation_id: Option<&'a str>,
    /// The User-Agent header.
    pub user_agent: Option<&'a str>,
    /// Now.
    pub now: DateTime,
}

impl TokenRequest<'_> {
    /// A parameter that is there once and not empty; one sent twice is refused (RFC 6749, 3.2).
    pub(crate) fn parameter(&self, name: &'static str) -> Result<Option<&str>, OAuthError> {
        let mut found =
            self.form.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let first = found.next();
        if found.next().is_some() {
            return Err(OAuthError::repeated(name));
        }
        Ok(first.filter(|value| !value.is_empty()))
    }

    /// True when the answer may wait: a person's grants, whose tokens are kept, for the disk; assertions for the keys of
    /// an outside issuer.
    pub fn waits(&self) -> bool {
        self.form.iter().any(|(name, value)| match name.as_str() {
            "grant_type" => value != "client_credentials",
            other => other == "client_assertion",
        })
    }

    /// Client id and secret of a Basic Authorization header; both are form-encoded inside (RFC 6749, 2.3.1).
    pub(crate) fn basic(&self) -> Option<(String, SecretText)> {
        basic_credentials(self.authorization?)
    }
}

/// Reads `Basic base64(id:secret)`.
pub(crate) fn basic_credentials(header: &str) -> Option<(String, SecretText)> {
    let (scheme, encoded) = header.trim().split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || encoded.len() > 4096 {
        return None;
    }
    let bytes = STANDARD.decode(encoded.trim()).ok()?;
    let text = SecretText::new(String::from_utf8(bytes).ok()?);
    let (id, secret) = text.expose().split_once(':')?;
    Some((form_decode(id)?, SecretText::new(form_decode(secret)?)))
}

/// Client id and secret as an Authorization header, form-encoded inside (RFC 6749, 2.3.1).
pub fn basic_header(id: &str, secret: &str) -> SecretText {
    let encode = |text: &str| {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
        let one = |b: u8| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") };
        SecretText::new(text.bytes().map(one).collect::<String>())
    };
    let both = SecretText::new(format!("{}:{}", encode(id).expose(), encode(secret).expose()));
    SecretText::new(format!("Basic {}", STANDARD.encode(both.expose())))
}

fn form_decode(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digit = |b: Option<u8>| char::from(b?).to_digit(16);
                let value = digit(bytes.next())? * 16 + digit(bytes.next())?;
                out.push(u8::try_from(value).ok()?);
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn basic_headers() {
        let header = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let read = |text: &str| {
            basic_credentials(&header(text)).map(|(id, s)| (id, s.expose().to_owned()))
        };
        let pair = |id: &str, secret: &str| Some((id.to_owned(), secret.to_owned()));
        assert_eq!(read("id:secret"), pair("id", "secret"));
        assert_eq!(read("id:a%3Ab%7e+c"), pair("id", "a:b~ c"));
        assert_eq!(read("id:"), pair("id", ""));
        let made = basic_header("i d", "a:b~+ü");
        let back = basic_credentials(made.expose()).unwrap();
        assert_eq!((back.0.as_str(), back.1.expose()), ("i d", "a:b~+ü"));
        for bad in ["id", "id:%", "id:%4", "id:%zz", "id:%ff"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        for bad in ["Bearer x", "Basic", "Basic ***", ""] {
            assert!(basic_credentials(bad).is_none(), "{bad}");
        }
    }
}
