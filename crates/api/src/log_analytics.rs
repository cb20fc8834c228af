//! Log Analytics query: one question, or a batch of them.

mod batch;

use std::sync::Arc;
use std::time::Duration;

use arm::{customer_id, workspace_by_customer_id};
use axum::response::Response;
use http::Method;
use identity::{Audiences, Caller};
use model::{Cancel, QueryAnswer, QueryError, QueryRequest, ResourceId, TimeRange};
use serde_json::{Value, json};

use crate::wire::body;
use crate::wire::caller::authenticate;
use crate::wire::cells::{Dialect, write_rows, write_string};
use crate::wire::error::{ApiError, bytes_response};
use crate::{House, Incoming};

/// Longest time that `Prefer: wait=` may ask for.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// Further workspaces that one query may name.
const WORKSPACES_MAX: usize = 100;

/// A question as the API carries it, from a body or a URL.
struct Question {
    query: String,
    timespan: Option<String>,
    workspaces: Vec<String>,
    statistics: bool,
    render: bool,
    wait: Option<Duration>,
}

/// What follows `/v1` (`skip` is 1) or stands without it.
pub(crate) async fn answer(house: &Arc<House>, mut incoming: Incoming, skip: usize) -> Result<Response, ApiError> {
    let caller = authenticate(house, &incoming, Audiences::LOG_ANALYTICS)?;
    let path: Vec<String> = incoming.segments.iter().skip(skip).cloned().collect();
    if path.first().is_some_and(|p| p.eq_ignore_ascii_case("$batch")) {
        return batch::answer(house, incoming, &caller).await;
    }
    let question = match incoming.method {
        Method::GET => question_of_url(&incoming),
        Method::POST => {
            let bytes = body::read(house, &mut incoming, house.limits.body_bytes).await?;
            question_of_body(&arm::lenient_json(&bytes)?, incoming.header("prefer"))?
        }
        _ => return Err(ApiError::method(&incoming, "GET, POST")),
    };
    let (status, bytes) = run(house, &caller, &path, &question).await?;
    Ok(bytes_response(status, bytes))
}

/// The workspace that a path names: its customer id and its resource id.
fn workspace(house: &House, path: &[String]) -> Result<(String, ResourceId), ApiError> {
    let lower: Vec<String> = path.iter().map(|p| p.to_ascii_lowercase()).collect();
    let not_found = |name: &str| {
        ApiError::new(
            404,
            "PathNotFoundError",
            format!("The requested path does not exist: there is no workspace '{name}'."),
        )
    };
    match lower.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["workspaces", id, "query"] => {
            let resource = workspace_by_customer_id(&house.arm, id)?.ok_or_else(|| not_found(id))?;
            Ok(((*id).to_owned(), resource))
        }
        ["subscriptions", .., "query"] => {
            let resource = ResourceId::new(&path[..path.len() - 1].join("/"));
            let id = customer_id(&house.arm, &resource)?.ok_or_else(|| not_found(resource.as_str()))?;
            Ok((id, resource))
        }
        _ => Err(ApiError::new(
            404,
            "PathNotFoundError",
            "The requested path does not exist; use /v1/workspaces/{id}/query or /v1/{resource id}/query.",
        )),
    }
}

fn question_of_url(incoming: &Incoming) -> Question {
    let text = |name: &str| incoming.parameter(name).map(str::to_owned);
    preferred(
        Question {
            query: text("query").unwrap_or_default(),
            timespan: text("timespan"),
            workspaces: text("workspaces").map(|w| w.split(',').map(|s| s.trim().to_owned()).collect()).unwrap_or_default(),
            statistics: false,
            render: false,
            wait: None,
        },
        incoming.header("prefer"),
    )
}

fn question_of_body(body: &Value, prefer: Option<&str>) -> Result<Question, ApiError> {
    let Some(query) = body.get("query").and_then(Value::as_str) else {
        return Err(bad_argument("The request had some invalid properties: 'query' is required and must be a string."));
    };
    let mut workspaces: Vec<String> = Vec::new();
    for list in ["workspaces", "additionalWorkspaces", "resources"] {
        let items = body.get(list).and_then(Value::as_array).into_iter().flatten();
        workspaces.extend(items.filter_map(Value::as_str).map(str::to_owned));
    }
    let question = Question {
        query: query.to_owned(),
        timespan: body.get("timespan").and_then(Value::as_str).map(str::to_owned),
        workspaces,
        statistics: false,
        render: false,
        wait: None,
    };
    Ok(preferred(question, prefer))
}

