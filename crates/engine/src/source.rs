//! Where rows come from: the seam between the engine and whoever stores tables.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_buffer::BooleanBuffer;
use model::{Batch, Cancel, FunctionDefinition, Rows, Schema};
use values::dynamic::PathPart;
use values::{ScalarType, Value};

use crate::places::Places;

/// What names mean in a query: tables, saved functions, further workspaces.
pub trait Catalog: Send + Sync {
    /// The table of exactly this name.
    fn table(&self, name: &str) -> Option<Arc<dyn TableSource>>;

    /// Names of all tables that may be read, sorted: for wildcards, `search`, and suggestions.
    fn table_names(&self) -> Vec<Arc<str>>;

    /// True where the table of this name is known to have no rows, as most of Azure's. A catalogue that can tell without
    /// making the table does.
    fn is_empty(&self, name: &str) -> bool {
        self.table(name).is_some_and(|table| table.row_count() == Some(0))
    }

    /// The saved function of exactly this name.
    fn function(&self, name: &str) -> Option<Arc<FunctionDefinition>>;

    /// Names of all saved functions, for suggestions.
    fn function_names(&self) -> Vec<Arc<str>>;

    /// The catalogue of another workspace or database (`workspace("name")`, `database("name")`).
    fn workspace(&self, name: &str) -> Option<Arc<dyn Catalog>>;

    /// The rows of a watchlist (`_GetWatchlist`), its own columns behind the four fixed ones.
    fn watchlist(&self, alias: &str) -> Option<Rows>;

    /// The rows behind an `externaldata` address. Refused unless the address is allowed.
    fn external_data(&self, request: &ExternalData) -> Result<Rows, String>;

    /// True where [`Catalog::external_data`] may read from the address.
    fn external_allowed(&self, _address: &str) -> bool {
        false
    }

    /// The operator's location database, for `geo_info_from_ip_address`.
    fn places(&self) -> Option<Arc<Places>> {
        None
    }
}

/// One address of an `externaldata`.
#[derive(Clone, Debug)]
pub struct ExternalData {
    /// Where.
    pub address: Arc<str>,
    /// Columns wanted, in order.
    pub schema: Arc<Schema>,
    /// `format=`: csv, json, multijson, txt, ...; guessed from the address where absent.
    pub format: Option<String>,
    /// `ignoreFirstRecord=true`
    pub skip_first: bool,
}

/// Reads what lies behind the addresses that the operator allowed.
pub trait ExternalReader: Send + Sync {
    /// True where the address may be read.
    fn allowed(&self, address: &str) -> bool;

    /// The rows; an error for addresses that are not allowed, too.
    fn read(&self, request: &ExternalData) -> Result<Rows, String>;
}

/// A table behind an address: read when a query needs its rows, refused where the address is not allowed.
pub struct ExternalTable {
    request: ExternalData,
    catalog: Arc<dyn Catalog>,
}

impl ExternalTable {
    /// The table of a request, read through the catalogue.
    pub fn new(request: ExternalData, catalog: Arc<dyn Catalog>) -> Self {
        Self { request, catalog }
    }
}

impl TableSource for ExternalTable {
    fn name(&self) -> &str {
        "externaldata"
    }

    fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.request.schema)
    }

    fn scan(&self, request: ScanRequest) -> Result<Box<dyn Scan>, SourceError> {
        Ok(Box::new(ExternalScan {
            asked: self.request.clone(),
            catalog: Arc::clone(&self.catalog),
            request,
            rows: OnceLock::new(),
        }))
    }

    fn refused(&self) -> bool {
        !self.catalog.external_allowed(&self.request.address)
    }
}

/// Opens the address with the first row asked for: what nobody needs is neither read nor refused.
struct ExternalScan {
    asked: ExternalData,
    catalog: Arc<dyn Catalog>,
    request: ScanRequest,
    rows: OnceLock<Result<Box<dyn Scan>, SourceError>>,
}

