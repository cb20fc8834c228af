//! Directory objects of any kind: what an object id is, what it belongs to, what it looks after.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::graph::GraphError;
use super::groups::group_value;
use super::users::user_value;
use super::{Directory, groups};
use crate::Identity;

/// What an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A person.
    User,
    /// A group.
    Group,
    /// An application as a principal.
    ServicePrincipal,
}

impl ObjectKind {
    /// Azure's name: `principalType` of role assignments.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
            Self::ServicePrincipal => "ServicePrincipal",
        }
    }
}

impl Directory {
    /// What an object id is; none when nobody has it.
    pub(crate) fn kind_of(&self, id: &str) -> Option<ObjectKind> {
        if self.principal(id).is_some() {
            Some(ObjectKind::ServicePrincipal)
        } else if self.user(id).is_some() {
            Some(ObjectKind::User)
        } else {
            self.group(id).map(|_| ObjectKind::Group)
        }
    }

    /// The object id as it is kept, of something that exists.
    pub(super) fn known(&self, id: &str) -> Result<String, GraphError> {
        let id = id.to_ascii_lowercase();
        self.kind_of(&id).map(|_| id.clone()).ok_or_else(|| GraphError::not_found(&id))
    }
}

impl Identity {
    /// What an object id is.
    pub fn object_kind(&self, id: &str) -> Option<ObjectKind> {
        self.directory().kind_of(id)
    }

    /// An object in wire form, with its kind; none when there is none.
    pub fn object_value(&self, id: &str) -> Option<Value> {
        let directory = self.directory();
        let (kind, mut value) = match directory.kind_of(id) {
            Some(ObjectKind::User) => ("user", user_value(directory.user(id)?)),
            Some(ObjectKind::Group) => ("group", group_value(directory.group(id)?)),
            Some(ObjectKind::ServicePrincipal) => {
                ("servicePrincipal", self.principal_value(directory.principal(id)?, &directory))
            }
            None => {
                let application =
                    directory.applications().into_iter().find(|a| a.id.eq_ignore_ascii_case(id))?;
                ("application", self.application_value(&application))
            }
        };
        let mut typed = json!({ "@odata.type": format!("#microsoft.graph.{kind}") });
        if let (Some(to), Some(from)) = (typed.as_object_mut(), value.as_object_mut()) {
            to.append(from);
        }
        Some(typed)
    }

    /// The objects behind ids, those that exist, of the kinds asked for (all when none is).
    pub fn objects_by_ids(&self, ids: &[String], kinds: &[String]) -> Vec<Value> {
        let wanted = |value: &Value| {
            let kind = value["@odata.type"].as_str().unwrap_or_default();
            let kind = kind.trim_start_matches("#microsoft.graph.");
            kinds.is_empty()
                || kinds.iter().any(|k| {
                    k.eq_ignore_ascii_case(kind) || k.eq_ignore_ascii_case("directoryObject")
                })
        };
        ids.iter().filter_map(|id| self.object_value(id)).filter(wanted).collect()
    }

    /// Ids of the groups that an object belongs to.
    pub fn groups_of(&self, id: &str, transitive: bool) -> Result<BTreeSet<String>, GraphError> {
        let directory = self.directory();
        let found = directory.user_by_name(id).map(|u| u.id.clone());
        let id = directory.known(found.as_deref().unwrap_or(id))?;
        Ok(if transitive { directory.groups_of(&id) } else { directory.direct_groups_of(&id) })
    }

    /// Ids of the groups and applications that an object looks after.
    pub fn owned_by(&self, id: &str) -> Vec<Value> {
        let directory = self.directory();
        let groups =
            directory.groups().into_iter().filter(|g| g.owners.contains(id)).map(|g| g.id.clone());
        let applications = directory.applications().into_iter();
        let applications = applications.filter(|a| a.owners.contains(id)).map(|a| a.id.clone());
        groups.chain(applications).filter_map(|id| self.object_value(&id)).collect()
    }

    /// Who looks after an application.
    pub fn application_owners(&self, id: &str) -> Result<Vec<Value>, GraphError> {
        let application = super::graph::find(&self.directory(), id)?;
        Ok(application.owners.iter().filter_map(|id| self.object_value(id)).collect())
    }

    /// Adds an owner of an application, or takes one away.
    pub fn change_application_owner(
        &self,
        id: &str,
        owner: &str,
        adds: bool,
    ) -> Result<(), GraphError> {
        let owner = self.directory().known(owner)?;
        self.change_application(id, |application| {
            let changed = match adds {
                true => application.owners.insert(owner),
                false => application.owners.remove(&owner),
            };
            match (changed, adds) {
                (true, _) => Ok(()),
                (false, true) => Err(GraphError::bad_request(
                    "One or more added object references already exist for the following modified properties: 'owners'.",
                )),
                (false, false) => Err(GraphError::not_found(id)),
            }
        })
    }

    /// Which of these groups a group or other object belongs to.
    pub fn check_member_groups(
        &self,
        id: &str,
        groups: &[String],
    ) -> Result<Vec<String>, GraphError> {
        let of = self.groups_of(id, true)?;
        for group in groups {
            groups::find(&self.directory(), group)?;
        }
        Ok(groups.iter().map(|g| g.to_ascii_lowercase()).filter(|g| of.contains(g)).collect())
    }
}
