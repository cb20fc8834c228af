//! `guid`.

use std::fmt;

/// A 128-bit identifier, big endian.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Guid(pub [u8; 16]);

/// Positions of the dashes in the printed form.
const DASHES: [usize; 4] = [8, 13, 18, 23];

/// What each byte is as a hex digit; 255 for what is none.
const NIBBLES: [u8; 256] = {
    let mut nibbles = [255; 256];
    let mut digit = 0;
    while digit < 16 {
        nibbles[b"0123456789abcdef"[digit] as usize] = digit as u8;
        nibbles[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
        digit += 1;
    }
    nibbles
};

impl Guid {
    /// Reads 32 hex digits, with dashes anywhere between them, in braces, parentheses or neither.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().as_bytes();
        let inner = match text {
            [b'{', inner @ .., b'}'] | [b'(', inner @ .., b')'] => inner,
            plain => plain,
        };
        if inner.len() > 40 || inner.starts_with(b"-") || inner.ends_with(b"-") {
            return None;
        }
        // as it is nearly always written
        if let Some(guid) = Self::of_dashed(inner) {
            return Some(guid);
        }
        let mut digits =
            inner.iter().filter(|byte| **byte != b'-').map(|byte| (*byte as char).to_digit(16));
        let mut out = [0; 16];
        for byte in &mut out {
            *byte = (digits.next()?? * 16 + digits.next()??) as u8;
        }
        digits.next().is_none().then_some(Self(out))
    }

    fn of_dashed(text: &[u8]) -> Option<Self> {
        let text: &[u8; 36] = text.try_into().ok()?;
        if DASHES.iter().any(|at| text[*at] != b'-') {
            return None;
        }
        let mut out = [0; 16];
        let mut at = 0;
        let mut bad = 0;
        for byte in &mut out {
            at += usize::from(DASHES.contains(&at));
            let (high, low) = (NIBBLES[usize::from(text[at])], NIBBLES[usize::from(text[at + 1])]);
            bad |= (high | low) & 0xF0;
            *byte = high << 4 | low & 15;
            at += 2;
        }
        (bad == 0).then_some(Self(out))
    }

    /// `74be27de-1e4e-49d9-b579-fe0b331d3642` as bytes, without allocation.
    pub fn to_ascii(self) -> [u8; 36] {
        const HEX: &[u8; 16] = b"0123456789abcdef";
        let mut out = [b'-'; 36];
        let mut at = 0;
        for byte in self.0 {
            at += usize::from(DASHES.contains(&at));
            out[at] = HEX[usize::from(byte >> 4)];
            out[at + 1] = HEX[usize::from(byte & 15)];
            at += 2;
        }
        out
    }

    /// Appends the printed form.
    pub fn write_to(self, out: &mut String) {
        out.push_str(std::str::from_utf8(&self.to_ascii()).unwrap_or_default());
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.to_ascii()).unwrap_or_default())
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
