//! Users, the caller itself (`/me`), and how they prove themselves.

use crypto::SecretText;
use identity::{AssignedSide, GraphArea, NewUser};
use serde_json::{Value, json};

use super::way::{Told, USERS, Way};
use super::{Failure, Reply, bad_request, id_of, optional, text};

/// What is done to a person, in AuditLogs' words.
const fn told(operation: &'static str, kind: &'static str) -> Told {
    Told::new(operation, USERS, kind)
}

/// Changes of security info, in AuditLogs' words: by the person itself, or by an administrator.
struct SecurityInfo {
    registered: &'static str,
    deleted: &'static str,
}

const BY_USER: SecurityInfo = SecurityInfo {
    registered: "User registered security info",
    deleted: "User deleted security info",
};
const BY_ADMIN: SecurityInfo = SecurityInfo {
    registered: "Admin registered security info",
    deleted: "Admin deleted security info",
};

/// `/users`. Names to sign in with are compared without case, so the lower-case path does.
pub(super) fn users(way: &mut Way<'_>) -> Result<Reply, Failure> {
    let call = way.call;
    let identity = &way.doors.identity;
    match (call.method.as_str(), way.path().as_slice()) {
        (_, [id, rest @ ..]) => one(way, id, rest),
        ("GET", []) => Ok(Reply::List(identity.list_users())),
        ("POST", []) => way.create(told("Add user", "Add"), || {
            identity.create_user(new_user(&call.body)?, call.now)
        }),
        (_, []) => Err(Failure::Method("GET, POST")),
    }
}

/// `/me`
pub(super) fn me(way: &mut Way<'_>) -> Result<Reply, Failure> {
    let caller = &way.call.caller;
    if caller.user_name.is_none() {
        let message = "/me request is only valid with delegated authentication flow.";
        return Err(bad_request(message).into());
    }
    one(way, &caller.object_id, &way.path())
}

fn one(way: &mut Way<'_>, id: &str, rest: &[&str]) -> Result<Reply, Failure> {
    let call = way.call;
    let identity = &way.doors.identity;
    if call.method == "GET" && rest.first() == Some(&"authentication") {
        identity.require_methods_of(&call.caller, id)?;
    }
    let who = if super::is_self(&call.caller, id) { &BY_USER } else { &BY_ADMIN };
    match (call.method.as_str(), rest) {
        ("GET", []) => Ok(Reply::Object(200, identity.user(id)?)),
        ("GET", ["oauth2permissiongrants"]) => {
            let user = id_of(&identity.user(id)?);
            identity.require_grants_of(&call.caller, Some(&user))?;
            Ok(Reply::List(identity.permission_grants(Some(&user))?))
        }
        ("PATCH", []) => {
            way.begin(told(change_name(&call.body), "Update"), id)?;
            for area in changed_areas(&call.body) {
                identity.require_graph(&call.caller, *area, true, false)?;
            }
            identity.update_user(id, &call.body, &*way.doors.clock)?;
            for (name, value) in call.body.as_object().into_iter().flatten() {
                let shown =
                    if name == "passwordProfile" { String::new() } else { value.to_string() };
                way.changed(name, "", shown);
            }
            Ok(Reply::Empty)
        }
        ("DELETE", []) => {
            way.change(told("Delete user", "Delete"), id, || identity.delete_user(id))
        }
        (_, []) => Err(Failure::Method("GET, PATCH, DELETE")),
        (_, ["approleassignments", rest @ ..]) => {
            let user = id_of(&identity.user(id)?);
            super::assignments::answer(way, AssignedSide::Of(&user), rest)
        }
        ("POST", ["revokesigninsessions"]) => {
            way.begin(told("Update StsRefreshTokenValidFrom Timestamp", "Update"), id)?;
            identity.revoke_sessions(id, &*way.doors.clock)?;
            Ok(Reply::Object(200, json!({ "value": true })))
        }
        ("GET", ["authentication", "methods"]) => {
            Ok(Reply::List(identity.authentication_methods(id)?))
        }
        ("GET", ["authentication", "softwareoathmethods"]) => {
            let mut methods = identity.authentication_methods(id)?;
            methods
                .retain(|m| text(m, "@odata.type").ends_with("softwareOathAuthenticationMethod"));
            Ok(Reply::List(methods))
        }
        ("POST", ["authentication", "softwareoathmethods"]) => {
            way.begin(told(who.registered, "Add"), id)?;
            let answer = identity.add_totp(id, call.now)?;
            // shown this once, to be put into the app
            let mut shown = answer.value;
            shown["secretKey"] = answer.secret.expose().into();
            shown["otpauthUri"] = answer.uri.expose().into();
            Ok(Reply::Object(201, shown))
        }
        ("DELETE", ["authentication", "softwareoathmethods", method]) => {
            way.change(told(who.deleted, "Delete"), id, || identity.remove_totp(id, method))
        }
        ("GET", ["authentication", "fido2methods"]) => Ok(Reply::List(identity.list_passkeys(id)?)),
        ("GET", ["authentication", "fido2methods", method]) => {
            Ok(Reply::Object(200, identity.passkey(id, method)?))
        }
        ("DELETE", ["authentication", "fido2methods", method]) => {
            way.change(told(who.deleted, "Delete"), id, || identity.remove_passkey(id, method))
        }
        (_, ["authentication", "fido2methods", ..]) => Err(Failure::Method("GET, DELETE")),
        ("GET", ["ownedobjects"]) => {
            let user = identity.user(id)?;
            Ok(Reply::List(identity.owned_by(&id_of(&user))))
        }
        (_, ["authentication", ..]) => Err(Failure::Method("GET, POST, DELETE")),
        (_, tail) => super::groups::membership(way, id, tail),
    }
}

