//! What a sign-in comes to: who it was, how that was proved, and what the application may have for it.

use serde::{Deserialize, Serialize};

use super::consent::{EVERYTHING, QUERY_LOGS};
use crate::PublicUrls;
use crate::audience::Audiences;
use crate::directory::{ApiSettings, Directory, OutsideIdentity, RedirectKind, User, graph_scope};
use crate::token::{OAuthError, OPENID_SCOPES, Resource};

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
    /// The outside provider that vouched for it, and whom it knows there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) outside: Option<Vouched>,
}

/// The word of an outside provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Vouched {
    pub(crate) provider: String,
    pub(crate) identity: OutsideIdentity,
}

impl Proof {
    /// A person who proved itself now.
    pub(crate) fn of(user: &User, now: i64, methods: &[&str]) -> Self {
        Self {
            user_id: user.id.clone(),
            time: user.time_of_new(now),
            methods: methods.iter().map(|m| (*m).to_owned()).collect(),
            outside: None,
        }
    }
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

/// Where an application asks: what resources there are, and which scopes they have.
pub(crate) struct Place<'a> {
    pub(crate) urls: &'a PublicUrls,
    pub(crate) directory: &'a Directory,
    pub(crate) tenant: &'a str,
    /// Client id of who asks.
    pub(crate) app_id: &'a str,
}

impl Place<'_> {
    /// Refuses a resource that is none, and scopes that it does not define; spells them as it does. Without any they are
    /// those that the resource gives to who names none.
    fn define(&self, resource: &str, scopes: &mut Vec<String>) -> Result<(), OAuthError> {
        let Self { urls, directory, tenant, app_id } = *self;
        let known = Resource::for_client(resource, app_id, urls, directory, tenant)?;
        if scopes.is_empty() {
            *scopes = known.default_scopes();
        }
        for scope in scopes {
            let defined = known.scope(scope);
            *scope = defined.ok_or_else(|| OAuthError::undefined_scope(scope, resource))?;
        }
        Ok(())
    }
}

impl Resource {
    /// What is given to who names no scope.
    fn default_scopes(&self) -> Vec<String> {
        let own = self.api.as_ref().map(|api| &api.api).filter(|api| !api.scopes.is_empty());
        own.map_or_else(|| vec![EVERYTHING.to_owned()], ApiSettings::default_scopes)
    }

    /// A scope as the resource spells it; none for one that it does not define, or no longer.
    pub(crate) fn scope(&self, named: &str) -> Option<String> {
        if let Some(api) = self.api.as_ref().filter(|api| !api.api.scopes.is_empty()) {
            return api.api.scope(named).map(|scope| scope.value.clone());
        }
        let logs = self.opens.meets(Audiences::LOG_ANALYTICS).then_some(QUERY_LOGS);
        let graph = || graph_scope(named).filter(|_| self.opens.meets(Audiences::GRAPH));
        let mut known = [EVERYTHING].into_iter().chain(logs);
        let known = known.find(|known| named.eq_ignore_ascii_case(known)).or_else(graph);
        known.map(str::to_owned)
    }
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
    /// True: it is a page, and redeems from where it is.
    #[serde(default)]
    pub(crate) spa: bool,
}

