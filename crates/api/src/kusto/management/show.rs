//! `.show`: what there is, and of what shape.

use std::sync::Arc;

use model::{Rows, ScalarType, TableInfo, Value};
use serde_json::{Map, json};

use ScalarType::{DateTime, Long, String as Text};

use super::{Command, READ_FUNCTION, bad, count, functions, readable, rows, syntax, text};
use crate::wire::error::ApiError;
use crate::wire::workspace::Workspace;

/// Columns that tell a table with its schema.
pub(super) const TABLE_SCHEMA: &[(&str, ScalarType)] = &[
    ("TableName", Text),
    ("Schema", Text),
    ("DatabaseName", Text),
    ("Folder", Text),
    ("DocString", Text),
];

/// Refuses further words: with them it is another command.
fn expect_nothing(c: &Command, known: &str) -> Result<(), ApiError> {
    match c.rest.split_whitespace().next() {
        None => Ok(()),
        Some(word) => Err(bad(&format!("'{known} {word}' is not supported; write {known}"))),
    }
}

pub(super) async fn version(c: Command) -> Result<Rows, ApiError> {
    expect_nothing(&c, ".show version")?;
    let version = c.doors.version;
    Ok(rows(
        &[
            ("BuildVersion", Text),
            ("BuildTime", DateTime),
            ("ServiceType", Text),
            ("ProductVersion", Text),
        ],
        vec![vec![text(version), Value::Null, text("Engine"), text(format!("vedette {version}"))]],
    ))
}

pub(super) async fn cluster(c: Command) -> Result<Rows, ApiError> {
    expect_nothing(&c, ".show cluster")?;
    Ok(rows(
        &[("NodeId", Text), ("Address", Text), ("Name", Text), ("ProductVersion", Text)],
        vec![vec![text("Engine_0"), text(&c.origin), text("vedette"), text(c.doors.version)]],
    ))
}

/// `.show databases`, `.show databases schema as json`
pub(super) async fn databases(c: Command) -> Result<Rows, ApiError> {
    let mut all = Workspace::all(&c.doors)?;
    all.retain(|d| d.access(&c.doors, &c.caller).is_ok());
    let rest = c.rest.to_ascii_lowercase();
    match rest.split_whitespace().collect::<Vec<_>>().as_slice() {
        [] | ["details"] => Ok(list_of_databases(&all)),
        ["schema"] => Ok(columns_of(&c, &all)),
        ["schema", "as", "json"] => schema_as_json(&c, &all).await,
        _ => Err(bad("write .show databases [schema [as json]]")),
    }
}

fn list_of_databases(all: &[Workspace]) -> Rows {
    let row = |d: &Workspace| {
        vec![
            text(&d.name),
            text(""),
            text("v1.0"),
            Value::Bool(false),
            text("ReadWrite"),
            text(&d.name),
            text(""),
            text(&d.customer_id),
        ]
    };
    rows(
        &[
            ("DatabaseName", Text),
            ("PersistentStorage", Text),
            ("Version", Text),
            ("IsCurrent", ScalarType::Bool),
            ("DatabaseAccessMode", Text),
            ("PrettyName", Text),
            ("ReservedSlot1", Text),
            ("DatabaseId", Text),
        ],
        all.iter().map(row).collect(),
    )
}

/// `.show tables`, `.show tables details`, `.show tables (A, B)`
pub(super) async fn tables(c: Command) -> Result<Rows, ApiError> {
    let (names, rest) = match syntax::parentheses(&c.rest) {
        Some((names, rest)) => (Some(syntax::list(names)), rest.trim()),
        None => (None, c.rest.trim()),
    };
    let names: Option<Vec<String>> = names.map(|names| {
        names.iter().filter_map(|n| syntax::entity(n)).map(|(name, _)| name).collect()
    });
    let wanted = |t: &TableInfo| names.as_ref().is_none_or(|n| n.iter().any(|n| **n == *t.name));
    let mut list = c.readable();
    list.retain(|t| wanted(t));
    match rest.to_ascii_lowercase().as_str() {
        "" => Ok(list_of_tables(&c.database, &list)),
        "details" => Ok(details(&c, &list)),
        _ => Err(bad("write .show tables [(name, ...)] [details]")),
    }
}

/// The tables of a database by name.
pub(super) fn list_of_tables(database: &Workspace, list: &[Arc<TableInfo>]) -> Rows {
    let row = |t: &Arc<TableInfo>| vec![text(&t.name), text(&database.name), text(""), text("")];
    rows(
        &[("TableName", Text), ("DatabaseName", Text), ("Folder", Text), ("DocString", Text)],
        list.iter().map(row).collect(),
    )
}

fn details(c: &Command, list: &[Arc<TableInfo>]) -> Rows {
    let row = |t: &Arc<TableInfo>| {
        let retention = json!({ "SoftDeletePeriod": format!("{}.00:00:00", t.retention_days) });
        vec![
            text(&t.name),
            text(&c.database.name),
            text(""),
            text(""),
            count(c.doors.tables.row_count(&c.database.customer_id, &t.name)),
            text(retention.to_string()),
        ]
    };
    rows(
        &[
            ("TableName", Text),
            ("DatabaseName", Text),
            ("Folder", Text),
            ("DocString", Text),
            ("TotalRowCount", Long),
            ("RetentionPolicy", Text),
        ],
        list.iter().map(row).collect(),
    )
}

