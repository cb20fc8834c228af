//! `binary_all_and`, `binary_all_or`, `binary_all_xor`.

use arrow_array::ArrayRef;
use model::ColumnBuilder;
use values::{ScalarType, Value};

use super::each::{Each, State, put};
use super::numbers::Numbers;
use super::{Aggregate, AggregateInput, GroupStates};
use crate::functions::EvalError;

pub(super) const AGGREGATES: &[Aggregate] = &[
    Aggregate::new("binary_all_and", |input| start(input, |a, b| a & b)),
    Aggregate::new("binary_all_or", |input| start(input, |a, b| a | b)),
    Aggregate::new("binary_all_xor", |input| start(input, |a, b| a ^ b)),
];

type Operation = fn(i64, i64) -> i64;

fn start(input: &AggregateInput, operation: Operation) -> Result<Box<dyn GroupStates>, EvalError> {
    let ty = input.results.first().copied().unwrap_or(ScalarType::Long);
    Ok(Each::<Folded>::start((operation, ty), input.results))
}

#[derive(Clone)]
struct Folded(Option<i64>);

impl State for Folded {
    type Config = (Operation, ScalarType);
    type Input<'a> = Numbers<'a>;

    fn input<'a>(_: &Self::Config, args: &'a [ArrayRef]) -> Result<Numbers<'a>, EvalError> {
        Numbers::of(args, 0)
    }

    fn fresh(_: &Self::Config) -> Self {
        Self(None)
    }

    fn add(&mut self, config: &Self::Config, input: &Numbers<'_>, row: usize) -> usize {
        self.merge(config, Self(input.long(row)))
    }

    fn merge(&mut self, (operation, _): &Self::Config, other: Self) -> usize {
        self.0 = match (self.0, other.0) {
            (Some(a), Some(b)) => Some(operation(a, b)),
            (a, b) => a.or(b),
        };
        0
    }

    fn finish(self, (_, ty): &Self::Config, out: &mut [ColumnBuilder]) {
        put(out, &self.0.map_or(Value::Null, |bits| Value::Long(bits).cast(*ty)));
    }
}