/// `Prefer: wait=60,include-statistics=true,include-render=true`
fn preferred(mut question: Question, prefer: Option<&str>) -> Question {
    for part in prefer.unwrap_or("").split([',', ';']) {
        let (name, value) = part.split_once('=').unwrap_or((part, "true"));
        let on = value.trim().eq_ignore_ascii_case("true");
        match name.trim().to_ascii_lowercase().as_str() {
            "include-statistics" => question.statistics = on,
            "include-render" => question.render = on,
            "wait" => question.wait = value.trim().parse().ok().map(Duration::from_secs),
            _ => {}
        }
    }
    question
}

/// Runs a question for a path; status and body.
async fn run(
    house: &Arc<House>,
    caller: &Caller,
    path: &[String],
    question: &Question,
) -> Result<(u16, Vec<u8>), ApiError> {
    let (customer_id, resource) = workspace(house, path)?;
    let now = house.clock.now();
    let mut request = QueryRequest::new(&customer_id, question.query.clone(), now);
    request.access = access(house, caller, &resource, &customer_id)?;
    if let Some(timespan) = question.timespan.as_deref().filter(|t| !t.trim().is_empty()) {
        request.time_range = Some(TimeRange::parse(timespan, now).ok_or_else(|| {
            bad_argument(format!("The timespan '{timespan}' is not valid; write an ISO 8601 duration (PT1H) or start/end."))
        })?);
    }
    request.other_workspaces = other_workspaces(house, caller, &question.workspaces)?;
    request.limits = house.limits.query;
    request.limits.truncate = true;
    if let Some(wait) = question.wait {
        request.limits.time_max = wait.min(WAIT_MAX);
    }
    let answer = query(house, request).await.map_err(|e| query_error(&e))?;
    Ok((200, write_answer(&answer, question)))
}

/// Runs a query that ends when nobody waits for it any more.
pub(crate) async fn query(house: &House, request: QueryRequest) -> Result<QueryAnswer, QueryError> {
    struct CancelOnDrop(Cancel);
    impl Drop for CancelOnDrop {
        fn drop(&mut self) {
            self.0.cancel();
        }
    }
    let _guard = CancelOnDrop(request.cancel.clone());
    house.tables.query(request).await
}

/// What the caller may read of a workspace; nothing at all is a refusal.
pub(crate) fn access(
    house: &House,
    caller: &Caller,
    workspace: &ResourceId,
    customer_id: &str,
) -> Result<model::TableAccess, ApiError> {
    let tables = house.tables.tables(customer_id);
    let access = house.identity.tables_readable(caller, workspace, tables.iter().map(|t| &*t.name));
    match &access {
        model::TableAccess::Only(names) if names.is_empty() => Err(ApiError::new(
            403,
            "InsufficientAccessError",
            format!("The provided credentials have insufficient access to perform the requested operation on '{workspace}'; assign the role Log Analytics Reader."),
        )),
        _ => Ok(access),
    }
}

/// Workspaces named beside the first, by name, customer id or resource id: those that the caller may read.
fn other_workspaces(
    house: &House,
    caller: &Caller,
    names: &[String],
) -> Result<Vec<(String, Arc<str>)>, ApiError> {
    if names.len() > WORKSPACES_MAX {
        return Err(bad_argument(format!("At most {WORKSPACES_MAX} workspaces can be queried together.")));
    }
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let resource = if name.starts_with('/') {
            Some(ResourceId::new(name))
        } else {
            workspace_by_customer_id(&house.arm, name)?
        };
        let id = match &resource {
            Some(resource) => customer_id(&house.arm, resource)?,
            None => None,
        };
        let (Some(resource), Some(id)) = (resource, id) else {
            return Err(bad_argument(format!("The workspace '{name}' could not be found.")));
        };
        access(house, caller, &resource, &id)?;
        found.push((name.clone(), Arc::from(id.as_str())));
        found.push((resource.name().to_owned(), Arc::from(id.as_str())));
    }
    Ok(found)
}

