//! Algorithms by their names on the wire.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::hmac;
use aws_lc_rs::signature::{self, RsaEncoding, VerificationAlgorithm};

use super::{Curve, JoseKind};
use crate::CryptoError;

/// A signature algorithm of JOSE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum JoseSignature {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// ECDSA on P-521 with SHA-512.
    Es512,
    /// ECDSA on secp256k1 with SHA-256.
    Es256K,
    /// HMAC with SHA-256.
    Hs256,
    /// HMAC with SHA-384.
    Hs384,
    /// HMAC with SHA-512.
    Hs512,
}

const SIGNATURES: &[(&str, JoseSignature)] = &[
    ("RS256", JoseSignature::Rs256),
    ("RS384", JoseSignature::Rs384),
    ("RS512", JoseSignature::Rs512),
    ("PS256", JoseSignature::Ps256),
    ("PS384", JoseSignature::Ps384),
    ("PS512", JoseSignature::Ps512),
    ("ES256", JoseSignature::Es256),
    ("ES384", JoseSignature::Es384),
    ("ES512", JoseSignature::Es512),
    ("ES256K", JoseSignature::Es256K),
    ("HS256", JoseSignature::Hs256),
    ("HS384", JoseSignature::Hs384),
    ("HS512", JoseSignature::Hs512),
];

impl JoseSignature {
    /// By name.
    pub fn from_name(name: &str) -> Option<Self> {
        SIGNATURES.iter().find(|(n, _)| *n == name).map(|(_, algorithm)| *algorithm)
    }

    /// True when keys of this kind sign like this.
    pub fn fits(self, kind: JoseKind) -> bool {
        use JoseSignature as S;
        match kind {
            JoseKind::Rsa(_) => self.rsa_encoding().is_some(),
            JoseKind::Ec(Curve::P256) => self == S::Es256,
            JoseKind::Ec(Curve::P384) => self == S::Es384,
            JoseKind::Ec(Curve::P521) => self == S::Es512,
            JoseKind::Ec(Curve::P256K) => self == S::Es256K,
            JoseKind::Oct(_) => self.hmac().is_some(),
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        use JoseSignature as S;
        match self {
            S::Rs256 | S::Ps256 | S::Es256 | S::Es256K | S::Hs256 => &digest::SHA256,
            S::Rs384 | S::Ps384 | S::Es384 | S::Hs384 => &digest::SHA384,
            S::Rs512 | S::Ps512 | S::Es512 | S::Hs512 => &digest::SHA512,
        }
    }

    /// Bytes of the digest that is signed; none where the value is taken as it stands.
    pub fn digest_bytes(self) -> Option<usize> {
        self.hmac().is_none().then(|| self.digest().output_len())
    }

    /// A digest that somebody else computed; its length must be the algorithm's.
    pub(super) fn import(self, value: &[u8]) -> Result<Digest, CryptoError> {
        Digest::import_less_safe(value, self.digest())
            .map_err(|_| CryptoError::Key("the digest's length does not fit the algorithm"))
    }

    pub(super) fn rsa_encoding(self) -> Option<&'static dyn RsaEncoding> {
        use JoseSignature as S;
        Some(match self {
            S::Rs256 => &signature::RSA_PKCS1_SHA256,
            S::Rs384 => &signature::RSA_PKCS1_SHA384,
            S::Rs512 => &signature::RSA_PKCS1_SHA512,
            S::Ps256 => &signature::RSA_PSS_SHA256,
            S::Ps384 => &signature::RSA_PSS_SHA384,
            S::Ps512 => &signature::RSA_PSS_SHA512,
            _ => return None,
        })
    }

    pub(super) fn verification(self) -> Option<&'static dyn VerificationAlgorithm> {
        use JoseSignature as S;
        Some(match self {
            S::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            S::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
            S::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
            S::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
            S::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
            S::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
            S::Es256 => &signature::ECDSA_P256_SHA256_FIXED,
            S::Es384 => &signature::ECDSA_P384_SHA384_FIXED,
            S::Es512 => &signature::ECDSA_P521_SHA512_FIXED,
            S::Es256K => &signature::ECDSA_P256K1_SHA256_FIXED,
            S::Hs256 | S::Hs384 | S::Hs512 => return None,
        })
    }

    pub(super) fn hmac(self) -> Option<hmac::Algorithm> {
        match self {
            Self::Hs256 => Some(hmac::HMAC_SHA256),
            Self::Hs384 => Some(hmac::HMAC_SHA384),
            Self::Hs512 => Some(hmac::HMAC_SHA512),
            _ => None,
        }
    }
}

/// How RSA encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RsaForm {
    /// OAEP with SHA-1.
    Oaep,
    /// OAEP with SHA-256.
    Oaep256,
    /// PKCS#1 v1.5.
    Pkcs1,
}

const RSA_FORMS: &[(&str, RsaForm)] =
    &[("RSA-OAEP", RsaForm::Oaep), ("RSA-OAEP-256", RsaForm::Oaep256), ("RSA1_5", RsaForm::Pkcs1)];

fn rsa_form(name: &str) -> Option<RsaForm> {
    RSA_FORMS.iter().find(|(n, _)| *n == name).map(|(_, form)| *form)
}

/// An encryption algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EncryptionAlgorithm {
    /// RSA.
    Rsa(RsaForm),
    /// AES-GCM with a key of so many bits.
    Gcm(usize),
    /// AES-CBC.
    Cbc {
        /// Bits of the key.
        bits: usize,
        /// With PKCS#7 padding; else zeros fill the last block.
        padded: bool,
    },
}

impl EncryptionAlgorithm {
    /// By name: `RSA-OAEP`, `A256GCM`, `A128CBCPAD`, ...
    pub fn from_name(name: &str) -> Option<Self> {
        if let Some(form) = rsa_form(name) {
            return Some(Self::Rsa(form));
        }
        let (bits, mode) = name.strip_prefix('A')?.split_at_checked(3)?;
        let bits = match bits {
            "128" => 128,
            "192" => 192,
            "256" => 256,
            _ => return None,
        };
        match mode {
            "GCM" => Some(Self::Gcm(bits)),
            "CBC" => Some(Self::Cbc { bits, padded: false }),
            "CBCPAD" => Some(Self::Cbc { bits, padded: true }),
            _ => None,
        }
    }
}

/// A key wrapping algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WrapAlgorithm {
    /// RSA.
    Rsa(RsaForm),
    /// RFC 3394, or with padding RFC 5649.
    Aes {
        /// Bits of the wrapping key, where the name says them.
        bits: Option<usize>,
        /// With padding.
        padded: bool,
    },
}

impl WrapAlgorithm {
    /// By name: `RSA-OAEP`, `A256KW`, `CKM_AES_KEY_WRAP_PAD`, ...
    pub fn from_name(name: &str) -> Option<Self> {
        let aes = |bits, padded| Some(Self::Aes { bits, padded });
        match name {
            "A128KW" => aes(Some(128), false),
            "A192KW" => aes(Some(192), false),
            "A256KW" => aes(Some(256), false),
            "CKM_AES_KEY_WRAP" => aes(None, false),
            "CKM_AES_KEY_WRAP_PAD" => aes(None, true),
            other => rsa_form(other).map(Self::Rsa),
        }
    }
}
