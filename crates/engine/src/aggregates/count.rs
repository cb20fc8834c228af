//! `count`, `countif`.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array};

use super::totals::{Total, Totals};
use super::{Aggregate, AggregateInput, GroupStates};
use crate::functions::EvalError;

pub(super) const AGGREGATES: &[Aggregate] = &[
    Aggregate::new("count", start),
    Aggregate::new("cnt", start),
    Aggregate::new("countif", start),
];

fn start(_: &AggregateInput) -> Result<Box<dyn GroupStates>, EvalError> {
    Ok(Totals::<Count>::start())
}

#[derive(Clone, Copy)]
struct Count(i64);

impl Total for Count {
    const NONE: Self = Self(0);

    fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    fn add(totals: &mut [Self], _: &[ArrayRef], rows: &[u32], groups: &[u32]) {
        if let [only] = totals {
            only.0 += rows.len() as i64;
            return;
        }
        for group in groups {
            if let Some(n) = totals.get_mut(*group as usize) {
                n.0 += 1;
            }
        }
    }

    fn column(totals: Vec<Self>) -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(totals.into_iter().map(|n| n.0)))
    }
}