impl Scan for ExternalScan {
    fn next(&self) -> Result<Option<Batch>, SourceError> {
        let opened = self.rows.get_or_init(|| {
            let rows = self.catalog.external_data(&self.asked).map_err(SourceError::Refused)?;
            Ok(Box::new(crate::exec::memory_scan(&rows, self.request.clone())))
        });
        match opened {
            Ok(rows) => rows.next(),
            Err(error) => Err(error.clone()),
        }
    }
}

/// Why an `externaldata` address is not read.
pub fn external_refused(address: &str) -> String {
    let place = address.split(['?', ';']).next().unwrap_or_default();
    format!(
        "externaldata from '{place}' is not allowed: queries read only what --allow-external names; \
         allow the address, put a copy of the file under an allowed folder, or ingest it into a table"
    )
}

/// One table.
pub trait TableSource: Send + Sync {
    /// Name, as `Type` and `withsource` show it.
    fn name(&self) -> &str;

    /// All columns.
    fn schema(&self) -> Arc<Schema>;

    /// Starts reading. The snapshot is taken when the source is made: two scans of it see the same rows.
    fn scan(&self, request: ScanRequest) -> Result<Box<dyn Scan>, SourceError>;

    /// Rows in the table, where known without a scan.
    fn row_count(&self) -> Option<u64> {
        None
    }

    /// True where paths into dynamic columns may be asked for as [`ScanColumn::Part`].
    fn has_parts(&self) -> bool {
        false
    }

    /// True where reading is going to be refused: steps above try to do without its rows.
    fn refused(&self) -> bool {
        false
    }
}

/// Rows under way. Several workers call `next` at the same time; each gets another morsel (a row group, a batch).
pub trait Scan: Send + Sync {
    /// The next morsel; none at the end. Columns in the order asked for; a morsel of which no row is wanted comes as a
    /// batch without rows, maybe without columns, so that a worker who pulls sees that it takes long.
    fn next(&self) -> Result<Option<Batch>, SourceError>;

    /// True when the rows that the request's filter does not keep are left out; else the engine filters.
    fn filters(&self) -> bool {
        false
    }
}

/// A condition that a source may apply while it reads: the columns that it looks at come first, the others only for
/// the rows that it keeps.
pub trait RowFilter: Send + Sync + std::fmt::Debug {
    /// The columns that it looks at: positions in [`ScanRequest::columns`].
    fn columns(&self) -> &[usize];

    /// Columns (positions in [`ScanRequest::columns`]) of which the condition asks nothing but one test for a text, and the
    /// terms that it needs. Where a source knows that no value of a column holds one of its terms, it may give empty values
    /// instead of reading the column.
    fn lone_terms(&self) -> &[(usize, Vec<String>)] {
        &[]
    }

    /// The rows that stay, of a batch of just those columns in that order.
    fn keep(&self, batch: &Batch) -> Result<BooleanBuffer, SourceError>;
}

/// The best rows by one column are wanted (`top`): which values that still takes becomes known while rows are read.
pub trait RowBound: Send + Sync + std::fmt::Debug {
    /// The column: a position in [`ScanRequest::columns`].
    fn column(&self) -> usize;

    /// True where the largest values are wanted: best read first.
    fn descending(&self) -> bool;

    /// False when no row with a value from `least` to `most` (ticks of times) is wanted any more.
    fn may_hold(&self, least: i64, most: i64) -> bool;

    /// Of the rows in `among` those that may be wanted. Asked once about each row, of rows alone that are given if they
    /// stay: they count from now on.
    fn keep(&self, column: &ArrayRef, among: &BooleanBuffer) -> BooleanBuffer;
}

