//! From syntax tree to [`Plan`]: what every name stands for, which type every value has.
//!
//! One file per operator family. An operator is bound as `fn(&Binder, &Env, Relation, &ast) -> Result<Relation>`: it takes
//! the rows so far and gives the rows after it.

mod call;
mod data;
mod demand;
mod entities;
mod env;
mod error;
mod evaluate;
mod expand;
pub(crate) mod fold;
mod graph;
mod join;
mod naming;
mod nested;
mod parse;
mod project;
mod render;
mod row_scan;
mod scalar;
mod search;
mod series;
mod settle;
mod sort;
mod statement;
mod summarize;
mod tabular;
mod types;
mod union;

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use kql::syntax::{Parameters, Query};
use model::{DateTime, Principal, Rows, Schema, TimeRange};
use values::{ScalarType, Value};

pub use error::BindError;

use self::demand::Leave;
use self::env::Env;
use self::error::Result;
use crate::exec::ExecError;
use crate::functions::EvalContext;
use crate::plan::{AggregateCall, ColumnId, Expr, Field, Output, Plan};
pub(super) use crate::plan::{has_window, pass, project};
use crate::source::{Catalog, TickRange};

/// How deep queries, functions and expressions may nest.
const DEPTH_MAX: usize = 300;
/// Most function bodies that a query may unfold, and most tables that its unions and joins may read, each use counted:
/// `let b = union a, a; let c = union b, b; ...` doubles with every line.
const UNFOLDED_MAX: usize = 20_000;

/// What surrounds a query.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// `now()`.
    pub now: DateTime,
    /// Bounds on TimeGenerated of every table.
    pub time_range: Option<TimeRange>,
    /// Bounds on the ingestion time of every table.
    pub ingestion_range: Option<TimeRange>,
    /// Values of `declare query_parameters`, as KQL literals.
    pub parameters: &'a [(String, String)],
    /// Who asks.
    pub principal: Option<&'a Principal>,
    /// Runs a part of the query early, where its result decides the columns behind it (`pivot`, `bag_unpack`).
    /// None when only names and types are asked for.
    pub run: Option<&'a dyn Fn(&Plan) -> std::result::Result<Rows, ExecError>>,
    /// Bytes that the query may hold.
    pub memory_max: usize,
    /// The query's text, where it may have only steps that make at most one row of each.
    pub each_record: Option<&'a str>,
}

/// A bound query.
#[derive(Debug)]
pub struct BoundQuery {
    /// Its results, in order; `PrimaryResult`, or the names of `as`, `fork`, `facet`.
    pub results: Vec<(String, Plan)>,
    /// The last `render`: chart and properties.
    pub render: Option<serde_json::Value>,
    /// Options of `set`.
    pub options: Vec<(Arc<str>, Value)>,
    /// Tables read, in order of first use.
    pub tables: Vec<Arc<str>>,
    /// The last result may have more columns than are known.
    pub open: bool,
}

/// Rows under construction.
#[derive(Clone, Debug)]
pub(crate) struct Relation {
    pub(crate) plan: Plan,
    /// Columns beyond the known ones may exist at run time: unknown names are dynamic nulls instead of errors.
    pub(crate) open: bool,
    /// Rows have an order that window functions may rely on.
    pub(crate) ordered: bool,
    /// The stored table or `let` it came from, for `withsource`.
    pub(crate) source: Option<Arc<str>>,
    /// Tables below unions and joins, each use counted.
    pub(crate) tables: usize,
}

/// Binds queries against a catalogue.
pub(crate) struct Binder<'a> {
    pub(crate) catalog: Arc<dyn Catalog>,
    pub(crate) settings: Settings<'a>,
    pub(crate) context: EvalContext,
    next: Cell<ColumnId>,
    depth: Cell<usize>,
    /// Function bodies bound so far.
    bodies: Cell<usize>,
    tables: RefCell<Vec<Arc<str>>>,
    render: RefCell<Option<serde_json::Value>>,
    /// The last result may have more columns than are known.
    open: Cell<bool>,
    /// Inside an input that may be left out: nobody reads why it does not resolve, so that no name is suggested.
    forgiving: Cell<bool>,
    /// Tables without rows were left out of a union of all.
    left_out: Cell<bool>,
    /// Saved functions whose bodies are being bound, outermost first.
    saved: RefCell<Vec<Arc<str>>>,
    options: RefCell<Vec<(Arc<str>, Value)>>,
    /// Further results (`fork`, `facet`).
    extra: RefCell<Vec<(String, Plan)>>,
    /// Tables read so far with their columns, each use counted.
    scanned: RefCell<Vec<(Arc<str>, Arc<Schema>)>>,
    /// Inside a saved function that is known to mean something, of which not all columns are asked for.
    lazy: Cell<bool>,
    /// Whether columns that nobody asks for may be left out.
    leave: Cell<Leave>,
    /// Tables that `graph-to-table` named, for the statements behind it.
    named: RefCell<Vec<(Arc<str>, Relation)>>,
}

