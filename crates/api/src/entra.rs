//! Entra: tokens, discovery, keys; cloud discovery; the part of Microsoft Graph that applications need.

use std::sync::Arc;

use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Method, header};
use identity::{Audiences, Generation, NewApplication, NewPassword, OAuthError, TokenEndpoint, TokenRequest};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::wire::body;
use crate::wire::caller::authenticate;
use crate::wire::error::{ApiError, empty_response, json_response};
use crate::{House, Incoming};

/// Largest token request.
const FORM_MAX: usize = 64 << 10;

/// True for paths below a tenant that Entra serves.
pub(crate) fn is_entra(incoming: &Incoming) -> bool {
    matches!(
        incoming.segment(1).as_str(),
        "oauth2" | ".well-known" | "discovery" | "v2.0" | "kerberos"
    )
}

/// `/{tenant}/...`
pub(crate) async fn answer(house: &Arc<House>, incoming: Incoming) -> Result<Response, ApiError> {
    let tail: Vec<String> = (1..incoming.segments.len()).map(|i| incoming.segment(i)).collect();
    let tail: Vec<&str> = tail.iter().map(String::as_str).collect();
    let tenant = incoming.segments[0].clone();
    match tail.as_slice() {
        ["oauth2", "v2.0", "token"] => token(house, incoming, TokenEndpoint::V2).await,
        ["oauth2", "token"] => token(house, incoming, TokenEndpoint::V1).await,
        ["v2.0", ".well-known", "openid-configuration"] => {
            discovery(house, &incoming, |h, i| h.identity.openid_configuration(&tenant, Generation::V2, &i.origin))
        }
        [".well-known", "openid-configuration"] => {
            discovery(house, &incoming, |h, i| h.identity.openid_configuration(&tenant, Generation::V1, &i.origin))
        }
        ["discovery", "v2.0", "keys"] => {
            discovery(house, &incoming, |h, i| h.identity.jwks(&tenant, Generation::V2, &i.origin))
        }
        ["discovery", "keys"] => {
            discovery(house, &incoming, |h, i| h.identity.jwks(&tenant, Generation::V1, &i.origin))
        }
        ["discovery", "instance"] => {
            let asked = incoming.parameter("authorization_endpoint").unwrap_or("");
            match house.identity.instance_discovery(asked, &incoming.origin) {
                Some(found) => Ok(json_response(200, &found)),
                None => Err(ApiError::with_body(
                    400,
                    json!({
                        "error": "invalid_instance",
                        "error_description": "AADSTS50049: Unknown or invalid instance.",
                        "error_codes": [50049],
                    }),
                )),
            }
        }
        _ => Err(ApiError::not_found(&incoming)),
    }
}

fn discovery(
    house: &House,
    incoming: &Incoming,
    document: impl Fn(&House, &Incoming) -> Result<Value, OAuthError>,
) -> Result<Response, ApiError> {
    if !matches!(incoming.method, Method::GET | Method::HEAD) {
        return Err(ApiError::method(incoming, "GET"));
    }
    match document(house, incoming) {
        Ok(document) => Ok(json_response(200, &document)),
        Err(error) => Err(oauth_error(house, &error)),
    }
}

fn oauth_error(house: &House, error: &OAuthError) -> ApiError {
    let body = error.body(house.clock.now(), Uuid::new_v4(), Uuid::new_v4());
    ApiError::with_body(error.status, body)
}

async fn token(house: &Arc<House>, mut incoming: Incoming, endpoint: TokenEndpoint) -> Result<Response, ApiError> {
    if incoming.method != Method::POST {
        return Err(ApiError::method(&incoming, "POST"));
    }
    let bytes = body::read(house, &mut incoming, FORM_MAX).await?;
    let form = crate::wire::path::query(&String::from_utf8_lossy(&bytes));
    let answer = house.identity.token(&TokenRequest {
        tenant: &incoming.segments[0],
        endpoint,
        origin: &incoming.origin,
        form: &form,
        authorization: incoming.header("authorization"),
        source: incoming.source,
        correlation_id: incoming.header("client-request-id"),
        user_agent: incoming.header("user-agent"),
        now: house.clock.now(),
    });
    let mut response = json_response(answer.status, &answer.body);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(seconds) = answer.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    Ok(response)
}

/// `/metadata/endpoints`
pub(crate) fn metadata_endpoints(house: &House, incoming: &Incoming) -> Result<Response, ApiError> {
    if incoming.method != Method::GET {
        return Err(ApiError::method(incoming, "GET"));
    }
    let document = house.identity.metadata_endpoints(incoming.parameter("api-version"), &incoming.origin);
    Ok(json_response(200, &document))
}

