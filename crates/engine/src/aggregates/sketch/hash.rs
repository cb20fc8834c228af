//! The hash of distinct counts. Sketches are stored in tables and merged years later, so it never changes.

const SEEDS: [u64; 3] = [0x9e37_79b9_7f4a_7c15, 0xc2b2_ae3d_27d4_eb4f, 0x1656_67b1_9e37_79f9];

/// Product of two numbers, folded.
#[inline]
const fn fold(a: u64, b: u64) -> u64 {
    let product = (a as u128) * (b as u128);
    (product as u64) ^ ((product >> 64) as u64)
}

#[inline]
const fn finish(hash: u64) -> u64 {
    let mixed = fold(hash ^ SEEDS[1], SEEDS[2] | 1);
    mixed ^ (mixed >> 32)
}

/// Of a number.
#[inline]
pub(crate) const fn hash_long(value: i64) -> u64 {
    finish(fold((value as u64) ^ SEEDS[0], SEEDS[1]).wrapping_add(value as u64))
}

/// Of bytes.
#[inline]
pub(crate) fn hash_bytes(bytes: &[u8]) -> u64 {
    let mut hash = SEEDS[0] ^ (bytes.len() as u64);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let word = u64::from_le_bytes(<[u8; 8]>::try_from(chunk).unwrap_or_default());
        hash = fold(hash ^ word, SEEDS[1]).wrapping_add(word);
    }
    let mut last = [0; 8];
    for (slot, byte) in last.iter_mut().zip(chunks.remainder()) {
        *slot = *byte;
    }
    let word = u64::from_le_bytes(last);
    finish(fold(hash ^ word, SEEDS[2]).wrapping_add(word))
}
