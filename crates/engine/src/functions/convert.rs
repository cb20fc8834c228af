//! What a value is: `isnull`, `isempty`, `gettype`, ...; the first that is there, the largest, the smallest.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow_array::{Array, BooleanArray};
use arrow_buffer::BooleanBuffer;
use values::{Kind, ScalarType, Value};

use super::Function;
use super::call::{Call, Columnar, EvalError};
use super::support::Answer;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("isnull", |c| nulls(c, true)),
    Function::new("isnotnull", |c| nulls(c, false)),
    Function::new("notnull", |c| nulls(c, false)),
    Function::new("isempty", |c| empties(c, true)),
    Function::new("isnotempty", |c| empties(c, false)),
    Function::new("notempty", |c| empties(c, false)),
    Function::new("gettype", get_type),
    Function::new("coalesce", coalesce),
    Function::new("max_of", |c| extreme(c, Ordering::Greater)),
    Function::new("min_of", |c| extreme(c, Ordering::Less)),
    Function::new("tohex", to_hex),
    Function::new("assert", assert_that),
    Function::new("estimate_data_size", estimate_data_size),
    Function::volatile("new_guid", new_guid),
    Function::volatile("rand", random),
];

fn nulls(call: &Call<'_>, wanted: bool) -> Answer {
    let bits = match call.args.first() {
        // Text has no null.
        _ if call.types.first() == Some(&ScalarType::String) => BooleanBuffer::new_unset(call.rows),
        Some(Columnar::Array(array)) => match array.nulls() {
            Some(valid) => !valid.inner(),
            None => BooleanBuffer::new_unset(call.rows),
        },
        Some(Columnar::Scalar(Value::Null)) => BooleanBuffer::new_set(call.rows),
        _ => BooleanBuffer::new_unset(call.rows),
    };
    let bits = if wanted { bits } else { !&bits };
    Ok(Columnar::Array(Arc::new(BooleanArray::new(bits, None))))
}

fn empties(call: &Call<'_>, wanted: bool) -> Answer {
    match call.types.first() {
        Some(ScalarType::String) => {
            let texts = call.text(0)?;
            let bits =
                BooleanBuffer::collect_bool(call.rows, |r| texts.get(r).is_empty() == wanted);
            Ok(Columnar::Array(Arc::new(BooleanArray::new(bits, None))))
        }
        Some(ScalarType::Dynamic) => {
            let dynamics = call.dynamic(0)?;
            let empty = |d: values::DynamicRef<'_>| d.is_null() || d.as_str() == Some("");
            call.bools(|row| Some(dynamics.get(row).is_none_or(empty) == wanted))
        }
        _ => nulls(call, wanted),
    }
}

/// The name of a type, as `gettype()` gives it: of a dynamic value, what it holds.
fn get_type(call: &Call<'_>) -> Answer {
    let declared = call.types.first().map_or("dynamic", |t| t.name());
    if declared != "dynamic" {
        return call.borrowed(|_| Some(declared));
    }
    let dynamics = call.dynamic(0)?;
    call.borrowed(|row| {
        Some(match dynamics.get(row).map_or(Kind::Null, |d| d.kind()) {
            Kind::Null => "null",
            Kind::Bool => "bool",
            Kind::Long => "long",
            Kind::Real => "double",
            Kind::Decimal => "decimal",
            Kind::String => "string",
            Kind::Guid => "guid",
            Kind::DateTime => "datetime",
            Kind::TimeSpan => "timespan",
            Kind::Array => "array",
            Kind::Object => "dictionary",
        })
    })
}

/// The first argument that is neither null nor, for text, empty.
fn coalesce(call: &Call<'_>) -> Answer {
    if call.result == ScalarType::String {
        let texts = (0..call.len()).map(|i| call.any_text(i)).collect::<Result<Vec<_>, _>>()?;
        return call.written(|row, out| {
            if let Some(text) = texts.iter().map(|t| t.get(row)).find(|t| !t.is_empty()) {
                out.push_str(&text);
            }
        });
    }
    call.values(|row| {
        (0..call.len()).map(|i| call.value(i, row)).find(|v| !v.is_null()).unwrap_or(Value::Null)
    })
}

/// The largest or smallest argument; nulls do not take part.
fn extreme(call: &Call<'_>, wanted: Ordering) -> Answer {
    call.values(|row| {
        (0..call.len())
            .map(|i| call.value(i, row))
            .filter(|v| !v.is_null())
            .reduce(|best, v| if v.total_cmp(&best) == wanted { v } else { best })
            .unwrap_or(Value::Null)
            .cast(call.result)
    })
}

/// Two's complement; 32 bits for an int.
fn to_hex(call: &Call<'_>) -> Answer {
    let numbers = call.number(0)?;
    let narrow = call.types.first() == Some(&ScalarType::Int);
    let widths = if call.len() > 1 { Some(call.number(1)?) } else { None };
    call.written(|row, out| {
        let Some(value) = numbers.long(row) else { return };
        let width = widths.as_ref().and_then(|w| w.long(row)).unwrap_or(0).clamp(0, 64) as usize;
        let low_half = narrow || (width == 8 && i32::try_from(value).is_ok());
        let bits = if low_half { u64::from(value as u32) } else { value.cast_unsigned() };
        let _ = std::fmt::Write::write_fmt(out, format_args!("{bits:0width$x}"));
    })
}

fn assert_that(call: &Call<'_>) -> Answer {
    let (conditions, messages) = (call.bool(0)?, call.text(1)?);
    match (0..call.rows).find(|row| conditions.get(*row) == Some(false)) {
        Some(row) => Err(EvalError::new(format!("assertion failed: {}", messages.get(row)))),
        None => call.bools(|_| Some(true)),
    }
}

/// Bytes that the values take, fixed for plain types.
fn estimate_data_size(call: &Call<'_>) -> Answer {
    call.longs(|row| {
        let sizes = (0..call.len()).map(|i| match (call.value(i, row), call.types.get(i)) {
            (Value::String(text), _) => text.len(),
            (Value::Dynamic(d), _) => d.as_bytes().len(),
            (_, Some(ScalarType::Dynamic)) => 0,
            (_, Some(ScalarType::Bool)) => 1,
            (_, Some(ScalarType::Int)) => 4,
            (_, Some(ScalarType::Guid | ScalarType::Decimal)) => 16,
            _ => 8,
        });
        i64::try_from(sizes.sum::<usize>()).ok()
    })
}

fn new_guid(call: &Call<'_>) -> Answer {
    call.bytes16(|_| Some(*uuid::Uuid::new_v4().as_bytes()))
}

/// `rand()` in [0, 1); `rand(n)` a whole number in [0, n).
fn random(call: &Call<'_>) -> Answer {
    let limits = if call.is_empty() { None } else { Some(call.number(0)?) };
    call.reals(|row| {
        let fraction: f64 = rand::random();
        Some(match limits.as_ref().and_then(|limits| limits.long(row)) {
            Some(n) if n > 1 => (fraction * n as f64).floor(),
            _ => fraction,
        })
    })
}
