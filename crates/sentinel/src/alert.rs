//! Alerts: what a rule makes of its results.

mod details;
mod generate;
mod record;
#[cfg(test)]
mod tests;
mod wire;

use model::{DateTime, ResourceId, Severity};

use crate::entity::Entity;
use crate::workspace::Workspace;

pub use generate::{Generated, generate};
pub(crate) use record::PRODUCT_NAME;
pub use wire::resource;

/// The span of time a run looks at: from `start`, up to and without `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First instant inside.
    pub start: DateTime,
    /// First instant behind.
    pub end: DateTime,
}

/// One run of a rule: all that its alerts tell about it.
#[derive(Clone, Copy, Debug)]
pub struct RunContext<'a> {
    /// The rule's resource id.
    pub rule_id: &'a ResourceId,
    /// Where it runs.
    pub workspace: &'a Workspace,
    /// What it looks at.
    pub window: Window,
    /// When it runs.
    pub now: DateTime,
}

/// An alert.
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// `SystemAlertId`: the same for the same rule, window and result.
    pub system_alert_id: String,
    /// Name.
    pub display_name: String,
    /// Description.
    pub description: String,
    /// Severity.
    pub severity: Severity,
    /// Tactics.
    pub tactics: Vec<String>,
    /// Techniques.
    pub techniques: Vec<String>,
    /// Sub-techniques.
    pub sub_techniques: Vec<String>,
    /// First event.
    pub start: DateTime,
    /// Last event.
    pub end: DateTime,
    /// Entities, each once.
    pub entities: Vec<Entity>,
    /// Key and values.
    pub custom_details: Vec<(String, Vec<String>)>,
    /// How many results it stands for.
    pub results: usize,
    /// Product, provider and further properties, where results override them.
    pub source: AlertSource,
}

/// Properties that a rule's results may override.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlertSource {
    /// `Azure Sentinel` unless overridden.
    pub product_name: Option<String>,
    /// `ASI Scheduled Alerts` unless overridden.
    pub provider_name: Option<String>,
    /// `Scheduled Alerts` unless overridden.
    pub product_component_name: Option<String>,
    /// Link.
    pub alert_link: Option<String>,
    /// JSON list of links.
    pub extended_links: Option<String>,
    /// What to do.
    pub remediation_steps: Option<String>,
    /// `High`, `Low`, `Unknown`.
    pub confidence_level: Option<String>,
    /// 0 to 1.
    pub confidence_score: Option<f64>,
}
