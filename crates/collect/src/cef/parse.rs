//! From a line to a header of seven fields and an extension of keys and values.

use std::borrow::Cow;

/// Keys are short; a longer word before `=` is part of a value.
const KEY_MAX: usize = 128;

/// A CEF event taken apart; header fields that a cut-off line lacks are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event<'a> {
    /// What stands before `CEF:`, a syslog header as a rule.
    pub prefix: &'a str,
    /// Version of the format.
    pub version: Cow<'a, str>,
    /// Device vendor.
    pub vendor: Cow<'a, str>,
    /// Device product.
    pub product: Cow<'a, str>,
    /// Device version.
    pub device_version: Cow<'a, str>,
    /// Device event class id, or signature id.
    pub class_id: Cow<'a, str>,
    /// Name of the event.
    pub name: Cow<'a, str>,
    /// Severity, as given.
    pub severity: Cow<'a, str>,
    /// Keys and values, in order. A text before the first key is listed with an empty key.
    pub extension: Vec<(&'a str, Cow<'a, str>)>,
    /// True when the line ends within the header.
    pub cut_off: bool,
}

/// Takes a line apart; none when it holds no CEF event. A blank after the colon is tolerated.
pub fn parse(line: &str) -> Option<Event<'_>> {
    let (prefix, body) = find(line)?;
    let mut rest = body.trim_end_matches(['\r', '\n', '\0']);
    let mut header: [Cow<'_, str>; 7] = Default::default();
    let mut cut_off = false;
    for field in &mut header {
        let (text, behind) = match bar(rest) {
            Some(at) => (rest.get(..at), rest.get(at + 1..)),
            None => {
                cut_off = cut_off || rest.is_empty();
                (Some(rest), None)
            }
        };
        *field = unescape(text.unwrap_or_default().trim(), false);
        rest = behind.unwrap_or_default();
    }
    let [version, vendor, product, device_version, class_id, name, severity] = header;
    let extension = extension(rest);
    Some(Event {
        prefix,
        version,
        vendor,
        product,
        device_version,
        class_id,
        name,
        severity,
        extension,
        cut_off,
    })
}

/// `CEF:` at the start or behind a blank or colon, with a version and a bar behind it.
fn find(line: &str) -> Option<(&str, &str)> {
    let mut from = 0;
    loop {
        let at = from + line.get(from..)?.find("CEF:")?;
        let (prefix, body) = (line.get(..at)?, line.get(at + 4..)?);
        let version = body.trim_start_matches(' ');
        let digits = version.bytes().take_while(u8::is_ascii_digit).count();
        let stands_alone = prefix.is_empty() || prefix.ends_with(|c: char| !c.is_alphanumeric());
        if stands_alone
            && (1..=3).contains(&digits)
            && version.as_bytes().get(digits) == Some(&b'|')
        {
            return Some((prefix.trim(), version));
        }
        from = at + 4;
    }
}

/// The next bar that no backslash protects.
fn bar(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'|', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'|') {
            return Some(at);
        }
        at += 2;
    }
}

/// `key=value key=value`: a value reaches to the blank before the next key.
fn extension(text: &str) -> Vec<(&str, Cow<'_, str>)> {
    let text = text.trim();
    let mut pairs = Vec::new();
    let mut rest = text;
    let Some((mut start, mut value)) = next_key(rest, true) else {
        if !text.is_empty() {
            pairs.push(("", unescape(text, true)));
        }
        return pairs;
    };
    let before = rest.get(..start).unwrap_or_default().trim();
    if !before.is_empty() {
        pairs.push(("", unescape(before, true)));
    }
    loop {
        let key = rest.get(start..value - 1).unwrap_or_default();
        rest = rest.get(value..).unwrap_or_default();
        let skipped = quoted(rest);
        let next = next_key(rest.get(skipped..).unwrap_or_default(), false);
        let end = next.map_or(rest.len(), |(at, _)| skipped + at);
        pairs.push((key, unescape(rest.get(..end).unwrap_or_default().trim(), true)));
        match next {
            Some((at, behind)) => (start, value) = (skipped + at, skipped + behind),
            None => return pairs,
        }
    }
}

/// The next key: where it starts, and where its value does. It stands behind a blank, or `at_start` of the extension.
fn next_key(text: &str, at_start: bool) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'=', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'\\') {
            at += 2;
            continue;
        }
        let before = bytes.get(..at)?;
        let length = before.iter().rev().take(KEY_MAX).take_while(|b| is_key(**b)).count();
        let start = at - length;
        let apart = match start.checked_sub(1) {
            None => at_start,
            Some(before) => bytes.get(before).is_some_and(u8::is_ascii_whitespace),
        };
        if length > 0 && apart {
            return Some((start, at + 1));
        }
        at += 1;
    }
}

const fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-' | b'[' | b']')
}

/// Length of a value in quotes at the start of the text; what looks like a key inside is none. 0 without quotes, or
/// where they are not closed at the end of a word.
fn quoted(text: &str) -> usize {
    let Some(inner) = text.strip_prefix('"') else { return 0 };
    let bytes = inner.as_bytes();
    memchr::memchr_iter(b'"', bytes)
        .find(|at| bytes.get(at + 1).is_none_or(u8::is_ascii_whitespace))
        .map_or(0, |at| at + 2)
}

/// Resolves `\|`, `\\`, and in extensions `\=`, `\n`, `\r`; any other backslash stays.
fn unescape(text: &str, extension: bool) -> Cow<'_, str> {
    if memchr::memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some(escaped @ ('\\' | '|')) => out.push(escaped),
            Some('=') if extension => out.push('='),
            Some('n') if extension => out.push('\n'),
            Some('r') if extension => out.push('\r'),
            Some(other) => out.extend(['\\', other]),
            None => out.push('\\'),
        }
    }
    Cow::Owned(out)
}
