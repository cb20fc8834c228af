//! Refresh tokens: each works once and is answered with its successor. All that descend from one sign-in are a family;
//! when a token comes back that was replaced a while ago, somebody has a copy, and the whole family ends.
//!
//! Stored are digests alone. Processes that share a cache may redeem one token at nearly the same time, and an answer
//! may be lost on its way: within a minute a replaced token still works.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::{CryptoError, SecretText, random_bytes, sha256_hex};
use serde::{Deserialize, Serialize};
use state::{Condition, Store, StoreError};

use super::OAuthError;
use crate::IdentityError;
use crate::interactive::Granted;

/// Collection of families, by id.
pub(crate) const REFRESH_TOKENS: &str = "identity/refreshTokens";
/// A family ends so long after its last use.
const IDLE_SECONDS: i64 = 90 * 24 * 60 * 60;
/// A family ends so long after the sign-in, whatever happens.
const WHOLE_SECONDS: i64 = 365 * 24 * 60 * 60;
/// A page's family ends so long after the sign-in: what a page keeps, its scripts can read.
const PAGE_SECONDS: i64 = 24 * 60 * 60;
/// A replaced token still works so long.
const GRACE_SECONDS: i64 = 60;
/// Digests that a family keeps.
const KEPT: usize = 32;
/// Attempts when several redeem at the same time.
const ATTEMPTS: usize = 8;

/// Tokens that descend from one sign-in.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Family {
    granted: Granted,
    created: i64,
    expires: i64,
    tokens: Vec<Descendant>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descendant {
    digest: String,
    /// When its successor was given.
    replaced: Option<i64>,
}

impl Family {
    /// When it ends, used now.
    fn end(granted: &Granted, created: i64, now: i64) -> i64 {
        match granted.spa {
            true => created + PAGE_SECONDS,
            false => (now + IDLE_SECONDS).min(created + WHOLE_SECONDS),
        }
    }
}

/// A new family's id: a part of its tokens.
pub(crate) fn new_family() -> Result<String, CryptoError> {
    Ok(URL_SAFE_NO_PAD.encode(random_bytes::<16>()?))
}

fn new_token(family: &str) -> Result<(SecretText, String), CryptoError> {
    let secret = URL_SAFE_NO_PAD.encode(random_bytes::<32>()?);
    let digest = sha256_hex(secret.as_bytes());
    Ok((SecretText::new(format!("1.{family}.{secret}")), digest))
}

/// The first token of a family.
pub(crate) fn begin(
    store: &dyn Store,
    family: &str,
    granted: &Granted,
    now: i64,
) -> Result<SecretText, IdentityError> {
    let (token, digest) = new_token(family)?;
    let document = Family {
        granted: granted.clone(),
        created: now,
        expires: Family::end(granted, now, now),
        tokens: vec![Descendant { digest, replaced: None }],
    };
    let value =
        serde_json::to_value(document).map_err(|e| IdentityError::damaged(REFRESH_TOKENS, e))?;
    store.put(REFRESH_TOKENS, family, value, Condition::Absent)?;
    Ok(token)
}

/// Redeems a token that `accepts` lets through: what was granted, and the successor.
pub(crate) fn redeem(
    store: &dyn Store,
    text: &str,
    now: i64,
    accepts: impl Fn(&Granted) -> Result<(), OAuthError>,
) -> Result<(Granted, SecretText), OAuthError> {
    let unknown =
        || OAuthError::invalid_grant(9_002_313, "The refresh token is not one of this server's.");
    let mut parts = text.split('.');
    let (Some("1"), Some(family), Some(secret), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(unknown());
    };
    if family.len() != 22 || secret.len() != 43 {
        return Err(unknown());
    }
    let digest = sha256_hex(secret.as_bytes());
    let failed = |error: &dyn std::fmt::Display| {
        tracing::error!(%error, "a refresh token could not be redeemed");
        OAuthError::unavailable()
    };
    for _ in 0..ATTEMPTS {
        let over = || {
            OAuthError::invalid_grant(
                700_082,
                "The refresh token has expired or was revoked; sign in again.",
            )
        };
        let document =
            store.get(REFRESH_TOKENS, family).map_err(|e| failed(&e))?.ok_or_else(over)?;
        let mut kept: Family = serde_json::from_value(document.value).map_err(|e| failed(&e))?;
        if kept.expires <= now {
            let _ = store.delete(REFRESH_TOKENS, family, Condition::Any); // the sweep takes what stays
            return Err(if kept.granted.spa { OAuthError::page_over() } else { over() });
        }
        let known = kept.tokens.iter_mut().find(|t| t.digest == digest);
        let copied =
            known.as_ref().is_none_or(|t| t.replaced.is_some_and(|at| now - at > GRACE_SECONDS));
        if copied {
            store.delete(REFRESH_TOKENS, family, Condition::Any).map_err(|e| failed(&e))?;
            tracing::warn!(
                user = kept.granted.proof.user_id,
                "a refresh token came a second time; its family ends"
            );
            return Err(OAuthError::token_reused());
        }
        accepts(&kept.granted)?;
        if let Some(known) = known {
            known.replaced.get_or_insert(now);
        }
        let (token, digest) = new_token(family).map_err(|e| failed(&e))?;
        kept.tokens.push(Descendant { digest, replaced: None });
        let excess = kept.tokens.len().saturating_sub(KEPT);
        kept.tokens.drain(..excess);
        kept.expires = Family::end(&kept.granted, kept.created, now);
        let granted = kept.granted.clone();
        let value = serde_json::to_value(kept).map_err(|e| failed(&e))?;
        match store.put(REFRESH_TOKENS, family, value, Condition::Match(document.etag)) {
            Ok(_) => return Ok((granted, token)),
            Err(StoreError::Conflict { .. } | StoreError::NotFound) => {} // somebody was faster: look again
            Err(error) => return Err(failed(&error)),
        }
    }
    Err(OAuthError::unavailable())
}

/// Ends a family.
pub(crate) fn end(store: &dyn Store, family: &str) -> Result<(), IdentityError> {
    store.delete(REFRESH_TOKENS, family, Condition::Any)?;
    Ok(())
}

/// Ends the families for which `is_over` holds, and those whose time is over.
pub(crate) fn sweep(
    store: &dyn Store,
    now: i64,
    is_over: impl Fn(&Granted) -> bool,
) -> Result<(), IdentityError> {
    for document in store.list_all(REFRESH_TOKENS, "")? {
        let family: Result<Family, _> = serde_json::from_value(document.value);
        if family.is_ok_and(|f| f.expires <= now || is_over(&f.granted)) {
            store.delete(REFRESH_TOKENS, &document.key, Condition::Any)?;
        }
    }
    Ok(())
}
