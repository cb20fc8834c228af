//! `GET .../resources`: everything tracked in a subscription or resource group, whatever its type.

use async_trait::async_trait;
use model::ResourceId;
use serde_json::{Map, Value};

use crate::path::Place;
use crate::{Action, Answer, Arm, ArmError, Call, Page, ResourceType};

/// Most resources on a page.
const PAGE_SIZE: usize = 1000;
/// What the generic list shows of a resource.
const SHOWN: &[&str] =
    &["id", "name", "type", "kind", "location", "tags", "sku", "plan", "identity", "managedBy"];

pub(crate) struct Resources;

#[async_trait]
impl Action for Resources {
    async fn run(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let conditions = match call.parameter("$filter") {
            None => Vec::new(),
            Some(text) => conditions(text)?,
        };
        let below = format!("{}/", place.id.key());
        let mut found = Vec::new();
        for kind in arm.resource_types().filter(|k| k.is_tracked()) {
            for document in arm.store().list_all(&kind.collection(), &below)? {
                let visible = call.shows(&ResourceId::new(&document.key));
                if visible && conditions.iter().all(|c| c.holds(kind, &document.value)) {
                    found.push((document.key, shown(document.value)));
                }
            }
        }
        found.sort_by(|a, b| a.0.cmp(&b.0));
        let all = found.into_iter().map(|(_, value)| value).collect();
        let page = Page::cut(all, call, PAGE_SIZE)?;
        Ok(Answer::ok(page.into_body(call, &arm.settings().public_url)))
    }
}

fn shown(value: Value) -> Value {
    let Value::Object(mut value) = value else { return Value::Null };
    let kept = SHOWN.iter().filter_map(|n| value.remove(*n).map(|v| ((*n).to_owned(), v)));
    Value::Object(kept.collect::<Map<_, _>>())
}

/// One `field eq 'value'` of a filter.
struct Condition {
    field: String,
    value: String,
    negated: bool,
}

impl Condition {
    fn holds(&self, kind: &ResourceType, value: &Value) -> bool {
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or("");
        let same = |have: &str| have.eq_ignore_ascii_case(&self.value);
        let tags = value.get("tags").and_then(Value::as_object);
        let found = match self.field.as_str() {
            "resourcetype" => same(kind.name),
            "name" => same(text("name")),
            "location" => same(text("location")),
            "resourcegroup" => ResourceId::new(text("id")).resource_group().is_some_and(same),
            "tagname" => tags.is_some_and(|t| t.keys().any(|k| same(k))),
            _ => tags.is_some_and(|t| t.values().any(|v| v.as_str() == Some(&self.value))),
        };
        found != self.negated
    }
}

/// Reads `resourceType eq 'a/b' and name ne 'c'`: the comparisons that tools send, joined by `and`.
fn conditions(text: &str) -> Result<Vec<Condition>, ArmError> {
    let refuse = || {
        let message = format!(
            "the $filter \"{text}\" is not understood; use resourceType, name, location, resourceGroup, tagName or tagValue with eq or ne and a text in single quotes, joined by and"
        );
        ArmError::bad_request("InvalidFilterInQueryString", message)
    };
    let mut found = Vec::new();
    let mut rest = text.trim();
    loop {
        let (field, tail) = rest.split_once(' ').ok_or_else(refuse)?;
        let (operator, tail) = tail.trim_start().split_once(' ').ok_or_else(refuse)?;
        let tail = tail.trim_start().strip_prefix('\'').ok_or_else(refuse)?;
        let end = closing_quote(tail).ok_or_else(refuse)?;
        let (value, tail) = (tail.get(..end).unwrap_or(""), tail.get(end + 1..).unwrap_or(""));
        let field = field.to_ascii_lowercase();
        let known = ["resourcetype", "name", "location", "resourcegroup", "tagname", "tagvalue"];
        let negated = match operator.to_ascii_lowercase().as_str() {
            "eq" => false,
            "ne" => true,
            _ => return Err(refuse()),
        };
        if !known.contains(&field.as_str()) {
            return Err(refuse());
        }
        found.push(Condition { field, value: value.replace("''", "'"), negated });
        rest = tail.trim_start();
        if rest.is_empty() {
            return Ok(found);
        }
        let (word, tail) = rest.split_once(' ').ok_or_else(refuse)?;
        if !word.eq_ignore_ascii_case("and") {
            return Err(refuse());
        }
        rest = tail.trim_start();
    }
}

/// Where a quoted text ends; doubled quotes are part of it.
fn closing_quote(text: &str) -> Option<usize> {
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        if byte == b'\'' && bytes.next_if(|(_, next)| *next == b'\'').is_none() {
            return Some(at);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn filters_are_read_or_refused() {
        let read = |text: &str| {
            let found = conditions(text).map_err(|e| e.code.to_string())?;
            let told = found
                .into_iter()
                .map(|c| format!("{}{}{}", c.field, if c.negated { "!=" } else { "=" }, c.value));
            Ok::<_, String>(told.collect::<Vec<_>>().join(" & "))
        };
        let cases = [
            ("resourceType eq 'a/b'", Ok("resourcetype=a/b")),
            ("name ne 'it''s' and  location EQ 'x y'", Ok("name!=it's & location=x y")),
            ("tagName eq '' AND tagValue eq 'b'", Ok("tagname= & tagvalue=b")),
        ];
        for (text, wanted) in cases {
            assert_eq!(read(text), wanted.map(str::to_owned).map_err(|(): ()| String::new()));
        }
        for text in [
            "",
            "name",
            "name eq",
            "name eq x",
            "name eq 'x",
            "name gt 'x'",
            "other eq 'x'",
            "name eq 'x' or name eq 'y'",
            "name eq 'x' and",
            "substringof('x', name)",
        ] {
            assert_eq!(read(text), Err("InvalidFilterInQueryString".into()), "{text}");
        }
    }
}
