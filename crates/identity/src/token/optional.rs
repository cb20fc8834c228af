//! Claims that an application asks for beside those that every token has (`optionalClaims`).

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::directory::{OptionalClaim, User};

/// Who the token is about, and how it came to it.
pub(super) struct About<'a> {
    pub(super) user: &'a User,
    /// When the person proved itself, in seconds since 1970.
    pub(super) auth_time: i64,
    pub(super) source: IpAddr,
}

/// Writes what is asked for and known. Groups, and what every token says, are written elsewhere.
pub(super) fn put(token: &mut Value, claims: &[OptionalClaim], about: &About<'_>) {
    for claim in claims {
        if let Some(value) = value(&claim.name, about) {
            token[&*claim.name] = value;
        }
    }
}

fn value(name: &str, about: &About<'_>) -> Option<Value> {
    let user = about.user;
    let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
    match name {
        "acct" => Some(json!(0)), // a member of the tenant, as everybody here
        "auth_time" => Some(json!(about.auth_time)),
        "email" => text(&user.mail),
        "family_name" => text(&user.surname),
        "given_name" => text(&user.given_name),
        "ipaddr" => Some(json!(about.source.to_string())),
        "login_hint" | "preferred_username" | "upn" => Some(json!(user.user_principal_name)),
        _ => None,
    }
}