/// An authorization code's meaning.
#[derive(Clone)]
pub(crate) struct Code {
    pub(crate) granted: Granted,
    pub(crate) redirect_uri: String,
    /// Whose address that was.
    pub(crate) kind: RedirectKind,
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
        place: &Place<'_>,
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
        place.define(&wanted.resource, &mut wanted.scopes)?;
        for (resource, scopes) in &mut wanted.others {
            place.define(resource, scopes)?;
        }
        Ok(wanted)
    }

    /// Reads what a token is asked for: one resource, since a token is for one.
    pub(crate) fn of_one(
        scope: Option<&str>,
        resource: Option<&str>,
        place: &Place<'_>,
    ) -> Result<Self, OAuthError> {
        let wanted = Self::read(scope, resource, place)?;
        match wanted.others.first() {
            None => Ok(wanted),
            Some((other, _)) => Err(OAuthError::invalid_scope(
                other,
                "is of another resource than the others; ask for each resource in turn",
            )),
        }
    }

    /// What the access token is for: its resource with each scope.
    pub(crate) fn of_token(&self) -> impl Iterator<Item = (&str, &String)> {
        self.scopes.iter().map(|scope| (self.resource.as_str(), scope))
    }

    /// Every resource with every scope that is asked for.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &String)> {
        let others = self.others.iter();
        self.of_token().chain(
            others.flat_map(|(resource, scopes)| {
                scopes.iter().map(|scope| (resource.as_str(), scope))
            }),
        )
    }

    /// What is given, as clients compare it with what they asked for: the words for the token's own resource.
    pub(crate) fn given(&self) -> String {
        let is_own = |word: &&str| {
            OPENID_SCOPES.contains(word)
                || taken_apart(word).is_some_and(|(resource, _)| resource == self.resource)
        };
        let words: Vec<&str> = self.asked.split_whitespace().filter(is_own).collect();
        match words.is_empty() {
            true => format!("{}/.default", self.resource),
            false => words.join(" "),
        }
    }

    /// `{resource}/{scope}`; a scope alone is Graph's.
    fn add(&mut self, asked: &str) -> Result<(), OAuthError> {
        let (resource, scope) = taken_apart(asked)
            .ok_or_else(|| OAuthError::invalid_scope(asked, "names no scope of a resource"))?;
        let named = (scope != ".default" && !scope.is_empty()).then(|| scope.to_owned());
        if self.resource.is_empty() || self.resource == resource {
            self.resource = resource.to_owned();
            self.scopes.extend(named);
            return Ok(());
        }
        match self.others.iter_mut().find(|(other, _)| other == resource) {
            Some((_, scopes)) => scopes.extend(named),
            None => self.others.push((resource.to_owned(), named.into_iter().collect())),
        }
        Ok(())
    }
}

/// Resource and scope of what is asked for.
fn taken_apart(asked: &str) -> Option<(&str, &str)> {
    match asked.rsplit_once('/') {
        Some((resource, scope)) => {
            (!resource.is_empty() && !resource.ends_with("https:/")).then_some((resource, scope))
        }
        None => Some((GRAPH, asked)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(scope: &str) -> Result<Wanted, OAuthError> {
        at_home(|place| Wanted::read(Some(scope), None, place))
    }

    fn at_home<R>(ask: impl FnOnce(&Place<'_>) -> R) -> R {
        let (urls, directory) = (PublicUrls::new("localhost", 8443, []), Directory::default());
        ask(&Place { urls: &urls, directory: &directory, tenant: "t", app_id: "a" })
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
            ("user.readwrite.all", GRAPH, "User.ReadWrite.All"),
            ("https://api.loganalytics.io/Data.Read", "https://api.loganalytics.io", "Data.Read"),
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
            "Made.Up",
            "https://management.azure.com/Reader",
            "https://management.azure.com/User.Read",
            "https://management.azure.com/user_impersonation;x",
            "User.Read https://vault.azure.net/Data.Read",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
        let several =
            "https://management.azure.com/user_impersonation User.Read Group.Read.All openid";
        let all = read(several).unwrap();
        let all: Vec<String> = all.all().map(|(r, s)| format!("{r} {s}")).collect();
        let arm = "https://management.azure.com user_impersonation";
        assert_eq!(all, [arm, &format!("{GRAPH} User.Read"), &format!("{GRAPH} Group.Read.All")]);
        let one = |scope| at_home(|place| Wanted::of_one(Some(scope), None, place));
        assert!(one(several).is_err() && one("User.Read openid").is_ok(), "a token is for one");
    }
}
