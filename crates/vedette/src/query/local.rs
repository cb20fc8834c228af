//! A query over files: the same engine as the server's, over tables in memory.

use std::sync::Arc;

use engine::source::MemoryCatalog;
use engine::{Query, query};
use model::{Clock, QueryAnswer, QueryLimits, SystemClock};

use super::{files, refused};

/// Runs the query over the files given as `[NAME=]PATH`.
pub(super) fn ask(text: &str, tables: &[String]) -> anyhow::Result<QueryAnswer> {
    let now = SystemClock.now();
    let mut catalog = MemoryCatalog::default();
    for table in files::read(tables, now)? {
        catalog.insert(Arc::new(table));
    }
    let limits = QueryLimits {
        rows_max: usize::MAX,
        bytes_max: usize::MAX,
        memory_max: 4 << 30,
        ..QueryLimits::default()
    };
    let asked = Query {
        limits,
        spill: Some(std::env::temp_dir()),
        ..Query::new(text, Arc::new(catalog), now)
    };
    on_large_stack(|| query(&asked))?.map_err(refused)
}

/// Deep expressions want more stack than a main thread has for sure.
fn on_large_stack<T: Send>(work: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(64 << 20).spawn_scoped(scope, work)?;
        thread.join().map_err(|_| {
            anyhow::anyhow!("the query ended unexpectedly; please report it with its text")
        })
    })
}
