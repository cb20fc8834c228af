//! ACME's errors: problem documents (RFC 7807) of the types that RFC 8555 names.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Signing;

/// Kinds of errors, by their names on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProblemKind {
    /// The account does not exist.
    AccountDoesNotExist,
    /// Revoked before.
    AlreadyRevoked,
    /// The signing request does not fit.
    #[serde(rename = "badCSR")]
    BadCsr,
    /// The nonce was not given out, or was used.
    BadNonce,
    /// The key is of a kind that is not served.
    BadPublicKey,
    /// The reason cannot be given.
    BadRevocationReason,
    /// The signature is of a kind that is not served.
    BadSignatureAlgorithm,
    /// The server could not connect.
    Connection,
    /// A name could not be looked up.
    Dns,
    /// An external account must be bound.
    ExternalAccountRequired,
    /// The answer to the challenge is not the right one.
    IncorrectResponse,
    /// A contact cannot be used.
    InvalidContact,
    /// The message is none.
    Malformed,
    /// The order is not ready for this.
    OrderNotReady,
    /// Too many requests.
    RateLimited,
    /// No certificates for this name.
    RejectedIdentifier,
    /// Something failed inside.
    ServerInternal,
    /// May not.
    Unauthorized,
    /// A contact of a kind that is not served.
    UnsupportedContact,
    /// A name of a kind that is not served.
    UnsupportedIdentifier,
}

impl ProblemKind {
    fn status(self) -> u16 {
        match self {
            Self::Unauthorized | Self::ExternalAccountRequired | Self::OrderNotReady => 403,
            Self::RateLimited => 429,
            Self::ServerInternal => 500,
            _ => 400,
        }
    }
}

/// An error on its way out, or stored with what failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind.
    pub kind: ProblemKind,
    /// For people.
    pub detail: String,
    /// HTTP status.
    pub status: u16,
    /// When to come again, in seconds: `Retry-After`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<i64>,
}

impl Problem {
    /// One with the status that goes with its kind.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), status: kind.status(), retry_after: None }
    }

    /// Too much for now; come again in so many seconds.
    pub fn rate_limited(what: &str, wait: i64) -> Self {
        let detail = format!("{what}; come again in {wait} seconds");
        Self { retry_after: Some(wait), ..Self::new(ProblemKind::RateLimited, detail) }
    }

    /// The message is none.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Malformed, detail)
    }

    /// There is nothing here.
    pub fn not_found(what: &str) -> Self {
        Self { status: 404, ..Self::malformed(format!("there is no such {what} here")) }
    }

    /// The document.
    pub fn body(&self) -> Value {
        let name = serde_json::to_value(self.kind).unwrap_or_default();
        let name = name.as_str().unwrap_or("serverInternal");
        let mut body = json!({
            "type": format!("urn:ietf:params:acme:error:{name}"),
            "detail": self.detail,
            "status": self.status,
        });
        if self.kind == ProblemKind::BadSignatureAlgorithm {
            body["algorithms"] = json!(Signing::names());
        }
        body
    }
}
