//! X.509 certificates, read: what Azure shows of them and what issuing and revoking need.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{KeyPair, SignatureForm};

use crate::algorithm::read_form;
use crate::der::{Node, Reader, tag};
use crate::{AlternativeNames, KeyUsage, Name, PkiError, PublicKey, oids};

/// No certificate is larger; a larger one is refused before it is read.
const DER_BYTES_MAX: usize = 64 * 1024;
/// Extensions of one certificate that are read.
const EXTENSIONS_MAX: usize = 100;

const NONE: PkiError = PkiError::Format("X.509 certificate");

/// A certificate and what is read from it.
#[derive(Clone, PartialEq, Eq)]
pub struct Certificate {
    der: Vec<u8>,
    signed: std::ops::Range<usize>,
    form: Option<SignatureForm>,
    signature: Vec<u8>,
    serial: Vec<u8>,
    issuer: Name,
    subject: Name,
    not_before: i64,
    not_after: i64,
    public_key: PublicKey,
    extensions: Extensions,
}

/// What the extensions say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Extensions {
    pub(crate) names: AlternativeNames,
    pub(crate) usage: KeyUsage,
    pub(crate) extended_usage: Vec<String>,
    pub(crate) is_authority: bool,
    pub(crate) path_length: Option<u64>,
    pub(crate) subject_key_id: Option<Vec<u8>>,
    pub(crate) authority_key_id: Option<Vec<u8>>,
    pub(crate) must_staple: bool,
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, serial {})", self.subject, self.serial_hex())
    }
}

impl Certificate {
    /// Reads DER.
    pub fn from_der(der: &[u8]) -> Result<Self, PkiError> {
        if der.len() > DER_BYTES_MAX {
            return Err(NONE);
        }
        read(der).ok_or(NONE)
    }

    /// DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Serial number, big endian, without leading zeros.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// Serial number in lower-case hexadecimal.
    pub fn serial_hex(&self) -> String {
        hex::encode(&self.serial)
    }

    /// Who signed it.
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// Whom it stands for.
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// First second of validity, since 1970.
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// Last second of validity, since 1970.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Its key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// What else it stands for.
    pub fn names(&self) -> &AlternativeNames {
        &self.extensions.names
    }

    /// What its key may be used for.
    pub fn usage(&self) -> KeyUsage {
        self.extensions.usage
    }

    /// Extended key usages, dotted.
    pub fn extended_usage(&self) -> &[String] {
        &self.extensions.extended_usage
    }

    /// True for a certificate authority's.
    pub fn is_authority(&self) -> bool {
        self.extensions.is_authority
    }

    /// Authorities that may stand below it.
    pub fn path_length(&self) -> Option<u64> {
        self.extensions.path_length
    }

    /// Subject key identifier.
    pub fn subject_key_id(&self) -> Option<&[u8]> {
        self.extensions.subject_key_id.as_deref()
    }

    /// Authority key identifier.
    pub fn authority_key_id(&self) -> Option<&[u8]> {
        self.extensions.authority_key_id.as_deref()
    }

    /// SHA-1 of the DER: Azure's thumbprint.
    pub fn thumbprint(&self) -> [u8; 20] {
        crypto::sha1(&self.der)
    }

    /// `x5t`: the thumbprint in base64url.
    pub fn x5t(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.thumbprint())
    }

    /// True when its key is the public half of `key`.
    pub fn belongs_to(&self, key: &KeyPair) -> bool {
        self.public_key.kind() == Some(key.kind()) && self.public_key.bits() == key.public_bytes()
    }

    /// True when `issuer` is named as the one who signed, and did.
    pub fn is_signed_by(&self, issuer: &Self) -> bool {
        let (Some(form), Some(message)) = (self.form, self.der.get(self.signed.clone())) else {
            return false;
        };
        self.issuer.der() == issuer.subject.der()
            && issuer.public_key.verify(form, message, &self.signature)
    }

    /// Sorts certificates into a chain that begins with the one of `key`, each signed by the next; what belongs to no
    /// chain comes at the end in its old order.
    pub fn chain(mut certificates: Vec<Self>, key: &KeyPair) -> Option<Vec<Self>> {
        let leaf = certificates.iter().position(|c| c.belongs_to(key))?;
        let mut chain = vec![certificates.remove(leaf)];
        while let Some(last) = chain.last() {
            let next = certificates.iter().position(|c| last.issuer.der() == c.subject.der());
            match next {
                Some(at) => chain.push(certificates.remove(at)),
                None => break,
            }
        }
        chain.append(&mut certificates);
        Some(chain)
    }
}

