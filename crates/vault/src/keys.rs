//! Keys: made or taken in, and used inside. What leaves is their public half, and what they compute.
//!
//! The sealed value of a version is the key's stored form (PKCS#8, or the bytes of a symmetric key); its facts are the
//! public members of its JWK: `kty`, `n`, `e`, `crv`, `x`, `y`, `key_ops`.

mod cache;
mod jwk;
mod operations;
mod rotation;
mod span;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{Curve, JoseKey, JoseKind, PublicParts};
use serde_json::{Map, Value, json};

pub(crate) use cache::KeyCache;
pub use jwk::{Jwk, jwk_key};
pub use operations::KeyUse;
pub use rotation::{Rotation, RotationPolicy};

use crate::object::{AttributeChange, Object, Tags, Version};
use crate::{Found, Kind, Vault, VaultError, check_name, new_version_id};

/// `kty`: the family, and whether it is said to live in hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyType {
    /// `RSA`, `EC` or `oct`.
    pub family: Family,
    /// `-HSM`.
    pub hsm: bool,
}

/// The family of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// RSA.
    Rsa,
    /// Elliptic curves.
    Ec,
    /// Symmetric.
    Oct,
}

const TYPES: &[(&str, Family, bool)] = &[
    ("RSA", Family::Rsa, false),
    ("RSA-HSM", Family::Rsa, true),
    ("EC", Family::Ec, false),
    ("EC-HSM", Family::Ec, true),
    ("oct", Family::Oct, false),
    ("oct-HSM", Family::Oct, true),
];

impl KeyType {
    /// By name, without regard to case.
    pub fn from_name(name: &str) -> Option<Self> {
        let found = TYPES.iter().find(|(n, ..)| n.eq_ignore_ascii_case(name))?;
        Some(Self { family: found.1, hsm: found.2 })
    }

    /// Name.
    pub fn name(self) -> &'static str {
        let found =
            TYPES.iter().find(|(_, family, hsm)| (*family, *hsm) == (self.family, self.hsm));
        found.map_or("RSA", |(name, ..)| name)
    }
}

/// Curves by name. `SECP256K1` is the name of older versions.
const CURVES: &[(&str, Curve)] = &[
    ("P-256", Curve::P256),
    ("P-384", Curve::P384),
    ("P-521", Curve::P521),
    ("P-256K", Curve::P256K),
    ("SECP256K1", Curve::P256K),
];

fn curve_by_name(name: &str) -> Option<Curve> {
    CURVES.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, curve)| *curve)
}

fn curve_name(curve: Curve) -> &'static str {
    CURVES.iter().find(|(_, c)| *c == curve).map_or("P-256", |(name, _)| name)
}

/// Stand in key_ops of clients, whatever the key, and do nothing here.
const IDLE: &[&str] = &["import", "export"];

/// Operations from the wire, checked: those that a key of the family can do.
pub fn check_operations(list: &[String], family: Family) -> Result<Vec<&'static str>, VaultError> {
    let can = usual_operations(family);
    let known = |word: &String| {
        let found = can.iter().chain(IDLE).find(|o| o.eq_ignore_ascii_case(word)).copied();
        found.ok_or_else(|| {
            VaultError::bad_parameter(format!(
                "Unsupported key operation(s) in key_ops: \"{word}\". Supported values are \"{}\".",
                can.join("\", \"")
            ))
        })
    };
    list.iter().map(known).collect()
}

/// What a key of a family can do, and may unless told otherwise.
fn usual_operations(family: Family) -> &'static [&'static str] {
    match family {
        Family::Rsa | Family::Oct => {
            &["encrypt", "decrypt", "sign", "verify", "wrapKey", "unwrapKey"]
        }
        Family::Ec => &["sign", "verify"],
    }
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// `kty`.
    pub kty: KeyType,
    /// Bits.
    pub size: Option<u64>,
    /// `crv`.
    pub curve: Option<String>,
    /// `key_ops`.
    pub operations: Option<Vec<&'static str>>,
    /// Attributes.
    pub attributes: AttributeChange,
    /// Tags.
    pub tags: Option<Tags>,
}

impl NewKey {
    fn kind(&self) -> Result<JoseKind, VaultError> {
        let bad = |what: &str| VaultError::bad_parameter(what.to_owned());
        match self.kty.family {
            Family::Rsa => match self.size.unwrap_or(2048) {
                bits @ (2048 | 3072 | 4096) => Ok(JoseKind::Rsa(bits as u16)),
                _ => Err(bad("Property key_size of an RSA key is 2048, 3072 or 4096.")),
            },
            Family::Ec => {
                let curve = curve_by_name(self.curve.as_deref().unwrap_or("P-256"));
                let curve =
                    curve.ok_or_else(|| bad("Property crv is P-256, P-384, P-521 or P-256K."))?;
                if self.size.is_some_and(|bits| bits != curve_bits(curve)) {
                    return Err(bad("Property key_size does not fit the curve; leave it out."));
                }
                Ok(JoseKind::Ec(curve))
            }
            Family::Oct => match self.size.unwrap_or(256) {
                bits @ (128 | 192 | 256) => Ok(JoseKind::Oct(bits as u16)),
                _ => Err(bad("Property key_size of a symmetric key is 128, 192 or 256.")),
            },
        }
    }
}

fn curve_bits(curve: Curve) -> u64 {
    match curve {
        Curve::P256 | Curve::P256K => 256,
        Curve::P384 => 384,
        Curve::P521 => 521,
    }
}

/// A key to be taken in.
pub struct ImportedKey {
    /// `kty`.
    pub kty: KeyType,
    /// The key.
    pub key: JoseKey,
    /// `key_ops`.
    pub operations: Option<Vec<&'static str>>,
    /// Attributes.
    pub attributes: AttributeChange,
    /// Tags.
    pub tags: Option<Tags>,
}

