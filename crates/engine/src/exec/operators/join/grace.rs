//! A join whose built side does not fit: both sides go to disk in partitions by key, which are then joined one by one.

use std::sync::Arc;

use arrow_array::UInt32Array;
use model::Batch;
use parking_lot::Mutex;

use super::{Join, Roles, Side};
use crate::exec::eval::project;
use crate::exec::groups::hash_rows;
use crate::exec::operator::Operator;
use crate::exec::run::Run;
use crate::exec::spill::{SpillReader, SpillWriter};
use crate::exec::{ExecError, columns};

/// Partitions of one pass.
const PARTITIONS: usize = 16;
/// Passes before it is given up: then one key alone has too many rows.
const DEPTH_MAX: usize = 3;

/// Partitions yet to be joined, and the one under way.
pub(super) struct Grace(Mutex<State>);

struct State {
    waiting: Vec<(SpillReader, SpillReader)>,
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
        let mut built = Partitions::new(join.built_side(roles), join.depth, run)?;
        for batch in &held {
            built.write(batch, run)?;
        }
        drop(held);
        built.drain(build, run)?;
        probe.prepare(run)?;
        let mut probed = Partitions::new(join.probing_side(roles), join.depth, run)?;
        probed.drain(probe, run)?;
        let pairs = built.finish()?.into_iter().zip(probed.finish()?);
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
                Arc::new(Partition::new(left)),
                Arc::new(Partition::new(right)),
                join.depth + 1,
            ));
        }
    }
}

/// Files of one side.
struct Partitions<'a> {
    side: &'a Side,
    depth: usize,
    writers: Vec<SpillWriter>,
}

impl<'a> Partitions<'a> {
    fn new(side: &'a Side, depth: usize, run: &Run) -> Result<Self, ExecError> {
        // a file has at least one column
        let types =
            if side.types.is_empty() { &[values::ScalarType::Bool][..] } else { &side.types };
        let writers =
            (0..PARTITIONS).map(|_| SpillWriter::new(types, run)).collect::<Result<_, _>>()?;
        Ok(Self { side, depth, writers })
    }

    fn write(&mut self, batch: &Batch, run: &Run) -> Result<(), ExecError> {
        let keys = project(&self.side.keys, batch, run.context())?.columns;
        let hashes = hash_rows(&keys, &self.side.key_types(), batch.rows, self.depth as u64 + 1)?;
        let mut rows: Vec<Vec<u32>> = vec![Vec::new(); PARTITIONS];
        for (row, hash) in (0_u32..).zip(hashes) {
            if let Some(partition) = rows.get_mut((hash >> 32) as usize % PARTITIONS) {
                partition.push(row);
            }
        }
        for (writer, rows) in self.writers.iter_mut().zip(rows) {
            if !rows.is_empty() {
                writer.write(&columns::take(batch, &UInt32Array::from(rows))?, run)?;
            }
        }
        Ok(())
    }

    fn drain(&mut self, input: &dyn Operator, run: &Run) -> Result<(), ExecError> {
        while let Some(batch) = input.next(run)? {
            run.check()?;
            self.write(&batch, run)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<SpillReader>, ExecError> {
        self.writers.into_iter().map(SpillWriter::finish).collect()
    }
}

/// One partition of one side.
struct Partition {
    rows: f64,
    reader: Mutex<SpillReader>,
}

impl Partition {
    fn new(reader: SpillReader) -> Self {
        Self { rows: reader.rows() as f64, reader: Mutex::new(reader) }
    }
}

impl Operator for Partition {
    fn prepare(&self, _run: &Run) -> Result<(), ExecError> {
        Ok(())
    }

    fn next(&self, _run: &Run) -> Result<Option<Batch>, ExecError> {
        self.reader.lock().next()
    }

    fn estimate(&self) -> f64 {
        self.rows
    }
}
