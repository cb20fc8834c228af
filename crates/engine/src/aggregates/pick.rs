//! `arg_max`, `arg_min`, `take_any`: one row of each group.
//!
//! Within a batch only row numbers move; the winners' cells are gathered once per batch, and losers are dropped now and
//! then.

use std::any::Any;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, UInt32Array};
use model::Batch;
use model::rows::cell;
use values::{ScalarType, Value};

use super::{Aggregate, AggregateInput, GroupStates, fit, pairs, same};
use crate::exec::{ExecError, columns};
use crate::functions::EvalError;

pub(super) const AGGREGATES: &[Aggregate] = &[
    Aggregate::new("arg_max", |input| start(input, Rule::Largest)),
    Aggregate::new("argmax", |input| start(input, Rule::Largest)),
    Aggregate::new("arg_min", |input| start(input, Rule::Smallest)),
    Aggregate::new("argmin", |input| start(input, Rule::Smallest)),
    Aggregate::new("take_any", |input| start(input, Rule::Any)),
    Aggregate::new("take_anyif", |input| start(input, Rule::Any)),
    Aggregate::new("any", |input| start(input, Rule::Any)),
    Aggregate::new("anyif", |input| start(input, Rule::Any)),
    Aggregate::new("passthrough", |input| start(input, Rule::Any)),
];

/// Rows beyond twice the number of groups that are kept before losers are dropped.
const KEPT_MAX: usize = 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    Largest,
    Smallest,
    /// The first row, but a value rather than none.
    Any,
}

fn start(input: &AggregateInput, rule: Rule) -> Result<Box<dyn GroupStates>, EvalError> {
    Ok(Box::new(Picks {
        rule,
        types: input.types.to_vec(),
        best: Vec::new(),
        kept: Vec::new(),
        kept_rows: 0,
        held: 0,
    }))
}

/// What a group's row is chosen by. Nulls lose against everything.
#[derive(Clone, Debug)]
enum Key {
    /// No row yet.
    None,
    Null,
    Long(i64),
    Other(Value),
}

/// The best row of a group so far.
#[derive(Clone)]
struct Best {
    key: Key,
    /// Which of the batches kept.
    batch: u32,
    row: u32,
}

struct Picks {
    rule: Rule,
    types: Vec<ScalarType>,
    best: Vec<Best>,
    /// Rows that won when they came.
    kept: Vec<Batch>,
    kept_rows: usize,
    held: usize,
}

