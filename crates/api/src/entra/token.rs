//! The token endpoint. The form holds a secret: its text is wiped once the answer is there.

use std::net::IpAddr;
use std::sync::Arc;

use axum::response::Response;
use crypto::SecretText;
use http::{HeaderValue, Method, header};
use identity::{TokenEndpoint, TokenRequest};

use super::form::Form;
use crate::audit::Event;
use crate::wire::blocking::blocking;
use crate::wire::error::{ApiError, json_response};
use crate::{Doors, Incoming};

/// `POST /{tenant}/oauth2/token`, `POST /{tenant}/oauth2/v2.0/token`
pub(super) async fn answer(
    doors: &Arc<Doors>,
    incoming: Incoming,
    endpoint: TokenEndpoint,
) -> Result<Response, ApiError> {
    respond(doors, incoming, endpoint, false).await
}

/// `POST /{tenant}/oauth2/devicecode`, `POST /{tenant}/oauth2/v2.0/devicecode`
pub(super) async fn device_code(
    doors: &Arc<Doors>,
    incoming: Incoming,
    endpoint: TokenEndpoint,
) -> Result<Response, ApiError> {
    respond(doors, incoming, endpoint, true).await
}

/// What a request brings, to be taken to a thread that may wait.
struct Brought {
    tenant: String,
    endpoint: TokenEndpoint,
    origin: String,
    form: Form,
    authorization: Option<SecretText>,
    page: Option<String>,
    source: IpAddr,
    correlation_id: Option<String>,
    user_agent: Option<String>,
    now: model::DateTime,
}

impl Brought {
    fn request(&self) -> TokenRequest<'_> {
        TokenRequest {
            tenant: &self.tenant,
            endpoint: self.endpoint,
            origin: &self.origin,
            form: &self.form.fields,
            authorization: self.authorization.as_ref().map(SecretText::expose),
            page: self.page.as_deref(),
            source: self.source,
            correlation_id: self.correlation_id.as_deref(),
            user_agent: self.user_agent.as_deref(),
            now: self.now,
        }
    }
}

async fn respond(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
    endpoint: TokenEndpoint,
    device: bool,
) -> Result<Response, ApiError> {
    if incoming.method != Method::POST {
        return Err(ApiError::method(&incoming, "POST"));
    }
    let form = Form::read(doors, &mut incoming).await?;
    let brought = Brought {
        tenant: incoming.segments.first().cloned().unwrap_or_default(),
        endpoint,
        origin: incoming.origin.clone(),
        authorization: incoming.header("authorization").map(|h| SecretText::new(h.to_owned())),
        page: incoming
            .headers
            .get(header::ORIGIN)
            .map(|o| String::from_utf8_lossy(o.as_bytes()).into_owned()),
        source: incoming.source,
        correlation_id: incoming.client_request_id().map(str::to_owned),
        user_agent: incoming.header("user-agent").map(str::to_owned),
        now: doors.clock.now(),
        form,
    };
    let answer = if device {
        doors.identity.device_code(&brought.request())
    } else if brought.request().waits() {
        let own = Arc::clone(doors);
        blocking(move || own.identity.token(&brought.request())).await?
    } else {
        doors.identity.token(&brought.request())
    };
    if !answer.silent {
        (doors.audit)(Event::SignIn(Box::new(answer.sign_in)));
    }
    let mut response = json_response(answer.status, &answer.body);
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    if let Some(seconds) = answer.retry_after {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
    // a client that came with a header is told which header would do (RFC 6749, 5.2); others read the body, which some
    // do not where there is a challenge
    if answer.status == 401 && incoming.header("authorization").is_some() {
        let challenge = format!(r#"Basic realm="{}", charset="UTF-8""#, incoming.origin);
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
    }
    Ok(response)
}
