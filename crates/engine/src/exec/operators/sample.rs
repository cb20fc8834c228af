//! Random numbers beside rows: a sample is the rows with the smallest ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::{ArrayRef, Int64Array};
use model::Batch;

use crate::exec::ExecError;
use crate::exec::operator::{Operator, Stage};
use crate::exec::run::Run;
use crate::plan::ColumnId;

/// The id of the column of random numbers; plans count from 0 and never get here.
pub(crate) const RANDOM: ColumnId = ColumnId::MAX;

/// The input with a column of random numbers.
pub(crate) struct Randomize {
    input: Box<dyn Operator>,
    state: ahash::RandomState,
    rows: AtomicU64,
}

impl Randomize {
    pub(crate) fn stage(input: Stage) -> Stage {
        let mut layout = input.layout;
        layout.push(RANDOM);
        let operator = Self {
            input: input.operator,
            state: ahash::RandomState::new(),
            rows: AtomicU64::new(0),
        };
        Stage { operator: Box::new(operator), layout }
    }
}

impl Operator for Randomize {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.input.prepare(run)
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        let Some(mut batch) = self.input.next(run)? else { return Ok(None) };
        let first = self.rows.fetch_add(batch.rows as u64, Ordering::Relaxed);
        let numbers: Int64Array = (0..batch.rows as u64)
            .map(|row| Some(self.state.hash_one(first + row) as i64))
            .collect();
        let numbers: ArrayRef = Arc::new(numbers);
        batch.columns.push(numbers);
        Ok(Some(batch))
    }

    fn ordered(&self) -> bool {
        self.input.ordered()
    }

    fn estimate(&self) -> f64 {
        self.input.estimate()
    }
}
