//! AES for symmetric keys: GCM, CBC with and without padding, key wrapping.

use aes_kw::{KeyInit, KwAes192, KwpAes192};
use aws_lc_rs::aead::{
    AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, NONCE_LEN, Nonce,
    UnboundKey,
};
use aws_lc_rs::cipher::{
    self, AES_128, AES_192, AES_256, DecryptingKey, DecryptionContext, EncryptingKey,
    EncryptionContext, PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::key_wrap::{self, AesKek, KeyWrap, KeyWrapPadded};
use zeroize::Zeroizing;

use super::{BAD, REFUSED};
use crate::{CryptoError, SecretBytes, random_bytes};

/// Bytes of a GCM tag.
pub const GCM_TAG_BYTES: usize = 16;
/// Bytes of a block, and of CBC's initialization vector.
const BLOCK: usize = 16;
const LENGTH: CryptoError = CryptoError::Key("there is no text to encrypt");

/// What encryption gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encrypted {
    /// Ciphertext.
    pub bytes: Vec<u8>,
    /// Initialization vector, for AES.
    pub iv: Option<Vec<u8>>,
    /// Authentication tag, for GCM.
    pub tag: Option<Vec<u8>>,
}

fn gcm(key: &[u8]) -> Result<LessSafeKey, CryptoError> {
    let algorithm: &'static Algorithm = match key.len() {
        16 => &AES_128_GCM,
        24 => &AES_192_GCM,
        32 => &AES_256_GCM,
        _ => return Err(BAD),
    };
    UnboundKey::new(algorithm, key).map(LessSafeKey::new).map_err(|_| BAD)
}

/// The nonce is always drawn here: one that a caller repeats would give the key away.
pub(super) fn gcm_encrypt(key: &[u8], plain: &[u8], aad: &[u8]) -> Result<Encrypted, CryptoError> {
    let iv: [u8; NONCE_LEN] = random_bytes()?;
    let mut bytes = plain.to_vec(); // becomes ciphertext in place
    let tag = gcm(key)?
        .seal_in_place_separate_tag(Nonce::assume_unique_for_key(iv), Aad::from(aad), &mut bytes)
        .map_err(|_| REFUSED)?;
    Ok(Encrypted { bytes, iv: Some(iv.to_vec()), tag: Some(tag.as_ref().to_vec()) })
}

pub(super) fn gcm_decrypt(
    key: &[u8],
    text: &Encrypted,
    aad: &[u8],
) -> Result<SecretBytes, CryptoError> {
    let (Some(iv), Some(tag)) = (&text.iv, &text.tag) else { return Err(REFUSED) };
    let nonce = Nonce::try_assume_unique_for_key(iv).map_err(|_| REFUSED)?;
    if tag.len() != GCM_TAG_BYTES {
        return Err(REFUSED);
    }
    let mut whole = Zeroizing::new([text.bytes.as_slice(), tag].concat());
    let opened = gcm(key)?.open_in_place(nonce, Aad::from(aad), &mut whole);
    let length = opened.map_err(|_| REFUSED)?.len();
    whole.truncate(length);
    Ok(SecretBytes::new(std::mem::take(&mut *whole)))
}

fn cbc(key: &[u8]) -> Result<UnboundCipherKey, CryptoError> {
    let algorithm: &'static cipher::Algorithm = match key.len() {
        16 => &AES_128,
        24 => &AES_192,
        32 => &AES_256,
        _ => return Err(BAD),
    };
    UnboundCipherKey::new(algorithm, key).map_err(|_| BAD)
}

fn vector(iv: &[u8]) -> Result<FixedLength<BLOCK>, CryptoError> {
    let iv: [u8; BLOCK] =
        iv.try_into().map_err(|_| CryptoError::Key("the initialization vector has 16 bytes"))?;
    Ok(FixedLength::from(iv))
}

/// Without PKCS#7 padding, zeros fill the last block and are still there when it is decrypted, as Azure's HSMs do.
pub(super) fn cbc_encrypt(
    key: &[u8],
    plain: &[u8],
    iv: Option<&[u8]>,
    padded: bool,
) -> Result<Encrypted, CryptoError> {
    let iv = match iv {
        Some(iv) => iv.to_vec(),
        None => random_bytes::<BLOCK>()?.to_vec(),
    };
    let context = EncryptionContext::Iv128(vector(&iv)?);
    // becomes ciphertext in place, with its padding
    let mut bytes = Vec::with_capacity(plain.len().next_multiple_of(BLOCK) + BLOCK);
    bytes.extend_from_slice(plain);
    if padded {
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(cbc(key)?).map_err(|_| BAD)?;
        key.less_safe_encrypt(&mut bytes, context).map_err(|_| REFUSED)?;
    } else {
        if plain.is_empty() {
            return Err(LENGTH);
        }
        bytes.resize(plain.len().next_multiple_of(BLOCK), 0);
        let key = EncryptingKey::cbc(cbc(key)?).map_err(|_| BAD)?;
        key.less_safe_encrypt(&mut bytes, context).map_err(|_| REFUSED)?;
    }
    Ok(Encrypted { bytes, iv: Some(iv), tag: None })
}

