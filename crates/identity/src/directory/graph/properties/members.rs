//! The members of an object that a client sent, each of which must be known: what is not kept is refused by its name,
//! so that nobody believes that it is.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::GraphError;

/// An object, and how it is called in refusals.
pub(super) struct Members<'a> {
    place: String,
    fields: &'a Map<String, Value>,
}

/// Clients write out what they leave empty.
pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Object(fields) => fields.values().all(is_nothing),
        _ => false,
    }
}

/// The refusal of a member.
pub(super) fn not_kept(name: &str) -> GraphError {
    GraphError::bad_request(format!(
        "the property '{name}' of applications is not kept here; leave it out"
    ))
}

impl<'a> Members<'a> {
    /// The object at `place`, with no members but those of `known`.
    pub(super) fn of(
        place: impl Into<String>,
        value: &'a Value,
        known: &[&str],
    ) -> Result<Self, GraphError> {
        let place = place.into();
        let fields = value
            .as_object()
            .ok_or_else(|| GraphError::bad_request(format!("{place} must be an object")))?;
        let strange = |(name, value): &(&String, &Value)| {
            !known.contains(&name.as_str()) && !name.starts_with("@odata.") && !is_nothing(value)
        };
        match fields.iter().find(strange) {
            Some((name, _)) => Err(not_kept(&format!("{place}.{name}"))),
            None => Ok(Self { place, fields }),
        }
    }

    /// A list of such objects.
    pub(super) fn list(
        place: &str,
        value: &'a Value,
        known: &[&str],
    ) -> Result<Vec<Self>, GraphError> {
        let all = match value {
            Value::Null => return Ok(Vec::new()),
            Value::Array(all) => all,
            _ => return Err(GraphError::bad_request(format!("{place} must be a list"))),
        };
        all.iter().map(|one| Self::of(place, one, known)).collect()
    }

    /// A member that is there, null too.
    pub(super) fn get(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name)
    }

    /// A member that is there and says something.
    pub(super) fn present(&self, name: &str) -> Option<&'a Value> {
        self.get(name).filter(|value| !value.is_null())
    }

    /// A text of at most `max` characters; none for null, an empty one and none at all.
    pub(super) fn text(&self, name: &str, max: usize) -> Result<Option<String>, GraphError> {
        match self.present(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.chars().count() <= max => {
                Ok(Some(text.clone()).filter(|t| !t.is_empty()))
            }
            Some(_) => Err(self.wrong(name, &format!("a text of at most {max} characters"))),
        }
    }

    /// A text that must be there.
    pub(super) fn required(&self, name: &str, max: usize) -> Result<String, GraphError> {
        self.text(name, max)?
            .ok_or_else(|| GraphError::bad_request(format!("{}.{name} is required", self.place)))
    }

    /// True or false; none for null and none at all.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, GraphError> {
        match self.present(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong(name, "true or false")),
        }
    }

    /// A GUID that is not all zeros, in lower case.
    pub(super) fn guid(&self, name: &str) -> Result<String, GraphError> {
        guid(&self.required(name, 64)?)
            .ok_or_else(|| self.wrong(name, "a GUID that is not all zeros"))
    }

    /// Texts.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, GraphError> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(value) => texts(&format!("{}.{name}", self.place), value),
        }
    }

    /// What a member must be.
    pub(super) fn wrong(&self, name: &str, must: &str) -> GraphError {
        GraphError::bad_request(format!("{}.{name} must be {must}", self.place))
    }
}

/// A GUID that is not all zeros, in lower case.
pub(super) fn guid(text: &str) -> Option<String> {
    Uuid::try_parse(text).ok().filter(|id| !id.is_nil()).map(|id| id.to_string())
}

/// A list of texts.
pub(super) fn texts(name: &str, value: &Value) -> Result<Vec<String>, GraphError> {
    let wrong = || GraphError::bad_request(format!("{name} must be a list of texts"));
    match value {
        Value::Null => Ok(Vec::new()),
        Value::Array(all) => {
            all.iter().map(|v| v.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
        }
        _ => Err(wrong()),
    }
}
