//! Literals: the ten scalar types, their nulls, and the JSON-like inside of `dynamic(...)`.

use std::sync::Arc;

use values::{DateTime, Guid, ScalarType, TimeSpan};

/// A value written in the text.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// `int(null)`, `datetime(null)`, ..., and the bare `null` of a `dynamic` (type dynamic).
    Null(ScalarType),
    /// `true`, `bool(false)`.
    Bool(bool),
    /// `int(5)`.
    Int(i32),
    /// `5`, `0x1F`, `long(5)`.
    Long(i64),
    /// `1.5`, `1e10`, `real(nan)`.
    Real(f64),
    /// `decimal(1.5)`: the number as written, known to be one.
    Decimal(Arc<str>),
    /// Any string form; neighbours are already joined.
    String(StringLiteral),
    /// `datetime(2024-01-01)`.
    DateTime(DateTime),
    /// `1d`, `timespan(1.02:03:04)`.
    TimeSpan(TimeSpan),
    /// `guid(...)`.
    Guid(Guid),
    /// `dynamic(...)`.
    Dynamic(Box<Json>),
}

impl Literal {
    /// The type of the literal.
    pub const fn scalar_type(&self) -> ScalarType {
        match self {
            Self::Null(scalar) => *scalar,
            Self::Bool(_) => ScalarType::Bool,
            Self::Int(_) => ScalarType::Int,
            Self::Long(_) => ScalarType::Long,
            Self::Real(_) => ScalarType::Real,
            Self::Decimal(_) => ScalarType::Decimal,
            Self::String(_) => ScalarType::String,
            Self::DateTime(_) => ScalarType::DateTime,
            Self::TimeSpan(_) => ScalarType::TimeSpan,
            Self::Guid(_) => ScalarType::Guid,
            Self::Dynamic(_) => ScalarType::Dynamic,
        }
    }
}

/// A text, with its escapes resolved.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StringLiteral {
    /// The text meant.
    pub value: Arc<str>,
    /// True for `h"..."`: the text must not reach logs.
    pub obfuscated: bool,
}

/// The inside of `dynamic(...)`.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`
    Null,
    /// Numbers, texts, booleans, and KQL literals such as `datetime(2024-01-01)` or `1d`; never itself dynamic.
    Scalar(Literal),
    /// `[...]`
    Array(Vec<Json>),
    /// `{...}`, in the order written, repeated keys kept.
    Object(Vec<(Arc<str>, Json)>),
}
