//! A new version with its twins, in one transaction: the certificate, the key it belongs to, and the secret that holds both.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use crypto::{KeyKind, KeyPair};
use pki::pkcs12::{self, Strength};
use pki::{Certificate, pem};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::bundle::facts;
use super::{ContentType, Policy};
use crate::{AttributeChange, Attributes, Change, Kind, Object, Tags, Vault, VaultError, Version};

/// What a new version is made of.
pub(super) struct NewVersion<'a> {
    pub(super) id: &'a str,
    pub(super) key: &'a KeyPair,
    /// The certificate, then those above it.
    pub(super) chain: &'a [Certificate],
    /// The chain stays as it came.
    pub(super) keeps_order: bool,
    pub(super) policy: &'a Policy,
    pub(super) change: AttributeChange,
    pub(super) tags: Option<Tags>,
}

impl Vault {
    /// Adds a version to `object` and to its twins.
    pub(super) fn add_version(
        &self,
        writing: &mut Change<'_>,
        object: Object,
        new: &NewVersion<'_>,
        now: i64,
    ) -> Result<(), VaultError> {
        let leaf = new.chain.first();
        let leaf = leaf.ok_or_else(|| VaultError::bad_parameter("There is no certificate."))?;
        let attributes = Attributes {
            nbf: Some(leaf.not_before()),
            exp: Some(leaf.not_after()),
            ..new.change.create(now)
        };
        let version = |facts, attributes| Version {
            id: new.id.to_owned(),
            attributes,
            tags: new.tags.clone(),
            facts,
            order: 0,
        };
        let name = object.name.clone();
        let pkcs8 = new.key.to_pkcs8()?;
        let own = version(facts(new.chain, new.keeps_order, new.policy.content_type), attributes);
        writing.add(object, own, pkcs8.expose())?;

        let twin = |writing: &Change<'_>, kind| -> Result<Object, VaultError> {
            let mut twin = match writing.object(kind, &name) {
                Some(twin) if twin.managed => twin,
                Some(_) => return Err(taken(kind, &name)),
                None => Object::new(kind, &name),
            };
            twin.managed = true;
            twin.deleted = None;
            Ok(twin)
        };
        let key_twin = twin(writing, Kind::Key)?;
        let exportable = Some(new.policy.exportable);
        let key_version =
            version(key_facts(new.key, new)?, Attributes { exportable, ..attributes });
        writing.add(key_twin, key_version, pkcs8.expose())?;

        let secret_twin = twin(writing, Kind::Secret)?;
        let mut secret_facts = Map::new();
        secret_facts.insert("contentType".into(), json!(new.policy.content_type.name()));
        // a path: the host is the one by which a client comes
        secret_facts.insert("kid".into(), json!(format!("/keys/{name}/{}", new.id)));
        let value = secret_value(new)?;
        writing.add(secret_twin, version(secret_facts, attributes), &value)
    }
}

fn taken(kind: Kind, name: &str) -> VaultError {
    let word = kind.word();
    VaultError::new(
        409,
        "Conflict",
        format!(
            "A {word} named {name} exists already; a certificate needs its name for a {word} of its own."
        ),
    )
}

/// What the secret twin holds: key and chain, or the chain alone where the key may not leave.
fn secret_value(new: &NewVersion<'_>) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    packed(new.policy.exportable.then_some(new.key), new.chain, new.policy.content_type)
}

/// Key and chain, or the chain alone, as text.
pub(super) fn packed(
    key: Option<&KeyPair>,
    chain: &[Certificate],
    form: ContentType,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let text = match (form, key) {
        (ContentType::Pem, Some(key)) => pem::bundle(key, chain)?.expose().to_owned(),
        (ContentType::Pem, None) => pem::certificates(chain),
        (ContentType::Pkcs12, Some(key)) => {
            STANDARD.encode(&*pkcs12::write(key, chain, "", Strength::Modern)?)
        }
        (ContentType::Pkcs12, None) => {
            STANDARD.encode(&*pkcs12::write_certificates(chain, "", Strength::Modern)?)
        }
    };
    Ok(Zeroizing::new(text.into_bytes()))
}

/// The key twin: its public half as JWK members, and what it may be used for, in the facts; PKCS#8 as its value.
fn key_facts(key: &KeyPair, new: &NewVersion<'_>) -> Result<Map<String, Value>, VaultError> {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let suffix = if new.policy.hsm { "-HSM" } else { "" };
    let mut facts = Map::new();
    let mut operations = vec!["sign", "verify"];
    if let Some((n, e)) = key.rsa_components() {
        facts.insert("kty".into(), json!(format!("RSA{suffix}")));
        facts.insert("n".into(), json!(text(&n)));
        facts.insert("e".into(), json!(text(&e)));
        operations.extend(["encrypt", "decrypt", "wrapKey", "unwrapKey"]);
    } else {
        let (curve, size) = match key.kind() {
            KeyKind::P256 => ("P-256", 32),
            KeyKind::P384 => ("P-384", 48),
            KeyKind::P521 => ("P-521", 66),
            KeyKind::P256K => ("P-256K", 32),
            KeyKind::Rsa(_) | KeyKind::Ed25519 => return Err(unfit()),
        };
        let point = key.public_bytes();
        let (x, y) =
            point.get(1..).and_then(|both| both.split_at_checked(size)).ok_or_else(unfit)?;
        facts.insert("kty".into(), json!(format!("EC{suffix}")));
        facts.insert("crv".into(), json!(curve));
        facts.insert("x".into(), json!(text(x)));
        facts.insert("y".into(), json!(text(y)));
    }
    facts.insert("key_ops".into(), json!(operations));
    Ok(facts)
}

fn unfit() -> VaultError {
    VaultError::bad_parameter(
        "The certificate's key is of a kind that Key Vault does not have; use RSA, P-256, P-384, P-521 or P-256K.",
    )
}
