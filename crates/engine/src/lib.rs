//! KQL over tables: text to rows.
//!
//! | stage | takes | gives | where |
//! |---|---|---|---|
//! | parse | text | syntax tree, diagnostics | crate `kql` |
//! | bind | tree, [`source::Catalog`] | [`plan::Plan`]: names and types resolved | [`bind`] |
//! | optimize | plan | plan: filters and columns moved to the scans, time bounds and hints found | [`optimize`] |
//! | run | plan | rows, batch by batch, in parallel, within limits | [`exec`] |
//!
//! [`query`] joins them; [`screen`] tells of many queries at once which have no rows.

pub mod aggregates;
pub mod bind;
pub mod exec;
mod explain;
pub mod functions;
pub mod optimize;
pub mod places;
pub mod plan;
pub mod plugins;
pub mod source;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use model::{
    Cancel, DateTime, Principal, QueryAnswer, QueryError, QueryLimits, QueryStatistics,
    ResultTable, Rows, Schema, TimeRange,
};

use bind::{BindError, BoundQuery, Settings};
use exec::{Answer, Exceeded, ExecError, ExecSettings, Executor, Measures};
use explain::Stages;
use functions::EvalContext;
use plan::Plan;
use source::{Catalog, Counters};

/// Largest result that a query may ask for: it is held in memory.
const BYTES_MAX: usize = 1 << 30;

/// One query to be run.
pub struct Query<'a> {
    /// KQL.
    pub text: &'a str,
    /// What names mean.
    pub catalog: Arc<dyn Catalog>,
    /// `now()`.
    pub now: DateTime,
    /// Bounds on TimeGenerated of every table.
    pub time_range: Option<TimeRange>,
    /// Bounds on the ingestion time of every table; the start is excluded.
    pub ingestion_range: Option<TimeRange>,
    /// Values of `declare query_parameters`.
    pub parameters: &'a [(String, String)],
    /// Who asks, for `current_principal()`.
    pub principal: Option<&'a Principal>,
    /// Limits.
    pub limits: QueryLimits,
    /// Stops it.
    pub cancel: Cancel,
    /// Names and types only: no row is read.
    pub bind_only: bool,
    /// Folder for what does not fit into memory.
    pub spill: Option<PathBuf>,
    /// A further table, `QueryPlan`, shows the plan and what each step did; `set query_explain;` does the same.
    pub explain: bool,
    /// Only steps that make at most one row of each, as Azure Monitor's transforms have.
    pub each_record: bool,
    /// Worker threads; 0 for as many as the machine has.
    pub threads: usize,
}

impl<'a> Query<'a> {
    /// A query with Azure's limits.
    pub fn new(text: &'a str, catalog: Arc<dyn Catalog>, now: DateTime) -> Self {
        Self {
            text,
            catalog,
            now,
            time_range: None,
            ingestion_range: None,
            parameters: &[],
            principal: None,
            limits: QueryLimits::default(),
            cancel: Cancel::default(),
            bind_only: false,
            spill: None,
            explain: false,
            each_record: false,
            threads: 0,
        }
    }
}

