//! Users as Microsoft Graph has them: made, changed, given passwords and authenticator apps, signed out.

use std::sync::Arc;

use crypto::{SecretText, StoredPassword, TotpSecret};
use model::{Clock, DateTime};
use serde_json::{Value, json};
use uuid::Uuid;

use super::graph::{Change, GraphError, checked_name};
use super::passkeys::passkey_value;
use super::{Directory, DirectoryRoles, ServicePrincipal, SoftwareToken, User};
use crate::time::{graph_text, unix_seconds};
use crate::{Caller, Identity};

/// Shortest password. Length is what counts; a list of well-known ones is refused beside it.
const PASSWORD_MIN: usize = 10;
const PASSWORD_MAX: usize = 256;
/// Passwords that every list of guesses begins with, long enough to pass otherwise.
const COMMON: &[&str] = &[
    "1234567890",
    "0123456789",
    "password12",
    "password123",
    "password1234",
    "passwort123",
    "qwertyuiop",
    "qwerty12345",
    "qwerty123456",
    "1q2w3e4r5t",
    "1q2w3e4r5t6y",
    "administrator",
    "changeme123",
    "letmein1234",
    "welcome1234",
    "iloveyou123",
    "1111111111",
    "0000000000",
    "abcdefghij",
    "football123",
];

/// A user to be made. No `Debug`: it holds a password.
#[derive(Default)]
pub struct NewUser {
    /// Name to sign in with; the tenant's domain is added where it has none.
    pub user_principal_name: String,
    /// Name for people.
    pub display_name: String,
    /// First name.
    pub given_name: Option<String>,
    /// Family name.
    pub surname: Option<String>,
    /// Mail address.
    pub mail: Option<String>,
    /// May sign in.
    pub account_enabled: bool,
    /// Its password; none for who signs in elsewhere.
    pub password: Option<SecretText>,
    /// The first sign-in asks for a new one.
    pub must_change_password: bool,
    /// Issuer and subject at an outside provider.
    pub outside: Vec<(String, String)>,
}

/// A new authenticator app: its description, and apart from it the secret.
pub struct TotpAnswer {
    /// The method in wire form, without the secret.
    pub value: Value,
    /// The secret in base32.
    pub secret: SecretText,
    /// What a QR code would hold.
    pub uri: SecretText,
}

impl Identity {
    /// Users in wire form.
    pub fn list_users(&self) -> Vec<Value> {
        self.directory().users().iter().map(|u| user_value(u)).collect()
    }

    /// One user by object id or sign-in name.
    pub fn user(&self, id: &str) -> Result<Value, GraphError> {
        find(&self.directory(), id).map(|u| user_value(&u))
    }

    /// Makes a user. Hashes a password: keep it off threads that others wait for.
    pub fn create_user(&self, new: NewUser, now: DateTime) -> Result<Value, GraphError> {
        let display_name = checked_name(&new.display_name)?;
        let name = self.checked_user_name(&new.user_principal_name)?;
        let password = match &new.password {
            Some(password) => Some(hashed(password.expose(), &name)?),
            None => None,
        };
        let seconds = unix_seconds(now);
        let outside =
            |(issuer, subject): (String, String)| super::OutsideIdentity { issuer, subject };
        let user = User {
            id: Uuid::new_v4().to_string(),
            user_principal_name: name,
            display_name,
            given_name: new.given_name,
            surname: new.surname,
            mail: new.mail,
            account_enabled: new.account_enabled,
            created: seconds,
            password,
            password_changed: seconds,
            must_change_password: new.must_change_password,
            totp: None,
            passkeys: Vec::new(),
            sessions_valid_from: 0,
            directory_roles: Default::default(),
            identities: new.outside.into_iter().map(outside).collect(),
        };
        let value = user_value(&user);
        self.change_directory(|directory| {
            require_alone(directory, &user)?;
            Ok(vec![Change::PutUser(user)])
        })?;
        Ok(value)
    }