/// What to read.
#[derive(Clone, Debug, Default)]
pub struct ScanRequest {
    /// Columns wanted, in order.
    pub columns: Vec<ScanColumn>,
    /// Bounds on `TimeGenerated`: rows outside are not wanted (exact: the source must leave them out).
    pub time: Option<TickRange>,
    /// Bounds on the ingestion time (exact).
    pub ingested: Option<TickRange>,
    /// Conditions that hold for every wanted row. A source may skip what cannot meet them; it need not: the engine
    /// checks each row again.
    pub hints: Vec<Hint>,
    /// The whole condition, for a source that can read its columns first. See [`Scan::filters`].
    pub filter: Option<Arc<dyn RowFilter>>,
    /// Columns (positions in `columns`) that the filter alone looks at: a source that filters may give nulls instead.
    pub judged: Vec<usize>,
    /// What a source that filters may leave out beyond that; one that does not must not ask it.
    pub bound: Option<Arc<dyn RowBound>>,
    /// Stop early: no more than this many rows are wanted (any of them).
    pub limit: Option<usize>,
    /// Ends the scan with [`SourceError::Cancelled`].
    pub cancel: Cancel,
    /// Where to count.
    pub counters: Arc<Counters>,
}

/// A column of a scan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanColumn {
    /// The table's column at this position.
    Column(usize),
    /// `ingestion_time()`, datetime.
    IngestionTime,
    /// What a path into a dynamic column leads to.
    Part(Arc<Part>),
}

/// A path into a dynamic column and the type that its end is wanted in. A source may have it apart; else
/// [`Part::of`] takes it out of the column.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// Position of the dynamic column in the table's schema.
    pub column: usize,
    /// The steps, outermost first.
    pub path: Vec<PartStep>,
    /// Any type but dynamic: what does not convert is null, an absent text is empty.
    pub ty: ScalarType,
}

/// A step of a [`Part`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PartStep {
    /// A key of a bag.
    Key(Arc<str>),
    /// An element of an array; negative counts from the end.
    Index(i64),
}

impl Part {
    /// The part of each row of the dynamic column.
    pub fn of(&self, column: &ArrayRef) -> Result<ArrayRef, SourceError> {
        let path: Vec<PathPart<'_>> = self.path.iter().map(PartStep::as_path).collect();
        match column.as_binary_view_opt() {
            None => Ok(crate::exec::columns::nulls(self.ty, column.len())),
            Some(values) => crate::exec::parts::follow(values, &path, self.ty)
                .map_err(|error| SourceError::Evaluation(error.to_string())),
        }
    }
}

impl PartStep {
    /// As `values` follows it.
    pub fn as_path(&self) -> PathPart<'_> {
        match self {
            Self::Key(key) => PathPart::Key(key),
            Self::Index(at) => PathPart::Index(*at),
        }
    }
}

/// Ticks from `start` to `end`, both inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickRange {
    /// First tick inside.
    pub start: i64,
    /// Last tick inside.
    pub end: i64,
}

impl TickRange {
    /// All of time.
    pub const ALL: Self = Self { start: i64::MIN, end: i64::MAX };

    /// What lies in both.
    pub fn and(self, other: Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }
}

/// A necessary condition on a row, for pruning.
#[derive(Clone, Debug, PartialEq)]
pub enum Hint {
    /// The column (position in the table) holds all these terms: maximal runs of letters and digits, and addresses (four
    /// numbers with dots between them), lower case.
    Terms {
        /// Position in the table's schema; none: the terms stand in any column, each possibly in another.
        column: Option<usize>,
        /// The terms, lower case.
        terms: Vec<String>,
    },
    /// Some term of the column is like this.
    Piece {
        /// Position in the table's schema.
        column: usize,
        /// What is known of the term.
        piece: Piece,
    },
    /// The column compares so with the value.
    Compare {
        /// Position in the table's schema.
        column: usize,
        /// The comparison.
        op: Comparison,
        /// The constant, of the column's type.
        value: Value,
    },
    /// The column is one of these.
    In {
        /// Position in the table's schema.
        column: usize,
        /// The constants, of the column's type.
        values: Vec<Value>,
    },
    /// At least one of these holds.
    Any(Vec<Hint>),
    /// All of these hold.
    All(Vec<Hint>),
}

/// What is known of a term: lower case letters and digits of ASCII.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// It begins so.
    Start(String),
    /// It ends so.
    End(String),
    /// It contains this.
    Inside(String),
}

impl Piece {
    /// The known characters.
    pub fn text(&self) -> &str {
        match self {
            Self::Start(text) | Self::End(text) | Self::Inside(text) => text,
        }
    }

