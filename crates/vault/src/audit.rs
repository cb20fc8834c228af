//! The audit log: every call is a row in `AzureDiagnostics` (category AuditEvent) and in `AZKVAuditLogs`. It is on disk
//! before the answer leaves; when that cannot be, calls fail.
//!
//! A row is durable in the [journal] first, together with those of everybody who waits: one write, one sync. From
//! there rows go into the tables by the hundred, some hundredths of a second later ([tables]). A change is written
//! twice: that it is about to be carried out ([`AuditLog::begin`]), and how it ended. So there is no change without
//! a row, whatever happens in between. A query of these tables waits for the rows that were durable when it came.
//!
//! Rows form a chain: each names the digest of the one before, so that an edited, removed or moved row shows. While
//! the vault is open each digest also carries a proof under a key that lies behind the seal: a chain made anew by
//! somebody who can write the files does not have it. The end of the chain is noted in the store now and then, so that
//! rows missing at the end show as well.

mod chain;
mod frame;
mod journal;
mod pages;
mod row;
mod tables;
mod verify;
mod writer;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use model::{Clock, Feed, Tables};
use parking_lot::{Condvar, Mutex};
use state::Store;
use tokio::sync::{Notify, Semaphore, oneshot, watch};

pub use row::AuditRecord;
pub use verify::AuditReport;

use crate::{Keyring, VaultError};
use tables::Parcels;

/// Records that may wait to be written.
const WAITING_MAX: usize = 10_000;
/// Refusals of unknown callers written in a second.
const NOTED_PER_SECOND: u32 = 20;

/// How long a query waits for rows that are durable but not yet in the tables.
const CATCH_UP_MAX: Duration = Duration::from_millis(500);

/// Where the rows are.
const TABLES: [&str; 2] = ["AzureDiagnostics", "AZKVAuditLogs"];

/// What the log stands on.
pub struct AuditHouse {
    /// Where the journal lies.
    pub folder: PathBuf,
    /// Where rows go.
    pub tables: Arc<dyn Tables>,
    /// Customer id of their workspace.
    pub workspace: Arc<str>,
    /// Where the end of the chain is noted.
    pub store: Arc<dyn Store>,
    /// Proves rows while it is open.
    pub keyring: Arc<Keyring>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

/// What is to be written.
enum Job {
    /// A row, and the change that it ends (0: none).
    Row { record: Box<AuditRecord>, ends: u64 },
    /// A change is about to be carried out.
    Change(Box<AuditRecord>),
    /// The tables have all rows: say so.
    Mark,
}

/// A job, and who waits for it: told the change's number, or why it was not written.
struct Entry {
    job: Job,
    done: Option<oneshot::Sender<Result<u64, String>>>,
}

#[derive(Default)]
struct Queue {
    entries: VecDeque<Entry>,
    closed: bool,
}

/// What the log, its writer and the way into the tables share.
struct Shared {
    house: AuditHouse,
    queue: Mutex<Queue>,
    /// Something is in the queue, or it was closed.
    filled: Condvar,
    parcels: Parcels,
    /// The last row that is durable.
    written: AtomicU64,
    /// Rows up to here are in both tables.
    stored: watch::Sender<u64>,
    /// Why the tables take no rows.
    failing: Mutex<Option<String>>,
    /// Somebody waits for the tables.
    hurry: Notify,
}

/// Takes records. Share it as `Arc<AuditLog>`.
pub struct AuditLog {
    shared: Arc<Shared>,
    places: Semaphore,
    refusals: Mutex<Refusals>,
}

/// Refusals of unknown callers in this second.
#[derive(Default)]
struct Refusals {
    second: i64,
    written: u32,
    left_out: u64,
}

/// A change under way, known to the journal. Let go without a word, it is recorded as one of unknown outcome.
pub struct ChangeUnderWay {
    shared: Arc<Shared>,
    id: u64,
    record: Option<Box<AuditRecord>>,
}

impl AuditLog {
    /// Starts the writer; it ends, with everything written, when the log is dropped. Call it inside a runtime.
    pub fn start(house: AuditHouse) -> Self {
        let shared = Arc::new(Shared {
            house,
            queue: Mutex::default(),
            filled: Condvar::new(),
            parcels: Parcels::default(),
            written: AtomicU64::new(0),
            stored: watch::Sender::new(0),
            failing: Mutex::new(None),
            hurry: Notify::new(),
        });
        writer::start(&shared);
        tokio::spawn(tables::run(Arc::clone(&shared)));
        Self { shared, places: Semaphore::new(WAITING_MAX), refusals: Mutex::default() }
    }

    /// Writes a record. It is on disk when this returns; an error means that the call must fail.
    pub async fn write(&self, record: AuditRecord) -> Result<(), VaultError> {
        self.hand_in(Job::Row { record: Box::new(record), ends: 0 }).await.map(drop)
    }

    /// Writes that a change is about to be carried out: an error means that it must not be.
    pub async fn begin(&self, record: AuditRecord) -> Result<ChangeUnderWay, VaultError> {
        let record = Box::new(record);
        let id = self.hand_in(Job::Change(record.clone())).await?;
        Ok(ChangeUnderWay { shared: Arc::clone(&self.shared), id, record: Some(record) })
    }

