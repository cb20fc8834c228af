//! The ten scalar types of KQL as plain Rust values: exact, ordered, parsed and printed as Azure does.
//!
//! Everything that touches a cell (engine, collection, storage, wire formats) speaks through this crate, so that a
//! datetime keeps its 100 ns digit and a dynamic value its type from the first byte to the last.

mod datetime;
mod decimal;
pub mod dynamic;
mod guid;
mod scalar_type;
pub mod text;
mod timespan;
mod value;

pub use datetime::{CivilTime, DateTime, days_in_month, is_leap_year};
pub use decimal::Decimal;
pub use dynamic::{Dynamic, DynamicBuilder, DynamicRef, Kind};
pub use guid::Guid;
pub use scalar_type::ScalarType;
pub use timespan::TimeSpan;
pub use value::Value;

/// A tick is 100 ns, the unit of `datetime` and `timespan`.
pub const TICKS_PER_MICROSECOND: i64 = 10;
/// Ticks in a millisecond.
pub const TICKS_PER_MILLISECOND: i64 = 10_000;
/// Ticks in a second.
pub const TICKS_PER_SECOND: i64 = 10_000_000;
/// Ticks in a minute.
pub const TICKS_PER_MINUTE: i64 = 60 * TICKS_PER_SECOND;
/// Ticks in an hour.
pub const TICKS_PER_HOUR: i64 = 60 * TICKS_PER_MINUTE;
/// Ticks in a day.
pub const TICKS_PER_DAY: i64 = 24 * TICKS_PER_HOUR;
