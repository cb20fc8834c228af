//! One table at run time: its schema, the rows in memory, its segments.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use model::{Column, DateTime, ScalarType, TableInfo};
use parking_lot::{Mutex, RwLock};
use values::TICKS_PER_DAY;

use crate::budget::Reserved;
use crate::columns::TIME_GENERATED;
use crate::memory::{MemoryBatch, tidy};
use crate::segment::Segment;
use crate::synthetic::Synthetic;

/// A table that has, or had, rows.
pub(crate) struct Table {
    /// `<workspace>/<name>`.
    pub key: Arc<str>,
    /// Workspace it belongs to.
    pub workspace: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Where its segments lie.
    pub folder: PathBuf,
    /// Columns made while reading.
    pub synthetic: Synthetic,
    /// Held while segments of the table are merged or dropped; taken before [`Self::sealing`] where both are.
    pub merging: Mutex<()>,
    /// Held while rows in memory become segments: they do not wait for a merge, however large.
    pub sealing: Mutex<()>,
    info: RwLock<Arc<TableInfo>>,
    state: RwLock<State>,
    dropped: AtomicBool,
}

#[derive(Default)]
struct State {
    /// Rows to be sealed next time.
    memory: Vec<Arc<MemoryBatch>>,
    memory_reserved: Option<Reserved>,
    memory_rows: usize,
    /// When the oldest of them came.
    memory_since: Option<DateTime>,
    /// Rows being sealed.
    sealing: Vec<Arc<MemoryBatch>>,
    sealing_reserved: Option<Reserved>,
    segments: Vec<Arc<Segment>>,
    /// The segments hold all rows up to this number.
    sealed: u64,
    last_row: u64,
    damage: Vec<Damage>,
}

/// Rows of a table that cannot be read any more.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Damage {
    /// `<workspace>/<table>`.
    pub table: String,
    /// The file, and where in it.
    pub place: String,
    /// What is missing.
    pub what: String,
    /// True when the loss was accepted: queries answer without these rows.
    pub accepted: bool,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} is damaged: {}; restore it from a backup, or accept the loss",
            self.place, self.what
        )
    }
}

/// What a query reads: the rows at one moment.
#[derive(Clone)]
pub(crate) struct Snapshot {
    /// The table.
    pub table: Arc<Table>,
    /// Its schema.
    pub info: Arc<TableInfo>,
    /// Rows in memory.
    pub memory: Vec<Arc<MemoryBatch>>,
    /// Segments.
    pub segments: Vec<Arc<Segment>>,
    /// Rows that cannot be read, and why.
    pub damage: Vec<Damage>,
}

/// How much of a table is in memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unsealed {
    /// Rows.
    pub rows: usize,
    /// Bytes.
    pub bytes: usize,
    /// When the oldest came.
    pub since: Option<DateTime>,
    /// When the last came, ticks.
    pub last: Option<i64>,
}

impl Table {
    /// A table without rows.
    pub(crate) fn new(workspace: &Arc<str>, info: Arc<TableInfo>, tables_folder: &Path) -> Self {
        let name = Arc::clone(&info.name);
        Self {
            key: Arc::from(format!("{workspace}/{name}")),
            workspace: Arc::clone(workspace),
            folder: tables_folder.join(folder_name(workspace)).join(folder_name(&name)),
            synthetic: Synthetic::new(workspace, &name),
            name,
            merging: Mutex::new(()),
            sealing: Mutex::new(()),
            info: RwLock::new(info),
            state: RwLock::default(),
            dropped: AtomicBool::new(false),
        }
    }

    /// Its schema and retention.
    pub(crate) fn info(&self) -> Arc<TableInfo> {
        Arc::clone(&self.info.read())
    }

    /// Changes schema and retention.
    pub(crate) fn set_info(&self, info: Arc<TableInfo>) {
        *self.info.write() = info;
    }

    /// True once deleted.
    pub(crate) fn is_dropped(&self) -> bool {
        self.dropped.load(Ordering::Acquire)
    }

    /// Takes all rows away for good: the segments are removed once nobody reads them.
    pub(crate) fn drop_rows(&self) {
        self.dropped.store(true, Ordering::Release);
        let state = std::mem::take(&mut *self.state.write());
        state.segments.iter().for_each(|s| s.retire());
    }

    /// Makes durable rows visible.
    pub(crate) fn apply(&self, batch: MemoryBatch, reserved: Reserved, now: DateTime) {
        let mut state = self.state.write();
        state.last_row = batch.last_row().max(state.last_row);
        state.memory_rows += batch.rows;
        state.memory_since.get_or_insert(now);
        state.memory.push(Arc::new(batch));
        tidy(&mut state.memory, &self.synthetic);
        match &mut state.memory_reserved {
            Some(held) => held.join(reserved),
            None => state.memory_reserved = Some(reserved),
        }
    }

    /// Number of the last row that was acknowledged.
    pub(crate) fn last_row(&self) -> u64 {
        self.state.read().last_row
    }

    /// Up to which row the segments hold everything.
    pub(crate) fn sealed(&self) -> u64 {
        self.state.read().sealed
    }

    /// Restores what the catalogue lists.
    pub(crate) fn restore(&self, segments: Vec<Arc<Segment>>, sealed: u64) {
        let mut state = self.state.write();
        state.segments = segments;
        state.sealed = sealed;
        state.last_row = sealed.max(state.last_row);
    }

    /// Notes rows that cannot be read.
    pub(crate) fn add_damage(&self, damage: Damage) {
        self.state.write().damage.push(damage);
    }

    /// Gives damaged rows up: queries answer without them from now on.
    pub(crate) fn accept_damage(&self) {
        self.state.write().damage.iter_mut().for_each(|d| d.accepted = true);
    }

