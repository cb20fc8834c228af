//! Associations: which rule or endpoint a machine uses.

use async_trait::async_trait;
use model::ResourceId;
use serde_json::{Value, json};
use state::{Condition, Document};

use super::{API_VERSIONS, ENDPOINT, RULE};
use crate::fields::get;
use crate::path::Place;
use crate::{
    Action, Answer, Arm, ArmError, Call, Etag, Field, Hook, Kind, Page, Patch, PutContext,
    ResourceType, Scope,
};

/// The one name under which a machine is given an endpoint.
const ENDPOINT_NAME: &str = "configurationAccessEndpoint";

/// An association, on any resource.
pub(crate) const ASSOCIATION: ResourceType =
    ResourceType::new("Microsoft.Insights/dataCollectionRuleAssociations")
        .scopes(&[Scope::OnAny])
        .api_versions(API_VERSIONS)
        .etag(Etag::Shown)
        .patch(Patch::Refused)
        .invalid_code("InvalidPayload")
        .check(check);

fn check(association: &mut PutContext<'_>) -> Result<(), ArmError> {
    association.check_fields(&[
        Field::new("description", Kind::Text(1024)),
        Field::new("dataCollectionRuleId", Kind::Id),
        Field::new("dataCollectionEndpointId", Kind::Id),
    ])?;
    let is_endpoint = association.id.name().eq_ignore_ascii_case(ENDPOINT_NAME);
    let (member, kind, other) = if is_endpoint {
        ("dataCollectionEndpointId", ENDPOINT.name, "dataCollectionRuleId")
    } else {
        ("dataCollectionRuleId", RULE.name, "dataCollectionEndpointId")
    };
    let target = format!("properties.{member}");
    let Some(id) = association.text(member).map(ResourceId::new) else {
        let message =
            format!("'{member}' is required for an association named '{}'", association.id.name());
        return Err(association.invalid(&target, message));
    };
    if association.text(other).is_some() {
        let message = format!(
            "an association has '{member}' or '{other}'; endpoints go by the name {ENDPOINT_NAME}"
        );
        return Err(association.invalid(&format!("properties.{other}"), message));
    }
    if association.resource(kind, &id)?.is_none() {
        return Err(association.invalid(&target, format!("'{id}' does not exist; create it first")));
    }
    association.succeeded();
    Ok(())
}

/// `GET .../dataCollectionRules/{name}/associations`, and the same of an endpoint.
pub(crate) struct RuleAssociations;

#[async_trait]
impl Action for RuleAssociations {
    async fn run(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let found = associations(arm, &place.id)?.into_iter().map(|d| {
            let mut value = d.value;
            value["etag"] = json!(crate::wire_etag(&d.etag));
            value
        });
        let shown = found.filter(|v| call.shows(&ResourceId::new(v["id"].as_str().unwrap_or(""))));
        let page = Page::cut(shown.collect(), call, 500)?;
        Ok(Answer::ok(page.into_body(call, &arm.settings().public_url)))
    }
}

/// The associations with a rule or an endpoint.
fn associations(arm: &Arm, id: &ResourceId) -> Result<Vec<Document>, ArmError> {
    let points_here = |value: &Value| {
        ["dataCollectionRuleId", "dataCollectionEndpointId"].iter().any(|member| {
            let target = get(value, &format!("properties/{member}")).as_str();
            target.is_some_and(|target| ResourceId::new(target) == *id)
        })
    };
    let mut documents = arm.store().list_all(&ASSOCIATION.collection(), "")?;
    documents.retain(|d| points_here(&d.value));
    Ok(documents)
}

/// A rule that machines use is deleted with its associations, or not at all.
pub(crate) struct RuleInUse;

#[async_trait]
impl Hook for RuleInUse {
    async fn asked_to_delete(
        &self,
        arm: &Arm,
        call: &Call,
        id: &ResourceId,
        _value: &Value,
    ) -> Result<(), ArmError> {
        let used = associations(arm, id)?;
        if used.is_empty() || call.flag("deleteAssociations") {
            return Ok(());
        }
        let first = used.first().and_then(|d| get(&d.value, "id").as_str()).unwrap_or_default();
        let message = format!(
            "the data collection rule '{}' has {} associations, '{first}' among them; delete them first, or give deleteAssociations=true",
            id.name(),
            used.len()
        );
        Err(ArmError::new(409, "Conflict", message).target(id.as_str()))
    }

    async fn changed(
        &self,
        arm: &Arm,
        id: &ResourceId,
        _old: Option<&Value>,
        value: Option<&Value>,
    ) -> Result<(), ArmError> {
        if value.is_none() {
            for document in associations(arm, id)? {
                arm.store().delete(&ASSOCIATION.collection(), &document.key, Condition::Any)?;
            }
        }
        Ok(())
    }
}
