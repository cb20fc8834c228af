//! A key of this machine for small secrets that must be read again: what authenticator apps share with us, the secret
//! we have at an outside provider. AES-256-GCM; the key lies in a file beside the others, never in the store, so a
//! copy of the store alone gives nothing away.

use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::{CryptoError, SecretBytes, random_bytes, read_private, write_private};

const UNUSABLE: CryptoError = CryptoError::Key("the file holds no key of 32 bytes in base64url");
const FAILED: CryptoError = CryptoError::Key("the secret could not be sealed");
/// Leads sealed texts, so that another scheme can follow.
const SCHEME: &str = "a256gcm$";

/// A key that seals and opens.
pub struct LocalKey(RandomizedNonceKey);

impl LocalKey {
    /// The key of a file, made when it does not exist.
    pub fn ensure(path: &Path) -> Result<Self, CryptoError> {
        if let Some(text) = read_private(path)? {
            let bytes = URL_SAFE_NO_PAD.decode(text.expose().trim()).map(Zeroizing::new);
            return Self::new(&bytes.map_err(|_| UNUSABLE)?);
        }
        let bytes = Zeroizing::new(random_bytes::<32>()?);
        let text = Zeroizing::new(URL_SAFE_NO_PAD.encode(*bytes));
        write_private(path, text.as_bytes())?;
        Self::new(&*bytes)
    }

    fn new(bytes: &[u8]) -> Result<Self, CryptoError> {
        RandomizedNonceKey::new(&AES_256_GCM, bytes).map(Self).map_err(|_| UNUSABLE)
    }

    /// Seals a secret, bound to `name`: it opens under no other.
    pub fn seal(&self, name: &str, secret: &[u8]) -> Result<String, CryptoError> {
        let mut sealed = secret.to_vec();
        let nonce = self.0.seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut sealed);
        let nonce = nonce.map_err(|_| FAILED)?;
        let mut whole = nonce.as_ref().to_vec();
        whole.extend_from_slice(&sealed);
        Ok(format!("{SCHEME}{}", URL_SAFE_NO_PAD.encode(whole)))
    }

    /// Opens what was sealed under `name`; none when it is damaged, foreign or under another name.
    pub fn open(&self, name: &str, text: &str) -> Option<SecretBytes> {
        let whole = URL_SAFE_NO_PAD.decode(text.strip_prefix(SCHEME)?).ok()?;
        let (nonce, sealed) = whole.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut plain = Zeroizing::new(sealed.to_vec());
        let opened = self.0.open_in_place(nonce, Aad::from(name.as_bytes()), &mut plain).ok()?;
        Some(SecretBytes::new(opened.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_secret_opens_with_the_same_key_and_name_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("a.key"), folder.path().join("b.key"));
        let sealed = LocalKey::ensure(&path).unwrap().seal("user/1", b"canary").unwrap();
        let key = LocalKey::ensure(&path).unwrap(); // read back from its file
        assert_eq!(key.open("user/1", &sealed).unwrap().expose(), b"canary");
        assert!(key.open("user/2", &sealed).is_none());
        assert!(LocalKey::ensure(&other).unwrap().open("user/1", &sealed).is_none());
        assert!(!sealed.contains("canary") && sealed != key.seal("user/1", b"canary").unwrap());
        for at in 0..sealed.len() {
            let mut bad = sealed.clone().into_bytes();
            bad[at] ^= 1;
            if let Ok(bad) = String::from_utf8(bad) {
                assert!(key.open("user/1", &bad).is_none(), "{at}");
            }
        }
        for bad in ["", "a256gcm$", "a256gcm$AAAA", &sealed[..sealed.len() - 4]] {
            assert!(key.open("user/1", bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn a_file_that_is_no_key_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.key");
        for bad in ["", "canary", "AAAA"] {
            write_private(&path, bad.as_bytes()).unwrap();
            let error = LocalKey::ensure(&path).err().unwrap().to_string();
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