/// Runs a query from text to rows.
pub fn query(query: &Query<'_>) -> Result<QueryAnswer, QueryError> {
    let started = Instant::now();
    let counters = Arc::new(Counters::default());
    let parsed = kql::parse(query.text);
    let measures = (query.explain || asks_to_explain(&parsed.query)).then(Arc::<Measures>::default);
    let mut stages = Stages { parse: started.elapsed(), ..Stages::default() };
    let limits = asked_limits(query.limits, &parsed.query);
    let mut settings = exec_settings(query, &counters);
    (settings.rows_max, settings.bytes_max) = (limits.rows_max, limits.bytes_max);
    settings.measures.clone_from(&measures);
    let executor = Executor::new(settings);
    let run = |plan: &Plan| -> Result<Rows, ExecError> { executor.rows(&optimize::optimize(plan)) };
    let bound = compile(query, &parsed, &run, &mut stages)?;
    // parts that ran on the way are over, and what comes may lie where they lay
    let results = measures.as_ref().map_or_else(Vec::new, |measures| {
        measures.finish(&counters);
        bound.results.clone()
    });
    let compiled = started.elapsed();
    let mut answer = QueryAnswer {
        render: bound.render,
        tables_read: bound.tables,
        open: query.bind_only && bound.open,
        statistics: QueryStatistics { compile: compiled, ..QueryStatistics::default() },
        ..QueryAnswer::default()
    };
    for (name, plan) in bound.results {
        let rows = if query.bind_only {
            Rows { schema: schema_of(&plan), batches: Vec::new() }
        } else {
            let Answer { rows, exceeded } = executor.run(&plan).map_err(|e| failure(e, query))?;
            if let Some(exceeded) = exceeded {
                note_limit(&mut answer, exceeded, &limits)?;
            }
            rows
        };
        answer.tables.push(ResultTable { name, rows });
    }
    stages.run = started.elapsed().saturating_sub(compiled);
    if let Some(measures) = measures {
        answer.tables.push(explain::table(stages, &results, &measures));
        measures.finish(&counters);
    }
    fill_statistics(&mut answer.statistics, &counters);
    answer.statistics.elapsed = started.elapsed();
    Ok(answer)
}

/// The transform of a data collection rule over rows given by hand, under the name `source`.
pub fn transform(text: &str, rows: Rows, now: DateTime) -> Result<Rows, QueryError> {
    over_source(text, rows, now, true)
}

/// Runs any query over rows given by hand, under the name `source`.
pub fn query_rows(text: &str, rows: Rows, now: DateTime) -> Result<Rows, QueryError> {
    over_source(text, rows, now, false)
}

fn over_source(
    text: &str,
    rows: Rows,
    now: DateTime,
    each_record: bool,
) -> Result<Rows, QueryError> {
    let mut catalog = source::MemoryCatalog::default();
    catalog.insert(Arc::new(source::MemoryTable::new("source", rows)));
    let mut asked = Query::new(text, Arc::new(catalog), now);
    asked.limits.rows_max = usize::MAX;
    asked.limits.bytes_max = usize::MAX;
    asked.threads = 1;
    asked.each_record = each_record;
    let mut answer = query(&asked)?;
    Ok(answer.tables.pop().map(|t| t.rows).unwrap_or_default())
}

