//! Rows of the tables this crate writes: JSON records, column by column, in Azure's names and types.

use std::sync::Arc;

use model::{Batch, DateTime, Dynamic, Rows, ScalarType, Schema, Value as Cell};
use serde_json::{Map, Value};

/// A record: column name and value.
pub type Record = Map<String, Value>;

/// A table this crate writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Alerts.
    SecurityAlert,
    /// A row for every change of an incident.
    SecurityIncident,
    /// A row for every run of a rule.
    SentinelHealth,
    /// A row for every change of a rule.
    SentinelAudit,
}

use ScalarType::{Bool, DateTime as Time, Dynamic as Bag, Int, Real, String as Text};

const SECURITY_ALERT: &[(&str, ScalarType)] = &[
    ("TimeGenerated", Time),
    ("DisplayName", Text),
    ("AlertName", Text),
    ("AlertSeverity", Text),
    ("Description", Text),
    ("ProviderName", Text),
    ("VendorName", Text),
    ("VendorOriginalId", Text),
    ("SystemAlertId", Text),
    ("ResourceId", Text),
    ("SourceComputerId", Text),
    ("AlertType", Text),
    ("ConfidenceLevel", Text),
    ("ConfidenceScore", Real),
    ("IsIncident", Bool),
    ("StartTime", Time),
    ("EndTime", Time),
    ("ProcessingEndTime", Time),
    ("RemediationSteps", Text),
    ("ExtendedProperties", Text),
    ("Entities", Text),
    ("SourceSystem", Text),
    ("WorkspaceSubscriptionId", Text),
    ("WorkspaceResourceGroup", Text),
    ("ExtendedLinks", Text),
    ("ProductName", Text),
    ("ProductComponentName", Text),
    ("AlertLink", Text),
    ("Status", Text),
    ("CompromisedEntity", Text),
    ("Tactics", Text),
    ("Techniques", Text),
    ("SubTechniques", Text),
];

const SECURITY_INCIDENT: &[(&str, ScalarType)] = &[
    ("TimeGenerated", Time),
    ("IncidentName", Text),
    ("IncidentNumber", Int),
    ("Title", Text),
    ("Description", Text),
    ("Severity", Text),
    ("Status", Text),
    ("Classification", Text),
    ("ClassificationComment", Text),
    ("ClassificationReason", Text),
    ("Owner", Bag),
    ("ProviderName", Text),
    ("ProviderIncidentId", Text),
    ("FirstActivityTime", Time),
    ("LastActivityTime", Time),
    ("FirstModifiedTime", Time),
    ("LastModifiedTime", Time),
    ("CreatedTime", Time),
    ("ClosedTime", Time),
    ("RelatedAnalyticRuleIds", Bag),
    ("AlertIds", Bag),
    ("BookmarkIds", Bag),
    ("Comments", Bag),
    ("Tasks", Bag),
    ("Labels", Bag),
    ("IncidentUrl", Text),
    ("AdditionalData", Bag),
    ("ModifiedBy", Text),
    ("SourceSystem", Text),
];

const SENTINEL_HEALTH: &[(&str, ScalarType)] = &[
    ("TimeGenerated", Time),
    ("OperationName", Text),
    ("SentinelResourceId", Text),
    ("SentinelResourceName", Text),
    ("SentinelResourceType", Text),
    ("SentinelResourceKind", Text),
    ("Status", Text),
    ("Description", Text),
    ("Reason", Text),
    ("WorkspaceId", Text),
    ("RecordId", Text),
    ("ExtendedProperties", Bag),
    ("SourceSystem", Text),
];

const SENTINEL_AUDIT: &[(&str, ScalarType)] = &[
    ("TimeGenerated", Time),
    ("OperationName", Text),
    ("SentinelResourceId", Text),
    ("SentinelResourceName", Text),
    ("SentinelResourceType", Text),
    ("SentinelResourceKind", Text),
    ("Status", Text),
    ("Description", Text),
    ("WorkspaceId", Text),
    ("CorrelationId", Text),
    ("ExtendedProperties", Bag),
    ("SourceSystem", Text),
];

impl Table {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::SecurityAlert, Self::SecurityIncident, Self::SentinelHealth, Self::SentinelAudit];

    /// Name of the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::SecurityAlert => "SecurityAlert",
            Self::SecurityIncident => "SecurityIncident",
            Self::SentinelHealth => "SentinelHealth",
            Self::SentinelAudit => "SentinelAudit",
        }
    }

    /// The table of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|t| t.name() == name)
    }

    /// The columns that are written.
    pub const fn columns(self) -> &'static [(&'static str, ScalarType)] {
        match self {
            Self::SecurityAlert => SECURITY_ALERT,
            Self::SecurityIncident => SECURITY_INCIDENT,
            Self::SentinelHealth => SENTINEL_HEALTH,
            Self::SentinelAudit => SENTINEL_AUDIT,
        }
    }

    /// Records as rows; what a record does not name is null, what does not fit its column too.
    pub fn rows<'a>(self, records: impl IntoIterator<Item = &'a Record>) -> (Arc<Schema>, Batch) {
        let schema = Arc::new(Schema::new(self.columns().iter().copied()));
        let row = |record: &'a Record| -> Vec<Cell> {
            self.columns().iter().map(|(name, ty)| cell(record.get(*name), *ty)).collect()
        };
        let rows = Rows::from_values(Arc::clone(&schema), records.into_iter().map(row));
        (schema, rows.batches.into_iter().next().unwrap_or_default())
    }
}

fn cell(value: Option<&Value>, ty: ScalarType) -> Cell {
    match (value, ty) {
        (None | Some(Value::Null), _) => Cell::null_of(ty),
        (Some(Value::String(text)), Text) => Cell::string(text),
        (Some(value), Text) => Cell::string(value.to_string()),
        (Some(Value::String(text)), Time) => {
            DateTime::parse(text).map_or(Cell::Null, Cell::DateTime)
        }
        (Some(Value::Bool(flag)), Bool) => Cell::Bool(*flag),
        (Some(Value::Number(n)), Real) => n.as_f64().map_or(Cell::Null, Cell::Real),
        (Some(Value::Number(n)), Int) => {
            n.as_i64().and_then(|n| i32::try_from(n).ok()).map_or(Cell::Null, Cell::Int)
        }
        (Some(value), Bag) => Cell::Dynamic(Dynamic::from_json(value)),
        _ => Cell::Null,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use serde_json::json;

    #[test]
    fn records_fit_their_columns() {
        let Value::Object(record) = json!({
            "TimeGenerated": "2024-01-02T03:04:05Z", "IncidentNumber": 7, "Title": "t", "Owner": {"a": 1},
            "ClosedTime": null, "Description": 5, "Unknown": "falls away",
        }) else {
            return;
        };
        let (schema, batch) = Table::SecurityIncident.rows([&record]);
        let rows = Rows::new(schema, batch);
        assert_eq!(rows.len(), 1);
        assert_eq!(rows.get(0, "IncidentNumber"), Some(Cell::Int(7)));
        assert_eq!(rows.get(0, "Owner").unwrap().to_string(), "{\"a\":1}");
        assert_eq!(rows.get(0, "ClosedTime"), Some(Cell::Null));
        assert_eq!(rows.get(0, "Description"), Some(Cell::string("5")));
        assert!(matches!(rows.get(0, "TimeGenerated"), Some(Cell::DateTime(_))));
    }
}
