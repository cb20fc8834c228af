//! Rows of several inputs, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::Batch;
use parking_lot::Mutex;
use values::Value;

use super::Bound;
use super::project::pick;
use crate::exec::ExecError;
use crate::exec::operator::{Operator, Stage};
use crate::exec::run::Run;
use crate::plan::ColumnId;

struct Input {
    operator: Box<dyn Operator>,
    positions: Vec<usize>,
    /// Ids of the union's columns in this input.
    ids: Vec<ColumnId>,
    prepared: Mutex<bool>,
}

/// A union. An input is prepared when its turn comes.
pub(crate) struct Union {
    inputs: Vec<Input>,
    layout: Vec<ColumnId>,
    current: AtomicUsize,
}

impl Union {
    /// Of inputs and, for each, the positions of the union's columns.
    pub(crate) fn stage(inputs: Vec<(Stage, Vec<usize>)>, layout: Vec<ColumnId>) -> Stage {
        let inputs = inputs
            .into_iter()
            .map(|(stage, positions)| Input {
                ids: positions.iter().filter_map(|at| stage.layout.get(*at).copied()).collect(),
                operator: stage.operator,
                positions,
                prepared: Mutex::new(false),
            })
            .collect();
        let operator = Self { inputs, layout: layout.clone(), current: AtomicUsize::new(0) };
        Stage { operator: Box::new(operator), layout }
    }
}

impl Input {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        let mut prepared = self.prepared.lock();
        if !*prepared {
            self.operator.prepare(run)?;
            *prepared = true;
        }
        Ok(())
    }
}

impl Operator for Union {
    fn prepare(&self, _run: &Run) -> Result<(), ExecError> {
        Ok(())
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        loop {
            let at = self.current.load(Ordering::Acquire);
            let Some(input) = self.inputs.get(at) else { return Ok(None) };
            input.prepare(run)?;
            if let Some(batch) = input.operator.next(run)? {
                return Ok(Some(pick(&batch, &input.positions)));
            }
            run.check()?;
            // another worker may have moved on already
            let _ = self.current.compare_exchange(at, at + 1, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    fn ordered(&self) -> bool {
        self.inputs.iter().all(|i| i.operator.ordered())
    }

    fn estimate(&self) -> f64 {
        self.inputs.iter().map(|i| i.operator.estimate()).sum()
    }

    fn restrict(&self, column: ColumnId, values: &Arc<Vec<Value>>, run: &Run) {
        let Some(at) = self.layout.iter().position(|id| *id == column) else { return };
        for input in &self.inputs {
            if let Some(id) = input.ids.get(at) {
                input.operator.restrict(*id, values, run);
            }
        }
    }

    fn bound(&self, column: ColumnId, bound: &Arc<Bound>) {
        let Some(at) = self.layout.iter().position(|id| *id == column) else { return };
        for input in &self.inputs {
            if let Some(id) = input.ids.get(at) {
                input.operator.bound(*id, bound);
            }
        }
    }
}
