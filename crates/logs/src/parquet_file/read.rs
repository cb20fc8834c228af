//! Arrow columns of any origin to KQL's types.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    Time32MillisecondType, Time32SecondType, Time64MicrosecondType, Time64NanosecondType,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};
use bytes::Bytes;
use model::{
    Batch, Column, ColumnBuilder, DateTime, Guid, Rows, ScalarType, Schema, TimeSpan, Value,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use values::{Decimal, Dynamic, DynamicBuilder};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 16 * 1024;
/// Nesting that is followed; deeper values are null.
const DEPTH_MAX: usize = 64;

/// Reads a whole file; the error says what is wrong with it.
pub fn read(bytes: Vec<u8>) -> Result<Rows, String> {
    super::caught(|| read_here(bytes))
        .unwrap_or_else(|why| Err(format!("not a readable Parquet file: {why}")))
}

fn read_here(bytes: Vec<u8>) -> Result<Rows, String> {
    let wrong = |e: &dyn std::fmt::Display| format!("not a readable Parquet file: {e}");
    let builder =
        ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).map_err(|e| wrong(&e))?;
    let fields = builder.schema().fields().clone();
    let columns: Vec<Column> =
        fields.iter().map(|f| Column::new(f.name(), kql_type(f.data_type()))).collect();
    let schema = Arc::new(Schema { columns });
    let reader = builder.with_batch_size(BATCH_ROWS).build().map_err(|e| wrong(&e))?;
    let mut batches = Vec::new();
    for batch in reader {
        let batch = batch.map_err(|e| wrong(&e))?;
        let columns = batch.columns().iter().zip(&schema.columns);
        let arrays = columns.map(|(array, column)| converted(array, column.ty)).collect();
        batches.push(Batch { columns: arrays, rows: batch.num_rows() });
    }
    Ok(Rows { schema, batches })
}

fn kql_type(ty: &DataType) -> ScalarType {
    use DataType as D;
    match ty {
        D::Boolean => ScalarType::Bool,
        D::Int8 | D::Int16 | D::Int32 | D::UInt8 | D::UInt16 => ScalarType::Int,
        D::Int64 | D::UInt32 => ScalarType::Long,
        D::Float16 | D::Float32 | D::Float64 => ScalarType::Real,
        D::UInt64 | D::Decimal32(..) | D::Decimal64(..) | D::Decimal128(..) => ScalarType::Decimal,
        D::Timestamp(..) | D::Date32 | D::Date64 => ScalarType::DateTime,
        D::Time32(_) | D::Time64(_) => ScalarType::TimeSpan,
        D::FixedSizeBinary(16) => ScalarType::Guid,
        D::List(_) | D::LargeList(_) | D::Struct(_) | D::Map(..) => ScalarType::Dynamic,
        D::Dictionary(_, values) => kql_type(values),
        _ => ScalarType::String,
    }
}

fn converted(array: &ArrayRef, ty: ScalarType) -> ArrayRef {
    match (array.data_type(), ty) {
        (DataType::Utf8View, ScalarType::String) if array.null_count() == 0 => Arc::clone(array),
        (DataType::Boolean, _) | (DataType::Int32, ScalarType::Int) => Arc::clone(array),
        (DataType::Int64, ScalarType::Long) | (DataType::Float64, _) => Arc::clone(array),
        _ => {
            let mut builder = ColumnBuilder::new(ty, array.len());
            for row in 0..array.len() {
                builder.push(&value(array, row, 0).cast(ty));
            }
            builder.finish()
        }
    }
}

/// One cell of any Arrow type; null for what KQL has nothing for.
fn value(array: &ArrayRef, row: usize, depth: usize) -> Value {
    if array.is_null(row) || depth > DEPTH_MAX {
        return Value::Null;
    }
    use DataType as D;
    match array.data_type() {
        D::Boolean => Value::Bool(array.as_boolean().value(row)),
        D::Int8 => Value::Int(array.as_primitive::<Int8Type>().value(row).into()),
        D::Int16 => Value::Int(array.as_primitive::<Int16Type>().value(row).into()),
        D::Int32 => Value::Int(array.as_primitive::<Int32Type>().value(row)),
        D::UInt8 => Value::Int(array.as_primitive::<UInt8Type>().value(row).into()),
        D::UInt16 => Value::Int(array.as_primitive::<UInt16Type>().value(row).into()),
        D::UInt32 => Value::Long(array.as_primitive::<UInt32Type>().value(row).into()),
        D::Int64 => Value::Long(array.as_primitive::<Int64Type>().value(row)),
        D::UInt64 => decimal(&array.as_primitive::<UInt64Type>().value(row).to_string()),
        D::Float32 => Value::Real(array.as_primitive::<Float32Type>().value(row).into()),
        D::Float64 => Value::Real(array.as_primitive::<Float64Type>().value(row)),
        D::Decimal128(..) => {
            let array = array.as_primitive::<arrow_array::types::Decimal128Type>();
            decimal(&array.value_as_string(row))
        }
        D::Decimal64(..) => {
            let array = array.as_primitive::<arrow_array::types::Decimal64Type>();
            decimal(&array.value_as_string(row))
        }
        D::Decimal32(..) => {
            let array = array.as_primitive::<arrow_array::types::Decimal32Type>();
            decimal(&array.value_as_string(row))
        }
        D::Timestamp(..) | D::Date32 | D::Date64 => {
            time(array, row).map_or(Value::Null, Value::DateTime)
        }
        D::Time32(_) | D::Time64(_) => Value::TimeSpan(time_of_day(array, row)),
        D::Utf8 => Value::string(array.as_string::<i32>().value(row)),
        D::LargeUtf8 => Value::string(array.as_string::<i64>().value(row)),
        D::Utf8View => Value::string(array.as_string_view().value(row)),
        D::Binary => bytes(array.as_binary::<i32>().value(row)),
        D::LargeBinary => bytes(array.as_binary::<i64>().value(row)),
        D::BinaryView => bytes(array.as_binary_view().value(row)),
        D::FixedSizeBinary(_) => fixed_bytes(array.as_fixed_size_binary().value(row)),
        D::Dictionary(..) => dictionary(array, row, depth),
        D::List(_) => list(&array.as_list::<i32>().value(row), depth),
        D::LargeList(_) => list(&array.as_list::<i64>().value(row), depth),
        D::Struct(_) | D::Map(..) => bag(array, row, depth),
        _ => Value::Null,
    }
}

