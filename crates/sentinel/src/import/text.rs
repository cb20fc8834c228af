//! Bytes of a content file as text: UTF-8 or UTF-16 with a byte order mark; broken bytes become the replacement sign.

use std::borrow::Cow;

pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => String::from_utf8_lossy(rest),
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes),
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Cow<'static, str> {
    let units = bytes.chunks_exact(2).map(|pair| match pair {
        [a, b] => unit([*a, *b]),
        _ => 0,
    });
    char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect::<String>()
        .into()
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn byte_order_marks() {
        for bytes in [
            &b"a\xc3\xa9"[..],
            b"\xef\xbb\xbfa\xc3\xa9",
            b"\xff\xfea\0\xe9\0",
            b"\xfe\xff\0a\0\xe9",
        ] {
            assert_eq!(decode(bytes), "aé");
        }
        assert_eq!(decode(b"\xff\xfea\0\xe9"), "a");
        assert_eq!(decode(b"a\xff"), "a\u{fffd}");
    }
}
