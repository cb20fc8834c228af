//! The Log Analytics workspace that rules look at and incidents live in.

use std::sync::Arc;

use model::ResourceId;
use state::{Store, StoreError};

/// Collection of workspace resources.
const COLLECTION: &str = "microsoft.operationalinsights/workspaces";

/// A workspace by both of its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Resource id.
    pub id: ResourceId,
    /// Customer id: the GUID by which tables are reached, lower case.
    pub customer_id: Arc<str>,
}

impl Workspace {
    /// The workspace with this resource id; none when it does not exist.
    pub fn load(store: &dyn Store, id: &ResourceId) -> Result<Option<Self>, StoreError> {
        let document = store.get(COLLECTION, &id.key())?;
        Ok(document.and_then(|d| Self::of_value(&d.value)))
    }

    /// All workspaces.
    pub fn all(store: &dyn Store) -> Result<Vec<Self>, StoreError> {
        let documents = store.list_all(COLLECTION, "")?;
        Ok(documents.iter().filter_map(|d| Self::of_value(&d.value)).collect())
    }

    /// True when a change of this collection may change a workspace.
    pub fn is_collection(collection: &str) -> bool {
        collection == COLLECTION
    }

    fn of_value(value: &serde_json::Value) -> Option<Self> {
        let customer_id = value.get("properties")?.get("customerId")?.as_str()?.to_lowercase();
        Some(Self {
            id: ResourceId::new(value.get("id")?.as_str()?),
            customer_id: customer_id.into(),
        })
    }

    /// The id of one of its Microsoft.SecurityInsights resources.
    pub fn resource(&self, kind: &str, name: &str) -> ResourceId {
        self.id.join(&format!("providers/Microsoft.SecurityInsights/{kind}/{name}"))
    }
}

/// The workspace above a Microsoft.SecurityInsights resource: the part before its provider.
pub fn workspace_of(id: &ResourceId) -> Option<ResourceId> {
    let at = id.key().rfind("/providers/microsoft.securityinsights")?;
    id.as_str().get(..at).map(ResourceId::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_stands_before_the_provider() {
        let workspace = "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w";
        for tail in ["alertRules/r", "incidents/i/comments/c"] {
            let id = ResourceId::new(&format!(
                "{workspace}/providers/Microsoft.SecurityInsights/{tail}"
            ));
            assert_eq!(workspace_of(&id), Some(ResourceId::new(workspace)));
        }
        assert_eq!(workspace_of(&ResourceId::new(workspace)), None);
    }
}
