//! A store in a temporary folder, rows to put into it, and what comes out.

use std::path::Path;
use std::sync::Arc;

use engine::source::{Hint, ScanColumn, ScanRequest, SourceError, TickRange};
use logs::disk::{Disk, SystemDisk};
use logs::{Limits, LogStore, Options};
use model::rows::cell;
use model::{
    AppendReceipt, AppendRequest, Clock, DateTime, Rows, ScalarType, Schema, TableInfo, TableKind,
    Tables, TablesError, TimeSpan, Value,
};
use state::{MemoryStore, SqliteStore, Store};
use testkit::ManualClock;

pub(crate) const WORKSPACE: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const DAY: i64 = 864_000_000_000;
pub(crate) const SECOND: i64 = 10_000_000;

/// 2026-06-10T12:00:00Z
pub(crate) fn noon() -> DateTime {
    DateTime::parse("2026-06-10T12:00:00Z").unwrap()
}

/// A store that can be closed and opened again.
pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) limits: Limits,
    documents: Arc<dyn Store>,
    store: Option<Arc<LogStore>>,
}

impl House {
    /// No background: sealing and merging happen when a test asks for them.
    pub(crate) fn new() -> Self {
        Self::with(Arc::new(SystemDisk), quiet())
    }

    pub(crate) fn with(disk: Arc<dyn Disk>, limits: Limits) -> Self {
        let mut house = Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Arc::new(ManualClock::new(noon())),
            disk,
            limits,
            documents: Arc::new(MemoryStore::new()),
            store: None,
        };
        house.open().unwrap();
        house.store().create_workspace(WORKSPACE).unwrap();
        house
    }

    pub(crate) fn options(&self) -> Options {
        let mut options = Options::new(self.folder.path(), Arc::clone(&self.documents));
        options.clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        options.disk = Arc::clone(&self.disk);
        options.limits = self.limits;
        options.built_in = vec![Arc::new(events()), Arc::new(table("Other", &[]))];
        options
    }

    pub(crate) fn open(&mut self) -> Result<(), logs::Error> {
        self.close();
        self.store = Some(LogStore::open(&self.options())?);
        Ok(())
    }

    pub(crate) fn close(&mut self) {
        if let Some(store) = self.store.take() {
            store.shutdown();
        }
    }

    pub(crate) fn store(&self) -> &Arc<LogStore> {
        self.store.as_ref().unwrap()
    }

    /// Files below a folder with this ending.
    pub(crate) fn files(&self, ending: &str) -> Vec<std::path::PathBuf> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in SystemDisk.list(&folder).unwrap() {
                match entry.folder {
                    true => folders.push(entry.path),
                    false if entry.path.to_string_lossy().ends_with(ending) => {
                        found.push(entry.path)
                    }
                    false => {}
                }
            }
        }
        found.sort();
        found
    }
}

/// Nothing happens by itself.
pub(crate) fn quiet() -> Limits {
    Limits { background: false, ..Limits::default() }
}

/// Opens a store over SQLite in the folder, with limits that make everything happen often.
pub(crate) fn open_busy(folder: &Path) -> Arc<LogStore> {
    let documents = Arc::new(SqliteStore::open(folder.join("state.db")).unwrap());
    let mut options = Options::new(folder, documents);
    options.built_in = vec![Arc::new(events()), Arc::new(table("Other", &[]))];
    options.limits = busy();
    let store = LogStore::open(&options).unwrap();
    store.create_workspace(WORKSPACE).unwrap();
    store
}

pub(crate) fn busy() -> Limits {
    Limits {
        wal_file_bytes: 64 << 10,
        wal_bytes: 256 << 10,
        seal_rows: 700,
        seal_age: TimeSpan::from_ticks(SECOND / 5),
        tick: std::time::Duration::from_millis(3),
        ..Limits::default()
    }
}

pub(crate) fn table(name: &str, further: &[(&str, ScalarType)]) -> TableInfo {
    let columns = [
        ("TimeGenerated", ScalarType::DateTime),
        ("Writer", ScalarType::String),
        ("Number", ScalarType::Long),
        ("Message", ScalarType::String),
        ("Properties", ScalarType::Dynamic),
        ("Type", ScalarType::String),
        ("TenantId", ScalarType::String),
        ("_ItemId", ScalarType::String),
    ];
    TableInfo {
        name: Arc::from(name),
        kind: TableKind::Microsoft,
        schema: Arc::new(Schema::new(columns.iter().chain(further).copied())),
        retention_days: 30,
        total_retention_days: 30,
    }
}

pub(crate) fn events() -> TableInfo {
    table("Events", &[])
}

