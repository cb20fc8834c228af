//! Role assignments: created once, changed in their description alone, listed upwards and downwards.

use std::collections::BTreeSet;
use std::sync::Arc;

use arm::{Answer, Arm, ArmError, Call, Hook, Page, Place, Provider};
use async_trait::async_trait;
use model::{DateTime, ResourceId};
use odata::Filter;
use serde_json::{Value, json};
use state::{Condition, StoreError};

use super::{
    ROLE_ASSIGNMENTS, definition_id, is_scope, properties, read_filter, require_guid, text,
};
use crate::access::{ASSIGNMENTS, Access, RoleAssignment};
use crate::{Identity, ObjectKind};

const PAGE_SIZE: usize = 1000;

/// Provider and hook of Microsoft.Authorization/roleAssignments.
pub struct RoleAssignments(Arc<Identity>);

impl RoleAssignments {
    /// Over an instance's identity.
    pub fn new(identity: Arc<Identity>) -> Self {
        Self(identity)
    }

    fn create(&self, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let name = require_guid(place.id.name(), "InvalidRoleAssignmentId")?;
        let scope = place.parent.as_ref().map_or_else(|| ResourceId::new("/"), |p| p.id.clone());
        if !is_scope(scope.as_str()) {
            let message = format!(
                "'{scope}' is no scope: a subscription, a resource group, a resource or '/'"
            );
            return Err(ArmError::bad_request("InvalidScope", message));
        }
        let wanted = Wanted::read(&call.body)?;
        let _one_at_a_time = self.0.changing();
        let access = self.0.access();
        let kind = wanted.check(&self.0, &access, &scope)?;
        let (id, mut document) =
            assignment_document(&scope, &name, &wanted.role, &wanted.principal, call.now);
        // a GUID names one assignment, wherever it is
        let named = |a: &&Arc<RoleAssignment>| a.id.name().eq_ignore_ascii_case(&name);
        if let Some(existing) = access.assignments().iter().find(named) {
            return self.repeat(call, &wanted, existing, &scope);
        }
        let same = |a: &&Arc<RoleAssignment>| {
            a.scope == scope && a.principal_id == wanted.principal && a.role == wanted.role
        };
        if let Some(existing) = access.assignments().iter().find(same) {
            let message = format!(
                "The role assignment already exists. The ID of the existing role assignment is {}.",
                existing.id.name()
            );
            return Err(ArmError::new(409, "RoleAssignmentExists", message));
        }
        document["properties"]["description"] = json!(wanted.description);
        document["properties"]["principalType"] = json!(kind.name());
        for by in ["createdBy", "updatedBy"] {
            document["properties"][by] = json!(call.caller.name);
        }
        self.0.store().put(ASSIGNMENTS, &id.key(), document.clone(), Condition::Absent)?;
        self.0.refresh_access()?;
        Ok(Answer::json(201, document))
    }

    /// The same again, with another description perhaps; anything else is refused, as assignments never change.
    fn repeat(
        &self,
        call: &Call,
        wanted: &Wanted,
        existing: &RoleAssignment,
        scope: &ResourceId,
    ) -> Result<Answer, ArmError> {
        let same = existing.scope == *scope
            && existing.role == wanted.role
            && existing.principal_id == wanted.principal;
        if !same {
            let message = "Tenant ID, application ID, principal ID, role and scope of an existing role assignment cannot be changed; delete it and make another.";
            return Err(ArmError::new(409, "RoleAssignmentUpdateNotPermitted", message));
        }
        let mut document = existing.value.clone();
        if document["properties"]["description"] == json!(wanted.description) {
            return Ok(Answer::ok(document));
        }
        document["properties"]["description"] = json!(wanted.description);
        document["properties"]["updatedOn"] = json!(call.now.to_string());
        document["properties"]["updatedBy"] = json!(call.caller.name);
        self.0.store().put(ASSIGNMENTS, &existing.id.key(), document.clone(), Condition::Exists)?;
        self.0.refresh_access()?;
        Ok(Answer::ok(document))
    }

