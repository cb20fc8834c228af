//! Dynamic columns in the shape of Parquet's VARIANT: the names of properties apart from the values, so that rows of
//! one shape share them.

use std::sync::Arc;

use arrow_array::builder::make_view;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, BinaryViewArray, Int32Array, StructArray};
use arrow_buffer::{Buffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, Fields};
use model::{Column, DynamicRef};
use parquet::basic::{Encoding, LogicalType, Repetition, Type as Physical};
use parquet::errors::Result as ParquetResult;
use parquet::schema::types::{Type, TypePtr};

use super::physical::{Form, Laid, Leaf};
use crate::gather;

const METADATA: &str = "metadata";
const VALUE: &str = "value";

/// The distinct values of a dynamic column and each row's place among them, where that pays.
pub(super) type Coded = Option<(BinaryViewArray, Vec<i32>)>;

/// Lays out a dynamic column.
pub(super) fn lay(column: &Column, array: &BinaryViewArray, coded: &Coded) -> ParquetResult<Laid> {
    let (metadata, value) = match coded {
        Some((values, keys)) => split_coded(values, keys)?,
        None => split_plain(array)?,
    };
    let dictionary = [is_coded(&metadata), is_coded(&value)];
    let fields = Fields::from(vec![
        Field::new(METADATA, metadata.data_type().clone(), false),
        Field::new(VALUE, value.data_type().clone(), false),
    ]);
    let nulls = array.nulls().filter(|n| n.null_count() > 0).cloned();
    let nullable = nulls.is_some();
    let array = StructArray::try_new(fields.clone(), vec![metadata, value], nulls)?;
    let leaf = |name: &str, dictionary| Leaf {
        path: vec![column.name.to_string(), name.to_owned()],
        dictionary,
        encoding: Encoding::DELTA_LENGTH_BYTE_ARRAY,
    };
    Ok(Laid {
        form: Form::Plain,
        field: Field::new(&*column.name, DataType::Struct(fields), nullable),
        parquet: parquet_type(&column.name, nullable)?,
        array: Arc::new(array),
        leaves: vec![leaf(METADATA, dictionary[0]), leaf(VALUE, dictionary[1])],
    })
}

fn parquet_type(name: &str, nullable: bool) -> ParquetResult<TypePtr> {
    let leaf = |name: &str| -> ParquetResult<TypePtr> {
        let builder = Type::primitive_type_builder(name, Physical::BYTE_ARRAY);
        Ok(Arc::new(builder.with_repetition(Repetition::REQUIRED).build()?))
    };
    let repetition = if nullable { Repetition::OPTIONAL } else { Repetition::REQUIRED };
    let group = Type::group_type_builder(name)
        .with_repetition(repetition)
        .with_logical_type(Some(LogicalType::variant(Some(1))))
        .with_fields(vec![leaf(METADATA)?, leaf(VALUE)?]);
    Ok(Arc::new(group.build()?))
}

fn is_coded(array: &ArrayRef) -> bool {
    matches!(array.data_type(), DataType::Dictionary(..))
}

fn coded(keys: Vec<i32>, values: BinaryViewArray) -> Result<ArrayRef, ArrowError> {
    let values: ArrayRef = Arc::new(values);
    Ok(Arc::new(arrow_array::DictionaryArray::try_new(Int32Array::from(keys), values)?))
}

fn halves(array: &BinaryViewArray) -> (BinaryViewArray, BinaryViewArray) {
    let value = |row| DynamicRef::new(if array.is_null(row) { &[] } else { array.value(row) });
    let rows = 0..array.len();
    (
        BinaryViewArray::from_iter_values(rows.clone().map(|row| value(row).metadata())),
        BinaryViewArray::from_iter_values(rows.map(|row| value(row).value())),
    )
}

fn split_coded(values: &BinaryViewArray, keys: &[i32]) -> Result<(ArrayRef, ArrayRef), ArrowError> {
    let (metadata, value) = halves(values);
    let metadata = match gather::code(&metadata) {
        None => coded(keys.to_vec(), metadata)?,
        Some((distinct, entries)) => {
            let key = |key: &i32| entries.get(*key as usize).copied().unwrap_or(0);
            coded(keys.iter().map(key).collect(), distinct)?
        }
    };
    Ok((metadata, coded(keys.to_vec(), value)?))
}

fn split_plain(array: &BinaryViewArray) -> Result<(ArrayRef, ArrayRef), ArrowError> {
    let (metadata, value) = halves(array);
    let metadata = match gather::code(&metadata) {
        Some((distinct, keys)) => coded(keys, distinct)?,
        None => Arc::new(metadata),
    };
    Ok((metadata, Arc::new(value)))
}

