//! Addresses of the web: taking them apart, escaping, punycode.

use std::borrow::Cow;

use values::DynamicBuilder;
use values::dynamic::PathPart;

use super::Function;
use super::call::{Call, Columnar, EvalError};
use super::support::Answer;

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("parse_url", parse_url).with_part(url_part),
    Function::new("parseurl", parse_url).with_part(url_part),
    Function::new("parse_urlquery", parse_query).with_part(query_part),
    Function::new("parseurlquery", parse_query).with_part(query_part),
    Function::new("url_encode", |c| encode(c, true)),
    Function::new("url_encode_component", |c| encode(c, false)),
    Function::new("url_decode", decode),
    Function::new("punycode_from_string", |c| punycode(c, puny_encode)),
    Function::new("punycode_to_string", |c| punycode(c, puny_decode)),
    Function::new("punycode_domain_from_string", |c| punycode(c, domain_decode)),
    Function::new("punycode_domain_to_string", |c| punycode(c, domain_encode)),
];

/// The key of the bag of parameters.
const QUERY: &str = "Query Parameters";

/// What an address consists of.
struct Url<'u> {
    scheme: &'u str,
    host: &'u str,
    port: &'u str,
    path: &'u str,
    user: &'u str,
    password: &'u str,
    query: &'u str,
    fragment: &'u str,
}

impl<'u> Url<'u> {
    fn of(text: &'u str) -> Self {
        let (rest, fragment) = split_at_byte(text, b'#').unwrap_or((text, ""));
        let (rest, query) = split_at_byte(rest, b'?').unwrap_or((rest, ""));
        let (scheme, rest) = scheme(rest);
        let absolute = !scheme.is_empty() || rest.starts_with("//");
        let rest = rest.trim_start_matches("//");
        let (authority, path) =
            if absolute { split_at_byte(rest, b'/').unwrap_or((rest, "")) } else { ("", rest) };
        let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
        let (user, password) = user.split_once(':').unwrap_or((user, ""));
        let (host, port) = split_port(host);
        Self { scheme, host, port, path, user, password, query, fragment }
    }

    /// The text under a key.
    fn get(&self, key: &str) -> Option<&'u str> {
        Some(match key {
            "Scheme" => self.scheme,
            "Host" => self.host,
            "Port" => self.port,
            "Path" => self.path,
            "Username" => self.user,
            "Password" => self.password,
            "Fragment" => self.fragment,
            _ => return None,
        })
    }
}

/// As `split_once`, for a byte that is a character.
fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(byte, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The scheme, or nothing, and what follows it.
fn scheme(text: &str) -> (&str, &str) {
    // usually the first colon is the one
    if let Some((scheme, tail)) = split_at_byte(text, b':')
        && let Some(tail) = tail.strip_prefix("//")
    {
        return (scheme, tail);
    }
    match text.split_once("://") {
        Some(parts) => parts,
        None => match text.split_once(':') {
            // `mailto:someone`, but not `host:80/path`.
            Some((scheme, tail))
                if is_scheme(scheme) && !tail.starts_with(|c: char| c.is_ascii_digit()) =>
            {
                (scheme, tail)
            }
            _ => ("", text),
        },
    }
}

fn parse_url(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.built(|row, out| {
        let text = texts.get(row);
        let url = Url::of(&text);
        out.begin_object();
        for key in ["Scheme", "Host", "Port", "Path", "Username", "Password"] {
            out.key(key);
            out.string(url.get(key).unwrap_or_default());
        }
        write_query(url.query, out);
        out.key("Fragment");
        out.string(url.fragment);
        out.end_object();
        Some(())
    })
}

fn url_part(call: &Call<'_>, path: &[PathPart<'_>]) -> Result<Option<Columnar>, EvalError> {
    let texts = call.any_text(0)?;
    match path {
        [PathPart::Key(QUERY), ..] => {
            query_ends(call, path, |row| with(texts.get(row), |text| Url::of(text).query))
        }
        [PathPart::Key(key)] => call.ends(|row, ends| {
            ends.text(Url::of(&texts.get(row)).get(key)?);
            Some(())
        }),
        _ => call.no_ends(),
    }
}

