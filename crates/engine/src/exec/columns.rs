//! Moving columns about: pick, gather, join end to end, weigh.

use std::sync::Arc;

use ahash::AHashMap;
use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Int32Array, UInt32Array, new_empty_array,
};
use arrow_buffer::{BooleanBuffer, NullBuffer};
use arrow_schema::{ArrowError, DataType};
use arrow_select::filter::FilterBuilder;
use model::Batch;
use values::{DynamicRef, ScalarType, Value};

use super::ExecError;

/// A dictionary-coded string column.
pub(crate) type Coded = DictionaryArray<Int32Type>;

/// An Arrow error is a step's own mistake; it must not end the process.
pub(crate) fn internal(error: ArrowError) -> ExecError {
    ExecError::Evaluation(format!("a step failed: {error}"))
}

/// The dictionary form of a column, where it has it.
pub(crate) fn coded(array: &dyn Array) -> Option<&Coded> {
    array.as_dictionary_opt::<Int32Type>()
}

/// A column without dictionary.
pub(crate) fn plain(array: &ArrayRef) -> Result<ArrayRef, ExecError> {
    match coded(array) {
        Some(dictionary) => {
            arrow_select::take::take(dictionary.values(), dictionary.keys(), None).map_err(internal)
        }
        None => Ok(Arc::clone(array)),
    }
}

/// The Arrow type of a column; strings without dictionary.
pub(crate) fn data_type(ty: ScalarType) -> DataType {
    match ty {
        ScalarType::Bool => DataType::Boolean,
        ScalarType::Int => DataType::Int32,
        ScalarType::Long | ScalarType::DateTime | ScalarType::TimeSpan => DataType::Int64,
        ScalarType::Real => DataType::Float64,
        ScalarType::Decimal | ScalarType::Guid => DataType::FixedSizeBinary(16),
        ScalarType::String => DataType::Utf8View,
        ScalarType::Dynamic => DataType::BinaryView,
    }
}

/// A column of nulls (empty strings).
pub(crate) fn nulls(ty: ScalarType, rows: usize) -> ArrayRef {
    if ty == ScalarType::String {
        return crate::functions::repeat(&Value::Null, ty, rows);
    }
    arrow_array::new_null_array(&data_type(ty), rows)
}

/// A column without rows.
pub(crate) fn empty(ty: ScalarType) -> ArrayRef {
    new_empty_array(&data_type(ty))
}

/// The rows of a batch where `keep` is set.
pub(crate) fn filter(batch: &Batch, keep: &BooleanBuffer) -> Result<Batch, ExecError> {
    let mask = BooleanArray::new(keep.clone(), None);
    let mut builder = FilterBuilder::new(&mask);
    if batch.columns.len() > 1 {
        builder = builder.optimize();
    }
    let filter = builder.build();
    let columns = batch
        .columns
        .iter()
        .map(|c| filter.filter(c).map_err(internal))
        .collect::<Result<_, _>>()?;
    Ok(Batch { columns, rows: filter.count() })
}

/// Some rows of a column. A null index gives null, or the empty text.
pub(crate) fn take_column(column: &ArrayRef, rows: &UInt32Array) -> Result<ArrayRef, ExecError> {
    let taken = arrow_select::take::take(column, rows, None).map_err(internal)?;
    if rows.null_count() == 0 { Ok(taken) } else { fill_text(taken) }
}

/// Some rows of a batch.
pub(crate) fn take(batch: &Batch, rows: &UInt32Array) -> Result<Batch, ExecError> {
    let columns =
        batch.columns.iter().map(|c| take_column(c, rows)).collect::<Result<Vec<_>, _>>()?;
    Ok(Batch { columns, rows: rows.len() })
}

