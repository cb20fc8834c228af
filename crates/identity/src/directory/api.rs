//! What an application is to others: the API that tokens are for, with the scopes that people agree to and the roles
//! that administrators give.

use serde::{Deserialize, Serialize};

use super::Application;

/// An application as an API. Its members are named as Graph names them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApiSettings {
    /// Which form its access tokens have: 2, or 1 where it says nothing.
    pub requested_access_token_version: Option<u8>,
    /// What people may let an application do at it.
    #[serde(rename = "oauth2PermissionScopes")]
    pub scopes: Vec<PermissionScope>,
    /// Applications that people need not be asked about.
    #[serde(rename = "preAuthorizedApplications")]
    pub pre_authorized: Vec<PreAuthorized>,
}

/// A delegated permission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PermissionScope {
    /// Its id, a GUID.
    pub id: String,
    /// What applications ask for, and `scp` says.
    pub value: String,
    /// Who may agree to it.
    #[serde(rename = "type")]
    pub kind: ScopeKind,
    /// False: nobody gets it.
    pub is_enabled: bool,
    /// What an administrator reads.
    pub admin_consent_display_name: String,
    /// The same at length.
    pub admin_consent_description: String,
    /// What a person reads.
    #[serde(default)]
    pub user_consent_display_name: Option<String>,
    /// The same at length.
    #[serde(default)]
    pub user_consent_description: Option<String>,
}

/// Who may agree to a scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScopeKind {
    /// Everybody, for itself.
    User,
    /// Administrators of applications alone.
    Admin,
}

/// An application that gets scopes without a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PreAuthorized {
    /// Its client id.
    pub app_id: String,
    /// Ids of the scopes.
    pub delegated_permission_ids: Vec<String>,
}

/// A role that an application defines, for `roles` of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppRole {
    /// Its id, a GUID.
    pub id: String,
    /// What tokens say; a role without one is in none.
    #[serde(default)]
    pub value: Option<String>,
    /// Name for people.
    pub display_name: String,
    /// What it is for.
    pub description: String,
    /// Who can have it.
    pub allowed_member_types: Vec<MemberType>,
    /// False: it is in no token, and nobody is given it.
    pub is_enabled: bool,
}

/// Who can have an application's role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberType {
    /// Users and groups.
    User,
    /// Applications, for themselves.
    Application,
}

impl ApiSettings {
    /// A scope that can be asked for, by its value in any case.
    pub(crate) fn scope(&self, value: &str) -> Option<&PermissionScope> {
        self.scopes.iter().find(|s| s.is_enabled && s.value.eq_ignore_ascii_case(value))
    }

    /// What an application gets that names no scope: all that a person may agree to, where there is something of the
    /// kind.
    pub(crate) fn default_scopes(&self) -> Vec<String> {
        let enabled = || self.scopes.iter().filter(|s| s.is_enabled);
        let of = |kind: ScopeKind| {
            enabled().filter(move |s| s.kind == kind).map(|s| s.value.clone()).collect::<Vec<_>>()
        };
        Some(of(ScopeKind::User)).filter(|s| !s.is_empty()).unwrap_or_else(|| of(ScopeKind::Admin))
    }

    /// True when nobody need be asked whether this client may have this scope.
    pub(crate) fn is_pre_authorized(&self, client: &str, scope: &PermissionScope) -> bool {
        let has = |p: &PreAuthorized| {
            p.app_id.eq_ignore_ascii_case(client)
                && p.delegated_permission_ids.iter().any(|id| id.eq_ignore_ascii_case(&scope.id))
        };
        self.pre_authorized.iter().any(has)
    }
}

impl Application {
    /// True when its access tokens have the form of version 1.
    pub(crate) fn takes_v1(&self) -> bool {
        self.api.requested_access_token_version != Some(2)
    }

    /// A role by its id.
    pub(crate) fn role(&self, id: &str) -> Option<&AppRole> {
        self.app_roles.iter().find(|r| r.id.eq_ignore_ascii_case(id))
    }
}
