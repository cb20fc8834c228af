//! Role definitions: the built-in ones, and custom ones.

use std::sync::Arc;

use arm::{Answer, Arm, ArmError, Call, Caller, Page, Place, Provider};
use async_trait::async_trait;
use model::ResourceId;
use odata::Filter;
use serde_json::{Value, json};
use state::{Condition, StoreError};

use super::{
    ROLE_DEFINITIONS, definition_id, is_scope, properties, read_filter, require_guid, text,
};
use crate::Identity;
use crate::access::{Access, DEFINITIONS, History, RoleDefinition};

const PAGE_SIZE: usize = 1000;
const WRITE: &str = "Microsoft.Authorization/roleDefinitions/write";
const DELETE: &str = "Microsoft.Authorization/roleDefinitions/delete";
const INVALID: &str = "InvalidRoleDefinition";
const PATTERNS_MAX: usize = 2000;

/// Provider of Microsoft.Authorization/roleDefinitions.
pub struct RoleDefinitions(Arc<Identity>);

impl RoleDefinitions {
    /// Over an instance's identity.
    pub fn new(identity: Arc<Identity>) -> Self {
        Self(identity)
    }

    fn write(&self, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let id = require_guid(place.id.name(), "InvalidRoleDefinitionId")?;
        let properties = properties(&call.body);
        let role = RoleDefinition::from_properties(&id, properties);
        let mut role = role.map_err(|why| ArmError::bad_request(INVALID, why))?;
        check(&role, properties)?;
        let _one_at_a_time = self.0.changing();
        let access = self.0.access();
        let existing = access.definition(&id);
        if existing.is_some_and(|r| r.built_in) {
            let message =
                format!("'{id}' is a built-in role and cannot be changed; choose another GUID");
            return Err(ArmError::bad_request("RoleDefinitionUpdateNotPermitted", message));
        }
        let named =
            |r: &&&Arc<RoleDefinition>| r.id != id && r.name.eq_ignore_ascii_case(&role.name);
        if let Some(other) = access.definitions().iter().find(named) {
            let message =
                format!("A role definition named '{}' already exists: {}.", other.name, other.id);
            return Err(ArmError::new(409, "RoleDefinitionWithSameNameExists", message));
        }
        // whoever changes a role changes what it means wherever it is assigned
        let before = existing.map_or(&[][..], |r| r.assignable_scopes.as_slice());
        let scopes = before.iter().chain(&role.assignable_scopes);
        require_at_all(&self.0, &call.caller, WRITE, scopes)?;
        let (now, by) = (call.now.to_string(), call.caller.name.clone());
        role.history = Some(match existing.and_then(|r| r.history.clone()) {
            Some(before) => History { updated_on: now, updated_by: by, ..before },
            None => History {
                created_on: now.clone(),
                created_by: by.clone(),
                updated_on: now,
                updated_by: by,
            },
        });
        let document = json!({
            "properties": role.properties_value(),
            "id": format!("/providers/{ROLE_DEFINITIONS}/{id}"),
            "type": ROLE_DEFINITIONS,
            "name": id,
        });
        self.0.store().put(DEFINITIONS, &key(&id), document, Condition::Any)?;
        self.0.refresh_access()?;
        let scope = scope_of(place);
        Ok(Answer::json(201, wire(&role, &scope)))
    }

