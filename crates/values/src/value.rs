//! One cell of any type.

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

    /// True for null and for the empty string, as `isempty()` sees it.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::String(s) => s.is_empty(),
            _ => false,
        }
    }
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}
