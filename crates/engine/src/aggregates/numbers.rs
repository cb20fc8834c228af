//! Reading number columns, whatever their type.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray, Float64Array, Int32Array, Int64Array};
use values::Decimal;

use crate::functions::EvalError;

/// A column of numbers, or of ticks.
pub(super) enum Numbers<'a> {
    Ints(&'a Int32Array),
    Longs(&'a Int64Array),
    Reals(&'a Float64Array),
    Decimals(&'a FixedSizeBinaryArray),
}

impl<'a> Numbers<'a> {
    /// The argument at a position.
    pub(super) fn of(args: &'a [ArrayRef], at: usize) -> Result<Self, EvalError> {
        let column = args.get(at).ok_or_else(|| EvalError::new("an argument is missing"))?;
        let found = (column.as_primitive_opt::<Int64Type>().map(Self::Longs))
            .or_else(|| column.as_primitive_opt::<Float64Type>().map(Self::Reals))
            .or_else(|| column.as_primitive_opt::<Int32Type>().map(Self::Ints))
            .or_else(|| column.as_fixed_size_binary_opt().map(Self::Decimals));
        found.ok_or_else(|| EvalError::new(format!("argument {} is not a number", at + 1)))
    }

    /// As a double; none for null.
    #[inline]
    pub(super) fn real(&self, row: usize) -> Option<f64> {
        match self {
            Self::Longs(a) => a.is_valid(row).then(|| a.value(row) as f64),
            Self::Reals(a) => a.is_valid(row).then(|| a.value(row)),
            Self::Ints(a) => a.is_valid(row).then(|| f64::from(a.value(row))),
            Self::Decimals(_) => self.decimal(row).map(Decimal::to_f64),
        }
    }

    /// As an integer; none for null and what is none.
    #[inline]
    pub(super) fn long(&self, row: usize) -> Option<i64> {
        match self {
            Self::Longs(a) => a.is_valid(row).then(|| a.value(row)),
            Self::Ints(a) => a.is_valid(row).then(|| i64::from(a.value(row))),
            Self::Reals(a) => a.is_valid(row).then(|| a.value(row) as i64),
            Self::Decimals(_) => self.decimal(row).and_then(Decimal::to_i64),
        }
    }

    /// As a decimal; none for null.
    pub(super) fn decimal(&self, row: usize) -> Option<Decimal> {
        match self {
            Self::Decimals(a) => a.is_valid(row).then(|| {
                Decimal::from_bytes(<[u8; 16]>::try_from(a.value(row)).unwrap_or_default())
            }),
            Self::Reals(a) => a.is_valid(row).then(|| Decimal::from_f64(a.value(row))).flatten(),
            _ => self.long(row).map(Decimal::from_i64),
        }
    }
}
