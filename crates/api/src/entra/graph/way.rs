//! A call on its way through a family: what it changes is told to AuditLogs, whether or not it succeeds.

use identity::GraphError;
use serde_json::Value;

use super::{Call, Failure, Reply, id_of, target};
use crate::Doors;
use crate::audit::Target;

pub(super) const USERS: &str = "UserManagement";

/// What a change is called in AuditLogs.
pub(super) struct Told {
    pub(super) operation: &'static str,
    pub(super) category: &'static str,
    pub(super) kind: &'static str,
    pub(super) targets: Vec<Target>,
}

impl Told {
    pub(super) const fn new(
        operation: &'static str,
        category: &'static str,
        kind: &'static str,
    ) -> Self {
        Self { operation, category, kind, targets: Vec::new() }
    }

    /// Adds what it was done to, by object id.
    pub(super) fn to(mut self, doors: &Doors, id: &str) -> Self {
        self.targets.push(target(doors, id));
        self
    }

    /// Adds a changed property to the last target.
    pub(super) fn changed(
        mut self,
        name: &str,
        old: impl Into<String>,
        new: impl Into<String>,
    ) -> Self {
        if let Some(target) = self.targets.last_mut() {
            target.changes.push((name.to_owned(), old.into(), new.into()));
        }
        self
    }
}

/// A call, and what it has told so far.
pub(super) struct Way<'c> {
    pub(super) doors: &'c Doors,
    pub(super) call: &'c Call,
    pub(super) told: Option<Told>,
}

impl<'c> Way<'c> {
    /// The path below the family's name, in lower case.
    pub(super) fn path(&self) -> Vec<&'c str> {
        self.call.lower.iter().skip(1).map(String::as_str).collect()
    }

    /// A new object.
    pub(super) fn create(
        &mut self,
        told: Told,
        make: impl FnOnce() -> Result<Value, GraphError>,
    ) -> Result<Reply, Failure> {
        let told = self.told.insert(told);
        let made = make()?;
        told.targets.push(target(self.doors, &id_of(&made)));
        Ok(Reply::Object(201, made))
    }

    /// A change of an object that is there.
    pub(super) fn change(
        &mut self,
        told: Told,
        id: &str,
        act: impl FnOnce() -> Result<(), GraphError>,
    ) -> Result<Reply, Failure> {
        self.begin(told, id)?;
        act()?;
        Ok(Reply::Empty)
    }

    /// The first half of a change: it is told of, and the caller may do it. People are guarded otherwise than groups
    /// and applications.
    pub(super) fn begin(&mut self, told: Told, id: &str) -> Result<(), GraphError> {
        let identity = &self.doors.identity;
        let is_person = told.category == USERS;
        self.told = Some(told.to(self.doors, id));
        if is_person {
            identity.require_user_change(&self.call.caller, id)
        } else {
            identity.require_change(&self.call.caller, id)
        }
    }

    /// Adds a changed property to what was told.
    pub(super) fn changed(&mut self, name: &str, old: impl Into<String>, new: impl Into<String>) {
        self.told = self.told.take().map(|told| told.changed(name, old, new));
    }
}