    /// Tells terms like this.
    pub fn test(&self) -> impl Fn(&[u8]) -> bool {
        let inside = memchr::memmem::Finder::new(self.text());
        move |term| match self {
            Self::Start(text) => term.starts_with(text.as_bytes()),
            Self::End(text) => term.ends_with(text.as_bytes()),
            Self::Inside(_) => inside.find(term).is_some(),
        }
    }
}

/// A comparison of a [`Hint`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`
    Equal,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// Why a source gave no rows.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SourceError {
    /// Damaged or unreadable; the text names the file.
    #[error("{0}")]
    Storage(String),
    /// The rows may not be read; the text says why and what to do.
    #[error("{0}")]
    Refused(String),
    /// The request's filter could not be computed.
    #[error("{0}")]
    Evaluation(String),
    /// Asked to stop.
    #[error("cancelled")]
    Cancelled,
}

/// Work counted while reading.
#[derive(Debug, Default)]
pub struct Counters {
    /// Segments considered.
    pub segments: AtomicU64,
    /// Of them skipped by time, statistics or index.
    pub segments_pruned: AtomicU64,
    /// Rows handed out.
    pub rows_read: AtomicU64,
    /// Bytes written to disk for want of memory.
    pub spilled: AtomicU64,
    /// Highest memory held by operators.
    pub memory_peak: AtomicU64,
}

impl Counters {
    /// Adds to a counter.
    pub fn add(counter: &AtomicU64, by: u64) {
        counter.fetch_add(by, Ordering::Relaxed);
    }
}

/// A table held in memory: local files, `datatable`, watchlists, tests.
pub struct MemoryTable {
    name: Arc<str>,
    rows: Rows,
}

impl MemoryTable {
    /// A table of these rows.
    pub fn new(name: impl AsRef<str>, rows: Rows) -> Self {
        Self { name: Arc::from(name.as_ref()), rows }
    }
}

impl TableSource for MemoryTable {
    fn name(&self) -> &str {
        &self.name
    }

    fn schema(&self) -> Arc<Schema> {
        Arc::clone(&self.rows.schema)
    }

    fn scan(&self, request: ScanRequest) -> Result<Box<dyn Scan>, SourceError> {
        Ok(Box::new(crate::exec::memory_scan(&self.rows, request)))
    }

    fn row_count(&self) -> Option<u64> {
        Some(self.rows.len() as u64)
    }
}

/// A catalogue of tables in memory and functions by name; no other workspaces.
#[derive(Clone, Default)]
pub struct MemoryCatalog {
    tables: HashMap<String, Arc<dyn TableSource>>,
    functions: HashMap<String, Arc<FunctionDefinition>>,
}

impl MemoryCatalog {
    /// Adds or replaces a table.
    pub fn insert(&mut self, table: Arc<dyn TableSource>) {
        self.tables.insert(table.name().to_owned(), table);
    }

    /// Adds or replaces a saved function.
    pub fn insert_function(&mut self, function: FunctionDefinition) {
        self.functions.insert(function.name.to_string(), Arc::new(function));
    }
}

impl Catalog for MemoryCatalog {
    fn table(&self, name: &str) -> Option<Arc<dyn TableSource>> {
        self.tables.get(name).cloned()
    }

    fn table_names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = self.tables.keys().map(|n| Arc::from(n.as_str())).collect();
        names.sort();
        names
    }

    fn function(&self, name: &str) -> Option<Arc<FunctionDefinition>> {
        self.functions.get(name).cloned()
    }

    fn function_names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> =
            self.functions.keys().map(|n| Arc::from(n.as_str())).collect();
        names.sort();
        names
    }

    fn workspace(&self, _name: &str) -> Option<Arc<dyn Catalog>> {
        None
    }

    fn watchlist(&self, _alias: &str) -> Option<Rows> {
        None
    }

    fn external_data(&self, request: &ExternalData) -> Result<Rows, String> {
        Err(external_refused(&request.address))
    }
}
