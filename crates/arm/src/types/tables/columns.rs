//! The columns that a PUT or PATCH of a table asks for.

use std::sync::Arc;

use model::{Column, ScalarType, Schema, TableInfo, TableKind};
use serde_json::Value;

use super::{invalid, is_system_column, system_columns};
use crate::ArmError;
use crate::fields::get;

/// Most columns of a table.
const COLUMNS_MAX: usize = 500;
/// Names that Azure keeps for itself, beside the system columns.
const RESERVED: &[&str] = &["id", "UniqueId", "Title"];

/// The name of a table about to be created: `*_CL`, letters, digits and `_`.
pub(super) fn new_table_name(name: &str, properties: &Value) -> Result<Arc<str>, ArmError> {
    let stem = name.strip_suffix("_CL").ok_or_else(|| {
        invalid("name", format!("'{name}' cannot be created: names of custom tables end in _CL"))
    })?;
    let good = stem.starts_with(|c: char| c.is_ascii_alphabetic())
        && stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && (4..=63).contains(&name.len());
    if !good {
        let message = format!(
            "'{name}' is not a table name: use 4 to 63 letters, digits and _, a letter first, _CL at the end"
        );
        return Err(invalid("name", message));
    }
    match get(properties, "schema/name").as_str() {
        Some(other) if other != name => {
            let message =
                format!("'schema.name' is '{other}' but the table is '{name}'; make them equal");
            Err(invalid("properties.schema.name", message))
        }
        _ => Ok(Arc::from(name)),
    }
}

/// The whole schema after the call: what is there, changed by what the body says.
pub(super) fn wanted(
    existing: Option<&TableInfo>,
    properties: &Value,
) -> Result<Arc<Schema>, ArmError> {
    let given = match get(properties, "schema/columns") {
        Value::Null => None,
        Value::Array(list) => Some(read(list)?),
        _ => return Err(invalid("properties.schema.columns", "'schema.columns' must be an array")),
    };
    match (existing, given) {
        (Some(table), None) => Ok(Arc::clone(&table.schema)),
        (None, None) => Err(invalid(
            "properties.schema",
            "'schema.columns' is required for a new table; add its columns, TimeGenerated of type dateTime among them",
        )),
        (None, Some(columns)) => {
            let time = columns.iter().find(|c| &*c.name == "TimeGenerated");
            if time.is_none_or(|c| c.ty != ScalarType::DateTime) {
                let message = "the column TimeGenerated of type dateTime is required; add it";
                return Err(invalid("properties.schema.columns", message));
            }
            Ok(with_system_columns(columns))
        }
        (Some(table), Some(columns)) => changed(table, columns),
    }
}

/// True for a table of one's own, and for those that ship because well-known connectors make them.
pub(super) fn is_custom_log(table: &TableInfo) -> bool {
    table.kind == TableKind::Custom || table.name.ends_with("_CL")
}

/// A changed schema: types stay; built-in tables keep all columns and take further ones named `*_CF`, any name where
/// the table is one that somebody's connector made (`*_CL`).
fn changed(table: &TableInfo, columns: Vec<Column>) -> Result<Arc<Schema>, ArmError> {
    let target = "properties.schema.columns";
    for column in &columns {
        match table.schema.column(&column.name) {
            Some(old) if old.ty != column.ty => {
                let message = format!(
                    "the column '{}' is of type {} and cannot become {}; add a new column",
                    old.name, old.ty, column.ty
                );
                return Err(invalid(target, message));
            }
            None if !is_custom_log(table) && !column.name.ends_with("_CF") => {
                let message = format!(
                    "'{}' cannot be added to the built-in table {}: names of its custom columns end in _CF",
                    column.name, table.name
                );
                return Err(invalid(target, message));
            }
            _ => {}
        }
    }
    if table.kind == TableKind::Microsoft {
        let new = columns.into_iter().filter(|c| table.schema.column(&c.name).is_none());
        let all = table.schema.columns.iter().cloned().chain(new).collect();
        return Ok(Arc::new(Schema { columns: all }));
    }
    if !columns.iter().any(|c| &*c.name == "TimeGenerated") {
        return Err(invalid(
            target,
            "the column TimeGenerated cannot be removed; keep it in the list",
        ));
    }
    Ok(with_system_columns(columns))
}

fn with_system_columns(mut columns: Vec<Column>) -> Arc<Schema> {
    let own = Schema { columns: columns.clone() };
    columns.extend(system_columns(&own));
    Arc::new(Schema { columns })
}

/// Reads `[{"name", "type"}]`; system columns in it fall away.
fn read(list: &[Value]) -> Result<Vec<Column>, ArmError> {
    let mut columns: Vec<Column> = Vec::with_capacity(list.len());
    for (at, given) in list.iter().enumerate() {
        let target = format!("properties.schema.columns[{at}]");
        let (name, type_name) = (get(given, "name").as_str(), get(given, "type").as_str());
        let (Some(name), Some(type_name)) = (name, type_name) else {
            return Err(invalid(&target, "a column needs \"name\" and \"type\", both texts"));
        };
        if is_system_column(name) {
            continue; // clients send back what they were given
        }
        check_name(name, &target)?;
        let Some(ty) = ScalarType::from_name(type_name) else {
            let message = format!(
                "'{type_name}' is not a column type; use string, int, long, real, boolean, dateTime, guid or dynamic"
            );
            return Err(invalid(&target, message));
        };
        if columns.iter().any(|c| c.name.eq_ignore_ascii_case(name)) {
            return Err(invalid(&target, format!("the column '{name}' is there twice")));
        }
        columns.push(Column::new(name, ty));
    }
    if columns.len() > COLUMNS_MAX {
        let message = format!("a table has at most {COLUMNS_MAX} columns");
        return Err(invalid("properties.schema.columns", message));
    }
    Ok(columns)
}

fn check_name(name: &str, target: &str) -> Result<(), ArmError> {
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && name.len() <= 60;
    if !good {
        let message = format!(
            "'{name}' is not a column name: use up to 60 letters, digits and _, a letter first"
        );
        return Err(invalid(target, message));
    }
    if RESERVED.iter().any(|r| r.eq_ignore_ascii_case(name)) {
        return Err(invalid(
            target,
            format!("the column name '{name}' is reserved; choose another"),
        ));
    }
    Ok(())
}
