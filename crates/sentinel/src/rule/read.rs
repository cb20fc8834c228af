//! From the API's JSON to a rule; every refusal names its field.

use model::{Severity, TimeSpan};
use serde_json::Value;

use super::limits::{self, at_most, within};
use super::{
    AlertDetail, AlertDetailsOverride, AlertProperty, AnalyticsRule, EntityMapping, EventGrouping,
    GroupingConfiguration, IncidentConfiguration, MatchingMethod, RuleKind, Schedule, Suppression,
    TriggerOperator,
};
use crate::alert_format::placeholders;
use crate::entity_type::{ENTITY_TYPES, EntityType};
use crate::fields::{Fields, Invalid};
use crate::tactics::{self, Technique};

/// Kinds Azure has and this version refuses.
pub const UNSUPPORTED_KINDS: &[&str] = &[
    "Fusion",
    "MicrosoftSecurityIncidentCreation",
    "MLBehaviorAnalytics",
    "ThreatIntelligence",
    "Anomaly",
];

const SEVERITIES: &[(&str, Severity)] = &[
    ("High", Severity::High),
    ("Medium", Severity::Medium),
    ("Low", Severity::Low),
    ("Informational", Severity::Informational),
];

impl RuleKind {
    /// Reads `kind`; one that Azure has and we do not is named as such.
    pub fn read(kind: Option<&str>) -> Result<Self, Invalid> {
        let kind = kind.unwrap_or("").trim();
        if kind.eq_ignore_ascii_case("Scheduled") {
            return Ok(Self::Scheduled);
        }
        if kind.eq_ignore_ascii_case("NRT") {
            return Ok(Self::Nrt);
        }
        let problem = match UNSUPPORTED_KINDS.iter().find(|k| k.eq_ignore_ascii_case(kind)) {
            Some(known) => {
                format!("rules of kind {known} are not supported yet; use Scheduled or NRT")
            }
            None if kind.is_empty() => "the property is required: Scheduled or NRT".to_owned(),
            None => format!("'{kind}' is no rule kind; use Scheduled or NRT"),
        };
        Err(Invalid::new("kind", problem))
    }
}

impl AnalyticsRule {
    /// Reads a rule from the `kind` and `properties` of a resource.
    pub fn read(kind: Option<&str>, properties: &Value) -> Result<Self, Invalid> {
        let kind = RuleKind::read(kind)?;
        let fields = Fields::of("properties", properties)?;
        let display_name = fields.required_text("displayName")?;
        if display_name.chars().count() > limits::DISPLAY_NAME_MAX {
            return Err(fields.invalid("displayName", "at most 256 characters are allowed"));
        }
        let (techniques, sub_techniques) = techniques(&fields)?;
        Ok(Self {
            kind,
            display_name,
            description: fields.text("description")?.unwrap_or_default(),
            enabled: fields.flag("enabled")?.ok_or_else(|| fields.missing("enabled"))?,
            severity: fields
                .one_of("severity", SEVERITIES)?
                .ok_or_else(|| fields.missing("severity"))?,
            query: fields.required_text("query")?,
            schedule: match kind {
                RuleKind::Scheduled => Some(schedule(&fields)?),
                RuleKind::Nrt => None,
            },
            tactics: tactics(&fields)?,
            techniques,
            sub_techniques,
            entity_mappings: entity_mappings(&fields)?,
            sentinel_entities_columns: sentinel_entities(&fields)?,
            custom_details: custom_details(&fields)?,
            alert_details_override: alert_details_override(&fields)?,
            event_grouping: event_grouping(&fields)?,
            suppression: suppression(&fields)?,
            incident: incident_configuration(&fields)?,
            template_name: fields.text("alertRuleTemplateName")?,
            template_version: fields.text("templateVersion")?,
        })
    }
}

fn required_duration(
    fields: &Fields<'_>,
    name: &str,
    range: (TimeSpan, TimeSpan),
) -> Result<TimeSpan, Invalid> {
    let value = fields.duration(name)?.ok_or_else(|| fields.missing(name))?;
    within(fields, name, value, range)
}

fn schedule(fields: &Fields<'_>) -> Result<Schedule, Invalid> {
    let frequency = required_duration(fields, "queryFrequency", limits::FREQUENCY)?;
    let period = required_duration(fields, "queryPeriod", limits::PERIOD)?;
    if period < frequency {
        let problem = "must be at least as long as queryFrequency, else events between two runs are never seen";
        return Err(fields.invalid("queryPeriod", problem));
    }
    if period >= limits::LONG_PERIOD && frequency < limits::LONG_PERIOD_FREQUENCY {
        let problem = "must be at least PT1H when queryPeriod is P2D or longer";
        return Err(fields.invalid("queryFrequency", problem));
    }
    let operator = fields
        .one_of("triggerOperator", TriggerOperator::NAMES)?
        .ok_or_else(|| fields.missing("triggerOperator"))?;
    let threshold =
        fields.whole("triggerThreshold")?.ok_or_else(|| fields.missing("triggerThreshold"))?;
    if !(limits::THRESHOLD.0..=limits::THRESHOLD.1).contains(&threshold) {
        return Err(fields.invalid("triggerThreshold", "must be 0 to 10000"));
    }
    Ok(Schedule { frequency, period, operator, threshold })
}

