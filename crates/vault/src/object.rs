//! What is known of an object without opening it: names, versions, attributes, tags. These are metadata and are stored
//! readable; values, private keys and backups are not (see `sealed.rs`).

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::{Kind, VaultError};

/// Tags: names and texts.
pub type Tags = Map<String, Value>;

/// Attributes of a version. Times are seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Switched on.
    pub enabled: bool,
    /// Not before.
    pub nbf: Option<i64>,
    /// Expires.
    pub exp: Option<i64>,
    /// When the version was made.
    pub created: i64,
    /// When its metadata last changed.
    pub updated: i64,
    /// May leave the vault under a release policy; always false here, kept as sent for keys that say so.
    pub exportable: Option<bool>,
}

/// Attributes as a caller sends them: what is absent stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AttributeChange {
    /// Switched on.
    pub enabled: Option<bool>,
    /// Not before.
    pub nbf: Option<i64>,
    /// Expires.
    pub exp: Option<i64>,
    /// May leave the vault.
    pub exportable: Option<bool>,
}

impl AttributeChange {
    /// From the wire. Some clients write times as 32-bit numbers: behind 2038 they arrive negative.
    pub fn from_json(value: &Value) -> Result<Self, VaultError> {
        let wrong = |name: &str| {
            VaultError::bad_parameter(format!("Property attributes.{name} has an invalid value."))
        };
        let too_late = |name: &str| {
            VaultError::bad_parameter(format!(
                "Property attributes.{name} is beyond the year 9999 and looks like milliseconds; times are seconds since 1970."
            ))
        };
        let object = match value {
            Value::Null => return Ok(Self::default()),
            Value::Object(object) => object,
            _ => return Err(VaultError::bad_parameter("Property attributes must be an object.")),
        };
        let flag = |name: &str| match object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(wrong(name)),
        };
        let time = |name: &str| match object.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Number(n)) => match (n.as_i64(), n.as_u64()) {
                (_, Some(seconds)) if seconds > SECONDS_MAX.unsigned_abs() => Err(too_late(name)),
                (Some(seconds), Some(_)) => Ok(Some(seconds)),
                (Some(seconds), None) if seconds >= i64::from(i32::MIN) => {
                    Ok(Some(seconds + (1 << 32)))
                }
                _ => Err(wrong(name)),
            },
            Some(_) => Err(wrong(name)),
        };
        let change = Self {
            enabled: flag("enabled")?,
            nbf: time("nbf")?,
            exp: time("exp")?,
            exportable: flag("exportable")?,
        };
        check_order(change.nbf, change.exp)?;
        Ok(change)
    }

    /// The attributes of a new version.
    pub fn create(self, now: i64) -> Attributes {
        Attributes {
            enabled: self.enabled.unwrap_or(true),
            nbf: self.nbf,
            exp: self.exp,
            created: now,
            updated: now,
            exportable: self.exportable,
        }
    }

    /// The changed attributes of a version. Whether its key may leave was decided when it was made.
    pub fn apply(self, old: &Attributes, now: i64) -> Result<Attributes, VaultError> {
        let (nbf, exp) = (self.nbf.or(old.nbf), self.exp.or(old.exp));
        if (self.nbf, self.exp) != (None, None) {
            check_order(nbf, exp)?;
        }
        Ok(Attributes {
            enabled: self.enabled.unwrap_or(old.enabled),
            nbf,
            exp,
            created: old.created,
            updated: now,
            exportable: old.exportable,
        })
    }
}

fn check_order(nbf: Option<i64>, exp: Option<i64>) -> Result<(), VaultError> {
    match (nbf, exp) {
        (Some(nbf), Some(exp)) if nbf > exp => Err(VaultError::bad_parameter(
            "Property attributes.nbf must not be later than attributes.exp.",
        )),
        _ => Ok(()),
    }
}

/// Last second of the year 9999.
const SECONDS_MAX: i64 = 253_402_300_799;

impl Attributes {
    fn to_json(self) -> Value {
        json!({
            "enabled": self.enabled, "nbf": self.nbf, "exp": self.exp,
            "created": self.created, "updated": self.updated, "exportable": self.exportable,
        })
    }

    fn from_json(value: &Value) -> Option<Self> {
        let time = |name: &str| value.get(name).and_then(Value::as_i64);
        Some(Self {
            enabled: value.get("enabled")?.as_bool()?,
            nbf: time("nbf"),
            exp: time("exp"),
            created: time("created")?,
            updated: time("updated")?,
            exportable: value.get("exportable").and_then(Value::as_bool),
        })
    }

    /// True between `nbf` and `exp`, and while switched on.
    pub fn is_in_force(&self, now: i64) -> bool {
        self.enabled
            && self.nbf.is_none_or(|nbf| nbf <= now)
            && self.exp.is_none_or(|exp| now < exp)
    }
}

