//! Keys that are all integers, squeezed side by side into one number with the row's number behind: sorting is then
//! sorting numbers.

use std::cmp::Ordering;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, Int64Array};

use super::Key;

/// A key column and the place that its values take.
struct Part<'a> {
    column: &'a Int64Array,
    key: Key,
    least: i64,
    most: i64,
    bits: u32,
}

impl<'a> Part<'a> {
    fn new(column: &'a ArrayRef, key: Key) -> Option<Self> {
        let column = column.as_primitive_opt::<Int64Type>()?;
        let (mut least, mut most) = (i64::MAX, i64::MIN);
        if column.null_count() == 0 {
            for value in column.values() {
                (least, most) = (least.min(*value), most.max(*value));
            }
        } else {
            for value in column.iter().flatten() {
                (least, most) = (least.min(value), most.max(value));
            }
        }
        if least > most {
            (least, most) = (0, 0);
        }
        // one more for null
        let values = u128::try_from(i128::from(most) - i128::from(least)).ok()? + 2;
        Some(Self { column, key, least, most, bits: u128::BITS - (values - 1).leading_zeros() })
    }

    /// The value's place among the column's values.
    #[inline]
    fn code(&self, row: usize) -> u128 {
        let first = u128::from(self.key.direction.nulls_first);
        if self.column.is_null(row) {
            let last = (i128::from(self.most) - i128::from(self.least)) as u128 + 1;
            return if self.key.direction.nulls_first { 0 } else { last };
        }
        let value = self.column.value(row);
        let distance = if self.key.direction.descending {
            self.most.wrapping_sub(value)
        } else {
            value.wrapping_sub(self.least)
        };
        u128::from(distance as u64) + first
    }
}

/// The first `limit` rows in order; none where the keys are not all integers or too wide.
pub(super) fn order(arrays: &[ArrayRef], keys: &[Key], limit: usize) -> Option<Vec<u32>> {
    let parts =
        arrays.iter().zip(keys).map(|(a, k)| Part::new(a, *k)).collect::<Option<Vec<_>>>()?;
    let rows = arrays.first()?.len();
    let row_bits = usize::BITS - rows.leading_zeros();
    let bits: u32 = parts.iter().map(|p| p.bits).sum();
    let whole = |row: usize| {
        let key = parts.iter().fold(0_u128, |key, part| (key << part.bits) | part.code(row));
        (key << row_bits) | row as u128
    };
    let mask = (1_u128 << row_bits) - 1;
    if bits + row_bits <= u64::BITS {
        let mut numbers: Vec<u64> = (0..rows).map(|row| whole(row) as u64).collect();
        let sorted = cut(&mut numbers, limit, Ord::cmp);
        return Some(sorted.iter().map(|n| (*n & mask as u64) as u32).collect());
    }
    if bits + row_bits <= u128::BITS {
        let mut numbers: Vec<u128> = (0..rows).map(whole).collect();
        let sorted = cut(&mut numbers, limit, Ord::cmp);
        return Some(sorted.iter().map(|n| (*n & mask) as u32).collect());
    }
    None
}

/// The first `limit` entries in order.
pub(super) fn cut<T>(
    entries: &mut [T],
    limit: usize,
    compare: impl Fn(&T, &T) -> Ordering,
) -> &mut [T] {
    if limit == 0 {
        return &mut [];
    }
    let entries = if limit < entries.len() {
        entries.select_nth_unstable_by(limit - 1, &compare);
        entries.get_mut(..limit).unwrap_or_default()
    } else {
        entries
    };
    entries.sort_unstable_by(&compare);
    entries
}
