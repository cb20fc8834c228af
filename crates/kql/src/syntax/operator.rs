//! Tabular operators: what may stand behind a `|`.

use super::*;

/// One operator of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Operator {
    /// Which, with its parts.
    pub kind: OperatorKind,
    /// From its name to its last token.
    pub span: Span,
    /// Its name alone.
    pub name_span: Span,
}

/// The operators.
#[derive(Clone, Debug, PartialEq)]
pub enum OperatorKind {
    /// `as`
    As(As),
    /// `assert-schema (a: long)`
    AssertSchema(Schema),
    /// `consume`
    Consume(Consume),
    /// `count`
    Count(Count),
    /// `distinct`
    Distinct(Distinct),
    /// `evaluate`
    Evaluate(Evaluate),
    /// `execute_and_cache`
    ExecuteAndCache,
    /// `extend`: [`ExprKind::Named`] or bare expressions
    Extend(Vec<Expr>),
    /// `facet`
    Facet(Facet),
    /// `find`
    Find(Find),
    /// `fork`
    Fork(Vec<ForkBranch>),
    /// `getschema`, `getschema kind=csl`
    GetSchema(Parameters),
    /// `graph-mark-components`
    GraphMarkComponents(Parameters),
    /// `graph-match`
    GraphMatch(GraphMatch),
    /// `graph-shortest-paths`
    GraphShortestPaths(GraphMatch),
    /// `graph-to-table`
    GraphToTable(Vec<GraphOutput>),
    /// `graph-where-edges predicate`
    GraphWhereEdges(Box<Expr>),
    /// `graph-where-nodes predicate`
    GraphWhereNodes(Box<Expr>),
    /// `invoke f(1)`: a call, maybe behind a path such as `database("d").f(1)`
    Invoke(Box<Expr>),
    /// `join`
    Join(Join),
    /// `lookup`
    Lookup(Join),
    /// `macro-expand`
    MacroExpand(MacroExpand),
    /// `make-graph`
    MakeGraph(MakeGraph),
    /// `make-series`
    MakeSeries(MakeSeries),
    /// `mv-apply`
    MvApply(MvApply),
    /// `mv-expand`, `mvexpand`
    MvExpand(MvExpand),
    /// `parse`
    Parse(Parse),
    /// `parse-kv`
    ParseKv(ParseKv),
    /// `parse-where`
    ParseWhere(Parse),
    /// `partition`
    Partition(Partition),
    /// `__partitionby`
    PartitionBy(PartitionBy),
    /// `print`
    Print(Vec<Expr>),
    /// `project`
    Project(Vec<Expr>),
    /// `project-away`: names and wildcards
    ProjectAway(Vec<Expr>),
    /// `project-by-names`: names, texts and dynamic arrays of names
    ProjectByNames(Vec<Expr>),
    /// `project-keep`: names and wildcards
    ProjectKeep(Vec<Expr>),
    /// `project-rename`: [`ExprKind::Named`]
    ProjectRename(Vec<Expr>),
    /// `project-reorder`
    ProjectReorder(Vec<ReorderColumn>),
    /// `range x from 1 to 3 step 1`
    Range(Box<RangeOperator>),
    /// `reduce`
    Reduce(Reduce),
    /// `render`
    Render(Render),
    /// `sample`
    Sample(Take),
    /// `sample-distinct`
    SampleDistinct(SampleDistinct),
    /// `scan`
    Scan(Scan),
    /// `search`
    Search(Search),
    /// `serialize`
    Serialize(Serialize),
    /// `sort`, `order`
    Sort(Sort),
    /// `summarize`
    Summarize(Summarize),
    /// `take`, `limit`
    Take(Take),
    /// `top`
    Top(Top),
    /// `top-hitters`
    TopHitters(TopHitters),
    /// `top-nested`
    TopNested(Vec<TopNestedLevel>),
    /// `union`
    Union(Union),
    /// `where`, `filter`
    Where(Where),
    /// A name that is no operator; a diagnostic says so.
    Unknown(Ident),
}

