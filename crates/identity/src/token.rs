//! The token endpoint: from a parsed form to an access token or an OAuth error. No HTTP in here.

mod access;
mod assertion;
mod assigned;
mod claims;
mod client;
mod error;
mod managed;
mod membership;
mod optional;
pub(crate) mod refresh;
mod request;
mod resource;
mod sign_in;
mod throttle;
mod user;

pub(crate) use assigned::require_user;
pub(crate) use client::check_secret;
pub use error::OAuthError;
pub use managed::ManagedIdentityRequest;
pub(crate) use membership::Channel;
pub(crate) use request::basic_credentials;
pub use request::basic_header;
pub use request::{TokenEndpoint, TokenRequest};
pub(crate) use resource::{OPENID_SCOPES, Resource};
pub use sign_in::{CredentialKind, SignIn, SignInKind, SignInStep};
pub(crate) use throttle::{Throttle, network};
pub(crate) use user::IdToken;

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;

use crate::directory::Directory;
use crate::outside::Issuers;
use crate::signing_keys::KeySet;
use crate::tenant::TenantSegment;
use crate::time::unix_seconds;
use crate::{Identity, PublicUrls, Tenant};
use assertion::Endpoint;
use claims::Claims;
use client::Client;

/// What the endpoint works on: one moment's view of the directory and the keys.
pub(crate) struct TokenContext<'a> {
    pub tenant: &'a Tenant,
    pub urls: &'a PublicUrls,
    pub directory: Arc<Directory>,
    pub keys: Arc<KeySet>,
    pub issuers: &'a Issuers,
    pub throttle: &'a Throttle,
}

/// What the endpoint answers. No `Debug`: the body may hold a token.
pub struct TokenAnswer {
    /// HTTP status.
    pub status: u16,
    /// JSON body. Send it with `Cache-Control: no-store`.
    pub body: Value,
    /// Seconds for a `Retry-After` header.
    pub retry_after: Option<u64>,
    /// The attempt, for the sign-in log.
    pub sign_in: SignIn,
    /// True: the attempt is no sign-in of its own, and stays out of the log.
    pub silent: bool,
}

impl TokenAnswer {
    /// The answer to a request: what `grant` gives, or its error in Entra's form.
    pub(crate) fn to(
        request: &TokenRequest<'_>,
        grant: impl FnOnce(&mut SignIn) -> Result<Value, OAuthError>,
    ) -> Self {
        let correlation_id = request.correlation_id.and_then(|id| Uuid::try_parse(id).ok());
        let correlation_id = correlation_id.unwrap_or_else(Uuid::new_v4);
        let mut sign_in = SignIn::new(request, correlation_id);
        match grant(&mut sign_in) {
            Ok(body) => Self { status: 200, body, retry_after: None, sign_in, silent: false },
            Err(error) => {
                sign_in.failed(&error);
                let body = error.body(request.now, sign_in.id, correlation_id);
                let (status, retry_after) = (error.status, error.retry_after);
                Self { status, body, retry_after, sign_in, silent: false }
            }
        }
    }
}

impl Identity {
    /// Answers a request to the token endpoint.
    pub(crate) fn token_answer(&self, request: &TokenRequest<'_>) -> TokenAnswer {
        let grant = request.parameter("grant_type").ok().flatten().unwrap_or_default().to_owned();
        let is_persons =
            [user::CODE, user::REFRESH, user::DEVICE, user::DEVICE_SHORT].contains(&grant.as_str());
        if !is_persons {
            let context = self.token_context();
            return TokenAnswer::to(request, |sign_in| context.grant(request, sign_in));
        }
        let mut answer =
            TokenAnswer::to(request, |sign_in| self.user_grant(request, &grant, sign_in));
        // a code's sign-in was recorded when the person signed in; a device that waits is no sign-in yet
        answer.silent = match answer.sign_in.result_code {
            0 => grant != user::REFRESH,
            70_016 => true,
            _ => false,
        };
        answer
    }
}

impl TokenContext<'_> {
    fn grant(&self, request: &TokenRequest<'_>, sign_in: &mut SignIn) -> Result<Value, OAuthError> {
        let segment = self.tenant.segment(request.tenant);
        let segment = segment.map_err(|why| OAuthError::no_tenant(request.tenant, why))?;
        let adfs = segment == TenantSegment::Adfs;
        match request.parameter("grant_type")? {
            None => return Err(OAuthError::missing("grant_type")),
            Some("client_credentials") => {}
            Some(other) => return Err(OAuthError::unsupported_grant(other)),
        }
        // an application without a service principal proves nothing: it is no exception here
        let resource = resource::requested(request, "", adfs, self.urls, &self.directory);
        if let Ok(resource) = &resource {
            sign_in.resource.clone_from(&resource.name);
        }
        let client = self.authenticated(request, sign_in)?;
        let resource = resource?;
        let directory = &*self.directory;
        assigned::require_application(directory, &resource, client.principal)?;
        let now = unix_seconds(request.now);
        self.throttle.admit(&client.application.app_id, request.source, now)?;
        let claims = Claims::new(&client, &resource, directory, self.tenant, request, adfs)?;
        sign_in.token_id.clone_from(&claims.token_id);
        let key = self.keys.signing(now).ok_or_else(OAuthError::unavailable)?;
        let token = key.sign(&claims.value);
        let token = token.map_err(|_| OAuthError::unavailable())?;
        Ok(answer_body(&token, &claims, &resource.name, request.endpoint, adfs))
    }

    /// The client, after its proof; a wrong proof counts against client and source.
    fn authenticated<'d>(
        &'d self,
        request: &TokenRequest<'_>,
        sign_in: &mut SignIn,
    ) -> Result<Client<'d>, OAuthError> {
        let (tenant, urls, issuers) = (self.tenant, self.urls, self.issuers);
        let endpoint = Endpoint { tenant, urls, issuers, request };
        let found = client::authenticate(&endpoint, &self.directory, sign_in);
        let now = unix_seconds(request.now);
        match found {
            Ok(client) => {
                self.throttle.succeeded(&client.application.app_id, request.source);
                Ok(client)
            }
            Err(error) if error.counts_as_attack() => {
                Err(self.throttle.failed(&sign_in.app_id, request.source, now).unwrap_or(error))
            }
            Err(error) => Err(error),
        }
    }
}

/// v1 clients expect numbers as text, and more of them.
fn answer_body(
    token: &str,
    claims: &Claims,
    resource: &str,
    endpoint: TokenEndpoint,
    adfs: bool,
) -> Value {
    let lives = claims.expires - claims.issued;
    if adfs {
        return json!({ "token_type": "bearer", "expires_in": lives, "resource": resource, "access_token": token });
    }
    match endpoint {
        TokenEndpoint::V1 => json!({
            "token_type": "Bearer",
            "expires_in": lives.to_string(),
            "ext_expires_in": lives.to_string(),
            "expires_on": claims.expires.to_string(),
            "not_before": claims.issued.to_string(),
            "resource": resource,
            "access_token": token,
        }),
        TokenEndpoint::V2 => json!({
            "token_type": "Bearer", "expires_in": lives, "ext_expires_in": lives, "access_token": token,
        }),
    }
}

#[cfg(test)]
mod tests;
