//! `count`, `countif`.

use std::any::Any;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array};

use super::{Aggregate, AggregateInput, GroupStates, fit, same};
use crate::functions::EvalError;

pub(super) const AGGREGATES: &[Aggregate] = &[
    Aggregate::new("count", start),
    Aggregate::new("cnt", start),
    Aggregate::new("countif", start),
];

fn start(_: &AggregateInput) -> Result<Box<dyn GroupStates>, EvalError> {
    Ok(Box::<Count>::default())
}

#[derive(Default)]
struct Count(Vec<i64>);

impl GroupStates for Count {
    fn update(
        &mut self,
        _: &[ArrayRef],
        rows: &[u32],
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        fit(&mut self.0, count, 0);
        if let [only] = self.0.as_mut_slice() {
            *only += rows.len() as i64;
            return Ok(());
        }
        for group in groups {
            if let Some(n) = self.0.get_mut(*group as usize) {
                *n += 1;
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
        fit(&mut self.0, count, 0);
        for (n, group) in same::<Self>(other)?.0.iter().zip(groups) {
            if let Some(mine) = self.0.get_mut(*group as usize) {
                *mine += n;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, count: usize) -> Result<Vec<ArrayRef>, EvalError> {
        fit(&mut self.0, count, 0);
        Ok(vec![Arc::new(Int64Array::from(self.0))])
    }

    fn bytes(&self) -> usize {
        self.0.capacity() * 8
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}
