//! Paths and queries, decoded.

/// The path's segments, percent-decoded, without empty ones. Undecodable ones stay as they are.
pub(crate) fn segments(path: &str) -> Vec<String> {
    path.split('/').filter(|s| !s.is_empty()).map(|s| decode(s, false)).collect()
}

/// A query's or a form's parameters in order, decoded.
pub(crate) fn query(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|p| !p.is_empty())
        .map(|p| {
            let (name, value) = p.split_once('=').unwrap_or((p, ""));
            (decode(name, true), decode(value, true))
        })
        .collect()
}

/// The name of the first parameter that cannot be decoded, as sent.
pub(crate) fn malformed(text: &str) -> Option<String> {
    let broken = text.split('&').find(|p| !is_decodable(p))?;
    Some(broken.split('=').next().unwrap_or_default().to_owned())
}

/// True where each `%` has its two digits, and the bytes are UTF-8.
fn is_decodable(text: &str) -> bool {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
        match (digit(), digit()) {
            (Some(high), Some(low)) => bytes.push(u8::try_from(high * 16 + low).unwrap_or(b'?')),
            _ => return false,
        }
    }
    std::str::from_utf8(&bytes).is_ok()
}

/// Percent-decoding; `+` is a blank in queries and forms.
fn decode(text: &str, plus: bool) -> String {
    if !text.contains(['%', '+']) {
        return text.to_owned();
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = |at: usize| tail.get(at).and_then(|b| char::from(*b).to_digit(16));
        match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = tail.get(2..).unwrap_or_default();
                continue;
            }
            (b'+', ..) if plus => out.push(b' '),
            _ => out.push(byte),
        }
        rest = tail;
    }
    String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_decoded_is_named() {
        for (text, name) in [
            ("", None),
            ("a=1&b=x+y%26&c&=d", None),
            ("a=%C3%BC", None),
            ("a=1&b=%", Some("b")),
            ("b=%4", Some("b")),
            ("b=%zz&c=%", Some("b")),
            ("b=%%20", Some("b")),
            ("b=%ff", Some("b")),
            ("b%=1", Some("b%")),
        ] {
            assert_eq!(malformed(text).as_deref(), name, "{text}");
        }
    }

    #[test]
    fn decodes() {
        assert_eq!(segments("/a%20b//c%2Fd/%zz"), ["a b", "c/d", "%zz"]);
        assert_eq!(
            query("a=1&b=x+y%26&c&=d"),
            [("a", "1"), ("b", "x y&"), ("c", ""), ("", "d")]
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
    }
}
