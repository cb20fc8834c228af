//! Commands that make, widen, empty and drop tables, and `.ingest inline`.

use std::sync::Arc;

use collect::Collected;
use model::{Rows, Schema, TableInfo, TableKind, TablesError};

use super::show::{TABLE_SCHEMA, json_schema, list_of_tables, schema_row};
use super::{Command, bad, rows, syntax, table_failure, unknown_table};
use crate::kusto::ingest;
use crate::wire::error::ApiError;

/// Days that rows of a table made here are kept where the workspace says nothing.
const RETENTION_DAYS: u32 = 90;

/// What becomes of a table that is there, or is not.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// One that is there stays as it is, as in Kusto.
    Create,
    /// One that is there gets the new columns.
    Widen,
    /// It must be there.
    Alter,
}

/// `.create table T (a:string, b:long)`; several tables with `tables`.
pub(super) async fn create(c: Command) -> Result<Rows, ApiError> {
    put(c, Mode::Create).await
}

/// `.create-merge table T (a:string, b:long)`
pub(super) async fn widen(c: Command) -> Result<Rows, ApiError> {
    put(c, Mode::Widen).await
}

/// `.alter-merge table T (c:real)`
pub(super) async fn alter(c: Command) -> Result<Rows, ApiError> {
    put(c, Mode::Alter).await
}

async fn put(c: Command, mode: Mode) -> Result<Rows, ApiError> {
    let wanted = definitions(&c.rest).map_err(|message| bad(&message))?;
    let mut values = Vec::new();
    for (name, schema) in wanted {
        let existing = c.doors.tables.table(&c.database.customer_id, &name);
        let stored = match (existing, mode) {
            (Some(table), Mode::Create) => table,
            (None, Mode::Alter) => return Err(unknown_table(&name)),
            (existing, _) => {
                let days = c.doors.tables.retention_days(&c.database.customer_id);
                let days = days.unwrap_or(RETENTION_DAYS);
                let info = definition(&name, schema, existing.as_deref(), days);
                let put = c.doors.tables.put_table(&c.database.customer_id, info, true).await;
                put.map_err(|e| table_failure(&e))?
            }
        };
        values.push(schema_row(&stored, json_schema(&stored), &c.database));
    }
    Ok(rows(TABLE_SCHEMA, values))
}

fn definition(name: &str, schema: Schema, existing: Option<&TableInfo>, days: u32) -> TableInfo {
    TableInfo {
        name: Arc::from(name),
        kind: existing.map_or(TableKind::Custom, |t| t.kind),
        schema: Arc::new(schema),
        retention_days: existing.map_or(days, |t| t.retention_days),
        total_retention_days: existing.map_or(days, |t| t.total_retention_days),
    }
}

/// `T (columns), U (columns) [with (folder = "...", docstring = "...")]`: folder and docstring are descriptions, which
/// tables have no place for.
fn definitions(text: &str) -> Result<Vec<(String, Schema)>, String> {
    let mut made = Vec::new();
    let mut rest = text;
    loop {
        let (name, tail) = syntax::entity(rest).ok_or("a table name is expected")?;
        let (columns, tail) = syntax::parentheses(tail)
            .ok_or("the columns are expected in parentheses: (Name:type, ...)")?;
        made.push((name, syntax::columns(columns)?));
        let tail = tail.trim_start();
        let Some(next) = tail.strip_prefix(',') else {
            let described = syntax::after_words(tail, &["with"]).and_then(syntax::parentheses);
            let end = described.map_or(tail, |(_, end)| end);
            return match end.trim() {
                "" => Ok(made),
                more => Err(format!("'{more}' is not expected behind the columns")),
            };
        };
        rest = next;
    }
}

/// `.drop table T [ifexists]`
pub(super) async fn drop(c: Command) -> Result<Rows, ApiError> {
    let (name, rest) =
        syntax::entity(&c.rest).ok_or_else(|| bad("write .drop table NAME [ifexists]"))?;
    drop_each(&c, &[name], rest).await
}

