//! Text operators without regular expressions: `has`, `contains`, `startswith`, `endswith`, `=~` and their kin.
//!
//! A term is a maximal run of letters and digits. Case-insensitive search folds ASCII on the fly; where letters beyond
//! ASCII are sought, both sides are lowered first.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_array::{Array, BooleanArray, StringViewArray};
use arrow_buffer::BooleanBuffer;
use memchr::memmem;
use values::text::frequency;

use super::Function;
use super::call::{Call, Columnar, TextArg};
use super::support::Answer;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("=~", equal_ignoring_case),
    Function::new("contains", |c| search(c, Where::Anywhere, false)),
    Function::new("contains_cs", |c| search(c, Where::Anywhere, true)),
    Function::new("has", |c| search(c, Where::Term, false)),
    Function::new("has_cs", |c| search(c, Where::Term, true)),
    Function::new("hasprefix", |c| search(c, Where::TermStart, false)),
    Function::new("hasprefix_cs", |c| search(c, Where::TermStart, true)),
    Function::new("hassuffix", |c| search(c, Where::TermEnd, false)),
    Function::new("hassuffix_cs", |c| search(c, Where::TermEnd, true)),
    Function::new("startswith", |c| search(c, Where::Start, false)),
    Function::new("startswith_cs", |c| search(c, Where::Start, true)),
    Function::new("endswith", |c| search(c, Where::End, false)),
    Function::new("endswith_cs", |c| search(c, Where::End, true)),
    Function::new("like", |c| like(c, false)),
    Function::new("like_cs", |c| like(c, true)),
    Function::new("likecs", |c| like(c, true)),
];

/// True of operators that hold only where the whole of their text stands in the other one, in whatever case.
pub(crate) fn needs_the_text(operator: &str) -> bool {
    matches!(
        operator,
        "has"
            | "has_cs"
            | "hasprefix"
            | "hasprefix_cs"
            | "hassuffix"
            | "hassuffix_cs"
            | "contains"
            | "contains_cs"
            | "startswith"
            | "startswith_cs"
            | "endswith"
            | "endswith_cs"
    )
}

/// Where in a text the needle must stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    Anywhere,
    Start,
    End,
    /// Bounded on both sides by the text's end or something that is no letter or digit.
    Term,
    TermStart,
    TermEnd,
}

/// A prepared search for one needle.
pub(crate) struct Needle<'n> {
    place: Where,
    exact: bool,
    /// Lower case unless exact.
    text: Cow<'n, str>,
    finder: memmem::Finder<'n>,
    /// For folding search in bytes: the needle's rarest byte in both cases, and its place.
    rare: (u8, u8, usize),
    /// Lowering the text is needed: the needle has letters beyond ASCII.
    lowered: bool,
}

impl<'n> Needle<'n> {
    /// Prepares a search.
    pub(crate) fn new(needle: &'n str, place: Where, exact: bool) -> Self {
        let text: Cow<'n, str> = if exact || !needle.chars().any(|c| c.is_uppercase()) {
            needle.into()
        } else {
            needle.to_lowercase().into()
        };
        let finder = memmem::Finder::new(text.as_bytes()).into_owned();
        let at = text
            .bytes()
            .enumerate()
            .min_by_key(|(_, byte)| frequency(*byte))
            .map_or(0, |(at, _)| at);
        let byte = text.as_bytes().get(at).copied().unwrap_or_default();
        let rare = (byte, byte.to_ascii_uppercase(), at);
        Self { place, exact, lowered: !exact && !text.is_ascii(), text, finder, rare }
    }

    /// True where the text has the needle in the right place.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        if self.lowered {
            return self.is_in_folded(&text.to_lowercase());
        }
        self.is_in_folded(text)
    }

    fn is_in_folded(&self, text: &str) -> bool {
        let (hay, needle) = (text.as_bytes(), self.text.as_bytes());
        let same = |part: &[u8]| {
            if self.exact || self.lowered {
                part == needle
            } else {
                part.eq_ignore_ascii_case(needle)
            }
        };
        match self.place {
            Where::Start => hay.get(..needle.len()).is_some_and(same),
            Where::End => {
                hay.len().checked_sub(needle.len()).and_then(|at| hay.get(at..)).is_some_and(same)
            }
            _ if needle.is_empty() => true,
            Where::Anywhere => self.next(hay, 0).is_some(),
            Where::Term | Where::TermStart | Where::TermEnd => {
                let mut from = 0;
                while let Some(at) = self.next(hay, from) {
                    if self.bounded(text, at, at + needle.len()) {
                        return true;
                    }
                    from = at + 1;
                }
                false
            }
        }
    }

    /// First place at or after `from` where the needle stands.
    fn next(&self, hay: &[u8], from: usize) -> Option<usize> {
        if self.exact || self.lowered {
            return self.finder.find(hay.get(from..)?).map(|at| at + from);
        }
        let needle = self.text.as_bytes();
        let (low, up, offset) = self.rare;
        let mut at = from + offset;
        loop {
            let rest = hay.get(at..)?;
            let hit =
                if low == up { memchr::memchr(low, rest) } else { memchr::memchr2(low, up, rest) };
            at += hit?;
            let start = at - offset;
            let part = hay.get(start..start.checked_add(needle.len())?)?;
            if part.eq_ignore_ascii_case(needle) {
                return Some(start);
            }
            at += 1;
        }
    }

    /// True where the match does not cut a run of letters and digits, on the sides that matter.
    fn bounded(&self, text: &str, start: usize, end: usize) -> bool {
        let left = self.place == Where::TermEnd || !cuts(text, start);
        left && (self.place == Where::TermStart || !cuts(text, end))
    }
}

