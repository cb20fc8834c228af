//! The steps, one file each.

mod aggregate;
mod filter;
mod join;
mod limit;
pub(crate) mod project;
pub(crate) mod rows;
mod scan;
mod shared;
mod sort;

pub(crate) use aggregate::{Aggregate, CompiledCall};
pub(crate) use filter::Filter;
pub(crate) use join::{Join, Side as JoinSide, Spec as JoinSpec};
pub(crate) use limit::Limit;
pub(crate) use project::{Pick, Project};
pub(crate) use rows::Rows;
pub(crate) use scan::{Scan, memory_scan};
pub(crate) use shared::Shared;
pub(crate) use sort::Sort;
