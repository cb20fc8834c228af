//! Tables of a workspace: the log store's own, shown and changed over Resource Manager.

use std::sync::Arc;

use async_trait::async_trait;
use model::{Column, ResourceId, ScalarType, Schema, TableInfo, TableKind, Tables, TablesError};
use serde_json::Value;
use state::Condition;

use super::workspaces;
use crate::fields::get;
use crate::path::Place;
use crate::{Answer, Arm, ArmError, Call, Page, Patch, Provider, ResourceType};

mod columns;
mod settings;
mod shape;

pub(crate) use settings::{SETTINGS, TableSettings, all_settings};
use settings::{settings, settings_key};

/// A table. PUT and PATCH answer 200 and never 201: the clients take nothing else.
pub(crate) const TABLE: ResourceType =
    ResourceType::new("Microsoft.OperationalInsights/workspaces/tables")
        .api_versions(&[
            "2025-07-01",
            "2025-02-01",
            "2023-09-01",
            "2022-10-01",
            "2021-12-01-preview",
            "2020-08-01",
        ])
        .put_status(200, 200)
        .patch(Patch::Merge);

/// A failure of the log store in Resource Manager's words.
pub(crate) fn failure(error: TablesError) -> ArmError {
    let message = error.to_string();
    match error {
        TablesError::UnknownWorkspace(_) => ArmError::new(404, "ResourceNotFound", message),
        TablesError::UnknownTable(_) => ArmError::new(404, "ResourceNotFound", message),
        TablesError::Invalid(_) => ArmError::bad_request("InvalidParameter", message),
        TablesError::Busy { .. } => ArmError::new(429, "TooManyRequests", message),
        TablesError::Unwritable(_) => ArmError::new(503, "ServiceUnavailable", message),
        TablesError::Damaged(_) => ArmError::new(500, "InternalServerError", message),
    }
}

fn invalid(target: &str, message: impl Into<String>) -> ArmError {
    ArmError::bad_request("InvalidParameter", message).target(target)
}

/// Serves the tables of the log store.
pub(crate) struct TablesProvider {
    tables: Arc<dyn Tables>,
}

/// The workspace that a call is about.
struct Workspace {
    id: ResourceId,
    customer_id: String,
    retention_days: u32,
}

fn workspace(arm: &Arm, id: &ResourceId) -> Result<Workspace, ArmError> {
    let document = arm.store().get(&workspaces::WORKSPACE.collection(), &id.key())?;
    let found = document.and_then(|d| {
        let id = ResourceId::new(d.value.get("id").and_then(Value::as_str).unwrap_or(&d.key));
        let retention_days = workspaces::default_retention(&d.value);
        Some(Workspace { id, customer_id: workspaces::customer_id_of(&d.value)?, retention_days })
    });
    found.ok_or_else(|| ArmError::parent_not_found(id))
}

fn workspace_of(arm: &Arm, place: &Place) -> Result<Workspace, ArmError> {
    let parent = place.parent.as_deref().map_or(&place.id, |p| &p.id);
    workspace(arm, parent)
}

impl TablesProvider {
    pub(crate) fn new(tables: Arc<dyn Tables>) -> Self {
        Self { tables }
    }

    /// A table by name: exactly, else without case.
    fn find(&self, customer_id: &str, name: &str) -> Option<Arc<TableInfo>> {
        self.tables.table(customer_id, name).or_else(|| {
            self.tables.tables(customer_id).into_iter().find(|t| t.name.eq_ignore_ascii_case(name))
        })
    }

    /// PUT (`merge` false) and PATCH (`merge` true).
    async fn write(
        &self,
        arm: &Arm,
        call: &Call,
        place: &Place,
        merge: bool,
    ) -> Result<Answer, ArmError> {
        let workspace = workspace_of(arm, place)?;
        let existing = self.find(&workspace.customer_id, place.id.name());
        let Value::Object(body) = &call.body else {
            return Err(ArmError::invalid_content("the body must be a JSON object with the table"));
        };
        let properties = body.get("properties").unwrap_or(&Value::Null);
        if !matches!(properties, Value::Object(_) | Value::Null) {
            return Err(
                ArmError::invalid_content("'properties' must be an object").target("properties")
            );
        }
        refuse_what_is_not_served(properties)?;
        let name: Arc<str> = match &existing {
            Some(table) => Arc::clone(&table.name),
            None if merge => return Err(ArmError::not_found(&place.id)),
            None => columns::new_table_name(place.id.name(), properties)?,
        };
        let schema = columns::wanted(existing.as_deref(), properties)?;
        let before = settings(arm, &workspace.id, &name)?;
        let own = settings::wanted(before, properties, merge, workspace.retention_days)?;
        let retention_days = own.retention_days.unwrap_or(workspace.retention_days);
        let total_retention_days = own.total_retention_days.unwrap_or(retention_days);
        if total_retention_days < retention_days {
            let message = format!(
                "'totalRetentionInDays' ({total_retention_days}) cannot be below 'retentionInDays' ({retention_days})"
            );
            return Err(invalid("properties.totalRetentionInDays", message));
        }
        let kind = existing.as_ref().map_or(TableKind::Custom, |t| t.kind);
        let info = TableInfo {
            name: Arc::clone(&name),
            kind,
            schema,
            retention_days,
            total_retention_days,
        };
        let unchanged = existing.as_deref() == Some(&info);
        let stored = match existing {
            Some(table) if unchanged => table,
            _ => {
                let keep_columns = merge || kind == TableKind::Microsoft;
                self.tables
                    .put_table(&workspace.customer_id, info, keep_columns)
                    .await
                    .map_err(failure)?
            }
        };
        let key = settings_key(&workspace.id, &name);
        arm.store().put(SETTINGS, &key, own.value(), Condition::Any)?;
        Ok(Answer::ok(shape::table(&workspace.id, &stored, &own)))
    }
}

