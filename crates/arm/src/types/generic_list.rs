//! `GET .../resources`: everything tracked in a subscription or resource group, whatever its type.

use async_trait::async_trait;
use model::ResourceId;
use serde_json::{Map, Value};

use crate::fields::get;
use crate::filter::Filter;
use crate::path::Place;
use crate::{Action, Answer, Arm, ArmError, Call, Page};

/// Most resources on a page.
const PAGE_SIZE: usize = 1000;
/// What `$expand` adds to a resource, and where it is stored.
const EXPANDED: &[(&str, &str)] = &[
    ("createdTime", "systemData/createdAt"),
    ("changedTime", "systemData/lastModifiedAt"),
    ("provisioningState", "properties/provisioningState"),
];
/// What the generic list shows of a resource.
const SHOWN: &[&str] =
    &["id", "name", "type", "kind", "location", "tags", "sku", "plan", "identity", "managedBy"];

pub(crate) struct Resources;

#[async_trait]
impl Action for Resources {
    async fn run(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let filter = Filter::of(call)?;
        let expanded = expanded(call)?;
        let below = format!("{}/", place.id.key());
        let mut found = Vec::new();
        for kind in arm.resource_types().filter(|k| k.is_tracked()) {
            for document in arm.store().list_all(&kind.collection(), &below)? {
                let visible = call.shows(&ResourceId::new(&document.key));
                if visible && filter.holds(kind, &document.value) {
                    found.push((document.key, shown(document.value, &expanded)));
                }
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let all = found.into_iter().map(|(_, value)| value).collect();
        let page = Page::cut(all, call, PAGE_SIZE)?;
        Ok(Answer::ok(page.into_body(call, &arm.settings().public_url)))
    }
}

/// The members that `$expand` names: (name, place in the stored value).
fn expanded(call: &Call) -> Result<Vec<(&'static str, &'static str)>, ArmError> {
    let names = call.parameter("$expand").unwrap_or_default().split(',').map(str::trim);
    let known = |name: &str| {
        let found = EXPANDED.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).copied();
        found.ok_or_else(|| {
            let message = format!(
                "$expand of '{name}' is not known; use createdTime, changedTime, provisioningState"
            );
            ArmError::bad_request("InvalidQueryParameterValue", message)
        })
    };
    names.filter(|name| !name.is_empty()).map(known).collect()
}

fn shown(value: Value, expanded: &[(&'static str, &'static str)]) -> Value {
    let more: Vec<(String, Value)> = expanded
        .iter()
        .map(|(name, path)| ((*name).to_owned(), get(&value, path).clone()))
        .filter(|(_, value)| !value.is_null())
        .collect();
    let Value::Object(mut value) = value else { return Value::Null };
    let kept = SHOWN.iter().filter_map(|n| value.remove(*n).map(|v| ((*n).to_owned(), v)));
    Value::Object(kept.chain(more).collect::<Map<_, _>>())
}
