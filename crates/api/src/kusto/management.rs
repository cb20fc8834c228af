//! Management commands: `.show`, `.create`, `.create-merge`, `.alter-merge`, `.drop`, functions.
//!
//! A command is a row of [`COMMANDS`]: the words it begins with, whether it changes something, what carries it out.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use arm::Verb;
use axum::response::Response;
use identity::Caller;
use model::{ResourceId, Rows, ScalarType, Schema, TableInfo, TableKind, TablesError, Value};
use serde_json::json;

use super::database::{self, Database};
use super::frames::v1_single;
use super::{kusto_error, read_request};
use crate::log_analytics::access;
use crate::wire::error::{ApiError, bytes_response};
use crate::{House, Incoming};

use ScalarType::{DateTime, Long, String as Text};

/// Days that rows of a table made here are kept.
const RETENTION_DAYS: u32 = 90;

/// One command under way.
struct Command<'a> {
    house: &'a Arc<House>,
    incoming: &'a Incoming,
    caller: &'a Caller,
    database: &'a Database,
    /// What follows the words.
    rest: &'a str,
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<Rows, ApiError>> + Send + 'a>>;

/// The words, whether the database must be readable or writable, and the work.
struct Entry {
    words: &'static [&'static str],
    action: &'static str,
    run: for<'a> fn(Command<'a>) -> Running<'a>,
}

const READ: &str = "Microsoft.OperationalInsights/workspaces/read";
const WRITE_TABLE: &str = "Microsoft.OperationalInsights/workspaces/tables/write";
const DELETE_TABLE: &str = "Microsoft.OperationalInsights/workspaces/tables/delete";
const WRITE_FUNCTION: &str = "Microsoft.OperationalInsights/workspaces/savedSearches/write";
const DELETE_FUNCTION: &str = "Microsoft.OperationalInsights/workspaces/savedSearches/delete";

/// Longer commands before their beginnings.
const COMMANDS: &[Entry] = &[
    Entry { words: &[".show", "version"], action: READ, run: |c| Box::pin(async move { Ok(version(&c)) }) },
    Entry { words: &[".show", "cluster"], action: READ, run: |c| Box::pin(async move { Ok(cluster(&c)) }) },
    Entry { words: &[".show", "databases"], action: READ, run: |c| Box::pin(async move { databases(&c) }) },
    Entry { words: &[".show", "database"], action: READ, run: |c| Box::pin(async move { database_schema(&c) }) },
    Entry { words: &[".show", "tables"], action: READ, run: |c| Box::pin(async move { Ok(tables(&c)) }) },
    Entry { words: &[".show", "table"], action: READ, run: |c| Box::pin(async move { table(&c) }) },
    Entry { words: &[".show", "functions"], action: READ, run: |c| Box::pin(async move { functions(&c).await }) },
    Entry { words: &[".show", "schema"], action: READ, run: |c| Box::pin(async move { database_schema(&c) }) },
    Entry { words: &[".create-merge", "table"], action: WRITE_TABLE, run: |c| Box::pin(async move { create_table(&c, true).await }) },
    Entry { words: &[".create-merge", "tables"], action: WRITE_TABLE, run: |c| Box::pin(async move { create_table(&c, true).await }) },
    Entry { words: &[".alter-merge", "table"], action: WRITE_TABLE, run: |c| Box::pin(async move { create_table(&c, true).await }) },
    Entry { words: &[".create", "table"], action: WRITE_TABLE, run: |c| Box::pin(async move { create_table(&c, false).await }) },
    Entry { words: &[".create", "tables"], action: WRITE_TABLE, run: |c| Box::pin(async move { create_table(&c, false).await }) },
    Entry { words: &[".drop", "table"], action: DELETE_TABLE, run: |c| Box::pin(async move { drop_table(&c).await }) },
    Entry { words: &[".create-or-alter", "function"], action: WRITE_FUNCTION, run: |c| Box::pin(async move { put_function(&c).await }) },
    Entry { words: &[".create", "function"], action: WRITE_FUNCTION, run: |c| Box::pin(async move { put_function(&c).await }) },
    Entry { words: &[".alter", "function"], action: WRITE_FUNCTION, run: |c| Box::pin(async move { put_function(&c).await }) },
    Entry { words: &[".drop", "function"], action: DELETE_FUNCTION, run: |c| Box::pin(async move { drop_function(&c).await }) },
];

