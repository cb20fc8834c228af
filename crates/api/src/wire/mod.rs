//! What every family shares: paths, bodies, callers, workspaces, errors, answers.

pub(crate) mod answer;
pub(crate) mod blocking;
pub(crate) mod body;
pub(crate) mod caller;
pub(crate) mod cells;
pub(crate) mod cross_origin;
pub(crate) mod error;
pub(crate) mod path;
pub(crate) mod queue;
pub(crate) mod request_id;
pub(crate) mod workspace;
