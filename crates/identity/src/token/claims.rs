//! The claims of an access token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{random_below, random_bytes};
use serde_json::{Value, json};

use super::client::Client;
use super::resource::Resource;
use super::sign_in::CredentialKind;
use super::{OAuthError, TokenEndpoint, TokenRequest};
use crate::Tenant;
use crate::audience::Audiences;
use crate::directory::{Directory, ServicePrincipal};
use crate::time::unix_seconds;

/// Tokens live 60 to 90 minutes, drawn at random, so that clients that started together do not renew together.
pub(super) const LIFE_MIN: i64 = 60 * 60;
pub(super) const LIFE_SPREAD: u64 = 30 * 60;

/// The claims and what the answer repeats of them.
pub(crate) struct Claims {
    pub value: Value,
    pub token_id: String,
    pub issued: i64,
    pub expires: i64,
}

impl Claims {
    /// Claims of a client that acts for itself.
    pub(crate) fn new(
        client: &Client<'_>,
        resource: &Resource,
        directory: &Directory,
        tenant: &Tenant,
        request: &TokenRequest<'_>,
        adfs: bool,
    ) -> Result<Self, OAuthError> {
        let failed = |_| OAuthError::unavailable();
        let token_id = URL_SAFE_NO_PAD.encode(random_bytes::<16>().map_err(failed)?);
        let issued = unix_seconds(request.now);
        let spread = i64::try_from(random_below(LIFE_SPREAD).map_err(failed)?).unwrap_or(0);
        let expires = issued + LIFE_MIN + spread;
        let asks_v1 = adfs || request.endpoint == TokenEndpoint::V1;
        let proof = if client.credential == CredentialKind::Secret { "1" } else { "2" };
        let (origin, principal) = (request.origin, client.principal);
        let mut value = of_application(origin, &tenant.id, principal, resource, directory, asks_v1);
        value["iat"] = json!(issued);
        value["nbf"] = json!(issued);
        value["exp"] = json!(expires);
        value["uti"] = json!(token_id);
        put_client(&mut value, resource, &client.application.app_id, proof);
        if resource.api.is_none() {
            value["app_displayname"] = json!(client.application.display_name);
        }
        if resource.opens.meets(Audiences::GRAPH) && !principal.graph_roles.is_empty() {
            value["roles"] = json!(principal.graph_roles);
        }
        Ok(Self { value, token_id, issued, expires })
    }
}

/// What tokens of a principal that acts for itself say, whatever it proved itself with.
pub(super) fn of_application(
    origin: &str,
    tenant: &str,
    principal: &ServicePrincipal,
    resource: &Resource,
    directory: &Directory,
    asks_v1: bool,
) -> Value {
    let mut value = head(origin, tenant, resource, asks_v1);
    value["idtyp"] = json!("app");
    value["oid"] = json!(principal.id);
    value["sub"] = json!(principal.id);
    if let Some(api) = &resource.api {
        let roles = directory.application_roles(&principal.id, api);
        if !roles.is_empty() {
            value["roles"] = json!(roles);
        }
    }
    value
}

/// What every access token begins with: what for, by whom, in which form.
pub(super) fn head(origin: &str, tenant: &str, resource: &Resource, asks_v1: bool) -> Value {
    let v1 = resource.takes_v1(asks_v1);
    json!({
        "aud": resource.audience(),
        "iss": issuer(origin, tenant, v1),
        "tid": tenant,
        "ver": if v1 { "1.0" } else { "2.0" },
    })
}

/// Names the client, and how it proved itself: by version 1's names, by version 2's, or, for this server's own
/// services, by both.
pub(super) fn put_client(value: &mut Value, resource: &Resource, app_id: &str, proof: &str) {
    let api = resource.api.as_ref();
    if api.is_none_or(|api| api.takes_v1()) {
        value["appid"] = json!(app_id);
        value["appidacr"] = json!(proof);
    }
    if api.is_none_or(|api| !api.takes_v1()) {
        value["azp"] = json!(app_id);
        value["azpacr"] = json!(proof);
    }
}

/// The issuer of tokens; discovery says the same.
pub(crate) fn issuer(origin: &str, tenant_id: &str, v1: bool) -> String {
    if v1 { format!("{origin}/{tenant_id}/") } else { format!("{origin}/{tenant_id}/v2.0") }
}