/// True where the place lies inside a run of letters and digits.
pub(crate) fn cuts(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let (before, after) = (at.checked_sub(1).and_then(|i| bytes.get(i)), bytes.get(at));
    let (Some(before), Some(after)) = (before, after) else { return false };
    if before.is_ascii() && after.is_ascii() {
        return before.is_ascii_alphanumeric() && after.is_ascii_alphanumeric();
    }
    let (Some(left), Some(right)) = (text.get(..at), text.get(at..)) else { return true };
    left.chars().next_back().is_some_and(char::is_alphanumeric)
        && right.chars().next().is_some_and(char::is_alphanumeric)
}

fn search(call: &Call<'_>, place: Where, exact: bool) -> Answer {
    let (texts, needles) = (call.text(0)?, call.text(1)?);
    let bits = match needles.constant() {
        Some(needle) => {
            let needle = Needle::new(needle, place, exact);
            over(&texts, call.rows, |text| needle.is_in(text))
        }
        None => BooleanBuffer::collect_bool(call.rows, |row| {
            Needle::new(needles.get(row), place, exact).is_in(texts.get(row))
        }),
    };
    Ok(Columnar::Array(Arc::new(BooleanArray::new(bits, None))))
}

/// A test of each text.
fn over(texts: &TextArg<'_>, rows: usize, test: impl Fn(&str) -> bool) -> BooleanBuffer {
    match texts {
        TextArg::Array(column) => over_column(column, test),
        TextArg::Scalar(text) => {
            let hit = test(text);
            BooleanBuffer::collect_bool(rows, |_| hit)
        }
    }
}

fn over_column(column: &StringViewArray, test: impl Fn(&str) -> bool) -> BooleanBuffer {
    BooleanBuffer::collect_bool(column.len(), |row| test(column.value(row)))
}

fn equal_ignoring_case(call: &Call<'_>) -> Answer {
    let (a, b) = (call.text(0)?, call.text(1)?);
    let bits = BooleanBuffer::collect_bool(call.rows, |row| same_folded(a.get(row), b.get(row)));
    Ok(Columnar::Array(Arc::new(BooleanArray::new(bits, None))))
}

/// Equality without regard to case.
pub(crate) fn same_folded(a: &str, b: &str) -> bool {
    if a.is_ascii() || b.is_ascii() {
        return a.eq_ignore_ascii_case(b);
    }
    a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase))
}

/// The old `like`: `*` stands for anything; without one at an end, the text must begin or end so.
fn like(call: &Call<'_>, exact: bool) -> Answer {
    let (texts, patterns) = (call.text(0)?, call.text(1)?);
    call.bools(|row| {
        let (text, pattern) = (texts.get(row), patterns.get(row));
        Some(if exact {
            wildcard(text, pattern)
        } else {
            wildcard(&text.to_lowercase(), &pattern.to_lowercase())
        })
    })
}

fn wildcard(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = text.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    let mut rest = rest;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}
