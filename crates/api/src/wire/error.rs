//! Errors as answers. Each family has its own envelope; the codes and texts come from the pillars.

use arm::ArmError;
use axum::body::Body;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use identity::{AuthError, Denied, Identity};
use serde_json::{Value, json};

use crate::Incoming;

/// An error on its way out.
#[derive(Debug)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl ApiError {
    /// `{"error":{"code","message"}}`, the shape that most of Azure shares.
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self::with_body(status, json!({ "error": { "code": code, "message": message.into() } }))
    }

    pub(crate) fn with_body(status: u16, body: Value) -> Self {
        Self { status, body, headers: Vec::new() }
    }

    #[must_use]
    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Something broke inside; the log has it.
    pub(crate) fn internal() -> Self {
        let message = "The request failed inside the server; its log says why.";
        Self::new(500, "InternalServerError", message)
    }

    /// No door here.
    pub(crate) fn not_found(incoming: &Incoming) -> Self {
        let path = incoming.path();
        Self::new(
            404,
            "ResourceNotFound",
            format!("There is nothing at '{path}'. The paths served are listed at /."),
        )
    }

    /// The path exists, the method does not.
    pub(crate) fn method(incoming: &Incoming, allowed: &'static str) -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            format!("{} is not served here; use {allowed}.", incoming.method),
        )
        .header("allow", allowed)
    }

    /// A path below Resource Manager or ingestion without `?api-version=`.
    pub(crate) fn missing_api_version() -> Self {
        let message =
            "The api-version query parameter (?api-version=) is required for all requests.";
        Self::new(400, "MissingApiVersionParameter", message)
    }

    /// A path below Resource Manager with something for a version that is none.
    pub(crate) fn invalid_api_version(sent: &str, supported: &str) -> Self {
        let sent: String = sent.chars().take(100).collect();
        let message = format!(
            "The api-version '{sent}' is invalid. The supported versions are '{supported}'."
        );
        Self::new(400, "InvalidApiVersionParameter", message)
    }

    /// Not known: with the challenge that belongs to the door.
    pub(crate) fn unauthenticated(identity: &Identity, origin: &str, error: &AuthError) -> Self {
        let answer = Self::with_body(error.status(), error.body())
            .header("www-authenticate", identity.bearer_challenge(origin, error));
        match error {
            AuthError::Throttled { seconds } => answer.header("retry-after", seconds.to_string()),
            _ => answer,
        }
    }

    pub(crate) fn into_response(self) -> Response {
        let mut response = json_response(self.status, &self.body);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        Self::with_body(403, denied.body())
    }
}

impl From<ArmError> for ApiError {
    fn from(error: ArmError) -> Self {
        let answer = Self::with_body(error.status, error.body());
        if error.status == 503 { answer.header("retry-after", "5") } else { answer }
    }
}

/// A JSON answer.
pub(crate) fn json_response(status: u16, body: &Value) -> Response {
    bytes_response(status, body.to_string().into_bytes())
}

/// A JSON answer that is written already.
pub(crate) fn bytes_response(status: u16, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    json_headers(&mut response, status);
    response
}

/// Makes an answer one with a status and a JSON body.
pub(crate) fn json_headers(response: &mut Response, status: u16) {
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    *response.status_mut() = status_code(status);
    response.headers_mut().insert(header::CONTENT_TYPE, json);
}

fn status_code(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A status without a body.
pub(crate) fn empty_response(status: u16) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status_code(status);
    response
}
