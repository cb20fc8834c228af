//! What clients read before they ask for a token: OpenID configuration, keys, instance discovery.

use serde_json::{Value, json};

use crate::Tenant;
use crate::tenant::{NoTenant, TenantSegment};
use crate::token::OAuthError;

/// Which generation of documents and endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// `/{tenant}/.well-known/...`, and all of `adfs`.
    V1,
    /// `/{tenant}/v2.0/.well-known/...`
    V2,
}

/// The OpenID configuration of a tenant segment. Every URL in it has `origin`, so that the issuer shares scheme, host
/// and port with the authority the client was given: some clients insist.
pub(crate) fn openid_configuration(
    tenant: &Tenant,
    segment: &str,
    generation: Generation,
    origin: &str,
) -> Result<Value, NoTenant> {
    let found = tenant.segment(segment)?;
    let (base, issuer_tenant) = match found {
        TenantSegment::Own => (format!("{origin}/{}", tenant.id), tenant.id.as_str()),
        // any tenant: clients put the token's tenant in place of the word
        TenantSegment::Common => {
            (format!("{origin}/{}", segment.to_ascii_lowercase()), "{tenantid}")
        }
        TenantSegment::Adfs => return Ok(adfs_configuration(origin)),
    };
    let (issuer, oauth, keys) = match generation {
        Generation::V1 => (format!("{origin}/{issuer_tenant}/"), "oauth2", "discovery/keys"),
        Generation::V2 => {
            (format!("{origin}/{issuer_tenant}/v2.0"), "oauth2/v2.0", "discovery/v2.0/keys")
        }
    };
    let mut document = document(
        &issuer,
        format!("{base}/{oauth}/authorize"),
        format!("{base}/{oauth}/token"),
        format!("{base}/{keys}"),
    );
    let host = origin.trim_start_matches("https://");
    document["device_authorization_endpoint"] = json!(format!("{base}/{oauth}/devicecode"));
    document["end_session_endpoint"] = json!(format!("{base}/{oauth}/logout"));
    document["userinfo_endpoint"] = json!(format!("{origin}/oidc/userinfo"));
    document["http_logout_supported"] = json!(false);
    document["frontchannel_logout_supported"] = json!(false);
    document["tenant_region_scope"] = Value::Null;
    document["cloud_instance_name"] = json!(host);
    document["cloud_graph_host_name"] = json!(host);
    document["msgraph_host"] = json!(host);
    document["rbac_url"] = json!(origin);
    Ok(document)
}

fn adfs_configuration(origin: &str) -> Value {
    let base = format!("{origin}/adfs");
    let mut document = document(
        &base,
        format!("{base}/oauth2/authorize"),
        format!("{base}/oauth2/token"),
        format!("{base}/discovery/keys"),
    );
    document["device_authorization_endpoint"] = json!(format!("{base}/oauth2/devicecode"));
    document["end_session_endpoint"] = json!(format!("{base}/oauth2/logout"));
    document["userinfo_endpoint"] = json!(format!("{origin}/oidc/userinfo"));
    document
}

fn document(issuer: &str, authorize: String, token: String, keys: String) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": authorize,
        "token_endpoint": token,
        "jwks_uri": keys,
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ["RS256", "PS256"],
        "grant_types_supported": ["client_credentials", "authorization_code", "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code"],
        "code_challenge_methods_supported": ["S256"],
        "response_types_supported": ["code", "id_token", "code id_token"],
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "claims_supported": ["aud", "iss", "iat", "nbf", "exp", "appid", "azp", "idtyp", "oid", "sub", "tid", "uti",
            "ver", "roles", "name", "preferred_username", "nonce", "auth_time", "amr", "groups", "email", "given_name",
            "family_name"],
        "request_uri_parameter_supported": false,
    })
}

/// The body for a tenant that is not here: clients read any 4xx as "tenant not found" and show this text.
pub(crate) fn no_tenant(segment: &str, why: NoTenant) -> OAuthError {
    OAuthError::no_tenant(segment, why)
}

/// Instance discovery: this host vouches for itself and nobody else. `authorization_endpoint` is the query parameter
/// as the client sent it; none when it does not lead here.
pub(crate) fn instance_discovery(
    tenant: &Tenant,
    origin: &str,
    authorization_endpoint: &str,
) -> Option<Value> {
    let path = authorization_endpoint.strip_prefix(origin)?.strip_prefix('/')?;
    let segment = path.split('/').next().filter(|s| tenant.segment(s).is_ok())?;
    let generation = if path.contains("/v2.0/") { "v2.0/" } else { "" };
    let host = origin.trim_start_matches("https://");
    Some(json!({
        "tenant_discovery_endpoint": format!("{origin}/{segment}/{generation}.well-known/openid-configuration"),
        "api-version": "1.1",
        "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
    }))
}

#[cfg(test)]
mod tests;
