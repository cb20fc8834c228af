//! Creating and changing tables: what may change, and what must not.

use std::collections::HashSet;
use std::sync::Arc;

use model::{Column, Schema, TableInfo, TableKind, TablesError};

use crate::columns::{INGESTION_TIME, ITEM_NUMBER};

/// Most columns of a table.
const COLUMNS_MAX: usize = 1000;
/// Longest name of a table; it becomes a folder.
const NAME_BYTES_MAX: usize = 128;
/// Longest retention: twelve years, as in Azure.
const DAYS_MAX: u32 = 4383;

/// The definition after a change. With `merge`, columns that are not named stay; without, they go, but for those of a
/// built-in table. A column keeps its type for good.
pub(crate) fn changed(
    current: Option<&TableInfo>,
    built_in: Option<&TableInfo>,
    wanted: TableInfo,
    merge: bool,
) -> Result<TableInfo, TablesError> {
    check(&wanted, built_in.is_some())?;
    let mut columns: Vec<Column> = Vec::new();
    let kept = match (current, built_in) {
        (Some(current), _) if merge => &current.schema.columns[..],
        (_, Some(built_in)) => &built_in.schema.columns[..],
        _ => &[],
    };
    columns.extend(kept.iter().cloned());
    for column in &wanted.schema.columns {
        let known = current.and_then(|t| t.schema.column(&column.name));
        if let Some(known) = known.filter(|k| k.ty != column.ty) {
            return Err(TablesError::Invalid(format!(
                "column '{}' of table '{}' is {}; its type cannot be changed to {}, add a column instead",
                column.name, wanted.name, known.ty, column.ty
            )));
        }
        if !columns.iter().any(|c| c.name == column.name) {
            columns.push(column.clone());
        }
    }
    if columns.len() > COLUMNS_MAX {
        return Err(TablesError::Invalid(format!(
            "table '{}' would have {} columns; {COLUMNS_MAX} are possible",
            wanted.name,
            columns.len()
        )));
    }
    let kind = match (built_in, current) {
        (Some(_), _) => TableKind::Microsoft,
        (None, Some(current)) => current.kind,
        (None, None) => wanted.kind,
    };
    Ok(TableInfo {
        kind,
        schema: Arc::new(Schema { columns }),
        total_retention_days: wanted.total_retention_days.max(wanted.retention_days),
        ..wanted
    })
}

/// Names of built-in tables are as they ship: one of them has brackets.
fn check(table: &TableInfo, built_in: bool) -> Result<(), TablesError> {
    let invalid = |text: String| Err(TablesError::Invalid(text));
    let name = &*table.name;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    let good = !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.chars().all(allowed);
    if !good && !built_in {
        return invalid(format!(
            "'{name}' is not a table name; use up to {NAME_BYTES_MAX} letters, digits and '_'"
        ));
    }
    check_days(name, (table.retention_days, table.total_retention_days))?;
    let mut seen = HashSet::new();
    for column in &table.schema.columns {
        let column = &*column.name;
        if column.is_empty() || column.len() > 1024 || column.chars().any(char::is_control) {
            return invalid(format!("'{column}' is not a column name"));
        }
        if matches!(column, INGESTION_TIME | ITEM_NUMBER) {
            return invalid(format!("the column name '{column}' is reserved"));
        }
        if !seen.insert(column) {
            return invalid(format!("column '{column}' of table '{name}' is given twice"));
        }
    }
    Ok(())
}

/// Refuses days that no table can have: to be queried, and in total.
pub(crate) fn check_days(name: &str, (days, total): (u32, u32)) -> Result<(), TablesError> {
    if days == 0 || days > DAYS_MAX || total > DAYS_MAX {
        let text = format!("table '{name}' must keep its rows for 1 to {DAYS_MAX} days");
        return Err(TablesError::Invalid(text));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use model::ScalarType;

    use super::*;

    fn table(columns: &[(&str, ScalarType)]) -> TableInfo {
        TableInfo {
            name: Arc::from("T_CL"),
            kind: TableKind::Custom,
            schema: Arc::new(Schema::new(columns.iter().copied())),
            retention_days: 30,
            total_retention_days: 0,
        }
    }

    fn names(table: &TableInfo) -> Vec<&str> {
        table.schema.columns.iter().map(|c| &*c.name).collect()
    }

    const A: (&str, ScalarType) = ("a", ScalarType::Long);
    const B: (&str, ScalarType) = ("b", ScalarType::String);

    #[test]
    fn columns_are_added_and_dropped_as_asked() {
        let (a, b, both) = (table(&[A]), table(&[B]), table(&[A, B]));
        let cases = [
            (None, None, &a, false, vec!["a"]),
            (Some(&a), None, &b, true, vec!["a", "b"]),
            (Some(&both), None, &b, false, vec!["b"]),
            (None, Some(&a), &b, false, vec!["a", "b"]),
            (Some(&both), Some(&a), &a, false, vec!["a"]),
        ];
        for (current, built_in, wanted, merge, want) in cases {
            let got = changed(current, built_in, wanted.clone(), merge).unwrap();
            assert_eq!(names(&got), want);
            assert_eq!(got.total_retention_days, 30);
            assert_eq!(got.kind == TableKind::Microsoft, built_in.is_some());
        }
    }

    #[test]
    fn built_in_tables_have_the_names_they_have() {
        let odd = TableInfo { name: Arc::from("Syslog (Vendor)"), ..table(&[A]) };
        assert!(changed(None, Some(&odd), odd.clone(), true).is_ok());
        assert!(changed(None, None, odd, true).is_err());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let named = |name: &str| TableInfo { name: Arc::from(name), ..table(&[A]) };
        let cases = [
            (named(""), "not a table name"),
            (named("../x"), "not a table name"),
            (named(&"x".repeat(200)), "not a table name"),
            (TableInfo { retention_days: 0, ..table(&[A]) }, "1 to 4383 days"),
            (table(&[A, A]), "given twice"),
            (table(&[("", ScalarType::Long)]), "not a column name"),
            (table(&[("_ItemNumber", ScalarType::Long)]), "reserved"),
            (table(&[("b", ScalarType::Long)]), "cannot be changed to long"),
        ];
        for (wanted, message) in cases {
            let error = changed(Some(&table(&[B])), None, wanted, true).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
