//! The identity of this machine, as Azure's metadata service gives it to local processes:
//! `GET /metadata/identity/oauth2/token` with `Metadata: true`, and App Service's form with a secret header.
//!
//! Served on a loopback socket of its own, in plain HTTP, as clients expect it there. Not on 169.254.169.254: that
//! address would have to be put on an interface by root, and on a machine in a cloud it is the cloud's own metadata
//! service; clients find ours by AZURE_POD_IDENTITY_AUTHORITY_HOST. The header keeps out requests that a browser or a
//! server can be talked into, the name of the host those that a foreign name server leads here.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use crypto::{SecretText, constant_time_eq};
use http::Method;
use identity::ManagedIdentityRequest;
use serde_json::json;

use crate::audit::{Audit, Event};
use crate::wire::error::{ApiError, json_response};
use crate::{Doors, House, Incoming};

/// Versions of the metadata service.
const METADATA: &[&str] = &[
    "2018-02-01",
    "2018-04-02",
    "2018-10-01",
    "2019-02-01",
    "2019-03-11",
    "2019-04-30",
    "2019-06-01",
    "2019-06-04",
    "2019-08-01",
    "2019-08-15",
    "2019-11-01",
    "2020-06-01",
    "2020-07-15",
    "2020-09-01",
    "2020-10-01",
    "2020-12-01",
    "2021-01-01",
    "2021-02-01",
    "2021-03-01",
    "2021-05-01",
    "2021-11-01",
    "2021-11-15",
    "2021-12-13",
    "2023-07-01",
];
/// Versions of App Service's form with this header.
const APP_SERVICE: &[&str] = &["2019-08-01"];

/// The doors, and the secret of App Service's form.
struct Machine {
    doors: Doors,
    header: SecretText,
}

/// The routes of the machine's own socket.
pub(crate) fn router(house: Arc<House>, audit: Audit, header: SecretText) -> Router {
    let machine = Machine { doors: Doors::new(house, audit), header };
    Router::new().fallback(dispatch).with_state(Arc::new(machine))
}

async fn dispatch(State(machine): State<Arc<Machine>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let is_local = host_is_local(&parts.headers);
    let incoming = Incoming::new(&machine.doors, parts, body);
    match answer(&machine, &incoming, is_local) {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

fn answer(machine: &Machine, incoming: &Incoming, is_local: bool) -> Result<Response, ApiError> {
    if !is_local {
        return Err(refused(400, "The host must be named localhost or by its loopback address."));
    }
    // whoever forwards for others is no local process
    if incoming.headers.contains_key("x-forwarded-for")
        || incoming.headers.contains_key("forwarded")
    {
        return Err(refused(400, "Forwarded requests are not answered."));
    }
    let path: Vec<String> = (0..incoming.segments.len()).map(|i| incoming.segment(i)).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path.as_slice() {
        ["metadata", "identity", "oauth2", "token"] => {
            if !incoming.header("metadata").is_some_and(|m| m.eq_ignore_ascii_case("true")) {
                return Err(refused(400, "Required metadata header not specified."));
            }
        }
        ["msi", "token"] => {
            let sent = incoming.header("x-identity-header").unwrap_or_default();
            if !constant_time_eq(sent.as_bytes(), machine.header.expose().as_bytes()) {
                return Err(refused(401, "The X-IDENTITY-HEADER is missing or wrong."));
            }
        }
        _ => return Err(refused(404, "Only tokens of the machine's identity are served here.")),
    }
    if incoming.method != Method::GET {
        return Err(ApiError::method(incoming, "GET"));
    }
    let versions = if path.first() == Some(&"msi") { APP_SERVICE } else { METADATA };
    match incoming.parameter("api-version").filter(|v| !v.is_empty()) {
        None => return Err(refused(400, "Required query variable 'api-version' is missing.")),
        Some(version) if !versions.contains(&version) => {
            let newest = versions.last().copied().unwrap_or_default();
            let message = format!("The api-version is not supported; {newest} is.");
            return Err(refused(400, &message));
        }
        Some(_) => {}
    }
    for name in ["resource", "api-version"] {
        let is = |(n, _): &&(String, String)| n.eq_ignore_ascii_case(name);
        if incoming.query.iter().filter(is).count() > 1 {
            return Err(refused(400, &format!("The query variable '{name}' is given twice.")));
        }
    }
    let resource = incoming.parameter("resource").filter(|r| !r.is_empty());
    let resource =
        resource.ok_or_else(|| refused(400, "Required query variable 'resource' is missing."))?;
    if incoming.parameter("msi_res_id").or(incoming.parameter("mi_res_id")).is_some() {
        return Err(refused(
            400,
            "Identities are named by client_id or object_id here, not by a resource.",
        ));
    }
    let identity = ["client_id", "object_id", "principal_id"];
    let identity =
        identity.iter().find_map(|name| incoming.parameter(name).filter(|v| !v.is_empty()));
    let doors = &machine.doors;
    let answer = doors.identity.managed_identity_token(&ManagedIdentityRequest {
        resource,
        identity,
        source: incoming.source,
        user_agent: incoming.header("user-agent"),
        now: doors.clock.now(),
    });
    (doors.audit)(Event::SignIn(Box::new(answer.sign_in)));
    Ok(json_response(answer.status, &answer.body))
}

fn refused(status: u16, message: &str) -> ApiError {
    ApiError::with_body(status, json!({ "error": "invalid_request", "error_description": message }))
}

fn host_is_local(headers: &http::HeaderMap) -> bool {
    let host = headers.get(http::header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.contains(']') => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}
