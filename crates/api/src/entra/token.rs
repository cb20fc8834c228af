//! The token endpoint. The form holds a secret: its text is wiped once the answer is there.

use axum::response::Response;
use crypto::{SecretBytes, SecretText};
use http::{HeaderValue, Method, header};
use identity::{AuthError, TokenEndpoint, TokenRequest};

use crate::audit::Event;
use crate::wire::body;
use crate::wire::error::{ApiError, json_response};
use crate::wire::path;
use crate::{Doors, Incoming};

/// Largest form: a certificate assertion with its chain is the longest thing in it.
const FORM_MAX: usize = 64 << 10;

/// Decoded fields whose values are wiped when they go.
struct Form(Vec<(String, String)>);

impl Drop for Form {
    fn drop(&mut self) {
        for (_, value) in &mut self.0 {
            drop(SecretText::new(std::mem::take(value)));
        }
    }
}

/// `POST /{tenant}/oauth2/token`, `POST /{tenant}/oauth2/v2.0/token`
pub(super) async fn answer(
    doors: &Doors,
    mut incoming: Incoming,
    endpoint: TokenEndpoint,
) -> Result<Response, ApiError> {
    if incoming.method != Method::POST {
        return Err(ApiError::method(&incoming, "POST"));
    }
    let bytes = SecretBytes::new(body::read(doors, &mut incoming, FORM_MAX).await?);
    let form = Form(path::query(&String::from_utf8_lossy(bytes.expose())));
    let answer = doors.identity.token(&TokenRequest {
        tenant: incoming.segments.first().map_or("", String::as_str),
        endpoint,
        origin: &incoming.origin,
        form: &form.0,
        authorization: incoming.header("authorization"),
        source: incoming.source,
        correlation_id: incoming.client_request_id(),
        user_agent: incoming.header("user-agent"),
        now: doors.clock.now(),
    });
    (doors.audit)(Event::SignIn(Box::new(answer.sign_in)));
    let mut response = json_response(answer.status, &answer.body);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    if let Some(seconds) = answer.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    if answer.status == 401 {
        let challenge = challenge(doors, &incoming);
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
    }
    Ok(response)
}

/// A client that came with a header is told which header would do (RFC 6749, 5.2).
fn challenge(doors: &Doors, incoming: &Incoming) -> String {
    match incoming.header("authorization") {
        Some(_) => format!(r#"Basic realm="{}", charset="UTF-8""#, incoming.origin),
        None => doors.identity.bearer_challenge(&incoming.origin, &AuthError::BadCredentials),
    }
}
