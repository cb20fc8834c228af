//! The instance's certificate authority: a root on ECDSA P-256 that signs the server's own certificate.

use std::net::IpAddr;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm, SigningKey,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use rustls_pki_types::pem::PemObject;

use crate::certificate::pem_text;
use crate::server_certificate::ServerNames;
use crate::{Certificate, CryptoError, RsaAlgorithm, RsaPrivateKey, SecretText, random_bytes};

const DAY: i64 = 24 * 60 * 60;
/// Ten years.
const ROOT_DAYS: i64 = 3652;
/// The most that browsers and Apple's clients accept is 398 days, counted from a start an hour back.
const SERVER_DAYS: i64 = 397;
/// Clocks of clients may be behind ours.
const BACKDATED: i64 = 60 * 60;

/// A certificate with its private key, both in PEM.
pub struct Issued {
    /// The certificate.
    pub certificate_pem: String,
    /// PKCS#8.
    pub key_pem: SecretText,
}

/// A certificate authority that can sign.
pub struct Authority {
    certificate: Certificate,
    issuer: Issuer<'static, EcKey>,
}

impl Authority {
    /// Makes a root named `common_name`, valid for ten years from `now` (seconds since 1970).
    pub fn create(common_name: &str, now: i64) -> Result<(Self, Issued), CryptoError> {
        let key = EcKey::generate()?;
        let mut params = params(common_name, now - BACKDATED, now + ROOT_DAYS * DAY)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let made = params.self_signed(&key).map_err(failed)?;
        let issued = Issued { certificate_pem: made.pem(), key_pem: key.to_pem()? };
        Ok((Self::load(&issued.certificate_pem, issued.key_pem.expose())?, issued))
    }

    /// Reads a root and its key; refused when they do not belong together.
    pub fn load(certificate_pem: &str, key_pem: &str) -> Result<Self, CryptoError> {
        let certificate = Certificate::from_pem(certificate_pem)?;
        let key = EcKey::from_pem(key_pem)?;
        if !certificate.is_authority() || certificate.public_key_bits() != key.der_bytes() {
            return Err(CryptoError::Certificate(
                "the certificate authority's certificate and key do not belong together".into(),
            ));
        }
        let issuer = Issuer::from_ca_cert_pem(certificate_pem, key).map_err(failed)?;
        Ok(Self { certificate, issuer })
    }

    /// The root's certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Issues a server certificate with a new key, valid for 397 days or as long as the root.
    pub fn issue_server(&self, names: &ServerNames, now: i64) -> Result<Issued, CryptoError> {
        let key = EcKey::generate()?;
        let end = (now - BACKDATED + SERVER_DAYS * DAY).min(self.certificate.not_after());
        let common_name = names.dns.first().map_or("localhost", String::as_str);
        let mut params = params(common_name, now - BACKDATED, end)?;
        params.subject_alt_names = alternative_names(names)?;
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let made = params.signed_by(&key, &self.issuer).map_err(failed)?;
        Ok(Issued { certificate_pem: made.pem(), key_pem: key.to_pem()? })
    }
}

/// A certificate by which an RSA key vouches for itself, valid from `start` to `end` (seconds since 1970): the form in
/// which keys of tokens are published beside their numbers.
pub fn self_signed(
    key: &RsaPrivateKey,
    common_name: &str,
    start: i64,
    end: i64,
) -> Result<Certificate, CryptoError> {
    let mut params = params(common_name, start, end)?;
    params.is_ca = IsCa::ExplicitNoCa;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let made = params.self_signed(&RsaKey(key)).map_err(failed)?;
    Certificate::from_der(made.der())
}

fn failed(error: rcgen::Error) -> CryptoError {
    CryptoError::Certificate(format!("the certificate could not be made: {error}"))
}

fn params(common_name: &str, start: i64, end: i64) -> Result<CertificateParams, CryptoError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, "vedette");
    params.distinguished_name.push(DnType::CommonName, common_name);
    set_validity(&mut params, start, end)?;
    let mut serial: [u8; 16] = random_bytes()?;
    serial[0] = (serial[0] & 0x7f) | 0x40; // positive and never zero
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params)
}

/// Last second of the year 9999, since 1970: the end of what a certificate can say.
const TIME_MAX: i64 = 253_402_300_799;

/// Applies `start` and `end` to the fields whose type belongs to a crate that is not named here.
fn set_validity(params: &mut CertificateParams, start: i64, end: i64) -> Result<(), CryptoError> {
    let offset = |seconds: i64| match u64::try_from(seconds) {
        Ok(offset) if seconds <= TIME_MAX => Ok(Duration::from_secs(offset)),
        _ => {
            Err(CryptoError::Certificate("the clock is outside 1970 to 9999; set it right".into()))
        }
    };
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    (params.not_before, params.not_after) = (epoch + offset(start)?, epoch + offset(end)?);
    Ok(())
}

fn alternative_names(names: &ServerNames) -> Result<Vec<SanType>, CryptoError> {
    let dns = names
        .dns
        .iter()
        .map(|name| Ok(SanType::DnsName(name.as_str().try_into().map_err(failed)?)));
    let addresses = names.addresses.iter().map(|a: &IpAddr| Ok(SanType::IpAddress(*a)));
    dns.chain(addresses).collect()
}

/// An ECDSA P-256 key that signs for rcgen and stays inside the library otherwise.
struct EcKey(EcdsaKeyPair);

impl EcKey {
    fn generate() -> Result<Self, CryptoError> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING);
        pair.map(Self).map_err(|_| CryptoError::Key("no P-256 key could be made"))
    }

    fn from_pem(pem: &str) -> Result<Self, CryptoError> {
        let bad = || CryptoError::Key("this is no P-256 private key in PKCS#8 form");
        let der = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| bad())?;
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, der.secret_pkcs8_der());
        pair.map(Self).map_err(|_| bad())
    }

    fn to_pem(&self) -> Result<SecretText, CryptoError> {
        let der =
            self.0.to_pkcs8v1().map_err(|_| CryptoError::Key("the key could not be encoded"))?;
        Ok(SecretText::new(pem_text("PRIVATE KEY", der.as_ref())))
    }
}

impl PublicKeyData for EcKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_key().as_ref()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl SigningKey for EcKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature = self.0.sign(&SystemRandom::new(), message);
        signature.map(|s| s.as_ref().to_vec()).map_err(|_| rcgen::Error::RingUnspecified)
    }
}

/// An RSA key that signs for rcgen.
struct RsaKey<'a>(&'a RsaPrivateKey);

impl PublicKeyData for RsaKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.0.public_der()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl SigningKey for RsaKey<'_> {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(RsaAlgorithm::Rs256, message).map_err(|_| rcgen::Error::RingUnspecified)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::RsaBits;

    #[test]
    fn a_key_vouches_for_itself() {
        let key = RsaPrivateKey::generate(RsaBits::Rsa2048).unwrap();
        let made = self_signed(&key, "tokens", 1_800_000_000, 1_900_000_000).unwrap();
        assert_eq!(made.rsa_public_key(), Some(key.public()));
        assert!(made.is_signed_by(&made) && !made.is_authority());
        assert_eq!((made.not_before(), made.not_after()), (1_800_000_000, 1_900_000_000));
        assert!(made.subject().contains("CN=tokens"), "{}", made.subject());
        assert!(self_signed(&key, "tokens", -1, 0).is_err());
    }
}
