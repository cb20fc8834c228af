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
    /// One array: its elements are parsed one by one, so that the tape stays small whatever the array's size.
    Elements,
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
            false if open == b'[' => Self::Elements,
            false => Self::Whole,
            true if is_lines(trimmed, open, close) => Self::Lines,
            true => Self::Values,
        })
    }

    /// The body is one document: broken anywhere, it is broken as a whole.
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Whole | Self::Elements)
    }

    /// What is handed over are records, not documents that may hold several.
    pub(super) fn are_records(self) -> bool {
        self == Self::Elements
    }

    /// Hands over the documents in order, each with its place in the body.
    pub(super) fn each(
        self,
        body: &mut [u8],
        mut document: impl FnMut(&mut [u8], usize) -> Result<(), CollectError>,
    ) -> Result<(), CollectError> {
        let mark = body.len() - without_mark(body).len();
        let mut rest = body.get_mut(mark..).unwrap_or_default();
        match self {
            Self::Whole => return document(rest, mark),
            Self::Elements => return elements(rest, mark, document),
            Self::Lines | Self::Values => {}
        }
        let mut offset = mark;
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
                document(piece, offset)?;
            }
            offset += end;
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

/// Hands over the elements of an array one by one; `offset` is the array's place in the body.
fn elements(
    array: &mut [u8],
    offset: usize,
    mut element: impl FnMut(&mut [u8], usize) -> Result<(), CollectError>,
) -> Result<(), CollectError> {
    let mut at = array.iter().position(|b| *b == b'[').map_or(array.len(), |at| at + 1);
    let mut separator = b'[';
    loop {
        at = skip_blanks(array, at);
        let value = array.get_mut(at..).unwrap_or_default();
        if separator == b'[' && value.first() == Some(&b']') {
            at += 1;
            break;
        }
        let end = element_end(value);
        let Some(value) = value.get_mut(..end).filter(|value| !value.is_empty()) else {
            return Err(broken(offset + at, "an element is expected here"));
        };
        element(value, offset + at)?;
        at = skip_blanks(array, at + end);
        match array.get(at) {
            Some(b',') => separator = b',',
            Some(b']') => {
                at += 1;
                break;
            }
            _ => {
                return Err(broken(
                    offset + at,
                    "the array ends without ']', or its elements are not parted by ','",
                ));
            }
        }
        at += 1;
    }
    at = skip_blanks(array, at);
    if at < array.len() {
        return Err(broken(offset + at, "there is more behind the array"));
    }
    Ok(())
}

fn broken(offset: usize, message: &str) -> CollectError {
    CollectError::Json { offset, message: message.to_owned() }
}

fn skip_blanks(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// The end of the value at the start of a text, which need not be a container.
fn element_end(text: &[u8]) -> usize {
    match text.first() {
        Some(b'{' | b'[') => value_end(text),
        Some(b'"') => string_end(text, 1),
        _ => text
            .iter()
            .position(|b| matches!(b, b',' | b']' | b' ' | b'\t' | b'\n' | b'\r'))
            .unwrap_or(text.len()),
    }
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

/// Behind the quote that closes a string whose text begins at `at`. Most strings are short, so eight bytes at a time
/// beat a call to a searcher.
fn string_end(text: &[u8], mut at: usize) -> usize {
    while let Some(rest) = text.get(at..) {
        match rest.split_first_chunk::<8>() {
            Some((chunk, _)) => match quote_or_backslash(*chunk) {
                None => {
                    at += 8;
                    continue;
                }
                Some(found) => at += found,
            },
            None => match rest.iter().position(|b| matches!(b, b'"' | b'\\')) {
                None => break,
                Some(found) => at += found,
            },
        }
        if text.get(at) == Some(&b'"') {
            return at + 1;
        }
        at += 2; // the backslash and what it escapes
    }
    text.len()
}

/// Position of the first quote or backslash among eight bytes.
fn quote_or_backslash(chunk: [u8; 8]) -> Option<usize> {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    let word = u64::from_le_bytes(chunk);
    // A byte's high bit is set where the byte is zero; above the first one it may also be set falsely.
    let zero_bytes = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let equal = |byte: u8| zero_bytes(word ^ u64::from_ne_bytes([byte; 8]));
    let found = equal(b'"') | equal(b'\\');
    (found != 0).then(|| found.trailing_zeros() as usize / 8)
}

/// Hands over the positions of a document's records: an array's elements, a wrapper's elements, or the one value,
/// which alone is meant when the document is a record by itself. `is_column` tells names that mean a column of the
/// table and so no wrapper.
pub(super) fn records(
    nodes: &[Node<'_>],
    is_record: bool,
    is_column: impl Fn(&str) -> bool,
    mut record: impl FnMut(usize),
) {
    let list = if is_record { None } else { list(nodes, is_column) };
    match list {
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
