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
    fn decodes() {
        assert_eq!(segments("/a%20b//c%2Fd/%zz"), ["a b", "c/d", "%zz"]);
        assert_eq!(
            query("a=1&b=x+y%26&c&=d"),
            [("a", "1"), ("b", "x y&"), ("c", ""), ("", "d")]
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
        );
    }
}
