//! Computations over whole inputs: plugins and rare operators.

use std::sync::Arc;

use model::{Batch, Schema};
use parking_lot::Mutex;

use super::rows::Rows;
use crate::exec::operator::{Operator, Stage, collect};
use crate::exec::run::Run;
use crate::exec::{ExecError, columns};
use crate::plan::{Field, WholeOperator};

/// A computation over its inputs' rows.
pub(crate) struct Whole {
    inputs: Vec<(Box<dyn Operator>, Arc<Schema>)>,
    operator: Arc<dyn WholeOperator>,
    width: usize,
    result: Mutex<Option<Arc<Rows>>>,
}

impl Whole {
    /// Of inputs that give exactly these fields.
    pub(crate) fn stage(
        inputs: Vec<(Box<dyn Operator>, &[Field])>,
        operator: &Arc<dyn WholeOperator>,
        fields: &[Field],
    ) -> Stage {
        let inputs = inputs
            .into_iter()
            .map(|(op, fields)| {
                (op, Arc::new(Schema::new(fields.iter().map(|f| (&*f.name, f.ty)))))
            })
            .collect();
        let whole = Self {
            inputs,
            operator: Arc::clone(operator),
            width: fields.len(),
            result: Mutex::default(),
        };
        Stage { operator: Box::new(whole), layout: fields.iter().map(|f| f.id).collect() }
    }

    fn result(&self, run: &Run) -> Result<Arc<Rows>, ExecError> {
        let mut result = self.result.lock();
        if let Some(rows) = &*result {
            return Ok(Arc::clone(rows));
        }
        let mut account = run.memory.account();
        let mut inputs = Vec::with_capacity(self.inputs.len());
        for (operator, schema) in &self.inputs {
            let batches = collect(operator.as_ref(), run)?;
            if !account.grow(batches.iter().map(columns::weight).sum()) {
                return Err(account.refuse("a plugin", "filter or summarize its input"));
            }
            inputs.push(model::Rows { schema: Arc::clone(schema), batches });
        }
        let rows = self.operator.run(&inputs, run.context(), run.memory.left())?;
        drop(inputs);
        let kept = rows.batches.iter().map(columns::weight).sum();
        if !account.set(kept) {
            return Err(account.refuse("an operator over all rows", "narrow its input"));
        }
        run.memory.hold(kept);
        if rows.batches.iter().any(|b| b.columns.len() != self.width) {
            return Err(ExecError::Evaluation(
                "a plugin gave other columns than it promised".to_owned(),
            ));
        }
        let rows = Arc::new(Rows::new(rows.batches));
        *result = Some(Arc::clone(&rows));
        Ok(rows)
    }
}

impl Operator for Whole {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.result(run).map(|_| ())
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        self.result(run)?.next(run)
    }

    fn estimate(&self) -> f64 {
        match &*self.result.lock() {
            Some(rows) => rows.estimate(),
            None => self.inputs.iter().map(|(op, _)| op.estimate()).sum(),
        }
    }
}
