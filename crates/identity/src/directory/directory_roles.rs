//! Directory roles: who may change the directory itself. Azure's roles say what people may do with resources; these
//! say what they may do with applications, users and groups, under Entra's own template ids.

use serde_json::{Value, json};

use super::graph::{Change, GraphError};
use super::{Directory, User};
use crate::Identity;

/// May do everything.
const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";
const USER_ADMINISTRATOR: &str = "fe930be7-5e62-47db-91af-98c3a49a38b1";
const APPLICATION_ADMINISTRATOR: &str = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3";

struct DirectoryRole {
    id: &'static str,
    name: &'static str,
    description: &'static str,
}

const ROLES: &[DirectoryRole] = &[
    DirectoryRole {
        id: GLOBAL_ADMINISTRATOR,
        name: "Global Administrator",
        description: "Changes everything in the directory.",
    },
    DirectoryRole {
        id: USER_ADMINISTRATOR,
        name: "User Administrator",
        description: "Changes groups, and users who administer nothing themselves.",
    },
    DirectoryRole {
        id: APPLICATION_ADMINISTRATOR,
        name: "Application Administrator",
        description: "Changes applications and service principals, their secrets included.",
    },
];

impl User {
    pub(crate) fn is_global_administrator(&self) -> bool {
        self.directory_roles.contains(GLOBAL_ADMINISTRATOR)
    }

    pub(crate) fn administers_users(&self) -> bool {
        self.is_global_administrator() || self.directory_roles.contains(USER_ADMINISTRATOR)
    }

    pub(crate) fn administers_applications(&self) -> bool {
        self.is_global_administrator() || self.directory_roles.contains(APPLICATION_ADMINISTRATOR)
    }
}

impl Identity {
    /// The directory roles that there are.
    pub fn list_directory_roles(&self) -> Vec<Value> {
        ROLES.iter().map(role_value).collect()
    }

    /// Who has which directory role.
    pub fn list_directory_role_assignments(&self) -> Vec<Value> {
        let users = self.directory().users();
        let of = |u: &std::sync::Arc<User>| -> Vec<Value> {
            u.directory_roles.iter().map(|role| assignment_value(&u.id, role)).collect()
        };
        users.iter().flat_map(of).collect()
    }

    /// Gives a user a directory role.
    pub fn assign_directory_role(&self, user: &str, role: &str) -> Result<Value, GraphError> {
        let known = ROLES.iter().find(|r| r.id.eq_ignore_ascii_case(role)).ok_or_else(|| {
            let names: Vec<&str> = ROLES.iter().map(|r| r.id).collect();
            GraphError::bad_request(format!(
                "the directory role '{role}' is not one of {}",
                names.join(", ")
            ))
        })?;
        let mut made = Value::Null;
        self.change_directory(|directory| {
            let mut user = find_user(directory, user)?;
            if !user.directory_roles.insert(known.id.to_owned()) {
                return Err(GraphError::bad_request("A conflicting object with one or more of the specified property values is present in the directory."));
            }
            made = assignment_value(&user.id, known.id);
            Ok(vec![Change::PutUser(user)])
        })?;
        Ok(made)
    }

    /// Takes a directory role away, by the id of its assignment.
    pub fn remove_directory_role(&self, assignment: &str) -> Result<(), GraphError> {
        let (role, user) =
            assignment.split_once('_').ok_or_else(|| GraphError::not_found(assignment))?;
        self.change_directory(|directory| {
            let mut user = find_user(directory, user)?;
            if !user.directory_roles.remove(role) {
                return Err(GraphError::not_found(assignment));
            }
            Ok(vec![Change::PutUser(user)])
        })
    }
}

fn find_user(directory: &Directory, id: &str) -> Result<User, GraphError> {
    directory.user(id).map(|u| User::clone(u)).ok_or_else(|| GraphError::not_found(id))
}

fn role_value(role: &DirectoryRole) -> Value {
    json!({
        "id": role.id,
        "templateId": role.id,
        "displayName": role.name,
        "description": role.description,
        "isBuiltIn": true,
        "isEnabled": true,
        "resourceScopes": ["/"],
    })
}

fn assignment_value(user: &str, role: &str) -> Value {
    json!({
        "id": format!("{role}_{user}"),
        "principalId": user,
        "roleDefinitionId": role,
        "directoryScopeId": "/",
    })
}
