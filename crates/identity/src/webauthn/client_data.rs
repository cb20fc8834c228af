//! clientDataJSON: what the browser says about the page that asked.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::constant_time_eq;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::{Expected, MESSAGE_MAX, WebAuthnError};

/// The browser's words; what else it says is for later standards.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default)]
    cross_origin: Option<bool>,
    /// Only there when a page of another origin is around the one that asked.
    #[serde(default)]
    top_origin: Option<IgnoredAny>,
}

impl ClientData {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, WebAuthnError> {
        let wrong = WebAuthnError::Malformed("clientDataJSON");
        if bytes.len() > MESSAGE_MAX {
            return Err(wrong);
        }
        serde_json::from_slice(bytes).map_err(|_| wrong)
    }

    pub(super) fn check(&self, kind: &str, expected: &Expected<'_>) -> Result<(), WebAuthnError> {
        if self.kind != kind {
            return Err(WebAuthnError::WrongType);
        }
        let challenge = URL_SAFE_NO_PAD.decode(&self.challenge).unwrap_or_default();
        if expected.challenge.is_empty() || !constant_time_eq(&challenge, expected.challenge) {
            return Err(WebAuthnError::WrongChallenge);
        }
        if self.origin != expected.origin {
            return Err(WebAuthnError::WrongOrigin);
        }
        if self.cross_origin == Some(true) || self.top_origin.is_some() {
            return Err(WebAuthnError::CrossOrigin);
        }
        Ok(())
    }
}
