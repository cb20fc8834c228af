//! Before a rule is stored: do its tables exist, and does each transform bind and fit them?

use std::fmt::Write;
use std::sync::Arc;

use async_trait::async_trait;
use model::{QueryError, QueryRequest, ScalarType, Schema, Tables};
use serde_json::{Map, Value};

use super::streams::{DataCollectionRule, StreamTarget};
use crate::{Arm, ArmError, Hook, PutContext};

/// Judges rules against the log store.
pub(crate) struct RuleTables {
    tables: Arc<dyn Tables>,
}

impl RuleTables {
    pub(crate) fn new(tables: Arc<dyn Tables>) -> Self {
        Self { tables }
    }

    /// Binds one transform and compares what it gives with the table.
    async fn check_target(
        &self,
        rule: &PutContext<'_>,
        at: usize,
        stream: &str,
        target: &StreamTarget,
    ) -> Result<(), ArmError> {
        let Some(transform) = &target.transform else { return Ok(()) };
        let (Some(table), input) =
            (self.tables.table(&target.workspace, &target.table), self.input(stream, target))
        else {
            return Ok(()); // gone since it was found: ingestion says so
        };
        let place = format!("properties.dataFlows[{at}].transformKql");
        let text = transform_as_query(transform, &input);
        let mut request = QueryRequest::new(&target.workspace, text, rule.call.now);
        request.bind_only = true;
        let answer = match self.tables.query(request).await {
            Ok(answer) => answer,
            Err(error) => {
                let message = format!("the transform is not valid KQL: {}", told(&error));
                return Err(ArmError::bad_request("InvalidTransformQuery", message).target(place));
            }
        };
        let output = answer.tables.first().map(|t| Arc::clone(&t.rows.schema)).unwrap_or_default();
        let misfits: Vec<String> = output
            .columns
            .iter()
            .filter_map(|c| {
                let wanted = table.schema.column(&c.name)?;
                (wanted.ty != c.ty)
                    .then(|| format!("{} [produced: {}, output: {}]", c.name, c.ty, wanted.ty))
            })
            .collect();
        if misfits.is_empty() {
            return Ok(());
        }
        let message = format!(
            "types of the transform's columns do not match the table {}: {}; convert them",
            target.table,
            misfits.join(", ")
        );
        Err(ArmError::bad_request("InvalidTransformOutput", message).target(place))
    }

    /// The columns of `source`: those declared, else those of the table.
    fn input(&self, stream: &str, target: &StreamTarget) -> Vec<(String, ScalarType)> {
        if let Some(columns) = &target.columns {
            return columns.to_vec();
        }
        let own = super::streams::table_of(stream, &target.workspace, &|workspace, name| {
            self.tables.table(workspace, name).is_some()
        });
        let table = self.tables.table(&target.workspace, own.as_deref().unwrap_or(&target.table));
        let schema: Arc<Schema> = table.map(|t| Arc::clone(&t.schema)).unwrap_or_default();
        schema.columns.iter().map(|c| (c.name.to_string(), c.ty)).collect()
    }
}

/// A transform as a query of its own: `source` is an empty table of the given columns.
pub fn transform_as_query(transform: &str, columns: &[(String, ScalarType)]) -> String {
    let mut text = String::from("let source = datatable(");
    for (at, (name, ty)) in columns.iter().enumerate() {
        let comma = if at == 0 { "" } else { ", " };
        let _ = write!(text, "{comma}['{name}']: {ty}"); // writing to a String does not fail
    }
    text + ")[];\n" + transform
}

/// A query error with its place in the transform: the line with `source` is ours.
fn told(error: &QueryError) -> String {
    match error {
        QueryError::Syntax { message, line, pos, .. }
        | QueryError::Semantic { message, line, pos, .. } => {
            format!("{message} (line {}, position {pos})", line.saturating_sub(1).max(1))
        }
        other => other.to_string(),
    }
}

#[async_trait]
impl Hook for RuleTables {
    async fn check(&self, _arm: &Arm, context: &mut PutContext<'_>) -> Result<(), ArmError> {
        let mut value = Map::new();
        value.insert("properties".into(), Value::Object(context.properties.clone()));
        let rule = DataCollectionRule::read(&Value::Object(value), String::new());
        let exists = |workspace: &str, table: &str| self.tables.table(workspace, table).is_some();
        for (at, flow) in rule.flows.iter().enumerate() {
            let alone =
                DataCollectionRule { flows: vec![flow.clone()], tables_of: None, ..rule.clone() };
            for stream in &flow.streams {
                let place = format!("properties.dataFlows[{at}].outputStream");
                for target in alone.targets(stream, &exists).map_err(|e| e.target(place))? {
                    self.check_target(context, at, stream, &target).await?;
                }
            }
        }
        Ok(())
    }
}
