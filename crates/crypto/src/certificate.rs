//! X.509 certificates, read: names, times, thumbprints, public key.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use crate::{CryptoError, RsaPublicKey, sha1, sha256};

/// No certificate is larger; a larger one is refused before it is read.
const DER_BYTES_MAX: usize = 64 * 1024;

/// A certificate and what is read from it.
#[derive(Clone, Debug)]
pub struct Certificate {
    der: Vec<u8>,
    subject: String,
    not_before: i64,
    not_after: i64,
    is_authority: bool,
    dns_names: Vec<String>,
    addresses: Vec<IpAddr>,
    public_key: Vec<u8>,
    rsa: Option<RsaPublicKey>,
}

impl Certificate {
    /// Reads the first certificate of a PEM text.
    pub fn from_pem(pem: &str) -> Result<Self, CryptoError> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| CryptoError::Certificate("no PEM certificate found in the text".into()))?;
        Self::from_der(&der)
    }

    /// Reads DER.
    pub fn from_der(der: &[u8]) -> Result<Self, CryptoError> {
        let bad = || CryptoError::Certificate("this is no X.509 certificate".into());
        if der.len() > DER_BYTES_MAX {
            return Err(bad());
        }
        let (rest, parsed) = X509Certificate::from_der(der).map_err(|_| bad())?;
        if !rest.is_empty() {
            return Err(bad());
        }
        let (dns_names, addresses) = alternative_names(&parsed);
        Ok(Self {
            subject: parsed.subject().to_string(),
            not_before: parsed.validity().not_before.timestamp(),
            not_after: parsed.validity().not_after.timestamp(),
            is_authority: parsed.is_ca(),
            dns_names,
            addresses,
            public_key: parsed.public_key().subject_public_key.data.to_vec(),
            rsa: rsa_key(&parsed),
            der: der.to_vec(),
        })
    }

    /// DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// PEM.
    pub fn to_pem(&self) -> String {
        pem_text("CERTIFICATE", &self.der)
    }

    /// Subject as text, `CN=...`.
    pub fn subject(&self) -> &str {
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

    /// True for a certificate authority's certificate.
    pub fn is_authority(&self) -> bool {
        self.is_authority
    }

    /// DNS names it stands for.
    pub fn dns_names(&self) -> &[String] {
        &self.dns_names
    }

    /// Addresses it stands for.
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// The RSA public key, when it has one.
    pub fn rsa_public_key(&self) -> Option<&RsaPublicKey> {
        self.rsa.as_ref()
    }

    /// SHA-1 of the DER: `x5t`.
    pub fn thumbprint_sha1(&self) -> [u8; 20] {
        sha1(&self.der)
    }

    /// SHA-256 of the DER: `x5t#S256`.
    pub fn thumbprint_sha256(&self) -> [u8; 32] {
        sha256(&self.der)
    }

    /// True when `issuer` signed this certificate.
    pub fn is_signed_by(&self, issuer: &Self) -> bool {
        let (Ok((_, me)), Ok((_, above))) =
            (X509Certificate::from_der(&self.der), X509Certificate::from_der(&issuer.der))
        else {
            return false;
        };
        me.issuer() == above.subject() && me.verify_signature(Some(above.public_key())).is_ok()
    }

    /// The bits of the public key, as in SubjectPublicKeyInfo.
    pub(crate) fn public_key_bits(&self) -> &[u8] {
        &self.public_key
    }
}

fn alternative_names(parsed: &X509Certificate<'_>) -> (Vec<String>, Vec<IpAddr>) {
    let (mut names, mut addresses) = (Vec::new(), Vec::new());
    let Ok(Some(extension)) = parsed.subject_alternative_name() else { return (names, addresses) };
    for name in &extension.value.general_names {
        match name {
            GeneralName::DNSName(name) => names.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => addresses.extend(address(bytes)),
            _ => {}
        }
    }
    (names, addresses)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    v4.or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))
}

fn rsa_key(parsed: &X509Certificate<'_>) -> Option<RsaPublicKey> {
    match parsed.public_key().parsed().ok()? {
        PublicKey::RSA(key) => RsaPublicKey::from_components(key.modulus, key.exponent).ok(),
        _ => None,
    }
}

/// A block of PEM, 64 characters a line.
pub fn pem_text(label: &str, der: &[u8]) -> String {
    let body = zeroize::Zeroizing::new(STANDARD.encode(der));
    let mut text = String::with_capacity(body.len() + body.len() / 32 + 2 * label.len() + 40);
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    let mut rest = body.as_str();
    while !rest.is_empty() {
        let (line, tail) = rest.split_at(rest.len().min(64)); // base64 is ASCII
        text.push_str(line);
        text.push('\n');
        rest = tail;
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}

#[cfg(test)]
mod tests;
