//! Documents with etags and a change feed: what exists (resources, incidents, role assignments, checkpoints) lives here.
//!
//! A document is a JSON value under a collection and a key. Every write takes the next number of one sequence; that
//! number is the document's etag and its place in the change feed, so etags never repeat and the feed never reorders.
//! Calls are synchronous and short; a write that returned is on disk.

mod memory;
mod sqlite;

use model::DateTime;
use serde_json::Value;

pub use memory::MemoryStore;
pub use sqlite::SqliteStore;

/// A stored value with its history in short.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// Key within its collection.
    pub key: String,
    /// The value as last written.
    pub value: Value,
    /// Changes with every write; plain hexadecimal text without quotes, later writes sort higher.
    pub etag: String,
    /// First written (again after a delete).
    pub created: DateTime,
    /// Last written.
    pub modified: DateTime,
}

/// What must hold for a write to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    Any,
    /// The document does not exist (If-None-Match: *). Else [`StoreError::Conflict`].
    Absent,
    /// The document exists. Else [`StoreError::NotFound`].
    Exists,
    /// The document exists with this etag (If-Match). Else [`StoreError::Conflict`].
    Match(String),
}

/// One write of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Stores a value.
    Put {
        /// Collection.
        collection: String,
        /// Key.
        key: String,
        /// Value.
        value: Value,
        /// What must hold.
        condition: Condition,
    },
    /// Removes a document; one that is absent is no failure under [`Condition::Any`].
    Delete {
        /// Collection.
        collection: String,
        /// Key.
        key: String,
        /// What must hold.
        condition: Condition,
    },
}

/// A place in the change feed. The feed is compacted: it names each key once, at its last change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Pass the last one seen as `after` to go on.
    pub sequence: u64,
    /// Collection.
    pub collection: String,
    /// Key.
    pub key: String,
    /// True when the last change was a delete.
    pub deleted: bool,
}

/// Why a call gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Another writer was first: the condition does not hold.
    #[error(
        "'{key}' in {collection} was changed or created by someone else; read it again and retry"
    )]
    Conflict {
        /// Collection.
        collection: String,
        /// Key.
        key: String,
    },
    /// The document that had to exist does not.
    #[error("the document does not exist")]
    NotFound,
    /// The disk is full, read only or out of reach; nothing was stored. The same call may succeed later.
    #[error("state cannot be read or written now: {0}")]
    Unavailable(String),
    /// What is stored is not readable; the text names it.
    #[error("stored state is damaged: {0}; restore a backup")]
    Damaged(String),
    /// The file was written by a newer version of the program.
    #[error(
        "stored state has format {found}, this version knows up to {known}; run the newer version or restore a backup"
    )]
    Newer {
        /// Format of the file.
        found: i64,
        /// Newest format known here.
        known: i64,
    },
}

/// Who hears how a write went that was handed in: see [`Store::submit`].
pub type Told = Box<dyn FnOnce(Result<Vec<Option<Document>>, StoreError>) + Send>;

impl StoreError {
    /// Of a write whose outcome nobody told.
    pub fn broken_off() -> Self {
        Self::Unavailable("the write was broken off".into())
    }
}

/// What is called before a commit; its error becomes that of the commit.
pub type Barrier = Box<dyn Fn() -> Result<(), StoreError> + Send + Sync>;

/// A store of documents. Held as `Arc<dyn Store>`.
pub trait Store: Send + Sync {
    /// One document.
    fn get(&self, collection: &str, key: &str) -> Result<Option<Document>, StoreError>;

    /// Stores a value. Durable when it returns.
    fn put(
        &self,
        collection: &str,
        key: &str,
        value: Value,
        condition: Condition,
    ) -> Result<Document, StoreError> {
        let op = Op::Put { collection: collection.into(), key: key.into(), value, condition };
        self.apply(vec![op])?.pop().flatten().ok_or(StoreError::NotFound)
    }

    /// Removes a document; false when there was none.
    fn delete(&self, collection: &str, key: &str, condition: Condition)
    -> Result<bool, StoreError>;

    /// Documents whose key begins with `prefix`, by key in byte order, behind `after` (exclusive), at most `limit`.
    fn list(
        &self,
        collection: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError>;

    /// All writes or none, in one transaction; each sees those before it. Gives the document stored by each put and
    /// none for each delete. Durable when it returns.
    fn apply(&self, ops: Vec<Op>) -> Result<Vec<Option<Document>>, StoreError>;

    /// As [`Store::apply`], without waiting for it where the store can: `told` hears the outcome, on a thread of the store
    /// that it must not keep, or on the caller's before this returns. It is dropped unheard where the store breaks in the
    /// midst of it.
    fn submit(&self, ops: Vec<Op>, told: Told) {
        told(self.apply(ops));
    }

    /// Calls `barrier` before each commit from now on: where it fails, the commit does. For what must be durable before
    /// anything here is, such as a record that a change is about to be made; one call serves all writes that are
    /// committed together. False where the store does not do that.
    fn before_commits(&self, _barrier: Barrier) -> bool {
        false
    }

    /// Changes behind `after`, oldest first, at most `limit`.
    fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, StoreError>;

    /// Every document whose key begins with `prefix`, by key: [`Store::list`] without pages, for small collections.
    fn list_all(&self, collection: &str, prefix: &str) -> Result<Vec<Document>, StoreError> {
        let mut all: Vec<Document> = Vec::new();
        self.each(collection, prefix, &mut |document| all.push(document))?;
        Ok(all)
    }

    /// Shows every document whose key begins with `prefix`, by key, holding a page of them at a time.
    fn each(
        &self,
        collection: &str,
        prefix: &str,
        show: &mut dyn FnMut(Document),
    ) -> Result<(), StoreError> {
        const PAGE: usize = 1000;
        let mut after: Option<String> = None;
        loop {
            let page = self.list(collection, prefix, after.as_deref(), PAGE)?;
            if page.len() == PAGE {
                after = page.last().map(|document| document.key.clone());
            } else {
                after = None;
            }
            page.into_iter().for_each(&mut *show);
            if after.is_none() {
                return Ok(());
            }
        }
    }
}

/// The etag of the write with this sequence number; fixed width, so that text order is time order.
fn etag(sequence: u64) -> String {
    format!("{sequence:016x}")
}

/// Judges a condition against the etag of what is stored.
fn permits(
    condition: &Condition,
    stored: Option<&str>,
    collection: &str,
    key: &str,
) -> Result<(), StoreError> {
    let conflict = || StoreError::Conflict { collection: collection.into(), key: key.into() };
    match (condition, stored) {
        (Condition::Any, _) | (Condition::Absent, None) | (Condition::Exists, Some(_)) => Ok(()),
        (Condition::Exists, None) => Err(StoreError::NotFound),
        (Condition::Match(wanted), Some(have)) if wanted == have => Ok(()),
        (Condition::Absent, Some(_)) | (Condition::Match(_), _) => Err(conflict()),
    }
}
