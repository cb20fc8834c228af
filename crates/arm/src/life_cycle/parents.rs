//! Every resource lives somewhere: is that place there, and how is it spelled?

use model::ResourceId;
use serde_json::Value;

use super::{Arm, missing};
use crate::path::{Place, Target};
use crate::{ArmError, Call, RESOURCE_GROUPS, ResourceType, SUBSCRIPTIONS, Scope};

impl Arm {
    /// Fails unless the place exists.
    pub(super) async fn require(&self, call: &Call, place: &Place) -> Result<(), ArmError> {
        if place.type_name.is_empty() {
            return Ok(()); // the root
        }
        let Some(entry) = self.registry.find(&place.type_name) else {
            return Err(self
                .registry
                .entry(&place.type_name)
                .err()
                .unwrap_or_else(|| missing(place)));
        };
        match &entry.provider {
            Some(provider) => {
                Box::pin(self.require_parent(call, place)).await?;
                provider.get(self, call, place).await?.map(drop).ok_or_else(|| missing(place))
            }
            None => match self.store.get(&entry.kind.collection(), &place.id.key())? {
                Some(_) => Ok(()),
                None => {
                    Box::pin(self.require_parent(call, place)).await?;
                    Err(missing(place))
                }
            },
        }
    }

    /// Fails below a resource that was deleted and rests: what it holds is in its place, and out of reach.
    pub(super) async fn require_living(
        &self,
        call: &Call,
        target: &Target,
    ) -> Result<(), ArmError> {
        let mut above = match target {
            Target::Resource(place) => place.parent.as_deref(),
            // lists and actions look at their scope themselves
            Target::Collection { scope, .. } | Target::Namespaces { scope, .. } => {
                scope.parent.as_deref()
            }
        };
        while let Some(place) = above {
            let entry = self.registry.find(&place.type_name);
            if entry.is_some_and(|e| e.kind.rests_in.is_some()) {
                return self.require(call, place).await.map_err(|error| match &*error.code {
                    "ResourceNotFound" => ArmError::parent_not_found(&place.id),
                    _ => error,
                });
            }
            above = place.parent.as_deref();
        }
        Ok(())
    }

    /// Fails unless the place's parent exists, with the code that names what is missing.
    pub(super) async fn require_parent(&self, call: &Call, place: &Place) -> Result<(), ArmError> {
        let Some(parent) = place.parent.as_deref() else { return Ok(()) };
        let entry = self.registry.find(&place.type_name);
        if entry.is_some_and(|e| self.is_foreign(e.kind, parent)) {
            return Box::pin(self.require_parent(call, parent)).await;
        }
        self.require(call, parent).await.map_err(|error| {
            let is_resource = !is_scope(parent);
            if is_resource && error.code == "ResourceNotFound" {
                ArmError::parent_not_found(&parent.id)
            } else {
                error
            }
        })
    }

    /// True for a parent of a type that is not served here (a virtual machine, say) under an extension that may sit on
    /// anything: its group must exist, it need not.
    pub(super) fn is_foreign(&self, kind: &ResourceType, parent: &Place) -> bool {
        let anywhere = !kind.is_child() && kind.scopes.contains(&Scope::OnAny);
        anywhere && !parent.type_name.is_empty() && self.registry.find(&parent.type_name).is_none()
    }

    /// The id in canonical casing: what is stored above keeps its first writer's, types have the table's, the name is
    /// as given.
    pub(super) fn canonical_id(&self, place: &Place) -> Result<ResourceId, ArmError> {
        let Some(parent) = place.parent.as_deref() else { return Ok(place.id.clone()) };
        let entry = self.registry.find(&place.type_name);
        if let Some(entry) = entry.filter(|e| e.provider.is_none())
            && let Some(document) = self.store.get(&entry.kind.collection(), &place.id.key())?
            && let Some(id) = document.value.get("id").and_then(Value::as_str)
        {
            return Ok(ResourceId::new(id));
        }
        let type_name = entry.map_or(place.type_name.as_str(), |e| e.kind.name);
        let last = type_name.rsplit('/').next().unwrap_or("");
        let path = match (place.is_child(), type_name) {
            (_, SUBSCRIPTIONS | RESOURCE_GROUPS) | (true, _) => last.to_owned(),
            (false, _) => format!("providers/{type_name}"),
        };
        Ok(self.canonical_id(parent)?.join(&format!("{path}/{}", place.id.name())))
    }
}

/// Root, subscription or resource group.
pub(super) fn is_scope(place: &Place) -> bool {
    [SUBSCRIPTIONS, RESOURCE_GROUPS, ""].iter().any(|t| place.type_name.eq_ignore_ascii_case(t))
}

/// True when resources of the type live directly in the place.
pub(super) fn lives_in(kind: &ResourceType, place: &Place) -> bool {
    if kind.is_child() {
        let parent_type = kind.name.rsplit_once('/').map_or("", |(parent, _)| parent);
        return place.type_name.eq_ignore_ascii_case(parent_type);
    }
    kind.scopes.iter().any(|scope| match scope {
        Scope::Tenant => place.type_name.is_empty(),
        Scope::Subscription => place.type_name.eq_ignore_ascii_case(SUBSCRIPTIONS),
        Scope::ResourceGroup => place.type_name.eq_ignore_ascii_case(RESOURCE_GROUPS),
        Scope::On(type_name) => place.type_name.eq_ignore_ascii_case(type_name),
        Scope::OnAny => true,
    })
}