fn decimal(text: &str) -> Value {
    Decimal::parse(text).map_or(Value::Null, Value::Decimal)
}

fn bytes(bytes: &[u8]) -> Value {
    Value::string(String::from_utf8_lossy(bytes))
}

fn fixed_bytes(content: &[u8]) -> Value {
    <[u8; 16]>::try_from(content).map_or_else(|_| bytes(content), |b| Value::Guid(Guid(b)))
}

fn dictionary(array: &ArrayRef, row: usize, depth: usize) -> Value {
    let Some(dictionary) = array.as_any_dictionary_opt() else { return Value::Null };
    let key = dictionary.normalized_keys().get(row).copied();
    key.map_or(Value::Null, |key| value(dictionary.values(), key, depth + 1))
}

fn time(array: &ArrayRef, row: usize) -> Option<DateTime> {
    match array.data_type() {
        DataType::Date32 => {
            let days: i64 = array.as_primitive::<Date32Type>().value(row).into();
            DateTime::from_unix_seconds(days * 86_400)
        }
        DataType::Date64 => {
            DateTime::from_unix_milliseconds(array.as_primitive::<Date64Type>().value(row))
        }
        DataType::Timestamp(TimeUnit::Second, _) => {
            DateTime::from_unix_seconds(array.as_primitive::<TimestampSecondType>().value(row))
        }
        DataType::Timestamp(TimeUnit::Millisecond, _) => DateTime::from_unix_milliseconds(
            array.as_primitive::<TimestampMillisecondType>().value(row),
        ),
        DataType::Timestamp(TimeUnit::Microsecond, _) => DateTime::from_unix_microseconds(
            array.as_primitive::<TimestampMicrosecondType>().value(row),
        ),
        _ => DateTime::from_unix_nanoseconds(
            array.as_primitive_opt::<TimestampNanosecondType>()?.value(row),
        ),
    }
}

fn time_of_day(array: &ArrayRef, row: usize) -> TimeSpan {
    let nanoseconds = match array.data_type() {
        DataType::Time32(TimeUnit::Second) => {
            i64::from(array.as_primitive::<Time32SecondType>().value(row))
                .saturating_mul(1_000_000_000)
        }
        DataType::Time32(_) => i64::from(array.as_primitive::<Time32MillisecondType>().value(row))
            .saturating_mul(1_000_000),
        DataType::Time64(TimeUnit::Microsecond) => {
            array.as_primitive::<Time64MicrosecondType>().value(row).saturating_mul(1_000)
        }
        _ => array.as_primitive_opt::<Time64NanosecondType>().map_or(0, |a| a.value(row)),
    };
    TimeSpan::from_ticks(nanoseconds / 100)
}

fn list(items: &ArrayRef, depth: usize) -> Value {
    let mut builder = DynamicBuilder::new();
    builder.begin_array();
    for row in 0..items.len() {
        builder.value(&value(items, row, depth + 1));
    }
    builder.end_array();
    Value::Dynamic(builder.finish())
}

fn bag(array: &ArrayRef, row: usize, depth: usize) -> Value {
    let mut builder = DynamicBuilder::new();
    builder.begin_object();
    if let Some(map) = array.as_map_opt() {
        let entries = map.value(row);
        if let [keys, items] = entries.columns() {
            for at in 0..entries.len() {
                builder.key(&value(keys, at, depth + 1).to_string());
                builder.value(&value(items, at, depth + 1));
            }
        }
    } else if let Some(fields) = array.as_struct_opt() {
        for (name, column) in fields.column_names().iter().zip(fields.columns()) {
            builder.key(name);
            builder.value(&value(column, row, depth + 1));
        }
    }
    builder.end_object();
    let bag: Dynamic = builder.finish();
    Value::Dynamic(bag)
}
