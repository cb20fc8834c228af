//! Dynamic values that come again: rows read from one dictionary share their bytes, and then their views are equal
//! ([`Distinct`]); values made on the way come to share theirs ([`Repeats`]).

use arrow_array::builder::make_view;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, BinaryViewArray, Int32Array, UInt32Array};
use arrow_buffer::{Buffer, NullBuffer};
use hashbrown::{HashMap, HashTable};
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

/// Bytes of a block of values.
const BLOCK: usize = 1 << 20;

/// A column of values made one by one. As long as they come again and again, equal ones share their bytes, so that what
/// follows looks into each once.
#[derive(Default)]
pub(crate) struct Repeats {
    blocks: Vec<Vec<u8>>,
    /// Of each different value its block, where it begins there, and its length.
    values: Vec<(u32, u32, u32)>,
    /// Of each row which value it has; none for null.
    rows: Vec<Option<u32>>,
    known: HashTable<u32>,
    hasher: ahash::RandomState,
    /// Most values are new: they are not compared any more.
    diverse: bool,
}

impl Repeats {
    pub(crate) fn with_capacity(rows: usize) -> Self {
        Self { rows: Vec::with_capacity(rows), ..Self::default() }
    }

    /// Adds a value, or null.
    pub(crate) fn push(&mut self, value: Option<&[u8]>) {
        let row = value.map(|value| self.number(value));
        self.rows.push(row);
    }

    fn number(&mut self, value: &[u8]) -> u32 {
        if self.diverse {
            return self.add(value);
        }
        let hash = self.hasher.hash_one(value);
        let same = |number: &u32| self.bytes(*number) == Some(value);
        if let Some(known) = self.known.find(hash, same) {
            return *known;
        }
        let number = self.add(value);
        if self.values.len() > DISTINCT_MIN + self.rows.len() / 4 {
            self.diverse = true;
            self.known = HashTable::new();
        } else {
            // the hashes of those known are taken again when the table grows
            let Self { known, hasher, blocks, values, .. } = self;
            let hash_of =
                |number: &u32| hasher.hash_one(at(blocks, values, *number).unwrap_or(&[]));
            known.insert_unique(hash, number, hash_of);
        }
        number
    }

    fn add(&mut self, value: &[u8]) -> u32 {
        if self.blocks.last().is_none_or(|block| block.len() + value.len() > BLOCK) {
            self.blocks.push(Vec::with_capacity(value.len().max(4096)));
        }
        let place = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let block = place(self.blocks.len() - 1);
        if let Some(bytes) = self.blocks.last_mut() {
            self.values.push((block, place(bytes.len()), place(value.len())));
            bytes.extend_from_slice(value);
        }
        place(self.values.len() - 1)
    }

    fn bytes(&self, number: u32) -> Option<&[u8]> {
        at(&self.blocks, &self.values, number)
    }

    /// The column.
    pub(crate) fn finish(self) -> BinaryViewArray {
        let view = |number: u32| {
            let (block, start, _) = *self.values.get(number as usize)?;
            Some(make_view(self.bytes(number)?, block, start))
        };
        let views: Vec<u128> = (0..self.values.len())
            .map(|n| view(u32::try_from(n).ok()?))
            .map(Option::unwrap_or_default)
            .collect();
        let of_row = |row: &Option<u32>| row.and_then(|n| views.get(n as usize)).copied();
        let nulls = self
            .rows
            .iter()
            .any(Option::is_none)
            .then(|| NullBuffer::from_iter(self.rows.iter().map(Option::is_some)));
        let rows: Vec<u128> = self.rows.iter().map(|row| of_row(row).unwrap_or_default()).collect();
        let count = rows.len();
        let blocks: Vec<Buffer> = self.blocks.into_iter().map(Buffer::from).collect();
        BinaryViewArray::try_new(rows.into(), blocks, nulls)
            .unwrap_or_else(|_| BinaryViewArray::new_null(count))
    }
}

fn at<'b>(blocks: &'b [Vec<u8>], values: &[(u32, u32, u32)], number: u32) -> Option<&'b [u8]> {
    let (block, start, length) = *values.get(number as usize)?;
    blocks.get(block as usize)?.get(start as usize..)?.get(..length as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_was_pushed_whether_they_repeat_or_not() {
        let text = |row: usize, distinct: usize| format!("value number {}", row % distinct);
        for distinct in [1, 3, 50, 5_000, 100_000] {
            let mut repeats = Repeats::with_capacity(20_000);
            let wanted: Vec<Option<String>> = (0..20_000)
                .map(|row: usize| (!row.is_multiple_of(17)).then(|| text(row, distinct)))
                .collect();
            wanted.iter().for_each(|v| repeats.push(v.as_ref().map(String::as_bytes)));
            let made = repeats.finish();
            let got = made.iter().map(|v| v.map(|v| String::from_utf8_lossy(v).into_owned()));
            assert!(got.eq(wanted), "{distinct}");
            assert_eq!(Distinct::of(&made).is_some(), distinct <= 50, "{distinct}");
        }
        let mut long = Repeats::default();
        let big = vec![7_u8; 3 << 20];
        for _ in 0..3 {
            long.push(Some(&big));
            long.push(Some(b""));
        }
        let made = long.finish();
        assert!((0..6).all(|row| made.value(row) == if row % 2 == 0 { &big[..] } else { b"" }));
    }
}
