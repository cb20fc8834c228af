//! Certificates that come with their key: PKCS#12 and PEM, in every encoding that clients use.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use crypto::{KeyKind, KeyPair, SecretText};
use pki::pem::Bundle;
use pki::{Certificate, PkiError, pem, pkcs12};
use serde_json::Value;
use zeroize::Zeroizing;

use super::bundle::policy_of;
use super::twins::NewVersion;
use super::{ContentType, LifetimeAction, Policy, Trigger, check_certificate_name};
use crate::{AttributeChange, Found, Kind, Object, Pending, Tags, Vault, VaultError};

/// A certificate to be taken in.
pub struct NewImport {
    /// As sent: PEM, or base64 of PEM or PKCS#12.
    pub value: SecretText,
    /// Opens the file.
    pub password: Option<SecretText>,
    /// As sent.
    pub policy: Value,
    /// Attributes.
    pub attributes: AttributeChange,
    /// Tags.
    pub tags: Option<Tags>,
    /// The certificates stay in the order of the file.
    pub keeps_order: bool,
}

/// Base64 of either alphabet, with or without padding and line ends.
pub(super) fn any_base64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut plain = Zeroizing::new(String::with_capacity(text.len()));
    for c in text.chars().filter(|c| !c.is_ascii_whitespace() && *c != '=') {
        plain.push(match c {
            '+' => '-',
            '/' => '_',
            c => c,
        });
    }
    URL_SAFE_NO_PAD.decode(plain.as_bytes()).ok().map(Zeroizing::new)
}

/// The chain of `key`: as it came where that is wanted and the key's certificate comes first, else sorted.
pub(super) fn in_order(
    chain: Vec<Certificate>,
    key: &KeyPair,
    keeps_order: bool,
) -> Option<Vec<Certificate>> {
    let stays = keeps_order && chain.first().is_some_and(|c| c.belongs_to(key));
    if stays { Some(chain) } else { Certificate::chain(chain, key) }
}

/// Certificates of a merge: DER, base64 of DER, or PEM, each perhaps in one more layer of base64.
pub fn merged_certificates(x5c: &Value) -> Result<Vec<Certificate>, VaultError> {
    const CERTIFICATES_MAX: usize = 50;
    let bad = || VaultError::bad_parameter("Property x5c must be a list of base64 certificates.");
    let list =
        x5c.as_array().filter(|l| (1..=CERTIFICATES_MAX).contains(&l.len())).ok_or_else(bad)?;
    let mut found = Vec::new();
    for text in list {
        let mut bytes = any_base64(text.as_str().ok_or_else(bad)?).ok_or_else(bad)?;
        for _ in 0..3 {
            if let Ok(certificate) = Certificate::from_der(&bytes) {
                found.push(certificate);
                break;
            }
            let text = std::str::from_utf8(&bytes).map_err(|_| bad())?;
            if text.contains("-----BEGIN") {
                found.extend(pem::read(text, "")?.certificates);
                break;
            }
            bytes = any_base64(text).ok_or_else(bad)?;
        }
    }
    if found.is_empty() { Err(bad()) } else { Ok(found) }
}

/// Reads what was sent, and tells its form.
fn read(value: &str, password: &str) -> Result<(Bundle, ContentType), VaultError> {
    if value.contains("-----BEGIN") {
        return Ok((pem::read(value, password).map_err(unreadable)?, ContentType::Pem));
    }
    let bytes = any_base64(value).ok_or_else(|| {
        VaultError::bad_parameter("Property value is neither PEM nor base64 of a PFX or PEM file.")
    })?;
    if let Ok(text) = std::str::from_utf8(&bytes)
        && text.contains("-----BEGIN")
    {
        return Ok((pem::read(text, password).map_err(unreadable)?, ContentType::Pem));
    }
    if let Ok(text) = std::str::from_utf8(&bytes)
        && let Some(inner) = any_base64(text)
    {
        return Ok((pkcs12::read(&inner, password).map_err(unreadable)?, ContentType::Pkcs12));
    }
    Ok((pkcs12::read(&bytes, password).map_err(unreadable)?, ContentType::Pkcs12))
}