/// `as hint.materialized=true T`.
#[derive(Clone, Debug, PartialEq)]
pub struct As {
    /// Hints.
    pub parameters: Parameters,
    /// The name given to the rows so far.
    pub name: Ident,
}

/// `consume decodeblocks=true`.
#[derive(Clone, Debug, PartialEq)]
pub struct Consume {
    /// Options.
    pub parameters: Parameters,
}

/// `count`, `count as Total`.
#[derive(Clone, Debug, PartialEq)]
pub struct Count {
    /// Hints.
    pub parameters: Parameters,
    /// The column's name, if not `Count`.
    pub name: Option<Ident>,
}

/// `distinct a, b`, `distinct *`.
#[derive(Clone, Debug, PartialEq)]
pub struct Distinct {
    /// Hints.
    pub parameters: Parameters,
    /// Expressions, or one [`ExprKind::Star`].
    pub columns: Vec<Expr>,
}

/// `evaluate hint.distribution=single plugin(a, b) : (schema)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluate {
    /// Hints.
    pub parameters: Parameters,
    /// The plugin and its arguments.
    pub call: Call,
    /// The columns promised.
    pub schema: Option<Schema>,
}

/// `facet by a, b with (take 5)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Facet {
    /// One table for each.
    pub by: Vec<Expr>,
    /// What is done with the rows: a [`ExprKind::Pipe`] without source.
    pub with: Option<Box<Expr>>,
}

/// `find withsource=T in (A, B*) where predicate project a, b: long, pack(*)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Find {
    /// `withsource=`, `datascope=` and hints.
    pub parameters: Parameters,
    /// Tables and wildcards; none means all.
    pub tables: Option<Vec<Expr>>,
    /// What rows must satisfy.
    pub predicate: Option<Box<Expr>>,
    /// Which columns come out.
    pub project: FindProject,
    /// `project-away *` (one [`ExprKind::Star`]) or columns.
    pub project_away: Vec<Expr>,
}

/// The columns that `find` gives.
#[derive(Clone, Debug, PartialEq)]
pub enum FindProject {
    /// Nothing said, or `project-smart`.
    Smart,
    /// `project a, b: long, pack(*)`
    Columns(Vec<FindColumn>),
}

/// One column of `find ... project`.
#[derive(Clone, Debug, PartialEq)]
pub enum FindColumn {
    /// `a`, `a: long`
    Column {
        /// Which.
        name: Ident,
        /// The type wanted.
        column_type: Option<TypeName>,
    },
    /// `pack(*)`, `pack_all()`
    Pack(Span),
}

/// One branch of `fork`: `name = (query)`.
#[derive(Clone, Debug, PartialEq)]
pub struct ForkBranch {
    /// The name of the resulting table.
    pub name: Option<Ident>,
    /// A [`ExprKind::Pipe`] without source.
    pub query: Expr,
}

/// `join kind=inner hint.strategy=shuffle (right) on a, $left.b == $right.c`; also `lookup`.
#[derive(Clone, Debug, PartialEq)]
pub struct Join {
    /// `kind=` and hints.
    pub parameters: Parameters,
    /// The right side.
    pub right: Box<Expr>,
    /// How rows find each other.
    pub condition: JoinCondition,
}

/// The condition of a join.
#[derive(Clone, Debug, PartialEq)]
pub enum JoinCondition {
    /// Nothing was written.
    None,
    /// `on a, $left.b == $right.c`
    On(Vec<Expr>),
    /// `where predicate`
    Where(Box<Expr>),
}

/// `macro-expand isfuzzy=true group as scope ( statements )`.
#[derive(Clone, Debug, PartialEq)]
pub struct MacroExpand {
    /// Options.
    pub parameters: Parameters,
    /// A name or an [`ExprKind::EntityGroup`].
    pub group: Box<Expr>,
    /// The name of the current entity; none binds plain names.
    pub scope: Option<Ident>,
    /// What is done for each entity.
    pub body: Block,
}

