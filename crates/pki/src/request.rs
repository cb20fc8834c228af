//! Certificate signing requests (PKCS#10): made from a template, read and verified.

use crypto::KeyPair;

use crate::algorithm::read_form;
use crate::certificate::{Extensions, read_extensions};
use crate::der::{Node, Reader, Writer, tag};
use crate::issue::{signed, subject_der};
use crate::{AlternativeNames, KeyUsage, Name, PkiError, PublicKey, Template, oids};

const DER_BYTES_MAX: usize = 64 * 1024;
const ATTRIBUTES_MAX: usize = 50;

/// A request whose signature was verified.
#[derive(Clone, Debug)]
pub struct SigningRequest {
    der: Vec<u8>,
    subject: Name,
    public_key: PublicKey,
    extensions: Extensions,
}

impl SigningRequest {
    /// Makes a request for what the template says, signed by the key it is for.
    pub fn create(template: &Template, key: &KeyPair) -> Result<Vec<u8>, PkiError> {
        template.names.check()?;
        let info = Writer::build(|w| {
            w.sequence(|w| {
                w.number(0);
                w.raw(&subject_der(&template.subject));
                w.raw(key.spki());
                w.wrap(tag::context(0), |w| {
                    w.sequence(|w| {
                        w.oid(oids::EXTENSION_REQUEST);
                        w.wrap(tag::SET, |w| w.sequence(|w| template.write_extensions(w)));
                    });
                });
            });
        });
        let form = key.form();
        let signature = key.sign(form, &info)?;
        Ok(signed(&info, form, &signature))
    }

    /// Reads DER. The signature must be that of the key inside: who asks holds the private half.
    pub fn from_der(der: &[u8]) -> Result<Self, PkiError> {
        let none = PkiError::Format("certificate signing request");
        if der.len() > DER_BYTES_MAX {
            return Err(none);
        }
        let (request, is_verified) = read(der).ok_or(none)?;
        if is_verified { Ok(request) } else { Err(PkiError::Signature("signing request")) }
    }

    /// DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whom the certificate is to stand for.
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// The key it is for.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// What else it is to stand for.
    pub fn names(&self) -> &AlternativeNames {
        &self.extensions.names
    }

    /// Key usage asked for.
    pub fn usage(&self) -> KeyUsage {
        self.extensions.usage
    }

    /// Extended key usages asked for.
    pub fn extended_usage(&self) -> &[String] {
        &self.extensions.extended_usage
    }

    /// True when it asks to become an authority.
    pub fn is_authority(&self) -> bool {
        self.extensions.is_authority
    }
}

fn read(der: &[u8]) -> Option<(SigningRequest, bool)> {
    let mut outer = Node::only(der).filter(|n| n.tag == tag::SEQUENCE)?.reader();
    let info = outer.expect(tag::SEQUENCE)?;
    let form = read_form(&outer.expect(tag::SEQUENCE)?)?;
    let signature = outer.expect(tag::BIT_STRING)?.bits()?;
    let mut inside = info.reader();
    inside.expect(tag::INTEGER)?;
    let subject = Name::from_der(inside.expect(tag::SEQUENCE)?.whole)?;
    let public_key = PublicKey::from_der(inside.expect(tag::SEQUENCE)?.whole)?;
    let mut extensions = Extensions::default();
    if let Some(attributes) = inside.take(tag::context(0)) {
        for attribute in attributes.reader().all(ATTRIBUTES_MAX)? {
            let mut attribute = Reader::new(attribute.whole).sequence()?;
            if attribute.oid()? == oids::EXTENSION_REQUEST {
                extensions = read_extensions(&mut attribute.expect(tag::SET)?.reader())?;
            }
        }
    }
    let is_verified = public_key.verify(form, info.whole, signature);
    Some((SigningRequest { der: der.to_vec(), subject, public_key, extensions }, is_verified))
}
