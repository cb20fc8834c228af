//! One key column: rows to 64 bits and back.

use std::sync::Arc;

use arrow_array::builder::{BinaryViewBuilder, FixedSizeBinaryBuilder, StringViewBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int32Array, Int64Array, new_null_array,
};
use arrow_buffer::NullBuffer;
use values::{Decimal, ScalarType};

use super::MISSING;
use super::intern::Interner;
use crate::exec::ExecError;
use crate::exec::columns::{self, Coded, coded, internal};

/// The bits of the rows of one key column.
#[derive(Default)]
pub(crate) struct Parts {
    bits: Vec<u64>,
    nulls: Option<NullBuffer>,
    /// Bits that stand for "not known": interned columns only.
    interned: bool,
}

impl Parts {
    /// (bits, is null)
    #[inline]
    pub(crate) fn get(&self, row: usize) -> (u64, bool) {
        let null = self.nulls.as_ref().is_some_and(|n| n.is_null(row));
        (if null { 0 } else { self.bits.get(row).copied().unwrap_or(0) }, null)
    }

    /// True where the key was never interned.
    pub(crate) fn missing(&self, row: usize) -> bool {
        self.interned
            && self.bits.get(row) == Some(&u64::from(MISSING))
            && self.nulls.as_ref().is_none_or(|n| n.is_valid(row))
    }
}

/// Numbers of the values of the dictionary that came last.
#[derive(Default)]
pub(crate) struct Scratch {
    /// Kept alive so that its address stays its own.
    values: Option<ArrayRef>,
    /// A number a value; empty where the dictionary came once and is large.
    map: Vec<u32>,
}

/// Not looked up yet.
const UNKNOWN: u32 = u32::MAX - 1;

impl Scratch {
    /// Makes the map fit the dictionary; false where the dictionary came once and is too large for the rows that use it.
    fn fit(&mut self, dictionary: &Coded) -> bool {
        let values = dictionary.values();
        let again = self.values.as_ref().is_some_and(|known| columns::same(known, values));
        if again && self.map.len() == values.len() {
            return true;
        }
        self.values = Some(Arc::clone(values));
        self.map.clear();
        let fits = again || values.len() <= dictionary.len().saturating_mul(4);
        if fits {
            self.map.resize(values.len(), UNKNOWN);
        }
        fits
    }
}

/// How a key column becomes bits.
pub(crate) struct Side {
    ty: ScalarType,
    interner: Option<Interner>,
}

impl Side {
    pub(crate) fn new(ty: ScalarType) -> Self {
        let interned = matches!(
            ty,
            ScalarType::String | ScalarType::Guid | ScalarType::Decimal | ScalarType::Dynamic
        );
        Self { ty, interner: interned.then(Interner::default) }
    }

    /// True where the bits are numbers from 0 on without gaps, nulls apart: only texts are.
    pub(crate) fn dense(&self) -> bool {
        self.ty == ScalarType::String
    }

    pub(crate) fn count(&self) -> usize {
        self.interner.as_ref().map_or(0, Interner::len)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.interner.as_ref().map_or(0, Interner::memory)
    }

    /// Numbers of a dense column.
    pub(crate) fn numbers(
        &mut self,
        key: &ArrayRef,
        scratch: &mut Scratch,
        out: &mut [u32],
    ) -> Result<(), ExecError> {
        let Some(interner) = &mut self.interner else { return Ok(()) };
        texts(key, scratch, &mut |text| interner.intern(text), |row, number| {
            if let Some(slot) = out.get_mut(row) {
                *slot = number;
            }
        })
    }

    /// As [`Side::numbers`], nothing new.
    pub(crate) fn find_numbers(
        &self,
        key: &ArrayRef,
        scratch: &mut Scratch,
        out: &mut [u32],
    ) -> Result<(), ExecError> {
        let Some(interner) = &self.interner else { return Ok(()) };
        texts(key, scratch, &mut |text| interner.find(text), |row, number| {
            if let Some(slot) = out.get_mut(row) {
                *slot = number;
            }
        })
    }

    /// The bits of all rows.
    pub(crate) fn parts(
        &mut self,
        key: &ArrayRef,
        scratch: &mut Scratch,
        out: &mut Parts,
    ) -> Result<(), ExecError> {
        match &mut self.interner {
            Some(interner) => {
                interned(key, self.ty, scratch, &mut |bytes| interner.intern(bytes), out)
            }
            None => bits(key, self.ty, out),
        }
    }

