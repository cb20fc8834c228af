//! Sealing at rest: AES-256-GCM under keys of 32 bytes, each box bound to what it belongs to.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

use crate::{CryptoError, SecretBytes, random_bytes};

/// Bytes of a sealing key.
pub const SEALING_KEY_BYTES: usize = 32;
const FAILED: CryptoError = CryptoError::Key("the box could not be sealed");

/// A key that seals: 32 bytes, wiped when dropped.
pub struct SealingKey(Zeroizing<[u8; SEALING_KEY_BYTES]>);

impl SealingKey {
    /// A new one.
    pub fn generate() -> Result<Self, CryptoError> {
        Ok(Self(Zeroizing::new(random_bytes()?)))
    }

    /// From 32 bytes; none for another length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut key = Zeroizing::new([0; SEALING_KEY_BYTES]);
        if bytes.len() != SEALING_KEY_BYTES {
            return None;
        }
        key.copy_from_slice(bytes);
        Some(Self(key))
    }

    /// The bytes, to be divided among people or written to a key file.
    pub fn expose(&self) -> &[u8] {
        &*self.0
    }

    /// A key of its own for a purpose, by HKDF-SHA-256.
    pub fn derive(&self, purpose: &str) -> Result<Self, CryptoError> {
        let mut key = Zeroizing::new([0; SEALING_KEY_BYTES]);
        let info = [purpose.as_bytes()];
        Salt::new(HKDF_SHA256, b"vedette")
            .extract(&*self.0)
            .expand(&info, Length)
            .and_then(|okm| okm.fill(&mut *key))
            .map_err(|_| FAILED)?;
        Ok(Self(key))
    }

    /// Seals bytes: nonce, ciphertext, tag. `context` is not stored; the same one opens the box.
    pub fn seal(&self, plain: &[u8], context: &str) -> Result<Vec<u8>, CryptoError> {
        let nonce: [u8; NONCE_LEN] = random_bytes()?;
        let mut out = Vec::with_capacity(NONCE_LEN + plain.len() + AES_256_GCM.tag_len());
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain); // becomes ciphertext in place, within the capacity
        let body = out.get_mut(NONCE_LEN..).unwrap_or_default();
        let tag = self
            .key()?
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context.as_bytes()),
                body,
            )
            .map_err(|_| FAILED)?;
        out.extend_from_slice(tag.as_ref());
        Ok(out)
    }

    /// Opens a box; none when it was changed, belongs to another context or another key.
    pub fn open(&self, sealed: &[u8], context: &str) -> Option<SecretBytes> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut plain = Zeroizing::new(body.to_vec());
        let length =
            self.key().ok()?.open_in_place(nonce, Aad::from(context.as_bytes()), &mut plain);
        let length = length.ok()?.len();
        plain.truncate(length);
        Some(SecretBytes::new(std::mem::take(&mut *plain)))
    }

    /// Opens a box that holds a key.
    pub fn open_key(&self, sealed: &[u8], context: &str) -> Option<Self> {
        Self::from_bytes(self.open(sealed, context)?.expose())
    }

    fn key(&self) -> Result<LessSafeKey, CryptoError> {
        UnboundKey::new(&AES_256_GCM, &*self.0).map(LessSafeKey::new).map_err(|_| FAILED)
    }
}

/// The length of what HKDF gives.
struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        SEALING_KEY_BYTES
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    #[test]
    fn a_box_opens_with_its_key_and_context_alone() {
        let (key, other) = (SealingKey::generate().unwrap(), SealingKey::generate().unwrap());
        for plain in [&b""[..], b"x", &[7; 5000]] {
            let sealed = key.seal(plain, "v|secret|a|1").unwrap();
            assert_eq!(sealed.len(), plain.len() + 28);
            assert_eq!(key.open(&sealed, "v|secret|a|1").unwrap().expose(), plain);
            assert!(key.open(&sealed, "v|secret|b|1").is_none());
            assert!(other.open(&sealed, "v|secret|a|1").is_none());
            for at in [0, 11, 12.min(sealed.len() - 1), sealed.len() - 1] {
                let mut bad = sealed.clone();
                bad[at] ^= 1;
                assert!(key.open(&bad, "v|secret|a|1").is_none(), "byte {at}");
            }
            assert_ne!(sealed, key.seal(plain, "v|secret|a|1").unwrap(), "nonces are drawn");
        }
        for short in [0, 1, 12, 27] {
            assert!(key.open(&vec![0; short], "").is_none());
        }
    }

    #[test]
    fn keys_for_purposes_are_told_apart() {
        let key = SealingKey::from_bytes(&[1; 32]).unwrap();
        let again = SealingKey::from_bytes(&[1; 32]).unwrap();
        assert_eq!(key.derive("a").unwrap().expose(), again.derive("a").unwrap().expose());
        assert_ne!(key.derive("a").unwrap().expose(), key.derive("b").unwrap().expose());
        assert!(SealingKey::from_bytes(&[1; 31]).is_none());
    }
}
