//! Workspaces as the query APIs name them, and what a caller may read of them. A Kusto database is a workspace.

use std::sync::Arc;

use arm::{Call, Verb, customer_id, workspace_by_customer_id};
use identity::Caller;
use model::{ResourceId, TableAccess};
use serde_json::Value;

use super::error::ApiError;
use crate::Doors;

/// The type of a workspace.
const TYPE: &str = "Microsoft.OperationalInsights/workspaces";
/// The type of saved searches and functions.
const SAVED_SEARCHES: &str = "Microsoft.OperationalInsights/workspaces/savedSearches";
/// Workspaces that one instance may have.
const COUNT_MAX: usize = 10_000;

/// A workspace.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    /// Name.
    pub(crate) name: String,
    /// Customer id, lower case.
    pub(crate) customer_id: String,
    /// Resource.
    pub(crate) resource: ResourceId,
}

impl Workspace {
    fn at(doors: &Doors, resource: ResourceId) -> Result<Option<Self>, ApiError> {
        let id = customer_id(&doors.arm, &resource)?;
        Ok(id.map(|customer_id| Self { name: resource.name().to_owned(), customer_id, resource }))
    }

    /// By customer id.
    pub(crate) fn by_customer_id(doors: &Doors, id: &str) -> Result<Option<Self>, ApiError> {
        match workspace_by_customer_id(&doors.arm, id)? {
            Some(resource) => Self::at(doors, resource),
            None => Ok(None),
        }
    }

    /// By resource id.
    pub(crate) fn by_resource_id(doors: &Doors, id: &str) -> Result<Option<Self>, ApiError> {
        Self::at(doors, ResourceId::new(id))
    }

    /// By any of customer id, resource id and name.
    pub(crate) fn named(doors: &Doors, name: &str) -> Result<Option<Self>, ApiError> {
        if name.starts_with('/') {
            return Self::by_resource_id(doors, name);
        }
        if let Some(found) = Self::by_customer_id(doors, name)? {
            return Ok(Some(found));
        }
        Ok(Self::all(doors)?.into_iter().find(|w| w.name.eq_ignore_ascii_case(name)))
    }

    /// All of them.
    pub(crate) fn all(doors: &Doors) -> Result<Vec<Self>, ApiError> {
        let Some(kind) = doors.arm.resource_type(TYPE) else { return Ok(Vec::new()) };
        let documents = doors.arm.store().list(&kind.collection(), "", None, COUNT_MAX);
        let documents = documents.map_err(arm::ArmError::from)?;
        let workspace = |value: &Value| {
            let resource = ResourceId::new(value.get("id")?.as_str()?);
            let customer_id = value.pointer("/properties/customerId")?.as_str()?.to_lowercase();
            Some(Self { name: resource.name().to_owned(), customer_id, resource })
        };
        Ok(documents.iter().filter_map(|d| workspace(&d.value)).collect())
    }

    /// Its saved searches, functions among them.
    pub(crate) async fn saved_functions(&self, doors: &Doors) -> Result<Vec<Value>, ApiError> {
        let mut call = Call::system(self.resource.clone(), Value::Null, doors.clock.now());
        let mut found = Vec::new();
        loop {
            let page = doors.arm.list(&call, SAVED_SEARCHES).await?;
            found.extend(page.value);
            match page.skip_token {
                Some(token) => call.query = vec![("$skipToken".to_owned(), token)],
                None => return Ok(found),
            }
        }
    }

    /// Where it says that it lies.
    pub(crate) async fn location(&self, doors: &Doors) -> Result<String, ApiError> {
        let call = Call::system(self.resource.clone(), Value::Null, doors.clock.now());
        let value = doors.arm.answer(Verb::Get, &call).await?.value();
        Ok(value["location"].as_str().unwrap_or_default().to_owned())
    }

    /// What the caller may read here; nothing at all is a refusal.
    pub(crate) fn access(&self, doors: &Doors, caller: &Caller) -> Result<TableAccess, ApiError> {
        let tables = doors.tables.tables(&self.customer_id);
        let names = tables.iter().map(|t| &*t.name);
        let access = doors.identity.tables_readable(caller, &self.resource, names);
        match &access {
            TableAccess::Only(names) if names.is_empty() => Err(self.refusal()),
            _ => Ok(access),
        }
    }

    fn refusal(&self) -> ApiError {
        ApiError::new(
            403,
            "InsufficientAccessError",
            format!(
                "The provided credentials have insufficient access to perform the requested operation on '{}'; assign the role Log Analytics Reader.",
                self.resource
            ),
        )
    }

    /// The other workspaces that a query here may name in `workspace()`, by each of their names. A query reads another
    /// workspace whole, so only those are among them of which the caller may read every table.
    pub(crate) fn others(
        &self,
        doors: &Doors,
        caller: &Caller,
        query: &str,
    ) -> Result<Vec<(String, Arc<str>)>, ApiError> {
        let names_others =
            ["workspace", "database", "cluster"].iter().any(|word| query.contains(word));
        if !names_others {
            return Ok(Vec::new());
        }
        let mut found = Vec::new();
        for other in Self::all(doors)? {
            if matches!(other.access(doors, caller), Ok(TableAccess::All)) {
                let id: Arc<str> = other.customer_id.as_str().into();
                for name in [other.name, other.customer_id, other.resource.as_str().to_owned()] {
                    found.push((name, Arc::clone(&id)));
                }
            }
        }
        Ok(found)
    }
}
