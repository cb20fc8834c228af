//! Consent: what a person lets a registered application do in its name. It is asked for on a page, the first time and
//! whenever the application wants more; nothing goes to the application before. Azure's own tools and the portal need
//! none: they act for nobody but who uses them.

mod grants;

use std::collections::{BTreeMap, BTreeSet};

use crypto::sha256_hex;
use model::DateTime;
use serde::{Deserialize, Serialize};
use state::Condition;

use super::grant::{GRAPH, Wanted};
use super::{OwnChange, Proof};
use crate::audience::{Audiences, audiences_of, service_id};
use crate::directory::{
    Application, Directory, PermissionScope, ScopeKind, User, denied, documents, put, remove,
};
use crate::time::unix_seconds;
use crate::token::OAuthError;
use crate::{Caller, GraphError, Identity, IdentityError, PublicUrls};

/// Collection of consents, by person and client id.
const CONSENTS: &str = "identity/consents";

/// In the place of a person: an administrator's word for all of them.
const EVERYBODY: &str = "everybody";

/// What a person agreed to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Consent {
    user_id: String,
    app_id: String,
    /// First given, in seconds since 1970.
    created: i64,
    /// Scopes, by resource.
    granted: BTreeMap<String, BTreeSet<String>>,
}

/// An API as consents and pages name it.
struct Api {
    opens: Audiences,
    /// What consents keep.
    name: &'static str,
    /// What the person reads.
    says: &'static str,
}

const APIS: &[Api] = &[
    Api {
        opens: Audiences::OWN_URL,
        name: "this server",
        says: "Use everything here but vaults, with your rights",
    },
    Api {
        opens: Audiences::GRAPH,
        name: GRAPH,
        says: "Read and change users, groups and applications, with your rights",
    },
    Api {
        opens: Audiences::RESOURCE_MANAGER,
        name: "https://management.azure.com",
        says: "Manage resources, with your rights",
    },
    Api {
        opens: Audiences::KEY_VAULT,
        name: "https://vault.azure.net",
        says: "Use secrets, keys and certificates of vaults, with your rights",
    },
    Api {
        opens: Audiences::LOG_ANALYTICS,
        name: "https://api.loganalytics.io",
        says: "Query logs, with your rights",
    },
    Api {
        opens: Audiences::KUSTO,
        name: "https://kusto.kusto.windows.net",
        says: "Query and change tables, with your rights",
    },
    Api {
        opens: Audiences::INGESTION,
        name: "https://monitor.azure.com",
        says: "Send logs, with your rights",
    },
];

/// Acts as the person in everything.
pub(crate) const EVERYTHING: &str = "user_impersonation";

/// Log Analytics' own name for it.
pub(crate) const QUERY_LOGS: &str = "Data.Read";

impl Api {
    fn of(resource: &str, urls: &PublicUrls) -> Option<&'static Self> {
        let opens = audiences_of(resource, urls)?;
        APIS.iter().find(|api| api.opens == opens)
    }
}

/// The name of a resource in consents: one for all the ways to write it. A registered application is its client id,
/// whichever of its names was asked for.
fn resource_name(resource: &str, urls: &PublicUrls, directory: &Directory) -> String {
    match Api::of(resource, urls) {
        Some(api) => api.name.to_owned(),
        None => kept_name(resource, directory),
    }
}

/// The same of what an earlier version kept, which wrote applications as they were asked for: what was no service of
/// this server's then is none now.
fn kept_name(kept: &str, directory: &Directory) -> String {
    let name = kept.trim_end_matches('/');
    let application = match APIS.iter().any(|api| api.name == kept) {
        true => None,
        false => directory.application_by_uri(name),
    };
    application.map_or_else(|| name.to_ascii_lowercase(), |a| a.app_id.clone())
}

/// What a page says about a scope.
fn says(resource: &str, scope: &str, urls: &PublicUrls, directory: &Directory) -> String {
    let own = Api::of(resource, urls);
    let registered = || directory.application_by_uri(resource.trim_end_matches('/'));
    match (own, scope) {
        (Some(api), "User.Read") if api.name == GRAPH => {
            "Sign you in and read your profile".to_owned()
        }
        (Some(api), EVERYTHING) => api.says.to_owned(),
        (Some(api), scope) => format!("{scope} at {}", api.name),
        (None, scope) => match registered().and_then(|a| Some((a, a.api.scope(scope)?))) {
            Some((api, scope)) => defined(&api.display_name, scope),
            None if scope == EVERYTHING => format!("Use {resource} in your name"),
            None => format!("{scope} at {resource}"),
        },
    }
}

