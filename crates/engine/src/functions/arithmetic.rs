//! `+ - * / %`. The binder has made the sides fit: numbers alike, or datetimes, timespans and factors.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use values::{DateTime, Decimal, DynamicBuilder, DynamicRef, Kind, ScalarType, TimeSpan, Value};

use super::Function;
use super::call::{Call, Columnar, EvalError};
use super::support::Answer;
use super::zip::{Side, zip, zip_opt};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("+", |c| apply(c, Operator::Add)),
    Function::new("-", |c| apply(c, Operator::Subtract)),
    Function::new("*", |c| apply(c, Operator::Multiply)),
    Function::new("/", |c| apply(c, Operator::Divide)),
    Function::new("%", |c| apply(c, Operator::Modulo)),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

use Operator::{Add, Divide, Modulo, Multiply, Subtract};
use ScalarType::{DateTime as Instant, Long, Real, TimeSpan as Length};

fn apply(call: &Call<'_>, operator: Operator) -> Answer {
    let types = (call.types.first().copied(), call.types.get(1).copied());
    let (Some(left), Some(right)) = types else {
        return Err(EvalError::new("two operands are needed"));
    };
    match (left, right) {
        (Long, Long) => longs(call, operator),
        (Real, Real) => reals(call, operator),
        (Length | Instant, Length | Instant) if operator == Divide => {
            let (a, b) = (ticks(call, 0)?, ticks(call, 1)?);
            Ok(Columnar::Array(zip::<_, _, Float64Type>(call.rows, a, b, |a, b| {
                a as f64 / b as f64
            })))
        }
        (Length, Length) => longs_checked(call, operator),
        (Length, Long) | (Long, Length) => longs_checked(call, operator),
        (Length, Real) => scaled(call, 0, 1, operator),
        (Real, Length) => scaled(call, 1, 0, operator),
        (Instant, Instant | Length) if operator == Modulo => longs_checked(call, Modulo),
        (Instant, Instant) if operator == Subtract => longs_checked(call, Subtract),
        (Instant | Length, Instant) | (Instant, Length) => instants(call, operator),
        _ => call.values(|row| slow(&call.value(0, row), &call.value(1, row), operator)),
    }
}

fn ticks<'c>(call: &'c Call<'_>, index: usize) -> Result<Side<'c, Int64Type>, EvalError> {
    match call.args.get(index) {
        Some(Columnar::Array(a)) => a
            .as_primitive_opt()
            .map(Side::Column)
            .ok_or_else(|| EvalError::new(format!("operand {} is no number", index + 1))),
        Some(Columnar::Scalar(value)) => Ok(Side::One(match value {
            Value::DateTime(v) => Some(v.ticks()),
            Value::TimeSpan(v) => Some(v.ticks()),
            v => v.as_i64(),
        })),
        None => Err(EvalError::new("two operands are needed")),
    }
}

fn doubles<'c>(call: &'c Call<'_>, index: usize) -> Result<Side<'c, Float64Type>, EvalError> {
    match call.args.get(index) {
        Some(Columnar::Array(a)) => a
            .as_primitive_opt()
            .map(Side::Column)
            .ok_or_else(|| EvalError::new(format!("operand {} is no real", index + 1))),
        Some(Columnar::Scalar(value)) => Ok(Side::One(value.as_f64())),
        None => Err(EvalError::new("two operands are needed")),
    }
}

/// Integers wrap around; division by zero is null.
fn longs(call: &Call<'_>, operator: Operator) -> Answer {
    let (a, b) = (ticks(call, 0)?, ticks(call, 1)?);
    let rows = call.rows;
    Ok(Columnar::Array(match operator {
        Add => zip::<_, _, Int64Type>(rows, a, b, i64::wrapping_add),
        Subtract => zip::<_, _, Int64Type>(rows, a, b, i64::wrapping_sub),
        Multiply => zip::<_, _, Int64Type>(rows, a, b, i64::wrapping_mul),
        Divide => {
            zip_opt::<_, _, Int64Type>(rows, a, b, |a, b| (b != 0).then(|| a.wrapping_div(b)))
        }
        Modulo => zip_opt::<_, _, Int64Type>(rows, a, b, modulo),
    }))
}

fn modulo(a: i64, b: i64) -> Option<i64> {
    (b != 0).then(|| a.wrapping_rem_euclid(b))
}

/// Ticks: out of range is null.
fn longs_checked(call: &Call<'_>, operator: Operator) -> Answer {
    let (a, b) = (ticks(call, 0)?, ticks(call, 1)?);
    let f = match operator {
        Add => i64::checked_add,
        Subtract => i64::checked_sub,
        Multiply => i64::checked_mul,
        Divide => i64::checked_div,
        Modulo => modulo,
    };
    Ok(Columnar::Array(zip_opt::<_, _, Int64Type>(call.rows, a, b, f)))
}

