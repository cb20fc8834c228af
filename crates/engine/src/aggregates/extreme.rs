//! `min`, `max`, `minif`, `maxif`. Nulls are passed over; without rows: null.

use std::any::Any;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int32Array, Int64Array};
use model::ColumnBuilder;
use model::rows::{cell, text};
use values::{ScalarType, Value};

use super::{Aggregate, AggregateInput, GroupStates, fit, pairs, same};
use crate::functions::EvalError;

pub(super) const AGGREGATES: &[Aggregate] = &[
    Aggregate::new("max", |input| start(input, true)),
    Aggregate::new("maxif", |input| start(input, true)),
    Aggregate::new("min", |input| start(input, false)),
    Aggregate::new("minif", |input| start(input, false)),
];

fn start(input: &AggregateInput, largest: bool) -> Result<Box<dyn GroupStates>, EvalError> {
    let ty = input.types.first().copied().unwrap_or(ScalarType::Long);
    Ok(match ty {
        ScalarType::Int | ScalarType::Long | ScalarType::DateTime | ScalarType::TimeSpan => {
            Box::new(Longs { ty, largest, best: Vec::new() })
        }
        ScalarType::String => Box::new(Texts { largest, best: Vec::new() }),
        _ => Box::new(Others { ty, largest, best: Vec::new() }),
    })
}

/// Integers and ticks.
struct Longs {
    ty: ScalarType,
    largest: bool,
    best: Vec<Option<i64>>,
}

impl Longs {
    fn offer(&mut self, group: usize, value: i64) {
        let largest = self.largest;
        if let Some(best) = self.best.get_mut(group) {
            *best = Some(match *best {
                None => value,
                Some(b) if largest => b.max(value),
                Some(b) => b.min(value),
            });
        }
    }
}

impl GroupStates for Longs {
    fn update(
        &mut self,
        args: &[ArrayRef],
        rows: &[u32],
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        fit(&mut self.best, count, None);
        let Some(column) = args.first() else { return Ok(()) };
        if let Some(longs) = column.as_primitive_opt::<Int64Type>() {
            for (row, group) in pairs(rows, groups).filter(|(row, _)| longs.is_valid(*row)) {
                self.offer(group, longs.value(row));
            }
        } else if let Some(ints) = column.as_primitive_opt::<Int32Type>() {
            for (row, group) in pairs(rows, groups).filter(|(row, _)| ints.is_valid(*row)) {
                self.offer(group, i64::from(ints.value(row)));
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
        fit(&mut self.best, count, None);
        for (best, group) in same::<Self>(other)?.best.iter().zip(groups) {
            if let Some(value) = best {
                self.offer(*group as usize, *value);
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, count: usize) -> Result<Vec<ArrayRef>, EvalError> {
        fit(&mut self.best, count, None);
        if self.ty == ScalarType::Int {
            let ints: Int32Array =
                self.best.iter().map(|b| b.and_then(|v| i32::try_from(v).ok())).collect();
            return Ok(vec![Arc::new(ints)]);
        }
        Ok(vec![Arc::new(self.best.into_iter().collect::<Int64Array>())])
    }

    fn bytes(&self) -> usize {
        self.best.capacity() * 16
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// Texts; the empty text is null and passed over.
struct Texts {
    largest: bool,
    best: Vec<Box<str>>,
}

impl Texts {
    fn offer(&mut self, group: usize, value: &str) {
        if let Some(best) = self.best.get_mut(group) {
            let better =
                best.is_empty() || if self.largest { value > &**best } else { value < &**best };
            if !value.is_empty() && better {
                *best = value.into();
            }
        }
    }
}

impl GroupStates for Texts {
    fn update(
        &mut self,
        args: &[ArrayRef],
        rows: &[u32],
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        fit(&mut self.best, count, Box::default());
        let Some(column) = args.first() else { return Ok(()) };
        for (row, group) in pairs(rows, groups) {
            self.offer(group, text(column, row));
        }
        Ok(())
    }

    fn merge(
        &mut self,
        other: Box<dyn GroupStates>,
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        fit(&mut self.best, count, Box::default());
        for (best, group) in same::<Self>(other)?.best.iter().zip(groups) {
            self.offer(*group as usize, best);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, count: usize) -> Result<Vec<ArrayRef>, EvalError> {
        fit(&mut self.best, count, Box::default());
        let texts = arrow_array::StringViewArray::from_iter_values(self.best.iter());
        Ok(vec![Arc::new(texts)])
    }

    fn bytes(&self) -> usize {
        self.best.capacity() * 16 + self.best.iter().map(|b| b.len()).sum::<usize>()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// Reals, decimals, guids, bools.
struct Others {
    ty: ScalarType,
    largest: bool,
    best: Vec<Value>,
}

impl Others {
    fn offer(&mut self, group: usize, value: Value) {
        let Some(best) = self.best.get_mut(group) else { return };
        let order = value.total_cmp(best);
        if !value.is_null()
            && (best.is_null() || if self.largest { order.is_gt() } else { order.is_lt() })
        {
            *best = value;
        }
    }
}

impl GroupStates for Others {
    fn update(
        &mut self,
        args: &[ArrayRef],
        rows: &[u32],
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        fit(&mut self.best, count, Value::Null);
        let Some(column) = args.first() else { return Ok(()) };
        for (row, group) in pairs(rows, groups) {
            self.offer(group, cell(column, self.ty, row));
        }
        Ok(())
    }

    fn merge(
        &mut self,
        other: Box<dyn GroupStates>,
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        fit(&mut self.best, count, Value::Null);
        for (best, group) in same::<Self>(other)?.best.into_iter().zip(groups) {
            self.offer(*group as usize, best);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, count: usize) -> Result<Vec<ArrayRef>, EvalError> {
        fit(&mut self.best, count, Value::Null);
        let mut builder = ColumnBuilder::new(self.ty, count);
        self.best.iter().for_each(|b| builder.push(b));
        Ok(vec![builder.finish()])
    }

    fn bytes(&self) -> usize {
        self.best.capacity() * size_of::<Value>()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}
