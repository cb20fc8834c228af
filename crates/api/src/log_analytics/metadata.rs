//! `/v1/workspaces/{id}/metadata`: what can be asked for in a workspace, as query editors want to know it.

use axum::response::Response;
use http::Method;
use identity::Caller;
use model::{TableAccess, TableInfo};
use serde_json::{Value, json};

use crate::wire::error::{ApiError, json_response};
use crate::wire::workspace::Workspace;
use crate::{Doors, Incoming};

/// The column by which time ranges choose rows.
const TIME: &str = "TimeGenerated";

/// Tables that the caller may read, with their columns; saved functions; the workspace.
pub(super) async fn answer(
    doors: &Doors,
    incoming: &Incoming,
    caller: &Caller,
    workspace: &Workspace,
) -> Result<Response, ApiError> {
    if incoming.method != Method::GET && incoming.method != Method::POST {
        return Err(ApiError::method(incoming, "GET, POST"));
    }
    let access = workspace.access(doors, caller)?;
    let readable = |table: &TableInfo| match &access {
        TableAccess::All => true,
        TableAccess::Only(names) => names.contains(&*table.name),
    };
    let (tables, denied): (Vec<_>, Vec<_>) =
        doors.tables.tables(&workspace.customer_id).into_iter().partition(|t| readable(t));
    let functions: Vec<Value> =
        workspace.saved_functions(doors).await?.iter().filter_map(function).collect();
    let ids = |list: &[Value]| list.iter().map(|item| item["id"].clone()).collect::<Vec<_>>();
    let tables: Vec<Value> = tables.iter().map(|t| table(t, workspace)).collect();
    let body = json!({
        "tables": tables,
        "functions": functions,
        "workspaces": [{
            "id": workspace.customer_id,
            "resourceId": workspace.resource.as_str(),
            "name": workspace.name,
            "region": workspace.location(doors).await?,
            "related": { "tables": ids(&tables), "functions": ids(&functions) },
        }],
        "permissions": [{
            "workspaces": [{
                "resourceId": workspace.resource.as_str(),
                "denyTables": denied.iter().map(|t| &*t.name).collect::<Vec<_>>(),
            }],
        }],
    });
    Ok(json_response(200, &body))
}

fn table(table: &TableInfo, workspace: &Workspace) -> Value {
    let columns = table.schema.columns.iter();
    let columns: Vec<Value> =
        columns.map(|c| json!({ "name": &*c.name, "type": c.ty.name() })).collect();
    let mut shown = json!({
        "id": format!("t/{}", table.name),
        "name": &*table.name,
        "columns": columns,
        "related": { "workspaces": [workspace.customer_id] },
    });
    if table.schema.column(TIME).is_some() {
        shown["timespanColumn"] = TIME.into();
    }
    shown
}

/// A saved search that is a function; none for others.
fn function(saved: &Value) -> Option<Value> {
    let property = |name: &str| saved["properties"][name].as_str();
    let name = property("functionAlias").filter(|name| !name.is_empty())?;
    Some(json!({
        "id": format!("f/{name}"),
        "name": name,
        "displayName": property("displayName").unwrap_or(name),
        "parameters": property("functionParameters").unwrap_or(""),
        "body": property("query").unwrap_or(""),
        "related": {},
    }))
}
