//! What families share: arguments of any type as numbers or text, and result columns written piece by piece.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::builder::{BinaryViewBuilder, StringViewBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use values::dynamic::Flat;
use values::{DateTime, Decimal, DynamicBuilder, DynamicRef, Kind, ScalarType, TimeSpan, Value};

use super::call::{
    BoolArg, Call, Columnar, DecimalArg, DynamicArg, EvalError, IntArg, LongArg, RealArg, Sizes,
    TextArg,
};

/// What every function gives.
pub(super) type Answer = Result<Columnar, EvalError>;

/// Bytes of a block of texts or dynamics under construction.
pub(super) const BLOCK: u32 = 256 * 1024;

/// An argument that is some number; for datetimes and timespans, their ticks.
#[derive(Debug)]
pub(super) enum NumberArg<'a> {
    Int(IntArg<'a>),
    Long(LongArg<'a>),
    Real(RealArg<'a>),
    Decimal(DecimalArg<'a>),
    Null,
}

impl NumberArg<'_> {
    /// As a double.
    pub(super) fn real(&self, row: usize) -> Option<f64> {
        match self {
            Self::Int(a) => a.get(row).map(f64::from),
            Self::Long(a) => a.get(row).map(|v| v as f64),
            Self::Real(a) => a.get(row),
            Self::Decimal(a) => a.get(row).map(Decimal::to_f64),
            Self::Null => None,
        }
    }

    /// As an integer, without its fraction.
    pub(super) fn long(&self, row: usize) -> Option<i64> {
        match self {
            Self::Int(a) => a.get(row).map(i64::from),
            Self::Long(a) => a.get(row),
            Self::Real(a) => a.get(row).and_then(values::text::long_from_real),
            Self::Decimal(a) => a.get(row).and_then(Decimal::to_i64),
            Self::Null => None,
        }
    }
}

/// An argument of any type as text.
pub(super) enum AnyText<'a> {
    Text(TextArg<'a>),
    Dynamic(DynamicArg<'a>),
    Other(&'a Columnar, ScalarType),
}

impl<'a> AnyText<'a> {
    /// What `tostring()` gives for the row.
    #[inline]
    pub(super) fn get(&self, row: usize) -> Cow<'a, str> {
        match self {
            Self::Text(a) => Cow::Borrowed(a.get(row)),
            Self::Dynamic(a) => match a.get(row) {
                None => Cow::Borrowed(""),
                Some(part) => match part.as_str() {
                    Some(text) => Cow::Borrowed(text),
                    None => {
                        let mut out = String::new();
                        part.write_text(&mut out);
                        Cow::Owned(out)
                    }
                },
            },
            Self::Other(column, ty) => Cow::Owned(column.value(*ty, row).to_string()),
        }
    }

    /// What `f` makes of the row's text: [`AnyText::get`] without asking for each row whose the text is.
    #[inline]
    pub(super) fn with<R>(&self, row: usize, f: impl FnOnce(&str) -> R) -> R {
        match self {
            Self::Text(a) => f(a.get(row)),
            other => f(&other.get(row)),
        }
    }

    /// The text, where it is the same for all rows.
    pub(super) fn constant(&self) -> Option<Cow<'a, str>> {
        let fixed = match self {
            Self::Text(a) => return a.constant().map(Cow::Borrowed),
            Self::Dynamic(a) => matches!(a, DynamicArg::Scalar(_)),
            Self::Other(column, _) => matches!(column, Columnar::Scalar(_)),
        };
        fixed.then(|| self.get(0))
    }
}

/// An argument of any type, to be put into a dynamic.
pub(super) enum CellArg<'a> {
    Bool(BoolArg<'a>),
    Int(IntArg<'a>),
    Long(LongArg<'a>),
    Real(RealArg<'a>),
    DateTime(LongArg<'a>),
    TimeSpan(LongArg<'a>),
    Text(TextArg<'a>),
    Dynamic(DynamicArg<'a>),
    Fixed(&'a Value),
    Other(&'a Columnar, ScalarType),
    Null,
}

/// Puts a cell into what has the methods of a builder, without a value between.
macro_rules! put_cell {
    ($cell:expr, $row:expr, $out:expr) => {{
        let (row, out) = ($row, $out);
        let put = match $cell {
            CellArg::Bool(a) => a.get(row).map(|v| out.bool(v)),
            CellArg::Int(a) => a.get(row).map(|v| out.long(i64::from(v))),
            CellArg::Long(a) => a.get(row).map(|v| out.long(v)),
            CellArg::Real(a) => a.get(row).map(|v| out.real(v)),
            CellArg::DateTime(a) => a.get(row).map(|v| out.datetime(DateTime::from_ticks(v))),
            CellArg::TimeSpan(a) => a.get(row).map(|v| out.timespan(TimeSpan::from_ticks(v))),
            CellArg::Text(a) => Some(out.string(a.get(row))),
            CellArg::Dynamic(a) => a.get(row).map(|v| out.dynamic(v)),
            CellArg::Fixed(v) => Some(out.value(v)),
            CellArg::Other(column, ty) => Some(out.value(&column.value(*ty, row))),
            CellArg::Null => None,
        };
        if put.is_none() {
            out.null();
        }
    }};
}

impl CellArg<'_> {
    /// Adds the cell to a flat value.
    #[inline]
    pub(super) fn put(&self, row: usize, out: &mut Flat) {
        put_cell!(self, row, out);
    }

    /// Adds the cell to any value.
    pub(super) fn build(&self, row: usize, out: &mut DynamicBuilder) {
        put_cell!(self, row, out);
    }

    /// True for null and for empty text.
    pub(super) fn is_empty(&self, row: usize) -> bool {
        match self {
            Self::Bool(a) => a.get(row).is_none(),
            Self::Int(a) => a.get(row).is_none(),
            Self::Long(a) | Self::DateTime(a) | Self::TimeSpan(a) => a.get(row).is_none(),
            Self::Real(a) => a.get(row).is_none(),
            Self::Text(a) => a.get(row).is_empty(),
            Self::Dynamic(a) => a.get(row).is_none(),
            Self::Fixed(v) => v.is_empty(),
            Self::Other(column, ty) => column.value(*ty, row).is_empty(),
            Self::Null => true,
        }
    }
}

impl Call<'_> {
    /// An argument of any type, to be put into a dynamic.
    pub(super) fn cell(&self, index: usize) -> Result<CellArg<'_>, EvalError> {
        let (Some(column), Some(ty)) = (self.args.get(index), self.types.get(index)) else {
            return Ok(CellArg::Null);
        };
        if let Columnar::Scalar(value) = column {
            return Ok(CellArg::Fixed(value));
        }
        Ok(match ty {
            ScalarType::Bool => CellArg::Bool(self.bool(index)?),
            ScalarType::Int => CellArg::Int(self.int(index)?),
            ScalarType::Long => CellArg::Long(self.long(index)?),
            ScalarType::Real => CellArg::Real(self.real(index)?),
            ScalarType::DateTime => CellArg::DateTime(self.long(index)?),
            ScalarType::TimeSpan => CellArg::TimeSpan(self.long(index)?),
            ScalarType::String => CellArg::Text(self.text(index)?),
            ScalarType::Dynamic => CellArg::Dynamic(self.dynamic(index)?),
            ScalarType::Decimal | ScalarType::Guid => CellArg::Other(column, *ty),
        })
    }

    /// All arguments from one on.
    pub(super) fn cells(&self, from: usize) -> Result<Vec<CellArg<'_>>, EvalError> {
        (from..self.len()).map(|index| self.cell(index)).collect()
    }

    /// A dynamic column of arrays or bags of one shape; a row whose writer gives none is null.
    pub(super) fn shaped(
        &self,
        mut flat: Flat,
        mut f: impl FnMut(usize, &mut Flat) -> Option<()>,
    ) -> Answer {
        let mut column = BinaryViewBuilder::with_capacity(self.rows).with_fixed_block_size(BLOCK);
        let mut bytes = Vec::new();
        let mut sizes = Sizes::default();
        for row in 0..self.rows {
            if f(row, &mut flat).is_none() {
                flat.clear();
                column.append_null();
                continue;
            }
            bytes.clear();
            flat.finish_into(&mut bytes);
            sizes.add(bytes.len())?;
            column.append_value(&bytes);
        }
        Ok(Columnar::Array(Arc::new(column.finish())))
    }

    /// A dynamic column of arrays; a row whose writer gives none is null.
    pub(super) fn arrays(&self, f: impl FnMut(usize, &mut Flat) -> Option<()>) -> Answer {
        self.shaped(Flat::array(), f)
    }

    /// An argument of any number type.
    pub(super) fn number(&self, index: usize) -> Result<NumberArg<'_>, EvalError> {
        match self.args.get(index) {
            Some(Columnar::Scalar(value)) => match value {
                Value::Null => Ok(NumberArg::Null),
                Value::Real(v) => Ok(NumberArg::Real(RealArg::Scalar(Some(*v)))),
                Value::Decimal(v) => Ok(NumberArg::Decimal(DecimalArg::Scalar(Some(*v)))),
                Value::Bool(v) => Ok(NumberArg::Long(LongArg::Scalar(Some(i64::from(*v))))),
                _ => self.long(index).map(NumberArg::Long),
            },
            Some(Columnar::Array(array)) => {
                if let Some(a) = array.as_primitive_opt::<Int64Type>() {
                    Ok(NumberArg::Long(LongArg::Array(a)))
                } else if let Some(a) = array.as_primitive_opt::<Float64Type>() {
                    Ok(NumberArg::Real(RealArg::Array(a)))
                } else if let Some(a) = array.as_primitive_opt::<Int32Type>() {
                    Ok(NumberArg::Int(IntArg::Array(a)))
                } else {
                    self.decimal(index).map(NumberArg::Decimal)
                }
            }
            None => Ok(NumberArg::Null),
        }
    }

    /// An argument of any type, to be read as text.
    pub(super) fn any_text(&self, index: usize) -> Result<AnyText<'_>, EvalError> {
        match (self.types.get(index), self.args.get(index)) {
            (Some(ScalarType::String), _) => self.text(index).map(AnyText::Text),
            (Some(ScalarType::Dynamic), Some(_)) => self.dynamic(index).map(AnyText::Dynamic),
            (Some(ty), Some(column)) => Ok(AnyText::Other(column, *ty)),
            _ => Err(EvalError::new(format!("argument {} is missing", index + 1))),
        }
    }

    /// The argument's integer, the same for all rows; none where it is absent or null.
    pub(super) fn constant_long(&self, index: usize) -> Option<i64> {
        self.constant(index).and_then(|v| v.cast(ScalarType::Long).as_i64())
    }

    /// A string column of texts written into a buffer.
    pub(super) fn written(&self, mut f: impl FnMut(usize, &mut String)) -> Answer {
        let mut builder = StringViewBuilder::with_capacity(self.rows).with_fixed_block_size(BLOCK);
        let mut buffer = String::new();
        let mut sizes = Sizes::default();
        for row in 0..self.rows {
            buffer.clear();
            f(row, &mut buffer);
            sizes.add(buffer.len())?;
            builder.append_value(&buffer);
        }
        Ok(Columnar::Array(Arc::new(builder.finish())))
    }

    /// A string column of parts of texts that live elsewhere; none is `""`.
    pub(super) fn borrowed<'t>(&self, mut f: impl FnMut(usize) -> Option<&'t str>) -> Answer {
        let mut builder = StringViewBuilder::with_capacity(self.rows).with_fixed_block_size(BLOCK);
        for row in 0..self.rows {
            builder.append_value(f(row).unwrap_or_default());
        }
        Ok(Columnar::Array(Arc::new(builder.finish())))
    }

    /// A dynamic column; a row whose writer gives none, or that writes null, is null.
    pub(super) fn built(
        &self,
        mut f: impl FnMut(usize, &mut DynamicBuilder) -> Option<()>,
    ) -> Answer {
        let mut column = BinaryViewBuilder::with_capacity(self.rows).with_fixed_block_size(BLOCK);
        let mut builder = DynamicBuilder::new();
        let mut bytes = Vec::new();
        let mut sizes = Sizes::default();
        for row in 0..self.rows {
            bytes.clear();
            builder.clear();
            let written = f(row, &mut builder).is_some();
            builder.finish_into(&mut bytes);
            sizes.add(bytes.len())?;
            if written && !DynamicRef::new(&bytes).is_null() {
                column.append_value(&bytes);
            } else {
                column.append_null();
            }
        }
        Ok(Columnar::Array(Arc::new(column.finish())))
    }
}

impl DynamicArg<'_> {
    /// The value at a row, where it is an array.
    pub(super) fn array(&self, row: usize) -> Option<DynamicRef<'_>> {
        self.get(row).filter(|d| d.kind() == Kind::Array)
    }

    /// The value at a row, where it is a bag.
    pub(super) fn bag(&self, row: usize) -> Option<DynamicRef<'_>> {
        self.get(row).filter(|d| d.kind() == Kind::Object)
    }
}
