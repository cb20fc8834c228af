//! A bound query as a tree of relational steps: what to compute, with every name resolved and every type known.
//!
//! Columns are identified by [`ColumnId`], unique in a plan, so that steps can move, merge and lose columns without
//! renumbering. A [`Plan`] says which columns it gives ([`Plan::fields`]); names matter only at the top.

use std::sync::Arc;

use model::Rows;
use values::{ScalarType, Value};

use crate::aggregates::Aggregate;
use crate::functions::Function;
use crate::source::{Hint, TableSource, TickRange};

/// Identifies a column within one plan.
pub type ColumnId = u32;

/// A column that a step gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its identity.
    pub id: ColumnId,
    /// Its name.
    pub name: Arc<str>,
    /// Its type.
    pub ty: ScalarType,
}

/// A step and the columns it gives.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The step; shared, so that a plan used twice costs one pointer.
    pub node: Arc<Node>,
    /// Its columns, in order.
    pub fields: Vec<Field>,
}

/// A scalar expression.
#[derive(Clone, Debug)]
pub enum Expr {
    /// A column of the input.
    Column(ColumnId, ScalarType),
    /// A constant.
    Literal(Value, ScalarType),
    /// A function of columns.
    Call {
        /// The function.
        function: &'static Function,
        /// Its arguments, already of the types it takes.
        args: Vec<Expr>,
        /// The result's type.
        ty: ScalarType,
    },
    /// Conversion with the semantics of `to<type>()`: what does not convert is null.
    Cast(Box<Expr>, ScalarType),
    /// All hold. Three-valued: false wins over null.
    And(Vec<Expr>),
    /// One holds. Three-valued: true wins over null.
    Or(Vec<Expr>),
    /// `not`.
    Not(Box<Expr>),
    /// The first branch whose condition is true; conditions and results see only rows that reach them.
    Case {
        /// (condition, result) pairs.
        branches: Vec<(Expr, Expr)>,
        /// Where no condition is true.
        otherwise: Box<Expr>,
        /// The result's type.
        ty: ScalarType,
    },
    /// `in`, `in~`, `has_any`, ... over a set of constants.
    InSet {
        /// What is looked for.
        value: Box<Expr>,
        /// The set.
        set: Set,
        /// How an element is matched.
        matching: Matching,
        /// `!in`
        negated: bool,
    },
    /// A step into a dynamic: `d.a`, `d["a"]`, `d[0]`.
    Path {
        /// The dynamic.
        base: Box<Expr>,
        /// The steps, outermost first.
        steps: Vec<Step>,
    },
    /// The single value of a plan (`toscalar`): first row, first column; null where there is none.
    Subquery(Arc<Plan>, ScalarType),
    /// A function of neighbouring rows; only in [`Node::Window`].
    Window(Box<Window>),
}

/// A set of [`Expr::InSet`].
#[derive(Clone, Debug)]
pub enum Set {
    /// Constants of one type, no nulls.
    Values(Arc<Vec<Value>>),
    /// Computed first: the first column of the plan; dynamic arrays are flattened.
    Plan(Arc<Plan>),
    /// Per row: expressions, dynamic arrays flattened.
    Exprs(Vec<Expr>),
}

/// How [`Expr::InSet`] matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// `in`
    Exact,
    /// `in~`
    IgnoreCase,
    /// `has_any`
    HasAny,
    /// `has_all`
    HasAll,
}

/// A step of [`Expr::Path`].
#[derive(Clone, Debug)]
pub enum Step {
    /// A key of a bag.
    Key(Arc<str>),
    /// An element of an array; negative counts from the end.
    Index(i64),
    /// A key (string) or position (number) computed per row.
    Computed(Expr),
}

/// `prev`, `next`, `row_number`, ... over a serialized input.
#[derive(Clone, Debug)]
pub struct Window {
    /// Which.
    pub kind: WindowKind,
    /// Its arguments.
    pub args: Vec<Expr>,
    /// The result's type.
    pub ty: ScalarType,
}

/// Window functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WindowKind {
    /// `prev(column, offset, default)`
    Prev,
    /// `next(column, offset, default)`
    Next,
    /// `row_number(start, restart)`
    RowNumber,
    /// `row_cumsum(term, restart)`
    RowCumSum,
    /// `row_rank_dense(term, restart)`
    RowRankDense,
    /// `row_rank_min(term, restart)`
    RowRankMin,
    /// `row_window_session(time, max distance from first, max distance between neighbours, restart)`
    RowWindowSession,
}

/// An output of a projection.
#[derive(Clone, Debug)]
pub struct Output {
    /// The column.
    pub field: Field,
    /// What it holds.
    pub expr: Expr,
}

