//! From the journal into the two tables: rows wait a moment for one another and go together.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::{AppendRequest, Dynamic, Rows};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::chain::{self, Chain, Link};
use super::row::{self, AuditRecord};
use super::{Shared, TABLES, frame};

/// How long rows wait for others.
pub(super) const GATHER: Duration = Duration::from_millis(25);
/// Most rows of a parcel.
const ROWS_MAX: usize = 4_000;
/// How long the tables are left alone after they refused.
pub(super) const RETRY: Duration = Duration::from_millis(200);
/// How often the end of the chain is noted, where it moved.
const NOTE_EVERY: Duration = Duration::from_secs(10);

/// A row with its place in the chain; packed, so that a busy vault's records are given back to the memory where they
/// came from, and soon.
type Linked = (Box<[u8]>, Link);

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
    rows: Vec<Linked>,
    /// The rows are from an earlier run: the tables may have some of them.
    from_before: bool,
    closed: bool,
}

impl Parcels {
    /// Rows that are written in the journal.
    pub(super) fn add(&self, rows: impl Iterator<Item = (AuditRecord, Link)>) {
        self.waiting.lock().rows.extend(rows.map(pack));
        self.moved.notify_one();
    }

    /// Rows of an earlier run.
    pub(super) fn recover(&self, rows: Vec<(AuditRecord, Link)>) {
        if !rows.is_empty() {
            self.recovering.store(true, Ordering::Release);
            let rows = rows.into_iter().map(pack).collect();
            *self.waiting.lock() = Waiting { rows, from_before: true, closed: false };
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

fn pack((record, link): (AuditRecord, Link)) -> Linked {
    (frame::packed(&record), link)
}

/// Rows that go together.
struct Parcel {
    rows: Vec<Linked>,
    from_before: bool,
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
            let enough = gathered || waiting.closed || waiting.rows.len() >= ROWS_MAX;
            if !waiting.rows.is_empty() && enough {
                let count = waiting.rows.len().min(ROWS_MAX);
                let more = waiting.rows.split_off(count);
                let from_before = waiting.from_before;
                waiting.from_before &= !more.is_empty();
                let rows = std::mem::replace(&mut waiting.rows, more);
                return Next::Parcel(Parcel { rows, from_before });
            }
            if waiting.rows.is_empty() && waiting.closed {
                return Next::End;
            }
            gathered = !waiting.rows.is_empty();
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
    let Some((_, last)) = parcel.rows.last() else { return true };
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
                if parcel.from_before && !shared.parcels.waiting.lock().from_before {
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
    let mut known = [0, 0];
    let first = parcel.rows.first().filter(|_| parcel.from_before);
    if let Some(oldest) = first.and_then(|(record, _)| frame::unpacked(record)) {
        for (table, known) in known.iter_mut().enumerate() {
            *known = chain::last_of(&shared.house, table, oldest.time).await?;
        }
    }
    let (own, rows) = (Arc::clone(shared), Arc::clone(parcel));
    let built = tokio::task::spawn_blocking(move || requests(&own, &rows, known)).await;
    let [one, two] = built.map_err(|e| e.to_string())?;
    let append = async |request: Option<AppendRequest>| match request {
        Some(request) => shared.house.tables.append(request).await.map(drop),
        None => Ok(()),
    };
    let (one, two) = tokio::join!(append(one), append(two));
    one.and(two).map_err(|e| e.to_string())
}

/// The rows for each table that it does not have.
fn requests(shared: &Shared, parcel: &Parcel, known: [u64; 2]) -> [Option<AppendRequest>; 2] {
    let unpack = |(record, link): &Linked| Some((frame::unpacked(record)?, link.clone()));
    let rows: Vec<_> = parcel.rows.iter().filter_map(unpack).collect();
    let fields = row::link_fields(rows.iter().map(|(_, link)| link));
    let behind = |known| {
        let at = rows.partition_point(|(_, link)| link.sequence <= known);
        (rows.get(at..).unwrap_or_default(), fields.get(at..).unwrap_or_default())
    };
    let [diagnostics, logs] = known;
    [
        request(shared, TABLES[0], behind(diagnostics), row::diagnostics),
        request(shared, TABLES[1], behind(logs), row::audit_logs),
    ]
}

fn request(
    shared: &Shared,
    table: &'static str,
    (rows, fields): (&[(AuditRecord, Link)], &[Dynamic]),
    make: fn(&[(AuditRecord, Link)], &[Dynamic]) -> Rows,
) -> Option<AppendRequest> {
    let first = rows.first()?.1.sequence;
    let rows = make(rows, fields);
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
