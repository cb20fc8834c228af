//! Graphs: rows as edges between nodes, narrowed and marked, then read out as tables or searched for patterns.
//!
//! The binder describes the whole of it in one [`GraphQuery`]: a graph exists only while the operator at its end runs.

mod build;
mod collect;
mod components;
mod matches;
mod search;
mod shortest;

use std::sync::Arc;

use arrow_array::BooleanArray;
use arrow_buffer::BooleanBuffer;
use model::{Batch, Column, Rows, Schema};
use values::ScalarType;

use super::compile;
use crate::exec::ExecError;
use crate::exec::eval::project;
use crate::functions::EvalContext;
use crate::plan::{ColumnId, Expr, Field, WholeOperator};

use build::Graph;

/// `make-graph` and what follows up to rows. The first input holds the edges, the others the nodes' properties.
#[derive(Debug)]
pub struct GraphQuery {
    /// Where nodes and edges come from.
    pub source: GraphSource,
    /// What is done to the graph, in order.
    pub steps: Vec<GraphStep>,
    /// How it becomes rows.
    pub result: GraphResult,
    /// The result's columns.
    pub fields: Vec<Field>,
}

/// `make-graph`.
#[derive(Clone, Debug)]
pub struct GraphSource {
    /// Edges point one way.
    pub directed: bool,
    /// The edges' columns.
    pub edges: Vec<Field>,
    /// The edges' column with the identity of the node they leave.
    pub from: usize,
    /// The edges' column with the identity of the node they reach.
    pub to: usize,
    /// The type in which identities are compared.
    pub key: ScalarType,
    /// The nodes' properties, then those that steps add, then identity and degrees ([`NODE_EXTRAS`]).
    pub nodes: Vec<Field>,
    /// How many of them the inputs fill.
    pub properties: usize,
    /// For each input of nodes: the column of the identity, and for each property its column, if it has it.
    pub tables: Vec<NodeTable>,
    /// Properties that hold the identity: those of nodes which only edges name.
    pub identities: Vec<usize>,
    /// Graphs of their own for each value of this column of the edges.
    pub partition: Option<usize>,
}

/// An input of nodes.
#[derive(Clone, Debug)]
pub struct NodeTable {
    /// The identity's column.
    pub key: usize,
    /// For each property its column, if it has it.
    pub columns: Vec<Option<usize>>,
    /// The column by which graphs are divided, if it has it.
    pub partition: Option<usize>,
}

/// Columns behind the properties of a node: its identity, edges that reach it, edges that leave it.
pub const NODE_EXTRAS: [&str; 3] = ["$node_id", "$degree_in", "$degree_out"];

/// A change of a graph.
#[derive(Clone, Debug)]
pub enum GraphStep {
    /// `graph-where-nodes`
    Nodes(Expr),
    /// `graph-where-edges`
    Edges(Expr),
    /// `graph-mark-components`: the next property.
    Components {
        /// Directions count.
        strong: bool,
    },
}

/// How a graph becomes rows.
#[derive(Debug)]
pub enum GraphResult {
    /// A row for each node.
    Nodes(Vec<Expr>),
    /// A row for each edge.
    Edges(Vec<Expr>),
    /// A row for each match.
    Matches(Pattern),
}

/// What is looked for.
#[derive(Debug)]
pub struct Pattern {
    /// For each node of the pattern: ids of the nodes' columns, as expressions name them.
    pub nodes: Vec<Vec<ColumnId>>,
    /// The edges between them.
    pub edges: Vec<PatternEdge>,
    /// What may be met twice.
    pub cycles: Cycles,
    /// Shortest paths only; true for all of the same length.
    pub shortest: Option<bool>,
    /// Values over the elements of variable edges.
    pub collected: Vec<Collected>,
    /// All must hold.
    pub conditions: Vec<Expr>,
    /// The columns of the result.
    pub outputs: Vec<Expr>,
}

/// An edge of a pattern.
#[derive(Debug)]
pub struct PatternEdge {
    /// The node to its left.
    pub left: usize,
    /// The node to its right.
    pub right: usize,
    /// Which way edges of the graph may go, from left to right.
    pub direction: Direction,
    /// How many edges in a row, at least and at most, where that varies.
    pub hops: Option<(usize, usize)>,
    /// Ids of the edges' columns, for an edge that is one.
    pub columns: Vec<ColumnId>,
}

/// Which way edges go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// `-->`
    Forward,
    /// `<--`
    Backward,
    /// `--`
    Any,
}

/// What a match may hold twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cycles {
    /// Nodes and edges.
    All,
    /// Nodes, but no edge.
    UniqueEdges,
    /// Nothing.
    None,
}

/// `all`, `any`, `map` over the edges, or the inner nodes, of a variable edge.
#[derive(Debug)]
pub struct Collected {
    /// Under which id expressions read it.
    pub field: Field,
    /// Which edge of the pattern.
    pub edge: usize,
    /// Over the nodes between the edges.
    pub inner: bool,
    /// What becomes of the values.
    pub kind: CollectedKind,
    /// The value of an element.
    pub expr: Expr,
    /// Ids of the element's columns.
    pub columns: Vec<ColumnId>,
}

/// What becomes of the values of a variable edge's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectedKind {
    /// True for each.
    All,
    /// True for one.
    Any,
    /// An array.
    Map,
}

impl WholeOperator for GraphQuery {
    fn run(
        &self,
        inputs: &[Rows],
        context: &EvalContext,
        memory: usize,
    ) -> Result<Rows, ExecError> {
        let columns = self.fields.iter().map(|f| Column::new(&f.name, f.ty)).collect();
        let schema = Arc::new(Schema { columns });
        let mut batches = Vec::new();
        for mut graph in build::graphs(&self.source, inputs)? {
            for step in &self.steps {
                graph.step(&self.source, step, context)?;
            }
            self.rows(&graph, context, memory, &mut batches)?;
        }
        Ok(Rows { schema, batches })
    }
}

impl GraphQuery {
    fn rows(
        &self,
        graph: &Graph,
        context: &EvalContext,
        memory: usize,
        out: &mut Vec<Batch>,
    ) -> Result<(), ExecError> {
        match &self.result {
            GraphResult::Nodes(exprs) => {
                let layout: Vec<ColumnId> = self.source.nodes.iter().map(|f| f.id).collect();
                out.push(columns_of(exprs, &graph.node_table()?, &layout, context)?);
            }
            GraphResult::Edges(exprs) => {
                let layout: Vec<ColumnId> = self.source.edges.iter().map(|f| f.id).collect();
                out.push(columns_of(exprs, &graph.edges, &layout, context)?);
            }
            GraphResult::Matches(pattern) => {
                matches::run(graph, pattern, context, memory, out)?;
            }
        }
        Ok(())
    }
}

/// Expressions over a batch as the columns of another one.
fn columns_of(
    exprs: &[Expr],
    batch: &Batch,
    layout: &[ColumnId],
    context: &EvalContext,
) -> Result<Batch, ExecError> {
    let scalars = exprs.iter().map(|e| compile(e, layout)).collect::<Result<Vec<_>, _>>()?;
    project(&scalars, batch, context)
}

/// The rows of a batch for which a condition holds.
fn rows_where(
    condition: &Expr,
    batch: &Batch,
    layout: &[ColumnId],
    context: &EvalContext,
) -> Result<BooleanBuffer, ExecError> {
    let scalar = compile(condition, layout)?;
    scalar.truth(batch, context)
}

/// A mask as an array.
fn mask(buffer: BooleanBuffer) -> BooleanArray {
    BooleanArray::new(buffer, None)
}
