//! What plugins share: whole columns, events on a time line, tables in the making.

use std::sync::Arc;

use arrow_array::{ArrayRef, UInt32Array};
use model::rows::cell;
use model::{Batch, Column, ColumnBuilder, DateTime, Rows, ScalarType, Schema, Value};
use values::TimeSpan;

use super::{PluginCall, PluginValue};
use crate::exec::columns;
use crate::exec::groups::Grouper;

/// All rows of a table as one batch.
pub(super) fn whole(rows: &Rows) -> Result<Batch, String> {
    let types: Vec<ScalarType> = rows.schema.columns.iter().map(|c| c.ty).collect();
    columns::concat(&rows.batches, &types).map_err(|e| e.to_string())
}

/// Some rows of a batch; none gives nulls.
pub(super) fn take(batch: &Batch, rows: Vec<Option<u32>>) -> Result<Batch, String> {
    columns::take(batch, &UInt32Array::from(rows)).map_err(|e| e.to_string())
}

/// Numbers the keys of some columns; the keys themselves, one array a column.
pub(super) fn groups(
    batch: &Batch,
    types: &[ScalarType],
    keys: &[usize],
) -> Result<(Vec<u32>, Vec<ArrayRef>), String> {
    let types: Vec<ScalarType> = keys.iter().filter_map(|k| types.get(*k).copied()).collect();
    let columns: Vec<ArrayRef> =
        keys.iter().filter_map(|k| batch.columns.get(*k).cloned()).collect();
    let mut grouper = Grouper::new(&types);
    let numbers = grouper.number(&columns, batch.rows).map_err(|e| e.to_string())?;
    Ok((numbers, grouper.keys().map_err(|e| e.to_string())?))
}

/// What the message of a plugin that has no room says.
pub(crate) const NO_ROOM: &str = "memory that a query may use";

/// Refuses a table of cells that would not fit into the memory of a query.
pub(super) fn fits(
    plugin: &str,
    rows: usize,
    columns: usize,
    bytes_a_cell: usize,
    memory_max: usize,
) -> Result<(), String> {
    if rows.saturating_mul(columns).saturating_mul(bytes_a_cell) <= memory_max {
        return Ok(());
    }
    Err(format!(
        "{plugin}: {rows} rows of {columns} columns do not fit into the {} MB of {NO_ROOM}; filter or project before it",
        memory_max >> 20
    ))
}

/// A table growing row by row.
pub(super) struct Growing {
    columns: Vec<Column>,
    rows: Vec<Vec<Value>>,
}

impl Growing {
    pub(super) fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    pub(super) fn push(&mut self, row: Vec<Value>) {
        self.rows.push(row);
    }

    pub(super) fn finish(self) -> Rows {
        let mut builders: Vec<_> =
            self.columns.iter().map(|c| ColumnBuilder::new(c.ty, self.rows.len())).collect();
        for row in &self.rows {
            builders.iter_mut().zip(row).for_each(|(b, v)| b.push(v));
        }
        let columns = builders.into_iter().map(ColumnBuilder::finish).collect();
        let batch = Batch { columns, rows: self.rows.len() };
        Rows::new(Arc::new(Schema { columns: self.columns }), batch)
    }
}

/// Instants, lengths of time and integers as ticks or themselves.
pub(super) fn ticks(value: &Value) -> Option<i64> {
    match value {
        Value::DateTime(v) => Some(v.ticks()),
        Value::TimeSpan(v) => Some(v.ticks()),
        Value::Real(v) => Some(*v as i64),
        v => v.as_i64(),
    }
}

/// Ticks back to a value of the time line's type.
pub(super) fn at(ticks: i64, ty: ScalarType) -> Value {
    match ty {
        ScalarType::DateTime => {
            DateTime::checked_from_ticks(ticks).map_or(Value::Null, Value::DateTime)
        }
        ScalarType::TimeSpan => Value::TimeSpan(TimeSpan::from_ticks(ticks)),
        ty => Value::Long(ticks).cast(ty),
    }
}

/// A constant argument as ticks.
pub(super) fn constant_ticks(call: &PluginCall<'_>, at: usize, name: &str) -> Result<i64, String> {
    call.constant(at, name)
        .and_then(ticks)
        .ok_or_else(|| format!("argument {} ({name}) must be a constant time or number", at + 1))
}

/// The column arguments from a place on.
pub(super) fn columns_from(call: &PluginCall<'_>, from: usize) -> Vec<usize> {
    call.args
        .iter()
        .skip(from)
        .filter_map(|arg| match arg.value {
            PluginValue::Column(at) => Some(at),
            _ => None,
        })
        .collect()
}

/// Who did something when, by dimensions.
pub(super) struct Events {
    /// (dimensions, id, ticks), sorted.
    pub(super) all: Vec<(u32, u32, i64)>,
    /// The dimensions' values, one array a column.
    keys: Vec<ArrayRef>,
    /// The dimensions' columns.
    pub(super) dimensions: Vec<Column>,
    /// The time line's column.
    pub(super) line: Column,
}

impl Events {
    /// Events from `start` to `end`, both inside; the id and the time line are the first two arguments.
    pub(super) fn new(
        call: &PluginCall<'_>,
        bounds: Option<(i64, i64)>,
        dimensions: &[usize],
    ) -> Result<Self, String> {
        Self::of(
            call.rows,
            (call.column(0, "IdColumn")?, call.column(1, "TimelineColumn")?),
            bounds,
            dimensions,
        )
    }

    /// Events of a table.
    pub(super) fn of(
        rows: &Rows,
        (id, time): (usize, usize),
        bounds: Option<(i64, i64)>,
        dimensions: &[usize],
    ) -> Result<Self, String> {
        let schema = &rows.schema.columns;
        let column = |at: usize| schema.get(at).cloned().ok_or("a column is missing");
        let types: Vec<ScalarType> = schema.iter().map(|c| c.ty).collect();
        let batch = whole(rows)?;
        let (ids, _) = groups(&batch, &types, &[id])?;
        let (dims, keys) = groups(&batch, &types, dimensions)?;
        let line = column(time)?;
        let times = batch.columns.get(time);
        let mut all = Vec::with_capacity(batch.rows);
        for (row, (id, dim)) in ids.iter().zip(&dims).enumerate() {
            let Some(at) = times.and_then(|t| ticks(&cell(t, line.ty, row))) else { continue };
            if bounds.is_none_or(|(start, end)| (start..=end).contains(&at)) {
                all.push((*dim, *id, at));
            }
        }
        all.sort_unstable();
        let dimensions = dimensions.iter().map(|d| column(*d)).collect::<Result<_, _>>()?;
        Ok(Self { all, keys, dimensions, line })
    }

    /// The values of the dimensions under a number.
    pub(super) fn key(&self, dimension: u32) -> Vec<Value> {
        let row = dimension as usize;
        let cells = self.keys.iter().zip(&self.dimensions);
        cells.map(|(array, column)| cell(array, column.ty, row)).collect()
    }

    /// Runs of events with the same dimensions.
    pub(super) fn by_dimension(&self) -> impl Iterator<Item = &[(u32, u32, i64)]> {
        self.all.chunk_by(|a, b| a.0 == b.0)
    }
}

/// Start of the bin of a time: bins lie from `start` on.
pub(super) fn bin(time: i64, start: i64, step: i64) -> i64 {
    start.saturating_add(time.saturating_sub(start).div_euclid(step).saturating_mul(step))
}

/// A step that is a step.
pub(super) fn positive(step: i64, name: &str) -> Result<i64, String> {
    if step > 0 { Ok(step) } else { Err(format!("{name} must be positive")) }
}
