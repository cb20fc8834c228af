//! Keys as JOSE and Key Vault use them: RSA, EC and AES keys that sign digests, encrypt and wrap. They stay inside the
//! library; what leaves is their public half, or their stored form to be sealed.

mod aes;
mod algorithm;
mod rsa_cipher;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair as RsaPair, KeyPairComponents, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, UnparsedPublicKey};
use aws_lc_rs::{digest, hmac, signature};
use zeroize::Zeroizing;

pub use aes::{Encrypted, GCM_TAG_BYTES};
pub use algorithm::{EncryptionAlgorithm, JoseSignature, RsaForm, WrapAlgorithm};

use crate::{CryptoError, SecretBytes};
use rsa_cipher::RsaCipher;

/// A curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// secp256k1.
    P256K,
}

impl Curve {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::P256, Self::P384, Self::P521, Self::P256K];

    /// Bytes of a coordinate.
    pub const fn field_bytes(self) -> usize {
        match self {
            Self::P256 | Self::P256K => 32,
            Self::P384 => 48,
            Self::P521 => 66,
        }
    }

    fn signing(self) -> &'static EcdsaSigningAlgorithm {
        match self {
            Self::P256 => &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
            Self::P384 => &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
            Self::P521 => &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
            Self::P256K => &signature::ECDSA_P256K1_SHA256_FIXED_SIGNING,
        }
    }
}

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoseKind {
    /// RSA with this many bits: 2048, 3072, 4096.
    Rsa(u16),
    /// ECDSA on a curve.
    Ec(Curve),
    /// AES and HMAC with this many bits: 128, 192, 256.
    Oct(u16),
}

/// Public half of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicParts {
    /// Modulus and exponent, without leading zeros.
    Rsa {
        /// Modulus.
        n: Vec<u8>,
        /// Exponent.
        e: Vec<u8>,
    },
    /// Coordinates, as long as the field.
    Ec {
        /// x
        x: Vec<u8>,
        /// y
        y: Vec<u8>,
    },
    /// Symmetric keys have none.
    Oct,
}

/// The numbers of an RSA private key, big endian; leading zeros do not matter.
pub struct RsaNumbers<'a> {
    /// Modulus.
    pub n: &'a [u8],
    /// Public exponent.
    pub e: &'a [u8],
    /// Private exponent.
    pub d: &'a [u8],
    /// First prime.
    pub p: &'a [u8],
    /// Second prime.
    pub q: &'a [u8],
    /// d mod p - 1.
    pub dp: &'a [u8],
    /// d mod q - 1.
    pub dq: &'a [u8],
    /// 1 / q mod p.
    pub qi: &'a [u8],
}

pub(super) const BAD: CryptoError = CryptoError::Key("the numbers given are no key of this kind");
pub(super) const UNFIT: CryptoError = CryptoError::Key("the algorithm does not fit the key");
/// The one answer to everything that does not decrypt.
pub(super) const REFUSED: CryptoError = CryptoError::Key("the operation failed");

enum Inner {
    Rsa(Box<RsaCipher>),
    Ec(Curve, EcdsaKeyPair),
    Oct(Zeroizing<Vec<u8>>),
}

/// A key that works. The library wipes its memory when it is dropped.
pub struct JoseKey {
    kind: JoseKind,
    inner: Inner,
}

impl JoseKey {
    /// Makes a key. RSA takes tenths of a second to seconds.
    pub fn generate(kind: JoseKind) -> Result<Self, CryptoError> {
        let failed = |_| CryptoError::Key("no key could be made");
        match kind {
            JoseKind::Rsa(bits) => {
                let size = match bits {
                    2048 => KeySize::Rsa2048,
                    3072 => KeySize::Rsa3072,
                    4096 => KeySize::Rsa4096,
                    _ => return Err(BAD),
                };
                Self::of_rsa(RsaPair::generate(size).map_err(failed)?)
            }
            JoseKind::Ec(curve) => {
                let pair = EcdsaKeyPair::generate(curve.signing()).map_err(failed)?;
                Ok(Self { kind, inner: Inner::Ec(curve, pair) })
            }
            JoseKind::Oct(bits) => {
                let mut bytes = Zeroizing::new(vec![0; usize::from(bits / 8)]);
                aws_lc_rs::rand::fill(&mut bytes).map_err(|_| CryptoError::Random)?;
                Self::from_oct(&bytes)
            }
        }
    }

    fn of_rsa(pair: RsaPair) -> Result<Self, CryptoError> {
        let bits = pair.public_modulus_len().saturating_mul(8);
        let bits = u16::try_from(bits).map_err(|_| BAD)?;
        if !matches!(bits, 2048 | 3072 | 4096) {
            return Err(CryptoError::Key("RSA keys have 2048, 3072 or 4096 bits"));
        }
        Ok(Self { kind: JoseKind::Rsa(bits), inner: Inner::Rsa(Box::new(RsaCipher::new(pair))) })
    }

