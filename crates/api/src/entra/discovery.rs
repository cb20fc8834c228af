//! Documents by which clients find their way: OpenID configuration, keys, instances, the cloud's endpoints. Open to
//! all, as everywhere.

use axum::response::Response;
use http::Method;
use identity::{Generation, OAuthError};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::wire::error::{ApiError, json_response};
use crate::{Doors, Incoming};

/// `/{tenant}/{tail}`
pub(super) fn answer(
    doors: &Doors,
    incoming: &Incoming,
    tail: &[&str],
) -> Result<Response, ApiError> {
    let tenant = incoming.segments.first().map_or("", String::as_str);
    let (identity, origin) = (&doors.identity, incoming.origin.as_str());
    let document = match tail {
        ["v2.0", ".well-known", "openid-configuration"] => {
            identity.openid_configuration(tenant, Generation::V2, origin)
        }
        [".well-known", "openid-configuration"] => {
            identity.openid_configuration(tenant, Generation::V1, origin)
        }
        ["discovery", "v2.0", "keys"] => identity.jwks(tenant, Generation::V2, origin),
        ["discovery", "keys"] => identity.jwks(tenant, Generation::V1, origin),
        ["discovery", "instance"] => return instance(doors, incoming),
        ["userrealm", _] => return user_realm(doors, incoming),
        _ => return Err(ApiError::not_found(incoming)),
    };
    reads(incoming)?;
    document.map(|d| json_response(200, &d)).map_err(|error| oauth_error(doors, &error))
}

fn instance(doors: &Doors, incoming: &Incoming) -> Result<Response, ApiError> {
    reads(incoming)?;
    let asked = incoming.parameter("authorization_endpoint").unwrap_or("");
    match doors.identity.instance_discovery(asked, &incoming.origin) {
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

/// `/common/userrealm/{name}`: where a person signs in. Always here: clients ask before they send a password, which the
/// token endpoint then refuses.
fn user_realm(doors: &Doors, incoming: &Incoming) -> Result<Response, ApiError> {
    reads(incoming)?;
    let name = incoming.segments.get(2).map_or("", String::as_str);
    let domain = name.split_once('@').map_or(doors.identity.tenant().domain.as_str(), |(_, d)| d);
    Ok(json_response(
        200,
        &json!({
            "ver": "1.0",
            "account_type": "Managed",
            "domain_name": domain,
            "cloud_instance_name": incoming.origin.trim_start_matches("https://"),
            "cloud_audience_urn": "urn:federation:vedette",
        }),
    ))
}

/// `/metadata/endpoints`
pub(crate) fn metadata_endpoints(doors: &Doors, incoming: &Incoming) -> Result<Response, ApiError> {
    if incoming.segments.len() > 2 {
        return Err(ApiError::not_found(incoming));
    }
    reads(incoming)?;
    let version = incoming.parameter("api-version");
    let document: Value = doors.identity.metadata_endpoints(version, &incoming.origin);
    Ok(json_response(200, &document))
}

fn reads(incoming: &Incoming) -> Result<(), ApiError> {
    match incoming.method {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(ApiError::method(incoming, "GET, HEAD")),
    }
}

fn oauth_error(doors: &Doors, error: &OAuthError) -> ApiError {
    ApiError::with_body(error.status, error.body(doors.clock.now(), Uuid::new_v4(), Uuid::new_v4()))
}
