//! What runs by itself: sealing, merging, expiry.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread;

use model::TimeSpan;

use crate::batch_ids::REMEMBERED_TICKS;
use crate::compact::{compact, drop_expired, is_due};
use crate::core::Core;
use crate::error::Error;
use crate::seal::seal;
use crate::table::Table;

/// Ticks of the background between two rounds of merging and expiry.
const MAINTAIN_EVERY: u32 = 25;

/// Works on a thread of its own, which ends: much of what a thread freed the allocator gives back only then, and some
/// threads wait most of the time.
pub(crate) fn apart<T: Send>(name: &str, mut work: impl FnMut() -> T + Send) -> T {
    let done = thread::scope(|scope| {
        let thread = thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, &mut work);
        thread.ok().map(thread::ScopedJoinHandle::join)
    });
    match done {
        Some(Ok(result)) => result,
        Some(Err(panic)) => resume_unwind(panic),
        None => work(), // there is no thread to be had
    }
}

/// Seals what is due until the store ends.
pub(crate) fn run_sealing(core: &Arc<Core>) {
    while !core.is_stopping() {
        let due = due(core);
        let any = !due.is_empty();
        for table in due {
            if let Err(error) = apart("logs-seal", || seal(core, &table)) {
                tracing::error!(table = &*table.key, %error, "rows stay in the log: no segment can be made");
                core.wait(core.limits.tick * 5); // a full disk does not become empty by trying hard
            }
        }
        if any {
            core.rotate_used_log();
        }
        core.wait(core.limits.tick);
    }
}

/// Merges and expires until the store ends.
pub(crate) fn run_maintenance(core: &Core) {
    let mut ticks = 0;
    while !core.is_stopping() {
        std::thread::sleep(core.limits.tick);
        ticks += 1;
        if ticks >= MAINTAIN_EVERY {
            ticks = 0;
            if let Err(error) = maintain(core) {
                tracing::warn!(%error, "segments could not be merged or dropped");
            }
        }
    }
}

/// One round of expiry and merging; gives the number of segments dropped and merged.
pub(crate) fn maintain(core: &Core) -> Result<(usize, usize), Error> {
    let (mut dropped, mut merged) = (0, 0);
    for table in core.all_tables() {
        dropped += drop_expired(core, &table)?;
        loop {
            let count = match is_due(core, &table) {
                true => apart("logs-merge", || compact(core, &table))?,
                false => 0,
            };
            merged += count;
            if count == 0 || core.is_stopping() {
                break;
            }
        }
    }
    let oldest = core.clock.now().checked_sub(TimeSpan::from_ticks(REMEMBERED_TICKS));
    if let Some(oldest) = oldest {
        core.catalogue.expire_batches(oldest)?;
    }
    Ok((dropped, merged))
}

/// Tables whose rows should be sealed now, the largest first.
fn due(core: &Core) -> Vec<Arc<Table>> {
    let (limits, now) = (&core.limits, core.clock.now());
    let mut tables: Vec<_> = core.all_tables().into_iter().map(|t| (t.unsealed(), t)).collect();
    tables.retain(|(unsealed, _)| unsealed.rows > 0);
    tables.sort_by_key(|(unsealed, _)| std::cmp::Reverse(unsealed.bytes));
    let keeping = match core.files.bytes() > limits.wal_bytes {
        true => core.files.oldest_tables(|key| core.sealed(key).unwrap_or(u64::MAX)),
        false => Vec::new(),
    };
    // Under pressure the largest tables go until half of the memory is free.
    let mut over = core.budget.used().saturating_sub(limits.memory_bytes / 2);
    let mut due = Vec::new();
    for (unsealed, table) in tables {
        let aged = |age: TimeSpan| {
            unsealed.since.is_some_and(|since| now.ticks() - since.ticks() >= age.ticks())
        };
        let old = aged(limits.seal_age);
        let large = unsealed.bytes >= limits.seal_bytes || unsealed.rows >= limits.seal_rows;
        let is_quiet = unsealed.last.is_some_and(|last| now.ticks() - last >= limits.quiet.ticks());
        let quiet = unsealed.rows >= limits.quiet_rows && is_quiet;
        let fed = (unsealed.bytes >= limits.fed_bytes_max
            || unsealed.bytes >= limits.fed_bytes && aged(limits.fed_age)
            || unsealed.bytes >= limits.fed_quiet_bytes && is_quiet)
            && core.is_fed(&table.name);
        if old || large || quiet || fed || over > 0 || keeping.contains(&table.key) {
            over = over.saturating_sub(unsealed.bytes);
            due.push(table);
        }
    }
    due
}