/// The Arrow type to ask the Parquet reader for; `coded` tells for each half whether its pages hold a dictionary.
pub(super) fn read_type(coded: [bool; 2]) -> DataType {
    let half = |name: &str, coded: bool| {
        let plain = DataType::BinaryView;
        let ty = match coded {
            true => DataType::Dictionary(Box::new(DataType::Int32), Box::new(plain)),
            false => plain,
        };
        Field::new(name, ty, false)
    };
    DataType::Struct(Fields::from(vec![half(METADATA, coded[0]), half(VALUE, coded[1])]))
}

/// One half of a column as the Parquet reader gave it.
struct Half<'a> {
    values: &'a BinaryViewArray,
    keys: Option<&'a [i32]>,
}

impl<'a> Half<'a> {
    fn new(array: &'a ArrayRef) -> Option<Self> {
        match array.as_dictionary_opt::<Int32Type>() {
            None => Some(Self { values: array.as_binary_view_opt()?, keys: None }),
            Some(dictionary) => Some(Self {
                values: dictionary.values().as_binary_view_opt()?,
                keys: Some(dictionary.keys().values()),
            }),
        }
    }

    fn at(&self, row: usize) -> usize {
        match self.keys {
            None => row,
            Some(keys) => keys.get(row).map_or(usize::MAX, |k| *k as usize),
        }
    }

    fn bytes(&self, at: usize) -> &'a [u8] {
        if at < self.values.len() { self.values.value(at) } else { &[] }
    }
}

/// Puts the halves together again. Rows with the same halves share their bytes. None when the array has another form.
pub(super) fn unlay(array: &ArrayRef) -> Option<ArrayRef> {
    let array = array.as_struct_opt()?;
    let (metadata, value) = match array.columns() {
        [metadata, value] => (Half::new(metadata)?, Half::new(value)?),
        _ => return None,
    };
    let mut views: Vec<u128> = Vec::with_capacity(array.len());
    let (mut buffers, mut bytes): (Vec<Buffer>, Vec<u8>) = (Vec::new(), Vec::new());
    let distinct = if value.keys.is_some() { value.values.len() } else { 0 };
    let mut known: Vec<Option<(usize, u128)>> = vec![None; distinct];
    let mut last = (usize::MAX, Vec::new());
    for row in 0..array.len() {
        if array.is_null(row) {
            views.push(0);
            continue;
        }
        let (m, v) = (metadata.at(row), value.at(row));
        if let Some(Some((seen, view))) = known.get(v)
            && *seen == m
        {
            views.push(*view);
            continue;
        }
        if bytes.len() > 1 << 30 {
            buffers.push(Buffer::from(std::mem::take(&mut bytes)));
        }
        if last.0 != m || metadata.keys.is_none() {
            last = (m, metadata.bytes(m).to_vec());
        }
        let start = bytes.len();
        bytes.extend_from_slice(&last.1);
        bytes.extend_from_slice(value.bytes(v));
        let view = make_view(&bytes[start..], buffers.len() as u32, start as u32);
        views.push(view);
        if let Some(known) = known.get_mut(v) {
            *known = Some((m, view));
        }
    }
    buffers.push(Buffer::from(bytes));
    let views = ScalarBuffer::from(views);
    let nulls = array.nulls().cloned();
    Some(Arc::new(BinaryViewArray::try_new(views, buffers, nulls).ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use model::Dynamic;

    use super::*;

    fn rows(json: impl Iterator<Item = Option<String>>) -> BinaryViewArray {
        let parse = |text: String| Dynamic::parse_json(&text).unwrap().as_bytes().to_vec();
        BinaryViewArray::from_iter(json.map(|text| text.map(parse)))
    }

    #[test]
    fn halves_come_together_again() {
        let object = |i: usize| format!("{{\"name\":\"value {i}\",\"n\":{i}}}");
        let cases = [
            rows((0..5000).map(|i| (i % 7 != 0).then(|| object(i)))),
            rows((0..5000).map(|i| (i % 7 != 0).then(|| object(i % 9)))),
            rows((0..3000).map(|i| Some(format!("{{\"key{i}\":[{i},null]}}")))),
            rows((0..3).map(|i| Some(i.to_string()))),
        ];
        for array in cases {
            let column = Column::new("d", model::ScalarType::Dynamic);
            for coded in [gather::code(&array), None] {
                let laid = lay(&column, &array, &coded).unwrap();
                let back = unlay(&laid.array).unwrap();
                let back = back.as_binary_view();
                assert_eq!(back.len(), array.len());
                for row in 0..array.len() {
                    assert_eq!(back.is_null(row), array.is_null(row));
                    if !array.is_null(row) {
                        assert_eq!(back.value(row), array.value(row), "row {row}");
                    }
                }
            }
        }
    }
}
