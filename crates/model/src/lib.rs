//! The nouns every floor shares: resource ids, rows and their schema, time ranges, severities, the clock, the `Tables` seam.

mod clock;
mod range;
mod resource_id;
pub mod rows;
mod severity;
mod tables;

pub use clock::{Clock, SystemClock};
pub use range::{TimeRange, parse_iso_duration};
pub use resource_id::ResourceId;
pub use rows::{Batch, Column, ColumnBuilder, Rows, Schema};
pub use severity::Severity;
pub use tables::{
    AppendReceipt, AppendRequest, Cancel, Feed, FunctionDefinition, Principal, QueryAnswer,
    QueryError, QueryLimits, QueryRequest, QueryStatistics, ResultTable, Retention, TableAccess,
    TableInfo, TableKind, Tables, TablesError,
};
pub use values::{DateTime, Decimal, Dynamic, DynamicRef, Guid, ScalarType, TimeSpan, Value};
