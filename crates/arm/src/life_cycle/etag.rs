//! Optimistic concurrency: If-Match, If-None-Match, and etags inside bodies.

use serde_json::Value;

use crate::{ArmError, Call, Etag, ResourceType};

/// An etag as clients send it, bare: quotes, `W/` and spaces fall away.
pub(super) fn bare(etag: &str) -> &str {
    let etag = etag.trim();
    etag.strip_prefix("W/").unwrap_or(etag).trim().trim_matches('"')
}

/// Judges the headers against the stored etag.
pub(super) fn check_headers(call: &Call, stored: Option<&str>) -> Result<(), ArmError> {
    let holds = |condition: &str, etag: &str| {
        condition.split(',').map(bare).any(|wanted| wanted == "*" || wanted == etag)
    };
    let matches = match (&call.if_match, stored) {
        (None, _) => true,
        (Some(condition), Some(etag)) => holds(condition, etag),
        (Some(_), None) => false,
    };
    let is_new = match (&call.if_none_match, stored) {
        (Some(condition), Some(etag)) => !holds(condition, etag),
        _ => true,
    };
    if matches && is_new { Ok(()) } else { Err(ArmError::precondition_failed(&call.id)) }
}

/// Judges the etag inside a body, for types that check it. `*`, an empty one and none overwrite.
pub(super) fn check_body(
    kind: &ResourceType,
    body: &Value,
    stored: Option<&str>,
) -> Result<(), ArmError> {
    let sent = match body.get("etag").or_else(|| body.get("eTag")).and_then(Value::as_str) {
        Some(sent) if kind.etag == Etag::Checked => bare(sent),
        _ => return Ok(()),
    };
    match stored {
        Some(etag) if !sent.is_empty() && sent != "*" && sent != etag => Err(ArmError::conflict(
            "a newer version of the resource exists; read it again and send its etag, or '*' to overwrite",
        )),
        _ => Ok(()), // a new resource takes whatever etag a template brought along
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_hold_or_not() {
        let cases = [
            (None, None, None, true),
            (None, None, Some("a"), true),
            (Some("\"a\""), None, Some("a"), true),
            (Some("W/\"a\""), None, Some("a"), true),
            (Some("\"b\", \"a\""), None, Some("a"), true),
            (Some("*"), None, Some("a"), true),
            (Some("*"), None, None, false),
            (Some("b"), None, Some("a"), false),
            (Some("b"), None, None, false),
            (None, Some("*"), None, true),
            (None, Some("*"), Some("a"), false),
            (None, Some("b"), Some("a"), true),
            (None, Some("a"), Some("a"), false),
        ];
        for (if_match, if_none_match, stored, wanted) in cases {
            let mut call = Call::system("/a", Value::Null, model::DateTime::MIN);
            call.if_match = if_match.map(str::to_owned);
            call.if_none_match = if_none_match.map(str::to_owned);
            let holds = check_headers(&call, stored).is_ok();
            assert_eq!(holds, wanted, "{if_match:?} {if_none_match:?} {stored:?}");
        }
    }
}
