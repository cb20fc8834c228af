//! Order of rows by their keys: columns turned so that plain byte or integer order is KQL's order.

use std::sync::Arc;

use arrow_array::builder::FixedSizeBinaryBuilder;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int64Array, StringViewArray};
use arrow_row::{RowConverter, Rows, SortField};
use arrow_schema::{DataType, SortOptions};
use values::text::head;
use values::{Decimal, ScalarType};

use super::{Direction, Key, Spec, packed};
use crate::exec::ExecError;
use crate::exec::columns::{coded, internal, plain};
use crate::exec::groups::Interner;

/// Bytes of a decimal in order: sign, then the number scaled to 28 places.
const DECIMAL_BYTES: i32 = 25;

impl Key {
    fn options(self) -> SortOptions {
        SortOptions {
            descending: self.direction.descending,
            nulls_first: self.direction.nulls_first,
        }
    }

    /// The column in a form whose Arrow order is KQL's. `ranks`: texts may become ranks within this very column.
    fn ordered(self, column: &ArrayRef, ranks: bool) -> Result<ArrayRef, ExecError> {
        Ok(match self.ty {
            ScalarType::Real => {
                let Some(reals) = column.as_primitive_opt::<Float64Type>() else {
                    return Ok(Arc::clone(column));
                };
                let longs: Int64Array = reals.unary(|v| real_order(v, self.direction));
                Arc::new(longs)
            }
            ScalarType::Int => match column.as_primitive_opt::<Int32Type>() {
                Some(ints) => {
                    let longs: Int64Array = ints.unary(i64::from);
                    Arc::new(longs)
                }
                None => Arc::clone(column),
            },
            ScalarType::Decimal => decimals(column)?,
            ScalarType::Dynamic => dynamic_texts(column),
            ScalarType::String if ranks => match text_ranks(column) {
                Some(ranks) => ranks,
                None => plain(column)?,
            },
            ScalarType::String => plain(column)?,
            _ => Arc::clone(column),
        })
    }
}

/// NaN stands beside null, inside of it.
fn real_order(value: f64, direction: Direction) -> i64 {
    if value.is_nan() {
        let lowest = direction.nulls_first != direction.descending;
        return if lowest { i64::MIN } else { i64::MAX };
    }
    let bits = (value + 0.0).to_bits() as i64; // -0.0 + 0.0 is 0.0
    bits ^ (((bits >> 63) as u64) >> 1) as i64
}

