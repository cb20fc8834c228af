//! Which needles can be looked for in a dynamic value's bytes instead of its text.

/// Shorter needles stand in too many values.
const NEEDLE_MIN: usize = 3;

/// The part of a needle that must stand in the bytes of a value whose text holds the needle, letters of ASCII in any case;
/// none where there may be none.
///
/// Texts and keys lie in a dynamic value as they are, so that a needle of plain signs, found nowhere in its bytes, stands
/// nowhere in its JSON text either: not across signs of JSON, which the needle does not have, and not in a number, a
/// truth value, a guid or a time, whose texts it does not look like.
pub fn in_bytes(needle: &str) -> Option<&str> {
    let sought = needle.get(escape_tail(needle.as_bytes())..)?;
    let structural = |b: u8| b < b' ' || b"{}[],:\"\\".contains(&b);
    let usable = sought.len() >= NEEDLE_MIN
        && needle.bytes().all(|b| b.is_ascii() && !structural(b))
        && !like_a_scalar(sought);
    usable.then_some(sought)
}

/// How much of the needle's beginning may be the end of an escape: of `\n` or `\u001f` only the backslash is left out.
fn escape_tail(needle: &[u8]) -> usize {
    let hex = |at: usize| needle.get(at).is_some_and(u8::is_ascii_hexdigit);
    let is = |at: usize, signs: &[u8]| needle.get(at).is_some_and(|b| signs.contains(b));
    if is(0, b"uU") && is(1, b"0") && is(2, b"0") && is(3, b"01") && hex(4) {
        5
    } else if is(0, b"0") && is(1, b"0") && is(2, b"01") && hex(3) {
        4
    } else if is(0, b"0") && is(1, b"01") && hex(2) {
        3
    } else if is(0, b"01") && hex(1) {
        2
    } else {
        usize::from(hex(0) || is(0, b"nrtbfNRTBF"))
    }
}

/// True where the needle may stand in the text of a number, a truth value, null, a guid, a datetime or a timespan.
fn like_a_scalar(needle: &str) -> bool {
    // letters of true, false, null, nan, infinity, hexadecimal digits, and those of times
    let known = |b: u8| {
        b.is_ascii_digit()
            || b".+-".contains(&b)
            || b"abcdefilnrstuyz".contains(&b.to_ascii_lowercase())
    };
    // without colons between them, no more than one dot stands in any
    needle.bytes().all(known) && needle.bytes().filter(|b| *b == b'.').count() < 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needles_whose_absence_from_the_bytes_says_nothing_are_left_alone() {
        for needle in [
            "true",
            "1234",
            "1.5",
            "2024-01-02",
            "deadbeef",
            "a:b",
            "{\"a",
            "ab\\",
            "größe",
            "ok",
            "Infinity",
            "nul",
        ] {
            assert_eq!(in_bytes(needle), None, "{needle}");
        }
        for (needle, sought) in [
            ("185.246.225.19", "5.246.225.19"),
            ("mimikatz", "mimikatz"),
            ("nowhere", "owhere"),
            ("u001fhidden", "hidden"),
            ("has space", "has space"),
            ("rundll32.exe", "undll32.exe"),
        ] {
            assert_eq!(in_bytes(needle), Some(sought), "{needle}");
        }
    }
}