/// `POST /v1/rest/mgmt`
pub(super) async fn answer(house: &Arc<House>, mut incoming: Incoming, caller: &Caller) -> Result<Response, ApiError> {
    let request = read_request(house, &mut incoming).await?;
    let text = without_comments(&request.text);
    let database = database::find(house, &request.database, &incoming)?;
    for entry in COMMANDS {
        let Some(rest) = after_words(&text, entry.words) else { continue };
        if !(entry.action == READ && access(house, caller, &database.resource, &database.customer_id).is_ok()) {
            house.identity.require(caller, entry.action, &database.resource, false)?;
        }
        let command = Command { house, incoming: &incoming, caller, database: &database, rest };
        let rows = (entry.run)(command).await?;
        return Ok(bytes_response(200, v1_single(&rows)));
    }
    let words: Vec<&str> = text.split_whitespace().take(3).collect();
    let known: Vec<String> = COMMANDS.iter().map(|c| c.words.join(" ")).collect();
    Err(kusto_error(
        400,
        "BadRequest_UnsupportedCommand",
        &format!("The command '{}' is not supported; supported are: {}.", words.join(" "), known.join(", ")),
        &incoming,
    ))
}

/// What follows the words, where the text begins with them.
fn after_words<'t>(text: &'t str, words: &[&str]) -> Option<&'t str> {
    let mut rest = text.trim_start();
    for word in words {
        let head = rest.get(..word.len())?;
        if !head.eq_ignore_ascii_case(word) {
            return None;
        }
        rest = &rest[word.len()..];
        if !rest.is_empty() && !rest.starts_with(|c: char| c.is_whitespace() || matches!(c, '(' | '[' | '|')) {
            return None;
        }
        rest = rest.trim_start();
    }
    Some(rest)
}

fn without_comments(text: &str) -> String {
    text.lines().filter(|l| !l.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n").trim().trim_end_matches(';').to_owned()
}

fn rows(columns: &[(&str, ScalarType)], values: Vec<Vec<Value>>) -> Rows {
    Rows::from_values(Arc::new(Schema::new(columns.iter().copied())), values)
}

fn text(value: impl AsRef<str>) -> Value {
    Value::string(value)
}

fn version(c: &Command<'_>) -> Rows {
    rows(
        &[("BuildVersion", Text), ("BuildTime", DateTime), ("ServiceType", Text), ("ProductVersion", Text)],
        vec![vec![text(c.house.version), Value::Null, text("Engine"), text(format!("vedette {}", c.house.version))]],
    )
}

fn cluster(c: &Command<'_>) -> Rows {
    rows(
        &[("NodeId", Text), ("Address", Text), ("Name", Text), ("ProductVersion", Text)],
        vec![vec![text("Engine_0"), text(&c.incoming.origin), text("vedette"), text(c.house.version)]],
    )
}

fn databases(c: &Command<'_>) -> Result<Rows, ApiError> {
    let visible = database::all(c.house)?
        .into_iter()
        .filter(|d| access(c.house, c.caller, &d.resource, &d.customer_id).is_ok())
        .map(|d| {
            vec![text(&d.name), text(""), text("v1.0"), Value::Bool(false), text("ReadWrite"), text(&d.name), text(""), text(&d.customer_id)]
        })
        .collect();
    Ok(rows(
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
        visible,
    ))
}

/// Tables that the caller may read.
fn readable(c: &Command<'_>) -> Vec<Arc<TableInfo>> {
    let all = c.house.tables.tables(&c.database.customer_id);
    match access(c.house, c.caller, &c.database.resource, &c.database.customer_id) {
        Ok(model::TableAccess::All) => all,
        Ok(model::TableAccess::Only(names)) => all.into_iter().filter(|t| names.contains(&*t.name)).collect(),
        Err(_) => Vec::new(),
    }
}

fn tables(c: &Command<'_>) -> Rows {
    let details = c.rest.trim_start().to_ascii_lowercase().starts_with("details");
    let list = readable(c);
    if details {
        let values = list
            .iter()
            .map(|t| {
                let count = c.house.tables.row_count(&c.database.customer_id, &t.name);
                vec![text(&t.name), text(&c.database.name), text(""), text(""), Value::Long(i64::try_from(count).unwrap_or(i64::MAX))]
            })
            .collect();
        return rows(&[("TableName", Text), ("DatabaseName", Text), ("Folder", Text), ("DocString", Text), ("TotalRowCount", Long)], values);
    }
    let values = list.iter().map(|t| vec![text(&t.name), text(&c.database.name), text(""), text("")]).collect();
    rows(&[("TableName", Text), ("DatabaseName", Text), ("Folder", Text), ("DocString", Text)], values)
}

/// `.show table T cslschema`, `.show table T schema as json`, `.show table T`.
fn table(c: &Command<'_>) -> Result<Rows, ApiError> {
    let (name, rest) = entity(c.rest).ok_or_else(|| bad(c, "a table name is expected behind '.show table'"))?;
    let list = readable(c);
    let Some(found) = list.iter().find(|t| *t.name == *name) else { return Err(unknown_table(c, &name)) };
    let rest = rest.trim().to_ascii_lowercase();
    if rest.contains("json") {
        let schema = json!({ "Name": &*found.name, "OrderedColumns": columns_json(found) });
        return Ok(rows(
            &[("TableName", Text), ("Schema", Text), ("DatabaseName", Text), ("Folder", Text), ("DocString", Text)],
            vec![vec![text(&found.name), text(schema.to_string()), text(&c.database.name), text(""), text("")]],
        ));
    }
    if rest.contains("schema") {
        let schema: Vec<String> = found.schema.columns.iter().map(|f| format!("{}:{}", quoted(&f.name), f.ty)).collect();
        return Ok(rows(
            &[("TableName", Text), ("Schema", Text), ("DatabaseName", Text), ("Folder", Text), ("DocString", Text)],
            vec![vec![text(&found.name), text(schema.join(",")), text(&c.database.name), text(""), text("")]],
        ));
    }
    let values = found.schema.columns.iter().map(|f| vec![text(&f.name), text(f.ty.name())]).collect();
    Ok(rows(&[("AttributeName", Text), ("AttributeType", Text)], values))
}

fn columns_json(table: &TableInfo) -> Vec<serde_json::Value> {
    table
        .schema
        .columns
        .iter()
        .map(|c| json!({ "Name": &*c.name, "Type": net_type(c.ty), "CslType": c.ty.name() }))
        .collect()
}

fn net_type(ty: ScalarType) -> &'static str {
    match ty {
        ScalarType::Bool => "System.SByte",
        ScalarType::Int => "System.Int32",
        ScalarType::Long => "System.Int64",
        ScalarType::Real => "System.Double",
        ScalarType::Decimal => "System.Data.SqlTypes.SqlDecimal",
        ScalarType::String => "System.String",
        ScalarType::Guid => "System.Guid",
        ScalarType::DateTime => "System.DateTime",
        ScalarType::TimeSpan => "System.TimeSpan",
        ScalarType::Dynamic => "System.Object",
    }
}

