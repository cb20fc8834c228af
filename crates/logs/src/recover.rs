//! Starting: the catalogue says which segments count, the log holds the rows since.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_buffer::Buffer;
use model::DateTime;

use crate::catalogue::Listed;
use crate::codec;
use crate::core::Core;
use crate::error::Error;
use crate::memory::{MemoryBatch, Run};
use crate::segment::Segment;
use crate::table::{Damage, Table};
use crate::wal::{Header, Scanned, TableEnd, scan, table_ends};

/// Brings back what was there; gives the number of the next row.
pub(crate) fn recover(core: &Core) -> Result<u64, Error> {
    for folder in [core.files.folder(), core.tables_folder()] {
        // A disk that takes no writes still serves reads.
        if let Err(error) = core.disk.create_folder(folder) {
            tracing::error!(folder = %folder.display(), %error, "the folder cannot be made");
        }
    }
    let listed = core.catalogue.load()?;
    restore_tables(core, &listed);
    let logs = log_files(core)?;
    remove_orphans(core, &listed, logs.first().map_or(u64::MAX, |(_, first)| *first));
    let mut replay = Replay::new(core, &listed);
    let mut next: Option<Vec<u8>> = None;
    for (at, (path, first_row)) in logs.iter().enumerate() {
        replay.next_row = replay.next_row.max(*first_row);
        let bytes = match next.take() {
            Some(bytes) => bytes,
            None => read_log(core, path)?,
        };
        next = logs.get(at + 1).map(|(path, _)| read_log(core, path)).transpose()?;
        replay.file(path, &bytes, next.as_deref())?;
    }
    let next_row = replay.next_row;
    replay.note_damage();
    core.release_log();
    Ok(next_row)
}

fn restore_tables(core: &Core, listed: &Listed) {
    for (workspace, days) in &listed.workspaces {
        let workspace = core.add_workspace(workspace);
        if let Some(days) = *days {
            workspace.inherit(days, core.kept_for(days));
        }
    }
    for (key, info) in &listed.tables {
        if let Some((workspace, _)) = key.split_once('/') {
            let workspace = core.add_workspace(workspace);
            let info = Arc::new(info.clone());
            workspace.infos.write().insert(Arc::clone(&info.name), info);
            workspace.tables_changed();
        }
    }
    let keys: HashSet<&String> = listed.segments.keys().chain(listed.sealed.keys()).collect();
    for key in keys {
        let sealed = listed.sealed.get(key).copied().unwrap_or(0);
        match table_of(core, key) {
            Some(table) => {
                let facts = listed.segments.get(key).into_iter().flatten();
                let segments = facts
                    .map(|f| Segment::new(f.clone(), &table.folder, &core.disk, &core.open))
                    .collect();
                table.restore(segments, sealed);
            }
            None => core.bury(key, sealed),
        }
    }
    for (at, ids) in &listed.batches {
        ids.iter().for_each(|id| {
            core.ids.remember(*id, *at);
        });
    }
    for damage in &listed.damage {
        if let Some(table) = table_of(core, &damage.table) {
            table.add_damage(damage.clone());
        }
    }
}

fn table_of(core: &Core, key: &str) -> Option<Arc<Table>> {
    let (workspace, name) = key.split_once('/')?;
    core.table(&*core.workspace(workspace)?, name).ok()
}

/// The log files and the number of their first row, in order.
fn log_files(core: &Core) -> Result<Vec<(PathBuf, u64)>, Error> {
    let folder = core.files.folder();
    let entries = core.disk.list(folder).map_err(|e| Error::disk("list", folder, e))?;
    let mut files: Vec<(PathBuf, u64)> = Vec::new();
    for entry in entries {
        let name = entry.path.file_name().and_then(|n| n.to_str()).unwrap_or("");
        if let Some(number) = name.strip_suffix(".wal")
            && let Ok(first_row) = u64::from_str_radix(number, 16)
        {
            files.push((entry.path, first_row));
        }
    }
    files.sort_by_key(|(_, first_row)| *first_row);
    Ok(files)
}

fn read_log(core: &Core, path: &Path) -> Result<Vec<u8>, Error> {
    core.disk.read(path).map_err(|e| Error::disk("read", path, e))
}

