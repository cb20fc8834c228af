//! Why a caller is not known (401) or not allowed (403), in Resource Manager's codes, and the challenges that go with
//! every 401.

use model::ResourceId;
use serde_json::{Value, json};

use crate::time::graph_text;
use crate::{Caller, PublicUrls};

/// Why a request has no caller: always 401, always with a challenge.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No Authorization header, or not Bearer.
    #[error("The request carries no bearer token in its Authorization header.")]
    Missing,
    /// No JSON Web Token.
    #[error("The access token is not a valid JSON Web Token.")]
    Malformed,
    /// Signed with an unknown key, another algorithm, or not at all.
    #[error("The access token's signature is not valid: it was not issued by this server.")]
    BadSignature,
    /// Over.
    #[error("The access token expired at {}; get a new one.", graph_text(*.at))]
    Expired {
        /// Seconds since 1970.
        at: i64,
    },
    /// From the future.
    #[error("The access token is not valid yet; check the clocks.")]
    NotYetValid,
    /// Of another tenant.
    #[error("The access token is from the tenant '{0}', which is not this server's.")]
    WrongTenant(String),
    /// For another API.
    #[error("The access token is for the audience '{0}', which is not accepted here.")]
    WrongAudience(String),
    /// Its principal was removed, disabled or signed out.
    #[error("The access token's principal was removed, disabled or signed out.")]
    PrincipalGone,
    /// The person let the application do less than is asked for.
    #[error("The access token's scopes do not reach this API; ask for '{0}' of the resource.")]
    MissingScope(&'static str),
    /// A client id and secret that do not fit (Basic).
    #[error("The client id or secret is wrong.")]
    BadCredentials,
    /// Too many wrong ones.
    #[error("Too many wrong client secrets; try again in {seconds} seconds.")]
    Throttled {
        /// How long to wait.
        seconds: u64,
    },
}

impl AuthError {
    /// Resource Manager's code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "AuthenticationFailed",
            Self::Expired { .. } => "ExpiredAuthenticationToken",
            Self::WrongTenant(_) => "InvalidAuthenticationTokenTenant",
            Self::WrongAudience(_) => "InvalidAuthenticationTokenAudience",
            Self::Malformed | Self::BadSignature | Self::NotYetValid | Self::PrincipalGone => {
                "InvalidAuthenticationToken"
            }
            Self::MissingScope(_) => "AuthorizationFailed",
            Self::BadCredentials => "AuthenticationFailed",
            Self::Throttled { .. } => "TooManyRequests",
        }
    }

    /// HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::Throttled { .. } => 429,
            Self::MissingScope(_) => 403,
            _ => 401,
        }
    }

    /// Resource Manager's body.
    pub fn body(&self) -> Value {
        json!({ "error": { "code": self.code(), "message": self.to_string() } })
    }
}

/// A caller without the right: 403.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "The client '{app_id}' with object id '{object_id}' does not have authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
)]
pub struct Denied {
    /// Client id.
    pub app_id: String,
    /// Object id.
    pub object_id: String,
    /// The action it lacks.
    pub action: String,
    /// Where it lacks it.
    pub scope: ResourceId,
}

impl Denied {
    pub(crate) fn new(caller: &Caller, action: &str, scope: &ResourceId) -> Self {
        Self {
            app_id: caller.app_id.to_string(),
            object_id: caller.object_id.to_string(),
            action: action.to_owned(),
            scope: scope.clone(),
        }
    }

    /// Resource Manager's code.
    pub fn code(&self) -> &'static str {
        "AuthorizationFailed"
    }

    /// Resource Manager's body.
    pub fn body(&self) -> Value {
        json!({ "error": { "code": self.code(), "message": self.to_string() } })
    }
}

/// `WWW-Authenticate` of a vault. Clients take it apart by hand: exactly two parameters, `", "` between them, the
/// authority's whole path is the tenant, and neither value may hold a `=`.
pub(crate) fn vault_challenge(urls: &PublicUrls, origin: &str, tenant: &str) -> String {
    format!(r#"Bearer authorization="{origin}/{tenant}", resource="{}""#, urls.vault_resource())
}

/// `WWW-Authenticate` of every other door.
pub(crate) fn bearer_challenge(origin: &str, tenant: &str, error: &AuthError) -> String {
    let mut challenge = format!(r#"Bearer authorization_uri="{origin}/{tenant}""#);
    if *error != AuthError::Missing {
        let description = error.to_string().replace(['"', '\\'], "'");
        let kind = match error {
            AuthError::MissingScope(_) => "insufficient_scope",
            _ => "invalid_token",
        };
        challenge += &format!(r#", error="{kind}", error_description="{description}""#);
    }
    challenge
}

/// The token of an `Authorization: Bearer` header.
pub fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}
