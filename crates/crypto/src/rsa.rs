//! RSA keys: generate, store, sign, verify.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize, PublicKeyComponents};
use aws_lc_rs::signature::{
    self, KeyPair as _, ParsedPublicKey, RsaEncoding, RsaParameters, RsaSignatureEncoding,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;

use crate::certificate::pem_text;
use crate::{CryptoError, SecretText};

const BAD_PRIVATE: CryptoError =
    CryptoError::Key("this is no RSA private key of 2048 bits or more in PKCS#8 form");
const BAD_PUBLIC: CryptoError = CryptoError::Key("this is no RSA public key of 2048 to 8192 bits");

/// Length of a new key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RsaBits {
    /// 2048 bits: about 0.2 s to make.
    Rsa2048,
    /// 3072 bits: about 0.5 s to make.
    Rsa3072,
}

/// Signature scheme, by its JOSE name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RsaAlgorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PSS with SHA-256 and a salt as long as the digest.
    Ps256,
}

impl RsaAlgorithm {
    /// From the JOSE name; exactly `RS256` or `PS256`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "PS256" => Some(Self::Ps256),
            _ => None,
        }
    }

    fn signing(self) -> &'static RsaSignatureEncoding {
        match self {
            Self::Rs256 => &signature::RSA_PKCS1_SHA256,
            Self::Ps256 => &signature::RSA_PSS_SHA256,
        }
    }

    fn verifying(self) -> &'static RsaParameters {
        match self {
            Self::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
            Self::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        }
    }
}

/// An RSA private key. The library wipes its memory when it is dropped.
pub struct RsaPrivateKey {
    pair: KeyPair,
    public: RsaPublicKey,
}

impl RsaPrivateKey {
    /// Makes a key. Takes tenths of a second: keep it off threads that others wait for.
    pub fn generate(bits: RsaBits) -> Result<Self, CryptoError> {
        let size = match bits {
            RsaBits::Rsa2048 => KeySize::Rsa2048,
            RsaBits::Rsa3072 => KeySize::Rsa3072,
        };
        Self::new(
            KeyPair::generate(size).map_err(|_| CryptoError::Key("no RSA key could be made"))?,
        )
    }

    /// Reads PKCS#8 in PEM (`BEGIN PRIVATE KEY`).
    pub fn from_pkcs8_pem(pem: &str) -> Result<Self, CryptoError> {
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| BAD_PRIVATE)?;
        Self::from_pkcs8_der(der.secret_pkcs8_der())
    }

    /// Reads PKCS#8 in DER.
    pub fn from_pkcs8_der(der: &[u8]) -> Result<Self, CryptoError> {
        Self::new(KeyPair::from_pkcs8(der).map_err(|_| BAD_PRIVATE)?)
    }

    fn new(pair: KeyPair) -> Result<Self, CryptoError> {
        let public = pair.public_key();
        let (n, e) = (public.modulus(), public.exponent());
        let public = RsaPublicKey::from_components(
            n.big_endian_without_leading_zero(),
            e.big_endian_without_leading_zero(),
        )?;
        Ok(Self { pair, public })
    }

    /// PKCS#8 in PEM.
    pub fn to_pkcs8_pem(&self) -> Result<SecretText, CryptoError> {
        let der = AsDer::<Pkcs8V1Der>::as_der(&self.pair)
            .map_err(|_| CryptoError::Key("the RSA key could not be encoded"))?;
        Ok(SecretText::new(pem_text("PRIVATE KEY", der.as_ref())))
    }

    /// Signs a message.
    pub fn sign(&self, algorithm: RsaAlgorithm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let encoding: &'static dyn RsaEncoding = algorithm.signing();
        self.pair
            .sign(encoding, &SystemRandom::new(), message, &mut signature)
            .map_err(|_| CryptoError::Key("the RSA key could not sign"))?;
        Ok(signature)
    }

    /// The public half as PKCS#1's `RSAPublicKey`: what certificates hold.
    pub(crate) fn public_der(&self) -> &[u8] {
        self.pair.public_key().as_ref()
    }

    /// The public half.
    pub fn public(&self) -> &RsaPublicKey {
        &self.public
    }
}

/// An RSA public key, parsed once for both schemes.
#[derive(Clone, Debug)]
pub struct RsaPublicKey {
    n: Vec<u8>,
    e: Vec<u8>,
    rs256: ParsedPublicKey,
    ps256: ParsedPublicKey,
}

impl RsaPublicKey {
    /// From modulus and exponent, big endian; leading zeros are allowed.
    pub fn from_components(n: &[u8], e: &[u8]) -> Result<Self, CryptoError> {
        let trim =
            |bytes: &[u8]| bytes.iter().skip_while(|b| **b == 0).copied().collect::<Vec<u8>>();
        let components = PublicKeyComponents { n: trim(n), e: trim(e) };
        let bits = components.n.len().saturating_mul(8);
        if !(2048..=8192).contains(&bits) || components.e.len() > 8 {
            return Err(BAD_PUBLIC);
        }
        let parsed = |algorithm: RsaAlgorithm| {
            components.to_parsed_public_key(algorithm.verifying()).map_err(|_| BAD_PUBLIC)
        };
        let (rs256, ps256) = (parsed(RsaAlgorithm::Rs256)?, parsed(RsaAlgorithm::Ps256)?);
        Ok(Self { rs256, ps256, n: components.n, e: components.e })
    }

    /// True when `signature` is this key's over `message`.
    pub fn verify(&self, algorithm: RsaAlgorithm, message: &[u8], signature: &[u8]) -> bool {
        let key = match algorithm {
            RsaAlgorithm::Rs256 => &self.rs256,
            RsaAlgorithm::Ps256 => &self.ps256,
        };
        key.verify_sig(message, signature).is_ok()
    }

    /// Modulus, big endian without leading zeros.
    pub fn modulus(&self) -> &[u8] {
        &self.n
    }

    /// Public exponent, big endian without leading zeros.
    pub fn exponent(&self) -> &[u8] {
        &self.e
    }

    /// `n` of a JWK.
    pub fn jwk_n(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.n)
    }

    /// `e` of a JWK.
    pub fn jwk_e(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.e)
    }

    /// SubjectPublicKeyInfo in PEM (`BEGIN PUBLIC KEY`).
    pub fn to_spki_pem(&self) -> Result<String, CryptoError> {
        let components = PublicKeyComponents { n: &self.n, e: &self.e };
        let der = AsDer::<PublicKeyX509Der>::as_der(&components)
            .map_err(|_| CryptoError::Key("the public key could not be encoded"))?;
        Ok(pem_text("PUBLIC KEY", der.as_ref()))
    }
}

impl PartialEq for RsaPublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.n == other.n && self.e == other.e
    }
}

impl Eq for RsaPublicKey {}

#[cfg(test)]
mod tests;
