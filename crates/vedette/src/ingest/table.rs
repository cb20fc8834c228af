//! Tables of the server, looked up and made through Resource Manager.

use std::sync::Arc;

use model::{Column, Rows, ScalarType, Schema};
use serde_json::{Value, json};

use crate::client::Client;
use crate::outcome::WrongUse;

const API_VERSION: &str = "2025-07-01";

/// Columns that every table has by itself.
const STANDARD: &[&str] = &[
    "TenantId",
    "Type",
    "_ResourceId",
    "_SubscriptionId",
    "_ItemId",
    "_BilledSize",
    "_IsBillable",
];

/// Names that the columns of a custom table cannot have, in any case.
const RESERVED: &[&str] = &["id", "UniqueId", "Title"];

/// The rows with column names that a table of one's own can have: `id` becomes `id_`.
pub(super) fn with_allowed_names(table: &str, mut rows: Rows) -> Rows {
    let is_reserved = |c: &Column| RESERVED.iter().any(|r| r.eq_ignore_ascii_case(&c.name));
    if table.ends_with("_CL") && rows.schema.columns.iter().any(is_reserved) {
        let mut schema = (*rows.schema).clone();
        for column in schema.columns.iter_mut().filter(|c| is_reserved(c)) {
            column.name = format!("{}_", column.name).into();
        }
        rows.schema = Arc::new(schema);
    }
    rows
}

/// The columns of a table; none when there is no such table.
pub(super) fn schema(client: &Client, table: &str) -> anyhow::Result<Option<Arc<Schema>>> {
    let path = client.workspace_path(&format!("tables/{table}"), API_VERSION);
    let reply = client.send("GET", &path, &[], None)?;
    if reply.status == 404 {
        return Ok(None);
    }
    let table = reply.success()?.json()?;
    let list = |name: &str| {
        table.pointer(&format!("/properties/schema/{name}")).and_then(Value::as_array).cloned()
    };
    let all = list("columns").into_iter().chain(list("standardColumns")).flatten();
    let column = |c: Value| {
        let ty = match c.get("type")?.as_str()?.to_ascii_lowercase().as_str() {
            "boolean" => ScalarType::Bool,
            name => ScalarType::from_name(name)?,
        };
        Some(Column::new(c.get("name")?.as_str()?, ty))
    };
    Ok(Some(Arc::new(Schema { columns: all.filter_map(column).collect() })))
}

/// Makes the table, or widens one of one's own by columns that it lacks.
pub(super) fn ensure(client: &Client, table: &str, wanted: &Schema) -> anyhow::Result<()> {
    let existing = schema(client, table)?;
    let is_own = table.ends_with("_CL");
    let missing = |c: &&Column| {
        let known = existing.as_ref().is_some_and(|e| e.column(&c.name).is_some());
        !known && !STANDARD.contains(&&*c.name)
    };
    let missing: Vec<&Column> = wanted.columns.iter().filter(missing).collect();
    match (&existing, is_own) {
        (None, false) => {
            let text = format!(
                "there is no table '{table}'; tables of your own end in _CL: try --table {table}_CL"
            );
            return Err(WrongUse::because(text));
        }
        (Some(_), false) if !missing.is_empty() => {
            let names: Vec<&str> = missing.iter().map(|c| &*c.name).collect();
            tracing::debug!(table, ?names, "columns that the table does not have");
            return Ok(()); // the server leaves them out and says so
        }
        (Some(_), _) if missing.is_empty() => return Ok(()),
        _ => {}
    }
    let mut columns: Vec<Value> = match &existing {
        Some(existing) => {
            existing.columns.iter().filter(|c| !STANDARD.contains(&&*c.name)).map(wire).collect()
        }
        None => Vec::new(),
    };
    columns.extend(missing.into_iter().map(wire));
    if !columns.iter().any(|c| c.get("name").and_then(Value::as_str) == Some("TimeGenerated")) {
        columns.insert(0, json!({ "name": "TimeGenerated", "type": "datetime" }));
    }
    let body = json!({ "properties": { "schema": { "name": table, "columns": columns } } });
    client.call(
        "PUT",
        &client.workspace_path(&format!("tables/{table}"), API_VERSION),
        Some(&body),
    )?;
    Ok(())
}

/// A column as Resource Manager takes it; what tables of the service cannot hold is kept as text or real.
fn wire(column: &Column) -> Value {
    let ty = match column.ty {
        ScalarType::Bool => "boolean",
        ScalarType::TimeSpan => "string",
        ScalarType::Decimal => "real",
        other => other.name(),
    };
    json!({ "name": &*column.name, "type": ty })
}
