//! The members that every resource has beside its properties: name, location, tags, systemData.

use serde_json::{Map, Value, json};

use crate::path::Place;
use crate::{ArmError, Location, PutContext, ResourceType};

/// Members beside `properties` that are kept from bodies. Others fall away, as in Azure.
pub(super) const TOP: &[&str] = &[
    "kind",
    "location",
    "tags",
    "sku",
    "identity",
    "plan",
    "zones",
    "managedBy",
    "extendedLocation",
];

pub(super) fn check_name(kind: &ResourceType, place: &Place) -> Result<(), ArmError> {
    let (name, rule) = (place.id.name(), &kind.name_rule);
    if crate::NameRule::ANY.allows(name) && rule.allows(name) {
        return Ok(());
    }
    let message = format!("'{name}' is not a valid name for {}: use {}", kind.name, rule.says);
    Err(ArmError::bad_request(kind.name_code, message).target("name"))
}

/// Azure's limits: 50 tags, names up to 512 characters, values texts up to 256.
pub(crate) fn check_tags(top: &Map<String, Value>) -> Result<(), ArmError> {
    let wrong =
        |message: &str| Err(ArmError::bad_request("InvalidTagsInRequest", message).target("tags"));
    let tags = match top.get("tags") {
        None => return Ok(()),
        Some(Value::Object(tags)) => tags,
        Some(_) => return wrong("'tags' must be an object of texts"),
    };
    if tags.len() > 50 {
        return wrong("a resource has at most 50 tags");
    }
    for (name, value) in tags {
        let good_name = !name.is_empty()
            && name.len() <= 512
            && !name.contains(['<', '>', '%', '&', '\\', '?', '/']);
        if !good_name || value.as_str().is_none_or(|v| v.chars().count() > 256) {
            return wrong(
                "tag names have 1 to 512 characters without <>%&\\?/, tag values are texts of at most 256 characters",
            );
        }
    }
    Ok(())
}

pub(super) fn check_location(
    kind: &ResourceType,
    top: &mut Map<String, Value>,
    existing: Option<&Value>,
) -> Result<(), ArmError> {
    if kind.location == Location::None {
        top.remove("location");
        return Ok(());
    }
    let stored = existing.and_then(|v| v.get("location")).and_then(Value::as_str);
    let given = match top.get("location") {
        Some(Value::String(text)) => {
            Some(text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase())
        }
        None => None,
        Some(_) => {
            return Err(ArmError::bad_request("InvalidLocation", "'location' must be a text")
                .target("location"));
        }
    };
    let location = match (given, stored) {
        (Some(given), Some(stored)) if given != stored => {
            let message = format!(
                "the resource is in '{stored}' and cannot move to '{given}'; delete it first"
            );
            let code = match kind.name {
                crate::RESOURCE_GROUPS => "InvalidResourceGroupLocation",
                _ => "InvalidResourceLocation",
            };
            return Err(ArmError::new(409, code, message).target("location"));
        }
        (Some(given), _) => given,
        (None, Some(stored)) => stored.to_owned(),
        (None, None) if kind.location == Location::Required => {
            let message = "the location property is required for this resource; add e.g. \"location\": \"eastus\"";
            return Err(ArmError::bad_request("LocationRequired", message).target("location"));
        }
        (None, None) => return Ok(()),
    };
    let good = (1..=90).contains(&location.len())
        && location.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if !good {
        let message =
            format!("'{location}' is not a location; use letters and digits, e.g. eastus");
        return Err(ArmError::bad_request("LocationNotAvailableForResourceType", message)
            .target("location"));
    }
    top.insert("location".into(), json!(location));
    Ok(())
}

/// Puts the value together, `systemData` included.
pub(super) fn finish(context: PutContext<'_>) -> Value {
    let (caller, now) = (&context.call.caller, context.call.now.to_string());
    let mut system = match context.existing.and_then(|v| v.get("systemData")) {
        Some(Value::Object(kept)) => kept.clone(),
        _ => {
            let mut new = Map::new();
            new.insert("createdAt".into(), json!(now));
            new.insert("createdBy".into(), json!(caller.name));
            new.insert("createdByType".into(), json!(caller.kind.name()));
            new
        }
    };
    system.insert("lastModifiedAt".into(), json!(now));
    system.insert("lastModifiedBy".into(), json!(caller.name));
    system.insert("lastModifiedByType".into(), json!(caller.kind.name()));
    let mut value = context.top;
    value.insert("properties".into(), Value::Object(context.properties));
    value.insert("systemData".into(), Value::Object(system));
    Value::Object(value)
}
