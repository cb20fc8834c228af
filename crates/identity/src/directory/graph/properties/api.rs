//! `api` and `appRoles` of applications: what they define for others.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::members::{Members, guid};
use super::{Application, GraphError};
use crate::directory::{
    ApiSettings, AppRole, MemberType, PermissionScope, PreAuthorized, ScopeKind,
};

/// Scopes, roles, applications that are authorized beforehand: of each no more.
const ENTRIES_MAX: usize = 200;
/// Longest value, and longest name.
const VALUE_MAX: usize = 120;
const NAME_MAX: usize = 100;
const DESCRIPTION_MAX: usize = 1000;
/// What values may hold beside letters and digits.
const MARKS: &str = "!#$%&'()*+,-./:;<=>?@[]^_`{|}~";

const API: &[&str] =
    &["requestedAccessTokenVersion", "oauth2PermissionScopes", "preAuthorizedApplications"];
const SCOPE: &[&str] = &[
    "id",
    "value",
    "type",
    "isEnabled",
    "adminConsentDisplayName",
    "adminConsentDescription",
    "userConsentDisplayName",
    "userConsentDescription",
    "origin",
];
const ROLE: &[&str] =
    &["id", "value", "displayName", "description", "allowedMemberTypes", "isEnabled", "origin"];

/// Changes what `value` names of an application's `api`.
pub(super) fn api(application: &mut Application, value: &Value) -> Result<(), GraphError> {
    let members = Members::of("api", value, API)?;
    let mut api = application.api.clone();
    if let Some(version) = members.get("requestedAccessTokenVersion") {
        api.requested_access_token_version = match version {
            Value::Null => None,
            other => match other.as_u64() {
                Some(1) => Some(1),
                Some(2) => Some(2),
                _ => return Err(members.wrong("requestedAccessTokenVersion", "1, 2 or null")),
            },
        };
    }
    if let Some(list) = members.present("oauth2PermissionScopes") {
        let scopes = Members::list("api.oauth2PermissionScopes", list, SCOPE)?;
        let scopes: Vec<_> = scopes.iter().map(scope).collect::<Result<_, _>>()?;
        let entry = |s: &PermissionScope| (s.id.clone(), Some(s.value.clone()), s.is_enabled);
        check(
            "api.oauth2PermissionScopes",
            api.scopes.iter().map(entry),
            scopes.iter().map(entry),
        )?;
        api.scopes = scopes;
    }
    if let Some(list) = members.present("preAuthorizedApplications") {
        api.pre_authorized = pre_authorized(list)?;
    }
    let known = |id: &String| api.scopes.iter().any(|s| s.id == *id);
    let mut ids = api.pre_authorized.iter().flat_map(|p| &p.delegated_permission_ids);
    if let Some(unknown) = ids.find(|id| !known(id)) {
        return Err(GraphError::bad_request(format!(
            "api.preAuthorizedApplications names the permission '{unknown}', which is not in oauth2PermissionScopes"
        )));
    }
    application.api = api;
    Ok(())
}

fn scope(members: &Members<'_>) -> Result<PermissionScope, GraphError> {
    let value = members.required("value", VALUE_MAX)?;
    if !is_value(&value) || value.contains('/') {
        let must = "letters, digits and marks, without a blank or a slash and without a dot at the beginning";
        return Err(members.wrong("value", must));
    }
    let kind = match members.text("type", 16)?.as_deref() {
        None | Some("User") => ScopeKind::User,
        Some("Admin") => ScopeKind::Admin,
        Some(_) => return Err(members.wrong("type", "'User' or 'Admin'")),
    };
    Ok(PermissionScope {
        id: members.guid("id")?,
        value,
        kind,
        is_enabled: members.flag("isEnabled")?.unwrap_or(true),
        admin_consent_display_name: members.required("adminConsentDisplayName", NAME_MAX)?,
        admin_consent_description: members.required("adminConsentDescription", DESCRIPTION_MAX)?,
        user_consent_display_name: members.text("userConsentDisplayName", NAME_MAX)?,
        user_consent_description: members.text("userConsentDescription", DESCRIPTION_MAX)?,
    })
}

fn pre_authorized(list: &Value) -> Result<Vec<PreAuthorized>, GraphError> {
    let place = "api.preAuthorizedApplications";
    let mut all = Vec::new();
    for members in Members::list(place, list, &["appId", "delegatedPermissionIds"])? {
        let ids = members.texts("delegatedPermissionIds")?;
        let ids = ids.iter().map(|id| guid(id)).collect::<Option<Vec<_>>>();
        let ids = ids.ok_or_else(|| members.wrong("delegatedPermissionIds", "GUIDs"))?;
        all.push(PreAuthorized { app_id: members.guid("appId")?, delegated_permission_ids: ids });
    }
    match all.len() > ENTRIES_MAX {
        true => Err(GraphError::bad_request(format!("{place} holds at most {ENTRIES_MAX}"))),
        false => Ok(all),
    }
}