/// A timespan times, through or modulo a real; the result is cut to whole ticks.
fn scaled(call: &Call<'_>, length: usize, factor: usize, operator: Operator) -> Answer {
    let (length, factor) = (ticks(call, length)?, doubles(call, factor)?);
    Ok(Columnar::Array(zip_opt::<_, _, Int64Type>(call.rows, length, factor, |length, factor| {
        let ticks = length as f64;
        TimeSpan::from_real_ticks(match operator {
            Divide => ticks / factor,
            Modulo => ticks.rem_euclid(factor),
            _ => ticks * factor,
        })
        .map(TimeSpan::ticks)
    })))
}

/// A datetime moved by a timespan; outside of the calendar is null.
fn instants(call: &Call<'_>, operator: Operator) -> Answer {
    let (a, b) = (ticks(call, 0)?, ticks(call, 1)?);
    Ok(Columnar::Array(zip_opt::<_, _, Int64Type>(call.rows, a, b, |a, b| {
        let moved = if operator == Subtract { a.checked_sub(b) } else { a.checked_add(b) };
        moved.and_then(DateTime::checked_from_ticks).map(DateTime::ticks)
    })))
}

fn reals(call: &Call<'_>, operator: Operator) -> Answer {
    let (a, b) = (doubles(call, 0)?, doubles(call, 1)?);
    let rows = call.rows;
    Ok(Columnar::Array(match operator {
        Add => zip::<_, _, Float64Type>(rows, a, b, |a, b| a + b),
        Subtract => zip::<_, _, Float64Type>(rows, a, b, |a, b| a - b),
        Multiply => zip::<_, _, Float64Type>(rows, a, b, |a, b| a * b),
        Divide => zip::<_, _, Float64Type>(rows, a, b, |a, b| a / b),
        Modulo => zip::<_, _, Float64Type>(rows, a, b, f64::rem_euclid),
    }))
}

/// Decimals, and dynamic numbers, whose type shows only row by row.
fn slow(a: &Value, b: &Value, operator: Operator) -> Value {
    match (a, b) {
        (Value::Decimal(a), Value::Decimal(b)) => {
            decimals(*a, *b, operator).map_or(Value::Null, Value::Decimal)
        }
        (Value::Dynamic(a), Value::Dynamic(b)) => {
            let mut out = DynamicBuilder::new();
            dynamics(a.as_ref(), b.as_ref(), operator, &mut out);
            Value::from(out.finish())
        }
        _ => Value::Null,
    }
}

fn decimals(a: Decimal, b: Decimal, operator: Operator) -> Option<Decimal> {
    match operator {
        Add => a.checked_add(b),
        Subtract => a.checked_sub(b),
        Multiply => a.checked_mul(b),
        Divide => a.checked_div(b),
        Modulo => {
            let rest = a.checked_rem(b)?;
            if rest < Decimal::ZERO { rest.checked_add(b.abs()) } else { Some(rest) }
        }
    }
}

fn dynamics(a: DynamicRef<'_>, b: DynamicRef<'_>, operator: Operator, out: &mut DynamicBuilder) {
    if let (Some(x), Some(y)) = (a.as_i64(), b.as_i64()) {
        let result = match operator {
            Add => Some(x.wrapping_add(y)),
            Subtract => Some(x.wrapping_sub(y)),
            Multiply => Some(x.wrapping_mul(y)),
            Divide => (y != 0).then(|| x.wrapping_div(y)),
            Modulo => modulo(x, y),
        };
        return or_null(result, out, DynamicBuilder::long);
    }
    if let (Some(x), Some(y)) = (a.to_f64(), b.to_f64()) {
        return out.real(match operator {
            Add => x + y,
            Subtract => x - y,
            Multiply => x * y,
            Divide => x / y,
            Modulo => x.rem_euclid(y),
        });
    }
    match (a.kind(), b.kind(), operator) {
        (Kind::DateTime, Kind::DateTime, Subtract) => {
            let (Some(x), Some(y)) = (a.as_datetime(), b.as_datetime()) else { return out.null() };
            out.timespan(x.since(y));
        }
        (Kind::TimeSpan, Kind::TimeSpan, Add | Subtract) => {
            let (Some(x), Some(y)) = (a.as_timespan(), b.as_timespan()) else { return out.null() };
            let sum = if operator == Add { x.checked_add(y) } else { x.checked_sub(y) };
            or_null(sum, out, DynamicBuilder::timespan);
        }
        _ => out.null(),
    }
}

fn or_null<T>(
    value: Option<T>,
    out: &mut DynamicBuilder,
    write: impl FnOnce(&mut DynamicBuilder, T),
) {
    match value {
        Some(value) => write(out, value),
        None => out.null(),
    }
}
