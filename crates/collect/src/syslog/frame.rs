//! Messages in a TCP stream: counted in octets (RFC 6587, 3.4.1) or ended by a line feed (3.4.2).

/// Most digits of an octet count.
const COUNT_DIGITS_MAX: usize = 9;

/// What stands at the start of a stream's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A message; `used` bytes of the buffer are done with.
    Message {
        /// The message without its framing.
        bytes: &'a [u8],
        /// Bytes to drop from the buffer.
        used: usize,
    },
    /// Nothing whole yet: read more.
    Incomplete,
    /// A message larger than allowed: its first part, to be kept, and how many bytes of the stream to drop, of which
    /// some may not have arrived yet. None: drop up to the next line feed.
    TooLong {
        /// The first part.
        bytes: &'a [u8],
        /// Bytes of the stream to drop.
        skip: Option<usize>,
    },
}

/// Finds the message at the start of a buffer. `limit` is the longest message allowed; a reader needs room for that
/// and ten bytes of framing.
pub fn next_frame(buffer: &[u8], limit: usize) -> Frame<'_> {
    let blank = buffer.iter().take_while(|b| matches!(b, b'\n' | b'\r' | 0)).count();
    let rest = buffer.get(blank..).unwrap_or_default();
    match count(rest) {
        Count::Unfinished => Frame::Incomplete,
        Count::Octets { length, prefix } => counted(rest, blank, length, prefix, limit),
        Count::None => ended(rest, blank, limit),
    }
}

enum Count {
    None,
    /// Digits so far, and nothing behind them.
    Unfinished,
    Octets {
        length: usize,
        prefix: usize,
    },
}

/// An octet count: digits without a leading zero, a blank, and then a priority.
fn count(rest: &[u8]) -> Count {
    let digits = rest.iter().take(COUNT_DIGITS_MAX + 1).take_while(|b| b.is_ascii_digit()).count();
    let Some((number, behind)) = rest.split_at_checked(digits) else { return Count::None };
    if number.is_empty() || number.starts_with(b"0") || digits > COUNT_DIGITS_MAX {
        return if rest.is_empty() { Count::Unfinished } else { Count::None };
    }
    match behind {
        [] | [b' '] => Count::Unfinished,
        [b' ', b'<', ..] => {
            let length = number.iter().fold(0, |n, b| n * 10 + usize::from(b - b'0'));
            Count::Octets { length, prefix: digits + 1 }
        }
        _ => Count::None,
    }
}

fn counted(rest: &[u8], blank: usize, length: usize, prefix: usize, limit: usize) -> Frame<'_> {
    let body = rest.get(prefix..).unwrap_or_default();
    if length > limit {
        return match body.get(..limit) {
            None => Frame::Incomplete,
            Some(bytes) => Frame::TooLong { bytes, skip: Some(blank + prefix + length) },
        };
    }
    match body.get(..length) {
        None => Frame::Incomplete,
        Some(bytes) => Frame::Message { bytes: without_end(bytes), used: blank + prefix + length },
    }
}

fn ended(rest: &[u8], blank: usize, limit: usize) -> Frame<'_> {
    match memchr::memchr2(b'\n', 0, rest) {
        Some(end) if end <= limit => {
            let bytes = without_end(rest.get(..end).unwrap_or_default());
            Frame::Message { bytes, used: blank + end + 1 }
        }
        Some(_) => Frame::TooLong { bytes: rest.get(..limit).unwrap_or_default(), skip: None },
        None => match rest.get(..limit.saturating_add(1)) {
            Some(long) => {
                Frame::TooLong { bytes: long.get(..limit).unwrap_or_default(), skip: None }
            }
            None => Frame::Incomplete,
        },
    }
}

/// Some senders end counted messages with a line feed as well.
fn without_end(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|b| !matches!(b, b'\n' | b'\r' | 0)).map_or(0, |at| at + 1);
    bytes.get(..end).unwrap_or_default()
}