fn unreadable(error: PkiError) -> VaultError {
    let message = match error {
        PkiError::Password => {
            "The specified password is not correct, or the file is damaged.".to_owned()
        }
        other => format!("The specified PKCS#12 or PEM certificate cannot be read: {other}."),
    };
    VaultError::bad_parameter(message)
}

impl Vault {
    /// Takes a certificate with its key in, as a new version. Its policy says issuer `Unknown` unless the caller
    /// names one: nobody here made it, so nobody here replaces it. What the policy says of the certificate is what the
    /// certificate says, as in Azure.
    pub fn import_certificate(
        &self,
        name: &str,
        import: NewImport,
        now: i64,
    ) -> Result<Found, VaultError> {
        check_certificate_name(name)?;
        let password = import.password.as_ref().map_or("", SecretText::expose);
        let (bundle, form) = read(import.value.expose(), password)?;
        let key = bundle.key.ok_or_else(|| {
            VaultError::bad_parameter("The specified certificate has no private key in its file.")
        })?;
        let chain = in_order(bundle.certificates, &key, import.keeps_order).ok_or_else(|| {
            VaultError::bad_parameter("The file holds no certificate for its private key.")
        })?;
        let id = crate::new_version_id()?;
        let mut writing = self.shelf.change();
        let object = writing.object(Kind::Certificate, name);
        self.require_free(Kind::Certificate, name, object.as_ref())?;
        let mut object = object.unwrap_or_else(|| Object::new(Kind::Certificate, name));
        if object.settings.get("pending").and_then(Pending::from_json).is_some_and(|p| p.is_open())
        {
            return Err(VaultError::new(
                409,
                "Conflict",
                format!(
                    "A new key vault certificate can not be created or imported while a pending key vault certificate's status is inProgress: {name}"
                ),
            ));
        }
        let leaf = chain.first().ok_or_else(|| VaultError::bad_parameter("No certificate."))?;
        let own = described(leaf, key.kind(), form, now)?;
        let mut policy = own.clone().changed(&import.policy, now)?;
        let is_rsa = |kind| matches!(kind, KeyKind::Rsa(_));
        if is_rsa(policy.key) != is_rsa(key.kind()) {
            return Err(VaultError::bad_parameter(
                "Property policy.key_props.kty is not the kind of the key in the file; leave key_props out, or give the file's.",
            ));
        }
        policy.key = key.kind();
        policy.take_certificate(own);
        if let Some(before) = policy_of(&object) {
            policy.created = before.created;
        }
        self.require_policy_hardware(&policy)?;
        self.check_issuer(&policy.issuer)?;
        object.settings.insert("policy".into(), policy.to_json());
        object.settings.remove("pending");
        let new = NewVersion {
            id: &id,
            key: &key,
            chain: &chain,
            keeps_order: import.keeps_order,
            policy: &policy,
            change: import.attributes,
            tags: import.tags,
        };
        self.add_version(&mut writing, object, &new, now)?;
        writing.commit()?;
        self.find(Kind::Certificate, name, Some(&id))
    }
}

/// The policy that describes a certificate.
fn described(
    certificate: &Certificate,
    key: KeyKind,
    form: ContentType,
    now: i64,
) -> Result<Policy, VaultError> {
    if key == KeyKind::Ed25519 {
        return Err(VaultError::bad_parameter(
            "Ed25519 keys are none of Key Vault's kinds; use RSA, P-256, P-384, P-521 or P-256K.",
        ));
    }
    let mut policy = Policy::standard(&certificate.subject().to_string(), "Unknown", now);
    policy.key = key;
    policy.content_type = form;
    policy.names = certificate.names().clone();
    policy.extended_usage = certificate.extended_usage().to_vec();
    policy.usage = certificate.usage();
    let days = certificate.not_after().saturating_sub(certificate.not_before()) / crate::DAY;
    policy.months = u32::try_from((days + 15) / 30).unwrap_or(1).clamp(1, 1200);
    policy.actions = vec![LifetimeAction { trigger: Trigger::Percentage(80), renews: false }];
    Ok(policy)
}

/// Standard base64, as `cer` and `csr` stand on the wire.
pub fn standard_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}
