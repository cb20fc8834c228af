//! Directory roles: who may change the directory itself, and which applications may read it. Azure's roles say what
//! people may do with resources; these say what they may do with applications, users and groups, under Entra's own
//! template ids.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::graph::{Change, GraphError};
use super::{Directory, ServicePrincipal, User};
use crate::Identity;

/// May do everything.
const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";
const USER_ADMINISTRATOR: &str = "fe930be7-5e62-47db-91af-98c3a49a38b1";
const APPLICATION_ADMINISTRATOR: &str = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3";
const DIRECTORY_READERS: &str = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b";

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
    DirectoryRole {
        id: DIRECTORY_READERS,
        name: "Directory Readers",
        description: "Reads the directory, as every person may: for applications.",
    },
];

/// The directory roles of a user or a service principal, by template id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DirectoryRoles(BTreeSet<String>);

impl DirectoryRoles {
    /// True without any.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when it has one that changes something.
    pub(crate) fn administers(&self) -> bool {
        self.0.iter().any(|role| role != DIRECTORY_READERS)
    }

    pub(crate) fn is_global_administrator(&self) -> bool {
        self.0.contains(GLOBAL_ADMINISTRATOR)
    }

    pub(crate) fn administers_users(&self) -> bool {
        self.is_global_administrator() || self.0.contains(USER_ADMINISTRATOR)
    }

    pub(crate) fn administers_applications(&self) -> bool {
        self.is_global_administrator() || self.0.contains(APPLICATION_ADMINISTRATOR)
    }
}

impl Identity {
    /// The directory roles that there are.
    pub fn list_directory_roles(&self) -> Vec<Value> {
        ROLES.iter().map(role_value).collect()
    }

    /// Who has which directory role.
    pub fn list_directory_role_assignments(&self) -> Vec<Value> {
        let directory = self.directory();
        let (users, principals) = (directory.users(), directory.principals());
        let users = users.iter().map(|u| (&u.id, &u.directory_roles));
        let all = users.chain(principals.iter().map(|p| (&p.id, &p.directory_roles)));
        all.flat_map(|(id, roles)| {
            roles.0.iter().map(|role| assignment_value(id, role)).collect::<Vec<_>>()
        })
        .collect()
    }

    /// Gives a user or a service principal a directory role.
    pub fn assign_directory_role(&self, principal: &str, role: &str) -> Result<Value, GraphError> {
        let known = ROLES.iter().find(|r| r.id.eq_ignore_ascii_case(role)).ok_or_else(|| {
            let names: Vec<&str> = ROLES.iter().map(|r| r.id).collect();
            GraphError::bad_request(format!(
                "the directory role '{role}' is not one of {}",
                names.join(", ")
            ))
        })?;
        let mut made = Value::Null;
        self.change_directory(|directory| {
            let mut holder = Holder::find(directory, principal)?;
            if !holder.roles().0.insert(known.id.to_owned()) {
                return Err(GraphError::bad_request("A conflicting object with one or more of the specified property values is present in the directory."));
            }
            made = assignment_value(holder.id(), known.id);
            Ok(vec![holder.put()])
        })?;
        Ok(made)
    }

    /// Takes a directory role away, by the id of its assignment.
    pub fn remove_directory_role(&self, assignment: &str) -> Result<(), GraphError> {
        let (role, principal) =
            assignment.split_once('_').ok_or_else(|| GraphError::not_found(assignment))?;
        self.change_directory(|directory| {
            let mut holder = Holder::find(directory, principal)?;
            if !holder.roles().0.remove(role) {
                return Err(GraphError::not_found(assignment));
            }
            Ok(vec![holder.put()])
        })
    }
}

/// Who may have directory roles.
enum Holder {
    User(Box<User>),
    Principal(Box<ServicePrincipal>),
}

impl Holder {
    fn find(directory: &Directory, id: &str) -> Result<Self, GraphError> {
        let user = directory.user(id).map(|u| Self::User(Box::new(User::clone(u))));
        let principal = || {
            let found = directory.principal(id)?;
            Some(Self::Principal(Box::new(ServicePrincipal::clone(found))))
        };
        user.or_else(principal).ok_or_else(|| GraphError::not_found(id))
    }

    fn id(&self) -> &str {
        match self {
            Self::User(user) => &user.id,
            Self::Principal(principal) => &principal.id,
        }
    }

    fn roles(&mut self) -> &mut DirectoryRoles {
        match self {
            Self::User(user) => &mut user.directory_roles,
            Self::Principal(principal) => &mut principal.directory_roles,
        }
    }

    fn put(self) -> Change {
        match self {
            Self::User(user) => Change::PutUser(*user),
            Self::Principal(principal) => Change::PutPrincipal(*principal),
        }
    }
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

fn assignment_value(principal: &str, role: &str) -> Value {
    json!({
        "id": format!("{role}_{principal}"),
        "principalId": principal,
        "roleDefinitionId": role,
        "directoryScopeId": "/",
    })
}
