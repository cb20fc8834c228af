//! Deny assignments: in Azure only its own services make them (managed applications, deployment stacks), users read
//! them. Nothing here makes any, so the list is empty, and clients that look before they act find what is true.

use arm::{Arm, ArmError, Call, Page, Place, Provider};
use async_trait::async_trait;
use serde_json::Value;

use super::bad_filter;
use crate::filter::Filter;

/// Provider of Microsoft.Authorization/denyAssignments.
pub struct DenyAssignments;

#[async_trait]
impl Provider for DenyAssignments {
    async fn get(&self, _: &Arm, _: &Call, _: &Place) -> Result<Option<Value>, ArmError> {
        Ok(None)
    }

    async fn list(&self, _: &Arm, call: &Call, _: &Place) -> Result<Page, ArmError> {
        if let Some(text) = call.parameter("$filter") {
            Filter::parse(text).map_err(|why| bad_filter(text, &why))?;
        }
        Ok(Page::whole(Vec::new()))
    }
}
