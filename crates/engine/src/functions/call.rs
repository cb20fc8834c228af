//! One call of a function: typed access to its argument columns, and builders for its result.

use std::sync::Arc;

use arrow_array::builder::{BinaryViewBuilder, FixedSizeBinaryBuilder, StringViewBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray,
    Float64Array, Int32Array, Int64Array, StringViewArray,
};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder, NullBuffer};
use model::rows::cell;
use values::{DateTime, Decimal, Dynamic, DynamicRef, Guid, ScalarType, Value};

use crate::places::Places;

/// A column of the batch, or one value for all its rows.
#[derive(Clone, Debug)]
pub enum Columnar {
    /// One value a row, in the physical form of `model::rows`.
    Array(ArrayRef),
    /// The same value for every row. A null string is [`Value::String`] of `""`.
    Scalar(Value),
}

impl Columnar {
    /// The column, repeated where it is one value.
    pub fn into_array(self, ty: ScalarType, rows: usize) -> ArrayRef {
        match self {
            Self::Array(a) => a,
            Self::Scalar(v) => repeat(&v, ty, rows),
        }
    }

    /// The value at a row.
    pub fn value(&self, ty: ScalarType, row: usize) -> Value {
        match self {
            Self::Array(a) => cell(a, ty, row),
            Self::Scalar(v) => v.clone(),
        }
    }
}

/// A column of `rows` equal values.
pub fn repeat(value: &Value, ty: ScalarType, rows: usize) -> ArrayRef {
    if ty == ScalarType::String {
        let text = if let Value::String(s) = value { &**s } else { "" };
        let keys = Int32Array::from(vec![0; rows]);
        let values: ArrayRef = Arc::new(StringViewArray::from_iter_values([text]));
        return match DictionaryArray::<Int32Type>::try_new(keys, Arc::clone(&values)) {
            Ok(dictionary) => Arc::new(dictionary),
            Err(_) => values,
        };
    }
    if let (Value::Dynamic(value), ScalarType::Dynamic) = (value, ty)
        && let Ok(length) = u32::try_from(value.as_bytes().len())
    {
        // the bytes once, however many rows
        let mut builder = BinaryViewBuilder::with_capacity(rows);
        let block = builder.append_block(value.as_bytes().to_vec().into());
        if (0..rows).all(|_| builder.try_append_view(block, 0, length).is_ok()) {
            return Arc::new(builder.finish());
        }
    }
    match (value, ty) {
        (Value::Long(v), ScalarType::Long) => return Arc::new(Int64Array::from_value(*v, rows)),
        (Value::DateTime(v), ScalarType::DateTime) => {
            return Arc::new(Int64Array::from_value(v.ticks(), rows));
        }
        (Value::TimeSpan(v), ScalarType::TimeSpan) => {
            return Arc::new(Int64Array::from_value(v.ticks(), rows));
        }
        (Value::Int(v), ScalarType::Int) => return Arc::new(Int32Array::from_value(*v, rows)),
        (Value::Real(v), ScalarType::Real) => return Arc::new(Float64Array::from_value(*v, rows)),
        _ => {}
    }
    let mut builder = model::ColumnBuilder::new(ty, rows);
    for _ in 0..rows {
        builder.push(value);
    }
    builder.finish()
}

/// What is the same for every call of one query.
#[derive(Clone, Debug)]
pub struct EvalContext {
    /// `now()` of the statement.
    pub now: DateTime,
    /// Where addresses are, if the operator brought a database.
    pub places: Option<Arc<Places>>,
}

impl EvalContext {
    /// Of a query at some time.
    pub const fn new(now: DateTime, places: Option<Arc<Places>>) -> Self {
        Self { now, places }
    }
}

/// Why an evaluation failed: a bad constant argument (regex, format, ...). Bad data never fails, it is null.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct EvalError {
    /// What is wrong.
    pub text: String,
    /// A limit, rather than the arguments.
    pub limit: bool,
}

