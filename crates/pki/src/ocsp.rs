//! OCSP (RFC 6960): requests read, answers signed by the authority itself, the nonce given back.

use crypto::Hash;

use crate::algorithm::{hash_of, write_form};
use crate::der::{Node, Writer, tag};
use crate::issue::extension;
use crate::{Certificate, Issuer, PkiError, algorithm, oids};

/// Longest request that is read.
pub const REQUEST_BYTES_MAX: usize = 16 * 1024;
/// Certificates asked about at once.
const QUESTIONS_MAX: usize = 50;

/// Which certificate is asked about: its authority by digests, and its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateId {
    hash: Option<Hash>,
    name_hash: Vec<u8>,
    key_hash: Vec<u8>,
    /// Serial number, big endian without leading zeros.
    pub serial: Vec<u8>,
    der: Vec<u8>,
}

impl CertificateId {
    /// True when this authority is meant.
    pub fn is_of(&self, authority: &Certificate) -> bool {
        let Some(hash) = self.hash else { return false };
        let digest = |data: &[u8]| crypto::password_based::digest(hash, data);
        self.name_hash == digest(authority.subject().der())
            && self.key_hash == digest(authority.public_key().bits())
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked about.
    pub certificates: Vec<CertificateId>,
    /// To be given back.
    pub nonce: Option<Vec<u8>>,
}

/// What holds for a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It was issued and holds.
    Good,
    /// It was revoked.
    Revoked {
        /// When, in seconds since 1970.
        at: i64,
        /// Why, by the number of RFC 5280; 0 says nothing.
        reason: u8,
    },
    /// It was never issued here.
    Unknown,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The request is none.
    Malformed = 1,
    /// Something failed inside.
    Internal = 2,
    /// Later.
    TryLater = 3,
    /// Another authority's certificate.
    Unauthorized = 6,
}

impl Request {
    /// Reads DER.
    pub fn from_der(der: &[u8]) -> Result<Self, PkiError> {
        let none = PkiError::Format("OCSP request");
        if der.len() > REQUEST_BYTES_MAX {
            return Err(none);
        }
        read(der).ok_or(none)
    }

    /// DER of a request about one certificate, by SHA-1 as everybody asks.
    pub fn create(certificate: &Certificate, authority: &Certificate, nonce: &[u8]) -> Vec<u8> {
        Writer::build(|w| {
            w.sequence(|w| {
                w.sequence(|w| {
                    w.sequence(|w| {
                        w.sequence(|w| w.raw(&id_der(certificate, authority)));
                    });
                    w.wrap(tag::context(2), |w| {
                        w.sequence(|w| {
                            extension(w, oids::OCSP_NONCE, false, |w| w.octets(nonce));
                        });
                    });
                });
            });
        })
    }
}

fn id_der(certificate: &Certificate, authority: &Certificate) -> Vec<u8> {
    Writer::build(|w| {
        w.sequence(|w| {
            w.sequence(|w| {
                w.oid(algorithm::hash_oid(Hash::Sha1));
                w.null();
            });
            w.octets(&crypto::sha1(authority.subject().der()));
            w.octets(&authority.public_key().identifier());
            w.unsigned(certificate.serial());
        });
    })
}

fn read(der: &[u8]) -> Option<Request> {
    let mut outer = Node::only(der).filter(|n| n.tag == tag::SEQUENCE)?.reader();
    let mut inside = outer.sequence()?;
    inside.take(tag::context(0)); // version
    inside.take(tag::context(1)); // who asks
    let questions = inside.sequence()?.all(QUESTIONS_MAX)?;
    let certificates =
        questions.iter().map(|q| read_id(&q.reader().node()?)).collect::<Option<Vec<_>>>()?;
    let mut nonce = None;
    if let Some(extensions) = inside.take(tag::context(2)) {
        for node in extensions.reader().sequence()?.all(20)? {
            let mut extension = node.reader();
            if extension.oid()? == oids::OCSP_NONCE {
                extension.take(tag::BOOLEAN);
                let value = extension.octets()?;
                nonce = Some(value.to_vec()).filter(|v| v.len() <= 130);
            }
        }
    }
    (!certificates.is_empty()).then_some(Request { certificates, nonce })
}

fn read_id(node: &Node<'_>) -> Option<CertificateId> {
    if node.tag != tag::SEQUENCE {
        return None;
    }
    let mut inside = node.reader();
    let hash = hash_of(&inside.sequence()?.oid()?);
    let (name_hash, key_hash) = (inside.octets()?.to_vec(), inside.octets()?.to_vec());
    let serial = inside.expect(tag::INTEGER)?.unsigned()?.to_vec();
    let der = node.whole.to_vec();
    Some(CertificateId { hash, name_hash, key_hash, serial, der })
}

/// An answer without content.
pub fn failure(failure: Failure) -> Vec<u8> {
    Writer::build(|w| w.sequence(|w| w.value(tag::ENUMERATED, &[failure as u8])))
}

/// The signed answer: what holds for each certificate asked about, valid from `now` to `next_update`.
pub fn answer(
    issuer: &Issuer,
    request: &Request,
    status: impl Fn(&CertificateId) -> Status,
    now: i64,
    next_update: i64,
) -> Result<Vec<u8>, PkiError> {
    let data = Writer::build(|w| {
        w.sequence(|w| {
            w.wrap(tag::context(2), |w| w.octets(&issuer.certificate().public_key().identifier()));
            w.generalized_time(now);
            w.sequence(|w| {
                for id in &request.certificates {
                    w.sequence(|w| {
                        w.raw(&id.der);
                        write_status(w, status(id));
                        w.generalized_time(now);
                        w.wrap(tag::context(0), |w| w.generalized_time(next_update));
                    });
                }
            });
            if let Some(nonce) = &request.nonce {
                w.wrap(tag::context(1), |w| {
                    w.sequence(|w| extension(w, oids::OCSP_NONCE, false, |w| w.raw(nonce)));
                });
            }
        });
    });
    let form = issuer.key().form();
    let signature = issuer.key().sign(form, &data)?;
    Ok(Writer::build(|w| {
        w.sequence(|w| {
            w.value(tag::ENUMERATED, &[0]);
            w.wrap(tag::context(0), |w| {
                w.sequence(|w| {
                    w.oid(oids::OCSP_BASIC);
                    w.wrap(tag::OCTET_STRING, |w| {
                        w.sequence(|w| {
                            w.raw(&data);
                            write_form(w, form);
                            w.bits(&signature);
                        });
                    });
                });
            });
        });
    }))
}

fn write_status(w: &mut Writer, status: Status) {
    match status {
        Status::Good => w.value(tag::implicit(0), &[]),
        Status::Unknown => w.value(tag::implicit(2), &[]),
        Status::Revoked { at, reason } => w.wrap(tag::context(1), |w| {
            w.generalized_time(at);
            if reason != 0 {
                w.wrap(tag::context(0), |w| w.value(tag::ENUMERATED, &[reason]));
            }
        }),
    }
}
