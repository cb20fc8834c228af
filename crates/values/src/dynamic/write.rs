//! Dynamic values as JSON text, and as `serde_json` values.

use std::fmt;

use super::{DEPTH_MAX, Dynamic, DynamicRef, Kind};
use crate::text::write_real;

impl DynamicRef<'_> {
    /// Appends compact JSON text: bags in the order in which they were written, reals with their `.0`, what JSON has
    /// no form for (datetime, timespan, guid, NaN) as text.
    pub fn write_json(self, out: &mut String) {
        self.json_at(out, 0);
    }

    fn json_at(self, out: &mut String, depth: usize) {
        let done = match self.kind() {
            Kind::Null => None,
            Kind::Bool => self.as_bool().map(|v| out.push_str(if v { "true" } else { "false" })),
            Kind::Long => self.as_i64().map(|v| out.push_str(itoa::Buffer::new().format(v))),
            Kind::Real => self.as_f64().map(|v| {
                if v.is_finite() {
                    write_real(v, out);
                } else {
                    quoted(out, |out| write_real(v, out));
                }
            }),
            Kind::Decimal => self.as_decimal().map(|v| {
                let _ = fmt::Write::write_fmt(out, format_args!("{v}"));
            }),
            Kind::String => self.as_str().map(|v| write_json_string(v, out)),
            Kind::Guid => self.as_guid().map(|v| quoted(out, |out| v.write_to(out))),
            Kind::DateTime => self.as_datetime().map(|v| quoted(out, |out| v.write_to(out))),
            Kind::TimeSpan => self.as_timespan().map(|v| quoted(out, |out| v.write_to(out))),
            Kind::Array | Kind::Object if depth >= DEPTH_MAX => None,
            Kind::Array => {
                out.push('[');
                for (index, item) in self.array().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    item.json_at(out, depth + 1);
                }
                out.push(']');
                Some(())
            }
            Kind::Object => {
                out.push('{');
                for (index, (key, item)) in self.object().enumerate() {
                    if index > 0 {
                        out.push(',');
                    }
                    write_json_string(key, out);
                    out.push(':');
                    item.json_at(out, depth + 1);
                }
                out.push('}');
                Some(())
            }
        };
        if done.is_none() {
            out.push_str("null");
        }
    }

    /// Appends what `tostring()` gives: a text without quotes, null as nothing, anything else as its JSON text.
    pub fn write_text(self, out: &mut String) {
        let done = match self.kind() {
            Kind::Null => Some(()),
            Kind::String => self.as_str().map(|v| out.push_str(v)),
            Kind::Real => self.as_f64().map(|v| write_real(v, out)),
            Kind::Guid => self.as_guid().map(|v| v.write_to(out)),
            Kind::DateTime => self.as_datetime().map(|v| v.write_to(out)),
            Kind::TimeSpan => self.as_timespan().map(|v| v.write_to(out)),
            _ => None,
        };
        if done.is_none()
            && matches!(
                self.kind(),
                Kind::Bool | Kind::Long | Kind::Decimal | Kind::Array | Kind::Object
            )
        {
            self.write_json(out);
        }
    }

    /// As a `serde_json` value; what JSON has no form for becomes text, decimals become doubles.
    pub fn to_json(self) -> serde_json::Value {
        self.tree(0)
    }

    fn tree(self, depth: usize) -> serde_json::Value {
        use serde_json::Value as Json;
        match self.kind() {
            Kind::Bool => self.as_bool().map(Json::Bool),
            Kind::Long => self.as_i64().map(Json::from),
            Kind::Real | Kind::Decimal => {
                self.to_f64().map(|v| match serde_json::Number::from_f64(v) {
                    Some(number) => Json::Number(number),
                    None => Json::String(crate::text::real_to_string(v)),
                })
            }
            Kind::String => self.as_str().map(Json::from),
            Kind::Array if depth < DEPTH_MAX => {
                Some(self.array().map(|item| item.tree(depth + 1)).collect())
            }
            Kind::Object if depth < DEPTH_MAX => Some(Json::Object(
                self.object().map(|(key, item)| (key.to_owned(), item.tree(depth + 1))).collect(),
            )),
            Kind::Guid | Kind::DateTime | Kind::TimeSpan => {
                let mut text = String::new();
                self.write_text(&mut text);
                (!text.is_empty()).then_some(Json::String(text))
            }
            _ => None,
        }
        .unwrap_or(Json::Null)
    }
}

fn quoted(out: &mut String, write: impl FnOnce(&mut String)) {
    out.push('"');
    write(out);
    out.push('"');
}

/// Appends a text as a JSON string.
pub fn write_json_string(text: &str, out: &mut String) {
    out.push('"');
    // without a way out of the loop several bytes are looked at at once, and most texts have nothing to escape
    let plain =
        text.bytes().fold(true, |plain, b| plain & (b >= 0x20) & (b != b'"') & (b != b'\\'));
    if plain {
        out.push_str(text);
        out.push('"');
        return;
    }
    let mut start = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            8 => "\\b",
            12 => "\\f",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(text.get(start..at).unwrap_or_default());
        out.push_str(escape);
        if escape.is_empty() {
            let _ = fmt::Write::write_fmt(out, format_args!("\\u{byte:04x}"));
        }
        start = at + 1;
    }
    out.push_str(text.get(start..).unwrap_or_default());
    out.push('"');
}

/// Compact JSON text.
impl fmt::Display for DynamicRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write_json(&mut out);
        f.write_str(&out)
    }
}

impl fmt::Debug for DynamicRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Dynamic {
    /// See [`DynamicRef::write_json`].
    pub fn to_json_text(&self) -> String {
        let mut out = String::new();
        self.as_ref().write_json(&mut out);
        out
    }
}