/// An aggregate of a summarize.
#[derive(Clone, Debug)]
pub struct AggregateCall {
    /// The columns it gives: one, but several for `arg_max(t, *)`, `take_any(*)`, `percentiles(...)`.
    pub fields: Vec<Field>,
    /// Which.
    pub aggregate: &'static Aggregate,
    /// Arguments over the input's columns. Constants (percentile, list size, accuracy) are literals.
    pub args: Vec<Expr>,
    /// The predicate of the `...if` forms.
    pub filter: Option<Expr>,
}

/// A sort key.
#[derive(Clone, Debug)]
pub struct SortKey {
    /// What is compared.
    pub expr: Expr,
    /// Largest first.
    pub descending: bool,
    /// Where nulls go.
    pub nulls_first: bool,
}

/// Join flavours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JoinKind {
    /// Left side deduplicated by key first.
    InnerUnique,
    /// inner
    Inner,
    /// leftouter
    LeftOuter,
    /// rightouter
    RightOuter,
    /// fullouter
    FullOuter,
    /// leftsemi
    LeftSemi,
    /// rightsemi
    RightSemi,
    /// leftanti
    LeftAnti,
    /// rightanti
    RightAnti,
}

impl JoinKind {
    /// Whether it gives the left's columns, and the right's.
    pub const fn gives(self) -> (bool, bool) {
        match self {
            Self::LeftSemi | Self::LeftAnti => (true, false),
            Self::RightSemi | Self::RightAnti => (false, true),
            _ => (true, true),
        }
    }
}

/// A column that `mv-expand` or `mv-apply` expands.
#[derive(Clone, Debug)]
pub struct Expansion {
    /// The array or bag.
    pub expr: Expr,
    /// The column it becomes; replaces nothing by itself (the projection around it does).
    pub field: Field,
}

/// A time axis, or a numeric one, of `make-series`.
#[derive(Clone, Debug)]
pub struct SeriesAxis {
    /// Where a row stands.
    pub expr: Expr,
    /// First bin; the smallest value where absent.
    pub from: Option<Expr>,
    /// End, exclusive; the largest value, inclusive, where absent.
    pub to: Option<Expr>,
    /// Width of a bin.
    pub step: Expr,
    /// The axis column (dynamic array).
    pub field: Field,
}

/// An aggregate of `make-series`.
#[derive(Clone, Debug)]
pub struct SeriesAggregate {
    /// The call; gives one scalar a bin.
    pub call: AggregateCall,
    /// Value of an empty bin (0 by default; null is possible).
    pub default: Expr,
    /// The series column (dynamic array).
    pub field: Field,
}

/// How groups of [`Node::Apply`] are formed.
#[derive(Clone, Debug)]
pub enum Grouping {
    /// One group per input row (after expansion): `mv-apply`.
    EachRow,
    /// One group per value: `partition by`.
    By(Expr),
}

/// A part of a `parse` pattern.
#[derive(Clone, Debug)]
pub enum ParsePart {
    /// Skips up to the next literal (`*`).
    Any,
    /// Literal text (simple, relaxed) or a regular expression (regex).
    Text(Arc<str>),
    /// A capture into the output at this position of [`Node::Parse::fields`]; `string` by default.
    Capture(usize),
}

/// Mode of `parse`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseMode {
    /// Literal parts; one capture that does not convert fails the row.
    Simple,
    /// Literal parts; a capture that does not convert is null.
    Relaxed,
    /// Parts are regular expressions.
    Regex {
        /// `i`
        ignore_case: bool,
        /// `U`: quantifiers are lazy.
        ungreedy: bool,
        /// `s`: `.` takes line ends.
        dot_all: bool,
        /// `m`: `^` and `$` at lines.
        multi_line: bool,
    },
}

