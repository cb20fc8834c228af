//! Bytes to text: UTF-8, UTF-16 with or without a mark, else Windows-1252.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

/// Bytes looked at to tell UTF-16 without a mark.
const SAMPLE_BYTES: usize = 4096;

/// Text, and how it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    /// The text, byte order mark taken off.
    pub text: Cow<'a, str>,
    /// WHATWG name of the encoding, `UTF-8`, `UTF-16LE`, `UTF-16BE` or `windows-1252`.
    pub encoding: &'static str,
    /// True when bytes that are no text of the encoding became U+FFFD.
    pub replaced: bool,
}

/// Decodes text of unknown encoding. UTF-8 is borrowed, not copied.
pub fn decode(bytes: &[u8]) -> Decoded<'_> {
    let (encoding, mark) = match Encoding::for_bom(bytes) {
        Some((encoding, length)) => (encoding, length),
        None => (guess(bytes), 0),
    };
    let body = bytes.get(mark..).unwrap_or_default();
    let (text, replaced) = encoding.decode_without_bom_handling(body);
    Decoded { text, encoding: encoding.name(), replaced }
}

/// Zero bytes at every other place are UTF-16 of mostly Latin text; what is not UTF-8 is Windows-1252.
fn guess(bytes: &[u8]) -> &'static Encoding {
    let sample = bytes.get(..SAMPLE_BYTES.min(bytes.len())).unwrap_or_default();
    let zeros = |from: usize| sample.iter().skip(from).step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    let half = sample.len() / 2;
    if half > 0 && odd > half / 2 && even < half / 8 {
        UTF_16LE
    } else if half > 0 && even > half / 2 && odd < half / 8 {
        UTF_16BE
    } else if std::str::from_utf8(bytes).is_ok() {
        UTF_8
    } else {
        WINDOWS_1252
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn utf16(text: &str, mark: bool, big: bool) -> Vec<u8> {
        let units = mark.then_some(0xFEFF).into_iter().chain(text.encode_utf16());
        units.flat_map(|u: u16| if big { u.to_be_bytes() } else { u.to_le_bytes() }).collect()
    }

    #[test]
    fn encodings_are_told_apart() {
        let text = "a,b\r\n1,é\r\n";
        let mut marked = vec![0xEF, 0xBB, 0xBF];
        marked.extend_from_slice(text.as_bytes());
        let cases: [(&str, Vec<u8>); 7] = [
            ("UTF-8", text.as_bytes().to_vec()),
            ("UTF-8", marked),
            ("UTF-16LE", utf16(text, true, false)),
            ("UTF-16LE", utf16(text, false, false)),
            ("UTF-16BE", utf16(text, true, true)),
            ("UTF-16BE", utf16(text, false, true)),
            ("windows-1252", text.chars().map(|c| c as u8).collect()),
        ];
        for (encoding, bytes) in &cases {
            let decoded = decode(bytes);
            assert_eq!(
                (decoded.encoding, &*decoded.text, decoded.replaced),
                (*encoding, text, false)
            );
        }
    }

    #[test]
    fn broken_text_is_replaced_and_told() {
        assert_eq!(decode(b"").text, "");
        let broken = decode(&[0xEF, 0xBB, 0xBF, b'a', 0xFF]);
        assert_eq!((&*broken.text, broken.replaced), ("a\u{FFFD}", true));
        let odd = decode(&[0xFF, 0xFE, b'a', 0, b'b']);
        assert_eq!((&*odd.text, odd.replaced), ("a\u{FFFD}", true));
    }
}