/// `.drop tables (T, U) [ifexists]`
pub(super) async fn drop_several(c: Command) -> Result<Rows, ApiError> {
    let usage = || bad("write .drop tables (NAME, ...) [ifexists]");
    let (names, rest) = syntax::parentheses(&c.rest).ok_or_else(usage)?;
    let names = syntax::list(names).into_iter().map(syntax::entity);
    let names: Option<Vec<String>> = names.map(|e| e.map(|(name, _)| name)).collect();
    drop_each(&c, &names.ok_or_else(usage)?, rest).await
}

async fn drop_each(c: &Command, names: &[String], rest: &str) -> Result<Rows, ApiError> {
    let if_exists = match rest.trim().to_ascii_lowercase().as_str() {
        "" => false,
        "ifexists" => true,
        other => return Err(bad(&format!("'{other}' is not expected; write ifexists or nothing"))),
    };
    for name in names {
        match c.doors.tables.delete_table(&c.database.customer_id, name).await {
            Ok(()) => {}
            Err(TablesError::UnknownTable(_)) if if_exists => {}
            Err(error) => return Err(table_failure(&error)),
        }
    }
    Ok(list_of_tables(&c.database, &c.readable()))
}

/// `.clear table T data`: the table goes with its rows and comes again as it was.
pub(super) async fn clear(c: Command) -> Result<Rows, ApiError> {
    let named = syntax::entity(&c.rest);
    let named = named.filter(|(_, rest)| rest.trim().eq_ignore_ascii_case("data"));
    let (name, _) = named.ok_or_else(|| bad("write .clear table NAME data"))?;
    let (tables, workspace) = (&c.doors.tables, &c.database.customer_id);
    let table = tables.table(workspace, &name).ok_or_else(|| unknown_table(&name))?;
    tables.delete_table(workspace, &name).await.map_err(|e| table_failure(&e))?;
    let again = tables.put_table(workspace, (*table).clone(), true).await;
    let again = again.map_err(|e| table_failure(&e))?;
    Ok(rows(TABLE_SCHEMA, vec![schema_row(&again, json_schema(&again), &c.database)]))
}

/// `.ingest inline into table T <| 1,"a"`: CSV, one record a line.
pub(super) async fn ingest_inline(c: Command) -> Result<Rows, ApiError> {
    let usage = || bad("write .ingest inline into table NAME <| values");
    let (name, rest) = syntax::entity(&c.rest).ok_or_else(usage)?;
    let (options, data) = rest.split_once("<|").ok_or_else(usage)?;
    if !options.trim().is_empty() {
        return Err(bad("options of .ingest inline are not supported; send CSV"));
    }
    ingest::authorize(&c.doors, &c.caller, &c.database, &name)?;
    let table = c.doors.tables.table(&c.database.customer_id, &name);
    let table = table.ok_or_else(|| unknown_table(&name))?;
    let data = data.trim_start().as_bytes().to_vec();
    let collected: Collected = ingest::read("csv".to_owned(), data, &table).await?;
    let stored = ingest::store(&c.doors, &c.caller, &c.database, &table, collected, None).await?;
    Ok(ingest::receipt(stored))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn definitions_are_read_whole_or_refused() {
        let names = |text| -> Result<Vec<String>, String> {
            Ok(definitions(text)?.into_iter().map(|(name, _)| name).collect())
        };
        assert_eq!(names("T (a:int)"), Ok(vec!["T".to_owned()]));
        assert_eq!(
            names("T(a:int), ['U v'] (b:string) with (folder='x)', docstring=\"y\")"),
            Ok(vec!["T".to_owned(), "U v".to_owned()])
        );
        for bad in ["", "T", "T (a)", "T (a:int) nonsense", "T (a:int),", "T (a:int"] {
            assert!(names(bad).is_err(), "{bad}");
        }
    }
}
