//! Columns of row groups that were read before, unpacked and kept small: codes as wide as the dictionary needs, times as
//! steps from the first.

use std::collections::HashMap;
use std::sync::Arc;

use ahash::RandomState;
use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, BinaryViewArray, Int32Array, Int64Array, UInt32Array};
use arrow_buffer::NullBuffer;
use engine::source::Part;
use parking_lot::Mutex;

use crate::columns;
use crate::gather;

/// When all is full, one newcomer in so many takes the place of others: a round through more columns than fit then finds
/// some of them again instead of none.
const ADMITTED: u32 = 8;

/// A column of a row group of a segment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Place {
    /// The segment's number in this process.
    pub segment: u64,
    /// The row group.
    pub group: usize,
    /// Which column.
    pub column: Which,
}

/// A column that may be kept.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Which {
    /// The one at this place of the file.
    Stored(usize),
    /// What was taken out of a dynamic column.
    Part(Arc<Part>),
}

/// Unpacked columns, up to a number of bytes.
pub(crate) struct ColumnCache {
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<Place, Arc<Kept>, RandomState>,
    /// The places in no order, one of which goes when there is no room.
    places: Vec<Place>,
    bytes: usize,
    /// Counts newcomers, and picks who goes.
    turn: u32,
}

impl ColumnCache {
    /// Holds so many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, state: Mutex::default() }
    }

    /// A column that was kept.
    pub(crate) fn get(&self, place: &Place) -> Option<Arc<Kept>> {
        self.state.lock().known.get(place).cloned()
    }

    /// Keeps all rows of a column, where there is room or its turn to make some.
    pub(crate) fn keep(&self, place: Place, array: &ArrayRef) {
        if !self.admits() {
            return;
        }
        let kept = Kept::new(array);
        let bytes = kept.bytes;
        if bytes > self.bytes_max / 8 {
            return;
        }
        let mut state = self.state.lock();
        while state.bytes + bytes > self.bytes_max && !state.places.is_empty() {
            let at = (state.turn >> 8) as usize % state.places.len();
            let gone: Place = state.places.swap_remove(at);
            state.drop_known(&gone);
            state.turn = state.turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        }
        if state.known.insert(place.clone(), Arc::new(kept)).is_none() {
            state.places.push(place);
            state.bytes += bytes;
        }
    }

    /// True while so many more bytes fit without that anything goes.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let limit = self.bytes_max - self.bytes_max / 16;
        bytes < self.bytes_max / 8 && self.state.lock().bytes.saturating_add(bytes) < limit
    }

    /// Whether a newcomer may have a place: decided before the work of making it small.
    fn admits(&self) -> bool {
        let mut state = self.state.lock();
        state.turn = state.turn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let room = state.bytes < self.bytes_max - self.bytes_max / 16;
        room || (state.turn >> 16).is_multiple_of(ADMITTED)
    }

    /// The segment is closed or gone.
    pub(crate) fn forget(&self, segment: u64) {
        let mut state = self.state.lock();
        let state = &mut *state;
        let places = std::mem::take(&mut state.places);
        let (gone, left) = places.into_iter().partition(|place| place.segment == segment);
        state.places = left;
        let gone: Vec<Place> = gone;
        gone.iter().for_each(|place| state.drop_known(place));
    }
}

impl State {
    fn drop_known(&mut self, place: &Place) {
        if let Some(kept) = self.known.remove(place) {
            self.bytes = self.bytes.saturating_sub(kept.bytes);
        }
    }
}

/// A column kept small.
pub(crate) struct Kept {
    form: Form,
    bytes: usize,
}

enum Form {
    /// A dictionary of texts.
    Texts(Codes, ArrayRef),
    /// Dynamic values of which many are the same.
    Dynamics(Codes, BinaryViewArray, Option<NullBuffer>),
    /// Integers without nulls: the least, a unit, and steps of it.
    Steps(i64, i64, Vec<u32>),
    /// As it came.
    Plain(ArrayRef),
}

enum Codes {
    One(Vec<u8>),
    Two(Vec<u16>),
    Four(Vec<i32>),
}

impl Codes {
    fn new(codes: &[i32], values: usize) -> Self {
        if values <= 1 << 8 {
            Self::One(codes.iter().map(|code| *code as u8).collect())
        } else if values <= 1 << 16 {
            Self::Two(codes.iter().map(|code| *code as u16).collect())
        } else {
            Self::Four(codes.to_vec())
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::One(codes) => codes.len(),
            Self::Two(codes) => codes.len() * 2,
            Self::Four(codes) => codes.len() * 4,
        }
    }

