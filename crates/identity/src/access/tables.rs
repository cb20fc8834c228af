//! Which tables of a workspace a principal may read.
//!
//! Azure knows three ways to grant it, and roles of each kind are in use: the action `workspaces/tables/query/read`
//! at the table or above, the older action `workspaces/query/{table}/read` on the workspace, and the data action
//! `workspaces/tables/data/read` at the table or above. A role that excludes one of the two actions for a table does
//! not grant the table by the other.

use std::collections::HashSet;
use std::sync::Arc;

use model::{ResourceId, TableAccess};

use super::Access;
use super::definition::{Permission, RoleDefinition};

const TABLE_READ: &str = "microsoft.operationalinsights/workspaces/tables/query/read";
const TABLE_DATA: &str = "microsoft.operationalinsights/workspaces/tables/data/read";
const BY_NAME: &str = "microsoft.operationalinsights/workspaces/query/";

impl Access {
    /// The tables among `all` that one of the principals (a caller and its groups) may read in `workspace`.
    pub(crate) fn tables_readable<'t>(
        &self,
        principals: &[String],
        workspace: &ResourceId,
        all: impl Iterator<Item = &'t str>,
    ) -> TableAccess {
        let roles = principals.iter().flat_map(|principal| self.roles_at(principal, workspace));
        let roles: Vec<&RoleDefinition> = roles.collect();
        if roles.iter().any(|role| role.permissions.iter().any(reads_every_table)) {
            return TableAccess::All;
        }
        let at_tables: Vec<(String, &RoleDefinition)> = principals
            .iter()
            .flat_map(|principal| self.grants_at_tables(principal, workspace))
            .collect();
        let (mut complete, mut readable) = (true, HashSet::new());
        for table in all {
            let name = table.to_ascii_lowercase();
            let by_name = format!("{BY_NAME}{name}/read");
            let reads =
                |role: &&RoleDefinition| role.permissions.iter().any(|p| reads_table(p, &by_name));
            let own =
                || at_tables.iter().filter(|(at, _)| *at == name).map(|(_, role)| role).any(reads);
            if roles.iter().any(reads) || own() {
                readable.insert(table.to_owned());
            } else {
                complete = false;
            }
        }
        if complete && !readable.is_empty() {
            TableAccess::All
        } else {
            TableAccess::Only(Arc::new(readable))
        }
    }

    /// Roles that the principal has on single tables of the workspace: table name in lower case, and role.
    fn grants_at_tables(
        &self,
        principal: &str,
        workspace: &ResourceId,
    ) -> Vec<(String, &RoleDefinition)> {
        let prefix = format!("{}/tables/", workspace.key());
        let grants = self.by_principal.get(principal).map_or(&[][..], Vec::as_slice);
        let table = |scope: &ResourceId| scope.key().strip_prefix(&prefix).map(str::to_owned);
        grants.iter().filter_map(|g| Some((table(&g.assignment.scope)?, &*g.role))).collect()
    }
}

fn reads_table(permission: &Permission, by_name: &str) -> bool {
    let any = |patterns: &[super::pattern::Pattern]| {
        patterns.iter().any(|p| p.matches(TABLE_READ) || p.matches(by_name))
    };
    (any(&permission.actions) && !any(&permission.not_actions))
        || permission.allows(TABLE_DATA, true)
}

/// True when no table can be an exception.
fn reads_every_table(permission: &Permission) -> bool {
    let excepts = permission.not_actions.iter().any(|p| p.may_touch(BY_NAME));
    (permission.allows(TABLE_READ, false) && !excepts) || permission.allows(TABLE_DATA, true)
}