    /// Changes what `body` names; an unknown property is refused, so that nobody believes it is kept.
    pub fn update_user(&self, id: &str, body: &Value, clock: &dyn Clock) -> Result<(), GraphError> {
        let fields = body
            .as_object()
            .ok_or_else(|| GraphError::bad_request("the body must be an object"))?;
        let current = find(&self.directory(), id)?;
        // hashed before the directory is held: it takes long
        let mut password = None;
        if let Some(profile) = fields.get("passwordProfile").filter(|p| !p.is_null()) {
            let text = profile.get("password").and_then(Value::as_str).unwrap_or_default();
            let again = profile.get("forceChangePasswordNextSignIn").and_then(Value::as_bool);
            let hash = match text {
                "" => None,
                text => Some(hashed(text, &current.user_principal_name)?),
            };
            password = Some((hash, again));
        }
        let name = match fields.get("userPrincipalName").and_then(Value::as_str) {
            Some(name) => Some(self.checked_user_name(name)?),
            None => None,
        };
        let disables = fields.get("accountEnabled").and_then(Value::as_bool) == Some(false);
        let ends = disables || password.as_ref().is_some_and(|(hash, _)| hash.is_some());
        self.change_directory(|directory| {
            let mut user = User::clone(&*find(directory, id)?);
            let now = unix_seconds(clock.now()); // the hash took its time
            if disables {
                self.keep_an_administrator(&user.id)?;
            }
            if ends {
                user.end_sessions(now);
            }
            if let Some(name) = name {
                user.user_principal_name = name;
            }
            for (field, value) in fields {
                set_field(&mut user, field, value)?;
            }
            if ["mail", "userPrincipalName", "identities"].iter().any(|f| fields.contains_key(*f)) {
                require_alone(directory, &user)?;
            }
            if let Some((hash, again)) = password {
                if let Some(hash) = hash {
                    user.password = Some(hash);
                    user.password_changed = now;
                    user.must_change_password = again.unwrap_or(true);
                } else if let Some(again) = again {
                    user.must_change_password = again;
                }
            }
            Ok(vec![Change::PutUser(user)])
        })?;
        if ends {
            self.forget_sign_ins(&current.id);
        }
        Ok(())
    }

    /// A person sets a new password for itself.
    pub(crate) fn change_own_password(
        &self,
        id: &str,
        new: &str,
        clock: &dyn Clock,
    ) -> Result<(), GraphError> {
        let current = find(&self.directory(), id)?;
        if current.password.as_ref().is_some_and(|p| p.verify(new)) {
            return Err(GraphError::bad_request("The new password must differ from the old one."));
        }
        let hash = hashed(new, &current.user_principal_name)?;
        self.change_user(id, |user| {
            let now = unix_seconds(clock.now());
            user.password = Some(hash);
            user.password_changed = now;
            user.end_sessions(now);
            user.must_change_password = false;
            Ok(())
        })?;
        self.forget_sign_ins(&current.id);
        Ok(())
    }

    /// Removes a user.
    pub fn delete_user(&self, id: &str) -> Result<(), GraphError> {
        let mut gone = String::new();
        self.change_directory(|directory| {
            let user = find(directory, id)?;
            self.keep_an_administrator(&user.id)?;
            gone.clone_from(&user.id);
            let mut changes = directory.leave_all(&user.id);
            changes.push(Change::RemoveUser(user.id.clone()));
            Ok(changes)
        })?;
        self.forget_sign_ins(&gone);
        self.forget_consents(|user, _| user == gone);
        Ok(())
    }

    /// Refuses every token a user has so far, at once.
    pub fn revoke_sessions(&self, id: &str, clock: &dyn Clock) -> Result<(), GraphError> {
        let current = find(&self.directory(), id)?;
        self.change_user(id, |user| {
            user.end_sessions(unix_seconds(clock.now()));
            Ok(())
        })?;
        self.forget_sign_ins(&current.id);
        Ok(())
    }

