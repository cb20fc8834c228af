//! `in`, `in~`, `has_any`, `has_all`.

use std::sync::Arc;

use aho_corasick::AhoCorasick;
use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, BooleanArray};
use arrow_buffer::BooleanBuffer;
use hashbrown::{HashSet, HashTable};
use model::rows::{cell, text};
use values::{Dynamic, ScalarType, Value};

use super::{Input, Scalar};
use crate::exec::ExecError;
use crate::functions::{Columnar, EvalContext};
use crate::plan::Matching;

/// Membership of a value in a set.
#[derive(Debug)]
pub(super) struct InSet {
    value: Box<Scalar>,
    members: Members,
    negated: bool,
}

#[derive(Debug)]
enum Members {
    /// Integers, and datetimes and timespans in ticks.
    Longs(HashSet<i64, ahash::RandomState>),
    Texts {
        set: Texts,
        fold: bool,
    },
    Terms(Terms),
    Values(Vec<Value>),
    /// Other columns, per row.
    Rows {
        exprs: Vec<Scalar>,
        matching: Matching,
    },
}

impl InSet {
    /// Over constants.
    pub(super) fn of_values(
        value: Scalar,
        values: &[Value],
        matching: Matching,
        negated: bool,
    ) -> Result<Self, ExecError> {
        let texts = values.iter().filter_map(Value::as_str);
        let members = match (matching, value.ty) {
            (Matching::HasAny | Matching::HasAll, _) => {
                Members::Terms(Terms::new(texts, matching == Matching::HasAll)?)
            }
            (_, ScalarType::String) => {
                let fold = matching == Matching::IgnoreCase;
                let text = |t: &str| if fold { t.to_lowercase().into() } else { t.into() };
                Members::Texts { set: Texts::new(texts.map(text).collect()), fold }
            }
            (
                _,
                ScalarType::Int | ScalarType::Long | ScalarType::DateTime | ScalarType::TimeSpan,
            ) => Members::Longs(values.iter().filter_map(ticks).collect()),
            _ => Members::Values(values.iter().filter(|v| !v.is_null()).cloned().collect()),
        };
        Ok(Self { value: Box::new(value), members, negated })
    }

    /// Over expressions.
    pub(super) fn of_rows(
        value: Scalar,
        exprs: Vec<Scalar>,
        matching: Matching,
        negated: bool,
    ) -> Self {
        Self { value: Box::new(value), members: Members::Rows { exprs, matching }, negated }
    }

    /// True for numbers among numbers.
    pub(super) fn is_plain(&self) -> bool {
        matches!(self.members, Members::Longs(_)) && self.value.is_plain()
    }

    pub(super) fn cost(&self, input: &Input<'_>) -> usize {
        let own = match self.members {
            Members::Longs(_) => 2,
            Members::Texts { .. } => 8,
            _ => 30,
        };
        own + self.value.cost(input)
    }

    pub(super) fn eval(
        &self,
        input: &Input<'_>,
        context: &EvalContext,
    ) -> Result<Columnar, ExecError> {
        let rows = input.rows();
        let value = self.value.eval(input, context)?;
        let constant = matches!(value, Columnar::Scalar(_));
        if constant && !matches!(self.members, Members::Rows { .. }) {
            let one = value.into_array(self.value.ty, 1);
            let hit = self.test(&one)?.value(0);
            return Ok(Columnar::Scalar(Value::Bool(hit != self.negated)));
        }
        let column = value.into_array(self.value.ty, rows);
        let hits = match &self.members {
            Members::Rows { exprs, matching } => {
                let sets = exprs
                    .iter()
                    .map(|e| Ok((e.eval(input, context)?, e.ty)))
                    .collect::<Result<Vec<_>, ExecError>>()?;
                let ty = self.value.ty;
                BooleanBuffer::collect_bool(rows, |row| {
                    let wanted = cell(&column, ty, row);
                    row_matches(&wanted, sets.iter().map(|(c, ty)| c.value(*ty, row)), *matching)
                })
            }
            _ => self.test(&column)?,
        };
        let hits = if self.negated { !&hits } else { hits };
        Ok(Columnar::Array(Arc::new(BooleanArray::new(hits, None))))
    }

