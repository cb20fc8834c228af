//! Documents in one SQLite file: write-ahead log, synchronous=FULL, one writer, readers that never wait for it. Writes
//! that wait for the writer are committed together, with one sync.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, mpsc};
use std::time::Duration;

use model::{Clock, DateTime, SystemClock};
use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{
    Connection, ErrorCode, OpenFlags, OptionalExtension, Row, TransactionBehavior, params,
};
use serde_json::Value;

use crate::{Barrier, Change, Condition, Document, Op, Store, StoreError, Told, etag, permits};

mod queue;
mod schema;

use queue::{Committer, Job, Outcome, Queue};

/// Idle read connections kept open.
const READERS_MAX: usize = 16;

/// Documents in a SQLite file.
pub struct SqliteStore {
    path: PathBuf,
    readers: Mutex<Vec<Connection>>,
    writing: Arc<Writing>,
    committer: Committer,
}

/// What writes need.
struct Writing {
    clock: Arc<dyn Clock>,
    writer: Mutex<Connection>,
    barrier: OnceLock<Barrier>,
}

impl SqliteStore {
    /// Opens or creates the file (mode 0600) with the machine's clock.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_with_clock(path, Arc::new(SystemClock))
    }

    /// Opens or creates the file; documents are dated by `clock`. A file of a newer format is refused.
    pub fn open_with_clock(
        path: impl AsRef<Path>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        let path = path.as_ref().to_path_buf();
        prepare_file(&path)
            .map_err(|e| StoreError::Unavailable(format!("{}: {e}", path.display())))?;
        let mut writer = connect(&path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        schema::check_version(&writer)?;
        writer.pragma_update(None, "journal_mode", "WAL").map_err(failure)?;
        writer.pragma_update(None, "synchronous", "FULL").map_err(failure)?;
        // what is deleted is overwritten: the key of a purged secret must not stay in a free page
        writer.pragma_update(None, "secure_delete", true).map_err(failure)?;
        writer.pragma_update(None, "journal_size_limit", 64 << 20).map_err(failure)?;
        schema::upgrade(&mut writer)?;
        let writing = Writing { clock, writer: Mutex::new(writer), barrier: OnceLock::new() };
        let writing = Arc::new(writing);
        let own = Arc::clone(&writing);
        let committer = Committer::start(Arc::default(), move |queue| own.commit(queue))
            .map_err(|e| StoreError::Unavailable(format!("no thread to write with: {e}")))?;
        Ok(Self { path, readers: Mutex::default(), writing, committer })
    }

    /// Writes a consistent copy of the whole store to a new file (mode 0600) while it is in use.
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<(), StoreError> {
        let to = to.as_ref();
        let io = |e: io::Error| StoreError::Unavailable(format!("{}: {e}", to.display()));
        // SQLite copies into an empty file; creating it first fixes its mode and refuses to overwrite.
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(io)?;
        let target = to.to_str().ok_or_else(|| {
            StoreError::Unavailable("the backup's path is not UTF-8; choose another".into())
        })?;
        self.read(|c| c.execute("VACUUM INTO ?1", [target]).map(|_| ()))?;
        File::open(to).and_then(|f| f.sync_all()).map_err(io)
    }

    /// Runs `work` on a pooled connection that cannot write.
    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let pooled = self.readers.lock().pop();
        let connection = match pooled {
            Some(connection) => connection,
            None => connect(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY)?,
        };
        let result = work(&connection).map_err(failure);
        // a connection that failed is dropped: the next one starts afresh
        if result.is_ok() {
            let mut readers = self.readers.lock();
            if readers.len() < READERS_MAX {
                readers.push(connection);
            }
        }
        result
    }
}

/// Creates the file closed to others and makes its directory entry durable.
fn prepare_file(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.sync_all()?;
            File::open(folder)?.sync_all()
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            let mode = fs::metadata(path)?.permissions().mode();
            if mode & 0o077 != 0 {
                fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
            }
            Ok(())
        }
        Err(e) => Err(e),
    }
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(failure)?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(failure)?;
    connection.set_prepared_statement_cache_capacity(32);
    // else a statement is planned anew for each value of a key that it is run with
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(failure)?;
    Ok(connection)
}

/// Sorts SQLite's failures into "try later" and "damaged".
fn failure(error: rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Damaged(error.to_string())
        }
        Some(ErrorCode::DiskFull) => {
            StoreError::Unavailable(format!("{error}; free space on the data folder's disk"))
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            StoreError::Unavailable(format!("{error}; make the data folder writable"))
        }
        Some(_) => StoreError::Unavailable(error.to_string()),
        None => StoreError::Damaged(error.to_string()), // a column of another form than written
    }
}

