//! A query over the running server, through the Log Analytics API.

use std::sync::Arc;

use model::{Column, QueryAnswer, ResultTable, Rows, ScalarType, Schema, Value};
use serde_json::{Value as Json, json};

use crate::client::Client;

/// Asks the server.
pub(crate) fn ask(
    client: &Client,
    text: &str,
    timespan: Option<&str>,
) -> anyhow::Result<QueryAnswer> {
    let mut body = json!({ "query": text });
    if let Some(timespan) = timespan {
        body["timespan"] = timespan.into();
    }
    let path = format!("/v1/workspaces/{}/query", client.instance.workspace_id);
    let headers = [("Content-Type", "application/json"), ("Prefer", "include-render=true")];
    let reply = client.send("POST", &path, &headers, Some(body.to_string().as_bytes()))?;
    let answer = reply.success()?.json()?;
    let tables = answer.get("tables").and_then(Json::as_array);
    let tables = tables.map(|all| all.iter().map(table).collect()).unwrap_or_default();
    let partial = answer.pointer("/error/message").and_then(Json::as_str);
    Ok(QueryAnswer {
        tables,
        render: answer.get("render").cloned(),
        partial: partial.map(|message| ("PartialError".to_owned(), message.to_owned())),
        ..QueryAnswer::default()
    })
}

fn table(table: &Json) -> ResultTable {
    let text =
        |v: &Json, name: &str| v.get(name).and_then(Json::as_str).unwrap_or_default().to_owned();
    let list = |name: &str| {
        table.get(name).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
    };
    let column = |c: &Json| {
        Column::new(
            text(c, "name"),
            ScalarType::from_name(&text(c, "type")).unwrap_or(ScalarType::String),
        )
    };
    let schema = Arc::new(Schema { columns: list("columns").iter().map(column).collect() });
    let row = |row: &Json| -> Vec<Value> {
        let cells = row.as_array().map(Vec::as_slice).unwrap_or_default();
        schema.columns.iter().enumerate().map(|(at, c)| cell(cells.get(at), c.ty)).collect()
    };
    let rows = list("rows").iter().map(row).collect::<Vec<_>>();
    ResultTable { name: text(table, "name"), rows: Rows::from_values(schema, rows) }
}

fn cell(json: Option<&Json>, ty: ScalarType) -> Value {
    let value = match json {
        None | Some(Json::Null) => return Value::null_of(ty),
        Some(Json::Bool(v)) => Value::Bool(*v),
        Some(Json::Number(n)) => n
            .as_i64()
            .map(Value::Long)
            .or_else(|| n.as_f64().map(Value::Real))
            .unwrap_or(Value::Null),
        Some(Json::String(text)) => Value::string(text),
        Some(other) => Value::string(other.to_string()),
    };
    value.cast(ty)
}
