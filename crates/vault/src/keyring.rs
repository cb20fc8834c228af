//! The keys above the values, and whether they are in reach: sealed or open.
//!
//! ```text
//! seal (key file, passphrase, shares, token) -> unseal key -> root key -> key of each vault -> key of each version -> value
//! ```
//!
//! Every arrow is an AES-256-GCM box in the store, bound to its place. `rekey` replaces the seals and the unseal key,
//! `rotate_root` the root key; neither touches a value. Sealing forgets all of them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::pkcs11::TokenAccess;
use crypto::shamir::Share;
use crypto::{SealingKey, SecretText, read_private, write_private};
use model::DateTime;
use parking_lot::{Mutex, RwLock};
use serde_json::{Value, json};
use state::{Condition, Op, Store};

use crate::VaultError;
use crate::seal::{Keepsake, NewSeal, Seal, SealKind, key_file_text, key_of_file, share_of_text};

const SEALS: &str = "vault-seals";
const KEYRING: &str = "vault-keyring";
const ROOT: &str = "root";
/// Keys that belong to no vault; vault names have no `!`.
const AUDIT: &str = "!audit";
const BACKUP: &str = "!backup";

/// Where key files lie, and the way to a token.
#[derive(Clone, Debug)]
pub struct KeyFiles {
    /// The instance's own; made at the first start unless `credential` is there.
    pub own: PathBuf,
    /// One that the system hands in (a systemd credential).
    pub credential: Option<PathBuf>,
    /// A token behind a PKCS#11 module.
    pub token: Option<TokenAccess>,
}

/// What opens a seal.
pub enum UnsealWith {
    /// What the server has at hand: key files, then the token.
    AtHand,
    /// A passphrase.
    Passphrase(SecretText),
    /// One share of several.
    Share(SecretText),
}

/// How things stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealStatus {
    /// True when nothing can be read.
    pub sealed: bool,
    /// What opens it.
    pub seals: Vec<SealKind>,
    /// Shares given so far.
    pub shares_given: usize,
    /// How often the root key was made anew.
    pub root_generation: u64,
}

struct Open {
    unseal: SealingKey,
    root: SealingKey,
    keys: HashMap<String, Arc<SealingKey>>,
}

/// All keys above the values.
pub struct Keyring {
    store: Arc<dyn Store>,
    files: KeyFiles,
    open: RwLock<Option<Open>>,
    shares: Mutex<Vec<Share>>,
    changing: Mutex<()>,
}

fn root_context() -> &'static str {
    "vedette|root|1"
}

fn key_context(id: &str) -> String {
    format!("vedette|kek|{id}|1")
}

fn document_key(id: &str) -> String {
    format!("kek/{id}")
}

fn put(collection: &str, key: &str, value: Value, condition: Condition) -> Op {
    Op::Put { collection: collection.into(), key: key.into(), value, condition }
}

fn wrapped(value: &Value) -> Option<Vec<u8>> {
    STANDARD.decode(value.get("wrapped")?.as_str()?).ok()
}

impl Keyring {
    /// Reads the keyring, making it at the first start under a key file; opens it when a key file or a token is in reach.
    pub fn open(store: Arc<dyn Store>, files: KeyFiles, now: DateTime) -> Result<Self, VaultError> {
        let keyring = Self {
            store,
            files,
            open: RwLock::new(None),
            shares: Mutex::default(),
            changing: Mutex::default(),
        };
        if keyring.store.get(KEYRING, ROOT)?.is_none() {
            keyring.make(now)?;
        }
        if let Err(error) = keyring.unseal(&UnsealWith::AtHand) {
            tracing::warn!("the vault stays sealed: {}", error.message);
        }
        Ok(keyring)
    }

