//! Dynamic values as text where a text is sought in them: what cannot hold it is not written out.
//!
//! Texts and keys lie in a dynamic value as they are, so that a needle of plain signs, found nowhere in its bytes, stands
//! nowhere in its JSON text either: not across signs of JSON, which the needle does not have, and not in a number, a
//! truth value, a guid or a time, whose texts it does not look like.

use std::sync::Arc;

use aho_corasick::AhoCorasick;
use arrow_array::builder::StringViewBuilder;
use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryViewArray};
use values::{DynamicRef, ScalarType, Value};

use super::Scalar;
use crate::exec::ExecError;
use crate::exec::distinct::Distinct;
use crate::functions::{self, terms};

/// Shorter needles stand in too many values.
const NEEDLE_MIN: usize = 3;

/// A dynamic column as text, empty where a value cannot hold the needle.
#[derive(Debug)]
pub(super) struct Holding {
    pub(super) inner: Box<Scalar>,
    needle: AhoCorasick,
}

impl Holding {
    /// For an operator that is false of the empty text; none where the operator is another, or bytes say nothing about the
    /// needle.
    pub(super) fn new(operator: &str, needle: &Value, inner: Scalar) -> Result<Self, Scalar> {
        let sought = match needle {
            Value::String(needle) if terms::needs_the_text(operator) => plain(needle),
            _ => None,
        };
        let automaton = sought.and_then(|needle| {
            AhoCorasick::builder().ascii_case_insensitive(true).build([needle]).ok()
        });
        match automaton {
            Some(needle) => Ok(Self { inner: Box::new(inner), needle }),
            None => Err(inner),
        }
    }

    /// The texts of a dynamic column.
    pub(super) fn texts(&self, column: &ArrayRef) -> Result<ArrayRef, ExecError> {
        let Some(values) = column.as_binary_view_opt() else {
            return Ok(functions::repeat(&Value::Null, ScalarType::String, column.len()));
        };
        match Distinct::of(values) {
            None => Ok(self.write(values)),
            Some(distinct) => {
                let texts = self.write(&distinct.values);
                distinct.spread(texts, ScalarType::String)
            }
        }
    }

    fn write(&self, values: &BinaryViewArray) -> ArrayRef {
        let mut builder =
            StringViewBuilder::with_capacity(values.len()).with_fixed_block_size(256 * 1024);
        let mut buffer = String::new();
        for value in values {
            match value.filter(|bytes| self.needle.is_match(*bytes)).map(DynamicRef::new) {
                None => builder.append_value(""),
                Some(value) => match value.as_str() {
                    Some(text) => builder.append_value(text),
                    None => {
                        buffer.clear();
                        value.write_text(&mut buffer);
                        builder.append_value(&buffer);
                    }
                },
            }
        }
        Arc::new(builder.finish())
    }
}

/// The part of a needle that must stand in the bytes of a value whose text holds the needle; none where there may be none.
fn plain(needle: &str) -> Option<&str> {
    let sought = needle.get(escape_tail(needle.as_bytes())..)?;
    let structural = |b: u8| b < b' ' || b"{}[],:\"\\".contains(&b);
    let usable = sought.len() >= NEEDLE_MIN
        && needle.bytes().all(|b| b.is_ascii() && !structural(b))
        && !like_a_scalar(sought);
    usable.then_some(sought)
}

/// How much of the needle's beginning may be the end of an escape: of `\n` or `\u001f` only the backslash is left out.
fn escape_tail(needle: &[u8]) -> usize {
    let hex = |at: usize| needle.get(at).is_some_and(u8::is_ascii_hexdigit);
    let is = |at: usize, signs: &[u8]| needle.get(at).is_some_and(|b| signs.contains(b));
    if is(0, b"uU") && is(1, b"0") && is(2, b"0") && is(3, b"01") && hex(4) {
        5
    } else if is(0, b"0") && is(1, b"0") && is(2, b"01") && hex(3) {
        4
    } else if is(0, b"0") && is(1, b"01") && hex(2) {
        3
    } else if is(0, b"01") && hex(1) {
        2
    } else {
        usize::from(hex(0) || is(0, b"nrtbfNRTBF"))
    }
}

/// True where the needle may stand in the text of a number, a truth value, null, a guid, a datetime or a timespan.
fn like_a_scalar(needle: &str) -> bool {
    // letters of true, false, null, nan, infinity, hexadecimal digits, and those of times
    let known = |b: u8| {
        b.is_ascii_digit()
            || b".+-".contains(&b)
            || b"abcdefilnrstuyz".contains(&b.to_ascii_lowercase())
    };
    // without colons between them, no more than one dot stands in any
    needle.bytes().all(known) && needle.bytes().filter(|b| *b == b'.').count() < 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needles_whose_absence_from_the_bytes_says_nothing_are_left_alone() {
        for needle in [
            "true",
            "1234",
            "1.5",
            "2024-01-02",
            "deadbeef",
            "a:b",
            "{\"a",
            "ab\\",
            "größe",
            "ok",
            "Infinity",
            "nul",
        ] {
            assert_eq!(plain(needle), None, "{needle}");
        }
        for (needle, sought) in [
            ("185.246.225.19", "5.246.225.19"),
            ("mimikatz", "mimikatz"),
            ("nowhere", "owhere"),
            ("u001fhidden", "hidden"),
            ("has space", "has space"),
            ("rundll32.exe", "undll32.exe"),
        ] {
            assert_eq!(plain(needle), Some(sought), "{needle}");
        }
    }
}
