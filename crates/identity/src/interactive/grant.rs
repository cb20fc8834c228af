//! What a sign-in comes to: who it was, how that was proved, and what the application may have for it.

use serde::{Deserialize, Serialize};

use super::consent::EVERYTHING;
use crate::PublicUrls;
use crate::audience::audiences_of;
use crate::directory::Directory;
use crate::token::OAuthError;

/// Graph: what a scope without a resource is for, and what a sign-in alone gives access to.
pub(super) const GRAPH: &str = "https://graph.microsoft.com";

/// Who signed in, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Proof {
    pub(crate) user_id: String,
    /// When, in seconds since 1970.
    pub(crate) time: i64,
    /// Methods, `amr` of tokens: `pwd`, `mfa`, `fed`, `fido`.
    pub(crate) methods: Vec<String>,
}

/// What an application asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Wanted {
    /// The resource, `aud` of the access token.
    pub(crate) resource: String,
    /// Scopes at the resource, `scp`.
    pub(crate) scopes: Vec<String>,
    /// Further resources with their scopes: to be agreed to at the same time, tokens for them are asked for later.
    #[serde(default)]
    pub(crate) others: Vec<(String, Vec<String>)>,
    /// As the application wrote them, for the answer.
    pub(crate) asked: String,
    pub(crate) openid: bool,
    pub(crate) profile: bool,
    pub(crate) email: bool,
    /// A refresh token too.
    pub(crate) offline: bool,
}

/// A sign-in that an application may redeem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Granted {
    pub(crate) proof: Proof,
    pub(crate) app_id: String,
    pub(crate) wanted: Wanted,
    pub(crate) nonce: Option<String>,
    /// True: the application must prove itself when it redeems.
    pub(crate) confidential: bool,
}

/// An authorization code's meaning.
#[derive(Clone)]
pub(crate) struct Code {
    pub(crate) granted: Granted,
    pub(crate) redirect_uri: String,
    /// PKCE, S256.
    pub(crate) challenge: Option<String>,
    /// The family of refresh tokens it was redeemed for.
    pub(crate) redeemed: Option<String>,
}

impl Wanted {
    /// Reads `scope`, or `resource` of version 1.
    pub(crate) fn read(
        scope: Option<&str>,
        resource: Option<&str>,
        urls: &PublicUrls,
        directory: &Directory,
        tenant: &str,
    ) -> Result<Self, OAuthError> {
        let mut wanted = Self { asked: scope.unwrap_or_default().to_owned(), ..Self::default() };
        if wanted.asked.len() > 4096 {
            return Err(OAuthError::invalid_scope("", "is too long"));
        }
        for asked in scope.unwrap_or_default().split_whitespace() {
            match asked {
                "openid" => wanted.openid = true,
                "profile" => wanted.profile = true,
                "email" => wanted.email = true,
                "offline_access" => wanted.offline = true,
                other => wanted.add(other)?,
            }
        }
        if let Some(resource) = resource.filter(|_| wanted.resource.is_empty()) {
            // version 1 always gives a refresh token and an id token
            (wanted.resource, wanted.openid, wanted.offline) = (resource.to_owned(), true, true);
        }
        if wanted.resource.is_empty() {
            if !wanted.openid {
                return Err(OAuthError::missing("scope"));
            }
            wanted.resource = GRAPH.to_owned();
            wanted.scopes = vec!["User.Read".to_owned()];
        }
        if wanted.scopes.is_empty() {
            wanted.scopes.push(EVERYTHING.to_owned());
        }
        let known = |resource: &str| {
            audiences_of(resource, urls).is_some()
                || directory.application_by_uri(resource.trim_end_matches('/')).is_some()
        };
        let others = wanted.others.iter().map(|(resource, _)| resource);
        let unknown = others.chain([&wanted.resource]).find(|resource| !known(resource));
        if let Some(unknown) = unknown {
            return Err(OAuthError::unknown_resource(unknown, tenant));
        }
        Ok(wanted)
    }

