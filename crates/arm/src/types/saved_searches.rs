//! Saved searches; one with a functionAlias is a function that queries of the workspace can call.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use model::{FunctionDefinition, ResourceId, Tables};
use parking_lot::Mutex;
use serde_json::Value;

use super::workspaces;
use crate::fields::get;
use crate::{
    Arm, ArmError, Default, DeleteAnswer, Etag, Field, Hook, Kind, PutContext, ResourceType,
};

/// A saved search.
pub(crate) const SAVED_SEARCH: ResourceType =
    ResourceType::new("Microsoft.OperationalInsights/workspaces/savedSearches")
        .api_versions(&[
            "2025-07-01",
            "2025-02-01",
            "2023-09-01",
            "2020-08-01",
            "2020-03-01-preview",
        ])
        .put_status(200, 200)
        .delete(DeleteAnswer::Always)
        .etag(Etag::Checked)
        .whole_lists()
        .check(check);

fn check(search: &mut PutContext<'_>) -> Result<(), ArmError> {
    search.check_fields(&[
        Field::required("category", Kind::Text(1024)),
        Field::required("displayName", Kind::Text(1024)),
        Field::required("query", Kind::Text(1 << 20)),
        Field::new("functionAlias", Kind::Text(256)),
        Field::new("functionParameters", Kind::Text(1 << 16)),
        Field::new("version", Kind::Integer(1, 2)).or(Default::Integer(2)),
        Field::new("tags", Kind::Array(50)),
    ])?;
    if search.text("query").is_none_or(|q| q.trim().is_empty()) {
        return Err(search.invalid("properties.query", "'query' is empty; give a KQL query"));
    }
    if let Some(alias) = search.text("functionAlias")
        && !alias.is_empty()
        && !is_function_name(alias)
    {
        let message =
            format!("'{alias}' is no function name; use letters, digits and _, not a digit first");
        return Err(search.invalid("properties.functionAlias", message));
    }
    let tags = search.get("tags").as_array();
    let named = |tag: &Value| tag.get("name").is_some_and(Value::is_string);
    if tags.is_some_and(|tags| !tags.iter().all(named)) {
        let message = "'tags' must be an array of {\"name\", \"value\"}";
        return Err(search.invalid("properties.tags", message));
    }
    Ok(())
}

fn is_function_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Keeps the functions that queries can call in step with the documents.
pub(crate) struct SavedFunctions {
    tables: Arc<dyn Tables>,
    workspaces: Mutex<BTreeMap<String, Functions>>,
}

/// The functions of one workspace.
struct Functions {
    customer_id: String,
    /// By key of the saved search, with the time of its last change.
    saved: BTreeMap<String, (String, FunctionDefinition)>,
    /// True when the log store does not know the last change yet.
    stale: bool,
}

impl SavedFunctions {
    pub(crate) fn new(tables: Arc<dyn Tables>) -> Self {
        Self { tables, workspaces: Mutex::default() }
    }

    /// Takes one change over.
    fn note(&self, arm: &Arm, id: &ResourceId, value: Option<&Value>) -> Result<(), ArmError> {
        let Some(workspace) = id.parent() else { return Ok(()) };
        let (key, function) = (workspace.key(), value.and_then(function));
        let mut workspaces = self.workspaces.lock();
        if function.is_some() && !workspaces.contains_key(&key) {
            let customer_id = workspaces::customer_id_even_deleted(arm, &workspace)?;
            let Some(customer_id) = customer_id else { return Ok(()) };
            let functions = Functions { customer_id, saved: BTreeMap::new(), stale: false };
            workspaces.insert(key.clone(), functions);
        }
        let Some(functions) = workspaces.get_mut(&key) else { return Ok(()) };
        functions.stale |= match function {
            Some(function) => {
                functions.saved.insert(id.key(), function.clone()).as_ref() != Some(&function)
            }
            None => functions.saved.remove(&id.key()).is_some(),
        };
        Ok(())
    }

    /// Hands over the functions of every workspace that changed.
    fn publish(&self) {
        // the lock is held meanwhile: a later change is not overtaken by an earlier one
        let mut workspaces = self.workspaces.lock();
        for workspace in workspaces.values_mut().filter(|w| w.stale) {
            self.tables.set_functions(&workspace.customer_id, workspace.callable());
            workspace.stale = false;
        }
        // a workspace that is deleted and made again has another customer id
        workspaces.retain(|_, workspace| !workspace.saved.is_empty());
    }
}

impl Functions {
    /// The functions by name. Of two with one alias the one changed last counts.
    fn callable(&self) -> Vec<FunctionDefinition> {
        let mut by_alias: BTreeMap<&str, &(String, FunctionDefinition)> = BTreeMap::new();
        for saved in self.saved.values() {
            let slot = by_alias.entry(&saved.1.name).or_insert(saved);
            if slot.0 <= saved.0 {
                *slot = saved;
            }
        }
        by_alias.into_values().map(|(_, function)| function.clone()).collect()
    }
}

/// The function that a saved search is, with the time of its last change.
fn function(value: &Value) -> Option<(String, FunctionDefinition)> {
    let text = |name: &str| get(value, "properties").get(name).and_then(Value::as_str);
    let name = text("functionAlias").filter(|alias| !alias.is_empty())?;
    let changed = get(value, "systemData/lastModifiedAt").as_str().unwrap_or("").to_owned();
    let definition = FunctionDefinition {
        name: name.into(),
        parameters: text("functionParameters").unwrap_or("").trim().into(),
        body: text("query")?.into(),
    };
    Some((changed, definition))
}

#[async_trait]
impl Hook for SavedFunctions {
    fn start(&self, arm: &Arm) -> Result<(), ArmError> {
        for document in arm.store().list_all(&SAVED_SEARCH.collection(), "")? {
            self.note(arm, &ResourceId::new(&document.key), Some(&document.value))?;
        }
        self.publish();
        Ok(())
    }

    async fn changed(
        &self,
        arm: &Arm,
        id: &ResourceId,
        _old: Option<&Value>,
        value: Option<&Value>,
    ) -> Result<(), ArmError> {
        self.note(arm, id, value)
    }

    async fn settled(&self, _arm: &Arm) -> Result<(), ArmError> {
        self.publish();
        Ok(())
    }
}
