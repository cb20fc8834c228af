//! Log Analytics workspaces: their ids, keys and retention; the log store follows them.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use model::{ResourceId, Retention, TableInfo, Tables};
use serde_json::{Value, json};
use state::{Condition, Document, StoreError};

use super::tables;
use crate::fields::get;
use crate::path::Place;
use crate::{
    Action, Answer, Arm, ArmError, Call, Default, Etag, Field, Hook, Index, Kind, Location,
    NameRule, Page, PutContext, ResourceType, bootstrap,
};

/// Finds a workspace by its customer id (lower case).
const BY_CUSTOMER_ID: &str = "workspace-customer-ids";
/// Workspaces that were deleted and can be brought back, with all that lies below them.
const DELETED: &str = "deleted-workspaces";
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
        .rests_in(DELETED)
        .whole_lists()
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
    Field::new("workspaceCapping/dailyQuotaGb", Kind::Any).or(Default::Integer(-1)),
    Field::new("publicNetworkAccessForIngestion", Kind::OneOf(NETWORK_ACCESS))
        .or(Default::Text("Enabled")),
    Field::new("publicNetworkAccessForQuery", Kind::OneOf(NETWORK_ACCESS))
        .or(Default::Text("Enabled")),
    Field::new("features/enableLogAccessUsingOnlyResourcePermissions", Kind::Bool)
        .or(Default::Bool(true)),
    Field::new("features/searchVersion", Kind::Integer(1, 1)).or(Default::Integer(1)),
    Field::new("features/legacy", Kind::Integer(0, 0)).or(Default::Integer(0)),
];

const NETWORK_ACCESS: &[&str] = &["Enabled", "Disabled", "SecuredByPerimeter"];

fn check(workspace: &mut PutContext<'_>) -> Result<(), ArmError> {
    if workspace.get("retentionInDays").is_null() {
        // rows are not dropped because a body leaves the days out
        let kept = workspace.stored("retentionInDays").clone();
        workspace.set("retentionInDays", kept);
    }
    workspace.check_fields(FIELDS)?;
    refuse_what_would_not_be_done(workspace)?;
    let now = workspace.call.now.to_string();
    let own = bootstrap::own_customer_id(workspace.store, &workspace.id)?;
    workspace.once("customerId", || own.unwrap_or_else(|| uuid::Uuid::new_v4().to_string()).into());
    workspace.once("createdDate", || now.clone().into());
    workspace.set("modifiedDate", now);
    workspace.succeeded();
    Ok(())
}

/// Limits and identities that this server does not carry out are refused rather than stored.
fn refuse_what_would_not_be_done(workspace: &PutContext<'_>) -> Result<(), ArmError> {
    let quota = workspace.get("workspaceCapping/dailyQuotaGb");
    if quota.as_f64() != Some(-1.0) {
        let message = format!(
            "a daily cap ({quota} GB) is not enforced here; leave it out, or give -1 for none"
        );
        return Err(workspace.invalid("properties.workspaceCapping.dailyQuotaGb", message));
    }
    for name in ["publicNetworkAccessForIngestion", "publicNetworkAccessForQuery"] {
        if let Some(access) = workspace.text(name).filter(|access| *access != "Enabled") {
            let message = format!(
                "'{name}' cannot be '{access}': closing a workspace to networks is not enforced here; use the firewall in front of the server"
            );
            return Err(workspace.invalid(&format!("properties.{name}"), message));
        }
    }
    let identity = workspace.top.get("identity").and_then(|i| i.get("type")?.as_str());
    if let Some(identity) = identity.filter(|i| !i.eq_ignore_ascii_case("None")) {
        let message = format!("workspaces have no managed identities here; leave '{identity}' out");
        return Err(workspace.invalid("identity.type", message));
    }
    Ok(())
}

/// The customer id of a workspace, lower case; none when it does not exist.
pub fn customer_id(arm: &Arm, workspace: &ResourceId) -> Result<Option<String>, ArmError> {
    let document = arm.store().get(&WORKSPACE.collection(), &workspace.key())?;
    Ok(document.and_then(|d| customer_id_of(&d.value)))
}

