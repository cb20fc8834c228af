//! Databases are workspaces.

use arm::{Call, customer_id, workspace_by_customer_id};
use model::ResourceId;
use serde_json::Value;

use super::kusto_error;
use crate::wire::error::ApiError;
use crate::{House, Incoming};

/// The type of a workspace.
const WORKSPACES: &str = "Microsoft.OperationalInsights/workspaces";

/// A workspace as a database.
pub(super) struct Database {
    /// Name of the workspace.
    pub(super) name: String,
    /// Customer id.
    pub(super) customer_id: String,
    /// Resource.
    pub(super) resource: ResourceId,
}

/// All workspaces.
pub(super) fn all(house: &House) -> Result<Vec<Database>, ApiError> {
    let Some(kind) = house.arm.resource_type(WORKSPACES) else { return Ok(Vec::new()) };
    let documents = house
        .arm
        .store()
        .list(&kind.collection(), "", None, 10_000)
        .map_err(arm::ArmError::from)?;
    let mut found = Vec::with_capacity(documents.len());
    for document in documents {
        let id = document.value.get("id").and_then(Value::as_str).unwrap_or(&document.key);
        let resource = ResourceId::new(id);
        if let Some(customer_id) = customer_id(&house.arm, &resource)? {
            found.push(Database { name: resource.name().to_owned(), customer_id, resource });
        }
    }
    Ok(found)
}

/// The database of this name, customer id, or (`default`, empty) the first.
pub(super) fn find(house: &House, name: &str, incoming: &Incoming) -> Result<Database, ApiError> {
    if let Some(resource) = workspace_by_customer_id(&house.arm, name)? {
        if let Some(customer_id) = customer_id(&house.arm, &resource)? {
            return Ok(Database { name: resource.name().to_owned(), customer_id, resource });
        }
    }
    let mut databases = all(house)?;
    if let Some(at) = databases.iter().position(|d| d.name.eq_ignore_ascii_case(name)) {
        return Ok(databases.swap_remove(at));
    }
    let by_default = name.is_empty() || name.eq_ignore_ascii_case("default") || name.eq_ignore_ascii_case("NetDefaultDB");
    if by_default && !databases.is_empty() {
        return Ok(databases.swap_remove(0));
    }
    Err(kusto_error(
        400,
        "BadRequest_EntityNotFound",
        &format!("Entity ID '{name}' of kind 'Database' was not found; databases are workspaces, '.show databases' lists them."),
        incoming,
    ))
}

/// The workspace's own call on a path below it, by the caller.
pub(super) fn call(house: &House, caller: &identity::Caller, id: ResourceId, body: Value) -> Call {
    let mut call = Call::system(id, body, house.clock.now());
    call.caller.name = caller.object_id.to_string();
    call
}