/// A scope in the words of the application that defines it, which is named: words alone could say anything.
fn defined(api: &str, scope: &PermissionScope) -> String {
    let name = scope.user_consent_display_name.as_ref();
    let name = name.unwrap_or(&scope.admin_consent_display_name);
    let more = scope.user_consent_description.as_ref();
    let more = more.unwrap_or(&scope.admin_consent_description);
    let who = match scope.kind {
        ScopeKind::User => "",
        ScopeKind::Admin => " (an administrator must agree)",
    };
    format!("{name} at {api}: {more}{who}")
}

impl Identity {
    /// What a page asks a person to agree to; empty when nothing is missing.
    pub(super) fn missing_consent(&self, app_id: &str, wanted: &Wanted, user: &str) -> Vec<String> {
        self.not_agreed(app_id, wanted.all(), user)
    }

    fn not_agreed<'w>(
        &self,
        app_id: &str,
        wanted: impl Iterator<Item = (&'w str, &'w String)>,
        user: &str,
    ) -> Vec<String> {
        let (urls, directory) = (self.urls(), self.directory());
        let lacking = self.lacking(app_id, wanted, user, &directory);
        lacking.map(|(resource, scope)| says(resource, scope, urls, &directory)).collect()
    }

    /// What a person did not agree to and must be asked about.
    fn lacking<'w>(
        &self,
        app_id: &str,
        wanted: impl Iterator<Item = (&'w str, &'w String)>,
        user: &str,
        directory: &Directory,
    ) -> impl Iterator<Item = (&'w str, &'w String)> {
        let needed = self.needs_consent(app_id);
        let given = |user: &str| {
            needed.then(|| self.consent_of(user, app_id).unwrap_or_default()).flatten()
        };
        let (given, urls) = ([given(user), given(EVERYBODY)], self.urls());
        wanted.filter(move |(resource, scope)| {
            let name = resource_name(resource, urls, directory);
            let agreed = |c: &Consent| c.granted.get(&name).is_some_and(|s| s.contains(*scope));
            needed
                && !given.iter().flatten().any(agreed)
                && !is_pre_authorized(directory, app_id, &name, scope)
        })
    }

    /// Everything that an application asks for, for a page that shows it although the person agreed before.
    pub(super) fn asked_consent(&self, wanted: &Wanted) -> Vec<String> {
        let (urls, directory) = (self.urls(), self.directory());
        wanted.all().map(|(resource, scope)| says(resource, scope, urls, &directory)).collect()
    }

    /// Refuses the word of somebody who may not give it: scopes of the type Admin are agreed to by administrators.
    fn require_may_agree(
        &self,
        app_id: &str,
        added: &[(&str, &String)],
        user: &User,
    ) -> Result<(), OAuthError> {
        if user.directory_roles.administers_applications() {
            return Ok(());
        }
        let directory = self.directory();
        let of_administrators = |(resource, scope): &(&str, &String)| {
            let api = directory.application_by_uri(resource.trim_end_matches('/'));
            let scope = api.and_then(|api| api.api.scope(scope));
            scope.is_some_and(|scope| scope.kind == ScopeKind::Admin)
        };
        match added.iter().find(|asked| of_administrators(asked)) {
            Some((_, scope)) => Err(OAuthError::administrator_required(app_id, scope)),
            None => Ok(()),
        }
    }

    /// Refuses what a person did not agree to, or does not any more: a token is for its own resource alone.
    pub(crate) fn require_consent(
        &self,
        app_id: &str,
        wanted: &Wanted,
        user: &str,
    ) -> Result<(), OAuthError> {
        match self.not_agreed(app_id, wanted.of_token(), user).is_empty() {
            true => Ok(()),
            false => Err(OAuthError::consent_required(app_id)),
        }
    }

    /// Takes a person's word down; what was added, for the directory's log. The application gets its service principal
    /// where it has none.
    pub(super) fn agree(
        &self,
        app_id: &str,
        wanted: &Wanted,
        proof: &Proof,
        now: DateTime,
    ) -> Result<Vec<OwnChange>, OAuthError> {
        let directory = self.directory();
        // what others gave, to everybody or beforehand, does not become the person's own: it can be taken back
        let added: Vec<(&str, &String)> =
            self.lacking(app_id, wanted.all(), &proof.user_id, &directory).collect();
        let user = self.holds(proof).ok_or_else(OAuthError::flow_over)?;
        if added.is_empty() {
            return Ok(Vec::new());
        }
        self.require_may_agree(app_id, &added, &user)?;
        let mut changes = Vec::new();
        if self.directory().principal_of(app_id).is_none()
            && let Ok(made) = self.create_service_principal(app_id, now)
        {
            let mut change = OwnChange::of(&user, app_id, "Add service principal", "Add");
            change.category = "ApplicationManagement";
            change.target = made.get("id").and_then(|id| id.as_str()).map(str::to_owned);
            changes.push(change);
        } // or somebody was faster
        let principal = self.directory().principal_of(app_id).map(|p| p.id.clone());
        let failed = |error: IdentityError| {
            tracing::error!(%error, "a consent could not be kept");
            OAuthError::unavailable()
        };
        let _one_at_a_time = self.changing();
        let known = self.consent_of(&user.id, app_id).map_err(failed)?;
        let client = principal.clone().unwrap_or_default();
        let directory = self.directory();
        let text = |consent: &Consent| consent.text(&client, &directory);
        let before = known.as_ref().map_or_else(|| "[]".to_owned(), text);
        let mut consent = known.unwrap_or_else(|| Consent {
            user_id: user.id.clone(),
            app_id: app_id.to_owned(),
            created: unix_seconds(now),
            granted: BTreeMap::new(),
        });
        for (resource, scope) in added {
            let name = resource_name(resource, self.urls(), &directory);
            consent.granted.entry(name).or_default().insert(scope.clone());
        }
        let document = serde_json::to_value(&consent)
            .map_err(|e| failed(IdentityError::damaged(CONSENTS, e)))?;
        let key = key(&user.id, app_id);
        self.store().put(CONSENTS, &key, document, Condition::Any).map_err(|e| failed(e.into()))?;
        let actions = format!("{before} => {}; ", text(&consent));
        let mut change = OwnChange::of(&user, app_id, "Consent to application", "Assign");
        change.category = "ApplicationManagement";
        change.target = principal;
        for (name, new) in [
            ("ConsentContext.IsAdminConsent", "False".to_owned()),
            ("ConsentContext.IsAppOnly", "False".to_owned()),
            ("ConsentContext.OnBehalfOfAll", "False".to_owned()),
            ("ConsentAction.Permissions", actions),
        ] {
            change.changes.push((name, String::new(), new));
        }
        changes.push(change);
        Ok(changes)
    }

    fn consent_of(&self, user: &str, app_id: &str) -> Result<Option<Consent>, IdentityError> {
        let Some(document) = self.store().get(CONSENTS, &key(user, app_id))? else {
            return Ok(None);
        };
        let read = serde_json::from_value(document.value);
        read.map(Some).map_err(|e| IdentityError::damaged(CONSENTS, e))
    }

    /// True for applications that somebody registered.
    fn needs_consent(&self, app_id: &str) -> bool {
        self.directory().application(app_id).is_some()
    }

    /// May the caller know what this user agreed to, or everybody? Its own, or with a directory role.
    pub fn require_grants_of(&self, caller: &Caller, user: Option<&str>) -> Result<(), GraphError> {
        let Some(roles) = self.roles_of(caller) else { return Ok(()) };
        match user == Some(&*caller.object_id) || !roles.is_empty() {
            true => Ok(()),
            false => Err(denied("what others agreed to is for those with a directory role")),
        }
    }

    /// Names applications in consents by their client ids, where an earlier version kept how they were asked for: at
    /// the start, and never later, since a name may go from one application to another.
    pub(crate) fn settle_consents(&self) -> Result<(), IdentityError> {
        let directory = self.directory();
        let all: Vec<Consent> = documents(self.store(), CONSENTS)?;
        let changed = all.iter().filter_map(|c| c.by_application(&directory));
        let ops: Result<Vec<_>, _> =
            changed.map(|c| put(CONSENTS, &key(&c.user_id, &c.app_id), &c)).collect();
        let ops = ops?;
        if !ops.is_empty() {
            self.store().apply(ops)?;
        }
        Ok(())
    }

    /// Forgets what people let others do at an application that goes.
    fn forget_grants_at(&self, app_id: &str) -> Result<(), IdentityError> {
        let all: Vec<Consent> = documents(self.store(), CONSENTS)?;
        for mut consent in all.into_iter().filter(|c| c.granted.contains_key(app_id)) {
            consent.granted.remove(app_id);
            let key = key(&consent.user_id, &consent.app_id);
            let op = match consent.granted.is_empty() {
                true => remove(CONSENTS, &key),
                false => put(CONSENTS, &key, &consent)?,
            };
            self.store().apply(vec![op])?;
        }
        Ok(())
    }

    /// Ends what people let an application do: their consents, and all that waits or lasts by them; and what they let
    /// others do at it.
    pub(crate) fn forget_application(&self, app_id: &str) {
        self.forget_consents(|_, app| app.eq_ignore_ascii_case(app_id));
        if let Err(error) = self.forget_grants_at(app_id) {
            tracing::warn!(%error, "old consents could not be removed");
        }
        self.interactive().forget_application(app_id);
        self.end_families(|granted| granted.app_id.eq_ignore_ascii_case(app_id));
    }

    /// Forgets consents of a person or an application that goes.
    pub(crate) fn forget_consents(&self, is_over: impl Fn(&str, &str) -> bool) {
        let all: Vec<Consent> = documents(self.store(), CONSENTS).unwrap_or_default();
        for consent in all.iter().filter(|c| is_over(&c.user_id, &c.app_id)) {
            let key = key(&consent.user_id, &consent.app_id);
            if let Err(error) = self.store().delete(CONSENTS, &key, Condition::Any) {
                tracing::warn!(%error, "an old consent could not be removed");
            }
        }
    }

    /// Refuses a registered application that is disabled; `must` one without a service principal too.
    pub(crate) fn require_living_application(
        &self,
        application: &Application,
        must: bool,
    ) -> Result<(), OAuthError> {
        let directory = self.directory();
        if directory.application(&application.app_id).is_none() {
            return Ok(()); // one that is known everywhere
        }
        match directory.principal_of(&application.app_id) {
            Some(principal) if !principal.account_enabled => {
                Err(OAuthError::disabled(&application.app_id))
            }
            None if must => Err(OAuthError::no_principal(&application.app_id, &self.tenant().id)),
            _ => Ok(()),
        }
    }
}

