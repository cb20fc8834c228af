//! `summarize`: groups, each with the states of its aggregates.

mod worker;

use std::sync::Arc;

use model::Batch;
use parking_lot::Mutex;
use values::{ScalarType, Value};

use super::rows::Rows;
use crate::aggregates;
use crate::exec::ExecError;
use crate::exec::eval::Scalar;
use crate::exec::operator::{Flow, Operator, Stage, consume};
use crate::exec::run::Run;
use crate::plan::ColumnId;
pub(crate) use worker::Worker;

/// An aggregate's call, compiled.
pub(crate) struct CompiledCall {
    pub(crate) aggregate: &'static aggregates::Aggregate,
    pub(crate) args: Vec<Scalar>,
    pub(crate) filter: Option<Scalar>,
    pub(crate) results: Vec<ScalarType>,
}

/// Groups.
pub(crate) struct Aggregate {
    input: Box<dyn Operator>,
    keys: Vec<Scalar>,
    calls: Vec<CompiledCall>,
    /// For each key that is but an input's column: (its id, the input's id).
    renamed: Vec<(ColumnId, ColumnId)>,
    result: Mutex<Option<Arc<Rows>>>,
}

impl Aggregate {
    pub(crate) fn stage(
        input: Stage,
        keys: Vec<Scalar>,
        calls: Vec<CompiledCall>,
        layout: Vec<ColumnId>,
    ) -> Stage {
        let renamed = keys
            .iter()
            .zip(&layout)
            .filter_map(|(key, id)| Some((*id, *input.layout.get(key.column()?)?)))
            .collect();
        let operator =
            Self { input: input.operator, keys, calls, renamed, result: Mutex::default() };
        Stage { operator: Box::new(operator), layout }
    }

    fn result(&self, run: &Run) -> Result<Arc<Rows>, ExecError> {
        let mut result = self.result.lock();
        if let Some(rows) = &*result {
            return Ok(Arc::clone(rows));
        }
        let rows = Arc::new(Rows::new(vec![self.compute(run)?]));
        *result = Some(Arc::clone(&rows));
        Ok(rows)
    }

    fn compute(&self, run: &Run) -> Result<Batch, ExecError> {
        let keys: Vec<&Scalar> = self.keys.iter().collect();
        let workers = consume(
            self.input.as_ref(),
            run,
            || Worker::new(&keys, &self.calls, run),
            |worker: &mut Worker<'_>, batch| {
                worker.feed(&batch)?;
                Ok(Flow::More)
            },
        )?;
        Worker::finish_all(workers, run)
    }
}

impl Operator for Aggregate {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.result(run).map(|_| ())
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        self.result(run)?.next(run)
    }

    fn ordered(&self) -> bool {
        self.input.ordered()
    }

    fn estimate(&self) -> f64 {
        match (&*self.result.lock(), self.keys.is_empty()) {
            (Some(rows), _) => rows.estimate(),
            (None, true) => 1.0,
            (None, false) => self.input.estimate().powf(0.75),
        }
    }

    fn restrict(&self, column: ColumnId, values: &Arc<Vec<Value>>) {
        if let Some((_, below)) = self.renamed.iter().find(|(id, _)| *id == column) {
            self.input.restrict(*below, values);
        }
    }
}
