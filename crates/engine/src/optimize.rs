//! Plan to equal plan: filters move down to the scans, unused columns fall away, scans learn time bounds and hints.
//!
//! Three passes over the tree. [`push`] carries conjuncts downward as far as their columns are known unchanged, and does
//! away with groups that need none ([`flat`]); [`parts`] makes columns of the paths into dynamic ones; [`prune`] carries the set of wanted columns.

mod flat;
mod hints;
mod narrow;
mod parts;
mod prune;
mod push;
mod rewrite;
mod settle;

pub(crate) use hints::lone_terms;
pub(crate) use rewrite::{conjuncts, is_certain};

use crate::plan::Plan;

/// The plan, made cheaper.
pub fn optimize(plan: &Plan) -> Plan {
    let pushed = push::push(plan.clone(), Vec::new());
    prune::prune_all(parts::split_off(pushed))
}
