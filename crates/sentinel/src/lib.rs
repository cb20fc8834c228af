//! Detection: analytics rules and their schedule, alerts and their entities, incidents, and the import of content.
//!
//! The thinking is pure (values in, values out); storage and queries are reached through `state::Store` and
//! `model::Tables` at the rim, in the runner and the resource types.

pub mod alert;
pub mod alert_format;
pub mod duration;
pub mod entity;
pub mod entity_type;
pub mod fields;
pub mod ids;
pub mod import;
pub mod rule;
pub mod tactics;
pub mod workspace;
