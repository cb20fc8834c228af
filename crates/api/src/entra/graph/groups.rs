//! Groups with members and owners; and, for any object, the groups it is in.

use identity::NewGroup;
use serde_json::Value;

use super::{Call, Failure, Reply, Told, bad_request, id_of, optional, referenced, text, texts};
use crate::Doors;

const GROUPS: &str = "GroupManagement";

pub(super) fn answer(
    doors: &Doors,
    call: &Call,
    told: &mut Option<Told>,
) -> Result<Reply, Failure> {
    let identity = &doors.identity;
    let lower: Vec<&str> = call.lower.iter().map(String::as_str).skip(1).collect();
    match (call.method.as_str(), lower.as_slice()) {
        ("GET", []) => Ok(Reply::List(identity.list_groups(call.options.filter.as_deref())?)),
        ("POST", []) => {
            *told = Some(Told::new("Add group", GROUPS, "Add"));
            let made = identity.create_group(new_group(&call.body)?, call.now)?;
            *told = told.take().map(|t| t.to(doors, &id_of(&made)));
            Ok(Reply::Object(201, made))
        }
        (_, []) => Err(Failure::Method("GET, POST")),
        ("GET", [id]) => Ok(Reply::Object(200, identity.group(id)?)),
        ("PATCH", [id]) => {
            *told = Some(Told::new("Update group", GROUPS, "Update").to(doors, id));
            identity.require_change(&call.caller, id)?;
            identity.update_group(id, &call.body)?;
            Ok(Reply::Empty)
        }
        ("DELETE", [id]) => {
            *told = Some(Told::new("Delete group", GROUPS, "Delete").to(doors, id));
            identity.require_change(&call.caller, id)?;
            identity.delete_group(id)?;
            Ok(Reply::Empty)
        }
        (_, [_]) => Err(Failure::Method("GET, PATCH, DELETE")),
        ("GET", [id, "members"]) => Ok(Reply::List(identity.group_members(id, false)?)),
        ("GET", [id, "transitivemembers"]) => Ok(Reply::List(identity.group_members(id, true)?)),
        ("GET", [id, "owners"]) => Ok(Reply::List(identity.group_owners(id)?)),
        ("POST", [id, list @ ("members" | "owners"), "$ref"]) => {
            let (member, owner) = (referenced(&call.body)?, *list == "owners");
            let operation = if owner { "Add owner to group" } else { "Add member to group" };
            *told = Some(Told::new(operation, GROUPS, "Assign").to(doors, &member).to(doors, id));
            identity.require_change(&call.caller, id)?;
            identity.add_to_group(id, &member, owner)?;
            Ok(Reply::Empty)
        }
        ("DELETE", [id, list @ ("members" | "owners"), member, "$ref"]) => {
            let owner = *list == "owners";
            let operation =
                if owner { "Remove owner from group" } else { "Remove member from group" };
            *told = Some(Told::new(operation, GROUPS, "Unassign").to(doors, member).to(doors, id));
            identity.require_change(&call.caller, id)?;
            identity.remove_from_group(id, member, owner)?;
            Ok(Reply::Empty)
        }
        (_, [_, "members" | "owners" | "transitivemembers", ..]) => {
            Err(Failure::Method("GET, POST, DELETE"))
        }
        (_, [id, tail @ ..]) => membership(doors, call, id, tail),
    }
}

/// The groups that any object is in.
pub(super) fn membership(
    doors: &Doors,
    call: &Call,
    id: &str,
    tail: &[&str],
) -> Result<Reply, Failure> {
    let identity = &doors.identity;
    let tail: Vec<&str> = tail.iter().map(|s| s.trim_start_matches("microsoft.graph.")).collect();
    let strings = |ids: Vec<String>| Reply::List(ids.into_iter().map(Value::String).collect());
    match (call.method.as_str(), tail.as_slice()) {
        ("GET", ["memberof" | "transitivememberof", ..]) => {
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
