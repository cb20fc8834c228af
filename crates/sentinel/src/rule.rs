//! An analytics rule as a value: what it asks, when, and what its results become.

mod columns;
mod limits;
mod read;
#[cfg(test)]
mod tests;
mod write;

use model::{Severity, TimeSpan};

use crate::entity_type::{EntityType, Identifier};

pub use read::UNSUPPORTED_KINDS;

/// Rule kinds that run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleKind {
    /// Runs on its own frequency over its own period.
    Scheduled,
    /// Runs every minute over what was ingested since.
    Nrt,
}

impl RuleKind {
    /// Azure's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "Scheduled",
            Self::Nrt => "NRT",
        }
    }
}

/// How the number of results is compared with the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TriggerOperator {
    /// More than.
    GreaterThan,
    /// Fewer than.
    LessThan,
    /// As many as.
    Equal,
    /// Any other number than.
    NotEqual,
}

impl TriggerOperator {
    /// Names over the API.
    pub const NAMES: &[(&str, Self)] = &[
        ("GreaterThan", Self::GreaterThan),
        ("LessThan", Self::LessThan),
        ("Equal", Self::Equal),
        ("NotEqual", Self::NotEqual),
    ];

    /// Azure's name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, o)| *o == self).map_or("", |(n, _)| n)
    }

    /// True when `count` results call for an alert.
    pub fn fires(self, count: usize, threshold: i64) -> bool {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        match self {
            Self::GreaterThan => count > threshold,
            Self::LessThan => count < threshold,
            Self::Equal => count == threshold,
            Self::NotEqual => count != threshold,
        }
    }
}

/// When a scheduled rule runs, over what, and how many results make an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// From run to run.
    pub frequency: TimeSpan,
    /// How far each run looks back.
    pub period: TimeSpan,
    /// Comparison.
    pub operator: TriggerOperator,
    /// Number of results compared with.
    pub threshold: i64,
}

/// One entity taken from a result's columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityMapping {
    /// Type of the entity.
    pub entity_type: &'static EntityType,
    /// Identifier and the column that holds it.
    pub fields: Vec<(&'static Identifier, String)>,
}

/// An alert property set from a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertProperty {
    /// Link to the alert.
    AlertLink,
    /// `High`, `Low`, `Unknown`.
    ConfidenceLevel,
    /// 0 to 1.
    ConfidenceScore,
    /// JSON list of links.
    ExtendedLinks,
    /// Product that saw it.
    ProductName,
    /// Provider.
    ProviderName,
    /// Component of the product.
    ProductComponentName,
    /// What to do.
    RemediationSteps,
    /// Technique list.
    Techniques,
    /// Sub-technique list.
    SubTechniques,
}

impl AlertProperty {
    /// Names over the API.
    pub const NAMES: &[(&str, Self)] = &[
        ("AlertLink", Self::AlertLink),
        ("ConfidenceLevel", Self::ConfidenceLevel),
        ("ConfidenceScore", Self::ConfidenceScore),
        ("ExtendedLinks", Self::ExtendedLinks),
        ("ProductName", Self::ProductName),
        ("ProviderName", Self::ProviderName),
        ("ProductComponentName", Self::ProductComponentName),
        ("RemediationSteps", Self::RemediationSteps),
        ("Techniques", Self::Techniques),
        ("SubTechniques", Self::SubTechniques),
    ];

    /// Azure's name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, p)| *p == self).map_or("", |(n, _)| n)
    }
}

/// Details of an alert that come from its results instead of from the rule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AlertDetailsOverride {
    /// Name with `{{Column}}` places.
    pub display_name_format: Option<String>,
    /// Description with `{{Column}}` places.
    pub description_format: Option<String>,
    /// Column that holds tactics.
    pub tactics_column: Option<String>,
    /// Column that holds the severity.
    pub severity_column: Option<String>,
    /// Further properties and their columns.
    pub dynamic_properties: Vec<(AlertProperty, String)>,
}

/// How results become alerts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventGrouping {
    /// All results, one alert.
    #[default]
    SingleAlert,
    /// Each result its own alert.
    AlertPerResult,
}

impl EventGrouping {
    /// Names over the API.
    pub const NAMES: &[(&str, Self)] =
        &[("SingleAlert", Self::SingleAlert), ("AlertPerResult", Self::AlertPerResult)];

    /// Azure's name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, g)| *g == self).map_or("", |(n, _)| n)
    }
}

