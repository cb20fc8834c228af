//! What keys do: encrypt, sign, wrap and their counterparts, under the rules of the key.

use std::sync::Arc;

use crypto::{
    CryptoError, Encrypted, EncryptionAlgorithm, JoseKey, JoseKind, JoseSignature, SecretBytes,
    WrapAlgorithm,
};
use serde_json::Value;

use super::kind_of;
use crate::{Found, Kind, Vault, VaultError};

/// What a key is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// `encrypt`
    Encrypt,
    /// `decrypt`
    Decrypt,
    /// `sign`
    Sign,
    /// `verify`
    Verify,
    /// `wrapKey`
    Wrap,
    /// `unwrapKey`
    Unwrap,
}

impl KeyUse {
    /// The word in `key_ops`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Encrypt => "encrypt",
            Self::Decrypt => "decrypt",
            Self::Sign => "sign",
            Self::Verify => "verify",
            Self::Wrap => "wrapKey",
            Self::Unwrap => "unwrapKey",
        }
    }

    /// True where something new is protected: not with a key whose time is over or has not come.
    const fn protects(self) -> bool {
        matches!(self, Self::Encrypt | Self::Sign | Self::Wrap)
    }
}

fn unknown(name: &str) -> VaultError {
    VaultError::bad_parameter(format!("The algorithm '{name}' is not supported by this operation."))
}

/// A failure in the vault's words. What decrypts badly says nothing about why.
fn failed(error: CryptoError) -> VaultError {
    match error {
        CryptoError::Key(why) => {
            VaultError::bad_parameter(format!("{}{}.", why[..1].to_uppercase(), &why[1..]))
        }
        other => other.into(),
    }
}

impl Vault {
    /// The key of a version, ready for a use, if the key's rules allow it.
    pub fn key_for(&self, found: &Found, to: KeyUse, now: i64) -> Result<Arc<JoseKey>, VaultError> {
        let (version, word) = (&found.version, to.word());
        let attributes = &version.attributes;
        if !attributes.enabled {
            return Err(Kind::Key.disabled(word));
        }
        let operations = version.facts.get("key_ops").and_then(Value::as_array);
        if !operations.is_some_and(|list| list.iter().any(|o| o.as_str() == Some(word))) {
            return Err(VaultError::forbidden(
                "KeyOperationForbidden",
                format!("Operation {word} is not permitted on this key."),
            ));
        }
        if to.protects() && attributes.nbf.is_some_and(|nbf| now < nbf) {
            return Err(VaultError::forbidden(
                "KeyNotYetValid",
                format!("Operation {word} is not allowed on a key that is not yet valid."),
            ));
        }
        if to.protects() && attributes.exp.is_some_and(|exp| exp <= now) {
            return Err(VaultError::forbidden(
                "KeyExpired",
                format!("Operation {word} is not allowed on an expired key."),
            ));
        }
        if self.keyring().is_sealed() {
            return Err(VaultError::sealed());
        }
        if let Some(key) = self.keys.get(&version.id) {
            return Ok(key);
        }
        let damaged = || VaultError::damaged(&format!("the key '{}'", found.object.name));
        let kind = kind_of(version).ok_or_else(damaged)?;
        let stored = self.shelf.open(&found.object, version)?;
        let key = JoseKey::from_stored(kind, stored.expose()).map_err(|_| damaged())?;
        let key = Arc::new(key);
        self.keys.insert(&version.id, Arc::clone(&key));
        Ok(key)
    }

    /// True when using the key takes microseconds: it is at hand, and not RSA.
    pub fn is_quick(&self, found: &Found) -> bool {
        let small = kind_of(&found.version).is_some_and(|kind| !matches!(kind, JoseKind::Rsa(_)));
        small && self.keys.get(&found.version.id).is_some()
    }

    /// Forgets the keys that are ready for use.
    pub(crate) fn forget_keys(&self) {
        self.keys.clear();
    }

    /// Signs a digest.
    pub fn sign(
        &self,
        found: &Found,
        algorithm: &str,
        digest: &[u8],
        now: i64,
    ) -> Result<Vec<u8>, VaultError> {
        let known = JoseSignature::from_name(algorithm).ok_or_else(|| unknown(algorithm))?;
        self.key_for(found, KeyUse::Sign, now)?.sign(known, digest).map_err(failed)
    }

    /// True when the signature is the key's over the digest.
    pub fn verify(
        &self,
        found: &Found,
        algorithm: &str,
        digest: &[u8],
        signature: &[u8],
        now: i64,
    ) -> Result<bool, VaultError> {
        let known = JoseSignature::from_name(algorithm).ok_or_else(|| unknown(algorithm))?;
        self.key_for(found, KeyUse::Verify, now)?.verify(known, digest, signature).map_err(failed)
    }

    /// Encrypts.
    pub fn encrypt(
        &self,
        found: &Found,
        algorithm: &str,
        plain: &[u8],
        iv: Option<&[u8]>,
        aad: &[u8],
        now: i64,
    ) -> Result<Encrypted, VaultError> {
        let known = EncryptionAlgorithm::from_name(algorithm).ok_or_else(|| unknown(algorithm))?;
        if matches!(known, EncryptionAlgorithm::Gcm(_)) && iv.is_some() {
            return Err(VaultError::bad_parameter(
                "The iv for GCM is made by the vault: leave it out.",
            ));
        }
        let key = self.key_for(found, KeyUse::Encrypt, now)?;
        key.encrypt(known, plain, iv, aad).map_err(failed)
    }

    /// Decrypts.
    pub fn decrypt(
        &self,
        found: &Found,
        algorithm: &str,
        text: &Encrypted,
        aad: &[u8],
        now: i64,
    ) -> Result<SecretBytes, VaultError> {
        let known = EncryptionAlgorithm::from_name(algorithm).ok_or_else(|| unknown(algorithm))?;
        self.key_for(found, KeyUse::Decrypt, now)?.decrypt(known, text, aad).map_err(failed)
    }

    /// Wraps another key.
    pub fn wrap_key(
        &self,
        found: &Found,
        algorithm: &str,
        key: &[u8],
        now: i64,
    ) -> Result<Vec<u8>, VaultError> {
        let known = WrapAlgorithm::from_name(algorithm).ok_or_else(|| unknown(algorithm))?;
        self.key_for(found, KeyUse::Wrap, now)?.wrap(known, key).map_err(failed)
    }

    /// Unwraps another key.
    pub fn unwrap_key(
        &self,
        found: &Found,
        algorithm: &str,
        wrapped: &[u8],
        now: i64,
    ) -> Result<SecretBytes, VaultError> {
        let known = WrapAlgorithm::from_name(algorithm).ok_or_else(|| unknown(algorithm))?;
        self.key_for(found, KeyUse::Unwrap, now)?.unwrap_key(known, wrapped).map_err(failed)
    }
}
