//! Certificates, issued: a template says what stands in them, a key or an authority signs.

use crypto::{KeyPair, random_bytes};

use crate::algorithm::write_form;
use crate::der::{Writer, tag};
use crate::{AlternativeNames, Certificate, KeyUsage, Name, PkiError, PublicKey, oids};

/// What a certificate is to say.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// Whom it stands for.
    pub subject: Name,
    /// What else it stands for.
    pub names: AlternativeNames,
    /// What its key may be used for.
    pub usage: KeyUsage,
    /// Extended key usages, dotted.
    pub extended_usage: Vec<String>,
    /// First second of validity, since 1970.
    pub not_before: i64,
    /// Last second of validity.
    pub not_after: i64,
    /// Set for a certificate authority.
    pub authority: Option<Authority>,
    /// Where the authority's revocation list is.
    pub crl_url: Option<String>,
    /// Where the authority's OCSP responder is.
    pub ocsp_url: Option<String>,
    /// Where the authority's own certificate is.
    pub issuer_url: Option<String>,
    /// Marks an OCSP responder's certificate, which nobody asks OCSP about.
    pub ocsp_no_check: bool,
    /// The value of `acmeIdentifier` (tls-alpn-01).
    pub acme_identifier: Option<[u8; 32]>,
}

/// The part of a template that makes an authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Authorities that may stand below it; none for no limit.
    pub path_length: Option<u64>,
}

impl Template {
    fn check(&self) -> Result<(), PkiError> {
        self.names.check()?;
        if self.not_after < self.not_before {
            return Err(PkiError::Value("the certificate would end before it begins".to_owned()));
        }
        if self.subject.is_empty() && self.names.is_empty() {
            return Err(PkiError::Value(
                "a certificate needs a subject or a subject alternative name".to_owned(),
            ));
        }
        match self.extended_usage.iter().find(|u| crate::der::Oid::parse(u).is_none()) {
            Some(bad) => Err(PkiError::Value(format!("'{bad}' is no object identifier"))),
            None => Ok(()),
        }
    }

    /// The extensions that do not depend on who signs; requests ask for the same ones.
    pub(crate) fn write_extensions(&self, w: &mut Writer) {
        match self.authority {
            Some(authority) => extension(w, oids::BASIC_CONSTRAINTS, true, |w| {
                w.sequence(|w| {
                    w.boolean(true);
                    authority.path_length.iter().for_each(|n| w.number(*n));
                });
            }),
            None => extension(w, oids::BASIC_CONSTRAINTS, true, |w| w.sequence(|_| {})),
        }
        if !self.usage.is_empty() {
            extension(w, oids::KEY_USAGE, true, |w| w.named_bits(self.usage.bits()));
        }
        if !self.extended_usage.is_empty() {
            extension(w, oids::EXTENDED_KEY_USAGE, false, |w| {
                w.sequence(|w| self.extended_usage.iter().for_each(|u| w.oid(u)));
            });
        }
        if !self.names.is_empty() {
            // critical where there is no subject to go by, as RFC 5280 wants
            let names = self.names.der();
            extension(w, oids::SUBJECT_ALT_NAME, self.subject.is_empty(), |w| w.raw(&names));
        }
        if let Some(digest) = &self.acme_identifier {
            extension(w, oids::ACME_IDENTIFIER, true, |w| w.octets(digest));
        }
    }

    fn write_places(&self, w: &mut Writer) {
        if let Some(url) = &self.crl_url {
            extension(w, oids::CRL_DISTRIBUTION_POINTS, false, |w| {
                w.sequence(|w| {
                    w.sequence(|w| {
                        w.wrap(tag::context(0), |w| {
                            w.wrap(tag::context(0), |w| {
                                w.value(tag::implicit(6), url.as_bytes());
                            });
                        });
                    });
                });
            });
        }
        if self.ocsp_url.is_some() || self.issuer_url.is_some() {
            let places = [(oids::OCSP, &self.ocsp_url), (oids::CA_ISSUERS, &self.issuer_url)];
            extension(w, oids::AUTHORITY_INFO, false, |w| {
                w.sequence(|w| {
                    for (method, url) in places {
                        let Some(url) = url else { continue };
                        w.sequence(|w| {
                            w.oid(method);
                            w.value(tag::implicit(6), url.as_bytes());
                        });
                    }
                });
            });
        }
        if self.ocsp_no_check {
            extension(w, oids::OCSP_NO_CHECK, false, Writer::null);
        }
    }
}

