//! Groups with members and owners; and, for any object, the groups it is in.

use identity::{AssignedSide, NewGroup};
use serde_json::Value;

use super::way::{Told, Way};
use super::{Failure, Reply, bad_request, optional, referenced, text, texts};

/// What a new group may say of itself.
const GROUP_FIELDS: &[&str] = &[
    "displayName",
    "description",
    "mailNickname",
    "mailEnabled",
    "securityEnabled",
    "groupTypes",
    "members@odata.bind",
    "owners@odata.bind",
];

/// What is done to a group, in AuditLogs' words.
const fn told(operation: &'static str, kind: &'static str) -> Told {
    Told::new(operation, "GroupManagement", kind)
}

/// `/groups`
pub(super) fn groups(way: &mut Way<'_>) -> Result<Reply, Failure> {
    let (doors, call) = (way.doors, way.call);
    let identity = &doors.identity;
    match (call.method.as_str(), way.path().as_slice()) {
        ("GET", []) => Ok(Reply::List(identity.list_groups())),
        ("POST", []) => way.create(told("Add group", "Add"), || {
            identity.create_group(new_group(&call.body)?, call.now)
        }),
        (_, []) => Err(Failure::Method("GET, POST")),
        ("GET", [id]) => Ok(Reply::Object(200, identity.group(id)?)),
        ("PATCH", [id]) => {
            way.change(told("Update group", "Update"), id, || identity.update_group(id, &call.body))
        }
        ("DELETE", [id]) => {
            way.change(told("Delete group", "Delete"), id, || identity.delete_group(id))
        }
        (_, [_]) => Err(Failure::Method("GET, PATCH, DELETE")),
        ("GET", [id, "members"]) => Ok(Reply::List(identity.group_members(id, false)?)),
        ("GET", [id, "transitivemembers"]) => Ok(Reply::List(identity.group_members(id, true)?)),
        ("GET", [id, "owners"]) => Ok(Reply::List(identity.group_owners(id)?)),
        ("POST", [id, list @ ("members" | "owners"), "$ref"]) => {
            let (member, owner) = (referenced(&call.body)?, *list == "owners");
            let operation = if owner { "Add owner to group" } else { "Add member to group" };
            let told = told(operation, "Assign").to(doors, &member);
            way.change(told, id, || identity.add_to_group(id, &member, owner))
        }
        ("DELETE", [id, list @ ("members" | "owners"), member, "$ref"]) => {
            let owner = *list == "owners";
            let operation =
                if owner { "Remove owner from group" } else { "Remove member from group" };
            let told = told(operation, "Unassign").to(doors, member);
            way.change(told, id, || identity.remove_from_group(id, member, owner))
        }
        (_, [_, "members" | "owners" | "transitivemembers", ..]) => {
            Err(Failure::Method("GET, POST, DELETE"))
        }
        (_, [id, "approleassignments", rest @ ..]) => {
            identity.group(id)?;
            super::assignments::answer(way, AssignedSide::Of(id), rest)
        }
        (_, [id, tail @ ..]) => membership(way, id, tail),
    }
}

/// The groups that any object is in.
pub(super) fn membership(way: &Way<'_>, id: &str, tail: &[&str]) -> Result<Reply, Failure> {
    let call = way.call;
    let identity = &way.doors.identity;
    let tail: Vec<&str> = tail.iter().map(|s| s.trim_start_matches("microsoft.graph.")).collect();
    let strings = |ids: Vec<String>| Reply::List(ids.into_iter().map(Value::String).collect());
    match (call.method.as_str(), tail.as_slice()) {
        ("GET", ["memberof" | "transitivememberof"]) => {
            let transitive = tail.first() == Some(&"transitivememberof");
            let groups = identity.groups_of(id, transitive)?;
            Ok(Reply::List(groups.iter().filter_map(|id| identity.object_value(id)).collect()))
        }
        ("POST", ["getmembergroups" | "getmemberobjects"]) => {
            Ok(strings(identity.groups_of(id, true)?.into_iter().collect()))
        }
        ("POST", ["checkmembergroups" | "checkmemberobjects"]) => {
            let name = if tail.first() == Some(&"checkmembergroups") { "groupIds" } else { "ids" };
            let groups = texts(&call.body, name);
            if groups.len() > 20 {
                return Err(bad_request(format!("{name} holds at most 20 ids")).into());
            }
            Ok(strings(identity.check_member_groups(id, &groups)?))
        }
        _ => Err(Failure::NoPath),
    }
}

fn new_group(body: &Value) -> Result<NewGroup, identity::GraphError> {
    let flag = |name: &str| body.get(name).and_then(Value::as_bool);
    let empty = |value: &Value| {
        value.is_null()
            || value == &Value::Bool(false)
            || value.as_array().is_some_and(Vec::is_empty)
    };
    let fields = body.as_object().into_iter().flatten();
    if let Some((name, _)) = fields
        .into_iter()
        .find(|(name, value)| !GROUP_FIELDS.contains(&name.as_str()) && !empty(value))
    {
        let message = format!("the property '{name}' of groups is not kept here; leave it out");
        return Err(bad_request(message));
    }
    let kinds = body.get("groupTypes").and_then(Value::as_array).is_some_and(|k| !k.is_empty());
    if flag("mailEnabled") == Some(true) || flag("securityEnabled") == Some(false) || kinds {
        return Err(bad_request(
            "only security groups are kept here: mailEnabled false, securityEnabled true, no groupTypes",
        ));
    }
    let bound = |name: &str| -> Vec<String> {
        let links = texts(body, &format!("{name}@odata.bind"));
        links.iter().filter_map(|l| l.rsplit('/').next()).map(str::to_owned).collect()
    };
    Ok(NewGroup {
        display_name: text(body, "displayName"),
        description: optional(body, "description"),
        mail_nickname: text(body, "mailNickname"),
        members: bound("members"),
        owners: bound("owners"),
    })
}
