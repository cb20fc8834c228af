//! Columns that look at neighbouring rows: `prev`, `next`, `row_number`, `row_cumsum`, ...
//!
//! The input is taken in whole. Window functions are computed one by one, innermost first, each into a column of its own;
//! what stands around them is then an ordinary projection.

mod functions;
mod lower;

use std::sync::Arc;

use model::Batch;
use parking_lot::Mutex;
use values::ScalarType;

use super::rows::Rows;
use crate::exec::eval::{Scalar, project};
use crate::exec::operator::{Operator, Stage, collect};
use crate::exec::run::Run;
use crate::exec::{ExecError, columns};
use crate::plan::{ColumnId, WindowKind};
pub(crate) use lower::{Lowered, lower};

/// A window function over compiled arguments.
pub(crate) struct Call {
    pub(crate) kind: WindowKind,
    pub(crate) args: Vec<Scalar>,
    pub(crate) ty: ScalarType,
}

/// A serialized projection.
pub(crate) struct Window {
    input: Box<dyn Operator>,
    types: Vec<ScalarType>,
    /// Each gives a column behind those of the input and of the calls before it.
    calls: Vec<Call>,
    outputs: Vec<Scalar>,
    result: Mutex<Option<Arc<Rows>>>,
}

impl Window {
    pub(crate) fn stage(
        input: Stage,
        types: Vec<ScalarType>,
        calls: Vec<Call>,
        outputs: Vec<Scalar>,
        layout: Vec<ColumnId>,
    ) -> Stage {
        let operator =
            Self { input: input.operator, types, calls, outputs, result: Mutex::default() };
        Stage { operator: Box::new(operator), layout }
    }

    fn result(&self, run: &Run) -> Result<Arc<Rows>, ExecError> {
        let mut result = self.result.lock();
        if let Some(rows) = &*result {
            return Ok(Arc::clone(rows));
        }
        let batches = collect(self.input.as_ref(), run)?;
        let mut account = run.memory.account();
        let mut all = columns::concat(&batches, &self.types)?;
        drop(batches);
        for call in &self.calls {
            run.check()?;
            if !account.set(columns::weight(&all)) {
                let advice = "filter or summarize before serialize, or partition the input";
                return Err(account.refuse("a window function", advice));
            }
            let args = project(&call.args, &all, run.context())?;
            all.columns.push(functions::compute(call, &args)?);
        }
        let rows = Arc::new(Rows::new(vec![all]));
        *result = Some(Arc::clone(&rows));
        Ok(rows)
    }
}

impl Operator for Window {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.result(run).map(|_| ())
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        match self.result(run)?.next(run)? {
            Some(batch) => project(&self.outputs, &batch, run.context()).map(Some),
            None => Ok(None),
        }
    }

    fn estimate(&self) -> f64 {
        self.input.estimate()
    }
}
