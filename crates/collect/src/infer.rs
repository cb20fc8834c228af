//! Types of columns from all of their values.

use model::ScalarType;

use crate::cell::{is_blank, text_bool, text_time};
use crate::sink::container;

/// The kinds of value that a column was seen to hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kinds(u8);

impl Kinds {
    pub(crate) const NONE: Self = Self(0);
    pub(crate) const BOOL: Self = Self(1);
    pub(crate) const LONG: Self = Self(2);
    pub(crate) const REAL: Self = Self(4);
    pub(crate) const TIME: Self = Self(8);
    pub(crate) const TEXT: Self = Self(16);
    /// An array or object.
    pub(crate) const CONTAINER: Self = Self(32);

    pub(crate) fn add(&mut self, kind: Self) {
        self.0 |= kind.0;
    }

    /// The narrowest type that holds every value seen; string for a mixture, and for nothing at all.
    pub(crate) const fn ty(self) -> ScalarType {
        match self {
            Self::BOOL => ScalarType::Bool,
            Self::LONG => ScalarType::Long,
            Self::TIME => ScalarType::DateTime,
            Self::CONTAINER => ScalarType::Dynamic,
            Self(kinds) if kinds != 0 && kinds & !(Self::LONG.0 | Self::REAL.0) == 0 => {
                ScalarType::Real
            }
            _ => ScalarType::String,
        }
    }

    /// The kind of a text whose format has texts only. `007` and `+1` are texts: as numbers they would change.
    pub(crate) fn of_text(text: &str) -> Self {
        let text = text.trim_ascii();
        let Some(first) = text.bytes().next().filter(|_| !is_blank(text)) else {
            return Self::NONE;
        };
        match first {
            b'0'..=b'9' | b'-' => Self::of_number(text).unwrap_or_else(|| Self::of_time(text)),
            b'{' | b'[' if container(text).is_some() => Self::CONTAINER,
            b't' | b'T' | b'f' | b'F' if text_bool(text).is_some() => Self::BOOL,
            _ => Self::of_time(text),
        }
    }

    /// The kind of a text whose format has numbers too: a datetime or a text.
    pub(crate) fn of_time(text: &str) -> Self {
        if text.is_empty() {
            Self::NONE
        } else if looks_like_time(text) && text_time(text).is_some() {
            Self::TIME
        } else {
            Self::TEXT
        }
    }

    fn of_number(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let padded = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
        if padded || !digits.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        if text.parse::<i64>().is_ok() {
            return Some(Self::LONG);
        }
        let plain =
            digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-'));
        let decimal = plain && digits.contains(['.', 'e', 'E']);
        (decimal && text.parse::<f64>().is_ok_and(f64::is_finite)).then_some(Self::REAL)
    }
}

/// Only a whole date counts: `2014` and `May 5` stay what they are.
fn looks_like_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digits = bytes.iter().take_while(|b| b.is_ascii_digit()).count();
    match (digits, bytes.get(digits)) {
        (4, Some(b'-')) => bytes.len() >= 10,
        (1 | 2 | 4, Some(b'/')) => bytes.len() >= 8,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use ScalarType::{Bool, DateTime, Dynamic, Long, Real, String};

    use super::*;

    #[test]
    fn types_follow_from_all_values() {
        let cases: &[(&[&str], ScalarType)] = &[
            (&["1", "-2", ""], Long),
            (&["1", "2.5"], Real),
            (&["1e5"], Real),
            (&["0.5", "0"], Real),
            (&["true", "FALSE", ""], Bool),
            (&["true", "1"], String),
            (&["007"], String),
            (&["+1"], String),
            (&["9223372036854775808"], String),
            (&["1", "x"], String),
            (&["2024-02-29"], DateTime),
            (&["2024-02-29T01:02:03Z", "11/16/2020, 11:00:47.500 AM"], DateTime),
            (&["2024-02-30"], String),
            (&["2024"], Long),
            (&["10.0.0.1"], String),
            (&["1-2"], String),
            (&["-"], String),
            (&[r#"{"a":1}"#, "[]"], Dynamic),
            (&["[not json]"], String),
            (&["{", "}"], String),
            (&[], String),
            (&["", " "], String),
            (&["1", "null"], Long),
            (&["3/31/2022, 14:51:35.857 PM"], DateTime),
            (&["nan"], String),
            (&["1e999"], String),
        ];
        for (texts, wanted) in cases {
            let mut kinds = Kinds::NONE;
            texts.iter().for_each(|t| kinds.add(Kinds::of_text(t)));
            assert_eq!(kinds.ty(), *wanted, "{texts:?}");
        }
    }
}
