//! Putting parts of a column together and picking rows out of it.

use std::sync::Arc;

use ahash::RandomState;
use arrow_array::cast::AsArray;
use arrow_array::types::{ByteViewType, Int32Type, StringViewType};
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, GenericByteViewArray, Int32Array, StringViewArray,
    UInt32Array,
};
use arrow_select::concat::concat as concat_arrays;
use arrow_select::take::take as take_rows;
use hashbrown::HashTable;
use model::ScalarType;

use crate::columns;

/// The parts one after the other; texts come out as plain views. None when a part has not the type's form.
pub(crate) fn concat(ty: ScalarType, parts: &[ArrayRef]) -> Option<ArrayRef> {
    if parts.is_empty() {
        return Some(columns::empty(ty));
    }
    let views: Vec<ArrayRef>;
    let parts = if ty == ScalarType::String {
        views = parts
            .iter()
            .map(|p| plain(p).map(|p| Arc::new(p) as ArrayRef))
            .collect::<Option<_>>()?;
        &views[..]
    } else {
        parts
    };
    let arrays: Vec<&dyn Array> = parts.iter().map(AsRef::as_ref).collect();
    concat_arrays(&arrays).ok()
}

/// The parts one after the other; texts stay a dictionary where that pays. None when a part has not the type's form.
pub(crate) fn join(ty: ScalarType, parts: &[ArrayRef]) -> Option<ArrayRef> {
    if ty != ScalarType::String {
        return concat(ty, parts);
    }
    Some(match Texts::collect(parts)? {
        Texts::Plain(views) => Arc::new(views),
        Texts::Coded(values, keys) => columns::dictionary(Int32Array::from(keys), Arc::new(values)),
    })
}

/// A text column as plain views; a dictionary's entries are shared, not copied.
pub(crate) fn plain(array: &ArrayRef) -> Option<StringViewArray> {
    if let Some(views) = array.as_string_view_opt() {
        return Some(views.clone());
    }
    let dictionary = array.as_dictionary_opt::<Int32Type>()?;
    if dictionary.keys().null_count() > 0 {
        let texts = (0..array.len()).map(|row| model::rows::text(array, row));
        return Some(StringViewArray::from_iter_values(texts));
    }
    let taken = take_rows(dictionary.values().as_ref(), dictionary.keys(), None).ok()?;
    taken.as_string_view_opt().cloned()
}

/// The rows at these positions. None when the array is shorter.
pub(crate) fn take(array: &ArrayRef, rows: &UInt32Array) -> Option<ArrayRef> {
    take_rows(array.as_ref(), rows, None).ok()
}

/// A text column put together from parts, each distinct text once where that pays.
pub(crate) enum Texts {
    /// Few distinct texts: their values, and each row's place among them.
    Coded(StringViewArray, Vec<i32>),
    /// Mostly different texts.
    Plain(StringViewArray),
}

impl Texts {
    /// Puts parts together. A dictionary is kept while no more than half of the rows bring a new text.
    pub(crate) fn collect(parts: &[ArrayRef]) -> Option<Self> {
        let mut coder = Coder::new(parts.iter().map(|p| p.len()).sum());
        for part in parts {
            if !coder.add_texts(part)? {
                let all = concat(ScalarType::String, parts)?;
                return Some(Self::Plain(all.as_string_view_opt()?.clone()));
            }
        }
        let (values, keys) = coder.finish();
        Some(Self::Coded(values, keys))
    }

    /// The rows at these positions, in the form they have here.
    pub(crate) fn take(&self, rows: &UInt32Array) -> Option<ArrayRef> {
        match self {
            Self::Plain(views) => take_rows(views, rows, None).ok(),
            Self::Coded(values, keys) => {
                let key = |row: &u32| keys.get(*row as usize).copied();
                let keys: Option<Vec<i32>> = rows.values().iter().map(key).collect();
                let values: ArrayRef = Arc::new(values.clone());
                Some(columns::dictionary(Int32Array::from(keys?), values))
            }
        }
    }
}

/// The distinct values of a binary column and each row's place among them (nulls stand as empty values); none when
/// most rows differ.
pub(crate) fn code(array: &BinaryViewArray) -> Option<(BinaryViewArray, Vec<i32>)> {
    let mut coder = Coder::new(array.len());
    coder.add_views(array).then(|| coder.finish())
}

/// Gives each distinct value a key.
struct Coder<T: ByteViewType> {
    hasher: RandomState,
    table: HashTable<u32>,
    parts: Vec<GenericByteViewArray<T>>,
    /// Where a value lies: its part, and the row in it.
    places: Vec<(u32, u32)>,
    keys: Vec<i32>,
}