fn decimals(column: &ArrayRef) -> Result<ArrayRef, ExecError> {
    let Some(fixed) = column.as_fixed_size_binary_opt() else { return Ok(Arc::clone(column)) };
    let mut builder = FixedSizeBinaryBuilder::with_capacity(fixed.len(), DECIMAL_BYTES);
    for row in 0..fixed.len() {
        if fixed.is_null(row) {
            builder.append_null();
        } else {
            let bytes = <[u8; 16]>::try_from(fixed.value(row)).unwrap_or_default();
            builder.append_value(decimal_order(Decimal::from_bytes(bytes))).map_err(internal)?;
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// A decimal as bytes that compare like it: its magnitude times 10^28 in 24 bytes, inverted below zero.
fn decimal_order(decimal: Decimal) -> [u8; DECIMAL_BYTES as usize] {
    let mut digits = [0_u32; 6]; // least significant first
    let mut magnitude = decimal.0.mantissa().unsigned_abs();
    for digit in &mut digits {
        *digit = magnitude as u32;
        magnitude >>= 32;
    }
    for _ in decimal.0.scale()..28 {
        let mut carry = 0_u64;
        for digit in &mut digits {
            let product = u64::from(*digit) * 10 + carry;
            *digit = product as u32;
            carry = product >> 32;
        }
    }
    let negative = decimal.0.is_sign_negative() && !decimal.0.is_zero();
    let mut out = [0; DECIMAL_BYTES as usize];
    if let Some(sign) = out.first_mut() {
        *sign = u8::from(!negative);
    }
    let big_endian = digits.iter().rev().flat_map(|d| d.to_be_bytes());
    for (slot, byte) in out.iter_mut().skip(1).zip(big_endian) {
        *slot = if negative { !byte } else { byte };
    }
    out
}

/// Dynamic values do not compare; their text does.
fn dynamic_texts(column: &ArrayRef) -> ArrayRef {
    let texts: StringViewArray = (0..column.len())
        .map(|row| {
            let cell = model::rows::cell(column, ScalarType::Dynamic, row);
            (!cell.is_null()).then(|| cell.to_string())
        })
        .collect();
    Arc::new(texts)
}

/// Texts that repeat as the ranks of their values.
fn text_ranks(column: &ArrayRef) -> Option<ArrayRef> {
    if let Some(dictionary) = coded(column) {
        let values = dictionary.values().as_string_view_opt()?;
        if values.len() > dictionary.len() {
            return None;
        }
        let ranks = ranks(values.len(), |at| values.value(at).as_bytes());
        let codes = dictionary.keys().values().iter();
        let column: Int64Array =
            codes.map(|code| ranks.get(*code as usize).copied().unwrap_or(-1)).collect();
        return Some(Arc::new(column));
    }
    let texts = column.as_string_view_opt()?;
    let mut known = Interner::default();
    let mut numbers: Vec<u32> = Vec::with_capacity(texts.len());
    for (row, text) in texts.iter().enumerate() {
        numbers.push(known.intern(text.unwrap_or_default().as_bytes()));
        if known.len() > DIVERSE_MIN + row / 2 {
            return None;
        }
    }
    let ranks = ranks(known.len(), |at| known.get(u32::try_from(at).unwrap_or(u32::MAX)));
    let column: Int64Array =
        numbers.iter().map(|number| ranks.get(*number as usize).copied().unwrap_or(-1)).collect();
    Some(Arc::new(column))
}

/// Different texts from which on it matters how many there are.
const DIVERSE_MIN: usize = 10_000;

/// The rank of each text among all; equal ones share theirs.
fn ranks<'t>(count: usize, text: impl Fn(usize) -> &'t [u8]) -> Vec<i64> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_unstable_by(|a, b| text(*a).cmp(text(*b)));
    let mut ranks = vec![0_i64; count];
    let (mut rank, mut last) = (-1, None);
    for at in order {
        let text = text(at);
        if last != Some(text) {
            rank += 1;
            last = Some(text);
        }
        if let Some(slot) = ranks.get_mut(at) {
            *slot = rank;
        }
    }
    ranks
}

/// Encodes keys as bytes whose order is the rows' order, the same for all batches of a sort.
pub(super) struct Encoder {
    converter: RowConverter,
    keys: Vec<Key>,
}

impl Encoder {
    pub(super) fn new(keys: &[Key]) -> Result<Self, ExecError> {
        let fields =
            keys.iter().map(|k| SortField::new_with_options(encoded_type(k.ty), k.options()));
        let converter = RowConverter::new(fields.collect()).map_err(internal)?;
        Ok(Self { converter, keys: keys.to_vec() })
    }

    pub(super) fn encode(&mut self, columns: &[ArrayRef]) -> Result<Rows, ExecError> {
        let arrays = self
            .keys
            .iter()
            .filter_map(|k| Some(k.ordered(columns.get(k.column)?, false)))
            .collect::<Result<Vec<_>, _>>()?;
        self.converter.convert_columns(&arrays).map_err(internal)
    }
}

fn encoded_type(ty: ScalarType) -> DataType {
    match ty {
        ScalarType::Real | ScalarType::Int => DataType::Int64,
        ScalarType::Decimal => DataType::FixedSizeBinary(DECIMAL_BYTES),
        ScalarType::Dynamic => DataType::Utf8View,
        other => crate::exec::columns::data_type(other),
    }
}

/// The order of the rows of one batch, cut at `limit`. Equal rows keep their order.
pub(super) fn order(columns: &[ArrayRef], rows: usize, spec: &Spec) -> Result<Vec<u32>, ExecError> {
    let count = u32::try_from(rows).map_err(|_| {
        ExecError::ResourceLimit("a sort of more than four billion rows".to_owned())
    })?;
    let limit = spec.limit.unwrap_or(rows).min(rows);
    let arrays = spec
        .keys
        .iter()
        .filter_map(|k| Some(k.ordered(columns.get(k.column)?, true)))
        .collect::<Result<Vec<_>, _>>()?;
    if arrays.is_empty() {
        return Ok((0..count).take(limit).collect());
    }
    if let Some(packed) = packed::order(&arrays, &spec.keys, limit) {
        return Ok(packed);
    }
    let fields = arrays
        .iter()
        .zip(&spec.keys)
        .map(|(a, k)| SortField::new_with_options(a.data_type().clone(), k.options()));
    let converter = RowConverter::new(fields.collect()).map_err(internal)?;
    let encoded = converter.convert_columns(&arrays).map_err(internal)?;
    let mut pairs: Vec<(u64, u32)> = encoded
        .iter()
        .zip(0..count)
        .map(|(row, at)| (head(row.as_ref()).swap_bytes(), at))
        .collect();
    let sorted = packed::cut(&mut pairs, limit, |a, b| {
        a.0.cmp(&b.0)
            .then_with(|| encoded.row(a.1 as usize).cmp(&encoded.row(b.1 as usize)))
            .then(a.1.cmp(&b.1))
    });
    Ok(sorted.iter().map(|pair| pair.1).collect())
}

/// Numbers that order the rows by their first key, without its lowest bit: the same for all batches. None for texts.
pub(super) fn prefixes(columns: &[ArrayRef], spec: &Spec) -> Result<Option<Vec<u64>>, ExecError> {
    let Some((key, column)) = spec.keys.first().and_then(|k| Some((k, columns.get(k.column)?)))
    else {
        return Ok(None);
    };
    if key.ty == ScalarType::String {
        return Ok(None);
    }
    let column = key.ordered(column, false)?;
    let Some(longs) = column.as_primitive_opt::<Int64Type>() else { return Ok(None) };
    let null = null_place(key.direction);
    let nulls = longs.nulls();
    let pick = |(row, v): (usize, &i64)| {
        if nulls.is_some_and(|n| n.is_null(row)) { null } else { place(*v, key.direction) }
    };
    Ok(Some(longs.values().iter().enumerate().map(pick).collect()))
}

/// A number that orders a value among others, without its lowest bit; the first row has the least.
pub(super) const fn place(value: i64, direction: Direction) -> u64 {
    let unsigned = (value as u64) ^ (1 << 63);
    let turned = if direction.descending { !unsigned } else { unsigned };
    if direction.nulls_first { (turned >> 1) + 1 } else { turned >> 1 }
}

/// As [`place`], of null.
pub(super) const fn null_place(direction: Direction) -> u64 {
    if direction.nulls_first { 0 } else { u64::MAX }
}
