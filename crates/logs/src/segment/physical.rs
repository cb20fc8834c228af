//! How a KQL column lies in Parquet, and back.

use std::collections::HashSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType,
};
use arrow_array::{Array, ArrayRef, Int64Array, PrimitiveArray};
use arrow_schema::{DataType, Field, TimeUnit};
use model::{Column, ScalarType};
use parquet::basic::{
    Encoding, LogicalType, Repetition, TimeUnit as ParquetUnit, Type as Physical,
};
use parquet::errors::Result as ParquetResult;
use parquet::schema::types::{Type, TypePtr};
use serde::{Deserialize, Serialize};

use super::parts::Origin;
use crate::columns::{arrow_type, dictionary_type};

/// Ticks of 100 ns from 0001-01-01 to 1970-01-01.
const UNIX_EPOCH_TICKS: i64 = 621_355_968_000_000_000;
/// Farthest from 1970 that nanoseconds in 64 bits reach, in ticks.
const NANOSECOND_TICKS_MAX: u64 = i64::MAX as u64 / 100;

/// The stored form of a column, where its type leaves a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Form {
    /// The type's only form.
    Plain,
    /// datetime in milliseconds since 1970.
    Milliseconds,
    /// datetime in microseconds since 1970.
    Microseconds,
    /// datetime in nanoseconds since 1970.
    Nanoseconds,
    /// datetime in ticks since 0001.
    Ticks,
}

/// A column as the segment describes it in its metadata.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Described {
    /// Name.
    pub name: String,
    /// KQL type.
    #[serde(rename = "type")]
    pub ty: String,
    /// Stored form.
    pub form: Form,
    /// Where a part of a dynamic column comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<Origin>,
}

impl Described {
    /// The column, when its type is known.
    pub(super) fn column(&self) -> Option<Column> {
        Some(Column::new(&self.name, ScalarType::from_name(&self.ty)?))
    }
}

/// A column ready to be written: its Arrow and Parquet types, its values, and how to encode them.
pub(super) struct Laid {
    /// How the metadata describes it.
    pub form: Form,
    /// Arrow name and type.
    pub field: Field,
    /// Parquet name and type.
    pub parquet: TypePtr,
    /// The values.
    pub array: ArrayRef,
    /// How to encode each of the column's leaves.
    pub leaves: Vec<Leaf>,
}

/// A column of pages.
pub(super) struct Leaf {
    /// Where it stands in the Parquet schema.
    pub path: Vec<String>,
    /// Distinct values are written once.
    pub dictionary: bool,
    /// Encoding without (or past) the dictionary.
    pub encoding: Encoding,
}

/// Lays out any column but a dynamic one.
pub(super) fn lay(column: &Column, array: &ArrayRef) -> ParquetResult<Laid> {
    let nullable = column.ty != ScalarType::String && array.null_count() > 0;
    let (form, array) = match column.ty {
        ScalarType::DateTime => lay_times(array),
        _ => (Form::Plain, Arc::clone(array)),
    };
    let (physical, logical) = parquet_type(column.ty, form);
    let repetition = if nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let mut builder = Type::primitive_type_builder(&column.name, physical)
        .with_repetition(repetition)
        .with_logical_type(logical);
    if physical == Physical::FIXED_LEN_BYTE_ARRAY {
        builder = builder.with_length(16);
    }
    let coded = array.as_dictionary_opt::<Int32Type>().is_some();
    let (dictionary, encoding) = match column.ty {
        ScalarType::String => (coded, Encoding::DELTA_LENGTH_BYTE_ARRAY),
        ScalarType::Int => (repeats::<Int32Type>(&array), Encoding::DELTA_BINARY_PACKED),
        ScalarType::Long | ScalarType::TimeSpan => {
            (repeats::<Int64Type>(&array), Encoding::DELTA_BINARY_PACKED)
        }
        ScalarType::DateTime => (false, Encoding::DELTA_BINARY_PACKED),
        ScalarType::Bool => (false, Encoding::RLE),
        ScalarType::Real | ScalarType::Decimal | ScalarType::Guid => (true, Encoding::PLAIN),
        ScalarType::Dynamic => (false, Encoding::PLAIN),
    };
    Ok(Laid {
        form,
        field: Field::new(&*column.name, array.data_type().clone(), nullable),
        parquet: Arc::new(builder.build()?),
        array,
        leaves: vec![Leaf { path: vec![column.name.to_string()], dictionary, encoding }],
    })
}

/// Neighbouring values looked at to tell whether a dictionary pays, in two halves.
const SAMPLE: usize = 8192;
/// Values whose differences are packed in as many bits as the widest of them needs.
const PACKED: usize = 32;

