//! `rows_near`, `narrow`, `preview`, `identity`, `estimate_rows_count`, `rolling_percentile`.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::Array;
use arrow_array::cast::AsArray;
use model::rows::cell;
use model::{Batch, Column, Rows, ScalarType, Schema, Value};

use super::PluginCall;
use super::support::{
    Growing, at, columns_from, constant_ticks, groups, positive, take, ticks, whole,
};

/// The input's own columns of a batch.
fn own(batch: &Batch, width: usize) -> Batch {
    Batch { columns: batch.columns.iter().take(width).cloned().collect(), rows: batch.rows }
}

fn own_schema(call: &PluginCall<'_>) -> Arc<Schema> {
    Arc::new(Schema {
        columns: call.rows.schema.columns.iter().take(call.width).cloned().collect(),
    })
}

/// Rows within some distance of a row that meets a condition, in the order of the input.
pub(super) fn rows_near(call: &PluginCall<'_>) -> Result<Rows, String> {
    let condition = call.column(0, "Condition")?;
    let distance = |at: usize, name: &str| {
        call.constant(at, name).and_then(Value::as_i64).and_then(|n| usize::try_from(n).ok())
    };
    let before = distance(1, "NumRows").ok_or("argument 2 (NumRows) must be a number of rows")?;
    let after = distance(2, "NumRowsAfter").unwrap_or(before);
    let batch = whole(call.rows)?;
    let bools = batch.columns.get(condition).and_then(|c| c.as_boolean_opt());
    let mut rows = Vec::new();
    let mut next = 0;
    for row in 0..batch.rows {
        if bools.is_some_and(|b| b.is_valid(row) && b.value(row)) {
            let end = row.saturating_add(after).saturating_add(1).min(batch.rows);
            rows.extend((next.max(row.saturating_sub(before))..end).map(|r| Some(r as u32)));
            next = next.max(end);
        }
    }
    let near = take(&own(&batch, call.width), rows)?;
    Ok(Rows::new(own_schema(call), near))
}

/// One row per cell: its row, its column, its text.
pub(super) fn narrow(call: &PluginCall<'_>) -> Result<Rows, String> {
    let mut out = Growing::new(vec![
        Column::new("Row", ScalarType::Long),
        Column::new("Column", ScalarType::String),
        Column::new("Value", ScalarType::String),
    ]);
    let mut number = 0;
    for batch in &call.rows.batches {
        for row in 0..batch.rows {
            for (column, array) in call.rows.schema.columns.iter().zip(&batch.columns) {
                let value = cell(array, column.ty, row).to_string();
                out.push(vec![Value::Long(number), Value::from(&*column.name), Value::from(value)]);
            }
            number += 1;
        }
    }
    Ok(out.finish())
}

/// The first rows.
pub(super) fn preview(call: &PluginCall<'_>) -> Result<Rows, String> {
    let wanted = constant_ticks(call, 0, "NumberOfRows")?;
    let mut left = usize::try_from(wanted).unwrap_or(0);
    let mut batches = Vec::new();
    for batch in &call.rows.batches {
        let rows = left.min(batch.rows);
        batches.push(own(&batch.slice(0, rows), call.width));
        left -= rows;
    }
    Ok(Rows { schema: own_schema(call), batches })
}

/// The input.
pub(super) fn identity(call: &PluginCall<'_>) -> Result<Rows, String> {
    let batches = call.rows.batches.iter().map(|b| own(b, call.width)).collect();
    Ok(Rows { schema: own_schema(call), batches })
}

/// How many rows there are; exact here.
pub(super) fn estimate_rows_count(call: &PluginCall<'_>) -> Result<Rows, String> {
    let mut out = Growing::new(vec![Column::new("EstimatedRowsCount", ScalarType::Long)]);
    out.push(vec![Value::Long(call.rows.len() as i64)]);
    Ok(out.finish())
}

/// A percentile over the last bins, bin by bin.
pub(super) fn rolling_percentile(call: &PluginCall<'_>) -> Result<Rows, String> {
    let (value, index) = (call.column(0, "ValueColumn")?, call.column(2, "IndexColumn")?);
    let percent = call.constant(1, "Percentile").and_then(Value::as_f64);
    let percent = percent.ok_or("argument 2 (Percentile) must be a constant number")?;
    let size = positive(constant_ticks(call, 3, "BinSize")?, "BinSize")?;
    let window = positive(constant_ticks(call, 4, "BinsPerWindow")?, "BinsPerWindow")?;
    let dimensions = columns_from(call, 5);
    let schema = &call.rows.schema.columns;
    let column = |at: usize| schema.get(at).cloned().ok_or("a column is missing");
    let (values, line) = (column(value)?, column(index)?);
    let types: Vec<ScalarType> = schema.iter().map(|c| c.ty).collect();
    let batch = whole(call.rows)?;
    let (numbers, keys) = groups(&batch, &types, &dimensions)?;
    let (Some(value_cells), Some(index_cells)) =
        (batch.columns.get(value), batch.columns.get(index))
    else {
        return Err("a column is missing".to_owned());
    };
    let mut bins: BTreeMap<(u32, i64), Vec<Value>> = BTreeMap::new();
    for (row, number) in numbers.iter().enumerate() {
        let (time, value) = (cell(index_cells, line.ty, row), cell(value_cells, values.ty, row));
        if let Some(time) = ticks(&time).filter(|_| !value.is_null()) {
            let start = time.div_euclid(size).saturating_mul(size);
            bins.entry((*number, start)).or_default().push(value);
        }
    }
    let percent_text = percent.to_string().replace('.', "_");
    let name = format!("rolling_{window}_percentile_{}_{percent_text}", values.name);
    let result = if values.ty == ScalarType::Int { ScalarType::Long } else { values.ty };
    let mut columns = vec![line.clone()];
    columns.extend(dimensions.iter().filter_map(|d| schema.get(*d).cloned()));
    columns.push(Column::new(name, result));
    let mut out = Growing::new(columns);
    for (number, start) in bins.keys() {
        let from = start.saturating_sub((window - 1).saturating_mul(size));
        let mut all: Vec<Value> =
            bins.range((*number, from)..=(*number, *start)).flat_map(|(_, v)| v.clone()).collect();
        all.sort_by(Value::total_cmp);
        let rank = (percent / 100.0 * all.len() as f64).ceil().max(1.0) as usize;
        let found = all.get(rank.min(all.len()).saturating_sub(1)).cloned().unwrap_or(Value::Null);
        let mut row = vec![at(*start, line.ty)];
        let cells = keys.iter().zip(&dimensions);
        row.extend(cells.map(|(array, d)| {
            cell(array, types.get(*d).copied().unwrap_or(ScalarType::String), *number as usize)
        }));
        row.push(found.cast(result));
        out.push(row);
    }
    Ok(out.finish())
}
