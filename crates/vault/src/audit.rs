//! The audit log: every call is a row in `AzureDiagnostics` (category AuditEvent) and in `AZKVAuditLogs`, on disk before
//! the answer leaves. Whoever waits is written together with one sync; when rows cannot be written, calls fail.
//!
//! Rows form a chain: each names the digest of the one before, so that an edited, removed or moved row shows. While
//! the vault is open each digest also carries a proof under a key that lies behind the seal: a chain made anew by
//! somebody who can write the files does not have it. The end of the chain is noted in the store now and then, so that
//! rows missing at the end show as well.

mod chain;
mod row;
mod verify;

use std::sync::Arc;
use std::time::Duration;

use model::{AppendRequest, Clock, Rows, Tables};
use parking_lot::Mutex;
use state::Store;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use chain::Link;
pub use row::AuditRecord;
pub use verify::AuditReport;

use crate::{Keyring, VaultError};
use chain::Chain;

/// Records that may wait to be written.
const WAITING_MAX: usize = 10_000;
/// Most rows written together.
const BATCH_MAX: usize = 2_000;
/// Refusals of unknown callers written in a second.
const NOTED_PER_SECOND: u32 = 20;
/// How often the end of the chain is noted, where it moved.
const NOTE_EVERY: Duration = Duration::from_secs(10);

/// Where the rows are.
const TABLES: [&str; 2] = ["AzureDiagnostics", "AZKVAuditLogs"];

/// A record, and who waits for it.
struct Entry {
    /// None asks for the end to be noted.
    record: Option<Box<AuditRecord>>,
    written: Option<oneshot::Sender<Result<(), String>>>,
}

/// What the log stands on.
pub struct AuditHouse {
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

/// Takes records. Share it as `Arc<AuditLog>`.
pub struct AuditLog {
    entries: mpsc::Sender<Entry>,
    house: Arc<AuditHouse>,
    refusals: Mutex<Refusals>,
}

/// Refusals of unknown callers in this second.
#[derive(Default)]
struct Refusals {
    second: i64,
    written: u32,
    left_out: u64,
}

impl AuditLog {
    /// Starts the writer; it ends, with everything written, when the log is dropped. Call it inside a runtime.
    pub fn start(house: AuditHouse) -> Self {
        let (entries, waiting) = mpsc::channel(WAITING_MAX);
        let house = Arc::new(house);
        tokio::spawn(write(Arc::clone(&house), waiting));
        Self { entries, house, refusals: Mutex::default() }
    }

    /// Writes a record. It is on disk when this returns; an error means that the call must fail.
    pub async fn write(&self, record: AuditRecord) -> Result<(), VaultError> {
        let (sender, written) = oneshot::channel();
        let entry = Entry { record: Some(Box::new(record)), written: Some(sender) };
        let unavailable = |why: &str| {
            tracing::error!(why, "the audit log cannot be written: the call is refused");
            VaultError::new(
                503,
                "ServiceUnavailable",
                "The audit log cannot be written, so nothing is answered; free space on the data folder's disk.",
            )
        };
        if self.entries.send(entry).await.is_err() {
            return Err(unavailable("the writer has ended"));
        }
        match written.await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(why)) => Err(unavailable(&why)),
            Err(_) => Err(unavailable("the writer has ended")),
        }
    }

    /// Takes a record without waiting: refusals of callers that nobody knows. They may neither slow down others nor fill
    /// the disk: a few a second are written, and the next one says how many were left out.
    pub fn note(&self, mut record: AuditRecord) {
        let room = self.entries.capacity() > WAITING_MAX / 2;
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
        let _ = self.entries.try_send(Entry { record: Some(Box::new(record)), written: None }); // as above: left out
    }

    /// Writes what waits and notes the end of the chain: before the house is left.
    pub async fn close(&self) {
        let (sender, written) = oneshot::channel();
        if self.entries.send(Entry { record: None, written: Some(sender) }).await.is_ok() {
            let _ = written.await; // the writer has ended: nothing waits
        }
    }

    /// Reads the whole chain back and judges it.
    pub async fn verify(&self) -> Result<AuditReport, VaultError> {
        verify::verify(&self.house).await
    }
}

