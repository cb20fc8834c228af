//! A group: principals under one name, so that roles are assigned once.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// A security group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Object id: `principalId` of role assignments, member of `groups` in tokens.
    pub id: String,
    /// Name for people.
    pub display_name: String,
    /// What it is for.
    #[serde(default)]
    pub description: Option<String>,
    /// Its short name.
    pub mail_nickname: String,
    /// Made, in seconds since 1970.
    pub created: i64,
    /// Object ids of users, service principals and groups in it.
    #[serde(default)]
    pub members: BTreeSet<String>,
    /// Object ids of who looks after it.
    #[serde(default)]
    pub owners: BTreeSet<String>,
}
