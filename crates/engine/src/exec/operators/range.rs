//! `range`: values from one to another by a step.

use std::sync::atomic::{AtomicU64, Ordering};

use model::{Batch, ColumnBuilder};
use values::{DateTime, Decimal, ScalarType, TimeSpan, Value};

use super::rows::MORSEL;
use crate::exec::ExecError;
use crate::exec::operator::{Operator, Stage};
use crate::exec::run::Run;
use crate::plan::Field;

/// Values, counted before the first is made.
pub(crate) struct Range {
    from: Value,
    step: Value,
    ty: ScalarType,
    count: u64,
    next: AtomicU64,
}

impl Range {
    /// `from`, `to` and `step` are of the types that the binder lets through; a null among them gives no rows.
    pub(crate) fn stage(
        from: Value,
        to: &Value,
        step: Value,
        field: &Field,
        run: &Run,
    ) -> Result<Stage, ExecError> {
        let count = count(&from, to, &step)?;
        run.generate(count, "range")?;
        let operator = Self { from, step, ty: field.ty, count, next: AtomicU64::new(0) };
        Ok(Stage { operator: Box::new(operator), layout: vec![field.id] })
    }

    fn value(&self, at: u64) -> Value {
        let at = i64::try_from(at).unwrap_or(i64::MAX);
        let value = match (&self.from, &self.step) {
            (Value::DateTime(from), step) => step_ticks(step)
                .and_then(|s| s.checked_mul(at))
                .and_then(|s| from.ticks().checked_add(s))
                .and_then(DateTime::checked_from_ticks)
                .map(Value::DateTime),
            (Value::TimeSpan(from), step) => step_ticks(step)
                .and_then(|s| s.checked_mul(at))
                .and_then(|s| from.ticks().checked_add(s))
                .map(|t| Value::TimeSpan(TimeSpan::from_ticks(t))),
            (Value::Decimal(from), Value::Decimal(step)) => step
                .checked_mul(Decimal::from_i64(at))
                .and_then(|s| from.checked_add(s))
                .map(Value::Decimal),
            (from, step) => match (from.as_i64(), step.as_i64()) {
                (Some(from), Some(step)) => {
                    step.checked_mul(at).and_then(|s| from.checked_add(s)).map(Value::Long)
                }
                _ => from
                    .as_f64()
                    .zip(step.as_f64())
                    .map(|(from, step)| Value::Real(from + step * at as f64)),
            },
        };
        value.map_or(Value::Null, |v| v.cast(self.ty))
    }
}

fn step_ticks(step: &Value) -> Option<i64> {
    match step {
        Value::TimeSpan(step) => Some(step.ticks()),
        step => step.as_i64(),
    }
}

/// How many values there are.
fn count(from: &Value, to: &Value, step: &Value) -> Result<u64, ExecError> {
    let zero = || ExecError::Evaluation("range: the step must not be 0".to_owned());
    let integers = match (from, to) {
        (Value::DateTime(from), Value::DateTime(to)) => {
            Some((from.ticks(), to.ticks(), step_ticks(step)))
        }
        (Value::TimeSpan(from), Value::TimeSpan(to)) => {
            Some((from.ticks(), to.ticks(), step_ticks(step)))
        }
        _ => match (from.as_i64(), to.as_i64(), step.as_i64()) {
            (Some(from), Some(to), Some(step)) => Some((from, to, Some(step))),
            _ => None,
        },
    };
    if let Some((from, to, step)) = integers {
        let Some(step) = step else { return Ok(0) };
        if step == 0 {
            return Err(zero());
        }
        let span = i128::from(to) - i128::from(from);
        let steps = span / i128::from(step);
        let none = span != 0 && (span < 0) != (step < 0);
        return Ok(if none { 0 } else { u64::try_from(steps + 1).unwrap_or(u64::MAX) });
    }
    let (Some(from), Some(to), Some(step)) = (from.as_f64(), to.as_f64(), step.as_f64()) else {
        return Ok(0);
    };
    if step == 0.0 {
        return Err(zero());
    }
    let steps = ((to - from) / step).floor();
    Ok(if (0.0..1e18).contains(&steps) { steps as u64 + 1 } else { 0 })
}

impl Operator for Range {
    fn prepare(&self, _run: &Run) -> Result<(), ExecError> {
        Ok(())
    }

    fn next(&self, _run: &Run) -> Result<Option<Batch>, ExecError> {
        let start = self.next.fetch_add(MORSEL as u64, Ordering::Relaxed);
        if start >= self.count {
            return Ok(None);
        }
        let end = (start + MORSEL as u64).min(self.count);
        let mut builder = ColumnBuilder::new(self.ty, MORSEL);
        (start..end).for_each(|at| builder.push(&self.value(at)));
        Ok(Some(Batch::new(vec![builder.finish()])))
    }

    fn estimate(&self) -> f64 {
        self.count as f64
    }
}
