//! `$filter` over Graph objects, by their wire form.

use serde_json::Value;

use crate::filter::{Condition, Filter};

use super::GraphError;

/// Keeps the objects that the filter holds for; an absent filter keeps all.
pub(super) fn keep(objects: Vec<Value>, filter: Option<&str>) -> Result<Vec<Value>, GraphError> {
    let Some(text) = filter else { return Ok(objects) };
    let unsupported = |why: String| {
        GraphError::bad_request(format!("the filter '{text}' is not supported: {why}"))
    };
    let filter = Filter::parse(text).map_err(unsupported)?;
    let mut kept = Vec::new();
    for object in objects {
        if filter.holds(|condition| judge(condition, &object)).map_err(unsupported)? {
            kept.push(object);
        }
    }
    Ok(kept)
}

fn judge(condition: &Condition, object: &Value) -> Result<bool, String> {
    match condition {
        Condition::Equal { field, value } => {
            any_text(object, field, |text| text.eq_ignore_ascii_case(value))
        }
        Condition::StartsWith { field, value } => {
            any_text(object, field, |text| text.to_lowercase().starts_with(&value.to_lowercase()))
        }
        Condition::Call { name, .. } => Err(format!("'{name}' is no function of it")),
    }
}

fn any_text(object: &Value, field: &str, holds: impl Fn(&str) -> bool) -> Result<bool, String> {
    // `az ad sp list --filter "displayname eq 'a'"`: names of fields have no case
    let same = |(name, _): &(&String, &Value)| name.eq_ignore_ascii_case(field);
    let found = object.as_object().and_then(|fields| fields.iter().find(same));
    match found.map(|(_, value)| value) {
        Some(Value::String(text)) => Ok(holds(text)),
        Some(Value::Bool(value)) => Ok(holds(if *value { "true" } else { "false" })),
        Some(Value::Array(all)) => Ok(all.iter().filter_map(Value::as_str).any(holds)),
        Some(Value::Null) => Ok(holds("null")),
        _ => Err(format!("there is no field '{field}'")),
    }
}
