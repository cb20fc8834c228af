//! What the token shall be for: `scope` of v2, `resource` of v1, either in the AD FS form.

use super::{OAuthError, TokenEndpoint, TokenRequest};
use crate::PublicUrls;
use crate::audience::{Audiences, audiences_of};
use crate::directory::Directory;

/// Scopes that ask for something else than access to a resource.
pub(crate) const OPENID_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// The resource of a token.
pub(crate) struct Resource {
    /// As the client named it: the token's `aud`.
    pub name: String,
    /// Doors it opens.
    pub opens: Audiences,
}

/// The resource that a request asks for.
pub(crate) fn requested(
    request: &TokenRequest<'_>,
    adfs: bool,
    urls: &PublicUrls,
    directory: &Directory,
) -> Result<Resource, OAuthError> {
    let (resource, scope) = (request.parameter("resource")?, request.parameter("scope")?);
    let name = match (request.endpoint, resource, scope) {
        (TokenEndpoint::V1, Some(resource), _) => resource,
        (TokenEndpoint::V1, None, Some(scope)) => resource_of(scope, adfs)?,
        (TokenEndpoint::V1, None, None) => return Err(OAuthError::missing("resource")),
        (TokenEndpoint::V2, _, Some(scope)) => resource_of(scope, adfs)?,
        (TokenEndpoint::V2, Some(resource), None) if adfs => resource,
        (TokenEndpoint::V2, _, None) => return Err(OAuthError::missing("scope")),
    };
    let opens = audiences_of(name, urls).or_else(|| {
        directory.application_by_uri(name.trim_end_matches('/')).map(|_| Audiences::NONE)
    });
    match opens {
        Some(opens) => Ok(Resource { name: name.to_owned(), opens }),
        None => Err(OAuthError::unknown_resource(name, request.tenant)),
    }
}

fn resource_of(scope: &str, adfs: bool) -> Result<&str, OAuthError> {
    let mut asked = scope.split_whitespace().filter(|s| !OPENID_SCOPES.contains(s));
    let first =
        asked.next().ok_or_else(|| OAuthError::invalid_scope(scope, "names no resource"))?;
    if asked.next().is_some() {
        return Err(OAuthError::invalid_scope(
            scope,
            "names more than one resource; ask for each in turn",
        ));
    }
    match first.strip_suffix("/.default") {
        Some(resource) if !resource.is_empty() => Ok(resource),
        None if adfs => Ok(first),
        Some(_) => Err(OAuthError::invalid_scope(first, "names no resource before '/.default'")),
        None => Err(OAuthError::default_scope(first)),
    }
}
