//! The seam between whoever asks questions or writes rows and the store that holds them.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use values::DateTime;

use crate::{Batch, Rows, Schema, TimeRange};

/// Tables of all workspaces: append rows, run KQL, tell schemas. Implemented by `logs`; canned in `testkit`.
///
/// `workspace` is a workspace's customer id (a GUID, lower case) everywhere.
#[async_trait]
pub trait Tables: Send + Sync {
    /// Stores rows. Returns once they are durable (fsynced) and visible to queries, or were found stored already.
    async fn append(&self, request: AppendRequest) -> Result<AppendReceipt, TablesError>;

    /// Runs one KQL text.
    async fn query(&self, request: QueryRequest) -> Result<QueryAnswer, QueryError>;

    /// For each query the answer of one that certainly has no rows, found by reading once for all of them; none for those
    /// that have to be run to know, and where nothing is known.
    async fn screen(&self, requests: &[QueryRequest]) -> Vec<Option<QueryAnswer>> {
        requests.iter().map(|_| None).collect()
    }

    /// Runs the transform of a data collection rule over rows that are not stored; `source` stands for them.
    async fn transform(&self, text: &str, rows: Rows, now: DateTime) -> Result<Rows, QueryError> {
        let _ = (rows, now);
        Err(QueryError::Execution(format!("transforms are not available here: {text}")))
    }

    /// Runs any query over rows that are not stored, under the name `source`.
    async fn query_rows(&self, text: &str, rows: Rows, now: DateTime) -> Result<Rows, QueryError> {
        let _ = (rows, now);
        Err(QueryError::Execution(format!(
            "queries over given rows are not available here: {text}"
        )))
    }

    /// All tables of a workspace, built-in ones included, by name.
    fn tables(&self, workspace: &str) -> Vec<Arc<TableInfo>>;

    /// One table; names compare with case, as KQL does.
    fn table(&self, workspace: &str, name: &str) -> Option<Arc<TableInfo>>;

    /// Creates a table or widens / changes an existing one (schema, retention). Columns are never dropped by omission
    /// when `merge` is set. Durable when it returns.
    async fn put_table(
        &self,
        workspace: &str,
        table: TableInfo,
        merge: bool,
    ) -> Result<Arc<TableInfo>, TablesError>;

    /// Deletes a custom table with its rows. A built-in table is refused.
    async fn delete_table(&self, workspace: &str, name: &str) -> Result<(), TablesError>;

    /// Creates a workspace, or changes how long its tables keep their rows. Durable when it returns; the same again is no
    /// change. Waits for the disk.
    fn put_workspace(&self, workspace: &str, retention: &Retention) -> Result<(), TablesError>;

    /// Days that tables of the workspace keep their rows unless they say otherwise; none where nobody has told.
    fn retention_days(&self, workspace: &str) -> Option<u32>;

    /// Removes a workspace with all its tables and rows; one that is not there is no error.
    async fn delete_workspace(&self, workspace: &str) -> Result<(), TablesError>;

    /// Replaces the saved functions (savedSearches with an alias) of a workspace that queries can call.
    fn set_functions(&self, workspace: &str, functions: Vec<FunctionDefinition>);

    /// Number of rows stored in a table and not yet expired, from the catalogue (no scan).
    fn row_count(&self, workspace: &str, table: &str) -> u64;
}

/// Whoever keeps rows durable elsewhere first and puts them into tables a moment later.
pub trait Feed: Send + Sync {
    /// The tables that it fills, in every workspace.
    fn tables(&self) -> &[&'static str];

    /// Waits, not for long, until what was durable when it was called is in the tables. Called before one of them is read,
    /// on a thread that may block.
    fn catch_up(&self);
}

/// Where a table's schema comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum TableKind {
    /// Azure Monitor, Sentinel or Defender table, present from the first start.
    Microsoft,
    /// Custom table (`*_CL`, or created through the Kusto API).
    Custom,
}

/// A table: its columns and how long rows are kept.
#[derive(Clone, Debug, PartialEq)]
pub struct TableInfo {
    /// Name, with case.
    pub name: Arc<str>,
    /// Built in or custom.
    pub kind: TableKind,
    /// All columns, system ones (`TimeGenerated`, `Type`, `_ResourceId`, ...) included.
    pub schema: Arc<Schema>,
    /// Days that rows can be queried.
    pub retention_days: u32,
    /// Days in total (archive included); never below `retention_days`.
    pub total_retention_days: u32,
}

/// How long the tables of a workspace keep their rows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Days, of tables that say nothing of their own.
    pub days: u32,
    /// Days of their own: to be queried, and in total. By the table's name in lower case.
    pub own: BTreeMap<String, (u32, u32)>,
}

impl Retention {
    /// The same for all tables.
    pub fn of_all(days: u32) -> Self {
        Self { days, own: BTreeMap::new() }
    }

