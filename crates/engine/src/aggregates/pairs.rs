//! Distinct (group, value) pairs in order of first appearance, nulls passed over.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, Int32Array, UInt32Array};
use values::ScalarType;

use crate::exec::groups::Grouper;
use crate::exec::{ExecError, columns};
use crate::functions::EvalError;

/// Distinct pairs.
pub(super) struct Distinct {
    grouper: Grouper,
}

fn failed(error: ExecError) -> EvalError {
    EvalError::new(error.to_string())
}

impl Distinct {
    pub(super) fn new(ty: ScalarType) -> Self {
        Self { grouper: Grouper::new(&[ScalarType::Int, ty]) }
    }

    /// Adds rows of the first argument.
    pub(super) fn update(
        &mut self,
        args: &[ArrayRef],
        rows: &[u32],
        groups: &[u32],
    ) -> Result<(), EvalError> {
        let Some(column) = args.first() else { return Ok(()) };
        let valid = column.nulls().filter(|n| n.null_count() > 0);
        let (values, groups) = if rows.len() == column.len() && valid.is_none() {
            (Arc::clone(column), group_column(groups.iter().copied()))
        } else {
            let kept = || {
                rows.iter()
                    .zip(groups)
                    .filter(|(row, _)| valid.is_none_or(|v| v.is_valid(**row as usize)))
            };
            let rows: UInt32Array = kept().map(|(row, _)| *row).collect::<Vec<_>>().into();
            let values = columns::take_column(column, &rows).map_err(failed)?;
            (values, group_column(kept().map(|(_, group)| *group)))
        };
        self.add(groups, values)
    }

    /// Adds pairs.
    pub(super) fn add(&mut self, groups: ArrayRef, values: ArrayRef) -> Result<(), EvalError> {
        let rows = values.len();
        self.grouper.number(&[groups, values], rows).map_err(failed)?;
        Ok(())
    }

    /// Adds another's pairs: its group `g` is ours `groups[g]`.
    pub(super) fn merge(&mut self, other: &Self, groups: &[u32]) -> Result<(), EvalError> {
        let (theirs, values) = other.pairs()?;
        let ours = theirs.iter().map(|g| groups.get(*g as usize).copied().unwrap_or(0));
        self.add(group_column(ours), values)
    }

    /// All pairs.
    pub(super) fn pairs(&self) -> Result<(Vec<u32>, ArrayRef), EvalError> {
        let keys = self.grouper.keys().map_err(failed)?;
        let [groups, values] = keys.as_slice() else {
            return Err(EvalError::new("distinct pairs have two columns"));
        };
        let groups = groups.as_primitive_opt::<Int32Type>();
        let groups = groups.map(|g| g.values().iter().map(|v| *v as u32).collect());
        Ok((groups.unwrap_or_default(), Arc::clone(values)))
    }

    pub(super) fn bytes(&self) -> usize {
        self.grouper.bytes()
    }
}

/// Groups as a key column.
pub(super) fn group_column(groups: impl Iterator<Item = u32>) -> ArrayRef {
    Arc::new(Int32Array::from_iter_values(groups.map(|g| g as i32)))
}
