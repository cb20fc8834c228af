//! The objects of one vault: held in memory without their values, changed in transactions that are durable first.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Bound;
use std::sync::Arc;

use crypto::SecretBytes;
use parking_lot::RwLock;
use pollster::block_on;
use state::{Condition, Document, Op, Store, StoreError};
use tokio::sync::{Mutex, MutexGuard, RwLock as Lock, RwLockReadGuard, RwLockWriteGuard, oneshot};
use tokio::task::unconstrained;

use crate::keyring::Keyring;
use crate::object::{Object, Version};
use crate::sealed::{Place, Sealed, SealedCache};
use crate::{Kind, VaultError};

pub(crate) const OBJECTS: &str = "vault-objects";
pub(crate) const VERSIONS: &str = "vault-versions";
pub(crate) const SEALED: &str = "vault-sealed";

/// Where an object lies: kind, and name in lower case.
type Spot = (Kind, String);

fn spot(kind: Kind, name: &str) -> Spot {
    (kind, name.to_ascii_lowercase())
}

/// What all documents of a collection say.
fn read<T>(
    store: &dyn Store,
    collection: &str,
    prefix: &str,
    of: fn(&Document) -> Option<T>,
) -> Result<Vec<T>, VaultError> {
    let (mut all, mut damaged) = (Vec::new(), None);
    store.each(collection, prefix, &mut |document| match of(&document) {
        Some(read) => all.push(read),
        None => drop(damaged.get_or_insert(document.key)),
    })?;
    damaged.map_or(Ok(all), |key| Err(VaultError::damaged(&key)))
}

fn object_of(document: &Document) -> Option<Object> {
    let kind = Kind::from_word(document.key.split('/').nth(1)?)?;
    Object::from_json(kind, &document.value)
}

fn version_of(document: &Document) -> Option<(Spot, Version)> {
    let mut parts = document.key.split('/').skip(1);
    let (kind, name, id) = (parts.next()?, parts.next()?, parts.next()?);
    Some((spot(Kind::from_word(kind)?, name), Version::from_json(id, &document.value)?))
}

/// Locks for changes of one name.
const NAMES: usize = 64;

/// The objects of one vault.
pub struct Shelf {
    vault: Arc<str>,
    store: Arc<dyn Store>,
    keyring: Arc<Keyring>,
    objects: RwLock<BTreeMap<Spot, Arc<Object>>>,
    /// Held by changes: by those of one name together, by others alone. Readers never wait for it.
    changing: Lock<()>,
    /// One change at a time for each name; some names share a lock.
    names: [Mutex<()>; NAMES],
    cache: SealedCache,
}

impl Shelf {
    /// Reads the objects of a vault.
    pub(crate) fn load(
        vault: &str,
        store: Arc<dyn Store>,
        keyring: Arc<Keyring>,
    ) -> Result<Self, VaultError> {
        let prefix = format!("{vault}/");
        // side by side: a server with many of them is to be there soon after its start
        let (objects, versions) = std::thread::scope(|scope| {
            let versions = scope.spawn(|| read(&*store, VERSIONS, &prefix, version_of));
            let objects = read(&*store, OBJECTS, &prefix, object_of);
            let broken_off = || Err(VaultError::damaged("the list of versions"));
            (objects, versions.join().unwrap_or_else(|_| broken_off()))
        });
        let mut objects: BTreeMap<Spot, Object> =
            objects?.into_iter().map(|object| (spot(object.kind, &object.name), object)).collect();
        for (spot, version) in versions? {
            let object = objects.get_mut(&spot);
            let object = object.ok_or_else(|| VaultError::damaged(&version.id))?;
            object.versions.push(version.into());
        }
        for object in objects.values_mut() {
            object.versions.sort_by_key(|v| v.order);
        }
        let objects = objects.into_iter().map(|(spot, object)| (spot, Arc::new(object))).collect();
        Ok(Self {
            vault: vault.into(),
            store,
            keyring,
            objects: RwLock::new(objects),
            changing: Lock::default(),
            names: std::array::from_fn(|_| Mutex::default()),
            cache: SealedCache::default(),
        })
    }

    /// Where it is kept.
    pub(crate) fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// An object, deleted or not.
    pub fn object(&self, kind: Kind, name: &str) -> Option<Arc<Object>> {
        self.objects.read().get(&spot(kind, name)).cloned()
    }

    /// Objects of a kind behind a name (exclusive), by name, for as long as `more` wants them.
    pub fn walk(&self, kind: Kind, after: &str, mut more: impl FnMut(&Arc<Object>) -> bool) {
        let objects = self.objects.read();
        let from = (Bound::Excluded(spot(kind, after)), Bound::Unbounded);
        for ((of, _), object) in objects.range(from) {
            if *of != kind || !more(object) {
                return;
            }
        }
    }

