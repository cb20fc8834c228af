//! Rows and time of each step, where a query is asked to explain itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use model::Batch;
use parking_lot::Mutex;
use values::Value;

use super::ExecError;
use super::operator::{Operator, Stage};
use super::operators::Bound;
use super::run::Run;
use crate::plan::{self, ColumnId, Node};
use crate::source::Counters;

/// What the steps of a run did, by the plan's nodes.
#[derive(Debug, Default)]
pub struct Measures {
    steps: Mutex<HashMap<usize, Arc<Measure>>>,
    scans: Mutex<HashMap<usize, Arc<Counters>>>,
}

/// What one step did.
#[derive(Debug, Default)]
pub struct Measure {
    rows: AtomicU64,
    nanoseconds: AtomicU64,
}

impl Measure {
    /// Rows handed to the step above.
    pub fn rows(&self) -> u64 {
        self.rows.load(Ordering::Relaxed)
    }

    /// Time of all workers in this step and those below it.
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }

    fn timed<T>(&self, work: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = work();
        let spent = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(spent, Ordering::Relaxed);
        result
    }
}

impl Measures {
    /// What the step of a node did; none where it did not run as a step of its own.
    pub fn step(&self, node: &Node) -> Option<Arc<Measure>> {
        self.steps.lock().get(&address(node)).cloned()
    }

    /// What a scan counted.
    pub fn scan(&self, scan: &plan::Scan) -> Option<Arc<Counters>> {
        self.scans.lock().get(&address(scan)).cloned()
    }

    /// Where the scan at this address counts.
    pub(crate) fn counters(&self, scan: usize) -> Arc<Counters> {
        Arc::clone(self.scans.lock().entry(scan).or_default())
    }

    /// What all scans counted, into one; nothing is measured any more after it.
    pub(crate) fn finish(&self, counters: &Counters) {
        let read = |c: &AtomicU64| c.load(Ordering::Relaxed);
        self.steps.lock().clear();
        for (_, scan) in self.scans.lock().drain() {
            Counters::add(&counters.segments, read(&scan.segments));
            Counters::add(&counters.segments_pruned, read(&scan.segments_pruned));
            Counters::add(&counters.rows_read, read(&scan.rows_read));
        }
    }

    /// The stage, watched.
    pub(crate) fn watch(&self, node: &Node, stage: Stage) -> Stage {
        let measure = Arc::clone(self.steps.lock().entry(address(node)).or_default());
        Stage {
            operator: Box::new(Watched { inner: stage.operator, measure }),
            layout: stage.layout,
        }
    }
}

/// What tells one part of a plan from another while the plan is alive.
pub(crate) fn address<T>(part: &T) -> usize {
    std::ptr::from_ref(part).addr()
}

struct Watched {
    inner: Box<dyn Operator>,
    measure: Arc<Measure>,
}

impl Operator for Watched {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.measure.timed(|| self.inner.prepare(run))
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        let batch = self.measure.timed(|| self.inner.next(run))?;
        let rows = batch.as_ref().map_or(0, |b| b.rows as u64);
        self.measure.rows.fetch_add(rows, Ordering::Relaxed);
        Ok(batch)
    }

    fn ordered(&self) -> bool {
        self.inner.ordered()
    }

    fn estimate(&self) -> f64 {
        self.inner.estimate()
    }

    fn restrict(&self, column: ColumnId, values: &Arc<Vec<Value>>, run: &Run) {
        self.inner.restrict(column, values, run);
    }

    fn bound(&self, column: ColumnId, bound: &Arc<Bound>) {
        self.inner.bound(column, bound);
    }
}