/// True where whole numbers take less as places in a dictionary than as differences between neighbours: not where most
/// values are new ones, and not where they follow one another so closely that a difference is shorter than a place.
fn repeats<T: ArrowPrimitiveType<Native: Into<i64>>>(array: &ArrayRef) -> bool {
    let Some(numbers) = array.as_primitive_opt::<T>() else { return true };
    let valid = numbers.len() - numbers.null_count();
    let middle = numbers.iter().flatten().skip(valid.saturating_sub(SAMPLE) / 2).take(SAMPLE);
    let sample: Vec<i64> = middle.map(Into::into).collect();
    let (first, second) = sample.split_at(sample.len() / 2);
    let mut known: HashSet<i64, ahash::RandomState> = first.iter().copied().collect();
    let new = second.iter().filter(|value| known.insert(**value)).count();
    let place = known.len().next_power_of_two().ilog2() as usize;
    let widths = sample.chunks(PACKED + 1).map(|values| {
        let steps = || values.windows(2).map(|pair| i128::from(pair[1]) - i128::from(pair[0]));
        let spread = steps().max().unwrap_or(0) - steps().min().unwrap_or(0);
        (i128::BITS - spread.leading_zeros()) as usize
    });
    let chunks = sample.len().div_ceil(PACKED + 1).max(1);
    let difference = widths.sum::<usize>() / chunks;
    new * 2 <= second.len() && difference >= place
}

fn parquet_type(ty: ScalarType, form: Form) -> (Physical, Option<LogicalType>) {
    let time = |unit| Some(LogicalType::timestamp(true, unit));
    match (ty, form) {
        (ScalarType::Bool, _) => (Physical::BOOLEAN, None),
        (ScalarType::Int, _) => (Physical::INT32, None),
        (ScalarType::Real, _) => (Physical::DOUBLE, None),
        (ScalarType::Decimal, _) => (Physical::FIXED_LEN_BYTE_ARRAY, None),
        (ScalarType::Guid, _) => (Physical::FIXED_LEN_BYTE_ARRAY, Some(LogicalType::Uuid)),
        (ScalarType::String, _) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        (ScalarType::Dynamic, _) => (Physical::BYTE_ARRAY, None),
        (_, Form::Milliseconds) => (Physical::INT64, time(ParquetUnit::MILLIS)),
        (_, Form::Microseconds) => (Physical::INT64, time(ParquetUnit::MICROS)),
        (_, Form::Nanoseconds) => (Physical::INT64, time(ParquetUnit::NANOS)),
        _ => (Physical::INT64, None),
    }
}

/// Ticks in the coarsest unit that loses nothing.
fn lay_times(array: &ArrayRef) -> (Form, ArrayRef) {
    let Some(ticks) = array.as_primitive_opt::<Int64Type>() else {
        return (Form::Ticks, Arc::clone(array));
    };
    let all = |test: fn(i64) -> bool| ticks.iter().flatten().all(test);
    let near = |t: i64| {
        t.checked_sub(UNIX_EPOCH_TICKS).is_some_and(|u| u.unsigned_abs() < NANOSECOND_TICKS_MAX)
    };
    if ticks.iter().flatten().any(|t| t.checked_sub(UNIX_EPOCH_TICKS).is_none()) {
        (Form::Ticks, Arc::clone(array))
    } else if all(|t| t % 10_000 == 0) {
        let values = ticks
            .unary::<_, TimestampMillisecondType>(|t| t.wrapping_sub(UNIX_EPOCH_TICKS) / 10_000);
        (Form::Milliseconds, Arc::new(values.with_timezone("UTC")))
    } else if all(|t| t % 10 == 0) {
        let values =
            ticks.unary::<_, TimestampMicrosecondType>(|t| t.wrapping_sub(UNIX_EPOCH_TICKS) / 10);
        (Form::Microseconds, Arc::new(values.with_timezone("UTC")))
    } else if ticks.iter().flatten().all(near) {
        let nanoseconds = |t: i64| t.wrapping_sub(UNIX_EPOCH_TICKS).wrapping_mul(100);
        let values = ticks.unary::<_, TimestampNanosecondType>(nanoseconds);
        (Form::Nanoseconds, Arc::new(values.with_timezone("UTC")))
    } else {
        (Form::Ticks, Arc::clone(array))
    }
}