    /// The first start. The key file is there before anything is sealed under it; a start that is killed between the
    /// two takes the file up again.
    fn make(&self, now: DateTime) -> Result<(), VaultError> {
        let (unseal, root) = (SealingKey::generate()?, SealingKey::generate()?);
        let key = match self.keys_in_files().into_iter().next() {
            Some(key) => key,
            None => {
                let key = SealingKey::generate()?;
                write_private(&self.files.own, key_file_text(&key).expose().as_bytes())?;
                key
            }
        };
        let seal = Seal::around(&key, &unseal, now.to_string())?;
        let mut ops = vec![put(SEALS, &seal.id, seal.to_json(), Condition::Absent)];
        ops.push(put(KEYRING, ROOT, root_document(&unseal, &root, 1)?, Condition::Absent));
        for id in [AUDIT, BACKUP] {
            let value = key_document(&root, id, &SealingKey::generate()?)?;
            ops.push(put(KEYRING, &document_key(id), value, Condition::Absent));
        }
        self.store.apply(ops)?;
        Ok(())
    }

    fn keys_in_files(&self) -> Vec<SealingKey> {
        let renewed = renewed(&self.files.own);
        let paths = self.files.credential.iter().chain([&self.files.own, &renewed]);
        paths.filter_map(|path| key_of_file(read_private(path).ok()??.expose())).collect()
    }

    fn seals(&self) -> Result<Vec<Seal>, VaultError> {
        let documents = self.store.list_all(SEALS, "")?;
        Ok(documents.iter().filter_map(|d| Seal::from_json(&d.key, &d.value)).collect())
    }

    /// True when nothing can be read.
    pub fn is_sealed(&self) -> bool {
        self.open.read().is_none()
    }

    /// How things stand.
    pub fn status(&self) -> Result<SealStatus, VaultError> {
        let root = self.store.get(KEYRING, ROOT)?;
        let generation = root.and_then(|d| d.value.get("generation")?.as_u64());
        Ok(SealStatus {
            sealed: self.is_sealed(),
            seals: self.seals()?.into_iter().map(|seal| seal.kind).collect(),
            shares_given: self.shares.lock().len(),
            root_generation: generation.unwrap_or(0),
        })
    }

    /// Forgets every key.
    pub fn seal(&self) {
        let _one_at_a_time = self.changing.lock();
        self.shares.lock().clear();
        *self.open.write() = None;
    }

    /// Opens with what is given. Shares are kept until there are enough.
    pub fn unseal(&self, with: &UnsealWith) -> Result<SealStatus, VaultError> {
        let _one_at_a_time = self.changing.lock();
        if !self.is_sealed() {
            return self.status();
        }
        let seals = self.seals()?;
        let unseal = match with {
            UnsealWith::AtHand => self.with_what_is_at_hand(&seals)?,
            UnsealWith::Passphrase(passphrase) => seals
                .iter()
                .find_map(|seal| seal.open_with_passphrase(passphrase.expose()))
                .ok_or_else(|| refused("the passphrase opens no seal"))?,
            UnsealWith::Share(text) => {
                match self.with_share(&seals, share_of_text(text.expose())?)? {
                    Some(unseal) => unseal,
                    None => return self.status(),
                }
            }
        };
        *self.open.write() = Some(self.load(unseal)?);
        self.shares.lock().clear();
        self.status()
    }

    /// The unseal key by a key file, or else by the token. That is asked once: a wrong PIN counts there.
    fn with_what_is_at_hand(&self, seals: &[Seal]) -> Result<SealingKey, VaultError> {
        let keys = self.keys_in_files();
        if let Some(found) = keys.iter().find_map(|k| seals.iter().find_map(|seal| seal.open(k))) {
            return Ok(found);
        }
        let token = self.files.token.as_ref();
        match seals.iter().find_map(|seal| seal.open_with_token(token)) {
            Some(opened) => opened.map_err(|error| refused(&error.to_string())),
            None => Err(refused("no key file that opens a seal was found")),
        }
    }

