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
    pub(crate) fn new(
        client: &Client<'_>,
        resource: &Resource,
        tenant: &Tenant,
        request: &TokenRequest<'_>,
        adfs: bool,
    ) -> Result<Self, OAuthError> {
        let failed = |_| OAuthError::unavailable();
        let token_id = URL_SAFE_NO_PAD.encode(random_bytes::<16>().map_err(failed)?);
        let issued = unix_seconds(request.now);
        let spread = i64::try_from(random_below(LIFE_SPREAD).map_err(failed)?).unwrap_or(0);
        let expires = issued + LIFE_MIN + spread;
        let v1 = adfs || request.endpoint == TokenEndpoint::V1;
        let (app_id, object_id) = (&client.application.app_id, &client.principal.id);
        let proof = if client.credential == CredentialKind::Secret { "1" } else { "2" };
        let mut value = json!({
            "aud": resource.name,
            "iss": issuer(request.origin, &tenant.id, v1),
            "iat": issued,
            "nbf": issued,
            "exp": expires,
            "appid": app_id,
            "appidacr": proof,
            "azp": app_id,
            "azpacr": proof,
            "app_displayname": client.application.display_name,
            "idtyp": "app",
            "oid": object_id,
            "sub": object_id,
            "tid": tenant.id,
            "uti": token_id,
            "ver": if v1 { "1.0" } else { "2.0" },
        });
        if resource.opens.meets(Audiences::GRAPH) && !client.principal.graph_roles.is_empty() {
            value["roles"] = json!(client.principal.graph_roles);
        }
        Ok(Self { value, token_id, issued, expires })
    }
}

/// The issuer of tokens; discovery says the same.
pub(crate) fn issuer(origin: &str, tenant_id: &str, v1: bool) -> String {
    if v1 { format!("{origin}/{tenant_id}/") } else { format!("{origin}/{tenant_id}/v2.0") }
}
