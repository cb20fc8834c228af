//! What the caller may do at a scope: one list, read by portals and by clients that ask before they try.

use std::sync::Arc;

use arm::{Arm, ArmError, Call, Page, Place, Provider};
use async_trait::async_trait;
use serde_json::Value;

use crate::Identity;

/// Provider of Microsoft.Authorization/permissions.
pub struct Permissions(Arc<Identity>);

impl Permissions {
    /// Over an instance's identity.
    pub fn new(identity: Arc<Identity>) -> Self {
        Self(identity)
    }
}

#[async_trait]
impl Provider for Permissions {
    async fn get(&self, _: &Arm, _: &Call, _: &Place) -> Result<Option<Value>, ArmError> {
        Ok(None) // permissions have no names
    }

    /// The caller's name is its object id.
    async fn list(&self, _: &Arm, call: &Call, scope: &Place) -> Result<Page, ArmError> {
        let access = self.0.access();
        let principals = self.0.principals_of(&call.caller.name);
        let roles = principals.iter().flat_map(|id| access.roles_at(id, &scope.id));
        let values = roles.filter_map(|role| match role.permissions_value() {
            Value::Array(permissions) => Some(permissions),
            _ => None,
        });
        Ok(Page::whole(values.flatten().collect()))
    }
}
