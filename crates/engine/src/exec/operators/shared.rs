//! Rows of a plan that several places read.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::Batch;
use parking_lot::Mutex;

use super::project::pick;
use super::scan::REFUSED;
use crate::exec::ExecError;
use crate::exec::compile::inputs;
use crate::exec::operator::{Operator, Stage};
use crate::exec::run::Run;
use crate::exec::shared::{SharedRows, compute};
use crate::plan::{ColumnId, Node, Plan};

/// One reading of a shared plan.
pub(crate) struct Shared {
    plan: Arc<Plan>,
    positions: Vec<usize>,
    rows: Mutex<Option<SharedRows>>,
    next: AtomicUsize,
}

impl Shared {
    pub(crate) fn stage(plan: &Arc<Plan>, positions: Vec<usize>, layout: Vec<ColumnId>) -> Stage {
        let operator = Self {
            plan: Arc::clone(plan),
            positions,
            rows: Mutex::default(),
            next: AtomicUsize::new(0),
        };
        Stage { operator: Box::new(operator), layout }
    }

    fn rows(&self, run: &Run) -> Result<SharedRows, ExecError> {
        let mut rows = self.rows.lock();
        if let Some(rows) = &*rows {
            return Ok(Arc::clone(rows));
        }
        let computed = run.shared.rows(&self.plan, || compute(&self.plan, run))?;
        *rows = Some(Arc::clone(&computed));
        Ok(computed)
    }
}

impl Operator for Shared {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.rows(run).map(|_| ())
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        let rows = self.rows(run)?;
        Ok(rows.get(self.next.fetch_add(1, Ordering::Relaxed)).map(|b| pick(b, &self.positions)))
    }

    fn estimate(&self) -> f64 {
        self.rows.lock().as_ref().map_or_else(
            || if refused(&self.plan, &mut HashSet::new()) { REFUSED } else { 1e5 },
            |rows| rows.iter().map(|b| b.rows).sum::<usize>() as f64,
        )
    }
}

/// True where a plan reads rows that may not be read. Parts that stand in it several times are looked at once.
fn refused(plan: &Plan, seen: &mut HashSet<*const Node>) -> bool {
    if !seen.insert(Arc::as_ptr(&plan.node)) {
        return false;
    }
    match &*plan.node {
        Node::Scan(scan) => scan.table.refused(),
        node => inputs(node).into_iter().any(|input| refused(input, seen)),
    }
}
