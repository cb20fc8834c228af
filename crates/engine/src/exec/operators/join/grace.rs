//! A join whose built side does not fit: both sides go to disk in partitions by key, which are then joined one by one.

use std::sync::Arc;

use model::Batch;
use parking_lot::Mutex;

use super::{Join, Roles, Side};
use crate::exec::ExecError;
use crate::exec::eval::project;
use crate::exec::operator::Operator;
use crate::exec::partition::{DEPTH_MAX, Partition, Partitions};
use crate::exec::run::Run;

/// Partitions yet to be joined, and the one under way.
pub(super) struct Grace(Mutex<State>);

struct State {
    waiting: Vec<(Partition, Partition)>,
    current: Option<Join>,
}

impl Grace {
    /// Partitions both sides; `held` are rows of the built side that were read already.
    pub(super) fn new(
        join: &Join,
        roles: Roles,
        held: Vec<Batch>,
        build: &dyn Operator,
        probe: &dyn Operator,
        run: &Run,
    ) -> Result<Self, ExecError> {
        if join.depth >= DEPTH_MAX || join.spec.left.keys.is_empty() {
            return Err(ExecError::ResourceLimit(format!(
                "a join needs more than the {} MB of memory that a query may use: too many rows have the same key; \
                 filter or summarize the smaller side, or join on more columns",
                run.memory.max() >> 20
            )));
        }
        let mut built = Writing::new(join.built_side(roles), join.depth, run)?;
        for batch in &held {
            built.write(batch, run)?;
        }
        drop(held);
        built.drain(build, run)?;
        probe.prepare(run)?;
        let mut probed = Writing::new(join.probing_side(roles), join.depth, run)?;
        probed.drain(probe, run)?;
        let built = built.partitions.finish()?;
        let pairs = built.into_iter().zip(probed.partitions.finish()?);
        let waiting = pairs.map(|(b, p)| if roles.build_left { (b, p) } else { (p, b) }).collect();
        Ok(Self(Mutex::new(State { waiting, current: None })))
    }

    /// More rows, from the partition under way or the next one.
    pub(super) fn next(&self, join: &Join, run: &Run) -> Result<Option<Batch>, ExecError> {
        let mut state = self.0.lock();
        loop {
            run.check()?;
            if let Some(current) = &state.current {
                if let Some(batch) = current.next(run)? {
                    return Ok(Some(batch));
                }
                state.current = None;
            }
            let Some((left, right)) = state.waiting.pop() else { return Ok(None) };
            state.current = Some(Join::new(
                Arc::clone(&join.spec),
                Arc::new(left),
                Arc::new(right),
                join.depth + 1,
            ));
        }
    }
}

/// One side's rows, partitioned by its keys.
struct Writing<'a> {
    side: &'a Side,
    partitions: Partitions,
}

impl<'a> Writing<'a> {
    fn new(side: &'a Side, depth: usize, run: &Run) -> Result<Self, ExecError> {
        let partitions = Partitions::new(&side.types, &side.key_types(), depth, run)?;
        Ok(Self { side, partitions })
    }

    fn write(&mut self, batch: &Batch, run: &Run) -> Result<(), ExecError> {
        let keys = project(&self.side.keys, batch, run.context())?.columns;
        self.partitions.write(batch, &keys, run)
    }

    fn drain(&mut self, input: &dyn Operator, run: &Run) -> Result<(), ExecError> {
        while let Some(batch) = input.next(run)? {
            run.check()?;
            self.write(&batch, run)?;
        }
        Ok(())
    }
}