/// The Arrow type to ask the Parquet reader for; texts as a dictionary where the pages hold one.
pub(super) fn read_type(ty: ScalarType, form: Form, coded: bool) -> DataType {
    let time = |unit| DataType::Timestamp(unit, Some(Arc::from("UTC")));
    match (ty, form) {
        (ScalarType::String, _) if coded => dictionary_type(),
        (_, Form::Milliseconds) => time(TimeUnit::Millisecond),
        (_, Form::Microseconds) => time(TimeUnit::Microsecond),
        (_, Form::Nanoseconds) => time(TimeUnit::Nanosecond),
        _ => arrow_type(ty),
    }
}

/// What the Parquet reader gave, in the form of `model::rows`.
pub(super) fn unlay(array: ArrayRef, form: Form) -> ArrayRef {
    let ticks =
        |values: Option<Int64Array>| values.map_or_else(|| Arc::clone(&array), |v| Arc::new(v));
    match form {
        Form::Plain | Form::Ticks => array,
        Form::Milliseconds => ticks(
            array.as_primitive_opt::<TimestampMillisecondType>().map(|a| to_ticks(a, 10_000, 1)),
        ),
        Form::Microseconds => {
            ticks(array.as_primitive_opt::<TimestampMicrosecondType>().map(|a| to_ticks(a, 10, 1)))
        }
        Form::Nanoseconds => {
            ticks(array.as_primitive_opt::<TimestampNanosecondType>().map(|a| to_ticks(a, 1, 100)))
        }
    }
}

fn to_ticks<T: arrow_array::types::ArrowPrimitiveType<Native = i64>>(
    array: &PrimitiveArray<T>,
    times: i64,
    over: i64,
) -> Int64Array {
    array.unary(|v| (v / over).wrapping_mul(times).wrapping_add(UNIX_EPOCH_TICKS))
}

/// A stored number of a datetime column, as ticks.
pub(super) fn stored_ticks(form: Form, value: i64) -> i64 {
    let (times, over) = match form {
        Form::Plain | Form::Ticks => return value,
        Form::Milliseconds => (10_000, 1),
        Form::Microseconds => (10, 1),
        Form::Nanoseconds => (1, 100),
    };
    (value / over).wrapping_mul(times).wrapping_add(UNIX_EPOCH_TICKS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn whole_numbers_get_the_encoding_that_is_shorter() {
        let noise =
            |row: i64| (row + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_u64 as i64) as u64 >> 16;
        let cases: [(&str, bool, &dyn Fn(i64) -> i64); 9] = [
            ("one number", true, &|_| 7),
            ("few numbers", true, &|row| [4624, 4625, 4688, 1102][(noise(row) % 4) as usize]),
            ("some that repeat", true, &|row| (noise(row) % 900) as i64 * 1000),
            ("a counter", false, &|row| 3_000_000 + row),
            ("a counter with gaps", false, &|row| row * 10 + (noise(row) % 8) as i64),
            ("a counter that stands still", false, &|row| row / 3),
            ("ports", false, &|row| 1024 + (noise(row) % 64_000) as i64),
            ("random numbers", false, &|row| (noise(row) << 13) as i64),
            ("from end to end", false, &|row| {
                if row % 2 == 0 { i64::MIN + row } else { i64::MAX - row }
            }),
        ];
        for (what, dictionary, number) in cases {
            for rows in [1000, 100_000] {
                let array: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(number)));
                assert_eq!(repeats::<Int64Type>(&array), dictionary, "{what}, {rows} rows");
            }
        }
        let none: ArrayRef = Arc::new(Int64Array::from(vec![None; 10]));
        assert!(repeats::<Int64Type>(&none));
        assert!(repeats::<Int64Type>(&(Arc::new(Int64Array::from(Vec::<i64>::new())) as ArrayRef)));
    }

    #[test]
    fn times_keep_every_digit_in_the_coarsest_exact_unit() {
        let base = 638_000_000_000_000_000;
        let max = model::DateTime::MAX.ticks();
        let cases: [(&[i64], Form); 7] = [
            (&[base, base + 10_000], Form::Milliseconds),
            (&[0, base], Form::Milliseconds),
            (&[base + 10, base], Form::Microseconds),
            (&[base + 10, 0], Form::Microseconds),
            (&[base + 1, base], Form::Nanoseconds),
            (&[base + 1, 1], Form::Ticks),
            (&[max, base], Form::Ticks),
        ];
        for (ticks, want) in cases {
            let array: ArrayRef = Arc::new(Int64Array::from(
                ticks.iter().copied().map(Some).chain([None]).collect::<Vec<_>>(),
            ));
            let (form, stored) = lay_times(&array);
            assert_eq!(form, want, "{ticks:?}");
            let back = unlay(stored, form);
            assert_eq!(&*back, &*array);
        }
    }
}
