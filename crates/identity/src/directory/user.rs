//! A person: a name to sign in with, and what proves that it is that person.

use crypto::StoredPassword;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{DirectoryRoles, Passkey};

/// A user. No `Debug`: it holds the hash of a password.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Object id: `oid` of its tokens, `principalId` of role assignments.
    pub id: String,
    /// Name to sign in with, `alice@vedette.localhost`.
    pub user_principal_name: String,
    /// Name for people.
    pub display_name: String,
    /// First name.
    #[serde(default)]
    pub given_name: Option<String>,
    /// Family name.
    #[serde(default)]
    pub surname: Option<String>,
    /// Mail address.
    #[serde(default)]
    pub mail: Option<String>,
    /// False: no sign-in, and tokens it has are refused.
    pub account_enabled: bool,
    /// Made, in seconds since 1970.
    pub created: i64,
    /// Its password, as a hash; none for who signs in elsewhere.
    #[serde(default, serialize_with = "password_text", deserialize_with = "password_parse")]
    pub(crate) password: Option<StoredPassword>,
    /// When the password was set, in seconds since 1970.
    #[serde(default)]
    pub(crate) password_changed: i64,
    /// True: the next sign-in asks for a new password.
    #[serde(default)]
    pub(crate) must_change_password: bool,
    /// The authenticator app, if one is set up.
    #[serde(default)]
    pub(crate) totp: Option<SoftwareToken>,
    /// Its passkeys.
    #[serde(default)]
    pub(crate) passkeys: Vec<Passkey>,
    /// Tokens issued before this second are refused.
    #[serde(default)]
    pub(crate) sessions_valid_from: i64,
    /// Directory roles, by template id.
    #[serde(default)]
    pub(crate) directory_roles: DirectoryRoles,
    /// Who it is at outside providers.
    #[serde(default)]
    pub(crate) identities: Vec<OutsideIdentity>,
}

impl User {
    /// Refuses every token and sign-in so far, those of this second too. `now` is the moment of the change.
    pub(crate) fn end_sessions(&mut self, now: i64) {
        self.sessions_valid_from = self.sessions_valid_from.max(now) + 1;
    }

    /// The time of what is given to this person now: also within the second in which all before was ended.
    pub(crate) fn time_of_new(&self, now: i64) -> i64 {
        now.max(self.sessions_valid_from)
    }
}

/// An authenticator app, set up.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SoftwareToken {
    pub(crate) id: String,
    /// The shared secret, sealed under the machine's own key.
    pub(crate) sealed: String,
    pub(crate) created: i64,
    /// The step of the last code that was used: none works twice.
    #[serde(default)]
    pub(crate) last_step: i64,
}

/// A user as an outside provider knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OutsideIdentity {
    pub(crate) issuer: String,
    pub(crate) subject: String,
}

fn password_text<S: Serializer>(
    password: &Option<StoredPassword>,
    to: S,
) -> Result<S::Ok, S::Error> {
    password.as_ref().map(StoredPassword::to_text).serialize(to)
}

fn password_parse<'de, D: Deserializer<'de>>(from: D) -> Result<Option<StoredPassword>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    let parsed = StoredPassword::parse(&text);
    parsed.map(Some).ok_or_else(|| serde::de::Error::custom("not a stored password"))
}
