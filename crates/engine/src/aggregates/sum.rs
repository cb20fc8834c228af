//! `sum`, `sumif`. Without rows: 0.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int64Array};
use model::ColumnBuilder;
use model::rows::cell;
use values::{Decimal, ScalarType, Value};

use super::totals::{Total, Totals};
use super::{Aggregate, AggregateInput, GroupStates, pairs};
use crate::functions::EvalError;

pub(super) const AGGREGATES: &[Aggregate] =
    &[Aggregate::new("sum", start), Aggregate::new("sumif", start)];

fn start(input: &AggregateInput) -> Result<Box<dyn GroupStates>, EvalError> {
    Ok(match input.types.first() {
        Some(ScalarType::Real) => Totals::<f64>::start(),
        Some(ScalarType::Decimal) => Totals::<Option<Decimal>>::start(),
        _ => Totals::<i64>::start(),
    })
}

/// Integers, which wrap, and ticks.
impl Total for i64 {
    const NONE: Self = 0;

    fn plus(self, other: Self) -> Self {
        self.wrapping_add(other)
    }

    fn add(totals: &mut [Self], args: &[ArrayRef], rows: &[u32], groups: &[u32]) {
        let Some(column) = args.first() else { return };
        let mut add = |group: usize, value: i64| {
            if let Some(sum) = totals.get_mut(group) {
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
                .for_each(|(row, group)| add(group, Self::from(ints.value(row))));
        }
    }

    fn column(totals: Vec<Self>) -> ArrayRef {
        Arc::new(Int64Array::from(totals))
    }
}

impl Total for f64 {
    const NONE: Self = 0.0;

    fn plus(self, other: Self) -> Self {
        self + other
    }

    fn add(totals: &mut [Self], args: &[ArrayRef], rows: &[u32], groups: &[u32]) {
        let reals = args.first().and_then(|c| c.as_primitive_opt::<Float64Type>());
        let Some(reals) = reals else { return };
        for (row, group) in pairs(rows, groups).filter(|(row, _)| reals.is_valid(*row)) {
            if let Some(sum) = totals.get_mut(group) {
                *sum += reals.value(row);
            }
        }
    }

    fn column(totals: Vec<Self>) -> ArrayRef {
        Arc::new(Float64Array::from(totals))
    }
}

/// None once a sum left the range.
impl Total for Option<Decimal> {
    const NONE: Self = Some(Decimal::ZERO);

    fn plus(self, other: Self) -> Self {
        self.zip(other).and_then(|(a, b)| a.checked_add(b))
    }

    fn add(totals: &mut [Self], args: &[ArrayRef], rows: &[u32], groups: &[u32]) {
        let Some(column) = args.first() else { return };
        for (row, group) in pairs(rows, groups) {
            let (Some(sum), Value::Decimal(value)) =
                (totals.get_mut(group), cell(column, ScalarType::Decimal, row))
            else {
                continue;
            };
            *sum = sum.and_then(|s| s.checked_add(value));
        }
    }

    fn column(totals: Vec<Self>) -> ArrayRef {
        let mut builder = ColumnBuilder::new(ScalarType::Decimal, totals.len());
        for sum in &totals {
            builder.push(&sum.map_or(Value::Null, Value::Decimal));
        }
        builder.finish()
    }
}
