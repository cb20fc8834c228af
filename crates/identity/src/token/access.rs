//! The claims of an access token by which an application acts for a person.

use serde_json::{Value, json};

use super::claims::{head, put_client};
use super::membership::{Channel, Membership};
use super::optional::{self, About};
use super::{OAuthError, Resource, TokenRequest, assigned};
use crate::Identity;
use crate::audience::Audiences;
use crate::directory::{Application, Directory, GroupClaims, User};
use crate::interactive::{EVERYTHING, Granted};

/// What an access token can be for now, of what was granted once.
pub(super) struct Givable {
    resource: Resource,
    /// The scopes that the resource still defines.
    scopes: Vec<String>,
}

/// An access token to be made.
pub(super) struct Access<'a> {
    pub(super) request: &'a TokenRequest<'a>,
    pub(super) granted: &'a Granted,
    pub(super) givable: &'a Givable,
    pub(super) directory: &'a Directory,
    pub(super) user: &'a User,
    pub(super) issued: i64,
    pub(super) not_before: i64,
    pub(super) expires: i64,
    pub(super) token_id: &'a str,
    /// True: the client asked version 1 of the endpoint.
    pub(super) asks_v1: bool,
}

impl Identity {
    /// Looks again at what was granted: the resource is still there, the person may still have tokens for it, some of the
    /// scopes still exist.
    pub(super) fn givable(&self, granted: &Granted) -> Result<Givable, OAuthError> {
        let (directory, name) = (self.directory(), &granted.wanted.resource);
        let (client, tenant) = (&granted.app_id, &self.tenant().id);
        let resource = Resource::for_client(name, client, self.urls(), &directory, tenant)?;
        if let Some(user) = directory.user(&granted.proof.user_id) {
            assigned::require_user(&directory, &granted.app_id, Some(&resource), user)?;
        }
        let scopes = granted.wanted.scopes.iter().filter_map(|scope| resource.scope(scope));
        let scopes: Vec<String> = scopes.collect();
        match scopes.is_empty() {
            true => Err(OAuthError::consent_required(&granted.app_id)),
            false => Ok(Givable { resource, scopes }),
        }
    }

    /// The claims of a token.
    pub(super) fn access_claims(&self, access: &Access<'_>) -> Value {
        let Access { request, granted, directory, user, .. } = *access;
        let Givable { resource, scopes } = access.givable;
        let mut claims = head(request.origin, &self.tenant().id, resource, access.asks_v1);
        let more = json!({
            "iat": access.issued,
            "nbf": access.not_before,
            "exp": access.expires,
            "idtyp": "user",
            "name": user.display_name,
            "oid": user.id,
            "scp": scp(granted, resource, scopes),
            "sub": self.subject(&user.id, resource.app_id()),
            "uti": access.token_id,
        });
        put_all(&mut claims, more);
        let proof = if granted.confidential { "1" } else { "0" };
        put_client(&mut claims, resource, &granted.app_id, proof);
        // with another service principal the application has to be agreed to anew
        if let Some(principal) = directory.principal_of(&granted.app_id) {
            claims["rh"] = json!(principal.id);
        }
        match &resource.api {
            Some(api) => put_for_api(&mut claims, access, api),
            None => put_for_own(&mut claims, access),
        }
        claims
    }
}

/// The scopes of an access token; where it opens Graph, those of the sign-in too, by which userinfo goes. Whoever may
/// everything needs them not.
fn scp(granted: &Granted, resource: &Resource, scopes: &[String]) -> String {
    let wanted = &granted.wanted;
    let is_graph =
        resource.opens.meets(Audiences::GRAPH) && !scopes.iter().any(|s| s == EVERYTHING);
    let of_sign_in =
        [("openid", wanted.openid), ("profile", wanted.profile), ("email", wanted.email)];
    let named = of_sign_in.iter().filter(|(_, is)| *is && is_graph && wanted.openid);
    let scopes = scopes.iter().map(String::as_str);
    named.map(|(name, _)| *name).chain(scopes).collect::<Vec<_>>().join(" ")
}

/// What this server's own services read, in both versions' names.
fn put_for_own(claims: &mut Value, access: &Access<'_>) {
    put_v1(claims, access);
    claims["auth_time"] = json!(access.granted.proof.time);
    claims["preferred_username"] = json!(access.user.user_principal_name);
    put_membership(claims, access, &GroupClaims::all(), None);
}

/// What a registered application reads, as it says that it wants it.
fn put_for_api(claims: &mut Value, access: &Access<'_>, api: &Application) {
    let user = access.user;
    if api.takes_v1() {
        put_v1(claims, access);
        for (name, value) in [("given_name", &user.given_name), ("family_name", &user.surname)] {
            if let Some(value) = value {
                claims[name] = json!(value);
            }
        }
    } else {
        claims["preferred_username"] = json!(user.user_principal_name);
    }
    let roles = access.directory.user_roles(&user.id, api);
    if !roles.is_empty() {
        claims["roles"] = json!(roles);
    }
    put_membership(claims, access, &api.group_claims, Some(api));
    let about = About { user, auth_time: access.granted.proof.time, source: access.request.source };
    optional::put(claims, &api.optional_claims.access_token, &about);
}

/// What version 1 says of a person and how it proved itself.
fn put_v1(claims: &mut Value, access: &Access<'_>) {
    let name = &access.user.user_principal_name;
    let more = json!({
        "acr": "1",
        "amr": access.granted.proof.methods,
        "ipaddr": access.request.source.to_string(),
        "unique_name": name,
        "upn": name,
    });
    put_all(claims, more);
}

fn put_membership(
    claims: &mut Value,
    access: &Access<'_>,
    wanted: &GroupClaims,
    application: Option<&Application>,
) {
    let membership = Membership {
        directory: access.directory,
        user: access.user,
        claims: wanted,
        application,
        origin: access.request.origin,
        channel: Channel::Answer,
    };
    membership.put(claims);
}

fn put_all(claims: &mut Value, more: Value) {
    if let (Value::Object(claims), Value::Object(more)) = (claims, more) {
        claims.extend(more);
    }
}
