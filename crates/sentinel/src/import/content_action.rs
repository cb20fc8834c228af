//! `POST {workspace}/providers/Microsoft.SecurityInsights/importContent`: stores items that were read elsewhere. Body:
//! `{"enable": false, "functions": [...], "searches": [...], "rules": [...]}`; answer: `{"results": [...]}`. Not part of
//! Azure: it lets an import of thousands of items go in a few calls instead of one for each.

use std::sync::Arc;

use arm::{Action, Answer, Arm, ArmError, Call, Place};
use async_trait::async_trait;
use model::Tables;
use serde_json::{Value, json};

use super::Import;
use super::apply::{Applied, Target};
use crate::workspace::Workspace;

/// Answers at `importContent`.
pub(crate) struct ImportContent {
    /// To bind the rules' queries.
    pub(crate) tables: Arc<dyn Tables>,
}

#[async_trait]
impl Action for ImportContent {
    async fn run(&self, arm: &Arm, call: &Call, place: &Place) -> Result<Answer, ArmError> {
        let Some(workspace) = Workspace::load(&**arm.store(), &place.id)? else {
            let message = "content is imported into a workspace: POST below a Microsoft.OperationalInsights/workspaces resource";
            return Err(ArmError::bad_request("InvalidResourceScope", message));
        };
        let import = Import::from_json(&call.body).map_err(|e| {
            ArmError::bad_request("BadRequest", e.to_string()).target(e.field.clone())
        })?;
        let enable = call.body.get("enable").and_then(Value::as_bool).unwrap_or(false);
        let target =
            Target { arm, tables: &*self.tables, workspace: &workspace, enable, now: call.now };
        let results = import.apply(&target).await?;
        Ok(Answer::ok(
            json!({ "results": results.iter().map(Applied::to_json).collect::<Vec<_>>() }),
        ))
    }
}
