//! `mv-expand`: one row per element of an array, or per slot of a bag.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray, Int64Array, UInt32Array};
use model::{Batch, ColumnBuilder};
use parking_lot::Mutex;
use values::dynamic::{DynamicBuilder, Kind};
use values::{DynamicRef, ScalarType, Value};

use super::project::pick;
use super::rows::MORSEL;
use crate::exec::distinct::{Distinct, Repeats};
use crate::exec::eval::{Scalar, project};
use crate::exec::operator::{Operator, Stage};
use crate::exec::run::Run;
use crate::exec::{ExecError, columns};
use crate::plan::ColumnId;

/// What is expanded.
pub(crate) struct Spec {
    /// Arrays, over the input; each with the type of its elements.
    pub(crate) arrays: Vec<(Scalar, ScalarType)>,
    pub(crate) bags_as_arrays: bool,
    /// A column of positions follows.
    pub(crate) index: bool,
    /// A column with a number of the input's row follows.
    pub(crate) row: bool,
    pub(crate) limit: u64,
    pub(crate) keep_null: bool,
    /// Positions of the input's columns handed on.
    pub(crate) kept: Vec<usize>,
}

/// Expansion of arrays.
pub(crate) struct Expand {
    input: Box<dyn Operator>,
    spec: Spec,
    /// Batches of which rows are left.
    open: Mutex<Vec<Open>>,
    /// Rows of the input so far.
    seen: AtomicI64,
}

/// A batch under way.
struct Open {
    batch: Batch,
    arrays: Vec<Arrays>,
    row: usize,
    /// The number of its first row.
    first: i64,
}

/// The arrays of a column.
enum Arrays {
    /// Each row has one of its own.
    Each(BinaryViewArray),
    /// Few, expanded once: which of them a row has, where its elements start and how many they are.
    Few { distinct: Distinct, spans: Vec<(u32, u32)>, elements: ArrayRef },
    /// Not dynamic.
    None,
}

impl Arrays {
    fn new(
        column: &ArrayRef,
        ty: ScalarType,
        bags_as_arrays: bool,
        keep_null: bool,
    ) -> Result<Self, ExecError> {
        let Some(dynamics) = column.as_binary_view_opt() else { return Ok(Self::None) };
        let Some(distinct) = Distinct::of(dynamics) else {
            return Ok(Self::Each(dynamics.clone()));
        };
        let (mut rows, mut positions, mut spans) = (Vec::new(), Vec::new(), Vec::new());
        for (row, code) in (0..distinct.values.len()).zip(0_u32..) {
            let count = elements(&distinct.values, row, keep_null);
            let start = u32::try_from(rows.len());
            let length = u32::try_from(count);
            let (Ok(start), Ok(length)) = (start, length) else {
                return Ok(Self::Each(dynamics.clone()));
            };
            spans.push((start, length));
            rows.extend((0..count).map(|_| code));
            positions.extend(0..count);
        }
        let elements = expand(&distinct.values, &rows, &positions, ty, bags_as_arrays);
        Ok(Self::Few { distinct, spans, elements })
    }

    /// Rows that one value becomes.
    fn count(&self, row: usize, keep_null: bool) -> u64 {
        match self {
            Self::Each(array) => elements(array, row, keep_null),
            Self::Few { distinct, spans, .. } => {
                let span = distinct.code(row).and_then(|code| spans.get(code));
                span.map_or(u64::from(keep_null), |(_, length)| u64::from(*length))
            }
            Self::None => u64::from(keep_null),
        }
    }

    /// The elements at `positions` of the arrays at `rows`.
    fn column(
        &self,
        rows: &[u32],
        positions: &[u64],
        ty: ScalarType,
        bags_as_arrays: bool,
    ) -> Result<ArrayRef, ExecError> {
        match self {
            Self::Each(array) => Ok(expand(array, rows, positions, ty, bags_as_arrays)),
            Self::Few { distinct, spans, elements } => {
                let place = |(row, position): (&u32, &u64)| {
                    let (start, length) = *spans.get(distinct.code(*row as usize)?)?;
                    let position = u32::try_from(*position).ok().filter(|p| *p < length)?;
                    start.checked_add(position)
                };
                let places: UInt32Array = rows.iter().zip(positions).map(place).collect();
                columns::take_column(elements, &places)
            }
            Self::None => Ok(columns::nulls(ty, rows.len())),
        }
    }
}

