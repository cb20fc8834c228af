//! Cells as text and as JSON.

use std::fmt;

use super::Value;
use crate::text::{real_to_string, write_real};

impl Value {
    /// Appends what `tostring()` gives; null is the empty text.
    pub fn write_text(&self, out: &mut String) {
        match self {
            Self::Null => {}
            Self::Bool(v) => out.push_str(if *v { "true" } else { "false" }),
            Self::Int(v) => out.push_str(itoa::Buffer::new().format(*v)),
            Self::Long(v) => out.push_str(itoa::Buffer::new().format(*v)),
            Self::Real(v) => write_real(*v, out),
            Self::Decimal(v) => {
                let _ = fmt::Write::write_fmt(out, format_args!("{v}"));
            }
            Self::String(v) => out.push_str(v),
            Self::Guid(v) => v.write_to(out),
            Self::DateTime(v) => v.write_to(out),
            Self::TimeSpan(v) => v.write_to(out),
            Self::Dynamic(v) => v.as_ref().write_text(out),
        }
    }

    /// The cell as Log Analytics shows it: numbers and bools as themselves, NaN and infinities as text, dynamic as
    /// JSON text inside a string, everything else as text.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Null => Json::Null,
            Self::Bool(v) => Json::Bool(*v),
            Self::Int(v) => Json::from(*v),
            Self::Long(v) => Json::from(*v),
            Self::Real(v) => match serde_json::Number::from_f64(*v) {
                Some(number) => Json::Number(number),
                None => Json::String(real_to_string(*v)),
            },
            Self::String(v) => Json::String(v.to_string()),
            Self::Dynamic(v) if v.as_ref().is_null() => Json::Null,
            // `"abc"` inside of dynamic shows without quotes, as by tostring().
            _ => Json::String(self.to_string()),
        }
    }
}

/// What `tostring()` gives.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write_text(&mut text);
        f.pad(&text)
    }
}
