//! Where one JSON document ends and the next begins, and which values in a document are the records.

use simd_json::tape::Node;

use super::tape;
use crate::CollectError;

/// Fields under which exports and APIs wrap their records.
const WRAPPERS: &[&str] = &[
    "value", "values", "records", "Records", "data", "events", "Events", "items", "Items", "logs",
    "results", "rows",
];
/// A wrapper has few fields beside the records: a link to the next page, a count.
const WRAPPER_FIELDS_MAX: usize = 5;
/// Lines looked at to tell NDJSON.
const SAMPLE_LINES: usize = 20;

/// How a body is made of documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frames {
    /// One document.
    Whole,
    /// A document a line.
    Lines,
    /// One after another, with or without anything between.
    Values,
}

impl Frames {
    pub(super) fn of(body: &[u8]) -> Result<Self, CollectError> {
        let trimmed = without_mark(body).trim_ascii();
        let (open, close) = match trimmed.first() {
            None => return Err(CollectError::NoRecords("nothing")),
            Some(b'{') => (b'{', b'}'),
            Some(b'[') => (b'[', b']'),
            Some(_) => return Ok(Self::Whole),
        };
        // In one document a closing bracket is never followed by an opening one, strings aside.
        let several = memchr::memchr_iter(open, trimmed).any(|at| {
            let before = trimmed.get(..at).unwrap_or_default().trim_ascii_end();
            before.last() == Some(&close)
        });
        Ok(match several {
            false => Self::Whole,
            true if is_lines(trimmed, open, close) => Self::Lines,
            true => Self::Values,
        })
    }

    pub(super) fn is_whole(self) -> bool {
        self == Self::Whole
    }

    /// Hands over the documents in order.
    pub(super) fn each(
        self,
        body: &mut [u8],
        mut document: impl FnMut(&mut [u8]) -> Result<(), CollectError>,
    ) -> Result<(), CollectError> {
        let mark = body.len() - without_mark(body).len();
        let mut rest = body.get_mut(mark..).unwrap_or_default();
        if self.is_whole() {
            return document(rest);
        }
        while !rest.is_empty() {
            let end = match self {
                Self::Lines => memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1),
                _ => value_end(rest),
            };
            let Some((piece, behind)) = std::mem::take(&mut rest).split_at_mut_checked(end) else {
                break;
            };
            rest = behind;
            let piece = trim(piece);
            if !piece.is_empty() {
                document(piece)?;
            }
        }
        Ok(())
    }
}

fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body)
}

/// Without blanks around it, and without commas between documents.
fn trim(piece: &mut [u8]) -> &mut [u8] {
    let is_between = |b: &u8| b.is_ascii_whitespace() || *b == b',';
    let start = piece.iter().position(|b| !is_between(b)).unwrap_or(piece.len());
    let end = piece.iter().rposition(|b| !is_between(b)).map_or(start, |at| at + 1);
    piece.get_mut(start..end).unwrap_or_default()
}

/// There are several lines, and most hold a whole document.
fn is_lines(text: &[u8], open: u8, close: u8) -> bool {
    let lines = text.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let (mut whole, mut all) = (0, 0);
    for line in lines.take(SAMPLE_LINES) {
        all += 1;
        whole += usize::from(line.first() == Some(&open) && line.last() == Some(&close));
    }
    all > 1 && whole * 2 >= all
}

/// The end of the first value: where its brackets close, or before the next bracket when it has none.
fn value_end(text: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'"' => at = string_end(text, at),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    at.min(text.len())
}

/// Behind the quote that closes a string whose text begins at `at`.
fn string_end(text: &[u8], mut at: usize) -> usize {
    while let Some(found) = text.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += found + 1;
        if text.get(at - 1) == Some(&b'"') {
            return at;
        }
        at += 1; // the escaped character
    }
    text.len()
}

/// Hands over the positions of a document's records: an array's elements, a wrapper's elements, or the one value.
/// `is_column` tells names that mean a column of the table and so no wrapper.
pub(super) fn records(
    nodes: &[Node<'_>],
    is_column: impl Fn(&str) -> bool,
    mut record: impl FnMut(usize),
) {
    match list(nodes, is_column) {
        None if nodes.is_empty() => {}
        None => record(0),
        Some((at, len)) => {
            let mut next = at + 1;
            for _ in 0..len {
                record(next);
                next = tape::after(nodes, next);
            }
        }
    }
}

/// The array that holds the records: where it is, and its length.
fn list(nodes: &[Node<'_>], is_column: impl Fn(&str) -> bool) -> Option<(usize, usize)> {
    let fields = match nodes.first()? {
        Node::Array { len, .. } => return Some((0, *len)),
        Node::Object { len, .. } if *len <= WRAPPER_FIELDS_MAX => *len,
        _ => return None,
    };
    let mut next = 1;
    for _ in 0..fields {
        let Some(Node::String(name)) = nodes.get(next) else { return None };
        if let Some(Node::Array { len, .. }) = nodes.get(next + 1)
            && WRAPPERS.contains(name)
            && !is_column(name)
            && (*len == 0 || matches!(nodes.get(next + 2), Some(Node::Object { .. })))
        {
            return Some((next + 1, *len));
        }
        next = tape::after(nodes, next + 1);
    }
    None
}
