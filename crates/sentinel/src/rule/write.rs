//! From a rule to the API's JSON: every setting is written out, as Azure answers.

use serde_json::{Map, Value, json};

use super::{AlertDetailsOverride, AnalyticsRule, EntityMapping, GroupingConfiguration};
use crate::duration::to_iso;

impl AnalyticsRule {
    /// The `properties` of an alertRules resource.
    pub fn properties(&self) -> Map<String, Value> {
        let mut properties = self.detection();
        let grouping = grouping(&self.incident.grouping);
        let rest = json!({
            "alertRuleTemplateName": self.template_name,
            "templateVersion": self.template_version,
            "enabled": self.enabled,
            "suppressionDuration": to_iso(self.suppression.duration),
            "suppressionEnabled": self.suppression.enabled,
            "incidentConfiguration": {
                "createIncident": self.incident.create_incident,
                "groupingConfiguration": grouping,
            },
        });
        if let Value::Object(rest) = rest {
            properties.extend(rest);
        }
        properties
    }

    /// What a rule and its template share.
    pub fn detection(&self) -> Map<String, Value> {
        let mappings: Vec<Value> = self.entity_mappings.iter().map(entity_mapping).collect();
        let details: Map<String, Value> =
            self.custom_details.iter().map(|(k, c)| (k.clone(), Value::from(c.as_str()))).collect();
        let columns: Vec<Value> =
            self.sentinel_entities_columns.iter().map(|c| json!({"columnName": c})).collect();
        let mut properties = Map::new();
        let mut put = |name: &str, value: Value| properties.insert(name.to_owned(), value);
        put("displayName", self.display_name.as_str().into());
        put("description", self.description.as_str().into());
        put("severity", self.severity.name().into());
        put("query", self.query.as_str().into());
        if let Some(schedule) = &self.schedule {
            put("queryFrequency", to_iso(schedule.frequency).into());
            put("queryPeriod", to_iso(schedule.period).into());
            put("triggerOperator", schedule.operator.name().into());
            put("triggerThreshold", schedule.threshold.into());
        }
        put("tactics", self.tactics.clone().into());
        put("techniques", self.techniques.clone().into());
        put("subTechniques", self.sub_techniques.clone().into());
        put("eventGroupingSettings", json!({"aggregationKind": self.event_grouping.name()}));
        put("entityMappings", some_list(mappings));
        put("sentinelEntitiesMappings", some_list(columns));
        put("customDetails", if details.is_empty() { Value::Null } else { details.into() });
        let overrides = self.alert_details_override.as_ref();
        put("alertDetailsOverride", overrides.map_or(Value::Null, alert_details_override));
        properties
    }
}

fn some_list(items: Vec<Value>) -> Value {
    if items.is_empty() { Value::Null } else { items.into() }
}

fn entity_mapping(mapping: &EntityMapping) -> Value {
    let fields: Vec<Value> = mapping
        .fields
        .iter()
        .map(|(identifier, column)| json!({"identifier": identifier.name, "columnName": column}))
        .collect();
    json!({"entityType": mapping.entity_type.name, "fieldMappings": fields})
}

fn alert_details_override(details: &AlertDetailsOverride) -> Value {
    let properties: Vec<Value> = details
        .dynamic_properties
        .iter()
        .map(|(property, column)| json!({"alertProperty": property.name(), "value": column}))
        .collect();
    json!({
        "alertDisplayNameFormat": details.display_name_format,
        "alertDescriptionFormat": details.description_format,
        "alertTacticsColumnName": details.tactics_column,
        "alertSeverityColumnName": details.severity_column,
        "alertDynamicProperties": properties,
    })
}

fn grouping(grouping: &GroupingConfiguration) -> Value {
    let entities: Vec<&str> = grouping.by_entities.iter().map(|t| t.name).collect();
    let details: Vec<&str> = grouping.by_alert_details.iter().map(|d| d.name()).collect();
    json!({
        "enabled": grouping.enabled,
        "reopenClosedIncident": grouping.reopen_closed_incident,
        "lookbackDuration": to_iso(grouping.lookback),
        "matchingMethod": grouping.matching.name(),
        "groupByEntities": entities,
        "groupByAlertDetails": details,
        "groupByCustomDetails": grouping.by_custom_details,
    })
}
