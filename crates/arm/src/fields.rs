//! Properties as tables: name, kind, default. One walk validates any resource's body against its table.

use model::{DateTime, parse_iso_duration};
use serde_json::{Map, Value, json};

/// One property of a type.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name, or a path `features/enableDataExport`.
    pub path: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Must be there.
    pub required: bool,
    /// Comes from the store alone; what callers send falls away.
    pub read_only: bool,
    /// Stands in when absent.
    pub default: Default,
}

/// What a property holds.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Anything.
    Any,
    /// Text of at most so many characters.
    Text(usize),
    /// One of these; read without case, stored in this casing.
    OneOf(&'static [&'static str]),
    /// true or false.
    Bool,
    /// A whole number in a range, both ends included.
    Integer(i64, i64),
    /// A number.
    Number,
    /// A GUID.
    Guid,
    /// An ISO 8601 instant.
    DateTime,
    /// An ISO 8601 duration between two lengths in seconds, both ends included.
    Duration(i64, i64),
    /// An object.
    Object,
    /// An array of at most so many elements.
    Array(usize),
    /// An array of texts, at most so many.
    Texts(usize),
    /// A resource id.
    Id,
}

/// What stands in for an absent property.
#[derive(Clone, Copy, Debug)]
pub enum Default {
    /// Nothing.
    Absent,
    /// Text.
    Text(&'static str),
    /// A truth value.
    Bool(bool),
    /// A number.
    Integer(i64),
    /// `[]`
    EmptyArray,
    /// `{}`
    EmptyObject,
}

impl Field {
    /// An optional property.
    pub const fn new(path: &'static str, kind: Kind) -> Self {
        Self { path, kind, required: false, read_only: false, default: Default::Absent }
    }

    /// One that must be there.
    pub const fn required(path: &'static str, kind: Kind) -> Self {
        Self { path, kind, required: true, read_only: false, default: Default::Absent }
    }

    /// One that callers cannot set; it keeps what is stored.
    pub const fn read_only(path: &'static str) -> Self {
        Self { path, kind: Kind::Any, required: false, read_only: true, default: Default::Absent }
    }

    /// With a default.
    #[must_use]
    pub const fn or(mut self, default: Default) -> Self {
        self.default = default;
        self
    }
}

impl Default {
    fn value(self) -> Option<Value> {
        Some(match self {
            Self::Absent => return None,
            Self::Text(t) => json!(t),
            Self::Bool(b) => json!(b),
            Self::Integer(n) => json!(n),
            Self::EmptyArray => json!([]),
            Self::EmptyObject => json!({}),
        })
    }
}

/// The value at a path of members; null when there is none.
pub(crate) fn get<'a>(value: &'a Value, path: &str) -> &'a Value {
    path.split('/').fold(value, |at, name| at.get(name).unwrap_or(&Value::Null))
}

/// The value at a path below an object; null when there is none.
pub(crate) fn get_in<'a>(map: &'a Map<String, Value>, path: &str) -> &'a Value {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let value = map.get(first).unwrap_or(&Value::Null);
    if rest.is_empty() { value } else { get(value, rest) }
}

