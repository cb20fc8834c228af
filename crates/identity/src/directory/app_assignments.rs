//! Who has which role of an application: users, groups and service principals, and what their tokens say of it.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::graph::{Change, GraphError};
use super::{Application, Directory, MemberType, ObjectKind};
use crate::Identity;
use crate::time::{graph_text, unix_seconds};

/// The role of who is assigned to an application and has none in particular.
const DEFAULT_ROLE: &str = "00000000-0000-0000-0000-000000000000";

/// A role of an application, given to somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AppRoleAssignment {
    /// Its id.
    pub id: String,
    /// Object id of the user, group or service principal that has it.
    pub principal_id: String,
    /// Object id of the service principal of the application that defines it.
    pub resource_id: String,
    /// Its id among the application's roles; all zeros for none in particular.
    pub app_role_id: String,
    /// Given, in seconds since 1970.
    pub created: i64,
}

/// A role to be given.
#[derive(Clone, Debug, Default)]
pub struct NewAppRole {
    /// Object id of who gets it.
    pub principal: String,
    /// Object id of the service principal whose application defines it.
    pub resource: String,
    /// Its id; all zeros for none in particular.
    pub role: String,
}

/// Whose assignments are looked at, by object id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssignedSide<'a> {
    /// Those that a user, group or service principal has.
    Of(&'a str),
    /// Those that were given to others at a service principal.
    At(&'a str),
}

impl AssignedSide<'_> {
    fn has(self, assignment: &AppRoleAssignment) -> bool {
        match self {
            Self::Of(id) => assignment.principal_id.eq_ignore_ascii_case(id),
            Self::At(id) => assignment.resource_id.eq_ignore_ascii_case(id),
        }
    }
}

