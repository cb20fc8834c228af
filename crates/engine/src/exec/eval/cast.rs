//! Conversions by the rules of the `to*()` functions, with short ways for numbers.

use std::sync::Arc;

use arrow_array::builder::FixedSizeBinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Float64Array, Int32Array, Int64Array, StringViewArray};
use hashbrown::HashMap;
use model::{ColumnBuilder, rows::cell};
use values::{Guid, ScalarType};

use super::columns::{Coded, coded, internal};
use crate::exec::ExecError;
use crate::exec::distinct::Distinct;
use crate::functions::Columnar;

/// A column as another type.
pub(super) fn cast(
    column: Columnar,
    from: ScalarType,
    to: ScalarType,
    rows: usize,
) -> Result<Columnar, ExecError> {
    if from == to {
        return Ok(column);
    }
    match column {
        Columnar::Scalar(value) => Ok(Columnar::Scalar(value.cast(to))),
        Columnar::Array(array) => {
            debug_assert_eq!(array.len(), rows);
            cast_array(&array, from, to).map(Columnar::Array)
        }
    }
}

fn cast_array(array: &ArrayRef, from: ScalarType, to: ScalarType) -> Result<ArrayRef, ExecError> {
    if let Some(short) = numbers(array, from, to) {
        return Ok(short);
    }
    if let Some(dictionary) = coded(array).filter(|d| d.values().len() <= d.len()) {
        let values = cast_array(dictionary.values(), from, to)?;
        return arrow_select::take::take(&values, dictionary.keys(), None).map_err(internal);
    }
    if to == ScalarType::String {
        if let Some(distinct) = array.as_binary_view_opt().and_then(Distinct::of) {
            let values: ArrayRef = Arc::new(distinct.values.clone());
            return distinct.spread(texts(&values, from)?, to);
        }
        return match integer_texts(array)? {
            Some(coded) => Ok(coded),
            None => texts(array, from),
        };
    }
    if let (ScalarType::Guid, Some(texts)) = (to, array.as_string_view_opt()) {
        let mut builder = FixedSizeBinaryBuilder::with_capacity(array.len(), 16);
        for row in 0..array.len() {
            match Guid::parse(texts.value(row)) {
                Some(guid) => builder.append_value(guid.0).map_err(internal)?,
                None => builder.append_null(),
            }
        }
        return Ok(Arc::new(builder.finish()));
    }
    let mut builder = ColumnBuilder::new(to, array.len());
    for row in 0..array.len() {
        builder.push(&cell(array, from, row).cast(to));
    }
    Ok(builder.finish())
}

/// Conversions between numbers that change every value alike.
fn numbers(array: &ArrayRef, from: ScalarType, to: ScalarType) -> Option<ArrayRef> {
    use ScalarType::{DateTime, Int, Long, Real, TimeSpan};
    match (from, to) {
        (Int, Long) => {
            let ints = array.as_primitive_opt::<Int32Type>()?;
            let longs: Int64Array = ints.unary(i64::from);
            Some(Arc::new(longs))
        }
        (Int, Real) => {
            let ints = array.as_primitive_opt::<Int32Type>()?;
            let reals: Float64Array = ints.unary(f64::from);
            Some(Arc::new(reals))
        }
        (Long, Real) => {
            let longs = array.as_primitive_opt::<Int64Type>()?;
            let reals: Float64Array = longs.unary(|v| v as f64);
            Some(Arc::new(reals))
        }
        (DateTime | TimeSpan, Long) | (Long, TimeSpan) => Some(Arc::clone(array)),
        (Long, Int) => {
            let longs = array.as_primitive_opt::<Int64Type>()?;
            let ints: Int32Array = longs.unary_opt(|v| i32::try_from(v).ok());
            Some(Arc::new(ints))
        }
        (Real, Long) => {
            let reals = array.as_primitive_opt::<Float64Type>()?;
            let longs: Int64Array = reals.unary_opt(|v| {
                (v > -9.223_372_036_854_775e18 && v < 9.223_372_036_854_775e18).then_some(v as i64)
            });
            Some(Arc::new(longs))
        }
        _ => None,
    }
}

/// Different integers up to which their texts become a dictionary.
const INTEGERS_MAX: usize = 1024;

/// Integers that repeat (event ids, ports, codes) as texts with a dictionary.
fn integer_texts(array: &ArrayRef) -> Result<Option<ArrayRef>, ExecError> {
    let Some(ints) = array.as_primitive_opt::<Int32Type>() else { return Ok(None) };
    if ints.len() < INTEGERS_MAX || ints.null_count() > 0 {
        return Ok(None);
    }
    let mut codes: Vec<i32> = Vec::with_capacity(ints.len());
    let mut texts: Vec<String> = Vec::new();
    let mut known: HashMap<i32, i32, ahash::RandomState> = HashMap::default();
    let mut last = None;
    for value in ints.values() {
        if let Some((_, code)) = last.filter(|(before, _)| before == value) {
            codes.push(code);
            continue;
        }
        let code = *known.entry(*value).or_insert_with(|| {
            texts.push(value.to_string());
            (texts.len() - 1) as i32
        });
        if texts.len() > INTEGERS_MAX {
            return Ok(None);
        }
        last = Some((*value, code));
        codes.push(code);
    }
    let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(texts));
    Ok(Some(Arc::new(Coded::try_new(codes.into(), texts).map_err(internal)?)))
}

/// Any column as text, without a value per cell where it is dynamic text already.
fn texts(array: &ArrayRef, from: ScalarType) -> Result<ArrayRef, ExecError> {
    let mut builder = arrow_array::builder::StringViewBuilder::with_capacity(array.len())
        .with_fixed_block_size(256 * 1024);
    let mut buffer = String::new();
    let dynamics = array.as_binary_view_opt();
    for row in 0..array.len() {
        if array.is_null(row) {
            builder.append_value("");
            continue;
        }
        let part = dynamics.map(|d| values::DynamicRef::new(d.value(row)));
        if let Some(text) = part.and_then(values::DynamicRef::as_str) {
            builder.append_value(text);
            continue;
        }
        buffer.clear();
        cell(array, from, row).write_text(&mut buffer);
        builder.append_value(&buffer);
    }
    Ok(Arc::new(builder.finish()))
}