/// `make-series n=count() default=0 on t from a to b step c by d`.
#[derive(Clone, Debug, PartialEq)]
pub struct MakeSeries {
    /// `kind=nonempty` and hints.
    pub parameters: Parameters,
    /// The series.
    pub aggregates: Vec<SeriesAggregate>,
    /// The column of the axis.
    pub on: Box<Expr>,
    /// The points of the axis.
    pub axis: SeriesAxis,
    /// A series for each.
    pub by: Vec<Expr>,
}

/// `n=count() default=0`.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesAggregate {
    /// Aggregate, maybe named.
    pub value: Expr,
    /// Instead of absent values.
    pub default: Option<Expr>,
}

/// The axis of `make-series`.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesAxis {
    /// First point, included.
    pub from: Option<Box<Expr>>,
    /// Last point: excluded in the `from ... to` form, included in the `in range` form.
    pub to: Option<Box<Expr>>,
    /// Distance of points.
    pub step: Box<Expr>,
    /// True for the old form `in range(from, to, step)`.
    pub in_range: bool,
}

/// `mv-apply a to typeof(long), b limit 5 on ( subquery )`.
#[derive(Clone, Debug, PartialEq)]
pub struct MvApply {
    /// `with_itemindex=` and hints.
    pub parameters: Parameters,
    /// The arrays taken apart.
    pub items: Vec<MvItem>,
    /// At most so many rows of each array.
    pub limit: Option<Box<Expr>>,
    /// `id guid`, which contextual tables refer to.
    pub id: Option<Box<Expr>>,
    /// A [`ExprKind::Pipe`] without source.
    pub query: Box<Expr>,
}

/// `mv-expand bagexpansion=array with_itemindex=i a to typeof(long), b limit 5`.
#[derive(Clone, Debug, PartialEq)]
pub struct MvExpand {
    /// `bagexpansion=`, `kind=`, `with_itemindex=`.
    pub parameters: Parameters,
    /// The arrays taken apart.
    pub items: Vec<MvItem>,
    /// At most so many rows of each array.
    pub limit: Option<Box<Expr>>,
    /// True for the old spelling `mvexpand`, which stops at 128 rows.
    pub legacy: bool,
}

/// `a to typeof(long)`.
#[derive(Clone, Debug, PartialEq)]
pub struct MvItem {
    /// What is taken apart, maybe named.
    pub value: Expr,
    /// The type of the items.
    pub to: Option<TypeOf>,
}

/// `parse kind=regex flags=Ui input with * "text" column: long`; also `parse-where`.
#[derive(Clone, Debug, PartialEq)]
pub struct Parse {
    /// `kind=`, `flags=`.
    pub parameters: Parameters,
    /// The text taken apart.
    pub input: Box<Expr>,
    /// What is looked for, in order.
    pub pattern: Vec<ParseStep>,
}

/// One piece of a `parse` pattern.
#[derive(Clone, Debug, PartialEq)]
pub enum ParseStep {
    /// `*`: skip.
    Star(Span),
    /// `"text"`: must be there; a regular expression for `kind=regex`.
    Text(StringLiteral, Span),
    /// `column: long`: what lies between becomes a column.
    Column {
        /// Its name.
        name: Ident,
        /// Its type, if not string.
        column_type: Option<TypeName>,
    },
}

/// `parse-kv input as (a: long) with (pair_delimiter=",")`.
#[derive(Clone, Debug, PartialEq)]
pub struct ParseKv {
    /// The text taken apart.
    pub input: Box<Expr>,
    /// The keys wanted.
    pub schema: Schema,
    /// `pair_delimiter=`, `kv_delimiter=`, `quote=`, `escape=`, `regex=`, `greedy=`.
    pub properties: Parameters,
}