/// Plans, search jobs and restores that this server does not carry out.
fn refuse_what_is_not_served(properties: &Value) -> Result<(), ArmError> {
    for name in ["searchResults", "restoredLogs"] {
        if !get(properties, name).is_null() {
            let message = format!(
                "'{name}' is not served here; query the table itself over its whole retention"
            );
            return Err(
                ArmError::bad_request("NotSupported", message).target(format!("properties.{name}"))
            );
        }
    }
    match get(properties, "plan") {
        Value::Null => Ok(()),
        Value::String(plan) if plan.eq_ignore_ascii_case("Analytics") => Ok(()),
        plan => {
            let message = format!(
                "the plan {plan} is not served here; every table has the plan \"Analytics\""
            );
            Err(invalid("properties.plan", message))
        }
    }
}

#[async_trait]
impl Provider for TablesProvider {
    async fn get(&self, arm: &Arm, _call: &Call, place: &Place) -> Result<Option<Value>, ArmError> {
        let workspace = workspace_of(arm, place)?;
        let Some(table) = self.find(&workspace.customer_id, place.id.name()) else {
            return Ok(None);
        };
        let own = settings(arm, &workspace.id, &table.name)?;
        Ok(Some(shape::table(&workspace.id, &table, &own)))
    }

    /// All tables on one page: some clients read no further.
    async fn list(&self, arm: &Arm, _call: &Call, scope: &Place) -> Result<Page, ArmError> {
        let workspace = workspace(arm, &scope.id)?;
        let own = all_settings(arm, &workspace.id)?;
        let shape = |table: Arc<TableInfo>| {
            let settings = own.get(&table.name.to_lowercase()).cloned().unwrap_or_default();
            shape::table(&workspace.id, &table, &settings)
        };
        let mut tables = self.tables.tables(&workspace.customer_id);
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(Page::whole(tables.into_iter().map(shape).collect()))
    }

    async fn put(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        self.write(arm, call, place, false).await
    }

    async fn patch(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        self.write(arm, call, place, true).await
    }

    async fn delete(&self, arm: &Arm, _call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let workspace = workspace_of(arm, place)?;
        let Some(table) = self.find(&workspace.customer_id, place.id.name()) else {
            return Ok(Answer::empty(204));
        };
        if table.kind == TableKind::Microsoft {
            let message = format!(
                "'{}' is a built-in table and cannot be deleted; only custom tables can",
                table.name
            );
            return Err(invalid("name", message));
        }
        self.tables.delete_table(&workspace.customer_id, &table.name).await.map_err(failure)?;
        arm.store().delete(SETTINGS, &settings_key(&workspace.id, &table.name), Condition::Any)?;
        Ok(Answer::empty(200))
    }
}

/// Columns that every table has beside its own.
const SYSTEM_COLUMNS: &[(&str, ScalarType)] = &[
    ("TenantId", ScalarType::String),
    ("SourceSystem", ScalarType::String),
    ("Type", ScalarType::String),
    ("_ResourceId", ScalarType::String),
    ("_SubscriptionId", ScalarType::String),
    ("_ItemId", ScalarType::String),
    ("_BilledSize", ScalarType::Real),
    ("_IsBillable", ScalarType::String),
];

fn is_system_column(name: &str) -> bool {
    SYSTEM_COLUMNS.iter().any(|(system, _)| *system == name)
}

fn system_columns(schema: &Schema) -> impl Iterator<Item = Column> {
    let missing = SYSTEM_COLUMNS.iter().filter(|(name, _)| schema.column(name).is_none());
    missing.map(|(name, ty)| Column::new(name, *ty))
}
