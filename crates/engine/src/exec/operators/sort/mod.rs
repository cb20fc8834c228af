//! `sort`, `top`: in memory while it fits, else sorted runs on disk that are merged.

mod bound;
mod keys;
mod merge;
mod packed;
mod worker;

use std::sync::Arc;

use model::Batch;
use parking_lot::Mutex;
use values::ScalarType;

use super::rows::{MORSEL, Rows};
use crate::exec::ExecError;
use crate::exec::eval::Scalar;
use crate::exec::operator::{Flow, Operator, Stage, consume};
use crate::exec::run::Run;
use crate::plan::{ColumnId, SortKey};
pub(crate) use bound::Bound;
use merge::Merge;
use worker::Worker;

/// Direction of a key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Direction {
    pub(crate) descending: bool,
    pub(crate) nulls_first: bool,
}

/// A key: where it is in the rows being sorted (keys that are no input column are appended to them).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key {
    pub(crate) column: usize,
    pub(crate) ty: ScalarType,
    pub(crate) direction: Direction,
}

/// What a sort is about.
pub(crate) struct Spec {
    pub(crate) keys: Vec<Key>,
    /// Keys that are computed, in the order of their columns behind the input's.
    pub(crate) computed: Vec<Scalar>,
    /// Types of the rows being sorted: the input's columns, then computed keys.
    pub(crate) types: Vec<ScalarType>,
    /// Columns handed on: the input's.
    pub(crate) width: usize,
    pub(crate) limit: Option<usize>,
}

enum Sorted {
    Memory(Rows),
    Disk(Mutex<Merge>),
}

/// Sorted rows.
pub(crate) struct Sort {
    input: Box<dyn Operator>,
    spec: Spec,
    /// The first key, where it is a column of the input.
    first: Option<ColumnId>,
    result: Mutex<Option<Arc<Sorted>>>,
}

/// Up to so many rows the input is told how good they must be.
const BOUND_MAX: usize = 10_000;

impl Sort {
    pub(crate) fn stage(
        input: Stage,
        keys: &[SortKey],
        exprs: Vec<Scalar>,
        mut types: Vec<ScalarType>,
        limit: Option<usize>,
    ) -> Result<Stage, ExecError> {
        let width = types.len();
        let mut computed = Vec::new();
        let keys = keys
            .iter()
            .zip(exprs)
            .filter(|(_, expr)| expr.literal().is_none())
            .map(|(key, expr)| {
                let ty = expr.ty();
                let column = expr.column().unwrap_or_else(|| {
                    types.push(ty);
                    computed.push(expr);
                    types.len() - 1
                });
                let direction =
                    Direction { descending: key.descending, nulls_first: key.nulls_first };
                Key { column, ty, direction }
            })
            .collect();
        let spec = Spec { keys, computed, types, width, limit };
        let first = spec.keys.first().and_then(|key| input.layout.get(key.column)).copied();
        let operator = Self { input: input.operator, spec, first, result: Mutex::default() };
        Ok(Stage { operator: Box::new(operator), layout: input.layout })
    }

    fn result(&self, run: &Run) -> Result<Arc<Sorted>, ExecError> {
        let mut result = self.result.lock();
        if let Some(sorted) = &*result {
            return Ok(Arc::clone(sorted));
        }
        let sorted = Arc::new(self.compute(run)?);
        *result = Some(Arc::clone(&sorted));
        Ok(sorted)
    }

    /// Tells the input how good a row must be, where the first key is a column of integers.
    fn bound_input(&self) {
        use ScalarType::{DateTime, Int, Long, TimeSpan};
        let limit = self.spec.limit.filter(|limit| (1..=BOUND_MAX).contains(limit));
        let key = self.spec.keys.first();
        let key = key.filter(|key| matches!(key.ty, DateTime | Int | Long | TimeSpan));
        if let (Some(limit), Some(key), Some(column)) = (limit, key, self.first) {
            self.input.bound(column, &Arc::new(Bound::new(limit, key.direction)));
        }
    }

    fn compute(&self, run: &Run) -> Result<Sorted, ExecError> {
        self.bound_input();
        let workers = consume(
            self.input.as_ref(),
            run,
            || Ok(Worker::new(&self.spec, run)),
            |worker: &mut Worker<'_>, batch| {
                worker.feed(batch)?;
                Ok(Flow::More)
            },
        )?;
        worker::finish(workers, &self.spec, run)
    }
}

impl Operator for Sort {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.result(run).map(|_| ())
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        match &*self.result(run)? {
            Sorted::Memory(rows) => rows.next(run),
            Sorted::Disk(merge) => merge.lock().next(&self.spec, MORSEL, run),
        }
    }

    fn estimate(&self) -> f64 {
        let input = self.input.estimate();
        self.spec.limit.map_or(input, |limit| input.min(limit as f64))
    }
}
