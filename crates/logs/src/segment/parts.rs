//! Frequent parts of dynamic columns, stored as columns of their own beside the whole: a query that asks for
//! `LocationDetails.city` then reads its texts, not the bags around them.
//!
//! A path is worth a column when a good share of the values have it and it always leads to the same kind of scalar: texts
//! of which many rows share few, whole numbers, or truth. The column of the whole stays complete.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray, Int32Array};
use engine::source::{Part, PartStep};
use model::{Column, ColumnBuilder, DynamicRef, ScalarType, Value};
use serde::{Deserialize, Serialize};
use values::dynamic::Kind;

use super::dynamic::Coded;
use crate::columns;
use crate::gather::Texts;

/// Values looked at to find out which paths there are.
const SAMPLE: usize = 512;
/// From one value looked at to the next: a prime, so that rows that come in turns are all met.
const STRIDE: usize = 7919;
/// One value in so many must have a path.
const SHARE: usize = 4;
/// Most parts of one column.
const PARTS_MAX: usize = 24;
/// Longest path.
const DEPTH_MAX: usize = 4;
/// Keys of one bag that are looked at.
const KEYS_MAX: usize = 64;
/// Fewer rows than this are read fast enough as they are.
const ROWS_MIN: usize = 256;

/// Where a stored part comes from, in the segment's description of its columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// The dynamic column's name.
    pub column: String,
    /// The steps: keys as texts, positions as numbers.
    pub path: Vec<Stone>,
}

/// A step of a path as it is described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Stone {
    /// A position in an array.
    Index(i64),
    /// A key of a bag.
    Key(String),
}

impl Origin {
    /// True for this path into this column.
    pub(super) fn is(&self, column: &Column, path: &[PartStep]) -> bool {
        let same = |(stone, step): (&Stone, &PartStep)| match (stone, step) {
            (Stone::Index(stored), PartStep::Index(at)) => stored == at,
            (Stone::Key(stored), PartStep::Key(key)) => **stored == **key,
            _ => false,
        };
        *self.column == *column.name
            && column.ty == ScalarType::Dynamic
            && self.path.len() == path.len()
            && self.path.iter().zip(path).all(same)
    }
}

/// A part of a column, ready to be stored.
pub(super) struct Split {
    pub(super) origin: Origin,
    pub(super) column: Column,
    pub(super) array: ArrayRef,
}

/// The parts of a dynamic column that are worth a column.
pub(super) fn split(column: &Column, array: &BinaryViewArray, coded: &Coded) -> Vec<Split> {
    if array.len() < ROWS_MIN {
        return Vec::new();
    }
    let values = Values { array, coded };
    let mut found = Found::default();
    let mut sampled = 0;
    for turn in 0..SAMPLE.min(array.len()) {
        if let Some(value) = values.row(turn * STRIDE % array.len()) {
            sampled += 1;
            found.walk(value, &mut Vec::new());
        }
    }
    let frequent = found.paths.into_iter().filter(|p| p.seen * SHARE >= sampled);
    let frequent = frequent.filter_map(|p| Some((p.path, p.ty?)));
    frequent.take(PARTS_MAX).filter_map(|(path, ty)| values.part(column, path, ty)).collect()
}

/// The values of a column, each distinct one once where they are coded.
struct Values<'a> {
    array: &'a BinaryViewArray,
    coded: &'a Coded,
}

