//! All vaults of the instance, by name, with the keyring above them.

use std::collections::HashMap;
use std::sync::Arc;

use model::{DateTime, ResourceId};
use parking_lot::RwLock;
use serde_json::{Value, json};
use state::{Condition, Op, Store};

use crate::acme::ACME;
use crate::certificates::{ISSUED, REVOKED};
use crate::keyring::{KeyFiles, Keyring};
use crate::keys::KeyCache;
use crate::settings::Settings;
use crate::shelf::{OBJECTS, SEALED, Shelf, VERSIONS};
use crate::{Generator, VaultError};

/// Vaults that are deleted and can be recovered, by name in lower case.
const DELETED: &str = "vault-deleted";

/// One vault.
pub struct Vault {
    /// Name in lower case: what its objects are stored and sealed under.
    pub(crate) id: Arc<str>,
    settings: RwLock<Arc<Settings>>,
    /// What it holds.
    pub shelf: Shelf,
    /// Where random keys are made.
    generator: Arc<Generator>,
    keyring: Arc<Keyring>,
    /// Keys ready for use.
    pub(crate) keys: KeyCache,
}

impl Vault {
    /// Its settings as they are now.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read())
    }

    /// Name in lower case.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where slow keys are made.
    pub fn generator(&self) -> &Arc<Generator> {
        &self.generator
    }

    pub(crate) fn keyring(&self) -> &Keyring {
        &self.keyring
    }
}

/// A vault that is deleted.
#[derive(Clone, Debug, PartialEq)]
pub struct DeletedVault {
    /// The vault's document, as it was.
    pub document: Value,
    /// When it was deleted, in seconds since 1970.
    pub deleted_at: i64,
    /// When it is purged.
    pub purge_at: i64,
}

impl DeletedVault {
    /// The vault's resource.
    pub fn resource(&self) -> ResourceId {
        ResourceId::new(self.document.get("id").and_then(Value::as_str).unwrap_or_default())
    }

    /// Its settings.
    pub fn settings(&self) -> Settings {
        Settings::from_document(&self.resource(), &self.document)
    }

    fn from_json(value: &Value) -> Option<Self> {
        Some(Self {
            document: value.get("document")?.clone(),
            deleted_at: value.get("deletedAt")?.as_i64()?,
            purge_at: value.get("purgeAt")?.as_i64()?,
        })
    }
}

/// All vaults. Share it as `Arc<Vaults>`.
pub struct Vaults {
    store: Arc<dyn Store>,
    keyring: Arc<Keyring>,
    vaults: RwLock<HashMap<String, Arc<Vault>>>,
    generator: Arc<Generator>,
}

/// A key whose policy said that it was time.
pub struct RotatedKey {
    /// Its vault.
    pub vault: Arc<Vault>,
    /// Its name.
    pub key: String,
    /// Why it got no new version, where it got none.
    pub failure: Option<VaultError>,
}

impl Vaults {
    /// Opens the keyring; the vaults come with their documents, through the hook on `Microsoft.KeyVault/vaults`.
    pub fn open(store: Arc<dyn Store>, files: KeyFiles, now: DateTime) -> Result<Self, VaultError> {
        let keyring = Arc::new(Keyring::open(Arc::clone(&store), files, now)?);
        let (vaults, generator) = (RwLock::default(), Arc::new(Generator::start()));
        Ok(Self { store, keyring, vaults, generator })
    }

    /// The keys above the values.
    pub fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// Closes the seal: every key is forgotten.
    pub fn seal(&self) {
        self.keyring.seal();
        for vault in self.all() {
            vault.forget_keys();
        }
    }

    /// A vault by name.
    pub fn vault(&self, name: &str) -> Option<Arc<Vault>> {
        let vaults = self.vaults.read();
        match vaults.get(name) {
            Some(vault) => Some(Arc::clone(vault)),
            None => vaults.get(&name.to_ascii_lowercase()).cloned(),
        }
    }

    /// All vaults.
    pub fn all(&self) -> Vec<Arc<Vault>> {
        self.vaults.read().values().cloned().collect()
    }