/// Rows numbered from `first`, a second apart.
pub(crate) fn rows(writer: &str, first: i64, count: usize) -> Rows {
    let schema = Schema::new([
        ("TimeGenerated", ScalarType::DateTime),
        ("Writer", ScalarType::String),
        ("Number", ScalarType::Long),
        ("Message", ScalarType::String),
        ("Properties", ScalarType::Dynamic),
    ]);
    let row = |i: usize| {
        let number = first + i as i64;
        vec![
            Value::DateTime(DateTime::from_ticks(noon().ticks() + number * SECOND)),
            Value::string(writer),
            Value::Long(number),
            Value::string(format!("message {number} of {writer}, token t{number}x")),
            Value::Dynamic(model::Dynamic::parse_json(&format!("{{\"n\":{number}}}")).unwrap()),
        ]
    };
    Rows::from_values(Arc::new(schema), (0..count).map(row))
}

pub(crate) fn request(table: &str, rows: Rows, received: DateTime) -> AppendRequest {
    AppendRequest {
        workspace: Arc::from(WORKSPACE),
        table: Arc::from(table),
        schema: rows.schema,
        batch: rows.batches[0].clone(),
        batch_id: None,
        received,
    }
}

pub(crate) async fn append(
    store: &LogStore,
    table: &str,
    rows: Rows,
    received: DateTime,
    id: Option<&str>,
) -> Result<AppendReceipt, TablesError> {
    let mut request = request(table, rows, received);
    request.batch_id = id.map(Arc::from);
    store.append(request).await
}

/// What to read.
#[derive(Clone, Default)]
pub(crate) struct Ask {
    pub(crate) columns: Vec<&'static str>,
    pub(crate) time: Option<(i64, i64)>,
    pub(crate) ingested: Option<(i64, i64)>,
    pub(crate) hints: Vec<Hint>,
    pub(crate) limit: Option<usize>,
}

impl Ask {
    pub(crate) fn columns(columns: &[&'static str]) -> Self {
        Self { columns: columns.to_vec(), ..Self::default() }
    }
}

/// Rows of a table, read by two workers; `ingestion_time()` stands for itself.
pub(crate) fn read(
    store: &LogStore,
    table: &str,
    ask: &Ask,
) -> Result<Vec<Vec<Value>>, SourceError> {
    let source = store.source(WORKSPACE, table).unwrap();
    let schema = source.schema();
    let column = |name: &&str| match *name {
        "ingestion_time()" => (ScanColumn::IngestionTime, ScalarType::DateTime),
        name => {
            let at = schema.position(name).unwrap();
            (ScanColumn::Column(at), schema.columns[at].ty)
        }
    };
    let wanted: Vec<(ScanColumn, ScalarType)> = ask.columns.iter().map(column).collect();
    let range = |r: (i64, i64)| TickRange { start: r.0, end: r.1 };
    let scan = source.scan(ScanRequest {
        columns: wanted.iter().map(|w| w.0.clone()).collect(),
        time: ask.time.map(range),
        ingested: ask.ingested.map(range),
        hints: ask.hints.clone(),
        limit: ask.limit,
        ..ScanRequest::default()
    })?;
    let worker = || -> Result<Vec<Vec<Value>>, SourceError> {
        let mut rows = Vec::new();
        while let Some(batch) = scan.next()? {
            if batch.rows == 0 {
                continue;
            }
            assert!(batch.rows > 0 && batch.columns.len() == wanted.len());
            for row in 0..batch.rows {
                let cells = batch.columns.iter().zip(&wanted);
                rows.push(cells.map(|(a, (_, ty))| cell(a, *ty, row)).collect());
            }
        }
        Ok(rows)
    };
    let (first, second) = std::thread::scope(|scope| {
        let other = scope.spawn(worker);
        (worker(), other.join().unwrap())
    });
    let mut rows: Vec<Vec<Value>> = first?;
    rows.extend(second?);
    Ok(rows)
}

/// The numbers in a table, sorted.
pub(crate) fn numbers(store: &LogStore, table: &str) -> Vec<i64> {
    let rows = read(store, table, &Ask::columns(&["Number"])).unwrap();
    let mut numbers: Vec<i64> = rows.iter().map(|r| long(&r[0])).collect();
    numbers.sort_unstable();
    numbers
}

pub(crate) fn long(value: &Value) -> i64 {
    match value {
        Value::Long(v) => *v,
        Value::DateTime(v) => v.ticks(),
        other => panic!("{other:?} is no number"),
    }
}

pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(v) => v.to_string(),
        other => panic!("{other:?} is no text"),
    }
}