    /// Reads what a token is asked for: one resource, since a token is for one.
    pub(crate) fn of_one(
        scope: Option<&str>,
        resource: Option<&str>,
        urls: &PublicUrls,
        directory: &Directory,
        tenant: &str,
    ) -> Result<Self, OAuthError> {
        let wanted = Self::read(scope, resource, urls, directory, tenant)?;
        match wanted.others.first() {
            None => Ok(wanted),
            Some((other, _)) => Err(OAuthError::invalid_scope(
                other,
                "is of another resource than the others; ask for each resource in turn",
            )),
        }
    }

    /// Every resource with every scope that is asked for.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &String)> {
        let first = self.scopes.iter().map(|scope| (self.resource.as_str(), scope));
        let others = self.others.iter();
        first.chain(
            others.flat_map(|(resource, scopes)| {
                scopes.iter().map(|scope| (resource.as_str(), scope))
            }),
        )
    }

    /// `{resource}/{scope}`; a scope alone is Graph's.
    fn add(&mut self, asked: &str) -> Result<(), OAuthError> {
        let (resource, scope) = match asked.rsplit_once('/') {
            Some((resource, scope)) if !resource.is_empty() && !resource.ends_with("https:/") => {
                (resource, scope)
            }
            Some(_) => {
                return Err(OAuthError::invalid_scope(asked, "names no scope of a resource"));
            }
            None => (GRAPH, asked),
        };
        let named = (scope != ".default" && !scope.is_empty()).then(|| scope.to_owned());
        if self.resource.is_empty() || self.resource == resource {
            self.resource = resource.to_owned();
            self.scopes.extend(named);
            return Ok(());
        }
        let scope = named.unwrap_or_else(|| EVERYTHING.to_owned());
        match self.others.iter_mut().find(|(other, _)| other == resource) {
            Some((_, scopes)) => scopes.push(scope),
            None => self.others.push((resource.to_owned(), vec![scope])),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(scope: &str) -> Result<Wanted, OAuthError> {
        let urls = PublicUrls::new("localhost", 8443, []);
        Wanted::read(Some(scope), None, &urls, &Directory::default(), "t")
    }

    #[test]
    fn scopes_as_clients_write_them() {
        for (scope, resource, scopes) in [
            ("https://localhost:8443/.default", "https://localhost:8443", "user_impersonation"),
            (
                "https://management.core.windows.net//.default openid",
                "https://management.core.windows.net/",
                "user_impersonation",
            ),
            (
                "https://management.core.windows.net//user_impersonation",
                "https://management.core.windows.net/",
                "user_impersonation",
            ),
            ("User.Read Group.Read.All profile", GRAPH, "User.Read Group.Read.All"),
            ("openid", GRAPH, "User.Read"),
            (
                "797f4846-ba00-4fd7-ba43-dac1f8f63013/.default",
                "797f4846-ba00-4fd7-ba43-dac1f8f63013",
                "user_impersonation",
            ),
        ] {
            let wanted = read(scope).unwrap();
            assert_eq!(
                (wanted.resource.as_str(), wanted.scopes.join(" ").as_str()),
                (resource, scopes),
                "{scope}"
            );
        }
        let wanted = read("openid profile offline_access https://localhost:8443/.default").unwrap();
        assert!(wanted.openid && wanted.profile && wanted.offline && !wanted.email);
        for bad in [
            "",
            "profile",
            "https://evil.example/.default",
            "https://",
            "/x",
            "https://localhost:8443/.default https://evil.example/x",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let several =
            "https://management.azure.com/user_impersonation User.Read Group.Read.All openid";
        let all = read(several).unwrap();
        let all: Vec<String> = all.all().map(|(r, s)| format!("{r} {s}")).collect();
        let arm = "https://management.azure.com user_impersonation";
        assert_eq!(all, [arm, &format!("{GRAPH} User.Read"), &format!("{GRAPH} Group.Read.All")]);
        let urls = PublicUrls::new("localhost", 8443, []);
        let one = |scope| Wanted::of_one(Some(scope), None, &urls, &Directory::default(), "t");
        assert!(one(several).is_err() && one("User.Read openid").is_ok(), "a token is for one");
    }
}