    /// As [`Side::parts`], nothing new.
    pub(crate) fn find_parts(
        &self,
        key: &ArrayRef,
        scratch: &mut Scratch,
        out: &mut Parts,
    ) -> Result<(), ExecError> {
        match &self.interner {
            Some(interner) => {
                interned(key, self.ty, scratch, &mut |bytes| interner.find(bytes), out)
            }
            None => bits(key, self.ty, out),
        }
    }

    /// All values of a dense column, by number.
    pub(crate) fn dense_column(&self) -> Result<ArrayRef, ExecError> {
        let parts: Vec<u64> = (0..self.count() as u64).collect();
        self.column(&parts, None)
    }

    /// Bits back to a column.
    pub(crate) fn column(
        &self,
        parts: &[u64],
        valid: Option<NullBuffer>,
    ) -> Result<ArrayRef, ExecError> {
        let is_valid = |row: usize| valid.as_ref().is_none_or(|v| v.is_valid(row));
        let bytes = |part: u64| {
            let number = u32::try_from(part).unwrap_or(MISSING);
            self.interner.as_ref().map_or(&[][..], |i| i.get(number))
        };
        Ok(match self.ty {
            ScalarType::Bool => {
                Arc::new(BooleanArray::new(parts.iter().map(|p| *p != 0).collect(), valid))
            }
            ScalarType::Int => {
                let ints: Vec<i32> = parts.iter().map(|p| *p as i32).collect();
                Arc::new(Int32Array::new(ints.into(), valid))
            }
            ScalarType::Long | ScalarType::DateTime | ScalarType::TimeSpan => {
                let longs: Vec<i64> = parts.iter().map(|p| *p as i64).collect();
                Arc::new(Int64Array::new(longs.into(), valid))
            }
            ScalarType::Real => {
                let reals: Vec<f64> = parts.iter().map(|p| f64::from_bits(*p)).collect();
                Arc::new(Float64Array::new(reals.into(), valid))
            }
            ScalarType::String => self.texts(parts)?,
            ScalarType::Guid | ScalarType::Decimal => {
                let mut builder = FixedSizeBinaryBuilder::with_capacity(parts.len(), 16);
                for (row, part) in parts.iter().enumerate() {
                    if is_valid(row) {
                        builder.append_value(bytes(*part)).map_err(internal)?;
                    } else {
                        builder.append_null();
                    }
                }
                Arc::new(builder.finish())
            }
            ScalarType::Dynamic => {
                let mut builder = BinaryViewBuilder::with_capacity(parts.len());
                for (row, part) in parts.iter().enumerate() {
                    if is_valid(row) {
                        builder.append_value(bytes(*part));
                    } else {
                        builder.append_null();
                    }
                }
                Arc::new(builder.finish())
            }
        })
    }

    /// Texts as a dictionary where they repeat, plain where not.
    fn texts(&self, parts: &[u64]) -> Result<ArrayRef, ExecError> {
        let Some(interner) = &self.interner else {
            return Ok(new_null_array(&columns::data_type(self.ty), parts.len()));
        };
        let mut builder =
            StringViewBuilder::with_capacity(interner.len()).with_fixed_block_size(256 * 1024);
        for number in 0..interner.len() as u32 {
            builder.append_value(std::str::from_utf8(interner.get(number)).unwrap_or_default());
        }
        let values = builder.finish();
        let codes = Int32Array::from_iter_values(parts.iter().map(|p| *p as i32));
        if values.len() >= parts.len() {
            return arrow_select::take::take(&values, &codes, None).map_err(internal);
        }
        Ok(Arc::new(Coded::try_new(codes, Arc::new(values)).map_err(internal)?))
    }
}

/// Numbers of a text column through `lookup`, for dictionaries once per value in use.
fn texts(
    key: &ArrayRef,
    scratch: &mut Scratch,
    lookup: &mut impl FnMut(&[u8]) -> u32,
    mut put: impl FnMut(usize, u32),
) -> Result<(), ExecError> {
    if let Some(dictionary) = coded(key) {
        let Some(values) = dictionary.values().as_string_view_opt() else {
            return Err(ExecError::Evaluation("a key column holds no text".to_owned()));
        };
        let codes = dictionary.keys().values();
        if scratch.fit(dictionary) {
            for (row, code) in codes.iter().enumerate() {
                let Some(slot) = scratch.map.get_mut(*code as usize) else { continue };
                if *slot == UNKNOWN {
                    *slot = lookup(values.value(*code as usize).as_bytes());
                }
                put(row, *slot);
            }
        } else {
            for (row, code) in codes.iter().enumerate() {
                put(row, lookup(values.value(*code as usize).as_bytes()));
            }
        }
        return Ok(());
    }
    let Some(view) = key.as_string_view_opt() else {
        return Err(ExecError::Evaluation("a key column holds no text".to_owned()));
    };
    for row in 0..view.len() {
        put(row, lookup(view.value(row).as_bytes()));
    }
    Ok(())
}

