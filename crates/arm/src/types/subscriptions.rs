//! Tenants, subscriptions and their locations: what login tools read first. vedette writes them at its first start.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde_json::{Value, json};

use crate::path::Place;
use crate::{
    Action, Answer, Arm, ArmError, Call, NameRule, Page, RESOURCE_GROUPS, ResourceType, Scope,
};

/// The tenant.
pub(crate) const TENANT: ResourceType = ResourceType::new(crate::TENANTS)
    .scopes(&[Scope::Tenant])
    .api_versions(&["2022-12-01", "2020-01-01", "2019-11-01"])
    .names(NameRule::GUID)
    .read_only();

/// A subscription.
pub(crate) const SUBSCRIPTION: ResourceType = ResourceType::new(crate::SUBSCRIPTIONS)
    .scopes(&[Scope::Tenant])
    .api_versions(&["2022-12-01", "2021-01-01", "2020-01-01", "2019-11-01", "2016-06-01"])
    .names(NameRule::GUID)
    .read_only();

/// A tenant's document.
pub(crate) fn tenant(tenant_id: &str, name: &str, domain: &str) -> Value {
    json!({
        "id": format!("/tenants/{tenant_id}"),
        "tenantId": tenant_id,
        "displayName": name,
        "defaultDomain": domain,
        "domains": [domain],
        "tenantCategory": "Home",
        "tenantType": "AAD",
    })
}

/// A subscription's document.
pub(crate) fn subscription(subscription_id: &str, tenant_id: &str, name: &str) -> Value {
    json!({
        "id": format!("/subscriptions/{subscription_id}"),
        "subscriptionId": subscription_id,
        "tenantId": tenant_id,
        "displayName": name,
        "state": "Enabled",
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionPolicies": {
            "locationPlacementId": "Internal_2014-09-01",
            "quotaId": "Internal_2014-09-01",
            "spendingLimit": "Off",
        },
    })
}

/// `GET /subscriptions/{id}/locations`: this installation's own, and those that its resource groups name.
pub(crate) struct Locations;

#[async_trait]
impl Action for Locations {
    async fn run(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let groups = arm
            .store()
            .list_all(&RESOURCE_GROUPS.to_ascii_lowercase(), &format!("{}/", place.id.key()))?;
        let mut names: BTreeSet<String> = groups
            .iter()
            .filter_map(|g| g.value.get("location").and_then(Value::as_str).map(str::to_owned))
            .collect();
        names.insert(arm.settings().location.clone());
        let locations = names.iter().map(|name| {
            json!({
                "id": format!("{}/locations/{name}", place.id),
                "name": name,
                "type": "Region",
                "displayName": name,
                "regionalDisplayName": name,
                "metadata": {
                    "regionType": "Physical",
                    "regionCategory": "Recommended",
                    "geographyGroup": "local",
                },
            })
        });
        let page = Page::whole(locations.collect());
        Ok(Answer::ok(page.into_body(call, &arm.settings().public_url)))
    }
}
