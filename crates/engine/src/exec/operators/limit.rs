//! The first rows that come.

use std::sync::atomic::{AtomicUsize, Ordering};

use model::Batch;

use crate::exec::ExecError;
use crate::exec::operator::{Operator, Stage};
use crate::exec::run::Run;

/// At most so many rows; the input is not pulled any further once they are there.
pub(crate) struct Limit {
    input: Box<dyn Operator>,
    count: usize,
    left: AtomicUsize,
}

impl Limit {
    pub(crate) fn stage(input: Stage, count: usize) -> Stage {
        let operator = Self { input: input.operator, count, left: AtomicUsize::new(count) };
        Stage { operator: Box::new(operator), layout: input.layout }
    }
}

impl Operator for Limit {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.input.prepare(run)
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        if self.left.load(Ordering::Relaxed) == 0 {
            return Ok(None);
        }
        let Some(batch) = self.input.next(run)? else { return Ok(None) };
        if batch.rows == 0 {
            return Ok(Some(batch));
        }
        let take = |left: usize| Some(left.saturating_sub(batch.rows));
        let left = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take);
        let mine = left.unwrap_or(0).min(batch.rows);
        Ok((mine > 0).then(|| if mine == batch.rows { batch } else { batch.slice(0, mine) }))
    }

    fn ordered(&self) -> bool {
        self.input.ordered()
    }

    fn estimate(&self) -> f64 {
        self.input.estimate().min(self.count as f64)
    }
}
