//! From a stream's name to the tables it feeds: what ingestion asks of a data collection rule.

use std::sync::Arc;

use model::{ResourceId, ScalarType};
use serde_json::Value;

use super::RULE;
use crate::fields::get;
use crate::{Arm, ArmError};

/// Finds a rule by its immutable id (lower case).
pub(super) const BY_IMMUTABLE_ID: &str = "data-collection-rule-immutable-ids";

/// A rule, read once for many batches; `etag` tells when to read it again.
#[derive(Clone, Debug, PartialEq)]
pub struct DataCollectionRule {
    /// Resource id.
    pub id: ResourceId,
    /// `dcr-<32 hexadecimal digits>`
    pub immutable_id: String,
    /// Changes with the document.
    pub etag: String,
    /// Declared streams with their columns.
    pub declarations: Vec<(String, Arc<[(String, ScalarType)]>)>,
    /// The flows, in order; one stream may be in several.
    pub flows: Vec<DataFlow>,
    /// Customer id of the workspace whose tables are all streams, where the rule says so.
    pub tables_of: Option<String>,
}

/// One flow of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct DataFlow {
    /// Names of the streams.
    pub streams: Vec<String>,
    /// Customer ids of the destinations' workspaces.
    pub workspaces: Vec<String>,
    /// KQL over `source`; none passes rows through.
    pub transform: Option<Arc<str>>,
    /// The stream whose table takes the rows; none: the stream's own.
    pub output: Option<String>,
}

/// One table that a stream feeds.
#[derive(Clone, Debug, PartialEq)]
pub struct StreamTarget {
    /// Customer id of the workspace.
    pub workspace: String,
    /// The table; it exists.
    pub table: String,
    /// KQL over `source`; none passes rows through.
    pub transform: Option<Arc<str>>,
    /// The stream's declared columns; none: the columns are the table's.
    pub columns: Option<Arc<[(String, ScalarType)]>>,
}

/// The rule with this immutable id, in any case; none when there is none.
pub fn data_collection_rule_by_immutable_id(
    arm: &Arm,
    immutable_id: &str,
) -> Result<Option<DataCollectionRule>, ArmError> {
    let Some(id) = arm.find(BY_IMMUTABLE_ID, &immutable_id.to_lowercase())? else {
        return Ok(None);
    };
    let document = arm.store().get(&RULE.collection(), &id.key())?;
    Ok(document.map(|d| DataCollectionRule::read(&d.value, d.etag)))
}

impl DataCollectionRule {
    /// Reads a rule's value; members that do not fit were refused when it was stored.
    pub fn read(value: &Value, etag: String) -> Self {
        let properties = get(value, "properties");
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        let list = |value: &Value| -> Vec<Value> { value.as_array().cloned().unwrap_or_default() };
        let destinations: Vec<(String, String)> =
            list(get(properties, "destinations/logAnalytics"))
                .iter()
                .map(|d| (text(get(d, "name")), text(get(d, "workspaceId"))))
                .collect();
        let flows = list(get(properties, "dataFlows"));
        let flows = flows.iter().map(|flow| {
            let wanted: Vec<String> = list(get(flow, "destinations")).iter().map(text).collect();
            let workspaces = destinations.iter().filter(|(name, _)| wanted.contains(name));
            let transform = get(flow, "transformKql").as_str().map(str::trim);
            DataFlow {
                streams: list(get(flow, "streams")).iter().map(text).collect(),
                workspaces: workspaces.map(|(_, id)| id.clone()).collect(),
                transform: transform.filter(|t| !t.is_empty() && *t != "source").map(Arc::from),
                output: get(flow, "outputStream").as_str().map(str::to_owned),
            }
        });
        let declarations = get(properties, "streamDeclarations").as_object().into_iter().flatten();
        let from_tables = get(properties, "streamsFromTables").as_bool() == Some(true);
        Self {
            id: ResourceId::new(get(value, "id").as_str().unwrap_or("")),
            immutable_id: text(get(properties, "immutableId")),
            etag,
            declarations: declarations.map(|(name, d)| (name.clone(), columns(d))).collect(),
            flows: flows.collect(),
            tables_of: destinations.first().filter(|_| from_tables).map(|(_, id)| id.clone()),
        }
    }

