//! The audit log: every call is a row in `AzureDiagnostics` (category AuditEvent) and in `AZKVAuditLogs`. It is written
//! before the answer leaves; when that cannot be, calls fail.
//!
//! A row is written to the [journal] first, by whoever brings it: from then on it outlives the process. From there rows
//! go into the tables by the hundred, some hundredths of a second later ([tables]), and before they do the journal is
//! flushed: from then on they outlive the machine. A change is written twice: that it is about to be carried out
//! ([`AuditLog::begin`]), which is flushed before anything happens, and how it ended. So there is no change without a
//! row, whatever happens in between. A query of these tables waits for the rows that were written when it came.
//!
//! Rows form a chain: each has a digest of itself and of the digest before it, so that an edited, removed or moved row
//! shows. While the vault is open the last row of a parcel also carries a proof of its digest, and so of all before it,
//! under a key that lies behind the seal: a chain made anew by somebody who can write the files does not have it. The end of the chain is noted in the store now and then, so that
//! rows missing at the end show as well.

mod chain;
mod frame;
mod journal;
mod pages;
mod read;
mod row;
mod tables;
mod verify;
mod writer;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use model::{Clock, Feed, Tables};
use parking_lot::{Condvar, Mutex};
use state::{Store, StoreError};
use tokio::sync::{Notify, oneshot, watch};

pub use row::AuditRecord;
pub use verify::AuditReport;

use crate::{Keyring, VaultError};
use tables::Parcels;
use writer::{Unwritten, Writer};

/// Longest wait for the tables to take the rows of the journal's file whose turn it is.
const TURN: Duration = Duration::from_secs(10);
/// Refusals of unknown callers written in a second.
const NOTED_PER_SECOND: u32 = 20;

/// How long a query waits for rows that are written but not yet in the tables.
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
    /// The subscription whose vaults these are.
    pub subscription: Arc<str>,
    /// Where the end of the chain is noted.
    pub store: Arc<dyn Store>,
    /// Proves rows while it is open.
    pub keyring: Arc<Keyring>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Calls that change nothing wait for the disk, too.
    pub flush_each: bool,
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

/// How far the journal is.
#[derive(Clone, Copy)]
enum Opening {
    /// It is being read.
    Waiting,
    /// It takes entries.
    Done,
    /// It cannot be opened; it is tried again and again.
    Failed,
}

/// Who waits for a flush of the journal.
#[derive(Default)]
struct Flushes {
    waiting: Vec<oneshot::Sender<Result<(), String>>>,
    /// Nobody hands in anything more.
    closed: bool,
    /// There is no further flush.
    ended: bool,
}

/// What the log, its thread and the way into the tables share.
struct Shared {
    house: AuditHouse,
    writer: Mutex<Writer>,
    opening: watch::Sender<Opening>,
    flushes: Mutex<Flushes>,
    /// Somebody waits for a flush, or the log has ended.
    wanted: Condvar,
    parcels: Parcels,
    /// The last row that is written.
    written: AtomicU64,
    /// Rows up to here are in both tables.
    stored: watch::Sender<u64>,
    /// Why the tables take no rows.
    failing: Mutex<Option<String>>,
    /// Held while the journal is flushed.
    flushing: Mutex<()>,
    /// Why the journal cannot be flushed.
    unflushed: Mutex<Option<String>>,
    /// The store flushes the journal before each of its commits, where changes were begun.
    guarded: AtomicBool,
    /// Somebody waits for the tables.
    hurry: Notify,
}

/// Takes records. Share it as `Arc<AuditLog>`.
pub struct AuditLog {
    shared: Arc<Shared>,
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
    /// Starts the log; it ends, with everything written, when it is dropped. Call it inside a runtime.
    pub fn start(house: AuditHouse) -> Self {
        let shared = Arc::new(Shared {
            house,
            writer: Mutex::default(),
            opening: watch::Sender::new(Opening::Waiting),
            flushes: Mutex::default(),
            wanted: Condvar::new(),
            parcels: Parcels::default(),
            written: AtomicU64::new(0),
            stored: watch::Sender::new(0),
            failing: Mutex::new(None),
            flushing: Mutex::new(()),
            unflushed: Mutex::new(None),
            guarded: AtomicBool::new(false),
            hurry: Notify::new(),
        });
        let own = Arc::downgrade(&shared);
        let barrier = move || match own.upgrade() {
            Some(shared) => shared.flush_changes().map_err(StoreError::Unavailable),
            None => Ok(()),
        };
        let guarded = shared.house.store.before_commits(Box::new(barrier));
        shared.guarded.store(guarded, Ordering::Relaxed);
        writer::start(&shared);
        tokio::spawn(tables::run(Arc::clone(&shared)));
        Self { shared, refusals: Mutex::default() }
    }

