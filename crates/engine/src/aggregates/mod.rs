//! Aggregate functions: each keeps a state per group, fed column by column.

mod bits;
mod count;
mod distinct;
mod each;
mod extreme;
mod lists;
mod moments;
mod numbers;
mod pairs;
mod percentiles;
mod pick;
mod schema;
pub(crate) mod sketch;
mod sum;
mod totals;

use std::any::Any;
use std::collections::HashMap;
use std::sync::LazyLock;

use arrow_array::ArrayRef;
use values::ScalarType;

use crate::functions::{EvalContext, EvalError};

/// An aggregate of KQL.
pub struct Aggregate {
    /// Name, as queries write it.
    pub name: &'static str,
    /// States for the groups of one worker.
    pub start: fn(&AggregateInput) -> Result<Box<dyn GroupStates>, EvalError>,
}

impl std::fmt::Debug for Aggregate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

/// What an aggregate is told when it starts.
#[derive(Debug)]
pub struct AggregateInput<'a> {
    /// Types of the arguments.
    pub types: &'a [ScalarType],
    /// Constant arguments (percentiles, sizes); none where the argument is a column.
    pub constants: &'a [Option<values::Value>],
    /// Types of the columns it gives.
    pub results: &'a [ScalarType],
    /// The query's surroundings.
    pub context: &'a EvalContext,
}

/// States of one aggregate for many groups. Groups are numbered densely from 0.
pub trait GroupStates: Send {
    /// Feeds rows: row `i` of every argument belongs to group `groups[i]`; `groups` holds only rows that pass the
    /// aggregate's predicate and `rows[i]` is their position in the argument arrays. `count` is the number of groups so
    /// far: states grow to it.
    fn update(
        &mut self,
        args: &[ArrayRef],
        rows: &[u32],
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError>;

    /// Takes over another worker's states (of the same concrete type): its group `g` is ours `groups[g]`.
    fn merge(
        &mut self,
        other: Box<dyn GroupStates>,
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError>;

    /// The result columns for groups `0..count`.
    fn finish(self: Box<Self>, count: usize) -> Result<Vec<ArrayRef>, EvalError>;

    /// Memory held, bytes (an estimate, for the budget).
    fn bytes(&self) -> usize;

    /// For `merge`.
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

/// Every family's table. A new family is a line here.
const FAMILIES: &[&[Aggregate]] = &[
    bits::AGGREGATES,
    count::AGGREGATES,
    distinct::AGGREGATES,
    extreme::AGGREGATES,
    lists::AGGREGATES,
    moments::AGGREGATES,
    percentiles::AGGREGATES,
    pick::AGGREGATES,
    schema::AGGREGATES,
    sum::AGGREGATES,
];

static BY_NAME: LazyLock<HashMap<&'static str, &'static Aggregate>> =
    LazyLock::new(|| FAMILIES.iter().flat_map(|f| f.iter()).map(|a| (a.name, a)).collect());

/// The aggregate of exactly this name. The `...if` forms have the implementation of their base: the predicate is
/// applied before the states see the rows.
pub fn find(name: &str) -> Option<&'static Aggregate> {
    BY_NAME.get(name).copied()
}

/// All aggregates, for documentation and suggestions.
pub fn all() -> impl Iterator<Item = &'static Aggregate> {
    FAMILIES.iter().flat_map(|f| f.iter())
}

impl Aggregate {
    /// An aggregate of this name.
    pub const fn new(
        name: &'static str,
        start: fn(&AggregateInput) -> Result<Box<dyn GroupStates>, EvalError>,
    ) -> Self {
        Self { name, start }
    }
}

/// Makes room for `count` groups.
fn fit<T: Clone>(states: &mut Vec<T>, count: usize, fresh: T) {
    if states.len() < count {
        states.resize(count, fresh);
    }
}

/// The states of another worker, of the type they must be.
fn same<T: 'static>(other: Box<dyn GroupStates>) -> Result<Box<T>, EvalError> {
    other.into_any().downcast().map_err(|_| EvalError::new("partial states do not match"))
}

/// (row, group) pairs of an update.
fn pairs<'a>(rows: &'a [u32], groups: &'a [u32]) -> impl Iterator<Item = (usize, usize)> + 'a {
    rows.iter().zip(groups).map(|(row, group)| (*row as usize, *group as usize))
}
