//! What could not be kept as it came.

use std::sync::Arc;

/// Problems kept one by one; beyond that they are only counted.
const KEPT_MAX: usize = 1000;
/// Longest piece of data quoted in a message, in bytes.
const QUOTE_MAX: usize = 120;

/// What went wrong with a record or a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProblemCode {
    /// A field that the table has no column for: left out.
    UnknownField,
    /// A value that is not of its column's type: null instead.
    TypeMismatch,
    /// A second value for a column in one record: left out.
    DuplicateField,
    /// More cells than columns: the rest is left out.
    ExtraField,
    /// Fewer cells than columns: null instead.
    MissingField,
    /// An array element or line that is no record: left out.
    NotARecord,
    /// A record that cannot be read: left out.
    Unreadable,
    /// A value deeper or longer than can be kept: cut off.
    Truncated,
    /// Bytes that are no text in the encoding of the file: replaced by U+FFFD.
    Replaced,
    /// A column's name that cannot stay: renamed. Nothing is lost.
    Renamed,
    /// Two columns whose names differ only in case: both are kept.
    CaseOnly,
}

impl ProblemCode {
    /// The name by which APIs and reports tell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnknownField => "UnknownField",
            Self::TypeMismatch => "TypeMismatch",
            Self::DuplicateField => "DuplicateField",
            Self::ExtraField => "ExtraField",
            Self::MissingField => "MissingField",
            Self::NotARecord => "NotARecord",
            Self::Unreadable => "Unreadable",
            Self::Truncated => "Truncated",
            Self::Replaced => "Replaced",
            Self::Renamed => "Renamed",
            Self::CaseOnly => "CaseOnly",
        }
    }

    /// True when data is missing from the rows because of it.
    pub const fn is_loss(self) -> bool {
        !matches!(self, Self::MissingField | Self::Renamed | Self::CaseOnly)
    }

    /// True when a whole record is missing from the rows because of it.
    pub const fn is_lost_record(self) -> bool {
        matches!(self, Self::NotARecord | Self::Unreadable)
    }
}

/// One problem with one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The record, counted from 0 over everything that was read, kept or not.
    pub index: usize,
    /// The column or field, where it is about one.
    pub column: Option<Arc<str>>,
    /// What kind.
    pub code: ProblemCode,
    /// What happened, with the value's beginning.
    pub message: String,
}

/// Problems in the order in which they were met: the first thousand in full, all of them counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Problems {
    kept: Vec<Problem>,
    counts: Vec<(ProblemCode, usize)>,
}

impl Problems {
    /// The first thousand.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Problem> {
        self.kept.iter()
    }

    /// All, those not kept included.
    pub fn total(&self) -> usize {
        self.counts.iter().map(|(_, n)| n).sum()
    }

    /// All of one kind.
    pub fn count(&self, code: ProblemCode) -> usize {
        self.counts.iter().find(|(c, _)| *c == code).map_or(0, |(_, n)| *n)
    }

    /// Kinds that occurred, with their number.
    pub fn counts(&self) -> &[(ProblemCode, usize)] {
        &self.counts
    }

    /// Records that are missing from the rows.
    pub fn lost_records(&self) -> usize {
        self.counts.iter().filter(|(c, _)| c.is_lost_record()).map(|(_, n)| n).sum()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Notes one; the message is made only if it is kept.
    pub(crate) fn add(
        &mut self,
        index: usize,
        column: Option<&str>,
        code: ProblemCode,
        message: impl FnOnce() -> String,
    ) {
        match self.counts.iter_mut().find(|(c, _)| *c == code) {
            Some((_, count)) => *count += 1,
            None => self.counts.push((code, 1)),
        }
        if self.kept.len() < KEPT_MAX {
            let column = column.map(Arc::from);
            self.kept.push(Problem { index, column, code, message: message() });
        }
    }

    /// Takes over the problems of another reading whose records follow `offset` others.
    pub(crate) fn absorb(&mut self, other: Self, offset: usize) {
        for (code, count) in other.counts {
            match self.counts.iter_mut().find(|(c, _)| *c == code) {
                Some((_, own)) => *own += count,
                None => self.counts.push((code, count)),
            }
        }
        let room = KEPT_MAX.saturating_sub(self.kept.len());
        let moved = other.kept.into_iter().take(room);
        self.kept.extend(moved.map(|p| Problem { index: p.index.saturating_add(offset), ..p }));
    }
}

/// The beginning of a value, fit for a message.
pub(crate) fn quote(value: &str) -> String {
    let mut end = value.len().min(QUOTE_MAX);
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    let (shown, rest) = value.split_at(end);
    format!("'{}{}'", shown.escape_debug(), if rest.is_empty() { "" } else { "..." })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn all_are_counted_and_the_first_thousand_kept() {
        let mut problems = Problems::default();
        for index in 0..1500 {
            problems.add(index, Some("A"), ProblemCode::TypeMismatch, || format!("no {index}"));
        }
        problems.add(7, None, ProblemCode::Unreadable, || panic!("not made when not kept"));
        assert_eq!((problems.total(), problems.iter().len()), (1501, 1000));
        assert_eq!(problems.count(ProblemCode::TypeMismatch), 1500);
        assert_eq!(problems.lost_records(), 1);
        let mut all = Problems::default();
        all.absorb(problems.clone(), 10);
        all.absorb(problems, 5000);
        assert_eq!((all.total(), all.iter().len()), (3002, 1000));
        assert_eq!(all.iter().next().unwrap().index, 10);
    }

    #[test]
    fn quotes_cut_between_characters() {
        assert_eq!(quote("a\n"), "'a\\n'");
        let long = "é".repeat(100);
        let quoted = quote(&long);
        assert!(quoted.ends_with("...'") && quoted.chars().filter(|c| *c == 'é').count() == 60);
    }
}
