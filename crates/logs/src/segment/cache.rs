//! Columns of row groups that were read before, unpacked and kept small: codes as wide as the dictionary needs, times as
//! steps from the first. Pages of the index's terms are kept beside them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ahash::RandomState;
use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, BinaryViewArray, Int32Array, Int64Array, UInt32Array};
use arrow_buffer::NullBuffer;
use engine::source::Part;
use parking_lot::Mutex;
use parquet::column::page::Page;

use crate::columns;
use crate::gather;

/// Most places remembered that were wanted once while all was full.
const SEEN_MAX: usize = 1 << 16;

/// Who asks: a query. Later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Asker(u64);

impl Asker {
    /// The next query.
    pub(crate) fn next() -> Self {
        static ASKERS: AtomicU64 = AtomicU64::new(1);
        Self(ASKERS.fetch_add(1, Ordering::Relaxed))
    }
}

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
    /// The dictionary alone of the leaf at this place.
    Dictionary(usize),
    /// A page of the index's terms; its number stands for the row group.
    Terms,
}

/// Unpacked columns, up to a number of bytes.
///
/// Where all is full, a column that is wanted for the second time takes the place of those that were used longest ago, but
/// never of those that the same query uses: a round through more columns than fit finds again as many as fit, and a
/// single round through many disturbs nobody.
pub(crate) struct ColumnCache {
    bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<Place, Entry, RandomState>,
    /// Uses, the oldest first; one that its place has a later use than says nothing.
    uses: VecDeque<(Asker, Place)>,
    bytes: usize,
    /// Places, by hash, that were wanted once while all was full.
    seen: HashSet<u64, RandomState>,
}

struct Entry {
    kept: Arc<Kept>,
    used: Asker,
}

impl ColumnCache {
    /// Holds so many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, state: Mutex::default() }
    }

    /// A column that was kept.
    pub(crate) fn get(&self, place: &Place, asker: Asker) -> Option<Arc<Kept>> {
        let mut state = self.state.lock();
        let entry = state.known.get_mut(place)?;
        let kept = Arc::clone(&entry.kept);
        if entry.used < asker {
            entry.used = asker;
            state.note(asker, place);
        }
        Some(kept)
    }

    /// Keeps all rows of a column, where there is room or others have to make some.
    pub(crate) fn keep(&self, place: Place, array: &ArrayRef, asker: Asker) {
        self.keep_made(place, || Kept::new(array), asker);
    }

    /// Keeps the unpacked page of a dictionary, on the same terms.
    pub(crate) fn keep_page(&self, place: Place, page: &Page, asker: Asker) {
        self.keep_made(place, || Kept::of_page(page), asker);
    }

    /// Keeps an unpacked page of terms, on the same terms.
    pub(crate) fn keep_terms(&self, place: Place, page: &Arc<[u8]>, asker: Asker) {
        self.keep_made(place, || Kept::of_terms(page), asker);
    }

    fn keep_made(&self, place: Place, make: impl FnOnce() -> Kept, asker: Asker) {
        // decided before the work of making it small
        let Some(may_replace) = self.admits(&place, asker) else { return };
        let kept = make();
        let bytes = kept.bytes;
        if bytes > self.bytes_max / 8 {
            return;
        }
        let mut state = self.state.lock();
        while state.bytes + bytes > self.bytes_max {
            let oldest = state.oldest(asker).filter(|_| may_replace).cloned();
            let Some(oldest) = oldest else { return state.remember(&place) };
            state.drop_known(&oldest);
        }
        state.note(asker, &place);
        state.drop_known(&place);
        let hash = state.seen.hasher().hash_one(&place);
        state.seen.remove(&hash);
        state.bytes += bytes;
        state.known.insert(place, Entry { kept: Arc::new(kept), used: asker });
    }

    /// Bytes held.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.state.lock().bytes
    }

    /// True while so many more bytes fit without that anything goes.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        let limit = self.bytes_max - self.bytes_max / 16;
        bytes < self.bytes_max / 8 && self.state.lock().bytes.saturating_add(bytes) < limit
    }

    /// True when the place, of so many bytes, was wanted before and could be kept now; remembers that it is wanted.
    pub(crate) fn wanted_again(&self, place: &Place, bytes: usize, asker: Asker) -> bool {
        if bytes > self.bytes_max / 8 {
            return false;
        }
        let mut state = self.state.lock();
        if !state.saw(place) {
            state.remember(place);
            return false;
        }
        state.bytes < self.bytes_max - self.bytes_max / 16 || state.oldest(asker).is_some()
    }

    /// None where there is no place; else whether others may have to go for it.
    fn admits(&self, place: &Place, asker: Asker) -> Option<bool> {
        let mut state = self.state.lock();
        let seen = state.saw(place);
        if state.bytes < self.bytes_max - self.bytes_max / 16 {
            return Some(seen);
        }
        if !seen {
            state.remember(place);
            return None;
        }
        state.oldest(asker).map(|_| true)
    }

    /// The segment is closed or gone.
    pub(crate) fn forget(&self, segment: u64) {
        let mut state = self.state.lock();
        let state = &mut *state;
        let gone: Vec<Place> =
            state.known.keys().filter(|place| place.segment == segment).cloned().collect();
        gone.iter().for_each(|place| state.drop_known(place));
        state.uses.retain(|(_, place)| place.segment != segment);
    }
}