/// Turns nulls of a string column into empty texts; other columns pass.
pub(crate) fn fill_text(column: ArrayRef) -> Result<ArrayRef, ExecError> {
    if column.null_count() == 0 {
        return Ok(column);
    }
    if let Some(view) = column.as_string_view_opt() {
        let filled: arrow_array::StringViewArray =
            view.iter().map(|text| Some(text.unwrap_or(""))).collect();
        return Ok(Arc::new(filled));
    }
    let Some(dictionary) = coded(&column) else { return Ok(column) };
    let empty: ArrayRef = Arc::new(arrow_array::StringViewArray::from_iter_values([""]));
    let values = arrow_select::concat::concat(&[dictionary.values().as_ref(), empty.as_ref()])
        .map_err(internal)?;
    let last = i32::try_from(dictionary.values().len()).unwrap_or(0);
    let keys: Int32Array = dictionary.keys().iter().map(|key| Some(key.unwrap_or(last))).collect();
    Ok(Arc::new(Coded::try_new(keys, values).map_err(internal)?))
}

/// Batches of one layout end to end.
pub(crate) fn concat(batches: &[Batch], types: &[ScalarType]) -> Result<Batch, ExecError> {
    if batches.is_empty() {
        return Ok(Batch { columns: types.iter().map(|ty| empty(*ty)).collect(), rows: 0 });
    }
    concat_some(batches)
}

/// One or more batches of one layout end to end.
pub(crate) fn concat_some(batches: &[Batch]) -> Result<Batch, ExecError> {
    if let [one] = batches {
        return Ok(one.clone());
    }
    let rows = batches.iter().map(|b| b.rows).sum();
    let width = batches.first().map_or(0, |b| b.columns.len());
    let columns = (0..width)
        .map(|at| {
            let parts: Vec<&ArrayRef> = batches.iter().filter_map(|b| b.columns.get(at)).collect();
            concat_column(&parts)
        })
        .collect::<Result<_, _>>()?;
    Ok(Batch { columns, rows })
}

/// Arrays of one type end to end; dictionaries stay where that is no larger than plain text.
pub(crate) fn concat_column(parts: &[&ArrayRef]) -> Result<ArrayRef, ExecError> {
    if let [one] = parts {
        return Ok(Arc::clone(one));
    }
    let dictionaries: Vec<&Coded> = parts.iter().filter_map(|p| coded(p)).collect();
    if dictionaries.len() == parts.len()
        && !parts.is_empty()
        && let Some(joined) = concat_coded(&dictionaries)?
    {
        return Ok(joined);
    }
    let parts = parts.iter().map(|p| plain(p)).collect::<Result<Vec<_>, _>>()?;
    let parts: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    arrow_select::concat::concat(&parts).map_err(internal)
}

/// Dictionaries end to end: values side by side, codes moved up. None where the values outweigh the rows.
fn concat_coded(parts: &[&Coded]) -> Result<Option<ArrayRef>, ExecError> {
    let rows: usize = parts.iter().map(|p| p.len()).sum();
    let mut distinct: Vec<&ArrayRef> = Vec::new();
    let mut known: AHashMap<(usize, usize), usize> = AHashMap::new();
    let mut offsets = Vec::with_capacity(parts.len());
    let mut total = 0;
    for part in parts {
        let start = *known.entry(identity(part.values())).or_insert_with(|| {
            distinct.push(part.values());
            total += part.values().len();
            total - part.values().len()
        });
        offsets.push(start);
    }
    if total > rows.max(16) || i32::try_from(total).is_err() {
        return Ok(None);
    }
    let values = match distinct.as_slice() {
        [one] => Arc::clone(one),
        several => {
            let several: Vec<&dyn Array> = several.iter().map(AsRef::as_ref).collect();
            arrow_select::concat::concat(&several).map_err(internal)?
        }
    };
    let mut keys = Vec::with_capacity(rows);
    for (part, offset) in parts.iter().zip(offsets) {
        let offset = i32::try_from(offset).unwrap_or(0);
        keys.extend(part.keys().values().iter().map(|key| key.wrapping_add(offset)));
    }
    let validity = parts.iter().any(|p| p.null_count() > 0).then(|| {
        NullBuffer::from_iter(parts.iter().flat_map(|p| (0..p.len()).map(|row| p.is_valid(row))))
    });
    // codes under a null may be anything; the array checks only the others
    let keys = Int32Array::new(keys.into(), validity);
    let joined = Coded::try_new(keys, values).map_err(internal)?;
    Ok(Some(Arc::new(joined)))
}

