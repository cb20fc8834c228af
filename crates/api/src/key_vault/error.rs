//! Errors as Key Vault sends them: `{"error":{"code","message","innererror":{"code"}}}`.

use identity::AuthError;
use serde_json::json;
use vault::VaultError;

use crate::wire::error::ApiError;
use crate::{Doors, Incoming};

/// A refusal on its way out.
pub(super) fn answer(error: VaultError) -> ApiError {
    let mut body = json!({ "error": { "code": error.code, "message": error.message } });
    if let Some(inner) = error.inner {
        body["error"]["innererror"] = json!({ "code": inner });
    }
    let answer = ApiError::with_body(error.status, body);
    if matches!(error.status, 429 | 503) { answer.header("retry-after", "5") } else { answer }
}

/// 401, with the challenge that belongs to every one of them.
pub(super) fn unauthenticated(doors: &Doors, incoming: &Incoming, error: &AuthError) -> ApiError {
    let message = match error {
        AuthError::Missing => "AKV10000: Request is missing a Bearer or PoP token.".to_owned(),
        AuthError::WrongAudience(_) => {
            let resource = doors.identity.urls().vault_resource();
            format!(
                "AKV10022: Invalid audience. Expected https://vault.azure.net or {resource}. {error}"
            )
        }
        AuthError::Expired { .. } => format!("AKV10046: {error}"),
        other => format!("AKV10032: {other}"),
    };
    let status = error.status();
    let code = if status == 429 { "Throttled" } else { "Unauthorized" };
    let refusal = ApiError::new(status, code, message)
        .header("www-authenticate", doors.identity.vault_challenge(&incoming.origin));
    match error {
        AuthError::Throttled { seconds } => refusal.header("retry-after", seconds.to_string()),
        _ => refusal,
    }
}

/// What reading a body gave, in the vault's words.
pub(super) fn from_wire(error: &ApiError) -> VaultError {
    let message = error.body.pointer("/error/message").and_then(|m| m.as_str()).unwrap_or_default();
    let code = match error.status {
        413 => "RequestBodyTooLarge",
        408 => "RequestTimeout",
        _ => "BadParameter",
    };
    VaultError::new(error.status, code, message)
}
