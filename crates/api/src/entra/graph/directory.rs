//! Objects by id, directory roles, outside providers, and the tenant itself.

use serde_json::{Value, json};

use super::way::{Told, Way};
use super::{Failure, Reply, bad_request, id_of, text, texts};
use crate::Doors;

/// `/directoryObjects`
pub(super) fn objects(way: &mut Way<'_>) -> Result<Reply, Failure> {
    let call = way.call;
    let identity = &way.doors.identity;
    match (call.method.as_str(), way.path().as_slice()) {
        ("POST", ["getbyids" | "microsoft.graph.getbyids"]) => {
            let ids = texts(&call.body, "ids");
            if ids.len() > 1000 {
                return Err(bad_request("ids holds at most 1000").into());
            }
            Ok(Reply::List(identity.objects_by_ids(&ids, &texts(&call.body, "types"))))
        }
        ("GET", [id]) => match identity.object_value(id) {
            Some(value) => Ok(Reply::Object(200, value)),
            None => Err(Failure::Graph(identity::GraphError {
                status: 404,
                code: "Request_ResourceNotFound",
                message: format!(
                    "Resource '{id}' does not exist or one of its queried objects is not present."
                ),
            })),
        },
        (_, [id, tail @ ..]) if !tail.is_empty() => super::groups::membership(way, id, tail),
        _ => Err(Failure::NoPath),
    }
}