impl Coder<StringViewType> {
    /// Adds a part in either form; false when a dictionary no longer pays.
    fn add_texts(&mut self, part: &ArrayRef) -> Option<bool> {
        let dictionary = part.as_dictionary_opt::<Int32Type>().filter(|d| d.null_count() == 0);
        let Some(dictionary) = dictionary else {
            return Some(self.add_views(&plain(part)?));
        };
        let values = dictionary.values().as_string_view_opt()?;
        self.parts.push(values.clone());
        let mut map: Vec<i32> = vec![-1; values.len()];
        for key in dictionary.keys().values() {
            let entry = map.get_mut(usize::try_from(*key).ok()?)?;
            if *entry < 0 {
                *entry = self.key(*key as u32);
            }
            self.keys.push(*entry);
        }
        Some(self.pays())
    }
}

impl<T: ByteViewType> Coder<T> {
    fn new(rows: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            table: HashTable::new(),
            parts: Vec::new(),
            places: Vec::new(),
            keys: Vec::with_capacity(rows),
        }
    }

    fn add_views(&mut self, part: &GenericByteViewArray<T>) -> bool {
        self.parts.push(part.clone());
        for row in 0..part.len() {
            let key = self.key(row as u32);
            self.keys.push(key);
            if row % 4096 == 4095 && !self.pays() {
                return false;
            }
        }
        self.pays()
    }

    fn pays(&self) -> bool {
        self.places.len() < 1024 || self.places.len() * 2 < self.keys.len()
    }

    fn value(parts: &[GenericByteViewArray<T>], (part, row): (u32, u32)) -> &[u8] {
        parts[part as usize].value(row as usize).as_ref()
    }

    /// The key of the value at `row` of the newest part.
    fn key(&mut self, row: u32) -> i32 {
        let Self { hasher, table, parts, places, .. } = self;
        let place = ((parts.len() - 1) as u32, row);
        let wanted = Self::value(parts, place);
        let hash = hasher.hash_one(wanted);
        let same = |k: &u32| Self::value(parts, places[*k as usize]) == wanted;
        if let Some(key) = table.find(hash, same) {
            return *key as i32;
        }
        let key = places.len() as u32;
        places.push(place);
        table
            .insert_unique(hash, key, |k| hasher.hash_one(Self::value(parts, places[*k as usize])));
        key as i32
    }

    fn finish(self) -> (GenericByteViewArray<T>, Vec<i32>) {
        let value = |(part, row): &(u32, u32)| self.parts[*part as usize].value(*row as usize);
        (GenericByteViewArray::from_iter_values(self.places.iter().map(value)), self.keys)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn views(texts: &[&str]) -> ArrayRef {
        Arc::new(StringViewArray::from_iter_values(texts))
    }

    fn texts(array: &ArrayRef) -> Vec<String> {
        (0..array.len()).map(|r| model::rows::text(array, r).to_owned()).collect()
    }

    #[test]
    fn parts_of_both_forms_become_one_dictionary() {
        let long = "a text that is longer than twelve bytes";
        let coded = columns::dictionary(Int32Array::from(vec![1, 0, 1]), views(&["b", long]));
        let parts = [views(&[long, "a"]), coded, columns::constant_text("a", 2)];
        let order = UInt32Array::from(vec![6, 0, 3, 2, 1]);
        let taken = Texts::collect(&parts).unwrap().take(&order).unwrap();
        assert_eq!(texts(&taken), ["a", long, "b", long, "a"]);
        assert_eq!(taken.as_dictionary::<Int32Type>().values().len(), 3);
        let joined = concat(ScalarType::String, &parts).unwrap();
        assert_eq!(texts(&joined), [long, "a", long, "b", long, "a", "a"]);
    }

    #[test]
    fn mostly_different_texts_stay_plain() {
        let many: Vec<String> = (0..10_000).map(|i| format!("text number {i}")).collect();
        let refs: Vec<&str> = many.iter().map(String::as_str).collect();
        let column = Texts::collect(&[views(&refs), views(&["x"])]).unwrap();
        assert!(matches!(column, Texts::Plain(_)));
        let taken = column.take(&UInt32Array::from(vec![10_000, 9_999])).unwrap();
        assert_eq!(texts(&taken), ["x", "text number 9999"]);
    }

    #[test]
    fn dictionaries_with_null_keys_read_as_empty_texts() {
        let coded = columns::dictionary(Int32Array::from(vec![Some(0), None]), views(&["a"]));
        assert_eq!(texts(&(Arc::new(plain(&coded).unwrap()) as ArrayRef)), ["a", ""]);
    }
}
