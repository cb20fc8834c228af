//! The first start: a tenant, a subscription, a resource group, a workspace and the default way into its tables.

use model::{DateTime, ResourceId};
use serde_json::{Value, json};
use state::{Condition, StoreError};

use crate::fields::get;
use crate::types::{data_collection, subscriptions, workspaces};
use crate::{Arm, ArmError, Call, SUBSCRIPTIONS, TENANTS, Verb};

/// Holds what was decided at the first start, under the key `installation`.
const INSTALLATION: &str = "installation";

/// Names to give at the first start.
#[derive(Clone, Debug)]
pub struct BootstrapNames {
    /// Display name of the tenant.
    pub tenant: String,
    /// The tenant's domain.
    pub domain: String,
    /// Display name of the subscription.
    pub subscription: String,
    /// Resource group.
    pub resource_group: String,
    /// Log Analytics workspace.
    pub workspace: String,
    /// Data collection endpoint.
    pub data_collection_endpoint: String,
    /// Data collection rule that takes rows for every table.
    pub data_collection_rule: String,
}

impl std::default::Default for BootstrapNames {
    fn default() -> Self {
        Self {
            tenant: "vedette".into(),
            domain: "vedette.localhost".into(),
            subscription: "vedette".into(),
            resource_group: "vedette".into(),
            workspace: "vedette".into(),
            data_collection_endpoint: "vedette".into(),
            data_collection_rule: "vedette".into(),
        }
    }
}

/// What the installation consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Tenant GUID.
    pub tenant_id: String,
    /// Subscription GUID.
    pub subscription_id: String,
    /// Resource group.
    pub resource_group: ResourceId,
    /// Workspace.
    pub workspace: ResourceId,
    /// The workspace's customer id, lower case.
    pub customer_id: String,
    /// Data collection endpoint.
    pub data_collection_endpoint: ResourceId,
    /// Default data collection rule.
    pub data_collection_rule: ResourceId,
    /// Its immutable id, `dcr-...`.
    pub data_collection_rule_immutable_id: String,
}

/// Creates what is missing and tells what there is. The names of the first start stay, whatever later ones say.
pub async fn bootstrap(
    arm: &Arm,
    names: &BootstrapNames,
    now: DateTime,
) -> Result<Installation, ArmError> {
    let kept = remember(arm, names)?;
    let text = |name: &str| get(&kept, name).as_str().unwrap_or_default().to_owned();
    let (tenant_id, subscription_id) = (text("tenantId"), text("subscriptionId"));
    keep(arm, TENANTS, subscriptions::tenant(&tenant_id, &text("tenant"), &text("domain")))?;
    let subscription =
        subscriptions::subscription(&subscription_id, &tenant_id, &text("subscription"));
    keep(arm, SUBSCRIPTIONS, subscription)?;

    let location = &arm.settings().location;
    let group = ResourceId::new(&format!(
        "/subscriptions/{subscription_id}/resourceGroups/{}",
        text("resourceGroup")
    ));
    ensure(arm, &group, json!({ "location": location }), now).await?;
    let place = |kind: &str, name: &str| group.join(&format!("providers/{kind}/{}", text(name)));
    let workspace = place(workspaces::WORKSPACE.name, "workspace");
    let workspace_value = ensure(arm, &workspace, json!({ "location": location }), now).await?;
    let endpoint = place(data_collection::ENDPOINT.name, "dataCollectionEndpoint");
    ensure(arm, &endpoint, json!({ "location": location }), now).await?;
    let rule = place(data_collection::RULE.name, "dataCollectionRule");
    let body = json!({
        "location": location,
        "kind": "Direct",
        "properties": {
            "description": "Takes rows for every table: streams Microsoft-<Table> and Custom-<Table>.",
            "dataCollectionEndpointId": endpoint.as_str(),
            "destinations": {
                "logAnalytics": [{ "name": "workspace", "workspaceResourceId": workspace.as_str() }],
            },
            "streamsFromTables": true,
        },
    });
    let rule_value = ensure(arm, &rule, body, now).await?;
    let immutable_id = get(&rule_value, "properties/immutableId").as_str().unwrap_or_default();
    Ok(Installation {
        tenant_id,
        subscription_id,
        resource_group: group,
        workspace,
        customer_id: workspaces::customer_id_of(&workspace_value).unwrap_or_default(),
        data_collection_endpoint: endpoint,
        data_collection_rule: rule,
        data_collection_rule_immutable_id: immutable_id.to_owned(),
    })
}

/// Ids and names, decided once.
fn remember(arm: &Arm, names: &BootstrapNames) -> Result<Value, ArmError> {
    let fresh = json!({
        "tenantId": uuid::Uuid::new_v4().to_string(),
        "subscriptionId": uuid::Uuid::new_v4().to_string(),
        "tenant": names.tenant,
        "domain": names.domain,
        "subscription": names.subscription,
        "resourceGroup": names.resource_group,
        "workspace": names.workspace,
        "dataCollectionEndpoint": names.data_collection_endpoint,
        "dataCollectionRule": names.data_collection_rule,
    });
    match arm.store().put(INSTALLATION, INSTALLATION, fresh, Condition::Absent) {
        Ok(document) => Ok(document.value),
        Err(StoreError::Conflict { .. }) => {
            let document = arm.store().get(INSTALLATION, INSTALLATION)?;
            Ok(document.map(|d| d.value).unwrap_or_default())
        }
        Err(other) => Err(other.into()),
    }
}

/// Stores a document that clients can only read, unless it is there.
fn keep(arm: &Arm, kind: &str, value: Value) -> Result<(), ArmError> {
    let key = ResourceId::new(get(&value, "id").as_str().unwrap_or_default()).key();
    match arm.store().put(&kind.to_ascii_lowercase(), &key, value, Condition::Absent) {
        Ok(_) | Err(StoreError::Conflict { .. }) => Ok(()),
        Err(other) => Err(other.into()),
    }
}

/// Creates a resource unless it is there; gives its wire form.
async fn ensure(arm: &Arm, id: &ResourceId, body: Value, now: DateTime) -> Result<Value, ArmError> {
    let call = Call { if_none_match: Some("*".into()), ..Call::system(id.clone(), body, now) };
    match arm.answer(Verb::Put, &call).await {
        Ok(answer) => Ok(answer.value()),
        Err(error) if error.status == 412 => arm.get(&call).await,
        Err(error) => Err(error),
    }
}
