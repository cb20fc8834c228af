//! `parse` in its simple and relaxed modes: literal pieces with captures between them.

use memchr::memmem::Finder;
use values::{ScalarType, Value};

use super::convert;
use crate::plan::ParsePart;

enum Part {
    Any,
    Text(Box<Finder<'static>>),
    Capture(usize, ScalarType),
}

/// A pattern of literal pieces.
pub(crate) struct Literal {
    parts: Vec<Part>,
    /// A capture that does not convert fails the whole text.
    strict: bool,
}

impl Literal {
    pub(super) fn new(parts: &[ParsePart], types: &[ScalarType], strict: bool) -> Self {
        let mut out: Vec<Part> = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                ParsePart::Any if matches!(out.last(), Some(Part::Any)) => {}
                ParsePart::Any => out.push(Part::Any),
                ParsePart::Text(text) if text.is_empty() => {}
                ParsePart::Text(text) => {
                    out.push(Part::Text(Box::new(Finder::new(text.as_bytes()).into_owned())));
                }
                ParsePart::Capture(at) => {
                    let ty = types.get(*at).copied().unwrap_or(ScalarType::String);
                    out.push(Part::Capture(*at, ty));
                }
            }
        }
        Self { parts: out, strict }
    }

    /// Each literal is looked for from where the one before ended; there is no second try.
    pub(super) fn read(&self, text: &str, out: &mut [Value]) -> bool {
        let mut rest = text;
        let mut parts = self.parts.as_slice();
        loop {
            match parts {
                [] | [Part::Any] => return true,
                [Part::Any, Part::Text(literal), more @ ..] => {
                    let Some((_, after)) = split(rest, literal) else { return false };
                    (rest, parts) = (after, more);
                }
                [Part::Any, more @ ..] => parts = more,
                [Part::Text(literal), more @ ..] => {
                    let Some((before, after)) = split(rest, literal) else { return false };
                    if !before.is_empty() {
                        return false;
                    }
                    (rest, parts) = (after, more);
                }
                [Part::Capture(at, ty), Part::Text(literal), more @ ..] => {
                    let Some((before, after)) = split(rest, literal) else { return false };
                    if !self.capture(before, *at, *ty, out) {
                        return false;
                    }
                    (rest, parts) = (after, more);
                }
                [Part::Capture(at, ty)] => return self.capture(rest, *at, *ty, out),
                [Part::Capture(at, ty), more @ ..] => {
                    let (mine, after) = rest.split_at(length(rest, *ty, more));
                    if !self.capture(mine, *at, *ty, out) {
                        return false;
                    }
                    (rest, parts) = (after, more);
                }
            }
        }
    }

    fn capture(&self, text: &str, at: usize, ty: ScalarType, out: &mut [Value]) -> bool {
        match (convert(text, ty), out.get_mut(at)) {
            (Some(value), Some(slot)) => *slot = value,
            (None, _) if self.strict => return false,
            _ => {}
        }
        true
    }
}

/// The text before the first occurrence of a literal, and after it.
fn split<'t>(text: &'t str, literal: &Finder<'_>) -> Option<(&'t str, &'t str)> {
    let at = literal.find(text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + literal.needle().len()..)?))
}

/// How much of the text a capture takes that no literal ends: a number its digits, anything else all up to the next
/// literal.
fn length(text: &str, ty: ScalarType, more: &[Part]) -> usize {
    if ty.is_numeric() {
        let blanks = text.len() - text.trim_start().len();
        let number = text.get(blanks..).unwrap_or_default();
        let real = matches!(ty, ScalarType::Real | ScalarType::Decimal);
        let digits = number
            .char_indices()
            .find(|(at, c)| {
                !(c.is_ascii_digit() || (*at == 0 && matches!(c, '-' | '+')) || (real && *c == '.'))
            })
            .map_or(number.len(), |(at, _)| at);
        return blanks + digits;
    }
    let next = more.iter().find_map(|part| match part {
        Part::Text(literal) => Some(literal),
        _ => None,
    });
    next.and_then(|literal| literal.find(text.as_bytes())).unwrap_or(text.len())
}