    /// Adds a share; the unseal key once there are enough.
    fn with_share(&self, seals: &[Seal], share: Share) -> Result<Option<SealingKey>, VaultError> {
        let mut shares = self.shares.lock();
        let needed = seals.iter().find_map(|seal| match seal.kind {
            SealKind::Shamir { threshold, .. } => Some(usize::from(threshold)),
            _ => None,
        });
        let needed = needed.ok_or_else(|| refused("no seal here asks for shares"))?;
        let place = share.expose().first().copied();
        if !shares.iter().any(|known| known.expose().first().copied() == place) {
            shares.push(share);
        }
        if shares.len() < needed {
            return Ok(None);
        }
        let unseal = seals.iter().find_map(|seal| seal.open_with_shares(&shares));
        if unseal.is_none() {
            shares.clear();
            return Err(refused("these shares open no seal; begin again with the right ones"));
        }
        Ok(unseal)
    }

    /// Everything behind the unseal key.
    fn load(&self, unseal: SealingKey) -> Result<Open, VaultError> {
        let root = self.store.get(KEYRING, ROOT)?.and_then(|d| wrapped(&d.value));
        let root = root.and_then(|w| unseal.open_key(&w, root_context()));
        let root = root.ok_or_else(|| VaultError::damaged("the root key"))?;
        let mut keys = HashMap::new();
        let under = root.derive("kek")?;
        for document in self.store.list_all(KEYRING, "kek/")? {
            let id = document.key.strip_prefix("kek/").unwrap_or_default().to_owned();
            let key = wrapped(&document.value).and_then(|w| under.open_key(&w, &key_context(&id)));
            let key = key.ok_or_else(|| VaultError::damaged(&format!("the key of '{id}'")))?;
            keys.insert(id, Arc::new(key));
        }
        Ok(Open { unseal, root, keys })
    }

    /// The key of a vault; refused while sealed.
    pub(crate) fn key(&self, id: &str) -> Result<Arc<SealingKey>, VaultError> {
        let open = self.open.read();
        let open = open.as_ref().ok_or_else(VaultError::sealed)?;
        let key = open.keys.get(id).cloned();
        key.ok_or_else(|| VaultError::damaged(&format!("the key of '{id}'")))
    }

    /// The key that proves audit rows.
    pub fn audit_key(&self) -> Result<Arc<SealingKey>, VaultError> {
        self.key(AUDIT)
    }

    /// The key under which backups are sealed.
    pub(crate) fn backup_key(&self) -> Result<Arc<SealingKey>, VaultError> {
        self.key(BACKUP)
    }

    /// Makes the key of a vault unless there is one.
    pub(crate) fn ensure_key(&self, id: &str) -> Result<(), VaultError> {
        let _one_at_a_time = self.changing.lock();
        let key = SealingKey::generate()?;
        let made = self.while_open(|open| {
            let missing = !open.keys.contains_key(id);
            missing.then(|| key_document(&open.root, id, &key)).transpose()
        })?;
        let Some(value) = made else { return Ok(()) };
        self.store.put(KEYRING, &document_key(id), value, Condition::Any)?;
        self.change_open(|open| {
            open.keys.insert(id.to_owned(), Arc::new(key));
        });
        Ok(())
    }

    /// Reads what is open. Nobody may wait for the store meanwhile: its commits wait for the audit log, and that reads here.
    fn while_open<T>(
        &self,
        read: impl FnOnce(&Open) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        read(self.open.read().as_ref().ok_or_else(VaultError::sealed)?)
    }

    /// Changes what is open, once the store has it. Whoever calls this holds `changing`: nobody sealed meanwhile.
    fn change_open(&self, change: impl FnOnce(&mut Open)) {
        if let Some(open) = self.open.write().as_mut() {
            change(open);
        }
    }

    /// Destroys the key of a vault, and with it all that the vault ever held.
    pub(crate) fn destroy_key(&self, id: &str) -> Result<(), VaultError> {
        let _one_at_a_time = self.changing.lock();
        self.store.delete(KEYRING, &document_key(id), Condition::Any)?;
        self.change_open(|open| {
            open.keys.remove(id);
        });
        Ok(())
    }

