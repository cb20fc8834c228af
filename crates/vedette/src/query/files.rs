//! Files named on the command line to tables.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;
use collect::{ReadOptions, read_file};
use engine::source::MemoryTable;
use model::{Batch, Column, ColumnBuilder, DateTime, Rows, ScalarType, Schema};

use crate::outcome::WrongUse;

/// How a Parquet file begins.
const PARQUET: &[u8] = b"PAR1";

/// Reads `[NAME=]PATH` arguments; without a name, the tables are those that the files' content suggests. Files of one
/// table are put together.
pub(super) fn read(arguments: &[String], now: DateTime) -> anyhow::Result<Vec<MemoryTable>> {
    let mut tables: Vec<(String, Rows)> = Vec::new();
    for argument in arguments {
        let (name, path) = match argument.split_once('=') {
            Some((name, path)) if !name.contains('/') => (Some(name), path),
            _ => (None, argument.as_str()),
        };
        if name.is_some_and(|n| n.trim().is_empty()) {
            return Err(WrongUse::because(format!("'{argument}' names no table; write NAME=PATH")));
        }
        for (table, rows) in read_one(name, Path::new(path), now)? {
            match tables.iter_mut().find(|(known, _)| *known == table) {
                Some((_, known)) => append(known, rows),
                None => tables.push((table, rows)),
            }
        }
    }
    Ok(tables.into_iter().map(|(name, rows)| table(name, rows)).collect())
}

fn read_one(name: Option<&str>, path: &Path, now: DateTime) -> anyhow::Result<Vec<(String, Rows)>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file_name = path.to_string_lossy();
    if bytes.starts_with(PARQUET) {
        let rows = logs::parquet_file::read(bytes)
            .map_err(|e| anyhow::anyhow!("{}: {e}", path.display()))?;
        let table = name.map_or_else(|| collect::table_name(&file_name), str::to_owned);
        return Ok(vec![(table, rows)]);
    }
    let read = read_file(&bytes, &ReadOptions::new(&file_name, now))
        .with_context(|| format!("cannot read {}", path.display()))?;
    let lost = read.problems.lost_records();
    if lost > 0 {
        let first =
            read.problems.iter().find(|p| p.code.is_lost_record()).map_or("", |p| &p.message);
        let _ = writeln!(
            io::stderr(),
            "vedette: {file_name}: {lost} records left out; the first: {first}"
        );
    }
    let named = |part: collect::Part| (name.map_or(part.table, str::to_owned), part.rows);
    Ok(read.parts.into_iter().map(named).collect())
}

/// A table of rows; one of Azure's has all of its columns, empty where the file has none.
fn table(name: String, mut rows: Rows) -> MemoryTable {
    if let Some(built_in) = collect::builtin_schema(&name) {
        let mut schema = (*rows.schema).clone();
        let mut nulls: Vec<(ScalarType, Vec<Batch>)> = Vec::new(); // one of each type serves all columns
        for column in built_in.columns.iter().filter(|c| rows.schema.column(&c.name).is_none()) {
            if !nulls.iter().any(|(ty, _)| *ty == column.ty) {
                let empty = rows.batches.iter().map(|b| nulls_of(column.ty, b.rows)).collect();
                nulls.push((column.ty, empty));
            }
            let empty = nulls.iter().find(|(ty, _)| *ty == column.ty).map(|(_, empty)| empty);
            for (batch, empty) in rows.batches.iter_mut().zip(empty.into_iter().flatten()) {
                batch.columns.extend(empty.columns.iter().cloned());
            }
            schema.columns.push(column.clone());
        }
        rows.schema = Arc::new(schema);
    }
    MemoryTable::new(name, rows)
}

/// One column without values.
fn nulls_of(ty: ScalarType, rows: usize) -> Batch {
    let mut builder = ColumnBuilder::new(ty, rows);
    (0..rows).for_each(|_| builder.push_null());
    Batch { columns: vec![builder.finish()], rows }
}

/// Adds rows of the same table; columns are matched by name, missing ones are null.
fn append(rows: &mut Rows, more: Rows) {
    let mut columns: Vec<Column> = rows.schema.columns.clone();
    for column in &more.schema.columns {
        match columns.iter_mut().find(|c| c.name == column.name) {
            Some(known) if known.ty != column.ty => known.ty = ScalarType::String,
            Some(_) => {}
            None => columns.push(column.clone()),
        }
    }
    let schema = Arc::new(Schema { columns });
    let all: Vec<Vec<model::Value>> =
        [&*rows, &more].into_iter().flat_map(|part| fitted(part, &schema)).collect();
    *rows = Rows::from_values(schema, all);
}

fn fitted<'a>(rows: &'a Rows, schema: &'a Schema) -> impl Iterator<Item = Vec<model::Value>> + 'a {
    let places: Vec<Option<usize>> =
        schema.columns.iter().map(|c| rows.schema.position(&c.name)).collect();
    rows.values().map(move |row| {
        let cell = |(place, column): (&Option<usize>, &Column)| {
            let value = place.and_then(|p| row.get(p));
            value.map_or_else(|| model::Value::null_of(column.ty), |v| v.cast(column.ty))
        };
        places.iter().zip(&schema.columns).map(cell).collect()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use engine::source::TableSource;
    use model::Value;

    use super::*;

    fn table_of(files: &[(&str, &str)], arguments: &[&str]) -> Vec<MemoryTable> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let place = folder.path().display().to_string();
        let arguments: Vec<String> = arguments.iter().map(|a| a.replace('@', &place)).collect();
        read(&arguments, DateTime::parse("2026-01-01").unwrap()).unwrap()
    }

    #[test]
    fn files_of_one_table_are_put_together_by_column_names() {
        let tables = table_of(
            &[("a.csv", "x,y\n1,2024-01-01\n"), ("b.csv", "y,z\n2024-01-02,7\n")],
            &["T=@/a.csv", "T=@/b.csv"],
        );
        assert_eq!(tables.len(), 1);
        assert_eq!(tables[0].row_count(), Some(2));
        let names: Vec<String> =
            tables[0].schema().columns.iter().map(|c| c.name.to_string()).collect();
        assert_eq!(names, ["x", "y", "z"]);
    }

    #[test]
    fn columns_whose_types_differ_meet_as_text() {
        let schema = |ty| Arc::new(Schema::new([("v", ty)]));
        let mut rows = Rows::from_values(schema(ScalarType::Long), [vec![Value::Long(1)]]);
        append(&mut rows, Rows::from_values(schema(ScalarType::Bool), [vec![Value::Bool(true)]]));
        let values: Vec<_> = rows.values().flatten().collect();
        assert_eq!(values, [Value::string("1"), Value::string("true")]);
    }

    #[test]
    fn a_table_of_azure_has_all_of_its_columns() {
        let tables = table_of(
            &[("e.json", r#"[{"EventID":1},{"EventID":2}]"#)],
            &["SecurityEvent=@/e.json"],
        );
        let schema = tables[0].schema();
        assert!(schema.len() > 100 && schema.column("Computer").is_some());
    }

    #[test]
    fn a_name_without_letters_is_refused() {
        let refused = read(&["=x.csv".to_owned()], DateTime::parse("2026-01-01").unwrap());
        assert!(refused.err().unwrap().to_string().contains("NAME=PATH"));
    }
}
