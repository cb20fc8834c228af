//! `bin`, `bin_at`, `floor`: the multiple below a value.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, Int64Array};
use values::{Decimal, ScalarType, Value};

use super::Function;
use super::call::{Call, Columnar, EvalError};
use super::support::Answer;

pub(super) const FUNCTIONS: &[Function] =
    &[Function::new("bin", bin), Function::new("floor", bin), Function::new("bin_at", bin_at)];

/// The largest multiple of `size` that is not above `value`; none for a size that is not positive.
pub(crate) fn bin_long(value: i64, size: i64) -> Option<i64> {
    (size > 0).then(|| value.div_euclid(size).checked_mul(size)).flatten()
}

/// As [`bin_long`], for reals.
pub(crate) fn bin_real(value: f64, size: f64) -> Option<f64> {
    (size > 0.0).then(|| (value / size).floor() * size)
}

fn is_ticks(call: &Call<'_>) -> bool {
    use ScalarType::{DateTime, Long, TimeSpan};
    matches!(call.result, Long | DateTime | TimeSpan)
}

fn bin(call: &Call<'_>) -> Answer {
    if is_ticks(call) {
        if let Some(bins) = long_bins(call) {
            return Ok(Columnar::Array(Arc::new(bins)));
        }
        let (values, sizes) = (call.number(0)?, call.number(1)?);
        return call.longs(|row| bin_long(values.long(row)?, sizes.long(row)?));
    }
    if call.result == ScalarType::Int {
        let (values, sizes) = (call.number(0)?, call.number(1)?);
        return call.ints(|row| {
            bin_long(values.long(row)?, sizes.long(row)?).and_then(|v| i32::try_from(v).ok())
        });
    }
    if call.result == ScalarType::Decimal {
        return decimals(call, |call, row| {
            Some((decimal(call, 0, row)?, decimal(call, 1, row)?, Decimal::ZERO))
        });
    }
    let (values, sizes) = (call.number(0)?, call.number(1)?);
    call.reals(|row| bin_real(values.real(row)?, sizes.real(row)?))
}

/// Longs, datetimes and timespans without nulls into bins of one size. Rows mostly come in the order of their time, so that
/// a value mostly lies in the bin of the one before.
fn long_bins(call: &Call<'_>) -> Option<Int64Array> {
    let Columnar::Array(column) = call.args.first()? else { return None };
    let Columnar::Scalar(size) = call.args.get(1)? else { return None };
    let size = match size {
        Value::TimeSpan(size) => size.ticks(),
        Value::Long(size) => *size,
        _ => return None,
    };
    let longs = column.as_primitive_opt::<Int64Type>().filter(|a| a.null_count() == 0)?;
    let mut last = bin_long(*longs.values().first()?, size)?;
    let mut bins: Vec<i64> = Vec::with_capacity(longs.len());
    for value in longs.values() {
        if value.wrapping_sub(last) as u64 >= size as u64 {
            last = bin_long(*value, size)?;
        }
        bins.push(last);
    }
    Some(Int64Array::new(bins.into(), None))
}

fn bin_at(call: &Call<'_>) -> Answer {
    if call.result == ScalarType::Decimal {
        return decimals(call, |call, row| {
            Some((decimal(call, 0, row)?, decimal(call, 1, row)?, decimal(call, 2, row)?))
        });
    }
    let (values, sizes, points) = (call.number(0)?, call.number(1)?, call.number(2)?);
    if is_ticks(call) {
        return call.longs(|row| {
            let point = points.long(row)?;
            bin_long(values.long(row)?.checked_sub(point)?, sizes.long(row)?)?.checked_add(point)
        });
    }
    call.reals(|row| {
        let point = points.real(row)?;
        Some(bin_real(values.real(row)? - point, sizes.real(row)?)? + point)
    })
}

fn decimal(call: &Call<'_>, index: usize, row: usize) -> Option<Decimal> {
    match call.value(index, row).cast(ScalarType::Decimal) {
        Value::Decimal(v) => Some(v),
        _ => None,
    }
}

type Parts = (Decimal, Decimal, Decimal);

fn decimals(
    call: &Call<'_>,
    read: fn(&Call<'_>, usize) -> Option<Parts>,
) -> Result<super::Columnar, EvalError> {
    call.bytes16(|row| {
        let (value, size, point) = read(call, row)?;
        if size <= Decimal::ZERO {
            return None;
        }
        let count = Decimal(value.checked_sub(point)?.checked_div(size)?.0.floor());
        count.checked_mul(size)?.checked_add(point).map(Decimal::to_bytes)
    })
}
