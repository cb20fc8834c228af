//! What a handler gets and gives.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde_json::Value;
use vault::{Vault, VaultError};
use zeroize::Zeroizing;

use crate::wire::cells::write_string;

/// One call that may be carried out.
pub(crate) struct Work {
    /// The vault.
    pub(crate) vault: Arc<Vault>,
    /// `https://default.vault.localhost:8443`: as the client asked, with its port.
    pub(crate) origin: String,
    /// Scheme, host and port by which everybody finds the instance.
    pub(crate) public_origin: String,
    /// Path as sent.
    pub(crate) path: String,
    /// The object's name; empty where the path names none.
    pub(crate) name: String,
    /// The version, where the path names one.
    pub(crate) version: Option<String>,
    /// `api-version`.
    pub(crate) api_version: String,
    /// Query parameters.
    pub(crate) query: Vec<(String, String)>,
    /// Body; it may hold a secret.
    pub(crate) body: Zeroizing<Vec<u8>>,
    /// Seconds since 1970.
    pub(crate) now: i64,
}

/// A member that a body must have.
pub(crate) fn required<T>(member: Option<T>, name: &str) -> Result<T, VaultError> {
    member.ok_or_else(|| VaultError::bad_parameter(format!("Property {name} is required.")))
}

/// An answer on its way out.
pub(crate) struct Reply {
    /// HTTP status.
    pub(crate) status: u16,
    /// JSON; empty for 204.
    pub(crate) body: Vec<u8>,
    /// The object's id, for the audit row.
    pub(crate) id: Option<String>,
    /// Headers beyond the usual ones.
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Reply {
    /// 200 with JSON.
    pub(crate) fn json(value: &Value) -> Self {
        let id = ["id", "kid"].iter().find_map(|n| value.get(*n)).and_then(Value::as_str);
        let (id, body) = (id.map(str::to_owned), value.to_string().into_bytes());
        Self { status: 200, body, id, headers: Vec::new() }
    }

    /// 200 with an object that gets one more member, whose text is secret: it is written straight into the body.
    pub(crate) fn with_secret(value: &Value, member: &str, secret: &str) -> Self {
        let mut reply = Self::json(value);
        let rest = std::mem::take(&mut reply.body);
        let mut body = Vec::with_capacity(rest.len() + secret.len() + secret.len() / 8 + 32);
        body.push(b'{');
        for (text, behind) in [(member, b':'), (secret, b',')] {
            write_string(text, &mut body);
            body.push(behind);
        }
        body.extend_from_slice(rest.get(1..).unwrap_or_default());
        reply.body = body;
        reply
    }

    /// 204.
    pub(crate) fn nothing() -> Self {
        Self { status: 204, body: Vec::new(), id: None, headers: Vec::new() }
    }
}

impl Work {
    /// The body as JSON of a shape. What is wrong is told by its place, never by its content.
    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<T, VaultError> {
        serde_json::from_slice(&self.body).map_err(|e| {
            let what = match e.classify() {
                serde_json::error::Category::Data => "has a member of a wrong type, or lacks one",
                _ => "is not JSON",
            };
            VaultError::bad_parameter(format!(
                "The request body {what} (line {}, column {}).",
                e.line(),
                e.column()
            ))
        })
    }

    /// The same where a body may be left out.
    pub(crate) fn read_or_default<T: DeserializeOwned + Default>(&self) -> Result<T, VaultError> {
        if self.body.is_empty() { Ok(T::default()) } else { self.read() }
    }

    /// A query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// The version in the path.
    pub(crate) fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn a_secret_is_one_more_member() {
        for secret in ["", "value", "a\"b\\c\n\u{1}ü", "value,"] {
            let reply = Reply::with_secret(&json!({ "id": "x", "n": 1 }), "value", secret);
            let read: Value = serde_json::from_slice(&reply.body).unwrap();
            assert_eq!(read, json!({ "value": secret, "id": "x", "n": 1 }));
            assert_eq!(reply.id.as_deref(), Some("x"));
        }
    }
}
