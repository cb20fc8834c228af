//! Key pairs of the kinds that certificates carry: made, read from PKCS#8, PKCS#1 or SEC 1, signing and verifying whole
//! messages in the forms of X.509 and JOSE.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaPair, KeySize};
use aws_lc_rs::signature::{
    self, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, ParsedPublicKey,
    RsaEncoding, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

use crate::{CryptoError, SecretBytes};

/// What a key is: family, size or curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// RSA, with this many bits.
    Rsa(u16),
    /// ECDSA on P-256.
    P256,
    /// ECDSA on P-384.
    P384,
    /// ECDSA on P-521.
    P521,
    /// ECDSA on secp256k1.
    P256K,
    /// Ed25519.
    Ed25519,
}

/// The digest inside a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hash {
    /// Read only, in old files and requests.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// How a message is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureForm {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(Hash),
    /// RSASSA-PSS with a salt as long as the digest.
    RsaPss(Hash),
    /// ECDSA, the pair of numbers in DER as X.509 has it.
    Ecdsa(Hash),
    /// ECDSA, the two numbers side by side as JOSE has it; the digest belongs to the curve.
    EcdsaFixed,
    /// Ed25519.
    Ed25519,
}

const BAD: CryptoError =
    CryptoError::Key("this is no private key of a kind that is known: RSA, EC or Ed25519");
const CANNOT_SIGN: CryptoError = CryptoError::Key("the key cannot sign in this form");

enum Pair {
    Rsa(RsaPair),
    /// The same key twice: the library ties the form of a signature to the key.
    Ec {
        der: EcdsaKeyPair,
        fixed: EcdsaKeyPair,
    },
    Ed25519(Ed25519KeyPair),
}

/// A private key with its public half. The library wipes its memory when it is dropped.
pub struct KeyPair {
    kind: KeyKind,
    pair: Pair,
    spki: Vec<u8>,
}

fn curve(
    kind: KeyKind,
) -> Option<(&'static EcdsaSigningAlgorithm, &'static EcdsaSigningAlgorithm)> {
    Some(match kind {
        KeyKind::P256 => (
            &signature::ECDSA_P256_SHA256_ASN1_SIGNING,
            &signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        ),
        KeyKind::P384 => (
            &signature::ECDSA_P384_SHA384_ASN1_SIGNING,
            &signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        ),
        KeyKind::P521 => (
            &signature::ECDSA_P521_SHA512_ASN1_SIGNING,
            &signature::ECDSA_P521_SHA512_FIXED_SIGNING,
        ),
        KeyKind::P256K => (
            &signature::ECDSA_P256K1_SHA256_ASN1_SIGNING,
            &signature::ECDSA_P256K1_SHA256_FIXED_SIGNING,
        ),
        KeyKind::Rsa(_) | KeyKind::Ed25519 => return None,
    })
}

const CURVES: [KeyKind; 4] = [KeyKind::P256, KeyKind::P384, KeyKind::P521, KeyKind::P256K];

const RSA_BITS: [usize; 3] = [2048, 3072, 4096];
const BAD_SIZE: CryptoError = CryptoError::Key("RSA keys have 2048, 3072 or 4096 bits");

/// Bits of an RSA key's modulus, in PKCS#8 or PKCS#1, also where the library reads no key of that size.
fn rsa_bits(der: &[u8]) -> Option<usize> {
    const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
    let (version, rest) = element(0x02, element(0x30, der)?.0)?;
    if version != [0] {
        return None;
    }
    let modulus = match element(0x30, rest) {
        None => element(0x02, rest)?.0,
        Some((algorithm, rest)) => {
            let key = element(0x04, rest)
                .filter(|_| element(0x06, algorithm).is_some_and(|(id, _)| id == RSA_ENCRYPTION));
            let (_, rest) = element(0x02, element(0x30, key?.0)?.0)?;
            element(0x02, rest)?.0
        }
    };
    let first = modulus.iter().position(|byte| *byte != 0)?;
    let modulus = modulus.get(first..)?;
    Some(modulus.len() * 8 - modulus.first()?.leading_zeros() as usize)
}

