//! The window functions themselves, each over the whole input.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, UInt32Array};
use model::rows::cell;
use model::{Batch, ColumnBuilder};
use values::{DateTime, ScalarType, Value};

use super::Call;
use crate::exec::{ExecError, columns};
use crate::plan::WindowKind;

/// The column that a call gives.
pub(super) fn compute(call: &Call, args: &Batch) -> Result<ArrayRef, ExecError> {
    match call.kind {
        WindowKind::Prev => shifted(call, args, -1),
        WindowKind::Next => shifted(call, args, 1),
        WindowKind::RowNumber => Ok(row_number(call, args)),
        WindowKind::RowCumSum => Ok(row_cumsum(call, args)),
        WindowKind::RowRankDense => Ok(row_rank(call, args, true)),
        WindowKind::RowRankMin => Ok(row_rank(call, args, false)),
        WindowKind::RowWindowSession => Ok(row_window_session(call, args)),
    }
}

/// The arguments by row.
struct Args<'a> {
    call: &'a Call,
    batch: &'a Batch,
}

impl Args<'_> {
    fn get(&self, at: usize, row: usize) -> Value {
        match (self.batch.columns.get(at), self.call.args.get(at)) {
            (Some(column), Some(arg)) => cell(column, arg.ty(), row),
            _ => Value::Null,
        }
    }

    fn long(&self, at: usize, row: usize) -> Option<i64> {
        match self.get(at, row) {
            Value::DateTime(v) => Some(v.ticks()),
            Value::TimeSpan(v) => Some(v.ticks()),
            v => v.as_i64(),
        }
    }

    /// True where a bool argument is; absent is false.
    fn flag(&self, at: usize) -> impl Fn(usize) -> bool + '_ {
        let bools = self.batch.columns.get(at).and_then(|c| c.as_boolean_opt());
        move |row| bools.is_some_and(|b| b.is_valid(row) && b.value(row))
    }
}

/// The value some rows away; the default beyond the ends.
fn shifted(call: &Call, batch: &Batch, sign: i64) -> Result<ArrayRef, ExecError> {
    let args = Args { call, batch };
    let Some(column) = batch.columns.first() else {
        return Ok(columns::nulls(call.ty, batch.rows));
    };
    let rows = i64::try_from(batch.rows).unwrap_or(i64::MAX);
    let source = |row: usize| {
        let offset = if call.args.len() > 1 { args.long(1, row)? } else { 1 };
        let from = i64::try_from(row).ok()?.saturating_add(offset.saturating_mul(sign));
        u32::try_from(from).ok().filter(|_| from < rows)
    };
    let indices: UInt32Array = (0..batch.rows).map(source).collect();
    if call.args.len() < 3 {
        return columns::take_column(column, &indices);
    }
    let mut builder = ColumnBuilder::new(call.ty, batch.rows);
    for row in 0..batch.rows {
        builder.push(&if indices.is_null(row) {
            args.get(2, row)
        } else {
            args.get(0, indices.value(row) as usize)
        });
    }
    Ok(builder.finish())
}

fn row_number(call: &Call, batch: &Batch) -> ArrayRef {
    let args = Args { call, batch };
    let restart = args.flag(1);
    let start =
        if call.args.is_empty() || batch.rows == 0 { 1 } else { args.long(0, 0).unwrap_or(1) };
    let mut builder = ColumnBuilder::new(ScalarType::Long, batch.rows);
    let mut number = start;
    for row in 0..batch.rows {
        if row > 0 {
            number = if restart(row) { start } else { number.wrapping_add(1) };
        }
        builder.push(&Value::Long(number));
    }
    builder.finish()
}

fn row_cumsum(call: &Call, batch: &Batch) -> ArrayRef {
    let args = Args { call, batch };
    let restart = args.flag(1);
    let mut builder = ColumnBuilder::new(call.ty, batch.rows);
    let mut sum = Value::Long(0).cast(call.ty);
    for row in 0..batch.rows {
        if restart(row) {
            sum = Value::Long(0).cast(call.ty);
        }
        sum = add(sum, args.get(0, row));
        builder.push(&sum.cast(call.ty));
    }
    builder.finish()
}

/// A sum of two numbers of one type; null adds nothing.
fn add(sum: Value, term: Value) -> Value {
    match (&sum, &term) {
        (_, Value::Null) => sum,
        (Value::Null, _) => term,
        (Value::Real(a), b) => b.as_f64().map_or(sum.clone(), |b| Value::Real(a + b)),
        (Value::Decimal(a), Value::Decimal(b)) => {
            a.checked_add(*b).map_or(Value::Null, Value::Decimal)
        }
        (Value::TimeSpan(a), Value::TimeSpan(b)) => {
            a.checked_add(*b).map_or(Value::Null, Value::TimeSpan)
        }
        (a, b) => match (a.as_i64(), b.as_i64()) {
            (Some(a), Some(b)) => Value::Long(a.wrapping_add(b)),
            _ => sum,
        },
    }
}

/// Ranks of runs of equal terms: 1, 2, 3 or by the number of their first row.
fn row_rank(call: &Call, batch: &Batch, dense: bool) -> ArrayRef {
    let args = Args { call, batch };
    let restart = args.flag(1);
    let mut builder = ColumnBuilder::new(ScalarType::Long, batch.rows);
    let (mut rank, mut number) = (0_i64, 0_i64);
    let mut last: Option<Value> = None;
    for row in 0..batch.rows {
        if restart(row) {
            (rank, number, last) = (0, 0, None);
        }
        number += 1;
        let term = args.get(0, row);
        if last.as_ref().is_none_or(|l| l.total_cmp(&term).is_ne()) {
            rank = if dense { rank + 1 } else { number };
            last = Some(term);
        }
        builder.push(&Value::Long(rank));
    }
    builder.finish()
}

/// The start of the session that a row belongs to: a new one begins too far from its first row or from the row before.
fn row_window_session(call: &Call, batch: &Batch) -> ArrayRef {
    let args = Args { call, batch };
    let restart = args.flag(3);
    let mut builder = ColumnBuilder::new(ScalarType::DateTime, batch.rows);
    let (mut first, mut before) = (None::<i64>, None::<i64>);
    for row in 0..batch.rows {
        let Some(at) = args.long(0, row) else {
            builder.push_null();
            continue;
        };
        let far = |from: Option<i64>, limit: usize| {
            let limit = args.long(limit, row).unwrap_or(i64::MAX);
            from.is_none_or(|from| at.saturating_sub(from) > limit)
        };
        if restart(row) || far(first, 1) || far(before, 2) {
            first = Some(at);
        }
        before = Some(at);
        builder.push(&first.map_or(Value::Null, |t| Value::DateTime(DateTime::from_ticks(t))));
    }
    builder.finish()
}