/// What an expression sees.
#[derive(Clone, Copy)]
pub(super) struct Context<'c> {
    pub(super) env: &'c Env,
    /// Columns of the row; for joins those of the left side.
    pub(super) fields: &'c [Field],
    /// Columns of the right side (`$right`).
    pub(super) right: Option<&'c [Field]>,
    /// Unknown names are dynamic nulls.
    pub(super) open: bool,
    /// Where aggregates are collected, where they may stand.
    pub(super) aggregates: Option<&'c RefCell<Vec<AggregateCall>>>,
    /// Rows are ordered: window functions may stand.
    pub(super) windows: bool,
    /// Steps of the `scan` around it, which remember rows.
    pub(super) steps: Option<&'c row_scan::StepNames>,
    /// Nodes and edges of the graph pattern around it.
    pub(super) graph: Option<&'c graph::Scope<'c>>,
    /// The operator, for messages.
    pub(super) operator: &'static str,
}

impl<'c> Context<'c> {
    /// An expression without a row: constants, parameters.
    pub(super) fn constant(env: &'c Env, operator: &'static str) -> Self {
        Self {
            env,
            fields: &[],
            right: None,
            open: false,
            aggregates: None,
            windows: false,
            steps: None,
            graph: None,
            operator,
        }
    }

    /// An expression over the rows of a relation.
    pub(super) fn row(env: &'c Env, rows: &'c Relation, operator: &'static str) -> Self {
        Self {
            env,
            fields: &rows.plan.fields,
            right: None,
            open: rows.open,
            aggregates: None,
            windows: rows.ordered,
            steps: None,
            graph: None,
            operator,
        }
    }
}

/// Binds a query: its last tabular statement is the answer.
pub fn bind(
    query: &Query,
    catalog: Arc<dyn Catalog>,
    settings: Settings<'_>,
) -> Result<BoundQuery> {
    let (result, left) = attempt(query, Arc::clone(&catalog), settings, Leave::Allowed);
    match result {
        // said as it is said when everything is bound
        Err(_) if left == Leave::Done => attempt(query, catalog, settings, Leave::Forbidden).0,
        result => result,
    }
}

fn attempt(
    query: &Query,
    catalog: Arc<dyn Catalog>,
    settings: Settings<'_>,
    leave: Leave,
) -> (Result<BoundQuery>, Leave) {
    let context = EvalContext::new(settings.now, catalog.places());
    let binder = Binder {
        catalog,
        settings,
        context,
        next: Cell::new(1),
        depth: Cell::new(0),
        bodies: Cell::new(0),
        tables: RefCell::default(),
        render: RefCell::default(),
        open: Cell::default(),
        forgiving: Cell::default(),
        left_out: Cell::default(),
        saved: RefCell::default(),
        options: RefCell::default(),
        extra: RefCell::default(),
        scanned: RefCell::default(),
        lazy: Cell::default(),
        leave: Cell::new(leave),
        named: RefCell::default(),
    };
    let results = binder.query(query);
    let leave = binder.leave.get();
    let bound = results.map(|results| BoundQuery {
        results,
        render: binder.render.take(),
        options: binder.options.take(),
        tables: binder.tables.take(),
        open: binder.open.get(),
    });
    (bound, leave)
}