impl<'a> Values<'a> {
    fn row(&self, row: usize) -> Option<DynamicRef<'a>> {
        self.array.is_valid(row).then(|| DynamicRef::new(self.array.value(row)))
    }

    /// The column of a part; none where an end is of another kind than the sample, or texts are mostly different.
    fn part(&self, column: &Column, path: Vec<Stone>, ty: ScalarType) -> Option<Split> {
        let steps: Vec<PartStep> = path.iter().map(Stone::step).collect();
        let parts: Vec<_> = steps.iter().map(PartStep::as_path).collect();
        let mut finder = values::dynamic::PathFinder::new(&parts);
        let distinct = self.coded.as_ref().map_or(self.array, |(values, _)| values);
        let mut ends = ColumnBuilder::new(ty, distinct.len());
        for at in 0..distinct.len() {
            let value = distinct.is_valid(at).then(|| distinct.value(at));
            let end = value.filter(|v| !v.is_empty()).and_then(|v| finder.find(v));
            match end.filter(|end| !end.is_null()) {
                None => ends.push(&Value::null_of(ty)),
                Some(end) if scalar(end) == Some(ty) => ends.push(&end.to_scalar().cast(ty)),
                Some(_) => return None,
            }
        }
        let ends = ends.finish();
        let array = match (ty, self.coded) {
            (ScalarType::String, None) => match Texts::collect(&[ends])? {
                Texts::Plain(_) => return None,
                Texts::Coded(values, keys) => columns::dictionary(keys.into(), Arc::new(values)),
            },
            (ScalarType::String, Some((_, keys))) => spread_texts(&ends, keys)?,
            (_, None) => ends,
            (_, Some((_, keys))) => {
                arrow_select::take::take(&ends, &Int32Array::from(keys.clone()), None).ok()?
            }
        };
        let name = name(&column.name, &path);
        let origin = Origin { column: column.name.to_string(), path };
        Some(Split { origin, column: Column::new(&name, ty), array })
    }
}

/// Texts of distinct values, for each row: a dictionary with each text once.
fn spread_texts(texts: &ArrayRef, keys: &[i32]) -> Option<ArrayRef> {
    let (texts, keys) = match Texts::collect(std::slice::from_ref(texts))? {
        Texts::Plain(texts) => (texts, keys.to_vec()),
        Texts::Coded(texts, entries) => {
            let entry = |key: &i32| entries.get(usize::try_from(*key).ok()?).copied();
            (texts, keys.iter().map(entry).collect::<Option<Vec<_>>>()?)
        }
    };
    Some(columns::dictionary(keys.into(), Arc::new(texts)))
}

/// The name of a part's column: `LocationDetails.city`, `Targets[0].id`.
fn name(column: &str, path: &[Stone]) -> String {
    let stone = |stone: &Stone| match stone {
        Stone::Index(at) => format!("[{at}]"),
        Stone::Key(key) => format!(".{key}"),
    };
    format!("{column}{}", path.iter().map(stone).collect::<String>())
}

impl Stone {
    fn step(&self) -> PartStep {
        match self {
            Self::Index(at) => PartStep::Index(*at),
            Self::Key(key) => PartStep::Key(Arc::from(&**key)),
        }
    }
}

/// The type of the column that may hold a value; none for bags, arrays, and scalars that are rarely asked for.
fn scalar(value: DynamicRef<'_>) -> Option<ScalarType> {
    match value.kind() {
        Kind::String => Some(ScalarType::String),
        Kind::Long => Some(ScalarType::Long),
        Kind::Bool => Some(ScalarType::Bool),
        _ => None,
    }
}

/// The paths of some values, in the order in which they were met.
#[derive(Default)]
struct Found {
    paths: Vec<Seen>,
}

struct Seen {
    path: Vec<Stone>,
    seen: usize,
    /// None once ends were of different kinds.
    ty: Option<ScalarType>,
}

impl Found {
    fn walk(&mut self, value: DynamicRef<'_>, path: &mut Vec<Stone>) {
        if value.is_null() {
            return;
        }
        if !value.is_container() {
            if !path.is_empty() {
                self.count(path, scalar(value));
            }
            return;
        }
        if path.len() == DEPTH_MAX {
            return;
        }
        for (key, inner) in value.object().take(KEYS_MAX) {
            path.push(Stone::Key(key.to_owned()));
            self.walk(inner, path);
            path.pop();
        }
        if let Some(first) = value.array().next() {
            path.push(Stone::Index(0));
            self.walk(first, path);
            path.pop();
        }
    }

    fn count(&mut self, path: &[Stone], ty: Option<ScalarType>) {
        if let Some(known) = self.paths.iter_mut().find(|p| p.path == path) {
            known.seen += 1;
            known.ty = known.ty.filter(|_| known.ty == ty);
        } else if self.paths.len() < 16 * PARTS_MAX {
            self.paths.push(Seen { path: path.to_vec(), seen: 1, ty });
        }
    }
}

