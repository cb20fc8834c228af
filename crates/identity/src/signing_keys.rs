//! The keys that sign tokens: published a day before they sign, and kept a day after the last one that did.
//!
//! All live in one file that is replaced as a whole, so a crash leaves either the keys before a rotation or those
//! after it. Each has a certificate that it signed itself: some relying parties read keys from certificates alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use crypto::{
    Certificate, CryptoError, RsaBits, RsaPrivateKey, RsaPublicKey, SecretText, read_private,
    self_signed, sha256, write_private,
};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{IdentityError, jwt};

const DAY: i64 = 24 * 60 * 60;
/// A key signs for so long.
const SIGNS_FOR: i64 = 90 * DAY;
/// Clients cache the published keys for a day.
const PUBLISHED_AHEAD: i64 = DAY;
/// Longer than any token lives.
const KEPT_AFTER: i64 = DAY;
/// What a certificate says of its time. Keys go long before: nobody judges a token by it.
const CERTIFICATE_FOR: i64 = 5 * 365 * DAY;
const SUBJECT: &str = "vedette tokens";
const FILE: &str = "token-signing.json";
const FORMAT: u32 = 1;

/// One key.
pub(crate) struct SigningKey {
    kid: String,
    /// First second in which it signs, since 1970.
    activates: i64,
    key: RsaPrivateKey,
    certificate: Certificate,
    /// Thumbprint of the certificate, as tokens write it.
    x5t: String,
}

impl SigningKey {
    fn new(activates: i64) -> Result<Self, IdentityError> {
        let key = RsaPrivateKey::generate(RsaBits::Rsa2048)?;
        let certificate = certificate_of(&key, activates)?;
        Ok(Self::with(thumbprint(key.public()), activates, key, certificate))
    }

    fn with(kid: String, activates: i64, key: RsaPrivateKey, certificate: Certificate) -> Self {
        let x5t = URL_SAFE_NO_PAD.encode(certificate.thumbprint_sha1());
        Self { kid, activates, key, certificate, x5t }
    }

    pub(crate) fn kid(&self) -> &str {
        &self.kid
    }

    /// Signs a token. Tokens of version 1 name the certificate too, as Entra's do.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, CryptoError> {
        let v1 = claims.get("ver").and_then(Value::as_str) == Some("1.0");
        jwt::sign(&self.key, &self.kid, v1.then_some(&*self.x5t), claims)
    }

    #[cfg(test)]
    pub(crate) fn private(&self) -> &RsaPrivateKey {
        &self.key
    }

    pub(crate) fn public(&self) -> &RsaPublicKey {
        self.key.public()
    }
}

/// The thumbprint of RFC 7638 names a key.
fn thumbprint(key: &RsaPublicKey) -> String {
    let members = format!(r#"{{"e":"{}","kty":"RSA","n":"{}"}}"#, key.jwk_e(), key.jwk_n());
    URL_SAFE_NO_PAD.encode(sha256(members.as_bytes()))
}

fn certificate_of(key: &RsaPrivateKey, activates: i64) -> Result<Certificate, IdentityError> {
    let start = (activates - PUBLISHED_AHEAD).max(0);
    Ok(self_signed(key, SUBJECT, start, start + CERTIFICATE_FOR)?)
}

/// All keys of a moment, by activation.
#[derive(Default)]
pub(crate) struct KeySet(Vec<Arc<SigningKey>>);

impl KeySet {
    /// The key that signs at `now`: the newest that is active, else the oldest.
    pub(crate) fn signing(&self, now: i64) -> Option<&SigningKey> {
        let active = self.0.iter().rev().find(|k| k.activates <= now);
        active.or(self.0.first()).map(|k| &**k)
    }

    /// A key by its name.
    pub(crate) fn find(&self, kid: &str) -> Option<&SigningKey> {
        self.0.iter().find(|k| k.kid == kid).map(|k| &**k)
    }

    /// The published form, RFC 7517.
    pub(crate) fn jwks(&self, issuer: &str) -> Value {
        let key = |k: &Arc<SigningKey>| {
            let (n, e) = (k.public().jwk_n(), k.public().jwk_e());
            let certificate = STANDARD.encode(k.certificate.der());
            json!({ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": k.kid, "x5t": k.x5t, "n": n, "e": e,
                "x5c": [certificate], "issuer": issuer })
        };
        json!({ "keys": self.0.iter().map(key).collect::<Vec<_>>() })
    }

    /// What is due at `now`: the keys to keep, and when a new one shall become active.
    fn due(&self, now: i64) -> (Vec<Arc<SigningKey>>, Option<i64>) {
        let mut kept = self.0.clone();
        // a key is over once its successor has signed for longer than any token of it lives
        while kept.len() > 1 && kept.get(1).is_some_and(|next| next.activates + KEPT_AFTER <= now) {
            kept.remove(0);
        }
        let next = match kept.last() {
            None => Some(now),
            Some(newest) if newest.activates + SIGNS_FOR - PUBLISHED_AHEAD <= now => {
                Some(now + PUBLISHED_AHEAD)
            }
            Some(_) => None,
        };
        (kept, next)
    }
}

#[derive(Deserialize)]
struct StoredKeys {
    version: u32,
    keys: Vec<StoredKey>,
}

#[derive(Deserialize)]
struct StoredKey {
    kid: String,
    activates: i64,
    pkcs8: String,
    /// DER in base64; none in files of versions that made none.
    #[serde(default)]
    certificate: Option<String>,
}

/// Borrowing twin of [`StoredKey`]: private keys are not copied on their way to the file.
#[derive(Serialize)]
struct KeyToStore<'a> {
    kid: &'a str,
    activates: i64,
    pkcs8: &'a str,
    certificate: &'a str,
}

