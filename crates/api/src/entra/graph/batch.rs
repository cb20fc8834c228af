//! `$batch`: several calls in one, each answered as if it had come alone, in the order that they ask for.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use http_body_util::BodyExt;
use identity::Audiences;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{BODY_MAX, bad_request, text, texts};
use crate::wire::caller::authenticate;
use crate::wire::error::{ApiError, json_response};
use crate::wire::{body, path};
use crate::{Doors, Incoming};

/// As many as Graph takes.
const REQUESTS_MAX: usize = 20;

/// One call of a batch.
struct Part {
    id: String,
    depends_on: Vec<String>,
    /// What is wrong with it, or the call.
    call: Result<Incoming, String>,
}

/// `POST /v1.0/$batch` `{"requests": [{"id", "method", "url", "headers", "body", "dependsOn"}]}`
pub(super) async fn answer(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
) -> Result<Response, ApiError> {
    if incoming.method != Method::POST {
        return Err(ApiError::method(&incoming, "POST"));
    }
    authenticate(doors, &incoming, Audiences::GRAPH)?; // each part again, for what it asks
    let body = body::json(doors, &mut incoming, BODY_MAX).await?;
    let now = doors.clock.now();
    let refuse = |why: String| {
        let error = bad_request(why);
        ApiError::with_body(error.status, error.body(now, Uuid::new_v4()))
    };
    let mut waiting = parts(&incoming, &body).map_err(refuse)?;
    let mut done: BTreeMap<String, u16> = BTreeMap::new();
    let mut responses = Vec::new();
    while !waiting.is_empty() {
        let ready =
            waiting.iter().position(|p| p.depends_on.iter().all(|id| done.contains_key(id)));
        let Some(ready) = ready else {
            return Err(refuse(
                "dependsOn names no request of the batch, or goes in a circle".into(),
            ));
        };
        let part = waiting.remove(ready);
        let failed = |id: &String| done.get(id).is_some_and(|status| *status >= 400);
        let (status, told) = match part.call {
            _ if part.depends_on.iter().any(failed) => {
                let message = "A request that this one depends on failed.";
                (424, error_of("FailedDependency", message))
            }
            Err(why) => (400, error_of("BadRequest", &why)),
            Ok(call) => {
                let answer = super::one(doors, call).await;
                told(answer.map_err(|error| super::in_own_form(error, now))).await
            }
        };
        done.insert(part.id.clone(), status);
        let mut response = json!({ "id": part.id, "status": status, "headers": told.headers });
        if !told.body.is_null() {
            response["body"] = told.body;
        }
        responses.push(response);
    }
    Ok(json_response(200, &json!({ "responses": responses })))
}

fn parts(incoming: &Incoming, body: &Value) -> Result<Vec<Part>, String> {
    let requests = body.get("requests").and_then(Value::as_array);
    let requests = requests.ok_or("the batch has no 'requests'")?;
    if requests.len() > REQUESTS_MAX {
        return Err(format!("a batch holds at most {REQUESTS_MAX} requests"));
    }
    let mut parts: Vec<Part> = Vec::new();
    for request in requests {
        let id = text(request, "id");
        if id.is_empty() || parts.iter().any(|p| p.id == id) {
            return Err("each request of a batch needs an 'id' of its own".to_owned());
        }
        let depends_on = texts(request, "dependsOn");
        parts.push(Part { id, depends_on, call: call(incoming, request) });
    }
    Ok(parts)
}

/// The call that a request stands for: the caller's token and address, its own address, headers and body.
fn call(incoming: &Incoming, request: &Value) -> Result<Incoming, String> {
    let method = Method::from_bytes(text(request, "method").to_ascii_uppercase().as_bytes());
    let method = method.ok().filter(|m| !m.as_str().is_empty());
    let method = method.ok_or("'method' must be GET, POST, PATCH, PUT or DELETE")?;
    let url = text(request, "url");
    if url.is_empty() || url.contains("://") || url.to_ascii_lowercase().contains("$batch") {
        return Err("'url' must be a path below the version, such as /users".to_owned());
    }
    let version = incoming.path().split('/').nth(1).unwrap_or("v1.0");
    let target = format!("/{version}/{}", url.trim_start_matches('/'));
    let (at, query) = target.split_once('?').unwrap_or((&target, ""));
    let mut headers = HeaderMap::new();
    for (name, value) in request.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let value = value.as_str().and_then(|v| HeaderValue::from_str(v).ok());
        if let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), value) {
            headers.insert(name, value);
        }
    }
    for name in [header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::HOST] {
        headers.remove(name);
    }
    if let Some(authorization) = incoming.headers.get(header::AUTHORIZATION) {
        headers.insert(header::AUTHORIZATION, authorization.clone());
    }
    let body = match request.get("body") {
        None | Some(Value::Null) => Body::empty(),
        Some(body) => Body::from(body.to_string()),
    };
    Ok(Incoming {
        segments: path::segments(at),
        query: path::query(query),
        method,
        headers,
        body: Mutex::new(body),
        source: incoming.source,
        host: incoming.host.clone(),
        origin: incoming.origin.clone(),
        request_id: incoming.request_id.clone(),
        target,
    })
}

/// What a response tells, beside its status.
struct Told {
    headers: Map<String, Value>,
    body: Value,
}

async fn told(answer: Result<Response, ApiError>) -> (u16, Told) {
    let (parts, body) = answer.unwrap_or_else(ApiError::into_response).into_parts();
    let mut headers = Map::new();
    for name in [header::CONTENT_TYPE, header::RETRY_AFTER, header::ALLOW] {
        if let Some(value) = parts.headers.get(&name).and_then(|v| v.to_str().ok()) {
            headers.insert(name.as_str().to_owned(), value.into());
        }
    }
    let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let body = match serde_json::from_slice(&bytes) {
        Ok(body) => body,
        Err(_) if bytes.is_empty() => Value::Null,
        Err(_) => String::from_utf8_lossy(&bytes).into_owned().into(),
    };
    (parts.status.as_u16(), Told { headers, body })
}

fn error_of(code: &str, message: &str) -> Told {
    let body = json!({ "error": { "code": code, "message": message } });
    Told { headers: Map::new(), body }
}