impl Directory {
    /// What a person has at a service principal, itself and through the groups that it is a direct member of.
    fn held_by_user<'d>(
        &'d self,
        user: &str,
        resource: &'d str,
    ) -> impl Iterator<Item = &'d AppRoleAssignment> {
        let holders = std::iter::once(user.to_owned()).chain(self.direct_groups_of(user));
        holders.flat_map(move |holder| self.held(&holder, resource))
    }

    /// What somebody has at a service principal, itself.
    fn held<'d>(&'d self, holder: &str, resource: &str) -> Vec<&'d AppRoleAssignment> {
        let ids = self.assignments_of.get(holder).into_iter().flatten();
        let all = ids.filter_map(|id| self.assignments.get(id)).map(|a| &**a);
        all.filter(|a| a.resource_id == resource).collect()
    }

    /// The roles of an application that a person has, as tokens say them.
    pub(crate) fn user_roles(&self, user: &str, application: &Application) -> BTreeSet<String> {
        let Some(resource) = self.principal_of(&application.app_id) else { return BTreeSet::new() };
        values(self.held_by_user(user, &resource.id), application, MemberType::User)
    }

    /// The roles of an application that another has for itself, by the object id of its service principal.
    pub(crate) fn application_roles(
        &self,
        principal: &str,
        application: &Application,
    ) -> BTreeSet<String> {
        let Some(resource) = self.principal_of(&application.app_id) else { return BTreeSet::new() };
        let held = self.held(principal, &resource.id).into_iter();
        values(held, application, MemberType::Application)
    }

    /// True when a person may have tokens for an application and sign in at it.
    pub(crate) fn admits_user(&self, application: &Application, user: &str) -> bool {
        self.closed(application).is_none_or(|id| self.held_by_user(user, id).next().is_some())
    }

    /// True when another application may have tokens for this one, for itself.
    pub(crate) fn admits_principal(&self, application: &Application, principal: &str) -> bool {
        self.closed(application).is_none_or(|id| !self.held(principal, id).is_empty())
    }

    /// The service principal of an application, where it is for those alone who were assigned to it.
    fn closed(&self, application: &Application) -> Option<&str> {
        let principal = self.principal_of(&application.app_id)?;
        principal.assignment_required.then_some(&*principal.id)
    }

    /// The groups with a role of an application that a person is a direct member of.
    pub(crate) fn groups_assigned_to(
        &self,
        application: &Application,
        user: &str,
    ) -> BTreeSet<String> {
        let Some(resource) = self.principal_of(&application.app_id) else { return BTreeSet::new() };
        let mut groups = self.direct_groups_of(user);
        groups.retain(|group| !self.held(group, &resource.id).is_empty());
        groups
    }

    pub(crate) fn put_assignment(&mut self, assignment: AppRoleAssignment) {
        let ids = self.assignments_of.entry(assignment.principal_id.clone()).or_default();
        ids.insert(assignment.id.clone());
        self.assignments.insert(assignment.id.clone(), Arc::new(assignment));
    }

    pub(crate) fn remove_assignment(&mut self, id: &str) {
        let Some(gone) = self.assignments.remove(id) else { return };
        if let Some(ids) = self.assignments_of.get_mut(&gone.principal_id) {
            ids.remove(id);
            if ids.is_empty() {
                self.assignments_of.remove(&gone.principal_id);
            }
        }
    }

    /// The changes by which something loses its assignments, and those that others have at it.
    pub(super) fn leave_roles(&self, id: &str) -> Vec<Change> {
        let sides = [AssignedSide::Of(id), AssignedSide::At(id)];
        let concerned = self.assignments.values().filter(|a| sides.iter().any(|s| s.has(a)));
        concerned.map(|a| Change::RemoveAssignment(a.id.clone())).collect()
    }

    /// The changes by which roles that an application no longer defines are taken away: one of the same id may mean more.
    pub(super) fn without_roles(&self, application: &Application) -> Vec<Change> {
        let Some(principal) = self.principal_of(&application.app_id) else { return Vec::new() };
        let is_gone = |a: &&Arc<AppRoleAssignment>| {
            let is_own =
                a.app_role_id == DEFAULT_ROLE || application.role(&a.app_role_id).is_some();
            a.resource_id == principal.id && !is_own
        };
        let gone = self.assignments.values().filter(is_gone);
        gone.map(|a| Change::RemoveAssignment(a.id.clone())).collect()
    }

    /// Refuses a role that the application does not define, or not for this kind of holder.
    fn check_role(&self, new: &AppRoleAssignment) -> Result<(), GraphError> {
        let resource = self.principal(&new.resource_id);
        let application = resource.and_then(|r| self.application(&r.app_id));
        if new.app_role_id == DEFAULT_ROLE {
            return Ok(());
        }
        let wanted = match self.kind_of(&new.principal_id) {
            Some(ObjectKind::ServicePrincipal) => MemberType::Application,
            _ => MemberType::User,
        };
        let fits = |a: &Arc<Application>| {
            let role = a.role(&new.app_role_id);
            role.is_some_and(|r| r.is_enabled && r.allowed_member_types.contains(&wanted))
        };
        match application.is_some_and(fits) {
            true => Ok(()),
            false => Err(GraphError::bad_request(format!(
                "Permission being assigned was not found on application '{}': it has no enabled app role '{}' for this kind of principal.",
                resource.map_or("", |r| &r.app_id),
                new.app_role_id
            ))),
        }
    }
}

/// What tokens say of roles: those that are enabled, for this kind of holder, and have a value.
fn values<'d>(
    held: impl Iterator<Item = &'d AppRoleAssignment>,
    application: &Application,
    holder: MemberType,
) -> BTreeSet<String> {
    held.filter_map(|a| application.role(&a.app_role_id))
        .filter(|role| role.is_enabled && role.allowed_member_types.contains(&holder))
        .filter_map(|role| role.value.clone())
        .collect()
}

impl Identity {
    /// Assignments in wire form: those that somebody has, or those at a service principal.
    pub fn app_role_assignments(&self, side: AssignedSide<'_>) -> Vec<Value> {
        let directory = self.directory();
        let mut all: Vec<_> = directory.assignments.values().filter(|a| side.has(a)).collect();
        all.sort_by(|a, b| (a.created, &a.id).cmp(&(b.created, &b.id)));
        all.into_iter().map(|a| self.assignment_value(a, &directory)).collect()
    }

