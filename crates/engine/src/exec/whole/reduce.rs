//! `reduce by text with threshold=0.1, characters="..."`: texts of one shape counted together.
//!
//! Texts with the same separators are compared word by word: those that share at least the threshold's part of their words
//! are one row. Words in which they differ become `*`, and so do those that stand in their place in no more than the
//! threshold's share of all texts with as many words; texts of which no word stays are the row `others`.

use std::collections::HashMap;
use std::sync::Arc;

use model::rows::text;
use model::{Column, Rows, ScalarType, Schema};
use values::Value;

use crate::exec::ExecError;
use crate::functions::EvalContext;
use crate::plan::WholeOperator;

/// One input, whose column `text` is reduced. Fields: Pattern (string), Count (long), Representative (string); with
/// `source` the other columns of the input before them, one row for each of its rows.
#[derive(Debug)]
pub struct Reduce {
    /// Position of the text column.
    pub text: usize,
    /// Part of their words that texts of one row share, and share of texts that must have a word for it to stay.
    pub threshold: f64,
    /// Characters that separate words, beside all that are neither letter nor digit.
    pub characters: Arc<str>,
    /// Rows are kept and get their pattern.
    pub source: bool,
}

/// The pattern of texts that share no word.
const OTHERS: &str = "others";

/// Most groups of one shape that further texts are compared with.
const GROUPS_MAX: usize = 1_000;

/// A pattern, how many texts have it, and one of them.
struct Found<'t> {
    pattern: String,
    count: i64,
    representative: &'t str,
}

/// A text as words and what stands between them: one separator more than words.
struct Words<'t> {
    words: Vec<&'t str>,
    between: Vec<&'t str>,
}

impl Reduce {
    fn separates(&self, c: char) -> bool {
        !c.is_alphanumeric() || self.characters.contains(c)
    }

    fn words<'t>(&self, text: &'t str) -> Words<'t> {
        let mut words = Words { words: Vec::new(), between: Vec::new() };
        let mut rest = text;
        loop {
            let start = rest.find(|c| !self.separates(c)).unwrap_or(rest.len());
            let (between, after) = rest.split_at(start);
            words.between.push(between);
            if after.is_empty() {
                return words;
            }
            let end = after.find(|c| self.separates(c)).unwrap_or(after.len());
            let (word, next) = after.split_at(end);
            words.words.push(word);
            rest = next;
        }
    }

    /// The text with rare words as stars; separators given by the query vanish beside a star.
    fn pattern(&self, words: &Words<'_>, stays: impl Fn(usize, &str) -> bool) -> String {
        let mut pattern = String::new();
        let mut star = false;
        for (at, between) in words.between.iter().enumerate() {
            let word = words.words.get(at).copied();
            let next = word.is_some_and(|word| !stays(at, word));
            let given = !between.is_empty() && between.chars().all(|c| self.characters.contains(c));
            if !(given && (star || next)) {
                pattern.push_str(between);
            }
            match word {
                Some(_) if next && !pattern.ends_with('*') => {
                    pattern.push('*');
                }
                Some(word) => pattern.push_str(word),
                None => {}
            }
            star = next;
        }
        pattern
    }
}

/// Texts that resemble the first of them.
struct Group<'t> {
    first: &'t str,
    words: Words<'t>,
    /// At which words its texts are not equal.
    differs: Vec<bool>,
    count: i64,
}

impl<'t> Group<'t> {
    fn new(first: &'t str, words: Words<'t>) -> Self {
        Self { first, differs: vec![false; words.words.len()], words, count: 0 }
    }

    /// How many words a text shares in their places.
    fn shared(&self, words: &Words<'_>) -> usize {
        self.words.words.iter().zip(&words.words).filter(|(a, b)| a == b).count()
    }

    fn take(&mut self, words: &Words<'_>) {
        let pairs = self.words.words.iter().zip(&words.words);
        for (differs, (own, other)) in self.differs.iter_mut().zip(pairs) {
            *differs |= own != other;
        }
    }
}

/// How many of the texts with so many words have a word in a place.
#[derive(Default)]
struct Shares<'t> {
    alike: HashMap<usize, f64>,
    seen: HashMap<(usize, usize, &'t str), f64>,
}

