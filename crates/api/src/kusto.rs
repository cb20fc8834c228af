//! Kusto: query v1 and v2, management commands, streaming ingestion. A database is a workspace.

mod error;
mod frames;
mod ingest;
mod management;
mod request;

use std::sync::Arc;

use axum::response::Response;
use http::{HeaderValue, Method};
use identity::{Audiences, Caller};
use model::{QueryRequest, TableAccess};
use serde_json::{Value, json};

use crate::audit::Asker;
use crate::log_analytics::query;
use crate::wire::caller::authenticate;
use crate::wire::error::{ApiError, json_response};
use crate::wire::workspace::Workspace;
use crate::{Doors, Incoming};
use error::{Activity, kusto_error, query_failure};
use request::Request;

/// `/v1/rest/...`, `/v2/rest/...`
pub(crate) async fn answer(doors: &Arc<Doors>, incoming: Incoming) -> Result<Response, ApiError> {
    let activity = Activity::of(&incoming);
    match answer_inside(doors, incoming).await {
        Ok(mut response) => {
            if let Ok(id) = HeaderValue::from_str(activity.id()) {
                response.headers_mut().insert("x-ms-activity-id", id);
            }
            Ok(response)
        }
        Err(error) => Err(activity.envelope(error)),
    }
}

async fn answer_inside(doors: &Arc<Doors>, incoming: Incoming) -> Result<Response, ApiError> {
    let tail: Vec<String> = (0..incoming.segments.len()).map(|i| incoming.segment(i)).collect();
    let tail: Vec<&str> = tail.iter().map(String::as_str).collect();
    if let ["v1", "rest", "auth", "metadata"] = tail.as_slice() {
        return auth_metadata(doors, &incoming);
    }
    let caller = authenticate(doors, &incoming, Audiences::KUSTO)?;
    match tail.as_slice() {
        ["v1", "rest", "query"] => run(doors, incoming, &caller, false).await,
        ["v2", "rest", "query"] => run(doors, incoming, &caller, true).await,
        ["v1", "rest", "mgmt"] => management::answer(doors, incoming, &caller).await,
        ["v1", "rest", "ingest", _, _] => ingest::answer(doors, incoming, &caller).await,
        _ => Err(ApiError::not_found(&incoming)),
    }
}

/// Where clients of this cluster sign in; open to all. Without it the client goes to the public cloud.
fn auth_metadata(doors: &Doors, incoming: &Incoming) -> Result<Response, ApiError> {
    if !matches!(incoming.method, Method::GET | Method::HEAD) {
        return Err(ApiError::method(incoming, "GET, HEAD"));
    }
    let tenant = &doors.identity.tenant().id;
    Ok(json_response(
        200,
        &json!({
            "AzureAD": {
                "LoginEndpoint": incoming.origin,
                "LoginMfaRequired": false,
                "KustoClientAppId": "db662dc1-0cfe-4e1c-a843-19a68e65be58",
                "KustoClientRedirectUri": "https://microsoft/kustoclient",
                "KustoServiceResourceId": doors.identity.urls().origin(),
                "FirstPartyAuthorityUrl": format!("{}/{tenant}", incoming.origin),
            },
            "dSTS": {
                "CloudEndpointSuffix": "",
                "DstsRealm": "",
                "DstsInstance": "",
                "KustoDnsHostName": "",
                "ServiceName": "",
            },
        }),
    ))
}

/// The database of this name or customer id; `default`, `NetDefaultDB` and no name are the first that the caller may
/// read.
fn database(doors: &Doors, caller: &Caller, name: &str) -> Result<Workspace, ApiError> {
    if let Some(found) = Workspace::named(doors, name)? {
        return Ok(found);
    }
    if ["", "default", "netdefaultdb"].contains(&name.to_ascii_lowercase().as_str()) {
        let mut all = Workspace::all(doors)?;
        let readable = all.iter().position(|w| w.access(doors, caller).is_ok());
        if !all.is_empty() {
            return Ok(all.swap_remove(readable.unwrap_or(0)));
        }
    }
    Err(kusto_error(
        400,
        "BadRequest_EntityNotFound",
        format!(
            "Entity ID '{name}' of kind 'Database' was not found; databases are workspaces, '.show databases' lists them."
        ),
    ))
}

async fn run(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
    caller: &Caller,
    v2: bool,
) -> Result<Response, ApiError> {
    let asked = Request::read(doors, &mut incoming).await?;
    if asked.text.trim_start().starts_with('.') {
        let message = "Management commands go to /v1/rest/mgmt, not to the query endpoint.";
        return Err(kusto_error(400, "BadRequest_CommandInQueryEndpoint", message));
    }
    let database = database(doors, caller, &asked.database)?;
    let access: TableAccess = database.access(doors, caller)?;
    let mut request =
        QueryRequest::new(&database.customer_id, asked.text.clone(), doors.clock.now());
    request.access = access;
    request.other_workspaces = database.others(doors, caller, &asked.text)?;
    request.limits = doors.limits.query;
    asked.apply(&mut request);
    let asker =
        Asker { api: "Kusto", caller, workspace: &database, request_id: &incoming.request_id };
    let answer = query(doors, &asker, request).await?.map_err(|e| query_failure(&e))?;
    let body = match v2 {
        true => {
            frames::v2(&answer, &incoming.request_id, asked.flag("results_progressive_enabled"))
        }
        false => frames::v1(&answer),
    };
    Ok(body.into_response(200))
}

/// A member of an object, by its name in either of two spellings.
fn either<'v>(value: &'v Value, one: &str, other: &str) -> Option<&'v Value> {
    value.get(one).or_else(|| value.get(other))
}