/// Content of a DER element with this tag, and what comes behind it.
fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let ([found, length], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = match *length {
        short @ 0..=0x7f => (usize::from(short), rest),
        long @ 0x81..=0x84 => {
            let (bytes, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (bytes.iter().fold(0, |sum, byte| (sum << 8) | usize::from(*byte)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length).filter(|_| *found == tag)
}

impl KeyPair {
    /// Makes a key. RSA takes tenths of a second to seconds: keep it off threads that others wait for.
    pub fn generate(kind: KeyKind) -> Result<Self, CryptoError> {
        let failed = || CryptoError::Key("no key could be made");
        match kind {
            KeyKind::Rsa(bits) => {
                let size = match bits {
                    2048 => KeySize::Rsa2048,
                    3072 => KeySize::Rsa3072,
                    4096 => KeySize::Rsa4096,
                    _ => return Err(BAD_SIZE),
                };
                Self::rsa(RsaPair::generate(size).map_err(|_| failed())?)
            }
            KeyKind::Ed25519 => Self::ed25519(Ed25519KeyPair::generate().map_err(|_| failed())?),
            _ => {
                let (der, _) = curve(kind).ok_or_else(failed)?;
                let made = EcdsaKeyPair::generate(der).map_err(|_| failed())?;
                let pkcs8 = made.to_pkcs8v1().map_err(|_| failed())?;
                Self::ec(kind, pkcs8.as_ref())
            }
        }
    }

    /// Reads a private key in DER: PKCS#8, PKCS#1 (RSA) or SEC 1 (EC).
    pub fn from_der(der: &[u8]) -> Result<Self, CryptoError> {
        if let Ok(pair) = RsaPair::from_pkcs8(der) {
            return Self::rsa(pair);
        }
        for kind in CURVES {
            if let Ok(pair) = Self::ec(kind, der) {
                return Ok(pair);
            }
        }
        if let Ok(pair) = Ed25519KeyPair::from_pkcs8(der) {
            return Self::ed25519(pair);
        }
        match RsaPair::from_der(der) {
            Ok(pair) => Self::rsa(pair),
            Err(_) if rsa_bits(der).is_some_and(|bits| !RSA_BITS.contains(&bits)) => Err(BAD_SIZE),
            Err(_) => Err(BAD),
        }
    }

    fn rsa(pair: RsaPair) -> Result<Self, CryptoError> {
        let bits = u16::try_from(pair.public_modulus_len().saturating_mul(8)).map_err(|_| BAD)?;
        if !RSA_BITS.contains(&usize::from(bits)) {
            return Err(BAD_SIZE);
        }
        let spki = AsDer::<PublicKeyX509Der>::as_der(pair.public_key()).map_err(|_| BAD)?;
        let spki = spki.as_ref().to_vec();
        Ok(Self { kind: KeyKind::Rsa(bits), pair: Pair::Rsa(pair), spki })
    }

    fn ec(kind: KeyKind, der: &[u8]) -> Result<Self, CryptoError> {
        let (as_der, as_fixed) = curve(kind).ok_or(BAD)?;
        let read = |algorithm| EcdsaKeyPair::from_private_key_der(algorithm, der).map_err(|_| BAD);
        let (der, fixed) = (read(as_der)?, read(as_fixed)?);
        let spki = AsDer::<PublicKeyX509Der>::as_der(der.public_key()).map_err(|_| BAD)?;
        let spki = spki.as_ref().to_vec();
        Ok(Self { kind, pair: Pair::Ec { der, fixed }, spki })
    }

    fn ed25519(pair: Ed25519KeyPair) -> Result<Self, CryptoError> {
        let spki = AsDer::<PublicKeyX509Der>::as_der(pair.public_key()).map_err(|_| BAD)?;
        let spki = spki.as_ref().to_vec();
        Ok(Self { kind: KeyKind::Ed25519, pair: Pair::Ed25519(pair), spki })
    }

    /// What the key is.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The public half as SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// The public half in its own form: RSAPublicKey in DER, the uncompressed point, or the 32 bytes of Ed25519.
    pub fn public_bytes(&self) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => {
                let public = pair.public_key();
                let (n, e) = (public.modulus(), public.exponent());
                let components = RsaPublicKeyComponents {
                    n: n.big_endian_without_leading_zero().to_vec(),
                    e: e.big_endian_without_leading_zero().to_vec(),
                };
                rsa_public_der(&components.n, &components.e)
            }
            Pair::Ec { der, .. } => der.public_key().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.public_key().as_ref().to_vec(),
        }
    }

    /// Modulus and exponent of an RSA key, big endian without leading zeros.
    pub fn rsa_components(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let Pair::Rsa(pair) = &self.pair else { return None };
        let public = pair.public_key();
        Some((
            public.modulus().big_endian_without_leading_zero().to_vec(),
            public.exponent().big_endian_without_leading_zero().to_vec(),
        ))
    }

    /// The private key as PKCS#8 in DER.
    pub fn to_pkcs8(&self) -> Result<SecretBytes, CryptoError> {
        let failed = |_| CryptoError::Key("the key could not be encoded");
        let bytes = match &self.pair {
            Pair::Rsa(pair) => {
                AsDer::<Pkcs8V1Der<'_>>::as_der(pair).map_err(failed)?.as_ref().to_vec()
            }
            Pair::Ec { der, .. } => der.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec(),
        };
        Ok(SecretBytes::new(bytes))
    }

    /// The usual form for certificates signed with this key.
    pub fn form(&self) -> SignatureForm {
        match self.kind {
            KeyKind::Rsa(_) => SignatureForm::RsaPkcs1(Hash::Sha256),
            KeyKind::P256 | KeyKind::P256K => SignatureForm::Ecdsa(Hash::Sha256),
            KeyKind::P384 => SignatureForm::Ecdsa(Hash::Sha384),
            KeyKind::P521 => SignatureForm::Ecdsa(Hash::Sha512),
            KeyKind::Ed25519 => SignatureForm::Ed25519,
        }
    }

    /// Signs a message in [`KeyPair::form`], or with [`SignatureForm::EcdsaFixed`] or RSA in the form asked for.
    pub fn sign(&self, form: SignatureForm, message: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let random = SystemRandom::new();
        match (&self.pair, form) {
            (Pair::Rsa(pair), SignatureForm::RsaPkcs1(hash)) => {
                let encoding: &'static dyn RsaEncoding = match hash {
                    Hash::Sha1 => return Err(CANNOT_SIGN),
                    Hash::Sha256 => &signature::RSA_PKCS1_SHA256,
                    Hash::Sha384 => &signature::RSA_PKCS1_SHA384,
                    Hash::Sha512 => &signature::RSA_PKCS1_SHA512,
                };
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut out).map_err(|_| CANNOT_SIGN)?;
                Ok(out)
            }
            (Pair::Ec { der, .. }, SignatureForm::Ecdsa(_)) if form == self.form() => {
                Ok(der.sign(&random, message).map_err(|_| CANNOT_SIGN)?.as_ref().to_vec())
            }
            (Pair::Ec { fixed, .. }, SignatureForm::EcdsaFixed) => {
                Ok(fixed.sign(&random, message).map_err(|_| CANNOT_SIGN)?.as_ref().to_vec())
            }
            (Pair::Ed25519(pair), SignatureForm::Ed25519) => {
                Ok(pair.sign(message).as_ref().to_vec())
            }
            _ => Err(CANNOT_SIGN),
        }
    }
}

