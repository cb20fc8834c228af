//! `$batch`: several questions in one request, answered in their order.

use std::sync::Arc;

use axum::response::Response;
use http::Method;
use identity::Caller;
use serde_json::Value;

use super::{Question, bad_argument, question_of_body, run};
use crate::wire::body;
use crate::wire::cells::write_string;
use crate::wire::error::{ApiError, bytes_response};
use crate::{House, Incoming};

/// Most questions of one batch (Azure: 100).
const REQUESTS_MAX: usize = 100;

pub(super) async fn answer(house: &Arc<House>, mut incoming: Incoming, caller: &Caller) -> Result<Response, ApiError> {
    if incoming.method != Method::POST {
        return Err(ApiError::method(&incoming, "POST"));
    }
    let bytes = body::read(house, &mut incoming, house.limits.body_bytes).await?;
    let body = arm::lenient_json(&bytes)?;
    let Some(requests) = body.get("requests").and_then(Value::as_array) else {
        return Err(bad_argument("The batch has no 'requests'."));
    };
    if requests.len() > REQUESTS_MAX {
        return Err(bad_argument(format!("A batch holds at most {REQUESTS_MAX} requests.")));
    }
    let mut out = Vec::from(&b"{\"responses\":["[..]);
    for (i, request) in requests.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let (status, body) = match one(house, caller, request).await {
            Ok((status, body)) => (status, body),
            Err(error) => (error.status, error.body.to_string().into_bytes()),
        };
        out.extend_from_slice(b"{\"id\":");
        let id = match request.get("id") {
            Some(Value::String(id)) => id.clone(),
            Some(other) => other.to_string(),
            None => i.to_string(),
        };
        write_string(&id, &mut out);
        out.extend_from_slice(format!(",\"status\":{status},\"headers\":{{\"Content-Type\":\"application/json; charset=utf-8\"}},\"body\":").as_bytes());
        out.extend_from_slice(&body);
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    Ok(bytes_response(200, out))
}

async fn one(house: &Arc<House>, caller: &Caller, request: &Value) -> Result<(u16, Vec<u8>), ApiError> {
    let headers = request.get("headers").and_then(Value::as_object);
    let prefer = headers
        .and_then(|h| h.iter().find(|(n, _)| n.eq_ignore_ascii_case("prefer")))
        .and_then(|(_, v)| v.as_str());
    let question: Question = question_of_body(request.get("body").unwrap_or(&Value::Null), prefer)?;
    let text = |name: &str| request.get(name).and_then(Value::as_str);
    let path: Vec<String> = match (text("workspace"), text("path")) {
        (Some(workspace), _) if !workspace.starts_with('/') => {
            vec!["workspaces".to_owned(), workspace.to_owned(), "query".to_owned()]
        }
        (Some(resource), _) => resource.split('/').filter(|p| !p.is_empty()).map(str::to_owned).chain(["query".to_owned()]).collect(),
        (None, Some(path)) => path.split('/').filter(|p| !p.is_empty() && *p != "v1").map(str::to_owned).collect(),
        (None, None) => return Err(bad_argument("The request names no workspace.")),
    };
    run(house, caller, &path, &question).await
}
