//! Loops over one or two columns of plain numbers, in a form the compiler turns into vector code.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, ArrowPrimitiveType, BooleanArray, PrimitiveArray};
use arrow_buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};

/// A column of numbers, or one number for all rows.
pub(super) enum Side<'a, T: ArrowPrimitiveType> {
    One(Option<T::Native>),
    Column(&'a PrimitiveArray<T>),
}

impl<T: ArrowPrimitiveType> Clone for Side<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: ArrowPrimitiveType> Copy for Side<'_, T> {}

impl<T: ArrowPrimitiveType> Side<'_, T> {
    fn get(&self, row: usize) -> Option<T::Native> {
        match self {
            Self::One(v) => *v,
            Self::Column(a) => a.is_valid(row).then(|| a.value(row)),
        }
    }

    fn nulls(&self) -> Option<&NullBuffer> {
        match self {
            Self::One(_) => None,
            Self::Column(a) => a.nulls(),
        }
    }

    fn is_null(&self) -> bool {
        matches!(self, Self::One(None))
    }
}

/// Applies `f` to all pairs; null wherever one side is.
pub(super) fn zip<A, B, O>(
    rows: usize,
    a: Side<'_, A>,
    b: Side<'_, B>,
    f: impl Fn(A::Native, B::Native) -> O::Native,
) -> ArrayRef
where
    A: ArrowPrimitiveType,
    B: ArrowPrimitiveType,
    O: ArrowPrimitiveType,
{
    if a.is_null() || b.is_null() {
        return Arc::new(PrimitiveArray::<O>::new_null(rows));
    }
    let nulls = NullBuffer::union(a.nulls(), b.nulls());
    let values: Vec<O::Native> = match (a, b) {
        (Side::Column(a), Side::Column(b)) => {
            a.values().iter().zip(b.values()).map(|(a, b)| f(*a, *b)).collect()
        }
        (Side::Column(a), Side::One(Some(b))) => a.values().iter().map(|a| f(*a, b)).collect(),
        (Side::One(Some(a)), Side::Column(b)) => b.values().iter().map(|b| f(a, *b)).collect(),
        (Side::One(Some(a)), Side::One(Some(b))) => vec![f(a, b); rows],
        _ => return Arc::new(PrimitiveArray::<O>::new_null(rows)),
    };
    Arc::new(PrimitiveArray::<O>::new(ScalarBuffer::from(values), nulls))
}

/// Applies `f` to all pairs; null wherever one side is, or `f` gives none.
pub(super) fn zip_opt<A, B, O>(
    rows: usize,
    a: Side<'_, A>,
    b: Side<'_, B>,
    f: impl Fn(A::Native, B::Native) -> Option<O::Native>,
) -> ArrayRef
where
    A: ArrowPrimitiveType,
    B: ArrowPrimitiveType,
    O: ArrowPrimitiveType,
{
    let items = (0..rows).map(|row| f(a.get(row)?, b.get(row)?));
    Arc::new(PrimitiveArray::<O>::from_iter(items))
}

/// What a comparison gives where sides are null.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NullRule {
    /// `<`, `>=`, ...: null.
    Null,
    /// `==`, `!=`: this if one side is null, null if both are.
    OneSide(bool),
}

/// A bool column from where the comparison holds and where the sides are null.
pub(super) fn compared(
    holds: BooleanBuffer,
    a: Option<&NullBuffer>,
    b: Option<&NullBuffer>,
    rule: NullRule,
) -> ArrayRef {
    let union = NullBuffer::union(a, b);
    let Some(valid) = union else { return Arc::new(BooleanArray::new(holds, None)) };
    match rule {
        NullRule::Null => Arc::new(BooleanArray::new(holds, Some(valid))),
        NullRule::OneSide(answer) => {
            let both_known = valid.inner();
            let bits = if answer { &holds | &!both_known } else { &holds & both_known };
            let known = match (a, b) {
                (Some(a), Some(b)) => Some(NullBuffer::new(a.inner() | b.inner())),
                _ => None,
            };
            Arc::new(BooleanArray::new(bits, known.filter(|k| k.null_count() > 0)))
        }
    }
}

/// Compares all pairs.
pub(super) fn compare<T: ArrowPrimitiveType>(
    rows: usize,
    a: Side<'_, T>,
    b: Side<'_, T>,
    rule: NullRule,
    f: impl Fn(T::Native, T::Native) -> bool,
) -> ArrayRef {
    let none = NullBuffer::new_null(rows);
    let holds = match (a, b) {
        (Side::Column(a), Side::Column(b)) => {
            let (a, b) = (a.values(), b.values());
            BooleanBuffer::collect_bool(rows.min(a.len()).min(b.len()), |i| f(a[i], b[i]))
        }
        (Side::Column(a), Side::One(Some(b))) => {
            let a = a.values();
            BooleanBuffer::collect_bool(rows.min(a.len()), |i| f(a[i], b))
        }
        (Side::One(Some(a)), Side::Column(b)) => {
            let b = b.values();
            BooleanBuffer::collect_bool(rows.min(b.len()), |i| f(a, b[i]))
        }
        (Side::One(Some(a)), Side::One(Some(b))) => {
            if f(a, b) {
                BooleanBuffer::new_set(rows)
            } else {
                BooleanBuffer::new_unset(rows)
            }
        }
        _ => BooleanBuffer::new_unset(rows),
    };
    let nulls = |side: &Side<'_, T>| {
        if side.is_null() { Some(none.clone()) } else { side.nulls().cloned() }
    };
    compared(holds, nulls(&a).as_ref(), nulls(&b).as_ref(), rule)
}
