//! Reading a JSON object field by field, with errors that name the field.

use model::TimeSpan;
use serde_json::{Map, Value};

use crate::duration;

/// A field whose value cannot be taken, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid value for property '{field}': {problem}")]
pub struct Invalid {
    /// Path of the field: `properties.queryFrequency`.
    pub field: String,
    /// What is wrong, and what is right.
    pub problem: String,
}

impl Invalid {
    /// A problem with a field.
    pub fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// An object and where it stands. Names compare without case, as Azure reads them; null is absent.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    path: String,
    object: &'a Map<String, Value>,
}

impl<'a> Fields<'a> {
    /// The fields of `value`, which must be an object.
    pub fn of(path: impl Into<String>, value: &'a Value) -> Result<Self, Invalid> {
        let path = path.into();
        match value.as_object() {
            Some(object) => Ok(Self { path, object }),
            None => Err(Invalid::new(path, "an object is required")),
        }
    }

    /// The path of a field.
    pub fn path(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// An error about a field.
    pub fn invalid(&self, name: &str, problem: impl Into<String>) -> Invalid {
        Invalid::new(self.path(name), problem)
    }

    /// The raw value; none when absent or null.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        let exact = self.object.get(name);
        let any_case =
            || self.object.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v);
        exact.or_else(any_case).filter(|v| !v.is_null())
    }

    /// All fields in order.
    pub fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.object.iter().map(|(k, v)| (k.as_str(), v))
    }

    /// Text; numbers and flags are taken as they are written.
    pub fn text(&self, name: &str) -> Result<Option<String>, Invalid> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(value.to_string())),
            Some(_) => Err(self.invalid(name, "text is required")),
        }
    }

    /// Text that must be there and not blank.
    pub fn required_text(&self, name: &str) -> Result<String, Invalid> {
        match self.text(name)? {
            Some(text) if !text.trim().is_empty() => Ok(text),
            _ => Err(self.missing(name)),
        }
    }

    /// The error for a field that must be there.
    pub fn missing(&self, name: &str) -> Invalid {
        self.invalid(name, "the property is required and may not be empty")
    }

    /// True or false.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, Invalid> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(self.invalid(name, "true or false is required")),
        }
    }

    /// A whole number.
    pub fn whole(&self, name: &str) -> Result<Option<i64>, Invalid> {
        let number = match self.get(name) {
            None => return Ok(None),
            Some(Value::Number(number)) => number
                .as_i64()
                .or_else(|| number.as_f64().filter(|f| f.fract() == 0.0).map(|f| f as i64)),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        number.map(Some).ok_or_else(|| self.invalid(name, "a whole number is required"))
    }

    /// A duration such as `PT5H`.
    pub fn duration(&self, name: &str) -> Result<Option<TimeSpan>, Invalid> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let problem = || {
            self.invalid(name, format!("'{text}' is not an ISO 8601 duration such as PT5H or P1D"))
        };
        duration::parse(&text).map(Some).ok_or_else(problem)
    }

    /// A list of texts; absent is empty.
    pub fn texts(&self, name: &str) -> Result<Vec<String>, Invalid> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let items =
            value.as_array().ok_or_else(|| self.invalid(name, "a list of texts is required"))?;
        let text = |v: &Value| v.as_str().map(str::to_owned);
        let texts = items.iter().filter(|v| !v.is_null()).map(text).collect::<Option<_>>();
        texts.ok_or_else(|| self.invalid(name, "a list of texts is required"))
    }

    /// An object.
    pub fn object(&self, name: &str) -> Result<Option<Fields<'a>>, Invalid> {
        self.get(name).map(|v| Fields::of(self.path(name), v)).transpose()
    }

    /// A list of objects; absent is empty.
    pub fn objects(&self, name: &str) -> Result<Vec<Fields<'a>>, Invalid> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let items =
            value.as_array().ok_or_else(|| self.invalid(name, "a list of objects is required"))?;
        let path = |i: usize| format!("{}[{i}]", self.path(name));
        items.iter().enumerate().map(|(i, v)| Fields::of(path(i), v)).collect()
    }

    /// One of a set of names, in any case; the set's spelling is given back.
    pub fn one_of<T: Copy>(&self, name: &str, choices: &[(&str, T)]) -> Result<Option<T>, Invalid> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let found = choices.iter().find(|(choice, _)| choice.eq_ignore_ascii_case(text.trim()));
        found.map(|(_, value)| Some(*value)).ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(choice, _)| *choice).collect();
            self.invalid(name, format!("'{text}' is not one of {}", names.join(", ")))
        })
    }
}
