//! The steps, one file each.

mod aggregate;
mod apply;
mod expand;
mod filter;
mod join;
mod limit;
mod make_series;
mod parse;
pub(crate) mod project;
mod range;
pub(crate) mod rows;
mod sample;
mod scan;
mod shared;
mod sort;
mod union;
mod whole;
mod window;

pub(crate) use aggregate::{Aggregate, CompiledCall, Worker};
pub(crate) use apply::{Apply, Groups, Spec as ApplySpec};
pub(crate) use expand::{Expand, Spec as ExpandSpec};
pub(crate) use filter::Filter;
pub(crate) use join::{Join, Side as JoinSide, Spec as JoinSpec};
pub(crate) use limit::Limit;
pub(crate) use make_series::{Axis, MakeSeries, Spec as SeriesSpec};
pub(crate) use parse::{KeyValues, Parse, Pattern, Spec as ParseSpec};
pub(crate) use project::{Pick, Project, pick};
pub(crate) use range::Range;
pub(crate) use rows::Rows;
pub(crate) use sample::{RANDOM, Randomize};
pub(crate) use scan::{Condition, Scan, memory_scan};
pub(crate) use shared::Shared;
pub(crate) use sort::{Bound, Sort};
pub(crate) use union::Union;
pub(crate) use whole::Whole;
pub(crate) use window::{Call as WindowCall, Lowered, Window, lower};
