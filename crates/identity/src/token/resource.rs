//! What the token shall be for: `scope` of v2, `resource` of v1, either in the AD FS form.

use std::sync::Arc;

use super::{OAuthError, TokenEndpoint, TokenRequest};
use crate::PublicUrls;
use crate::audience::{Audiences, audiences_of, service_id};
use crate::directory::{Application, Directory};

/// Scopes that ask for something else than access to a resource.
pub(crate) const OPENID_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// The resource of a token.
pub(crate) struct Resource {
    /// As the client named it.
    pub name: String,
    /// Doors it opens.
    pub opens: Audiences,
    /// The registered application that it is; none for this server's own services.
    pub api: Option<Arc<Application>>,
}

impl Resource {
    /// The resource that a name stands for; none when it stands for nothing here.
    pub(crate) fn of(name: &str, urls: &PublicUrls, directory: &Directory) -> Option<Self> {
        let own = audiences_of(name, urls);
        let api = match own {
            Some(_) => None,
            None => Some(directory.application_by_uri(name.trim_end_matches('/'))?.clone()),
        };
        Some(Self { name: name.to_owned(), opens: own.unwrap_or(Audiences::NONE), api })
    }

    /// True when its tokens have the form of version 1: a registered application says so itself, whatever endpoint was
    /// asked; this server's own services take the form of the endpoint.
    pub(crate) fn takes_v1(&self, asked: bool) -> bool {
        self.api.as_ref().map_or(asked, |api| api.takes_v1())
    }

    /// `aud` of its tokens: the name that was asked for, and in version 2 the application's id.
    pub(crate) fn audience(&self) -> &str {
        match &self.api {
            Some(api) if !api.takes_v1() => &api.app_id,
            _ => &self.name,
        }
    }

    /// The application id that it has: people have another `sub` at each.
    pub(crate) fn app_id(&self) -> &str {
        match &self.api {
            Some(api) => &api.app_id,
            None => service_id(self.opens).unwrap_or(&self.name),
        }
    }
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
    Resource::of(name, urls, directory)
        .ok_or_else(|| OAuthError::unknown_resource(name, request.tenant))
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
