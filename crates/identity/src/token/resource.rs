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
    /// The name as the application has it.
    written: String,
}

impl Resource {
    /// The resource that a name stands for; none when it stands for nothing here.
    pub(crate) fn of(name: &str, urls: &PublicUrls, directory: &Directory) -> Option<Self> {
        let own = audiences_of(name, urls);
        let (api, written) = match own {
            Some(_) => (None, name.to_owned()),
            None => {
                let (api, written) = directory.application_named(name)?;
                (Some(Arc::clone(api)), written)
            }
        };
        let opens = own.unwrap_or(Audiences::NONE);
        Some(Self { name: name.to_owned(), opens, api, written })
    }

    /// The same for a client that wants a token: a registered application is there for others once it has a service
    /// principal, and as long as that is enabled. Agreeing to itself makes it one.
    pub(crate) fn for_client(
        name: &str,
        client: &str,
        urls: &PublicUrls,
        directory: &Directory,
        tenant: &str,
    ) -> Result<Self, OAuthError> {
        let unknown = || OAuthError::unknown_resource(name, tenant);
        let resource = Self::of(name, urls, directory).ok_or_else(unknown)?;
        let Some(api) = &resource.api else { return Ok(resource) };
        match directory.principal_of(&api.app_id) {
            Some(principal) if !principal.account_enabled => {
                Err(OAuthError::disabled_resource(name, tenant))
            }
            None if !api.app_id.eq_ignore_ascii_case(client) => Err(unknown()),
            _ => Ok(resource),
        }
    }

    /// True when its tokens have the form of version 1: a registered application says so itself, whatever endpoint was
    /// asked; this server's own services take the form of the endpoint.
    pub(crate) fn takes_v1(&self, asked: bool) -> bool {
        self.api.as_ref().map_or(asked, |api| api.takes_v1())
    }

    /// `aud` of its tokens: the name that was asked for, as the application writes it, and in version 2 the application's
    /// id.
    pub(crate) fn audience(&self) -> &str {
        match &self.api {
            Some(api) if !api.takes_v1() => &api.app_id,
            _ => &self.written,
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
    client: &str,
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
    Resource::for_client(name, client, urls, directory, request.tenant)
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