impl Binder<'_> {
    /// A new column identity.
    pub(super) fn id(&self) -> ColumnId {
        let id = self.next.get();
        self.next.set(id + 1);
        id
    }

    /// A new column.
    pub(super) fn field(&self, name: impl Into<Arc<str>>, ty: ScalarType) -> Field {
        Field { id: self.id(), name: name.into(), ty }
    }

    /// Runs `inner` one level deeper, or refuses.
    pub(super) fn nested<T>(
        &self,
        span: kql::Span,
        inner: impl FnOnce() -> Result<T>,
    ) -> Result<T> {
        let depth = self.depth.get() + 1;
        if depth > DEPTH_MAX {
            let mut error = BindError::new(
                "SEM0001",
                span,
                format!(
                    "the query nests deeper than {DEPTH_MAX} levels; split it with let statements"
                ),
            );
            error.limit = true;
            return Err(error);
        }
        self.depth.set(depth);
        let result = inner();
        self.depth.set(depth - 1);
        result
    }

    /// The value of a `set` option.
    pub(super) fn option(&self, name: &str) -> Option<Value> {
        let options = self.options.borrow();
        options.iter().rev().find(|(n, _)| **n == *name).map(|(_, v)| v.clone())
    }

    /// Notes that the query unfolds so far, or refuses.
    pub(super) fn unfolded(&self, count: usize, what: &str, span: kql::Span) -> Result<()> {
        if count <= UNFOLDED_MAX {
            return Ok(());
        }
        let mut error = BindError::new(
            "SEM0001",
            span,
            format!(
                "the query unfolds to more than {UNFOLDED_MAX} {what}; use materialize() for parts that stand in it several times"
            ),
        );
        error.limit = true;
        Err(error)
    }

    /// Notes that a stored table is read.
    pub(super) fn note_table(&self, name: &str) {
        let mut tables = self.tables.borrow_mut();
        if !tables.iter().any(|t| **t == *name) {
            tables.push(Arc::from(name));
        }
    }

    /// The same rows with columns of their own, so that one relation can stand twice in a plan.
    pub(super) fn instance(&self, relation: &Relation) -> Relation {
        let mut copy = relation.clone();
        let outputs = relation
            .plan
            .fields
            .iter()
            .map(|f| Output {
                field: self.field(Arc::clone(&f.name), f.ty),
                expr: Expr::Column(f.id, f.ty),
            })
            .collect();
        copy.plan = project(relation.plan.clone(), outputs);
        copy
    }

    /// The relation with names that stand twice numbered: `parse` onto a column leaves two of its name.
    pub(super) fn once_named(&self, relation: Relation) -> Relation {
        let fields = &relation.plan.fields;
        let mut seen = std::collections::HashSet::with_capacity(fields.len());
        if fields.iter().all(|f| seen.insert(&*f.name)) {
            return relation;
        }
        let mut names = naming::Names::aside(fields);
        let outputs = fields
            .iter()
            .map(|f| {
                let name = names.unique(&f.name);
                let id = if name == f.name { f.id } else { self.id() };
                Output { field: Field { id, name, ty: f.ty }, expr: Expr::Column(f.id, f.ty) }
            })
            .collect();
        relation.with_plan(project(relation.plan.clone(), outputs))
    }

    /// A column that no row has: where tables without rows were left out of `union *`, of the type it has there.
    pub(super) fn unknown_column(&self, name: &str) -> Expr {
        union::null(self.type_left_out(name).unwrap_or(ScalarType::Dynamic))
    }

    /// The type of a column in the tables without rows that were left out of a union of all.
    pub(super) fn type_left_out(&self, name: &str) -> Option<ScalarType> {
        let of_table = |table: Arc<str>| {
            let schema = self.catalog.table(&table)?.schema();
            schema.column(name).map(|c| c.ty)
        };
        let names = if self.left_out.get() { self.catalog.table_names() } else { Vec::new() };
        names.into_iter().find_map(of_table)
    }

    /// Computes a plan now. None when only names and types are asked for.
    pub(super) fn run_now(&self, plan: &Plan, span: kql::Span) -> Result<Option<Rows>> {
        match self.settings.run {
            None => Ok(None),
            Some(run) => run(plan).map(Some).map_err(|error| {
                let limit = matches!(error, ExecError::ResourceLimit(_));
                BindError { limit, ..BindError::new("SEM0000", span, error.to_string()) }
            }),
        }
    }

    /// The tick range of the request on TimeGenerated.
    pub(super) fn time_bounds(&self) -> Option<TickRange> {
        self.settings.time_range.map(tick_range)
    }

    /// The tick range of the request on the ingestion time (start excluded).
    pub(super) fn ingestion_bounds(&self) -> Option<TickRange> {
        self.settings.ingestion_range.map(|r| {
            let range = tick_range(r);
            TickRange { start: range.start.saturating_add(1), end: range.end }
        })
    }
}

fn tick_range(range: TimeRange) -> TickRange {
    TickRange {
        start: range.start.map_or(i64::MIN, DateTime::ticks),
        end: range.end.map_or(i64::MAX, DateTime::ticks),
    }
}

/// Step by step building of a relation.
impl Relation {
    pub(super) fn new(plan: Plan) -> Self {
        Self { plan, open: false, ordered: false, source: None, tables: 1 }
    }

    /// The same properties over another plan.
    pub(super) fn with_plan(&self, plan: Plan) -> Self {
        Self { plan, ..self.clone() }
    }
}

/// A word parameter such as `kind=inner`, lower case.
pub(super) fn word(parameters: &Parameters, name: &str) -> Option<String> {
    parameters.word(name).map(str::to_ascii_lowercase)
}