    /// Days that rows of a table can be queried, and days in total.
    pub fn of(&self, table: &str) -> (u32, u32) {
        if self.own.is_empty() {
            return (self.days, self.days);
        }
        self.own.get(&table.to_lowercase()).copied().unwrap_or((self.days, self.days))
    }
}

/// A saved function: a savedSearch with a functionAlias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionDefinition {
    /// Name by which queries call it.
    pub name: Arc<str>,
    /// Parameters as KQL writes them, without the outer parentheses: `T:(*), disabled:bool=false`.
    pub parameters: Arc<str>,
    /// KQL text of the body.
    pub body: Arc<str>,
}

/// Rows for one table.
#[derive(Clone, Debug)]
pub struct AppendRequest {
    /// Workspace customer id.
    pub workspace: Arc<str>,
    /// Table name; the table exists.
    pub table: Arc<str>,
    /// Names and types of `batch`: any subset of the table's columns in any order. Columns the table does not have are
    /// an error; missing ones are null; `TimeGenerated`, `Type`, `TenantId`, `_ItemId` are filled when absent or null.
    pub schema: Arc<Schema>,
    /// The rows.
    pub batch: Batch,
    /// Identity of the batch: a second append with the same id to the same table stores nothing and says so.
    pub batch_id: Option<Arc<str>>,
    /// When the rows were received: `ingestion_time()`.
    pub received: DateTime,
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendReceipt {
    /// Rows stored by this call.
    pub rows: usize,
    /// True when the batch id had been stored before.
    pub duplicate: bool,
}

/// Why rows were not stored, or a table not changed.
#[derive(Debug, thiserror::Error)]
pub enum TablesError {
    /// No such workspace.
    #[error("workspace '{0}' does not exist")]
    UnknownWorkspace(String),
    /// No such table.
    #[error("table '{0}' does not exist; create it first or use a stream of an existing table")]
    UnknownTable(String),
    /// The rows or the definition do not fit; the text says which column and what to do.
    #[error("{0}")]
    Invalid(String),
    /// More arrives than can be written: try again after the given time.
    #[error("the log store is at its limit; retry after {} s", .retry_after.as_secs().max(1))]
    Busy {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The disk is full or refuses writes; nothing of the request was stored.
    #[error("rows cannot be stored: {0}; free space or make the data folder writable, then retry")]
    Unwritable(String),
    /// A stored file is damaged or unreadable; the text names it.
    #[error("{0}")]
    Damaged(String),
}

/// Set by the caller to stop a running query.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Asks the query to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// True once asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Which tables a caller may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableAccess {
    /// Every table of the workspace.
    All,
    /// These tables only (exact names); others do not resolve.
    Only(Arc<HashSet<String>>),
}

/// Limits of one query; Azure's defaults by [`Default`].
#[derive(Clone, Copy, Debug)]
pub struct QueryLimits {
    /// Most rows in a result (500,000).
    pub rows_max: usize,
    /// Most bytes in a result (64 MB).
    pub bytes_max: usize,
    /// Longest run (4 minutes).
    pub time_max: Duration,
    /// Memory that operators may hold before they spill (and fail, where they cannot).
    pub memory_max: usize,
    /// Beyond the row or byte limit: cut off and say so (Log Analytics) rather than fail (Kusto).
    pub truncate: bool,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self {
            rows_max: 500_000,
            bytes_max: 64 << 20,
            time_max: Duration::from_secs(240),
            memory_max: 512 << 20,
            truncate: false,
        }
    }
}

/// One question.
#[derive(Clone, Debug)]
pub struct QueryRequest {
    /// Workspace customer id.
    pub workspace: Arc<str>,
    /// KQL text.
    pub text: String,
    /// Range that bounds `TimeGenerated` of every table, from the API's `timespan`.
    pub time_range: Option<TimeRange>,
    /// Bounds `ingestion_time()` of the table rows read (NRT rules): start exclusive, end inclusive.
    pub ingestion_range: Option<TimeRange>,
    /// Values for `declare query_parameters`, as KQL literals by name.
    pub parameters: Vec<(String, String)>,
    /// Further workspaces that `workspace("name or id")` may name: (name or id, customer id).
    pub other_workspaces: Vec<(String, Arc<str>)>,
    /// What the caller may read.
    pub access: TableAccess,
    /// Who asks, for `current_principal()`; nobody in queries that the house asks itself.
    pub principal: Option<Principal>,
    /// `now()` of this statement.
    pub now: DateTime,
    /// Limits.
    pub limits: QueryLimits,
    /// To stop it early.
    pub cancel: Cancel,
    /// Bind only: no rows are read, the answer has the schema (rule validation).
    pub bind_only: bool,
}

/// Who asks a query: an application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// Object id.
    pub object_id: String,
    /// Application (client) id.
    pub app_id: String,
    /// Its tenant.
    pub tenant_id: String,
    /// Name for people.
    pub display_name: String,
}