/// Removes files that a crash left unlisted: their rows are in the log or in the segments they were to replace. Where
/// neither can be, the catalogue itself must have been lost: such files stay.
fn remove_orphans(core: &Core, listed: &Listed, log_starts: u64) {
    let mut known: HashSet<PathBuf> = HashSet::new();
    for table in core.all_tables() {
        for segment in table.segments() {
            known.insert(segment.rows_path());
            known.insert(segment.index_path());
        }
    }
    let mut folders = vec![(core.tables_folder().to_owned(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        for entry in core.disk.list(&folder).unwrap_or_default() {
            if entry.folder && depth < 3 {
                folders.push((entry.path, depth + 1));
            } else if !entry.folder && !known.contains(&entry.path) {
                if listed.sealed.is_empty() && first_row_of(&entry.path) < log_starts {
                    let file = entry.path.display();
                    tracing::error!(%file, "a segment is not listed and is left alone");
                } else if let Err(error) = core.disk.remove(&entry.path) {
                    tracing::warn!(file = %entry.path.display(), %error, "cannot be removed");
                }
            }
        }
        if depth == 3 {
            core.disk.remove_folder(&folder);
        }
    }
}

fn first_row_of(path: &Path) -> u64 {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
    let number = name.split_once('-').map_or("", |(number, _)| number);
    u64::from_str_radix(number, 16).unwrap_or(u64::MAX)
}

/// The log under reading.
struct Replay<'a> {
    core: &'a Core,
    next_row: u64,
    /// Last row seen of each table.
    seen: HashMap<String, u64>,
    known: Vec<Damage>,
    found: Vec<Damage>,
}

impl<'a> Replay<'a> {
    fn new(core: &'a Core, listed: &Listed) -> Self {
        let sealed = listed.sealed.values().copied().max().unwrap_or(0);
        let known = listed.damage.clone();
        Self { core, next_row: sealed + 1, seen: HashMap::new(), known, found: Vec::new() }
    }

    fn file(&mut self, path: &Path, bytes: &[u8], next: Option<&[u8]>) -> Result<(), Error> {
        let last = next.is_none();
        let scanned = scan(path, bytes, last)?;
        if last && scanned.good_bytes < bytes.len() && scanned.bad.is_empty() {
            let torn = bytes.len() - scanned.good_bytes;
            tracing::warn!(file = %path.display(), torn, "the log's end was torn and is cut off");
            if let Err(error) = self.core.disk.truncate(path, scanned.good_bytes as u64) {
                tracing::warn!(file = %path.display(), %error, "the torn end stays for now");
            }
        }
        self.check_ends(path, &scanned);
        self.report_bad(path, &scanned, bytes.len(), next.map(table_ends));
        let mut tables: HashMap<Arc<str>, u64> = HashMap::new();
        for (header, place) in &scanned.records {
            let key = format!("{}/{}", header.workspace, header.table);
            self.next_row = self.next_row.max(header.last_row() + 1);
            self.check_previous(path, &key, header);
            self.apply(&key, header, &bytes[place.clone()], path)?;
            tables.insert(Arc::from(key), header.last_row());
        }
        let name = path.display().to_string();
        let kept =
            self.known.iter().chain(&self.found).any(|d| !d.accepted && d.place.contains(&name));
        self.core.files.found(path, bytes.len() as u64, tables, kept);
        Ok(())
    }

    /// Makes the rows of a record visible again, unless a segment has them.
    fn apply(
        &mut self,
        key: &str,
        header: &Header,
        payload: &[u8],
        path: &Path,
    ) -> Result<(), Error> {
        let core = self.core;
        let received = DateTime::from_ticks(header.received);
        let seen = self.seen.entry(key.to_owned()).or_default();
        *seen = header.last_row().max(*seen);
        if header.last_row() <= self.sealed(key) {
            if header.batch != 0 {
                core.ids.remember(header.batch, received);
            }
            return Ok(());
        }
        let workspace = core.add_workspace(&header.workspace);
        let Ok(table) = core.table(&workspace, &header.table) else {
            tracing::warn!(table = key, "the log has rows of a table that does not exist");
            return Ok(());
        };
        if header.batch != 0 && !core.ids.remember(header.batch, received) {
            return Ok(()); // stored before: a retry of a write that failed after all had reached the disk
        }
        let rows = header.rows as usize;
        let columns = codec::decode(&Buffer::from(payload), 0, rows);
        let columns = columns.map_err(|e| Error::damaged(path, e))?;
        let run = Run {
            rows,
            first_row: header.first_row,
            received: header.received,
            batch: (header.batch != 0).then_some(header.batch),
        };
        let bytes = reserved_bytes(payload.len(), rows, columns.len());
        table.apply(MemoryBatch::new(columns, run), core.budget.take(bytes), core.clock.now());
        Ok(())
    }

    /// Notices rows that were acknowledged before the file was begun and have not been seen.
    fn check_ends(&mut self, path: &Path, scanned: &Scanned) {
        for end in &scanned.ends {
            let key = format!("{}/{}", end.workspace, end.table);
            self.next_row = self.next_row.max(end.last_row + 1);
            if end.last_row > self.reached(&key) {
                let what = format!("rows up to number {} are missing before it", end.last_row);
                self.lost(&key, format!("{}@0", path.display()), what);
                self.seen.insert(key, end.last_row);
            }
        }
    }

    /// Notices that records of the same table before this one are missing.
    fn check_previous(&mut self, path: &Path, key: &str, header: &Header) {
        if header.previous > self.reached(key) {
            let place = format!("{}@{}", path.display(), header.first_row);
            let what = format!("rows up to number {} are missing before it", header.previous);
            self.lost(key, place, what);
        }
    }

    fn sealed(&self, key: &str) -> u64 {
        self.core.sealed(key).unwrap_or(0)
    }

    /// Up to which row everything of the table has been seen or is in segments.
    fn reached(&self, key: &str) -> u64 {
        self.seen.get(key).copied().unwrap_or(0).max(self.sealed(key))
    }

    /// Notices records that do not read. What stands at the end of a file that was given up may never have been
    /// acknowledged: then the next file knows of no such row.
    fn report_bad(
        &mut self,
        path: &Path,
        scanned: &Scanned,
        length: usize,
        next: Option<Vec<TableEnd>>,
    ) {
        for bad in &scanned.bad {
            let place = format!("{}@{}", path.display(), bad.bytes.start);
            let Some(header) = &bad.header else {
                let what = format!("{} bytes of the log do not read", bad.bytes.len());
                let table = String::new();
                let stray = Damage { table, place, what, accepted: false };
                tracing::error!("{stray}; whose rows they were is unknown");
                self.core.stray_damage.lock().push(stray);
                continue;
            };
            let key = format!("{}/{}", header.workspace, header.table);
            self.next_row = self.next_row.max(header.last_row() + 1);
            let reached = |ends: &Vec<TableEnd>| {
                let same =
                    |e: &&TableEnd| e.workspace == header.workspace && e.table == header.table;
                ends.iter().find(same).is_some_and(|e| e.last_row >= header.last_row())
            };
            if bad.bytes.end == length && next.as_ref().is_some_and(|ends| !reached(ends)) {
                continue;
            }
            if header.last_row() > self.sealed(&key) {
                let what = format!("{} rows of {} fail their checksum", header.rows, header.table);
                self.lost(&key, place, what);
            }
            let seen = self.seen.entry(key).or_default();
            *seen = header.last_row().max(*seen);
        }
    }

    fn lost(&mut self, key: &str, place: String, what: String) {
        let damage = Damage { table: key.to_owned(), place, what, accepted: false };
        if !self.known.iter().any(|d| d.table == damage.table && d.place == damage.place) {
            self.found.push(damage);
        }
    }

    /// Remembers what is lost, so that it is still known when the log has moved on.
    fn note_damage(self) {
        if self.found.is_empty() {
            return;
        }
        if let Err(error) = self.core.catalogue.put_damage(&self.found) {
            tracing::error!(%error, "damage cannot be noted in the catalogue");
        }
        for damage in self.found {
            tracing::error!(table = damage.table, "{damage}");
            if let Some(table) = table_of(self.core, &damage.table) {
                table.add_damage(damage);
            }
        }
    }
}

/// What a record's rows take in memory: their bytes, and views or keys on top.
pub(crate) fn reserved_bytes(payload: usize, rows: usize, columns: usize) -> usize {
    payload.saturating_add(rows.saturating_mul(columns).saturating_mul(8)).saturating_add(512)
}