impl Expand {
    pub(crate) fn stage(input: Stage, spec: Spec, layout: Vec<ColumnId>) -> Stage {
        let operator =
            Self { input: input.operator, spec, open: Mutex::default(), seen: AtomicI64::new(0) };
        Stage { operator: Box::new(operator), layout }
    }

    fn open(&self, batch: &Batch, run: &Run) -> Result<Open, ExecError> {
        let (bags_as_arrays, keep_null) = (self.spec.bags_as_arrays, self.spec.keep_null);
        let arrays = |(expr, ty): &(Scalar, ScalarType)| {
            let column =
                project(std::slice::from_ref(expr), batch, run.context())?.columns.remove(0);
            Arrays::new(&column, *ty, bags_as_arrays, keep_null)
        };
        let arrays = self.spec.arrays.iter().map(arrays).collect::<Result<_, ExecError>>()?;
        let first = self.seen.fetch_add(batch.rows as i64, Ordering::Relaxed);
        Ok(Open { batch: pick(batch, &self.spec.kept), arrays, row: 0, first })
    }

    /// The next rows of a batch.
    fn piece(&self, open: &mut Open, run: &Run) -> Result<Batch, ExecError> {
        let (mut rows, mut positions) = (Vec::new(), Vec::new());
        while open.row < open.batch.rows && rows.len() < MORSEL {
            let counts = open.arrays.iter().map(|a| a.count(open.row, self.spec.keep_null));
            let count = counts.max().unwrap_or(0).min(self.spec.limit);
            run.generate(count, "mv-expand")?;
            let row = u32::try_from(open.row).unwrap_or(u32::MAX);
            for position in 0..count {
                rows.push(row);
                positions.push(position);
            }
            open.row += 1;
        }
        let mut out = columns::take(&open.batch, &UInt32Array::from(rows.clone()))?;
        for ((_, ty), arrays) in self.spec.arrays.iter().zip(&open.arrays) {
            let column = arrays.column(&rows, &positions, *ty, self.spec.bags_as_arrays)?;
            out.columns.push(column);
        }
        if self.spec.index {
            let index = Int64Array::from_iter_values(positions.iter().map(|p| *p as i64));
            out.columns.push(Arc::new(index));
        }
        if self.spec.row {
            let numbers = rows.iter().map(|row| open.first + i64::from(*row));
            out.columns.push(Arc::new(Int64Array::from_iter_values(numbers)));
        }
        Ok(out)
    }
}

/// Rows that one value becomes.
fn elements(array: &BinaryViewArray, row: usize, keep_null: bool) -> u64 {
    let none = u64::from(keep_null);
    if array.is_null(row) {
        return none;
    }
    let value = DynamicRef::new(array.value(row));
    match value.kind() {
        Kind::Null => none,
        Kind::Array | Kind::Object => value.len() as u64,
        _ => 1,
    }
}

/// The elements at `positions` of the arrays at `rows`, as one column.
fn expand(
    array: &BinaryViewArray,
    rows: &[u32],
    positions: &[u64],
    ty: ScalarType,
    bags_as_arrays: bool,
) -> ArrayRef {
    let mut column = Elements::new(ty, rows.len());
    let mut rest: Box<dyn Iterator<Item = Element<'_>>> = Box::new(std::iter::empty());
    for (row, position) in rows.iter().zip(positions) {
        if *position == 0 {
            rest = parts(array, *row as usize);
        }
        match rest.next() {
            None => column.null(),
            Some(Element::Value(value)) => column.push(value),
            Some(Element::Slot(key, value)) => column.slot(key, value, bags_as_arrays),
        }
    }
    column.finish()
}

enum Element<'a> {
    Value(DynamicRef<'a>),
    Slot(&'a str, DynamicRef<'a>),
}

