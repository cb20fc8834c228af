//! What an incident holds: its alerts, the entities of these, its bookmarks.

use std::collections::BTreeMap;

use arm::{Action, Answer, Arm, ArmError, Call, Place};
use async_trait::async_trait;
use serde_json::{Value, json};

use super::{Services, incidents};
use crate::alert;
use crate::entity::Entity;
use crate::incident::Incident;
use crate::stored::{self, ALERTS};
use crate::workspace::Workspace;

/// How an incident's alerts make an answer.
pub(super) type Answering = fn(&Workspace, &[Value]) -> Value;

/// `POST incidents/{id}/alerts` and the like.
pub(super) struct OnIncident {
    pub(super) services: Services,
    pub(super) answer: Answering,
}

#[async_trait]
impl Action for OnIncident {
    async fn run(&self, arm: &Arm, _call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let workspace = incidents::workspace(arm, &place.id)?;
        let Some((incident, _)) = stored::incident(&*self.services.store, &place.id)? else {
            return Err(ArmError::not_found(&place.id));
        };
        let alerts = self.alerts(&workspace, &incident)?;
        Ok(Answer::ok((self.answer)(&workspace, &alerts)))
    }
}

impl OnIncident {
    /// The stored rows of the incident's alerts.
    fn alerts(&self, workspace: &Workspace, incident: &Incident) -> Result<Vec<Value>, ArmError> {
        let mut alerts = Vec::with_capacity(incident.alert_ids.len());
        for id in &incident.alert_ids {
            let document =
                self.services.store.get(ALERTS, &stored::alert_key(&workspace.id, id))?;
            alerts.extend(document.map(|d| d.value));
        }
        Ok(alerts)
    }
}

pub(super) fn alerts(workspace: &Workspace, alerts: &[Value]) -> Value {
    json!({ "value": alerts.iter().map(|a| alert::resource(a, workspace)).collect::<Vec<_>>() })
}

pub(super) fn entities(workspace: &Workspace, alerts: &[Value]) -> Value {
    let mut entities: Vec<Entity> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for list in alerts.iter().filter_map(|a| a.get("Entities")).filter_map(Value::as_str) {
        let new = Entity::parse_list(list).into_iter().filter(|e| seen.insert(e.key()));
        entities.extend(new.collect::<Vec<_>>());
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for entity in &entities {
        *counts.entry(entity.entity_type.kind).or_default() += 1;
    }
    let counts =
        counts.into_iter().map(|(kind, count)| json!({"entityKind": kind, "count": count}));
    json!({
        "entities": entities.iter().map(|e| e.resource(&workspace.id)).collect::<Vec<_>>(),
        "metaData": counts.collect::<Vec<_>>(),
    })
}

/// Bookmarks cannot be made in this version, so there are none.
pub(super) fn bookmarks(_workspace: &Workspace, _alerts: &[Value]) -> Value {
    json!({ "value": [] })
}