    /// Rows that cannot be read, and why.
    pub(crate) fn damage(&self) -> Vec<Damage> {
        self.state.read().damage.clone()
    }

    /// What is in memory and not under sealing.
    pub(crate) fn unsealed(&self) -> Unsealed {
        let state = self.state.read();
        Unsealed {
            rows: state.memory_rows,
            bytes: state.memory_reserved.as_ref().map_or(0, Reserved::bytes),
            since: state.memory_since,
            last: state.memory.iter().map(|batch| batch.ingested.max).max(),
        }
    }

    /// Takes the rows in memory to seal them; they stay visible. What an earlier try left is among them.
    pub(crate) fn begin_seal(&self) -> Vec<Arc<MemoryBatch>> {
        let mut state = self.state.write();
        let memory = std::mem::take(&mut state.memory);
        state.sealing.extend(memory);
        state.memory_rows = 0;
        state.memory_since = None;
        if let Some(reserved) = state.memory_reserved.take() {
            match &mut state.sealing_reserved {
                Some(held) => held.join(reserved),
                None => state.sealing_reserved = Some(reserved),
            }
        }
        state.sealing.clone()
    }

    /// The rows are in these segments, up to this number: they change places in one step.
    pub(crate) fn end_seal(&self, segments: Vec<Arc<Segment>>, sealed: u64) {
        let mut state = self.state.write();
        if self.is_dropped() {
            segments.iter().for_each(|s| s.retire());
            return;
        }
        let rows = std::mem::take(&mut state.sealing);
        let reserved = state.sealing_reserved.take();
        state.segments.extend(segments);
        state.sealed = sealed.max(state.sealed);
        drop(state);
        drop((rows, reserved)); // much memory: given back while nobody waits
    }

    /// The rows could not be sealed and wait for another try.
    pub(crate) fn abandon_seal(&self, now: DateTime) {
        let mut state = self.state.write();
        let newer = std::mem::take(&mut state.memory);
        state.memory = std::mem::take(&mut state.sealing);
        state.memory.extend(newer);
        state.memory_rows = state.memory.iter().map(|b| b.rows).sum();
        state.memory_since = Some(now);
        if let Some(reserved) = state.sealing_reserved.take() {
            match &mut state.memory_reserved {
                Some(held) => held.join(reserved),
                None => state.memory_reserved = Some(reserved),
            }
        }
    }

    /// Segments at this moment.
    pub(crate) fn segments(&self) -> Vec<Arc<Segment>> {
        self.state.read().segments.clone()
    }

    /// Some segments give way to others, in one step; files of the old go with their last reader.
    pub(crate) fn replace_segments(&self, old: &[Arc<Segment>], new: Vec<Arc<Segment>>) {
        let mut state = self.state.write();
        if self.is_dropped() {
            new.iter().for_each(|s| s.retire());
            return;
        }
        state.segments.retain(|s| !old.iter().any(|o| Arc::ptr_eq(o, s)));
        state.segments.extend(new);
        drop(state);
        old.iter().for_each(|s| s.retire());
    }

    /// The rows at this moment.
    pub(crate) fn snapshot(self: &Arc<Self>) -> Snapshot {
        let state = self.state.read();
        let memory = state.sealing.iter().chain(&state.memory).cloned().collect();
        let segments = state.segments.clone();
        let damage = state.damage.iter().filter(|d| !d.accepted).cloned().collect();
        Snapshot { table: Arc::clone(self), info: self.info(), memory, segments, damage }
    }

    /// Rows not yet expired, from the catalogue.
    pub(crate) fn row_count(&self, now: DateTime) -> u64 {
        let oldest = query_cutoff(&self.info(), now);
        let state = self.state.read();
        let live = state.segments.iter().filter(|s| s.facts.ingested_max >= oldest);
        let in_memory = state.sealing.iter().chain(&state.memory).map(|b| b.rows as u64);
        live.map(|s| s.facts.rows).chain(in_memory).sum()
    }
}

/// Rows received before this tick are no longer queried. Age counts from receipt, as Kusto counts it: old events that
/// arrive today are kept as long as new ones.
pub(crate) fn query_cutoff(info: &TableInfo, now: DateTime) -> i64 {
    now.ticks().saturating_sub(i64::from(info.retention_days).saturating_mul(TICKS_PER_DAY))
}

/// Rows received before this tick are dropped.
pub(crate) fn drop_cutoff(info: &TableInfo, now: DateTime) -> i64 {
    let days = info.total_retention_days.max(info.retention_days);
    now.ticks().saturating_sub(i64::from(days).saturating_mul(TICKS_PER_DAY))
}

/// True when the table has a time of its own to bound queries by.
pub(crate) fn has_time(info: &TableInfo) -> bool {
    info.schema.column(TIME_GENERATED).is_some_and(|c| c.ty == ScalarType::DateTime)
}

/// The column that rows are sorted by.
pub(crate) fn time_column() -> Column {
    Column::new(TIME_GENERATED, ScalarType::DateTime)
}

/// A name as a folder: letters, digits, `_` and `-` stand for themselves, all else is escaped, so that no name can
/// leave its place.
fn folder_name(name: &str) -> String {
    let mut folder = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') {
            folder.push(char::from(byte));
        } else {
            folder.push_str(&format!("%{byte:02x}"));
        }
    }
    folder
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_folder() {
        let cases = [
            ("SecurityEvent", "SecurityEvent"),
            ("..", "%2e%2e"),
            ("a/../b", "a%2f%2e%2e%2fb"),
            ("My Table", "My%20Table"),
            ("é", "%c3%a9"),
        ];
        for (name, folder) in cases {
            assert_eq!(folder_name(name), folder);
        }
    }
}
