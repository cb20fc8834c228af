//! PKCS#12 files: read in the old and the new encryptions, written in either. The password may be empty.

mod encryption;
mod write;

use crypto::password_based::{Pkcs12Purpose, hmac, pkcs12_key};
use crypto::{KeyPair, SecretBytes};

use crate::algorithm::hash_of;
use crate::der::{Node, Reader, tag};
use crate::{Certificate, PkiError, pem::Bundle};

use encryption::{Password, decrypt};
pub use write::{Strength, write, write_certificates};

/// Longest file that is read.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Bags of one file that are read, over all its safes.
const BAGS_MAX: usize = 200;
/// Safes of one file.
const SAFES_MAX: usize = 20;

const DATA: &str = "1.2.840.113549.1.7.1";
const ENCRYPTED_DATA: &str = "1.2.840.113549.1.7.6";
const KEY_BAG: &str = "1.2.840.113549.1.12.10.1.1";
const SHROUDED_KEY_BAG: &str = "1.2.840.113549.1.12.10.1.2";
const CERTIFICATE_BAG: &str = "1.2.840.113549.1.12.10.1.3";
const X509_CERTIFICATE: &str = "1.2.840.113549.1.9.22.1";
const PBMAC1: &str = "1.2.840.113549.1.5.14";

const NONE: PkiError = PkiError::Format("PKCS#12 file");

/// Reads a file: its first private key, and all certificates in their order.
pub fn read(der: &[u8], password: &str) -> Result<Bundle, PkiError> {
    if der.len() > FILE_BYTES_MAX {
        return Err(NONE);
    }
    let file = frame(der).ok_or(NONE)?;
    let password = match file.mac {
        Some(mac) => check_mac(&mac, file.content, password)?,
        None => Password::new(password),
    };
    let mut bags = Bags { bundle: Bundle::default(), left: BAGS_MAX };
    for safe in Reader::new(file.content).sequence().and_then(|r| r.all(SAFES_MAX)).ok_or(NONE)? {
        let mut safe = safe.reader();
        let kind = safe.oid().ok_or(NONE)?;
        let content = safe.expect(tag::context(0)).ok_or(NONE)?;
        match kind.as_str() {
            DATA => {
                let content = content.reader().octets().ok_or(NONE)?;
                bags.read(content, &password)?;
            }
            ENCRYPTED_DATA => {
                let plain = encrypted_data(&content, &password)?;
                bags.read(plain.expose(), &password)?;
            }
            _ => return Err(NONE),
        }
    }
    Ok(bags.bundle)
}

/// Opens an `EncryptedPrivateKeyInfo`: PKCS#8 in DER comes out.
pub fn decrypt_key(der: &[u8], password: &str) -> Result<SecretBytes, PkiError> {
    let mut inside = Node::only(der).ok_or(PkiError::Format("encrypted private key"))?.reader();
    let algorithm = inside.expect(tag::SEQUENCE).ok_or(NONE)?;
    let data = inside.octets().ok_or(NONE)?;
    decrypt(&algorithm, &Password::new(password), data)
}

/// The outer frame of a file.
struct Frame<'a> {
    content: &'a [u8],
    mac: Option<Node<'a>>,
}

fn frame(der: &[u8]) -> Option<Frame<'_>> {
    let mut outer = Node::only(der).filter(|n| n.tag == tag::SEQUENCE)?.reader();
    if outer.number()? != 3 {
        return None;
    }
    let mut safe = outer.sequence()?;
    if safe.oid()? != DATA {
        return None; // signed with a public key: not used by anybody
    }
    let content = safe.expect(tag::context(0))?.reader().octets()?;
    Some(Frame { content, mac: outer.take(tag::SEQUENCE) })
}

/// Checks the MAC; tells which form of an empty password it was made with.
fn check_mac(mac: &Node<'_>, content: &[u8], password: &str) -> Result<Password, PkiError> {
    let forms = Password::forms(password);
    for form in forms {
        if mac_fits(mac, content, &form)? {
            return Ok(form);
        }
    }
    Err(PkiError::Password)
}