/// For each query the answer of one that certainly has no rows; none for those that have to be run to know.
///
/// The queries should share a catalogue that gives the same source for the same table: their conditions are then looked at
/// in one reading of each table, over a window that covers all of theirs.
pub fn screen(queries: &[Query<'_>]) -> Vec<Option<QueryAnswer>> {
    let started = Instant::now();
    let compiled: Vec<Option<Screened>> = queries.iter().map(Screened::of).collect();
    let plans: Vec<(&Executor, &Plan)> =
        compiled.iter().flatten().map(|screened| (&screened.executor, &screened.plan)).collect();
    let mut silent = exec::screen(&plans).into_iter();
    let mut answers: Vec<Option<QueryAnswer>> = compiled
        .into_iter()
        .map(|screened| screened.filter(|_| silent.next() == Some(true)).map(Screened::answer))
        .collect();
    let share = started.elapsed() / u32::try_from(queries.len()).unwrap_or(1).max(1);
    answers.iter_mut().flatten().for_each(|answer| answer.statistics.elapsed = share);
    answers
}

/// A query compiled to be screened.
struct Screened {
    executor: Executor,
    plan: Plan,
    answer: QueryAnswer,
    name: String,
}

impl Screened {
    /// None for queries that fail, explain themselves, have several results, or run parts of themselves to know their
    /// columns.
    fn of(query: &Query<'_>) -> Option<Self> {
        let started = Instant::now();
        let parsed = kql::parse(query.text);
        if query.explain || query.bind_only || asks_to_explain(&parsed.query) {
            return None;
        }
        let unasked = |_: &Plan| Err(ExecError::Evaluation("not while screening".to_owned()));
        let mut bound = compile(query, &parsed, &unasked, &mut Stages::default()).ok()?;
        let (name, plan) = bound.results.pop().filter(|_| bound.results.is_empty())?;
        let compile = started.elapsed();
        let answer = QueryAnswer {
            render: bound.render,
            tables_read: bound.tables,
            statistics: QueryStatistics { compile, ..QueryStatistics::default() },
            ..QueryAnswer::default()
        };
        let executor = Executor::new(exec_settings(query, &Arc::default()));
        Some(Self { executor, plan, answer, name })
    }

    fn answer(self) -> QueryAnswer {
        let Self { plan, mut answer, name, .. } = self;
        let rows = Rows { schema: schema_of(&plan), batches: Vec::new() };
        answer.tables.push(ResultTable { name, rows });
        answer
    }
}

/// Parses, binds and optimizes; parts whose columns depend on data are run on the way.
fn compile(
    query: &Query<'_>,
    parsed: &kql::Parsed,
    run: &dyn Fn(&Plan) -> Result<Rows, ExecError>,
    stages: &mut Stages,
) -> Result<BoundQuery, QueryError> {
    let started = Instant::now();
    if let Some(error) = parsed.diagnostics.iter().find(|d| d.severity == kql::Severity::Error) {
        return Err(syntax_error(error));
    }
    let settings = Settings {
        now: query.now,
        time_range: query.time_range,
        ingestion_range: query.ingestion_range,
        parameters: query.parameters,
        principal: query.principal,
        run: if query.bind_only { None } else { Some(run) },
        memory_max: query.limits.memory_max,
        each_record: query.each_record.then_some(query.text),
    };
    let mut bound = bind::bind(&parsed.query, Arc::clone(&query.catalog), settings)
        .map_err(|e| semantic_error(e, query.text))?;
    stages.bind = started.elapsed();
    for (_, plan) in &mut bound.results {
        *plan = optimize::optimize(plan);
    }
    stages.optimize = started.elapsed().saturating_sub(stages.bind);
    Ok(bound)
}

/// `set query_explain;`, also `set query_explain=true;`
fn asks_to_explain(query: &kql::syntax::Query) -> bool {
    use kql::syntax::{ExprKind, Literal, StatementKind};
    query.statements.iter().any(|statement| match &statement.kind {
        StatementKind::Set(option) if &*option.name.text == "query_explain" => {
            let value = option.value.as_ref().map(|v| &v.kind);
            !matches!(value, Some(ExprKind::Literal(Literal::Bool(false))))
        }
        _ => false,
    })
}

/// The limits of a result as `set notruncation;`, `set truncationmaxrecords=n;` and `set truncationmaxsize=n;` move them.
fn asked_limits(mut limits: QueryLimits, query: &kql::syntax::Query) -> QueryLimits {
    use kql::syntax::{ExprKind, Literal, StatementKind};
    for statement in &query.statements {
        let StatementKind::Set(option) = &statement.kind else { continue };
        let value = option.value.as_ref().map(|v| &v.kind);
        let on = !matches!(value, Some(ExprKind::Literal(Literal::Bool(false))));
        let count = match value {
            Some(ExprKind::Literal(Literal::Long(n))) => usize::try_from(*n).ok(),
            _ => None,
        };
        match (&*option.name.text, count) {
            ("notruncation", _) if on => {
                limits.rows_max = usize::MAX;
                limits.bytes_max = limits.bytes_max.max(BYTES_MAX);
            }
            ("truncationmaxrecords", Some(rows)) => limits.rows_max = rows,
            ("truncationmaxsize", Some(bytes)) => {
                limits.bytes_max = bytes.min(limits.bytes_max.max(BYTES_MAX));
            }
            _ => {}
        }
    }
    limits
}

fn exec_settings(query: &Query<'_>, counters: &Arc<Counters>) -> ExecSettings {
    let mut settings = ExecSettings::new(EvalContext::new(query.now, query.catalog.places()));
    settings.memory_max = query.limits.memory_max;
    settings.time_max = query.limits.time_max;
    settings.rows_max = query.limits.rows_max;
    settings.bytes_max = query.limits.bytes_max;
    settings.cancel = query.cancel.clone();
    settings.counters = Arc::clone(counters);
    settings.spill.clone_from(&query.spill);
    if query.threads > 0 {
        settings.threads = query.threads;
    }
    settings
}

fn schema_of(plan: &Plan) -> Arc<Schema> {
    Arc::new(Schema::new(plan.fields.iter().map(|f| (&*f.name, f.ty))))
}

/// A result over its limit: an error, or a partial answer where the caller wants one.
fn note_limit(
    answer: &mut QueryAnswer,
    exceeded: Exceeded,
    limits: &QueryLimits,
) -> Result<(), QueryError> {
    let what = match exceeded {
        Exceeded::Rows => format!("the result has more than {} rows", limits.rows_max),
        Exceeded::Bytes => format!("the result is larger than {} bytes", limits.bytes_max),
    };
    let message = format!(
        "Query result set has exceeded the internal limit: {what}; narrow the query, summarize, or use 'set notruncation;'"
    );
    if !limits.truncate {
        return Err(QueryError::ResultTooLarge(message));
    }
    answer.partial = Some(("E_QUERY_RESULT_SET_TOO_LARGE".to_owned(), message));
    Ok(())
}

fn fill_statistics(statistics: &mut QueryStatistics, counters: &Counters) {
    let read = |c: &std::sync::atomic::AtomicU64| c.load(Ordering::Relaxed);
    statistics.segments = read(&counters.segments);
    statistics.segments_pruned = read(&counters.segments_pruned);
    statistics.rows_read = read(&counters.rows_read);
    statistics.memory_peak = read(&counters.memory_peak);
    statistics.spilled = read(&counters.spilled);
}

fn syntax_error(error: &kql::Diagnostic) -> QueryError {
    let at = error.position;
    let message = match &error.hint {
        Some(hint) => format!("{} ({hint})", error.message),
        None => error.message.clone(),
    };
    QueryError::Syntax {
        code: error.code.to_owned(),
        message,
        line: at.line as usize,
        pos: at.column as usize,
        token: error.token.clone(),
    }
}

fn semantic_error(error: BindError, text: &str) -> QueryError {
    if error.limit {
        return QueryError::ResourceLimit(error.message);
    }
    let at = error.span.position(text);
    let token = shown(error.span.of(text));
    QueryError::Semantic {
        code: error.code.to_owned(),
        message: format!("Semantic error: {}: {}", error.code, error.message),
        line: at.line as usize,
        pos: at.column as usize,
        token,
    }
}

/// The text at a place, shortened; what an obfuscated literal (`h"..."`) hides stays hidden.
fn shown(text: &str) -> String {
    let hidden =
        ["h\"", "h'", "H\"", "H'", "h@", "H@"].iter().filter_map(|mark| text.find(mark)).min();
    let visible = hidden.map_or(text, |at| &text[..at]);
    visible.chars().take(80).collect()
}

fn failure(error: ExecError, query: &Query<'_>) -> QueryError {
    match error {
        ExecError::Evaluation(text) | ExecError::Source(source::SourceError::Evaluation(text)) => {
            QueryError::Execution(text)
        }
        ExecError::ResourceLimit(text) => QueryError::ResourceLimit(text),
        ExecError::Source(source::SourceError::Storage(text)) => QueryError::Storage(text),
        ExecError::Source(source::SourceError::Refused(text)) => QueryError::Execution(text),
        ExecError::Source(source::SourceError::Cancelled) | ExecError::Cancelled => {
            QueryError::Cancelled
        }
        ExecError::Timeout => QueryError::Timeout(query.limits.time_max),
    }
}
