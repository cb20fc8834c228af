//! Plans computed once and read several times: `materialize`, `as`, `toscalar`, `in (T | ...)`.

use std::collections::HashMap;
use std::sync::Arc;

use model::Batch;
use parking_lot::Mutex;

use super::ExecError;
use super::run::Run;
use crate::plan::Plan;

/// What a shared plan gave.
pub(crate) type SharedRows = Arc<Vec<Batch>>;

/// Results of shared plans, by the plan's address.
#[derive(Default)]
pub(crate) struct SharedResults {
    slots: Mutex<HashMap<usize, Arc<Slot>>>,
}

struct Slot {
    /// Kept alive so that its address stays its own.
    _plan: Arc<Plan>,
    /// Locked while the plan runs: others wait for its result.
    rows: Mutex<Option<SharedRows>>,
}

impl SharedResults {
    /// The rows of a plan, from `compute` the first time.
    pub(crate) fn rows(
        &self,
        plan: &Arc<Plan>,
        compute: impl FnOnce() -> Result<Vec<Batch>, ExecError>,
    ) -> Result<SharedRows, ExecError> {
        let slot =
            Arc::clone(self.slots.lock().entry(Arc::as_ptr(plan) as usize).or_insert_with(|| {
                Arc::new(Slot { _plan: Arc::clone(plan), rows: Mutex::default() })
            }));
        let mut rows = slot.rows.lock();
        if let Some(rows) = &*rows {
            return Ok(Arc::clone(rows));
        }
        let computed = Arc::new(compute()?);
        *rows = Some(Arc::clone(&computed));
        Ok(computed)
    }
}

/// The rows of a plan within a run; its columns in the order of its fields.
pub(crate) fn compute(plan: &Plan, run: &Run) -> Result<Vec<Batch>, ExecError> {
    let stage = super::compile::compile(plan, run)?;
    let rows = super::operator::collect(stage.as_ref(), run)?;
    run.memory.hold(rows.iter().map(super::columns::weight).sum());
    Ok(rows)
}