    fn pick(&self, rows: &Picked) -> Int32Array {
        match self {
            Self::One(codes) => rows.pick::<_, Int32Type>(codes, |code| i32::from(*code)),
            Self::Two(codes) => rows.pick::<_, Int32Type>(codes, |code| i32::from(*code)),
            Self::Four(codes) => rows.pick::<_, Int32Type>(codes, |code| *code),
        }
    }
}

/// Units in which times come: milliseconds, microseconds, ticks.
const UNITS: [i64; 3] = [10_000, 10, 1];

impl Kept {
    fn new(array: &ArrayRef) -> Self {
        let form = Self::form(array);
        let bytes = 64
            + match &form {
                Form::Texts(codes, values) => codes.bytes() + values.get_array_memory_size(),
                Form::Dynamics(codes, values, nulls) => {
                    let nulls = nulls.as_ref().map_or(0, |n| n.len() / 8);
                    codes.bytes() + values.get_array_memory_size() + nulls
                }
                Form::Steps(_, _, steps) => steps.len() * 4,
                Form::Plain(array) => array.get_array_memory_size(),
            };
        Self { form, bytes }
    }

    fn form(array: &ArrayRef) -> Form {
        if let Some(dictionary) = array.as_dictionary_opt::<Int32Type>()
            && dictionary.null_count() == 0
        {
            let values = dictionary.values();
            return Form::Texts(
                Codes::new(dictionary.keys().values(), values.len()),
                Arc::clone(values),
            );
        }
        if let Some(dynamics) = array.as_binary_view_opt()
            && let Some((values, codes)) = gather::code(dynamics)
        {
            return Form::Dynamics(
                Codes::new(&codes, values.len()),
                values,
                dynamics.nulls().cloned(),
            );
        }
        if let Some(longs) = array.as_primitive_opt::<Int64Type>()
            && longs.null_count() == 0
            && let Some(least) = longs.values().iter().copied().min()
        {
            for unit in UNITS {
                let step = |v: &i64| {
                    let distance = v.checked_sub(least)?;
                    u32::try_from(distance / unit).ok().filter(|_| distance % unit == 0)
                };
                if let Some(steps) = longs.values().iter().map(step).collect() {
                    return Form::Steps(least, unit, steps);
                }
            }
        }
        Form::Plain(Arc::clone(array))
    }

    /// Some rows of the column; none when they are not there.
    pub(crate) fn pick(&self, rows: &Picked) -> Option<ArrayRef> {
        match &self.form {
            Form::Texts(codes, values) => {
                Some(columns::dictionary(codes.pick(rows), Arc::clone(values)))
            }
            Form::Dynamics(codes, values, nulls) => {
                let codes = codes.pick(rows);
                let taken = arrow_select::take::take(values, &codes, None).ok()?;
                let Some(nulls) = nulls else { return Some(taken) };
                let views = taken.as_binary_view_opt()?;
                let nulls = rows.nulls(nulls);
                let (all, buffers) = (views.views().clone(), views.data_buffers().to_vec());
                Some(Arc::new(BinaryViewArray::try_new(all, buffers, nulls).ok()?))
            }
            Form::Steps(least, unit, steps) => {
                let value = |step: &u32| least.wrapping_add(i64::from(*step).wrapping_mul(*unit));
                let longs: Int64Array = rows.pick::<_, Int64Type>(steps, value);
                Some(Arc::new(longs))
            }
            Form::Plain(array) => rows.of(array),
        }
    }
}

/// Rows of a row group.
#[derive(Clone, Debug)]
pub(crate) enum Picked {
    /// All, so many.
    All(usize),
    /// From one to before another.
    Range(usize, usize),
    /// These, in order.
    Rows(UInt32Array),
}