/// A part of a text that is borrowed or not.
fn with<'t>(text: Cow<'t, str>, part: impl Fn(&str) -> &str) -> Cow<'t, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(part(text)),
        Cow::Owned(text) => Cow::Owned(part(&text).to_owned()),
    }
}

fn query_part(call: &Call<'_>, path: &[PathPart<'_>]) -> Result<Option<Columnar>, EvalError> {
    let texts = call.any_text(0)?;
    query_ends(call, path, |row| {
        with(texts.get(row), |text| text.strip_prefix('?').unwrap_or(text))
    })
}

/// Ends of paths that begin with the bag of parameters.
fn query_ends<'t>(
    call: &Call<'_>,
    path: &[PathPart<'_>],
    query: impl Fn(usize) -> Cow<'t, str>,
) -> Result<Option<Columnar>, EvalError> {
    match path {
        // of equal keys the last counts
        [PathPart::Key(QUERY), PathPart::Key(wanted)] => call.ends(|row, ends| {
            let query = query(row);
            ends.text(parameters(&query).filter(|(key, _)| key == wanted).last()?.1);
            Some(())
        }),
        [PathPart::Key(QUERY)] => Ok(None),
        _ => call.no_ends(),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
}

/// Host and port; the colons of an address in brackets belong to the host.
fn split_port(host: &str) -> (&str, &str) {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.ends_with(':') => {
            (name, port)
        }
        _ => (host, ""),
    }
}

/// Keys and values of a query, as they stand.
fn parameters(query: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| split_at_byte(pair, b'=').unwrap_or((pair, "")))
}

fn write_query(query: &str, out: &mut DynamicBuilder) {
    out.key(QUERY);
    out.begin_object();
    for (key, value) in parameters(query) {
        out.key(key);
        out.string(value);
    }
    out.end_object();
}

fn parse_query(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.built(|row, out| {
        let text = texts.get(row);
        out.begin_object();
        write_query(text.strip_prefix('?').unwrap_or(&text), out);
        out.end_object();
        Some(())
    })
}

/// Everything but letters, digits and a few marks as %xx; blanks as `+` in a form.
fn encode(call: &Call<'_>, form: bool) -> Answer {
    let texts = call.any_text(0)?;
    call.written(|row, out| {
        for byte in texts.get(row).bytes() {
            match byte {
                b'a'..=b'z'
                | b'A'..=b'Z'
                | b'0'..=b'9'
                | b'-'
                | b'_'
                | b'.'
                | b'!'
                | b'*'
                | b'('
                | b')' => {
                    out.push(char::from(byte));
                }
                b' ' if form => out.push('+'),
                _ => {
                    let _ = std::fmt::Write::write_fmt(out, format_args!("%{byte:02x}"));
                }
            }
        }
    })
}

fn decode(call: &Call<'_>) -> Answer {
    let texts = call.any_text(0)?;
    call.written(|row, out| {
        let text = texts.get(row);
        let bytes = text.as_bytes();
        let mut decoded = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let hex = |i: usize| bytes.get(i).and_then(|b| char::from(*b).to_digit(16));
            match (byte, hex(at + 1), hex(at + 2)) {
                (b'%', Some(high), Some(low)) => {
                    decoded.push((high * 16 + low) as u8);
                    at += 3;
                    continue;
                }
                (b'+', ..) => decoded.push(b' '),
                _ => decoded.push(*byte),
            }
            at += 1;
        }
        out.push_str(&String::from_utf8_lossy(&decoded));
    })
}

fn punycode(call: &Call<'_>, f: fn(&str) -> Option<String>) -> Answer {
    let texts = call.any_text(0)?;
    call.written(|row, out| out.push_str(&f(&texts.get(row)).unwrap_or_default()))
}

