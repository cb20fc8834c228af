//! KQL over tables: text to rows.

pub mod aggregates;
pub mod bind;
pub mod exec;
pub mod functions;
pub mod plan;
pub mod source;
