//! Public keys of credentials in COSE's form (RFC 9053): the three kinds that passkeys have.

use ciborium::Value;
use crypto::{
    Hash, KeyKind, RsaPublicKey, SignatureForm, is_public_key, verify_rsa_components,
    verify_signature,
};

use super::{WebAuthnError, cbor};

const ES256: i128 = -7;
const EDDSA: i128 = -8;
const RS256: i128 = -257;

/// COSE algorithms that are asked for, the preferred one first: ES256, EdDSA (Ed25519), RS256.
pub const ALGORITHMS: [i16; 3] = [-7, -8, -257];

// labels of a COSE_Key; the negative ones mean something else for each type
const TYPE: i128 = 1;
const ALGORITHM: i128 = 3;
const OKP: i128 = 1;
const EC2: i128 = 2;
const RSA: i128 = 3;
const P256: i128 = 1;
const ED25519: i128 = 6;

/// A public key.
pub(super) enum CoseKey {
    /// ECDSA on P-256 with SHA-256: the uncompressed point.
    Es256(Vec<u8>),
    /// Ed25519: its 32 bytes.
    EdDsa(Vec<u8>),
    /// RSASSA-PKCS1-v1_5 with SHA-256: modulus, exponent.
    Rs256(Vec<u8>, Vec<u8>),
}

impl CoseKey {
    /// Reads a whole COSE_Key; nothing may follow it.
    pub(super) fn read(mut bytes: &[u8]) -> Result<Self, WebAuthnError> {
        let Some(Value::Map(entries)) = cbor(&mut bytes) else {
            return Err(WebAuthnError::UnsupportedKey);
        };
        let key = Self::of(&entries).filter(|_| bytes.is_empty());
        key.ok_or(WebAuthnError::UnsupportedKey)
    }

    fn of(entries: &[(Value, Value)]) -> Option<Self> {
        let number = |value: &Value| value.as_integer().map(i128::from);
        // a label that is there twice means two things
        let entry = |label: i128| {
            let mut found = entries.iter().filter(|(name, _)| number(name) == Some(label));
            let value = found.next().map(|(_, value)| value)?;
            found.next().is_none().then_some(value)
        };
        let bytes = |label: i128| entry(label)?.as_bytes();
        let exactly = |label: i128, length: usize| bytes(label).filter(|b| b.len() == length);
        match (number(entry(TYPE)?)?, number(entry(ALGORITHM)?)?) {
            (EC2, ES256) if number(entry(-1)?) == Some(P256) => {
                let (x, y) = (exactly(-2, 32)?, exactly(-3, 32)?);
                Some(Self::Es256([&[4][..], x, y].concat()))
            }
            (OKP, EDDSA) if number(entry(-1)?) == Some(ED25519) => {
                Some(Self::EdDsa(exactly(-2, 32)?.clone()))
            }
            (RSA, RS256) => Some(Self::Rs256(bytes(-1)?.clone(), bytes(-2)?.clone())),
            _ => None,
        }
    }

    /// Refuses numbers that are no key: a point beside the curve, a modulus too short to trust.
    pub(super) fn check(&self) -> Result<(), WebAuthnError> {
        let good = match self {
            Self::Es256(point) => {
                is_public_key(KeyKind::P256, point, SignatureForm::Ecdsa(Hash::Sha256))
            }
            Self::EdDsa(key) => is_public_key(KeyKind::Ed25519, key, SignatureForm::Ed25519),
            Self::Rs256(n, e) => RsaPublicKey::from_components(n, e).is_ok(),
        };
        if good { Ok(()) } else { Err(WebAuthnError::UnsupportedKey) }
    }

    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Es256(point) => {
                let form = SignatureForm::Ecdsa(Hash::Sha256);
                verify_signature(KeyKind::P256, point, form, message, signature)
            }
            Self::EdDsa(key) => {
                let form = SignatureForm::Ed25519;
                verify_signature(KeyKind::Ed25519, key, form, message, signature)
            }
            Self::Rs256(n, e) => {
                let form = SignatureForm::RsaPkcs1(Hash::Sha256);
                verify_rsa_components(n, e, form, message, signature)
            }
        }
    }
}