/// The keys and their file.
pub(crate) struct SigningKeys {
    path: PathBuf,
    current: RwLock<Arc<KeySet>>,
    rotating: Mutex<()>,
}

impl SigningKeys {
    /// Loads the keys of `directory` and makes what is due; `now` in seconds since 1970.
    pub(crate) fn open(directory: &Path, now: i64) -> Result<Self, IdentityError> {
        let path = directory.join(FILE);
        let (current, whole) = match read_private(&path)? {
            Some(text) => load(&path, &text)?,
            None => (KeySet::default(), true),
        };
        let keys = Self { path, current: RwLock::new(Arc::new(current)), rotating: Mutex::new(()) };
        if !keys.rotate(now)? && !whole {
            // certificates are made once: who knows a key by its own finds it again after a restart
            let current = keys.current();
            write_private(&keys.path, store(&current)?.expose().as_bytes())?;
        }
        Ok(keys)
    }

    /// The keys of this moment.
    pub(crate) fn current(&self) -> Arc<KeySet> {
        self.current.read().clone()
    }

    /// Makes the next key when it is due and drops what is over; true when something changed. Call it hourly.
    pub(crate) fn rotate(&self, now: i64) -> Result<bool, IdentityError> {
        let _one_at_a_time = self.rotating.lock();
        let current = self.current();
        let (mut kept, next) = current.due(now);
        if next.is_none() && kept.len() == current.0.len() {
            return Ok(false);
        }
        if let Some(activates) = next {
            kept.push(Arc::new(SigningKey::new(activates)?));
        }
        self.replace(KeySet(kept))?;
        Ok(true)
    }

    /// Throws all keys away and starts with a new one: every token issued so far is refused from now on.
    pub(crate) fn revoke_all(&self, now: i64) -> Result<(), IdentityError> {
        let _one_at_a_time = self.rotating.lock();
        self.replace(KeySet(vec![Arc::new(SigningKey::new(now)?)]))
    }

    fn replace(&self, keys: KeySet) -> Result<(), IdentityError> {
        write_private(&self.path, store(&keys)?.expose().as_bytes())?;
        *self.current.write() = Arc::new(keys);
        Ok(())
    }
}

/// The keys of a file; false beside them when some had no certificate there and got one now.
fn load(path: &Path, text: &SecretText) -> Result<(KeySet, bool), IdentityError> {
    let damaged =
        |why: &dyn ToString| IdentityError::damaged(path.display().to_string(), why.to_string());
    let stored: StoredKeys = serde_json::from_str(text.expose())
        // the position alone: the text around it may be a key
        .map_err(|e| damaged(&format!("line {}, column {}", e.line(), e.column())))?;
    if stored.version != FORMAT {
        return Err(damaged(&format!("format {} is not known here", stored.version)));
    }
    let (mut keys, mut whole) = (Vec::new(), true);
    for StoredKey { kid, activates, pkcs8, certificate } in stored.keys {
        let pkcs8 = SecretText::new(pkcs8);
        let key = RsaPrivateKey::from_pkcs8_pem(pkcs8.expose())?;
        if thumbprint(key.public()) != kid {
            return Err(damaged(&format!("key {kid} does not match its name")));
        }
        let certificate = match certificate.and_then(|text| certificate_in(&text, &key)) {
            Some(kept) => kept,
            None => {
                whole = false;
                certificate_of(&key, activates)?
            }
        };
        keys.push(Arc::new(SigningKey::with(kid, activates, key, certificate)));
    }
    keys.sort_by_key(|k| k.activates);
    Ok((KeySet(keys), whole))
}

/// A stored certificate, when it is this key's.
fn certificate_in(text: &str, key: &RsaPrivateKey) -> Option<Certificate> {
    let certificate = Certificate::from_der(&STANDARD.decode(text).ok()?).ok()?;
    (certificate.rsa_public_key() == Some(key.public())).then_some(certificate)
}

fn store(keys: &KeySet) -> Result<SecretText, IdentityError> {
    let pems: Vec<SecretText> =
        keys.0.iter().map(|k| k.key.to_pkcs8_pem()).collect::<Result<_, _>>()?;
    let entry = |(key, pem): (&Arc<SigningKey>, &SecretText)| {
        let certificate = STANDARD.encode(key.certificate.der());
        let stored = KeyToStore {
            kid: &key.kid,
            activates: key.activates,
            pkcs8: pem.expose(),
            certificate: &certificate,
        };
        serde_json::to_string(&stored).map(SecretText::new)
    };
    let entries: Result<Vec<SecretText>, _> = keys.0.iter().zip(&pems).map(entry).collect();
    let entries = entries.map_err(|e| IdentityError::damaged(FILE, e))?;
    let mut text = format!(r#"{{"version":{FORMAT},"keys":["#);
    for (index, entry) in entries.iter().enumerate() {
        text.push_str(if index == 0 { "\n" } else { ",\n" });
        text.push_str(entry.expose());
    }
    text.push_str("\n]}\n");
    Ok(SecretText::new(text))
}

#[cfg(test)]
mod tests;
