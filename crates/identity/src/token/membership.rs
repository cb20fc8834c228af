//! What tokens say of the groups and directory roles that a person is in.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::directory::{Application, Directory, GroupClaims, User};

/// Groups that a token names; of more it says only where they are to be had.
const GROUPS_MAX: usize = 200;
/// The same of a token that travels in an address.
const GROUPS_IN_ADDRESS: usize = 5;

/// How a token comes to the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// In the token endpoint's answer.
    Answer,
    /// By way of the browser, as part of an address.
    Address,
}

/// Whose groups a token names, and which.
pub(super) struct Membership<'a> {
    pub(super) directory: &'a Directory,
    pub(super) user: &'a User,
    /// What the application asks for that the token is for.
    pub(super) claims: &'a GroupClaims,
    /// That application, where it is registered.
    pub(super) application: Option<&'a Application>,
    pub(super) origin: &'a str,
    pub(super) channel: Channel,
}

impl Membership<'_> {
    /// Writes `groups` and `wids`.
    pub(super) fn put(&self, token: &mut Value) {
        if self.claims.roles() && !self.user.directory_roles.is_empty() {
            token["wids"] = json!(self.user.directory_roles);
        }
        let groups = self.groups();
        match self.channel {
            _ if groups.is_empty() => {}
            Channel::Address if groups.len() > GROUPS_IN_ADDRESS => {
                token["hasgroups"] = json!(true);
            }
            _ if groups.len() > GROUPS_MAX => {
                let endpoint =
                    format!("{}/v1.0/users/{}/getMemberObjects", self.origin, self.user.id);
                token["_claim_names"] = json!({ "groups": "src1" });
                token["_claim_sources"] = json!({ "src1": { "endpoint": endpoint } });
            }
            _ => token["groups"] = json!(groups),
        }
    }

    fn groups(&self) -> BTreeSet<String> {
        let (directory, user) = (self.directory, &self.user.id);
        match self.application {
            _ if self.claims.groups() => directory.groups_of(user),
            Some(application) if self.claims.application_groups() => {
                directory.groups_assigned_to(application, user)
            }
            _ => BTreeSet::new(),
        }
    }
}