    fn remove(&self, place: &Place) -> Result<Answer, ArmError> {
        let _one_at_a_time = self.0.changing();
        let access = self.0.access();
        let Some(assignment) = access.assignments().iter().find(|a| a.id == place.id) else {
            return Ok(Answer::empty(204));
        };
        if self.is_last_administrator(&access, assignment) {
            let message = "This is the last assignment that lets an active principal assign roles; give another one that right first.";
            return Err(ArmError::bad_request("CannotDeleteLastRbacAdminAssignment", message));
        }
        match self.0.store().delete(ASSIGNMENTS, &assignment.id.key(), Condition::Any) {
            Ok(_) | Err(StoreError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        self.0.refresh_access()?;
        Ok(Answer::ok(assignment.value.clone()))
    }

    fn is_last_administrator(&self, access: &Access, leaving: &RoleAssignment) -> bool {
        let directory = self.0.directory();
        let acts = |id: &str| directory.acts(id);
        let mut others = access.administrators(|a| a.id != leaving.id);
        let mut now = access.administrators(|a| a.id == leaving.id);
        now.any(acts) && !others.any(acts)
    }
}

#[async_trait]
impl Provider for RoleAssignments {
    async fn get(&self, _: &Arm, _: &Call, place: &Place) -> Result<Option<Value>, ArmError> {
        let access = self.0.access();
        match access.assignments().iter().find(|a| a.id == place.id) {
            Some(assignment) => Ok(Some(assignment.value.clone())),
            None => {
                let message = format!("The role assignment '{}' is not found.", place.id.name());
                Err(ArmError::new(404, "RoleAssignmentNotFound", message))
            }
        }
    }

    async fn list(&self, _: &Arm, call: &Call, scope: &Place) -> Result<Page, ArmError> {
        let groups = |id: &str| self.0.directory().groups_of(id);
        let all = list(&self.0.access(), &scope.id, call.parameter("$filter"), groups)?;
        Page::cut(all, call, PAGE_SIZE)
    }

    async fn put(&self, _: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        self.create(call, place)
    }

    async fn delete(&self, _: &Arm, _: &Call, place: &Place) -> Result<Answer, ArmError> {
        self.remove(place)
    }
}

/// A deleted resource takes the assignments on it along: what is in force must follow.
#[async_trait]
impl Hook for RoleAssignments {
    async fn changed(
        &self,
        _: &Arm,
        _: &ResourceId,
        _: Option<&Value>,
        _: Option<&Value>,
    ) -> Result<(), ArmError> {
        Ok(self.0.reload_access()?)
    }
}

/// What a body asks for.
struct Wanted {
    role: String,
    principal: String,
    principal_type: Option<String>,
    description: Option<String>,
}

impl Wanted {
    fn read(body: &Value) -> Result<Self, ArmError> {
        let properties = properties(body);
        let required = |name: &str| {
            text(properties, name).ok_or_else(|| {
                ArmError::bad_request(
                    "InvalidRoleAssignmentRequest",
                    format!("properties.{name} is required"),
                )
                .target(format!("properties.{name}"))
            })
        };
        let definition = required("roleDefinitionId")?;
        if text(properties, "condition").is_some() {
            let message = "conditions on role assignments are not evaluated here, so they are refused; leave 'condition' out";
            return Err(ArmError::bad_request("ConditionNotSupported", message)
                .target("properties.condition"));
        }
        let role = definition.rsplit('/').next().unwrap_or(definition);
        Ok(Self {
            role: require_guid(role, "InvalidRoleDefinitionId")?,
            principal: require_guid(required("principalId")?, "InvalidPrincipalId")?,
            principal_type: text(properties, "principalType").map(str::to_owned),
            description: text(properties, "description").map(|d| d.chars().take(1024).collect()),
        })
    }

    fn check(
        &self,
        identity: &Identity,
        access: &Access,
        scope: &ResourceId,
    ) -> Result<ObjectKind, ArmError> {
        let role = access.definition(&self.role).ok_or_else(|| {
            let message =
                format!("The specified role definition with ID '{}' does not exist.", self.role);
            ArmError::bad_request("RoleDefinitionDoesNotExist", message)
        })?;
        let assignable = |at: &String| scope.is_within(&ResourceId::new(at));
        if !role.assignable_scopes.iter().any(assignable) {
            let message = format!(
                "The role '{}' cannot be assigned at '{scope}': assignableScopes leave it out.",
                role.name
            );
            return Err(ArmError::bad_request("RoleDefinitionNotAssignableAtScope", message));
        }
        let Some(kind) = identity.object_kind(&self.principal) else {
            let message = format!(
                "Principal {} does not exist in the directory {}. Use the object id of a user, group or service principal, not an application id.",
                self.principal,
                identity.tenant().id
            );
            return Err(ArmError::bad_request("PrincipalNotFound", message));
        };
        match &self.principal_type {
            Some(wanted) if !wanted.eq_ignore_ascii_case(kind.name()) => {
                let message = format!(
                    "The principal {} is a {}, not a '{wanted}'.",
                    self.principal,
                    kind.name()
                );
                Err(ArmError::bad_request("UnmatchedPrincipalType", message))
            }
            _ => Ok(kind),
        }
    }
}

/// The stored and wire form of an assignment.
pub(crate) fn assignment_document(
    scope: &ResourceId,
    name: &str,
    role: &str,
    principal: &str,
    now: DateTime,
) -> (ResourceId, Value) {
    let id = scope.join(&format!("providers/{ROLE_ASSIGNMENTS}/{name}"));
    let document = json!({
        "properties": {
            "roleDefinitionId": definition_id(scope, role),
            "principalId": principal,
            "principalType": "ServicePrincipal",
            "scope": scope.as_str(),
            "condition": null,
            "conditionVersion": null,
            "createdOn": now.to_string(),
            "updatedOn": now.to_string(),
            "createdBy": "",
            "updatedBy": "",
            "delegatedManagedIdentityResourceId": null,
            "description": null,
        },
        "id": id.as_str(),
        "type": ROLE_ASSIGNMENTS,
        "name": name,
    });
    (id, document)
}

/// Assignments that concern a scope: on it, above it, and, unless `atScope()`, below it.
fn list(
    access: &Access,
    scope: &ResourceId,
    filter: Option<&str>,
    groups: impl Fn(&str) -> BTreeSet<String>,
) -> Result<Vec<Value>, ArmError> {
    let filter = read_filter(
        filter,
        &["principalId", "roleDefinitionId"],
        &[("atScope", 0), ("assignedTo", 1)],
        "use atScope(), assignedTo('..'), principalId eq '..' or roleDefinitionId eq '..'",
    )?;
    let key = scope.key();
    let mut found = Vec::new();
    for assignment in access.assignments() {
        let above = assignment.covers(&key);
        let own = |function: usize, arguments: &[Value]| match function {
            0 => above,
            // what counts for a principal: its own, and those of the groups it is in
            _ => arguments.first().and_then(Value::as_str).is_some_and(|id| {
                assignment.principal_id.eq_ignore_ascii_case(id)
                    || groups(id).contains(&assignment.principal_id)
            }),
        };
        let holds = |filter: &Filter| filter.matches_with(&view(assignment), &own);
        if filter.as_ref().is_none_or(holds) && (above || assignment.lies_below(&key)) {
            found.push(assignment.value.clone());
        }
    }
    Ok(found)
}

/// What filters see of an assignment: the role by its GUID and by each id that it is written with.
fn view(assignment: &RoleAssignment) -> Value {
    let role = &assignment.role;
    let given = assignment.value.pointer("/properties/roleDefinitionId");
    json!({
        "principalId": assignment.principal_id,
        "roleDefinitionId": [role, definition_id(&ResourceId::new("/"), role), given],
    })
}