    /// How many objects there are, deleted ones included.
    pub fn len(&self) -> usize {
        self.objects.read().len()
    }

    /// True without objects.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// True when opening the version waits for no disk.
    pub fn is_at_hand(&self, object: &Object, version: &Version) -> bool {
        self.cache.get(&self.place(object, version).key()).is_some()
    }

    /// Opens the value of a version.
    pub fn open(&self, object: &Object, version: &Version) -> Result<SecretBytes, VaultError> {
        let place = self.place(object, version);
        let (key, vault_key) = (place.key(), self.keyring.key(&self.vault)?);
        let sealed = match self.cache.get(&key) {
            Some(sealed) => sealed,
            None => {
                let document = self.store.get(SEALED, &key)?;
                let sealed = document.and_then(|d| Sealed::from_json(&d.value));
                let sealed = Arc::new(sealed.ok_or_else(|| VaultError::damaged(&key))?);
                self.cache.insert(key, Arc::clone(&sealed));
                sealed
            }
        };
        sealed.open(&place, &vault_key)
    }

    fn place<'a>(&'a self, object: &'a Object, version: &'a Version) -> Place<'a> {
        Place { vault: &self.vault, kind: object.kind, name: &object.name, version: &version.id }
    }

    /// Begins a change. Others wait until it is committed or dropped; a dropped one leaves no trace. Not for tasks: it
    /// blocks the thread while others are under way.
    pub fn change(&self) -> Change<'_> {
        self.begin((Some(block_on(unconstrained(self.changing.write()))), None))
    }

    /// Begins a change of objects of one name, of whatever kind: changes of other names go on meanwhile. Not for tasks.
    pub fn change_of(&self, name: &str) -> Change<'_> {
        block_on(unconstrained(self.change_of_async(name)))
    }

    /// As [`Shelf::change_of`], for tasks.
    pub async fn change_of_async(&self, name: &str) -> Change<'_> {
        let mut hasher = DefaultHasher::new();
        name.to_ascii_lowercase().hash(&mut hasher);
        let at = usize::try_from(hasher.finish() % NAMES as u64).unwrap_or(0);
        let together = self.changing.read().await;
        match self.names.get(at) {
            Some(lock) => self.begin((None, Some((together, lock.lock().await)))),
            None => {
                drop(together);
                self.begin((Some(self.changing.write().await), None))
            }
        }
    }

    fn begin<'s>(&'s self, alone: Alone<'s>) -> Change<'s> {
        Change { shelf: self, _alone: alone, touched: BTreeMap::new(), values: Vec::new() }
    }
}

/// What keeps others from changing the same: everything, or a name.
type Alone<'s> =
    (Option<RwLockWriteGuard<'s, ()>>, Option<(RwLockReadGuard<'s, ()>, MutexGuard<'s, ()>)>);

/// A transaction over objects of one vault: all of it is stored, or nothing.
pub struct Change<'s> {
    shelf: &'s Shelf,
    _alone: Alone<'s>,
    /// What objects become; none removes one.
    touched: BTreeMap<Spot, Option<Object>>,
    /// Sealed values of new versions, by key.
    values: Vec<(String, Sealed)>,
}