fn tactics(fields: &Fields<'_>) -> Result<Vec<String>, Invalid> {
    let mut known = Vec::new();
    for text in fields.texts("tactics")? {
        let Some(name) = tactics::tactic(&text) else {
            let problem = format!("'{text}' is no tactic; use {}", tactics::TACTICS.join(", "));
            return Err(fields.invalid("tactics", problem));
        };
        if !known.iter().any(|k| k == name) {
            known.push(name.to_owned());
        }
    }
    Ok(known)
}

/// Techniques and sub-techniques; a sub-technique among the techniques counts as both.
fn techniques(fields: &Fields<'_>) -> Result<(Vec<String>, Vec<String>), Invalid> {
    let (mut techniques, mut subs) = (Vec::new(), Vec::new());
    let add = |list: &mut Vec<String>, text: String| {
        if !list.contains(&text) {
            list.push(text);
        }
    };
    for name in ["techniques", "subTechniques"] {
        for text in fields.texts(name)? {
            match tactics::technique(&text) {
                Some(Technique::Whole(technique)) => add(&mut techniques, technique),
                Some(Technique::Sub { parent, sub }) => {
                    add(&mut techniques, parent);
                    add(&mut subs, sub);
                }
                None => {
                    let problem = format!("'{text}' is no technique such as T1078 or T1078.004");
                    return Err(fields.invalid(name, problem));
                }
            }
        }
    }
    Ok((techniques, subs))
}

fn entity_type(
    fields: &Fields<'_>,
    name: &str,
    text: &str,
) -> Result<&'static EntityType, Invalid> {
    EntityType::from_name(text).ok_or_else(|| {
        let names: Vec<&str> = ENTITY_TYPES.iter().map(|t| t.name).collect();
        fields.invalid(name, format!("'{text}' is no entity type; use {}", names.join(", ")))
    })
}

fn entity_mappings(fields: &Fields<'_>) -> Result<Vec<EntityMapping>, Invalid> {
    let mappings = fields.objects("entityMappings")?;
    at_most(fields, "entityMappings", mappings.len(), limits::ENTITY_MAPPINGS_MAX)?;
    mappings.iter().map(entity_mapping).collect()
}

fn entity_mapping(fields: &Fields<'_>) -> Result<EntityMapping, Invalid> {
    let entity_type = entity_type(fields, "entityType", &fields.required_text("entityType")?)?;
    let mapped = fields.objects("fieldMappings")?;
    if mapped.is_empty() {
        return Err(fields.missing("fieldMappings"));
    }
    at_most(fields, "fieldMappings", mapped.len(), limits::FIELD_MAPPINGS_MAX)?;
    let mut pairs = Vec::with_capacity(mapped.len());
    for field in &mapped {
        let name = field.required_text("identifier")?;
        let Some(identifier) = entity_type.identifier(&name) else {
            let names: Vec<&str> = entity_type.identifiers.iter().map(|i| i.name).collect();
            let problem = format!(
                "'{name}' is no identifier of {}; use {}",
                entity_type.name,
                names.join(", ")
            );
            return Err(field.invalid("identifier", problem));
        };
        pairs.push((identifier, field.required_text("columnName")?.trim().to_owned()));
    }
    Ok(EntityMapping { entity_type, fields: pairs })
}

fn sentinel_entities(fields: &Fields<'_>) -> Result<Vec<String>, Invalid> {
    let mappings = fields.objects("sentinelEntitiesMappings")?;
    mappings.iter().map(|m| m.required_text("columnName")).collect()
}

fn custom_details(fields: &Fields<'_>) -> Result<Vec<(String, String)>, Invalid> {
    let Some(details) = fields.object("customDetails")? else { return Ok(Vec::new()) };
    let mut pairs = Vec::new();
    for (key, value) in details.entries() {
        match value {
            Value::Null => {}
            Value::String(column) if !column.trim().is_empty() => {
                pairs.push((key.to_owned(), column.trim().to_owned()));
            }
            _ => return Err(details.invalid(key, "the name of a column is required")),
        }
    }
    at_most(fields, "customDetails", pairs.len(), limits::CUSTOM_DETAILS_MAX)?;
    Ok(pairs)
}

