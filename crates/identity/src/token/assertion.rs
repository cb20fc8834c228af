//! Client assertions (RFC 7523): a token that the client signed with the key of a registered certificate, or one that an
//! outside issuer gave to it, where a federated identity credential says so.
//!
//! Clients differ: `x5t` comes with base64 padding from azure-identity and without from others, `exp` and `iat` come
//! as floats, newer callers sign with PS256 and name the key by `x5t#S256`, some send `kid` as a hex thumbprint.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{CredentialKind, OAuthError, TokenRequest};
use crate::directory::{Credentials, FederatedCredential, KeyCredential};
use crate::jwt::Jwt;
use crate::outside::Issuers;
use crate::{PublicUrls, Tenant};

/// Clocks may differ by so many seconds.
const SKEW: i64 = 5 * 60;
/// An assertion may not promise more: clients make them for ten minutes, some for a day.
const LIFE_MAX: i64 = 24 * 60 * 60;

/// Where the assertion was presented.
pub(crate) struct Endpoint<'a> {
    pub tenant: &'a Tenant,
    pub urls: &'a PublicUrls,
    pub issuers: &'a Issuers,
    pub request: &'a TokenRequest<'a>,
}

/// The client id that an assertion claims, unchecked.
pub(crate) fn client_id(assertion: &str) -> Option<String> {
    Some(Jwt::parse(assertion)?.text("sub")?.to_owned())
}

/// An assertion taken apart, unchecked.
pub(crate) struct Assertion<'a>(Jwt<'a>);

impl<'a> Assertion<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self, OAuthError> {
        Jwt::parse(text).map(Self).ok_or_else(OAuthError::malformed_assertion)
    }

    /// How it proves the client: tokens of others name an address as their issuer.
    pub(crate) fn kind(&self) -> CredentialKind {
        match self.0.text("iss") {
            Some(issuer) if issuer.starts_with("https://") => CredentialKind::Federated,
            _ => CredentialKind::Certificate,
        }
    }

    /// The id of the credential that it fits. Waits for the outside issuer when its keys are not known yet.
    pub(crate) fn check(
        &self,
        credentials: Credentials<'_>,
        endpoint: &Endpoint<'_>,
        now: i64,
    ) -> Result<String, OAuthError> {
        match self.kind() {
            CredentialKind::Federated => self.check_federated(credentials, endpoint.issuers, now),
            _ => self.check_certificate(credentials, endpoint, now),
        }
    }

    fn check_certificate(
        &self,
        credentials: Credentials<'_>,
        endpoint: &Endpoint<'_>,
        now: i64,
    ) -> Result<String, OAuthError> {
        let jwt = &self.0;
        let key = find_key(jwt, credentials)?;
        let algorithm = jwt.algorithm();
        let algorithm = algorithm
            .ok_or_else(|| OAuthError::assertion_signature("its 'alg' must be RS256 or PS256"))?;
        if !jwt.is_signed_by(key.public_key(), algorithm) {
            return Err(OAuthError::assertion_signature(
                "it was not signed with that certificate's key",
            ));
        }
        if now < key.start || key.end < now {
            return Err(OAuthError::assertion_signature("the certificate is not valid now"));
        }
        let app_id = &credentials.application.app_id;
        let is_client =
            |name: &str| jwt.text(name).is_some_and(|id| id.eq_ignore_ascii_case(app_id));
        if !is_client("iss") || !is_client("sub") {
            return Err(OAuthError::assertion_issuer());
        }
        if !jwt.claim("aud").is_some_and(|aud| endpoint.is_named_by(aud)) {
            return Err(OAuthError::assertion_audience(&endpoint.url()));
        }
        check_time(jwt, now, LIFE_MAX)?;
        Ok(key.key_id.clone())
    }

    /// Nothing goes out to an issuer before issuer, subject, audience and time fit.
    fn check_federated(
        &self,
        credentials: Credentials<'_>,
        issuers: &Issuers,
        now: i64,
    ) -> Result<String, OAuthError> {
        let jwt = &self.0;
        let credential = find_federated(jwt, &credentials.application.federated)?;
        check_time(jwt, now, i64::MAX / 2)?; // how long they live is the issuer's matter
        let algorithm = jwt.algorithm();
        let algorithm = algorithm
            .ok_or_else(|| OAuthError::assertion_signature("its 'alg' must be RS256 or PS256"))?;
        let key = issuers
            .key(&credential.issuer, jwt.header("kid"), now)
            .map_err(|why| OAuthError::outside_issuer(&credential.issuer, &why))?;
        if !jwt.is_signed_by(&key, algorithm) {
            return Err(OAuthError::assertion_signature(
                "it was not signed with the key of its issuer that it names",
            ));
        }
        Ok(credential.id.clone())
    }
}