    /// Which rows of the column are members; null is none.
    fn test(&self, column: &ArrayRef) -> Result<BooleanBuffer, ExecError> {
        let rows = column.len();
        Ok(match &self.members {
            Members::Longs(set) => {
                let valid = |row| column.is_valid(row);
                if let Some(longs) = column.as_primitive_opt::<Int64Type>() {
                    BooleanBuffer::collect_bool(rows, |r| valid(r) && set.contains(&longs.value(r)))
                } else if let Some(ints) = column.as_primitive_opt::<Int32Type>() {
                    BooleanBuffer::collect_bool(rows, |r| {
                        valid(r) && set.contains(&i64::from(ints.value(r)))
                    })
                } else {
                    BooleanBuffer::new_unset(rows)
                }
            }
            Members::Texts { set, fold: false } => match column.as_string_view_opt() {
                // a null is the empty text, and so is what its place holds
                Some(views) => {
                    BooleanBuffer::collect_bool(rows, |row| set.contains(views.value(row)))
                }
                None => BooleanBuffer::collect_bool(rows, |row| set.contains(text(column, row))),
            },
            Members::Texts { set, fold: true } => {
                let mut lower = String::new();
                BooleanBuffer::collect_bool(rows, |row| {
                    fold_into(text(column, row), &mut lower);
                    set.contains(lower.as_str())
                })
            }
            Members::Terms(terms) => {
                let mut seen = Vec::new();
                BooleanBuffer::collect_bool(rows, |row| terms.test(text(column, row), &mut seen))
            }
            Members::Values(values) => BooleanBuffer::collect_bool(rows, |row| {
                let wanted = cell(column, self.value.ty, row);
                values.iter().any(|v| same(&wanted, v, false))
            }),
            Members::Rows { .. } => BooleanBuffer::new_unset(rows),
        })
    }
}

fn ticks(value: &Value) -> Option<i64> {
    match value {
        Value::DateTime(v) => Some(v.ticks()),
        Value::TimeSpan(v) => Some(v.ticks()),
        _ => value.as_i64(),
    }
}

/// The text in lower case, into a buffer that is used again.
pub(super) fn fold_into(text: &str, out: &mut String) {
    out.clear();
    if text.is_ascii() {
        out.push_str(text);
        out.make_ascii_lowercase();
    } else {
        out.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// Membership where the set changes from row to row; arrays count by their elements.
fn row_matches(wanted: &Value, set: impl Iterator<Item = Value>, matching: Matching) -> bool {
    let members = flatten(set);
    match matching {
        Matching::Exact => members.iter().any(|m| same(wanted, m, false)),
        Matching::IgnoreCase => members.iter().any(|m| same(wanted, m, true)),
        Matching::HasAny | Matching::HasAll => {
            let texts: Vec<String> = members.iter().map(ToString::to_string).collect();
            let all = matching == Matching::HasAll;
            Terms::new(texts.iter().map(String::as_str), all)
                .is_ok_and(|terms| terms.test(&wanted.to_string(), &mut Vec::new()))
        }
    }
}

/// Values, with the elements of dynamic arrays in the place of the arrays.
pub(crate) fn flatten(values: impl Iterator<Item = Value>) -> Vec<Value> {
    let mut flat = Vec::new();
    for value in values {
        match &value {
            Value::Dynamic(d) if d.as_ref().kind() == values::dynamic::Kind::Array => {
                flat.extend(d.as_ref().array().map(|item| item.to_scalar()));
            }
            Value::Null => {}
            _ => flat.push(value),
        }
    }
    flat
}

/// Equality of cells that may be of different types; null equals nothing.
fn same(a: &Value, b: &Value, fold: bool) -> bool {
    let scalar = |v: &Value| match v {
        Value::Dynamic(d) if !d.as_ref().is_container() => d.as_ref().to_scalar(),
        v => v.clone(),
    };
    match (scalar(a), scalar(b)) {
        (Value::Null, _) | (_, Value::Null) => false,
        (Value::String(a), Value::String(b)) if fold => {
            a == b || a.to_lowercase() == b.to_lowercase()
        }
        (Value::Dynamic(a), Value::Dynamic(b)) => equal_dynamics(&a, &b),
        (a, b) => {
            let comparable = a.scalar_type() == b.scalar_type()
                || (a.as_f64().is_some() && b.as_f64().is_some());
            comparable && a.total_cmp(&b).is_eq()
        }
    }
}

fn equal_dynamics(a: &Dynamic, b: &Dynamic) -> bool {
    a.as_ref().compare(b.as_ref()).is_eq()
}

/// A set of texts behind a sieve: what is not in it is mostly known from one bit.
#[derive(Debug)]
struct Texts {
    texts: HashTable<Box<str>>,
    hasher: ahash::RandomState,
    /// A bit for each hash that some text has.
    sieve: Vec<u64>,
}

/// The first and the last eight bytes, which overlap in short texts.
#[inline]
fn ends(bytes: &[u8]) -> (u64, u64) {
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (u64::from_le_bytes(*first), u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        return (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)));
    }
    let all = bytes.iter().fold(0, |all, byte| all << 8 | u64::from(*byte));
    (all, 0)
}