/// Checks `properties` against the table, in place. Gives (place, what is wrong) for each finding.
pub(crate) fn check(
    properties: &mut Map<String, Value>,
    stored: &Value,
    table: &[Field],
    place: &str,
) -> Result<(), Vec<(String, String)>> {
    let mut found = Vec::new();
    for field in table {
        let target = format!("{place}.{}", field.path.replace('/', "."));
        let Some((holder, name)) = holder(properties, field.path) else {
            found.push((target, "must be inside an object".to_owned()));
            continue;
        };
        if field.read_only {
            match get(stored, field.path) {
                Value::Null => holder.remove(name),
                kept => holder.insert(name.into(), kept.clone()),
            };
            continue;
        }
        // null and absent are one, as in Azure's own serializers
        if holder.get(name).is_none_or(Value::is_null) {
            holder.remove(name);
            match field.default.value() {
                Some(value) => drop(holder.insert(name.into(), value)),
                None if field.required => {
                    found.push((target, format!("'{}' is required; add it", field.path)));
                }
                None => {}
            }
            continue;
        }
        if let Some(value) = holder.get_mut(name)
            && let Err(wanted) = field.kind.admit(value)
        {
            found
                .push((target, format!("'{}' must be {wanted}; got {}", field.path, short(value))));
        }
    }
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// The object that holds the last part of a path; made on the way when absent.
/// The body of a call with `properties` and what the table names in the table's casing; none where it has that already.
/// Names given twice are refused: nobody knows which one is meant.
pub(crate) fn recased(body: &Value, table: &[Field]) -> Result<Option<Value>, String> {
    let Value::Object(members) = body else { return Ok(None) };
    let mut members = members.clone();
    let mut changed = recase(&mut members, "properties")?;
    if let Some(Value::Object(properties)) = members.get_mut("properties") {
        for field in table {
            let mut at = &mut *properties;
            let mut names = field.path.split('/').peekable();
            while let Some(name) = names.next() {
                changed |= recase(at, name)?;
                match at.get_mut(name) {
                    Some(Value::Object(inner)) if names.peek().is_some() => at = inner,
                    _ => break,
                }
            }
        }
    }
    Ok(changed.then_some(Value::Object(members)))
}

/// Puts a member under its own name; true where it stood under another casing.
fn recase(map: &mut Map<String, Value>, name: &str) -> Result<bool, String> {
    let same = |key: &&String| key.eq_ignore_ascii_case(name);
    match (map.keys().find(same).cloned(), map.keys().filter(same).count()) {
        (_, 2..) => Err(name.to_owned()),
        (Some(key), _) if key != name => {
            let value = map.remove(&key).unwrap_or_default();
            map.insert(name.to_owned(), value);
            Ok(true)
        }
        _ => Ok(false),
    }
}

fn holder<'a, 'p>(
    mut map: &'a mut Map<String, Value>,
    path: &'p str,
) -> Option<(&'a mut Map<String, Value>, &'p str)> {
    let Some((parents, name)) = path.rsplit_once('/') else { return Some((map, path)) };
    for part in parents.split('/') {
        map = match map.entry(part).or_insert_with(|| json!({})) {
            Value::Object(inner) => inner,
            _ => return None,
        };
    }
    Some((map, name))
}

/// A value in few characters, for messages.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

impl Kind {
    /// Accepts and normalises a value, or tells what is wanted.
    pub(crate) fn admit(self, value: &mut Value) -> Result<(), String> {
        let good = match (self, &*value) {
            (Self::Any, _) | (Self::Bool, Value::Bool(_)) | (Self::Object, Value::Object(_)) => {
                true
            }
            (Self::Number, Value::Number(_)) => true,
            (Self::Text(max), Value::String(s)) => s.chars().count() <= max,
            (Self::OneOf(names), Value::String(s)) => {
                match names.iter().find(|n| n.eq_ignore_ascii_case(s)) {
                    Some(name) => {
                        *value = json!(name);
                        true
                    }
                    None => false,
                }
            }
            (Self::Integer(min, max), v) => whole(v).is_some_and(|n| {
                *value = json!(n);
                (min..=max).contains(&n)
            }),
            (Self::Guid, Value::String(s)) => uuid::Uuid::try_parse(s).is_ok(),
            (Self::DateTime, Value::String(s)) => DateTime::parse(s).is_some(),
            (Self::Duration(min, max), Value::String(s)) => parse_iso_duration(s)
                .is_some_and(|d| (min..=max).contains(&(d.ticks() / TICKS_PER_SECOND))),
            (Self::Array(max), Value::Array(list)) => list.len() <= max,
            (Self::Texts(max), Value::Array(list)) => {
                list.len() <= max && list.iter().all(Value::is_string)
            }
            (Self::Id, Value::String(s)) => s.starts_with('/'),
            _ => false,
        };
        if good { Ok(()) } else { Err(self.wanted()) }
    }

    fn wanted(self) -> String {
        match self {
            Self::Any => "anything".into(),
            Self::Text(max) => format!("a text of at most {max} characters"),
            Self::OneOf(names) => format!("one of {}", names.join(", ")),
            Self::Bool => "true or false".into(),
            Self::Integer(min, max) => format!("a whole number from {min} to {max}"),
            Self::Number => "a number".into(),
            Self::Guid => "a GUID".into(),
            Self::DateTime => "an ISO 8601 instant such as 2026-01-31T00:00:00Z".into(),
            Self::Duration(min, max) => {
                format!("an ISO 8601 duration such as PT5M, between {min} and {max} seconds")
            }
            Self::Object => "an object".into(),
            Self::Array(max) => format!("an array of at most {max} elements"),
            Self::Texts(max) => format!("an array of at most {max} texts"),
            Self::Id => "a resource id, /subscriptions/...".into(),
        }
    }
}

/// Ticks of 100 ns.
const TICKS_PER_SECOND: i64 = 10_000_000;

/// A whole number, also one that a client wrote as `30.0` or `"30"`.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Number(n) => n.as_i64().or_else(|| {
            let real = n.as_f64()?;
            (real.fract() == 0.0 && real.abs() < 9e15).then_some(real as i64)
        }),
        Value::String(s) => s.trim().parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
