//! AlgorithmIdentifiers and SubjectPublicKeyInfo: from names on the wire to kinds and forms.

use crypto::{Hash, KeyKind, SignatureForm, verify_signature};

use crate::der::{Node, Reader, Writer, tag};
use crate::oids;

const CURVES: &[(&str, KeyKind)] = &[
    ("1.2.840.10045.3.1.7", KeyKind::P256),
    ("1.3.132.0.34", KeyKind::P384),
    ("1.3.132.0.35", KeyKind::P521),
    ("1.3.132.0.10", KeyKind::P256K),
];

const FORMS: &[(&str, SignatureForm)] = &[
    ("1.2.840.113549.1.1.11", SignatureForm::RsaPkcs1(Hash::Sha256)),
    ("1.2.840.113549.1.1.12", SignatureForm::RsaPkcs1(Hash::Sha384)),
    ("1.2.840.113549.1.1.13", SignatureForm::RsaPkcs1(Hash::Sha512)),
    ("1.2.840.113549.1.1.5", SignatureForm::RsaPkcs1(Hash::Sha1)),
    ("1.2.840.10045.4.3.2", SignatureForm::Ecdsa(Hash::Sha256)),
    ("1.2.840.10045.4.3.3", SignatureForm::Ecdsa(Hash::Sha384)),
    ("1.2.840.10045.4.3.4", SignatureForm::Ecdsa(Hash::Sha512)),
    ("1.2.840.10045.4.1", SignatureForm::Ecdsa(Hash::Sha1)),
    ("1.3.101.112", SignatureForm::Ed25519),
];

const HASHES: &[(&str, Hash)] = &[
    (oids::SHA1, Hash::Sha1),
    (oids::SHA256, Hash::Sha256),
    (oids::SHA384, Hash::Sha384),
    (oids::SHA512, Hash::Sha512),
];

/// The digest of an identifier.
pub(crate) fn hash_of(oid: &str) -> Option<Hash> {
    HASHES.iter().find(|(o, _)| *o == oid).map(|(_, h)| *h)
}

/// Identifier of a digest.
pub(crate) fn hash_oid(hash: Hash) -> &'static str {
    HASHES.iter().find(|(_, h)| *h == hash).map_or(oids::SHA256, |(o, _)| o)
}

/// Writes the AlgorithmIdentifier of a signature. PSS is read, never written.
pub(crate) fn write_form(w: &mut Writer, form: SignatureForm) {
    w.sequence(|w| {
        if let Some((oid, _)) = FORMS.iter().find(|(_, f)| *f == form) {
            w.oid(oid);
        }
        if matches!(form, SignatureForm::RsaPkcs1(_)) {
            w.null();
        }
    });
}

/// Reads the AlgorithmIdentifier of a signature.
pub(crate) fn read_form(node: &Node<'_>) -> Option<SignatureForm> {
    let mut inside = Reader::new(node.whole).sequence()?;
    let oid = inside.oid()?;
    if oid == oids::RSA_PSS {
        let mut parameters = inside.sequence()?;
        let hash = parameters.expect(tag::context(0))?.reader().sequence()?.oid()?;
        return hash_of(&hash).map(SignatureForm::RsaPss);
    }
    FORMS.iter().find(|(o, _)| *o == oid).map(|(_, f)| *f)
}

/// A public key as it stands in certificates.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    der: Vec<u8>,
    kind: Option<KeyKind>,
    bits: Vec<u8>,
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PublicKey({:?})", self.kind)
    }
}

impl PublicKey {
    /// Reads SubjectPublicKeyInfo.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let mut inside = Node::only(der).filter(|n| n.tag == tag::SEQUENCE)?.reader();
        let mut algorithm = inside.sequence()?;
        let bits = inside.expect(tag::BIT_STRING)?.bits()?.to_vec();
        let kind = match algorithm.oid()?.as_str() {
            oids::RSA_ENCRYPTION => rsa_kind(&bits),
            oids::EC_PUBLIC_KEY => {
                let curve = algorithm.oid()?;
                CURVES.iter().find(|(o, _)| *o == curve).map(|(_, k)| *k)
            }
            oids::ED25519 => Some(KeyKind::Ed25519),
            _ => None,
        };
        Some(Self { der: der.to_vec(), kind, bits })
    }

    /// What the key is; none for kinds that are not known here.
    pub fn kind(&self) -> Option<KeyKind> {
        self.kind
    }

    /// SubjectPublicKeyInfo.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The key in its own form: RSAPublicKey, point, bytes.
    pub fn bits(&self) -> &[u8] {
        &self.bits
    }

    /// SHA-1 of the key's bits: the usual key identifier.
    pub fn identifier(&self) -> [u8; 20] {
        crypto::sha1(&self.bits)
    }

    /// True when the signature is this key's over the message.
    pub fn verify(&self, form: SignatureForm, message: &[u8], signature: &[u8]) -> bool {
        self.kind.is_some_and(|k| verify_signature(k, &self.bits, form, message, signature))
    }

    /// Modulus and exponent of an RSA key.
    pub fn rsa_components(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        matches!(self.kind, Some(KeyKind::Rsa(_))).then(|| rsa_numbers(&self.bits)).flatten()
    }
}

fn rsa_numbers(bits: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut inside = Node::only(bits)?.reader();
    let n = inside.expect(tag::INTEGER)?.unsigned()?.to_vec();
    Some((n, inside.expect(tag::INTEGER)?.unsigned()?.to_vec()))
}

fn rsa_kind(bits: &[u8]) -> Option<KeyKind> {
    let (n, _) = rsa_numbers(bits)?;
    let top = n.first()?.leading_zeros() as usize;
    u16::try_from((n.len() * 8).checked_sub(top)?).ok().map(KeyKind::Rsa)
}
