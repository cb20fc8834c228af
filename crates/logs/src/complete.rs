//! From the rows of a request to the columns that are stored: names and types checked against the table, what Azure
//! fills in filled in.

use std::sync::Arc;

use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array};
use model::{AppendRequest, Column, DateTime, ScalarType, TableInfo};
use uuid::Uuid;

use crate::codec::ROWS_MAX;
use crate::columns::{Named, TIME_GENERATED, fits};
use crate::error::Error;

/// The columns to store. `TimeGenerated` is among them, without holes, when it is a datetime of the table; `Type`,
/// `TenantId` and `_ItemId` are made when rows are read (see [`crate::synthetic`]) and stored only where given.
pub(crate) fn complete(table: &TableInfo, request: &AppendRequest) -> Result<Vec<Named>, Error> {
    let rows = request.batch.rows;
    if request.schema.len() != request.batch.columns.len() {
        return Err(Error::Invalid("the batch does not have the columns of its schema".into()));
    }
    if rows > ROWS_MAX {
        return Err(Error::Invalid(format!("at most {ROWS_MAX} rows fit into one request")));
    }
    let mut columns: Vec<Named> = Vec::with_capacity(request.schema.len() + 1);
    for (given, array) in request.schema.columns.iter().zip(&request.batch.columns) {
        let wanted = table.schema.column(&given.name).ok_or_else(|| unknown(table, given))?;
        if columns.iter().any(|c| c.column.name == given.name) {
            return Err(Error::Invalid(format!("column '{}' is given twice", given.name)));
        }
        if array.len() != rows {
            return Err(Error::Invalid(format!("column '{}' has another length", given.name)));
        }
        let array = convert(array, given, wanted)?;
        columns.push(Named::new(wanted.clone(), array));
    }
    fill(table, request, &mut columns);
    Ok(columns)
}

fn unknown(table: &TableInfo, given: &Column) -> Error {
    let near = table.schema.columns.iter().find(|c| c.name.eq_ignore_ascii_case(&given.name));
    let hint = near.map_or_else(
        || "add it to the table, or leave it out".to_owned(),
        |near| format!("did you mean '{}'?", near.name),
    );
    Error::Invalid(format!("table '{}' has no column '{}'; {hint}", table.name, given.name))
}

/// The array in the table's type. Only conversions that lose nothing are made.
fn convert(array: &ArrayRef, given: &Column, wanted: &Column) -> Result<ArrayRef, Error> {
    let refused = || {
        Error::Invalid(format!(
            "column '{}' is {} in the table and {} in the rows; convert it before it is stored",
            given.name, wanted.ty, given.ty
        ))
    };
    if !fits(given.ty, array) {
        return Err(Error::Invalid(format!(
            "column '{}' of type {} has the wrong form {}",
            given.name,
            given.ty,
            array.data_type()
        )));
    }
    if given.ty == wanted.ty {
        return Ok(Arc::clone(array));
    }
    let ints = array.as_primitive_opt::<Int32Type>();
    match (ints, wanted.ty) {
        (Some(ints), ScalarType::Long) => {
            let values = ints.values().iter().map(|v| i64::from(*v)).collect();
            Ok(Arc::new(Int64Array::new(values, ints.nulls().cloned())))
        }
        (Some(ints), ScalarType::Real) => {
            let values = ints.values().iter().map(|v| f64::from(*v)).collect();
            Ok(Arc::new(Float64Array::new(values, ints.nulls().cloned())))
        }
        _ => Err(refused()),
    }
}

/// Fills what Azure fills: the time of receipt where `TimeGenerated` is missing, and the holes of system columns.
fn fill(table: &TableInfo, request: &AppendRequest, columns: &mut Vec<Named>) {
    for named in columns.iter_mut().filter(|c| c.column.ty == ScalarType::String) {
        let default: Box<dyn Fn() -> String> = match &*named.column.name {
            "Type" => Box::new(|| table.name.to_string()),
            "TenantId" => Box::new(|| request.workspace.to_string()),
            "_ItemId" => Box::new(|| Uuid::new_v4().to_string()),
            _ => continue,
        };
        named.array = fill_texts(&named.array, default);
    }
    // What is the same in every row of the table is made while reading.
    columns.retain(|named| {
        let constant = match &*named.column.name {
            "Type" => &*table.name,
            "TenantId" => &*request.workspace,
            _ => return true,
        };
        let text = |row| model::rows::text(&named.array, row);
        named.column.ty != ScalarType::String
            || (0..named.array.len()).any(|row| text(row) != constant)
    });
    let time = table.schema.column(TIME_GENERATED).filter(|c| c.ty == ScalarType::DateTime);
    let Some(time) = time else { return };
    match columns.iter_mut().find(|c| c.column == *time) {
        Some(named) => named.array = fill_times(&named.array, request.received),
        None => {
            let times = Int64Array::from_value(request.received.ticks(), request.batch.rows);
            columns.push(Named::new(time.clone(), Arc::new(times)));
        }
    }
}

fn fill_texts(array: &ArrayRef, default: impl Fn() -> String) -> ArrayRef {
    let text = |row| model::rows::text(array, row);
    if (0..array.len()).all(|row| !text(row).is_empty()) {
        return Arc::clone(array);
    }
    let mut builder = StringViewBuilder::with_capacity(array.len());
    for row in 0..array.len() {
        match text(row) {
            "" => builder.append_value(default()),
            given => builder.append_value(given),
        }
    }
    Arc::new(builder.finish())
}

fn fill_times(array: &ArrayRef, received: DateTime) -> ArrayRef {
    match array.as_primitive_opt::<Int64Type>() {
        Some(times) if times.null_count() == 0 => Arc::clone(array),
        Some(times) => {
            let filled = times.iter().map(|t| t.unwrap_or(received.ticks()));
            Arc::new(Int64Array::from_iter_values(filled))
        }
        None => Arc::new(Int64Array::from_value(received.ticks(), array.len())),
    }
}

#[cfg(test)]
mod tests;
