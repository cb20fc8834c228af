//! Properties of applications as clients send them. What is not kept is refused by name, so that nobody believes it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::Certificate;
use serde_json::{Map, Value};

use super::{Application, CREDENTIALS_MAX, GraphError, KeyCredential, checked_name};
use crate::PublicUrls;
use crate::audience::audiences_of;

/// Applies what `body` names; null is nothing.
pub(super) fn apply(
    application: &mut Application,
    body: &Value,
    urls: &PublicUrls,
) -> Result<(), GraphError> {
    let none = Map::new();
    let fields = match body {
        Value::Null => &none,
        Value::Object(fields) => fields,
        _ => return Err(GraphError::bad_request("the body must be an object")),
    };
    for (name, value) in fields {
        match name.as_str() {
            "displayName" => {
                application.display_name = checked_name(value.as_str().unwrap_or_default())?
            }
            "identifierUris" => application.identifier_uris = texts(name, value)?,
            "isFallbackPublicClient" => {
                application.is_fallback_public_client = value.as_bool().unwrap_or(false)
            }
            "spa" => redirects(&mut application.redirects.spa, name, value)?,
            "publicClient" => redirects(&mut application.redirects.public_client, name, value)?,
            "web" => web(application, value)?,
            "keyCredentials" => application.keys = keys(&application.keys, value)?,
            "signInAudience" => {
                if !matches!(value.as_str(), None | Some("AzureADMyOrg")) {
                    return Err(GraphError::bad_request(
                        "signInAudience must be 'AzureADMyOrg': there is one tenant here",
                    ));
                }
            }
            "id" | "appId" | "@odata.type" | "passwordCredentials" => {}
            _ if is_nothing(value) => {}
            other => {
                return Err(GraphError::bad_request(format!(
                    "the property '{other}' of applications is not kept here; leave it out"
                )));
            }
        }
    }
    if application.identifier_uris.len() > CREDENTIALS_MAX {
        return Err(GraphError::bad_request(format!("at most {CREDENTIALS_MAX} identifierUris")));
    }
    if let Some(wrong) = application.identifier_uris.iter().find(|uri| !is_uri(uri)) {
        return Err(GraphError::bad_request(format!(
            "the identifierUri '{wrong}' is no URI of api:, https: or urn:, such as api://my-app or https://api.example"
        )));
    }
    if let Some(taken) = application.identifier_uris.iter().find(|uri| is_service(uri, urls)) {
        return Err(GraphError::bad_request(format!(
            "the identifierUri '{taken}' is of a service that tokens are given for here"
        )));
    }
    application.redirects.check().map_err(GraphError::bad_request)
}

fn is_uri(text: &str) -> bool {
    let named = ["api://", "https://", "urn:"].iter().find_map(|scheme| {
        let (start, rest) = text.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    named.is_some_and(|rest| !rest.trim_matches('/').is_empty())
        && text.bytes().all(|b| b.is_ascii_graphic())
}

/// True for a name of Azure's services or of this server's own: a token for it would not be the application's.
fn is_service(uri: &str, urls: &PublicUrls) -> bool {
    let uri = uri.to_ascii_lowercase();
    if let Some(id) = uri.strip_prefix("api://") {
        return audiences_of(id.split('/').next().unwrap_or_default(), urls).is_some();
    }
    let Some(rest) = uri.strip_prefix("https://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let of_vault = [".vault.localhost", ".vault.azure.net"]
        .iter()
        .any(|v| host.split(':').next().unwrap_or_default().ends_with(v));
    of_vault || audiences_of(&format!("https://{host}"), urls).is_some()
}

/// Clients write out what they leave empty.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        _ => false,
    }
}

fn texts(name: &str, value: &Value) -> Result<Vec<String>, GraphError> {
    let wrong = || GraphError::bad_request(format!("{name} must be a list of texts"));
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(all) => {
            all.iter().map(|v| v.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        _ => Err(wrong()),
    }
}

fn redirects(list: &mut Vec<String>, name: &str, value: &Value) -> Result<(), GraphError> {
    if let Some(uris) = value.get("redirectUris") {
        *list = texts(&format!("{name}.redirectUris"), uris)?;
    }
    Ok(())
}

fn web(application: &mut Application, value: &Value) -> Result<(), GraphError> {
    redirects(&mut application.redirects.web, "web", value)?;
    if let Some(page) = value.get("homePageUrl") {
        application.home_page_url = page.as_str().map(|p| p.chars().take(255).collect());
    }
    let implicit = value.get("implicitGrantSettings").and_then(Value::as_object);
    let flag =
        |settings: &Map<String, Value>, name: &str| settings.get(name).and_then(Value::as_bool);
    if let Some(settings) = implicit {
        if flag(settings, "enableAccessTokenIssuance") == Some(true) {
            return Err(GraphError::bad_request(
                "web.implicitGrantSettings.enableAccessTokenIssuance is refused: access tokens are given by the token endpoint alone",
            ));
        }
        application.id_token_issuance =
            flag(settings, "enableIdTokenIssuance").unwrap_or(application.id_token_issuance);
    }
    Ok(())
}

/// The certificate of a key credential; az sends it in lines, as PEM has it.
pub fn certificate_bytes(key: &str) -> Result<Vec<u8>, GraphError> {
    let text: String = key.split_ascii_whitespace().collect();
    STANDARD.decode(text).map_err(|_| {
        GraphError::bad_request("keyCredentials: key must be a certificate in base64.")
    })
}

/// The whole list anew: those without a key are the ones that are there already, by their key ids.
pub(super) fn keys(
    present: &[KeyCredential],
    value: &Value,
) -> Result<Vec<KeyCredential>, GraphError> {
    let mut all = Vec::new();
    for entry in value.as_array().into_iter().flatten() {
        let text = |name: &str| entry.get(name).and_then(Value::as_str);
        let key = match (text("key"), text("keyId")) {
            (Some(key), _) => {
                let certificate = Certificate::from_der(&certificate_bytes(key)?)
                    .map_err(|e| GraphError::bad_request(e.to_string()))?;
                let name = text("displayName").map(str::to_owned);
                KeyCredential::new(certificate, name).map_err(GraphError::bad_request)?
            }
            (None, Some(id)) => {
                let known = present.iter().find(|k| k.key_id.eq_ignore_ascii_case(id));
                known.cloned().ok_or_else(|| {
                    GraphError::bad_request(format!(
                        "no key credential has the keyId '{id}'; send its certificate as key"
                    ))
                })?
            }
            (None, None) => return Err(GraphError::bad_request("keyCredentials: key is required")),
        };
        all.push(key);
    }
    if all.len() > CREDENTIALS_MAX {
        return Err(GraphError::bad_request(format!("at most {CREDENTIALS_MAX} certificates")));
    }
    Ok(all)
}
