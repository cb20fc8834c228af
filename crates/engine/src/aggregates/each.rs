//! Aggregates whose groups each hold a state of their own.

use std::any::Any;

use arrow_array::ArrayRef;
use model::ColumnBuilder;
use values::ScalarType;

use super::{GroupStates, pairs, same};
use crate::functions::EvalError;

/// One group's state.
pub(super) trait State: Clone + Send + 'static {
    /// What all groups share.
    type Config: Send + Clone + 'static;
    /// The arguments of a batch, made ready to be read row by row.
    type Input<'a>;

    /// Makes the arguments ready.
    fn input<'a>(config: &Self::Config, args: &'a [ArrayRef])
    -> Result<Self::Input<'a>, EvalError>;

    /// Before any row.
    fn fresh(config: &Self::Config) -> Self;

    /// Takes in a row; gives the bytes by which the state grew on the heap.
    fn add(&mut self, config: &Self::Config, input: &Self::Input<'_>, row: usize) -> usize;

    /// Takes in another worker's state; gives the bytes by which the state grew on the heap.
    fn merge(&mut self, config: &Self::Config, other: Self) -> usize;

    /// Appends the result, one value to each column.
    fn finish(self, config: &Self::Config, out: &mut [ColumnBuilder]);
}

/// States of all groups.
pub(super) struct Each<S: State> {
    config: S::Config,
    states: Vec<S>,
    results: Vec<ScalarType>,
    heap: usize,
}

impl<S: State> Each<S> {
    /// Without groups yet; gives columns of these types.
    pub(super) fn start(config: S::Config, results: &[ScalarType]) -> Box<dyn GroupStates> {
        Box::new(Self { config, states: Vec::new(), results: results.to_vec(), heap: 0 })
    }

    fn fit(&mut self, count: usize) {
        if self.states.len() < count {
            let config = &self.config;
            self.states.resize_with(count, || S::fresh(config));
        }
    }
}

impl<S: State> GroupStates for Each<S> {
    fn update(
        &mut self,
        args: &[ArrayRef],
        rows: &[u32],
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        self.fit(count);
        if rows.is_empty() {
            return Ok(());
        }
        let input = S::input(&self.config, args)?;
        for (row, group) in pairs(rows, groups) {
            if let Some(state) = self.states.get_mut(group) {
                self.heap += state.add(&self.config, &input, row);
            }
        }
        Ok(())
    }

    fn merge(
        &mut self,
        other: Box<dyn GroupStates>,
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        self.fit(count);
        for (state, group) in same::<Self>(other)?.states.into_iter().zip(groups) {
            if let Some(mine) = self.states.get_mut(*group as usize) {
                self.heap += mine.merge(&self.config, state);
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, count: usize) -> Result<Vec<ArrayRef>, EvalError> {
        self.fit(count);
        let mut out: Vec<_> =
            self.results.iter().map(|ty| ColumnBuilder::new(*ty, count)).collect();
        for state in self.states {
            state.finish(&self.config, &mut out);
        }
        Ok(out.into_iter().map(ColumnBuilder::finish).collect())
    }

    fn bytes(&self) -> usize {
        self.states.capacity() * size_of::<S>() + self.heap
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// Appends to the only result column.
pub(super) fn put(out: &mut [ColumnBuilder], value: &values::Value) {
    if let Some(column) = out.first_mut() {
        column.push(value);
    }
}
