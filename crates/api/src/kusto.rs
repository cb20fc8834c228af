//! Kusto: query v1 and v2, management commands, streaming ingestion.

mod database;
mod frames;
mod ingest;
mod management;

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use http::Method;
use identity::{Audiences, Caller};
use model::{QueryError, QueryRequest};
use serde_json::{Value, json};

use crate::log_analytics::{access, query};
use crate::wire::body;
use crate::wire::caller::authenticate;
use crate::wire::error::{ApiError, bytes_response, json_response};
use crate::{House, Incoming};

/// Longest time that `servertimeout` may ask for.
const TIMEOUT_MAX: Duration = Duration::from_secs(3600);

/// `/v1/rest/...`, `/v2/rest/...`
pub(crate) async fn answer(house: &Arc<House>, incoming: Incoming) -> Result<Response, ApiError> {
    let tail: Vec<String> = (0..incoming.segments.len()).map(|i| incoming.segment(i)).collect();
    let tail: Vec<&str> = tail.iter().map(String::as_str).collect();
    if let ["v1", "rest", "auth", "metadata"] = tail.as_slice() {
        return Ok(json_response(200, &auth_metadata(house, &incoming)));
    }
    let caller = authenticate(house, &incoming, Audiences::KUSTO)?;
    match tail.as_slice() {
        ["v1", "rest", "query"] => run(house, incoming, &caller, false).await,
        ["v2", "rest", "query"] => run(house, incoming, &caller, true).await,
        ["v1", "rest", "mgmt"] => management::answer(house, incoming, &caller).await,
        ["v1", "rest", "ingest", _, _] => ingest::answer(house, incoming, &caller).await,
        _ => Err(ApiError::not_found(&incoming)),
    }
}

/// Where clients of this cluster sign in. Without it the client goes to the public cloud.
fn auth_metadata(house: &House, incoming: &Incoming) -> Value {
    json!({
        "AzureAD": {
            "LoginEndpoint": incoming.origin,
            "LoginMfaRequired": false,
            "KustoClientAppId": "db662dc1-0cfe-4e1c-a843-19a68e65be58",
            "KustoClientRedirectUri": "https://microsoft/kustoclient",
            "KustoServiceResourceId": house.identity.urls().origin(),
            "FirstPartyAuthorityUrl": format!("{}/{}", incoming.origin, house.identity.tenant().id),
        },
        "dSTS": { "CloudEndpointSuffix": "", "DstsRealm": "", "DstsInstance": "", "KustoDnsHostName": "", "ServiceName": "" },
    })
}

/// A request body of query and mgmt.
pub(crate) struct Request {
    pub(crate) database: String,
    pub(crate) text: String,
    pub(crate) options: Value,
    pub(crate) parameters: Vec<(String, String)>,
}

pub(crate) async fn read_request(house: &House, incoming: &mut Incoming) -> Result<Request, ApiError> {
    if incoming.method == Method::GET {
        let text = |name: &str| incoming.parameter(name).unwrap_or("").to_owned();
        return Ok(Request { database: text("db"), text: text("csl"), options: Value::Null, parameters: Vec::new() });
    }
    if incoming.method != Method::POST {
        return Err(ApiError::method(incoming, "POST"));
    }
    let bytes = body::read(house, incoming, house.limits.body_bytes).await?;
    let body = arm::lenient_json(&bytes)?;
    let Some(text) = body.get("csl").and_then(Value::as_str) else {
        return Err(kusto_error(400, "BadRequest_MissingParameter", "Request is invalid: 'csl' is missing in the body.", incoming));
    };
    // properties arrive as an object or as JSON text
    let properties = match body.get("properties") {
        Some(Value::String(text)) => serde_json::from_str(text).unwrap_or(Value::Null),
        Some(other) => other.clone(),
        None => Value::Null,
    };
    let parameters = properties
        .get("Parameters")
        .or_else(|| properties.get("parameters"))
        .and_then(Value::as_object)
        .map(|p| {
            p.iter()
                .map(|(n, v)| (n.clone(), v.as_str().map_or_else(|| v.to_string(), str::to_owned)))
                .collect()
        })
        .unwrap_or_default();
    let options = properties.get("Options").or_else(|| properties.get("options")).cloned().unwrap_or(Value::Null);
    let database = body.get("db").and_then(Value::as_str).unwrap_or("").to_owned();
    Ok(Request { database, text: text.to_owned(), options, parameters })
}

