//! `schema_merge(PreserveOrder)`: schemas, as `getschema` gives them, as one.

use std::sync::Arc;

use model::{Column, Rows, ScalarType, Schema, Value};

use super::PluginCall;

/// A column of the merged schema.
struct Merged {
    name: String,
    ordinal: i64,
    ty: Result<ScalarType, &'static str>,
}

/// One input, the rows of one or several `getschema`.
pub(super) fn run(call: &PluginCall<'_>) -> Result<Rows, String> {
    let ordered = call.constant(0, "PreserveOrder").is_none_or(|v| *v != Value::Bool(false));
    let mut merged: Vec<Merged> = Vec::new();
    for row in 0..call.rows.len() {
        let text = |name: &str| {
            call.rows.get(row, name).map(|v| v.to_string()).ok_or_else(|| {
                format!("the input has no column '{name}'; it is what getschema gives")
            })
        };
        let name = text("ColumnName")?;
        let ordinal = call.rows.get(row, "ColumnOrdinal").and_then(|v| v.as_i64()).unwrap_or(-1);
        let ty = ScalarType::from_name(&text("ColumnType")?).ok_or("unknown type");
        match merged.iter_mut().find(|m| m.name == name) {
            Some(known) => {
                known.ty = match (known.ty, ty) {
                    (Ok(_), Ok(_)) if ordered && known.ordinal != ordinal => {
                        Err("columns are out of order")
                    }
                    (Ok(a), Ok(b)) => common(a, b),
                    (Err(why), _) | (_, Err(why)) => Err(why),
                };
            }
            None => merged.push(Merged { name, ordinal, ty }),
        }
    }
    let columns = [
        Column::new("ColumnName", ScalarType::String),
        Column::new("ColumnOrdinal", ScalarType::Long),
        Column::new("DataType", ScalarType::String),
        Column::new("ColumnType", ScalarType::String),
    ];
    // columns that do not fit come last, those that do keep the order in which they were met
    let (fits, others): (Vec<_>, Vec<_>) = merged.into_iter().partition(|m| m.ty.is_ok());
    let rows = (0..).zip(fits.into_iter().chain(others)).map(|(at, m)| match m.ty {
        Ok(ty) => {
            vec![
                Value::from(m.name),
                Value::Long(at),
                Value::from(ty.net_name()),
                Value::from(ty.name()),
            ]
        }
        Err(why) => vec![
            Value::from(m.name),
            Value::Long(-1),
            Value::from(format!("ERROR(unknown CSL type:ERROR({why}))")),
            Value::from(format!("ERROR({why})")),
        ],
    });
    let rows: Vec<Vec<Value>> = rows.collect();
    Ok(Rows::from_values(Arc::new(Schema { columns: columns.to_vec() }), rows))
}

/// The type that holds the values of both.
fn common(a: ScalarType, b: ScalarType) -> Result<ScalarType, &'static str> {
    use ScalarType as T;
    match (a, b) {
        _ if a == b => Ok(a),
        (T::Int, T::Long) | (T::Long, T::Int) => Ok(T::Long),
        (T::Int | T::Long, T::Real) | (T::Real, T::Int | T::Long) => Ok(T::Real),
        (T::Dynamic, _) | (_, T::Dynamic) => Ok(T::Dynamic),
        _ => Err("incompatible types"),
    }
}
