//! Groups as Microsoft Graph has them, with members and owners.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::DateTime;
use serde_json::{Value, json};
use uuid::Uuid;

use super::graph::{Change, GraphError, checked_name};
use super::{Directory, Group};
use crate::Identity;
use crate::time::{graph_text, unix_seconds};

const MEMBERS_MAX: usize = 100_000;

/// A group to be made.
#[derive(Clone, Debug, Default)]
pub struct NewGroup {
    /// Name for people.
    pub display_name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Its short name.
    pub mail_nickname: String,
    /// Object ids of its first members.
    pub members: Vec<String>,
    /// Object ids of its first owners.
    pub owners: Vec<String>,
}

impl Identity {
    /// Groups in wire form.
    pub fn list_groups(&self) -> Vec<Value> {
        self.directory().groups().iter().map(|g| group_value(g)).collect()
    }

    /// One group by object id.
    pub fn group(&self, id: &str) -> Result<Value, GraphError> {
        find(&self.directory(), id).map(|g| group_value(&g))
    }

    /// Makes a group.
    pub fn create_group(&self, new: NewGroup, now: DateTime) -> Result<Value, GraphError> {
        let display_name = checked_name(&new.display_name)?;
        let nickname = new.mail_nickname.trim();
        if nickname.is_empty()
            || nickname.len() > 64
            || !nickname.bytes().all(|b| b.is_ascii_graphic() && b != b'@')
        {
            return Err(GraphError::bad_request(
                "mailNickname must have 1 to 64 ASCII characters, no blank, no @",
            ));
        }
        let id = Uuid::new_v4().to_string();
        let mut group = Group {
            id,
            display_name,
            description: new.description,
            mail_nickname: nickname.to_owned(),
            created: unix_seconds(now),
            members: BTreeSet::new(),
            owners: BTreeSet::new(),
        };
        let mut value = Value::Null;
        self.change_directory(|directory| {
            for (from, to) in [(&new.members, &mut group.members), (&new.owners, &mut group.owners)]
            {
                for id in from {
                    to.insert(directory.known(id)?);
                }
            }
            value = group_value(&group);
            Ok(vec![Change::PutGroup(group)])
        })?;
        Ok(value)
    }

    /// Changes what `body` names.
    pub fn update_group(&self, id: &str, body: &Value) -> Result<(), GraphError> {
        let fields = body
            .as_object()
            .ok_or_else(|| GraphError::bad_request("the body must be an object"))?;
        self.change_group(id, |_, group| {
            for (field, value) in fields {
                match field.as_str() {
                    "displayName" => {
                        group.display_name = checked_name(value.as_str().unwrap_or_default())?
                    }
                    "description" => group.description = value.as_str().map(str::to_owned),
                    "mailNickname" => {
                        group.mail_nickname = checked_name(value.as_str().unwrap_or_default())?
                    }
                    "id" | "@odata.type" | "securityEnabled" | "mailEnabled" => {}
                    _ if value.is_null() => {}
                    other => {
                        return Err(GraphError::bad_request(format!(
                            "the property '{other}' of groups is not kept here"
                        )));
                    }
                }
            }
            Ok(())
        })
    }

    /// Removes a group.
    pub fn delete_group(&self, id: &str) -> Result<(), GraphError> {
        self.change_directory(|directory| {
            let group = find(directory, id)?;
            self.keep_an_administrator(&group.id)?;
            let mut changes = directory.leave_all(&group.id);
            changes.push(Change::RemoveGroup(group.id.clone()));
            Ok(changes)
        })
    }

    /// What belongs to a group in wire form; through other groups too, when `transitive`.
    pub fn group_members(&self, id: &str, transitive: bool) -> Result<Vec<Value>, GraphError> {
        let directory = self.directory();
        let group = find(&directory, id)?;
        let ids = if transitive { directory.members_of(&group.id) } else { group.members.clone() };
        Ok(ids.iter().filter_map(|id| self.object_value(id)).collect())
    }

    /// Who looks after a group, in wire form.
    pub fn group_owners(&self, id: &str) -> Result<Vec<Value>, GraphError> {
        let group = find(&self.directory(), id)?;
        Ok(group.owners.iter().filter_map(|id| self.object_value(id)).collect())
    }

    /// Adds a member, or an owner.
    pub fn add_to_group(&self, id: &str, member: &str, as_owner: bool) -> Result<(), GraphError> {
        self.change_group(id, |directory, group| {
            let member = directory.known(member)?;
            if !as_owner && member == group.id {
                return Err(GraphError::bad_request("a group cannot be a member of itself"));
            }
            let list = if as_owner { &mut group.owners } else { &mut group.members };
            if list.len() >= MEMBERS_MAX {
                return Err(GraphError::bad_request(format!("at most {MEMBERS_MAX} members")));
            }
            match list.insert(member) {
                true => Ok(()),
                false => Err(GraphError::bad_request(format!(
                    "One or more added object references already exist for the following modified properties: '{}'.",
                    if as_owner { "owners" } else { "members" }
                ))),
            }
        })
    }

    /// Takes a member, or an owner, out. The last who can assign roles stays.
    pub fn remove_from_group(
        &self,
        id: &str,
        member: &str,
        as_owner: bool,
    ) -> Result<(), GraphError> {
        let member = member.to_ascii_lowercase();
        self.change_directory(|directory| {
            let mut group = Group::clone(&*find(directory, id)?);
            let list = if as_owner { &mut group.owners } else { &mut group.members };
            if !list.remove(&member) {
                return Err(GraphError::not_found(&member));
            }
            if !as_owner {
                let mut after = directory.clone();
                after.put_group(group.clone());
                self.require_an_administrator(directory, &after)?;
            }
            Ok(vec![Change::PutGroup(group)])
        })
    }

    fn change_group(
        &self,
        id: &str,
        change: impl FnOnce(&Directory, &mut Group) -> Result<(), GraphError>,
    ) -> Result<(), GraphError> {
        self.change_directory(|directory| {
            let mut group = Group::clone(&*find(directory, id)?);
            change(directory, &mut group)?;
            Ok(vec![Change::PutGroup(group)])
        })
    }
}

pub(super) fn find(directory: &Directory, id: &str) -> Result<Arc<Group>, GraphError> {
    directory.group(id).cloned().ok_or_else(|| GraphError::not_found(id))
}

pub(super) fn group_value(group: &Group) -> Value {
    json!({
        "id": group.id,
        "deletedDateTime": null,
        "displayName": group.display_name,
        "description": group.description,
        "mailNickname": group.mail_nickname,
        "mail": null,
        "mailEnabled": false,
        "securityEnabled": true,
        "groupTypes": [],
        "visibility": null,
        "createdDateTime": graph_text(group.created),
    })
}