/// Tags from the wire; null and absent are none.
pub fn tags_from_json(value: &Value) -> Result<Option<Tags>, VaultError> {
    const COUNT_MAX: usize = 15;
    const TEXT_MAX: usize = 256;
    let tags = match value {
        Value::Null => return Ok(None),
        Value::Object(tags) => tags,
        _ => return Err(VaultError::bad_parameter("Property tags must be an object of texts.")),
    };
    let fits = |text: &str| text.chars().count() <= TEXT_MAX;
    let good = |(name, value): (&String, &Value)| fits(name) && value.as_str().is_some_and(fits);
    if tags.len() > COUNT_MAX || !tags.iter().all(good) {
        return Err(VaultError::bad_parameter(format!(
            "Property tags holds at most {COUNT_MAX} texts, names and texts of at most {TEXT_MAX} characters."
        )));
    }
    Ok(Some(tags.clone()))
}

/// One version of an object, without its sealed part.
#[derive(Clone, Debug, PartialEq)]
pub struct Version {
    /// 32 hexadecimal digits.
    pub id: String,
    /// Attributes.
    pub attributes: Attributes,
    /// Tags.
    pub tags: Option<Tags>,
    /// What else is public, by kind: `contentType` of a secret, the public key of a key.
    pub facts: Map<String, Value>,
    /// Place among the versions of the object: higher is newer.
    pub order: u64,
}

impl Version {
    /// A public fact as text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.facts.get(name).and_then(Value::as_str)
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "attributes": self.attributes.to_json(), "tags": self.tags,
            "facts": self.facts, "order": self.order,
        })
    }

    pub(crate) fn from_json(id: &str, value: &Value) -> Option<Self> {
        Some(Self {
            id: id.to_owned(),
            attributes: Attributes::from_json(value.get("attributes")?)?,
            tags: value.get("tags").and_then(Value::as_object).cloned(),
            facts: value.get("facts")?.as_object()?.clone(),
            order: value.get("order")?.as_u64()?,
        })
    }
}

/// Since when an object is deleted, and until when it can be recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// Seconds since 1970.
    pub at: i64,
    /// Seconds since 1970.
    pub purge_at: i64,
}

/// An object with its versions. Values of this type never change: a change makes a new one.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    /// Kind.
    pub kind: Kind,
    /// Name, in the casing it was first given.
    pub name: String,
    /// Belongs to a certificate: lives, dies and returns with it.
    pub managed: bool,
    /// Set while it is deleted.
    pub deleted: Option<Deleted>,
    /// What belongs to the object rather than to a version, by kind: rotation policy, certificate policy.
    pub settings: Map<String, Value>,
    /// Oldest first. A certificate may have none while its first version is pending.
    pub versions: Vec<Arc<Version>>,
}

impl Object {
    /// One without versions.
    pub fn new(kind: Kind, name: &str) -> Self {
        let (name, settings, versions) = (name.to_owned(), Map::new(), Vec::new());
        Self { kind, name, managed: false, deleted: None, settings, versions }
    }

    /// The newest version.
    pub fn current(&self) -> Option<&Arc<Version>> {
        self.versions.last()
    }

    /// A version by id; the newest for none or an empty one.
    pub fn version(&self, id: Option<&str>) -> Option<&Arc<Version>> {
        match id.filter(|id| !id.is_empty()) {
            None => self.current(),
            // mostly one of the newest
            Some(id) => self.versions.iter().rev().find(|v| v.id.eq_ignore_ascii_case(id)),
        }
    }

    /// The place of the next version.
    pub fn next_order(&self) -> u64 {
        self.current().map_or(0, |v| v.order + 1)
    }

    /// Puts a changed version in the place of the one with its id.
    pub fn replace(&mut self, version: Version) {
        if let Some(place) = self.versions.iter_mut().find(|v| v.id == version.id) {
            *place = Arc::new(version);
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "name": self.name, "managed": self.managed, "settings": self.settings,
            "deleted": self.deleted.map(|d| json!({ "at": d.at, "purgeAt": d.purge_at })),
        })
    }

    pub(crate) fn from_json(kind: Kind, value: &Value) -> Option<Self> {
        let deleted = value.get("deleted").filter(|d| d.is_object());
        let deleted = match deleted {
            None => None,
            Some(d) => {
                Some(Deleted { at: d.get("at")?.as_i64()?, purge_at: d.get("purgeAt")?.as_i64()? })
            }
        };
        Some(Self {
            kind,
            name: value.get("name")?.as_str()?.to_owned(),
            managed: value.get("managed")?.as_bool()?,
            deleted,
            settings: value.get("settings")?.as_object()?.clone(),
            versions: Vec::new(),
        })
    }

    /// True when everything but the versions is the same.
    pub(crate) fn same_document(&self, other: &Self) -> bool {
        (&self.name, self.managed, self.deleted, &self.settings)
            == (&other.name, other.managed, other.deleted, &other.settings)
    }
}