    /// Sets up an authenticator app in place of the one before.
    pub fn add_totp(&self, id: &str, now: DateTime) -> Result<TotpAnswer, GraphError> {
        let secret = TotpSecret::new()?;
        let (base32, method) = (secret.base32(), Uuid::new_v4().to_string());
        let sealed = self.local_key().seal(&format!("totp/{method}"), secret.bytes())?;
        let token = SoftwareToken { id: method, sealed, created: unix_seconds(now), last_step: 0 };
        let value = totp_value(&token);
        let mut name = String::new();
        self.change_user(id, |user| {
            name.clone_from(&user.user_principal_name);
            user.totp = Some(token);
            Ok(())
        })?;
        let uri = format!(
            "otpauth://totp/vedette:{}?secret={}&issuer=vedette&algorithm=SHA1&digits=6&period=30",
            name.replace('@', "%40"),
            base32.expose()
        );
        Ok(TotpAnswer { value, secret: base32, uri: SecretText::new(uri) })
    }

    /// Takes the authenticator app away.
    pub fn remove_totp(&self, id: &str, method: &str) -> Result<(), GraphError> {
        self.change_user(id, |user| match &user.totp {
            Some(token) if token.id.eq_ignore_ascii_case(method) => {
                user.totp = None;
                Ok(())
            }
            _ => Err(GraphError::not_found(method)),
        })
    }

    /// How a user proves itself: password, authenticator app, passkeys. Without any secret.
    pub fn authentication_methods(&self, id: &str) -> Result<Vec<Value>, GraphError> {
        let user = find(&self.directory(), id)?;
        let mut methods = Vec::new();
        if user.password.is_some() {
            methods.push(json!({
                "@odata.type": "#microsoft.graph.passwordAuthenticationMethod",
                "id": "28c10230-6103-485e-b985-444c60001490",
                "createdDateTime": graph_text(user.password_changed),
                "password": null,
            }));
        }
        methods.extend(user.totp.iter().map(totp_value));
        methods.extend(user.passkeys.iter().map(passkey_value));
        Ok(methods)
    }

    /// What the caller may do with the directory by its roles; none for an application with Graph permissions, which
    /// bind it alone.
    pub(crate) fn roles_of(&self, caller: &Caller) -> Option<DirectoryRoles> {
        let directory = self.directory();
        let user = directory.user(&caller.object_id).map(|u| u.directory_roles.clone());
        user.or_else(|| {
            let principal = directory.principal(&caller.object_id)?;
            principal.graph_roles.is_empty().then(|| principal.directory_roles.clone())
        })
    }

    /// May the caller know how this user proves itself? Its own proofs, or as an administrator of users.
    pub fn require_methods_of(&self, caller: &Caller, id: &str) -> Result<(), GraphError> {
        let Some(roles) = self.roles_of(caller) else { return Ok(()) };
        let own = find(&self.directory(), id)?.id == *caller.object_id;
        match own || roles.administers_users() {
            true => Ok(()),
            false => Err(denied("how others prove themselves is for administrators of users")),
        }
    }

    /// May the caller change this user? Whoever administers something is changed by global administrators alone, or
    /// the right to help with passwords would be the right to everything.
    pub fn require_user_change(&self, caller: &Caller, id: &str) -> Result<(), GraphError> {
        let Some(roles) = self.roles_of(caller) else { return Ok(()) };
        let target = find(&self.directory(), id)?;
        let administers = target.directory_roles.administers() || self.administers(&target.id);
        match administers && !roles.is_global_administrator() && target.id != *caller.object_id {
            false => Ok(()),
            true => Err(denied("an administrator is changed by a Global Administrator alone")),
        }
    }

    /// May the caller change this group or application? One that can assign roles, or whose principal can, is changed
    /// by global administrators alone: its members and its secrets are the right to everything.
    pub fn require_change(&self, caller: &Caller, id: &str) -> Result<(), GraphError> {
        let Some(roles) = self.roles_of(caller) else { return Ok(()) };
        let directory = self.directory();
        let application = super::graph::find(&directory, id).ok();
        let principal = application.and_then(|a| directory.principal_of(&a.app_id).cloned());
        let id = principal.map_or_else(|| id.to_ascii_lowercase(), |p| p.id.clone());
        // an application with rights over the whole directory is as good as its administrator
        let of_directory = |p: &Arc<ServicePrincipal>| {
            !p.graph_roles.is_empty() || p.directory_roles.administers()
        };
        let administers =
            directory.principal(&id).is_some_and(of_directory) || self.administers(&id);
        match administers && !roles.is_global_administrator() {
            false => Ok(()),
            true => Err(denied("what can assign roles is changed by a Global Administrator alone")),
        }
    }

