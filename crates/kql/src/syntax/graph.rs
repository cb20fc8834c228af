//! The parts of the graph operators.

use super::*;

/// `graph-match cycles=all (a)-[e]->(b), (b)--(c) where predicate project x = a.id`; also `graph-shortest-paths`.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphMatch {
    /// `cycles=`, `output=`.
    pub parameters: Parameters,
    /// The paths looked for.
    pub patterns: Vec<GraphPattern>,
    /// `where`
    pub predicate: Option<Box<Expr>>,
    /// `project`
    pub project: Option<Vec<Expr>>,
}

/// One path: nodes and edges in turn, as written.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphPattern {
    /// In the order written.
    pub elements: Vec<GraphElement>,
    /// Where.
    pub span: Span,
}

/// A node or an edge of a path.
#[derive(Clone, Debug, PartialEq)]
pub enum GraphElement {
    /// `(a)`, `()`
    Node {
        /// Its name in the query.
        name: Option<Ident>,
        /// Where.
        span: Span,
    },
    /// `-->`, `-[e]->`, `<-[e*1..3]-`, `--`
    Edge {
        /// Its name in the query.
        name: Option<Ident>,
        /// Which way it points.
        direction: EdgeDirection,
        /// `*1..3`: how many edges in a row.
        hops: Option<Box<EdgeHops>>,
        /// Where.
        span: Span,
    },
}

/// `*1..3`.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeHops {
    /// At least.
    pub from: Expr,
    /// At most.
    pub to: Expr,
}

/// Which way an edge points.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EdgeDirection {
    /// `-->`
    Forward,
    /// `<--`
    Backward,
    /// `--`
    Any,
}

/// `nodes as N with_node_id=id`, `edges as E with_source_id=s with_target_id=t` of `graph-to-table`.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphOutput {
    /// Nodes or edges.
    pub part: GraphPart,
    /// The resulting table's name.
    pub name: Option<Ident>,
    /// `with_node_id=`, ...
    pub parameters: Parameters,
    /// Where.
    pub span: Span,
}

/// What `graph-to-table` gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GraphPart {
    /// `nodes`
    Nodes,
    /// `edges`
    Edges,
}

/// `make-graph a --> b with Nodes on id partitioned-by p ( subquery )`.
#[derive(Clone, Debug, PartialEq)]
pub struct MakeGraph {
    /// Hints.
    pub parameters: Parameters,
    /// The column that holds where edges start.
    pub source: Ident,
    /// True for `-->`, false for `--`.
    pub directed: bool,
    /// The column that holds where edges end.
    pub target: Ident,
    /// Where nodes come from.
    pub nodes: GraphNodes,
    /// `partitioned-by p ( subquery )`
    pub partitioned_by: Option<GraphPartition>,
}

/// Where the nodes of a graph come from.
#[derive(Clone, Debug, PartialEq)]
pub enum GraphNodes {
    /// Nothing said: nodes have no properties.
    None,
    /// `with_node_id=name`
    Id(Ident),
    /// `with A on x, B on y`
    Tables(Vec<GraphNodeTable>),
}

/// `A on x`.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphNodeTable {
    /// The table.
    pub table: Expr,
    /// The column that identifies a node.
    pub key: Ident,
}

/// `partitioned-by p ( subquery )`.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphPartition {
    /// The key.
    pub by: Box<Expr>,
    /// A [`ExprKind::Pipe`] without source.
    pub query: Box<Expr>,
}
