//! Aggregate functions: each keeps a state per group, fed column by column.

use std::any::Any;

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
    fn update(&mut self, args: &[ArrayRef], rows: &[u32], groups: &[u32], count: usize) -> Result<(), EvalError>;

    /// Takes over another worker's states (of the same concrete type): its group `g` is ours `groups[g]`.
    fn merge(&mut self, other: Box<dyn GroupStates>, groups: &[u32], count: usize) -> Result<(), EvalError>;

    /// The result columns for groups `0..count`.
    fn finish(self: Box<Self>, count: usize) -> Result<Vec<ArrayRef>, EvalError>;

    /// Memory held, bytes (an estimate, for the budget).
    fn bytes(&self) -> usize;

    /// For `merge`.
    fn into_any(self: Box<Self>) -> Box<dyn Any + Send>;
}

/// The aggregate of exactly this name.
pub fn find(_name: &str) -> Option<&'static Aggregate> {
    None
}
