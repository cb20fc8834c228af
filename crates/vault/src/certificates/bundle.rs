//! What is public of a certificate's version, as it is stored with it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::{KeyKind, KeyPair};
use pki::Certificate;
use serde_json::{Map, Value, json};

use super::{ContentType, Policy};
use crate::keys::{Family, KeyType};
use crate::{Found, Kind, Object, Vault, VaultError, Version};

/// A version's certificate and chain.
#[derive(Clone, Debug)]
pub struct CertificateFacts {
    /// The certificate.
    pub certificate: Certificate,
    /// Those above it, as they came.
    pub chain: Vec<Certificate>,
    /// Form of the secret twin.
    pub content_type: String,
}

const ORDER: &str = "preserveCertOrder";

impl Version {
    /// True when a certificate's chain stands in the order in which it came.
    pub fn keeps_chain_order(&self) -> bool {
        keeps_order(self.facts.get(ORDER))
    }
}

/// Whether a chain stays as it came: what is stored of it.
pub(super) fn keeps_order(stored: Option<&Value>) -> bool {
    stored.and_then(Value::as_bool).unwrap_or(false)
}

/// The facts of a new version.
pub(super) fn facts(
    chain: &[Certificate],
    keeps_order: bool,
    content_type: ContentType,
) -> Map<String, Value> {
    let mut facts = Map::new();
    if let Some(leaf) = chain.first() {
        facts.insert("x5t".into(), json!(leaf.x5t()));
        facts.insert("cer".into(), json!(STANDARD.encode(leaf.der())));
        facts.insert("subject".into(), json!(leaf.subject().to_string()));
    }
    let above: Vec<String> = chain.iter().skip(1).map(|c| STANDARD.encode(c.der())).collect();
    facts.insert("chain".into(), json!(above));
    facts.insert("contentType".into(), json!(content_type.name()));
    if keeps_order {
        facts.insert(ORDER.into(), json!(true));
    }
    facts
}

impl CertificateFacts {
    /// Reads those of a version.
    pub fn of(version: &Version) -> Option<Self> {
        let read = |text: &str| Certificate::from_der(&STANDARD.decode(text).ok()?).ok();
        let chain = version.facts.get("chain").and_then(Value::as_array);
        Some(Self {
            certificate: read(version.text("cer")?)?,
            chain: chain.into_iter().flatten().filter_map(|c| read(c.as_str()?)).collect(),
            content_type: version.text("contentType")?.to_owned(),
        })
    }

    /// The certificate, then those above it.
    pub fn whole(&self) -> Vec<Certificate> {
        let mut whole = vec![self.certificate.clone()];
        whole.extend(self.chain.iter().cloned());
        whole
    }
}

impl Policy {
    /// The policy of a certificate.
    pub fn of(object: &Object) -> Option<Self> {
        policy_of(object)
    }
}

pub(super) fn policy_of(object: &Object) -> Option<Policy> {
    Policy::from_json(object.settings.get("policy")?)
}

impl Vault {
    /// The policy of a certificate, which is there from its first request on.
    pub fn certificate_policy(&self, name: &str) -> Result<Policy, VaultError> {
        let object = self.live(Kind::Certificate, name)?;
        policy_of(&object).ok_or_else(|| VaultError::damaged(name))
    }

    /// Refuses policies with an -HSM kind of key in a standard vault.
    pub(crate) fn require_policy_hardware(&self, policy: &Policy) -> Result<(), VaultError> {
        let family = if matches!(policy.key, KeyKind::Rsa(_)) { Family::Rsa } else { Family::Ec };
        self.require_hardware(KeyType { family, hsm: policy.hsm })
    }

    /// True when a version's key may leave the vault: its twin says what it was made for. Policies change, keys do not.
    pub(crate) fn is_exportable(&self, found: &Found) -> bool {
        let twin = self.shelf.object(Kind::Key, &found.object.name).filter(|twin| twin.managed);
        let version = twin.as_ref().and_then(|twin| twin.version(Some(&found.version.id)));
        version.is_some_and(|version| version.attributes.exportable == Some(true))
    }

    /// The private key of a version.
    pub(crate) fn certificate_key(&self, found: &Found) -> Result<KeyPair, VaultError> {
        Ok(KeyPair::from_der(self.shelf.open(&found.object, &found.version)?.expose())?)
    }
}