fn alert_details_override(fields: &Fields<'_>) -> Result<Option<AlertDetailsOverride>, Invalid> {
    let Some(fields) = fields.object("alertDetailsOverride")? else { return Ok(None) };
    let format = |name: &str, most: usize| -> Result<Option<String>, Invalid> {
        let Some(text) = fields.text(name)?.filter(|t| !t.trim().is_empty()) else {
            return Ok(None);
        };
        if text.chars().count() > most {
            return Err(fields.invalid(name, format!("at most {most} characters are allowed")));
        }
        at_most(&fields, name, placeholders(&text).count(), limits::PLACEHOLDERS_MAX)?;
        Ok(Some(text))
    };
    let column = |name: &str| -> Result<Option<String>, Invalid> {
        Ok(fields.text(name)?.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty()))
    };
    let mut dynamic_properties = Vec::new();
    for property in fields.objects("alertDynamicProperties")? {
        let which = property
            .one_of("alertProperty", AlertProperty::NAMES)?
            .ok_or_else(|| property.missing("alertProperty"))?;
        dynamic_properties.push((which, property.required_text("value")?));
    }
    Ok(Some(AlertDetailsOverride {
        display_name_format: format("alertDisplayNameFormat", limits::DISPLAY_NAME_MAX)?,
        description_format: format("alertDescriptionFormat", limits::DESCRIPTION_MAX)?,
        tactics_column: column("alertTacticsColumnName")?,
        severity_column: column("alertSeverityColumnName")?,
        dynamic_properties,
    }))
}

fn event_grouping(fields: &Fields<'_>) -> Result<EventGrouping, Invalid> {
    let Some(fields) = fields.object("eventGroupingSettings")? else {
        return Ok(EventGrouping::default());
    };
    Ok(fields.one_of("aggregationKind", EventGrouping::NAMES)?.unwrap_or_default())
}

fn suppression(fields: &Fields<'_>) -> Result<Suppression, Invalid> {
    let enabled = fields.flag("suppressionEnabled")?.unwrap_or(false);
    let duration = match fields.duration("suppressionDuration")? {
        Some(duration) => within(fields, "suppressionDuration", duration, limits::SUPPRESSION)?,
        None if enabled => return Err(fields.missing("suppressionDuration")),
        None => limits::DEFAULT_PAUSE,
    };
    Ok(Suppression { enabled, duration })
}

fn incident_configuration(fields: &Fields<'_>) -> Result<IncidentConfiguration, Invalid> {
    let mut configuration =
        IncidentConfiguration { create_incident: true, grouping: default_grouping() };
    let Some(fields) = fields.object("incidentConfiguration")? else { return Ok(configuration) };
    configuration.create_incident =
        fields.flag("createIncident")?.ok_or_else(|| fields.missing("createIncident"))?;
    if let Some(fields) = fields.object("groupingConfiguration")? {
        configuration.grouping = grouping(&fields)?;
    }
    Ok(configuration)
}

fn default_grouping() -> GroupingConfiguration {
    GroupingConfiguration {
        enabled: false,
        reopen_closed_incident: false,
        lookback: limits::DEFAULT_PAUSE,
        matching: MatchingMethod::AllEntities,
        by_entities: Vec::new(),
        by_alert_details: Vec::new(),
        by_custom_details: Vec::new(),
    }
}

fn grouping(fields: &Fields<'_>) -> Result<GroupingConfiguration, Invalid> {
    let enabled = fields.flag("enabled")?.ok_or_else(|| fields.missing("enabled"))?;
    let lookback = match fields.duration("lookbackDuration")? {
        Some(lookback) => within(fields, "lookbackDuration", lookback, limits::LOOKBACK)?,
        None if enabled => return Err(fields.missing("lookbackDuration")),
        None => limits::DEFAULT_PAUSE,
    };
    let names = fields.texts("groupByEntities")?;
    let by_entities = names
        .iter()
        .map(|n| entity_type(fields, "groupByEntities", n))
        .collect::<Result<_, _>>()?;
    let mut by_alert_details = Vec::new();
    for text in fields.texts("groupByAlertDetails")? {
        let found = AlertDetail::NAMES.iter().find(|(n, _)| n.eq_ignore_ascii_case(&text));
        let Some((_, detail)) = found else {
            let problem = format!("'{text}' is not one of DisplayName, Severity");
            return Err(fields.invalid("groupByAlertDetails", problem));
        };
        by_alert_details.push(*detail);
    }
    Ok(GroupingConfiguration {
        enabled,
        reopen_closed_incident: fields.flag("reopenClosedIncident")?.unwrap_or(false),
        lookback,
        matching: fields.one_of("matchingMethod", MatchingMethod::NAMES)?.unwrap_or_default(),
        by_entities,
        by_alert_details,
        by_custom_details: fields.texts("groupByCustomDetails")?,
    })
}
