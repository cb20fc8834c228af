//! Client assertions (RFC 7523): a token that the client signed with the key of a registered certificate.
//!
//! Clients differ: `x5t` comes with base64 padding from azure-identity and without from others, `exp` and `iat` come
//! as floats, newer callers sign with PS256 and name the key by `x5t#S256`, some send `kid` as a hex thumbprint.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

use super::{OAuthError, TokenRequest};
use crate::directory::{Credentials, KeyCredential};
use crate::jwt::Jwt;
use crate::{PublicUrls, Tenant};

/// Clocks may differ by so many seconds.
const SKEW: i64 = 5 * 60;
/// An assertion may not promise more: clients make them for ten minutes, some for a day.
const LIFE_MAX: i64 = 24 * 60 * 60;

/// Where the assertion was presented.
pub(crate) struct Endpoint<'a> {
    pub tenant: &'a Tenant,
    pub urls: &'a PublicUrls,
    pub request: &'a TokenRequest<'a>,
}

/// The client id that an assertion claims, unchecked.
pub(crate) fn client_id(assertion: &str) -> Option<String> {
    Some(Jwt::parse(assertion)?.text("sub")?.to_owned())
}

/// The id of the certificate that the assertion was signed with.
pub(crate) fn check(
    assertion: &str,
    credentials: Credentials<'_>,
    endpoint: &Endpoint<'_>,
    now: i64,
) -> Result<String, OAuthError> {
    let jwt = Jwt::parse(assertion).ok_or_else(OAuthError::malformed_assertion)?;
    let key = find_key(&jwt, credentials)?;
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
    let is_client = |name: &str| jwt.text(name).is_some_and(|id| id.eq_ignore_ascii_case(app_id));
    if !is_client("iss") || !is_client("sub") {
        return Err(OAuthError::assertion_issuer());
    }
    if !jwt.claim("aud").is_some_and(|aud| endpoint.is_named_by(aud)) {
        return Err(OAuthError::assertion_audience(&endpoint.url()));
    }
    check_time(&jwt, now)?;
    Ok(key.key_id.clone())
}

fn check_time(jwt: &Jwt<'_>, now: i64) -> Result<(), OAuthError> {
    let Some(expires) = jwt.seconds("exp") else {
        return Err(OAuthError::assertion_time("'exp' is missing"));
    };
    let starts = jwt.seconds("nbf").or_else(|| jwt.seconds("iat"));
    let why = if expires + SKEW < now {
        "it is expired"
    } else if expires > now + LIFE_MAX + SKEW {
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