/// `/roleManagement/directory`
pub(super) fn roles(way: &mut Way<'_>) -> Result<Reply, Failure> {
    let (doors, call) = (way.doors, way.call);
    let identity = &doors.identity;
    match (call.method.as_str(), way.path().as_slice()) {
        ("GET", ["directory", "roledefinitions"]) => {
            Ok(Reply::List(identity.list_directory_roles()))
        }
        ("GET", ["directory", "roleassignments"]) => {
            Ok(Reply::List(identity.list_directory_role_assignments()))
        }
        ("POST", ["directory", "roleassignments"]) => {
            let (user, role) =
                (text(&call.body, "principalId"), text(&call.body, "roleDefinitionId"));
            way.told = Some(told_role(doors, Membership::Added, &user, &role));
            if !matches!(text(&call.body, "directoryScopeId").as_str(), "" | "/") {
                return Err(bad_request("directoryScopeId must be '/'").into());
            }
            Ok(Reply::Object(201, identity.assign_directory_role(&user, &role)?))
        }
        ("DELETE", ["directory", "roleassignments", id]) => {
            let (role, user) = id.split_once('_').unwrap_or_default();
            way.told = Some(told_role(doors, Membership::Removed, user, role));
            identity.remove_directory_role(id)?;
            Ok(Reply::Empty)
        }
        (_, ["directory", "roledefinitions"]) => Err(Failure::Method("GET")),
        (_, ["directory", "roleassignments", ..]) => Err(Failure::Method("GET, POST, DELETE")),
        _ => Err(Failure::NoPath),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Membership {
    Added,
    Removed,
}

/// Roles as Entra calls them inside, by their names: rules look for these.
const WELL_KNOWN: &[(&str, &str)] = &[
    ("Global Administrator", "TenantAdmins"),
    ("User Administrator", "UserAccountAdmins"),
    ("Application Administrator", "ApplicationAdministrators"),
];

/// A role given or taken: what it was is an old value, what it is a new one.
fn told_role(doors: &Doors, membership: Membership, user: &str, role: &str) -> Told {
    let roles = doors.identity.list_directory_roles();
    let known = roles.iter().find(|r| text(r, "id").eq_ignore_ascii_case(role));
    let name = known.map(|r| text(r, "displayName")).unwrap_or_default();
    let well_known = WELL_KNOWN.iter().find(|(of, _)| *of == name).map_or("", |(_, n)| *n);
    let told = match membership {
        Membership::Added => Told::new("Add member to role", "RoleManagement", "Assign"),
        Membership::Removed => Told::new("Remove member from role", "RoleManagement", "Unassign"),
    };
    let properties = [
        ("Role.DisplayName", &*name),
        ("Role.TemplateId", role),
        ("Role.WellKnownObjectName", well_known),
    ];
    properties.into_iter().fold(told.to(doors, user), |told, (property, value)| match membership {
        Membership::Added => told.changed(property, "", value),
        Membership::Removed => told.changed(property, value, ""),
    })
}

/// `/identity/identityProviders`
pub(super) fn providers(way: &mut Way<'_>) -> Result<Reply, Failure> {
    let call = way.call;
    let identity = &way.doors.identity;
    match (call.method.as_str(), way.path().as_slice()) {
        ("GET", ["identityproviders"]) => Ok(Reply::List(identity.list_identity_providers()?)),
        ("POST", ["identityproviders"]) => {
            way.told = Some(Told::new("Create identity provider", "DirectoryManagement", "Add"));
            Ok(Reply::Object(201, identity.create_identity_provider(&call.body)?))
        }
        ("DELETE", ["identityproviders", id]) => {
            way.told = Some(Told::new("Delete identity provider", "DirectoryManagement", "Delete"));
            identity.delete_identity_provider(id)?;
            Ok(Reply::Empty)
        }
        (_, ["identityproviders"]) => Err(Failure::Method("GET, POST")),
        (_, ["identityproviders", _]) => Err(Failure::Method("DELETE")),
        _ => Err(Failure::NoPath),
    }
}

/// `/oauth2PermissionGrants`: what people agreed to.
pub(super) fn permission_grants(way: &mut Way<'_>) -> Result<Reply, Failure> {
    let identity = &way.doors.identity;
    match (way.call.method.as_str(), way.path().as_slice()) {
        ("GET", []) => {
            identity.require_grants_of(&way.call.caller, None)?;
            Ok(Reply::List(identity.permission_grants(None)?))
        }
        ("POST", []) => add_grant(way),
        ("DELETE", [id]) => {
            let told =
                Told::new("Remove delegated permission grant", "ApplicationManagement", "Unassign");
            let grants = identity.permission_grants(None)?;
            let grant = grants.into_iter().find(|grant| id_of(grant).eq_ignore_ascii_case(id));
            let grant = grant.unwrap_or_default();
            way.told = Some(about_grant(way.doors, told, &grant, |now| (now, String::new())));
            identity.delete_permission_grant(id)?;
            Ok(Reply::Empty)
        }
        (_, []) => Err(Failure::Method("GET, POST")),
        (_, [_]) => Err(Failure::Method("DELETE")),
        _ => Err(Failure::NoPath),
    }
}

/// A grant by an administrator who may change the API that it is for.
fn add_grant(way: &mut Way<'_>) -> Result<Reply, Failure> {
    let (doors, call) = (way.doors, way.call);
    let identity = &doors.identity;
    let told = Told::new("Add delegated permission grant", "ApplicationManagement", "Assign");
    way.told = Some(about_grant(doors, told, &call.body, |now| (String::new(), now)));
    identity.require_change(&call.caller, &text(&call.body, "resourceId"))?;
    Ok(Reply::Object(201, identity.add_permission_grant(&call.body, call.now)?))
}

/// Whom a grant is about: the person, the API and the client, with what it says before and after.
fn about_grant(
    doors: &Doors,
    told: Told,
    grant: &Value,
    sides: fn(String) -> (String, String),
) -> Told {
    let ids = ["principalId", "resourceId", "clientId"].map(|name| text(grant, name));
    let told = ids.iter().filter(|id| !id.is_empty()).fold(told, |told, id| told.to(doors, id));
    ["scope", "consentType"].into_iter().zip(["Scope", "ConsentType"]).fold(
        told,
        |told, (member, name)| {
            let (old, new) = sides(text(grant, member));
            told.changed(&format!("DelegatedPermissionGrant.{name}"), old, new)
        },
    )
}

/// `/organization`
pub(super) fn organization(way: &mut Way<'_>) -> Result<Reply, Failure> {
    let tenant = way.doors.identity.tenant();
    let value = json!({
        "id": tenant.id,
        "displayName": tenant.display_name,
        "tenantType": "AAD",
        "verifiedDomains": [domain(&tenant.domain)],
    });
    single(way, value)
}

/// `/domains`
pub(super) fn domains(way: &mut Way<'_>) -> Result<Reply, Failure> {
    single(way, domain(&way.doors.identity.tenant().domain))
}

fn domain(name: &str) -> Value {
    json!({ "id": name, "name": name, "isDefault": true, "isInitial": true, "isVerified": true,
        "authenticationType": "Managed" })
}

fn single(way: &Way<'_>, value: Value) -> Result<Reply, Failure> {
    match (way.call.method.as_str(), way.path().as_slice()) {
        ("GET", []) => Ok(Reply::List(vec![value])),
        ("GET", [id]) if text(&value, "id").eq_ignore_ascii_case(id) => {
            Ok(Reply::Object(200, value))
        }
        ("GET", _) => Err(Failure::NoPath),
        _ => Err(Failure::Method("GET")),
    }
}
