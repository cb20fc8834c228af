//! The first start: a tenant, a subscription, a resource group, a workspace and the default way into its tables.

use model::{DateTime, ResourceId};
use serde_json::{Value, json};
use state::{Condition, Store, StoreError};

use crate::fields::get;
use crate::types::{data_collection, subscriptions, workspaces};
use crate::{Arm, ArmError, Call, SUBSCRIPTIONS, TENANTS, Verb};

/// Collection of what was decided at the first start.
const INSTALLATION: &str = "installation";

/// Key in it: which customer id the installation's own workspace has, also after it was deleted and made again. The
/// server's own rows go there.
const OWN_WORKSPACE: &str = "workspace";
/// Days that the installation's own workspace keeps rows, as workspaces of Sentinel do.
pub(crate) const RETENTION_DAYS: u32 = 90;

/// Names to give at the first start.
#[derive(Clone, Debug)]
pub struct BootstrapNames {
    /// The tenant's GUID, where identity decides it; none makes one.
    pub tenant_id: Option<String>,
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
            tenant_id: None,
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
    let tenant_id = names.tenant_id.clone().unwrap_or_else(|| text("tenantId"));
    let subscription_id = subscription_id(arm.store().as_ref())?;
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
    let body = json!({ "location": location, "properties": { "retentionInDays": RETENTION_DAYS } });
    let workspace_value = ensure(arm, &workspace, body, now).await?;
    let customer_id = workspaces::customer_id_of(&workspace_value).unwrap_or_default();
    once(
        arm.store().as_ref(),
        OWN_WORKSPACE,
        json!({ "workspace": workspace.key(), "customerId": customer_id }),
    )?;
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
        customer_id,
        data_collection_endpoint: endpoint,
        data_collection_rule: rule,
        data_collection_rule_immutable_id: immutable_id.to_owned(),
    })
}

fn new_guid() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The subscription's GUID, decided when first asked for: identity needs it before there are resources.
pub fn subscription_id(store: &dyn Store) -> Result<String, ArmError> {
    let kept = once(store, "subscription", json!({ "subscriptionId": new_guid() }))?;
    Ok(get(&kept, "subscriptionId").as_str().unwrap_or_default().to_owned())
}

/// The customer id that is kept for this workspace; none unless it is the installation's own.
pub(crate) fn own_customer_id(
    store: &dyn Store,
    workspace: &ResourceId,
) -> Result<Option<String>, ArmError> {
    let kept = store.get(INSTALLATION, OWN_WORKSPACE)?.map(|d| d.value).unwrap_or_default();
    let own = get(&kept, "workspace").as_str() == Some(workspace.key().as_str());
    Ok(get(&kept, "customerId").as_str().filter(|_| own).map(str::to_owned))
}

/// Ids and names, decided once.
fn remember(arm: &Arm, names: &BootstrapNames) -> Result<Value, ArmError> {
    let fresh = json!({
        "tenantId": names.tenant_id.clone().unwrap_or_else(new_guid),
        "tenant": names.tenant,
        "domain": names.domain,
        "subscription": names.subscription,
        "resourceGroup": names.resource_group,
        "workspace": names.workspace,
        "dataCollectionEndpoint": names.data_collection_endpoint,
        "dataCollectionRule": names.data_collection_rule,
    });
    once(arm.store().as_ref(), INSTALLATION, fresh)
}

/// What is stored under the key; `fresh`, stored, when there was nothing.
fn once(store: &dyn Store, key: &str, fresh: Value) -> Result<Value, ArmError> {
    match store.put(INSTALLATION, key, fresh, Condition::Absent) {
        Ok(document) => Ok(document.value),
        Err(StoreError::Conflict { .. }) => {
            Ok(store.get(INSTALLATION, key)?.map(|d| d.value).unwrap_or_default())
        }
        Err(other) => Err(other.into()),
    }
}

/// Stores a document that clients can only read, but for its tags, unless it is there as it is.
fn keep(arm: &Arm, kind: &str, mut value: Value) -> Result<(), ArmError> {
    let key = ResourceId::new(get(&value, "id").as_str().unwrap_or_default()).key();
    let collection = kind.to_ascii_lowercase();
    let stored = arm.store().get(&collection, &key)?.map(|d| d.value);
    if let Some(tags) = stored.as_ref().and_then(|stored| stored.get("tags")) {
        value["tags"] = tags.clone();
    }
    if stored.is_none_or(|stored| stored != value) {
        arm.store().put(&collection, &key, value, Condition::Any)?;
    }
    Ok(())
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