/// Most bytes of one value that a function makes.
const VALUE_MAX: usize = 64 << 20;

/// Most bytes of all the values that one call makes for a batch of rows.
const COLUMN_MAX: usize = 1 << 30;

/// The sizes of values being made, within their bounds.
#[derive(Default)]
pub(super) struct Sizes {
    all: usize,
}

impl Sizes {
    /// Counts one value; fails once it, or all together, are too large.
    #[inline]
    pub(super) fn add(&mut self, bytes: usize) -> Result<(), EvalError> {
        self.all = self.all.saturating_add(bytes);
        if bytes > VALUE_MAX || self.all > COLUMN_MAX {
            return Err(EvalError {
                text: format!(
                    "an expression makes values of more than {} MB, or of more than {} MB for a few thousand rows; work on shorter texts and arrays",
                    VALUE_MAX >> 20,
                    COLUMN_MAX >> 20
                ),
                limit: true,
            });
        }
        Ok(())
    }
}

impl EvalError {
    /// An error with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), limit: false }
    }
}

/// One call: arguments, their types, the number of rows, the wanted type.
#[derive(Debug)]
pub struct Call<'a> {
    /// The arguments; columns have `rows` rows and are never dictionaries.
    pub args: &'a [Columnar],
    /// Their KQL types.
    pub types: &'a [ScalarType],
    /// Rows of the batch.
    pub rows: usize,
    /// The type that the binder gave the result.
    pub result: ScalarType,
    /// The query's surroundings.
    pub context: &'a EvalContext,
}

macro_rules! argument {
    ($(#[$doc:meta])* $name:ident, $array:ty, $item:ty, |$a:ident, $r:ident| $read:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name<'a> {
            /// One value for all rows.
            Scalar(Option<$item>),
            /// A column.
            Array(&'a $array),
        }

        impl<'a> $name<'a> {
            /// The value at a row; none for null.
            #[inline]
            pub fn get(&self, row: usize) -> Option<$item> {
                match self {
                    Self::Scalar(v) => *v,
                    Self::Array($a) => {
                        let $r = row;
                        if $a.is_null($r) { None } else { Some($read) }
                    }
                }
            }
        }
    };
}

argument!(/// bool argument.
    BoolArg, BooleanArray, bool, |a, r| a.value(r));
argument!(/// int argument.
    IntArg, Int32Array, i32, |a, r| a.value(r));
argument!(/// long, datetime or timespan argument (ticks).
    LongArg, Int64Array, i64, |a, r| a.value(r));
argument!(/// real argument.
    RealArg, Float64Array, f64, |a, r| a.value(r));
argument!(/// guid argument.
    GuidArg, FixedSizeBinaryArray, Guid, |a, r| Guid(<[u8; 16]>::try_from(a.value(r)).unwrap_or_default()));
argument!(/// decimal argument.
    DecimalArg, FixedSizeBinaryArray, Decimal, |a, r| Decimal::from_bytes(<[u8; 16]>::try_from(a.value(r)).unwrap_or_default()));

/// string argument; null reads as `""`.
#[derive(Debug)]
pub enum TextArg<'a> {
    /// One text for all rows.
    Scalar(&'a str),
    /// A column.
    Array(&'a StringViewArray),
}

impl<'a> TextArg<'a> {
    /// The text at a row.
    #[inline]
    pub fn get(&self, row: usize) -> &'a str {
        match self {
            Self::Scalar(s) => s,
            Self::Array(a) => a.value(row),
        }
    }

    /// The text, where it is the same for all rows.
    pub const fn constant(&self) -> Option<&'a str> {
        match self {
            Self::Scalar(s) => Some(s),
            Self::Array(_) => None,
        }
    }
}