/// Bits of an interned column.
fn interned(
    key: &ArrayRef,
    ty: ScalarType,
    scratch: &mut Scratch,
    lookup: &mut impl FnMut(&[u8]) -> u32,
    out: &mut Parts,
) -> Result<(), ExecError> {
    out.interned = true;
    out.bits.clear();
    out.bits.resize(key.len(), 0);
    out.nulls = if ty == ScalarType::String { None } else { key.nulls().cloned() };
    let bits = &mut out.bits;
    let mut put = |row: usize, number: u32| {
        if let Some(slot) = bits.get_mut(row) {
            *slot = u64::from(number);
        }
    };
    match ty {
        ScalarType::String => return texts(key, scratch, lookup, put),
        ScalarType::Dynamic => {
            if let Some(view) = key.as_binary_view_opt() {
                (0..view.len())
                    .filter(|r| view.is_valid(*r))
                    .for_each(|r| put(r, lookup(view.value(r))));
            }
        }
        _ => {
            let Some(fixed) = key.as_fixed_size_binary_opt() else {
                return Err(ExecError::Evaluation(
                    "a key column has an unexpected form".to_owned(),
                ));
            };
            for row in (0..fixed.len()).filter(|r| fixed.is_valid(*r)) {
                let bytes = fixed.value(row);
                if ty == ScalarType::Decimal {
                    put(row, lookup(&canonical_decimal(bytes)));
                } else {
                    put(row, lookup(bytes));
                }
            }
        }
    }
    Ok(())
}

/// Mixes a column into the rows' hashes.
pub(super) fn hash(
    key: &ArrayRef,
    ty: ScalarType,
    state: &ahash::RandomState,
    hashes: &mut [u64],
) -> Result<(), ExecError> {
    let mix = |slot: &mut u64, part: u64| *slot = state.hash_one((*slot, part));
    if Side::new(ty).interner.is_none() {
        let mut parts = Parts::default();
        bits(key, ty, &mut parts)?;
        for (row, slot) in hashes.iter_mut().enumerate() {
            let (part, null) = parts.get(row);
            mix(slot, part ^ u64::from(null));
        }
        return Ok(());
    }
    for (row, slot) in hashes.iter_mut().enumerate() {
        let part = match ty {
            ScalarType::String => state.hash_one(model::rows::text(key, row).as_bytes()),
            _ if key.is_null(row) => 0,
            ScalarType::Dynamic => {
                key.as_binary_view_opt().map_or(0, |view| state.hash_one(view.value(row)))
            }
            _ => key.as_fixed_size_binary_opt().map_or(0, |fixed| {
                let bytes = fixed.value(row);
                if ty == ScalarType::Decimal {
                    state.hash_one(canonical_decimal(bytes))
                } else {
                    state.hash_one(bytes)
                }
            }),
        };
        mix(slot, part);
    }
    Ok(())
}

/// 1.0 and 1.00 are one key.
fn canonical_decimal(bytes: &[u8]) -> [u8; 16] {
    let decimal = Decimal::from_bytes(<[u8; 16]>::try_from(bytes).unwrap_or_default());
    Decimal(decimal.0.normalize()).to_bytes()
}

/// Bits of a fixed-width column.
fn bits(key: &ArrayRef, ty: ScalarType, out: &mut Parts) -> Result<(), ExecError> {
    out.interned = false;
    out.bits.clear();
    out.nulls = key.nulls().cloned();
    if let Some(longs) = key.as_primitive_opt::<Int64Type>() {
        out.bits.extend(longs.values().iter().map(|v| *v as u64));
    } else if let Some(ints) = key.as_primitive_opt::<Int32Type>() {
        out.bits.extend(ints.values().iter().map(|v| *v as u32 as u64));
    } else if let Some(reals) = key.as_primitive_opt::<Float64Type>() {
        out.bits.extend(reals.values().iter().map(|v| canonical_real(*v)));
    } else if let Some(bools) = key.as_boolean_opt() {
        out.bits.extend(bools.values().iter().map(u64::from));
    } else {
        return Err(ExecError::Evaluation(format!("a key column is not of type {ty}")));
    }
    Ok(())
}

/// All NaN are one key, and so are 0.0 and -0.0.
fn canonical_real(value: f64) -> u64 {
    if value.is_nan() {
        f64::NAN.to_bits()
    } else if value == 0.0 {
        0
    } else {
        value.to_bits()
    }
}
