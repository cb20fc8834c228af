//! How a KQL column lies in Parquet, and back.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
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
        ScalarType::Int | ScalarType::Long | ScalarType::TimeSpan => {
            (true, Encoding::DELTA_BINARY_PACKED)
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
