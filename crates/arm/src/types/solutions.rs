//! Solutions: which package a workspace was told to have, `SecurityInsights(name)` among them.

use model::ResourceId;
use serde_json::Value;

use crate::{Field, Kind, Location, PutContext, ResourceType};

/// A solution of a workspace.
pub(crate) const SOLUTION: ResourceType =
    ResourceType::new("Microsoft.OperationsManagement/solutions")
        .api_versions(&["2015-11-01-preview"])
        .location(Location::Required)
        .whole_lists()
        .check(check);

fn check(solution: &mut PutContext<'_>) -> Result<(), crate::ArmError> {
    solution.check_fields(&[
        Field::required("workspaceResourceId", Kind::Id),
        Field::new("containedResources", Kind::Texts(1000)),
        Field::new("referencedResources", Kind::Texts(1000)),
        Field::read_only("creationTime"),
    ])?;
    let plan = solution.top.get("plan").unwrap_or(&Value::Null);
    for member in ["name", "product", "publisher"] {
        if plan.get(member).and_then(Value::as_str).is_none_or(str::is_empty) {
            let message = format!("'plan.{member}' is required; add it");
            return Err(solution.invalid(&format!("plan.{member}"), message));
        }
    }
    let workspace = ResourceId::new(solution.text("workspaceResourceId").unwrap_or(""));
    if solution.resource(super::workspaces::WORKSPACE.name, &workspace)?.is_none() {
        let message = format!("the workspace '{workspace}' does not exist; create it first");
        return Err(solution.invalid("properties.workspaceResourceId", message));
    }
    let now = solution.call.now.to_string();
    solution.once("creationTime", || now.into());
    solution.succeeded();
    Ok(())
}
