//! Rows as columns: the form in which data travels between collection, storage, engine and wire.
//!
//! # Physical form
//! | KQL type | Arrow array | null |
//! |---|---|---|
//! | bool | `Boolean` | null |
//! | int | `Int32` | null |
//! | long | `Int64` | null |
//! | real | `Float64` | null (NaN is a value) |
//! | decimal | `FixedSizeBinary(16)`, [`Decimal::to_bytes`] | null |
//! | string | `Utf8View`, or `Dictionary(Int32, Utf8View)` | never null: `''` |
//! | guid | `FixedSizeBinary(16)`, big endian | null |
//! | datetime | `Int64` ticks since 0001-01-01 | null |
//! | timespan | `Int64` ticks | null |
//! | dynamic | `BinaryView`, [`Dynamic`] bytes | null |
//!
//! datetime, timespan and long share an Arrow type; the [`Schema`] beside the arrays tells them apart.

use std::collections::HashMap;
use std::sync::Arc;

pub use arrow_array::ArrayRef;
use arrow_array::builder::{
    BinaryViewBuilder, BooleanBuilder, FixedSizeBinaryBuilder, Float64Builder, Int32Builder,
    Int64Builder, StringViewBuilder,
};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, DictionaryArray, Int32Array, StringViewArray};
use values::{DateTime, Decimal, Dynamic, Guid, ScalarType, TimeSpan, Value};

/// A column's name and type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Column {
    /// Name, case kept; KQL compares with case.
    pub name: Arc<str>,
    /// KQL type.
    pub ty: ScalarType,
}

impl Column {
    /// A column of this name and type.
    pub fn new(name: impl AsRef<str>, ty: ScalarType) -> Self {
        Self { name: Arc::from(name.as_ref()), ty }
    }
}

/// The columns of a table or a result, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The columns, in order.
    pub columns: Vec<Column>,
}

impl Schema {
    /// A schema of `(name, type)` pairs.
    pub fn new<N: AsRef<str>>(columns: impl IntoIterator<Item = (N, ScalarType)>) -> Self {
        Self { columns: columns.into_iter().map(|(n, t)| Column::new(n, t)).collect() }
    }

    /// Position of the column with exactly this name.
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| &*c.name == name)
    }

    /// The column with exactly this name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|c| &*c.name == name)
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// True without columns.
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }
}

/// Some rows: equally long columns in the physical form above. The schema travels beside it.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// One array per column.
    pub columns: Vec<ArrayRef>,
    /// Number of rows (kept apart: a batch may have no column).
    pub rows: usize,
}

impl Batch {
    /// Columns that share a length.
    pub fn new(columns: Vec<ArrayRef>) -> Self {
        let rows = columns.first().map_or(0, |c| c.len());
        debug_assert!(columns.iter().all(|c| c.len() == rows));
        Self { columns, rows }
    }

    /// Rows `offset..offset + length`, without copying.
    pub fn slice(&self, offset: usize, length: usize) -> Self {
        Self {
            columns: self.columns.iter().map(|c| c.slice(offset, length)).collect(),
            rows: length,
        }
    }

    /// Bytes held by the arrays (shared buffers count once per column).
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(|c| c.get_array_memory_size()).sum()
    }
}

/// A schema and its rows.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// Names and types.
    pub schema: Arc<Schema>,
    /// The rows, in order.
    pub batches: Vec<Batch>,
}

impl Rows {
    /// Rows of one batch.
    pub fn new(schema: Arc<Schema>, batch: Batch) -> Self {
        Self { schema, batches: vec![batch] }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.batches.iter().map(|b| b.rows).sum()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows as values, one vector per row. For small results (rules, tests, pages of a list).
    pub fn values(&self) -> impl Iterator<Item = Vec<Value>> + '_ {
        self.batches.iter().flat_map(move |b| {
            (0..b.rows).map(move |r| {
                b.columns.iter().zip(&self.schema.columns).map(|(a, c)| cell(a, c.ty, r)).collect()
            })
        })
    }

    /// The value in `row` (over all batches) of the column `name`.
    pub fn get(&self, mut row: usize, name: &str) -> Option<Value> {
        let column = self.schema.position(name)?;
        for batch in &self.batches {
            if row < batch.rows {
                return Some(cell(&batch.columns[column], self.schema.columns[column].ty, row));
            }
            row -= batch.rows;
        }
        None
    }

    /// Rows made of values, checked against the schema's types by [`ColumnBuilder::push`].
    pub fn from_values(schema: Arc<Schema>, rows: impl IntoIterator<Item = Vec<Value>>) -> Self {
        let mut builders: Vec<_> =
            schema.columns.iter().map(|c| ColumnBuilder::new(c.ty, 0)).collect();
        let mut count = 0;
        for row in rows {
            count += 1;
            for (b, v) in builders.iter_mut().zip(&row) {
                b.push(v);
            }
        }
        let columns = builders.into_iter().map(ColumnBuilder::finish).collect();
        Self { schema, batches: vec![Batch { columns, rows: count }] }
    }
}

