//! The names of KQL's scalar types and their aliases.

use std::fmt;

/// One of KQL's ten scalar types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ScalarType {
    /// `true`, `false` or null.
    Bool,
    /// 32-bit signed integer.
    Int,
    /// 64-bit signed integer.
    Long,
    /// IEEE 754 double; NaN and infinities are values beside null.
    Real,
    /// Decimal number, 28 significant digits.
    Decimal,
    /// UTF-8 text; has no null: null and `''` are one value.
    String,
    /// 128-bit identifier.
    Guid,
    /// 100 ns ticks since 0001-01-01T00:00:00Z, up to 9999-12-31.
    DateTime,
    /// Signed 100 ns ticks.
    TimeSpan,
    /// Any value, array or property bag.
    Dynamic,
}

impl ScalarType {
    /// All types, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Bool,
        Self::Int,
        Self::Long,
        Self::Real,
        Self::Decimal,
        Self::String,
        Self::Guid,
        Self::DateTime,
        Self::TimeSpan,
        Self::Dynamic,
    ];

    /// The canonical KQL name (`bool`, `int`, ...), which is also the wire name of the query APIs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Long => "long",
            Self::Real => "real",
            Self::Decimal => "decimal",
            Self::String => "string",
            Self::Guid => "guid",
            Self::DateTime => "datetime",
            Self::TimeSpan => "timespan",
            Self::Dynamic => "dynamic",
        }
    }

    /// The .NET name that `getschema`, Kusto v1 and the schema commands show.
    pub const fn net_name(self) -> &'static str {
        match self {
            Self::Bool => "System.SByte",
            Self::Int => "System.Int32",
            Self::Long => "System.Int64",
            Self::Real => "System.Double",
            Self::Decimal => "System.Data.SqlTypes.SqlDecimal",
            Self::String => "System.String",
            Self::Guid => "System.Guid",
            Self::DateTime => "System.DateTime",
            Self::TimeSpan => "System.TimeSpan",
            Self::Dynamic => "System.Object",
        }
    }

    /// Reads a type name or one of its aliases (`boolean`, `date`, `double`, `time`, `uuid`, ...), without case.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "bool" | "boolean" => Self::Bool,
            "int" | "int32" | "uint" | "int16" | "uint16" | "uint8" | "int8" => Self::Int,
            "long" | "int64" | "ulong" | "uint64" | "uint32" => Self::Long,
            "real" | "double" | "float" => Self::Real,
            "decimal" => Self::Decimal,
            "string" => Self::String,
            "guid" | "uuid" | "uniqueid" => Self::Guid,
            "datetime" | "date" => Self::DateTime,
            "timespan" | "time" => Self::TimeSpan,
            "dynamic" | "object" => Self::Dynamic,
            _ => return None,
        })
    }

    /// `int`, `long`, `real` or `decimal`.
    pub const fn is_numeric(self) -> bool {
        matches!(self, Self::Int | Self::Long | Self::Real | Self::Decimal)
    }
}

impl fmt::Display for ScalarType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
