//! `parse-kv`: pairs of keys and values, by delimiters, by words, or by a regular expression.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use regex::Regex;
use values::{ScalarType, Value};

use super::convert;
use crate::exec::ExecError;
use crate::plan::ParseKvOptions;

/// The keys wanted, with their place and type.
type Keys = HashMap<Arc<str>, (usize, ScalarType), ahash::RandomState>;

/// Keys wanted and how pairs are told apart.
pub(crate) struct KeyValues {
    keys: Keys,
    options: ParseKvOptions,
    regex: Option<Regex>,
}

impl KeyValues {
    pub(crate) fn new(
        keys: impl Iterator<Item = (Arc<str>, ScalarType)>,
        options: &ParseKvOptions,
    ) -> Result<Self, ExecError> {
        let regex = options
            .regex
            .as_ref()
            .map(|r| Regex::new(r).map_err(|e| ExecError::Evaluation(format!("parse-kv: {e}"))))
            .transpose()?;
        let keys = keys.enumerate().map(|(at, (key, ty))| (key, (at, ty))).collect();
        Ok(Self { keys, options: options.clone(), regex })
    }

    /// Missing keys stay null; the first value of a key counts.
    pub(super) fn read(&self, text: &str, out: &mut [Value]) -> bool {
        let mut seen = vec![false; out.len()];
        let mut put = |key: &str, value: &str| {
            let Some((at, ty)) = self.keys.get(key) else { return };
            let again = seen.get_mut(*at).is_none_or(|seen| std::mem::replace(seen, true));
            if let Some(slot) = out.get_mut(*at).filter(|_| !again) {
                *slot = convert(value, *ty).unwrap_or_else(|| Value::null_of(*ty));
            }
        };
        if let Some(regex) = &self.regex {
            for pair in regex.captures_iter(text) {
                if let (Some(key), Some(value)) = (pair.get(1), pair.get(2)) {
                    put(key.as_str(), value.as_str());
                }
            }
            return true;
        }
        match (self.options.pair_delimiter.as_deref(), self.options.kv_delimiter.as_deref()) {
            (None, None) => {
                let scanner = Scanner { text, options: &self.options, pair: None, kv: "" };
                scanner.words(&mut put);
            }
            (pair, kv) => {
                let scanner = Scanner { text, options: &self.options, pair, kv: kv.unwrap_or("=") };
                if self.options.greedy {
                    scanner.greedy(&self.keys, &mut put);
                } else {
                    scanner.pairs(&mut put);
                }
            }
        }
        true
    }
}

/// Where a delimiter stands; an empty one stands nowhere.
fn position(text: &str, delimiter: &str) -> Option<usize> {
    match delimiter.as_bytes() {
        [] => None,
        [byte] => memchr::memchr(*byte, text.as_bytes()),
        _ => text.find(delimiter),
    }
}

/// A text, and what its pairs look like.
struct Scanner<'t> {
    text: &'t str,
    options: &'t ParseKvOptions,
    pair: Option<&'t str>,
    kv: &'t str,
}

impl<'t> Scanner<'t> {
    /// Without delimiters: a key is a word, and its value the word or quoted text that follows.
    fn words(&self, put: &mut impl FnMut(&str, &str)) {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let mut rest = self.text;
        let mut before: Option<String> = None;
        while let Some(first) = rest.chars().next() {
            let token = if is_word(first) {
                let (word, after) = rest.split_at(rest.find(|c| !is_word(c)).unwrap_or(rest.len()));
                (word.to_owned(), after)
            } else {
                match self.quoted(rest) {
                    Some(quoted) => quoted,
                    None => {
                        rest = rest.get(first.len_utf8()..).unwrap_or_default();
                        continue;
                    }
                }
            };
            if let Some(key) = before {
                put(&key, &token.0);
            }
            rest = token.1;
            before = Some(token.0);
        }
    }

