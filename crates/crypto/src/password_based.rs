//! What key containers need: digests and MACs by name, keys from passwords (PKCS#12 and PBKDF2), ciphers in CBC mode.
//! Triple DES and RC2 are here to read and write old files, for nothing else.

use std::num::NonZeroU32;

use aws_lc_rs::cipher::{
    AES_128, AES_192, AES_256, Algorithm, DecryptionContext, EncryptionContext,
    PaddedBlockDecryptingKey, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use rc2::Rc2;
use rc2::cipher::{BlockDecrypt, generic_array::GenericArray};
use zeroize::Zeroizing;

use crate::{CryptoError, Hash, SecretBytes};

/// More rounds than any writer asks for; a file that asks for more would only keep a processor busy.
pub const ITERATIONS_MAX: u32 = 10_000_000;

const WRONG: CryptoError = CryptoError::Key("the password is wrong, or the file is damaged");

fn digest_of(hash: Hash) -> &'static digest::Algorithm {
    match hash {
        Hash::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => &digest::SHA256,
        Hash::Sha384 => &digest::SHA384,
        Hash::Sha512 => &digest::SHA512,
    }
}

/// The digest of `data`.
pub fn digest(hash: Hash, data: &[u8]) -> Vec<u8> {
    digest::digest(digest_of(hash), data).as_ref().to_vec()
}

/// The HMAC of `data`.
pub fn hmac(hash: Hash, key: &[u8], data: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac_key(hash, key), data).as_ref().to_vec()
}

fn hmac_key(hash: Hash, key: &[u8]) -> hmac::Key {
    let algorithm = match hash {
        Hash::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
        Hash::Sha512 => hmac::HMAC_SHA512,
    };
    hmac::Key::new(algorithm, key)
}

/// True when `tag` is the HMAC; compared in constant time.
pub fn verify_hmac(hash: Hash, key: &[u8], data: &[u8], tag: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(&hmac(hash, key, data), tag).is_ok()
}

/// A key of `length` bytes by PBKDF2.
pub fn pbkdf2(
    hash: Hash,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    length: usize,
) -> Result<SecretBytes, CryptoError> {
    let algorithm = match hash {
        Hash::Sha1 => pbkdf2::PBKDF2_HMAC_SHA1,
        Hash::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
        Hash::Sha384 => pbkdf2::PBKDF2_HMAC_SHA384,
        Hash::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
    };
    let rounds = NonZeroU32::new(iterations).filter(|n| n.get() <= ITERATIONS_MAX && length <= 64);
    let rounds = rounds.ok_or(CryptoError::Key("the file asks for an absurd number of rounds"))?;
    let mut out = vec![0; length];
    pbkdf2::derive(algorithm, rounds, salt, password, &mut out);
    Ok(SecretBytes::new(out))
}

/// What a key made by [`pkcs12_key`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pkcs12Purpose {
    /// Encryption.
    Key = 1,
    /// The first block of a cipher chain.
    Iv = 2,
    /// The MAC over the file.
    Mac = 3,
}

/// A key by the method of PKCS#12 (RFC 7292, appendix B). `password` is in big-endian UTF-16 with its final zero.
pub fn pkcs12_key(
    hash: Hash,
    purpose: Pkcs12Purpose,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    length: usize,
) -> Result<SecretBytes, CryptoError> {
    let sane = (1..=ITERATIONS_MAX).contains(&iterations) && length <= 128;
    if !sane || salt.len() > 4096 || password.len() > 8192 {
        return Err(CryptoError::Key("the file asks for an absurd number of rounds"));
    }
    let block = digest_of(hash).block_len();
    let stretched = |bytes: &[u8]| -> Vec<u8> {
        let wanted = bytes.len().div_ceil(block) * block;
        bytes.iter().copied().cycle().take(wanted).collect()
    };
    let diversifier = vec![purpose as u8; block];
    let mut input = Zeroizing::new(stretched(salt));
    input.extend_from_slice(&Zeroizing::new(stretched(password)));
    let mut out = Vec::with_capacity(length + 64);
    loop {
        let mut first = Zeroizing::new(diversifier.clone());
        first.extend_from_slice(&input);
        let mut a = Zeroizing::new(digest(hash, &first));
        for _ in 1..iterations {
            *a = digest(hash, &a);
        }
        out.extend_from_slice(&a);
        if out.len() >= length {
            out.truncate(length);
            return Ok(SecretBytes::new(out));
        }
        let b: Zeroizing<Vec<u8>> = Zeroizing::new(a.iter().copied().cycle().take(block).collect());
        for chunk in input.chunks_mut(block) {
            add_with_one(chunk, &b);
        }
    }
}

