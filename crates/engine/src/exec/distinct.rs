//! Dynamic values that come again: rows read from one dictionary share their bytes, and then their views are equal.

use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, BinaryViewArray, Int32Array, UInt32Array};
use hashbrown::HashMap;
use values::ScalarType;

use super::ExecError;
use super::columns::{Coded, internal};

/// Fewer rows are not worth a look.
const ROWS_MIN: usize = 256;
/// Different values from which on it matters how many there are.
const DISTINCT_MIN: usize = 64;

/// Values remembered by their place, a power of two.
const RECENT: usize = 256;

/// Where a value is remembered: views of long values end with the place of their bytes, short ones are their bytes.
const fn place(view: u128) -> usize {
    let folded = (view as u64) ^ ((view >> 64) as u64);
    (folded.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as usize
}

/// The different values of a column, and which of them each row has.
pub(crate) struct Distinct {
    pub(crate) values: BinaryViewArray,
    codes: Vec<i32>,
}

impl Distinct {
    /// Of a column whose rows share few values; none where most rows have bytes of their own.
    pub(crate) fn of(array: &BinaryViewArray) -> Option<Self> {
        if array.len() < ROWS_MIN {
            return None;
        }
        let mut known: HashMap<Option<u128>, i32, ahash::RandomState> = HashMap::default();
        // most rows have a value that came a moment ago
        let mut recent: [Option<(u128, i32)>; RECENT] = [None; RECENT];
        let mut rows: Vec<u32> = Vec::new();
        let mut codes: Vec<i32> = Vec::with_capacity(array.len());
        let nulls = array.nulls();
        for (row, view) in array.views().iter().enumerate() {
            let view = nulls.is_none_or(|n| n.is_valid(row)).then_some(*view);
            let slot = view.and_then(|view| recent.get_mut(place(view)));
            if let Some(Some((before, code))) = &slot
                && Some(*before) == view
            {
                codes.push(*code);
                continue;
            }
            let next = i32::try_from(rows.len()).ok()?;
            let code = *known.entry(view).or_insert_with(|| {
                rows.push(u32::try_from(row).unwrap_or(u32::MAX));
                next
            });
            if rows.len() > DISTINCT_MIN + row / 4 {
                return None;
            }
            if let (Some(slot), Some(view)) = (slot, view) {
                *slot = Some((view, code));
            }
            codes.push(code);
        }
        let values = arrow_select::take::take(array, &UInt32Array::from(rows), None).ok()?;
        let values = arrow_array::cast::AsArray::as_binary_view_opt(&values)?.clone();
        Some(Self { values, codes })
    }

    /// The value that a row has.
    pub(crate) fn code(&self, row: usize) -> Option<usize> {
        self.codes.get(row).and_then(|code| usize::try_from(*code).ok())
    }

    /// What was computed from the values, for each row; texts as a dictionary.
    pub(crate) fn spread(self, results: ArrayRef, ty: ScalarType) -> Result<ArrayRef, ExecError> {
        let codes = Int32Array::from(self.codes);
        if ty == ScalarType::String {
            let coded: Coded = arrow_array::DictionaryArray::<Int32Type>::try_new(codes, results)
                .map_err(internal)?;
            return Ok(std::sync::Arc::new(coded));
        }
        arrow_select::take::take(&results, &codes, None).map_err(internal)
    }
}
