//! Properties of applications as clients send them. What is not kept is refused by name, so that nobody believes it is.

mod api;
mod claims;
mod members;

pub(super) use api::{api_value, role_values, scope_values};
pub(super) use claims::optional_value;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::Certificate;
use members::{Members, is_nothing, not_kept, texts};
use serde_json::{Map, Value};

use super::{Application, CREDENTIALS_MAX, GraphError, KeyCredential, checked_name};
use crate::PublicUrls;
use crate::audience::audiences_of;

/// Longest note, as in Azure.
const NOTES_MAX: usize = 1024;
/// Longest address of a page.
const PAGE_MAX: usize = 255;
const PASSWORD: &[&str] = &[
    "keyId",
    "displayName",
    "startDateTime",
    "endDateTime",
    "hint",
    "customKeyIdentifier",
    "secretText",
];
const KEY: &[&str] = &[
    "key",
    "keyId",
    "displayName",
    "type",
    "usage",
    "startDateTime",
    "endDateTime",
    "customKeyIdentifier",
];

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
            "web" | "spa" | "publicClient" | "api" | "appRoles" if value.is_null() => {}
            "spa" => redirects(&mut application.redirects.spa, name, value)?,
            "publicClient" => redirects(&mut application.redirects.public_client, name, value)?,
            "web" => web(application, value)?,
            "api" => api::api(application, value)?,
            "appRoles" => api::app_roles(application, value)?,
            "groupMembershipClaims" => claims::groups(application, value)?,
            "optionalClaims" => claims::optional(application, value)?,
            "tags" => application.tags = texts(name, value)?,
            "notes" => {
                application.notes = match value {
                    Value::Null => None,
                    Value::String(text) if text.chars().count() <= NOTES_MAX => Some(text.clone()),
                    _ => {
                        let why = format!("notes must be a text of at most {NOTES_MAX} characters");
                        return Err(GraphError::bad_request(why));
                    }
                }
            }
            "passwordCredentials" => passwords(application, value)?,
            "keyCredentials" => application.keys = keys(&application.keys, value)?,
            "signInAudience" => {
                if !matches!(value.as_str(), None | Some("AzureADMyOrg")) {
                    return Err(GraphError::bad_request(
                        "signInAudience must be 'AzureADMyOrg': there is one tenant here",
                    ));
                }
            }
            "id" | "appId" | "@odata.type" => {}
            _ if is_nothing(value) => {}
            other => return Err(not_kept(other)),
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

/// Longest name of an API.
const URI_MAX: usize = 255;

fn is_uri(text: &str) -> bool {
    let named = ["api://", "https://", "urn:"].iter().find_map(|scheme| {
        let (start, rest) = text.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    });
    let names = |rest: &str| {
        let host = rest.split('/').next().unwrap_or_default();
        !rest.trim_matches('/').is_empty() && !host.contains('@')
    };
    named.is_some_and(names) && text.len() <= URI_MAX && text.bytes().all(|b| b.is_ascii_graphic())
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

fn redirects(list: &mut Vec<String>, name: &str, value: &Value) -> Result<(), GraphError> {
    let members = Members::of(name, value, &["redirectUris"])?;
    if members.get("redirectUris").is_some() {
        *list = members.texts("redirectUris")?;
    }
    Ok(())
}

fn web(application: &mut Application, value: &Value) -> Result<(), GraphError> {
    let known = ["redirectUris", "homePageUrl", "logoutUrl", "implicitGrantSettings"];
    let members = Members::of("web", value, &known)?;
    if members.get("redirectUris").is_some() {
        application.redirects.web = members.texts("redirectUris")?;
    }
    if members.get("homePageUrl").is_some() {
        application.home_page_url = members.text("homePageUrl", PAGE_MAX)?;
    }
    if members.get("logoutUrl").is_some() {
        let page = members.text("logoutUrl", PAGE_MAX)?;
        if page.as_deref().is_some_and(|page| !is_page(page)) {
            return Err(members.wrong("logoutUrl", "an https address"));
        }
        application.logout_url = page;
    }
    let Some(settings) = members.present("implicitGrantSettings") else { return Ok(()) };
    let known = ["enableIdTokenIssuance", "enableAccessTokenIssuance"];
    let settings = Members::of("web.implicitGrantSettings", settings, &known)?;
    if settings.flag("enableAccessTokenIssuance")? == Some(true) {
        return Err(GraphError::bad_request(
            "web.implicitGrantSettings.enableAccessTokenIssuance is refused: access tokens are given by the token endpoint alone",
        ));
    }
    if let Some(enabled) = settings.flag("enableIdTokenIssuance")? {
        application.id_token_issuance = enabled;
    }
    Ok(())
}

/// An address that a browser may be told to open: https, or the developer's own machine.
fn is_page(text: &str) -> bool {
    let local = ["http://localhost", "http://127.0.0.1"];
    let is_local = |rest: &str| rest.is_empty() || rest.starts_with([':', '/', '?']);
    let https = text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty());
    let local = local.iter().filter_map(|start| text.strip_prefix(start)).any(is_local);
    (https || local) && text.bytes().all(|b| b.is_ascii_graphic())
}

/// Which secrets stay, by their key ids: none is made here, since no answer of a PATCH could show it.
fn passwords(application: &mut Application, value: &Value) -> Result<(), GraphError> {
    if value.is_null() {
        return Ok(());
    }
    let mut kept = Vec::new();
    for members in Members::list("passwordCredentials", value, PASSWORD)? {
        let id = members.text("keyId", 64)?.unwrap_or_default();
        let known = application.passwords.iter().find(|p| p.key_id.eq_ignore_ascii_case(&id));
        kept.push(known.cloned().ok_or_else(|| {
            GraphError::bad_request(
                "passwordCredentials: a secret that is not there yet is made by addPassword",
            )
        })?);
    }
    application.passwords = kept;
    Ok(())
}

/// The certificate of a key credential; az sends it in lines, as PEM has it.
fn certificate_bytes(key: &str) -> Result<Vec<u8>, GraphError> {
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
    for entry in Members::list("keyCredentials", value, KEY)? {
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
