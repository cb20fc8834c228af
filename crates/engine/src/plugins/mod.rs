//! Plugins of `evaluate`: functions from whole tables to whole tables.
//!
//! The binder runs the plugin's input first, because a plugin's columns may depend on its rows (`bag_unpack`, `pivot`),
//! and hands it over with the arguments: columns of the input by position, constants by value, further tables by their
//! rows. Conditions and computed arguments are appended to the input as columns. The answer brings its own schema.
//! When only names and types are asked for, the input has no rows. One plugin a file; a new one is a line in [`PLUGINS`].

mod activity;
mod bag_unpack;
mod dcount_intersect;
mod funnel;
mod geo_lookup;
mod ip_lookup;
mod mining;
mod pivot;
mod schema_merge;
mod sequence_detect;
mod small;
mod support;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use model::{Rows, ScalarType, Value};

use crate::functions::EvalContext;

pub(crate) use pivot::widen;
pub(crate) use support::NO_ROOM;

/// A plugin.
pub struct Plugin {
    /// Name, as queries write it.
    pub name: &'static str,
    /// The computation. The message of a failure says what to do.
    pub run: fn(&PluginCall<'_>) -> Result<Rows, String>,
    /// True when the columns depend on the rows: without rows, unknown names behind it are taken as dynamic.
    pub open: bool,
}

impl Plugin {
    /// A plugin whose columns follow from its arguments alone.
    const fn closed(name: &'static str, run: fn(&PluginCall<'_>) -> Result<Rows, String>) -> Self {
        Self { name, run, open: false }
    }
}

/// One call.
#[derive(Debug)]
pub struct PluginCall<'a> {
    /// The input: its own columns, then those computed for arguments.
    pub rows: &'a Rows,
    /// Number of the input's own columns.
    pub width: usize,
    /// The arguments, in order; named ones carry their name.
    pub args: &'a [PluginArgument],
    /// The query's surroundings.
    pub context: &'a EvalContext,
    /// Bytes that the query may hold.
    pub memory_max: usize,
}

/// An argument of a plugin.
#[derive(Clone, Debug)]
pub struct PluginArgument {
    /// `name=` in the call.
    pub name: Option<Arc<str>>,
    /// What was given.
    pub value: PluginValue,
}

/// What an argument is.
#[derive(Clone, Debug)]
pub enum PluginValue {
    /// A column of the input, by position.
    Column(usize),
    /// A constant.
    Constant(Value, ScalarType),
    /// A column of the table given as another argument, by name.
    Name(Arc<str>),
    /// A table.
    Table(Rows),
}

impl PluginCall<'_> {
    /// The argument at a place, or by name.
    pub fn argument(&self, at: usize, name: &str) -> Option<&PluginValue> {
        let named = self.args.iter().find(|a| a.name.as_deref() == Some(name));
        named.or_else(|| self.args.get(at).filter(|a| a.name.is_none())).map(|a| &a.value)
    }

    /// A column argument.
    pub fn column(&self, at: usize, name: &str) -> Result<usize, String> {
        match self.argument(at, name) {
            Some(PluginValue::Column(position)) => Ok(*position),
            _ => Err(format!("argument {} ({name}) must be a column of the input", at + 1)),
        }
    }

    /// A constant argument, where there is one.
    pub fn constant(&self, at: usize, name: &str) -> Option<&Value> {
        match self.argument(at, name) {
            Some(PluginValue::Constant(value, _)) => Some(value),
            _ => None,
        }
    }
}

/// All plugins but `pivot`, whose aggregate the binder computes.
const PLUGINS: &[Plugin] = &[
    Plugin { name: "bag_unpack", run: bag_unpack::run, open: true },
    Plugin::closed("active_users_count", activity::active_users_count),
    Plugin::closed("activity_counts_metrics", activity::activity_counts_metrics),
    Plugin::closed("activity_engagement", activity::activity_engagement),
    Plugin::closed("activity_metrics", activity::activity_metrics),
    Plugin::closed("autocluster", mining::autocluster),
    Plugin::closed("basket", mining::basket),
    Plugin::closed("dcount_intersect", dcount_intersect::run),
    Plugin::closed("diffpatterns", mining::diffpatterns),
    Plugin::closed("diffpatterns_text", mining::diffpatterns_text),
    Plugin::closed("estimate_rows_count", small::estimate_rows_count),
    Plugin::closed("funnel_sequence", funnel::funnel_sequence),
    Plugin::closed("funnel_sequence_completion", funnel::funnel_sequence_completion),
    Plugin::closed("geo_line_lookup", geo_lookup::lines),
    Plugin::closed("geo_polygon_lookup", geo_lookup::polygons),
    Plugin::closed("identity", small::identity),
    Plugin::closed("ipv4_lookup", ip_lookup::ipv4),
    Plugin::closed("ipv6_lookup", ip_lookup::ipv6),
    Plugin::closed("narrow", small::narrow),
    Plugin::closed("new_activity_metrics", activity::new_activity_metrics),
    Plugin::closed("preview", small::preview),
    Plugin::closed("rolling_percentile", small::rolling_percentile),
    Plugin::closed("rows_near", small::rows_near),
    Plugin::closed("schema_merge", schema_merge::run),
    Plugin::closed("sequence_detect", sequence_detect::run),
    Plugin::closed("session_count", activity::session_count),
    Plugin::closed("sliding_window_counts", activity::sliding_window_counts),
];

/// The plugin of exactly this name.
pub fn find(name: &str) -> Option<&'static Plugin> {
    PLUGINS.iter().find(|p| p.name == name)
}
