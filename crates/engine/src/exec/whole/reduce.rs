//! `reduce by text with threshold=0.1, characters="..."`: texts of one shape counted together.
//!
//! Texts with the same number of words are compared word by word: a word that stands in its place in more than the
//! threshold's share of them stays, others become `*`. Texts that look the same then are one row.

use std::collections::HashMap;
use std::sync::Arc;

use model::rows::text;
use model::{Column, Rows, ScalarType, Schema};
use values::Value;

use crate::exec::ExecError;
use crate::functions::EvalContext;
use crate::plan::WholeOperator;

/// One input, whose column `text` is reduced. Fields: Pattern (string), Count (long), Representative (string).
#[derive(Debug)]
pub struct Reduce {
    /// Position of the text column.
    pub text: usize,
    /// Share of texts that must have a word for it to stay; 0.1 by default.
    pub threshold: f64,
    /// Characters that separate words, beside all that are neither letter nor digit.
    pub characters: Arc<str>,
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

impl WholeOperator for Reduce {
    fn run(&self, inputs: &[Rows], _: &EvalContext) -> Result<Rows, ExecError> {
        let mut texts: Vec<&str> = Vec::new();
        for batch in inputs.iter().flat_map(|rows| &rows.batches) {
            if let Some(column) = batch.columns.get(self.text) {
                texts.extend((0..batch.rows).map(|row| text(column, row)));
            }
        }
        let split: Vec<Words<'_>> = texts.iter().map(|t| self.words(t)).collect();
        let mut alike: HashMap<usize, f64> = HashMap::new();
        let mut seen: HashMap<(usize, usize, &str), f64> = HashMap::new();
        for words in &split {
            let length = words.words.len();
            *alike.entry(length).or_default() += 1.0;
            for (at, word) in words.words.iter().enumerate() {
                *seen.entry((length, at, word)).or_default() += 1.0;
            }
        }
        let mut place: HashMap<String, usize> = HashMap::new();
        let mut found: Vec<(String, i64, &str)> = Vec::new();
        for (words, text) in split.iter().zip(&texts) {
            let length = words.words.len();
            let all = alike.get(&length).copied().unwrap_or(1.0);
            let pattern = self.pattern(words, |at, word| {
                seen.get(&(length, at, word)).copied().unwrap_or(0.0) / all > self.threshold
            });
            let at = *place.entry(pattern).or_insert_with_key(|pattern| {
                found.push((pattern.clone(), 0, text));
                found.len() - 1
            });
            if let Some(entry) = found.get_mut(at) {
                entry.1 += 1;
            }
        }
        found.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
        let columns = [
            Column::new("Pattern", ScalarType::String),
            Column::new("Count", ScalarType::Long),
            Column::new("Representative", ScalarType::String),
        ];
        let rows = found.into_iter().map(|(pattern, count, text)| {
            vec![Value::from(pattern), Value::Long(count), Value::from(text)]
        });
        Ok(Rows::from_values(Arc::new(Schema { columns: columns.to_vec() }), rows))
    }
}
