//! String tokens to the text they mean.

use std::ops::Range;

/// What a string token means.
pub(super) struct Decoded {
    pub(super) value: String,
    pub(super) obfuscated: bool,
    /// The first escape that is none, as bytes of the token.
    pub(super) bad_escape: Option<Range<usize>>,
}

/// Resolves quotes and escapes of one string token, closed or not.
pub(super) fn decode(token: &str) -> Decoded {
    let (obfuscated, rest) = match token.strip_prefix(['h', 'H']) {
        Some(rest) => (true, rest),
        None => (false, token),
    };
    let plain = |value: String| Decoded { value, obfuscated, bad_escape: None };
    for fence in ["```", "~~~"] {
        if let Some(inside) = rest.strip_prefix(fence) {
            return plain(inside.strip_suffix(fence).unwrap_or(inside).to_owned());
        }
    }
    if let Some(inside) = rest.strip_prefix('@') {
        let Some(quote) = inside.chars().next() else { return plain(String::new()) };
        let inside = inside.get(1..).unwrap_or_default();
        let inside = inside.strip_suffix(quote).unwrap_or(inside);
        return plain(inside.replace(
            [quote, quote].iter().collect::<String>().as_str(),
            quote.encode_utf8(&mut [0; 4]),
        ));
    }
    let Some(quote) = rest.chars().next() else { return plain(String::new()) };
    let inside = rest.get(1..).unwrap_or_default();
    let inside = inside.strip_suffix(quote).unwrap_or(inside);
    let (value, bad) = unescape(inside);
    let before = token.len() - rest.len() + 1;
    let bad_escape = bad.map(|range| range.start + before..range.end + before);
    Decoded { value, obfuscated, bad_escape }
}

/// Resolves backslashes. What is no escape stays as it is and is reported.
fn unescape(inside: &str) -> (String, Option<Range<usize>>) {
    if !inside.contains('\\') {
        return (inside.to_owned(), None);
    }
    let mut value = String::with_capacity(inside.len());
    let mut bad = None;
    let mut rest = inside;
    while let Some(at) = rest.find('\\') {
        value.push_str(rest.get(..at).unwrap_or_default());
        let escape = rest.get(at + 1..).unwrap_or_default();
        let length = match one_escape(escape) {
            Some((c, length)) => {
                value.push(c);
                length
            }
            None => {
                let start = inside.len() - rest.len() + at;
                let length = escape.chars().next().map_or(0, char::len_utf8);
                bad = bad.or(Some(start..start + 1 + length));
                value.push('\\');
                0
            }
        };
        rest = escape.get(length..).unwrap_or_default();
    }
    value.push_str(rest);
    (value, bad)
}

/// The character meant by what follows a backslash, and how many bytes it takes.
fn one_escape(escape: &str) -> Option<(char, usize)> {
    let simple = |c: char| Some((c, 1));
    match escape.chars().next()? {
        c @ ('\\' | '\'' | '"') => simple(c),
        'a' => simple('\u{7}'),
        'b' => simple('\u{8}'),
        'f' => simple('\u{c}'),
        'n' => simple('\n'),
        'r' => simple('\r'),
        't' => simple('\t'),
        'v' => simple('\u{b}'),
        'x' => Some((char_of(hexadecimal(escape, 1, 2)?), 3)),
        'u' => Some(utf16(escape)?),
        'U' => Some((char_of(hexadecimal(escape, 1, 8)?), 9)),
        '0'..='7' => Some(octal(escape)),
        _ => None,
    }
}

fn hexadecimal(text: &str, start: usize, length: usize) -> Option<u32> {
    let digits = text.get(start..start + length)?;
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u32::from_str_radix(digits, 16).ok()
}

/// `uD83D\uDE00`: two units may make one character.
fn utf16(escape: &str) -> Option<(char, usize)> {
    let unit = hexadecimal(escape, 1, 4)?;
    if (0xd800..0xdc00).contains(&unit)
        && escape.get(5..7) == Some("\\u")
        && let Some(low) = hexadecimal(escape, 7, 4)
        && (0xdc00..0xe000).contains(&low)
    {
        return Some((char_of(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00)), 11));
    }
    Some((char_of(unit), 5))
}

fn octal(escape: &str) -> (char, usize) {
    let digits = escape.bytes().take_while(|b| matches!(b, b'0'..=b'7')).take(3).count();
    let length = if digits == 3 && escape.as_bytes().first() > Some(&b'3') { 2 } else { digits };
    let code = escape.get(..length).and_then(|digits| u32::from_str_radix(digits, 8).ok());
    (char_of(code.unwrap_or(0)), length)
}

/// Halves of surrogate pairs and numbers beyond Unicode become the replacement character.
fn char_of(code: u32) -> char {
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_resolved() {
        let cases = [
            (r#""a""#, "a"),
            (r"'a'", "a"),
            (r#""""#, ""),
            (r#"'say "hi"'"#, "say \"hi\""),
            (r#""a\tb\\c\"d\'e""#, "a\tb\\c\"d'e"),
            (r"'\x41\u0042\U00000043\101\60\7'", "ABCA0\u{7}"),
            (r"'\ud83d\ude00'", "\u{1f600}"),
            (r"'\ud83d'", "\u{fffd}"),
            (r"'\477'", "'7"),
            (r#"@"C:\new""x""#, "C:\\new\"x"),
            (r"@'it''s'", "it's"),
            (r"h'secret'", "secret"),
            (r"H@'a\b'", "a\\b"),
            ("```a\n'b'```", "a\n'b'"),
            ("~~~a```b~~~", "a```b"),
            ("'open", "open"),
            ("```open", "open"),
            ("'", ""),
        ];
        for (token, expected) in cases {
            let decoded = decode(token);
            assert_eq!(decoded.value, expected, "{token}");
            assert_eq!(decoded.obfuscated, token.starts_with(['h', 'H']), "{token}");
            assert_eq!(decoded.bad_escape, None, "{token}");
        }
    }

    #[test]
    fn bad_escapes_are_kept_and_found() {
        let decoded = decode(r#""C:\windows""#);
        assert_eq!(decoded.value, r"C:\windows");
        assert_eq!(decoded.bad_escape, Some(3..5));
        let decoded = decode(r"h'\u12'");
        assert_eq!((decoded.value.as_str(), decoded.bad_escape), (r"\u12", Some(2..4)));
    }
}
