//! Checksums of a log file put right, for bytes that nobody wrote.

use super::{FILE_MAGIC, RECORD_MAGIC};

/// Makes the checksums of the file's head, and of each record that is there as a whole, what they should be.
pub(crate) fn mend(bytes: &mut [u8]) {
    if bytes.starts_with(FILE_MAGIC)
        && let Some(length) = number(bytes, 8)
    {
        sum(bytes, 8, 12_usize.saturating_add(length), 4);
    }
    let records: Vec<usize> = memchr::memmem::find_iter(bytes, RECORD_MAGIC).collect();
    for at in records {
        let short = bytes.get(at + 8..).and_then(|rest| rest.first_chunk::<2>().copied());
        let (Some(short), Some(payload)) = (short, number(bytes, at + 10)) else { continue };
        let start = at + 10 + usize::from(u16::from_le_bytes(short));
        sum(bytes, start, start.saturating_add(payload), at + 14);
        sum(bytes, at + 8, start, at + 4);
    }
}

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let four = bytes.get(at..)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*four)).ok()
}

/// Writes the checksum of a range to a place, where both are there.
fn sum(bytes: &mut [u8], from: usize, to: usize, place: usize) {
    let Some(crc) = bytes.get(from..to).map(crc32fast::hash) else { return };
    if let Some(slot) = bytes.get_mut(place..place + 4) {
        slot.copy_from_slice(&crc.to_le_bytes());
    }
}