/// Each label that needs it, behind `xn--`. The full stops of other scripts separate labels too.
fn domain_encode(domain: &str) -> Option<String> {
    let labels = domain.split(['.', '。', '．', '｡']).map(|label| {
        if label.is_ascii() {
            Some(label.to_owned())
        } else {
            puny_encode(label).map(|l| format!("xn--{l}"))
        }
    });
    labels.collect::<Option<Vec<_>>>().map(|l| l.join("."))
}

fn domain_decode(domain: &str) -> Option<String> {
    let labels = domain.split('.').map(|label| match label.strip_prefix("xn--") {
        Some(encoded) => puny_decode(encoded),
        None => Some(label.to_owned()),
    });
    labels.collect::<Option<Vec<_>>>().map(|l| l.join("."))
}

// RFC 3492, with its names.
const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;

fn adapt(delta: u32, points: u32, first: bool) -> u32 {
    let mut delta = if first { delta / DAMP } else { delta / 2 };
    delta += delta / points;
    let mut k = 0;
    while delta > (BASE - T_MIN) * T_MAX / 2 {
        delta /= BASE - T_MIN;
        k += BASE;
    }
    k + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

fn threshold(k: u32, bias: u32) -> u32 {
    k.saturating_sub(bias).clamp(T_MIN, T_MAX)
}

fn puny_encode(text: &str) -> Option<String> {
    let mut out: String = text.chars().filter(char::is_ascii).collect();
    let basic = out.len() as u32;
    let (mut handled, mut n, mut delta, mut bias) = (basic, 128_u32, 0_u32, 72_u32);
    if basic > 0 {
        out.push('-');
    }
    let total = u32::try_from(text.chars().count()).ok()?;
    while handled < total {
        let next = text.chars().map(u32::from).filter(|c| *c >= n).min()?;
        delta = delta.checked_add((next - n).checked_mul(handled + 1)?)?;
        n = next;
        for c in text.chars().map(u32::from) {
            if c < n {
                delta = delta.checked_add(1)?;
            }
            if c == n {
                let (mut q, mut k) = (delta, BASE);
                loop {
                    let t = threshold(k, bias);
                    if q < t {
                        break;
                    }
                    out.push(digit(t + (q - t) % (BASE - t)));
                    q = (q - t) / (BASE - t);
                    k += BASE;
                }
                out.push(digit(q));
                bias = adapt(delta, handled + 1, handled == basic);
                delta = 0;
                handled += 1;
            }
        }
        delta = delta.checked_add(1)?;
        n += 1;
    }
    Some(out)
}

fn digit(value: u32) -> char {
    char::from_digit(value.wrapping_sub(26), 10)
        .filter(|_| value >= 26)
        .or_else(|| char::from_u32(u32::from('a') + value))
        .unwrap_or('a')
}

fn puny_decode(text: &str) -> Option<String> {
    let (basic, rest) = text.rsplit_once('-').unwrap_or(("", text));
    let mut out: Vec<char> = basic.chars().collect();
    let (mut n, mut i, mut bias) = (128_u32, 0_u32, 72_u32);
    let mut digits = rest.chars().peekable();
    while digits.peek().is_some() {
        let (old, mut weight, mut k) = (i, 1_u32, BASE);
        loop {
            let value = match digits.next()? {
                c @ '0'..='9' => u32::from(c) - u32::from('0') + 26,
                c if c.is_ascii_alphabetic() => u32::from(c.to_ascii_lowercase()) - u32::from('a'),
                _ => return None,
            };
            i = i.checked_add(value.checked_mul(weight)?)?;
            let t = threshold(k, bias);
            if value < t {
                break;
            }
            weight = weight.checked_mul(BASE - t)?;
            k += BASE;
        }
        let points = u32::try_from(out.len()).ok()? + 1;
        bias = adapt(i - old, points, old == 0);
        n = n.checked_add(i / points)?;
        i %= points;
        out.insert(usize::try_from(i).ok()?, char::from_u32(n)?);
        i += 1;
    }
    Some(out.into_iter().collect())
}
