//! Numbers combinations of a number and 64 more bits.

use hashbrown::HashTable;

use super::MISSING;
use super::column::Parts;

/// Marks a null part in `before`.
const NULL: u32 = 1 << 31;

#[derive(Clone, Copy)]
struct Entry {
    part: u64,
    /// The combination of the columns before; the top bit says that the part is null.
    before: u32,
    number: u32,
}

/// Combinations seen.
#[derive(Default)]
pub(crate) struct Pairs {
    table: HashTable<Entry>,
    /// (part, before) by number.
    known: Vec<(u64, u32)>,
}

/// Combinations remembered by their place, a power of two.
const RECENT: usize = 256;

#[inline]
const fn place(part: u64, before: u32) -> usize {
    let mixed = part ^ ((before as u64) << 32);
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as usize
}

/// Mixes a combination; multiply and fold, as good as the keys need.
#[inline]
fn hash(part: u64, before: u32) -> u64 {
    let product = u128::from(part ^ 0x9e37_79b9_7f4a_7c15)
        * u128::from((u64::from(before) << 1) ^ 0xd6e8_feb8_6659_fd93);
    let folded = (product as u64) ^ ((product >> 64) as u64);
    folded.wrapping_mul(0xa076_1d64_78bd_642f) ^ (folded >> 29)
}

impl Pairs {
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.table.capacity() * 17 + self.known.capacity() * 16
    }

    /// Replaces each row's number by that of its combination with the row's part. `first`: there is none before.
    pub(crate) fn number(&mut self, numbers: &mut [u32], parts: &Parts, first: bool) {
        // most rows have a combination that came a moment ago
        let mut recent = [(0, MISSING, 0); RECENT];
        for (row, slot) in numbers.iter_mut().enumerate() {
            let (part, null) = parts.get(row);
            let before = (if first { 0 } else { *slot }) | if null { NULL } else { 0 };
            match recent.get_mut(place(part, before)) {
                Some((p, b, number)) if (*p, *b) == (part, before) => *slot = *number,
                Some(known) => {
                    *slot = self.insert(part, before);
                    *known = (part, before, *slot);
                }
                None => *slot = self.insert(part, before),
            }
        }
    }

    #[inline]
    fn insert(&mut self, part: u64, before: u32) -> u32 {
        let known = &mut self.known;
        let entry = self.table.entry(
            hash(part, before),
            |e| e.part == part && e.before == before,
            |e| hash(e.part, e.before),
        );
        entry
            .or_insert_with(|| {
                let number = known.len() as u32;
                known.push((part, before));
                Entry { part, before, number }
            })
            .get()
            .number
    }

    /// As [`Pairs::number`], with [`MISSING`] for what was not seen.
    pub(crate) fn find(&self, numbers: &mut [u32], parts: &Parts, first: bool) {
        for (row, slot) in numbers.iter_mut().enumerate() {
            if *slot == MISSING || parts.missing(row) {
                *slot = MISSING;
                continue;
            }
            let (part, null) = parts.get(row);
            let before = (if first { 0 } else { *slot }) | if null { NULL } else { 0 };
            *slot = self
                .table
                .find(hash(part, before), |e| e.part == part && e.before == before)
                .map_or(MISSING, |e| e.number);
        }
    }

    /// The parts of combinations, which of them are not null (none: all), and the combinations before.
    pub(crate) fn parts_of(&self, numbers: &[u32]) -> (Vec<u64>, Option<Vec<bool>>, Vec<u32>) {
        let of = |n: &u32| self.known.get(*n as usize).copied().unwrap_or((0, NULL));
        let parts = numbers.iter().map(|n| of(n).0).collect();
        let some_null = numbers.iter().any(|n| of(n).1 & NULL != 0);
        let valid = some_null.then(|| numbers.iter().map(|n| of(n).1 & NULL == 0).collect());
        let before = numbers.iter().map(|n| of(n).1 & !NULL).collect();
        (parts, valid, before)
    }
}
