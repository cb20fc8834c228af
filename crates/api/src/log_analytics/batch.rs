//! `$batch`: several questions in one request, answered in their order.

use std::sync::Arc;

use axum::response::Response;
use http::Method;
use identity::Caller;
use serde_json::Value;

use super::question::Question;
use super::{API, bad_argument, json, run, workspace};
use crate::audit::Asker;
use crate::wire::answer::Pieces;
use crate::wire::body;
use crate::wire::cells::write_string;
use crate::wire::error::ApiError;
use crate::{Doors, Incoming};

/// Most questions of one batch (Azure: 100).
const REQUESTS_MAX: usize = 100;

/// `{"requests":[{id, body, headers, workspace, path, method}]}`; JavaScript's client does not sort the answers by id.
pub(super) async fn answer(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
    caller: &Caller,
) -> Result<Response, ApiError> {
    if incoming.method != Method::POST {
        return Err(ApiError::method(&incoming, "POST"));
    }
    let bytes = body::read(doors, &mut incoming, doors.limits.body_bytes).await?;
    let body = json(&bytes)?;
    let Some(requests) = body.get("requests").and_then(Value::as_array) else {
        return Err(bad_argument("The batch has no 'requests'."));
    };
    if requests.len() > REQUESTS_MAX {
        return Err(bad_argument(format!("A batch holds at most {REQUESTS_MAX} requests.")));
    }
    let mut out = Pieces::new("{\"responses\":[");
    for (i, request) in requests.iter().enumerate() {
        let (status, headers, body) = match one(doors, caller, request, &incoming.request_id).await
        {
            Ok(pieces) => (200, Vec::new(), pieces),
            Err(error) => (error.status, error.headers, Pieces::new(&error.body.to_string())),
        };
        let text = out.text();
        text.extend_from_slice(if i > 0 { b",{\"id\":" } else { b"{\"id\":" });
        write_string(&id(request, i), text);
        let mut told = serde_json::Map::new();
        told.insert("Content-Type".into(), "application/json; charset=utf-8".into());
        told.extend(headers.into_iter().map(|(name, value)| (name.to_owned(), value.into())));
        let told = Value::Object(told);
        text.extend_from_slice(
            format!(",\"status\":{status},\"headers\":{told},\"body\":").as_bytes(),
        );
        out.append(body);
        out.text().push(b'}');
    }
    out.text().extend_from_slice(b"]}");
    Ok(out.into_response(200))
}

/// The client's id of a request; its place where it has none.
fn id(request: &Value, place: usize) -> String {
    match request.get("id") {
        Some(Value::String(id)) => id.clone(),
        Some(other) => other.to_string(),
        None => place.to_string(),
    }
}

async fn one(
    doors: &Doors,
    caller: &Caller,
    request: &Value,
    request_id: &str,
) -> Result<Pieces, ApiError> {
    let headers = request.get("headers").and_then(Value::as_object);
    let prefer = headers
        .and_then(|h| h.iter().find(|(n, _)| n.eq_ignore_ascii_case("prefer")))
        .and_then(|(_, v)| v.as_str());
    let question = Question::of_body(request.get("body").unwrap_or(&Value::Null), prefer)?;
    let workspace = workspace(doors, &path(request)?, "query")?;
    let asker = Asker { api: API, caller, workspace: &workspace, request_id };
    run(doors, &asker, &question).await
}

/// The path that a request of a batch stands for.
fn path(request: &Value) -> Result<Vec<String>, ApiError> {
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let parts = |path: &str| -> Vec<String> {
        path.split('/').filter(|p| !p.is_empty()).map(str::to_owned).collect()
    };
    match (text("workspace"), text("path")) {
        (Some(resource), _) if resource.starts_with('/') => Ok(parts(&format!("{resource}/query"))),
        (Some(id), _) => Ok(vec!["workspaces".to_owned(), id.to_owned(), "query".to_owned()]),
        (None, Some(path)) => {
            let mut path = parts(path);
            if path.first().is_some_and(|p| p.eq_ignore_ascii_case("v1")) {
                path.remove(0);
            }
            Ok(path)
        }
        (None, None) => Err(bad_argument("The request names no workspace.")),
    }
}