/// A relational step.
#[derive(Clone, Debug)]
pub enum Node {
    /// Rows of a stored table.
    Scan(Scan),
    /// Rows given in the plan: `datatable`, `print`, results of an earlier stage.
    Rows(Arc<Rows>),
    /// `range`: values from `from` to `to` by `step`.
    Range {
        /// First.
        from: Expr,
        /// Last, inclusive.
        to: Expr,
        /// Step, may be negative.
        step: Expr,
    },
    /// Rows for which the predicate is true.
    Filter {
        /// Input.
        input: Plan,
        /// bool
        predicate: Expr,
    },
    /// New columns; also `project`, `extend`, renames. The plan's fields are the outputs' fields, in order.
    Project {
        /// Input.
        input: Plan,
        /// Outputs.
        outputs: Vec<Output>,
    },
    /// `project` whose outputs hold [`Expr::Window`]s: the input is serialized, rows keep their order.
    Window {
        /// Input.
        input: Plan,
        /// Outputs.
        outputs: Vec<Output>,
    },
    /// Groups. Without keys there is one row even for no input. Fields: keys, then aggregates' fields.
    Aggregate {
        /// Input.
        input: Plan,
        /// Group keys.
        keys: Vec<Output>,
        /// Aggregates.
        aggregates: Vec<AggregateCall>,
    },
    /// Sorted rows, cut at `limit` (`top`, `sort | take`).
    Sort {
        /// Input.
        input: Plan,
        /// Keys, most significant first.
        keys: Vec<SortKey>,
        /// Rows kept.
        limit: Option<usize>,
    },
    /// The first `count` rows that come.
    Limit {
        /// Input.
        input: Plan,
        /// Rows kept.
        count: usize,
    },
    /// `count` random rows.
    Sample {
        /// Input.
        input: Plan,
        /// Rows kept.
        count: usize,
    },
    /// Equi-join. Fields: the left's columns then the right's (semi and anti: one side's only). Empty keys: cross join.
    Join {
        /// Flavour.
        kind: JoinKind,
        /// Left input.
        left: Plan,
        /// Right input.
        right: Plan,
        /// Keys over the left's columns.
        left_keys: Vec<Expr>,
        /// Keys over the right's columns, pairwise of the same type.
        right_keys: Vec<Expr>,
    },
    /// Rows of all inputs, each already projected to the union's columns in order (ids differ per input).
    Union {
        /// Inputs.
        inputs: Vec<Plan>,
    },
    /// `mv-expand`: one row per element. Fields: the input's, then the expansions', the index, the row.
    Expand {
        /// Input.
        input: Plan,
        /// Arrays expanded side by side, the shorter ones padded with null.
        expansions: Vec<Expansion>,
        /// Bags become `[key, value]` arrays instead of single-key bags.
        bags_as_arrays: bool,
        /// `with_itemindex`: 0-based position, long.
        index: Option<Field>,
        /// A number for each input row, the same for all of its elements and no other row's; long.
        row: Option<Field>,
        /// Most elements taken of one row.
        limit: Option<u64>,
        /// mv-apply: rows without elements vanish; mv-expand: a null array gives one row with null.
        keep_null: bool,
    },
    /// Runs `body` once per group. `body` reads the group's rows through [`Node::GroupInput`].
    /// Fields: `keep` columns of the group's first row (mv-apply: the input row), then the body's.
    Apply {
        /// Input, expanded already for mv-apply. Its rows of one group are adjacent for [`Grouping::EachRow`].
        input: Plan,
        /// How groups are formed. `EachRow` groups by the column `row`.
        grouping: Grouping,
        /// For `EachRow`: the column (long) that numbers the original rows.
        row: Option<ColumnId>,
        /// Columns repeated beside the body's.
        keep: Vec<ColumnId>,
        /// What runs over each group.
        body: Plan,
        /// The columns of a group as the body sees them: (body's id, input's id).
        mapping: Vec<(ColumnId, ColumnId)>,
    },
    /// The rows of the current group of the enclosing [`Node::Apply`].
    GroupInput,
    /// `parse`, `parse-where`. Fields: the input's, then the captures'.
    Parse {
        /// Input.
        input: Plan,
        /// The text.
        text: Expr,
        /// The pattern.
        parts: Vec<ParsePart>,
        /// Captures, in the order of their numbers.
        captures: Vec<Field>,
        /// Mode.
        mode: ParseMode,
        /// Rows that do not match vanish (`parse-where`) instead of getting nulls.
        only_matches: bool,
    },
    /// `parse-kv`. Fields: the input's, then the captures'.
    ParseKv {
        /// Input.
        input: Plan,
        /// The text.
        text: Expr,
        /// Keys wanted; typed by their field.
        captures: Vec<(Arc<str>, Field)>,
        /// Delimiters and quoting.
        options: ParseKvOptions,
    },
    /// `make-series`. Fields: keys, series, axis... in the order of the plan's fields.
    MakeSeries {
        /// Input.
        input: Plan,
        /// Group keys.
        keys: Vec<Output>,
        /// The axis.
        axis: SeriesAxis,
        /// The series.
        aggregates: Vec<SeriesAggregate>,
        /// `kind=nonempty`: one row of defaults even for no input.
        nonempty: bool,
    },
    /// An input used several times, computed once (`materialize`, `as`, `fork`). `columns` are the shared plan's ids.
    Shared {
        /// The plan; equal pointers are one computation.
        plan: Arc<Plan>,
        /// For each field of this reference: the shared plan's column.
        columns: Vec<ColumnId>,
    },
    /// A plugin or operator computed over its whole input by one function (`evaluate`, `scan`, `top-nested`, `reduce`,
    /// graph operators, ...).
    Whole {
        /// Inputs, each materialised.
        inputs: Vec<Plan>,
        /// The computation.
        operator: Arc<dyn WholeOperator>,
    },
}

