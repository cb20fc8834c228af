//! Associations: which rule or endpoint a machine uses.

use async_trait::async_trait;
use model::ResourceId;
use serde_json::{Value, json};

use super::{API_VERSIONS, ENDPOINT, RULE};
use crate::fields::get;
use crate::path::Place;
use crate::{
    Action, Answer, Arm, ArmError, Call, Etag, Field, Kind, Page, Patch, PutContext, ResourceType,
    Scope,
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
        let points_here = |value: &Value| {
            ["dataCollectionRuleId", "dataCollectionEndpointId"].iter().any(|member| {
                let id = get(value, &format!("properties/{member}")).as_str();
                id.is_some_and(|id| ResourceId::new(id) == place.id)
            })
        };
        let documents = arm.store().list_all(&ASSOCIATION.collection(), "")?;
        let found = documents.into_iter().filter(|d| points_here(&d.value)).map(|d| {
            let mut value = d.value;
            value["etag"] = json!(crate::wire_etag(&d.etag));
            value
        });
        let shown = found.filter(|v| call.shows(&ResourceId::new(v["id"].as_str().unwrap_or(""))));
        let page = Page::cut(shown.collect(), call, 500)?;
        Ok(Answer::ok(page.into_body(call, &arm.settings().public_url)))
    }
}