    /// Takes a vault in, or its changed settings.
    pub(crate) fn admit(&self, settings: Settings) -> Result<(), VaultError> {
        let id = settings.name.to_ascii_lowercase();
        if let Some(vault) = self.vault(&id) {
            *vault.settings.write() = Arc::new(settings);
            return Ok(());
        }
        let shelf = Shelf::load(&id, Arc::clone(&self.store), Arc::clone(&self.keyring))?;
        let vault = Vault {
            id: id.as_str().into(),
            settings: RwLock::new(Arc::new(settings)),
            shelf,
            generator: Arc::clone(&self.generator),
            keyring: Arc::clone(&self.keyring),
            keys: KeyCache::default(),
        };
        self.vaults.write().insert(id, Arc::new(vault));
        Ok(())
    }

    pub(crate) fn dismiss(&self, name: &str) {
        self.vaults.write().remove(&name.to_ascii_lowercase());
    }

    // --- deleted vaults -----------------------------------------------------------------------------------------

    /// The deleted vaults, by name.
    pub fn deleted_vaults(&self) -> Result<Vec<DeletedVault>, VaultError> {
        let documents = self.store.list_all(DELETED, "")?;
        Ok(documents.iter().filter_map(|d| DeletedVault::from_json(&d.value)).collect())
    }

    /// A deleted vault.
    pub fn deleted_vault(&self, name: &str) -> Result<Option<DeletedVault>, VaultError> {
        deleted_vault(&*self.store, name)
    }

    /// Notes a vault as deleted, before its document goes.
    pub(crate) fn note_deleted(
        &self,
        settings: &Settings,
        document: &Value,
        now: i64,
    ) -> Result<(), VaultError> {
        let value = json!({
            "document": document, "deletedAt": now,
            "purgeAt": now + settings.retention_days * crate::DAY,
        });
        self.store.put(DELETED, &settings.name.to_ascii_lowercase(), value, Condition::Any)?;
        Ok(())
    }

    /// Takes the note away again: the vault is back.
    pub(crate) fn forget_deleted(&self, name: &str) -> Result<(), VaultError> {
        self.store.delete(DELETED, &name.to_ascii_lowercase(), Condition::Any)?;
        Ok(())
    }

    /// Destroys a deleted vault: its key first, with which everything in it is gone for good.
    pub fn purge_vault(&self, name: &str) -> Result<(), VaultError> {
        let id = name.to_ascii_lowercase();
        self.keyring.destroy_key(&id)?;
        for collection in [SEALED, VERSIONS, OBJECTS, ISSUED, REVOKED, ACME] {
            let documents = self.store.list_all(collection, &format!("{id}/"))?;
            let delete = |key: String| Op::Delete {
                collection: collection.into(),
                key,
                condition: Condition::Any,
            };
            let ops: Vec<Op> = documents.into_iter().map(|d| delete(d.key)).collect();
            if !ops.is_empty() {
                self.store.apply(ops)?;
            }
        }
        self.forget_deleted(&id)
    }

    /// Purges what has been deleted for as long as it may be: vaults and objects. Called now and then.
    pub fn purge_expired(&self, now: i64) -> Result<usize, VaultError> {
        let mut count = 0;
        for vault in self.deleted_vaults()?.iter().filter(|v| v.purge_at <= now) {
            self.purge_vault(vault.resource().name())?;
            count += 1;
        }
        for vault in self.all() {
            count += vault.purge_expired(now)?;
        }
        Ok(count)
    }

    /// Rotates the keys whose time has come. Called now and then; nothing happens while sealed.
    pub fn rotate_due(&self, now: i64) -> Vec<RotatedKey> {
        if self.keyring.is_sealed() {
            return Vec::new();
        }
        let of = |vault: Arc<Vault>| {
            let rotated = vault.rotate_due(now);
            let of = move |(key, failure)| RotatedKey { vault: Arc::clone(&vault), key, failure };
            rotated.into_iter().map(of)
        };
        self.all().into_iter().flat_map(of).collect()
    }
}

/// A deleted vault, straight from the store: for checks that have nothing else.
pub(crate) fn deleted_vault(
    store: &dyn Store,
    name: &str,
) -> Result<Option<DeletedVault>, VaultError> {
    let document = store.get(DELETED, &name.to_ascii_lowercase())?;
    Ok(document.and_then(|d| DeletedVault::from_json(&d.value)))
}