fn mac_fits(mac: &Node<'_>, content: &[u8], password: &Password) -> Result<bool, PkiError> {
    let mut inside = mac.reader();
    let mut digest = inside.sequence().ok_or(NONE)?;
    let algorithm = digest.expect(tag::SEQUENCE).ok_or(NONE)?;
    let tag_bytes = digest.octets().ok_or(NONE)?;
    let salt = inside.octets().ok_or(NONE)?;
    let rounds = if inside.is_empty() { 1 } else { inside.number().ok_or(NONE)? };
    let rounds = u32::try_from(rounds).map_err(|_| NONE)?;
    let oid = algorithm.reader().oid().ok_or(NONE)?;
    let (hash, key) = if oid == PBMAC1 {
        encryption::pbmac1(&algorithm, password)?
    } else {
        let hash = hash_of(&oid).ok_or(PkiError::Format("PKCS#12 file with a known digest"))?;
        let length = hmac(hash, &[], &[]).len();
        let wide = password.wide();
        (hash, pkcs12_key(hash, Pkcs12Purpose::Mac, wide, salt, rounds, length)?)
    };
    Ok(crypto::password_based::verify_hmac(hash, key.expose(), content, tag_bytes))
}

fn encrypted_data(content: &Node<'_>, password: &Password) -> Result<SecretBytes, PkiError> {
    let parts = || {
        let mut data = content.reader().sequence()?;
        data.number()?;
        let mut inner = data.sequence()?;
        inner.oid()?;
        Some((inner.expect(tag::SEQUENCE)?, inner.node()?))
    };
    let (algorithm, text) = parts().ok_or(NONE)?;
    if text.tag == tag::implicit(0) {
        return decrypt(&algorithm, password, text.content);
    }
    // in pieces: BER that some writers use inside of DER
    let pieces = text.reader().all(FILE_BYTES_MAX / 16).ok_or(NONE)?;
    let whole: Vec<u8> = pieces.iter().flat_map(|p| p.content.iter().copied()).collect();
    decrypt(&algorithm, password, &whole)
}

struct Bags {
    bundle: Bundle,
    left: usize,
}

impl Bags {
    fn read(&mut self, der: &[u8], password: &Password) -> Result<(), PkiError> {
        let bags = Node::only(der).and_then(|n| n.reader().all(self.left)).ok_or(NONE)?;
        self.left = self.left.saturating_sub(bags.len());
        bags.iter().try_for_each(|bag| self.bag(bag, password))
    }

    fn bag(&mut self, bag: &Node<'_>, password: &Password) -> Result<(), PkiError> {
        let mut inside = bag.reader();
        let kind = inside.oid().ok_or(NONE)?;
        let value = inside.expect(tag::context(0)).ok_or(NONE)?;
        match kind.as_str() {
            KEY_BAG if self.bundle.key.is_none() => {
                self.bundle.key = Some(KeyPair::from_der(value.content)?);
            }
            SHROUDED_KEY_BAG if self.bundle.key.is_none() => {
                let mut shrouded = value.reader().sequence().ok_or(NONE)?;
                let algorithm = shrouded.expect(tag::SEQUENCE).ok_or(NONE)?;
                let plain = decrypt(&algorithm, password, shrouded.octets().ok_or(NONE)?)?;
                self.bundle.key = Some(KeyPair::from_der(plain.expose())?);
            }
            CERTIFICATE_BAG => {
                let mut bag = value.reader().sequence().ok_or(NONE)?;
                if bag.oid().ok_or(NONE)? == X509_CERTIFICATE {
                    let content = bag.expect(tag::context(0)).ok_or(NONE)?;
                    let der = content.reader().octets().ok_or(NONE)?;
                    self.bundle.certificates.push(Certificate::from_der(der)?);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
