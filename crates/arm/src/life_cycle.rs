//! The one life cycle: from a call to a stored document and an answer.

use std::sync::Arc;

use model::ResourceId;
use parking_lot::RwLock;
use serde_json::Value;
use state::{Document, Store};

use crate::path::{Place, Target};
use crate::registry::{Action, Entry, Hook, Provider, Registry};
use crate::{Answer, ArmError, Call, Page, RESOURCE_GROUPS, ResourceType, SUBSCRIPTIONS, Verb};

mod delete;
mod etag;
mod list;
mod members;
mod merge;
mod parents;
mod put;
mod wire;

pub(crate) use members::check_tags;
pub use wire::wire_etag;

/// Most resources on one page of a list.
pub(crate) const PAGE_SIZE: usize = 500;

/// Names and places of this installation that resources tell.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The public URL without a slash at the end, `https://localhost:8443`.
    pub public_url: String,
    /// The location that this installation reports, `local`.
    pub location: String,
}

/// Resource Manager: the types of this installation over its store.
pub struct Arm {
    store: Arc<dyn Store>,
    settings: Settings,
    registry: Registry,
    /// Writers hold it shared, deletes alone: no child is stored below a parent that a cascade is removing.
    gate: RwLock<()>,
}

/// Puts an [`Arm`] together.
pub struct ArmBuilder {
    arm: Arm,
    wrong: Vec<String>,
}

impl ArmBuilder {
    /// Adds types.
    #[must_use]
    pub fn types(mut self, types: &'static [ResourceType]) -> Self {
        for kind in types {
            self.wrong.extend(self.arm.registry.add_type(kind).err());
        }
        self
    }

    /// Gives a type a provider.
    #[must_use]
    pub fn provider(mut self, type_name: &str, provider: Arc<dyn Provider>) -> Self {
        self.wrong.extend(self.arm.registry.add_provider(type_name, provider).err());
        self
    }

    /// Adds a hook to a type.
    #[must_use]
    pub fn hook(mut self, type_name: &str, hook: Arc<dyn Hook>) -> Self {
        self.wrong.extend(self.arm.registry.add_hook(type_name, hook).err());
        self
    }

    /// Adds an action behind resources of a type, or behind a namespace at any scope.
    #[must_use]
    pub fn action(mut self, owner: &str, verb: Verb, name: &str, action: Arc<dyn Action>) -> Self {
        self.wrong.extend(self.arm.registry.add_action(owner, verb, name, action).err());
        self
    }

    /// The finished house, or what was registered wrongly.
    pub fn build(self) -> Result<Arc<Arm>, String> {
        if !self.wrong.is_empty() {
            return Err(self.wrong.join("; "));
        }
        for entry in self.arm.registry.entries() {
            for hook in &entry.hooks {
                hook.start(&self.arm).map_err(|e| format!("{}: {e}", entry.kind.name))?;
            }
        }
        Ok(Arc::new(self.arm))
    }
}

impl Arm {
    /// Starts a house over a store.
    pub fn builder(store: Arc<dyn Store>, settings: Settings) -> ArmBuilder {
        let arm = Self { store, settings, registry: Registry::default(), gate: RwLock::new(()) };
        ArmBuilder { arm, wrong: Vec::new() }
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Names and places of this installation.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The table entry of a type, by name without case.
    pub fn resource_type(&self, name: &str) -> Option<&'static ResourceType> {
        self.registry.find(name).map(|e| e.kind)
    }

