//! The write-ahead log: rows are acknowledged once their record here is on disk, and live here until a segment holds
//! them.
//!
//! # Format 1
//! Files `<number of the first row, 16 hex digits>.wal`, all numbers little endian:
//! ```text
//! head     "VWAL", CRC-32 u32 of the rest, length of the rest u32, format u16, first row u64,
//!          count u32 of tables and per table: workspace, table (u16 length, bytes), last row acknowledged so far u64
//! record   "VWR1", CRC-32 u32 of the rest of the record's head, length of that rest u16, payload length u32,
//!          payload CRC-32 u32, rows u32, first row u64, last row of the same table before this record u64,
//!          received i64 (ticks), batch id 16 bytes (zero: none), workspace, table (u16 length, bytes); payload
//! payload  see codec
//! ```
//! Rows are numbered from 1 over all tables and restarts; a number is never used twice. A table's segments hold all its
//! rows up to the number that the catalogue names; records up to there are passed over when the log is read back, so a
//! crash between "segment listed" and "log file removed" doubles nothing. The last row of the table before a record
//! tells when records between are missing, and the head of the next file when the end of a file is.

mod files;
mod mend;
mod record;
mod scan;
mod writer;

pub(crate) use files::Files;
pub(crate) use mend::mend;
#[cfg(test)]
pub(crate) use record::write_file_head;
pub(crate) use record::{Header, TableEnd, table_ends};
pub(crate) use scan::{Scanned, scan};
pub(crate) use writer::{Message, Pending, Writer};

/// Version of the format written.
const FORMAT: u16 = 1;
const FILE_MAGIC: &[u8; 4] = b"VWAL";
const RECORD_MAGIC: &[u8; 4] = b"VWR1";