/// `chunk += other + 1`, both big endian, the carry at the top dropped.
fn add_with_one(chunk: &mut [u8], other: &[u8]) {
    let mut carry = 1u16;
    for (a, b) in chunk.iter_mut().rev().zip(other.iter().rev()) {
        let sum = u16::from(*a) + u16::from(*b) + carry;
        *a = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
}

/// A block cipher in CBC mode with the padding of PKCS#7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CbcCipher {
    /// AES-128.
    Aes128,
    /// AES-192.
    Aes192,
    /// AES-256.
    Aes256,
    /// Triple DES with three keys.
    TripleDes,
    /// RC2 with this many effective bits; for reading alone.
    Rc2(u16),
}

impl CbcCipher {
    /// Bytes of its key.
    pub fn key_bytes(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 | Self::TripleDes => 24,
            Self::Aes256 => 32,
            Self::Rc2(bits) => usize::from(bits / 8),
        }
    }

    /// Bytes of its first block.
    pub fn iv_bytes(self) -> usize {
        match self {
            Self::TripleDes | Self::Rc2(_) => 8,
            _ => 16,
        }
    }

    #[allow(deprecated)] // old files are written with it
    fn algorithm(self) -> Option<&'static Algorithm> {
        Some(match self {
            Self::Aes128 => &AES_128,
            Self::Aes192 => &AES_192,
            Self::Aes256 => &AES_256,
            Self::TripleDes => &aws_lc_rs::cipher::DES_EDE3_FOR_LEGACY_USE_ONLY,
            Self::Rc2(_) => return None,
        })
    }

    /// Decrypts; a wrong key and a damaged text give the same error.
    pub fn decrypt(self, key: &[u8], iv: &[u8], data: &[u8]) -> Result<SecretBytes, CryptoError> {
        let Self::Rc2(bits) = self else {
            let algorithm = self.algorithm().ok_or(WRONG)?;
            let key = UnboundCipherKey::new(algorithm, key).map_err(|_| WRONG)?;
            let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).map_err(|_| WRONG)?;
            let context = self.decryption(iv)?;
            let mut text = Zeroizing::new(data.to_vec());
            let plain = key.decrypt(&mut text, context).map_err(|_| WRONG)?;
            return Ok(SecretBytes::new(plain.to_vec()));
        };
        rc2_cbc(bits, key, iv, data)
    }

    fn decryption(self, iv: &[u8]) -> Result<DecryptionContext, CryptoError> {
        Ok(match self {
            Self::TripleDes => DecryptionContext::Iv64(iv.try_into().map_err(|_| WRONG)?),
            _ => DecryptionContext::Iv128(iv.try_into().map_err(|_| WRONG)?),
        })
    }

    /// Encrypts under a first block that the caller drew at random.
    pub fn encrypt(self, key: &[u8], iv: &[u8], data: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let failed = || CryptoError::Key("the file could not be encrypted");
        let algorithm = self.algorithm().ok_or_else(failed)?;
        let key = UnboundCipherKey::new(algorithm, key).map_err(|_| failed())?;
        let key = PaddedBlockEncryptingKey::cbc_pkcs7(key).map_err(|_| failed())?;
        let context = match self {
            Self::TripleDes => {
                let iv: FixedLength<8> = iv.try_into().map_err(|_| failed())?;
                EncryptionContext::Iv64(iv)
            }
            _ => EncryptionContext::Iv128(iv.try_into().map_err(|_| failed())?),
        };
        let mut out = data.to_vec();
        key.less_safe_encrypt(&mut out, context).map_err(|_| failed())?;
        Ok(out)
    }
}

