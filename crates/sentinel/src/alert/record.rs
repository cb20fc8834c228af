//! An alert as the row of the SecurityAlert table, which is also how it is stored.

use model::DateTime;
use serde_json::{Map, Value, json};

use super::{Alert, RunContext};
use crate::duration::to_clock;
use crate::entity::Entity;
use crate::ids;
use crate::rule::{AnalyticsRule, RuleKind};

/// Product of all alerts that rules make.
pub(crate) const PRODUCT_NAME: &str = "Azure Sentinel";

/// Provider and component of a kind of rule.
const fn provider(kind: RuleKind) -> (&'static str, &'static str) {
    match kind {
        RuleKind::Scheduled => ("ASI Scheduled Alerts", "Scheduled Alerts"),
        RuleKind::Nrt => ("ASI NRT Alerts", "NRT Alerts"),
    }
}

impl Alert {
    /// Product that the alert is shown under.
    pub fn product_name(&self) -> &str {
        self.source.product_name.as_deref().unwrap_or(PRODUCT_NAME)
    }

    /// The row, column by column.
    pub fn record(&self, rule: &AnalyticsRule, context: &RunContext<'_>) -> Map<String, Value> {
        let (provider, component) = provider(rule.kind);
        let workspace = context.workspace;
        let text = |value: &Option<String>| Value::from(value.as_deref().unwrap_or(""));
        let or = |value: &Option<String>, default: &str| {
            Value::from(value.as_deref().unwrap_or(default))
        };
        let mut record = Map::new();
        let mut put = |name: &str, value: Value| {
            record.insert(name.to_owned(), value);
        };
        put("TimeGenerated", context.now.to_string().into());
        put("DisplayName", self.display_name.as_str().into());
        put("AlertName", self.display_name.as_str().into());
        put("AlertSeverity", self.severity.name().into());
        put("Description", self.description.as_str().into());
        put("ProviderName", or(&self.source.provider_name, provider));
        put("VendorName", "Microsoft".into());
        put("VendorOriginalId", ids::guid(&["vendor", &self.system_alert_id]).into());
        put("SystemAlertId", self.system_alert_id.as_str().into());
        put("AlertType", format!("{}_{}", workspace.customer_id, context.rule_id.name()).into());
        put("ConfidenceLevel", text(&self.source.confidence_level));
        put("ConfidenceScore", self.source.confidence_score.map_or(Value::Null, Value::from));
        put("IsIncident", false.into());
        put("StartTime", self.start.to_string().into());
        put("EndTime", self.end.to_string().into());
        put("ProcessingEndTime", context.now.to_string().into());
        put("RemediationSteps", text(&self.source.remediation_steps));
        put("ExtendedProperties", self.extended(rule, context).to_string().into());
        put("Entities", Entity::list_text(&self.entities).into());
        put("SourceSystem", "Detection".into());
        put("WorkspaceSubscriptionId", workspace.id.subscription().unwrap_or("").into());
        put("WorkspaceResourceGroup", workspace.id.resource_group().unwrap_or("").into());
        put("ExtendedLinks", text(&self.source.extended_links));
        put("ProductName", self.product_name().into());
        put("ProductComponentName", or(&self.source.product_component_name, component));
        put("AlertLink", text(&self.source.alert_link));
        put("Status", "New".into());
        put("CompromisedEntity", "".into());
        put("Tactics", self.tactics.join(", ").into());
        put("Techniques", list_text(&self.techniques));
        put("SubTechniques", list_text(&self.sub_techniques));
        record
    }

    /// What an alert tells about the run that made it.
    fn extended(&self, rule: &AnalyticsRule, context: &RunContext<'_>) -> Value {
        let (operator, threshold) =
            rule.schedule.as_ref().map_or(("GreaterThan", 0), |s| (s.operator.name(), s.threshold));
        let window = context.window;
        let rule_key = context.rule_id.key();
        let correlation = ids::guid(&["run", &rule_key, &window.end.ticks().to_string()]);
        let query = format!("set query_now = datetime({});\n{}", window.end, rule.query);
        let name = context.workspace.id.name();
        let mut extended = json!({
            "Query Period": to_clock(rule.period()),
            "Trigger Operator": operator,
            "Trigger Threshold": threshold.to_string(),
            "Correlation Id": correlation,
            "Search Query Results Overall Count": self.results.to_string(),
            "Data Sources": json!([name]).to_string(),
            "Query": query,
            "Query Start Time UTC": plain_time(window.start),
            "Query End Time UTC": plain_time(window.end),
            "Analytic Rule Ids": json!([context.rule_id.name()]).to_string(),
            "Event Grouping": rule.event_grouping.name(),
            "Analytic Rule Name": rule.display_name,
            "ProcessedBySentinel": "True",
            "Alert generation status": "Full alert created",
        });
        if !self.custom_details.is_empty() {
            let details: Map<String, Value> = self
                .custom_details
                .iter()
                .map(|(key, values)| (key.clone(), values.clone().into()))
                .collect();
            extended["Custom Details"] = Value::Object(details).to_string().into();
        }
        extended
    }
}

/// A list as the text of a JSON array, empty text for none.
fn list_text(items: &[String]) -> Value {
    if items.is_empty() { "".into() } else { json!(items).to_string().into() }
}

/// `2024-01-02 03:04:05Z`
fn plain_time(at: DateTime) -> String {
    let text = at.to_string();
    format!("{}Z", text.get(..19).unwrap_or(&text).replace('T', " "))
}
