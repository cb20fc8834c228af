//! New columns from old ones.

use std::sync::Arc;

use model::Batch;
use values::Value;

use super::Bound;
use crate::exec::ExecError;
use crate::exec::eval::{Scalar, project};
use crate::exec::operator::{Operator, Stage};
use crate::exec::run::Run;
use crate::plan::ColumnId;

/// Computed columns.
pub(crate) struct Project {
    input: Box<dyn Operator>,
    exprs: Vec<Scalar>,
    /// For each output that is but an input's column: (its id, the input's id).
    renamed: Vec<(ColumnId, ColumnId)>,
}

impl Project {
    pub(crate) fn stage(input: Stage, exprs: Vec<Scalar>, layout: Vec<ColumnId>) -> Stage {
        let renamed = exprs
            .iter()
            .zip(&layout)
            .filter_map(|(e, id)| Some((*id, *input.layout.get(e.column()?)?)))
            .collect();
        Stage { operator: Box::new(Self { input: input.operator, exprs, renamed }), layout }
    }
}

impl Operator for Project {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.input.prepare(run)
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        match self.input.next(run)? {
            Some(batch) => project(&self.exprs, &batch, run.context()).map(Some),
            None => Ok(None),
        }
    }

    fn ordered(&self) -> bool {
        self.input.ordered()
    }

    fn estimate(&self) -> f64 {
        self.input.estimate()
    }

    fn restrict(&self, column: ColumnId, values: &Arc<Vec<Value>>, run: &Run) {
        if let Some((_, below)) = self.renamed.iter().find(|(id, _)| *id == column) {
            self.input.restrict(*below, values, run);
        }
    }

    fn bound(&self, column: ColumnId, bound: &Arc<Bound>) {
        if let Some((_, below)) = self.renamed.iter().find(|(id, _)| *id == column) {
            self.input.bound(*below, bound);
        }
    }
}

/// Some of the input's columns, in another order.
pub(crate) struct Pick {
    input: Box<dyn Operator>,
    positions: Vec<usize>,
}

impl Pick {
    pub(crate) fn new(input: Box<dyn Operator>, positions: Vec<usize>) -> Self {
        Self { input, positions }
    }
}

/// The columns at these positions.
pub(crate) fn pick(batch: &Batch, positions: &[usize]) -> Batch {
    Batch {
        columns: positions.iter().filter_map(|at| batch.columns.get(*at).cloned()).collect(),
        rows: batch.rows,
    }
}

impl Operator for Pick {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.input.prepare(run)
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        Ok(self.input.next(run)?.map(|batch| pick(&batch, &self.positions)))
    }

    fn ordered(&self) -> bool {
        self.input.ordered()
    }

    fn estimate(&self) -> f64 {
        self.input.estimate()
    }
}
