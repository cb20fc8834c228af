//! What a log store is opened with.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use engine::source::ExternalReader;
use model::{Clock, FunctionDefinition, SystemClock, TableInfo, TimeSpan};
use state::Store;
use values::{TICKS_PER_MINUTE, TICKS_PER_SECOND};

use crate::disk::{Disk, SystemDisk};

/// What a log store is opened with.
#[derive(Clone)]
pub struct Options {
    /// The data folder: `wal/` and `tables/` are made in it.
    pub folder: PathBuf,
    /// Where workspaces, tables and segments are listed.
    pub store: Arc<dyn Store>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Tables that every workspace has.
    pub built_in: Vec<Arc<TableInfo>>,
    /// Functions that every workspace has; its own tables and saved functions of the same name come first.
    pub functions: Vec<Arc<FunctionDefinition>>,
    /// Reads the addresses of `externaldata` that are allowed; without it, none is.
    pub external: Option<Arc<dyn ExternalReader>>,
    /// The file system.
    pub disk: Arc<dyn Disk>,
    /// How much of what.
    pub limits: Limits,
}

impl Options {
    /// The machine's clock and file system, default limits, no built-in table.
    pub fn new(folder: impl Into<PathBuf>, store: Arc<dyn Store>) -> Self {
        Self {
            folder: folder.into(),
            store,
            clock: Arc::new(SystemClock),
            built_in: Vec::new(),
            functions: Vec::new(),
            external: None,
            disk: Arc::new(SystemDisk),
            limits: Limits::default(),
        }
    }
}

/// How much is held, and when it is moved on.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of rows in memory before appends wait, then are told to come again.
    pub memory_bytes: usize,
    /// How long an append waits for memory: senders who are faster than the disk slow down before they are refused.
    pub append_wait: Duration,
    /// Bytes of a log file before the next is begun.
    pub wal_file_bytes: u64,
    /// Bytes of the whole log before the tables that need its oldest file are sealed: bounds the time of a restart.
    pub wal_bytes: u64,
    /// Bytes of one table's rows in memory before they are sealed.
    pub seal_bytes: usize,
    /// Rows of one table in memory before they are sealed.
    pub seal_rows: usize,
    /// Bytes of rows in memory of a table that a feed fills before they are sealed, once the oldest is of age: such rows
    /// come all day whether or not anybody asks for them, and are not to crowd a small machine,
    pub fed_bytes: usize,
    /// while in a flood segments should not become small.
    pub fed_age: TimeSpan,
    /// Rows of a table that is fed are sealed when they take this much, however old: a busy source would hold hundreds of
    /// megabytes otherwise.
    pub fed_bytes_max: usize,
    /// The same where no row came for [`Self::quiet`].
    pub fed_quiet_bytes: usize,
    /// How long rows stay in memory before they are sealed.
    pub seal_age: TimeSpan,
    /// How long no row has to come to a table before what it has in memory is sealed,
    pub quiet: TimeSpan,
    /// where these are so many rows at least: a segment answers sooner than rows in memory do.
    pub quiet_rows: usize,
    /// Most rows of a segment.
    pub segment_rows: usize,
    /// Bytes of memory that a merge of segments may take, as far as their making tells.
    pub merge_bytes: u64,
    /// Most segments kept open between queries (two files each).
    pub open_segments: usize,
    /// Bytes of unpacked columns of segments that are kept between queries.
    pub column_bytes: usize,
    /// How often the background looks for work.
    pub tick: Duration,
    /// Off: rows are sealed and merged only on [`crate::LogStore::flush`] and [`crate::LogStore::maintain`].
    pub background: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 192 << 20,
            append_wait: Duration::from_secs(20),
            wal_file_bytes: 64 << 20,
            wal_bytes: 256 << 20,
            seal_bytes: 64 << 20,
            seal_rows: 512 * 1024,
            fed_bytes: 4 << 20,
            fed_age: TimeSpan::from_ticks(5 * TICKS_PER_SECOND),
            fed_bytes_max: 24 << 20,
            fed_quiet_bytes: 1 << 20,
            seal_age: TimeSpan::from_ticks(10 * TICKS_PER_MINUTE),
            quiet: TimeSpan::from_ticks(2 * TICKS_PER_SECOND),
            quiet_rows: 32 * 1024,
            segment_rows: 1024 * 1024,
            merge_bytes: 256 << 20,
            open_segments: 200,
            column_bytes: 160 << 20,
            tick: Duration::from_millis(200),
            background: true,
        }
    }
}