    pub(super) fn change_user(
        &self,
        id: &str,
        change: impl FnOnce(&mut User) -> Result<(), GraphError>,
    ) -> Result<(), GraphError> {
        self.change_directory(|directory| {
            let mut user = User::clone(&*find(directory, id)?);
            change(&mut user)?;
            Ok(vec![Change::PutUser(user)])
        })
    }

    /// Takes note of the code that was used.
    pub(crate) fn totp_used(&self, id: &str, step: i64) -> Result<(), GraphError> {
        self.change_user(id, |user| match &mut user.totp {
            Some(token) if token.last_step < step => {
                token.last_step = step;
                Ok(())
            }
            // somebody was faster with the same code
            _ => Err(GraphError::bad_request("the code was used")),
        })
    }

    /// The sign-in name in full; refused when it is none, or of a domain that is not ours.
    fn checked_user_name(&self, name: &str) -> Result<String, GraphError> {
        let domain = &self.tenant().domain;
        let name = name.trim();
        let (local, at) = name.split_once('@').unwrap_or((name, domain));
        let good = |part: &str| {
            !part.is_empty()
                && part.len() <= 64
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "'.-_!#^~".contains(c))
                && !part.starts_with('.')
                && !part.ends_with('.')
        };
        if !good(local) {
            return Err(GraphError::bad_request(
                "userPrincipalName must have 1 to 64 letters of a to z, digits or '.-_!#^~ before the @",
            ));
        }
        let domain_like = at.len() <= 253 && at.contains('.') && at.split('.').all(good);
        if !at.eq_ignore_ascii_case(domain) && !domain_like {
            return Err(GraphError::bad_request(
                "the domain of userPrincipalName is no domain name",
            ));
        }
        Ok(format!("{local}@{at}"))
    }
}

impl Directory {
    /// The changes by which something leaves all groups and loses all roles of applications.
    pub(super) fn leave_all(&self, id: &str) -> Vec<Change> {
        self.leave_groups(id).into_iter().chain(self.leave_roles(id)).collect()
    }

    fn leave_groups(&self, id: &str) -> Vec<Change> {
        let groups = self.groups().into_iter();
        let concerned = groups.filter(|g| g.members.contains(id) || g.owners.contains(id));
        concerned
            .map(|group| {
                let mut group = super::Group::clone(&group);
                group.members.remove(id);
                group.owners.remove(id);
                Change::PutGroup(group)
            })
            .collect()
    }
}

/// A user by object id or sign-in name.
pub(super) fn find(directory: &Directory, id: &str) -> Result<std::sync::Arc<User>, GraphError> {
    let found = directory.user(id).or_else(|| directory.user_by_name(id));
    found.cloned().ok_or_else(|| GraphError::not_found(id))
}

/// Refuses what somebody else has already: a name or mail address that is the other's name or mail address, an account
/// at a provider.
fn require_alone(directory: &Directory, user: &User) -> Result<(), GraphError> {
    let account = |i: &super::OutsideIdentity| {
        let other = directory.user_of_outside(&i.issuer, &i.subject);
        other.is_some_and(|other| other.id != user.id)
    };
    let address = |a: &String| directory.has_address(a, &user.id);
    let taken = if address(&user.user_principal_name) {
        "userPrincipalName"
    } else if user.mail.as_ref().is_some_and(address) {
        "mail"
    } else if user.identities.iter().any(account) {
        "identities"
    } else {
        return Ok(());
    };
    Err(GraphError::bad_request(format!(
        "Another object with the same value for property {taken} already exists."
    )))
}