    /// Writes how a change ended.
    pub async fn end(
        &self,
        mut change: ChangeUnderWay,
        record: AuditRecord,
    ) -> Result<(), VaultError> {
        change.record = None;
        self.hand_in(Job::Row { record: Box::new(record), ends: change.id }).await.map(drop)
    }

    async fn hand_in(&self, job: Job) -> Result<u64, VaultError> {
        let ends_a_change = matches!(job, Job::Row { ends, .. } if ends != 0);
        let unavailable = |why: &str| {
            tracing::error!(why, "the audit log cannot be written: the call is refused");
            VaultError::new(
                503,
                "ServiceUnavailable",
                "The audit log cannot be written, so nothing is answered; free space on the data folder's disk.",
            )
        };
        let failing = self.shared.failing.lock().clone();
        if let Some(why) = failing.filter(|_| !ends_a_change) {
            self.shared.hurry.notify_one();
            return Err(unavailable(&why));
        }
        let Ok(_place) = self.places.acquire().await else {
            return Err(unavailable("it has ended"));
        };
        let (done, written) = oneshot::channel();
        self.shared.push(Entry { job, done: Some(done) });
        match written.await {
            Ok(Ok(id)) => Ok(id),
            Ok(Err(why)) => Err(unavailable(&why)),
            Err(_) => Err(unavailable("the writer has ended")),
        }
    }

    /// Takes a record without waiting: refusals of callers that nobody knows. They may neither slow down others nor fill
    /// the disk: a few a second are written, and the next one says how many were left out.
    pub fn note(&self, mut record: AuditRecord) {
        let room = self.shared.queue.lock().entries.len() < WAITING_MAX / 2;
        let second = record.time.unix_seconds();
        {
            let mut refusals = self.refusals.lock();
            if refusals.second != second {
                (refusals.second, refusals.written) = (second, 0);
            }
            if !room || refusals.written >= NOTED_PER_SECOND {
                refusals.left_out += 1;
                return;
            }
            refusals.written += 1;
            let left_out = std::mem::take(&mut refusals.left_out);
            if left_out > 0 {
                record.description +=
                    &format!(" ({left_out} more were refused before and not recorded)");
            }
        }
        self.shared.push(Entry { job: Job::Row { record: Box::new(record), ends: 0 }, done: None });
    }

    /// Waits until every row that is durable is in the tables too.
    pub async fn settle(&self) -> Result<(), String> {
        let (wanted, mut stored) =
            (self.shared.written.load(Ordering::Acquire), self.shared.stored.subscribe());
        loop {
            self.shared.hurry.notify_one();
            if *stored.borrow_and_update() >= wanted {
                return Ok(());
            }
            let moved = tokio::time::timeout(tables::RETRY, stored.changed()).await;
            if let (Err(_), Some(why)) = (moved, self.shared.failing.lock().clone()) {
                return Err(why);
            }
        }
    }

    /// Writes what waits, puts it into the tables and notes the end of the chain: before the house is left.
    pub async fn close(&self) {
        let settled = self.hand_in(Job::Mark).await.is_ok() && self.settle().await.is_ok();
        if settled && self.hand_in(Job::Mark).await.is_ok() {
            tables::note_end(&self.shared).await;
        }
    }

    /// Reads the whole chain back and judges it.
    pub async fn verify(&self) -> Result<AuditReport, VaultError> {
        let settled = self.settle().await;
        settled.map_err(|why| VaultError::new(503, "ServiceUnavailable", why))?;
        verify::verify(&self.shared.house).await
    }
}

impl Feed for AuditLog {
    fn tables(&self) -> &[&'static str] {
        &TABLES
    }

    fn catch_up(&self) {
        let wanted = self.shared.written.load(Ordering::Acquire);
        let until = Instant::now() + CATCH_UP_MAX;
        let behind = || *self.shared.stored.borrow() < wanted;
        // rows of an earlier run are looked for in the tables themselves: reading these must not wait for them; nor does
        // anybody wait for tables that take nothing
        let hopeless =
            || self.shared.parcels.is_recovering() || self.shared.failing.lock().is_some();
        while behind() && !hopeless() && Instant::now() < until {
            self.shared.hurry.notify_one();
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for AuditLog {
    fn drop(&mut self) {
        self.shared.queue.lock().closed = true;
        self.shared.filled.notify_one();
    }
}

impl Drop for ChangeUnderWay {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            const WHY: &str = "The outcome was not recorded; the change may have been made.";
            let record = Box::new(record.unfinished(WHY));
            self.shared.push(Entry { job: Job::Row { record, ends: self.id }, done: None });
        }
    }
}

impl Shared {
    fn push(&self, entry: Entry) {
        let mut queue = self.queue.lock();
        if queue.closed {
            return; // whoever waits learns it from the dropped channel
        }
        let was_empty = queue.entries.is_empty();
        queue.entries.push_back(entry);
        drop(queue);
        if was_empty {
            self.filled.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
