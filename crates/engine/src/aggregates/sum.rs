//! `sum`, `sumif`. Without rows: 0.

use std::any::Any;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array};
use model::ColumnBuilder;
use model::rows::cell;
use values::{Decimal, ScalarType, Value};

use super::{Aggregate, AggregateInput, GroupStates, fit, pairs, same};
use crate::functions::EvalError;

pub(super) const AGGREGATES: &[Aggregate] =
    &[Aggregate::new("sum", start), Aggregate::new("sumif", start)];

fn start(input: &AggregateInput) -> Result<Box<dyn GroupStates>, EvalError> {
    Ok(match input.types.first() {
        Some(ScalarType::Real) => Box::<Reals>::default(),
        Some(ScalarType::Decimal) => Box::<Decimals>::default(),
        _ => Box::<Longs>::default(),
    })
}

/// Integers, which wrap, and ticks.
#[derive(Default)]
struct Longs(Vec<i64>);

#[derive(Default)]
struct Reals(Vec<f64>);

/// None once a sum left the range.
#[derive(Default)]
struct Decimals(Vec<Option<Decimal>>);

impl GroupStates for Longs {
    fn update(
        &mut self,
        args: &[ArrayRef],
        rows: &[u32],
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        fit(&mut self.0, count, 0);
        let Some(column) = args.first() else { return Ok(()) };
        let sums = &mut self.0;
        let mut add = |group: usize, value: i64| {
            if let Some(sum) = sums.get_mut(group) {
                *sum = sum.wrapping_add(value);
            }
        };
        if let Some(longs) = column.as_primitive_opt::<Int64Type>() {
            pairs(rows, groups)
                .filter(|(row, _)| longs.is_valid(*row))
                .for_each(|(row, group)| add(group, longs.value(row)));
        } else if let Some(ints) = column.as_primitive_opt::<Int32Type>() {
            pairs(rows, groups)
                .filter(|(row, _)| ints.is_valid(*row))
                .for_each(|(row, group)| add(group, i64::from(ints.value(row))));
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
        for (sum, group) in same::<Self>(other)?.0.iter().zip(groups) {
            if let Some(mine) = self.0.get_mut(*group as usize) {
                *mine = mine.wrapping_add(*sum);
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

impl GroupStates for Reals {
    fn update(
        &mut self,
        args: &[ArrayRef],
        rows: &[u32],
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        fit(&mut self.0, count, 0.0);
        let Some(reals) = args.first().and_then(|c| c.as_primitive_opt::<Float64Type>()) else {
            return Ok(());
        };
        for (row, group) in pairs(rows, groups).filter(|(row, _)| reals.is_valid(*row)) {
            if let Some(sum) = self.0.get_mut(group) {
                *sum += reals.value(row);
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
        fit(&mut self.0, count, 0.0);
        for (sum, group) in same::<Self>(other)?.0.iter().zip(groups) {
            if let Some(mine) = self.0.get_mut(*group as usize) {
                *mine += sum;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, count: usize) -> Result<Vec<ArrayRef>, EvalError> {
        fit(&mut self.0, count, 0.0);
        Ok(vec![Arc::new(Float64Array::from(self.0))])
    }

    fn bytes(&self) -> usize {
        self.0.capacity() * 8
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

impl GroupStates for Decimals {
    fn update(
        &mut self,
        args: &[ArrayRef],
        rows: &[u32],
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        fit(&mut self.0, count, Some(Decimal::ZERO));
        let Some(column) = args.first() else { return Ok(()) };
        for (row, group) in pairs(rows, groups) {
            let (Some(sum), Value::Decimal(value)) =
                (self.0.get_mut(group), cell(column, ScalarType::Decimal, row))
            else {
                continue;
            };
            *sum = sum.and_then(|s| s.checked_add(value));
        }
        Ok(())
    }

    fn merge(
        &mut self,
        other: Box<dyn GroupStates>,
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        fit(&mut self.0, count, Some(Decimal::ZERO));
        for (sum, group) in same::<Self>(other)?.0.iter().zip(groups) {
            if let Some(mine) = self.0.get_mut(*group as usize) {
                *mine = mine.zip(*sum).and_then(|(a, b)| a.checked_add(b));
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, count: usize) -> Result<Vec<ArrayRef>, EvalError> {
        fit(&mut self.0, count, Some(Decimal::ZERO));
        let mut builder = ColumnBuilder::new(ScalarType::Decimal, count);
        for sum in &self.0 {
            builder.push(&sum.map_or(Value::Null, Value::Decimal));
        }
        Ok(vec![builder.finish()])
    }

    fn bytes(&self) -> usize {
        self.0.capacity() * 24
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}
