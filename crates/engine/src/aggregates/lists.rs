//! `make_list`, `make_set`, `make_bag` and their forms: rows' values as one dynamic value per group.

use std::any::Any;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, UInt32Array};
use model::ColumnBuilder;
use model::rows::cell;
use values::dynamic::{DynamicBuilder, DynamicRef, Kind};
use values::{ScalarType, Value};

use super::pairs::{Distinct, group_column};
use super::{Aggregate, AggregateInput, GroupStates, same};
use crate::exec::columns;
use crate::functions::EvalError;

pub(super) const AGGREGATES: &[Aggregate] = &[
    Aggregate::new("make_list", |input| list(input, Shape::List)),
    Aggregate::new("make_list_if", |input| list(input, Shape::List)),
    Aggregate::new("makelist", |input| list(input, Shape::List)),
    Aggregate::new("make_list_with_nulls", |input| list(input, Shape::ListWithNulls)),
    Aggregate::new("make_bag", |input| list(input, Shape::Bag)),
    Aggregate::new("make_bag_if", |input| list(input, Shape::Bag)),
    Aggregate::new("make_dictionary", |input| list(input, Shape::Bag)),
    Aggregate::new("make_set", set),
    Aggregate::new("make_set_if", set),
    Aggregate::new("makeset", set),
];

/// Elements of a list or slots of a bag, unless said otherwise.
const SIZE_MAX: usize = 1_048_576;

type Start = Result<Box<dyn GroupStates>, EvalError>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    List,
    ListWithNulls,
    Bag,
}

fn size(input: &AggregateInput) -> usize {
    let given = input.constants.get(1).cloned().flatten().and_then(|v| v.as_i64());
    given.map_or(SIZE_MAX, |n| usize::try_from(n).unwrap_or(0))
}

fn element(input: &AggregateInput) -> ScalarType {
    input.types.first().copied().unwrap_or(ScalarType::Dynamic)
}

fn list(input: &AggregateInput, shape: Shape) -> Start {
    Ok(Box::new(Lists {
        shape,
        ty: element(input),
        size: size(input),
        pieces: Vec::new(),
        lengths: Vec::new(),
        bytes: 0,
    }))
}

/// Values by group, in the order in which they came. Arrays count by their elements.
struct Lists {
    shape: Shape,
    ty: ScalarType,
    size: usize,
    pieces: Vec<(ArrayRef, Vec<u32>)>,
    /// Values so far, per group.
    lengths: Vec<u32>,
    bytes: usize,
}

impl Lists {
    /// Adds the values at `rows`, but for nulls and what is beyond the size.
    fn add(&mut self, column: &ArrayRef, rows: &[u32], groups: &[u32]) -> Result<(), EvalError> {
        let keeps_nulls = self.shape == Shape::ListWithNulls;
        let mut kept = Vec::with_capacity(rows.len());
        let mut of = Vec::with_capacity(rows.len());
        for (row, group) in rows.iter().zip(groups) {
            let valid = keeps_nulls || column.is_valid(*row as usize);
            let Some(length) = self.lengths.get_mut(*group as usize).filter(|_| valid) else {
                continue;
            };
            if (*length as usize) < self.size {
                *length += 1;
                kept.push(*row);
                of.push(*group);
            }
        }
        if kept.is_empty() {
            return Ok(());
        }
        let failed = |e: crate::exec::ExecError| EvalError::new(e.to_string());
        let whole = kept.len() == column.len();
        let values = if whole {
            std::sync::Arc::clone(column)
        } else {
            columns::take_column(column, &UInt32Array::from(kept)).map_err(failed)?
        };
        let piece = columns::compact(model::Batch::new(vec![values])).map_err(failed)?;
        self.bytes += columns::weight(&piece) + of.len() * 4;
        self.pieces.extend(piece.columns.into_iter().zip([of]));
        Ok(())
    }
}

impl GroupStates for Lists {
    fn update(
        &mut self,
        args: &[ArrayRef],
        rows: &[u32],
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        super::fit(&mut self.lengths, count, 0);
        match args.first() {
            Some(column) => self.add(column, rows, groups),
            None => Ok(()),
        }
    }

    fn merge(
        &mut self,
        other: Box<dyn GroupStates>,
        groups: &[u32],
        count: usize,
    ) -> Result<(), EvalError> {
        super::fit(&mut self.lengths, count, 0);
        for (values, of) in same::<Self>(other)?.pieces {
            let rows: Vec<u32> = (0..u32::try_from(values.len()).unwrap_or(u32::MAX)).collect();
            let of: Vec<u32> =
                of.iter().map(|g| groups.get(*g as usize).copied().unwrap_or(0)).collect();
            self.add(&values, &rows, &of)?;
        }
        Ok(())
    }

