//! An analytics rule file: its own names and short forms become the API's, then one reading checks both.

use serde_json::{Map, Value};

use super::{Found, Item, ItemKind, Rank, RuleTemplate};
use crate::fields::{Fields, Invalid};
use crate::ids;
use crate::rule::AnalyticsRule;

/// Names in files and over the API, where values need no change.
const RENAMED: &[(&str, &str)] = &[
    ("name", "displayName"),
    ("description", "description"),
    ("severity", "severity"),
    ("query", "query"),
    ("queryFrequency", "queryFrequency"),
    ("queryPeriod", "queryPeriod"),
    ("triggerThreshold", "triggerThreshold"),
    ("tactics", "tactics"),
    ("relevantTechniques", "techniques"),
    ("entityMappings", "entityMappings"),
    ("sentinelEntitiesMappings", "sentinelEntitiesMappings"),
    ("customDetails", "customDetails"),
    ("alertDetailsOverride", "alertDetailsOverride"),
    ("eventGroupingSettings", "eventGroupingSettings"),
    ("incidentConfiguration", "incidentConfiguration"),
    ("suppressionDuration", "suppressionDuration"),
    ("suppressionEnabled", "suppressionEnabled"),
];

/// Short forms of operators in files.
const OPERATORS: &[(&str, &str)] =
    &[("gt", "GreaterThan"), ("lt", "LessThan"), ("eq", "Equal"), ("ne", "NotEqual")];

pub(super) fn read(path: &str, fields: &Fields<'_>) -> Vec<Found> {
    let id = id(path, fields);
    let name = fields.text("name").ok().flatten().unwrap_or_default();
    match rule(fields) {
        Ok(rule) => {
            let template = RuleTemplate {
                id,
                rule,
                version: fields.text("version").ok().flatten(),
                required_data_connectors: connectors(fields.get("requiredDataConnectors")),
                source: path.to_owned(),
            };
            vec![Found::Item(Item::Rule(Box::new(template)), Rank::Yaml)]
        }
        Err(invalid) => {
            vec![Found::refused(ItemKind::AnalyticsRule, &id, &name, invalid.to_string())]
        }
    }
}

/// The file's id; one made from its path when it has none.
pub(super) fn id(path: &str, fields: &Fields<'_>) -> String {
    let id = fields.text("id").ok().flatten().map(|id| id.trim().to_owned());
    id.filter(|id| ids::is_name(id)).unwrap_or_else(|| ids::guid(&["content", path]))
}

fn rule(fields: &Fields<'_>) -> Result<AnalyticsRule, Invalid> {
    let mut properties = Map::new();
    for (file, api) in RENAMED {
        if let Some(value) = fields.get(file) {
            properties.insert((*api).to_owned(), value.clone());
        }
    }
    if let Some(text) = fields.text("triggerOperator")? {
        let long = OPERATORS.iter().find(|(short, _)| short.eq_ignore_ascii_case(text.trim()));
        let operator = long.map_or(text.as_str(), |(_, long)| *long);
        properties.insert("triggerOperator".to_owned(), operator.into());
    }
    properties.insert("enabled".to_owned(), true.into());
    let kind = fields.text("kind")?;
    AnalyticsRule::read(Some(kind.as_deref().unwrap_or("Scheduled")), &properties.into())
}

/// `[{connectorId, dataTypes}]`, whatever the file has there.
pub(crate) fn connectors(value: Option<&Value>) -> Value {
    let items = value.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let good = items.iter().filter(|i| i.get("connectorId").is_some_and(Value::is_string));
    good.map(|item| {
        let types = item.get("dataTypes").and_then(Value::as_array).map(Vec::as_slice);
        let types = types.unwrap_or_default().iter().filter(|t| t.is_string()).cloned();
        let mut connector = Map::new();
        connector.insert("connectorId".to_owned(), item["connectorId"].clone());
        connector.insert("dataTypes".to_owned(), types.collect());
        Value::Object(connector)
    })
    .collect()
}