/// The hash of a password that is good enough.
fn hashed(password: &str, user_name: &str) -> Result<StoredPassword, GraphError> {
    let weak = |why: &str| {
        Err(GraphError::bad_request(format!(
            "The specified password does not comply with password complexity requirements: {why}."
        )))
    };
    let length = password.chars().count();
    if !(PASSWORD_MIN..=PASSWORD_MAX).contains(&length) {
        return weak("it must have 10 to 256 characters");
    }
    let lower = password.to_lowercase();
    let local = user_name.split('@').next().unwrap_or_default().to_lowercase();
    let distinct: std::collections::BTreeSet<char> = lower.chars().collect();
    if COMMON.contains(&lower.as_str()) || distinct.len() < 4 {
        return weak("it is one of the first that anybody guesses");
    }
    if local.len() > 3 && lower.contains(&local) && length < local.len() + PASSWORD_MIN {
        return weak("it is little more than the user's name");
    }
    Ok(StoredPassword::new(password)?)
}

fn set_field(user: &mut User, field: &str, value: &Value) -> Result<(), GraphError> {
    let text = || match value {
        Value::Null => Ok(None),
        Value::String(text) if text.chars().count() <= 256 => {
            Ok(Some(text.clone()).filter(|t| !t.is_empty()))
        }
        _ => Err(GraphError::bad_request(format!(
            "{field} must be a text of at most 256 characters"
        ))),
    };
    match field {
        "displayName" => user.display_name = checked_name(value.as_str().unwrap_or_default())?,
        "givenName" => user.given_name = text()?,
        "surname" => user.surname = text()?,
        "mail" => user.mail = text()?,
        "accountEnabled" => {
            let wrong = || GraphError::bad_request("accountEnabled must be true or false");
            user.account_enabled = value.as_bool().ok_or_else(wrong)?;
        }
        "identities" => user.identities = identities(value)?,
        // these are done elsewhere, or follow from others
        "passwordProfile" | "userPrincipalName" | "mailNickname" | "id" | "@odata.type" => {}
        _ if value.is_null() => {}
        other => {
            return Err(GraphError::bad_request(format!(
                "the property '{other}' of users is not kept here"
            )));
        }
    }
    Ok(())
}

/// The refusal of what the caller may not do.
pub(crate) fn denied(why: &str) -> GraphError {
    let message = format!("Insufficient privileges to complete the operation: {why}.");
    GraphError::new(403, "Authorization_RequestDenied", message)
}

/// `[{"signInType": "federated", "issuer", "issuerAssignedId"}]`
pub(super) fn identities(value: &Value) -> Result<Vec<super::OutsideIdentity>, GraphError> {
    let wrong = || {
        GraphError::bad_request(
            "identities must be a list of {signInType, issuer, issuerAssignedId}",
        )
    };
    let mut all = Vec::new();
    for entry in value.as_array().ok_or_else(wrong)? {
        let text = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
        if text("signInType").as_deref() == Some("userPrincipalName") {
            continue; // Graph lists it there too
        }
        let (issuer, subject) = (text("issuer"), text("issuerAssignedId"));
        let (issuer, subject) = issuer.zip(subject).ok_or_else(wrong)?;
        all.push(super::OutsideIdentity { issuer, subject });
    }
    Ok(all)
}

fn totp_value(token: &SoftwareToken) -> Value {
    json!({
        "@odata.type": "#microsoft.graph.softwareOathAuthenticationMethod",
        "id": token.id,
        "createdDateTime": graph_text(token.created),
        "secretKey": null,
    })
}

pub(super) fn user_value(user: &User) -> Value {
    let identity = |i: &super::OutsideIdentity| json!({ "signInType": "federated", "issuer": i.issuer, "issuerAssignedId": i.subject });
    json!({
        "id": user.id,
        "deletedDateTime": null,
        "userPrincipalName": user.user_principal_name,
        "displayName": user.display_name,
        "givenName": user.given_name,
        "surname": user.surname,
        "mail": user.mail,
        "mailNickname": user.user_principal_name.split('@').next().unwrap_or_default(),
        "accountEnabled": user.account_enabled,
        "userType": "Member",
        "createdDateTime": graph_text(user.created),
        "lastPasswordChangeDateTime": graph_text(user.password_changed),
        "identities": user.identities.iter().map(identity).collect::<Vec<_>>(),
        "businessPhones": [],
        "jobTitle": null,
        "mobilePhone": null,
        "officeLocation": null,
        "preferredLanguage": null,
    })
}