    /// One of them.
    pub fn app_role_assignment(
        &self,
        side: AssignedSide<'_>,
        id: &str,
    ) -> Result<Value, GraphError> {
        let directory = self.directory();
        let found = find(&directory, side, id)?;
        Ok(self.assignment_value(&found, &directory))
    }

    /// Gives a role.
    pub fn assign_app_role(&self, new: &NewAppRole, now: DateTime) -> Result<Value, GraphError> {
        let role = Uuid::try_parse(&new.role).map(|id| id.to_string());
        let role = role.map_err(|_| GraphError::bad_request("appRoleId must be a GUID"))?;
        let mut made = None;
        self.change_directory(|directory| {
            let resource = directory.principal(&new.resource);
            let resource = resource.ok_or_else(|| GraphError::not_found(&new.resource))?;
            let assignment = AppRoleAssignment {
                id: Uuid::new_v4().to_string(),
                principal_id: directory.known(&new.principal)?,
                resource_id: resource.id.clone(),
                app_role_id: role,
                created: unix_seconds(now),
            };
            directory.check_role(&assignment)?;
            let held = directory.held(&assignment.principal_id, &assignment.resource_id);
            if held.iter().any(|a| a.app_role_id == assignment.app_role_id) {
                return Err(GraphError::bad_request(
                    "Permission being assigned already exists on the object",
                ));
            }
            made = Some(assignment.clone());
            Ok(vec![Change::PutAssignment(assignment)])
        })?;
        match made {
            Some(made) => Ok(self.assignment_value(&made, &self.directory())),
            None => Err(GraphError::not_found(&new.principal)),
        }
    }

    /// Takes a role back.
    pub fn remove_app_role(&self, side: AssignedSide<'_>, id: &str) -> Result<(), GraphError> {
        self.change_directory(|directory| {
            let found = find(directory, side, id)?;
            Ok(vec![Change::RemoveAssignment(found.id.clone())])
        })
    }

    /// Says whether an application is for those alone who were assigned to it.
    pub fn require_assignments(&self, id: &str, required: bool) -> Result<(), GraphError> {
        self.change_directory(|directory| {
            let principal = directory.principal(id).ok_or_else(|| GraphError::not_found(id))?;
            let changed = super::ServicePrincipal {
                assignment_required: required,
                ..super::ServicePrincipal::clone(principal)
            };
            Ok(vec![Change::PutPrincipal(changed)])
        })
    }

    fn assignment_value(&self, assignment: &AppRoleAssignment, directory: &Directory) -> Value {
        let holder = &assignment.principal_id;
        let name = match directory.kind_of(holder) {
            Some(ObjectKind::User) => directory.user(holder).map(|u| u.display_name.clone()),
            Some(ObjectKind::Group) => directory.group(holder).map(|g| g.display_name.clone()),
            Some(ObjectKind::ServicePrincipal) => {
                directory.principal(holder).map(|p| p.display_name.clone())
            }
            None => None,
        };
        json!({
            "id": assignment.id,
            "deletedDateTime": null,
            "appRoleId": assignment.app_role_id,
            "createdDateTime": graph_text(assignment.created),
            "principalDisplayName": name,
            "principalId": holder,
            "principalType": directory.kind_of(holder).map(ObjectKind::name),
            "resourceDisplayName": directory.principal(&assignment.resource_id).map(|p| &p.display_name),
            "resourceId": assignment.resource_id,
        })
    }
}

fn find(
    directory: &Directory,
    side: AssignedSide<'_>,
    id: &str,
) -> Result<Arc<AppRoleAssignment>, GraphError> {
    let found = directory.assignments.get(&id.to_ascii_lowercase());
    found.filter(|a| side.has(a)).cloned().ok_or_else(|| GraphError::not_found(id))
}
