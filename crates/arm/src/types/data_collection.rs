//! Data collection: rules (which stream goes to which table, through which transform), endpoints, associations.

mod association;
mod endpoint;
mod rule;
mod rule_tables;
mod streams;

pub(crate) use association::{ASSOCIATION, RuleAssociations, RuleInUse};
pub(crate) use endpoint::ENDPOINT;
pub(crate) use rule::RULE;
pub(crate) use rule_tables::RuleTables;
pub use streams::{
    DataCollectionRule, DataFlow, StreamTarget, data_collection_rule_by_immutable_id,
};

/// Known versions of the three types.
const API_VERSIONS: &[&str] =
    &["2024-03-11", "2023-03-11", "2022-06-01", "2021-09-01-preview", "2021-04-01"];

/// Rules, endpoints and associations have an id that outlives renames: a prefix and 32 hexadecimal digits.
fn immutable_id(prefix: &str) -> serde_json::Value {
    format!("{prefix}-{}", uuid::Uuid::new_v4().simple()).into()
}
