//! Rows as a plain Parquet file: datetime as a UTC timestamp, timespan, guid and decimal as text, dynamic as JSON text.

use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{
    Array, ArrayRef, RecordBatch, TimestampMicrosecondArray, TimestampNanosecondArray,
};
use arrow_schema::{Field, Schema as ArrowSchema};
use model::rows::cell;
use model::{Batch, DateTime, Rows, ScalarType};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

/// Years that 64 bits of nanoseconds since 1970 hold for sure.
const NANOSECOND_YEARS: std::ops::Range<i32> = 1678..2262;

/// The file's bytes.
pub fn write(rows: &Rows) -> Result<Vec<u8>, String> {
    let wrong = |e: &dyn std::fmt::Display| format!("the rows do not fit into Parquet: {e}");
    let exact: Vec<bool> = (0..rows.schema.len()).map(|at| in_nanoseconds(rows, at)).collect();
    let columns: Vec<Field> = rows
        .schema
        .columns
        .iter()
        .enumerate()
        .map(|(at, c)| {
            let sample = laid_out(&Batch::default(), None, c.ty, exact.get(at) == Some(&true));
            Field::new(&*c.name, sample.data_type().clone(), true)
        })
        .collect();
    let schema = Arc::new(ArrowSchema::new(columns));
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties))
        .map_err(|e| wrong(&e))?;
    for batch in rows.batches.iter().filter(|b| b.rows > 0) {
        let arrays = rows.schema.columns.iter().zip(&batch.columns).enumerate().map(
            |(at, (column, array))| {
                laid_out(batch, Some(array), column.ty, exact.get(at) == Some(&true))
            },
        );
        let batch =
            RecordBatch::try_new(Arc::clone(&schema), arrays.collect()).map_err(|e| wrong(&e))?;
        writer.write(&batch).map_err(|e| wrong(&e))?;
    }
    writer.into_inner().map_err(|e| wrong(&e))
}

fn in_nanoseconds(rows: &Rows, at: usize) -> bool {
    let is_in = |ticks: i64| NANOSECOND_YEARS.contains(&DateTime::from_ticks(ticks).civil().year);
    rows.batches
        .iter()
        .filter_map(|b| b.columns.get(at)?.as_primitive_opt::<Int64Type>())
        .all(|a| a.iter().flatten().all(is_in))
}

/// A column of a batch (an empty one without an array) in its Arrow form.
fn laid_out(batch: &Batch, array: Option<&ArrayRef>, ty: ScalarType, exact: bool) -> ArrayRef {
    match (ty, array) {
        (ScalarType::DateTime, array) => {
            let times = array.and_then(|a| a.as_primitive_opt::<Int64Type>());
            let ticks =
                times.into_iter().flat_map(|a| a.iter()).map(|t| t.map(DateTime::from_ticks));
            if exact {
                let array: TimestampNanosecondArray =
                    ticks.map(|t| t.and_then(DateTime::unix_nanoseconds)).collect();
                Arc::new(array.with_timezone("UTC"))
            } else {
                let array: TimestampMicrosecondArray =
                    ticks.map(|t| t.map(DateTime::unix_microseconds)).collect();
                Arc::new(array.with_timezone("UTC"))
            }
        }
        (ScalarType::Bool | ScalarType::Int | ScalarType::Long | ScalarType::Real, Some(array)) => {
            Arc::clone(array)
        }
        (ScalarType::Bool | ScalarType::Int | ScalarType::Long | ScalarType::Real, None) => {
            model::ColumnBuilder::new(ty, 0).finish()
        }
        (_, array) => {
            let mut texts = StringViewBuilder::with_capacity(batch.rows);
            for row in 0..array.map_or(0, |a| a.len()) {
                let value = array.map_or(model::Value::Null, |a| cell(a, ty, row));
                match (&value, ty) {
                    (model::Value::Null, _) => texts.append_null(),
                    (model::Value::Dynamic(d), _) => texts.append_value(d.to_json_text()),
                    _ => texts.append_value(value.to_string()),
                }
            }
            Arc::new(texts.finish())
        }
    }
}
