//! Resource groups.

use crate::{DeleteAnswer, Location, NameRule, PutContext, ResourceType, Scope};

/// A resource group. Deleting it deletes what it holds.
pub(crate) const RESOURCE_GROUP: ResourceType = ResourceType::new(crate::RESOURCE_GROUPS)
    .scopes(&[Scope::Subscription])
    .api_versions(&["2025-04-01", "2022-09-01", "2021-04-01", "2020-10-01", "2019-10-01"])
    .location(Location::Required)
    .names(NameRule::RESOURCE_GROUP)
    .delete(DeleteAnswer::Strict)
    .check(|group: &mut PutContext<'_>| {
        group.properties.clear();
        group.succeeded();
        Ok(())
    });
