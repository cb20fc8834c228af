//! Microsoft Graph: applications, service principals and their passwords, as far as `az ad sp create-for-rbac` goes.

use std::sync::Arc;

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use identity::{Audiences, GraphError, NewApplication, NewPassword};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::wire::blocking::blocking;
use crate::wire::body;
use crate::wire::caller::authenticate;
use crate::wire::error::{ApiError, empty_response, json_response};
use crate::{Doors, Incoming};

/// Largest body.
const BODY_MAX: usize = 256 << 10;

/// One call, taken apart.
struct Call {
    method: Method,
    /// `applications` or `serviceprincipals`.
    kind: String,
    id: Option<String>,
    action: String,
    filter: Option<String>,
    body: Value,
}

/// Why a call gave no answer.
enum Failure {
    /// Graph says so.
    Graph(GraphError),
    /// Nothing is served at the path.
    NoPath,
    /// Something is, by these methods.
    Method(&'static str),
}

impl From<GraphError> for Failure {
    fn from(error: GraphError) -> Self {
        Self::Graph(error)
    }
}

/// `/v1.0/...`
pub(crate) async fn answer(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
) -> Result<Response, ApiError> {
    let caller = authenticate(doors, &incoming, Audiences::GRAPH)?;
    let writes = !matches!(incoming.method, Method::GET | Method::HEAD);
    let now = doors.clock.now();
    let failed =
        |error: GraphError| ApiError::with_body(error.status, error.body(now, Uuid::new_v4()));
    doors.identity.require_graph(&caller, writes).map_err(failed)?;
    let body = match writes {
        true => body::json(doors, &mut incoming, BODY_MAX).await?,
        false => Value::Null,
    };
    let call = Call {
        method: incoming.method.clone(),
        kind: incoming.segment(1),
        id: incoming.segments.get(2).cloned(),
        action: incoming.segment(3),
        filter: incoming.parameter("$filter").map(str::to_owned),
        body,
    };
    if incoming.segments.len() > 4 {
        return Err(ApiError::not_found(&incoming));
    }
    // writes wait for the disk
    let own = Arc::clone(doors);
    blocking(move || carry_out(&own, &call)).await?.map_err(|failure| match failure {
        Failure::Graph(error) => failed(error),
        Failure::NoPath => ApiError::not_found(&incoming),
        Failure::Method(allowed) => ApiError::method(&incoming, allowed),
    })
}

fn carry_out(doors: &Doors, call: &Call) -> Result<Response, Failure> {
    let method = match call.method.as_str() {
        "HEAD" => "GET",
        other => other,
    };
    let is_application = match call.kind.as_str() {
        "applications" => true,
        "serviceprincipals" => false,
        _ => return Err(Failure::NoPath),
    };
    match (method, call.id.as_deref(), call.action.as_str()) {
        ("GET", None, _) => list(doors, is_application, call.filter.as_deref()),
        ("POST", None, _) => create(doors, is_application, &call.body),
        (_, None, _) => Err(Failure::Method("GET, POST")),
        ("GET", Some(id), "") => get(doors, is_application, id),
        ("DELETE", Some(id), "") => delete(doors, is_application, id),
        (_, Some(_), "") => Err(Failure::Method("GET, DELETE")),
        ("POST", Some(id), "addpassword") => add_password(doors, id, &call.body),
        ("POST", Some(id), "removepassword") => {
            let key = text(&call.body, "keyId");
            doors.identity.remove_password(id, &key)?;
            Ok(empty_response(204))
        }
        (_, Some(_), "addpassword" | "removepassword") => Err(Failure::Method("POST")),
        _ => Err(Failure::NoPath),
    }
}

fn list(doors: &Doors, is_application: bool, filter: Option<&str>) -> Result<Response, Failure> {
    let value = match is_application {
        true => doors.identity.list_applications(filter)?,
        false => doors.identity.list_service_principals(filter)?,
    };
    Ok(json_response(200, &json!({ "value": value })))
}

fn get(doors: &Doors, is_application: bool, id: &str) -> Result<Response, Failure> {
    let value = match is_application {
        true => doors.identity.application(id)?,
        false => doors.identity.service_principal(id)?,
    };
    Ok(json_response(200, &value))
}

fn create(doors: &Doors, is_application: bool, body: &Value) -> Result<Response, Failure> {
    let now = doors.clock.now();
    let value = match is_application {
        true => doors.identity.create_application(new_application(body)?, now)?,
        false => doors.identity.create_service_principal(&text(body, "appId"), now)?,
    };
    Ok(json_response(201, &value))
}

fn delete(doors: &Doors, is_application: bool, id: &str) -> Result<Response, Failure> {
    match is_application {
        true => doors.identity.delete_application(id)?,
        false => doors.identity.delete_service_principal(id)?,
    }
    Ok(empty_response(204))
}

/// The one answer that shows a secret; nothing keeps it.
fn add_password(doors: &Doors, id: &str, body: &Value) -> Result<Response, Failure> {
    let wanted = new_password(body.get("passwordCredential").unwrap_or(&Value::Null))?;
    let answer = doors.identity.add_password(id, wanted, doors.clock.now())?;
    let mut shown = answer.value;
    shown["secretText"] = answer.secret.expose().into();
    Ok(json_response(200, &shown))
}

fn text(body: &Value, name: &str) -> String {
    body.get(name).and_then(Value::as_str).unwrap_or("").to_owned()
}

fn bad_request(message: impl Into<String>) -> GraphError {
    GraphError { status: 400, code: "Request_BadRequest", message: message.into() }
}

/// `{"displayName", "identifierUris", "keyCredentials":[{"key": base64}]}`
fn new_application(body: &Value) -> Result<NewApplication, GraphError> {
    let display_name = text(body, "displayName");
    if display_name.is_empty() {
        return Err(bad_request("displayName is required and must be a string."));
    }
    let list = |name: &str| body.get(name).and_then(Value::as_array).into_iter().flatten();
    let identifier_uris = list("identifierUris").filter_map(Value::as_str).map(str::to_owned);
    let certificate = |credential: &Value| {
        let key = credential.get("key").and_then(Value::as_str).unwrap_or("");
        STANDARD
            .decode(key)
            .map_err(|_| bad_request("keyCredentials: key must be a certificate in base64."))
    };
    Ok(NewApplication {
        display_name,
        identifier_uris: identifier_uris.collect(),
        certificates: list("keyCredentials").map(certificate).collect::<Result<_, _>>()?,
    })
}

/// `{"displayName", "startDateTime", "endDateTime"}`
fn new_password(body: &Value) -> Result<NewPassword, GraphError> {
    let instant = |name: &str| match body.get(name).and_then(Value::as_str) {
        None => Ok(None),
        Some(text) => match model::DateTime::parse(text) {
            Some(time) => Ok(Some(time.unix_seconds())),
            None => Err(bad_request(format!("{name} must be an ISO 8601 date and time."))),
        },
    };
    Ok(NewPassword {
        display_name: body.get("displayName").and_then(Value::as_str).map(str::to_owned),
        start: instant("startDateTime")?,
        end: instant("endDateTime")?,
    })
}