/// The parts of the directory that a change of a user is in: a password has rights of its own.
fn changed_areas(body: &Value) -> &'static [GraphArea] {
    let password = body.get("passwordProfile").is_some_and(|p| !p.is_null());
    let alone = body.as_object().is_some_and(|fields| fields.len() == 1);
    match (password, alone) {
        (true, true) => &[GraphArea::Passwords],
        (true, false) => &[GraphArea::Passwords, GraphArea::Users],
        (false, _) => &[GraphArea::Users],
    }
}

fn change_name(body: &Value) -> &'static str {
    match body.get("accountEnabled").and_then(Value::as_bool) {
        _ if body.get("passwordProfile").is_some_and(|p| !p.is_null()) => "Reset user password",
        Some(true) => "Enable account",
        Some(false) => "Disable account",
        None => "Update user",
    }
}

fn new_user(body: &Value) -> Result<NewUser, identity::GraphError> {
    let required = |name: &str| match text(body, name) {
        value if value.is_empty() => {
            Err(bad_request(format!("{name} is required and must be a string.")))
        }
        value => Ok(value),
    };
    let known = [
        "accountEnabled",
        "displayName",
        "mailNickname",
        "userPrincipalName",
        "passwordProfile",
        "givenName",
        "surname",
        "mail",
        "identities",
        "userType",
        "@odata.type",
    ];
    let fields = body.as_object().into_iter().flatten();
    let mut strange =
        fields.filter(|(n, v)| !known.contains(&n.as_str()) && !v.is_null()).map(|(n, _)| n);
    if let Some(name) = strange.next() {
        return Err(bad_request(format!(
            "the property '{name}' of users is not kept here; leave it out"
        )));
    }
    let profile = body.get("passwordProfile").unwrap_or(&Value::Null);
    let outside = body.get("identities").and_then(Value::as_array).into_iter().flatten();
    let outside: Vec<(String, String)> = outside
        .filter(|i| text(i, "signInType") != "userPrincipalName")
        .map(|i| (text(i, "issuer"), text(i, "issuerAssignedId")))
        .collect();
    if outside.iter().any(|(issuer, subject)| issuer.is_empty() || subject.is_empty()) {
        return Err(bad_request("identities: issuer and issuerAssignedId are required"));
    }
    let password = optional(profile, "password").map(SecretText::new);
    if password.is_none() && outside.is_empty() {
        return Err(bad_request("passwordProfile.password is required"));
    }
    Ok(NewUser {
        user_principal_name: required("userPrincipalName")?,
        display_name: required("displayName")?,
        given_name: optional(body, "givenName"),
        surname: optional(body, "surname"),
        mail: optional(body, "mail"),
        account_enabled: body.get("accountEnabled").and_then(Value::as_bool).unwrap_or(true),
        must_change_password: password.is_some()
            && profile
                .get("forceChangePasswordNextSignIn")
                .and_then(Value::as_bool)
                .unwrap_or(true),
        password,
        outside,
    })
}
