//! One number for each group that grows by adding: what `count` and `sum` keep.

use std::any::Any;

use arrow_array::ArrayRef;

use super::{GroupStates, fit, same};
use crate::functions::EvalError;

/// What is added up.
pub(super) trait Total: Copy + Send + 'static {
    /// The total of no rows.
    const NONE: Self;

    /// Both together.
    fn plus(self, other: Self) -> Self;

    /// Adds rows of the arguments to the groups' totals, which are all there.
    fn add(totals: &mut [Self], args: &[ArrayRef], rows: &[u32], groups: &[u32]);

    /// The result column.
    fn column(totals: Vec<Self>) -> ArrayRef;
}

/// The totals of all groups.
pub(super) struct Totals<T>(Vec<T>);

impl<T: Total> Totals<T> {
    pub(super) fn start() -> Box<dyn GroupStates> {
        Box::new(Self(Vec::new()))
    }
}

impl<T: Total> GroupStates for Totals<T> {
    fn update(
        &mut self,
        args: &[ArrayRef],
        rows: &[u32],
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        fit(&mut self.0, count, T::NONE);
        T::add(&mut self.0, args, rows, groups);
        Ok(())
    }

    fn merge(
        &mut self,
        other: Box<dyn GroupStates>,
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        fit(&mut self.0, count, T::NONE);
        for (theirs, group) in same::<Self>(other)?.0.iter().zip(groups) {
            if let Some(mine) = self.0.get_mut(*group as usize) {
                *mine = mine.plus(*theirs);
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, count: usize) -> Result<Vec<ArrayRef>, EvalError> {
        fit(&mut self.0, count, T::NONE);
        Ok(vec![T::column(self.0)])
    }

    fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<T>()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}
