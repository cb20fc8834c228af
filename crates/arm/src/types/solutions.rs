//! Solutions: which package a workspace was told to have, `SecurityInsights(name)` among them.

use async_trait::async_trait;
use model::ResourceId;
use serde_json::{Value, json};

use crate::fields::get;
use crate::path::Place;
use crate::{Action, Answer, Arm, ArmError, Call, Field, Kind, Location, PutContext, ResourceType};

/// A solution of a workspace.
pub(crate) const SOLUTION: ResourceType =
    ResourceType::new("Microsoft.OperationsManagement/solutions")
        .api_versions(&["2015-11-01-preview"])
        .location(Location::Required)
        .whole_lists()
        .check(check);

fn check(solution: &mut PutContext<'_>) -> Result<(), ArmError> {
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

/// `GET .../workspaces/{name}/intelligencePacks`: the solutions of a workspace by their short names, a bare array.
pub(crate) struct Packs;

#[async_trait]
impl Action for Packs {
    async fn run(&self, arm: &Arm, _call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let own = place.id.key();
        let documents = arm.store().list_all(&SOLUTION.collection(), "")?;
        let pack = |value: &Value| {
            let workspace = get(value, "properties/workspaceResourceId").as_str()?;
            let product = get(value, "plan/product").as_str()?;
            let name = product.rsplit('/').next().unwrap_or(product); // OMSGallery/SecurityInsights
            let found = ResourceId::new(workspace).key() == own;
            found.then(|| json!({ "name": name, "displayName": name, "enabled": true }))
        };
        let packs = documents.iter().filter_map(|document| pack(&document.value));
        Ok(Answer::ok(packs.collect()))
    }
}