    /// The tables that a stream feeds. `table_exists` tells whether a workspace (customer id) has a table.
    pub fn targets(
        &self,
        stream: &str,
        table_exists: &dyn Fn(&str, &str) -> bool,
    ) -> Result<Vec<StreamTarget>, ArmError> {
        let declared = self.declarations.iter().find(|(name, _)| name == stream);
        let mut targets = Vec::new();
        for flow in self.flows.iter().filter(|f| f.streams.iter().any(|s| s == stream)) {
            let output = flow.output.as_deref().unwrap_or(stream);
            for workspace in &flow.workspaces {
                let table = table_of(output, workspace, table_exists)
                    .ok_or_else(|| missing_table(output, workspace))?;
                targets.push(StreamTarget {
                    workspace: workspace.clone(),
                    table,
                    transform: flow.transform.clone(),
                    columns: declared.map(|(_, columns)| Arc::clone(columns)),
                });
            }
        }
        if targets.is_empty()
            && let Some(workspace) = &self.tables_of
        {
            let table = table_of(stream, workspace, table_exists)
                .ok_or_else(|| missing_table(stream, workspace))?;
            targets.push(StreamTarget {
                workspace: workspace.clone(),
                table,
                transform: None,
                columns: None,
            });
        }
        if targets.is_empty() {
            let message = format!(
                "the stream '{stream}' is not configured in the data collection rule '{}'; add it to a data flow",
                self.immutable_id
            );
            return Err(ArmError::bad_request("InvalidStream", message));
        }
        Ok(targets)
    }
}

impl DataCollectionRule {
    /// The custom table that a stream would feed if it existed (workspace's customer id, name), where every table of the
    /// workspace is a stream of this rule.
    pub fn absent_table(
        &self,
        stream: &str,
        table_exists: &dyn Fn(&str, &str) -> bool,
    ) -> Option<(String, String)> {
        let workspace = self.tables_of.as_ref()?;
        let name = stream.strip_prefix("Custom-").filter(|name| name.ends_with("_CL"))?;
        let in_flow = self.flows.iter().any(|flow| flow.streams.iter().any(|s| s == stream));
        let absent = !in_flow && table_of(stream, workspace, table_exists).is_none();
        absent.then(|| (workspace.clone(), name.to_owned()))
    }
}

fn columns(declaration: &Value) -> Arc<[(String, ScalarType)]> {
    let list = get(declaration, "columns").as_array().into_iter().flatten();
    let column = |c: &Value| {
        let ty = ScalarType::from_name(get(c, "type").as_str()?)?;
        Some((get(c, "name").as_str()?.to_owned(), ty))
    };
    list.filter_map(column).collect()
}

/// The table behind a stream: `Microsoft-<Table>`, `Microsoft-Table-<Table>`, `Custom-<Table>`, `Custom-<Table>_CL`.
pub(super) fn table_of(
    stream: &str,
    workspace: &str,
    table_exists: &dyn Fn(&str, &str) -> bool,
) -> Option<String> {
    let custom = stream.strip_prefix("Custom-");
    let name = custom.or_else(|| stream.strip_prefix("Microsoft-"))?;
    let candidates = [
        Some(name.to_owned()),
        name.strip_prefix("Table-").map(str::to_owned),
        custom.map(|name| format!("{name}_CL")),
    ];
    candidates.into_iter().flatten().find(|table| table_exists(workspace, table))
}

fn missing_table(stream: &str, workspace: &str) -> ArmError {
    let message = format!(
        "the stream '{stream}' has no table in the workspace {workspace}; create the table first"
    );
    ArmError::bad_request("InvalidOutputTable", message)
}

#[cfg(test)]
mod tests;