/// The credential that fits issuer, subject and audience, or which of them fits none.
fn find_federated<'a>(
    jwt: &Jwt<'_>,
    all: &'a [FederatedCredential],
) -> Result<&'a FederatedCredential, OAuthError> {
    let (issuer, subject) = (jwt.text("iss").unwrap_or(""), jwt.text("sub").unwrap_or(""));
    let audiences: Vec<&str> = match jwt.claim("aud") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut fitting = all.iter().filter(|c| c.issuer == issuer).peekable();
    if fitting.peek().is_none() {
        return Err(OAuthError::no_federated(700_211, "issuer", issuer));
    }
    let mut fitting = fitting.filter(|c| c.subject == subject).peekable();
    if fitting.peek().is_none() {
        return Err(OAuthError::no_federated(700_213, "subject", subject));
    }
    fitting
        .find(|c| c.audiences.iter().any(|wanted| audiences.contains(&wanted.as_str())))
        .ok_or_else(|| OAuthError::no_federated(700_212, "audience", &audiences.join(", ")))
}

fn check_time(jwt: &Jwt<'_>, now: i64, life_max: i64) -> Result<(), OAuthError> {
    let Some(expires) = jwt.seconds("exp") else {
        return Err(OAuthError::assertion_time("'exp' is missing"));
    };
    let starts = jwt.seconds("nbf").or_else(|| jwt.seconds("iat"));
    let why = if expires + SKEW < now {
        "it is expired"
    } else if expires > now + life_max + SKEW {
        "'exp' is more than a day ahead"
    } else if starts.is_some_and(|s| s > now + SKEW) {
        "it is not valid yet; check the client's clock"
    } else {
        return Ok(());
    };
    Err(OAuthError::assertion_time(why))
}

fn find_key<'a>(
    jwt: &Jwt<'_>,
    credentials: Credentials<'a>,
) -> Result<&'a KeyCredential, OAuthError> {
    let named = [
        jwt.header("x5t#S256").and_then(thumbprint),
        jwt.header("x5t").and_then(thumbprint),
        jwt.header("kid").and_then(|kid| hex::decode(kid).ok()),
    ];
    let mut named = named.into_iter().flatten().peekable();
    if named.peek().is_none() {
        return Err(OAuthError::assertion_signature(
            "its header names no certificate (x5t, x5t#S256)",
        ));
    }
    let is = |key: &KeyCredential, print: &[u8]| {
        key.certificate().thumbprint_sha256() == *print
            || key.certificate().thumbprint_sha1() == *print
    };
    named.find_map(|print| credentials.keys().find(|k| is(k, &print))).ok_or_else(|| {
        OAuthError::assertion_signature(
            "the certificate it names is not registered for the application",
        )
    })
}

/// Base64url or base64, with padding or without.
fn thumbprint(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_end_matches('=');
    URL_SAFE_NO_PAD.decode(text).or_else(|_| STANDARD_NO_PAD.decode(text)).ok()
}

impl Endpoint<'_> {
    fn url(&self) -> String {
        format!("{}/{}/oauth2/v2.0/token", self.request.origin, self.tenant.id)
    }

    /// True when `aud` is, or has among its members, the token endpoint or the issuer, on any name of this instance.
    fn is_named_by(&self, aud: &Value) -> bool {
        match aud {
            Value::String(aud) => self.is(aud),
            Value::Array(all) => all.iter().any(|aud| aud.as_str().is_some_and(|aud| self.is(aud))),
            _ => false,
        }
    }

    fn is(&self, aud: &str) -> bool {
        let Some((host, path)) = aud.strip_prefix("https://").and_then(|rest| rest.split_once('/'))
        else {
            return false;
        };
        let (tenant, rest) = path.split_once('/').unwrap_or((path, ""));
        let forms = ["oauth2/v2.0/token", "oauth2/token", "v2.0", ""];
        self.urls.is_own_host(host)
            && self.tenant.segment(tenant).is_ok()
            && forms.contains(&rest.trim_end_matches('/'))
    }
}
