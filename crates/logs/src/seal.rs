//! Moving rows from memory into segments.

use std::sync::Arc;
use std::time::Duration;

use crate::catalogue::{Change, Sealed};
use crate::core::Core;
use crate::error::Error;
use crate::rewrite::{Part, Plan, remove_files, rewrite};
use crate::segment::Segment;
use crate::table::Table;

/// Puts all rows that the table has in memory into segments; gives their number. When it fails, the rows stay in
/// memory and in the log.
pub(crate) fn seal(core: &Core, table: &Table) -> Result<usize, Error> {
    let _work = table.sealing.lock();
    if table.is_dropped() {
        return Ok(0);
    }
    let memory = table.begin_seal();
    let rows = memory.iter().map(|b| b.rows).sum();
    if rows == 0 {
        return Ok(0);
    }
    let runs = || memory.iter().flat_map(|b| &b.runs);
    let mut batches: Vec<u128> = runs().filter_map(|run| run.batch).collect();
    batches.dedup();
    let parts: Vec<&dyn Part> = memory.iter().map(|b| b as &dyn Part).collect();
    let plan = Plan {
        table,
        disk: &*core.disk,
        segment_rows_max: core.limits.segment_rows,
        drop_before: i64::MIN,
        batches: &batches,
    };
    let added = match rewrite(&parts, &plan) {
        Ok(added) => added,
        Err(error) => {
            table.abandon_seal(core.clock.now());
            return Err(error);
        }
    };
    let row = memory.iter().map(|b| b.last_row()).max().unwrap_or(0);
    let sealed = Sealed { row, batches, at: core.clock.now() };
    let change = Change { added, removed: Vec::new(), sealed: Some(sealed) };
    if let Err(error) = list(core, table, &change) {
        table.abandon_seal(core.clock.now());
        return Err(error);
    }
    table.end_seal(open(core, table, &change), row);
    core.release_log();
    Ok(rows)
}

/// The new segments of a change that has been listed.
pub(crate) fn open(core: &Core, table: &Table, change: &Change) -> Vec<Arc<Segment>> {
    change
        .added
        .iter()
        .map(|f| Segment::new(f.clone(), &table.folder, &core.disk, &core.open))
        .collect()
}

/// Lists a change in the catalogue. Whether a failed transaction took effect is not known, so it is tried until it
/// succeeds (the same change may be made twice) or the store ends; only a change that is certainly not listed gives
/// its files up.
pub(crate) fn list(core: &Core, table: &Table, change: &Change) -> Result<(), Error> {
    let mut wait = Duration::from_millis(50);
    loop {
        let error = match core.catalogue.change_segments(&table.key, change) {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        tracing::error!(table = &*table.key, %error, "segments cannot be listed; trying again");
        if core.is_stopping() {
            return Err(error);
        }
        if matches!(core.catalogue.lists(&table.key, change), Ok(false)) {
            remove_files(&*core.disk, table, &change.added);
            return Err(error);
        }
        std::thread::sleep(wait);
        wait = (wait * 2).min(Duration::from_secs(2));
    }
}
