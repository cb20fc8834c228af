//! PEM bundles: certificates and a private key in one text, in any order; written key first.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
pub use crypto::pem_text as block;
use crypto::{KeyPair, SecretText};
use zeroize::Zeroizing;

use crate::{Certificate, PkiError, pkcs12};

/// Longest text that is read.
const TEXT_BYTES_MAX: usize = 1 << 20;
/// Blocks of one text that are read.
const BLOCKS_MAX: usize = 200;

/// Labels of private keys.
const KEY_LABELS: [&str; 3] = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];

/// What a bundle holds.
#[derive(Default)]
pub struct Bundle {
    /// The private key.
    pub key: Option<KeyPair>,
    /// Certificates in the order of the text.
    pub certificates: Vec<Certificate>,
}

/// Reads a bundle; blocks that are neither key nor certificate are passed by. `password` opens an encrypted key.
pub fn read(text: &str, password: &str) -> Result<Bundle, PkiError> {
    let mut bundle = Bundle::default();
    for (label, der) in blocks(text)? {
        match label.as_str() {
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => {
                bundle.certificates.push(Certificate::from_der(&der)?);
            }
            "ENCRYPTED PRIVATE KEY" => {
                let plain = pkcs12::decrypt_key(&der, password)?;
                bundle.key = Some(KeyPair::from_der(plain.expose())?);
            }
            label if KEY_LABELS.contains(&label) && bundle.key.is_none() => {
                bundle.key = Some(KeyPair::from_der(&der)?);
            }
            _ => {}
        }
    }
    Ok(bundle)
}

/// All blocks of a text: label and content.
pub fn blocks(text: &str) -> Result<Vec<(String, Zeroizing<Vec<u8>>)>, PkiError> {
    let bad = || PkiError::Format("PEM text");
    if text.len() > TEXT_BYTES_MAX {
        return Err(bad());
    }
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((_, tail)) = rest.split_once("-----BEGIN ") {
        let (label, tail) = tail.split_once("-----").ok_or_else(bad)?;
        let end = format!("-----END {label}-----");
        let (body, tail) = tail.split_once(end.as_str()).ok_or_else(bad)?;
        if body.contains("Proc-Type:") {
            return Err(PkiError::Value(
                "an encrypted PEM key must be PKCS#8 (BEGIN ENCRYPTED PRIVATE KEY) or come in a PFX; the traditional form (Proc-Type: 4,ENCRYPTED) is not read, `openssl pkcs8 -topk8` converts it".into(),
            ));
        }
        if found.len() == BLOCKS_MAX {
            return Err(bad());
        }
        let body: Zeroizing<String> =
            Zeroizing::new(body.chars().filter(|c| !c.is_ascii_whitespace()).collect());
        let der = Zeroizing::new(STANDARD.decode(body.as_bytes()).map_err(|_| bad())?);
        found.push((label.to_owned(), der));
        rest = tail;
    }
    Ok(found)
}

/// The certificates, one after the other.
pub fn certificates(chain: &[Certificate]) -> String {
    chain.iter().map(|c| block("CERTIFICATE", c.der())).collect()
}

/// Key first, then the certificates: the form of Azure's secrets.
pub fn bundle(key: &KeyPair, chain: &[Certificate]) -> Result<SecretText, PkiError> {
    let pkcs8 = key.to_pkcs8()?;
    let mut text = block("PRIVATE KEY", pkcs8.expose());
    let certificates = certificates(chain);
    let mut whole = String::with_capacity(text.len() + certificates.len());
    whole.push_str(&text);
    whole.push_str(&certificates);
    zeroize::Zeroize::zeroize(&mut text);
    Ok(SecretText::new(whole))
}