fn key(user: &str, app_id: &str) -> String {
    format!("{user}_{app_id}").to_ascii_lowercase()
}

/// True when an application gets a scope at another without anybody's word: the other one says so.
fn is_pre_authorized(directory: &Directory, client: &str, api: &str, scope: &str) -> bool {
    let api = directory.application(api);
    api.is_some_and(|a| a.api.scope(scope).is_some_and(|s| a.api.is_pre_authorized(client, s)))
}

/// The object id of a resource's service principal. This server's own services have none: theirs are Azure's application
/// ids.
fn resource_id(name: &str, directory: &Directory) -> String {
    if let Some(api) = APIS.iter().find(|api| api.name == name) {
        return service_id(api.opens).unwrap_or(name).to_owned();
    }
    directory.principal_of(name).map_or_else(|| name.to_owned(), |p| p.id.clone())
}

impl Consent {
    /// With applications by their client ids; none where they are already.
    fn by_application(&self, directory: &Directory) -> Option<Self> {
        let mut granted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (resource, scopes) in &self.granted {
            let scopes = scopes.iter().cloned();
            granted.entry(kept_name(resource, directory)).or_default().extend(scopes);
        }
        let is_new = !granted.keys().eq(self.granted.keys());
        is_new.then(|| Self { granted, ..self.clone() })
    }

    /// The id of what was agreed to at one resource.
    fn grant_id(&self, resource: &str) -> String {
        let digest = sha256_hex(resource.as_bytes());
        let mark = digest.get(..16).unwrap_or_default();
        format!("{}_{mark}", key(&self.user_id, &self.app_id))
    }

    /// As Entra's log writes it: rules take it apart by these names.
    fn text(&self, client: &str, directory: &Directory) -> String {
        let of = |(resource, scopes): (&String, &BTreeSet<String>)| {
            let scopes: Vec<&str> = scopes.iter().map(String::as_str).collect();
            format!(
                "[Id: {}, ClientId: {client}, PrincipalId: {}, ResourceId: {}, ConsentType: Principal, Scope: {}]",
                self.grant_id(resource),
                self.user_id,
                resource_id(resource, directory),
                scopes.join(" "),
            )
        };
        let all: Vec<String> = self.granted.iter().map(of).collect();
        format!("[{}]", all.join(", "))
    }
}

#[cfg(test)]
mod tests;