fn rc2_cbc(bits: u16, key: &[u8], iv: &[u8], data: &[u8]) -> Result<SecretBytes, CryptoError> {
    let whole = !data.is_empty() && data.len().is_multiple_of(8) && iv.len() == 8;
    if !whole || !(1..=128).contains(&key.len()) || !(8..=1024).contains(&bits) {
        return Err(WRONG);
    }
    let cipher = Rc2::new_with_eff_key_len(key, usize::from(bits));
    let mut out = Zeroizing::new(Vec::with_capacity(data.len()));
    let mut before = iv;
    for block in data.chunks_exact(8) {
        let mut plain = GenericArray::clone_from_slice(block);
        cipher.decrypt_block(&mut plain);
        out.extend(plain.iter().zip(before).map(|(p, b)| p ^ b));
        before = block;
    }
    let padding = usize::from(out.last().copied().unwrap_or_default());
    let end = out.len().checked_sub(padding).filter(|_| (1..=8).contains(&padding)).ok_or(WRONG)?;
    let (plain, tail) = out.split_at_checked(end).ok_or(WRONG)?;
    if tail.iter().any(|b| usize::from(*b) != padding) {
        return Err(WRONG);
    }
    Ok(SecretBytes::new(plain.to_vec()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn pkcs12_keys_of_published_vectors() {
        // password "smeg", from the test vectors that several libraries share
        let password = hex::decode("0073006D006500670000").unwrap();
        let salt = hex::decode("0A58CF64530D823F").unwrap();
        let key = pkcs12_key(Hash::Sha1, Pkcs12Purpose::Key, &password, &salt, 1, 24).unwrap();
        assert_eq!(hex::encode(key.expose()), "8aaae6297b6cb04642ab5b077851284eb7128f1a2a7fbca3");
        let iv = pkcs12_key(Hash::Sha1, Pkcs12Purpose::Iv, &password, &salt, 1, 8).unwrap();
        assert_eq!(hex::encode(iv.expose()), "79993dfe048d3b76");
    }

    #[test]
    fn ciphers_come_back_and_refuse_the_rest() {
        for cipher in
            [CbcCipher::Aes128, CbcCipher::Aes192, CbcCipher::Aes256, CbcCipher::TripleDes]
        {
            let key: Vec<u8> = (1..=cipher.key_bytes() as u8).map(|b| b.wrapping_mul(37)).collect();
            let iv = vec![7; cipher.iv_bytes()];
            let text = cipher.encrypt(&key, &iv, b"attack at dawn").unwrap();
            assert_eq!(cipher.decrypt(&key, &iv, &text).unwrap().expose(), b"attack at dawn");
            assert!(cipher.decrypt(&key, &iv, &text[1..]).is_err());
            assert!(cipher.decrypt(&key, &iv[1..], &text).is_err());
            assert!(cipher.decrypt(&key[1..], &iv, &text).is_err());
            assert!(cipher.decrypt(&key, &iv, b"").is_err());
        }
        assert!(CbcCipher::Rc2(40).decrypt(b"12345", &[0; 8], b"1234567").is_err());
        assert!(CbcCipher::Rc2(40).decrypt(b"", &[0; 8], b"12345678").is_err());
    }

    #[test]
    fn absurd_rounds_are_refused() {
        assert!(pbkdf2(Hash::Sha1, b"p", b"s", 0, 16).is_err());
        assert!(pbkdf2(Hash::Sha1, b"p", b"s", u32::MAX, 16).is_err());
        assert!(pkcs12_key(Hash::Sha1, Pkcs12Purpose::Mac, b"p", b"s", u32::MAX, 16).is_err());
        let key = pbkdf2(Hash::Sha1, b"password", b"salt", 2, 20).unwrap(); // RFC 6070
        assert_eq!(hex::encode(key.expose()), "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957");
    }
}
