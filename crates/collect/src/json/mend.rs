//! Documents that are JSON but for what no parser's types hold: half of a surrogate pair, a number beyond a double. One
//! such cell must not cost the rows beside it.

/// The document with U+FFFD for halves of surrogate pairs and texts for numbers that are too large; none where there
/// is nothing of that kind.
pub(super) fn mended(document: &[u8]) -> Option<Vec<u8>> {
    let mut mended = Vec::with_capacity(document.len() + 16);
    let (mut rest, mut in_text, mut changed) = (document, false, false);
    while let [first, behind @ ..] = rest {
        let length = match (in_text, first) {
            (_, b'"') => {
                in_text = !in_text;
                1
            }
            (true, b'\\') => match half_of_a_pair(rest) {
                Escape::Half => {
                    mended.extend_from_slice(br"\uFFFD");
                    changed = true;
                    rest = rest.get(6..).unwrap_or_default();
                    continue;
                }
                Escape::Of(length) => length,
            },
            (false, b'-' | b'0'..=b'9') => {
                let is_part = |b: &&u8| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                let length = 1 + behind.iter().take_while(is_part).count();
                let number = rest.get(..length).unwrap_or_default();
                if is_beyond(number) {
                    mended.push(b'"');
                    mended.extend_from_slice(number);
                    mended.push(b'"');
                    changed = true;
                    rest = rest.get(length..).unwrap_or_default();
                    continue;
                }
                length
            }
            _ => 1,
        };
        let (kept, after) = rest.split_at(length.min(rest.len()));
        mended.extend_from_slice(kept);
        rest = after;
    }
    changed.then_some(mended)
}

enum Escape {
    /// Half of a pair, the other half missing: six bytes.
    Half,
    /// Anything else, and its length.
    Of(usize),
}

fn half_of_a_pair(text: &[u8]) -> Escape {
    match unit(text) {
        Some(0xDC00..=0xDFFF) => Escape::Half,
        Some(0xD800..=0xDBFF) => match text.get(6..).and_then(unit) {
            Some(0xDC00..=0xDFFF) => Escape::Of(12),
            _ => Escape::Half,
        },
        _ => Escape::Of(2),
    }
}

/// The value of an escape `\uXXXX` at the beginning.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(br"\u")?.get(..4)?;
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

fn is_beyond(number: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(number) else { return false };
    let is_whole = number.iter().all(|b| matches!(b, b'0'..=b'9' | b'-'));
    match text.parse::<f64>() {
        Ok(value) if value.is_infinite() => true,
        Ok(_) => is_whole && text.parse::<i64>().is_err() && text.parse::<u64>().is_err(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_type_holds_is_replaced() {
        let cases = [
            (r#"{"a":"\ud800"}"#, Some(r#"{"a":"\uFFFD"}"#)),
            (r#"{"a":"\uDE00x\uD83D"}"#, Some(r#"{"a":"\uFFFDx\uFFFD"}"#)),
            (r#"{"a":"\ud83d\ud83d\ude00"}"#, Some(r#"{"a":"\uFFFD\ud83d\ude00"}"#)),
            (r#"{"a":"\ud83d\ude00 \\ud800 \" 1e400"}"#, None),
            (r#"[1e400,-1E+999,{"b":9e308}]"#, Some(r#"["1e400","-1E+999",{"b":"9e308"}]"#)),
            ("[123456789012345678901,1.5]", Some(r#"["123456789012345678901",1.5]"#)),
            ("[18446744073709551615,-9223372036854775808,1e308,0.1]", None),
            (r#"{"a":"\u"#, None),
            (r#"{"a":"\"#, None),
            ("", None),
        ];
        for (document, wanted) in cases {
            let told = mended(document.as_bytes());
            assert_eq!(told.as_deref(), wanted.map(str::as_bytes), "{document}");
        }
    }
}
