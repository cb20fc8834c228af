//! A secret divided among people: any `threshold` of the shares give it back, fewer tell nothing (Shamir, over GF(256)).
//!
//! Each byte is the value at 0 of a random polynomial of degree `threshold - 1`; a share is its place x (1 to 255) and
//! the values there. Arithmetic is that of AES' field (x^8 + x^4 + x^3 + x + 1), computed without tables or branches on
//! secret bytes.

use zeroize::Zeroizing;

use crate::{CryptoError, SecretBytes};

/// A share: its place, then one byte for each byte of the secret.
pub type Share = SecretBytes;

/// Divides a secret into `count` shares, `threshold` of which are needed.
pub fn divide(secret: &[u8], threshold: u8, count: u8) -> Result<Vec<Share>, CryptoError> {
    if threshold < 2 || count < threshold || secret.is_empty() {
        return Err(CryptoError::Key(
            "a secret is divided into at least as many shares as are needed, and at least two are needed",
        ));
    }
    let mut coefficients = Zeroizing::new(vec![0; secret.len() * usize::from(threshold - 1)]);
    aws_lc_rs::rand::fill(&mut coefficients).map_err(|_| CryptoError::Random)?;
    let shares = (1..=count).map(|x| {
        let values = secret.iter().zip(coefficients.chunks(usize::from(threshold - 1)));
        // Horner, from the highest power down to the secret byte
        let share = values.map(|(byte, rest)| {
            multiply(rest.iter().fold(0, |sum, c| multiply(sum, x) ^ c), x) ^ byte
        });
        SecretBytes::new(std::iter::once(x).chain(share).collect())
    });
    Ok(shares.collect())
}

/// Puts shares together. Too few, or of different secrets, give other bytes: whoever calls checks the result.
pub fn combine(shares: &[Share]) -> Result<SecretBytes, CryptoError> {
    let bad = CryptoError::Key(
        "these shares do not belong together: give different ones of one division",
    );
    let Some(length) = shares.first().map(|s| s.expose().len()).filter(|l| *l > 1) else {
        return Err(bad);
    };
    let places: Vec<u8> = shares.iter().filter_map(|s| s.expose().first().copied()).collect();
    let different = places.iter().enumerate().all(|(i, x)| !places.iter().take(i).any(|y| y == x));
    let alike = shares.iter().all(|s| s.expose().len() == length) && !places.contains(&0);
    if !different || !alike || shares.len() < 2 || shares.len() > 255 {
        return Err(bad);
    }
    let mut secret = vec![0; length - 1];
    for (share, x) in shares.iter().zip(&places) {
        // Lagrange at 0: the product of y / (y - x) over the other places
        let others = places.iter().filter(|y| *y != x);
        let weight = others.fold(1, |w, y| multiply(w, multiply(*y, invert(y ^ x))));
        for (byte, value) in secret.iter_mut().zip(share.expose().iter().skip(1)) {
            *byte ^= multiply(weight, *value);
        }
    }
    Ok(SecretBytes::new(secret))
}

/// The product in GF(256).
fn multiply(a: u8, b: u8) -> u8 {
    let (mut a, mut product) = (a, 0_u8);
    for bit in 0..8 {
        product ^= a & 0_u8.wrapping_sub((b >> bit) & 1);
        a = (a << 1) ^ (0x1b & 0_u8.wrapping_sub(a >> 7));
    }
    product
}

/// The inverse in GF(256), a^254; 0 for 0.
fn invert(a: u8) -> u8 {
    let mut power = a;
    let mut result = 1;
    for _ in 0..7 {
        power = multiply(power, power);
        result = multiply(result, power);
    }
    result
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_field_is_that_of_aes() {
        assert_eq!(multiply(0x57, 0x83), 0xc1); // FIPS 197, section 4.2
        assert_eq!(multiply(0x57, 0x13), 0xfe);
        assert_eq!(invert(0x53), 0xca);
        for a in 1..=255 {
            assert_eq!(multiply(a, invert(a)), 1);
        }
        assert_eq!(invert(0), 0);
    }

    #[test]
    fn a_published_division_is_put_together() {
        // f(x) = 0x42 + 0x0f x at 1, 2, 3
        let share = |x: u8, y: u8| SecretBytes::new(vec![x, y]);
        let values: Vec<Share> = (1..=3).map(|x| share(x, 0x42 ^ multiply(0x0f, x))).collect();
        for pair in [[0, 1], [1, 2], [2, 0]] {
            let two: Vec<Share> = pair
                .iter()
                .map(|i: &usize| SecretBytes::new(values[*i].expose().to_vec()))
                .collect();
            assert_eq!(combine(&two).unwrap().expose(), [0x42]);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for (threshold, count) in [(0, 3), (1, 3), (4, 3)] {
            assert!(divide(b"secret", threshold, count).is_err());
        }
        assert!(divide(b"", 2, 3).is_err());
        let share = |bytes: &[u8]| SecretBytes::new(bytes.to_vec());
        for shares in [
            vec![],
            vec![share(&[1, 2])],
            vec![share(&[1, 2]), share(&[1, 3])],
            vec![share(&[1, 2]), share(&[2, 3, 4])],
            vec![share(&[0, 2]), share(&[1, 3])],
            vec![share(&[1]), share(&[2])],
        ] {
            assert!(combine(&shares).is_err());
        }
    }

    proptest! {
        #[test]
        fn enough_shares_give_the_secret_and_fewer_do_not(
            secret in proptest::collection::vec(any::<u8>(), 16..40),
            threshold in 2_u8..6, more in 0_u8..4, skip in 0_usize..4,
        ) {
            let shares = divide(&secret, threshold, threshold + more).unwrap();
            let take = |n: usize| -> Vec<Share> {
                let from = skip.min(shares.len() - n);
                shares[from..from + n].iter().map(|s| SecretBytes::new(s.expose().to_vec())).collect()
            };
            let enough = combine(&take(usize::from(threshold))).unwrap();
            prop_assert_eq!(enough.expose(), &secret[..]);
            if threshold > 2 {
                let fewer = combine(&take(usize::from(threshold) - 1)).unwrap();
                prop_assert_ne!(fewer.expose(), &secret[..]);
            }
        }
    }
}
