//! `$filter` and `$orderby` of lists. What is not understood is refused, never ignored.

use model::ResourceId;
use odata::Order;
use serde_json::{Map, Value};

use crate::{ArmError, Call, ResourceType};

/// What conditions may name, beside `properties/<name>`.
const NAMES: &[&str] =
    &["resourceType", "name", "location", "resourceGroup", "tagName", "tagValue"];

/// A condition on resources; without one, everything is wanted.
pub(crate) struct Filter {
    condition: Option<odata::Filter>,
    /// True when it looks at tags: a tag's name and value then belong together.
    asks_tags: bool,
}

impl Filter {
    /// The call's `$filter`; without one, or with the empty one that `az resource list` sends, everything holds.
    pub(crate) fn of(call: &Call) -> Result<Self, ArmError> {
        let text = call.parameter("$filter").filter(|t| !t.trim().is_empty());
        let condition = text.map(condition).transpose()?;
        let mut paths = condition.iter().flat_map(odata::Filter::paths);
        let asks_tags = paths.any(|p| p.first().is_some_and(|name| is_tag(name)));
        Ok(Self { condition, asks_tags })
    }

    /// True when the resource is wanted.
    pub(crate) fn holds(&self, kind: &ResourceType, value: &Value) -> bool {
        let Some(condition) = &self.condition else { return true };
        let mut view = Map::new();
        for name in ["name", "location", "properties"] {
            view.insert(name.to_owned(), value.get(name).cloned().unwrap_or_default());
        }
        let id = value.get("id").and_then(Value::as_str).unwrap_or_default();
        let group = ResourceId::new(id).resource_group().map(str::to_owned);
        view.insert("resourceGroup".to_owned(), group.into());
        view.insert("resourceType".to_owned(), kind.name.into());
        let mut view = Value::Object(view);
        let tags = value.get("tags").and_then(Value::as_object).filter(|t| !t.is_empty());
        match tags.filter(|_| self.asks_tags) {
            None => condition.matches(&view),
            Some(tags) => tags.iter().any(|(name, tag)| {
                view["tagName"] = name.as_str().into();
                view["tagValue"] = tag.clone();
                condition.matches(&view)
            }),
        }
    }
}

fn is_tag(name: &str) -> bool {
    name.to_ascii_lowercase().starts_with("tag")
}

fn condition(text: &str) -> Result<odata::Filter, ArmError> {
    let refuse = |why: &str| {
        let message = format!(
            "the $filter \"{text}\" is not understood: {why}; it may name resourceType, name, location, resourceGroup, tagName, tagValue and properties/<name>, with texts in single quotes"
        );
        ArmError::bad_request("InvalidFilterInQueryString", message)
    };
    let filter = odata::Filter::parse(text).map_err(|why| refuse(&why))?;
    let is_known = |path: &&[String]| match path {
        [name] => NAMES.iter().any(|known| known.eq_ignore_ascii_case(name)),
        [first, ..] => first.eq_ignore_ascii_case("properties"),
        [] => false,
    };
    match filter.paths().into_iter().find(|path| !is_known(path)) {
        Some(path) => Err(refuse(&format!("'{}' is not known", path.join("/")))),
        None => Ok(filter),
    }
}

/// The call's `$orderby`; none when it has none.
pub(crate) fn order(call: &Call) -> Result<Option<Order>, ArmError> {
    let text = call.parameter("$orderby").filter(|t| !t.trim().is_empty());
    let refuse = |text: &str, why: &str| {
        let message = format!(
            "the $orderby \"{text}\" is not understood: {why}; use properties/<name>, with asc or desc behind it, separated by commas"
        );
        ArmError::bad_request("InvalidOrderByInQueryString", message)
    };
    text.map(|text| Order::parse(text).map_err(|why| refuse(text, &why))).transpose()
}
