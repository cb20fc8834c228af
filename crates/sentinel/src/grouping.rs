//! Which alerts of a rule belong into one incident.

#[cfg(test)]
mod tests;

use model::{DateTime, TimeSpan};
use serde_json::{Value, json};

use crate::alert::Alert;
use crate::ids;
use crate::rule::{AlertDetail, GroupingConfiguration, MatchingMethod};

/// Most alerts of one incident; the next one opens another.
pub const ALERTS_MAX: usize = 150;

/// Alerts with the same key belong together; none when the rule does not group.
pub fn key(grouping: &GroupingConfiguration, alert: &Alert) -> Option<String> {
    if !grouping.enabled {
        return None;
    }
    let mut parts: Vec<String> = vec![grouping.matching.name().to_owned()];
    match grouping.matching {
        MatchingMethod::AnyAlert => {}
        MatchingMethod::AllEntities => parts.extend(entity_keys(alert, |_| true)),
        MatchingMethod::Selected => selected(grouping, alert, &mut parts),
    }
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    Some(ids::guid(&parts))
}

fn selected(grouping: &GroupingConfiguration, alert: &Alert, parts: &mut Vec<String>) {
    for entity_type in &grouping.by_entities {
        parts.push(format!("entities {}", entity_type.name));
        parts.extend(entity_keys(alert, |name| name == entity_type.name));
    }
    for detail in &grouping.by_alert_details {
        let value = match detail {
            AlertDetail::DisplayName => alert.display_name.as_str(),
            AlertDetail::Severity => alert.severity.name(),
        };
        parts.push(format!("{} {value}", detail.name()));
    }
    for name in &grouping.by_custom_details {
        let values = alert.custom_details.iter().find(|(key, _)| key == name);
        let mut values = values.map(|(_, values)| values.clone()).unwrap_or_default();
        values.sort();
        parts.push(format!("detail {name}"));
        parts.extend(values);
    }
}

fn entity_keys(alert: &Alert, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let of_type = alert.entities.iter().filter(|e| wanted(e.entity_type.name));
    let mut keys: Vec<String> = of_type.map(crate::entity::Entity::key).collect();
    keys.sort();
    keys
}

/// The incident that collects alerts of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name of the incident.
    pub incident: String,
    /// When the group's first alert came: the time frame begins here.
    pub since: DateTime,
}

impl Group {
    /// As stored.
    pub fn to_json(&self) -> Value {
        json!({ "incident": self.incident, "since": self.since.to_string() })
    }

    /// Reads what is stored.
    pub fn from_json(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        Some(Self {
            incident: text("incident")?.to_owned(),
            since: DateTime::parse(text("since")?)?,
        })
    }

    /// True while the time frame lasts.
    pub fn is_current(&self, lookback: TimeSpan, now: DateTime) -> bool {
        now.ticks().saturating_sub(self.since.ticks()) <= lookback.ticks()
    }
}

/// Where an alert goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Opens an incident.
    New,
    /// Joins the group's incident.
    Join,
    /// Joins the group's incident, which is opened again.
    Reopen,
}

/// What a group's incident looks like to a new alert; none when it is gone.
#[derive(Clone, Copy, Debug)]
pub struct Existing {
    /// Closed by someone.
    pub closed: bool,
    /// Alerts it has.
    pub alerts: usize,
}

/// Decides where an alert of a group goes.
pub fn place(
    grouping: &GroupingConfiguration,
    group: Option<&Group>,
    incident: Option<Existing>,
    now: DateTime,
) -> Placement {
    let current = group.is_some_and(|g| g.is_current(grouping.lookback, now));
    match incident.filter(|i| current && i.alerts < ALERTS_MAX) {
        None => Placement::New,
        Some(incident) if !incident.closed => Placement::Join,
        Some(_) if grouping.reopen_closed_incident => Placement::Reopen,
        Some(_) => Placement::New,
    }
}