/// `/v1.0/applications`, `/v1.0/servicePrincipals` and their passwords.
pub(crate) async fn graph(house: &Arc<House>, mut incoming: Incoming) -> Result<Response, ApiError> {
    let caller = authenticate(house, &incoming, Audiences::GRAPH)?;
    let writes = incoming.method != Method::GET;
    let now = house.clock.now();
    let failed = |error: identity::GraphError| ApiError::with_body(error.status, error.body(now, Uuid::new_v4()));
    house.identity.require_graph(&caller, writes).map_err(failed)?;
    let body: Value = if writes {
        let bytes = body::read(house, &mut incoming, FORM_MAX).await?;
        if bytes.is_empty() { Value::Null } else { arm::lenient_json(&bytes)? }
    } else {
        Value::Null
    };
    let kind = incoming.segment(1);
    let id = incoming.segments.get(2).cloned();
    let action = incoming.segment(3);
    let filter = incoming.parameter("$filter").map(str::to_owned);
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let identity = &house.identity;
    let list = |values: Vec<Value>| json_response(200, &json!({ "value": values }));
    match (incoming.method.as_str(), kind.as_str(), id.as_deref(), action.as_str()) {
        ("GET", "applications", None, "") => {
            identity.list_applications(filter.as_deref()).map(list).map_err(failed)
        }
        ("GET", "serviceprincipals", None, "") => {
            identity.list_service_principals(filter.as_deref()).map(list).map_err(failed)
        }
        ("GET", "applications", Some(id), "") => {
            identity.application(id).map(|v| json_response(200, &v)).map_err(failed)
        }
        ("GET", "serviceprincipals", Some(id), "") => {
            identity.service_principal(id).map(|v| json_response(200, &v)).map_err(failed)
        }
        ("POST", "applications", None, "") => {
            let new = new_application(&body)?;
            identity.create_application(new, now).map(|v| json_response(201, &v)).map_err(failed)
        }
        ("POST", "serviceprincipals", None, "") => {
            let app_id = text("appId").unwrap_or_default();
            identity
                .create_service_principal(&app_id, now)
                .map(|v| json_response(201, &v))
                .map_err(failed)
        }
        ("POST", "applications" | "serviceprincipals", Some(id), "addpassword") => {
            let inner = body.get("passwordCredential").cloned().unwrap_or_else(|| json!({}));
            let answer = identity.add_password(id, new_password(&inner)?, now).map_err(failed)?;
            let mut shown = answer.value;
            shown["secretText"] = answer.secret.expose().into();
            Ok(json_response(200, &shown))
        }
        ("POST", "applications" | "serviceprincipals", Some(id), "removepassword") => {
            let key = text("keyId").unwrap_or_default();
            identity.remove_password(id, &key).map(|()| empty_response(204)).map_err(failed)
        }
        ("DELETE", "applications", Some(id), "") => {
            identity.delete_application(id).map(|()| empty_response(204)).map_err(failed)
        }
        ("DELETE", "serviceprincipals", Some(id), "") => {
            identity.delete_service_principal(id).map(|()| empty_response(204)).map_err(failed)
        }
        _ => Err(ApiError::not_found(&incoming)),
    }
}

fn bad_request(message: &str) -> ApiError {
    ApiError::new(400, "Request_BadRequest", message)
}

/// `{"displayName", "identifierUris", "keyCredentials":[{"key": base64}]}`
fn new_application(body: &Value) -> Result<NewApplication, ApiError> {
    let display_name = body.get("displayName").and_then(Value::as_str).unwrap_or("").to_owned();
    if display_name.is_empty() {
        return Err(bad_request("displayName is required and must be a string."));
    }
    let list = |name: &str| body.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let identifier_uris =
        list("identifierUris").iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let mut certificates = Vec::new();
    for credential in list("keyCredentials") {
        let key = credential.get("key").and_then(Value::as_str).unwrap_or("");
        let der = STANDARD.decode(key).map_err(|_| bad_request("keyCredentials: key must be a certificate in base64."))?;
        certificates.push(der);
    }
    Ok(NewApplication { display_name, identifier_uris, certificates })
}

/// `{"displayName", "startDateTime", "endDateTime"}`
fn new_password(body: &Value) -> Result<NewPassword, ApiError> {
    let instant = |name: &str| -> Result<Option<i64>, ApiError> {
        match body.get(name).and_then(Value::as_str) {
            None => Ok(None),
            Some(text) => model::DateTime::parse(text)
                .map(|t| Some(t.unix_seconds()))
                .ok_or_else(|| bad_request(&format!("{name} must be an ISO 8601 date and time."))),
        }
    };
    Ok(NewPassword {
        display_name: body.get("displayName").and_then(Value::as_str).map(str::to_owned),
        start: instant("startDateTime")?,
        end: instant("endDateTime")?,
    })
}
