//! Values at rest: each version's value under a key of its own, that key under the vault's. A box is bound to vault,
//! kind, name and version, so that boxes cannot be exchanged; removing it destroys the key and with it the value.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::{SealingKey, SecretBytes};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::{Kind, VaultError};

/// Version of the stored form.
const SCHEMA: u64 = 1;

/// Whose value it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) vault: &'a str,
    pub(crate) kind: Kind,
    pub(crate) name: &'a str,
    pub(crate) version: &'a str,
}

impl Place<'_> {
    /// The key of the version's documents.
    pub(crate) fn key(&self) -> String {
        let (vault, kind) = (self.vault, self.kind.word());
        format!("{vault}/{kind}/{}/{}", self.name.to_ascii_lowercase(), self.version)
    }

    fn context(&self) -> String {
        let (vault, kind, name) = (self.vault, self.kind.word(), self.name.to_ascii_lowercase());
        format!("{vault}|{kind}|{name}|{}|{SCHEMA}", self.version)
    }
}

/// A value in its box.
pub(crate) struct Sealed {
    /// The version's key under the vault's.
    key: Vec<u8>,
    /// The value under the version's key.
    body: Vec<u8>,
}

impl Sealed {
    /// Seals a value under a new key.
    pub(crate) fn seal(
        value: &[u8],
        place: &Place<'_>,
        vault_key: &SealingKey,
    ) -> Result<Self, VaultError> {
        let (key, context) = (SealingKey::generate()?, place.context());
        let body = key.seal(value, &context)?;
        Ok(Self { key: vault_key.seal(key.expose(), &context)?, body })
    }

    /// Opens it.
    pub(crate) fn open(
        &self,
        place: &Place<'_>,
        vault_key: &SealingKey,
    ) -> Result<SecretBytes, VaultError> {
        let context = place.context();
        let value =
            vault_key.open_key(&self.key, &context).and_then(|key| key.open(&self.body, &context));
        value.ok_or_else(|| {
            VaultError::damaged(&format!("the {} '{}'", place.kind.word(), place.name))
        })
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "schema": SCHEMA, "key": STANDARD.encode(&self.key), "body": STANDARD.encode(&self.body),
        })
    }

    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let bytes = |name: &str| STANDARD.decode(value.get(name)?.as_str()?).ok();
        value.get("schema")?.as_u64().filter(|schema| *schema == SCHEMA)?;
        Some(Self { key: bytes("key")?, body: bytes("body")? })
    }

    fn bytes(&self) -> usize {
        self.key.len() + self.body.len()
    }
}

/// Boxes that were used lately, by key: reading a secret again waits for no disk. Nothing in it is readable.
#[derive(Default)]
pub(crate) struct SealedCache(Mutex<Held>);

#[derive(Default)]
struct Held {
    boxes: HashMap<String, Arc<Sealed>>,
    bytes: usize,
}

/// Most bytes held.
const HELD_MAX: usize = 24 << 20;

impl SealedCache {
    pub(crate) fn get(&self, key: &str) -> Option<Arc<Sealed>> {
        self.0.lock().boxes.get(key).cloned()
    }

    pub(crate) fn insert(&self, key: String, sealed: Arc<Sealed>) {
        let mut held = self.0.lock();
        if held.bytes + sealed.bytes() > HELD_MAX {
            *held = Held::default(); // begins anew: simple, and rare at this size
        }
        held.bytes += sealed.bytes();
        if let Some(old) = held.boxes.insert(key, sealed) {
            held.bytes = held.bytes.saturating_sub(old.bytes());
        }
    }

    pub(crate) fn remove(&self, key: &str) {
        let mut held = self.0.lock();
        if let Some(old) = held.boxes.remove(key) {
            held.bytes = held.bytes.saturating_sub(old.bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_box_belongs_to_one_place() {
        let key = SealingKey::generate().unwrap();
        let place = Place { vault: "v", kind: Kind::Secret, name: "A", version: "1" };
        let sealed = Sealed::seal(b"value", &place, &key).unwrap();
        let stored = Sealed::from_json(&sealed.to_json()).unwrap();
        assert_eq!(stored.open(&place, &key).unwrap().expose(), b"value");
        let same = Place { name: "a", ..place };
        assert!(stored.open(&same, &key).is_ok(), "names do not differ by case");
        for other in [
            Place { vault: "w", ..place },
            Place { kind: Kind::Key, ..place },
            Place { name: "b", ..place },
            Place { version: "2", ..place },
        ] {
            assert!(stored.open(&other, &key).is_err(), "{other:?}");
        }
        assert!(stored.open(&place, &SealingKey::generate().unwrap()).is_err());
        assert!(!sealed.to_json().to_string().contains("value"));
    }
}
