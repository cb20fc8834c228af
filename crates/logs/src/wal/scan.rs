//! Reading a log file back: what is whole, what is damaged, and where it was torn.

use std::ops::Range;
use std::path::Path;

use super::record::{Header, TableEnd, read_file_head};
use super::{FORMAT, RECORD_MAGIC};
use crate::error::Error;

/// What was found in a log file.
#[derive(Debug, Default)]
pub(crate) struct Scanned {
    /// Whole records and where their payloads lie.
    pub records: Vec<(Header, Range<usize>)>,
    /// Parts that do not read.
    pub bad: Vec<Bad>,
    /// Up to where the file can be kept: what follows was torn off while it was written, and never acknowledged.
    pub good_bytes: usize,
    /// The tables' last rows when the file was begun.
    pub ends: Vec<TableEnd>,
}

/// A part that does not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bad {
    /// Where it is.
    pub bytes: Range<usize>,
    /// The record, if its head is whole.
    pub header: Option<Header>,
}

/// Reads a log file. `last` is true for the newest one, whose end a crash may have torn.
pub(crate) fn scan(path: &Path, bytes: &[u8], last: bool) -> Result<Scanned, Error> {
    let mut scanned = Scanned::default();
    let mut at = match read_file_head(bytes) {
        Ok(head) if head.format > FORMAT => {
            let (found, known) = (u32::from(head.format), u32::from(FORMAT));
            return Err(Error::Newer { file: path.display().to_string(), found, known });
        }
        Ok(head) => {
            scanned.ends = head.ends;
            head.length
        }
        // The records say all that matters; the head only helps to notice what is missing.
        Err(_) => next_record(bytes, 0).unwrap_or(bytes.len()),
    };
    scanned.good_bytes = at;
    while at < bytes.len() {
        let Ok((header, length)) = Header::read_repaired(&bytes[at..]) else {
            let Some(next) = next_record(bytes, at + 1) else { break };
            scanned.bad.push(Bad { bytes: at..next, header: None });
            at = next;
            continue;
        };
        let start = at + length;
        let end = start.saturating_add(header.payload_bytes as usize);
        let Some(payload) = bytes.get(start..end) else {
            // Cut short. Should whole records follow all the same, its length was not to be trusted.
            let Some(next) = next_record(bytes, at + 1) else { break };
            scanned.bad.push(Bad { bytes: at..next, header: Some(header) });
            at = next;
            continue;
        };
        if crc32fast::hash(payload) == header.payload_crc {
            scanned.records.push((header, start..end));
        } else if last && end == bytes.len() && looks_unwritten(payload) {
            break;
        } else {
            scanned.bad.push(Bad { bytes: at..end, header: Some(header) });
        }
        at = end;
        scanned.good_bytes = end;
    }
    Ok(scanned)
}

/// Where the next whole record begins.
fn next_record(bytes: &[u8], from: usize) -> Option<usize> {
    let found = memchr::memmem::find_iter(bytes.get(from..)?, RECORD_MAGIC).map(|at| from + at);
    found.into_iter().find(|at| Header::read(&bytes[*at..]).is_ok())
}

/// True when the end of the payload is nothing but zeros, as after a power cut that kept the file's length and lost
/// its bytes. Anything else that fails its checksum had been written, and was damaged later.
fn looks_unwritten(payload: &[u8]) -> bool {
    let tail = payload.len().min(512);
    tail > 0 && payload[payload.len() - tail..].iter().all(|b| *b == 0)
}
