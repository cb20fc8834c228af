//! Passkeys of users: kept beside the password, shown in Graph's form, removed by their owner or an administrator.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::graph::{Change, GraphError};
use super::users::find;
use super::{Directory, User};
use crate::Identity;
use crate::time::graph_text;
use crate::webauthn::{NewCredential, counter_goes_on};

/// Passkeys that a user may have.
const PASSKEYS_MAX: usize = 20;
/// Longest name of one.
const NAME_MAX: usize = 64;

/// A credential that signs its user in. Nothing in it is secret: the private key never leaves its authenticator.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Passkey {
    /// Its id in Graph.
    pub(crate) id: String,
    /// Its id among authenticators, base64url.
    pub(crate) credential_id: String,
    /// COSE_Key, base64url.
    pub(crate) public_key: String,
    /// The host name that it is for.
    pub(crate) rp_id: String,
    /// What its owner calls it.
    pub(crate) display_name: String,
    /// The make of the authenticator, by its own word.
    pub(crate) aaguid: String,
    pub(crate) created: i64,
    #[serde(default)]
    pub(crate) last_used: Option<i64>,
    /// Signatures so far, where the authenticator counts them.
    #[serde(default)]
    pub(crate) sign_count: u32,
    /// True when it may be on several devices.
    #[serde(default)]
    pub(crate) backup_eligible: bool,
    /// True when it is.
    #[serde(default)]
    pub(crate) backed_up: bool,
}

impl Passkey {
    /// A credential that was just registered; `name` as its owner wrote it.
    pub(crate) fn new(made: &NewCredential, rp_id: &str, name: &str, now: i64) -> Self {
        let name: String = name.trim().chars().filter(|c| !c.is_control()).take(NAME_MAX).collect();
        Self {
            id: Uuid::new_v4().to_string(),
            credential_id: URL_SAFE_NO_PAD.encode(&made.id),
            public_key: URL_SAFE_NO_PAD.encode(&made.public_key),
            rp_id: rp_id.to_owned(),
            display_name: if name.is_empty() { "Passkey".to_owned() } else { name },
            aaguid: Uuid::from_bytes(made.aaguid).to_string(),
            created: now,
            last_used: None,
            sign_count: made.sign_count,
            backup_eligible: made.backup_eligible,
            backed_up: made.backed_up,
        }
    }
}

impl User {
    /// What authenticators know the user by: the bytes of its object id, which tell nothing about the person.
    pub(crate) fn handle(&self) -> Vec<u8> {
        match Uuid::try_parse(&self.id) {
            Ok(id) => id.as_bytes().to_vec(),
            Err(_) => self.id.as_bytes().to_vec(),
        }
    }
}

impl Identity {
    /// Passkeys of a user in Graph's form, `fido2AuthenticationMethod`.
    pub fn list_passkeys(&self, id: &str) -> Result<Vec<Value>, GraphError> {
        let user = find(&self.directory(), id)?;
        Ok(user.passkeys.iter().map(passkey_value).collect())
    }

    /// One of them.
    pub fn passkey(&self, id: &str, method: &str) -> Result<Value, GraphError> {
        let user = find(&self.directory(), id)?;
        let found = user.passkeys.iter().find(|p| p.id.eq_ignore_ascii_case(method));
        found.map(passkey_value).ok_or_else(|| GraphError::not_found(method))
    }

    /// Takes a passkey away.
    pub fn remove_passkey(&self, id: &str, method: &str) -> Result<(), GraphError> {
        self.change_user(id, |user| {
            let before = user.passkeys.len();
            user.passkeys.retain(|p| !p.id.eq_ignore_ascii_case(method));
            match user.passkeys.len() < before {
                true => Ok(()),
                false => Err(GraphError::not_found(method)),
            }
        })
    }

    /// Adds a passkey. No two users have the same credential, and no user has it twice.
    pub(crate) fn add_passkey(&self, id: &str, passkey: Passkey) -> Result<(), GraphError> {
        self.change_directory(|directory| {
            if directory.user_of_passkey(&passkey.credential_id).is_some() {
                return Err(GraphError::bad_request("This passkey is registered already."));
            }
            let mut user = User::clone(&*find(directory, id)?);
            if user.passkeys.len() >= PASSKEYS_MAX {
                return Err(GraphError::bad_request(format!(
                    "A user has at most {PASSKEYS_MAX} passkeys. Remove one first."
                )));
            }
            user.passkeys.push(passkey);
            Ok(vec![Change::PutUser(user)])
        })
    }

    /// Takes note that a passkey was used; false when its counter does not go on as it must.
    pub(crate) fn passkey_used(
        &self,
        id: &str,
        credential_id: &str,
        used: &crate::webauthn::Asserted,
        now: i64,
    ) -> Result<bool, GraphError> {
        let mut goes_on = false;
        let changed = self.change_user(id, |user| {
            let found = user.passkeys.iter_mut().find(|p| p.credential_id == credential_id);
            let passkey = found.ok_or_else(|| GraphError::not_found(credential_id))?;
            goes_on = counter_goes_on(passkey.sign_count, used.sign_count);
            if !goes_on {
                return Err(GraphError::bad_request("the counter went back"));
            }
            passkey.sign_count = used.sign_count;
            passkey.backed_up = used.backed_up;
            passkey.last_used = Some(now);
            Ok(())
        });
        match changed {
            Err(error) if goes_on => Err(error),
            Err(error) if error.status == 404 => Err(error),
            _ => Ok(goes_on),
        }
    }
}

impl Directory {
    /// A user by the id of a credential, base64url.
    pub(crate) fn user_of_passkey(&self, credential_id: &str) -> Option<&std::sync::Arc<User>> {
        self.users.get(self.user_of_credential.get(credential_id)?)
    }
}

pub(super) fn passkey_value(passkey: &Passkey) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.fido2AuthenticationMethod",
        "id": passkey.id,
        "displayName": passkey.display_name,
        "createdDateTime": graph_text(passkey.created),
        "lastUsedDateTime": passkey.last_used.map(graph_text),
        "aaGuid": passkey.aaguid,
        // attestation is neither asked for nor believed, so nobody vouches for a make
        "model": null,
        "attestationLevel": "notAttested",
        "attestationCertificates": [],
        "passkeyType": if passkey.backup_eligible { "synced" } else { "deviceBound" },
    })
}
