//! The hash of distinct counts. Sketches are stored in tables and merged years later, so it never changes.

use values::text::head;

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
    let word = head(chunks.remainder());
    finish(fold(hash ^ word, SEEDS[2]).wrapping_add(word))
}

#[cfg(test)]
mod tests {
    use super::hash_bytes;

    #[test]
    fn stored_sketches_stay_readable() {
        let known: &[(&str, u64)] = &[
            ("", 0xc02c_3609_6623_9ba8),
            ("a", 0x5861_b660_62a3_5bd6),
            ("ab", 0x4c8d_6436_4c59_b441),
            ("abc", 0x4952_22eb_3232_fc89),
            ("abcd", 0xc7e0_e043_0ead_2d29),
            ("abcde", 0x1882_a714_7d6f_5e79),
            ("10.0.0.1", 0xc448_e9d7_6769_872a),
            ("192.168.100.200", 0x2c8f_ef3a_e2ee_07d7),
            ("https://example.com/a/b?c=d", 0xeee3_7e2f_0460_78a2),
        ];
        for (text, hash) in known {
            assert_eq!(hash_bytes(text.as_bytes()), *hash, "{text}");
        }
    }
}
