//! Which types, providers, hooks and actions exist: filled once by the binary, then only read.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use model::ResourceId;
use serde_json::Value;

use crate::path::Place;
use crate::{Answer, Arm, ArmError, Call, Page, PutContext, ResourceType, Verb};

/// A type whose resources are not plain documents: tables, tags, anything computed. Registered beside the type's table
/// entry, it takes the place of the built-in life cycle. Parents have been found to exist when it is called.
#[async_trait]
pub trait Provider: Send + Sync {
    /// One resource in its wire form; none when it does not exist.
    async fn get(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Option<Value>, ArmError>;

    /// The resources of the type in a scope.
    async fn list(&self, arm: &Arm, call: &Call, scope: &Place) -> Result<Page, ArmError>;

    /// Creates or replaces.
    async fn put(&self, _arm: &Arm, _call: &Call, _place: &Place) -> Result<Answer, ArmError> {
        Err(ArmError::method_not_allowed("PUT"))
    }

    /// Changes in part.
    async fn patch(&self, _arm: &Arm, _call: &Call, _place: &Place) -> Result<Answer, ArmError> {
        Err(ArmError::method_not_allowed("PATCH"))
    }

    /// Removes.
    async fn delete(&self, _arm: &Arm, _call: &Call, _place: &Place) -> Result<Answer, ArmError> {
        Err(ArmError::method_not_allowed("DELETE"))
    }
}

/// Follows the documents of a type with state of its own: compiled rules, saved functions, indexes.
#[async_trait]
pub trait Hook: Send + Sync {
    /// Called once when the house is built: reads what is stored.
    fn start(&self, _arm: &Arm) -> Result<(), ArmError> {
        Ok(())
    }

    /// Judges or completes a value after the type's own check, before it is stored. May wait (bind a query).
    async fn check(&self, _arm: &Arm, _context: &mut PutContext<'_>) -> Result<(), ArmError> {
        Ok(())
    }

    /// Judges a delete that was asked for by name, with its parameters, before anything is removed.
    async fn asked_to_delete(
        &self,
        _arm: &Arm,
        _call: &Call,
        _id: &ResourceId,
        _value: &Value,
    ) -> Result<(), ArmError> {
        Ok(())
    }

    /// Judges a delete before it happens, also one by a cascade, and takes away what belongs to the resource. Runs
    /// again when the delete is tried again; not called where the resource rests (soft delete), but when it is purged.
    async fn deleting(&self, _arm: &Arm, _id: &ResourceId, _value: &Value) -> Result<(), ArmError> {
        Ok(())
    }

    /// Told after a document was stored (`value`) or removed (none), also by a cascade. `old` is what was there. An
    /// error reaches the caller although the document is stored: the same call again must mend it.
    async fn changed(
        &self,
        _arm: &Arm,
        _id: &ResourceId,
        _old: Option<&Value>,
        _value: Option<&Value>,
    ) -> Result<(), ArmError> {
        Ok(())
    }

    /// Called after one change, or once after many that came together: the place for work over all documents.
    async fn settled(&self, _arm: &Arm) -> Result<(), ArmError> {
        Ok(())
    }
}

/// What happens at a path behind a resource that is no resource itself: `POST .../workspaces/w/sharedKeys`.
#[async_trait]
pub trait Action: Send + Sync {
    /// Runs it. `place` exists, unless the action belongs to a namespace.
    async fn run(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError>;
}

/// A type with everything registered for it.
#[derive(Clone)]
pub(crate) struct Entry {
    pub(crate) kind: &'static ResourceType,
    pub(crate) provider: Option<Arc<dyn Provider>>,
    pub(crate) hooks: Vec<Arc<dyn Hook>>,
}

/// All that is registered.
#[derive(Default)]
pub(crate) struct Registry {
    /// By full type name in lower case.
    entries: BTreeMap<String, Entry>,
    /// By owner type (or namespace) in lower case, verb, and name in lower case.
    actions: HashMap<(String, Verb, String), Arc<dyn Action>>,
}

impl Registry {
    pub(crate) fn add_type(&mut self, kind: &'static ResourceType) -> Result<(), String> {
        let entry = Entry { kind, provider: None, hooks: Vec::new() };
        match self.entries.insert(kind.collection(), entry) {
            None => Ok(()),
            Some(_) => Err(format!("the resource type {} is registered twice", kind.name)),
        }
    }

    pub(crate) fn add_provider(
        &mut self,
        name: &str,
        provider: Arc<dyn Provider>,
    ) -> Result<(), String> {
        match self.entries.get_mut(&name.to_ascii_lowercase()) {
            Some(entry) if entry.provider.is_none() => {
                entry.provider = Some(provider);
                Ok(())
            }
            Some(_) => Err(format!("the resource type {name} has two providers")),
            None => Err(format!("the provider of {name} comes before its table entry")),
        }
    }

    pub(crate) fn add_hook(&mut self, name: &str, hook: Arc<dyn Hook>) -> Result<(), String> {
        let entry = self.entries.get_mut(&name.to_ascii_lowercase());
        entry
            .ok_or_else(|| format!("the hook of {name} comes before its table entry"))?
            .hooks
            .push(hook);
        Ok(())
    }

    pub(crate) fn add_action(
        &mut self,
        owner: &str,
        verb: Verb,
        name: &str,
        action: Arc<dyn Action>,
    ) -> Result<(), String> {
        let key = (owner.to_ascii_lowercase(), verb, name.to_ascii_lowercase());
        match self.actions.insert(key, action) {
            None => Ok(()),
            Some(_) => Err(format!("the action {owner}/{name} is registered twice")),
        }
    }

    pub(crate) fn find(&self, type_name: &str) -> Option<&Entry> {
        self.entries.get(&type_name.to_ascii_lowercase())
    }

    /// The entry of a type, or the refusal that tells namespace from type.
    pub(crate) fn entry(&self, type_name: &str) -> Result<&Entry, ArmError> {
        self.find(type_name).ok_or_else(|| {
            let namespace = type_name.split('/').next().unwrap_or("");
            let known = self.kinds().any(|k| k.namespace().eq_ignore_ascii_case(namespace));
            if known {
                ArmError::unknown_type(type_name)
            } else {
                ArmError::unknown_namespace(namespace)
            }
        })
    }

    pub(crate) fn action(&self, owner: &str, verb: Verb, name: &str) -> Option<&Arc<dyn Action>> {
        self.actions.get(&(owner.to_ascii_lowercase(), verb, name.to_ascii_lowercase()))
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }

    pub(crate) fn kinds(&self) -> impl Iterator<Item = &'static ResourceType> {
        self.entries.values().map(|e| e.kind)
    }
}
