//! A batch as bytes: the payload of a log record. Low-cardinality texts are coded as a dictionary, so that the log,
//! the memory behind it and the segment made of it each hold a value once.
//!
//! # Format 1
//! ```text
//! column count u16, then per column:
//!   name length u16, name, type u8 (columns::type_code), encoding u8, body length u32, body
//! body, by encoding:
//!   0 fixed       validity, values little endian (bool: one bit each)
//!   1 bytes       validity, length u32 each, bytes
//!   2 dictionary  validity, entry count u32, entry length u32 each, bytes, key width u8 (0, 1, 2, 4), keys
//! validity: 0, or 1 and a bit per row
//! ```
//! All numbers are little endian. Reading checks every length: damaged bytes give an error, never a panic.

mod decode;
mod encode;
mod reader;

pub(crate) use decode::decode;
pub(crate) use encode::encode;
pub(crate) use reader::{Reader, Truncated, put_text, put_varint};

/// Most rows in one payload.
pub(crate) const ROWS_MAX: usize = 1 << 24;

const FIXED: u8 = 0;
const BYTES: u8 = 1;
const DICTIONARY: u8 = 2;

#[cfg(test)]
mod tests;
