//! `$filter` and `$orderby` of lists: the comparisons that tools send. What is not understood is refused, never ignored.

use std::cmp::Ordering;

use model::ResourceId;
use serde_json::Value;

use crate::fields::get;
use crate::{ArmError, Call, ResourceType};

/// Conditions that all must hold.
pub(crate) struct Filter(Vec<Condition>);

impl Filter {
    /// The call's `$filter`; without one, or with the empty one that `az resource list` sends, everything holds.
    pub(crate) fn of(call: &Call) -> Result<Self, ArmError> {
        let text = call.parameter("$filter").filter(|t| !t.trim().is_empty());
        Ok(Self(text.map(conditions).transpose()?.unwrap_or_default()))
    }

    /// True when the resource is wanted.
    pub(crate) fn holds(&self, kind: &ResourceType, value: &Value) -> bool {
        self.0.iter().all(|condition| condition.holds(kind, value))
    }
}

/// `$orderby`: paths, each with a direction.
pub(crate) struct OrderBy(Vec<(String, bool)>);

impl OrderBy {
    /// The call's `$orderby`; none when it has none.
    pub(crate) fn of(call: &Call) -> Result<Option<Self>, ArmError> {
        let Some(text) = call.parameter("$orderby").filter(|t| !t.trim().is_empty()) else {
            return Ok(None);
        };
        let refuse = || {
            let message = format!(
                "the $orderby \"{text}\" is not understood; use properties/<name>, with asc or desc behind it, separated by commas"
            );
            ArmError::bad_request("InvalidOrderByInQueryString", message)
        };
        let key = |part: &str| {
            let mut words = part.split_whitespace();
            let path = words.next().filter(|p| is_path(p)).ok_or_else(refuse)?;
            let descending = match words.next().map(str::to_ascii_lowercase).as_deref() {
                None | Some("asc") => false,
                Some("desc") => true,
                Some(_) => return Err(refuse()),
            };
            if words.next().is_some() { Err(refuse()) } else { Ok((path.to_owned(), descending)) }
        };
        text.split(',').map(key).collect::<Result<_, _>>().map(|keys| Some(Self(keys)))
    }

    /// Which of two resources comes first.
    pub(crate) fn compare(&self, a: &Value, b: &Value) -> Ordering {
        let one = |(path, descending): &(String, bool)| {
            let order = rank(get(a, path), get(b, path));
            if *descending { order.reverse() } else { order }
        };
        self.0.iter().map(one).find(|o| o.is_ne()).unwrap_or(Ordering::Equal)
    }
}

fn is_path(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '/' || c == '_')
}

/// Absent values first, then numbers by size, then texts without case; instants sort as the texts they are.
fn rank(a: &Value, b: &Value) -> Ordering {
    let kind = |v: &Value| match v {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        _ => 3,
    };
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().unwrap_or(0.0).total_cmp(&b.as_f64().unwrap_or(0.0))
        }
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::String(a), Value::String(b)) => a.to_lowercase().cmp(&b.to_lowercase()),
        _ => kind(a).cmp(&kind(b)),
    }
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
            path if path.starts_with("properties/") => same(&plain(find(value, path))),
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
            "the $filter \"{text}\" is not understood; use resourceType, name, location, resourceGroup, tagName, tagValue or properties/<name> with eq or ne and a value, texts in single quotes, joined by and"
        );
        ArmError::bad_request("InvalidFilterInQueryString", message)
    };
    let mut found = Vec::new();
    let mut rest = text.trim();
    loop {
        let (field, tail) = rest.split_once(' ').ok_or_else(refuse)?;
        let (operator, tail) = tail.trim_start().split_once(' ').ok_or_else(refuse)?;
        let (value, tail) = operand(tail.trim_start()).ok_or_else(refuse)?;
        let field = field.to_ascii_lowercase();
        let known = ["resourcetype", "name", "location", "resourcegroup", "tagname", "tagvalue"];
        let negated = match operator.to_ascii_lowercase().as_str() {
            "eq" => false,
            "ne" => true,
            _ => return Err(refuse()),
        };
        let is_property = field.starts_with("properties/") && is_path(&field);
        if !known.contains(&field.as_str()) && !is_property {
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

/// A value and what follows it: a text in quotes, or a bare number, truth value or null.
fn operand(text: &str) -> Option<(&str, &str)> {
    if let Some(quoted) = text.strip_prefix('\'') {
        let end = closing_quote(quoted)?;
        return Some((quoted.get(..end)?, quoted.get(end + 1..)?));
    }
    let end = text.find(' ').unwrap_or(text.len());
    let (word, tail) = (text.get(..end)?, text.get(end..)?);
    let bare = ["true", "false", "null"].contains(&word) || word.parse::<f64>().is_ok();
    bare.then_some((word, tail))
}

/// The value at a path, its members compared without case.
fn find<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('/').fold(value, |at, name| {
        let members = at.as_object().into_iter().flatten();
        members
            .into_iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map_or(&Value::Null, |(_, v)| v)
    })
}

/// A value as filters write it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
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
        assert_eq!(
            read("properties/isOn eq true and properties/n/m ne 5"),
            Ok("properties/ison=true & properties/n/m!=5".into())
        );
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
