//! Log Analytics workspaces: their ids, keys and retention.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{ResourceId, TableInfo, TableKind, Tables};
use serde_json::{Value, json};
use state::{Condition, StoreError};

use super::tables;
use crate::fields::get;
use crate::path::Place;
use crate::{
    Action, Answer, Arm, ArmError, Call, Default, Etag, Field, Hook, Index, Kind, Location,
    NameRule, PutContext, ResourceType,
};

/// Finds a workspace by its customer id (lower case).
const BY_CUSTOMER_ID: &str = "workspace-customer-ids";
/// Shared keys by workspace key; never listed.
const KEYS: &str = "workspace-keys";

/// A workspace.
pub(crate) const WORKSPACE: ResourceType =
    ResourceType::new("Microsoft.OperationalInsights/workspaces")
        .api_versions(&[
            "2025-07-01",
            "2025-02-01",
            "2023-09-01",
            "2022-10-01",
            "2021-06-01",
            "2020-08-01",
        ])
        .location(Location::Required)
        .names(NameRule::WORKSPACE)
        .etag(Etag::Shown)
        .indexes(&[Index {
            collection: BY_CUSTOMER_ID,
            key: |value| get(value, "properties/customerId").as_str().map(str::to_lowercase),
        }])
        .check(check);

const FIELDS: &[Field] = &[
    Field::read_only("customerId"),
    Field::read_only("createdDate"),
    Field::new(
        "sku/name",
        Kind::OneOf(&[
            "PerGB2018",
            "Free",
            "Standard",
            "Premium",
            "PerNode",
            "Standalone",
            "CapacityReservation",
            "LACluster",
        ]),
    )
    .or(Default::Text("PerGB2018")),
    Field::new("retentionInDays", Kind::Integer(4, 730)).or(Default::Integer(30)),
    // limits that this server does not enforce are refused rather than ignored
    Field::new("workspaceCapping/dailyQuotaGb", Kind::Integer(-1, -1)).or(Default::Integer(-1)),
    Field::new("publicNetworkAccessForIngestion", Kind::OneOf(&["Enabled"]))
        .or(Default::Text("Enabled")),
    Field::new("publicNetworkAccessForQuery", Kind::OneOf(&["Enabled"]))
        .or(Default::Text("Enabled")),
    Field::new("features/enableLogAccessUsingOnlyResourcePermissions", Kind::Bool)
        .or(Default::Bool(true)),
    Field::new("features/searchVersion", Kind::Integer(1, 1)).or(Default::Integer(1)),
    Field::new("features/legacy", Kind::Integer(0, 0)).or(Default::Integer(0)),
];

fn check(workspace: &mut PutContext<'_>) -> Result<(), ArmError> {
    workspace.check_fields(FIELDS)?;
    let now = workspace.call.now.to_string();
    workspace.once("customerId", || uuid::Uuid::new_v4().to_string().into());
    workspace.once("createdDate", || now.clone().into());
    workspace.set("modifiedDate", now);
    workspace.succeeded();
    Ok(())
}

/// The customer id of a workspace, lower case; none when it does not exist.
pub fn customer_id(arm: &Arm, workspace: &ResourceId) -> Result<Option<String>, ArmError> {
    let document = arm.store().get(&WORKSPACE.collection(), &workspace.key())?;
    Ok(document.and_then(|d| customer_id_of(&d.value)))
}

/// The customer id in a workspace's value, lower case.
pub(crate) fn customer_id_of(value: &Value) -> Option<String> {
    get(value, "properties/customerId").as_str().map(str::to_lowercase)
}

/// The workspace with this customer id, in any case.
pub fn workspace_by_customer_id(
    arm: &Arm,
    customer_id: &str,
) -> Result<Option<ResourceId>, ArmError> {
    arm.find(BY_CUSTOMER_ID, &customer_id.to_lowercase())
}

/// The retention that tables of the workspace have unless they say otherwise.
pub(crate) fn default_retention(workspace: &Value) -> u32 {
    let days = get(workspace, "properties/retentionInDays").as_u64();
    days.and_then(|d| u32::try_from(d).ok()).unwrap_or(30)
}

