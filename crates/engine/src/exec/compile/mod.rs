//! From a plan to running steps. Each step is told which of its columns are needed, and gives at least those.

mod steps;

use std::sync::Arc;

use ahash::AHashSet as HashSet;
use model::Batch;
use values::{ScalarType, Value};

use super::ExecError;
use super::eval::{ExprCompiler, Scalar};
use super::operator::{Operator, Stage, collect};
use super::operators as ops;
use super::run::Run;
use super::shared;
use crate::plan::{AggregateCall, ColumnId, Expr, Field, Node, Plan, visit};

/// Deepest nesting of steps: each level costs stack in every worker.
const DEPTH_MAX: usize = 600;

/// The columns that the step above wants.
pub(crate) type Need = HashSet<ColumnId>;

/// A plan's steps, giving exactly the plan's fields in order.
pub(crate) fn compile(plan: &Plan, run: &Run) -> Result<Box<dyn Operator>, ExecError> {
    Compiler { run, group: None, depth: 0 }.exact(plan)
}

/// Compiles plans of one run.
pub(crate) struct Compiler<'r> {
    pub(crate) run: &'r Run,
    /// Inside of an apply's body: the rows of the group.
    pub(crate) group: Option<Group<'r>>,
    pub(crate) depth: usize,
}

/// The rows that [`Node::GroupInput`] stands for.
#[derive(Clone, Copy)]
pub(crate) struct Group<'r> {
    pub(crate) rows: &'r Batch,
    /// (the body's id, position in `rows`)
    pub(crate) columns: &'r [(ColumnId, usize)],
}

impl Compiler<'_> {
    /// Steps that give exactly the plan's fields in order.
    pub(crate) fn exact(&self, plan: &Plan) -> Result<Box<dyn Operator>, ExecError> {
        let need: Need = plan.fields.iter().map(|f| f.id).collect();
        let stage = self.stage(plan, &need)?;
        let wanted: Vec<ColumnId> = plan.fields.iter().map(|f| f.id).collect();
        if stage.layout == wanted {
            return Ok(stage.operator);
        }
        let positions = positions(&stage.layout, &wanted)?;
        Ok(Box::new(ops::Pick::new(stage.operator, positions)))
    }

    /// Steps that give at least the columns needed.
    pub(crate) fn stage(&self, plan: &Plan, need: &Need) -> Result<Stage, ExecError> {
        if self.depth > DEPTH_MAX {
            return Err(ExecError::ResourceLimit(format!(
                "the query has more than {DEPTH_MAX} steps inside one another; split it with materialize()"
            )));
        }
        let inner = Compiler { run: self.run, group: self.group, depth: self.depth + 1 };
        let stage = inner.node(plan, need)?;
        Ok(match &self.run.settings.measures {
            Some(measures) => measures.watch(&plan.node, stage),
            None => stage,
        })
    }

    /// An aggregate call over a layout.
    pub(crate) fn call(
        &self,
        call: &AggregateCall,
        layout: &[ColumnId],
    ) -> Result<ops::CompiledCall, ExecError> {
        Ok(ops::CompiledCall {
            aggregate: call.aggregate,
            args: self.exprs(call.args.iter(), layout)?,
            filter: call.filter.as_ref().map(|f| self.expr(f, layout)).transpose()?,
            results: call.fields.iter().map(|f| f.ty).collect(),
        })
    }

    /// Expressions over a layout.
    pub(crate) fn exprs<'e>(
        &self,
        exprs: impl IntoIterator<Item = &'e Expr>,
        layout: &[ColumnId],
    ) -> Result<Vec<Scalar>, ExecError> {
        exprs.into_iter().map(|e| self.expr(e, layout)).collect()
    }

    /// An expression over a layout; its subqueries run now.
    pub(crate) fn expr(&self, expr: &Expr, layout: &[ColumnId]) -> Result<Scalar, ExecError> {
        let subqueries = |plan: &Arc<Plan>, single: bool| self.subquery(plan, single);
        ExprCompiler { layout, subqueries: &subqueries }.compile(expr)
    }

    /// The value of an expression without columns.
    pub(crate) fn constant(&self, expr: &Expr) -> Result<Value, ExecError> {
        self.expr(expr, &[])?.constant(self.run.context())
    }

    fn subquery(&self, plan: &Arc<Plan>, single: bool) -> Result<Arc<Vec<Value>>, ExecError> {
        let rows = if self.group.is_some() && reads_group(plan) {
            Arc::new(collect(self.exact(plan)?.as_ref(), self.run)?)
        } else {
            self.run.shared.rows(plan, || shared::compute(plan, self.run))?
        };
        let Some(field) = plan.fields.first() else { return Ok(Arc::default()) };
        let cells = rows.iter().flat_map(|batch| {
            batch.columns.first().into_iter().flat_map(move |column| {
                (0..batch.rows).map(move |row| model::rows::cell(column, field.ty, row))
            })
        });
        let limit = if single { 1 } else { usize::MAX };
        Ok(Arc::new(cells.take(limit).collect()))
    }
}

/// Where columns are in a layout.
pub(crate) fn positions(layout: &[ColumnId], wanted: &[ColumnId]) -> Result<Vec<usize>, ExecError> {
    wanted
        .iter()
        .map(|id| {
            layout
                .iter()
                .position(|c| c == id)
                .ok_or_else(|| ExecError::Evaluation(format!("a step does not give column {id}")))
        })
        .collect()
}

/// The types of the columns of a layout.
pub(crate) fn types_of(
    fields: &[Field],
    layout: &[ColumnId],
) -> Result<Vec<ScalarType>, ExecError> {
    layout
        .iter()
        .map(|id| {
            fields
                .iter()
                .find(|f| f.id == *id)
                .map(|f| f.ty)
                .ok_or_else(|| ExecError::Evaluation(format!("a step has no field {id}")))
        })
        .collect()
}

/// Adds the columns that an expression reads.
pub(crate) fn columns_of(expr: &Expr, need: &mut Need) {
    visit(expr, &mut |e| {
        if let Expr::Column(id, _) = e {
            need.insert(*id);
        }
    });
}

/// Adds the columns that an aggregate reads.
pub(crate) fn columns_of_call(call: &AggregateCall, need: &mut Need) {
    call.args.iter().chain(&call.filter).for_each(|e| columns_of(e, need));
}

/// The plans that a step reads.
pub(crate) fn inputs(node: &Node) -> Vec<&Plan> {
    match node {
        Node::Scan(_) | Node::Rows(_) | Node::Range { .. } | Node::GroupInput => Vec::new(),
        Node::Filter { input, .. }
        | Node::Project { input, .. }
        | Node::Window { input, .. }
        | Node::Aggregate { input, .. }
        | Node::Sort { input, .. }
        | Node::Limit { input, .. }
        | Node::Sample { input, .. }
        | Node::Expand { input, .. }
        | Node::Parse { input, .. }
        | Node::ParseKv { input, .. }
        | Node::MakeSeries { input, .. } => vec![input],
        Node::Apply { input, body, .. } => vec![input, body],
        Node::Join { left, right, .. } => vec![left, right],
        Node::Union { inputs } | Node::Whole { inputs, .. } => inputs.iter().collect(),
        Node::Shared { plan, .. } => vec![plan],
    }
}

/// True where a plan reads the rows of the group around it.
fn reads_group(plan: &Plan) -> bool {
    matches!(&*plan.node, Node::GroupInput) || inputs(&plan.node).into_iter().any(reads_group)
}
