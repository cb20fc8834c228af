//! An authorization request, checked: what an application sends a browser here with.

use super::grant::{Place, Wanted};
use super::{BrowserRequest, ResponseMode};
use crate::directory::{Application, Directory, RedirectKind, is_portal_redirect};
use crate::token::OAuthError;
use crate::{PublicUrls, Tenant};

/// Longest `state`, which is repeated.
const STATE_MAX: usize = 8192;
/// Longest `nonce` and `login_hint`.
const TEXT_MAX: usize = 1024;

/// What is asked for, once it is known to be right.
#[derive(Clone)]
pub(crate) struct AuthorizationRequest {
    pub(crate) app_id: String,
    pub(crate) app_name: String,
    pub(crate) redirect_uri: String,
    pub(crate) kind: RedirectKind,
    pub(crate) mode: ResponseMode,
    /// A code goes back.
    pub(crate) code: bool,
    /// An id token goes back.
    pub(crate) id_token: bool,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: Option<String>,
    pub(crate) wanted: Wanted,
    pub(crate) prompt: Prompt,
    pub(crate) login_hint: Option<String>,
    /// Object id of whom an id token hints at.
    pub(crate) hinted: Option<String>,
    pub(crate) max_age: Option<i64>,
    /// Issuer of id tokens.
    pub(crate) origin: String,
    pub(crate) v1: bool,
}

/// Whether to ask although somebody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// Only where needed.
    Default,
    /// Never: rather fail.
    None,
    /// For the password.
    Login,
    /// For the account.
    SelectAccount,
    /// Whether the application may, although that was agreed to before.
    Consent,
}

/// Why a request does not go on: shown here, or told to the application.
pub(crate) enum Refusal {
    /// The application or its address is not known: nothing goes there.
    Shown(OAuthError),
    /// The rest is wrong: the application hears of it.
    Told(Box<AuthorizationRequest>, OAuthError),
}

impl AuthorizationRequest {
    /// Reads and checks a request: first who asks and where the answer goes, then the rest.
    pub(crate) fn read(
        request: &BrowserRequest<'_>,
        v1: bool,
        tenant: &Tenant,
        urls: &PublicUrls,
        directory: &Directory,
    ) -> Result<Self, Refusal> {
        let shown = |error| Refusal::Shown(error);
        let segment = tenant.segment(request.tenant);
        segment.map_err(|why| shown(OAuthError::no_tenant(request.tenant, why)))?;
        if let Some(name) = request.malformed {
            return Err(shown(OAuthError::malformed(name)));
        }
        // which of two is meant, nobody knows (RFC 6749, 3.1)
        for (at, (name, _)) in request.parameters.iter().enumerate() {
            if request.parameters.iter().take(at).any(|(earlier, _)| earlier == name) {
                return Err(shown(OAuthError::repeated(name)));
            }
        }
        let app_id = request
            .parameter("client_id")
            .ok_or_else(|| shown(OAuthError::missing("client_id")))?;
        let application = directory.client(app_id);
        let application = application
            .ok_or_else(|| shown(OAuthError::unknown_application(app_id, &tenant.id)))?;
        let redirect_uri = request
            .parameter("redirect_uri")
            .ok_or_else(|| shown(OAuthError::missing("redirect_uri")))?;
        let kind = redirect_kind(application, redirect_uri, request.origin);
        let kind = kind.ok_or_else(|| {
            shown(OAuthError::redirect_mismatch(redirect_uri, &application.app_id))
        })?;
        let types: Vec<&str> =
            request.parameter("response_type").unwrap_or_default().split_whitespace().collect();
        let id_token = types.contains(&"id_token");
        // tokens go behind the hash mark, and so do errors of who asks for them
        let default = match types.iter().any(|t| matches!(*t, "id_token" | "token")) {
            true => ResponseMode::Fragment,
            false => ResponseMode::Query,
        };
        let mode = match request.parameter("response_mode") {
            None => Some(default),
            Some("query") => Some(ResponseMode::Query),
            Some("fragment") => Some(ResponseMode::Fragment),
            Some("form_post") => Some(ResponseMode::FormPost),
            Some(_) => None,
        };
        let clipped = |name: &str, max: usize| {
            request.parameter(name).filter(|t| t.len() <= max).map(str::to_owned)
        };
        let mut read = Self {
            app_id: application.app_id.clone(),
            app_name: application.display_name.clone(),
            redirect_uri: redirect_uri.to_owned(),
            kind,
            mode: mode.unwrap_or(default),
            code: types.contains(&"code"),
            id_token,
            state: clipped("state", STATE_MAX),
            nonce: clipped("nonce", TEXT_MAX),
            challenge: None,
            wanted: Wanted::default(),
            prompt: Prompt::Default,
            login_hint: clipped("login_hint", TEXT_MAX),
            hinted: None,
            max_age: request.parameter("max_age").and_then(seconds),
            origin: request.origin.to_owned(),
            v1,
        };
        match read.rest(
            request,
            mode.is_none(),
            &types,
            application.id_token_issuance,
            tenant,
            urls,
            directory,
        ) {
            Ok(()) => Ok(read),
            Err(error) => Err(Refusal::Told(Box::new(read), error)),
        }
    }

