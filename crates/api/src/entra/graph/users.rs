//! Users, the caller itself (`/me`), and how they prove themselves.

use crypto::SecretText;
use identity::NewUser;
use serde_json::{Value, json};

use super::{Call, Failure, Reply, Told, bad_request, id_of, optional, text};
use crate::Doors;

const USERS: &str = "UserManagement";

pub(super) fn answer(
    doors: &Doors,
    call: &Call,
    told: &mut Option<Told>,
) -> Result<Reply, Failure> {
    let lower: Vec<&str> = call.lower.iter().map(String::as_str).collect();
    // names to sign in with are compared without case, so the lower-case path does
    match lower.as_slice() {
        ["users"] => all(doors, call, told),
        ["users", id, rest @ ..] => one(doors, call, id, rest, told),
        ["me", rest @ ..] if call.caller.user_name.is_some() => {
            one(doors, call, &call.caller.object_id, rest, told)
        }
        ["me", ..] => {
            Err(bad_request("/me request is only valid with delegated authentication flow.").into())
        }
        _ => Err(Failure::NoPath),
    }
}

fn all(doors: &Doors, call: &Call, told: &mut Option<Told>) -> Result<Reply, Failure> {
    match call.method.as_str() {
        "GET" => Ok(Reply::List(doors.identity.list_users(call.options.filter.as_deref())?)),
        "POST" => {
            *told = Some(Told::new("Add user", USERS, "Add"));
            let made = doors.identity.create_user(new_user(&call.body)?, call.now)?;
            *told = told.take().map(|t| t.to(doors, &id_of(&made)));
            Ok(Reply::Object(201, made))
        }
        _ => Err(Failure::Method("GET, POST")),
    }
}

fn one(
    doors: &Doors,
    call: &Call,
    id: &str,
    rest: &[&str],
    told: &mut Option<Told>,
) -> Result<Reply, Failure> {
    let identity = &doors.identity;
    match (call.method.as_str(), rest) {
        ("GET", []) => Ok(Reply::Object(200, identity.user(id)?)),
        ("PATCH", []) => {
            *told = Some(Told::new(change_name(&call.body), USERS, "Update").to(doors, id));
            identity.require_user_change(&call.caller, id)?;
            identity.update_user(id, &call.body, call.now)?;
            *told = told.take().map(|mut t| {
                for (name, value) in call.body.as_object().into_iter().flatten() {
                    let shown =
                        if name == "passwordProfile" { String::new() } else { value.to_string() };
                    t = t.changed(name, "", shown);
                }
                t
            });
            Ok(Reply::Empty)
        }
        ("DELETE", []) => {
            *told = Some(Told::new("Delete user", USERS, "Delete").to(doors, id));
            identity.require_user_change(&call.caller, id)?;
            identity.delete_user(id)?;
            Ok(Reply::Empty)
        }
        (_, []) => Err(Failure::Method("GET, PATCH, DELETE")),
        ("POST", ["revokesigninsessions"]) => {
            *told = Some(
                Told::new("Update StsRefreshTokenValidFrom Timestamp", USERS, "Update")
                    .to(doors, id),
            );
            identity.require_user_change(&call.caller, id)?;
            identity.revoke_sessions(id, call.now)?;
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
            *told = Some(Told::new("Admin registered security info", USERS, "Add").to(doors, id));
            identity.require_user_change(&call.caller, id)?;
            let answer = identity.add_totp(id, call.now)?;
            // shown this once, to be put into the app
            let mut shown = answer.value;
            shown["secretKey"] = answer.secret.expose().into();
            shown["otpauthUri"] = answer.uri.expose().into();
            Ok(Reply::Object(201, shown))
        }
        ("DELETE", ["authentication", "softwareoathmethods", method]) => {
            *told = Some(Told::new("Admin deleted security info", USERS, "Delete").to(doors, id));
            identity.require_user_change(&call.caller, id)?;
            identity.remove_totp(id, method)?;
            Ok(Reply::Empty)
        }
        ("GET", ["ownedobjects"]) => {
            let user = identity.user(id)?;
            Ok(Reply::List(identity.owned_by(&id_of(&user))))
        }
        (_, ["authentication", ..]) => Err(Failure::Method("GET, POST, DELETE")),
        (_, tail) => super::groups::membership(doors, call, id, tail),
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