fn read(der: &[u8]) -> Option<Certificate> {
    let mut outer = Node::only(der).filter(|n| n.tag == tag::SEQUENCE)?.reader();
    let tbs = outer.expect(tag::SEQUENCE)?;
    let form = read_form(&outer.expect(tag::SEQUENCE)?);
    let signature = outer.expect(tag::BIT_STRING)?.bits()?.to_vec();
    let start = der.len() - Node::only(der)?.content.len();
    let mut inside = tbs.reader();
    inside.take(tag::context(0));
    let serial = inside.expect(tag::INTEGER)?;
    if serial.content.len() > 32 {
        return None;
    }
    let zeros = serial.content.iter().take_while(|b| **b == 0).count();
    let serial = serial.content.get(zeros..)?.to_vec();
    inside.expect(tag::SEQUENCE)?;
    let issuer = Name::from_der(inside.expect(tag::SEQUENCE)?.whole)?;
    let mut validity = inside.sequence()?;
    let (not_before, not_after) = (validity.node()?.time()?, validity.node()?.time()?);
    let subject = Name::from_der(inside.expect(tag::SEQUENCE)?.whole)?;
    let public_key = PublicKey::from_der(inside.expect(tag::SEQUENCE)?.whole)?;
    let mut extensions = Extensions::default();
    while let Some(node) = inside.node() {
        if node.tag == tag::context(3) {
            extensions = read_extensions(&mut node.reader())?;
        }
    }
    Some(Certificate {
        der: der.to_vec(),
        signed: start..start + tbs.whole.len(),
        form,
        signature,
        serial,
        issuer,
        subject,
        not_before,
        not_after,
        public_key,
        extensions,
    })
}

/// Reads `Extensions`; those that are none of ours are passed by.
pub(crate) fn read_extensions(reader: &mut Reader<'_>) -> Option<Extensions> {
    let mut found = Extensions::default();
    for node in reader.sequence()?.all(EXTENSIONS_MAX)? {
        let mut extension = Reader::new(node.whole).sequence()?;
        let oid = extension.oid()?;
        extension.take(tag::BOOLEAN);
        let value = extension.octets()?;
        found.take(&oid, value)?;
    }
    Some(found)
}

impl Extensions {
    fn take(&mut self, oid: &str, value: &[u8]) -> Option<()> {
        match oid {
            oids::SUBJECT_ALT_NAME => self.names = AlternativeNames::from_der(value)?,
            oids::KEY_USAGE => {
                self.usage = KeyUsage::from_bits(Node::only(value)?.named_bits()?);
            }
            oids::EXTENDED_KEY_USAGE => {
                let usages = Reader::new(value).sequence()?.all(EXTENSIONS_MAX)?;
                self.extended_usage = usages.iter().map(Node::oid).collect::<Option<_>>()?;
            }
            oids::BASIC_CONSTRAINTS => {
                let mut inside = Reader::new(value).sequence()?;
                let is_authority = inside.take(tag::BOOLEAN);
                self.is_authority = is_authority.and_then(|n| n.boolean()).unwrap_or(false);
                self.path_length = inside.take(tag::INTEGER).and_then(|n| n.number());
            }
            oids::SUBJECT_KEY_ID => self.subject_key_id = Some(Node::only(value)?.content.to_vec()),
            oids::AUTHORITY_KEY_ID => {
                let mut inside = Reader::new(value).sequence()?;
                self.authority_key_id = inside.take(tag::implicit(0)).map(|id| id.content.to_vec());
            }
            oids::TLS_FEATURE => self.must_staple = true,
            _ => {}
        }
        Some(())
    }
}
