//! `diffpatterns_text(text, condition, min_tokens, threshold, max_tokens)`: runs of words, some of them `*`, whose share
//! differs between the rows for which a condition holds and the others.
//!
//! Every window of words becomes a candidate: as it stands, and with the words in it that are rare replaced by stars.
//! What differs enough and lies in no larger one with the same rows is shown.

use std::collections::{HashMap, HashSet};

use arrow_array::Array;
use arrow_array::cast::AsArray;
use model::rows::text;
use model::{Column, Rows, ScalarType, Value};

use super::patterns::number;
use crate::plugins::PluginCall;
use crate::plugins::support::{Growing, whole};

/// Most candidates held.
const CANDIDATES_MAX: usize = 200_000;

/// Most patterns shown.
const SHOWN_MAX: usize = 100;

/// Rows of both sides that have a pattern.
#[derive(Clone, Copy, Default, PartialEq)]
struct Counts {
    yes: f64,
    no: f64,
}

impl Counts {
    fn add(&mut self, side: bool) {
        if side {
            self.yes += 1.0;
        } else {
            self.no += 1.0;
        }
    }

    /// Shares of both sides.
    fn shares(self, all: Self) -> (f64, f64) {
        let of = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        (of(self.yes, all.yes), of(self.no, all.no))
    }

    fn difference(self, all: Self) -> f64 {
        let (yes, no) = self.shares(all);
        (yes - no).abs()
    }
}

pub(in crate::plugins) fn run(call: &PluginCall<'_>) -> Result<Rows, String> {
    let column = call.column(0, "TextColumn")?;
    let condition = call.column(1, "BooleanCondition")?;
    let least = number(call, 2, "MinTokens", 1.0).clamp(1.0, 200.0) as usize;
    let threshold = number(call, 3, "Threshold", 0.05).clamp(0.015, 1.0);
    let most = number(call, 4, "MaxTokens", 10.0).clamp(1.0, 20.0) as usize;
    let batch = whole(call.rows)?;
    let texts = batch.columns.get(column).ok_or("the text column is missing")?;
    let bools = batch.columns.get(condition).and_then(|c| c.as_boolean_opt());
    let mut rows: Vec<(Vec<&str>, bool)> = Vec::with_capacity(batch.rows);
    let mut all = Counts::default();
    for row in 0..batch.rows {
        let side = bools.is_some_and(|b| b.is_valid(row) && b.value(row));
        all.add(side);
        rows.push((text(texts, row).split_whitespace().collect(), side));
    }
    let frequent = frequent_words(&rows, all, threshold);
    let candidates = candidates(&rows, &frequent, (least, most));
    let mut found: Vec<(Vec<&str>, Counts)> =
        candidates.into_iter().filter(|(_, c)| c.difference(all) >= threshold).collect();
    let fixed = |p: &[&str]| p.iter().filter(|w| **w != "*").count();
    found.sort_by(|a, b| {
        let difference = b.1.difference(all).total_cmp(&a.1.difference(all));
        difference.then_with(|| fixed(&b.0).cmp(&fixed(&a.0))).then_with(|| a.0.cmp(&b.0))
    });
    let mut out = Growing::new(vec![
        Column::new("Count_of_True", ScalarType::Long),
        Column::new("Count_of_False", ScalarType::Long),
        Column::new("Percent_of_True", ScalarType::Real),
        Column::new("Percent_of_False", ScalarType::Real),
        Column::new("Pattern", ScalarType::String),
    ]);
    let mut shown: Vec<(Vec<&str>, Counts)> = Vec::new();
    for (pattern, counts) in found {
        if shown.len() >= SHOWN_MAX {
            break;
        }
        let inside = shown.iter().any(|(s, c)| *c == counts && contains(s, &pattern));
        if !inside {
            let (yes, no) = counts.shares(all);
            let percent = |share: f64| Value::Real((share * 10_000.0).round() / 100.0);
            out.push(vec![
                Value::Long(counts.yes as i64),
                Value::Long(counts.no as i64),
                percent(yes),
                percent(no),
                Value::from(pattern.join(" ")),
            ]);
            shown.push((pattern, counts));
        }
    }
    Ok(out.finish())
}

/// Words that enough rows of one side have.
fn frequent_words<'t>(
    rows: &[(Vec<&'t str>, bool)],
    all: Counts,
    threshold: f64,
) -> HashSet<&'t str> {
    let mut counts: HashMap<&str, Counts> = HashMap::new();
    for (words, side) in rows {
        let own: HashSet<&str> = words.iter().copied().collect();
        for word in own {
            counts.entry(word).or_default().add(*side);
        }
    }
    let enough = |c: &Counts| {
        let (yes, no) = c.shares(all);
        yes >= threshold || no >= threshold
    };
    counts.into_iter().filter(|(_, c)| enough(c)).map(|(word, _)| word).collect()
}

/// Windows of words with rare ones as stars, and how many rows have each.
fn candidates<'t>(
    rows: &[(Vec<&'t str>, bool)],
    frequent: &HashSet<&'t str>,
    (least, most): (usize, usize),
) -> HashMap<Vec<&'t str>, Counts> {
    let mut candidates: HashMap<Vec<&str>, Counts> = HashMap::new();
    for (words, side) in rows {
        let stars: Vec<&str> =
            words.iter().map(|w| if frequent.contains(w) { *w } else { "*" }).collect();
        let mut own: HashSet<&[&str]> = HashSet::new();
        for start in 0..stars.len() {
            for end in start + least..=(start + most).min(stars.len()) {
                let Some(window) = stars.get(start..end) else { continue };
                let edges = window.first() != Some(&"*") && window.last() != Some(&"*");
                if edges && window.iter().filter(|w| **w != "*").count() >= least {
                    own.insert(window);
                }
            }
        }
        for window in own {
            if let Some(counts) = candidates.get_mut(window) {
                counts.add(*side);
            } else if candidates.len() < CANDIDATES_MAX {
                let mut counts = Counts::default();
                counts.add(*side);
                candidates.insert(window.to_vec(), counts);
            }
        }
    }
    candidates
}

/// True when the one is a part of the other.
fn contains(large: &[&str], small: &[&str]) -> bool {
    large.windows(small.len().max(1)).any(|window| window == small)
}