/// One extension whose value `fill` writes.
pub(crate) fn extension(w: &mut Writer, oid: &str, critical: bool, fill: impl FnOnce(&mut Writer)) {
    w.sequence(|w| {
        w.oid(oid);
        if critical {
            w.boolean(true);
        }
        w.wrap(tag::OCTET_STRING, fill);
    });
}

/// Who signs certificates and lists: a certificate and its key.
pub struct Issuer {
    certificate: Certificate,
    key: KeyPair,
}

impl Issuer {
    /// Refused when the two do not belong together or the certificate is none of an authority.
    pub fn new(certificate: Certificate, key: KeyPair) -> Result<Self, PkiError> {
        if !certificate.belongs_to(&key) {
            return Err(PkiError::Missing(
                "the authority's certificate and key do not belong together",
            ));
        }
        if !certificate.is_authority() {
            return Err(PkiError::Missing("the certificate is none of a certificate authority"));
        }
        Ok(Self { certificate, key })
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub(crate) fn key(&self) -> &KeyPair {
        &self.key
    }

    /// Issues a certificate for a public key. It never outlives the authority.
    pub fn issue(
        &self,
        template: &Template,
        public_key: &PublicKey,
        serial: &[u8],
    ) -> Result<Certificate, PkiError> {
        let mut template = template.clone();
        template.not_after = template.not_after.min(self.certificate.not_after());
        let issuer_id = self.certificate.subject_key_id();
        let issuer_id = issuer_id.unwrap_or_default().to_vec();
        issue(&template, self.certificate.subject(), &issuer_id, &self.key, public_key, serial)
    }
}

/// Issues a certificate signed by its own key.
pub fn self_signed(
    template: &Template,
    key: &KeyPair,
    serial: &[u8],
) -> Result<Certificate, PkiError> {
    let public_key = PublicKey::from_der(key.spki()).ok_or(PkiError::Format("public key"))?;
    let own_id = public_key.identifier();
    issue(template, &template.subject, &own_id, key, &public_key, serial)
}

/// A serial number: 16 bytes of chance, positive, never zero.
pub fn new_serial() -> Result<Vec<u8>, PkiError> {
    let mut serial: [u8; 16] = random_bytes()?;
    if let Some(first) = serial.first_mut() {
        *first = (*first & 0x7f) | 0x40;
    }
    Ok(serial.to_vec())
}

fn issue(
    template: &Template,
    issuer: &Name,
    issuer_id: &[u8],
    key: &KeyPair,
    public_key: &PublicKey,
    serial: &[u8],
) -> Result<Certificate, PkiError> {
    template.check()?;
    let form = key.form();
    let tbs = Writer::build(|w| {
        w.sequence(|w| {
            w.wrap(tag::context(0), |w| w.number(2));
            w.unsigned(serial);
            write_form(w, form);
            w.raw(issuer.der());
            w.sequence(|w| {
                w.time(template.not_before);
                w.time(template.not_after);
            });
            w.raw(&subject_der(&template.subject));
            w.raw(public_key.der());
            w.wrap(tag::context(3), |w| {
                w.sequence(|w| {
                    template.write_extensions(w);
                    extension(w, oids::SUBJECT_KEY_ID, false, |w| {
                        w.octets(&public_key.identifier());
                    });
                    if !issuer_id.is_empty() {
                        extension(w, oids::AUTHORITY_KEY_ID, false, |w| {
                            w.sequence(|w| w.value(tag::implicit(0), issuer_id));
                        });
                    }
                    template.write_places(w);
                });
            });
        });
    });
    let signature = key.sign(form, &tbs)?;
    Certificate::from_der(&signed(&tbs, form, &signature))
}

pub(crate) fn subject_der(name: &Name) -> Vec<u8> {
    if name.is_empty() { Writer::build(|w| w.sequence(|_| {})) } else { name.der().to_vec() }
}

/// The frame that certificates, requests and lists share: what is signed, how, and the signature.
pub(crate) fn signed(tbs: &[u8], form: crypto::SignatureForm, signature: &[u8]) -> Vec<u8> {
    Writer::build(|w| {
        w.sequence(|w| {
            w.raw(tbs);
            write_form(w, form);
            w.bits(signature);
        });
    })
}
