//! From the journal into the two tables: rows wait a moment for one another and go together.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::{AppendRequest, DateTime, Rows};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::chain::{self, Chain, Link};
use super::row::{AuditRecord, Columns, FORMS, RecordRef};
use super::{Shared, TABLES, frame, read};

/// How long rows wait for others.
pub(super) const GATHER: Duration = Duration::from_millis(25);
/// Most rows of a parcel.
const ROWS_MAX: usize = 4_000;
/// How long the tables are left alone after they refused.
pub(super) const RETRY: Duration = Duration::from_millis(200);
/// How often the end of the chain is noted, where it moved.
const NOTE_EVERY: Duration = Duration::from_secs(10);

/// Rows that go together, and their places in the chain. Their records are packed, one behind another: a busy vault's
/// go through one piece of memory instead of a dozen each.
#[derive(Default)]
struct Parcel {
    records: Vec<u8>,
    links: Vec<Link>,
    /// They are from an earlier run: the tables may have some of them.
    from_before: bool,
}

impl Parcel {
    fn add(&mut self, record: &AuditRecord, link: Link) {
        frame::pack(record, &mut self.records);
        self.links.push(link);
    }

    fn is_full(&self) -> bool {
        self.links.len() >= ROWS_MAX
    }
}

/// Rows on their way.
#[derive(Default)]
pub(super) struct Parcels {
    waiting: Mutex<Waiting>,
    /// Something is there, or nothing more comes.
    moved: Notify,
    /// The end of what is in the tables, and of what was noted.
    ends: Mutex<[Option<Chain>; 2]>,
    /// Rows of an earlier run are not all in the tables yet.
    recovering: AtomicBool,
}

#[derive(Default)]
struct Waiting {
    parcels: VecDeque<Parcel>,
    closed: bool,
}

impl Waiting {
    fn add(&mut self, record: &AuditRecord, link: Link, from_before: bool) {
        let fits = |last: &&mut Parcel| !last.is_full() && last.from_before == from_before;
        match self.parcels.back_mut().filter(fits) {
            Some(parcel) => parcel.add(record, link),
            None => {
                let mut parcel = Parcel { from_before, ..Parcel::default() };
                parcel.add(record, link);
                self.parcels.push_back(parcel);
            }
        }
    }

    fn is_from_before(&self) -> bool {
        self.parcels.front().is_some_and(|parcel| parcel.from_before)
    }
}

impl Parcels {
    /// A row that is written in the journal.
    pub(super) fn add(&self, record: &AuditRecord, link: Link) {
        self.waiting.lock().add(record, link, false);
        self.moved.notify_one();
    }

    /// Rows of an earlier run.
    pub(super) fn recover(&self, rows: Vec<(AuditRecord, Link)>) {
        if !rows.is_empty() {
            self.recovering.store(true, Ordering::Release);
            let mut waiting = self.waiting.lock();
            rows.into_iter().for_each(|(record, link)| waiting.add(&record, link, true));
            drop(waiting);
            self.moved.notify_one();
        }
    }

    /// True while rows of an earlier run are on their way.
    pub(super) fn is_recovering(&self) -> bool {
        self.recovering.load(Ordering::Acquire)
    }

    /// Nothing more comes.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.moved.notify_one();
    }
}

enum Next {
    Parcel(Parcel),
    /// It is time to note the end.
    Note,
    End,
}

/// Puts rows into the tables until nothing more comes.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut due = Instant::now(); // the first rows are noted at once
    loop {
        match next(&shared, due).await {
            Next::Parcel(parcel) => {
                if !store(&shared, parcel).await {
                    return;
                }
            }
            Next::Note => {
                due = Instant::now() + NOTE_EVERY;
                note_end(&shared).await;
            }
            Next::End => break,
        }
    }
    note_end(&shared).await;
}

async fn next(shared: &Shared, due: Instant) -> Next {
    let parcels = &shared.parcels;
    let mut gathered = false;
    loop {
        {
            let mut waiting = parcels.waiting.lock();
            let is_full = waiting.parcels.front().is_some_and(Parcel::is_full);
            if gathered || waiting.closed || is_full || waiting.parcels.len() > 1 {
                match waiting.parcels.pop_front() {
                    Some(parcel) => return Next::Parcel(parcel),
                    None if waiting.closed => return Next::End,
                    None => {}
                }
            }
            gathered = !waiting.parcels.is_empty();
        }
        if gathered {
            let _ = timeout(GATHER, shared.hurry.notified()).await; // somebody waits, or time is up
        } else {
            let is_ahead = {
                let ends = parcels.ends.lock();
                ends[0] != ends[1]
            };
            tokio::select! {
                () = parcels.moved.notified() => {}
                () = tokio::time::sleep_until(due), if is_ahead => return Next::Note,
            }
        }
    }
}