impl Change<'_> {
    /// An object as the change leaves it so far, to be altered and put back.
    pub fn object(&self, kind: Kind, name: &str) -> Option<Object> {
        match self.touched.get(&spot(kind, name)) {
            Some(object) => object.clone(),
            None => self.shelf.object(kind, name).map(|object| (*object).clone()),
        }
    }

    /// An object in use.
    pub fn live(&self, kind: Kind, name: &str) -> Result<Object, VaultError> {
        let object = self.object(kind, name).filter(|o| o.deleted.is_none());
        object.ok_or_else(|| kind.not_found(name, None))
    }

    /// A deleted object.
    pub fn deleted(&self, kind: Kind, name: &str) -> Result<Object, VaultError> {
        let object = self.object(kind, name).filter(|o| o.deleted.is_some());
        object.ok_or_else(|| kind.deleted_not_found(name))
    }

    /// Stores an object as it is now.
    pub fn put(&mut self, object: Object) {
        self.touched.insert(spot(object.kind, &object.name), Some(object));
    }

    /// Adds a version with its value. The newest version is the one added last.
    pub fn add(
        &mut self,
        mut object: Object,
        mut version: Version,
        value: &[u8],
    ) -> Result<(), VaultError> {
        let vault_key = self.shelf.keyring.key(&self.shelf.vault)?;
        version.order = object.next_order();
        let place = self.shelf.place(&object, &version);
        self.values.push((place.key(), Sealed::seal(value, &place, &vault_key)?));
        object.versions.push(Arc::new(version));
        self.put(object);
        Ok(())
    }

    /// Removes an object with all versions and their keys.
    pub fn remove(&mut self, kind: Kind, name: &str) {
        self.touched.insert(spot(kind, name), None);
    }

    /// Stores all of it in one transaction. It is durable and visible when this returns.
    pub fn commit(self) -> Result<(), VaultError> {
        let (ops, gone) = self.ops();
        if !ops.is_empty() {
            self.shelf.store.apply(ops)?;
            self.show(gone);
        }
        Ok(())
    }

    /// As [`Change::commit`], for tasks: no thread waits for the disk. Once polled, it must be polled to its end: what is
    /// stored would not be seen before the next start.
    pub async fn commit_async(self) -> Result<(), VaultError> {
        let (ops, gone) = self.ops();
        if !ops.is_empty() {
            let (told, outcome) = oneshot::channel();
            // whoever asked is there, or the server ends
            self.shelf.store.submit(ops, Box::new(|outcome| drop(told.send(outcome))));
            outcome.await.unwrap_or_else(|_| Err(StoreError::broken_off()))?;
            self.show(gone);
        }
        Ok(())
    }

    /// What is to be written, and the keys of values that this removes.
    fn ops(&self) -> (Vec<Op>, Vec<String>) {
        let mut ops = Vec::new();
        for (spot, new) in &self.touched {
            let old = self.shelf.objects.read().get(spot).cloned();
            self.object_ops(spot, old.as_deref(), new.as_ref(), &mut ops);
        }
        for (key, sealed) in &self.values {
            ops.push(put(SEALED, key.clone(), sealed.to_json()));
        }
        let gone = ops.iter().filter_map(|op| match op {
            Op::Delete { collection, key, .. } if collection == SEALED => Some(key.clone()),
            _ => None,
        });
        let gone = gone.collect();
        (ops, gone)
    }

    /// Readers see from now on what is stored.
    fn show(self, gone: Vec<String>) {
        for (key, sealed) in self.values {
            self.shelf.cache.insert(key, Arc::new(sealed));
        }
        for key in gone {
            self.shelf.cache.remove(&key);
        }
        let mut objects = self.shelf.objects.write();
        for (spot, new) in self.touched {
            match new {
                Some(object) => drop(objects.insert(spot, Arc::new(object))),
                None => drop(objects.remove(&spot)),
            }
        }
    }

    /// The writes that lead from one state of an object to another.
    fn object_ops<'o>(
        &self,
        spot: &Spot,
        old: Option<&'o Object>,
        new: Option<&'o Object>,
        ops: &mut Vec<Op>,
    ) {
        let key = format!("{}/{}/{}", self.shelf.vault, spot.0.word(), spot.1);
        let versions = |object: Option<&'o Object>| object.map_or(&[][..], |o| &o.versions);
        let (before, after) = differing(versions(old), versions(new));
        for version in before.iter().filter(|v| !after.iter().any(|a| a.id == v.id)) {
            for collection in [VERSIONS, SEALED] {
                ops.push(delete(collection, format!("{key}/{}", version.id)));
            }
        }
        for version in after {
            if !before.iter().any(|b| Arc::ptr_eq(b, version) || b == version) {
                ops.push(put(VERSIONS, format!("{key}/{}", version.id), version.to_json()));
            }
        }
        match (old, new) {
            (Some(old), Some(new)) if old.same_document(new) => {}
            (_, Some(new)) => ops.push(put(OBJECTS, key, new.to_json())),
            (Some(_), None) => ops.push(delete(OBJECTS, key)),
            (None, None) => {}
        }
    }
}

/// Two lists without what both begin with and what both end with: of thousands of versions a change touches few.
fn differing<'v>(
    before: &'v [Arc<Version>],
    after: &'v [Arc<Version>],
) -> (&'v [Arc<Version>], &'v [Arc<Version>]) {
    let same = |(b, a): &(&Arc<Version>, &Arc<Version>)| Arc::ptr_eq(b, a);
    let first = before.iter().zip(after).take_while(same).count();
    let (before, after) = (&before[first..], &after[first..]);
    let last = before.iter().rev().zip(after.iter().rev()).take_while(same).count();
    (&before[..before.len() - last], &after[..after.len() - last])
}

fn put(collection: &str, key: String, value: serde_json::Value) -> Op {
    Op::Put { collection: collection.into(), key, value, condition: Condition::Any }
}

fn delete(collection: &str, key: String) -> Op {
    Op::Delete { collection: collection.into(), key, condition: Condition::Any }
}

#[cfg(test)]
mod tests;