/// `partition hint.strategy=native by a ( subquery )`.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    /// Hints.
    pub parameters: Parameters,
    /// The key.
    pub by: Box<Expr>,
    /// `in (keys)`: only these.
    pub keys: Option<Box<Expr>>,
    /// What is done with each part.
    pub body: PartitionBody,
}

/// The body of `partition`.
#[derive(Clone, Debug, PartialEq)]
pub enum PartitionBody {
    /// `( where x | take 1 )`: a [`ExprKind::Pipe`] without source, fed with the part.
    Subquery(Box<Expr>),
    /// `{ T | where x }`: a whole query, run once for each key.
    Query(Box<Expr>),
}

/// `__partitionby a id guid ( subquery )`.
#[derive(Clone, Debug, PartialEq)]
pub struct PartitionBy {
    /// Hints.
    pub parameters: Parameters,
    /// The key.
    pub by: Box<Expr>,
    /// `id guid`
    pub id: Option<Box<Expr>>,
    /// A [`ExprKind::Pipe`] without source.
    pub query: Box<Expr>,
}

/// A column of `project-reorder`.
#[derive(Clone, Debug, PartialEq)]
pub struct ReorderColumn {
    /// A name or a wildcard.
    pub column: Expr,
    /// How the columns of a wildcard follow each other.
    pub order: Option<ReorderOrder>,
}

/// The order of the columns that a wildcard found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ReorderOrder {
    /// `asc`
    Ascending,
    /// `desc`
    Descending,
    /// `granny-asc`: numbers inside of names count as numbers.
    GrannyAscending,
    /// `granny-desc`
    GrannyDescending,
}

/// `range x from 1 to 3 step 1`.
#[derive(Clone, Debug, PartialEq)]
pub struct RangeOperator {
    /// The column made.
    pub name: Ident,
    /// First value.
    pub from: Expr,
    /// No value lies beyond.
    pub to: Expr,
    /// Distance.
    pub step: Expr,
}

/// `reduce kind=source by a with threshold=0.1, characters="x"`.
#[derive(Clone, Debug, PartialEq)]
pub struct Reduce {
    /// `kind=` and hints.
    pub parameters: Parameters,
    /// The text column.
    pub by: Box<Expr>,
    /// `threshold=`, `characters=`.
    pub with: Parameters,
}

/// `render timechart with (title="x", ycolumns=a, b)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Render {
    /// The chart's kind: `timechart`, `table`, ...
    pub chart: Ident,
    /// In either form; lists of columns are an [`ExprKind::List`] of names.
    pub properties: Parameters,
}

/// `take 5`, `limit 5`, `sample 5`.
#[derive(Clone, Debug, PartialEq)]
pub struct Take {
    /// Hints.
    pub parameters: Parameters,
    /// How many.
    pub count: Box<Expr>,
}

/// `sample-distinct 5 of a`.
#[derive(Clone, Debug, PartialEq)]
pub struct SampleDistinct {
    /// Hints.
    pub parameters: Parameters,
    /// How many.
    pub count: Box<Expr>,
    /// Of what.
    pub of: Box<Expr>,
}

/// `scan with_match_id=m order by t partition by p declare (x: long = 0) with ( steps )`.
#[derive(Clone, Debug, PartialEq)]
pub struct Scan {
    /// `with_match_id=`, `with_step_name=`.
    pub parameters: Parameters,
    /// `order by`
    pub order_by: Vec<SortKey>,
    /// `partition by`
    pub partition_by: Vec<Expr>,
    /// `declare (...)`
    pub declare: Vec<FunctionParameter>,
    /// The steps.
    pub steps: Vec<ScanStep>,
}

/// `step s optional output=all: condition => x = 1, y = 2;`.
#[derive(Clone, Debug, PartialEq)]
pub struct ScanStep {
    /// Its name.
    pub name: Ident,
    /// True for `optional`.
    pub optional: bool,
    /// `output=all|last|none`
    pub output: Option<ScanOutput>,
    /// What a row must satisfy.
    pub condition: Expr,
    /// [`ExprKind::Named`] each.
    pub assignments: Vec<Expr>,
    /// Where.
    pub span: Span,
}