/// The text at `row` of a string column in either physical form.
pub fn text(array: &ArrayRef, row: usize) -> &str {
    if let Some(view) = array.as_string_view_opt() {
        return if view.is_null(row) { "" } else { view.value(row) };
    }
    match array.as_dictionary_opt::<Int32Type>() {
        Some(dictionary) if !dictionary.is_null(row) => {
            let key = usize::try_from(dictionary.keys().value(row)).unwrap_or(0);
            dictionary.values().as_string_view_opt().map_or("", |v| v.value(key))
        }
        _ => "",
    }
}

/// The cell at `row` of an array that holds the type `ty`. An array of another form reads as null.
pub fn cell(array: &ArrayRef, ty: ScalarType, row: usize) -> Value {
    if ty == ScalarType::String {
        return Value::string(text(array, row));
    }
    if array.is_null(row) {
        return Value::Null;
    }
    let long = || array.as_primitive_opt::<Int64Type>().map(|a| a.value(row));
    let bytes16 =
        || array.as_fixed_size_binary_opt().and_then(|a| <[u8; 16]>::try_from(a.value(row)).ok());
    let value = match ty {
        ScalarType::Bool => array.as_boolean_opt().map(|a| Value::Bool(a.value(row))),
        ScalarType::Int => array.as_primitive_opt::<Int32Type>().map(|a| Value::Int(a.value(row))),
        ScalarType::Long => long().map(Value::Long),
        ScalarType::Real => {
            array.as_primitive_opt::<Float64Type>().map(|a| Value::Real(a.value(row)))
        }
        ScalarType::Decimal => bytes16().map(|b| Value::Decimal(Decimal::from_bytes(b))),
        ScalarType::Guid => bytes16().map(|b| Value::Guid(Guid(b))),
        ScalarType::DateTime => long().map(|t| Value::DateTime(DateTime::from_ticks(t))),
        ScalarType::TimeSpan => long().map(|t| Value::TimeSpan(TimeSpan::from_ticks(t))),
        ScalarType::Dynamic => {
            array.as_binary_view_opt().map(|a| Value::Dynamic(Dynamic::from_bytes(a.value(row))))
        }
        ScalarType::String => None,
    };
    value.unwrap_or(Value::Null)
}

/// Grows one column of a given type, value by value.
#[derive(Debug)]
pub enum ColumnBuilder {
    /// bool
    Bool(BooleanBuilder),
    /// int
    Int(Int32Builder),
    /// long
    Long(Int64Builder),
    /// real
    Real(Float64Builder),
    /// decimal
    Decimal(FixedSizeBinaryBuilder),
    /// string
    String(StringViewBuilder),
    /// guid
    Guid(FixedSizeBinaryBuilder),
    /// datetime, ticks
    DateTime(Int64Builder),
    /// timespan, ticks
    TimeSpan(Int64Builder),
    /// dynamic, binary form
    Dynamic(BinaryViewBuilder),
}

impl ColumnBuilder {
    /// An empty column with room for `capacity` rows.
    pub fn new(ty: ScalarType, capacity: usize) -> Self {
        match ty {
            ScalarType::Bool => Self::Bool(BooleanBuilder::with_capacity(capacity)),
            ScalarType::Int => Self::Int(Int32Builder::with_capacity(capacity)),
            ScalarType::Long => Self::Long(Int64Builder::with_capacity(capacity)),
            ScalarType::Real => Self::Real(Float64Builder::with_capacity(capacity)),
            ScalarType::Decimal => {
                Self::Decimal(FixedSizeBinaryBuilder::with_capacity(capacity, 16))
            }
            ScalarType::String => Self::String(
                // blocks grow from 8 KiB on: a column of one short row must not cost a large one
                StringViewBuilder::with_capacity(capacity),
            ),
            ScalarType::Guid => Self::Guid(FixedSizeBinaryBuilder::with_capacity(capacity, 16)),
            ScalarType::DateTime => Self::DateTime(Int64Builder::with_capacity(capacity)),
            ScalarType::TimeSpan => Self::TimeSpan(Int64Builder::with_capacity(capacity)),
            ScalarType::Dynamic => Self::Dynamic(BinaryViewBuilder::with_capacity(capacity)),
        }
    }

    /// Appends a value; one of another type than the column's is stored as null.
    pub fn push(&mut self, value: &Value) {
        match (self, value) {
            (Self::Bool(b), Value::Bool(v)) => b.append_value(*v),
            (Self::Int(b), Value::Int(v)) => b.append_value(*v),
            (Self::Long(b), Value::Long(v)) => b.append_value(*v),
            (Self::Long(b), Value::Int(v)) => b.append_value(i64::from(*v)),
            (Self::Real(b), Value::Real(v)) => b.append_value(*v),
            (Self::Decimal(b), Value::Decimal(v)) => append16(b, &v.to_bytes()),
            (Self::String(b), Value::String(v)) => b.append_value(v),
            (Self::Guid(b), Value::Guid(v)) => append16(b, &v.0),
            (Self::DateTime(b), Value::DateTime(v)) => b.append_value(v.ticks()),
            (Self::TimeSpan(b), Value::TimeSpan(v)) => b.append_value(v.ticks()),
            (Self::Dynamic(b), Value::Dynamic(v)) => b.append_value(v.as_bytes()),
            (builder, _) => builder.push_null(),
        }
    }

