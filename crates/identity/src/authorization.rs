//! Microsoft.Authorization as resource types: role assignments, role definitions, deny assignments, the caller's own permissions.
//!
//! They are documents like any other, so a deleted resource takes the assignments on it along; but their lists look
//! upwards as well as downwards, and their checks look at the directory, so providers stand in for the life cycle.

mod assignments;
mod definitions;
mod deny;
mod permissions;

use arm::{ArmError, NameRule, Patch, ResourceType, Scope};
use model::ResourceId;
use odata::Filter;
use serde_json::Value;

pub use assignments::RoleAssignments;
pub(crate) use assignments::assignment_document;
pub use definitions::RoleDefinitions;
pub use deny::DenyAssignments;
pub use permissions::Permissions;

use crate::IdentityError;

const ROLE_ASSIGNMENTS: &str = "Microsoft.Authorization/roleAssignments";
const ROLE_DEFINITIONS: &str = "Microsoft.Authorization/roleDefinitions";
const DENY_ASSIGNMENTS: &str = "Microsoft.Authorization/denyAssignments";
const PERMISSIONS: &str = "Microsoft.Authorization/permissions";

const EVERYWHERE: &[Scope] =
    &[Scope::Tenant, Scope::Subscription, Scope::ResourceGroup, Scope::OnAny];

/// The table entries. Register the providers (and the hook of role assignments) beside them.
pub const TYPES: &[ResourceType] = &[
    ResourceType::new(ROLE_ASSIGNMENTS)
        .scopes(EVERYWHERE)
        .api_versions(&[
            "2022-04-01",
            "2020-10-01-preview",
            "2020-04-01-preview",
            "2018-09-01-preview",
            "2015-07-01",
        ])
        .names(NameRule::GUID)
        .patch(Patch::Refused),
    ResourceType::new(ROLE_DEFINITIONS)
        .scopes(EVERYWHERE)
        .api_versions(&["2022-05-01-preview", "2022-04-01", "2018-01-01-preview", "2015-07-01"])
        .names(NameRule::GUID)
        .patch(Patch::Refused),
    ResourceType::new(DENY_ASSIGNMENTS)
        .scopes(EVERYWHERE)
        .api_versions(&["2022-04-01", "2018-07-01-preview"])
        .read_only(),
    ResourceType::new(PERMISSIONS)
        .scopes(EVERYWHERE)
        .api_versions(&["2022-05-01-preview", "2022-04-01", "2018-07-01", "2015-07-01"])
        .read_only(),
];

impl From<IdentityError> for ArmError {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::Store(error) => error.into(),
            other => ArmError::new(500, "InternalServerError", other.to_string()),
        }
    }
}

/// The id of a role definition as an answer at `scope` shows it: below the subscription, when there is one.
fn definition_id(scope: &ResourceId, role: &str) -> String {
    match scope.subscription() {
        Some(subscription) => {
            format!("/subscriptions/{subscription}/providers/{ROLE_DEFINITIONS}/{role}")
        }
        None => format!("/providers/{ROLE_DEFINITIONS}/{role}"),
    }
}

/// `properties` of a body; older clients send them at the top.
fn properties(body: &Value) -> &Value {
    match body.get("properties") {
        Some(properties) if properties.is_object() => properties,
        _ => body,
    }
}

/// A text property that is there and not empty.
fn text<'a>(properties: &'a Value, name: &str) -> Option<&'a str> {
    properties.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// Refuses a name that is no GUID.
fn require_guid(name: &str, code: &'static str) -> Result<String, ArmError> {
    match uuid::Uuid::try_parse(name) {
        Ok(id) => Ok(id.to_string()),
        Err(_) => Err(ArmError::bad_request(
            code,
            format!("'{name}' is not a GUID; names here are GUIDs"),
        )),
    }
}

/// True for the shape of a scope: `/`, a subscription, a resource group, or whole pairs of types and names below
/// `providers`. A segment that means another place (`..`) is none.
fn is_scope(scope: &str) -> bool {
    let Some(path) = scope.strip_prefix('/') else { return false };
    if path.is_empty() {
        return true;
    }
    let segments: Vec<&str> = path.split('/').collect();
    let plain = |s: &&str| {
        !matches!(*s, "" | "." | "..")
            && !s.chars().any(|c| c.is_control() || matches!(c, '\\' | '?' | '#' | '%'))
    };
    let mut rest = segments.as_slice();
    for (word, needs_guid) in [("subscriptions", true), ("resourceGroups", false)] {
        if let [first, name, tail @ ..] = rest
            && first.eq_ignore_ascii_case(word)
            && (!needs_guid || uuid::Uuid::try_parse(name).is_ok())
        {
            rest = tail;
        } else {
            break;
        }
    }
    while let [providers, namespace, tail @ ..] = rest {
        let is_provider = |s: &&str| s.eq_ignore_ascii_case("providers");
        let pairs = tail.chunks(2).take_while(|pair| !pair.first().is_some_and(is_provider));
        let length = pairs.map(<[&str]>::len).sum::<usize>();
        if !is_provider(providers) || !namespace.contains('.') || length == 0 || length % 2 == 1 {
            return false;
        }
        rest = tail.get(length..).unwrap_or_default();
    }
    rest.is_empty() && segments.iter().all(plain)
}

/// A list's `$filter` over the members and functions that it knows; `hint` names them.
fn read_filter(
    text: Option<&str>,
    members: &[&str],
    functions: &[(&str, usize)],
    hint: &str,
) -> Result<Option<Filter>, ArmError> {
    let Some(text) = text.filter(|t| !t.trim().is_empty()) else { return Ok(None) };
    let filter = Filter::parse_with(text, functions).map_err(|why| bad_filter(text, &why))?;
    let known = |path: &[String]| match path {
        [name] => members.iter().any(|m| m.eq_ignore_ascii_case(name)),
        _ => false,
    };
    match filter.paths().into_iter().all(known) {
        true => Ok(Some(filter)),
        false => Err(bad_filter(text, hint)),
    }
}

fn bad_filter(text: &str, why: &str) -> ArmError {
    ArmError::bad_request(
        "UnsupportedQuery",
        format!("the filter '{text}' is not supported: {why}"),
    )
}

#[cfg(test)]
mod tests;