    fn remove(&self, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let _one_at_a_time = self.0.changing();
        let access = self.0.access();
        let Some(role) = access.definition(place.id.name()) else { return Ok(Answer::empty(204)) };
        if role.built_in {
            let message = format!("'{}' is a built-in role and cannot be deleted", role.name);
            return Err(ArmError::bad_request("RoleDefinitionDeleteNotPermitted", message));
        }
        if let Some(used) = access.assignments().iter().find(|a| a.role == role.id) {
            let message = format!(
                "There are existing role assignments referencing role '{}', '{}' among them; delete them first.",
                role.name, used.id
            );
            return Err(ArmError::bad_request("RoleDefinitionHasAssignments", message));
        }
        require_at_all(&self.0, &call.caller, DELETE, role.assignable_scopes.iter())?;
        match self.0.store().delete(DEFINITIONS, &key(&role.id), Condition::Any) {
            Ok(_) | Err(StoreError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        self.0.refresh_access()?;
        Ok(Answer::ok(wire(role, &scope_of(place))))
    }
}

#[async_trait]
impl Provider for RoleDefinitions {
    async fn get(&self, _: &Arm, _: &Call, place: &Place) -> Result<Option<Value>, ArmError> {
        let access = self.0.access();
        match access.definition(place.id.name()) {
            Some(role) => Ok(Some(wire(role, &scope_of(place)))),
            None => {
                let name = place.id.name();
                let message =
                    format!("The specified role definition with ID '{name}' does not exist.");
                Err(ArmError::new(404, "RoleDefinitionDoesNotExist", message))
            }
        }
    }

    async fn list(&self, _: &Arm, call: &Call, scope: &Place) -> Result<Page, ArmError> {
        let all = list(&self.0.access(), &scope.id, call.parameter("$filter"))?;
        Page::cut(all, call, PAGE_SIZE)
    }

    async fn put(&self, _: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        self.write(call, place)
    }

    async fn delete(&self, _: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        self.remove(call, place)
    }
}

fn scope_of(place: &Place) -> ResourceId {
    place.parent.as_ref().map_or_else(|| ResourceId::new("/"), |p| p.id.clone())
}

/// Definitions are kept under the tenant, whatever scope they were written through.
fn key(id: &str) -> String {
    ResourceId::new(&format!("/providers/{ROLE_DEFINITIONS}/{id}")).key()
}

fn wire(role: &RoleDefinition, scope: &ResourceId) -> Value {
    json!({
        "properties": role.properties_value(),
        "id": definition_id(scope, &role.id),
        "type": ROLE_DEFINITIONS,
        "name": role.id,
    })
}

fn check(role: &RoleDefinition, properties: &Value) -> Result<(), ArmError> {
    let invalid = |message: &str| Err(ArmError::bad_request(INVALID, message));
    if role.name.trim().is_empty() || role.name.chars().count() > 512 {
        return invalid("properties.roleName must have 1 to 512 characters");
    }
    if text(properties, "type").is_some_and(|kind| !kind.eq_ignore_ascii_case("CustomRole")) {
        return invalid("properties.type must be 'CustomRole'");
    }
    let patterns = role.permissions.iter().map(crate::Permission::len).sum::<usize>();
    if patterns == 0 || patterns > PATTERNS_MAX {
        return invalid("properties.permissions must name actions or dataActions, 2000 at most");
    }
    let permissions = properties.get("permissions").and_then(Value::as_array);
    if permissions.into_iter().flatten().any(|p| text(p, "condition").is_some()) {
        let message = "conditions of permissions are not evaluated here, so they are refused; leave 'condition' out";
        return Err(ArmError::bad_request("ConditionNotSupported", message)
            .target("properties.permissions.condition"));
    }
    if let Some(action) = role.permissions.iter().find_map(crate::Permission::unknown) {
        let message =
            format!("'{action}' does not match any of the actions supported by the providers.");
        return Err(ArmError::bad_request("InvalidActionOrNotAction", message));
    }
    let wide = |scope: &String| {
        let id = ResourceId::new(scope);
        let kind = id.resource_type();
        let group = kind
            .as_deref()
            .is_some_and(|k| k.eq_ignore_ascii_case("Microsoft.Management/managementGroups"));
        is_scope(scope) && (group || (kind.is_none() && id.subscription().is_some()))
    };
    if role.assignable_scopes.is_empty() || !role.assignable_scopes.iter().all(wide) {
        return invalid(
            "properties.assignableScopes must name subscriptions, resource groups or management groups, at least one",
        );
    }
    Ok(())
}

/// Refuses unless the caller holds `action` at each of the scopes; vedette itself may.
fn require_at_all<'a>(
    identity: &Identity,
    caller: &Caller,
    action: &str,
    scopes: impl Iterator<Item = &'a String>,
) -> Result<(), ArmError> {
    if *caller == Caller::system() {
        return Ok(());
    }
    let (access, principals) = (identity.access(), identity.principals_of(&caller.name));
    for scope in scopes {
        let at = ResourceId::new(scope);
        if !principals.iter().any(|id| access.allows(id, action, &at, false)) {
            let message = format!(
                "The client with object id '{}' has permission to perform action '{action}' at the scope of the request, but not over the assignable scope '{scope}'.",
                caller.name
            );
            return Err(ArmError::new(403, "LinkedAuthorizationFailed", message));
        }
    }
    Ok(())
}

/// Definitions that can be assigned at a scope.
fn list(access: &Access, scope: &ResourceId, filter: Option<&str>) -> Result<Vec<Value>, ArmError> {
    let filter = read_filter(
        filter,
        &["roleName", "type"],
        &[("atScopeAndBelow", 0)],
        "use roleName eq '..', type eq 'BuiltInRole' or atScopeAndBelow()",
    )?;
    let mut found = Vec::new();
    for role in access.definitions() {
        let concerns = |at: &String| {
            let at = ResourceId::new(at);
            scope.is_within(&at) || at.is_within(scope)
        };
        let kind = if role.built_in { "BuiltInRole" } else { "CustomRole" };
        let view = json!({ "roleName": role.name, "type": kind });
        let holds = |filter: &Filter| filter.matches_with(&view, &|_, _| true);
        if filter.as_ref().is_none_or(holds) && role.assignable_scopes.iter().any(concerns) {
            found.push(wire(role, scope));
        }
    }
    Ok(found)
}