/// A stored table's rows.
#[derive(Clone)]
pub struct Scan {
    /// The table.
    pub table: Arc<dyn TableSource>,
    /// For each field of the plan: where it comes from.
    pub columns: Vec<crate::source::ScanColumn>,
    /// Bounds on TimeGenerated.
    pub time: Option<TickRange>,
    /// Bounds on the ingestion time.
    pub ingested: Option<TickRange>,
    /// Conditions for pruning, from the filters above.
    pub hints: Vec<Hint>,
    /// Rows wanted at the most.
    pub limit: Option<usize>,
}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan")
            .field("table", &self.table.name())
            .field("time", &self.time)
            .field("hints", &self.hints)
            .finish_non_exhaustive()
    }
}

/// Settings of `parse-kv`.
#[derive(Clone, Debug, Default)]
pub struct ParseKvOptions {
    /// Between pairs.
    pub pair_delimiter: Option<Arc<str>>,
    /// Between key and value.
    pub kv_delimiter: Option<Arc<str>>,
    /// Quotes: (opening, closing).
    pub quotes: Vec<(char, char)>,
    /// Escape character.
    pub escape: Option<char>,
    /// `greedy`.
    pub greedy: bool,
    /// `regex` form: the pattern with two groups.
    pub regex: Option<Arc<str>>,
}

/// A computation over whole inputs.
pub trait WholeOperator: Send + Sync + std::fmt::Debug {
    /// The rows, with columns as the plan's fields say, made with this many bytes of memory at most.
    fn run(
        &self,
        inputs: &[Rows],
        context: &crate::functions::EvalContext,
        memory: usize,
    ) -> Result<Rows, crate::exec::ExecError>;
}

impl Expr {
    /// The type of the value.
    pub fn ty(&self) -> ScalarType {
        match self {
            Self::Column(_, ty)
            | Self::Literal(_, ty)
            | Self::Cast(_, ty)
            | Self::Subquery(_, ty)
            | Self::Call { ty, .. }
            | Self::Case { ty, .. } => *ty,
            Self::And(_) | Self::Or(_) | Self::Not(_) | Self::InSet { .. } => ScalarType::Bool,
            Self::Path { .. } => ScalarType::Dynamic,
            Self::Window(w) => w.ty,
        }
    }
}

/// A projection.
pub(crate) fn project(input: Plan, outputs: Vec<Output>) -> Plan {
    let fields = outputs.iter().map(|o| o.field.clone()).collect();
    let node = if outputs.iter().any(|o| has_window(&o.expr)) {
        Node::Window { input, outputs }
    } else {
        Node::Project { input, outputs }
    };
    Plan { node: Arc::new(node), fields }
}

/// Every column as it is.
pub(crate) fn pass(fields: &[Field]) -> Vec<Output> {
    fields.iter().map(|f| Output { field: f.clone(), expr: f.column() }).collect()
}

/// True where the value depends on neighbouring rows.
pub(crate) fn has_window(expr: &Expr) -> bool {
    let mut found = false;
    visit(expr, &mut |e| found |= matches!(e, Expr::Window(_)));
    found
}

impl Field {
    /// The column's value.
    pub(crate) const fn column(&self) -> Expr {
        Expr::Column(self.id, self.ty)
    }
}

/// Visits an expression and all expressions inside it, outermost first; not the plans of subqueries.
pub fn visit(expr: &Expr, f: &mut impl FnMut(&Expr)) {
    f(expr);
    for child in children(expr) {
        visit(child, f);
    }
}

/// How many parts an expression has, itself included.
pub fn size(expr: &Expr) -> usize {
    let mut parts = 0_usize;
    visit(expr, &mut |_| parts += 1);
    parts
}

/// The direct parts of an expression.
pub fn children(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Column(..) | Expr::Literal(..) | Expr::Subquery(..) => Vec::new(),
        Expr::Call { args, .. } | Expr::And(args) | Expr::Or(args) => args.iter().collect(),
        Expr::Cast(inner, _) | Expr::Not(inner) => vec![inner],
        Expr::Case { branches, otherwise, .. } => {
            let mut all: Vec<&Expr> = branches.iter().flat_map(|(c, r)| [c, r]).collect();
            all.push(otherwise);
            all
        }
        Expr::InSet { value, set, .. } => {
            let mut all: Vec<&Expr> = vec![value];
            if let Set::Exprs(exprs) = set {
                all.extend(exprs);
            }
            all
        }
        Expr::Path { base, steps } => {
            let mut all: Vec<&Expr> = vec![base];
            all.extend(steps.iter().filter_map(|s| match s {
                Step::Computed(e) => Some(e),
                _ => None,
            }));
            all
        }
        Expr::Window(window) => window.args.iter().collect(),
    }
}