/// RSAPublicKey: SEQUENCE of two INTEGERs.
fn rsa_public_der(n: &[u8], e: &[u8]) -> Vec<u8> {
    fn header(out: &mut Vec<u8>, tag: u8, length: usize) {
        out.push(tag);
        let bytes = length.to_be_bytes();
        let used: Vec<u8> = bytes.iter().skip_while(|b| **b == 0).copied().collect();
        match u8::try_from(length) {
            Ok(short) if short < 0x80 => out.push(short),
            _ => {
                out.push(0x80 | (used.len() as u8 & 0x7f));
                out.extend_from_slice(&used);
            }
        }
    }
    let mut inner = Vec::with_capacity(n.len() + e.len() + 12);
    for number in [n, e] {
        let zero = number.first().is_none_or(|b| *b >= 0x80);
        header(&mut inner, 2, number.len() + usize::from(zero));
        if zero {
            inner.push(0);
        }
        inner.extend_from_slice(number);
    }
    let mut out = Vec::with_capacity(inner.len() + 4);
    header(&mut out, 0x30, inner.len());
    out.extend_from_slice(&inner);
    out
}

/// True when `signature` is that of the key over the message. `public` is the key in its own form, as in
/// SubjectPublicKeyInfo's bit string. RSA keys below 2048 bits never verify.
pub fn verify_signature(
    kind: KeyKind,
    public: &[u8],
    form: SignatureForm,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let Some(algorithm) = verification(kind, form) else { return false };
    UnparsedPublicKey::new(algorithm, public).verify(message, signature).is_ok()
}

