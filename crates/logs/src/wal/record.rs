//! Heads of log files and records.

use super::{FILE_MAGIC, FORMAT, RECORD_MAGIC};
use crate::codec::{Reader, Truncated, put_text};

/// Bytes of a record's head before those its checksum covers.
const PREFIX: usize = 8;
/// Longest head in which a flipped bit is looked for.
const REPAIR_MAX: usize = 700;

/// The head of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// Workspace of the table.
    pub workspace: String,
    /// The table.
    pub table: String,
    /// Number of rows.
    pub rows: u32,
    /// Number of the first row.
    pub first_row: u64,
    /// Last row of the same table in an earlier record or segment; 0 without any.
    pub previous: u64,
    /// When the rows were received, ticks.
    pub received: i64,
    /// Identity of the append, 0 for none.
    pub batch: u128,
    /// Length of the payload.
    pub payload_bytes: u32,
    /// CRC-32 of the payload.
    pub payload_crc: u32,
}

impl Header {
    /// Number of the last row.
    pub(crate) fn last_row(&self) -> u64 {
        self.first_row + u64::from(self.rows).max(1) - 1
    }

    /// Appends the head.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(RECORD_MAGIC);
        out.extend_from_slice(&[0; 6]);
        out.extend_from_slice(&self.payload_bytes.to_le_bytes());
        out.extend_from_slice(&self.payload_crc.to_le_bytes());
        out.extend_from_slice(&self.rows.to_le_bytes());
        out.extend_from_slice(&self.first_row.to_le_bytes());
        out.extend_from_slice(&self.previous.to_le_bytes());
        out.extend_from_slice(&self.received.to_le_bytes());
        out.extend_from_slice(&self.batch.to_le_bytes());
        put_text(out, &self.workspace);
        put_text(out, &self.table);
        let length = (out.len() - start - PREFIX - 2) as u16;
        out[start + PREFIX..start + PREFIX + 2].copy_from_slice(&length.to_le_bytes());
        let crc = crc32fast::hash(&out[start + PREFIX..]);
        out[start + 4..start + PREFIX].copy_from_slice(&crc.to_le_bytes());
    }

    /// Reads a head at the start of `bytes`; gives its length too.
    pub(crate) fn read(bytes: &[u8]) -> Result<(Self, usize), Truncated> {
        let mut reader = Reader::new(bytes);
        if reader.array()? != *RECORD_MAGIC {
            return Err(Truncated);
        }
        let crc = reader.u32()?;
        let length = usize::from(reader.u16()?);
        reader.take(length)?;
        let end = reader.position();
        let covered = bytes.get(PREFIX..end).ok_or(Truncated)?;
        if crc32fast::hash(covered) != crc {
            return Err(Truncated);
        }
        let mut reader = Reader::new(covered.get(2..).ok_or(Truncated)?);
        let header = Self {
            payload_bytes: reader.u32()?,
            payload_crc: reader.u32()?,
            rows: reader.u32()?,
            first_row: reader.u64()?,
            previous: reader.u64()?,
            received: reader.i64()?,
            batch: u128::from_le_bytes(reader.array()?),
            workspace: reader.text()?.to_owned(),
            table: reader.text()?.to_owned(),
        };
        if reader.is_empty() { Ok((header, end)) } else { Err(Truncated) }
    }

    /// Reads a head in which a single bit may have flipped. A head is short, so all its bits can be tried; that one
    /// of them happens to satisfy the checksum of a head with other damage has odds of about one in a million.
    pub(crate) fn read_repaired(bytes: &[u8]) -> Result<(Self, usize), Truncated> {
        if let Ok(read) = Self::read(bytes) {
            return Ok(read);
        }
        let mut head = bytes.get(..REPAIR_MAX).unwrap_or(bytes).to_vec();
        for bit in 0..head.len() * 8 {
            head[bit / 8] ^= 1 << (bit % 8);
            if let Ok(read) = Self::read(&head) {
                return Ok(read);
            }
            head[bit / 8] ^= 1 << (bit % 8);
        }
        Err(Truncated)
    }
}

/// The last row of a table that had been acknowledged when a log file was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableEnd {
    /// Workspace of the table.
    pub workspace: String,
    /// The table.
    pub table: String,
    /// Number of its last row.
    pub last_row: u64,
}

/// The head of a log file.
pub(crate) fn write_file_head(first_row: u64, ends: &[TableEnd]) -> Vec<u8> {
    let mut out = FILE_MAGIC.to_vec();
    out.extend([0; 8]);
    out.extend(FORMAT.to_le_bytes());
    out.extend(first_row.to_le_bytes());
    out.extend((ends.len() as u32).to_le_bytes());
    for end in ends {
        put_text(&mut out, &end.workspace);
        put_text(&mut out, &end.table);
        out.extend(end.last_row.to_le_bytes());
    }
    let length = (out.len() - 12) as u32;
    out[8..12].copy_from_slice(&length.to_le_bytes());
    let crc = crc32fast::hash(&out[8..]);
    out[4..8].copy_from_slice(&crc.to_le_bytes());
    out
}

/// What the head of a log file says, and its length.
pub(crate) struct FileHead {
    /// Format of the records.
    pub format: u16,
    /// The tables known when it was begun.
    pub ends: Vec<TableEnd>,
    /// Length of the head.
    pub length: usize,
}

/// Reads the head of a log file.
pub(crate) fn read_file_head(bytes: &[u8]) -> Result<FileHead, Truncated> {
    let mut reader = Reader::new(bytes);
    if reader.array()? != *FILE_MAGIC {
        return Err(Truncated);
    }
    let crc = reader.u32()?;
    let length = reader.count()?;
    reader.take(length)?;
    let end = reader.position();
    if crc32fast::hash(bytes.get(8..end).ok_or(Truncated)?) != crc {
        return Err(Truncated);
    }
    let mut reader = Reader::new(bytes.get(12..end).ok_or(Truncated)?);
    let format = reader.u16()?;
    if format != FORMAT {
        return Ok(FileHead { format, ends: Vec::new(), length: end });
    }
    reader.u64()?;
    let count = reader.count()?;
    let mut ends = Vec::new();
    for _ in 0..count {
        ends.push(TableEnd {
            workspace: reader.text()?.to_owned(),
            table: reader.text()?.to_owned(),
            last_row: reader.u64()?,
        });
    }
    Ok(FileHead { format, ends, length: end })
}

/// The tables that the head of a log file names; none where it does not read.
pub(crate) fn table_ends(bytes: &[u8]) -> Vec<TableEnd> {
    read_file_head(bytes).map(|head| head.ends).unwrap_or_default()
}