    /// Pair by pair; quoted keys and values may hold delimiters.
    fn pairs(&self, put: &mut impl FnMut(&str, &str)) {
        let mut rest = self.text;
        loop {
            rest = self.skip(rest);
            if rest.is_empty() {
                return;
            }
            let (key, after) = self.token(rest, self.kv, self.pair);
            let Some(after) = after.strip_prefix(self.kv) else {
                // a pair without value
                rest = self.step(after);
                continue;
            };
            let (value, after) = self.token(after.trim_start(), self.pair.unwrap_or("\0"), None);
            put(key.trim(), &value);
            rest = after;
        }
    }

    /// Past delimiters and blanks.
    fn skip(&self, mut rest: &'t str) -> &'t str {
        loop {
            let trimmed = rest.trim_start();
            let cut = match self.pair.filter(|p| !p.is_empty()) {
                Some(pair) => rest.strip_prefix(pair).or_else(|| trimmed.strip_prefix(pair)),
                None => None,
            };
            match cut {
                Some(cut) => rest = cut,
                None => return trimmed,
            }
        }
    }

    /// One delimiter or, where there is none, one character on.
    fn step(&self, rest: &'t str) -> &'t str {
        match self.pair.and_then(|p| rest.strip_prefix(p)) {
            Some(after) => after,
            None => {
                let mut chars = rest.chars();
                chars.next();
                chars.as_str()
            }
        }
    }

    /// A quoted text, or all up to one of two ends; and what follows.
    fn token(&self, text: &'t str, end: &str, other: Option<&str>) -> (Cow<'t, str>, &'t str) {
        if let Some((quoted, after)) = self.quoted(text) {
            return (quoted.into(), after);
        }
        let first = position(text, end).unwrap_or(text.len());
        let first = other.and_then(|end| position(text, end)).map_or(first, |at| at.min(first));
        let (token, after) = text.split_at(first);
        (token.trim_end().into(), after)
    }

    /// A text in quotes, with escapes resolved.
    fn quoted(&self, text: &'t str) -> Option<(String, &'t str)> {
        let mut chars = text.chars();
        let open = chars.next()?;
        let (_, close) = self.options.quotes.iter().find(|(o, _)| *o == open)?;
        let mut out = String::new();
        let mut escaped = false;
        loop {
            let c = chars.next()?;
            if escaped {
                out.push(c);
                escaped = false;
            } else if Some(c) == self.options.escape {
                escaped = true;
            } else if c == *close {
                return Some((out, chars.as_str()));
            } else {
                out.push(c);
            }
        }
    }

    /// Values reach up to the next key that is wanted or that a delimiter precedes.
    fn greedy(&self, keys: &Keys, put: &mut impl FnMut(&str, &str)) {
        let pair = self.pair.unwrap_or(" ");
        // where each pair's key starts, where its value starts
        let mut starts: Vec<(usize, &str, usize)> = Vec::new();
        let mut from = 0;
        while let Some(at) = self.text.get(from..).and_then(|t| t.find(self.kv)).map(|at| at + from)
        {
            let before = self.text.get(..at).unwrap_or_default();
            let own = |key: &&Arc<str>| {
                before
                    .strip_suffix(&***key)
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with(pair))
            };
            let known = keys.keys().filter(own).max_by_key(|key| key.len());
            let key = match known {
                Some(key) => &**key,
                None => before.rsplit(pair).next().unwrap_or(before),
            };
            let value = at + self.kv.len();
            starts.push((at.saturating_sub(key.len()), key, value));
            from = value;
        }
        for (at, (_, key, value)) in starts.iter().enumerate() {
            let end = starts.get(at + 1).map_or(self.text.len(), |next| next.0);
            let text = self.text.get(*value..end).unwrap_or_default();
            let text = text.strip_suffix(pair).unwrap_or(text).trim();
            match self.quoted(text) {
                Some((quoted, _)) => put(key, &quoted),
                None => put(key, text),
            }
        }
    }
}