    /// From the numbers of an RSA key, which are checked against one another.
    pub fn from_rsa(numbers: &RsaNumbers<'_>) -> Result<Self, CryptoError> {
        let RsaNumbers { n, e, d, p, q, dp, dq, qi } = *numbers;
        let public_key = PublicKeyComponents { n: trimmed(n), e: trimmed(e) };
        if public_key.e.len() > 4 || public_key.n.len() > 512 {
            return Err(BAD);
        }
        let components = KeyPairComponents { public_key, d, p, q, dP: dp, dQ: dq, qInv: qi };
        Self::of_rsa(RsaPair::from_components(&components).map_err(|_| BAD)?)
    }

    /// From the private number and the point of an EC key, which are checked against one another.
    pub fn from_ec(curve: Curve, d: &[u8], x: &[u8], y: &[u8]) -> Result<Self, CryptoError> {
        let length = curve.field_bytes();
        let mut point = vec![4];
        for coordinate in [x, y] {
            point.extend_from_slice(&padded(coordinate, length)?);
        }
        let d = Zeroizing::new(padded(d, length)?);
        let pair = EcdsaKeyPair::from_private_key_and_public_key(curve.signing(), &d, &point);
        let inner = Inner::Ec(curve, pair.map_err(|_| BAD)?);
        Ok(Self { kind: JoseKind::Ec(curve), inner })
    }

    /// From the bytes of a symmetric key.
    pub fn from_oct(bytes: &[u8]) -> Result<Self, CryptoError> {
        let bits = match bytes.len() {
            16 => 128,
            24 => 192,
            32 => 256,
            _ => return Err(CryptoError::Key("symmetric keys have 128, 192 or 256 bits")),
        };
        let inner = Inner::Oct(Zeroizing::new(bytes.to_vec()));
        Ok(Self { kind: JoseKind::Oct(bits), inner })
    }

    /// From the stored form: PKCS#8 for RSA and EC, the bytes themselves for symmetric keys.
    pub fn from_stored(kind: JoseKind, bytes: &[u8]) -> Result<Self, CryptoError> {
        let key = match kind {
            JoseKind::Rsa(_) => Self::of_rsa(RsaPair::from_pkcs8(bytes).map_err(|_| BAD)?)?,
            JoseKind::Ec(curve) => {
                let pair = EcdsaKeyPair::from_private_key_der(curve.signing(), bytes);
                Self { kind, inner: Inner::Ec(curve, pair.map_err(|_| BAD)?) }
            }
            JoseKind::Oct(_) => Self::from_oct(bytes)?,
        };
        if key.kind == kind { Ok(key) } else { Err(BAD) }
    }

    /// The stored form.
    pub fn to_stored(&self) -> Result<SecretBytes, CryptoError> {
        let failed = |_| CryptoError::Key("the key could not be encoded");
        let bytes = match &self.inner {
            Inner::Rsa(rsa) => {
                AsDer::<Pkcs8V1Der<'_>>::as_der(rsa.pair()).map_err(failed)?.as_ref().to_vec()
            }
            Inner::Ec(_, pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Inner::Oct(bytes) => bytes.to_vec(),
        };
        Ok(SecretBytes::new(bytes))
    }

    /// What the key is.
    pub fn kind(&self) -> JoseKind {
        self.kind
    }

    /// The public half.
    pub fn public(&self) -> PublicParts {
        match &self.inner {
            Inner::Rsa(rsa) => {
                let public = rsa.pair().public_key();
                PublicParts::Rsa {
                    n: public.modulus().big_endian_without_leading_zero().to_vec(),
                    e: public.exponent().big_endian_without_leading_zero().to_vec(),
                }
            }
            Inner::Ec(curve, pair) => {
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at_checked(curve.field_bytes()).unwrap_or_default();
                PublicParts::Ec { x: x.to_vec(), y: y.to_vec() }
            }
            Inner::Oct(_) => PublicParts::Oct,
        }
    }

    /// Signs a digest (HMAC: authenticates the value as it stands).
    pub fn sign(&self, algorithm: JoseSignature, digest: &[u8]) -> Result<Vec<u8>, CryptoError> {
        if !algorithm.fits(self.kind) {
            return Err(UNFIT);
        }
        match &self.inner {
            Inner::Rsa(rsa) => {
                let mut out = vec![0; rsa.pair().public_modulus_len()];
                let encoding = algorithm.rsa_encoding().ok_or(UNFIT)?;
                let digest = algorithm.import(digest)?;
                rsa.pair().sign_digest(encoding, &digest, &mut out).map_err(|_| REFUSED)?;
                Ok(out)
            }
            Inner::Ec(_, pair) => {
                let signed = pair.sign_digest(&algorithm.import(digest)?).map_err(|_| REFUSED)?;
                Ok(signed.as_ref().to_vec())
            }
            Inner::Oct(bytes) => {
                let key = hmac::Key::new(algorithm.hmac().ok_or(UNFIT)?, bytes);
                Ok(hmac::sign(&key, digest).as_ref().to_vec())
            }
        }
    }

    /// True when the signature is this key's over the digest. A digest of a wrong length is an error.
    pub fn verify(
        &self,
        algorithm: JoseSignature,
        digest: &[u8],
        signature: &[u8],
    ) -> Result<bool, CryptoError> {
        if !algorithm.fits(self.kind) {
            return Err(UNFIT);
        }
        match &self.inner {
            Inner::Rsa(rsa) => {
                verify_digest(algorithm, rsa.pair().public_key().as_ref(), digest, signature)
            }
            Inner::Ec(_, pair) => {
                verify_digest(algorithm, pair.public_key().as_ref(), digest, signature)
            }
            Inner::Oct(bytes) => {
                let key = hmac::Key::new(algorithm.hmac().ok_or(UNFIT)?, bytes);
                Ok(hmac::verify(&key, digest, signature).is_ok())
            }
        }
    }

    /// Encrypts. AES in CBC takes the initialization vector given, or a random one.
    pub fn encrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        plain: &[u8],
        iv: Option<&[u8]>,
        aad: &[u8],
    ) -> Result<Encrypted, CryptoError> {
        match (&self.inner, algorithm) {
            (Inner::Rsa(rsa), EncryptionAlgorithm::Rsa(form)) => {
                Ok(Encrypted { bytes: rsa.encrypt(form, plain)?, iv: None, tag: None })
            }
            (Inner::Oct(key), EncryptionAlgorithm::Gcm(bits)) if key.len() * 8 == bits => {
                aes::gcm_encrypt(key, plain, aad)
            }
            (Inner::Oct(key), EncryptionAlgorithm::Cbc { bits, padded })
                if key.len() * 8 == bits =>
            {
                aes::cbc_encrypt(key, plain, iv, padded)
            }
            _ => Err(UNFIT),
        }
    }

