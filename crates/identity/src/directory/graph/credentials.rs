//! Secrets and certificates of applications, and those that a service principal has beside its application's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto::{Certificate, GeneratedSecret};
use model::DateTime;
use serde_json::{Value, json};

use super::{
    CREDENTIALS_MAX, Change, GraphError, KeyCredential, ServicePrincipal, checked_name, properties,
};
use crate::Identity;
use crate::directory::PasswordCredential;
use crate::time::{graph_text, unix_seconds};

/// Two years, as Azure gives when asked for no end.
const PASSWORD_SECONDS: i64 = 2 * 365 * 24 * 60 * 60;

/// A secret to be made.
#[derive(Clone, Debug, Default)]
pub struct NewPassword {
    /// What it is for.
    pub display_name: Option<String>,
    /// First second of validity, since 1970; now when absent.
    pub start: Option<i64>,
    /// Last second of validity; two years on when absent.
    pub end: Option<i64>,
}

/// Who has secrets, by object id.
#[derive(Clone, Copy, Debug)]
pub enum Holder<'a> {
    /// An application: its secrets are those of its service principals too.
    Application(&'a str),
    /// A service principal, beside what its application has.
    ServicePrincipal(&'a str),
}

/// A new secret: its description, and apart from it the text, so that no copy of the description can leak it.
pub struct PasswordAnswer {
    /// The credential in wire form, `secretText` null.
    pub value: Value,
    /// The text, to be put into `secretText` of this one answer.
    pub secret: GeneratedSecret,
}

impl Identity {
    /// Adds a secret to what `holder` names; the answer holds its text, which can never be had again.
    pub fn add_password(
        &self,
        holder: Holder<'_>,
        new: NewPassword,
        now: DateTime,
    ) -> Result<PasswordAnswer, GraphError> {
        let (credential, answer) = make(new, now)?;
        self.change_passwords(holder, |passwords| {
            if passwords.len() >= CREDENTIALS_MAX {
                let message = format!("there are at most {CREDENTIALS_MAX} secrets");
                return Err(GraphError::bad_request(message));
            }
            passwords.push(credential);
            Ok(())
        })?;
        Ok(answer)
    }

    /// Removes a secret by its key id.
    pub fn remove_password(&self, holder: Holder<'_>, key_id: &str) -> Result<(), GraphError> {
        self.change_passwords(holder, |passwords| {
            let before = passwords.len();
            passwords.retain(|p| !p.key_id.eq_ignore_ascii_case(key_id));
            if passwords.len() == before {
                let message = format!("No password credential found with keyId '{key_id}'.");
                return Err(GraphError::bad_request(message));
            }
            Ok(())
        })
    }

    fn change_passwords(
        &self,
        holder: Holder<'_>,
        change: impl FnOnce(&mut Vec<PasswordCredential>) -> Result<(), GraphError>,
    ) -> Result<(), GraphError> {
        match holder {
            Holder::Application(id) => self.change_application(id, |a| change(&mut a.passwords)),
            Holder::ServicePrincipal(id) => self.change_principal(id, |p| change(&mut p.passwords)),
        }
    }

    /// Puts a service principal's certificates anew, as its `keyCredentials` are sent.
    pub fn put_principal_keys(&self, id: &str, wanted: &Value) -> Result<(), GraphError> {
        self.change_principal(id, |principal| {
            principal.keys = properties::keys(&principal.keys, wanted)?;
            Ok(())
        })
    }

    /// Registers a further certificate (DER) of an application.
    pub fn add_certificate(
        &self,
        id: &str,
        der: &[u8],
        display_name: Option<String>,
    ) -> Result<Value, GraphError> {
        let certificate =
            Certificate::from_der(der).map_err(|e| GraphError::bad_request(e.to_string()))?;
        let key = KeyCredential::new(certificate, display_name).map_err(GraphError::bad_request)?;
        let value = key_value(&key);
        self.change_application(id, |application| {
            if application.keys.len() >= CREDENTIALS_MAX {
                return Err(GraphError::bad_request(format!(
                    "an application has at most {CREDENTIALS_MAX} certificates"
                )));
            }
            application.keys.push(key);
            Ok(())
        })?;
        Ok(value)
    }

    /// Changes what a principal proves itself with; an identity of this machine has nothing of the kind.
    fn change_principal(
        &self,
        id: &str,
        change: impl FnOnce(&mut ServicePrincipal) -> Result<(), GraphError>,
    ) -> Result<(), GraphError> {
        self.change_directory(|directory| {
            let principal = directory.principal(id).ok_or_else(|| GraphError::not_found(id))?;
            if principal.managed_identity {
                return Err(GraphError::bad_request(
                    "a managed identity has no credentials: processes of its machine ask for its tokens",
                ));
            }
            let mut principal = ServicePrincipal::clone(principal);
            change(&mut principal)?;
            Ok(vec![Change::PutPrincipal(principal)])
        })
    }
}

fn make(
    new: NewPassword,
    now: DateTime,
) -> Result<(PasswordCredential, PasswordAnswer), GraphError> {
    let start = new.start.unwrap_or_else(|| unix_seconds(now));
    let end = new.end.unwrap_or(start.saturating_add(PASSWORD_SECONDS));
    if end <= start {
        return Err(GraphError::bad_request("endDateTime must be later than startDateTime"));
    }
    let display_name = new.display_name.filter(|n| !n.is_empty());
    let display_name = display_name.map(|n| checked_name(&n)).transpose()?;
    let secret = GeneratedSecret::new()?;
    let credential = PasswordCredential::new(&secret, display_name, start, end)?;
    let value = password_value(&credential);
    Ok((credential, PasswordAnswer { value, secret }))
}

pub(super) fn password_value(password: &PasswordCredential) -> Value {
    json!({
        "customKeyIdentifier": null,
        "displayName": password.display_name,
        "startDateTime": graph_text(password.start),
        "endDateTime": graph_text(password.end),
        "hint": password.hint,
        "keyId": password.key_id,
        "secretText": null,
    })
}

pub(super) fn key_value(key: &KeyCredential) -> Value {
    json!({
        "customKeyIdentifier": STANDARD.encode(key.certificate().thumbprint_sha1()),
        "displayName": key.display_name.as_deref().unwrap_or(key.certificate().subject()),
        "startDateTime": graph_text(key.start),
        "endDateTime": graph_text(key.end),
        "key": null,
        "keyId": key.key_id,
        "type": "AsymmetricX509Cert",
        "usage": "Verify",
    })
}
