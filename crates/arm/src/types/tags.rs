//! `Microsoft.Resources/tags/default` on any resource: its tags alone, as `az tag` reads and writes them.

use async_trait::async_trait;
use serde_json::{Map, Value, json};
use state::Condition;

use crate::life_cycle::check_tags;
use crate::path::{Place, SUBSCRIPTIONS};
use crate::{Answer, Arm, ArmError, Call, DeleteAnswer, Page, Provider, ResourceType, Scope};

/// The tags of the resource they sit on.
pub(crate) const TAGS: ResourceType = ResourceType::new("Microsoft.Resources/tags")
    .scopes(&[Scope::OnAny])
    .api_versions(&["2025-04-01", "2021-04-01", "2019-10-01"])
    .delete(DeleteAnswer::Empty);

pub(crate) struct Tags;

#[async_trait]
impl Provider for Tags {
    async fn get(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Option<Value>, ArmError> {
        if !place.id.name().eq_ignore_ascii_case("default") {
            return Ok(None);
        }
        let tags = read(arm, call, target(place)?).await?;
        Ok(Some(shape(place, tags)))
    }

    async fn list(&self, arm: &Arm, call: &Call, scope: &Place) -> Result<Page, ArmError> {
        let tags = read(arm, call, scope).await?;
        let id = scope.id.join("providers/Microsoft.Resources/tags/default");
        let place = Place { id, ..scope.clone() };
        Ok(Page::whole(vec![shape(&place, tags)]))
    }

    async fn put(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let tags = given(call)?;
        write(arm, call, place, tags).await
    }

    async fn patch(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let mut tags = read(arm, call, target(place)?).await?;
        let given = given(call)?;
        match call
            .body
            .get("operation")
            .and_then(Value::as_str)
            .map(str::to_ascii_lowercase)
            .as_deref()
        {
            Some("replace") => tags = given,
            Some("merge") => tags.extend(given),
            Some("delete") => tags.retain(|name, value| {
                !given.iter().any(|(n, v)| n.eq_ignore_ascii_case(name) && v == value)
            }),
            _ => {
                let message = "'operation' must be Replace, Merge or Delete";
                return Err(ArmError::invalid_content(message).target("operation"));
            }
        }
        write(arm, call, place, tags).await
    }

    async fn delete(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        write(arm, call, place, Map::new()).await?;
        Ok(Answer::empty(200))
    }
}

fn target(place: &Place) -> Result<&Place, ArmError> {
    match place.parent.as_deref() {
        Some(parent) if place.id.name().eq_ignore_ascii_case("default") => Ok(parent),
        _ => {
            Err(ArmError::bad_request("InvalidResourceName", "the only name of tags is 'default'"))
        }
    }
}

fn call_on(call: &Call, target: &Place, body: Value) -> Call {
    Call { id: target.id.clone(), body, if_match: None, if_none_match: None, ..call.clone() }
}

async fn read(arm: &Arm, call: &Call, target: &Place) -> Result<Map<String, Value>, ArmError> {
    let resource = arm.get(&call_on(call, target, Value::Null)).await?;
    Ok(resource.get("tags").and_then(Value::as_object).cloned().unwrap_or_default())
}

fn given(call: &Call) -> Result<Map<String, Value>, ArmError> {
    match call.body.get("properties").and_then(|p| p.as_object()?.get("tags")) {
        Some(Value::Object(tags)) => Ok(tags.clone()),
        _ => Err(ArmError::invalid_content("'properties.tags' must be an object of texts")
            .target("properties.tags")),
    }
}

async fn write(
    arm: &Arm,
    call: &Call,
    place: &Place,
    tags: Map<String, Value>,
) -> Result<Answer, ArmError> {
    let target = target(place)?;
    if target.type_name.eq_ignore_ascii_case(SUBSCRIPTIONS) {
        tag_subscription(arm, target, &tags)?;
    } else {
        arm.patch(&call_on(call, target, json!({ "tags": tags }))).await?;
    }
    Ok(Answer::ok(shape(place, tags)))
}

/// Clients cannot change subscriptions, but for their tags.
fn tag_subscription(arm: &Arm, target: &Place, tags: &Map<String, Value>) -> Result<(), ArmError> {
    let mut members = Map::new();
    members.insert("tags".into(), Value::Object(tags.clone()));
    check_tags(&members)?;
    let (collection, key) = (SUBSCRIPTIONS.to_ascii_lowercase(), target.id.key());
    let Some(document) = arm.store().get(&collection, &key)? else {
        return Err(ArmError::subscription_not_found(target.id.name()));
    };
    let mut value = document.value;
    value["tags"] = Value::Object(tags.clone());
    arm.store().put(&collection, &key, value, Condition::Match(document.etag))?;
    Ok(())
}

fn shape(place: &Place, tags: Map<String, Value>) -> Value {
    json!({
        "id": place.id.as_str(),
        "name": "default",
        "type": "Microsoft.Resources/tags",
        "properties": { "tags": tags },
    })
}
