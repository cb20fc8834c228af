//! Microsoft.KeyVault as resource types: vaults, their access policies, deleted vaults, free names.

mod access_policies;
mod deleted;
mod names;
mod vaults;

use std::sync::Arc;

use arm::{ArmBuilder, ArmError, Location, NameRule, Patch, ResourceType, Scope, Verb};
use model::{Clock, DateTime, ResourceId};
use serde_json::json;

use crate::Vaults;

pub use vaults::VAULT;

const DELETED_VAULTS: &str = "Microsoft.KeyVault/deletedVaults";
/// Managed HSMs are not served here. `az keyvault list-deleted` asks for the deleted ones beside the vaults: there are none.
const DELETED_HSMS: &str = "Microsoft.KeyVault/deletedManagedHSMs";
const LOCATIONS: &str = "Microsoft.KeyVault/locations";
const LOCATION_DELETED_VAULTS: &str = "Microsoft.KeyVault/locations/deletedVaults";
const ACCESS_POLICIES: &str = "Microsoft.KeyVault/vaults/accessPolicies";
const NAMESPACE: &str = "Microsoft.KeyVault";

pub(crate) const API_VERSIONS: &[&str] = &[
    "2026-05-15",
    "2026-02-01",
    "2025-05-01",
    "2024-11-01",
    "2023-07-01",
    "2023-02-01",
    "2022-07-01",
    "2021-10-01",
    "2019-09-01",
    "2018-02-14",
    "2016-10-01",
];

/// The table entries.
pub const TYPES: &[ResourceType] = &[
    VAULT,
    ResourceType::new(ACCESS_POLICIES).api_versions(API_VERSIONS).patch(Patch::Refused),
    ResourceType::new(DELETED_VAULTS)
        .scopes(&[Scope::Subscription])
        .api_versions(API_VERSIONS)
        .read_only(),
    ResourceType::new(DELETED_HSMS)
        .scopes(&[Scope::Subscription])
        .api_versions(API_VERSIONS)
        .read_only(),
    ResourceType::new(LOCATIONS)
        .scopes(&[Scope::Subscription])
        .api_versions(API_VERSIONS)
        .location(Location::None)
        .read_only(),
    ResourceType::new(LOCATION_DELETED_VAULTS)
        .api_versions(API_VERSIONS)
        .names(NameRule::ANY)
        .read_only(),
];

/// Adds types, providers, hooks and actions.
pub fn register(builder: ArmBuilder, vaults: &Arc<Vaults>, clock: &Arc<dyn Clock>) -> ArmBuilder {
    let deleted = Arc::new(deleted::DeletedVaults::new(Arc::clone(vaults)));
    builder
        .types(TYPES)
        .hook(
            VAULT.name,
            Arc::new(vaults::FollowVaults::new(Arc::clone(vaults), Arc::clone(clock))),
        )
        .provider(ACCESS_POLICIES, Arc::new(access_policies::AccessPolicies))
        .provider(DELETED_VAULTS, deleted.clone())
        .provider(DELETED_HSMS, Arc::new(deleted::NoHsms))
        .provider(LOCATIONS, Arc::new(deleted::Locations))
        .provider(LOCATION_DELETED_VAULTS, deleted.clone())
        .action(LOCATION_DELETED_VAULTS, Verb::Post, "purge", deleted)
        .action(NAMESPACE, Verb::Post, "checkNameAvailability", Arc::new(names::NameAvailability))
}

/// The default vault, made when it is not there: roles decide in it.
pub async fn bootstrap(
    arm: &arm::Arm,
    group: &ResourceId,
    tenant: &str,
    now: DateTime,
) -> Result<ResourceId, ArmError> {
    let id = group.join("providers/Microsoft.KeyVault/vaults/default");
    let body = json!({
        "location": arm.settings().location,
        "properties": {
            "tenantId": tenant, "sku": { "family": "A", "name": "premium" },
            "enableRbacAuthorization": true,
        },
    });
    let call =
        arm::Call { if_none_match: Some("*".into()), ..arm::Call::system(id.clone(), body, now) };
    match arm.put(&call).await {
        Ok(_) => Ok(id),
        // there already; or deleted, which is its owner's business; or sealed at the first start
        Err(error) if matches!(error.status, 412 | 409) => Ok(id),
        Err(error) => Err(error),
    }
}
