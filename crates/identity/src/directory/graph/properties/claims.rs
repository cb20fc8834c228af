//! `groupMembershipClaims` and `optionalClaims` of applications: what their tokens say besides.

use serde_json::{Value, json};

use super::members::Members;
use super::{Application, GraphError};
use crate::directory::{GroupClaims, OptionalClaim, OptionalClaims};

/// Claims that can be asked for, and by which tokens.
struct Known {
    name: &'static str,
    id_token: bool,
    access_token: bool,
}

const fn known(name: &'static str, id_token: bool, access_token: bool) -> Known {
    Known { name, id_token, access_token }
}

const CLAIMS: &[Known] = &[
    known("acct", true, true),
    known("auth_time", true, true),
    known("email", true, true),
    known("family_name", true, true),
    known("given_name", true, true),
    // as groupMembershipClaims says; the portal writes both
    known("groups", true, true),
    known("idtyp", false, true),
    known("ipaddr", true, true),
    known("login_hint", true, true),
    known("preferred_username", true, true),
    known("upn", true, true),
];

/// Puts `groupMembershipClaims` anew.
pub(super) fn groups(application: &mut Application, value: &Value) -> Result<(), GraphError> {
    let wrong = || {
        GraphError::bad_request(
            "groupMembershipClaims must be 'None', 'SecurityGroup', 'ApplicationGroup', 'DirectoryRole' or 'All', or several with commas between them",
        )
    };
    application.group_claims = match value {
        Value::Null => GroupClaims::default(),
        Value::String(text) => GroupClaims::parse(text).ok_or_else(wrong)?,
        _ => return Err(wrong()),
    };
    Ok(())
}

/// Puts `optionalClaims` anew.
pub(super) fn optional(application: &mut Application, value: &Value) -> Result<(), GraphError> {
    if value.is_null() {
        application.optional_claims = OptionalClaims::default();
        return Ok(());
    }
    let members = Members::of("optionalClaims", value, &["idToken", "accessToken"])?;
    let mut claims = application.optional_claims.clone();
    if let Some(list) = members.get("idToken") {
        claims.id_token = claim_list("optionalClaims.idToken", list, |known| known.id_token)?;
    }
    if let Some(list) = members.get("accessToken") {
        claims.access_token =
            claim_list("optionalClaims.accessToken", list, |known| known.access_token)?;
    }
    application.optional_claims = claims;
    Ok(())
}

fn claim_list(
    place: &str,
    list: &Value,
    is_there: fn(&Known) -> bool,
) -> Result<Vec<OptionalClaim>, GraphError> {
    let mut all: Vec<OptionalClaim> = Vec::new();
    for members in Members::list(place, list, &["name", "essential"])? {
        let name = members.required("name", 64)?;
        if !CLAIMS.iter().any(|known| known.name == name && is_there(known)) {
            return Err(GraphError::bad_request(format!(
                "{place}: the claim '{name}' is not in tokens of this server; leave it out"
            )));
        }
        if all.iter().any(|claim| claim.name == name) {
            return Err(GraphError::bad_request(format!("{place}: '{name}' comes twice")));
        }
        all.push(OptionalClaim { name, essential: members.flag("essential")?.unwrap_or(false) });
    }
    Ok(all)
}

/// `optionalClaims` in wire form.
pub(in crate::directory::graph) fn optional_value(claims: &OptionalClaims) -> Value {
    if claims.is_empty() {
        return Value::Null;
    }
    let one = |claim: &OptionalClaim| {
        json!({
            "name": claim.name,
            "source": null,
            "essential": claim.essential,
            "additionalProperties": [],
        })
    };
    let all = |claims: &[OptionalClaim]| claims.iter().map(one).collect::<Vec<_>>();
    json!({
        "idToken": all(&claims.id_token),
        "accessToken": all(&claims.access_token),
        "saml2Token": [],
    })
}
