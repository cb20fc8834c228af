//! A service principal: the application as a principal that roles are assigned to.

use serde::{Deserialize, Serialize};

/// A service principal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// True for an identity of this machine: it has no credential, local processes ask for its tokens.
    #[serde(default)]
    pub managed_identity: bool,
}