/// A row of key, value, sequence, created, modified: by place, which is quicker than by name.
fn document(row: &Row<'_>) -> rusqlite::Result<Document> {
    let text = row.get_ref(1)?.as_str()?;
    let value = serde_json::from_str(text).map_err(|e| {
        rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(e))
    })?;
    Ok(Document {
        key: row.get(0)?,
        value,
        etag: etag(row.get::<_, i64>(2)?.unsigned_abs()),
        created: DateTime::from_ticks(row.get(3)?),
        modified: DateTime::from_ticks(row.get(4)?),
    })
}

/// What a write must know of the document it replaces.
struct Stored {
    etag: String,
    created: DateTime,
}

fn stored(
    connection: &Connection,
    collection: &str,
    key: &str,
) -> rusqlite::Result<Option<Stored>> {
    connection
        .prepare_cached(
            "SELECT sequence, created FROM documents WHERE collection = ?1 AND key = ?2",
        )?
        .query_row([collection, key], |row| {
            Ok(Stored {
                etag: etag(row.get::<_, i64>(0)?.unsigned_abs()),
                created: DateTime::from_ticks(row.get(1)?),
            })
        })
        .optional()
}

/// The number of the next write. Deletes leave tombstones, so the highest number is never forgotten.
fn next_sequence(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "SELECT max(coalesce((SELECT max(sequence) FROM documents), 0),
                        coalesce((SELECT max(sequence) FROM tombstones), 0)) + 1",
        )?
        .query_row([], |row| row.get(0))
}

fn put(
    connection: &Connection,
    collection: &str,
    key: &str,
    value: Value,
    condition: &Condition,
    now: DateTime,
) -> Result<Document, StoreError> {
    let old = stored(connection, collection, key).map_err(failure)?;
    permits(condition, old.as_ref().map(|o| o.etag.as_str()), collection, key)?;
    let created = old.as_ref().map_or(now, |o| o.created);
    let sequence = next_sequence(connection).map_err(failure)?;
    let (text, run) = (value.to_string(), |sql: &str, p: &[&dyn rusqlite::ToSql]| {
        connection.prepare_cached(sql).and_then(|mut s| s.execute(p)).map_err(failure)
    });
    if old.is_some() {
        run("DELETE FROM documents WHERE collection = ?1 AND key = ?2", &[&collection, &key])?;
    } else {
        run("DELETE FROM tombstones WHERE collection = ?1 AND key = ?2", &[&collection, &key])?;
    }
    run(
        "INSERT INTO documents (sequence, collection, key, value, created, modified)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        &[&sequence, &collection, &key, &text, &created.ticks(), &now.ticks()],
    )?;
    Ok(Document {
        key: key.into(),
        value,
        etag: etag(sequence.unsigned_abs()),
        created,
        modified: now,
    })
}

/// True when there was something to delete.
fn delete(
    connection: &Connection,
    collection: &str,
    key: &str,
    condition: &Condition,
) -> Result<bool, StoreError> {
    let old = stored(connection, collection, key).map_err(failure)?;
    permits(condition, old.as_ref().map(|o| o.etag.as_str()), collection, key)?;
    if old.is_none() {
        return Ok(false);
    }
    let work = || -> rusqlite::Result<()> {
        let sequence = next_sequence(connection)?;
        connection
            .prepare_cached("DELETE FROM documents WHERE collection = ?1 AND key = ?2")?
            .execute([collection, key])?;
        connection
            .prepare_cached(
                "INSERT INTO tombstones (sequence, collection, key) VALUES (?1, ?2, ?3)",
            )?
            .execute(params![sequence, collection, key])?;
        Ok(())
    };
    work().map_err(failure)?;
    Ok(true)
}

/// An error stands for all of them.
fn try_to_commit(
    writer: &mut Connection,
    jobs: Vec<Vec<Op>>,
    now: DateTime,
) -> Result<Vec<Outcome>, StoreError> {
    let mut all =
        writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)?;
    let mut outcomes = Vec::with_capacity(jobs.len());
    for ops in jobs {
        let part = all.savepoint().map_err(failure)?;
        match carry_out(&part, ops, now) {
            Ok(documents) => {
                part.commit().map_err(failure)?;
                outcomes.push(Ok(documents));
            }
            Err(error) => {
                drop(part); // rolled back
                if all.is_autocommit() {
                    return Err(error); // SQLite gave the whole transaction up, as it does when the disk is full
                }
                outcomes.push(Err(error));
            }
        }
    }
    all.commit().map_err(failure)?;
    Ok(outcomes)
}

