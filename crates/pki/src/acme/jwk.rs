//! Public keys as JWK, and the signatures that ACME clients make with them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{
    Hash, KeyKind, KeyPair, SignatureForm, sha256, verify_rsa_components, verify_signature,
};
use serde_json::{Value, json};

/// Algorithms that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signing {
    /// ECDSA on P-256.
    Es256,
    /// ECDSA on P-384.
    Es384,
    /// ECDSA on P-521.
    Es512,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// Ed25519.
    EdDsa,
}

const NAMES: &[(&str, Signing)] = &[
    ("ES256", Signing::Es256),
    ("ES384", Signing::Es384),
    ("ES512", Signing::Es512),
    ("RS256", Signing::Rs256),
    ("EdDSA", Signing::EdDsa),
];

impl Signing {
    /// From the name of JOSE.
    pub fn from_name(name: &str) -> Option<Self> {
        NAMES.iter().find(|(n, _)| *n == name).map(|(_, s)| *s)
    }

    /// The name of JOSE.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, s)| *s == self).map_or("", |(n, _)| n)
    }

    /// All names.
    pub fn names() -> Vec<&'static str> {
        NAMES.iter().map(|(n, _)| *n).collect()
    }
}

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Jwk {
    /// On a curve: its name, and both coordinates at full length.
    Ec {
        /// P-256, P-384 or P-521.
        kind: KeyKind,
        /// x.
        x: Vec<u8>,
        /// y.
        y: Vec<u8>,
    },
    /// RSA.
    Rsa {
        /// Modulus without leading zeros.
        n: Vec<u8>,
        /// Exponent without leading zeros.
        e: Vec<u8>,
    },
    /// Ed25519.
    Ed25519(Vec<u8>),
}

const CURVES: &[(&str, KeyKind, usize)] =
    &[("P-256", KeyKind::P256, 32), ("P-384", KeyKind::P384, 48), ("P-521", KeyKind::P521, 66)];

impl Jwk {
    /// Reads a JWK; none for what is no public key of a kind that is served.
    pub fn from_json(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        let bytes = |name: &str| {
            let text = text(name).filter(|t| t.len() <= 1500)?;
            URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
        };
        match text("kty")? {
            "EC" => {
                let (_, kind, size) = CURVES.iter().find(|(n, ..)| Some(*n) == text("crv"))?;
                let (x, y) = (bytes("x")?, bytes("y")?);
                let fits = x.len() == *size && y.len() == *size;
                fits.then_some(Self::Ec { kind: *kind, x, y })
            }
            "RSA" => {
                let trimmed =
                    |b: Vec<u8>| b.into_iter().skip_while(|b| *b == 0).collect::<Vec<u8>>();
                let (n, e) = (trimmed(bytes("n")?), trimmed(bytes("e")?));
                let fits = (256..=1024).contains(&n.len()) && (1..=8).contains(&e.len());
                fits.then_some(Self::Rsa { n, e })
            }
            "OKP" if text("crv") == Some("Ed25519") => {
                bytes("x").filter(|x| x.len() == 32).map(Self::Ed25519)
            }
            _ => None,
        }
    }

    /// The public half of a key pair.
    pub fn of(key: &KeyPair) -> Option<Self> {
        if let Some((n, e)) = key.rsa_components() {
            return Some(Self::Rsa { n, e });
        }
        let public = key.public_bytes();
        if key.kind() == KeyKind::Ed25519 {
            return Some(Self::Ed25519(public));
        }
        let (_, kind, size) = CURVES.iter().find(|(_, kind, _)| *kind == key.kind())?;
        let (x, y) = public.get(1..)?.split_at_checked(*size)?;
        Some(Self::Ec { kind: *kind, x: x.to_vec(), y: y.to_vec() })
    }

    /// The members that name the key, in the order of RFC 7638.
    pub fn to_json(&self) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Ec { kind, x, y } => {
                let name = CURVES.iter().find(|(_, k, _)| k == kind).map_or("", |(n, ..)| n);
                json!({ "crv": name, "kty": "EC", "x": text(x), "y": text(y) })
            }
            Self::Rsa { n, e } => json!({ "e": text(e), "kty": "RSA", "n": text(n) }),
            Self::Ed25519(x) => json!({ "crv": "Ed25519", "kty": "OKP", "x": text(x) }),
        }
    }

    /// RFC 7638, in base64url.
    pub fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(sha256(self.to_json().to_string().as_bytes()))
    }

    /// True when the signature is this key's; an algorithm of another kind of key never is.
    pub fn verify(&self, signing: Signing, message: &[u8], signature: &[u8]) -> bool {
        match (self, signing) {
            (Self::Ec { kind: KeyKind::P256, .. }, Signing::Es256)
            | (Self::Ec { kind: KeyKind::P384, .. }, Signing::Es384)
            | (Self::Ec { kind: KeyKind::P521, .. }, Signing::Es512) => {
                let Self::Ec { kind, x, y } = self else { return false };
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                verify_signature(*kind, &point, SignatureForm::EcdsaFixed, message, signature)
            }
            (Self::Rsa { n, e }, Signing::Rs256) => {
                let form = SignatureForm::RsaPkcs1(Hash::Sha256);
                verify_rsa_components(n, e, form, message, signature)
            }
            (Self::Ed25519(x), Signing::EdDsa) => {
                verify_signature(KeyKind::Ed25519, x, SignatureForm::Ed25519, message, signature)
            }
            _ => false,
        }
    }

    /// True when a certificate's or request's key is this one.
    pub fn is(&self, key: &crate::PublicKey) -> bool {
        match self {
            Self::Ec { kind, x, y } => {
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                key.kind() == Some(*kind) && key.bits() == point
            }
            Self::Rsa { n, e } => key.rsa_components().is_some_and(|(a, b)| (&a, &b) == (n, e)),
            Self::Ed25519(x) => key.kind() == Some(KeyKind::Ed25519) && key.bits() == x,
        }
    }
}