/// As [`verify_signature`] with an RSA key given by modulus and exponent, as a JWK has it.
pub fn verify_rsa_components(
    n: &[u8],
    e: &[u8],
    form: SignatureForm,
    message: &[u8],
    signature: &[u8],
) -> bool {
    let trimmed = |b: &[u8]| b.iter().skip_while(|b| **b == 0).copied().collect::<Vec<u8>>();
    let (n, e) = (trimmed(n), trimmed(e));
    let sane = (256..=1024).contains(&n.len()) && (1..=8).contains(&e.len());
    sane && verify_signature(KeyKind::Rsa(2048), &rsa_public_der(&n, &e), form, message, signature)
}

/// True when `public`, in the form that [`verify_signature`] takes, is a whole key of its kind: a point that lies on its
/// curve, say. What is stored unchecked could never verify anything.
pub fn is_public_key(kind: KeyKind, public: &[u8], form: SignatureForm) -> bool {
    verification(kind, form).is_some_and(|a| ParsedPublicKey::new(a, public).is_ok())
}

fn verification(kind: KeyKind, form: SignatureForm) -> Option<&'static dyn VerificationAlgorithm> {
    use Hash::{Sha256, Sha384, Sha512};
    use SignatureForm::{Ecdsa, EcdsaFixed, RsaPkcs1, RsaPss};
    Some(match (kind, form) {
        (KeyKind::Rsa(_), RsaPkcs1(Sha256)) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (KeyKind::Rsa(_), RsaPkcs1(Sha384)) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (KeyKind::Rsa(_), RsaPkcs1(Sha512)) => &signature::RSA_PKCS1_2048_8192_SHA512,
        (KeyKind::Rsa(_), RsaPss(Sha256)) => &signature::RSA_PSS_2048_8192_SHA256,
        (KeyKind::Rsa(_), RsaPss(Sha384)) => &signature::RSA_PSS_2048_8192_SHA384,
        (KeyKind::Rsa(_), RsaPss(Sha512)) => &signature::RSA_PSS_2048_8192_SHA512,
        (KeyKind::P256, Ecdsa(Sha256)) => &signature::ECDSA_P256_SHA256_ASN1,
        (KeyKind::P256, Ecdsa(Sha384)) => &signature::ECDSA_P256_SHA384_ASN1,
        (KeyKind::P256, Ecdsa(Sha512)) => &signature::ECDSA_P256_SHA512_ASN1,
        (KeyKind::P384, Ecdsa(Sha256)) => &signature::ECDSA_P384_SHA256_ASN1,
        (KeyKind::P384, Ecdsa(Sha384)) => &signature::ECDSA_P384_SHA384_ASN1,
        (KeyKind::P384, Ecdsa(Sha512)) => &signature::ECDSA_P384_SHA512_ASN1,
        (KeyKind::P521, Ecdsa(Sha256)) => &signature::ECDSA_P521_SHA256_ASN1,
        (KeyKind::P521, Ecdsa(Sha384)) => &signature::ECDSA_P521_SHA384_ASN1,
        (KeyKind::P521, Ecdsa(Sha512)) => &signature::ECDSA_P521_SHA512_ASN1,
        (KeyKind::P256K, Ecdsa(Sha256)) => &signature::ECDSA_P256K1_SHA256_ASN1,
        (KeyKind::P256, EcdsaFixed) => &signature::ECDSA_P256_SHA256_FIXED,
        (KeyKind::P384, EcdsaFixed) => &signature::ECDSA_P384_SHA384_FIXED,
        (KeyKind::P521, EcdsaFixed) => &signature::ECDSA_P521_SHA512_FIXED,
        (KeyKind::P256K, EcdsaFixed) => &signature::ECDSA_P256K1_SHA256_FIXED,
        (KeyKind::Ed25519, SignatureForm::Ed25519) => &signature::ED25519,
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
