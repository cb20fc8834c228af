//! Runs plans: steps that pull batches from one another, by several workers where the work is large.
//!
//! Joined on one page: a [`Plan`] is compiled into [`operator::Operator`]s ([`compile`]); steps that need all their input
//! (groups, sorts, the build side of joins) take it with [`operator::consume`], which adds helper threads once the work
//! proves larger than they cost; everything else streams.

pub(crate) mod columns;
mod compile;
mod distinct;
mod eval;
pub(crate) mod groups;
mod measure;
mod operator;
mod operators;
mod partition;
pub(crate) mod parts;
mod run;
mod screen;
mod shared;
mod spill;
#[cfg(test)]
mod tests;
pub mod whole;

use std::sync::Arc;

use model::{Rows, Schema};

use crate::plan::Plan;
use crate::source::SourceError;

pub(crate) use compile::inputs;
pub use measure::{Measure, Measures};
pub(crate) use operators::memory_scan;
pub use run::ExecSettings;
pub(crate) use screen::screen;

/// Why a plan gave no rows.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ExecError {
    /// A function refused its constant arguments, or data made a step impossible.
    #[error("{0}")]
    Evaluation(String),
    /// Memory, generated rows or recursion over the limit.
    #[error("{0}")]
    ResourceLimit(String),
    /// A source failed.
    #[error(transparent)]
    Source(SourceError),
    /// Asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// Ran longer than allowed.
    #[error("timed out")]
    Timeout,
}

impl ExecError {
    /// True where rows may not be read at all, which is no error as long as nobody needs them.
    pub(crate) const fn is_refusal(&self) -> bool {
        matches!(self, Self::Source(SourceError::Refused(_)))
    }
}

/// Which limit cut a result off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exceeded {
    /// [`ExecSettings::rows_max`]
    Rows,
    /// [`ExecSettings::bytes_max`]
    Bytes,
}

/// The rows of a plan.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The rows, cut at the limits.
    pub rows: Rows,
    /// Set where a limit cut them.
    pub exceeded: Option<Exceeded>,
}

/// Runs plans that may share inputs: several results of one query.
pub struct Executor {
    run: run::Run,
}

impl Executor {
    /// An executor for one query.
    pub fn new(settings: ExecSettings) -> Self {
        Self { run: run::Run::new(settings) }
    }

    /// Runs a plan. Inputs shared with plans that ran before (by pointer) are not computed again.
    pub fn run(&self, plan: &Plan) -> Result<Answer, ExecError> {
        let operator = compile::compile(plan, &self.run)?;
        let columns = plan.fields.iter().map(|f| (&*f.name, f.ty));
        let schema = Arc::new(Schema::new(columns));
        let (batches, exceeded) = operator::collect_answer(operator.as_ref(), &self.run)?;
        Ok(Answer { rows: Rows { schema, batches }, exceeded })
    }

    /// All rows of a plan, which other parts of the query stand on: bounded by its memory, not as a result is.
    pub fn rows(&self, plan: &Plan) -> Result<Rows, ExecError> {
        let columns = plan.fields.iter().map(|f| (&*f.name, f.ty));
        let schema = Arc::new(Schema::new(columns));
        Ok(Rows { schema, batches: shared::compute(plan, &self.run)? })
    }
}

/// Runs one plan.
pub fn run(plan: &Plan, settings: ExecSettings) -> Result<Answer, ExecError> {
    Executor::new(settings).run(plan)
}