    /// Writes a record. It is in the journal when this returns, where it outlives the process; an error means that the
    /// call must fail. The disk has it within [`tables::GATHER`], or now, where the house wants that.
    pub async fn write(&self, record: AuditRecord) -> Result<(), VaultError> {
        self.hand_in(Job::Row { record: Box::new(record), ends: 0 }).await?;
        self.flushed_if_wanted().await
    }

    /// Writes that a change is about to be carried out: an error means that it must not be. This is on the disk when it
    /// returns: whatever happens, there is no change without its row.
    pub async fn begin(&self, record: AuditRecord) -> Result<ChangeUnderWay, VaultError> {
        let change = self.note_change(record).await?;
        self.shared.flushed().await.map_err(|why| unavailable(&why))?;
        Ok(change)
    }

    /// As [`AuditLog::begin`], for a change that consists of nothing but writes into the store of the house: it is on the
    /// disk before the first of them is, which saves a wait of its own.
    pub async fn begin_in_store(&self, record: AuditRecord) -> Result<ChangeUnderWay, VaultError> {
        match self.shared.guarded.load(Ordering::Relaxed) {
            true => self.note_change(record).await,
            false => self.begin(record).await,
        }
    }

    async fn note_change(&self, record: AuditRecord) -> Result<ChangeUnderWay, VaultError> {
        let record = Box::new(record);
        let id = self.hand_in(Job::Change(record.clone())).await?;
        Ok(ChangeUnderWay { shared: Arc::clone(&self.shared), id, record: Some(record) })
    }

    /// Writes how a change ended; as durable as by [`AuditLog::write`].
    pub async fn end(
        &self,
        mut change: ChangeUnderWay,
        record: AuditRecord,
    ) -> Result<(), VaultError> {
        let ended = self.hand_in(Job::Row { record: Box::new(record), ends: change.id }).await;
        change.record = None;
        ended?;
        self.flushed_if_wanted().await
    }

    async fn flushed_if_wanted(&self) -> Result<(), VaultError> {
        if self.shared.house.flush_each {
            self.shared.flushed().await.map_err(|why| unavailable(&why))?;
        }
        Ok(())
    }

    /// Writes an entry, waiting where the tables are behind. The end of a change is owed where this fails.
    async fn hand_in(&self, mut job: Job) -> Result<u64, VaultError> {
        let shared = &self.shared;
        let ends_a_change = matches!(job, Job::Row { ends: 1.., .. });
        let until = Instant::now() + TURN;
        loop {
            let failing = shared.failing.lock().clone().or_else(|| shared.unflushed.lock().clone());
            if let Some(why) = failing.filter(|_| !ends_a_change) {
                shared.hurry.notify_one();
                return Err(unavailable(&why));
            }
            // a statement of its own: the lock is let go before anything is waited for
            let written = shared.writer.lock().write(shared, job);
            match written {
                Ok(id) => return Ok(id),
                Err(Unwritten::Refused(why)) => {
                    shared.try_again();
                    return Err(unavailable(&why));
                }
                Err(Unwritten::Closed(again)) => {
                    shared.opened().await.map_err(|why| unavailable(&why))?;
                    job = again;
                }
                Err(Unwritten::NotYet(again)) => {
                    let why = shared.failing.lock().clone().or_else(|| {
                        let late = Instant::now() > until;
                        late.then(|| "the tables are too slow for the journal".to_owned())
                    });
                    if let Some(why) = why {
                        shared.writer.lock().owe(again);
                        shared.try_again();
                        return Err(unavailable(&why));
                    }
                    shared.hurry.notify_one();
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    job = again;
                }
            }
        }
    }

