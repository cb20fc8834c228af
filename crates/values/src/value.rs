//! One cell of any type.

mod cast;
mod order;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;

use crate::{DateTime, Decimal, Dynamic, Guid, ScalarType, TimeSpan};

/// One cell. `Null` belongs to every type but `string`, whose null is the empty text.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// The null of any type but string.
    Null,
    /// bool
    Bool(bool),
    /// int
    Int(i32),
    /// long
    Long(i64),
    /// real
    Real(f64),
    /// decimal
    Decimal(Decimal),
    /// string
    String(Arc<str>),
    /// guid
    Guid(Guid),
    /// datetime
    DateTime(DateTime),
    /// timespan
    TimeSpan(TimeSpan),
    /// dynamic
    Dynamic(Dynamic),
}

impl Value {
    /// The type of the value; none for `Null`.
    pub const fn scalar_type(&self) -> Option<ScalarType> {
        Some(match self {
            Self::Null => return None,
            Self::Bool(_) => ScalarType::Bool,
            Self::Int(_) => ScalarType::Int,
            Self::Long(_) => ScalarType::Long,
            Self::Real(_) => ScalarType::Real,
            Self::Decimal(_) => ScalarType::Decimal,
            Self::String(_) => ScalarType::String,
            Self::Guid(_) => ScalarType::Guid,
            Self::DateTime(_) => ScalarType::DateTime,
            Self::TimeSpan(_) => ScalarType::TimeSpan,
            Self::Dynamic(_) => ScalarType::Dynamic,
        })
    }

    /// Text as a value.
    pub fn string(text: impl AsRef<str>) -> Self {
        Self::String(Arc::from(text.as_ref()))
    }

    /// The empty text, which is what null is for strings.
    pub fn empty_string() -> Self {
        Self::String(Arc::default())
    }

    /// The null of a type: [`Value::Null`], for string the empty text.
    pub fn null_of(ty: ScalarType) -> Self {
        if ty == ScalarType::String { Self::empty_string() } else { Self::Null }
    }

    /// True for null and for the empty string, as `isempty()` sees it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::String(s) => s.is_empty(),
            _ => false,
        }
    }

    /// True for null.
    pub const fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number of an int or a long.
    pub const fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(v) => Some(*v as i64),
            Self::Long(v) => Some(*v),
            _ => None,
        }
    }

    /// Any number as a double.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(v) => Some(f64::from(*v)),
            Self::Long(v) => Some(*v as f64),
            Self::Real(v) => Some(*v),
            Self::Decimal(v) => Some(v.to_f64()),
            _ => None,
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Self::Int(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Long(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::string(value)
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::String(Arc::from(value))
    }
}

impl From<DateTime> for Value {
    fn from(value: DateTime) -> Self {
        Self::DateTime(value)
    }
}

impl From<TimeSpan> for Value {
    fn from(value: TimeSpan) -> Self {
        Self::TimeSpan(value)
    }
}

impl From<Guid> for Value {
    fn from(value: Guid) -> Self {
        Self::Guid(value)
    }
}

impl From<Decimal> for Value {
    fn from(value: Decimal) -> Self {
        Self::Decimal(value)
    }
}

impl From<Dynamic> for Value {
    fn from(value: Dynamic) -> Self {
        if value.as_ref().is_null() { Self::Null } else { Self::Dynamic(value) }
    }
}