/// `.show database schema [as json]`, `.show database X schema`.
fn database_schema(c: &Command<'_>) -> Result<Rows, ApiError> {
    let list = readable(c);
    if c.rest.to_ascii_lowercase().contains("json") {
        let tables: serde_json::Map<_, _> = list
            .iter()
            .map(|t| (t.name.to_string(), json!({ "Name": &*t.name, "OrderedColumns": columns_json(t) })))
            .collect();
        let schema = json!({ "Databases": { &c.database.name: {
            "Name": c.database.name, "Tables": tables, "MajorVersion": 1, "MinorVersion": 0, "Functions": {},
        }}});
        return Ok(rows(&[("DatabaseSchema", Text)], vec![vec![text(schema.to_string())]]));
    }
    let mut values = Vec::new();
    for t in &list {
        for column in &t.schema.columns {
            values.push(vec![text(&c.database.name), text(&t.name), text(&column.name), text(net_type(column.ty)), text("v1.0")]);
        }
    }
    Ok(rows(&[("DatabaseName", Text), ("TableName", Text), ("ColumnName", Text), ("ColumnType", Text), ("Version", Text)], values))
}

/// `.create table T (a:string, b:long)`; several tables with `tables`.
async fn create_table(c: &Command<'_>, merge: bool) -> Result<Rows, ApiError> {
    let mut rest = c.rest;
    let mut made = Vec::new();
    loop {
        let (name, tail) = entity(rest).ok_or_else(|| bad(c, "a table name is expected"))?;
        let tail = tail.trim_start();
        let inside = tail.strip_prefix('(').and_then(|t| t.split_once(')'));
        let Some((columns, tail)) = inside else {
            return Err(bad(c, "the columns are expected in parentheses: (Name:type, ...)"));
        };
        let schema = parse_columns(columns).map_err(|m| bad(c, &m))?;
        made.push((name, schema));
        match tail.trim_start().strip_prefix(',') {
            Some(next) => rest = next.trim_start(),
            None => break,
        }
    }
    let mut values = Vec::new();
    for (name, schema) in made {
        let exists = c.house.tables.table(&c.database.customer_id, &name);
        let info = TableInfo {
            name: Arc::from(name.as_str()),
            kind: exists.as_ref().map_or(TableKind::Custom, |t| t.kind),
            schema: Arc::new(schema),
            retention_days: exists.as_ref().map_or(RETENTION_DAYS, |t| t.retention_days),
            total_retention_days: exists.as_ref().map_or(RETENTION_DAYS, |t| t.total_retention_days),
        };
        // `.create table` of a table that exists changes nothing, as in Kusto
        let stored = match exists {
            Some(table) if !merge => table,
            _ => c
                .house
                .tables
                .put_table(&c.database.customer_id, info, true)
                .await
                .map_err(|e| table_failure(c, &e))?,
        };
        let shown = json!({ "Name": &*stored.name, "OrderedColumns": columns_json(&stored) });
        values.push(vec![text(&stored.name), text(shown.to_string()), text(&c.database.name), text(""), text("")]);
    }
    Ok(rows(&[("TableName", Text), ("Schema", Text), ("DatabaseName", Text), ("Folder", Text), ("DocString", Text)], values))
}