fn parts(array: &BinaryViewArray, row: usize) -> Box<dyn Iterator<Item = Element<'_>> + '_> {
    if array.is_null(row) {
        return Box::new(std::iter::empty());
    }
    let value = DynamicRef::new(array.value(row));
    match value.kind() {
        Kind::Null => Box::new(std::iter::empty()),
        Kind::Array => Box::new(value.array().map(Element::Value)),
        Kind::Object => Box::new(value.object().map(|(key, value)| Element::Slot(key, value))),
        _ => Box::new(std::iter::once(Element::Value(value))),
    }
}

/// Elements of one type being collected.
enum Elements {
    Dynamic(Repeats, Vec<u8>),
    Typed(ColumnBuilder, ScalarType),
}

impl Elements {
    fn new(ty: ScalarType, capacity: usize) -> Self {
        match ty {
            ScalarType::Dynamic => Self::Dynamic(Repeats::with_capacity(capacity), Vec::new()),
            ty => Self::Typed(ColumnBuilder::new(ty, capacity), ty),
        }
    }

    fn null(&mut self) {
        match self {
            Self::Dynamic(values, _) => values.push(None),
            Self::Typed(builder, _) => builder.push_null(),
        }
    }

    fn push(&mut self, value: DynamicRef<'_>) {
        match self {
            Self::Dynamic(values, _) if value.is_null() => values.push(None),
            Self::Dynamic(values, buffer) => {
                buffer.clear();
                columns::write_part(value, buffer);
                values.push(Some(buffer));
            }
            Self::Typed(builder, ty) => builder.push(&conforming(value, *ty)),
        }
    }

    fn slot(&mut self, key: &str, value: DynamicRef<'_>, as_array: bool) {
        let mut slot = DynamicBuilder::new();
        if as_array {
            slot.begin_array();
            slot.string(key);
            slot.dynamic(value);
            slot.end_array();
        } else {
            slot.begin_object();
            slot.key(key);
            slot.dynamic(value);
            slot.end_object();
        }
        match self {
            Self::Dynamic(values, buffer) => {
                buffer.clear();
                slot.finish_into(buffer);
                values.push(Some(buffer));
            }
            Self::Typed(builder, ty) => builder.push(&conforming(slot.finish().as_ref(), *ty)),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Dynamic(values, _) => Arc::new(values.finish()),
            Self::Typed(builder, _) => builder.finish(),
        }
    }
}

/// An element as the type that `typeof()` names. Numbers become other numbers and anything becomes text, but text is
/// not read: what does not conform is null.
fn conforming(value: DynamicRef<'_>, ty: ScalarType) -> Value {
    if value.is_container() {
        return if ty == ScalarType::String { Value::from(value.to_string()) } else { Value::Null };
    }
    let scalar = value.to_scalar();
    let number =
        matches!(scalar, Value::Long(_) | Value::Real(_) | Value::Decimal(_) | Value::Int(_));
    match ty {
        ScalarType::String => scalar.cast(ty),
        _ if ty.is_numeric() && number => scalar.cast(ty),
        // JSON has no type of its own for these
        ScalarType::DateTime | ScalarType::TimeSpan | ScalarType::Guid => scalar.cast(ty),
        _ if scalar.scalar_type() == Some(ty) => scalar,
        _ => Value::Null,
    }
}

impl Operator for Expand {
    fn prepare(&self, run: &Run) -> Result<(), ExecError> {
        self.input.prepare(run)
    }

    fn next(&self, run: &Run) -> Result<Option<Batch>, ExecError> {
        let waiting = self.open.lock().pop();
        let mut open = match waiting {
            Some(open) => open,
            None => match self.input.next(run)? {
                Some(batch) => self.open(&batch, run)?,
                None => return Ok(None),
            },
        };
        let piece = self.piece(&mut open, run)?;
        if open.row < open.batch.rows {
            self.open.lock().push(open);
        }
        Ok(Some(piece))
    }

    fn ordered(&self) -> bool {
        self.input.ordered()
    }

    fn estimate(&self) -> f64 {
        self.input.estimate() * 3.0
    }
}