/// dynamic argument.
#[derive(Debug)]
pub enum DynamicArg<'a> {
    /// One value for all rows.
    Scalar(Option<&'a Dynamic>),
    /// A column.
    Array(&'a BinaryViewArray),
}

impl<'a> DynamicArg<'a> {
    /// The value at a row; none for null.
    #[inline]
    pub fn get(&self, row: usize) -> Option<DynamicRef<'a>> {
        match self {
            Self::Scalar(v) => v.map(Dynamic::as_ref),
            Self::Array(a) if a.is_null(row) => None,
            Self::Array(a) => Some(DynamicRef::new(a.value(row))),
        }
    }
}

fn mismatch(index: usize, wanted: &str) -> EvalError {
    EvalError::new(format!("argument {} is not of type {wanted}", index + 1))
}

macro_rules! accessor {
    ($(#[$doc:meta])* $fn:ident, $arg:ident, $wanted:literal, |$a:ident| $down:expr, $($pattern:pat => $value:expr),+) => {
        $(#[$doc])*
        pub fn $fn(&self, index: usize) -> Result<$arg<'_>, EvalError> {
            match self.args.get(index) {
                Some(Columnar::Scalar(Value::Null)) => Ok($arg::Scalar(None)),
                $(Some(Columnar::Scalar($pattern)) => Ok($arg::Scalar(Some($value))),)+
                Some(Columnar::Array($a)) => {
                    $down.map($arg::Array).ok_or_else(|| mismatch(index, $wanted))
                }
                _ => Err(mismatch(index, $wanted)),
            }
        }
    };
}

impl Call<'_> {
    accessor!(/// A bool argument.
        bool, BoolArg, "bool", |a| a.as_boolean_opt(), Value::Bool(v) => *v);
    accessor!(/// An int argument.
        int, IntArg, "int", |a| a.as_primitive_opt::<Int32Type>(), Value::Int(v) => *v);
    accessor!(/// A long, datetime or timespan argument, the latter in ticks.
        long, LongArg, "long", |a| a.as_primitive_opt::<Int64Type>(),
        Value::Long(v) => *v, Value::Int(v) => i64::from(*v), Value::DateTime(v) => v.ticks(), Value::TimeSpan(v) => v.ticks());
    accessor!(/// A real argument.
        real, RealArg, "real", |a| a.as_primitive_opt::<Float64Type>(),
        Value::Real(v) => *v, Value::Long(v) => *v as f64, Value::Int(v) => f64::from(*v));
    accessor!(/// A guid argument.
        guid, GuidArg, "guid", |a| a.as_fixed_size_binary_opt(), Value::Guid(v) => *v);
    accessor!(/// A decimal argument.
        decimal, DecimalArg, "decimal", |a| a.as_fixed_size_binary_opt(), Value::Decimal(v) => *v);
    accessor!(/// A dynamic argument.
        dynamic, DynamicArg, "dynamic", |a| a.as_binary_view_opt(), Value::Dynamic(v) => v);

    /// A string argument.
    pub fn text(&self, index: usize) -> Result<TextArg<'_>, EvalError> {
        match self.args.get(index) {
            Some(Columnar::Scalar(Value::Null)) => Ok(TextArg::Scalar("")),
            Some(Columnar::Scalar(Value::String(s))) => Ok(TextArg::Scalar(s)),
            Some(Columnar::Array(a)) => {
                a.as_string_view_opt().map(TextArg::Array).ok_or_else(|| mismatch(index, "string"))
            }
            _ => Err(mismatch(index, "string")),
        }
    }

    /// Number of arguments.
    pub const fn len(&self) -> usize {
        self.args.len()
    }

    /// True without arguments.
    pub const fn is_empty(&self) -> bool {
        self.args.is_empty()
    }

    /// The value of any argument at a row.
    pub fn value(&self, index: usize, row: usize) -> Value {
        match (self.args.get(index), self.types.get(index)) {
            (Some(c), Some(ty)) => c.value(*ty, row),
            _ => Value::Null,
        }
    }

    /// The argument's value where it is the same for all rows.
    pub fn constant(&self, index: usize) -> Option<&Value> {
        match self.args.get(index) {
            Some(Columnar::Scalar(v)) => Some(v),
            _ => None,
        }
    }

    /// A bool column, row by row.
    pub fn bools(&self, f: impl Fn(usize) -> Option<bool>) -> Result<Columnar, EvalError> {
        let mut missing = Vec::new();
        let bits = BooleanBuffer::collect_bool(self.rows, |row| {
            f(row).unwrap_or_else(|| {
                missing.push(row);
                false
            })
        });
        Ok(Columnar::Array(Arc::new(BooleanArray::new(bits, nulls(self.rows, &missing)))))
    }

    /// An int column, row by row.
    pub fn ints(&self, f: impl Fn(usize) -> Option<i32>) -> Result<Columnar, EvalError> {
        let (values, nulls) = collect(self.rows, f);
        Ok(Columnar::Array(Arc::new(Int32Array::new(values.into(), nulls))))
    }

    /// A long, datetime or timespan column, row by row (ticks).
    pub fn longs(&self, f: impl Fn(usize) -> Option<i64>) -> Result<Columnar, EvalError> {
        let (values, nulls) = collect(self.rows, f);
        Ok(Columnar::Array(Arc::new(Int64Array::new(values.into(), nulls))))
    }

    /// A real column, row by row.
    pub fn reals(&self, f: impl Fn(usize) -> Option<f64>) -> Result<Columnar, EvalError> {
        let (values, nulls) = collect(self.rows, f);
        Ok(Columnar::Array(Arc::new(Float64Array::new(values.into(), nulls))))
    }

    /// A string column, row by row; none is `""`.
    pub fn texts<S: AsRef<str>>(
        &self,
        f: impl Fn(usize) -> Option<S>,
    ) -> Result<Columnar, EvalError> {
        let mut b = StringViewBuilder::with_capacity(self.rows);
        let mut sizes = Sizes::default();
        for r in 0..self.rows {
            match f(r) {
                Some(s) => {
                    sizes.add(s.as_ref().len())?;
                    b.append_value(s);
                }
                None => b.append_value(""),
            }
        }
        Ok(Columnar::Array(Arc::new(b.finish())))
    }

    /// A dynamic column, row by row.
    pub fn dynamics(&self, f: impl Fn(usize) -> Option<Dynamic>) -> Result<Columnar, EvalError> {
        let mut b = BinaryViewBuilder::with_capacity(self.rows);
        let mut sizes = Sizes::default();
        for r in 0..self.rows {
            match f(r) {
                Some(d) => {
                    sizes.add(d.as_bytes().len())?;
                    b.append_value(d.as_bytes());
                }
                None => b.append_null(),
            }
        }
        Ok(Columnar::Array(Arc::new(b.finish())))
    }

    /// A guid or decimal column, row by row, as 16 bytes.
    pub fn bytes16(&self, f: impl Fn(usize) -> Option<[u8; 16]>) -> Result<Columnar, EvalError> {
        let mut b = FixedSizeBinaryBuilder::with_capacity(self.rows, 16);
        for r in 0..self.rows {
            match f(r) {
                Some(v) => b.append_value(v).map_err(|e| EvalError::new(e.to_string()))?,
                None => b.append_null(),
            }
        }
        Ok(Columnar::Array(Arc::new(b.finish())))
    }

    /// A column of the result's own type, row by row, from values.
    pub fn values(&self, f: impl Fn(usize) -> Value) -> Result<Columnar, EvalError> {
        let mut b = model::ColumnBuilder::new(self.result, self.rows);
        let mut sizes = Sizes::default();
        for row in 0..self.rows {
            let value = f(row);
            match &value {
                Value::String(text) => sizes.add(text.len())?,
                Value::Dynamic(value) => sizes.add(value.as_bytes().len())?,
                _ => {}
            }
            b.push(&value);
        }
        Ok(Columnar::Array(b.finish()))
    }
}