impl Picked {
    /// How many.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::All(rows) => *rows,
            Self::Range(from, to) => to.saturating_sub(*from),
            Self::Rows(rows) => rows.len(),
        }
    }

    /// Those of them that a mask keeps.
    pub(crate) fn filter(&self, keep: &arrow_buffer::BooleanBuffer) -> Self {
        let row = |at: usize| match self {
            Self::All(_) => u32::try_from(at).unwrap_or(u32::MAX),
            Self::Range(from, _) => u32::try_from(from + at).unwrap_or(u32::MAX),
            Self::Rows(rows) => rows.values().get(at).copied().unwrap_or(u32::MAX),
        };
        Self::Rows(keep.set_indices().map(row).collect::<Vec<u32>>().into())
    }

    /// Rows of an array of the whole row group; none when it is shorter.
    pub(crate) fn of(&self, array: &ArrayRef) -> Option<ArrayRef> {
        match self {
            Self::All(rows) => (array.len() == *rows).then(|| Arc::clone(array)),
            Self::Range(from, to) => {
                (*to <= array.len()).then(|| array.slice(*from, to.saturating_sub(*from)))
            }
            Self::Rows(rows) => gather::take(array, rows),
        }
    }

    fn pick<T, P: ArrowPrimitiveType>(
        &self,
        values: &[T],
        value: impl Fn(&T) -> P::Native,
    ) -> arrow_array::PrimitiveArray<P> {
        let values: Vec<P::Native> = match self {
            Self::All(_) => values.iter().map(value).collect(),
            Self::Range(from, to) => {
                values.get(*from..*to).unwrap_or_default().iter().map(value).collect()
            }
            Self::Rows(rows) => rows
                .values()
                .iter()
                .filter_map(|row| values.get(*row as usize))
                .map(value)
                .collect(),
        };
        arrow_array::PrimitiveArray::new(values.into(), None)
    }

    fn nulls(&self, nulls: &NullBuffer) -> Option<NullBuffer> {
        let picked = match self {
            Self::All(_) => nulls.clone(),
            Self::Range(from, to) => nulls.slice(*from, to.saturating_sub(*from)),
            Self::Rows(rows) => {
                let valid = |row: &u32| nulls.is_valid(*row as usize);
                NullBuffer::from_iter(rows.values().iter().map(valid))
            }
        };
        (picked.null_count() > 0).then_some(picked)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use arrow_array::{Float64Array, StringViewArray};
    use model::Dynamic;

    use super::*;

    const ROWS: usize = 5000;

    fn arrays() -> Vec<ArrayRef> {
        let texts = |distinct: usize| -> ArrayRef {
            let values = StringViewArray::from_iter_values(
                (0..distinct).map(|n| format!("text number {n}")),
            );
            let keys =
                Int32Array::from_iter_values((0..ROWS).map(|row| (row * 7 % distinct) as i32));
            columns::dictionary(keys, Arc::new(values))
        };
        let object = |n: usize| Dynamic::parse_json(&format!("{{\"a\":\"value {n}\"}}")).unwrap();
        let dynamics = |distinct: usize| -> ArrayRef {
            let cell = |row: usize| {
                (!row.is_multiple_of(11)).then(|| object(row % distinct).as_bytes().to_vec())
            };
            Arc::new(BinaryViewArray::from_iter((0..ROWS).map(cell)))
        };
        let longs = |value: fn(i64) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values((0..ROWS as i64).map(value)))
        };
        vec![
            texts(3),
            texts(300),
            texts(ROWS),
            dynamics(5),
            dynamics(ROWS),
            longs(|v| v * 10_000),
            longs(|v| v * 17 - 3),
            longs(|v| if v % 2 == 0 { i64::MIN } else { i64::MAX }),
            Arc::new(Int64Array::from_iter(
                (0..ROWS).map(|v| (!v.is_multiple_of(3)).then_some(v as i64)),
            )),
            Arc::new(Float64Array::from_iter_values((0..ROWS).map(|v| v as f64))),
        ]
    }

    #[test]
    fn kept_columns_give_the_same_rows() {
        let some: UInt32Array =
            (0..ROWS as u32).filter(|row| row % 13 == 1).collect::<Vec<_>>().into();
        for array in arrays() {
            let kept = Kept::new(&array);
            for rows in [Picked::All(ROWS), Picked::Range(17, 4000), Picked::Rows(some.clone())] {
                let (got, want) = (kept.pick(&rows).unwrap(), rows.of(&array).unwrap());
                assert_eq!(got.len(), rows.count());
                assert_eq!(&got, &want);
            }
        }
    }

    #[test]
    fn no_more_than_allowed_is_kept() {
        let cache = ColumnCache::new(200_000);
        let array = arrays().swap_remove(5);
        for group in 0..1000 {
            let column = Which::Stored(0);
            cache.keep(Place { segment: 1 + group as u64 % 2, group, column }, &array);
        }
        let (bytes, places) = {
            let s = cache.state.lock();
            (s.bytes, s.places.len())
        };
        assert!(bytes <= 200_000 && bytes > 150_000, "{bytes}");
        assert_eq!(places, cache.state.lock().known.len());
        cache.forget(1);
        cache.forget(2);
        assert_eq!(cache.state.lock().bytes, 0);
        assert!(cache.state.lock().known.is_empty());
    }
}
