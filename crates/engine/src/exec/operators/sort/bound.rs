//! How good a row must be to be among the first so many: known better and better while rows come.

use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicU64, Ordering};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{BooleanBuffer, BooleanBufferBuilder};
use parking_lot::Mutex;

use super::{Direction, keys};

/// The best first keys so far.
#[derive(Debug)]
pub(crate) struct Bound {
    limit: usize,
    direction: Direction,
    /// As [`keys::place`] orders them; the worst on top.
    best: Mutex<BinaryHeap<u64>>,
    /// Rows beyond it are not wanted.
    worst: AtomicU64,
}

impl Bound {
    /// For the first `limit` rows by integers in this direction.
    pub(crate) fn new(limit: usize, direction: Direction) -> Self {
        Self { limit, direction, best: Mutex::default(), worst: AtomicU64::new(u64::MAX) }
    }

    pub(crate) const fn descending(&self) -> bool {
        self.direction.descending
    }

    pub(crate) fn may_hold(&self, least: i64, most: i64) -> bool {
        let best = if self.direction.descending { most } else { least };
        keys::place(best, self.direction) <= self.worst.load(Ordering::Relaxed)
    }

    /// Of the rows in `among` those that may be among the first; they count from now on.
    pub(crate) fn keep(&self, column: &ArrayRef, among: &BooleanBuffer) -> BooleanBuffer {
        let places = |value: &dyn Fn(usize) -> i64| -> Vec<(usize, u64)> {
            let worst = self.worst.load(Ordering::Relaxed);
            let place = |row: usize| match column.is_null(row) {
                true => keys::null_place(self.direction),
                false => keys::place(value(row), self.direction),
            };
            among.set_indices().map(|row| (row, place(row))).filter(|(_, p)| *p <= worst).collect()
        };
        let near = if let Some(longs) = column.as_primitive_opt::<Int64Type>() {
            places(&|row| longs.value(row))
        } else if let Some(ints) = column.as_primitive_opt::<Int32Type>() {
            places(&|row| i64::from(ints.value(row)))
        } else {
            return among.clone();
        };
        let worst = self.count(near.iter().map(|(_, place)| *place));
        let mut kept = BooleanBufferBuilder::new(among.len());
        kept.append_n(among.len(), false);
        near.iter()
            .filter(|(_, place)| *place <= worst)
            .for_each(|(row, _)| kept.set_bit(*row, true));
        kept.finish()
    }

    fn count(&self, places: impl Iterator<Item = u64>) -> u64 {
        let mut best = self.best.lock();
        for place in places {
            if best.len() < self.limit {
                best.push(place);
            } else if let Some(mut worst) = best.peek_mut()
                && place < *worst
            {
                *worst = place;
            }
        }
        if best.len() == self.limit
            && let Some(worst) = best.peek()
        {
            self.worst.store(*worst, Ordering::Relaxed);
        }
        self.worst.load(Ordering::Relaxed)
    }
}
