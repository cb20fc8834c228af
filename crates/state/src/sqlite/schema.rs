//! The file's format: its tables and its version. A released version is never edited; a change is a new step.

use rusqlite::{Connection, TransactionBehavior};

use super::failure;
use crate::StoreError;

/// Marks the file as ours ("vedt").
const APPLICATION_ID: i64 = 0x7665_6474;

/// Step `n` takes a file from format `n` to `n + 1`. Keys compare by bytes (BINARY collation, UTF-8).
const STEPS: &[&str] = &["
    CREATE TABLE documents (
        sequence   INTEGER PRIMARY KEY,
        collection TEXT NOT NULL,
        key        TEXT NOT NULL,
        value      TEXT NOT NULL,
        created    INTEGER NOT NULL,
        modified   INTEGER NOT NULL,
        UNIQUE (collection, key)
    ) STRICT;
    CREATE TABLE tombstones (
        sequence   INTEGER PRIMARY KEY,
        collection TEXT NOT NULL,
        key        TEXT NOT NULL,
        UNIQUE (collection, key)
    ) STRICT;
"];

/// The newest format known here.
fn known() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

fn pragma(connection: &Connection, name: &str) -> Result<i64, StoreError> {
    connection.pragma_query_value(None, name, |row| row.get(0)).map_err(failure)
}

/// Refuses a file of a newer format and one of another program; reads only.
pub(super) fn check_version(connection: &Connection) -> Result<(), StoreError> {
    let (found, id) = (pragma(connection, "user_version")?, pragma(connection, "application_id")?);
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failure)?;
    if tables > 0 && id != APPLICATION_ID {
        return Err(StoreError::Damaged("the file is another program's database".into()));
    }
    if found > known() {
        return Err(StoreError::Newer { found, known: known() });
    }
    Ok(())
}

/// Takes the file to the newest format, each step in a transaction of its own.
pub(super) fn upgrade(connection: &mut Connection) -> Result<(), StoreError> {
    loop {
        // the version is read inside the transaction: another process may be upgrading too
        let step = connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failure)?;
        let at = pragma(&step, "user_version")?;
        let Some(sql) = usize::try_from(at).ok().and_then(|at| STEPS.get(at)) else {
            return Ok(());
        };
        step.execute_batch(sql).map_err(failure)?;
        step.pragma_update(None, "application_id", APPLICATION_ID).map_err(failure)?;
        step.pragma_update(None, "user_version", at + 1).map_err(failure)?;
        step.commit().map_err(failure)?;
    }
}
