//! May this principal do this here? Role definitions, role assignments, and the answer out of memory.

mod actions;
mod assignment;
mod built_in;
mod definition;
mod pattern;
mod tables;

use std::collections::HashMap;
use std::sync::Arc;

use model::ResourceId;
use serde_json::Value;
use state::Store;

pub use assignment::RoleAssignment;
pub(crate) use definition::History;
pub use definition::{Permission, RoleDefinition};

use crate::IdentityError;

/// The right to hand out rights.
pub(crate) const ASSIGN_ROLES: &str = "Microsoft.Authorization/roleAssignments/write";
/// The right to say what rights a role has.
const DEFINE_ROLES: &str = "Microsoft.Authorization/roleDefinitions/write";
/// Collections, named as Resource Manager names those of its types.
pub(crate) const ASSIGNMENTS: &str = "microsoft.authorization/roleassignments";
pub(crate) const DEFINITIONS: &str = "microsoft.authorization/roledefinitions";

/// What the first administrator gets: everything, and the data planes, which no role on everything includes.
pub(crate) fn first_administrator_roles() -> [&'static str; 3] {
    [built_in::OWNER, built_in::MONITORING_METRICS_PUBLISHER, built_in::KEY_VAULT_ADMINISTRATOR]
}

/// A role at a scope.
struct Grant {
    assignment: Arc<RoleAssignment>,
    role: Arc<RoleDefinition>,
}

/// All definitions and assignments, by what is asked for.
#[derive(Default)]
pub(crate) struct Access {
    definitions: HashMap<String, Arc<RoleDefinition>>,
    assignments: Vec<Arc<RoleAssignment>>,
    by_principal: HashMap<String, Vec<Grant>>,
}

impl Access {
    /// Reads everything from the store. A document that cannot be read grants nothing and is logged.
    pub(crate) fn load(store: &dyn Store) -> Result<Self, IdentityError> {
        let custom = readable(store, DEFINITIONS, RoleDefinition::from_document)?;
        let assignments = readable(store, ASSIGNMENTS, RoleAssignment::from_document)?;
        Ok(Self::new(custom, assignments))
    }

    /// The built-in roles, `custom` ones, and the assignments.
    pub(crate) fn new(custom: Vec<RoleDefinition>, assignments: Vec<RoleAssignment>) -> Self {
        let all = built_in::definitions().chain(custom);
        let definitions: HashMap<_, _> =
            all.map(|role| (role.id.clone(), Arc::new(role))).collect();
        let assignments: Vec<_> = assignments.into_iter().map(Arc::new).collect();
        let mut by_principal: HashMap<String, Vec<Grant>> = HashMap::new();
        for assignment in &assignments {
            if let Some(role) = definitions.get(&assignment.role) {
                let grant = Grant { assignment: assignment.clone(), role: role.clone() };
                by_principal.entry(assignment.principal_id.clone()).or_default().push(grant);
            }
        }
        Self { definitions, assignments, by_principal }
    }

    /// A definition by its GUID.
    pub(crate) fn definition(&self, id: &str) -> Option<&Arc<RoleDefinition>> {
        self.definitions.get(&id.to_ascii_lowercase())
    }

    /// Definitions by name.
    pub(crate) fn definitions(&self) -> Vec<&Arc<RoleDefinition>> {
        let mut all: Vec<_> = self.definitions.values().collect();
        all.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        all
    }

    /// All assignments.
    pub(crate) fn assignments(&self) -> &[Arc<RoleAssignment>] {
        &self.assignments
    }

    /// True when the principal may do `action` (a data action when `data`) at `scope`.
    pub(crate) fn allows(
        &self,
        principal: &str,
        action: &str,
        scope: &ResourceId,
        data: bool,
    ) -> bool {
        let action = action.to_ascii_lowercase();
        self.roles_at(principal, scope).any(|role| role.allows(&action, data))
    }

    /// The roles that a principal has at a scope, its own assignments and those above.
    pub(crate) fn roles_at<'a>(
        &'a self,
        principal: &str,
        scope: &ResourceId,
    ) -> impl Iterator<Item = &'a RoleDefinition> + use<'a> {
        let key = scope.key();
        let grants = self.by_principal.get(principal).map_or(&[][..], Vec::as_slice);
        grants.iter().filter(move |g| g.assignment.covers(&key)).map(|g| &*g.role)
    }

    /// True when the principal has any role at the scope or below: what lets it see a subscription.
    pub(crate) fn reaches(&self, principal: &str, scope: &ResourceId) -> bool {
        let key = scope.key();
        let grants = self.by_principal.get(principal).map_or(&[][..], Vec::as_slice);
        grants.iter().any(|g| g.assignment.covers(&key) || g.assignment.lies_below(&key))
    }

    /// Principals that may assign roles at a whole subscription or above, through an assignment that `counts`.
    pub(crate) fn administrators(
        &self,
        counts: impl Fn(&RoleAssignment) -> bool,
    ) -> impl Iterator<Item = &str> {
        self.powerful(&[ASSIGN_ROLES], counts)
    }

    /// Those, and principals that may say there what a role allows, their own among them.
    pub(crate) fn rulers(&self) -> impl Iterator<Item = &str> {
        self.powerful(&[ASSIGN_ROLES, DEFINE_ROLES], |_| true)
    }

    fn powerful(
        &self,
        actions: &[&str],
        counts: impl Fn(&RoleAssignment) -> bool,
    ) -> impl Iterator<Item = &str> {
        let actions: Vec<String> = actions.iter().map(|a| a.to_ascii_lowercase()).collect();
        self.by_principal.iter().filter_map(move |(principal, grants)| {
            let administers = |g: &Grant| {
                g.assignment.is_wide()
                    && counts(&g.assignment)
                    && actions.iter().any(|action| g.role.allows(action, false))
            };
            grants.iter().any(administers).then_some(principal.as_str())
        })
    }
}

/// The documents of a collection that can be read.
fn readable<T>(
    store: &dyn Store,
    collection: &str,
    read: impl Fn(&Value) -> Result<T, String>,
) -> Result<Vec<T>, IdentityError> {
    let mut all = Vec::new();
    for document in store.list_all(collection, "")? {
        match read(&document.value) {
            Ok(value) => all.push(value),
            Err(why) => {
                tracing::error!(
                    collection,
                    key = document.key,
                    why,
                    "document is not readable and grants nothing"
                );
            }
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
