//! Signed messages: JWS in the flattened form that ACME uses, read and made.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{Hash, KeyKind, KeyPair, SignatureForm, hmac_sha256, verify_hmac_sha256};
use serde_json::{Map, Value, json};

use super::{Jwk, Problem, ProblemKind, Signing};
use crate::PkiError;

/// Longest message that is read.
const MESSAGE_BYTES_MAX: usize = 128 * 1024;

/// Which key signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyReference {
    /// This one.
    Key(Jwk),
    /// That of the account with this address.
    Account(String),
}

/// A message whose signature is still to be verified.
#[derive(Clone, Debug)]
pub struct Jws {
    /// How it is signed.
    pub signing: Signing,
    /// Which key signed.
    pub key: KeyReference,
    /// The nonce; absent inside of other messages.
    pub nonce: Option<String>,
    /// The address it was sent to.
    pub url: String,
    payload: Vec<u8>,
    input: String,
    signature: Vec<u8>,
}

impl Jws {
    /// Reads a message. Unsigned headers, several signatures and unknown critical members are refused.
    pub fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        if bytes.len() > MESSAGE_BYTES_MAX {
            return Err(Problem::malformed("the message is too long"));
        }
        let value: Value = serde_json::from_slice(bytes)
            .map_err(|e| Problem::malformed(format!("the message is no JSON: {e}")))?;
        Self::from_json(&value)
    }

    /// As [`Jws::parse`], of a message inside of another one.
    pub fn from_json(value: &Value) -> Result<Self, Problem> {
        if value.get("header").is_some() || value.get("signatures").is_some() {
            return Err(Problem::malformed(
                "the message must be a flattened JWS with protected header alone",
            ));
        }
        let part = |name: &str| {
            let text = value.get(name).and_then(Value::as_str);
            text.ok_or_else(|| Problem::malformed(format!("the message has no '{name}'")))
        };
        let decoded = |name: &str| {
            let bytes = URL_SAFE_NO_PAD.decode(part(name)?);
            bytes.map_err(|_| Problem::malformed(format!("'{name}' is no base64url")))
        };
        let header: Map<String, Value> = serde_json::from_slice(&decoded("protected")?)
            .map_err(|_| Problem::malformed("the protected header is no JSON object"))?;
        let text = |name: &str| header.get(name).and_then(Value::as_str);
        if header.contains_key("crit") || header.get("b64").is_some() {
            return Err(Problem::malformed(
                "critical members of the protected header are not known",
            ));
        }
        let algorithm = text("alg").unwrap_or_default();
        let signing = Signing::from_name(algorithm).ok_or_else(|| {
            let known = Signing::names().join(", ");
            let detail = format!("the algorithm '{algorithm}' is not served; use one of {known}");
            Problem::new(ProblemKind::BadSignatureAlgorithm, detail)
        })?;
        let key = match (header.get("jwk"), text("kid")) {
            (Some(jwk), None) => KeyReference::Key(Jwk::from_json(jwk).ok_or_else(|| {
                let detail =
                    "the key is none of RSA from 2048 bits, P-256, P-384, P-521 or Ed25519";
                Problem::new(ProblemKind::BadPublicKey, detail)
            })?),
            (None, Some(kid)) => KeyReference::Account(kid.to_owned()),
            _ => {
                return Err(Problem::malformed("the protected header needs either 'jwk' or 'kid'"));
            }
        };
        let url =
            text("url").ok_or_else(|| Problem::malformed("the protected header has no 'url'"))?;
        Ok(Self {
            signing,
            key,
            nonce: text("nonce").map(str::to_owned),
            url: url.to_owned(),
            payload: decoded("payload")?,
            input: format!("{}.{}", part("protected")?, part("payload")?),
            signature: decoded("signature")?,
        })
    }

    /// The payload, once the signature is found to be the key's. Empty for POST-as-GET.
    pub fn verify(&self, key: &Jwk) -> Result<&[u8], Problem> {
        if key.verify(self.signing, self.input.as_bytes(), &self.signature) {
            return Ok(&self.payload);
        }
        let detail = "the signature does not verify";
        Err(Problem { status: 403, ..Problem::malformed(detail) })
    }
}