    /// Takes a record without waiting: refusals of callers that nobody knows. They may neither slow down others nor fill
    /// the disk: a few a second are written, and the next one says how many were left out.
    pub fn note(&self, mut record: AuditRecord) {
        let second = record.time.unix_seconds();
        let mut refusals = self.refusals.lock();
        if refusals.second != second {
            (refusals.second, refusals.written) = (second, 0);
        }
        if refusals.written >= NOTED_PER_SECOND {
            refusals.left_out += 1;
            return;
        }
        refusals.written += 1;
        let left_out = refusals.left_out;
        if left_out > 0 {
            record.description +=
                &format!(" ({left_out} more were refused before and not recorded)");
        }
        let row = Job::Row { record: Box::new(record), ends: 0 };
        let written = self.shared.writer.lock().write(&self.shared, row);
        refusals.left_out = if written.is_ok() { 0 } else { left_out + 1 };
    }

    /// Waits until every row that is written is in the tables too.
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
            let _ = self.shared.flushed().await; // the tables have everything
            tables::note_end(&self.shared).await;
        }
    }

    /// Reads the whole chain back and judges it.
    pub async fn verify(&self) -> Result<AuditReport, VaultError> {
        let failed = |why| VaultError::new(503, "ServiceUnavailable", why);
        self.shared.opened().await.map_err(failed)?;
        let written = self.shared.written.load(Ordering::Acquire);
        self.settle().await.map_err(failed)?;
        verify::verify(&self.shared.house, written, &self.shared.written).await
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
        self.shared.flushes.lock().closed = true;
        self.shared.wanted.notify_one();
    }
}

impl Drop for ChangeUnderWay {
    fn drop(&mut self) {
        if let Some(record) = self.record.take() {
            const WHY: &str = "The outcome was not recorded; the change may have been made.";
            let end = Job::Row { record: Box::new(record.unfinished(WHY)), ends: self.id };
            let written = self.shared.writer.lock().write(&self.shared, end);
            if let Err(Unwritten::NotYet(end) | Unwritten::Closed(end)) = written {
                self.shared.writer.lock().owe(end);
                self.shared.try_again();
            }
        }
    }
}

impl Shared {
    /// Makes durable what is written. Where that fails, calls are refused until it succeeds.
    fn flush(&self) -> Result<(), String> {
        // whoever flushes already may not be done with what this caller wrote
        let _one_at_a_time = self.flushing.lock();
        self.flush_now()
    }

    /// As [`Shared::flush`], where a change was begun: most commits are somebody else's.
    fn flush_changes(&self) -> Result<(), String> {
        let _one_at_a_time = self.flushing.lock();
        if self.writer.lock().has_changes() { self.flush_now() } else { Ok(()) }
    }

    fn flush_now(&self) -> Result<(), String> {
        let flushes = self.writer.lock().flushes();
        let flushed = flushes.and_then(|all| all.into_iter().try_for_each(|flush| flush()));
        let flushed = flushed.map_err(|error| error.to_string());
        let before = std::mem::replace(&mut *self.unflushed.lock(), flushed.clone().err());
        if let Err(why) = &flushed {
            tracing::error!(why, "the audit journal cannot be made durable: calls are refused");
            self.writer.lock().leave_file();
            if before.is_none() {
                self.try_again();
            }
        }
        flushed
    }

    /// Makes the thread look at what failed.
    fn try_again(&self) {
        let _known_before_it_waits = self.flushes.lock();
        self.wanted.notify_one();
    }

    /// Waits until what is written is on the disk.
    async fn flushed(&self) -> Result<(), String> {
        let (done, flushed) = oneshot::channel();
        {
            let mut flushes = self.flushes.lock();
            if !flushes.ended {
                flushes.waiting.push(done);
                self.wanted.notify_one();
            }
        }
        flushed.await.unwrap_or_else(|_| Err("the journal is not open".to_owned()))
    }

    /// Waits until the journal takes entries, or cannot.
    async fn opened(&self) -> Result<(), String> {
        let mut opening = self.opening.subscribe();
        let opened = opening.wait_for(|opening| !matches!(opening, Opening::Waiting)).await;
        match opened.map(|opening| *opening) {
            Ok(Opening::Failed) => self.flushed().await, // which tries to open it again
            _ => Ok(()),
        }
    }
}

fn unavailable(why: &str) -> VaultError {
    tracing::error!(why, "the audit log cannot be written: the call is refused");
    VaultError::new(
        503,
        "ServiceUnavailable",
        "The audit log cannot be written, so nothing is answered; free space on the data folder's disk.",
    )
}

#[cfg(test)]
mod tests;
