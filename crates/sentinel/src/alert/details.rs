//! Details of an alert that come from its results: name, description, severity, tactics, custom details.

use model::{Schema, Severity, Value};

use super::{Alert, AlertSource};
use crate::alert_format;
use crate::rule::{AlertDetailsOverride, AlertProperty, AnalyticsRule};
use crate::tactics::{Technique, tactics_of_text, technique};

/// Longest name and description of an alert, in characters.
const NAME_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 5_000;
/// Most values of one custom detail, and most bytes of all.
const VALUES_MAX: usize = 50;
const BYTES_MAX: usize = 4_096;

/// Sets what the first result overrides.
pub(super) fn override_details(
    alert: &mut Alert,
    details: &AlertDetailsOverride,
    schema: &Schema,
    row: &[Value],
) {
    let cell = |column: &str| {
        schema.position(column.trim()).and_then(|at| row.get(at)).map(Value::to_string)
    };
    let known = |format: &&String| {
        alert_format::placeholders(format).all(|column| schema.position(column).is_some())
    };
    // A format that names a column the result does not have is left alone: the rule's own text says more.
    if let Some(format) = details.display_name_format.as_ref().filter(known) {
        let name = cut(&alert_format::fill(format, cell), NAME_MAX);
        if !name.trim().is_empty() {
            alert.display_name = name;
        }
    }
    if let Some(format) = details.description_format.as_ref().filter(known) {
        alert.description = cut(&alert_format::fill(format, cell), DESCRIPTION_MAX);
    }
    let text = |column: &Option<String>| column.as_deref().and_then(cell);
    if let Some(severity) = text(&details.severity_column).and_then(|t| Severity::from_name(&t)) {
        alert.severity = severity;
    }
    let tactics = text(&details.tactics_column).map(|t| tactics_of_text(&t)).unwrap_or_default();
    if !tactics.is_empty() {
        alert.tactics = tactics;
    }
    for (property, column) in &details.dynamic_properties {
        let column = column.trim().trim_start_matches("{{").trim_end_matches("}}");
        if let Some(value) = cell(column).filter(|v| !v.trim().is_empty()) {
            set(alert, *property, value);
        }
    }
}

fn set(alert: &mut Alert, property: AlertProperty, value: String) {
    let AlertSource {
        product_name,
        provider_name,
        product_component_name,
        alert_link,
        extended_links,
        remediation_steps,
        confidence_level,
        confidence_score,
    } = &mut alert.source;
    match property {
        AlertProperty::ProductName => *product_name = Some(value),
        AlertProperty::ProviderName => *provider_name = Some(value),
        AlertProperty::ProductComponentName => *product_component_name = Some(value),
        AlertProperty::AlertLink => *alert_link = Some(value),
        AlertProperty::ExtendedLinks => *extended_links = Some(value),
        AlertProperty::RemediationSteps => *remediation_steps = Some(value),
        AlertProperty::ConfidenceLevel => *confidence_level = Some(value),
        AlertProperty::ConfidenceScore => {
            *confidence_score = value.trim().parse().ok().filter(|s| (0.0..=1.0).contains(s));
        }
        AlertProperty::Techniques => alert.techniques = techniques_of_text(&value, false),
        AlertProperty::SubTechniques => alert.sub_techniques = techniques_of_text(&value, true),
    }
}

/// `T1078, T1110` or `["T1078"]`.
fn techniques_of_text(text: &str, subs: bool) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in text.split([',', ';', '[', ']', '"', '\'', ' ']) {
        let name = match technique(part) {
            Some(Technique::Sub { sub, .. }) if subs => sub,
            Some(Technique::Whole(name) | Technique::Sub { parent: name, .. }) if !subs => name,
            _ => continue,
        };
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

/// Custom details while rows pass by: each value once, within Azure's size.
pub(super) struct CustomDetails {
    columns: Vec<(String, usize)>,
    values: Vec<(String, Vec<String>)>,
    bytes: usize,
    /// Columns the rule names and the result does not have.
    pub(super) missing: Vec<String>,
}

impl CustomDetails {
    pub(super) fn new(rule: &AnalyticsRule, schema: &Schema) -> Self {
        let mut details =
            Self { columns: Vec::new(), values: Vec::new(), bytes: 0, missing: Vec::new() };
        for (key, column) in &rule.custom_details {
            match schema.position(column) {
                Some(at) => {
                    details.columns.push((key.clone(), at));
                    details.values.push((key.clone(), Vec::new()));
                }
                None => details.missing.push(column.clone()),
            }
        }
        details
    }

    pub(super) fn add(&mut self, row: &[Value]) {
        for ((_, at), (_, values)) in self.columns.iter().zip(&mut self.values) {
            if values.len() == VALUES_MAX || self.bytes >= BYTES_MAX {
                continue;
            }
            let Some(text) = row.get(*at).filter(|v| !v.is_empty()).map(Value::to_string) else {
                continue;
            };
            if self.bytes + text.len() <= BYTES_MAX && !values.contains(&text) {
                self.bytes += text.len();
                values.push(text);
            }
        }
    }

    /// What was seen; keys without a value fall away. Ready for the next alert.
    pub(super) fn take(&mut self) -> Vec<(String, Vec<String>)> {
        self.bytes = 0;
        let taken =
            self.values.iter_mut().map(|(key, values)| (key.clone(), std::mem::take(values)));
        taken.filter(|(_, values)| !values.is_empty()).collect()
    }
}
