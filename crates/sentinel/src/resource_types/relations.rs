//! incidents/relations: what an incident is related to, read from its alerts.

use arm::{Arm, ArmError, Call, Page, Place, Provider, wire_etag};
use async_trait::async_trait;
use model::ResourceId;
use serde_json::{Value, json};

use super::{Services, incidents};
use crate::ids;
use crate::incident::{self, Listing};
use crate::stored;
use crate::workspace::Workspace;

pub(super) struct Relations {
    pub(super) services: Services,
}

impl Relations {
    fn all(&self, workspace: &Workspace, incident: &ResourceId) -> Result<Vec<Value>, ArmError> {
        let found = stored::incident(&*self.services.store, incident)?;
        let Some((incident, etag)) = found else { return Ok(Vec::new()) };
        let relation = |alert: &String| {
            let name = ids::guid(&["relation", &incident.id.key(), alert]);
            json!({
                "id": incident.id.join(&format!("relations/{name}")).as_str(),
                "name": name,
                "type": "Microsoft.SecurityInsights/Incidents/relations",
                "etag": wire_etag(&etag),
                "properties": {
                    "relatedResourceId": workspace.resource("Entities", alert).as_str(),
                    "relatedResourceName": alert,
                    "relatedResourceType": "Microsoft.SecurityInsights/entities",
                    "relatedResourceKind": "SecurityAlert",
                },
            })
        };
        Ok(incident.alert_ids.iter().map(relation).collect())
    }
}

#[async_trait]
impl Provider for Relations {
    async fn get(&self, arm: &Arm, _call: &Call, place: &Place) -> Result<Option<Value>, ArmError> {
        let workspace = incidents::workspace(arm, &place.id)?;
        let Some(incident) = place.parent.as_ref() else { return Ok(None) };
        let all = self.all(&workspace, &incident.id)?;
        let same =
            |r: &Value| r["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(place.id.name()));
        Ok(all.into_iter().find(same))
    }

    async fn list(&self, arm: &Arm, call: &Call, scope: &Place) -> Result<Page, ArmError> {
        let workspace = incidents::workspace(arm, &scope.id)?;
        let listing =
            Listing::parse(|name| call.parameter(name), "").map_err(|(name, problem)| {
                ArmError::bad_request("BadRequest", format!("{name}: {problem}")).target(name)
            })?;
        let (value, skip_token) = incident::list(self.all(&workspace, &scope.id)?, &listing);
        Ok(Page { value, skip_token })
    }
}