pub(super) fn cbc_decrypt(
    key: &[u8],
    text: &Encrypted,
    padded: bool,
) -> Result<SecretBytes, CryptoError> {
    let iv = text.iv.as_deref().ok_or(REFUSED)?;
    let context = DecryptionContext::Iv128(vector(iv)?);
    if text.bytes.is_empty() || !text.bytes.len().is_multiple_of(BLOCK) {
        return Err(REFUSED);
    }
    let mut plain = Zeroizing::new(text.bytes.clone());
    let length = if padded {
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(cbc(key)?).map_err(|_| BAD)?;
        key.decrypt(&mut plain, context).map_err(|_| REFUSED)?.len()
    } else {
        let key = DecryptingKey::cbc(cbc(key)?).map_err(|_| BAD)?;
        key.decrypt(&mut plain, context).map_err(|_| REFUSED)?.len()
    };
    plain.truncate(length);
    Ok(SecretBytes::new(std::mem::take(&mut *plain)))
}

const WRAP_LENGTH: CryptoError = CryptoError::Key(
    "the key's length does not fit: without padding it is at least 16 bytes, in steps of 8",
);
/// Longest key that is wrapped.
const WRAPPED_MAX: usize = 64 * 1024;

pub(super) fn wrap(own: &[u8], key: &[u8], padded: bool) -> Result<Vec<u8>, CryptoError> {
    let fits =
        if padded { !key.is_empty() } else { key.len() >= 16 && key.len().is_multiple_of(8) };
    if !fits || key.len() > WRAPPED_MAX {
        return Err(WRAP_LENGTH);
    }
    let mut out = vec![0; key.len().next_multiple_of(8) + 8];
    let length = match own.len() {
        24 if padded => KwpAes192::new_from_slice(own)
            .map_err(|_| BAD)?
            .wrap_key(key, &mut out)
            .map_err(|_| REFUSED)?
            .len(),
        24 => KwAes192::new_from_slice(own)
            .map_err(|_| BAD)?
            .wrap_key(key, &mut out)
            .map_err(|_| REFUSED)?
            .len(),
        _ if padded => kek(own)?.wrap_with_padding(key, &mut out).map_err(|_| REFUSED)?.len(),
        _ => kek(own)?.wrap(key, &mut out).map_err(|_| REFUSED)?.len(),
    };
    out.truncate(length);
    Ok(out)
}

pub(super) fn unwrap(own: &[u8], wrapped: &[u8], padded: bool) -> Result<SecretBytes, CryptoError> {
    let shortest = if padded { 16 } else { 24 };
    if wrapped.len() < shortest || wrapped.len() > WRAPPED_MAX || !wrapped.len().is_multiple_of(8) {
        return Err(REFUSED);
    }
    let mut out = Zeroizing::new(vec![0; wrapped.len()]);
    let length = match own.len() {
        24 if padded => KwpAes192::new_from_slice(own)
            .map_err(|_| BAD)?
            .unwrap_key(wrapped, &mut out)
            .map_err(|_| REFUSED)?
            .len(),
        24 => KwAes192::new_from_slice(own)
            .map_err(|_| BAD)?
            .unwrap_key(wrapped, &mut out)
            .map_err(|_| REFUSED)?
            .len(),
        _ if padded => kek(own)?.unwrap_with_padding(wrapped, &mut out).map_err(|_| REFUSED)?.len(),
        _ => kek(own)?.unwrap(wrapped, &mut out).map_err(|_| REFUSED)?.len(),
    };
    out.truncate(length);
    Ok(SecretBytes::new(std::mem::take(&mut *out)))
}

/// The library wraps under 128 and 256 bits; 192 bits are `aes-kw`'s.
fn kek(own: &[u8]) -> Result<AesKek, CryptoError> {
    let cipher = match own.len() {
        16 => &key_wrap::AES_128,
        32 => &key_wrap::AES_256,
        _ => return Err(BAD),
    };
    AesKek::new(cipher, own).map_err(|_| BAD)
}
