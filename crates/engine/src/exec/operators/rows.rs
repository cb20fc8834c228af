//! Rows that are there already, in order.

use std::sync::atomic::{AtomicUsize, Ordering};

use model::Batch;

use crate::exec::ExecError;
use crate::exec::operator::{Operator, Stage};
use crate::exec::run::Run;
use crate::plan::Field;

/// Rows handed on at a time.
pub(crate) const MORSEL: usize = 64 * 1024;

/// Batches in order.
pub(crate) struct Rows {
    batches: Vec<Batch>,
    next: AtomicUsize,
}

impl Rows {
    pub(crate) fn new(batches: Vec<Batch>) -> Self {
        Self { batches: batches.iter().flat_map(morsels).collect(), next: AtomicUsize::new(0) }
    }

    pub(crate) fn stage(batches: Vec<Batch>, fields: &[Field]) -> Stage {
        Stage {
            operator: Box::new(Self::new(batches)),
            layout: fields.iter().map(|f| f.id).collect(),
        }
    }
}

/// A batch cut into pieces that fit the caches; none for an empty one.
pub(crate) fn morsels(batch: &Batch) -> impl Iterator<Item = Batch> + '_ {
    (0..batch.rows).step_by(MORSEL).map(|start| batch.slice(start, MORSEL.min(batch.rows - start)))
}

impl Operator for Rows {
    fn prepare(&self, _run: &Run) -> Result<(), ExecError> {
        Ok(())
    }

    fn next(&self, _run: &Run) -> Result<Option<Batch>, ExecError> {
        Ok(self.batches.get(self.next.fetch_add(1, Ordering::Relaxed)).cloned())
    }

    fn estimate(&self) -> f64 {
        self.batches.iter().map(|b| b.rows).sum::<usize>() as f64
    }
}
