//! One worker's rows on their way into order.

use arrow_array::{ArrayRef, UInt32Array};
use model::Batch;
use parking_lot::Mutex;

use super::keys::{Encoder, order, prefixes};
use super::merge::{Merge, Run as SortedRun};
use super::{Rows, Sorted, Spec};
use crate::exec::eval::Input;
use crate::exec::run::{Account, Run};
use crate::exec::spill::{SpillReader, SpillWriter};
use crate::exec::{ExecError, columns};

/// With a limit up to this, only the best rows so far are kept.
const TOP_MAX: usize = 200_000;
/// Rows of a batch on disk.
const DISK_MORSEL: usize = 8 * 1024;

pub(super) struct Worker<'a> {
    spec: &'a Spec,
    run: &'a Run,
    batches: Vec<Batch>,
    rows: usize,
    spilled: Vec<SpillReader>,
    /// The first key of the last row that can still be among the best.
    bound: Option<u64>,
    account: Account<'a>,
}

impl<'a> Worker<'a> {
    pub(super) fn new(spec: &'a Spec, run: &'a Run) -> Self {
        Self {
            spec,
            run,
            batches: Vec::new(),
            rows: 0,
            spilled: Vec::new(),
            bound: None,
            account: run.memory.account(),
        }
    }

    pub(super) fn feed(&mut self, batch: Batch) -> Result<(), ExecError> {
        let batch = self.with_keys(batch)?;
        if let Some(limit) = self.spec.limit.filter(|l| *l <= TOP_MAX) {
            return self.feed_top(&batch, limit);
        }
        self.keep(batch)?;
        if self.account.held() > 0 && self.account.over() { self.spill() } else { Ok(()) }
    }

    fn keep(&mut self, batch: Batch) -> Result<(), ExecError> {
        let batch = columns::compact(batch)?;
        self.account.grow(columns::weight(&batch));
        self.rows += batch.rows;
        self.batches.push(batch);
        Ok(())
    }

    /// Keeps the best rows of a batch, and now and then only the best of all.
    fn feed_top(&mut self, batch: &Batch, limit: usize) -> Result<(), ExecError> {
        let mut best = batch.clone();
        if let (Some(bound), Some(prefixes)) = (self.bound, prefixes(&batch.columns, self.spec)?) {
            let near = (0..).zip(prefixes).filter(|(_, p)| *p <= bound).map(|(row, _)| row);
            let near: Vec<u32> = near.collect();
            if near.is_empty() {
                return Ok(());
            }
            if near.len() < batch.rows {
                best = columns::take(batch, &UInt32Array::from(near))?;
            }
        }
        if best.rows > limit {
            let order = UInt32Array::from(order(&best.columns, best.rows, self.spec)?);
            best = columns::take(&best, &order)?;
        }
        self.keep(best)?;
        if self.rows > limit.saturating_mul(4) + 1024 { self.shrink() } else { Ok(()) }
    }

    /// The batch with its computed keys behind.
    fn with_keys(&self, mut batch: Batch) -> Result<Batch, ExecError> {
        let computed = {
            let input = Input::of(&batch);
            let context = self.run.context();
            let column = |e: &crate::exec::eval::Scalar| -> Result<ArrayRef, ExecError> {
                Ok(e.eval(&input, context)?.into_array(e.ty(), batch.rows))
            };
            self.spec.computed.iter().map(column).collect::<Result<Vec<_>, _>>()?
        };
        batch.columns.extend(computed);
        Ok(batch)
    }

    /// Everything held, as one sorted batch cut at the limit.
    fn sorted(&mut self) -> Result<Batch, ExecError> {
        let all = columns::concat(&self.batches, &self.spec.types)?;
        self.batches.clear();
        self.rows = 0;
        let order = UInt32Array::from(order(&all.columns, all.rows, self.spec)?);
        columns::take(&all, &order)
    }

    /// Keeps the best rows only.
    fn shrink(&mut self) -> Result<(), ExecError> {
        let best = columns::compact(self.sorted()?)?;
        self.account.set(columns::weight(&best));
        self.rows = best.rows;
        if self.spec.limit == Some(best.rows) {
            self.bound = prefixes(&best.columns, self.spec)?.and_then(|p| p.last().copied());
        }
        self.batches.push(best);
        Ok(())
    }

    /// Moves everything held to disk, sorted.
    fn spill(&mut self) -> Result<(), ExecError> {
        let sorted = self.sorted()?;
        let mut writer = SpillWriter::new(&self.spec.types, self.run)?;
        for start in (0..sorted.rows).step_by(DISK_MORSEL) {
            self.run.check()?;
            writer.write(&sorted.slice(start, DISK_MORSEL.min(sorted.rows - start)), self.run)?;
        }
        self.spilled.push(writer.finish()?);
        self.account.set(0);
        Ok(())
    }
}

/// The workers' rows in one order.
pub(super) fn finish(
    workers: Vec<Worker<'_>>,
    spec: &Spec,
    run: &Run,
) -> Result<Sorted, ExecError> {
    let spilled = workers.iter().any(|w| !w.spilled.is_empty());
    if !spilled {
        let batches: Vec<Batch> = workers.into_iter().flat_map(|w| w.batches).collect();
        let all = columns::concat(&batches, &spec.types)?;
        drop(batches);
        let order = UInt32Array::from(order(&all.columns, all.rows, spec)?);
        let kept =
            Batch { columns: all.columns.into_iter().take(spec.width).collect(), rows: all.rows };
        return Ok(Sorted::Memory(Rows::new(vec![columns::take(&kept, &order)?])));
    }
    let mut runs = Vec::new();
    for mut worker in workers {
        if worker.rows > 0 {
            runs.push(SortedRun::of_batch(worker.sorted()?));
        }
        runs.extend(worker.spilled.drain(..).map(SortedRun::of_disk));
    }
    let encoder = Encoder::new(&spec.keys)?;
    Ok(Sorted::Disk(Mutex::new(Merge::new(runs, encoder, spec, run)?)))
}
