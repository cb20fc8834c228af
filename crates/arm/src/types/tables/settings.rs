//! What was set on a table over Resource Manager, beside what the log store knows of it.

use std::collections::BTreeMap;

use model::ResourceId;
use serde_json::{Value, json};

use super::invalid;
use crate::fields::get;
use crate::{Arm, ArmError};

/// The settings, under the workspace's key and the table's name in lower case.
pub(crate) const SETTINGS: &str = "workspace-tables";

/// A table's own settings; what is absent follows the workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableSettings {
    pub(crate) retention_days: Option<u32>,
    pub(crate) total_retention_days: Option<u32>,
    pub(super) description: Option<String>,
    pub(super) display_name: Option<String>,
}

impl TableSettings {
    fn read(value: &Value) -> Self {
        let days = |name: &str| get(value, name).as_u64().and_then(|d| u32::try_from(d).ok());
        let text = |name: &str| get(value, name).as_str().map(str::to_owned);
        Self {
            retention_days: days("retentionInDays"),
            total_retention_days: days("totalRetentionInDays"),
            description: text("description"),
            display_name: text("displayName"),
        }
    }

    /// True when the table says itself how long it keeps rows.
    pub(crate) fn has_days(&self) -> bool {
        self.retention_days.is_some() || self.total_retention_days.is_some()
    }

    /// Days that rows can be queried, and in total, in a workspace that keeps them for `days`.
    pub(crate) fn days(&self, days: u32) -> (u32, u32) {
        let queried = self.retention_days.unwrap_or(days);
        (queried, self.total_retention_days.unwrap_or(queried).max(queried))
    }

    pub(super) fn value(&self) -> Value {
        json!({
            "retentionInDays": self.retention_days,
            "totalRetentionInDays": self.total_retention_days,
            "description": self.description,
            "displayName": self.display_name,
        })
    }
}

pub(super) fn settings_key(workspace: &ResourceId, table: &str) -> String {
    format!("{}/{}", workspace.key(), table.to_lowercase())
}

/// The settings of one table.
pub(super) fn settings(
    arm: &Arm,
    workspace: &ResourceId,
    table: &str,
) -> Result<TableSettings, ArmError> {
    let document = arm.store().get(SETTINGS, &settings_key(workspace, table))?;
    Ok(document.map(|d| TableSettings::read(&d.value)).unwrap_or_default())
}

/// The settings of all tables of a workspace, by name in lower case.
pub(crate) fn all_settings(
    arm: &Arm,
    workspace: &ResourceId,
) -> Result<BTreeMap<String, TableSettings>, ArmError> {
    let prefix = format!("{}/", workspace.key());
    let documents = arm.store().list_all(SETTINGS, &prefix)?;
    let name = |key: &str| key.strip_prefix(&prefix).unwrap_or(key).to_owned();
    Ok(documents.iter().map(|d| (name(&d.key), TableSettings::read(&d.value))).collect())
}

/// The settings after a call. PUT starts afresh, PATCH from what was; -1 and null go back to the default.
pub(super) fn wanted(
    before: TableSettings,
    properties: &Value,
    merge: bool,
    default_days: u32,
) -> Result<TableSettings, ArmError> {
    let (before_total, inherited_total) =
        (before.total_retention_days, before.days(default_days).1);
    let mut own = if merge { before } else { TableSettings::default() };
    let days = |name: &str, allowed: std::ops::RangeInclusive<i64>| {
        let given = get(properties, name);
        match given.as_i64() {
            _ if given.is_null() => Ok(None),
            Some(-1) => Ok(Some(None)),
            Some(n) if allowed.contains(&n) => Ok(Some(u32::try_from(n).ok())),
            _ => {
                let (min, max) = allowed.into_inner();
                let message = format!(
                    "'{name}' must be a whole number of days from {min} to {max}, or -1 for the workspace's"
                );
                Err(invalid(&format!("properties.{name}"), message))
            }
        }
    };
    if let Some(days) = days("retentionInDays", 4..=730)? {
        own.retention_days = days;
    }
    if let Some(days) = days("totalRetentionInDays", 4..=4383)? {
        own.total_retention_days = days;
    }
    // nor is a total that was only inherited, and is sent back beside days of the table's own, a wish
    let inherited = before_total.is_none() && own.total_retention_days == Some(inherited_total);
    if inherited && own.retention_days.is_some_and(|days| days > inherited_total) {
        own.total_retention_days = None;
    }
    // a body that was read before says which figures are only the workspace's: these stay so unless changed
    let is_default = |name: &str| get(properties, name).as_bool() == Some(true);
    if is_default("retentionInDaysAsDefault") && own.retention_days == Some(default_days) {
        own.retention_days = None;
    }
    let total_default = own.retention_days.unwrap_or(default_days);
    if is_default("totalRetentionInDaysAsDefault")
        && own.total_retention_days == Some(total_default)
    {
        own.total_retention_days = None;
    }
    let text = |name: &str| get(properties, &format!("schema/{name}")).as_str().map(str::to_owned);
    own.description = text("description").or(own.description);
    own.display_name = text("displayName").or(own.display_name);
    Ok(own)
}
