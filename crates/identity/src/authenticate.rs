//! From a bearer token to a caller: in memory, without a disk, cheap for whoever sends rubbish.

use std::sync::Arc;

use crypto::{RsaAlgorithm, sha256};

use crate::audience::{Audiences, audiences_of};
use crate::cache::Cache;
use crate::directory::{Directory, ServicePrincipal, User};
use crate::interactive::{EVERYTHING, QUERY_LOGS};
use crate::jwt::{Jwt, TOKEN_BYTES_MAX};
use crate::signing_keys::KeySet;
use crate::{AuthError, Caller, PublicUrls, Tenant};

/// Tokens whose signature is known to be good.
const CACHED_MAX: usize = 4096;
/// The clock may have been set back a little since a token was made.
const SKEW: i64 = 5 * 60;

/// Judges bearer tokens.
pub(crate) struct Authenticator {
    verified: Cache<[u8; 32], Arc<Verified>>,
}

/// A token with a good signature, in short.
struct Verified {
    kid: String,
    tenant: String,
    audience: String,
    opens: Audiences,
    object_id: String,
    app_id: String,
    scopes: Arc<str>,
    /// The service principal of the application that acts for a person, as it was then.
    principal: Option<String>,
    issued: i64,
    not_before: i64,
    expires: i64,
    token_id: Arc<str>,
}

/// What a token is judged by.
pub(crate) struct Standards<'a> {
    pub tenant: &'a Tenant,
    pub urls: &'a PublicUrls,
    pub directory: &'a Directory,
    pub keys: &'a KeySet,
    pub accepted: Audiences,
    pub now: i64,
}

impl Authenticator {
    pub(crate) fn new() -> Self {
        Self { verified: Cache::new(CACHED_MAX) }
    }

    /// The caller behind a token.
    pub(crate) fn caller(
        &self,
        token: &str,
        standards: &Standards<'_>,
    ) -> Result<Caller, AuthError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(AuthError::Malformed);
        }
        let digest = sha256(token.as_bytes());
        let verified = match self.verified.get(&digest) {
            Some(verified) if standards.keys.find(&verified.kid).is_some() => verified,
            _ => {
                let verified = Arc::new(verify(token, standards)?);
                self.verified.insert(digest, verified.clone());
                verified
            }
        };
        judge(&verified, standards)
    }
}

/// Reads the token and checks its signature with the key it names.
fn verify(token: &str, standards: &Standards<'_>) -> Result<Verified, AuthError> {
    let jwt = Jwt::parse(token).ok_or(AuthError::Malformed)?;
    let tenant = jwt.text("tid").unwrap_or_default();
    let key = jwt.header("kid").and_then(|kid| standards.keys.find(kid));
    let Some(key) = key else {
        // not believed, but it explains the refusal: someone brought another tenant's token
        let foreign = uuid::Uuid::try_parse(tenant).is_ok() && tenant != standards.tenant.id;
        return Err(if foreign {
            AuthError::WrongTenant(tenant.to_owned())
        } else {
            AuthError::BadSignature
        });
    };
    if jwt.algorithm() != Some(RsaAlgorithm::Rs256)
        || !jwt.is_signed_by(key.public(), RsaAlgorithm::Rs256)
    {
        return Err(AuthError::BadSignature);
    }
    let text = |name: &str| jwt.text(name).map(str::to_owned).ok_or(AuthError::Malformed);
    let seconds = |name: &str| jwt.seconds(name).ok_or(AuthError::Malformed);
    let audience = text("aud")?;
    Ok(Verified {
        kid: key.kid().to_owned(),
        opens: audiences_of(&audience, standards.urls).unwrap_or(Audiences::NONE),
        audience,
        tenant: tenant.to_owned(),
        object_id: text("oid")?,
        // tokens for registered applications have it under one of the names; no door of ours takes them
        app_id: text("appid").or_else(|_| text("azp"))?,
        scopes: jwt.text("scp").unwrap_or_default().into(),
        principal: jwt.text("rh").map(str::to_owned),
        issued: seconds("iat")?,
        not_before: seconds("nbf")?,
        expires: seconds("exp")?,
        token_id: text("uti")?.into(),
    })
}

/// Judges what changes while a token lives: time, door, directory.
fn judge(token: &Verified, standards: &Standards<'_>) -> Result<Caller, AuthError> {
    if token.tenant != standards.tenant.id {
        return Err(AuthError::WrongTenant(token.tenant.clone()));
    }
    if token.expires <= standards.now {
        return Err(AuthError::Expired { at: token.expires });
    }
    if token.not_before > standards.now + SKEW {
        return Err(AuthError::NotYetValid);
    }
    if !token.opens.meets(standards.accepted) {
        return Err(AuthError::WrongAudience(token.audience.clone()));
    }
    let user = standards.directory.user(&token.object_id);
    let caller = match user {
        Some(user) => caller_of_user(user, token, standards.directory),
        None => caller_of(standards.directory, &token.object_id, token.token_id.clone()),
    };
    let caller = caller.ok_or(AuthError::PrincipalGone)?;
    let needed = [EVERYTHING, QUERY_LOGS];
    let needed = needed.get(..usize::from(standards.accepted.meets(Audiences::LOG_ANALYTICS)) + 1);
    // Graph looks at scopes itself: each of its areas has some
    match standards.accepted.meets(Audiences::GRAPH) || caller.has_scope(needed.unwrap_or_default())
    {
        true => Ok(caller),
        false => Err(AuthError::MissingScope(EVERYTHING)),
    }
}

/// The caller for a user that is enabled and was not signed out since the token was issued, by an application that may
/// still act for people: one whose service principal went has lost what people let it do, also when it has a new one.
fn caller_of_user(user: &User, token: &Verified, directory: &Directory) -> Option<Caller> {
    let same = |p: &ServicePrincipal| match &token.principal {
        Some(id) => *id == p.id,
        None => token.issued >= p.created, // of a version that did not write it
    };
    let application = match directory.application(&token.app_id) {
        Some(registered) => {
            directory.principal_of(&registered.app_id).is_some_and(|p| p.account_enabled && same(p))
        }
        None => directory.client(&token.app_id).is_some(),
    };
    let holds = user.account_enabled && token.issued >= user.sessions_valid_from;
    (holds && application).then(|| Caller {
        object_id: user.id.as_str().into(),
        app_id: token.app_id.as_str().into(),
        display_name: user.display_name.as_str().into(),
        user_name: Some(user.user_principal_name.as_str().into()),
        scopes: Some(token.scopes.clone()),
        token_id: token.token_id.clone(),
    })
}

/// The caller for a principal that exists and is enabled.
pub(crate) fn caller_of(
    directory: &Directory,
    object_id: &str,
    token_id: Arc<str>,
) -> Option<Caller> {
    let principal = directory.principal(object_id).filter(|p| p.account_enabled)?;
    Some(Caller {
        object_id: principal.id.as_str().into(),
        app_id: principal.app_id.as_str().into(),
        display_name: principal.display_name.as_str().into(),
        user_name: None,
        scopes: None,
        token_id,
    })
}

#[cfg(test)]
mod tests;
