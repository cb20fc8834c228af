//! `make-series x = sum(a) / count()`: series computed element by element from the series of their aggregates.

use std::sync::Arc;

use arrow_array::ArrayRef;
use model::rows::cell;
use model::{Batch, Column, ColumnBuilder, Rows, Schema};
use values::dynamic::{DynamicBuilder, Kind};
use values::{ScalarType, Value};

use super::{compile, whole};
use crate::exec::ExecError;
use crate::exec::eval::Input;
use crate::functions::EvalContext;
use crate::plan::{Expr, Field, WholeOperator};

/// One input, some of whose columns hold arrays of equal lengths. Fields: as `outputs` say.
#[derive(Debug)]
pub struct SeriesMap {
    /// Columns of the input with arrays, and how expressions name their elements.
    pub elements: Vec<(usize, Field)>,
    /// The result's columns.
    pub outputs: Vec<SeriesOutput>,
}

/// A column of [`SeriesMap`].
#[derive(Debug)]
pub enum SeriesOutput {
    /// A column of the input as it is.
    Column(usize, Field),
    /// An expression over elements.
    Computed {
        /// Its value.
        expr: Expr,
        /// The value where `count` is zero.
        default: Value,
        /// Which column of the input counts the rows of each bin.
        count: usize,
        /// The column.
        field: Field,
    },
}

/// The elements of an array; a null array has none.
fn elements(value: &Value) -> Vec<Value> {
    match value {
        Value::Dynamic(d) if d.as_ref().kind() == Kind::Array => {
            d.as_ref().array().map(|e| e.to_scalar()).collect()
        }
        _ => Vec::new(),
    }
}

impl SeriesMap {
    /// The elements of one row's arrays as a table.
    fn table(&self, batch: &Batch, row: usize) -> Batch {
        let mut rows = 0;
        let lists: Vec<Vec<Value>> = self
            .elements
            .iter()
            .map(|(at, _)| {
                let array = batch.columns.get(*at);
                let list =
                    array.map_or_else(Vec::new, |a| elements(&cell(a, ScalarType::Dynamic, row)));
                rows = rows.max(list.len());
                list
            })
            .collect();
        let columns: Vec<ArrayRef> = self
            .elements
            .iter()
            .zip(lists)
            .map(|((_, field), list)| {
                let mut builder = ColumnBuilder::new(field.ty, rows);
                (0..rows).for_each(|at| match list.get(at) {
                    Some(value) => builder.push(&value.cast(field.ty)),
                    None => builder.push_null(),
                });
                builder.finish()
            })
            .collect();
        Batch { columns, rows }
    }
}

impl WholeOperator for SeriesMap {
    fn run(&self, inputs: &[Rows], context: &EvalContext, _: usize) -> Result<Rows, ExecError> {
        let Some(input) = inputs.first() else { return Ok(Rows::default()) };
        let batch = whole(input)?;
        let layout: Vec<_> = self.elements.iter().map(|(_, f)| f.id).collect();
        let mut columns = Vec::with_capacity(self.outputs.len());
        let mut computed = Vec::new();
        for output in &self.outputs {
            match output {
                SeriesOutput::Column(_, field) => columns.push(Column::new(&field.name, field.ty)),
                SeriesOutput::Computed { expr, default, count, field } => {
                    columns.push(Column::new(&field.name, field.ty));
                    computed.push((compile(expr, &layout)?, default, *count));
                }
            }
        }
        let mut rows = Vec::with_capacity(batch.rows);
        for row in 0..batch.rows {
            let table = self.table(&batch, row);
            let mut series = Vec::with_capacity(computed.len());
            for (scalar, default, count) in &computed {
                let ty = scalar.ty();
                let values = scalar.eval(&Input::of(&table), context)?.into_array(ty, table.rows);
                let counts = batch
                    .columns
                    .get(*count)
                    .map_or_else(Vec::new, |a| elements(&cell(a, ScalarType::Dynamic, row)));
                let mut builder = DynamicBuilder::new();
                builder.begin_array();
                for at in 0..table.rows {
                    let empty = counts.get(at).and_then(Value::as_i64) == Some(0);
                    builder.value(&if empty { (*default).clone() } else { cell(&values, ty, at) });
                }
                builder.end_array();
                series.push(Value::Dynamic(builder.finish()));
            }
            let mut series = series.into_iter();
            let cells = self.outputs.iter().map(|output| match output {
                SeriesOutput::Column(at, field) => {
                    batch.columns.get(*at).map_or(Value::Null, |a| cell(a, field.ty, row))
                }
                SeriesOutput::Computed { .. } => series.next().unwrap_or(Value::Null),
            });
            rows.push(cells.collect::<Vec<Value>>());
        }
        Ok(Rows::from_values(Arc::new(Schema { columns }), rows))
    }
}
