//! `dynamic` in binary form: the Parquet Variant encoding, metadata and value in one buffer.
//!
//! * The dictionary of keys is sorted and unique; fields are listed by key, as the encoding demands, while their
//!   values lie in the order in which they were written: bags print in that order.
//! * Three private primitive ids past the assigned ones hold what the encoding lacks: `datetime` and `timespan` in
//!   ticks. [`to_standard`] rewrites them for readers of plain Variant.
//! * Any bytes may be read: what does not decode is null, and no reading takes more than the bytes' length in steps.

/// The method of a builder that takes any cell, by those that take one of a type.
macro_rules! any_cell {
    () => {
        /// Adds any cell; a text stays a text.
        pub fn value(&mut self, value: &Value) {
            match value {
                Value::Null => self.null(),
                Value::Bool(v) => self.bool(*v),
                Value::Int(v) => self.long(i64::from(*v)),
                Value::Long(v) => self.long(*v),
                Value::Real(v) => self.real(*v),
                Value::Decimal(v) => self.decimal(*v),
                Value::String(v) => self.string(v),
                Value::Guid(v) => self.guid(*v),
                Value::DateTime(v) => self.datetime(*v),
                Value::TimeSpan(v) => self.timespan(*v),
                Value::Dynamic(v) => self.dynamic(v.as_ref()),
            }
        }
    };
}

mod build;
mod find;
mod flat;
mod from_value;
mod order;
mod parse;
mod path;
mod read;
mod sought;
mod standard;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;
use std::sync::Arc;

pub use build::{DynamicBuilder, write_string};
pub use find::{JsonEnd, JsonFinder};
pub use flat::Flat;
pub(crate) use order::compare_reals;
pub use path::{PathFinder, PathPart};
pub use read::{ArrayIter, DynamicRef, Kind, ObjectIter};
pub use sought::in_bytes;
pub use standard::{from_standard, to_standard};
pub use write::write_json_string;

/// Deepest nesting that is built or read; deeper parts are null.
pub const DEPTH_MAX: usize = 128;

/// Basic types: the two low bits of a value's first byte.
mod basic {
    pub(super) const PRIMITIVE: u8 = 0;
    pub(super) const SHORT_STRING: u8 = 1;
    pub(super) const OBJECT: u8 = 2;
    pub(super) const ARRAY: u8 = 3;
}

/// Primitive ids: the six high bits of a primitive's first byte.
mod primitive {
    pub(super) const NULL: u8 = 0;
    pub(super) const TRUE: u8 = 1;
    pub(super) const FALSE: u8 = 2;
    pub(super) const INT8: u8 = 3;
    pub(super) const INT16: u8 = 4;
    pub(super) const INT32: u8 = 5;
    pub(super) const INT64: u8 = 6;
    pub(super) const DOUBLE: u8 = 7;
    pub(super) const DECIMAL4: u8 = 8;
    pub(super) const DECIMAL8: u8 = 9;
    pub(super) const DECIMAL16: u8 = 10;
    pub(super) const DATE: u8 = 11;
    pub(super) const TIMESTAMP_MICROS: u8 = 12;
    pub(super) const TIMESTAMP_MICROS_LOCAL: u8 = 13;
    pub(super) const FLOAT: u8 = 14;
    pub(super) const BINARY: u8 = 15;
    pub(super) const STRING: u8 = 16;
    pub(super) const TIME_MICROS: u8 = 17;
    pub(super) const TIMESTAMP_NANOS: u8 = 18;
    pub(super) const TIMESTAMP_NANOS_LOCAL: u8 = 19;
    pub(super) const UUID: u8 = 20;
    /// Private: eight bytes of ticks since 0001-01-01.
    pub(super) const KQL_DATETIME: u8 = 58;
    /// Private: eight bytes of signed ticks.
    pub(super) const KQL_TIMESPAN: u8 = 59;
}

/// Metadata without keys: version 1, sorted, no strings.
const EMPTY_METADATA: [u8; 3] = [0x11, 0, 0];

/// An owned dynamic value, cheap to clone.
#[derive(Clone)]
pub struct Dynamic(Arc<[u8]>);

impl Dynamic {
    /// From stored bytes (any bytes: what does not decode is null).
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(Arc::from(bytes))
    }

    /// The stored bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// To read it.
    pub fn as_ref(&self) -> DynamicRef<'_> {
        DynamicRef::new(&self.0)
    }

    /// Reads JSON text; none where it is not JSON.
    pub fn parse_json(text: &str) -> Option<Self> {
        let mut builder = DynamicBuilder::new();
        builder.json(text)?;
        Some(builder.finish())
    }

    /// An array of texts.
    pub fn strings<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        let mut builder = DynamicBuilder::new();
        builder.begin_array();
        for text in texts {
            builder.string(text.as_ref());
        }
        builder.end_array();
        builder.finish()
    }
}

impl Default for Dynamic {
    /// Null.
    fn default() -> Self {
        Self(Arc::from([0x11, 0, 0, 0].as_slice()))
    }
}

impl fmt::Display for Dynamic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_ref(), f)
    }
}

impl fmt::Debug for Dynamic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_ref(), f)
    }
}
