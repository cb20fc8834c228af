//! What goes when a workspace goes: checkpoints, alerts, groups and numbers. Its resources go with it by themselves.

use arm::{Arm, ArmError, Hook};
use async_trait::async_trait;
use model::ResourceId;
use serde_json::Value;

use crate::stored::forget_workspace;

pub(super) struct ForgetWorkspace;

#[async_trait]
impl Hook for ForgetWorkspace {
    async fn changed(
        &self,
        arm: &Arm,
        id: &ResourceId,
        _old: Option<&Value>,
        value: Option<&Value>,
    ) -> Result<(), ArmError> {
        match value {
            Some(_) => Ok(()),
            None => Ok(forget_workspace(&**arm.store(), id)?),
        }
    }
}
