//! Rows for which a condition is true.

use std::sync::Arc;

use model::Batch;
use values::Value;

use crate::exec::compile::Need;
use crate::exec::eval::Scalar;
use crate::exec::operator::{Operator, Stage};
use crate::exec::run::Run;
use crate::exec::{ExecError, columns};
use crate::plan::ColumnId;

/// A filter; gives only the columns needed above.
pub(crate) struct Filter {
    input: Box<dyn Operator>,
    predicate: Scalar,
    /// Columns handed on; none for all.
    kept: Option<Vec<usize>>,
}

impl Filter {
    pub(crate) fn stage(input: Stage, predicate: Scalar, need: &Need) -> Result<Stage, ExecError> {
        let (kept, layout): (Vec<usize>, Vec<ColumnId>) = input
            .layout
            .iter()
            .enumerate()
            .filter(|(_, id)| need.contains(id))
            .map(|(at, id)| (at, *id))
            .unzip();
        let kept = (kept.len() < input.layout.len()).then_some(kept);
        let operator = Self { input: input.operator, predicate, kept };
        Ok(Stage { operator: Box::new(operator), layout })
    }
}

impl Operator for Filter {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.input.prepare(run)
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        let Some(batch) = self.input.next(run)? else { return Ok(None) };
        let keep = self.predicate.truth(&batch, run.context())?;
        let count = keep.count_set_bits();
        let picked = match &self.kept {
            None => batch,
            Some(kept) => columns::pick(&batch, kept),
        };
        if count == picked.rows || count == 0 {
            return Ok(Some(picked.slice(0, count)));
        }
        columns::filter(&picked, &keep).map(Some)
    }

    fn ordered(&self) -> bool {
        self.input.ordered()
    }

    fn estimate(&self) -> f64 {
        self.input.estimate() * 0.3
    }

    fn restrict(&self, column: ColumnId, values: &Arc<Vec<Value>>, run: &Run) {
        self.input.restrict(column, values, run);
    }
}