fn carry_out(connection: &Connection, ops: Vec<Op>, now: DateTime) -> Outcome {
    ops.into_iter()
        .map(|op| match op {
            Op::Put { collection, key, value, condition } => {
                put(connection, &collection, &key, value, &condition, now).map(Some)
            }
            Op::Delete { collection, key, condition } => {
                delete(connection, &collection, &key, &condition).map(|_| None)
            }
        })
        .collect()
}

impl Writing {
    /// What must be durable before anything is committed is.
    fn pass_barrier(&self) -> Result<(), StoreError> {
        self.barrier.get().map_or(Ok(()), |barrier| barrier())
    }

    /// Runs `work` in one transaction of the one writer; an error leaves no trace.
    fn write<T>(
        &self,
        work: impl FnOnce(&Connection, DateTime) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut writer = self.writer.lock();
        let now = self.clock.now();
        let transaction =
            writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failure)?;
        let result = work(&transaction, now)?; // dropping the transaction rolls it back
        self.pass_barrier()?;
        transaction.commit().map_err(failure)?;
        Ok(result)
    }

    /// Carries out what waits in one transaction; a job that fails leaves no trace and does not touch the others.
    fn commit(&self, queue: &Queue) {
        let mut writer = self.writer.lock();
        // those that came while somebody else wrote go along
        let (ops, told): (Vec<_>, Vec<_>) =
            queue.take().into_iter().map(|Job { ops, told }| (ops, told)).unzip();
        let done =
            self.pass_barrier().and_then(|()| try_to_commit(&mut writer, ops, self.clock.now()));
        drop(writer);
        match done {
            Ok(outcomes) => {
                told.into_iter().zip(outcomes).for_each(|(told, outcome)| told(outcome))
            }
            Err(error) => told.into_iter().for_each(|told| told(Err(error.clone()))),
        }
    }
}

impl Store for SqliteStore {
    fn get(&self, collection: &str, key: &str) -> Result<Option<Document>, StoreError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT key, value, sequence, created, modified FROM documents
                     WHERE collection = ?1 AND key = ?2",
                )?
                .query_row([collection, key], document)
                .optional()
        })
    }

    fn delete(
        &self,
        collection: &str,
        key: &str,
        condition: Condition,
    ) -> Result<bool, StoreError> {
        self.writing.write(|connection, _| delete(connection, collection, key, &condition))
    }

    fn list(
        &self,
        collection: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Document>, StoreError> {
        self.read(|connection| {
            const COLUMNS: &str = "SELECT key, value, sequence, created, modified FROM documents";
            let (start, comparison) = match after {
                Some(after) if after >= prefix => (after, ">"),
                _ => (prefix, ">="),
            };
            let mut statement = connection.prepare_cached(&format!(
                "{COLUMNS} WHERE collection = ?1 AND key {comparison} ?2 ORDER BY key LIMIT ?3"
            ))?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut rows = statement.query(params![collection, start, limit])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                if !row.get_ref(0)?.as_str()?.starts_with(prefix) {
                    break; // sorted by key: nothing behind this one begins with the prefix
                }
                found.push(document(row)?);
            }
            Ok(found)
        })
    }

    fn apply(&self, ops: Vec<Op>) -> Result<Vec<Option<Document>>, StoreError> {
        let (told, outcome) = mpsc::sync_channel(1);
        self.submit(ops, Box::new(move |outcome| drop(told.send(outcome)))); // who asked waits
        outcome.recv().unwrap_or_else(|_| Err(StoreError::broken_off()))
    }

    fn submit(&self, ops: Vec<Op>, told: Told) {
        self.committer.queue.add(Job { ops, told });
    }

    fn before_commits(&self, barrier: Barrier) -> bool {
        self.writing.barrier.set(barrier).is_ok()
    }

    fn changes(&self, after: u64, limit: usize) -> Result<Vec<Change>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT sequence, collection, key, 0 FROM documents WHERE sequence > ?1
                 UNION ALL
                 SELECT sequence, collection, key, 1 FROM tombstones WHERE sequence > ?1
                 ORDER BY sequence LIMIT ?2",
            )?;
            let after = i64::try_from(after).unwrap_or(i64::MAX);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement.query_map([after, limit], |row| {
                Ok(Change {
                    sequence: row.get::<_, i64>(0)?.unsigned_abs(),
                    collection: row.get(1)?,
                    key: row.get(2)?,
                    deleted: row.get(3)?,
                })
            })?;
            rows.collect()
        })
    }
}

#[cfg(test)]
mod tests;
