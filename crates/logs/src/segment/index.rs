//! The index file: checksums of the Parquet file and the term dictionary.
//!
//! # Format 1
//! ```text
//! "VDIX", format u32, section count u32, then per section: kind u32, offset u64, length u64, CRC-32 u32;
//! CRC-32 of all before; sections
//!   1 checksums   length of the Parquet file u64, then a CRC-32 u32 per 64 KiB
//!   2 columns     rows u64, rows per block u32, flags u8 (1: every term is entered, 2: so are addresses), column count u32, names (u16 length, bytes)
//!   3 directory   count u32 of column sets, each u64; count u32 of pages, each: first term (u16 length, bytes),
//!                 offset in section 4 u64, length u32, CRC-32 u32
//!   4 pages       zstd, each about 16 KiB of: shared bytes varint, further bytes varint, bytes, column set varint, posting
//! ```
//! A posting is the number of blocks and the gaps between them as varints, or 0 and a bit per block. A column set has
//! bit `n % 64` set for the `n`-th column of section 2. Terms are in byte order. The file can always be made again
//! from the Parquet file.

mod read;
mod write;

pub(super) use read::Found;
pub(crate) use read::Index;
pub(super) use write::{Indexed, write};

const MAGIC: &[u8; 4] = b"VDIX";
const CHECKSUMS: u32 = 1;
const COLUMNS: u32 = 2;
const DIRECTORY: u32 = 3;
const PAGES: u32 = 4;

/// Flag: every term is entered.
const COMPLETE: u8 = 1;
/// Flag: addresses are entered as terms of their own.
const ADDRESSES: u8 = 2;

/// Bytes of a page of terms before compression.
const PAGE_BYTES: usize = 16 * 1024;
/// Most bytes a page may claim to have.
const PAGE_BYTES_MAX: usize = 1 << 24;
