//! A role assignment: who has which role where.

use model::ResourceId;
use serde_json::Value;

/// A role assignment. Its document is the wire form; this is what decisions need of it.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleAssignment {
    /// Its own id.
    pub id: ResourceId,
    /// Where the role holds, and below.
    pub scope: ResourceId,
    /// GUID of the role, lower case.
    pub role: String,
    /// Object id of the principal, lower case.
    pub principal_id: String,
    /// The document.
    pub value: Value,
    key: String,
}

const MANAGEMENT_GROUPS: &str = "/providers/microsoft.management/managementgroups/";

impl RoleAssignment {
    /// Reads the stored form.
    pub(crate) fn from_document(value: &Value) -> Result<Self, String> {
        let text = |path: &str| {
            value.pointer(path).and_then(Value::as_str).ok_or(format!("it has no {path}"))
        };
        let scope = ResourceId::new(text("/properties/scope")?);
        let role = text("/properties/roleDefinitionId")?;
        Ok(Self {
            id: ResourceId::new(text("/id")?),
            role: role.rsplit('/').next().unwrap_or(role).to_ascii_lowercase(),
            principal_id: text("/properties/principalId")?.to_ascii_lowercase(),
            key: scope.key(),
            scope,
            value: value.clone(),
        })
    }

    /// True when the assignment's scope holds `key`, a scope in lower case. The one management group, the tenant's
    /// root, holds every subscription.
    pub(crate) fn covers(&self, key: &str) -> bool {
        self.key == "/"
            || is_at_or_below(key, &self.key)
            || (self.key.starts_with(MANAGEMENT_GROUPS) && key.starts_with("/subscriptions/"))
    }

    /// True when the assignment's scope lies below `key`.
    pub(crate) fn lies_below(&self, key: &str) -> bool {
        key == "/" || is_at_or_below(&self.key, key)
    }

    /// True at a subscription or above.
    pub(crate) fn is_wide(&self) -> bool {
        self.key == "/"
            || self.key.starts_with(MANAGEMENT_GROUPS)
            || self.key.strip_prefix("/subscriptions/").is_some_and(|rest| !rest.contains('/'))
    }
}

fn is_at_or_below(key: &str, above: &str) -> bool {
    key.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