/// True for the very same array: a dictionary shared by several batches.
pub(crate) fn same(a: &ArrayRef, b: &ArrayRef) -> bool {
    identity(a) == identity(b)
}

/// What tells a dictionary's values from others while both are alive: place and length.
pub(crate) fn identity(values: &ArrayRef) -> (usize, usize) {
    let place = match values.as_string_view_opt() {
        Some(view) => view.views().as_ptr() as usize,
        None => Arc::as_ptr(values).cast::<u8>() as usize,
    };
    (place, values.len())
}

/// Bytes that a batch keeps alive by itself: views count their text, dictionaries their codes and a share of values.
pub(crate) fn weight(batch: &Batch) -> usize {
    batch.columns.iter().map(column_weight).sum::<usize>() + 64
}

fn column_weight(column: &ArrayRef) -> usize {
    if let Some(dictionary) = coded(column) {
        let values = dictionary.values();
        return 4 * dictionary.len() + values.len().min(dictionary.len()) * 48;
    }
    if let Some(view) = column.as_string_view_opt() {
        return 16 * view.len()
            + view.lengths().map(|l| if l > 12 { l as usize } else { 0 }).sum::<usize>();
    }
    if let Some(view) = column.as_binary_view_opt() {
        return 16 * view.len()
            + view.lengths().map(|l| if l > 12 { l as usize } else { 0 }).sum::<usize>();
    }
    match column.data_type() {
        DataType::Boolean => column.len() / 4,
        DataType::Int32 => column.len() * 4,
        DataType::FixedSizeBinary(width) => column.len() * usize::try_from(*width).unwrap_or(16),
        _ => column.len() * 8,
    }
}

/// Appends a part of a dynamic value as a value of its own. A small dictionary of keys comes along as it is: finding out
/// which keys the part uses costs more than the bytes.
pub(crate) fn write_part(part: DynamicRef<'_>, out: &mut Vec<u8>) {
    let (keys, value) = (part.metadata(), part.value());
    if part.is_container() && keys.len() <= 256 && !value.is_empty() {
        out.extend_from_slice(keys);
        out.extend_from_slice(value);
    } else {
        part.write_bytes(out);
    }
}

/// The columns at these positions.
pub(crate) fn pick(batch: &Batch, at: &[usize]) -> Batch {
    let columns = at.iter().filter_map(|at| batch.columns.get(*at).cloned()).collect();
    Batch { columns, rows: batch.rows }
}

/// A batch to be kept for long: text that pins far more memory than it uses is copied out.
pub(crate) fn compact(batch: Batch) -> Result<Batch, ExecError> {
    let columns = batch.columns.into_iter().map(compact_column).collect::<Result<_, _>>()?;
    Ok(Batch { columns, rows: batch.rows })
}

fn compact_column(column: ArrayRef) -> Result<ArrayRef, ExecError> {
    if let Some(dictionary) = coded(&column) {
        if dictionary.values().len() <= dictionary.len().saturating_mul(2) {
            return Ok(column);
        }
        return compact_column(plain(&column)?);
    }
    if let Some(view) = column.as_string_view_opt() {
        let pinned: usize = view.data_buffers().iter().map(|b| b.len()).sum();
        let used: usize = view.lengths().map(|l| if l > 12 { l as usize } else { 0 }).sum();
        return Ok(if pinned / 2 > used { Arc::new(view.gc()) } else { column });
    }
    if let Some(view) = column.as_binary_view_opt() {
        let pinned: usize = view.data_buffers().iter().map(|b| b.len()).sum();
        let used: usize = view.lengths().map(|l| if l > 12 { l as usize } else { 0 }).sum();
        return Ok(if pinned / 2 > used { Arc::new(view.gc()) } else { column });
    }
    Ok(column)
}
