//! One worker's groups and states.

use arrow_array::{ArrayRef, UInt32Array};
use arrow_buffer::BooleanBuffer;
use model::Batch;
use values::{ScalarType, Value};

use super::CompiledCall;
use crate::aggregates::{AggregateInput, GroupStates};
use crate::exec::eval::{Input, Scalar};
use crate::exec::groups::{Grouper, MISSING};
use crate::exec::partition::Partitions;
use crate::exec::run::{Account, Run};
use crate::exec::{ExecError, columns};

/// Groups and states being fed.
pub(crate) struct Worker<'a> {
    keys: Vec<&'a Scalar>,
    calls: &'a [CompiledCall],
    run: &'a Run,
    grouper: Grouper,
    states: Vec<Box<dyn GroupStates>>,
    account: Account<'a>,
    /// Bytes that may be held even where the run is over its budget.
    allowed: usize,
}

/// Rows taken in between two looks at the memory: a part of the budget, at so many bytes a row.
const BYTES_A_ROW: usize = 1024;
const ROWS_MIN: usize = 256;

impl<'a> Worker<'a> {
    pub(crate) fn new(
        keys: &[&'a Scalar],
        calls: &'a [CompiledCall],
        run: &'a Run,
    ) -> Result<Self, ExecError> {
        let types: Vec<ScalarType> = keys.iter().map(|k| k.ty()).collect();
        let states = calls.iter().map(|call| start(call, run)).collect::<Result<_, _>>()?;
        Ok(Self {
            keys: keys.to_vec(),
            calls,
            run,
            grouper: Grouper::new(&types),
            states,
            account: run.memory.account(),
            allowed: 0,
        })
    }

    fn keys(&self, batch: &Batch) -> Result<Vec<ArrayRef>, ExecError> {
        let input = Input::of(batch);
        let key =
            |e: &&Scalar| Ok(e.eval(&input, self.run.context())?.into_array(e.ty(), batch.rows));
        self.keys.iter().map(key).collect()
    }

    /// Takes in rows.
    pub(crate) fn feed(&mut self, batch: &Batch) -> Result<(), ExecError> {
        let keys = self.keys(batch)?;
        let groups = self.grouper.number(&keys, batch.rows)?;
        self.update(batch, &groups)
    }

    /// Takes in rows as long as there is memory for more groups; gives back those that it did not get to.
    pub(crate) fn feed_within(&mut self, batch: &Batch) -> Result<Option<Batch>, ExecError> {
        let step = (self.run.memory.max() / BYTES_A_ROW).max(ROWS_MIN);
        let mut from = 0;
        while from < batch.rows {
            let rows = step.min(batch.rows - from);
            self.feed(&batch.slice(from, rows))?;
            from += rows;
            if self.scarce() {
                return Ok(Some(batch.slice(from, batch.rows - from)));
            }
        }
        Ok(None)
    }

    /// True once groups should not become more: the run is short of memory, and these groups have their share in it.
    fn scarce(&self) -> bool {
        !self.keys.is_empty()
            && self.account.crowded()
            && self.account.held() >= self.run.memory.max() / 16
    }

    /// Says that there will be no further groups. What those held need while they are put together may go over the
    /// budget by a little.
    pub(crate) fn freeze(&mut self) {
        self.allowed = self.bytes() + self.run.memory.max() / 4;
    }

    /// Takes in the rows of groups that are known; the others go to `rest`.
    pub(crate) fn feed_known(
        &mut self,
        batch: &Batch,
        rest: &mut Partitions,
    ) -> Result<(), ExecError> {
        let keys = self.keys(batch)?;
        let groups = self.grouper.find(&keys, batch.rows, &mut Vec::new())?;
        let known: BooleanBuffer = groups.iter().map(|g| *g != MISSING).collect();
        let found = known.count_set_bits();
        if found == batch.rows {
            return self.update(batch, &groups);
        }
        if found > 0 {
            let groups: Vec<u32> = groups.iter().copied().filter(|g| *g != MISSING).collect();
            self.update(&columns::filter(batch, &known)?, &groups)?;
        }
        let rows = UInt32Array::from_iter_values((!&known).set_indices_u32());
        let keys =
            keys.iter().map(|k| columns::take_column(k, &rows)).collect::<Result<Vec<_>, _>>()?;
        rest.write(&columns::take(batch, &rows)?, &keys, self.run)
    }

    /// Feeds the states with rows of these groups.
    fn update(&mut self, batch: &Batch, groups: &[u32]) -> Result<(), ExecError> {
        let input = Input::of(batch);
        let context = self.run.context();
        let column = |e: &Scalar| -> Result<ArrayRef, ExecError> {
            Ok(e.eval(&input, context)?.into_array(e.ty(), batch.rows))
        };
        let count = self.grouper.count();
        let all: Vec<u32> = (0..u32::try_from(batch.rows).unwrap_or(u32::MAX)).collect();
        for (call, state) in self.calls.iter().zip(&mut self.states) {
            let args = call.args.iter().map(column).collect::<Result<Vec<_>, _>>()?;
            let Some(filter) = &call.filter else {
                state.update(&args, &all, groups, count)?;
                continue;
            };
            let rows: Vec<u32> = filter.truth(batch, context)?.set_indices_u32().collect();
            let picked: Vec<u32> =
                rows.iter().filter_map(|row| groups.get(*row as usize).copied()).collect();
            state.update(&args, &rows, &picked, count)?;
        }
        let held = self.bytes();
        if !self.account.set(held) && held > self.allowed {
            let advice = "group by fewer or coarser columns, or collect fewer values";
            return Err(self.account.refuse("summarize", advice));
        }
        Ok(())
    }

    /// Several workers' groups in one.
    pub(crate) fn join(workers: Vec<Self>, run: &Run) -> Result<Option<Self>, ExecError> {
        let mut workers = workers.into_iter();
        let Some(mut first) = workers.next() else { return Ok(None) };
        for other in workers {
            run.check()?;
            first.merge(other)?;
        }
        Ok(Some(first))
    }

    /// Takes over another worker's groups.
    fn merge(&mut self, other: Self) -> Result<(), ExecError> {
        let keys = other.grouper.keys()?;
        let groups = self.grouper.number(&keys, other.grouper.count())?;
        let count = self.grouper.count();
        for (mine, theirs) in self.states.iter_mut().zip(other.states) {
            mine.merge(theirs, &groups, count)?;
        }
        self.account.set(self.bytes());
        Ok(())
    }

    /// The groups as rows: keys, then results.
    pub(crate) fn finish(self) -> Result<Batch, ExecError> {
        let count = self.grouper.count();
        let mut columns = self.grouper.keys()?;
        for state in self.states {
            columns.extend(state.finish(count)?);
        }
        Ok(Batch { columns, rows: count })
    }

    fn bytes(&self) -> usize {
        self.grouper.bytes() + self.states.iter().map(|s| s.bytes()).sum::<usize>()
    }
}

/// Fresh states of a call.
fn start(call: &CompiledCall, run: &Run) -> Result<Box<dyn GroupStates>, ExecError> {
    let types: Vec<ScalarType> = call.args.iter().map(Scalar::ty).collect();
    let constants: Vec<Option<Value>> = call.args.iter().map(|a| a.literal().cloned()).collect();
    let input = AggregateInput {
        types: &types,
        constants: &constants,
        results: &call.results,
        context: run.context(),
    };
    Ok((call.aggregate.start)(&input)?)
}
