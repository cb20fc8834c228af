//! A store that lives and dies with the process, for tests and for tools that keep nothing.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use model::{Clock, SystemClock};
use parking_lot::Mutex;

use crate::{Change, Condition, Document, Op, Store, StoreError, etag, permits};

/// Documents in memory.
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    inner: Mutex<Inner>,
}

type Key = (String, String);

#[derive(Clone, Default)]
struct Inner {
    sequence: u64,
    documents: BTreeMap<Key, (u64, Document)>,
    tombstones: BTreeMap<Key, u64>,
}

impl MemoryStore {
    /// An empty store with the machine's clock.
    pub fn new() -> Self {
        Self::with_clock(Arc::new(SystemClock))
    }

    /// An empty store that takes its time from `clock`.
    pub fn with_clock(clock: Arc<dyn Clock>) -> Self {
        Self { clock, inner: Mutex::default() }
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Inner {
    fn apply(&mut self, op: Op, now: model::DateTime) -> Result<Option<Document>, StoreError> {
        match op {
            Op::Put { collection, key, value, condition } => {
                let id = (collection, key);
                let old = self.documents.get(&id).map(|(_, d)| d);
                permits(&condition, old.map(|d| d.etag.as_str()), &id.0, &id.1)?;
                self.sequence += 1;
                let document = Document {
                    key: id.1.clone(),
                    value,
                    etag: etag(self.sequence),
                    created: old.map_or(now, |d| d.created),
                    modified: now,
                };
                self.tombstones.remove(&id);
                self.documents.insert(id, (self.sequence, document.clone()));
                Ok(Some(document))
            }
            Op::Delete { collection, key, condition } => {
                let id = (collection, key);
                let old = self.documents.get(&id).map(|(_, d)| d.etag.as_str());
                permits(&condition, old, &id.0, &id.1)?;
                if self.documents.remove(&id).is_some() {
                    self.sequence += 1;
                    self.tombstones.insert(id, self.sequence);
                }
                Ok(None)
            }
        }
    }
}

impl Store for MemoryStore {
    fn get(&self, collection: &str, key: &str) -> Result<Option<Document>, StoreError> {
        let id = (collection.to_owned(), key.to_owned());
        Ok(self.inner.lock().documents.get(&id).map(|(_, d)| d.clone()))
    }

    fn delete(
        &self,
        collection: &str,
        key: &str,
        condition: Condition,
    ) -> Result<bool, StoreError> {
        let mut inner = self.inner.lock();
        let before = inner.documents.len();
        let op = Op::Delete { collection: collection.into(), key: key.into(), condition };
        inner.apply(op, self.clock.now())?;
        Ok(inner.documents.len() < before)
    }

    fn list(
        &self,
        collection: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        let start = match after {
            Some(after) if after >= prefix => {
                Bound::Excluded((collection.to_owned(), after.to_owned()))
            }
            _ => Bound::Included((collection.to_owned(), prefix.to_owned())),
        };
        let inner = self.inner.lock();
        let range = inner.documents.range((start, Bound::Unbounded));
        let inside = range.take_while(|((c, k), _)| c == collection && k.starts_with(prefix));
        Ok(inside.take(limit).map(|(_, (_, d))| d.clone()).collect())
    }

    fn apply(&self, ops: Vec<Op>) -> Result<Vec<Option<Document>>, StoreError> {
        let now = self.clock.now();
        let mut inner = self.inner.lock();
        let mut next = inner.clone(); // all or nothing; this store is small
        let done = ops.into_iter().map(|op| next.apply(op, now)).collect::<Result<_, _>>()?;
        *inner = next;
        Ok(done)
    }

    fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, StoreError> {
        let inner = self.inner.lock();
        let live = inner.documents.iter().map(|(id, (sequence, _))| (*sequence, id, false));
        let gone = inner.tombstones.iter().map(|(id, sequence)| (*sequence, id, true));
        let mut all: Vec<Change> = live
            .chain(gone)
            .filter(|(sequence, ..)| *sequence > after)
            .map(|(sequence, (collection, key), deleted)| Change {
                sequence,
                collection: collection.clone(),
                key: key.clone(),
                deleted,
            })
            .collect();
        all.sort_by_key(|c| c.sequence);
        all.truncate(limit);
        Ok(all)
    }
}