/// Two keys of 64 random bytes each.
fn new_keys() -> Result<Value, ArmError> {
    let key = || {
        let mut bytes = [0_u8; 64];
        getrandom::fill(&mut bytes).map(|()| STANDARD.encode(bytes)).map_err(|_| {
            ArmError::new(
                503,
                "ServiceUnavailable",
                "the machine gives no random numbers now; try again",
            )
        })
    };
    Ok(json!({ "primarySharedKey": key()?, "secondarySharedKey": key()? }))
}

/// The workspace's shared keys, made when first asked for: `primarySharedKey` and `secondarySharedKey`.
pub fn shared_keys(arm: &Arm, workspace: &ResourceId) -> Result<Value, ArmError> {
    let key = workspace.key();
    if let Some(document) = arm.store().get(KEYS, &key)? {
        return Ok(document.value);
    }
    match arm.store().put(KEYS, &key, new_keys()?, Condition::Absent) {
        Ok(document) => Ok(document.value),
        Err(StoreError::Conflict { .. }) => match arm.store().get(KEYS, &key)? {
            Some(document) => Ok(document.value), // another caller was first
            None => Err(ArmError::conflict("the workspace's keys are changing; try again")),
        },
        Err(other) => Err(other.into()),
    }
}

/// `POST .../sharedKeys`
pub(crate) struct SharedKeys;

#[async_trait]
impl Action for SharedKeys {
    async fn run(&self, arm: &Arm, _call: &Call, place: &Place) -> Result<Answer, ArmError> {
        shared_keys(arm, &place.id).map(Answer::ok)
    }
}

/// `POST .../regenerateSharedKey`
pub(crate) struct RegenerateSharedKeys;

#[async_trait]
impl Action for RegenerateSharedKeys {
    async fn run(&self, arm: &Arm, _call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let document = arm.store().put(KEYS, &place.id.key(), new_keys()?, Condition::Any)?;
        Ok(Answer::ok(document.value))
    }
}

/// Carries a workspace's retention over to its tables, and takes keys and custom tables away with it.
pub(crate) struct FollowWorkspace {
    tables: Arc<dyn Tables>,
}

impl FollowWorkspace {
    pub(crate) fn new(tables: Arc<dyn Tables>) -> Self {
        Self { tables }
    }

    /// Gives every table without a retention of its own the workspace's.
    async fn spread(
        &self,
        arm: &Arm,
        id: &ResourceId,
        customer_id: &str,
        days: u32,
    ) -> Result<(), ArmError> {
        let own_settings = tables::all_settings(arm, id)?;
        for table in self.tables.tables(customer_id) {
            let own = own_settings.get(&table.name.to_lowercase()).cloned().unwrap_or_default();
            let retention_days = own.retention_days.unwrap_or(days);
            let total_retention_days =
                own.total_retention_days.unwrap_or(retention_days).max(retention_days);
            if (table.retention_days, table.total_retention_days)
                != (retention_days, total_retention_days)
            {
                let info = TableInfo { retention_days, total_retention_days, ..(*table).clone() };
                self.tables.put_table(customer_id, info, true).await.map_err(tables::failure)?;
            }
        }
        Ok(())
    }

    async fn clear(&self, arm: &Arm, id: &ResourceId, customer_id: &str) -> Result<(), ArmError> {
        arm.store().delete(KEYS, &id.key(), Condition::Any)?;
        for document in arm.store().list_all(tables::SETTINGS, &format!("{}/", id.key()))? {
            arm.store().delete(tables::SETTINGS, &document.key, Condition::Any)?;
        }
        self.tables.set_functions(customer_id, Vec::new());
        for table in self.tables.tables(customer_id) {
            if table.kind == TableKind::Custom {
                self.tables
                    .delete_table(customer_id, &table.name)
                    .await
                    .map_err(tables::failure)?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Hook for FollowWorkspace {
    async fn deleting(&self, arm: &Arm, id: &ResourceId, value: &Value) -> Result<(), ArmError> {
        match customer_id_of(value) {
            Some(customer_id) => self.clear(arm, id, &customer_id).await,
            None => Ok(()),
        }
    }

    async fn changed(
        &self,
        arm: &Arm,
        id: &ResourceId,
        _old: Option<&Value>,
        value: Option<&Value>,
    ) -> Result<(), ArmError> {
        match value.map(|v| (customer_id_of(v), default_retention(v))) {
            Some((Some(customer_id), days)) => self.spread(arm, id, &customer_id, days).await,
            _ => Ok(()),
        }
    }
}