fn parse_columns(text: &str) -> Result<Schema, String> {
    let mut schema = Schema::default();
    for part in split_top(text) {
        let (name, ty) = part.rsplit_once(':').ok_or_else(|| format!("'{part}' is no column: write Name:type"))?;
        let (name, _) = entity(name.trim()).ok_or_else(|| format!("'{name}' is no column name"))?;
        let ty = ScalarType::from_name(ty.trim()).ok_or_else(|| format!("'{}' is no type; use bool, int, long, real, decimal, string, guid, datetime, timespan or dynamic", ty.trim()))?;
        if schema.column(&name).is_some() {
            return Err(format!("the column '{name}' stands twice"));
        }
        schema.columns.push(model::Column::new(name, ty));
    }
    if schema.is_empty() { Err("a table needs at least one column".to_owned()) } else { Ok(schema) }
}

/// Splits at commas outside of quotes.
fn split_top(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quote = None;
    for c in text.chars() {
        match (quote, c) {
            (None, '\'' | '"') => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            (None, ',') => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts.into_iter().map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()).collect()
}

async fn drop_table(c: &Command<'_>) -> Result<Rows, ApiError> {
    let (name, rest) = entity(c.rest).ok_or_else(|| bad(c, "a table name is expected"))?;
    let if_exists = rest.trim().eq_ignore_ascii_case("ifexists");
    match c.house.tables.delete_table(&c.database.customer_id, &name).await {
        Ok(()) => {}
        Err(TablesError::UnknownTable(_)) if if_exists => {}
        Err(error) => return Err(table_failure(c, &error)),
    }
    Ok(tables(&Command { rest: "", ..*c }))
}

async fn functions(c: &Command<'_>) -> Result<Rows, ApiError> {
    let call = database::call(c.house, c.caller, c.database.resource.clone(), serde_json::Value::Null);
    let page = c.house.arm.list(&call, "Microsoft.OperationalInsights/workspaces/savedSearches").await?;
    let property = |v: &serde_json::Value, name: &str| v["properties"][name].as_str().unwrap_or("").to_owned();
    let values = page
        .value
        .iter()
        .filter(|v| !property(v, "functionAlias").is_empty())
        .map(|v| {
            vec![
                text(property(v, "functionAlias")),
                text(format!("({})", property(v, "functionParameters"))),
                text(format!("{{ {} }}", property(v, "query"))),
                text(property(v, "category")),
                text(property(v, "displayName")),
            ]
        })
        .collect();
    Ok(rows(&[("Name", Text), ("Parameters", Text), ("Body", Text), ("Folder", Text), ("DocString", Text)], values))
}

/// `.create-or-alter function with (...) F(a:string) { body }`: a saved search with an alias.
async fn put_function(c: &Command<'_>) -> Result<Rows, ApiError> {
    let mut rest = c.rest.trim_start();
    for word in ["ifnotexists"] {
        if rest.to_ascii_lowercase().starts_with(word) {
            rest = rest[word.len()..].trim_start();
        }
    }
    if rest.to_ascii_lowercase().starts_with("with") {
        rest = rest.split_once(')').map_or("", |(_, tail)| tail).trim_start();
    }
    let (name, tail) = entity(rest).ok_or_else(|| bad(c, "a function name is expected"))?;
    let tail = tail.trim_start();
    let open = tail.find('{').ok_or_else(|| bad(c, "the body is expected in braces"))?;
    let close = tail.rfind('}').filter(|close| *close > open).ok_or_else(|| bad(c, "the body's closing brace is missing"))?;
    let parameters = tail[..open].trim().trim_start_matches('(').trim_end_matches(')').trim().to_owned();
    let body = tail[open + 1..close].trim().to_owned();
    let id = function_id(c, &name);
    let properties = json!({ "properties": {
        "category": "Function", "displayName": name, "query": body,
        "functionAlias": name, "functionParameters": parameters, "version": 2,
    }});
    let call = database::call(c.house, c.caller, id, properties);
    c.house.arm.answer(Verb::Put, &call).await?;
    Ok(rows(
        &[("Name", Text), ("Parameters", Text), ("Body", Text), ("Folder", Text), ("DocString", Text)],
        vec![vec![text(&name), text(format!("({parameters})")), text(format!("{{ {body} }}")), text(""), text("")]],
    ))
}

async fn drop_function(c: &Command<'_>) -> Result<Rows, ApiError> {
    let (name, rest) = entity(c.rest).ok_or_else(|| bad(c, "a function name is expected"))?;
    let call = database::call(c.house, c.caller, function_id(c, &name), serde_json::Value::Null);
    let gone = c.house.arm.answer(Verb::Delete, &call).await?;
    if gone.status == 204 && !rest.trim().eq_ignore_ascii_case("ifexists") {
        return Err(kusto_error(400, "BadRequest_EntityNotFound", &format!("Function '{name}' was not found."), c.incoming));
    }
    functions(&Command { rest: "", ..*c }).await
}

fn function_id(c: &Command<'_>, name: &str) -> ResourceId {
    c.database.resource.join(&format!("savedSearches/{}", name.to_lowercase()))
}

/// A name: bare, `['quoted']` or `["quoted"]`; and what follows it.
fn entity(text: &str) -> Option<(String, &str)> {
    let text = text.trim_start();
    if let Some(rest) = text.strip_prefix('[') {
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (name, tail) = rest[1..].split_once(quote)?;
        return Some((name.to_owned(), tail.trim_start().strip_prefix(']')?));
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))).unwrap_or(text.len());
    (end > 0).then(|| (text[..end].to_owned(), &text[end..]))
}

