//! Which columns of the results a rule names, and whether its query has them.

use model::{QueryAnswer, Schema};

use super::AnalyticsRule;
use crate::alert_format::placeholders;
use crate::fields::Invalid;

impl AnalyticsRule {
    /// The first column that the rule names and that the results of its query, bound without rows, certainly lack.
    pub fn missing_column(&self, bound: &QueryAnswer) -> Option<Invalid> {
        let schema = bound.tables.first().filter(|_| !bound.open).map(|t| &t.rows.schema)?;
        let (place, column) = self.columns().into_iter().find(|(_, c)| lacks(schema, c))?;
        let problem = format!("The given column '{column}' does not exist.");
        Some(Invalid::new(format!("properties.{place}"), problem))
    }

    /// The columns that settings name: (place, column).
    fn columns(&self) -> Vec<(String, &str)> {
        let mut columns = Vec::new();
        for (at, mapping) in self.entity_mappings.iter().enumerate() {
            for (field, (_, column)) in mapping.fields.iter().enumerate() {
                let place = format!("entityMappings[{at}].fieldMappings[{field}].columnName");
                columns.push((place, column.as_str()));
            }
        }
        for (at, column) in self.sentinel_entities_columns.iter().enumerate() {
            columns.push((format!("sentinelEntitiesMappings[{at}].columnName"), column));
        }
        for (key, column) in &self.custom_details {
            columns.push((format!("customDetails.{key}"), column));
        }
        let Some(details) = &self.alert_details_override else { return columns };
        let formats = [
            ("alertDisplayNameFormat", &details.display_name_format),
            ("alertDescriptionFormat", &details.description_format),
        ];
        for (name, format) in formats {
            let named = format.as_deref().into_iter().flat_map(placeholders);
            columns.extend(named.map(|column| (format!("alertDetailsOverride.{name}"), column)));
        }
        let plain = [
            ("alertTacticsColumnName", &details.tactics_column),
            ("alertSeverityColumnName", &details.severity_column),
        ];
        for (name, column) in plain {
            let named = column.as_deref();
            columns.extend(named.map(|column| (format!("alertDetailsOverride.{name}"), column)));
        }
        for (property, column) in &details.dynamic_properties {
            let place = format!("alertDetailsOverride.alertDynamicProperties.{}", property.name());
            columns.push((place, column));
        }
        columns
    }
}

fn lacks(schema: &Schema, column: &str) -> bool {
    schema.position(column.trim()).is_none()
}
