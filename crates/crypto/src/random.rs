//! Random bytes and text from the system's generator.

use aws_lc_rs::rand;
use zeroize::Zeroizing;

use crate::{CryptoError, SecretText};

/// Letters and digits: no quoting in any shell, URL or form.
const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// `N` random bytes.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], CryptoError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| CryptoError::Random)?;
    Ok(bytes)
}

/// A number in `0..bound`, evenly drawn; 0 when `bound` is 0.
pub fn random_below(bound: u64) -> Result<u64, CryptoError> {
    let Some(excess) = u64::MAX.checked_rem(bound) else { return Ok(0) };
    loop {
        let drawn = u64::from_be_bytes(random_bytes()?);
        if drawn < u64::MAX - excess {
            return Ok(drawn % bound);
        }
    }
}

/// Random letters and digits; each character carries 5.95 bits.
pub fn random_alphanumeric(length: usize) -> Result<SecretText, CryptoError> {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        let bytes = Zeroizing::new(random_bytes::<64>()?);
        for byte in bytes.iter().map(|b| usize::from(b & 63)) {
            if let Some(&letter) = ALPHABET.get(byte)
                && text.len() < length
            {
                text.push(char::from(letter));
            }
        }
    }
    Ok(SecretText::new(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn draws_every_value_below_the_bound_and_none_above() {
        let mut seen = [0_u32; 7];
        for _ in 0..2000 {
            seen[usize::try_from(random_below(7).unwrap()).unwrap()] += 1;
        }
        assert!(seen.iter().all(|n| *n > 150), "{seen:?}");
        assert_eq!(random_below(0).unwrap(), 0);
        assert_eq!(random_below(1).unwrap(), 0);
    }

    #[test]
    fn text_has_the_length_asked_for_and_uses_the_whole_alphabet() {
        for length in [0, 1, 44, 63, 64, 65] {
            assert_eq!(random_alphanumeric(length).unwrap().expose().len(), length);
        }
        let long = random_alphanumeric(20_000).unwrap();
        assert!(long.expose().bytes().all(|b| b.is_ascii_alphanumeric()));
        assert!(ALPHABET.iter().all(|b| long.expose().contains(char::from(*b))));
    }
}