impl<'t> Shares<'t> {
    fn count(&mut self, words: &[&'t str]) {
        *self.alike.entry(words.len()).or_default() += 1.0;
        for (at, word) in words.iter().enumerate() {
            *self.seen.entry((words.len(), at, word)).or_default() += 1.0;
        }
    }

    fn of(&self, length: usize, at: usize, word: &str) -> f64 {
        let all = self.alike.get(&length).copied().unwrap_or(1.0);
        self.seen.get(&(length, at, word)).copied().unwrap_or(0.0) / all
    }
}

impl Reduce {
    /// Texts in groups, in order of first appearance, and which of them each text is in.
    fn groups<'t>(&self, texts: &[&'t str]) -> (Vec<Group<'t>>, Vec<usize>, Shares<'t>) {
        let mut groups: Vec<Group<'t>> = Vec::new();
        let mut of_text = Vec::with_capacity(texts.len());
        let mut shares = Shares::default();
        let mut known: HashMap<&str, usize> = HashMap::new();
        // groups of texts with the same separators
        let mut of_shape: HashMap<Vec<&str>, Vec<usize>> = HashMap::new();
        for text in texts {
            let words = self.words(text);
            shares.count(&words.words);
            let at = match known.get(text) {
                Some(at) => *at,
                None => {
                    let near = of_shape.entry(words.between.clone()).or_default();
                    let at = self.nearest(&groups, near, &words).unwrap_or(groups.len());
                    match groups.get_mut(at) {
                        Some(group) => group.take(&words),
                        None => {
                            if near.len() < GROUPS_MAX {
                                near.push(at);
                            }
                            groups.push(Group::new(text, words));
                        }
                    }
                    known.insert(text, at);
                    at
                }
            };
            if let Some(group) = groups.get_mut(at) {
                group.count += 1;
            }
            of_text.push(at);
        }
        (groups, of_text, shares)
    }

    /// The group whose first text shares most words, and enough of them.
    fn nearest(&self, groups: &[Group<'_>], near: &[usize], words: &Words<'_>) -> Option<usize> {
        let shared = near.iter().filter_map(|at| Some((*at, groups.get(*at)?.shared(words))));
        let least = self.threshold * words.words.len() as f64;
        let fitting = shared.filter(|(_, shared)| *shared > 0 && *shared as f64 >= least);
        fitting.max_by_key(|(at, shared)| (*shared, std::cmp::Reverse(*at))).map(|(at, _)| at)
    }

    /// The patterns in order of first appearance, and which of them each text has.
    fn patterns<'t>(&self, texts: &[&'t str]) -> (Vec<Found<'t>>, Vec<usize>) {
        let (groups, mut of_text, shares) = self.groups(texts);
        let mut found: Vec<Found<'t>> = Vec::with_capacity(groups.len());
        let mut others = None;
        let mut place = Vec::with_capacity(groups.len());
        for group in &groups {
            let length = group.words.words.len();
            let pattern = self.pattern(&group.words, |at, word| {
                let same = !group.differs.get(at).copied().unwrap_or(true);
                same && shares.of(length, at, word) > self.threshold
            });
            let empty = length > 0 && pattern.chars().all(|c| c == '*' || self.separates(c));
            let at = match others.filter(|_| empty) {
                Some(at) => at,
                None => {
                    let (pattern, representative) =
                        if empty { (OTHERS.to_owned(), "") } else { (pattern, group.first) };
                    found.push(Found { pattern, count: 0, representative });
                    found.len() - 1
                }
            };
            if empty {
                others = Some(at);
            }
            if let Some(entry) = found.get_mut(at) {
                entry.count += group.count;
            }
            place.push(at);
        }
        for at in &mut of_text {
            *at = place.get(*at).copied().unwrap_or_default();
        }
        (found, of_text)
    }
}

impl Found<'_> {
    fn cells(&self) -> [Value; 3] {
        [
            Value::from(self.pattern.as_str()),
            Value::Long(self.count),
            Value::from(self.representative),
        ]
    }
}

impl WholeOperator for Reduce {
    fn run(&self, inputs: &[Rows], _: &EvalContext, _: usize) -> Result<Rows, ExecError> {
        let Some(input) = inputs.first() else { return Ok(Rows::default()) };
        let mut texts: Vec<&str> = Vec::new();
        for batch in &input.batches {
            if let Some(column) = batch.columns.get(self.text) {
                texts.extend((0..batch.rows).map(|row| text(column, row)));
            }
        }
        let (mut found, of_text) = self.patterns(&texts);
        let own = [
            Column::new("Pattern", ScalarType::String),
            Column::new("Count", ScalarType::Long),
            Column::new("Representative", ScalarType::String),
        ];
        if self.source {
            let kept = input.schema.columns.iter().take(self.text).cloned();
            let schema = Arc::new(Schema { columns: kept.chain(own).collect() });
            let rows = input.values().zip(of_text).map(|(mut row, at)| {
                row.truncate(self.text);
                row.extend(found.get(at).into_iter().flat_map(Found::cells));
                row
            });
            return Ok(Rows::from_values(schema, rows));
        }
        found.sort_by_key(|f| std::cmp::Reverse(f.count));
        let rows = found.iter().map(|f| f.cells().to_vec());
        Ok(Rows::from_values(Arc::new(Schema { columns: own.to_vec() }), rows))
    }
}