/// Which rows of a step come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ScanOutput {
    /// `all`
    All,
    /// `last`
    Last,
    /// `none`
    None,
}

/// `search kind=case_sensitive in (A, B*) "x" and a: "y"`.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// `kind=`, `withsource=`, `datascope=`.
    pub parameters: Parameters,
    /// Tables and wildcards; none means all, or the rows so far.
    pub tables: Option<Vec<Expr>>,
    /// Texts, `column: text` ([`BinaryOperator::Search`]), stars and conditions.
    pub predicate: Box<Expr>,
}

/// `serialize a = row_number()`.
#[derive(Clone, Debug, PartialEq)]
pub struct Serialize {
    /// Hints.
    pub parameters: Parameters,
    /// Columns to add, maybe none.
    pub columns: Vec<Expr>,
}

/// `sort by a asc nulls last`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sort {
    /// Hints.
    pub parameters: Parameters,
    /// The keys.
    pub by: Vec<SortKey>,
}

/// `a asc nulls last`.
#[derive(Clone, Debug, PartialEq)]
pub struct SortKey {
    /// The key, maybe named.
    pub value: Expr,
    /// `asc`, `desc`; none means descending.
    pub order: Option<SortOrder>,
    /// `nulls first`, `nulls last`; none means first for ascending, last for descending.
    pub nulls: Option<NullsOrder>,
}

/// Direction of a sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SortOrder {
    /// `asc`
    Ascending,
    /// `desc`
    Descending,
}

/// Where nulls go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NullsOrder {
    /// `nulls first`
    First,
    /// `nulls last`
    Last,
}

/// `summarize hint.shufflekey=a n=count() by b, bin(t, 1h)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Summarize {
    /// Hints.
    pub parameters: Parameters,
    /// Aggregates, maybe none.
    pub aggregates: Vec<Expr>,
    /// Keys.
    pub by: Vec<Expr>,
    /// True if `by` was written: without it there is always one row.
    pub has_by: bool,
    /// The old form `by t bin=1h`.
    pub bin: Option<Box<Expr>>,
}

/// `top 5 by a desc nulls last`.
#[derive(Clone, Debug, PartialEq)]
pub struct Top {
    /// Hints.
    pub parameters: Parameters,
    /// How many.
    pub count: Box<Expr>,
    /// By what.
    pub by: Box<SortKey>,
}

/// `top-hitters 5 of a by b`.
#[derive(Clone, Debug, PartialEq)]
pub struct TopHitters {
    /// Hints.
    pub parameters: Parameters,
    /// How many.
    pub count: Box<Expr>,
    /// Of what.
    pub of: Box<Expr>,
    /// The weight; none counts rows.
    pub by: Option<Box<SortKey>>,
}

/// `top-nested 2 of a with others="rest" by sum(b) desc`.
#[derive(Clone, Debug, PartialEq)]
pub struct TopNestedLevel {
    /// How many; none keeps all.
    pub count: Option<Expr>,
    /// Of what, maybe named.
    pub of: Expr,
    /// The name of the rest.
    pub others: Option<Expr>,
    /// The aggregate that ranks, maybe named.
    pub by: SortKey,
    /// Where.
    pub span: Span,
}

/// `union kind=outer withsource=T isfuzzy=true A, B*, (C | where x)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Union {
    /// `kind=`, `withsource=`, `isfuzzy=` and hints.
    pub parameters: Parameters,
    /// Names, wildcards, calls, parenthesised queries.
    pub tables: Vec<Expr>,
}

/// `where predicate`.
#[derive(Clone, Debug, PartialEq)]
pub struct Where {
    /// Hints.
    pub parameters: Parameters,
    /// What rows must satisfy. For `where a = true` it is an [`ExprKind::Named`] whose value counts (with a warning).
    pub predicate: Box<Expr>,
}