/// Puts an application's `appRoles` anew.
pub(super) fn app_roles(application: &mut Application, value: &Value) -> Result<(), GraphError> {
    let roles = Members::list("appRoles", value, ROLE)?;
    let roles: Vec<_> = roles.iter().map(role).collect::<Result<_, _>>()?;
    let entry = |r: &AppRole| (r.id.clone(), r.value.clone(), r.is_enabled);
    check("appRoles", application.app_roles.iter().map(entry), roles.iter().map(entry))?;
    application.app_roles = roles;
    Ok(())
}

fn role(members: &Members<'_>) -> Result<AppRole, GraphError> {
    let value = members.text("value", VALUE_MAX)?;
    if value.as_deref().is_some_and(|value| !is_value(value)) {
        let must = "letters, digits and marks, without a blank and without a dot at the beginning";
        return Err(members.wrong("value", must));
    }
    let must = "a list of 'User' and 'Application', at least one of them";
    let types = members.texts("allowedMemberTypes")?;
    let types: Option<Vec<MemberType>> = types
        .iter()
        .map(|name| match name.as_str() {
            "User" => Some(MemberType::User),
            "Application" => Some(MemberType::Application),
            _ => None,
        })
        .collect();
    let types = types.filter(|types| !types.is_empty());
    Ok(AppRole {
        id: members.guid("id")?,
        value,
        display_name: members.required("displayName", NAME_MAX)?,
        description: members.required("description", DESCRIPTION_MAX)?,
        allowed_member_types: types.ok_or_else(|| members.wrong("allowedMemberTypes", must))?,
        is_enabled: members.flag("isEnabled")?.unwrap_or(true),
    })
}

fn is_value(value: &str) -> bool {
    !value.starts_with('.') && value.chars().all(|c| c.is_ascii_alphanumeric() || MARKS.contains(c))
}

/// Id, value, whether it is enabled.
type Entry = (String, Option<String>, bool);

/// Refuses ids and values that come twice, and the loss of what is still enabled: applications may count on it.
fn check(
    place: &str,
    before: impl Iterator<Item = Entry>,
    after: impl Iterator<Item = Entry>,
) -> Result<(), GraphError> {
    let after: Vec<Entry> = after.collect();
    if after.len() > ENTRIES_MAX {
        return Err(GraphError::bad_request(format!("{place} holds at most {ENTRIES_MAX}")));
    }
    let mut ids = HashSet::new();
    let mut values = HashSet::new();
    for (id, value, _) in &after {
        let value = value.as_ref().map(|value| value.to_ascii_lowercase());
        if !ids.insert(id) || value.is_some_and(|value| !values.insert(value)) {
            return Err(GraphError::bad_request(format!(
                "Request contains a property with duplicate values: an id or a value of {place} comes twice."
            )));
        }
    }
    for (id, value, _) in before.filter(|(_, _, enabled)| *enabled) {
        if !after.iter().any(|(other, now, _)| *other == id && *now == value) {
            let message =
                "Permission (scope or role) cannot be deleted or updated unless disabled first.";
            return Err(GraphError::new(400, "CannotDeleteOrUpdateEnabledEntitlement", message));
        }
    }
    Ok(())
}

/// `api` in wire form.
pub(in crate::directory::graph) fn api_value(api: &ApiSettings) -> Value {
    let pre_authorized = |p: &PreAuthorized| {
        json!({
            "appId": p.app_id,
            "delegatedPermissionIds": p.delegated_permission_ids,
        })
    };
    json!({
        "acceptMappedClaims": null,
        "knownClientApplications": [],
        "requestedAccessTokenVersion": api.requested_access_token_version,
        "oauth2PermissionScopes": scope_values(api),
        "preAuthorizedApplications": api.pre_authorized.iter().map(pre_authorized).collect::<Vec<_>>(),
    })
}

/// Scopes in wire form, as service principals show them too.
pub(in crate::directory::graph) fn scope_values(api: &ApiSettings) -> Vec<Value> {
    api.scopes.iter().map(|scope| json!(scope)).collect()
}

/// Roles in wire form, as service principals show them too.
pub(in crate::directory::graph) fn role_values(application: &Application) -> Vec<Value> {
    let value = |role: &AppRole| {
        let mut value = json!(role);
        value["origin"] = json!("Application");
        value
    };
    application.app_roles.iter().map(value).collect()
}