/// Puts a parcel into both tables, however often it takes; false when the log has ended meanwhile.
async fn store(shared: &Arc<Shared>, parcel: Parcel) -> bool {
    let Some(last) = parcel.links.last() else { return true };
    let end = Chain { sequence: last.sequence, digest: Some(last.digest) };
    let parcel = Arc::new(parcel);
    // the tables never know of a row that the journal could lose
    if let Err(why) = shared.flushed().await {
        tracing::warn!(why, "audit rows go into the tables from a journal that is not on the disk");
    }
    loop {
        match try_to_store(shared, &parcel).await {
            Ok(()) => {
                *shared.failing.lock() = None;
                shared.parcels.ends.lock()[0] = Some(end.clone());
                shared.stored.send_replace(end.sequence);
                if parcel.from_before && !shared.parcels.waiting.lock().is_from_before() {
                    shared.parcels.recovering.store(false, Ordering::Release);
                }
                return true;
            }
            Err(why) => {
                tracing::error!(why, "audit rows wait in the journal: the tables do not take them");
                *shared.failing.lock() = Some(why);
            }
        }
        if shared.parcels.waiting.lock().closed {
            return false; // the next start finds them in the journal
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn try_to_store(shared: &Arc<Shared>, parcel: &Arc<Parcel>) -> Result<(), String> {
    let held = if parcel.from_before { held(shared, parcel).await? } else { Default::default() };
    let (own, rows) = (Arc::clone(shared), Arc::clone(parcel));
    let built = tokio::task::spawn_blocking(move || requests(&own, &rows, &held)).await;
    let [one, two] = built.map_err(|e| e.to_string())?;
    let append = async |request: Option<AppendRequest>| match request {
        Some(request) => shared.house.tables.append(request).await.map(drop),
        None => Ok(()),
    };
    let (one, two) = tokio::join!(append(one), append(two));
    one.and(two).map_err(|e| e.to_string())
}

/// Which rows of a parcel each table has.
async fn held(shared: &Shared, parcel: &Parcel) -> Result<[HashSet<u64>; 2], String> {
    let mut oldest = DateTime::MAX;
    let mut calls = Vec::with_capacity(parcel.links.len());
    for (record, link) in frame::unpacked(&parcel.records).zip(&parcel.links) {
        oldest = oldest.min(record.time);
        calls.push((link.sequence, record.to_record().canonical()));
    }
    let of = async |form| read::held(&shared.house, form, &calls, oldest).await;
    Ok([of(FORMS[0]).await?, of(FORMS[1]).await?])
}

/// The rows for each table that it does not have.
fn requests(
    shared: &Shared,
    parcel: &Parcel,
    held: &[HashSet<u64>; 2],
) -> [Option<AppendRequest>; 2] {
    let records: Vec<RecordRef<'_>> = frame::unpacked(&parcel.records).collect();
    let all = Columns::of(&records, &parcel.links);
    let of = |table, held: &HashSet<u64>, rows: fn(&Columns) -> Rows| {
        if held.is_empty() {
            return request(shared, table, &parcel.links, rows(&all));
        }
        let others = records.iter().zip(&parcel.links);
        let others = others.filter(|(_, link)| !held.contains(&link.sequence));
        let (records, links): (Vec<_>, Vec<_>) = others.map(|(r, l)| (*r, l.clone())).unzip();
        request(shared, table, &links, rows(&Columns::of(&records, &links)))
    };
    let [diagnostics, logs] = held;
    [of(TABLES[0], diagnostics, Columns::diagnostics), of(TABLES[1], logs, Columns::audit_logs)]
}

fn request(
    shared: &Shared,
    table: &'static str,
    links: &[Link],
    rows: Rows,
) -> Option<AppendRequest> {
    let first = links.first()?.sequence;
    let schema = Arc::clone(&rows.schema);
    let batch = rows.batches.into_iter().next().unwrap_or_default();
    Some(AppendRequest {
        workspace: Arc::clone(&shared.house.workspace),
        table: table.into(),
        schema,
        batch_id: Some(format!("vault-audit:{first}:{}", batch.rows).into()),
        batch,
        received: shared.house.clock.now(),
    })
}

/// Notes the end of the chain as the tables have it.
pub(super) async fn note_end(shared: &Arc<Shared>) {
    let end = {
        let mut ends = shared.parcels.ends.lock();
        if ends[0] == ends[1] {
            return;
        }
        let [stored, noted] = &mut *ends;
        noted.clone_from(stored);
        stored.clone()
    };
    let Some(end) = end else { return };
    let own = Arc::clone(shared);
    let noted = tokio::task::spawn_blocking(move || chain::note(&own.house, &end)).await;
    if let Ok(Err(error)) = noted {
        tracing::warn!(%error, "the end of the audit chain could not be noted");
    }
}