/// The name as `.show` writes it: bracketed where it must be.
fn quoted(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    if plain { name.to_owned() } else { format!("['{name}']") }
}

fn bad(c: &Command<'_>, message: &str) -> ApiError {
    kusto_error(400, "General_BadRequest", &format!("Syntax error: {message}."), c.incoming)
}

fn unknown_table(c: &Command<'_>, name: &str) -> ApiError {
    kusto_error(400, "BadRequest_EntityNotFound", &format!("Entity ID '{name}' of kind 'Table' was not found."), c.incoming)
}

fn table_failure(c: &Command<'_>, error: &TablesError) -> ApiError {
    let mut answer = crate::logs_ingestion::tables_error(error);
    let status = if answer.status == 404 { 400 } else { answer.status };
    let code = if answer.status == 404 { "BadRequest_EntityNotFound" } else { "General_BadRequest" };
    answer.body = kusto_error(status, code, &error.to_string(), c.incoming).body;
    answer.status = status;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_every_form() {
        assert_eq!(entity("T (a:int)"), Some(("T".into(), " (a:int)")));
        assert_eq!(entity("['my table'] x"), Some(("my table".into(), " x")));
        assert_eq!(entity("[\"a-b\"]"), Some(("a-b".into(), "")));
        assert_eq!(entity("(a)"), None);
        assert_eq!(entity("['open"), None);
    }

    #[test]
    fn columns_are_checked() {
        let schema = parse_columns("a:string, ['b c']:long,d:date").map(|s| s.columns.len());
        assert_eq!(schema, Ok(3));
        for bad in ["", "a", "a:nope", "a:int, a:int"] {
            assert!(parse_columns(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn words_end_at_words() {
        assert_eq!(after_words(".show tables | count", &[".show", "tables"]), Some("| count"));
        assert_eq!(after_words(".SHOW  Table T", &[".show", "table"]), Some("T"));
        assert_eq!(after_words(".show tables", &[".show", "table"]), None);
    }
}
