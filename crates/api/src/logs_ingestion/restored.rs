//! Exported rows sent back: each says in `Type` which table it came from, and that table is made when it is gone.

use std::sync::Arc;

use arm::DataCollectionRule;
use identity::Caller;
use model::{Column, ScalarType, Schema, TableInfo, TableKind};

use super::admitted::RESTORE;
use super::tables_error;
use crate::Doors;
use crate::wire::blocking::blocking;
use crate::wire::error::ApiError;
use crate::wire::workspace::Workspace;

/// Days that rows of a table made here are kept where the workspace says nothing.
const RETENTION_DAYS: u32 = 90;

/// Makes the custom table of a stream that has none, where all rows of the body name it in `Type` and the caller may
/// make tables. Says nothing where that is not so: the stream is then refused as unknown.
pub(super) async fn make_table(
    doors: &Doors,
    caller: &Caller,
    rule: &DataCollectionRule,
    stream: &str,
    body: &[u8],
) -> Result<(), ApiError> {
    let exists = |workspace: &str, table: &str| doors.tables.table(workspace, table).is_some();
    let Some((customer_id, table)) = rule.absent_table(stream, &exists) else { return Ok(()) };
    let Some(workspace) = Workspace::by_customer_id(doors, &customer_id)? else { return Ok(()) };
    if doors.identity.require(caller, RESTORE, &workspace.resource, false).is_err() {
        return Ok(());
    }
    let (mut copy, name) = (body.to_vec(), table.clone());
    let schema = blocking(move || schema(&mut copy, &name)).await?;
    let Some(schema) = schema else { return Ok(()) };
    let days = doors.tables.retention_days(&customer_id).unwrap_or(RETENTION_DAYS);
    let info = TableInfo {
        name: Arc::from(table),
        kind: TableKind::Custom,
        schema: Arc::new(schema),
        retention_days: days,
        total_retention_days: days,
    };
    let made = doors.tables.put_table(&customer_id, info, true).await;
    made.map(drop).map_err(|e| tables_error(&e))
}

/// The columns of rows that all came from this table; none for other rows.
fn schema(body: &mut [u8], table: &str) -> Option<Schema> {
    let read = collect::json::infer(body, None).ok()?;
    if read.problems.lost_records() > 0 || read.rows.is_empty() {
        return None;
    }
    let schema = &read.rows.schema;
    let at = schema.position("Type")?;
    let from_here = |batch: &model::Batch| {
        batch.columns.get(at).is_some_and(|column| {
            (0..batch.rows).all(|row| {
                model::rows::cell(column, ScalarType::String, row).as_str() == Some(table)
            })
        })
    };
    if !read.rows.batches.iter().all(from_here) {
        return None;
    }
    let own = |c: &&Column| &*c.name == "TimeGenerated" || !collect::is_reserved(&c.name);
    let columns = schema.columns.iter().filter(own).map(|c| match &*c.name {
        "TimeGenerated" => Column::new("TimeGenerated", ScalarType::DateTime),
        _ => c.clone(),
    });
    Some(Schema { columns: columns.collect() })
}