/// `.show table T`, `.show table T cslschema`, `.show table T schema as json`, `.show table T details`
pub(super) async fn table(c: Command) -> Result<Rows, ApiError> {
    const USE: &str = "write .show table NAME [cslschema | schema as json | details]";
    let (name, rest) = syntax::entity(&c.rest).ok_or_else(|| bad(USE))?;
    let table = c.table(&name)?;
    let rest = rest.to_ascii_lowercase();
    let schema = match rest.split_whitespace().collect::<Vec<_>>().as_slice() {
        [] => {
            let row = |f: &model::Column| vec![text(&f.name), text(f.ty.name())];
            return Ok(rows(
                &[("AttributeName", Text), ("AttributeType", Text)],
                table.schema.columns.iter().map(row).collect(),
            ));
        }
        ["details"] => return Ok(details(&c, &[table])),
        ["cslschema"] | ["schema"] | ["schema", "as", "csl"] => csl_schema(&table),
        ["schema", "as", "json"] => json_schema(&table),
        _ => return Err(bad(USE)),
    };
    Ok(rows(TABLE_SCHEMA, vec![schema_row(&table, schema, &c.database)]))
}

/// A row of [`TABLE_SCHEMA`].
pub(super) fn schema_row(table: &TableInfo, schema: String, database: &Workspace) -> Vec<Value> {
    vec![text(&table.name), text(schema), text(&database.name), text(""), text("")]
}

fn csl_schema(table: &TableInfo) -> String {
    let column = |f: &model::Column| format!("{}:{}", syntax::quoted(&f.name), f.ty);
    table.schema.columns.iter().map(column).collect::<Vec<_>>().join(",")
}

/// The schema as `.show table T schema as json` tells it.
pub(super) fn json_schema(table: &TableInfo) -> String {
    json!({ "Name": &*table.name, "OrderedColumns": columns_json(table) }).to_string()
}

fn columns_json(table: &TableInfo) -> Vec<serde_json::Value> {
    let column = |c: &model::Column| json!({ "Name": &*c.name, "Type": c.ty.net_name(), "CslType": c.ty.name() });
    table.schema.columns.iter().map(column).collect()
}

/// `.show database schema [as json]`, `.show database NAME schema [as json]`, `.show schema [as json]`
pub(super) async fn database_schema(c: Command) -> Result<Rows, ApiError> {
    let rest = c.rest.trim().to_owned();
    let named = syntax::entity(&rest).filter(|(name, _)| !is_word(name));
    let (database, rest) = match named {
        Some((name, tail)) => (super::database(&c.doors, &c.caller, &name)?, tail.to_owned()),
        None => (c.database.clone(), rest),
    };
    database.access(&c.doors, &c.caller)?;
    let rest = rest.to_ascii_lowercase();
    match rest.split_whitespace().collect::<Vec<_>>().as_slice() {
        [] | ["schema"] | ["details"] => Ok(columns_of(&c, &[database])),
        ["schema", "as", "json"] | ["as", "json"] => schema_as_json(&c, &[database]).await,
        _ => Err(bad("write .show database [NAME] schema [as json]")),
    }
}

fn is_word(name: &str) -> bool {
    ["schema", "as", "details"].iter().any(|word| name.eq_ignore_ascii_case(word))
}

/// Every column of every table.
fn columns_of(c: &Command, databases: &[Workspace]) -> Rows {
    let mut values = Vec::new();
    for database in databases {
        for table in readable(&c.doors, &c.caller, database) {
            for column in &table.schema.columns {
                values.push(vec![
                    text(&database.name),
                    text(&table.name),
                    text(&column.name),
                    text(column.ty.net_name()),
                    text("v1.0"),
                ]);
            }
        }
    }
    rows(
        &[
            ("DatabaseName", Text),
            ("TableName", Text),
            ("ColumnName", Text),
            ("ColumnType", Text),
            ("Version", Text),
        ],
        values,
    )
}

async fn schema_as_json(c: &Command, databases: &[Workspace]) -> Result<Rows, ApiError> {
    let mut all = Map::new();
    for database in databases {
        let tables: Map<_, _> = readable(&c.doors, &c.caller, database)
            .iter()
            .map(|t| {
                let shown = json!({ "Name": &*t.name, "OrderedColumns": columns_json(t) });
                (t.name.to_string(), shown)
            })
            .collect();
        let may_read = c.doors.identity.allows(&c.caller, READ_FUNCTION, &database.resource, false);
        let saved = if may_read { functions::saved(c, database).await? } else { Vec::new() };
        let functions: Map<_, _> = saved.into_iter().map(|f| (f.name.clone(), f.json())).collect();
        let shown = json!({
            "Name": database.name,
            "Tables": tables,
            "ExternalTables": {},
            "MaterializedViews": {},
            "MajorVersion": 1,
            "MinorVersion": 0,
            "Functions": functions,
            "DatabaseAccessMode": "ReadWrite",
        });
        all.insert(database.name.clone(), shown);
    }
    let schema = json!({ "Plugins": [], "Databases": all });
    Ok(rows(&[("DatabaseSchema", Text)], vec![vec![text(schema.to_string())]]))
}