/// Makes a message signed by a key.
pub fn sign(
    key: &KeyPair,
    account: Option<&str>,
    nonce: Option<&str>,
    url: &str,
    payload: &[u8],
) -> Result<Value, PkiError> {
    let unfit = || PkiError::Missing("the key is of no kind that ACME signs with");
    let (signing, form) = match key.kind() {
        KeyKind::P256 => (Signing::Es256, SignatureForm::EcdsaFixed),
        KeyKind::P384 => (Signing::Es384, SignatureForm::EcdsaFixed),
        KeyKind::P521 => (Signing::Es512, SignatureForm::EcdsaFixed),
        KeyKind::Rsa(_) => (Signing::Rs256, SignatureForm::RsaPkcs1(Hash::Sha256)),
        KeyKind::Ed25519 => (Signing::EdDsa, SignatureForm::Ed25519),
        KeyKind::P256K => return Err(unfit()),
    };
    let mut header = json!({ "alg": signing.name(), "url": url });
    if let Some(nonce) = nonce {
        header["nonce"] = json!(nonce);
    }
    match account {
        Some(account) => header["kid"] = json!(account),
        None => header["jwk"] = Jwk::of(key).ok_or_else(unfit)?.to_json(),
    }
    let protected = URL_SAFE_NO_PAD.encode(header.to_string());
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let signature = key.sign(form, format!("{protected}.{payload}").as_bytes())?;
    let signature = URL_SAFE_NO_PAD.encode(signature);
    Ok(json!({ "protected": protected, "payload": payload, "signature": signature }))
}

/// Makes the message that binds an account to one outside, with the key that was handed out for it.
pub fn external_binding(account: &Jwk, kid: &str, key: &[u8], url: &str) -> Value {
    let header = json!({ "alg": "HS256", "kid": kid, "url": url });
    let protected = URL_SAFE_NO_PAD.encode(header.to_string());
    let payload = URL_SAFE_NO_PAD.encode(account.to_json().to_string());
    let tag = hmac_sha256(key, format!("{protected}.{payload}").as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(tag);
    json!({ "protected": protected, "payload": payload, "signature": signature })
}

impl Jws {
    /// Checks such a binding: `key_of` finds the key handed out under a name. The name comes back.
    pub fn check_binding(
        value: &Value,
        account: &Jwk,
        url: &str,
        key_of: impl FnOnce(&str) -> Option<Vec<u8>>,
    ) -> Result<String, Problem> {
        let wrong = || {
            let detail = "the external account binding does not verify";
            Problem::new(ProblemKind::Unauthorized, detail)
        };
        let part = |name: &str| value.get(name).and_then(Value::as_str).ok_or_else(wrong);
        let decoded = |name: &str| URL_SAFE_NO_PAD.decode(part(name)?).map_err(|_| wrong());
        let header: Value = serde_json::from_slice(&decoded("protected")?).map_err(|_| wrong())?;
        let text = |name: &str| header.get(name).and_then(Value::as_str);
        let payload: Value = serde_json::from_slice(&decoded("payload")?).map_err(|_| wrong())?;
        let kid = text("kid").ok_or_else(wrong)?;
        let fits = text("alg") == Some("HS256")
            && text("url") == Some(url)
            && header.get("nonce").is_none()
            && Jwk::from_json(&payload).as_ref() == Some(account);
        let key = key_of(kid).filter(|_| fits).ok_or_else(wrong)?;
        let input = format!("{}.{}", part("protected")?, part("payload")?);
        let good = verify_hmac_sha256(&key, input.as_bytes(), &decoded("signature")?);
        if good { Ok(kid.to_owned()) } else { Err(wrong()) }
    }
}