    /// Appends a text; null where the column is of another type.
    pub fn push_text(&mut self, text: &str) {
        match self {
            Self::String(b) => b.append_value(text),
            builder => builder.push_null(),
        }
    }

    /// Appends a dynamic value; null where the column is of another type.
    pub fn push_dynamic(&mut self, value: &Dynamic) {
        match self {
            Self::Dynamic(b) => b.append_value(value.as_bytes()),
            builder => builder.push_null(),
        }
    }

    /// Appends a null (for string: the empty text).
    pub fn push_null(&mut self) {
        match self {
            Self::Bool(b) => b.append_null(),
            Self::Int(b) => b.append_null(),
            Self::Long(b) | Self::DateTime(b) | Self::TimeSpan(b) => b.append_null(),
            Self::Real(b) => b.append_null(),
            Self::Decimal(b) | Self::Guid(b) => b.append_null(),
            Self::String(b) => b.append_value(""),
            Self::Dynamic(b) => b.append_null(),
        }
    }

    /// The finished column.
    pub fn finish(self) -> ArrayRef {
        match self {
            Self::Bool(mut b) => Arc::new(b.finish()),
            Self::Int(mut b) => Arc::new(b.finish()),
            Self::Long(mut b) | Self::DateTime(mut b) | Self::TimeSpan(mut b) => {
                Arc::new(b.finish())
            }
            Self::Real(mut b) => Arc::new(b.finish()),
            Self::Decimal(mut b) | Self::Guid(mut b) => Arc::new(b.finish()),
            Self::String(mut b) => Arc::new(b.finish()),
            Self::Dynamic(mut b) => Arc::new(b.finish()),
        }
    }
}

/// Grows a string column in which most rows say what a row shortly before said: a dictionary.
#[derive(Debug, Default)]
pub struct RepeatingTexts<'a> {
    known: HashMap<&'a str, i32>,
    values: Vec<&'a str>,
    keys: Vec<i32>,
}

impl<'a> RepeatingTexts<'a> {
    /// An empty column with room for `capacity` rows.
    pub fn new(capacity: usize) -> Self {
        Self { known: HashMap::new(), values: Vec::new(), keys: Vec::with_capacity(capacity) }
    }

    /// Appends a text.
    pub fn push(&mut self, text: &'a str) {
        let last = self.keys.last().copied();
        let before = last.and_then(|key| self.values.get(usize::try_from(key).ok()?));
        let key = match (last, before) {
            (Some(key), Some(before)) if *before == text => key,
            _ => self.key(text),
        };
        self.keys.push(key);
    }

    fn key(&mut self, text: &'a str) -> i32 {
        *self.known.entry(text).or_insert_with(|| {
            self.values.push(text);
            self.values.len() as i32 - 1
        })
    }

    /// The finished column.
    pub fn finish(&self) -> ArrayRef {
        self.finish_as(|text| text)
    }

    /// The column of something made of each text; made once for each different one.
    pub fn finish_as<T: AsRef<str>>(&self, make: impl Fn(&'a str) -> T) -> ArrayRef {
        let values = StringViewArray::from_iter_values(self.values.iter().map(|text| make(text)));
        let keys = Int32Array::from(self.keys.clone());
        match DictionaryArray::<Int32Type>::try_new(keys, Arc::new(values)) {
            Ok(coded) => Arc::new(coded),
            // cannot happen: every key has its value
            Err(_) => Arc::new(StringViewArray::from_iter_values(vec![""; self.keys.len()])),
        }
    }
}

/// The same text in each of so many rows.
pub fn constant_text(text: &str, rows: usize) -> ArrayRef {
    let mut texts = RepeatingTexts::new(rows);
    (0..rows).for_each(|_| texts.push(text));
    texts.finish()
}

fn append16(builder: &mut FixedSizeBinaryBuilder, bytes: &[u8; 16]) {
    if builder.append_value(bytes).is_err() {
        builder.append_null(); // cannot happen: the builder is 16 wide
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeating_texts_come_back_row_by_row() {
        let texts = ["b", "b", "", "a", "b", "", "a", "a"];
        let mut column = RepeatingTexts::new(texts.len());
        texts.iter().for_each(|text| column.push(text));
        let (plain, made) = (column.finish(), column.finish_as(str::to_uppercase));
        for (row, expected) in texts.iter().enumerate() {
            assert_eq!(text(&plain, row), *expected, "{row}");
            assert_eq!(text(&made, row), expected.to_uppercase(), "{row}");
        }
        let values = plain.as_dictionary_opt::<Int32Type>().map(|coded| coded.values().len());
        assert_eq!(values, Some(3), "each text once");
        assert_eq!(RepeatingTexts::new(0).finish().len(), 0);
        let constant = constant_text("x", 3);
        assert_eq!((constant.len(), text(&constant, 2)), (3, "x"));
    }
}