fn write_answer(answer: &QueryAnswer, question: &Question) -> Vec<u8> {
    let mut out = Vec::with_capacity(1024);
    out.extend_from_slice(b"{\"tables\":[");
    for (i, table) in answer.tables.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"name\":");
        write_string(&table.name, &mut out);
        out.extend_from_slice(b",\"columns\":[");
        for (at, column) in table.rows.schema.columns.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"name\":");
            write_string(&column.name, &mut out);
            out.extend_from_slice(b",\"type\":\"");
            out.extend_from_slice(column.ty.name().as_bytes());
            out.extend_from_slice(b"\"}");
        }
        out.extend_from_slice(b"],\"rows\":");
        write_rows(&table.rows, Dialect::LogAnalytics, &mut out);
        out.push(b'}');
    }
    out.push(b']');
    let mut member = |name: &str, value: &Value| {
        out.extend_from_slice(format!(",\"{name}\":{value}").as_bytes());
    };
    if question.statistics {
        member("statistics", &statistics(answer));
    }
    if let (true, Some(render)) = (question.render, &answer.render) {
        member("render", render);
    }
    if let Some((code, message)) = &answer.partial {
        let error = json!({
            "code": "PartialError",
            "message": "There were some errors when processing your query.",
            "details": [{ "code": code, "message": message,
                "innererror": { "code": "-2133196797", "message": message, "severity": 2, "severityName": "Error" } }],
        });
        member("error", &error);
    }
    out.push(b'}');
    out
}

fn statistics(answer: &QueryAnswer) -> Value {
    let s = &answer.statistics;
    let rows: usize = answer.tables.iter().map(|t| t.rows.len()).sum();
    json!({ "query": {
        "executionTime": s.elapsed.as_secs_f64(),
        "resourceUsage": {
            "cpu": { "totalCpu": s.cpu.as_secs_f64() },
            "memory": { "peakPerNode": s.memory_peak },
        },
        "inputDatasetStatistics": {
            "extents": { "total": s.segments, "scanned": s.segments.saturating_sub(s.segments_pruned) },
            "rows": { "total": s.rows_read, "scanned": s.rows_read },
        },
        "datasetStatistics": [{ "tableRowCount": rows }],
    }})
}

/// 400 with Azure's generic code.
pub(crate) fn bad_argument(message: impl Into<String>) -> ApiError {
    ApiError::new(400, "BadArgumentError", message)
}

/// A query's failure: the chain of inner errors that clients print.
pub(crate) fn query_error(error: &QueryError) -> ApiError {
    let message = error.to_string();
    let nested = |kind: &str, code: &str, line: usize, pos: usize, token: &str| {
        ApiError::with_body(
            400,
            json!({ "error": {
                "message": "The request had some invalid properties",
                "code": "BadArgumentError",
                "innererror": {
                    "code": kind,
                    "message": format!("A {} error occurred.", if kind == "SyntaxError" { "syntax" } else { "semantic" }),
                    "innererror": { "code": code, "message": message, "line": line, "pos": pos, "token": token },
                },
            }}),
        )
    };
    match error {
        QueryError::Syntax { code, line, pos, token, .. } => nested("SyntaxError", code, *line, *pos, token),
        QueryError::Semantic { code, line, pos, token, .. } => nested("SemanticError", code, *line, *pos, token),
        QueryError::UnknownWorkspace(_) => ApiError::new(404, "PathNotFoundError", message),
        QueryError::ResultTooLarge(_) => inner(400, "BadArgumentError", "E_QUERY_RESULT_SET_TOO_LARGE", &message),
        QueryError::ResourceLimit(_) => inner(400, "BadArgumentError", "E_RUNAWAY_QUERY", &message),
        QueryError::Execution(_) => inner(400, "BadArgumentError", "E_EXECUTION", &message),
        QueryError::Timeout(_) => ApiError::new(504, "GatewayTimeout", message),
        QueryError::Cancelled => ApiError::new(499, "QueryCancelled", message),
        QueryError::Storage(_) => ApiError::new(500, "StorageError", message),
    }
}

fn inner(status: u16, code: &str, inner: &str, message: &str) -> ApiError {
    ApiError::with_body(
        status,
        json!({ "error": {
            "code": code,
            "message": "The request had some invalid properties",
            "innererror": { "code": inner, "message": message },
        }}),
    )
}
