//! `reduce by text with threshold=0.1, characters="..."`: texts of one shape counted together.
//!
//! Texts with the same number of words are compared word by word: a word that stands in its place in more than the
//! threshold's share of them stays, others become `*`. Texts that look the same then are one row; those of which no
//! word stays are the row `others`.

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
    /// Share of texts that must have a word for it to stay; 0.1 by default.
    pub threshold: f64,
    /// Characters that separate words, beside all that are neither letter nor digit.
    pub characters: Arc<str>,
    /// Rows are kept and get their pattern.
    pub source: bool,
}

/// The pattern of texts that share no word.
const OTHERS: &str = "others";

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

impl Reduce {
    /// The patterns in order of first appearance, and which of them each text has.
    fn patterns<'t>(&self, texts: &[&'t str]) -> (Vec<Found<'t>>, Vec<usize>) {
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
        let mut found: Vec<Found<'t>> = Vec::new();
        let mut of_text = Vec::with_capacity(texts.len());
        for (words, text) in split.iter().zip(texts) {
            let length = words.words.len();
            let all = alike.get(&length).copied().unwrap_or(1.0);
            let mut representative = *text;
            let mut pattern = self.pattern(words, |at, word| {
                seen.get(&(length, at, word)).copied().unwrap_or(0.0) / all > self.threshold
            });
            if length > 0 && pattern.chars().all(|c| c == '*' || self.separates(c)) {
                OTHERS.clone_into(&mut pattern);
                representative = "";
            }
            let at = *place.entry(pattern).or_insert_with_key(|pattern| {
                found.push(Found { pattern: pattern.clone(), count: 0, representative });
                found.len() - 1
            });
            if let Some(entry) = found.get_mut(at) {
                entry.count += 1;
            }
            of_text.push(at);
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
