//! Request bodies, read under caps of size and time, unpacked where they are packed.

use axum::body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use serde_json::Value;

use super::error::ApiError;
use crate::{Doors, Incoming};

/// The whole body, unpacked, at most `limit` bytes long in either form.
pub(crate) async fn read(
    doors: &Doors,
    incoming: &mut Incoming,
    limit: usize,
) -> Result<Vec<u8>, ApiError> {
    let announced = incoming.header("content-length").and_then(|l| l.parse::<usize>().ok());
    if announced.is_some_and(|l| l > limit) {
        return Err(too_large(limit));
    }
    let body = std::mem::replace(incoming.body.get_mut(), Body::empty());
    let collected =
        tokio::time::timeout(doors.limits.body_time, Limited::new(body, limit).collect());
    let bytes = match collected.await {
        Err(_) => {
            return Err(ApiError::new(
                408,
                "RequestTimeout",
                "The body did not arrive in time; send it again.",
            )
            .header("connection", "close"));
        }
        Ok(Err(error)) if error.downcast_ref::<LengthLimitError>().is_some() => {
            return Err(too_large(limit));
        }
        Ok(Err(_)) => {
            return Err(ApiError::new(
                400,
                "InvalidRequestContent",
                "The body broke off before its end.",
            ));
        }
        Ok(Ok(collected)) => collected.to_bytes(),
    };
    match incoming.header("content-encoding").map(str::trim) {
        None | Some("" | "identity") => Ok(bytes.into()),
        Some(e) if e.eq_ignore_ascii_case("gzip") => match collect::gunzip(&bytes, limit) {
            Ok(bytes) => Ok(bytes),
            Err(collect::CollectError::TooLarge { .. }) => Err(too_large(limit)),
            Err(error) => Err(ApiError::new(
                400,
                "InvalidRequestContent",
                format!("The body is not valid gzip: {error}."),
            )),
        },
        Some(other) => Err(ApiError::new(
            415,
            "UnsupportedMediaType",
            format!("Content-Encoding '{other}' is not supported; send the body plain or as gzip."),
        )),
    }
}

/// The body as JSON, read as leniently as Resource Manager does; null when there is none.
pub(crate) async fn json(
    doors: &Doors,
    incoming: &mut Incoming,
    limit: usize,
) -> Result<Value, ApiError> {
    let bytes = read(doors, incoming, limit).await?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    Ok(arm::lenient_json(&bytes)?)
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(
        413,
        "ContentLengthLimitExceeded",
        format!("The body is larger than {limit} bytes (uncompressed); send it in smaller parts."),
    )
}
