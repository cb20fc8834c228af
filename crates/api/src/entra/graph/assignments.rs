//! Roles of applications and who has them: `appRoleAssignments` of users, groups and service principals,
//! `appRoleAssignedTo` of service principals.

use identity::{AssignedSide, GraphError, NewAppRole};
use serde_json::Value;

use super::way::{Told, Way};
use super::{Failure, Reply, bad_request, text};

/// What a role is given to or taken from, in AuditLogs' words.
struct Words {
    kind: &'static str,
    category: &'static str,
    added: &'static str,
    removed: &'static str,
}

const WORDS: &[Words] = &[
    Words {
        kind: "User",
        category: "UserManagement",
        added: "Add app role assignment grant to user",
        removed: "Remove app role assignment from user",
    },
    Words {
        kind: "Group",
        category: "GroupManagement",
        added: "Add app role assignment to group",
        removed: "Remove app role assignment from group",
    },
    Words {
        kind: "ServicePrincipal",
        category: "ApplicationManagement",
        added: "Add app role assignment to service principal",
        removed: "Remove app role assignment from service principal",
    },
];

/// The name of a change that was refused before it was looked at, by the first segment of its path.
pub(super) fn refused_name(family: &str, method: &str) -> &'static str {
    let kind = match family {
        "users" | "me" => "User",
        "groups" => "Group",
        _ => "ServicePrincipal",
    };
    let words = WORDS.iter().find(|words| words.kind == kind);
    words.map_or("", |words| if method == "DELETE" { words.removed } else { words.added })
}

/// `appRoleAssignments` and `appRoleAssignedTo`, below the object whose side it is.
pub(super) fn answer(
    way: &mut Way<'_>,
    side: AssignedSide<'_>,
    rest: &[&str],
) -> Result<Reply, Failure> {
    let call = way.call;
    let identity = &way.doors.identity;
    match (call.method.as_str(), rest) {
        ("GET", []) => Ok(Reply::List(identity.app_role_assignments(side))),
        ("GET", [id]) => Ok(Reply::Object(200, identity.app_role_assignment(side, id)?)),
        ("POST", []) => {
            let new = new_assignment(&call.body, side)?;
            begin(way, &new, true)?;
            Ok(Reply::Object(201, identity.assign_app_role(&new, call.now)?))
        }
        ("DELETE", [id]) => {
            let there = identity.app_role_assignment(side, id)?;
            let gone = NewAppRole {
                principal: text(&there, "principalId"),
                resource: text(&there, "resourceId"),
                role: text(&there, "appRoleId"),
            };
            begin(way, &gone, false)?;
            identity.remove_app_role(side, id)?;
            Ok(Reply::Empty)
        }
        (_, []) => Err(Failure::Method("GET, POST")),
        (_, [_]) => Err(Failure::Method("GET, DELETE")),
        _ => Err(Failure::NoPath),
    }
}

/// Tells of the change, and asks whether the caller may change the application whose role it is.
fn begin(way: &mut Way<'_>, role: &NewAppRole, adds: bool) -> Result<(), GraphError> {
    let (doors, identity) = (way.doors, &way.doors.identity);
    let kind = identity.object_kind(&role.principal).map_or("ServicePrincipal", |kind| kind.name());
    let words = WORDS.iter().find(|words| words.kind == kind);
    let resource = identity.service_principal(&role.resource).unwrap_or_default();
    let roles = resource.get("appRoles").and_then(Value::as_array).into_iter().flatten();
    let value = roles.into_iter().find(|r| text(r, "id").eq_ignore_ascii_case(&role.role));
    let value = value.map(|r| text(r, "value")).unwrap_or_default();
    if let Some(words) = words {
        let (operation, kind) =
            if adds { (words.added, "Assign") } else { (words.removed, "Unassign") };
        let told = Told::new(operation, words.category, kind);
        let told = told.to(doors, &role.resource).to(doors, &role.principal);
        let properties = [("AppRole.Id", &role.role), ("AppRole.Value", &value)];
        way.told = Some(properties.into_iter().fold(told, |told, (name, value)| match adds {
            true => told.changed(name, "", value),
            false => told.changed(name, value, ""),
        }));
    }
    identity.require_change(&way.call.caller, &role.resource)
}

/// `{"principalId", "resourceId", "appRoleId"}`; the object of the path must be the one that it names.
fn new_assignment(body: &Value, side: AssignedSide<'_>) -> Result<NewAppRole, GraphError> {
    let known = ["principalId", "resourceId", "appRoleId"];
    let fields = body.as_object().ok_or_else(|| bad_request("the body must be an object"))?;
    if let Some((name, _)) =
        fields.iter().find(|(n, v)| !known.contains(&n.as_str()) && !v.is_null())
    {
        let message = format!("the property '{name}' of app role assignments is not kept here");
        return Err(bad_request(message));
    }
    if let Some(missing) = known.into_iter().find(|name| text(body, name).is_empty()) {
        return Err(bad_request(format!("{missing} is required and must be a string.")));
    }
    let new = NewAppRole {
        principal: text(body, "principalId"),
        resource: text(body, "resourceId"),
        role: text(body, "appRoleId"),
    };
    let (name, named, id) = match side {
        AssignedSide::Of(id) => ("principalId", &new.principal, id),
        AssignedSide::At(id) => ("resourceId", &new.resource, id),
    };
    match named.eq_ignore_ascii_case(id) {
        true => Ok(new),
        false => Err(bad_request(format!("{name} must be the object of the path, '{id}'"))),
    }
}