    /// All registered types, by name.
    pub fn resource_types(&self) -> impl Iterator<Item = &'static ResourceType> {
        self.registry.kinds()
    }

    /// Carries out any call: resources, lists, actions.
    pub async fn answer(&self, verb: Verb, call: &Call) -> Result<Answer, ArmError> {
        let target = Target::parse(call.id.as_str())?;
        self.require_living(call, &target).await?;
        match (target, verb) {
            (Target::Resource(place), Verb::Get) => self.get_at(call, &place).await.map(Answer::ok),
            (Target::Resource(place), Verb::Head) => {
                self.get_at(call, &place).await.map(|_| Answer::empty(204))
            }
            (Target::Resource(place), Verb::Put) => self.put_at(call, &place).await,
            (Target::Resource(place), Verb::Patch) => self.patch_at(call, &place).await,
            (Target::Resource(place), Verb::Delete) => self.delete_at(call, &place).await,
            (Target::Resource(place), Verb::Post) => {
                self.registry.entry(&place.type_name)?;
                Err(ArmError::method_not_allowed("POST"))
            }
            (Target::Collection { scope, type_name }, verb) => {
                self.collection_or_action(verb, call, &scope, &type_name).await
            }
            (Target::Namespaces { scope, namespace }, verb) => {
                self.namespaces(verb, call, &scope, namespace.as_deref()).await
            }
        }
    }

    /// Creates or replaces the resource that the call names.
    pub async fn put(&self, call: &Call) -> Result<Answer, ArmError> {
        self.answer(Verb::Put, call).await
    }

    /// Changes a resource in part.
    pub async fn patch(&self, call: &Call) -> Result<Answer, ArmError> {
        self.answer(Verb::Patch, call).await
    }

    /// One resource in its wire form.
    pub async fn get(&self, call: &Call) -> Result<Value, ArmError> {
        self.answer(Verb::Get, call).await.map(Answer::value)
    }

    /// Removes a resource and all below it.
    pub async fn delete(&self, call: &Call) -> Result<Answer, ArmError> {
        self.answer(Verb::Delete, call).await
    }

    /// One page of the resources of a type in a scope: the call's id is the scope.
    pub async fn list(&self, call: &Call, type_name: &str) -> Result<Page, ArmError> {
        let scope = match Target::parse(call.id.as_str())? {
            Target::Resource(place) => place,
            _ => return Err(ArmError::not_found(&call.id)),
        };
        let entry = self.registry.entry(type_name)?;
        self.list_at(call, &scope, entry).await
    }

    /// The stored document of a plain type, as it is; none when absent or of a provider.
    pub fn document(&self, id: &ResourceId) -> Result<Option<Document>, ArmError> {
        let Target::Resource(place) = Target::parse(id.as_str())? else { return Ok(None) };
        let entry = self.registry.entry(&place.type_name)?;
        Ok(self.store.get(&entry.kind.collection(), &id.key())?)
    }

    /// The id behind an index entry, [`crate::Index`].
    pub fn find(&self, index: &str, key: &str) -> Result<Option<ResourceId>, ArmError> {
        let entry = self.store.get(index, key)?;
        Ok(entry.and_then(|d| d.value.get("id").and_then(Value::as_str).map(ResourceId::new)))
    }

    async fn get_at(&self, call: &Call, place: &Place) -> Result<Value, ArmError> {
        let entry = self.registry.entry(&place.type_name)?;
        match self.look(call, place, entry).await? {
            Some(value) => Ok(value),
            None => {
                self.require_parent(call, place).await?;
                Err(missing(place))
            }
        }
    }

    /// The wire form of a resource of any type; none when it does not exist.
    async fn look(
        &self,
        call: &Call,
        place: &Place,
        entry: &Entry,
    ) -> Result<Option<Value>, ArmError> {
        match &entry.provider {
            Some(provider) => {
                self.require_parent(call, place).await?;
                provider.get(self, call, place).await
            }
            None => {
                let document = self.store.get(&entry.kind.collection(), &place.id.key())?;
                Ok(document.map(|d| wire::resource(entry.kind, d)))
            }
        }
    }

    async fn collection_or_action(
        &self,
        verb: Verb,
        call: &Call,
        scope: &Place,
        type_name: &str,
    ) -> Result<Answer, ArmError> {
        let (owner, name) = type_name.rsplit_once('/').unwrap_or((type_name, ""));
        if let Some(action) = self.registry.action(owner, verb, name) {
            self.require(call, scope).await?;
            return action.run(self, call, scope).await;
        }
        if verb == Verb::Post && name.eq_ignore_ascii_case("register") && !owner.contains('/') {
            return self.namespaces(Verb::Get, call, scope, Some(owner)).await; // all are registered
        }
        let entry = self.registry.entry(type_name)?;
        if verb != Verb::Get {
            return Err(ArmError::method_not_allowed("this method on a collection"));
        }
        let page = self.list_at(call, scope, entry).await?;
        Ok(Answer::ok(page.into_body(call, &self.settings.public_url)))
    }
}

/// The 404 that fits the type.
fn missing(place: &Place) -> ArmError {
    if place.type_name.eq_ignore_ascii_case(SUBSCRIPTIONS) {
        ArmError::subscription_not_found(place.id.name())
    } else if place.type_name.eq_ignore_ascii_case(RESOURCE_GROUPS) {
        ArmError::resource_group_not_found(place.id.name())
    } else {
        ArmError::not_found(&place.id)
    }
}