/// A stored part in the type that a query wants it in: as if it had been taken from the whole.
pub(crate) fn wanted(stored: &ArrayRef, ty: ScalarType, part: &Part) -> ArrayRef {
    if ty == part.ty {
        return Arc::clone(stored);
    }
    let cast = |array: &ArrayRef| {
        let mut builder = ColumnBuilder::new(part.ty, array.len());
        for row in 0..array.len() {
            builder.push(&model::rows::cell(array, ty, row).cast(part.ty));
        }
        builder.finish()
    };
    let dictionary = stored.as_dictionary_opt::<arrow_array::types::Int32Type>();
    let Some(dictionary) = dictionary.filter(|d| d.null_count() == 0) else { return cast(stored) };
    let texts = cast(dictionary.values());
    arrow_select::take::take(&texts, dictionary.keys(), None).unwrap_or_else(|_| cast(stored))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use model::Dynamic;

    use super::*;
    use crate::gather;

    /// Some values of each kind that JSON brings, by row.
    fn value(row: usize) -> String {
        let city = ["Oslo", "Lima", "", "12", "true", "2024-01-01T00:00:00Z"][row % 6];
        let deep = ["{\"b\":{\"c\":\"x\"}}", "{\"b\":7}", "null"][row % 3];
        let mixed = ["1", "\"one\"", "1.5", "null", "[1]", "true"][row % 6];
        let list = ["[]", "[{\"n\":\"first\"},2]", "[{\"n\":\"second\"}]"][row % 3];
        format!(
            "{{\"city\":\"{city}\",\"n\":{row},\"ok\":{},\"real\":{row}.25,\"deep\":{deep},\"mixed\":{mixed},\
             \"list\":{list},\"id\":\"unique {row}\"}}",
            row.is_multiple_of(2)
        )
    }

    fn bags(rows: usize, distinct: usize) -> BinaryViewArray {
        let bag = |row: usize| Dynamic::parse_json(&value(row % distinct)).unwrap();
        let cell = |row: usize| (row % 11 != 3).then(|| bag(row).as_bytes().to_vec());
        BinaryViewArray::from_iter((0..rows).map(cell))
    }

    #[test]
    fn parts_say_what_the_whole_says() {
        let column = Column::new("d", ScalarType::Dynamic);
        for (rows, distinct) in [(4000, 30), (4000, 4000)] {
            let array = bags(rows, distinct);
            let coded = gather::code(&array);
            assert_eq!(coded.is_some(), distinct < rows);
            let whole: ArrayRef = Arc::new(array.clone());
            let found = split(&column, &array, &coded);
            let mut names: Vec<&str> = found.iter().map(|s| &*s.column.name).collect();
            names.sort_unstable();
            let mut known = vec!["d.city", "d.deep.b.c", "d.id", "d.list[0].n", "d.n", "d.ok"];
            known.retain(|name| *name != "d.id" || distinct < rows); // its texts are all different
            assert_eq!(names, known);
            for split in found {
                let path: Vec<PartStep> = split.origin.path.iter().map(Stone::step).collect();
                use ScalarType as T;
                for ty in [T::String, T::Long, T::Int, T::Real, T::Bool, T::DateTime, T::TimeSpan] {
                    let part = Part { column: 0, path: path.clone(), ty };
                    let (apart, taken) =
                        (wanted(&split.array, split.column.ty, &part), part.of(&whole).unwrap());
                    for row in 0..rows {
                        let (a, b) = (
                            model::rows::cell(&apart, ty, row),
                            model::rows::cell(&taken, ty, row),
                        );
                        assert_eq!(a, b, "{} as {ty}, row {row}", split.column.name);
                    }
                }
            }
        }
    }

    #[test]
    fn few_or_shapeless_values_have_no_parts() {
        let column = Column::new("d", ScalarType::Dynamic);
        assert!(split(&column, &bags(100, 100), &None).is_empty());
        let texts = (0..1000).map(|n| Dynamic::parse_json(&n.to_string()).unwrap());
        let numbers = BinaryViewArray::from_iter_values(texts.map(|d| d.as_bytes().to_vec()));
        assert!(split(&column, &numbers, &None).is_empty());
        let nothing = BinaryViewArray::from_iter((0..1000).map(|_| None::<&[u8]>));
        assert!(split(&column, &nothing, &gather::code(&nothing)).is_empty());
    }
}
