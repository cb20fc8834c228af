//! Deny assignments: in Azure only its own services make them (managed applications, deployment stacks), users read
//! them. Nothing here makes any, so the list is empty, and clients that look before they act find what is true.

use arm::{Arm, ArmError, Call, Page, Place, Provider};
use async_trait::async_trait;
use serde_json::Value;

use super::read_filter;

/// Provider of Microsoft.Authorization/denyAssignments.
pub struct DenyAssignments;

#[async_trait]
impl Provider for DenyAssignments {
    async fn get(&self, _: &Arm, _: &Call, _: &Place) -> Result<Option<Value>, ArmError> {
        Ok(None)
    }

    async fn list(&self, _: &Arm, call: &Call, _: &Place) -> Result<Page, ArmError> {
        let members = &["denyAssignmentName", "principalId"];
        let functions = &[("atScope", 0), ("gdprExportPrincipalId", 1), ("assignedTo", 1)];
        let hint =
            "use atScope(), assignedTo('..'), principalId eq '..' or denyAssignmentName eq '..'";
        read_filter(call.parameter("$filter"), members, functions, hint)?;
        Ok(Page::whole(Vec::new()))
    }
}