/// A pause after an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppression {
    /// Whether the rule pauses.
    pub enabled: bool,
    /// For how long.
    pub duration: TimeSpan,
}

/// Which alerts of a rule belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MatchingMethod {
    /// Those with the same entities.
    #[default]
    AllEntities,
    /// All of them.
    AnyAlert,
    /// Those that agree in what is selected.
    Selected,
}

impl MatchingMethod {
    /// Names over the API.
    pub const NAMES: &[(&str, Self)] = &[
        ("AllEntities", Self::AllEntities),
        ("AnyAlert", Self::AnyAlert),
        ("Selected", Self::Selected),
    ];

    /// Azure's name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, m)| *m == self).map_or("", |(n, _)| n)
    }
}

/// A detail of an alert that grouping may compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertDetail {
    /// The alert's name.
    DisplayName,
    /// The alert's severity.
    Severity,
}

impl AlertDetail {
    /// Names over the API.
    pub const NAMES: &[(&str, Self)] =
        &[("DisplayName", Self::DisplayName), ("Severity", Self::Severity)];

    /// Azure's name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, d)| *d == self).map_or("", |(n, _)| n)
    }
}

/// How alerts of one rule are grouped into incidents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupingConfiguration {
    /// Off: each alert is its own incident.
    pub enabled: bool,
    /// A matching incident that was closed is opened again.
    pub reopen_closed_incident: bool,
    /// Time frame that an incident collects alerts in.
    pub lookback: TimeSpan,
    /// What must agree.
    pub matching: MatchingMethod,
    /// Selected entity types.
    pub by_entities: Vec<&'static EntityType>,
    /// Selected details.
    pub by_alert_details: Vec<AlertDetail>,
    /// Selected custom details.
    pub by_custom_details: Vec<String>,
}

/// Whether and how alerts become incidents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncidentConfiguration {
    /// Off: alerts only.
    pub create_incident: bool,
    /// Grouping.
    pub grouping: GroupingConfiguration,
}

/// An analytics rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnalyticsRule {
    /// Scheduled or NRT.
    pub kind: RuleKind,
    /// Name shown to people.
    pub display_name: String,
    /// What it detects.
    pub description: String,
    /// Off: kept but not run.
    pub enabled: bool,
    /// Severity of its alerts.
    pub severity: Severity,
    /// KQL.
    pub query: String,
    /// None for an NRT rule, which runs every minute.
    pub schedule: Option<Schedule>,
    /// Tactics, Azure's spelling.
    pub tactics: Vec<String>,
    /// Techniques, `T1078`.
    pub techniques: Vec<String>,
    /// Sub-techniques, `T1078.004`.
    pub sub_techniques: Vec<String>,
    /// Entities.
    pub entity_mappings: Vec<EntityMapping>,
    /// Columns that hold whole entity lists, as SecurityAlert.Entities does.
    pub sentinel_entities_columns: Vec<String>,
    /// Key and column.
    pub custom_details: Vec<(String, String)>,
    /// Details from results.
    pub alert_details_override: Option<AlertDetailsOverride>,
    /// One alert or many.
    pub event_grouping: EventGrouping,
    /// Pause after an alert.
    pub suppression: Suppression,
    /// Incidents.
    pub incident: IncidentConfiguration,
    /// Name and version of the template it was made from.
    pub template_name: Option<String>,
    /// Version of that template.
    pub template_version: Option<String>,
}

impl AnalyticsRule {
    /// From run to run: the schedule's frequency, a minute for NRT.
    pub fn frequency(&self) -> TimeSpan {
        self.schedule.as_ref().map_or(limits::NRT_FREQUENCY, |s| s.frequency)
    }

    /// How far a run looks back.
    pub fn period(&self) -> TimeSpan {
        self.schedule.as_ref().map_or(limits::NRT_FREQUENCY, |s| s.period)
    }

    /// True when so many results call for an alert; any result does for NRT.
    pub fn fires(&self, results: usize) -> bool {
        match &self.schedule {
            Some(schedule) => schedule.operator.fires(results, schedule.threshold),
            None => results > 0,
        }
    }

    /// Most alerts of one run when each result makes one; the last stands for all results.
    pub const fn alerts_per_run_max(&self) -> usize {
        match self.kind {
            RuleKind::Scheduled => 150,
            RuleKind::Nrt => 30,
        }
    }
}