impl Principal {
    /// The name as Kusto writes it: `aadapp=id;tenant`.
    pub fn qualified_name(&self) -> String {
        format!("aadapp={};{}", self.app_id, self.tenant_id)
    }

    /// True where a name such as `aadapp=id;tenant` means this one. Users and groups are others.
    pub fn is_named(&self, name: &str) -> bool {
        let Some((kind, rest)) = name.trim().split_once('=') else { return false };
        let (id, tenant) = rest.split_once(';').unwrap_or((rest, &self.tenant_id));
        kind.trim().eq_ignore_ascii_case("aadapp")
            && [&self.app_id, &self.object_id].iter().any(|own| own.eq_ignore_ascii_case(id.trim()))
            && tenant.trim().eq_ignore_ascii_case(&self.tenant_id)
    }
}

impl QueryRequest {
    /// A request with defaults: all tables, Azure's limits.
    pub fn new(workspace: impl AsRef<str>, text: impl Into<String>, now: DateTime) -> Self {
        Self {
            workspace: Arc::from(workspace.as_ref()),
            text: text.into(),
            time_range: None,
            ingestion_range: None,
            parameters: Vec::new(),
            other_workspaces: Vec::new(),
            access: TableAccess::All,
            principal: None,
            now,
            limits: QueryLimits::default(),
            cancel: Cancel::default(),
            bind_only: false,
        }
    }
}

/// One result table.
#[derive(Clone, Debug)]
pub struct ResultTable {
    /// `PrimaryResult`, or a further name with `fork`, `as` or several statements.
    pub name: String,
    /// Names, types, rows.
    pub rows: Rows,
}

/// What a query gave.
#[derive(Clone, Debug, Default)]
pub struct QueryAnswer {
    /// Primary results, in order; at least one.
    pub tables: Vec<ResultTable>,
    /// The `render` operator's visualization and properties, as Azure's JSON object.
    pub render: Option<serde_json::Value>,
    /// What it cost.
    pub statistics: QueryStatistics,
    /// Set when rows were cut off or an input failed: the answer is partial. Azure's code and message.
    pub partial: Option<(String, String)>,
    /// Tables of the workspace that the query read, in order of first use.
    pub tables_read: Vec<Arc<str>>,
    /// Names and types alone were asked for, and the rows decide on further columns (`evaluate pivot`, `union *`).
    pub open: bool,
}

/// Cost of a query.
#[derive(Clone, Debug, Default)]
pub struct QueryStatistics {
    /// Wall time.
    pub elapsed: Duration,
    /// CPU time over all threads, where measured.
    pub cpu: Duration,
    /// Time to parse, bind and plan.
    pub compile: Duration,
    /// Segments considered, and of them skipped by time or index.
    pub segments: u64,
    /// Segments skipped.
    pub segments_pruned: u64,
    /// Rows read from segments and memory.
    pub rows_read: u64,
    /// Highest memory held by operators, bytes.
    pub memory_peak: u64,
    /// Bytes written to disk because memory did not suffice.
    pub spilled: u64,
}

/// Why a query gave no answer. Codes are Azure's.
#[derive(Debug, thiserror::Error, Clone)]
pub enum QueryError {
    /// The text does not parse: `SyntaxError`, code `SYN0002` and the like.
    #[error("{message}")]
    Syntax {
        /// `SYN....`
        code: String,
        /// What is wrong and how to mend it.
        message: String,
        /// 1-based line.
        line: usize,
        /// 0-based position in the line, as Azure counts.
        pos: usize,
        /// The text at the place.
        token: String,
    },
    /// The text parses but means nothing: unknown names, wrong types. `SEM....`
    #[error("{message}")]
    Semantic {
        /// `SEM....`
        code: String,
        /// What is wrong and how to mend it.
        message: String,
        /// 1-based line.
        line: usize,
        /// 0-based position in the line.
        pos: usize,
        /// The text at the place.
        token: String,
    },
    /// More rows or bytes than allowed: `E_QUERY_RESULT_SET_TOO_LARGE`.
    #[error("{0}")]
    ResultTooLarge(String),
    /// Memory, recursion or generated rows over the limit: `E_RUNAWAY_QUERY`.
    #[error("{0}")]
    ResourceLimit(String),
    /// Ran longer than allowed.
    #[error("the query ran longer than {} s and was stopped; narrow its time range", .0.as_secs())]
    Timeout(Duration),
    /// The caller went away.
    #[error("the query was cancelled")]
    Cancelled,
    /// No such workspace.
    #[error("workspace '{0}' could not be found")]
    UnknownWorkspace(String),
    /// Evaluation failed on data (toscalar over a failing input, bad regex at run time, ...).
    #[error("{0}")]
    Execution(String),
    /// A stored file is damaged or unreadable; the text names it.
    #[error("{0}")]
    Storage(String),
}
