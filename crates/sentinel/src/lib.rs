//! Detection: analytics rules and their schedule, alerts and their entities, incidents, and the import of content.
//!
//! The thinking is pure (values in, values out); storage and queries are reached through `state::Store` and
//! `model::Tables` at the rim, in the runner and the resource types.

pub mod alert;
pub mod alert_format;
pub mod checkpoint;
pub mod duration;
pub mod entity;
pub mod entity_type;
pub mod fields;
pub mod grouping;
pub mod health;
pub mod ids;
pub mod import;
pub mod incident;
pub mod journal;
pub mod records;
pub mod resource_types;
pub mod rule;
pub mod runner;
pub mod schedule;
mod stored;
pub mod tactics;
pub mod workspace;