    /// Decrypts. Whatever is wrong with the text, the answer is the same.
    pub fn decrypt(
        &self,
        algorithm: EncryptionAlgorithm,
        encrypted: &Encrypted,
        aad: &[u8],
    ) -> Result<SecretBytes, CryptoError> {
        match (&self.inner, algorithm) {
            (Inner::Rsa(rsa), EncryptionAlgorithm::Rsa(form)) => {
                rsa.decrypt(form, &encrypted.bytes)
            }
            (Inner::Oct(key), EncryptionAlgorithm::Gcm(bits)) if key.len() * 8 == bits => {
                aes::gcm_decrypt(key, encrypted, aad)
            }
            (Inner::Oct(key), EncryptionAlgorithm::Cbc { bits, padded })
                if key.len() * 8 == bits =>
            {
                aes::cbc_decrypt(key, encrypted, padded)
            }
            _ => Err(UNFIT),
        }
    }

    /// Wraps another key.
    pub fn wrap(&self, algorithm: WrapAlgorithm, key: &[u8]) -> Result<Vec<u8>, CryptoError> {
        match (&self.inner, algorithm) {
            (Inner::Rsa(rsa), WrapAlgorithm::Rsa(form)) => rsa.encrypt(form, key),
            (Inner::Oct(own), WrapAlgorithm::Aes { bits, padded })
                if bits.is_none_or(|bits| own.len() * 8 == bits) =>
            {
                aes::wrap(own, key, padded)
            }
            _ => Err(UNFIT),
        }
    }

    /// Unwraps another key. Whatever is wrong with it, the answer is the same.
    pub fn unwrap_key(
        &self,
        algorithm: WrapAlgorithm,
        wrapped: &[u8],
    ) -> Result<SecretBytes, CryptoError> {
        match (&self.inner, algorithm) {
            (Inner::Rsa(rsa), WrapAlgorithm::Rsa(form)) => rsa.decrypt(form, wrapped),
            (Inner::Oct(own), WrapAlgorithm::Aes { bits, padded })
                if bits.is_none_or(|bits| own.len() * 8 == bits) =>
            {
                aes::unwrap(own, wrapped, padded)
            }
            _ => Err(UNFIT),
        }
    }
}

/// Verifies with a public key in its own form: RSAPublicKey in DER, or the uncompressed point.
fn verify_digest(
    algorithm: JoseSignature,
    public: &[u8],
    value: &[u8],
    signature: &[u8],
) -> Result<bool, CryptoError> {
    let digest: digest::Digest = algorithm.import(value)?;
    let verification = algorithm.verification().ok_or(UNFIT)?;
    Ok(UnparsedPublicKey::new(verification, public).verify_digest(&digest, signature).is_ok())
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|b| **b == 0).count();
    bytes.get(zeros..).unwrap_or_default()
}

/// The number in exactly `length` bytes.
fn padded(bytes: &[u8], length: usize) -> Result<Vec<u8>, CryptoError> {
    let bytes = trimmed(bytes);
    let missing = length.checked_sub(bytes.len()).ok_or(BAD)?;
    let mut out = vec![0; missing];
    out.extend_from_slice(bytes);
    Ok(out)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
