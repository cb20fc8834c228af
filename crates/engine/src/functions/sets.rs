//! Arrays as sets: distinct values, in the order of first occurrence.

use std::collections::HashSet;

use values::DynamicRef;

use super::Function;
use super::call::{Call, DynamicArg, EvalError};
use super::support::Answer;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("set_union", union),
    Function::new("set_intersect", |c| {
        filtered(c, |key, others| others.iter().all(|o| o.contains(key)))
    }),
    Function::new("set_difference", |c| {
        filtered(c, |key, others| !others.iter().any(|o| o.contains(key)))
    }),
    Function::new("set_has_element", has_element),
    Function::new("set_equals", equals),
    Function::new("jaccard_index", jaccard_index),
];

type Keys = HashSet<Vec<u8>, ahash::RandomState>;

fn key(item: DynamicRef<'_>) -> Vec<u8> {
    let mut key = Vec::new();
    item.write_key(&mut key);
    key
}

fn keys(array: Option<DynamicRef<'_>>) -> Keys {
    array.map(|a| a.array().map(key).collect()).unwrap_or_default()
}

/// Members up to which those seen are compared one by one.
const FEW: usize = 16;

/// The members seen in one row, by their keys: a few lie side by side, many are hashed.
#[derive(Default)]
struct Seen {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    many: Keys,
}

impl Seen {
    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.many.clear();
    }

    /// How many different members there are.
    fn count<'d>(&mut self, items: impl Iterator<Item = DynamicRef<'d>>) -> usize {
        self.clear();
        items.map(|item| usize::from(self.insert(item))).sum()
    }

    /// True where the member is new.
    fn insert(&mut self, item: DynamicRef<'_>) -> bool {
        if self.ends.len() >= FEW {
            if self.many.is_empty() {
                let starts = [0].into_iter().chain(self.ends.iter().copied());
                let range = |(start, end): (usize, &usize)| self.bytes.get(start..*end);
                let known = starts.zip(&self.ends).filter_map(range).map(<[u8]>::to_vec);
                self.many = known.collect();
            }
            return self.many.insert(key(item));
        }
        let start = self.bytes.len();
        item.write_key(&mut self.bytes);
        let (known, new) = self.bytes.split_at(start);
        let mut from = 0;
        for end in &self.ends {
            if known.get(from..*end) == Some(new) {
                self.bytes.truncate(start);
                return false;
            }
            from = *end;
        }
        self.ends.push(self.bytes.len());
        true
    }
}

fn all<'c>(call: &'c Call<'_>) -> Result<Vec<DynamicArg<'c>>, EvalError> {
    (0..call.len()).map(|i| call.dynamic(i)).collect()
}

fn union(call: &Call<'_>) -> Answer {
    let arrays = all(call)?;
    let mut seen = Seen::default();
    call.arrays(|row, out| {
        seen.clear();
        let mut any = false;
        for array in arrays.iter().filter_map(|a| a.array(row)) {
            any = true;
            array.array().filter(|i| seen.insert(*i)).for_each(|i| out.dynamic(i));
        }
        any.then_some(())
    })
}

fn filtered(call: &Call<'_>, keep: fn(&Vec<u8>, &[Keys]) -> bool) -> Answer {
    let arrays = all(call)?;
    call.arrays(|row, out| {
        let (first, others) = arrays.split_first()?;
        let others: Vec<Keys> = others.iter().map(|o| keys(o.array(row))).collect();
        let mut seen = Keys::default();
        let kept = first.array(row)?.array().filter(|item| {
            let key = key(*item);
            keep(&key, &others) && seen.insert(key)
        });
        kept.for_each(|item| out.dynamic(item));
        Some(())
    })
}

fn has_element(call: &Call<'_>) -> Answer {
    let arrays = call.dynamic(0)?;
    call.bools(|row| {
        let wanted = values::Dynamic::from_value(&call.value(1, row));
        Some(arrays.array(row)?.array().any(|item| item == wanted.as_ref()))
    })
}

fn equals(call: &Call<'_>) -> Answer {
    let (a, b) = (call.dynamic(0)?, call.dynamic(1)?);
    call.bools(|row| Some(keys(Some(a.array(row)?)) == keys(Some(b.array(row)?))))
}

fn jaccard_index(call: &Call<'_>) -> Answer {
    let (a, b) = (call.dynamic(0)?, call.dynamic(1)?);
    let (mut of_a, mut of_b, mut of_both) = (Seen::default(), Seen::default(), Seen::default());
    call.built(|row, out| {
        let (a, b) = (a.array(row)?, b.array(row)?);
        let (in_a, in_b) = (of_a.count(a.array()), of_b.count(b.array()));
        let total = of_both.count(a.array().chain(b.array()));
        let shared = (in_a + in_b).saturating_sub(total);
        out.real(shared as f64 / total as f64);
        Some(())
    })
}
