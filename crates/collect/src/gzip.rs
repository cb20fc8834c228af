//! Compressed bodies and files, never unpacked beyond what the caller allows.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::CollectError;

/// The first bytes of gzip data.
pub(crate) const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Unpacks gzip data (all of its members) to at most `limit` bytes.
pub fn gunzip(bytes: &[u8], limit: usize) -> Result<Vec<u8>, CollectError> {
    let most = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut unpacked = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(most)
        .read_to_end(&mut unpacked)
        .map_err(|error| CollectError::Gzip(error.to_string()))?;
    if unpacked.len() > limit {
        return Err(CollectError::TooLarge { limit });
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn unpacks_all_members_within_the_limit() {
        let mut packed = gzip(b"hello ");
        packed.extend(gzip(b"world"));
        assert_eq!(gunzip(&packed, 11).unwrap(), b"hello world");
        assert_eq!(gunzip(&packed, 10), Err(CollectError::TooLarge { limit: 10 }));
    }

    #[test]
    fn bombs_and_damage_are_refused() {
        let bomb = gzip(&vec![0; 10 << 20]);
        assert!(bomb.len() < 20_000);
        assert_eq!(gunzip(&bomb, 1 << 20), Err(CollectError::TooLarge { limit: 1 << 20 }));
        let whole = gzip(b"some text that is packed");
        for cut in 0..whole.len() {
            assert!(matches!(gunzip(&whole[..cut], 1000), Err(CollectError::Gzip(_))), "{cut}");
        }
        let mut flipped = whole.clone();
        let last = flipped.len() - 6;
        flipped[last] ^= 1;
        assert!(gunzip(&flipped, 1000).is_err());
    }
}