/// Reads keys of a batch.
enum Keys<'a> {
    Longs(&'a arrow_array::Int64Array),
    Ints(&'a arrow_array::Int32Array),
    Reals(&'a arrow_array::Float64Array),
    Others(&'a ArrayRef, ScalarType),
    /// Is there anything?
    Present(&'a ArrayRef, ScalarType),
}

impl<'a> Keys<'a> {
    fn of(column: &'a ArrayRef, ty: ScalarType, rule: Rule) -> Self {
        if rule == Rule::Any {
            return Self::Present(column, ty);
        }
        (column.as_primitive_opt::<Int64Type>().map(Self::Longs))
            .or_else(|| column.as_primitive_opt::<Int32Type>().map(Self::Ints))
            .or_else(|| column.as_primitive_opt::<Float64Type>().map(Self::Reals))
            .unwrap_or(Self::Others(column, ty))
    }

    #[inline]
    fn get(&self, row: usize) -> Key {
        let long = |valid: bool, value: i64| if valid { Key::Long(value) } else { Key::Null };
        match self {
            Self::Longs(a) => long(a.is_valid(row), a.value(row)),
            Self::Ints(a) => long(a.is_valid(row), i64::from(a.value(row))),
            // NaN is less than all numbers
            Self::Reals(a) => long(a.is_valid(row), real_order(a.value(row))),
            Self::Others(column, ty) => match cell(column, *ty, row) {
                Value::Null => Key::Null,
                Value::String(s) if s.is_empty() => Key::Null,
                value => Key::Other(value),
            },
            Self::Present(column, ScalarType::String) => {
                long(!model::rows::text(column, row).is_empty(), 0)
            }
            Self::Present(column, _) => long(column.is_valid(row), 0),
        }
    }
}

fn real_order(value: f64) -> i64 {
    if value.is_nan() {
        return i64::MIN;
    }
    let bits = (value + 0.0).to_bits() as i64;
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

impl Picks {
    #[inline]
    fn wins(&self, key: &Key, best: &Key) -> bool {
        let order = match (key, best) {
            (Key::None, _) => return false,
            (_, Key::None) => return true,
            (Key::Null, _) => return false,
            (_, Key::Null) => return true,
            (Key::Long(a), Key::Long(b)) => a.cmp(b),
            (Key::Other(a), Key::Other(b)) => a.total_cmp(b),
            _ => return false,
        };
        if self.rule == Rule::Smallest { order.is_lt() } else { order.is_gt() }
    }

    /// Lets rows compete; the winners' cells are gathered from `args`.
    fn offer(
        &mut self,
        args: &[ArrayRef],
        rows: impl Iterator<Item = (usize, usize)>,
        key: impl Fn(usize) -> Key,
    ) -> Result<(), EvalError> {
        let batch = u32::try_from(self.kept.len()).unwrap_or(u32::MAX);
        let mut changed: Vec<usize> = Vec::new();
        for (row, group) in rows {
            let key = key(row);
            let Some(best) = self.best.get(group) else { continue };
            if !self.wins(&key, &best.key) {
                continue;
            }
            if best.batch != batch {
                changed.push(group);
            }
            let row = u32::try_from(row).unwrap_or(u32::MAX);
            if let Some(best) = self.best.get_mut(group) {
                *best = Best { key, batch, row };
            }
        }
        if changed.is_empty() {
            return Ok(());
        }
        let mut taken = Vec::with_capacity(changed.len());
        for (at, group) in (0_u32..).zip(changed) {
            if let Some(best) = self.best.get_mut(group) {
                taken.push(best.row);
                best.row = at;
            }
        }
        let whole = Batch { columns: args.to_vec(), rows: args.first().map_or(0, |a| a.len()) };
        let winners = columns::take(&whole, &UInt32Array::from(taken)).map_err(failed)?;
        let winners = columns::compact(winners).map_err(failed)?;
        self.held += columns::weight(&winners);
        self.kept_rows += winners.rows;
        self.kept.push(winners);
        if self.kept_rows > 2 * self.best.len() + KEPT_MAX || self.kept.len() > 256 {
            self.tidy()?;
        }
        Ok(())
    }

    /// Drops rows that have lost since.
    fn tidy(&mut self) -> Result<(), EvalError> {
        let columns = self.columns()?;
        for (row, best) in (0_u32..).zip(&mut self.best) {
            (best.batch, best.row) = (0, row);
        }
        let rows = self.best.len();
        let kept = columns::compact(Batch { columns, rows }).map_err(failed)?;
        self.held = columns::weight(&kept);
        self.kept_rows = rows;
        self.kept = vec![kept];
        Ok(())
    }

    /// The best rows' cells by group; null where a group has no row.
    fn columns(&self) -> Result<Vec<ArrayRef>, EvalError> {
        let types = self.types.iter().enumerate();
        types
            .map(|(at, ty)| {
                let mut parts: Vec<ArrayRef> = Vec::with_capacity(self.kept.len() + 1);
                for batch in &self.kept {
                    if let Some(column) = batch.columns.get(at) {
                        parts.push(columns::plain(column).map_err(failed)?);
                    }
                }
                let nothing = parts.len();
                parts.push(columns::plain(&columns::nulls(*ty, 1)).map_err(failed)?);
                let place = |best: &Best| match best.key {
                    Key::None => (nothing, 0),
                    _ => (best.batch as usize, best.row as usize),
                };
                let places: Vec<(usize, usize)> = self.best.iter().map(place).collect();
                let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
                arrow_select::interleave::interleave(&parts, &places)
                    .map_err(|e| EvalError::new(e.to_string()))
            })
            .collect()
    }
}

fn failed(error: ExecError) -> EvalError {
    EvalError::new(error.to_string())
}

const FRESH: Best = Best { key: Key::None, batch: u32::MAX, row: 0 };

impl GroupStates for Picks {
    fn update(
        &mut self,
        args: &[ArrayRef],
        rows: &[u32],
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        fit(&mut self.best, count, FRESH);
        let (Some(first), Some(ty)) = (args.first(), self.types.first().copied()) else {
            return Ok(());
        };
        let keys = Keys::of(first, ty, self.rule);
        self.offer(args, pairs(rows, groups), |row| keys.get(row))
    }

    fn merge(
        &mut self,
        other: Box<dyn GroupStates>,
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        fit(&mut self.best, count, FRESH);
        let other = same::<Self>(other)?;
        let columns = other.columns()?;
        let rows = groups.iter().enumerate().map(|(row, group)| (row, *group as usize));
        let key = |row: usize| other.best.get(row).map_or(Key::None, |b| b.key.clone());
        self.offer(&columns, rows, key)
    }

    fn finish(mut self: Box<Self>, count: usize) -> Result<Vec<ArrayRef>, EvalError> {
        fit(&mut self.best, count, FRESH);
        self.columns()
    }

    fn bytes(&self) -> usize {
        self.held + self.best.capacity() * size_of::<Best>()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}
