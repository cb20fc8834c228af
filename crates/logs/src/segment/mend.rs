//! A segment of bytes that nobody wrote: its index's checksums put right, and all of it read.

use parquet::arrow::arrow_reader::RowSelector;

use super::checksums::CHECKED_BYTES;
use super::{Asker, Segment};

/// Terms that are looked up.
const TERMS: [&[u8]; 6] = [b"", b"0", b"10.0.0.1", b"few", b"user1", b"\xff"];

/// Makes the checksums of the index file what they should be: of its head, its parts and its pages, and those that it
/// holds of the rows.
pub(crate) fn mend_index(index: &mut [u8], rows: &[u8]) {
    let Some(count) = number(index, 8).filter(|count| *count <= 64) else { return };
    let sections: Vec<(usize, usize, usize, usize)> = (0..count)
        .filter_map(|at| {
            let at = 12 + at * 24;
            Some((at, number(index, at)?, number(index, at + 4)?, number(index, at + 12)?))
        })
        .collect();
    let pages_at = sections.iter().find(|s| s.1 == 4).map_or(0, |s| s.2);
    for (_, kind, offset, length) in &sections {
        if *kind == 1 && *length >= 8 {
            put(index, *offset, &(rows.len() as u64).to_le_bytes());
            for (at, block) in rows.chunks(CHECKED_BYTES).enumerate() {
                if at * 4 + 12 <= *length {
                    put(index, offset + 8 + at * 4, &crc32fast::hash(block).to_le_bytes());
                }
            }
        }
        if *kind == 3 {
            mend_pages(index, *offset, pages_at);
        }
    }
    for (at, _, offset, length) in &sections {
        let crc = index.get(*offset..offset.saturating_add(*length)).map(crc32fast::hash);
        if let Some(crc) = crc {
            put(index, at + 20, &crc.to_le_bytes());
        }
    }
    let end = 12 + count * 24;
    if let Some(crc) = index.get(..end).map(crc32fast::hash) {
        put(index, end, &crc.to_le_bytes());
    }
}

/// The checksums of the pages of terms, as far as their directory reads.
fn mend_pages(index: &mut [u8], directory: usize, pages_at: usize) {
    let Some(sets) = number(index, directory) else { return };
    let mut at = directory.saturating_add(4).saturating_add(sets.saturating_mul(8));
    let Some(pages) = number(index, at) else { return };
    at += 4;
    for _ in 0..pages.min(10_000) {
        let Some(first) = index.get(at..).and_then(|rest| rest.first_chunk::<2>().copied()) else {
            return;
        };
        at += 2 + usize::from(u16::from_le_bytes(first));
        let (Some(offset), Some(length)) = (number(index, at), number(index, at + 8)) else {
            return;
        };
        let start = pages_at.saturating_add(offset);
        let crc = index.get(start..start.saturating_add(length)).map(crc32fast::hash);
        if let Some(crc) = crc {
            put(index, at + 12, &crc.to_le_bytes());
        }
        at += 16;
    }
}

/// The low half of a number, or all of a short one.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*four)).ok()
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..).and_then(|rest| rest.get_mut(..value.len())) {
        place.copy_from_slice(value);
    }
}

/// Opens a segment and reads all that it has; errors are as good as rows.
pub(crate) fn read_all(segment: &Segment) {
    let Ok(index) = segment.index() else { return };
    for term in TERMS {
        let _ = index.find(term, None);
    }
    let Ok(reader) = segment.reader() else { return };
    let columns: Vec<_> = reader.columns().cloned().collect();
    for column in &columns {
        if let Some(place) = reader.position(column) {
            for group in 0..reader.groups() {
                let _ = reader.span(group, place);
                let _ = reader.mostly_dictionary(group, place);
                let _ = reader.unpacked_bytes(group, place);
            }
        }
        let _ = reader.whole(column);
    }
    let places: Vec<usize> = columns.iter().filter_map(|c| reader.position(c)).collect();
    for group in 0..reader.groups() {
        let few = vec![RowSelector::skip(reader.group_rows(group) / 2), RowSelector::select(3)];
        let keeper = segment.keeper(Asker::next());
        if let Ok(mut few) = reader.read(group, &places, Some(few.into()), 8, &keeper) {
            let _ = few.next();
        }
    }
}
