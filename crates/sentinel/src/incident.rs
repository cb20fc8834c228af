//! Incidents: alerts that belong together, and what people do about them.

mod change;
mod document;
mod list;
#[cfg(test)]
mod tests;

use model::{DateTime, ResourceId, Severity};

use crate::alert::Alert;

pub use change::put;
pub use list::{Listing, list};

/// Where an incident stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IncidentStatus {
    /// Nobody works on it.
    New,
    /// Somebody does.
    Active,
    /// Done.
    Closed,
}

impl IncidentStatus {
    /// Names over the API.
    pub const NAMES: &[(&str, Self)] =
        &[("New", Self::New), ("Active", Self::Active), ("Closed", Self::Closed)];

    /// Azure's name.
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, s)| *s == self).map_or("", |(n, _)| n)
    }
}

/// Why an incident was closed: classification and the reasons that go with it.
pub const CLASSIFICATIONS: &[(&str, &[&str])] = &[
    ("Undetermined", &[]),
    ("TruePositive", &["SuspiciousActivity"]),
    ("BenignPositive", &["SuspiciousButExpected"]),
    ("FalsePositive", &["IncorrectAlertLogic", "InaccurateData"]),
];

/// Who works on an incident.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Object id.
    pub object_id: Option<String>,
    /// Mail address.
    pub email: Option<String>,
    /// Name.
    pub assigned_to: Option<String>,
    /// User principal name.
    pub user_principal_name: Option<String>,
    /// `User`, `Group`, `Unknown`.
    pub owner_type: Option<String>,
}

/// A word somebody put on an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// The word.
    pub name: String,
    /// `User` or `AutoAssigned`.
    pub label_type: String,
}

/// Why an incident was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closing {
    /// `TruePositive`, ...
    pub classification: String,
    /// The reason that goes with it; none for `Undetermined`.
    pub reason: Option<String>,
    /// In own words.
    pub comment: Option<String>,
    /// When.
    pub at: DateTime,
}

/// An incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// Resource id; the last part is its name.
    pub id: ResourceId,
    /// Counts up in a workspace.
    pub number: i64,
    /// Title.
    pub title: String,
    /// Description.
    pub description: String,
    /// Severity.
    pub severity: Severity,
    /// Status.
    pub status: IncidentStatus,
    /// Set while closed.
    pub closing: Option<Closing>,
    /// Owner.
    pub owner: Owner,
    /// Labels.
    pub labels: Vec<Label>,
    /// First event of its alerts.
    pub first_activity: Option<DateTime>,
    /// Last event of its alerts.
    pub last_activity: Option<DateTime>,
    /// Created.
    pub created: DateTime,
    /// Last changed.
    pub modified: DateTime,
    /// First changed after it was created.
    pub first_modified: Option<DateTime>,
    /// Who changed it last.
    pub modified_by: String,
    /// Resource ids of the rules behind it.
    pub rule_ids: Vec<String>,
    /// System ids of its alerts.
    pub alert_ids: Vec<String>,
    /// Products of its alerts.
    pub product_names: Vec<String>,
    /// Tactics of its alerts.
    pub tactics: Vec<String>,
    /// Techniques of its alerts.
    pub techniques: Vec<String>,
    /// Number of comments.
    pub comments: usize,
    /// Where people look at it.
    pub url: String,
}

impl Incident {
    /// An incident about which nothing is known yet.
    pub(crate) fn new(id: ResourceId, number: i64, url: String, by: &str, now: DateTime) -> Self {
        Self {
            id,
            number,
            title: String::new(),
            description: String::new(),
            severity: Severity::Informational,
            status: IncidentStatus::New,
            closing: None,
            owner: Owner::default(),
            labels: Vec::new(),
            first_activity: None,
            last_activity: None,
            created: now,
            modified: now,
            first_modified: None,
            modified_by: by.to_owned(),
            rule_ids: Vec::new(),
            alert_ids: Vec::new(),
            product_names: Vec::new(),
            tactics: Vec::new(),
            techniques: Vec::new(),
            comments: 0,
            url,
        }
    }

    /// An incident of one alert.
    pub fn of_alert(
        id: ResourceId,
        number: i64,
        url: String,
        alert: &Alert,
        rule_id: &ResourceId,
        now: DateTime,
    ) -> Self {
        let mut incident = Self {
            title: alert.display_name.clone(),
            description: alert.description.clone(),
            severity: alert.severity,
            ..Self::new(id, number, url, CREATED_BY, now)
        };
        incident.take(alert, rule_id);
        incident
    }

    /// Adds an alert to an incident that exists; a closed one is opened again.
    pub fn add_alert(&mut self, alert: &Alert, rule_id: &ResourceId, now: DateTime) {
        self.take(alert, rule_id);
        if self.status == IncidentStatus::Closed {
            self.status = IncidentStatus::New;
            self.closing = None;
        }
        self.severity = self.severity.max(alert.severity);
        self.touch(CREATED_BY, now);
    }

    fn take(&mut self, alert: &Alert, rule_id: &ResourceId) {
        let first = self.first_activity.map_or(alert.start, |at| at.min(alert.start));
        let last = self.last_activity.map_or(alert.end, |at| at.max(alert.end));
        (self.first_activity, self.last_activity) = (Some(first), Some(last));
        add(&mut self.alert_ids, &alert.system_alert_id);
        add(&mut self.rule_ids, rule_id.as_str());
        add(&mut self.product_names, alert.product_name());
        alert.tactics.iter().for_each(|t| add(&mut self.tactics, t));
        alert.techniques.iter().for_each(|t| add(&mut self.techniques, t));
    }

    /// Notes a change.
    pub fn touch(&mut self, by: &str, now: DateTime) {
        self.modified = now.max(self.modified);
        self.first_modified = self.first_modified.or(Some(self.modified));
        self.modified_by = by.to_owned();
    }
}

/// Who changes incidents when alerts come.
const CREATED_BY: &str = "Incident created from alert";

fn add(list: &mut Vec<String>, item: &str) {
    if !list.iter().any(|known| known == item) {
        list.push(item.to_owned());
    }
}
