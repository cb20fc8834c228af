//! Before a rule is stored: do its tables exist, and does each transform bind and fit them?

use std::sync::Arc;

use async_trait::async_trait;
use model::{QueryError, Rows, Schema, Tables};
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
        // as ingestion will run it: no table but 'source' is there
        let none = Rows { schema: input, batches: Vec::new() };
        let output = match self.tables.transform(transform, none, rule.call.now).await {
            Ok(output) => output,
            Err(error) => {
                let message = format!("the transform is not valid KQL: {}", told(&error));
                return Err(ArmError::bad_request("InvalidTransformQuery", message).target(place));
            }
        };
        let misfits: Vec<String> = output
            .schema
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
    fn input(&self, stream: &str, target: &StreamTarget) -> Arc<Schema> {
        if let Some(columns) = &target.columns {
            return Arc::new(Schema::new(columns.iter().map(|(name, ty)| (name, *ty))));
        }
        let own = super::streams::table_of(stream, &target.workspace, &|workspace, name| {
            self.tables.table(workspace, name).is_some()
        });
        let table = self.tables.table(&target.workspace, own.as_deref().unwrap_or(&target.table));
        table.map(|t| Arc::clone(&t.schema)).unwrap_or_default()
    }
}

/// A query error with its place in the transform.
fn told(error: &QueryError) -> String {
    match error {
        QueryError::Syntax { message, line, pos, .. }
        | QueryError::Semantic { message, line, pos, .. } => {
            format!("{message} (line {line}, position {pos})")
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