    fn rest(
        &mut self,
        request: &BrowserRequest<'_>,
        unknown_mode: bool,
        types: &[&str],
        may_id_token: bool,
        tenant: &Tenant,
        urls: &PublicUrls,
        directory: &Directory,
    ) -> Result<(), OAuthError> {
        if unknown_mode {
            return Err(OAuthError::bad_request(
                "response_mode must be query, fragment or form_post",
            ));
        }
        if types.is_empty() {
            return Err(OAuthError::missing("response_type"));
        }
        if types.iter().any(|t| !matches!(*t, "code" | "id_token")) {
            return Err(OAuthError::response_type(
                "response_type must be 'code', 'id_token' or 'code id_token'; access tokens are given by the token endpoint alone",
            ));
        }
        if self.id_token && !may_id_token {
            return Err(OAuthError::id_token_disabled());
        }
        if self.id_token && self.mode == ResponseMode::Query {
            return Err(OAuthError::bad_request(
                "response_mode 'query' is not allowed with an id_token",
            ));
        }
        if self.id_token && self.nonce.is_none() {
            return Err(OAuthError::missing("nonce"));
        }
        let kept = [("state", &self.state, STATE_MAX), ("nonce", &self.nonce, TEXT_MAX)];
        for (name, kept, max) in kept {
            if request.parameter(name).is_some() && kept.is_none() {
                return Err(OAuthError::bad_request(&format!("{name} is longer than {max} bytes")));
            }
        }
        if request.parameter("request").is_some() || request.parameter("request_uri").is_some() {
            return Err(OAuthError::bad_request(
                "request objects are not supported; send plain parameters",
            ));
        }
        if request.parameter("max_age").is_some() && self.max_age.is_none() {
            return Err(OAuthError::bad_request("max_age must be a number of seconds"));
        }
        self.challenge = challenge(request)?;
        if self.code && self.challenge.is_none() && self.kind != RedirectKind::Web {
            return Err(OAuthError::pkce_required());
        }
        self.prompt = match request.parameter("prompt") {
            None => Prompt::Default,
            Some("none") => Prompt::None,
            Some("login") => Prompt::Login,
            Some("select_account") => Prompt::SelectAccount,
            Some("consent") => Prompt::Consent,
            Some(_) => {
                return Err(OAuthError::bad_request(
                    "prompt must be none, login, select_account or consent",
                ));
            }
        };
        let (scope, resource) = (request.parameter("scope"), request.parameter("resource"));
        let place = Place { urls, directory, tenant: &tenant.id, app_id: &self.app_id };
        self.wanted = Wanted::read(scope, resource.filter(|_| self.v1), &place)?;
        self.wanted.openid |= self.id_token;
        Ok(())
    }

    /// Scheme and host of the redirect address, for the person.
    pub(crate) fn leads_to(&self) -> String {
        match self.redirect_uri.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => {
                let authority = rest.split(['/', '?']).next().unwrap_or_default();
                format!("{scheme}://{authority}")
            }
            _ => format!("{}:", self.redirect_uri.split(':').next().unwrap_or_default()),
        }
    }
}

/// Whose address it is: one that the application registered, or the portal's own at `origin`.
pub(crate) fn redirect_kind(
    application: &Application,
    uri: &str,
    origin: &str,
) -> Option<RedirectKind> {
    let portal =
        || is_portal_redirect(&application.app_id, uri, origin).then_some(RedirectKind::Spa);
    application.redirects.find(uri).or_else(portal)
}

/// A number of seconds in digits; more than fit are as many as fit.
fn seconds(text: &str) -> Option<i64> {
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(i64::MAX))
}

/// The PKCE challenge: SHA-256 alone; a plain one would protect nothing.
fn challenge(request: &BrowserRequest<'_>) -> Result<Option<String>, OAuthError> {
    let Some(challenge) = request.parameter("code_challenge") else { return Ok(None) };
    if request.parameter("code_challenge_method") != Some("S256") {
        return Err(OAuthError::bad_request("code_challenge_method must be 'S256'"));
    }
    let whole = challenge.len() == 43
        && challenge.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    match whole {
        true => Ok(Some(challenge.to_owned())),
        false => Err(OAuthError::bad_request(
            "code_challenge must be a SHA-256 digest in base64url, 43 characters",
        )),
    }
}
