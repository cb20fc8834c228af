//! One-time passwords by time (RFC 6238): six digits, SHA-1, steps of 30 seconds, as every authenticator app does them.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::{CryptoError, SecretBytes, SecretText, constant_time_eq, random_bytes};

/// Seconds of a step.
const STEP: i64 = 30;
/// Steps before and after the present one that count: clocks of phones differ.
const DRIFT: i64 = 1;
const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The secret that server and authenticator share.
pub struct TotpSecret(SecretBytes);

impl TotpSecret {
    /// Makes one of 160 bits, the length of the digest.
    pub fn new() -> Result<Self, CryptoError> {
        Ok(Self(SecretBytes::new(random_bytes::<20>()?.to_vec())))
    }

    /// Takes one over; at least 128 bits.
    pub fn from_bytes(bytes: Vec<u8>) -> Option<Self> {
        let long = bytes.len() >= 16;
        let bytes = SecretBytes::new(bytes);
        long.then_some(Self(bytes))
    }

    /// Its bytes, to be sealed.
    pub fn bytes(&self) -> &[u8] {
        self.0.expose()
    }

    /// As people type it into an authenticator.
    pub fn base32(&self) -> SecretText {
        let mut text = String::with_capacity(self.0.expose().len() * 8 / 5 + 1);
        let (mut buffer, mut bits) = (0_u32, 0_u32);
        for byte in self.0.expose() {
            buffer = (buffer << 8 | u32::from(*byte)) & 0xfff;
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                text.push(letter(buffer >> bits));
            }
        }
        if bits > 0 {
            text.push(letter(buffer << (5 - bits)));
        }
        SecretText::new(text)
    }

    /// The step whose code was given: the present one or a neighbour, later than `after`, the last that was used. A
    /// code works once.
    pub fn verify(&self, code: &str, now: i64, after: i64) -> Option<i64> {
        let code: Zeroizing<String> =
            Zeroizing::new(code.chars().filter(|c| !c.is_whitespace()).collect());
        let present = now.div_euclid(STEP);
        let mut found = None;
        for step in present - DRIFT..=present + DRIFT {
            let expected = Zeroizing::new(self.code(step));
            if constant_time_eq(expected.as_bytes(), code.as_bytes()) && step > after {
                found = Some(step);
            }
        }
        found
    }

    /// The code of a moment, in seconds since 1970.
    pub fn code_at(&self, now: i64) -> SecretText {
        SecretText::new(self.code(now.div_euclid(STEP)))
    }

    fn code(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, self.0.expose());
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag.last().copied().unwrap_or(0) & 15);
        let four = tag.get(offset..offset + 4).unwrap_or_default();
        let number = four.iter().fold(0_u32, |n, b| n << 8 | u32::from(*b)) & 0x7fff_ffff;
        format!("{:06}", number % 1_000_000)
    }
}

fn letter(index: u32) -> char {
    char::from(BASE32.get((index & 31) as usize).copied().unwrap_or(b'A'))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rfc() -> TotpSecret {
        TotpSecret::from_bytes(b"12345678901234567890".to_vec()).unwrap()
    }

    /// Appendix B of RFC 6238 has eight digits; ours are the last six.
    #[test]
    fn codes_of_rfc_6238() {
        for (at, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(rfc().code_at(at).expose(), code, "{at}");
        }
    }

    #[test]
    fn a_code_works_once_and_near_its_time() {
        let secret = rfc();
        let now = 1_234_567_890;
        let code = secret.code_at(now).expose().to_owned();
        let step = secret.verify(&code, now, 0).unwrap();
        assert_eq!(secret.verify(&code, now + 1, step), None, "a replay");
        assert!(secret.verify(&code, now + 30, 0).is_some(), "a slow phone");
        assert!(secret.verify(&code, now - 30, 0).is_some(), "a fast phone");
        assert_eq!(secret.verify(&code, now + 61, 0), None);
        assert_eq!(secret.verify(&code, now - 61, 0), None);
        assert!(secret.verify(&format!(" {} {}", &code[..3], &code[3..]), now, 0).is_some());
        for wrong in ["", "000000", "5924", "0059240"] {
            assert_eq!(secret.verify(wrong, now, 0), None, "{wrong}");
        }
    }

    #[test]
    fn base32_of_rfc_4648() {
        let text = |bytes: &[u8]| {
            TotpSecret(SecretBytes::new(bytes.to_vec())).base32().expose().to_owned()
        };
        assert_eq!(text(b"foobar"), "MZXW6YTBOI");
        assert_eq!(text(b"fooba"), "MZXW6YTB");
        assert_eq!(text(b"12345678901234567890"), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        assert_eq!(text(&[255; 20]).len(), 32);
        assert!(TotpSecret::from_bytes(vec![1; 15]).is_none());
    }
}
