//! `summarize`: groups, each with the states of its aggregates.
//!
//! Workers group for themselves and are merged at the end. When memory runs short the groups so far are frozen: rows of
//! further groups go to disk in partitions by key, each of which is then summarized alone.

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
use crate::exec::partition::{DEPTH_MAX, Partition, Partitions};
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

/// What is grouped how; shared by the partitions.
struct Spec {
    keys: Vec<Scalar>,
    calls: Vec<CompiledCall>,
    /// Types of the input's columns.
    types: Vec<ScalarType>,
}

/// Groups.
pub(crate) struct Aggregate {
    input: Box<dyn Operator>,
    spec: Arc<Spec>,
    /// For each key that is but an input's column: (its id, the input's id).
    renamed: Vec<(ColumnId, ColumnId)>,
    /// Partitions of partitions of ...
    depth: usize,
    result: Mutex<Option<Arc<Done>>>,
}

/// Groups that are there, and partitions that are still to be summarized.
struct Done {
    rows: Rows,
    rest: Mutex<Rest>,
}

#[derive(Default)]
struct Rest {
    waiting: Vec<Partition>,
    current: Option<Aggregate>,
}

impl Aggregate {
    pub(crate) fn stage(
        input: Stage,
        types: Vec<ScalarType>,
        keys: Vec<Scalar>,
        calls: Vec<CompiledCall>,
        layout: Vec<ColumnId>,
    ) -> Stage {
        let renamed = keys
            .iter()
            .zip(&layout)
            .filter_map(|(key, id)| Some((*id, *input.layout.get(key.column()?)?)))
            .collect();
        let spec = Arc::new(Spec { keys, calls, types });
        let operator =
            Self { input: input.operator, spec, renamed, depth: 0, result: Mutex::default() };
        Stage { operator: Box::new(operator), layout }
    }

    fn result(&self, run: &Run) -> Result<Arc<Done>, ExecError> {
        let mut result = self.result.lock();
        if let Some(done) = &*result {
            return Ok(Arc::clone(done));
        }
        let done = Arc::new(self.compute(run)?);
        *result = Some(Arc::clone(&done));
        Ok(done)
    }

    fn compute(&self, run: &Run) -> Result<Done, ExecError> {
        let keys: Vec<&Scalar> = self.spec.keys.iter().collect();
        let left = Mutex::new(Vec::new());
        let workers = consume(
            self.input.as_ref(),
            run,
            || Worker::new(&keys, &self.spec.calls, run),
            |worker: &mut Worker<'_>, batch| {
                if self.depth >= DEPTH_MAX {
                    worker.feed(&batch)?;
                    return Ok(Flow::More);
                }
                let Some(rest) = worker.feed_within(&batch)? else { return Ok(Flow::More) };
                left.lock().push(rest);
                Ok(Flow::Stop)
            },
        )?;
        let mut rest = Rest::default();
        let Some(mut groups) = Worker::join(workers, run)? else {
            return Ok(Done { rows: Rows::new(Vec::new()), rest: Mutex::new(rest) });
        };
        let left = left.into_inner();
        if !left.is_empty() {
            rest.waiting = self.freeze(&mut groups, left, run)?;
        }
        Ok(Done { rows: Rows::new(vec![groups.finish()?]), rest: Mutex::new(rest) })
    }

    /// Feeds the remaining rows to the groups that there are; the rows of others go to disk.
    fn freeze(
        &self,
        groups: &mut Worker<'_>,
        left: Vec<Batch>,
        run: &Run,
    ) -> Result<Vec<Partition>, ExecError> {
        groups.freeze();
        let key_types: Vec<ScalarType> = self.spec.keys.iter().map(Scalar::ty).collect();
        let mut partitions = Partitions::new(&self.spec.types, &key_types, self.depth, run)?;
        for batch in left.iter().filter(|batch| batch.rows > 0) {
            groups.feed_known(batch, &mut partitions)?;
        }
        drop(left);
        while let Some(batch) = self.input.next(run)? {
            run.check()?;
            groups.feed_known(&batch, &mut partitions)?;
        }
        partitions.finish()
    }

    /// Groups of the partitions on disk.
    fn next_on_disk(&self, rest: &mut Rest, run: &Run) -> Result<Option<Batch>, ExecError> {
        loop {
            if let Some(current) = &rest.current {
                if let Some(batch) = current.next(run)? {
                    return Ok(Some(batch));
                }
                rest.current = None;
            }
            let Some(partition) = rest.waiting.pop() else { return Ok(None) };
            if partition.estimate() > 0.0 {
                rest.current = Some(Self {
                    input: Box::new(partition),
                    spec: Arc::clone(&self.spec),
                    renamed: Vec::new(),
                    depth: self.depth + 1,
                    result: Mutex::default(),
                });
            }
        }
    }
}

impl Operator for Aggregate {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.result(run).map(|_| ())
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        let done = self.result(run)?;
        if let Some(batch) = done.rows.next(run)? {
            return Ok(Some(batch));
        }
        self.next_on_disk(&mut done.rest.lock(), run)
    }

    fn ordered(&self) -> bool {
        self.input.ordered()
    }

    fn estimate(&self) -> f64 {
        match (&*self.result.lock(), self.spec.keys.is_empty()) {
            (Some(done), _) => done.rows.estimate(),
            (None, true) => 1.0,
            (None, false) => self.input.estimate().powf(0.75),
        }
    }

    fn restrict(&self, column: ColumnId, values: &Arc<Vec<Value>>, run: &Run) {
        if let Some((_, below)) = self.renamed.iter().find(|(id, _)| *id == column) {
            self.input.restrict(*below, values, run);
        }
    }
}