impl Texts {
    fn new(texts: Vec<Box<str>>) -> Self {
        let hasher = ahash::RandomState::new();
        let words = (texts.len() / 4).next_power_of_two().max(1); // sixteen bits a text or more
        let mut set = Self { texts: HashTable::new(), sieve: vec![0; words], hasher };
        for text in texts {
            let hash = set.hasher.hash_one(&*text);
            let (word, bit) = set.place(&text);
            if let Some(word) = set.sieve.get_mut(word) {
                *word |= bit;
            }
            if set.texts.find(hash, |known| *known == text).is_none() {
                let hasher = &set.hasher;
                set.texts.insert_unique(hash, text, |text| hasher.hash_one(&**text));
            }
        }
        set
    }

    /// The bit of a text: of its ends and its length, which tell apart what is mostly looked for (addresses, names).
    #[inline]
    fn place(&self, text: &str) -> (usize, u64) {
        let (first, last) = ends(text.as_bytes());
        let product = u128::from(first ^ 0x9e37_79b9_7f4a_7c15)
            * u128::from(last ^ text.len() as u64 ^ 0xd6e8_feb8_6659_fd93);
        let folded = (product as u64) ^ ((product >> 64) as u64);
        ((folded >> 6) as usize & (self.sieve.len() - 1), 1 << (folded & 63))
    }

    #[inline]
    fn contains(&self, text: &str) -> bool {
        let (word, bit) = self.place(text);
        self.sieve.get(word).is_some_and(|word| word & bit != 0) && self.holds(text)
    }

    fn holds(&self, text: &str) -> bool {
        self.texts.find(self.hasher.hash_one(text), |known| **known == *text).is_some()
    }
}

/// Whole terms to be found in a text, without regard to case.
#[derive(Debug)]
struct Terms {
    automaton: AhoCorasick,
    count: usize,
    all: bool,
    /// Some needle is not ASCII: texts are folded before the search.
    fold: bool,
    /// An empty needle stands in every text.
    empty: bool,
}

impl Terms {
    fn new<'t>(needles: impl Iterator<Item = &'t str>, all: bool) -> Result<Self, ExecError> {
        let mut folded: Vec<String> = needles.map(str::to_lowercase).collect();
        folded.sort_unstable();
        folded.dedup();
        let empty = folded.first().is_some_and(String::is_empty);
        folded.retain(|n| !n.is_empty());
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(&folded)
            .map_err(|e| ExecError::Evaluation(format!("has_any/has_all: {e}")))?;
        let fold = folded.iter().any(|n| !n.is_ascii());
        Ok(Self { automaton, count: folded.len(), all, fold, empty })
    }

    fn test(&self, text: &str, seen: &mut Vec<bool>) -> bool {
        if self.count == 0 || (self.empty && !self.all) {
            return self.empty;
        }
        if self.fold && !text.is_ascii() {
            return self.search(&text.to_lowercase(), seen);
        }
        self.search(text, seen)
    }

    fn search(&self, text: &str, seen: &mut Vec<bool>) -> bool {
        let mut hits =
            self.automaton.find_overlapping_iter(text).filter(|m| whole(text, m.start(), m.end()));
        if !self.all {
            return hits.next().is_some();
        }
        seen.clear();
        seen.resize(self.count, false);
        let mut found = 0;
        for hit in hits {
            if let Some(slot) = seen.get_mut(hit.pattern().as_usize()) {
                found += usize::from(!*slot);
                *slot = true;
            }
            if found == self.count {
                return true;
            }
        }
        false
    }
}

/// True where the match from `start` to `end` does not cut a run of letters and digits.
fn whole(text: &str, start: usize, end: usize) -> bool {
    let cut = |a: Option<char>, b: Option<char>| {
        a.is_some_and(char::is_alphanumeric) && b.is_some_and(char::is_alphanumeric)
    };
    let (Some(before), Some(inside), Some(after)) =
        (text.get(..start), text.get(start..end), text.get(end..))
    else {
        return false;
    };
    !cut(before.chars().next_back(), inside.chars().next())
        && !cut(inside.chars().next_back(), after.chars().next())
}