/// The public members of a key's JWK.
fn facts(kty: KeyType, key: &JoseKey, operations: Option<&[&'static str]>) -> Map<String, Value> {
    let text = |bytes: &[u8]| json!(URL_SAFE_NO_PAD.encode(bytes));
    let mut facts = Map::new();
    facts.insert("kty".into(), json!(kty.name()));
    let operations = operations.unwrap_or_else(|| usual_operations(kty.family));
    facts.insert("key_ops".into(), json!(operations));
    match (key.public(), key.kind()) {
        (PublicParts::Rsa { n, e }, _) => {
            facts.insert("n".into(), text(&n));
            facts.insert("e".into(), text(&e));
        }
        (PublicParts::Ec { x, y }, JoseKind::Ec(curve)) => {
            facts.insert("crv".into(), json!(curve_name(curve)));
            facts.insert("x".into(), text(&x));
            facts.insert("y".into(), text(&y));
        }
        (_, JoseKind::Oct(bits)) => drop(facts.insert("bits".into(), json!(bits))),
        _ => {}
    }
    facts
}

/// What a version's facts say that its key is.
fn kind_of(version: &Version) -> Option<JoseKind> {
    match KeyType::from_name(version.text("kty")?)?.family {
        Family::Rsa => {
            let n = URL_SAFE_NO_PAD.decode(version.text("n")?).ok()?;
            Some(JoseKind::Rsa(u16::try_from(n.len().checked_mul(8)?).ok()?))
        }
        Family::Ec => Some(JoseKind::Ec(curve_by_name(version.text("crv")?)?)),
        Family::Oct => {
            let bits = version.facts.get("bits")?.as_u64()?;
            Some(JoseKind::Oct(u16::try_from(bits).ok()?))
        }
    }
}

impl Vault {
    /// Refuses -HSM kinds in a standard vault.
    pub(crate) fn require_hardware(&self, kty: KeyType) -> Result<(), VaultError> {
        if kty.hsm && !self.settings().premium {
            return Err(VaultError::bad_parameter(format!(
                "{} keys want a vault with the sku premium; this one is standard.",
                kty.name()
            )));
        }
        Ok(())
    }

    /// Makes a key as a new version. Takes up to seconds: call it where blocking is allowed.
    pub fn create_key(&self, name: &str, new: &NewKey, now: i64) -> Result<Found, VaultError> {
        check_name(name)?;
        self.require_hardware(new.kty)?;
        let kind = new.kind()?;
        let object = self.shelf.object(Kind::Key, name);
        self.require_free(Kind::Key, name, object.as_deref())?; // before the work
        let key = self.make(kind)?;
        let mut attributes = new.attributes.create(now);
        let operations = new.operations.as_deref();
        attributes.exportable.get_or_insert(false);
        let version = Version {
            id: new_version_id()?,
            attributes,
            tags: new.tags.clone(),
            facts: facts(new.kty, &key, operations),
            order: 0,
        };
        self.add_key(name, version, &key)
    }

    fn make(&self, kind: JoseKind) -> Result<JoseKey, VaultError> {
        Ok(match kind {
            JoseKind::Rsa(_) => self.generator().run(move || JoseKey::generate(kind))??,
            _ => JoseKey::generate(kind)?,
        })
    }

    fn add_key(&self, name: &str, version: Version, key: &JoseKey) -> Result<Found, VaultError> {
        let (id, stored) = (version.id.clone(), key.to_stored()?);
        let mut writing = self.shelf.change_of(name);
        let object = writing.object(Kind::Key, name);
        self.require_free(Kind::Key, name, object.as_ref())?;
        let object = object.unwrap_or_else(|| Object::new(Kind::Key, name));
        writing.add(object, version, stored.expose())?;
        writing.commit()?;
        self.find(Kind::Key, name, Some(&id))
    }

    /// Takes a key in as a new version.
    pub fn import_key(&self, name: &str, new: &ImportedKey, now: i64) -> Result<Found, VaultError> {
        check_name(name)?;
        self.require_hardware(new.kty)?;
        let mut attributes = new.attributes.create(now);
        attributes.exportable.get_or_insert(false);
        let version = Version {
            id: new_version_id()?,
            attributes,
            tags: new.tags.clone(),
            facts: facts(new.kty, &new.key, new.operations.as_deref()),
            order: 0,
        };
        self.add_key(name, version, &new.key)
    }

    /// A new version like the current one, with a new key, and an end as the rotation policy has it.
    pub fn rotate_key(&self, name: &str, now: i64) -> Result<Found, VaultError> {
        let found = self.find(Kind::Key, name, None)?;
        let old = &found.version;
        let kty = old.text("kty").and_then(KeyType::from_name);
        let (Some(kty), Some(kind)) = (kty, kind_of(old)) else {
            return Err(VaultError::damaged(&format!("the key '{name}'")));
        };
        self.require_free(Kind::Key, name, Some(&found.object))?;
        let key = self.make(kind)?;
        let change = AttributeChange {
            enabled: Some(true),
            nbf: None,
            exp: self.rotation_policy(&found.object).expiry_of(now),
            exportable: old.attributes.exportable,
        };
        let mut facts = facts(kty, &key, None);
        if let Some(operations) = old.facts.get("key_ops") {
            facts.insert("key_ops".into(), operations.clone());
        }
        let version = Version {
            id: new_version_id()?,
            attributes: change.create(now),
            tags: old.tags.clone(),
            facts,
            order: 0,
        };
        self.add_key(name, version, &key)
    }
}