    /// Replaces every seal by new ones around a new unseal key. Gives the shares to hand out, when there are any.
    pub fn rekey(&self, new: &[NewSeal], now: DateTime) -> Result<Vec<SecretText>, VaultError> {
        let _one_at_a_time = self.changing.lock();
        let times = |is: fn(&NewSeal) -> bool| new.iter().filter(|seal| is(seal)).count();
        if new.is_empty()
            || times(|seal| matches!(seal, NewSeal::Shamir { .. })) > 1
            || times(|seal| matches!(seal, NewSeal::Pkcs11 { .. })) > 1
        {
            return Err(VaultError::bad_parameter(
                "name at least one seal, and shares and a token only once: keyFile, passphrase, shamir, pkcs11",
            ));
        }
        if self.is_sealed() {
            return Err(VaultError::sealed());
        }
        let unseal = SealingKey::generate()?;
        let old = self.seals()?;
        let (mut ops, mut shares, mut file) = (Vec::new(), Vec::new(), None);
        for seal in new {
            // passphrases and tokens take their time: meanwhile the vault is read
            let token = self.files.token.as_ref();
            let (seal, keepsake) = Seal::make(seal, &unseal, token, now.to_string())?;
            ops.push(put(SEALS, &seal.id, seal.to_json(), Condition::Absent));
            match keepsake {
                Keepsake::KeyFile(text) => file = Some(text),
                Keepsake::Shares(texts) => shares.extend(texts),
                Keepsake::Known => {}
            }
        }
        ops.extend(old.iter().map(|seal| Op::Delete {
            collection: SEALS.into(),
            key: seal.id.clone(),
            condition: Condition::Any,
        }));
        let generation = self.generation()?;
        let root = self.while_open(|open| root_document(&unseal, &open.root, generation))?;
        ops.push(put(KEYRING, ROOT, root, Condition::Exists));
        // the new file lies beside the old one until the seals are stored: a kill leaves one that opens
        let renewed = renewed(&self.files.own);
        if let Some(text) = &file {
            write_private(&renewed, text.expose().as_bytes())?;
        }
        self.store.apply(ops)?;
        self.change_open(|open| open.unseal = unseal);
        let done = match file {
            Some(_) => std::fs::rename(&renewed, &self.files.own),
            None => remove(&self.files.own),
        };
        if let Err(error) = done {
            tracing::warn!(%error, path = %self.files.own.display(), "the old key file could not be replaced");
        }
        Ok(shares)
    }

    fn generation(&self) -> Result<u64, VaultError> {
        let root = self.store.get(KEYRING, ROOT)?;
        Ok(root.and_then(|d| d.value.get("generation")?.as_u64()).unwrap_or(0))
    }

    /// A new root key; the keys of all vaults are wrapped anew under it, in one transaction.
    pub fn rotate_root(&self) -> Result<u64, VaultError> {
        let _one_at_a_time = self.changing.lock();
        let (root, generation) = (SealingKey::generate()?, self.generation()? + 1);
        let ops = self.while_open(|open| {
            let value = root_document(&open.unseal, &root, generation)?;
            let mut ops = vec![put(KEYRING, ROOT, value, Condition::Exists)];
            for (id, key) in &open.keys {
                let value = key_document(&root, id, key)?;
                ops.push(put(KEYRING, &document_key(id), value, Condition::Exists));
            }
            Ok(ops)
        })?;
        self.store.apply(ops)?;
        self.change_open(|open| open.root = root);
        Ok(generation)
    }
}

fn refused(why: &str) -> VaultError {
    VaultError::new(403, "UnsealRefused", why)
}

fn renewed(path: &Path) -> PathBuf {
    path.with_extension("unseal.new")
}

fn remove(path: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn root_document(
    unseal: &SealingKey,
    root: &SealingKey,
    generation: u64,
) -> Result<Value, VaultError> {
    let wrapped = unseal.seal(root.expose(), root_context())?;
    Ok(json!({ "wrapped": STANDARD.encode(wrapped), "generation": generation }))
}

fn key_document(root: &SealingKey, id: &str, key: &SealingKey) -> Result<Value, VaultError> {
    let wrapped = root.derive("kek")?.seal(key.expose(), &key_context(id))?;
    Ok(json!({ "wrapped": STANDARD.encode(wrapped) }))
}

#[cfg(test)]
mod tests;
