//! Small rows for tests, written down in one line each.

use std::sync::Arc;

use model::{DateTime, Guid, Rows, ScalarType, Schema, TimeSpan, Value};

/// What can stand in a cell of [`rows`].
pub struct Cell(pub Value);

macro_rules! cells {
    ($($from:ty => |$v:ident| $value:expr),* $(,)?) => {
        $(impl From<$from> for Cell {
            fn from($v: $from) -> Self {
                Self($value)
            }
        })*
    };
}

cells! {
    Value => |v| v,
    &str => |v| Value::string(v),
    String => |v| Value::string(v),
    bool => |v| Value::Bool(v),
    i32 => |v| Value::Long(i64::from(v)),
    i64 => |v| Value::Long(v),
    f64 => |v| Value::Real(v),
    DateTime => |v| Value::DateTime(v),
    TimeSpan => |v| Value::TimeSpan(v),
    Guid => |v| Value::Guid(v),
    () => |_v| Value::Null,
}

/// A row of cells: `row!["ann", 3, true, ()]`; `()` is null.
#[macro_export]
macro_rules! row {
    ($($cell:expr),* $(,)?) => {
        vec![$($crate::Cell::from($cell).0),*]
    };
}

/// A schema written as KQL writes it: `"User:string, Count:long"`.
pub fn schema(text: &str) -> Arc<Schema> {
    let columns = text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| {
        let (name, ty) = part.split_once(':').unwrap_or((part, "string"));
        let ty = ScalarType::from_name(ty.trim()).unwrap_or_else(|| panic!("'{ty}' is not a type"));
        (name.trim().to_owned(), ty)
    });
    Arc::new(Schema::new(columns))
}

/// Rows of a schema written as KQL writes it. Whole numbers and texts are fitted to their column's type, so that
/// `row!["2024-01-01", 1]` fills a datetime and an int.
///
/// # Panics
/// On a row of another length, or a value that does not fit its column.
pub fn rows(columns: &str, values: impl IntoIterator<Item = Vec<Value>>) -> Rows {
    let schema = schema(columns);
    let fitted: Vec<Vec<Value>> = values
        .into_iter()
        .map(|row| {
            assert_eq!(row.len(), schema.len(), "cells in a row");
            row.into_iter().zip(&schema.columns).map(|(v, c)| fit(v, c.ty)).collect()
        })
        .collect();
    Rows::from_values(schema, fitted)
}

fn fit(value: Value, ty: ScalarType) -> Value {
    let fitted = match (&value, ty) {
        (Value::Null, _) => Some(Value::Null),
        (Value::Long(v), ScalarType::Int) => i32::try_from(*v).ok().map(Value::Int),
        (Value::Long(v), ScalarType::Real) => Some(Value::Real(*v as f64)),
        (Value::String(v), ScalarType::DateTime) => DateTime::parse(v).map(Value::DateTime),
        (Value::String(v), ScalarType::Guid) => Guid::parse(v).map(Value::Guid),
        (Value::String(v), ScalarType::Dynamic) => {
            model::Dynamic::parse_json(v).map(Value::Dynamic)
        }
        _ => None,
    };
    let value = fitted.unwrap_or(value);
    let fits = value.scalar_type().is_none_or(|own| own == ty);
    assert!(fits, "{value:?} is not a {ty}");
    value
}

/// Rows as text, a line of names and a line per row, cells parted by ` | `: for golden files and messages.
pub fn rows_text(rows: &Rows) -> String {
    let names: Vec<_> =
        rows.schema.columns.iter().map(|c| format!("{}:{}", c.name, c.ty)).collect();
    let mut text = names.join(" | ") + "\n";
    for row in rows.values() {
        let cells: Vec<_> = row.iter().map(cell_text).collect();
        text.push_str(&cells.join(" | "));
        text.push('\n');
    }
    text
}

fn cell_text(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(v) => format!("{v:?}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_hold_what_was_written() {
        let rows = rows(
            "User:string, Count:int, At:datetime, Share:real, Bag:dynamic",
            [row!["ann", 3, "2024-01-01", 1, r#"{"a":1}"#], row!["", (), (), 0.5, ()]],
        );
        assert_eq!(rows.len(), 2);
        assert_eq!(rows.get(0, "Count"), Some(Value::Int(3)));
        assert_eq!(rows.get(1, "Count"), Some(Value::Null));
        assert_eq!(rows.get(0, "At"), Some(Value::DateTime(crate::time("2024-01-01"))));
        assert_eq!(rows.get(0, "Share"), Some(Value::Real(1.0)));
        assert!(matches!(rows.get(0, "Bag"), Some(Value::Dynamic(_))));
        let text = rows_text(&rows);
        assert!(text.starts_with("User:string | Count:int"), "{text}");
        assert_eq!(text.lines().count(), 3);
    }

    #[test]
    #[should_panic(expected = "is not a long")]
    fn a_value_of_another_type_is_refused() {
        rows("N:long", [row!["three"]]);
    }
}