/// Values, and where there are none.
fn collect<T: Default>(
    rows: usize,
    f: impl Fn(usize) -> Option<T>,
) -> (Vec<T>, Option<NullBuffer>) {
    let mut missing = Vec::new();
    let values = (0..rows)
        .map(|row| {
            f(row).unwrap_or_else(|| {
                missing.push(row);
                T::default()
            })
        })
        .collect();
    (values, nulls(rows, &missing))
}

/// All rows but some are valid; none where no row is missing.
fn nulls(rows: usize, missing: &[usize]) -> Option<NullBuffer> {
    if missing.is_empty() {
        return None;
    }
    let mut bits = BooleanBufferBuilder::new(rows);
    bits.append_n(rows, true);
    missing.iter().for_each(|row| bits.set_bit(*row, false));
    Some(NullBuffer::new(bits.finish()))
}

/// What is computed from the arguments.
type Run<'f> = &'f dyn Fn(&Call<'_>) -> Result<Columnar, EvalError>;

/// See [`super::evaluate`].
pub(super) fn evaluate(eval: Run<'_>, pure: bool, call: &Call<'_>) -> Result<Columnar, EvalError> {
    let columns = call.args.iter().filter(|a| matches!(a, Columnar::Array(_))).count();
    if columns == 0 && pure {
        let one = Call { rows: 1, ..*call };
        return Ok(match eval(&one)? {
            Columnar::Array(a) if a.is_empty() => Columnar::Scalar(Value::Null),
            Columnar::Array(a) => Columnar::Scalar(cell(&a, call.result, 0)),
            scalar @ Columnar::Scalar(_) => scalar,
        });
    }
    let dictionary = |c: &Columnar| match c {
        Columnar::Array(a) => a.as_dictionary_opt::<Int32Type>().cloned(),
        Columnar::Scalar(_) => None,
    };
    let dictionaries: Vec<Option<DictionaryArray<Int32Type>>> =
        call.args.iter().map(dictionary).collect();
    let coded = dictionaries.iter().flatten().count();
    if coded == 0 {
        return eval(call);
    }
    let alone = coded == 1 && columns == 1 && pure;
    let first = dictionaries.iter().enumerate().find_map(|(at, d)| Some((at, d.as_ref()?)));
    if let Some((at, dict)) = first.filter(|(_, d)| alone && d.values().len() <= call.rows) {
        return per_distinct_value(eval, call, at, dict);
    }
    let plain: Vec<Columnar> = call
        .args
        .iter()
        .zip(&dictionaries)
        .map(|(arg, d)| match d {
            Some(d) => decode(d).map(Columnar::Array),
            None => Ok(arg.clone()),
        })
        .collect::<Result<_, _>>()?;
    eval(&Call { args: &plain, ..*call })
}

/// The function over the dictionary's values, the codes kept (string results) or followed (others).
fn per_distinct_value(
    eval: Run<'_>,
    call: &Call<'_>,
    at: usize,
    dict: &DictionaryArray<Int32Type>,
) -> Result<Columnar, EvalError> {
    let args: Vec<Columnar> = call
        .args
        .iter()
        .enumerate()
        .map(|(i, a)| if i == at { Columnar::Array(Arc::clone(dict.values())) } else { a.clone() })
        .collect();
    let rows = dict.values().len();
    let result = eval(&Call { args: &args, rows, ..*call })?;
    let Columnar::Array(values) = result else { return Ok(result) };
    if call.result == ScalarType::String && values.as_string_view_opt().is_some() {
        let coded = DictionaryArray::<Int32Type>::try_new(dict.keys().clone(), values)
            .map_err(|e| EvalError::new(e.to_string()))?;
        return Ok(Columnar::Array(Arc::new(coded)));
    }
    arrow_select::take::take(&values, dict.keys(), None)
        .map(Columnar::Array)
        .map_err(|e| EvalError::new(e.to_string()))
}

/// A dictionary column as plain views.
pub fn decode(dict: &DictionaryArray<Int32Type>) -> Result<ArrayRef, EvalError> {
    arrow_select::take::take(dict.values(), dict.keys(), None)
        .map_err(|e| EvalError::new(e.to_string()))
}