async fn run(house: &Arc<House>, mut incoming: Incoming, caller: &Caller, v2: bool) -> Result<Response, ApiError> {
    let asked = read_request(house, &mut incoming).await?;
    if asked.text.trim_start().starts_with('.') {
        return Err(kusto_error(
            400,
            "BadRequest_CommandInQueryEndpoint",
            "Management commands go to /v1/rest/mgmt, not to the query endpoint.",
            &incoming,
        ));
    }
    let database = database::find(house, &asked.database, &incoming)?;
    let mut request = QueryRequest::new(&database.customer_id, asked.text.clone(), house.clock.now());
    request.access = access(house, caller, &database.resource, &database.customer_id)?;
    request.parameters = asked.parameters;
    request.limits = house.limits.query;
    apply_options(&mut request, &asked.options);
    let answer = query(house, request).await;
    let answer = answer.map_err(|e| query_failure(&e, &incoming))?;
    let progressive = flag(&asked.options, "results_progressive_enabled");
    let bytes = if v2 { frames::v2(&answer, &incoming.request_id, progressive) } else { frames::v1(&answer) };
    Ok(bytes_response(200, bytes))
}

fn flag(options: &Value, name: &str) -> bool {
    matches!(options.get(name), Some(Value::Bool(true)))
        || options.get(name).and_then(Value::as_str).is_some_and(|v| v.eq_ignore_ascii_case("true"))
}

fn apply_options(request: &mut QueryRequest, options: &Value) {
    let number = |name: &str| options.get(name).and_then(|v| v.as_u64().or_else(|| v.as_str()?.parse().ok()));
    if flag(options, "notruncation") {
        request.limits.rows_max = usize::MAX;
        request.limits.bytes_max = usize::MAX;
    }
    if let Some(rows) = number("truncationmaxrecords") {
        request.limits.rows_max = usize::try_from(rows).unwrap_or(usize::MAX);
    }
    if let Some(bytes) = number("truncationmaxsize") {
        request.limits.bytes_max = usize::try_from(bytes).unwrap_or(usize::MAX);
    }
    if let Some(rows) = number("query_take_max_records") {
        request.limits.rows_max = usize::try_from(rows).unwrap_or(usize::MAX);
        request.limits.truncate = true;
    }
    let timeout = options.get("servertimeout").and_then(Value::as_str).and_then(model::TimeSpan::parse);
    if let Some(ticks) = timeout.map(model::TimeSpan::ticks).and_then(|t| u64::try_from(t).ok()) {
        request.limits.time_max = Duration::from_nanos(ticks.saturating_mul(100)).min(TIMEOUT_MAX);
    }
}

/// An error in Kusto's envelope.
pub(crate) fn kusto_error(status: u16, code: &str, message: &str, incoming: &Incoming) -> ApiError {
    ApiError::with_body(
        status,
        json!({ "error": {
            "code": code,
            "message": message,
            "@type": "Kusto.DataNode.Exceptions.KustoRequestException",
            "@message": message,
            "@context": {
                "clientRequestId": incoming.request_id,
                "activityId": uuid::Uuid::new_v4().to_string(),
                "serviceAlias": "vedette",
            },
            "@permanent": !matches!(status, 429 | 503 | 504),
        }}),
    )
}

fn query_failure(error: &QueryError, incoming: &Incoming) -> ApiError {
    let message = error.to_string();
    let (status, code) = match error {
        QueryError::Syntax { .. } => (400, "General_BadRequest"),
        QueryError::Semantic { .. } => (400, "General_BadRequest"),
        QueryError::ResultTooLarge(_) => (400, "E_QUERY_RESULT_SET_TOO_LARGE"),
        QueryError::ResourceLimit(_) => (400, "E_RUNAWAY_QUERY"),
        QueryError::Execution(_) => (400, "General_BadRequest"),
        QueryError::UnknownWorkspace(_) => (404, "BadRequest_DatabaseNotExist"),
        QueryError::Timeout(_) => (504, "GatewayTimeout"),
        QueryError::Cancelled => (499, "QueryCancelled"),
        QueryError::Storage(_) => (500, "InternalServiceError"),
    };
    let mut answer = kusto_error(status, code, &message, incoming);
    if let QueryError::Syntax { code, line, pos, token, .. } | QueryError::Semantic { code, line, pos, token, .. } = error {
        let kind = if matches!(error, QueryError::Syntax { .. }) { "SyntaxError" } else { "SemanticError" };
        if let Some(body) = answer.body.get_mut("error").and_then(Value::as_object_mut) {
            body.insert("@type".into(), format!("Kusto.Data.Exceptions.{kind}").into());
            body.insert("innererror".into(), json!({
                "code": kind,
                "message": message,
                "innererror": { "code": code, "message": message, "line": line, "pos": pos, "token": token },
            }));
        }
    }
    answer
}