async fn write(house: Arc<AuditHouse>, mut waiting: mpsc::Receiver<Entry>) {
    let mut writer = Writer { house, chain: None, behind: None, noted: None };
    let mut due = Instant::now(); // the first rows are noted at once
    loop {
        let first = tokio::select! {
            first = waiting.recv() => first,
            () = tokio::time::sleep_until(due), if writer.is_ahead() => {
                due = Instant::now() + NOTE_EVERY;
                writer.note_end().await;
                continue;
            }
        };
        let Some(first) = first else { break };
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(next) = waiting.try_recv()
        {
            batch.push(next);
        }
        let records: Vec<&AuditRecord> = batch.iter().filter_map(|e| e.record.as_deref()).collect();
        let told = if records.is_empty() { Ok(()) } else { writer.append(&records).await };
        if batch.iter().any(|entry| entry.record.is_none()) {
            writer.note_end().await;
        }
        for waiter in batch.into_iter().filter_map(|entry| entry.written) {
            let _ = waiter.send(told.clone()); // a client that went away waits no more
        }
    }
    writer.note_end().await;
}

/// Rows on their way into one table each.
type Requests = [AppendRequest; 2];

struct Writer {
    house: Arc<AuditHouse>,
    /// The end of what is written; none until it was read.
    chain: Option<Chain>,
    /// Rows that could not be written, at least not into both tables, and the chain behind them. They go first:
    /// their batch ids keep what is there from being written twice.
    behind: Option<(Requests, Chain)>,
    /// The end as it was noted last.
    noted: Option<Chain>,
}

impl Writer {
    /// True when the chain went on since its end was noted.
    fn is_ahead(&self) -> bool {
        self.chain.is_some() && self.chain != self.noted
    }

    /// Appends the rows of a batch to both tables.
    async fn append(&mut self, batch: &[&AuditRecord]) -> Result<(), String> {
        if let Some((requests, chain)) = self.behind.take() {
            self.store(requests, chain).await?;
        }
        let mut chain = match self.chain.clone() {
            Some(chain) => chain,
            None => chain::last(&self.house).await?,
        };
        let proof = self.house.keyring.audit_key().ok();
        let links: Vec<(&AuditRecord, Link)> =
            batch.iter().map(|record| (*record, chain.extend(record, proof.as_deref()))).collect();
        let first = links.first().map_or(0, |(_, link)| link.sequence);
        let requests = [
            self.request(TABLES[0], first, row::diagnostics(&links)),
            self.request(TABLES[1], first, row::audit_logs(&links)),
        ];
        self.store(requests, chain).await
    }

    fn request(&self, table: &'static str, first: u64, rows: Rows) -> AppendRequest {
        let schema = Arc::clone(&rows.schema);
        let batch = rows.batches.into_iter().next().unwrap_or_default();
        AppendRequest {
            workspace: Arc::clone(&self.house.workspace),
            table: table.into(),
            schema,
            batch_id: Some(format!("vault-audit:{first}:{}", batch.rows).into()),
            batch,
            received: self.house.clock.now(),
        }
    }

    async fn store(&mut self, requests: Requests, chain: Chain) -> Result<(), String> {
        let [one, two] = requests.clone();
        let (one, two) = tokio::join!(self.house.tables.append(one), self.house.tables.append(two));
        match one.and(two) {
            Ok(_) => {
                self.chain = Some(chain);
                Ok(())
            }
            Err(error) => {
                self.behind = Some((requests, chain));
                Err(error.to_string())
            }
        }
    }

    async fn note_end(&mut self) {
        let Some(chain) = self.chain.clone().filter(|_| self.is_ahead()) else { return };
        self.noted = Some(chain.clone());
        let house = Arc::clone(&self.house);
        let noted = tokio::task::spawn_blocking(move || chain::note(&house, &chain)).await;
        if let Ok(Err(error)) = noted {
            tracing::warn!(%error, "the end of the audit chain could not be noted");
        }
    }
}

#[cfg(test)]
mod tests;
