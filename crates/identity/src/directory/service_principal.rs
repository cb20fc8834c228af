//! A service principal: the application as a principal that roles are assigned to.

use serde::{Deserialize, Serialize};

use super::{Application, DirectoryRoles, KeyCredential, PasswordCredential};

/// A service principal. No `Debug`: it holds digests of secrets.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServicePrincipal {
    /// Object id: `oid` and `sub` of its tokens, `principalId` of role assignments.
    pub id: String,
    /// Its application's client id.
    pub app_id: String,
    /// Name for people.
    pub display_name: String,
    /// False: it gets no tokens, and those it has are refused.
    pub account_enabled: bool,
    /// Created, in seconds since 1970.
    pub created: i64,
    /// Application permissions on Microsoft Graph, the `roles` of its Graph tokens.
    #[serde(default)]
    pub graph_roles: Vec<String>,
    /// What it may do with the directory itself.
    #[serde(default, skip_serializing_if = "DirectoryRoles::is_empty")]
    pub directory_roles: DirectoryRoles,
    /// True for an identity of this machine: it has no credential, local processes ask for its tokens.
    #[serde(default)]
    pub managed_identity: bool,
    /// True: tokens for it, and sign-ins at it, are for those alone who were assigned to it.
    #[serde(default, skip_serializing_if = "is_false")]
    pub assignment_required: bool,
    /// Secrets of its own, beside its application's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passwords: Vec<PasswordCredential>,
    /// Certificates of its own, beside its application's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyCredential>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // as serde asks
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What a client may prove itself with: the credentials of its application, and those of its principal.
#[derive(Clone, Copy)]
pub(crate) struct Credentials<'d> {
    /// The application.
    pub application: &'d Application,
    /// Its principal, where it has one.
    pub principal: Option<&'d ServicePrincipal>,
}

impl<'d> Credentials<'d> {
    /// All secrets, the application's first.
    pub(crate) fn passwords(self) -> impl Iterator<Item = &'d PasswordCredential> {
        let own = self.principal.into_iter().flat_map(|p| &p.passwords);
        self.application.passwords.iter().chain(own)
    }

    /// All certificates, the application's first.
    pub(crate) fn keys(self) -> impl Iterator<Item = &'d KeyCredential> {
        let own = self.principal.into_iter().flat_map(|p| &p.keys);
        self.application.keys.iter().chain(own)
    }
}