    fn finish(self: Box<Self>, count: usize) -> Result<Vec<ArrayRef>, EvalError> {
        let mut places: Vec<Vec<(u32, u32)>> = vec![Vec::new(); count];
        for (piece, (_, of)) in (0_u32..).zip(&self.pieces) {
            for (row, group) in (0_u32..).zip(of) {
                if let Some(places) = places.get_mut(*group as usize) {
                    places.push((piece, row));
                }
            }
        }
        let mut out = ColumnBuilder::new(ScalarType::Dynamic, count);
        let mut builder = DynamicBuilder::new();
        for places in places {
            let values = places.iter().filter_map(|(piece, row)| {
                self.pieces.get(*piece as usize).map(|(values, _)| (values, *row as usize))
            });
            if self.shape == Shape::Bag {
                bag(&mut builder, values, self.size);
            } else {
                builder.begin_array();
                let mut left = self.size;
                values
                    .for_each(|(values, row)| push(&mut builder, values, self.ty, row, &mut left));
                builder.end_array();
            }
            out.push(&Value::Dynamic(builder.finish()));
        }
        Ok(vec![out.finish()])
    }

    fn bytes(&self) -> usize {
        self.bytes + self.lengths.capacity() * 4
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}

/// A cell as an element, without a copy where it is text or dynamic; of an array its elements, `left` at the most.
fn push(
    builder: &mut DynamicBuilder,
    values: &ArrayRef,
    ty: ScalarType,
    row: usize,
    left: &mut usize,
) {
    if ty == ScalarType::Dynamic
        && let Some(view) = values.as_binary_view_opt().filter(|v| v.is_valid(row))
    {
        let value = DynamicRef::new(view.value(row));
        if value.kind() == Kind::Array {
            value.array().take(*left).for_each(|item| builder.dynamic(item));
            *left = left.saturating_sub(value.len());
        } else if *left > 0 {
            builder.dynamic(value);
            *left -= 1;
        }
        return;
    }
    if *left == 0 {
        return;
    }
    *left -= 1;
    if ty == ScalarType::String {
        builder.string(model::rows::text(values, row));
    } else {
        builder.value(&cell(values, ty, row));
    }
}

/// The slots of all bags in one; the first value of a key stays.
fn bag<'a>(
    builder: &mut DynamicBuilder,
    values: impl Iterator<Item = (&'a ArrayRef, usize)>,
    size: usize,
) {
    let mut keys = std::collections::HashSet::new();
    builder.begin_object();
    for (values, row) in values {
        let Some(view) = values.as_binary_view_opt().filter(|v| v.is_valid(row)) else { continue };
        for (key, value) in DynamicRef::new(view.value(row)).object() {
            if keys.len() < size && keys.insert(key) {
                builder.key(key);
                builder.dynamic(value);
            }
        }
    }
    builder.end_object();
}

fn set(input: &AggregateInput) -> Start {
    let ty = element(input);
    Ok(Box::new(Sets { distinct: Distinct::new(ty), ty, size: size(input) }))
}

/// Distinct values by group. Arrays count by their elements.
struct Sets {
    distinct: Distinct,
    ty: ScalarType,
    size: usize,
}

impl Sets {
    /// The elements of a dynamic column as a column of their own, with their groups.
    fn elements(column: &ArrayRef, rows: &[u32], groups: &[u32]) -> (ArrayRef, ArrayRef) {
        let mut out = ColumnBuilder::new(ScalarType::Dynamic, rows.len());
        let mut of = Vec::with_capacity(rows.len());
        let mut put = |value: DynamicRef<'_>, group: u32| {
            if !value.is_null() {
                out.push(&Value::Dynamic(value.to_owned()));
                of.push(group);
            }
        };
        if let Some(view) = column.as_binary_view_opt() {
            for (row, group) in super::pairs(rows, groups).filter(|(row, _)| view.is_valid(*row)) {
                let value = DynamicRef::new(view.value(row));
                let group = u32::try_from(group).unwrap_or(0);
                if value.kind() == Kind::Array {
                    value.array().for_each(|item| put(item, group));
                } else {
                    put(value, group);
                }
            }
        }
        (group_column(of.into_iter()), out.finish())
    }
}

impl GroupStates for Sets {
    fn update(
        &mut self,
        args: &[ArrayRef],
        rows: &[u32],
        groups: &[u32],
        _: usize,
    ) -> Result<(), EvalError> {
        if let (ScalarType::Dynamic, Some(column)) = (self.ty, args.first()) {
            let (groups, values) = Self::elements(column, rows, groups);
            return self.distinct.add(groups, values);
        }
        self.distinct.update(args, rows, groups)
    }

    fn merge(
        &mut self,
        other: Box<dyn GroupStates>,
        groups: &[u32],
        _: usize,
    ) -> Result<(), EvalError> {
        self.distinct.merge(&same::<Self>(other)?.distinct, groups)
    }

    fn finish(self: Box<Self>, count: usize) -> Result<Vec<ArrayRef>, EvalError> {
        let (groups, values) = self.distinct.pairs()?;
        let mut places: Vec<Vec<usize>> = vec![Vec::new(); count];
        for (row, group) in groups.iter().enumerate() {
            if let Some(places) = places.get_mut(*group as usize).filter(|p| p.len() < self.size) {
                places.push(row);
            }
        }
        let mut out = ColumnBuilder::new(ScalarType::Dynamic, count);
        let mut builder = DynamicBuilder::new();
        for places in places {
            builder.begin_array();
            let mut left = self.size;
            places.into_iter().for_each(|row| push(&mut builder, &values, self.ty, row, &mut left));
            builder.end_array();
            out.push(&Value::Dynamic(builder.finish()));
        }
        Ok(vec![out.finish()])
    }

    fn bytes(&self) -> usize {
        self.distinct.bytes()
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any + Send> {
        self
    }
}
