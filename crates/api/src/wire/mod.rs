//! What every family shares: bodies, callers, errors, cells.

pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod cells;
pub(crate) mod error;
pub(crate) mod path;