/// The customer id of a workspace, also of one that is deleted and can be brought back.
pub(crate) fn customer_id_even_deleted(
    arm: &Arm,
    workspace: &ResourceId,
) -> Result<Option<String>, ArmError> {
    if let Some(id) = customer_id(arm, workspace)? {
        return Ok(Some(id));
    }
    let rested = arm.store().get(DELETED, &workspace.key())?;
    Ok(rested.and_then(|d| customer_id_of(get(&d.value, "value"))))
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

/// `GET .../managementGroups`: those of System Center that send here. There are none.
pub(crate) struct NoManagementGroups;

#[async_trait]
impl Action for NoManagementGroups {
    async fn run(&self, _arm: &Arm, _call: &Call, _place: &Place) -> Result<Answer, ArmError> {
        Ok(Answer::ok(json!({ "value": [] })))
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

/// Keeps the log store in step with the workspaces: each has its tables, kept for as long as the workspace says, and takes
/// them away with it.
pub(crate) struct FollowWorkspace {
    tables: Arc<dyn Tables>,
}

impl FollowWorkspace {
    pub(crate) fn new(tables: Arc<dyn Tables>) -> Self {
        Self { tables }
    }

    /// Creates the workspace in the log store, or tells how long its tables keep their rows.
    fn follow(
        &self,
        arm: &Arm,
        id: &ResourceId,
        customer_id: &str,
        days: u32,
    ) -> Result<(), ArmError> {
        let own = tables::all_settings(arm, id)?;
        let own = own.into_iter().filter(|(_, table)| table.has_days());
        let own = own.map(|(name, table)| (name, table.days(days))).collect();
        let retention = Retention { days, own };
        self.tables.put_workspace(customer_id, &retention).map_err(tables::failure)
    }

    /// Takes over a workspace that the log store was never told the days of: earlier versions kept them in each table.
    /// Rows stay for as long as the table that keeps them longest says, and the workspace then says so too.
    fn take_over(
        &self,
        arm: &Arm,
        id: &ResourceId,
        document: &Document,
        customer_id: &str,
    ) -> Result<u32, ArmError> {
        let own = tables::all_settings(arm, id)?;
        let days = default_retention(&document.value);
        let inherits = |t: &Arc<TableInfo>| {
            !own.get(&t.name.to_lowercase()).is_some_and(tables::TableSettings::has_days)
        };
        let tables = self.tables.tables(customer_id).into_iter().filter(inherits);
        let longest = tables.map(|t| t.retention_days).max().map_or(days, |kept| kept.max(days));
        if longest != days {
            let mut value = document.value.clone();
            value["properties"]["retentionInDays"] = json!(longest);
            let condition = Condition::Match(document.etag.clone());
            arm.store().put(&WORKSPACE.collection(), &document.key, value, condition)?;
        }
        Ok(longest)
    }

    async fn clear(&self, arm: &Arm, id: &ResourceId, customer_id: &str) -> Result<(), ArmError> {
        arm.store().delete(KEYS, &id.key(), Condition::Any)?;
        for document in arm.store().list_all(tables::SETTINGS, &format!("{}/", id.key()))? {
            arm.store().delete(tables::SETTINGS, &document.key, Condition::Any)?;
        }
        self.tables.set_functions(customer_id, Vec::new());
        self.tables.delete_workspace(customer_id).await.map_err(tables::failure)?;
        if bootstrap::own_customer_id(&**arm.store(), id)?.is_some() {
            // the server's own rows go there, from now on too
            let retention = Retention::of_all(bootstrap::RETENTION_DAYS);
            self.tables.put_workspace(customer_id, &retention).map_err(tables::failure)?;
        }
        Ok(())
    }
}

#[async_trait]
impl Hook for FollowWorkspace {
    fn start(&self, arm: &Arm) -> Result<(), ArmError> {
        for document in arm.store().list_all(&WORKSPACE.collection(), "")? {
            let Some(customer_id) = customer_id_of(&document.value) else { continue };
            let id = ResourceId::new(&document.key);
            let days = match self.tables.retention_days(&customer_id) {
                Some(_) => default_retention(&document.value),
                None => self.take_over(arm, &id, &document, &customer_id)?,
            };
            self.follow(arm, &id, &customer_id, days)?;
        }
        Ok(())
    }

    async fn deleting(&self, arm: &Arm, id: &ResourceId, value: &Value) -> Result<(), ArmError> {
        match customer_id_of(value) {
            Some(customer_id) => self.clear(arm, id, &customer_id).await,
            None => Ok(()),
        }
    }

    /// Says the same again where nothing changed: a call that failed half way is mended by the next.
    async fn changed(
        &self,
        arm: &Arm,
        id: &ResourceId,
        _old: Option<&Value>,
        value: Option<&Value>,
    ) -> Result<(), ArmError> {
        match value.map(|v| (customer_id_of(v), default_retention(v))) {
            Some((Some(customer_id), days)) => self.follow(arm, id, &customer_id, days),
            _ => Ok(()),
        }
    }
}

/// `GET .../providers/Microsoft.OperationalInsights/deletedWorkspaces`, of a subscription or a resource group.
pub(crate) struct DeletedWorkspaces;

#[async_trait]
impl Action for DeletedWorkspaces {
    async fn run(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let documents = arm.store().list_all(DELETED, &format!("{}/", place.id.key()))?;
        let visible = documents.into_iter().filter(|d| call.shows(&ResourceId::new(&d.key)));
        let deleted = visible.map(|mut d| d.value["value"].take()).collect();
        Ok(Answer::ok(Page::whole(deleted).into_body(call, &arm.settings().public_url)))
    }
}