impl State {
    /// Remembers that the place was wanted and not given.
    fn remember(&mut self, place: &Place) {
        if self.seen.len() >= SEEN_MAX {
            self.seen.clear();
        }
        let hash = self.seen.hasher().hash_one(place);
        self.seen.insert(hash);
    }

    fn saw(&self, place: &Place) -> bool {
        self.seen.contains(&self.seen.hasher().hash_one(place))
    }

    fn note(&mut self, asker: Asker, place: &Place) {
        self.uses.push_back((asker, place.clone()));
        if self.uses.len() > 2 * self.known.len() + 64 {
            let known = &self.known;
            self.uses.retain(|(used, place)| known.get(place).is_some_and(|e| e.used == *used));
        }
    }

    /// What was used longest ago, by an earlier query.
    fn oldest(&mut self, asker: Asker) -> Option<&Place> {
        while let Some((used, place)) = self.uses.front() {
            match self.known.get(place) {
                Some(entry) if entry.used == *used => break,
                _ => drop(self.uses.pop_front()),
            }
        }
        self.uses.front().filter(|(used, _)| *used < asker).map(|(_, place)| place)
    }

    fn drop_known(&mut self, place: &Place) {
        if let Some(entry) = self.known.remove(place) {
            self.bytes = self.bytes.saturating_sub(entry.kept.bytes);
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
    /// No rows: the page of a dictionary.
    Page(Page),
    /// No rows: a page of terms.
    Terms(Arc<[u8]>),
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
        Self::of(Self::form(array))
    }

    fn of(form: Form) -> Self {
        let bytes = 64
            + match &form {
                Form::Texts(codes, values) => codes.bytes() + values.get_array_memory_size(),
                Form::Dynamics(codes, values, nulls) => {
                    let nulls = nulls.as_ref().map_or(0, |n| n.len() / 8);
                    codes.bytes() + values.get_array_memory_size() + nulls
                }
                Form::Steps(_, _, steps) => steps.len() * 4,
                Form::Plain(array) => array.get_array_memory_size(),
                Form::Page(page) => page.buffer().len(),
                Form::Terms(page) => page.len(),
            };
        Self { form, bytes }
    }

    fn of_page(page: &Page) -> Self {
        Self::of(Form::Page(page.clone()))
    }

    fn of_terms(page: &Arc<[u8]>) -> Self {
        Self::of(Form::Terms(Arc::clone(page)))
    }

    /// The page of terms that this is.
    pub(crate) fn terms(&self) -> Option<Arc<[u8]>> {
        match &self.form {
            Form::Terms(page) => Some(Arc::clone(page)),
            _ => None,
        }
    }

    /// The page of a dictionary that this is.
    pub(crate) fn page(&self) -> Option<Page> {
        match &self.form {
            Form::Page(page) => Some(page.clone()),
            _ => None,
        }
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
            Form::Page(_) | Form::Terms(_) => None,
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

    fn place(segment: u64, group: usize) -> Place {
        Place { segment, group, column: Which::Stored(0) }
    }

    /// How many of so many columns a query finds; it keeps those that it does not find.
    fn round(cache: &ColumnCache, segment: u64, groups: usize, array: &ArrayRef) -> usize {
        let asker = Asker::next();
        let mut found = 0;
        for group in 0..groups {
            match cache.get(&place(segment, group), asker) {
                Some(_) => found += 1,
                None => cache.keep(place(segment, group), array, asker),
            }
        }
        found
    }

    #[test]
    fn no_more_than_allowed_is_kept() {
        let cache = ColumnCache::new(200_000);
        let array = arrays().swap_remove(5);
        for segment in 0..500 {
            round(&cache, segment % 2, 2, &array);
        }
        round(&cache, 1, 1000, &array);
        round(&cache, 1, 1000, &array);
        let counts = |cache: &ColumnCache| {
            let state = cache.state.lock();
            (state.bytes, state.known.len(), state.uses.len())
        };
        let (bytes, known, uses) = counts(&cache);
        assert!(bytes <= 200_000 && bytes > 150_000, "{bytes}");
        assert!(uses <= 2 * known + 65, "{uses}");
        cache.forget(1);
        cache.forget(0);
        assert_eq!(counts(&cache), (0, 0, 0));
    }

    #[test]
    fn what_is_asked_again_is_found_again() {
        let cache = ColumnCache::new(200_000);
        let array = arrays().swap_remove(5); // 20 kB each
        assert_eq!(round(&cache, 1, 6, &array), 0);
        assert_eq!(round(&cache, 1, 6, &array), 6);
        // a single round through more than fits takes what is free and disturbs nobody
        round(&cache, 2, 100, &array);
        assert_eq!(round(&cache, 1, 6, &array), 6);
        // repeated, it finds as many as fit, however often
        round(&cache, 2, 100, &array);
        let found: Vec<usize> = (0..4).map(|_| round(&cache, 2, 100, &array)).collect();
        assert!(found.iter().all(|found| *found >= 8), "{found:?}");
        // and gives way to what is asked later
        round(&cache, 3, 5, &array);
        round(&cache, 3, 5, &array);
        assert_eq!(round(&cache, 3, 5, &array), 5);
    }
}
