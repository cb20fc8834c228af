//! JSON Web Tokens: read strictly and within bounds, signed with RS256.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{CryptoError, RsaAlgorithm, RsaPrivateKey, RsaPublicKey};
use serde_json::{Map, Value};

/// No token is longer; a longer text is refused unread.
pub(crate) const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// A token taken apart. Nothing in it is believed before [`Jwt::is_signed_by`].
pub(crate) struct Jwt<'a> {
    header: Map<String, Value>,
    claims: Map<String, Value>,
    signed: &'a str,
    signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    /// Takes apart `header.claims.signature`; none when it is not that, or asks for extensions (`crit`) that a
    /// reader must know.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        if text.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let header = object(header)?;
        if header.contains_key("crit") || claims.contains('.') {
            return None;
        }
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some(Self { header, claims: object(claims)?, signed, signature })
    }

    /// A text member of the header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    /// A claim.
    pub(crate) fn claim(&self, name: &str) -> Option<&Value> {
        self.claims.get(name)
    }

    /// A text claim.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// A time claim in whole seconds; some clients send floats.
    pub(crate) fn seconds(&self, name: &str) -> Option<i64> {
        let value = self.claims.get(name)?;
        value.as_i64().or_else(|| {
            let seconds = value.as_f64()?;
            // within what a date can be: the cast is exact to a second
            (seconds.abs() < 1e12).then_some(seconds as i64)
        })
    }

    /// The algorithm the header names, when it is one we take: never `none`, never a symmetric one.
    pub(crate) fn algorithm(&self) -> Option<RsaAlgorithm> {
        RsaAlgorithm::from_name(self.header("alg")?)
    }

    /// True when `key` signed the token with `algorithm`.
    pub(crate) fn is_signed_by(&self, key: &RsaPublicKey, algorithm: RsaAlgorithm) -> bool {
        key.verify(algorithm, self.signed.as_bytes(), &self.signature)
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    serde_json::from_slice(&bytes).ok() // serde_json bounds the depth
}

/// Signs claims with RS256; `x5t` names the key's certificate, for readers that know keys by theirs.
pub(crate) fn sign(
    key: &RsaPrivateKey,
    kid: &str,
    x5t: Option<&str>,
    claims: &Value,
) -> Result<String, CryptoError> {
    let mut header = serde_json::json!({ "typ": "JWT", "alg": "RS256", "kid": kid });
    if let Some(x5t) = x5t {
        header["x5t"] = x5t.into();
    }
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(claims));
    let signature = key.sign(RsaAlgorithm::Rs256, signed.as_bytes())?;
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[cfg(test)]
mod tests;
