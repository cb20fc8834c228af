//! From the records of one body to the rows of one table.

use std::sync::Arc;

use arm::StreamTarget;
use collect::{CollectError, Collected, json};
use identity::Caller;
use model::{
    AppendRequest, Batch, ColumnBuilder, QueryError, Rows, Schema, TableInfo, TablesError,
};
use serde_json::json as value;

use super::admitted::{self, with_columns};
use super::tables_error;
use crate::Doors;
use crate::wire::blocking::blocking;
use crate::wire::error::ApiError;

/// Findings named in an error.
const DETAILS_MAX: usize = 20;

/// What became of a body.
pub(super) struct Stored {
    /// Rows stored by this call.
    pub(super) rows: usize,
    /// Cells that did not fit: null, or left out.
    pub(super) problems: usize,
}

/// Reads the records for one table and stores them.
pub(super) async fn store(
    doors: &Doors,
    caller: &Caller,
    target: &StreamTarget,
    mut bytes: Vec<u8>,
    batch_id: Option<String>,
) -> Result<Stored, ApiError> {
    let table = doors.tables.table(&target.workspace, &target.table);
    let table =
        table.ok_or_else(|| tables_error(&TablesError::UnknownTable(target.table.clone())))?;
    let schema = schema(target, &table);
    let read_as = Arc::clone(&schema);
    let collected =
        blocking(move || json::read(&mut bytes, &read_as, &json::Options::default())).await?;
    let collected = collected.map_err(|e| invalid_payload(&e))?;
    if collected.problems.lost_records() > 0 {
        return Err(invalid_records(&collected));
    }
    let problems = collected.problems.total();
    let now = doors.clock.now();
    let rows = match &target.transform {
        None => {
            let (workspace, rows) = (&target.workspace, collected.rows);
            admitted::admit(doors, caller, workspace, &table.name, rows)?
        }
        Some(transform) => {
            let whole = widened(&collected.rows, &schema);
            let rows = doors.tables.transform(transform, whole, now).await;
            let rows = known_columns(rows.map_err(|e| transform_error(&e))?, &table.schema);
            admitted::from_outside(doors, &target.workspace, &table.name, rows)?
        }
    };
    let mut stored = 0;
    for (i, batch) in rows.batches.into_iter().filter(|b| b.rows > 0).enumerate() {
        let request = AppendRequest {
            workspace: Arc::from(target.workspace.as_str()),
            table: Arc::clone(&table.name),
            schema: Arc::clone(&rows.schema),
            batch_id: batch_id.as_ref().map(|id| Arc::from(format!("{id}:{i}"))),
            received: now,
            batch,
        };
        stored += doors.tables.append(request).await.map_err(|e| tables_error(&e))?.rows;
    }
    Ok(Stored { rows: stored, problems })
}

/// How records are read: as the stream declares them where a transform takes them up; else as the table has them, cut
/// down to what the stream declares.
fn schema(target: &StreamTarget, table: &TableInfo) -> Arc<Schema> {
    let Some(declared) = &target.columns else { return Arc::clone(&table.schema) };
    if target.transform.is_some() {
        return Arc::new(Schema::new(declared.iter().map(|(name, ty)| (name.as_str(), *ty))));
    }
    let own = |name: &String| table.schema.column(name).cloned();
    Arc::new(Schema { columns: declared.iter().filter_map(|(name, _)| own(name)).collect() })
}

/// The rows with every declared column: a transform may name any of them.
fn widened(rows: &Rows, schema: &Arc<Schema>) -> Rows {
    let empty = |ty, rows| {
        let mut builder = ColumnBuilder::new(ty, rows);
        (0..rows).for_each(|_| builder.push_null());
        builder.finish()
    };
    let widen = |batch: &Batch| {
        let column = |c: &model::Column| {
            let at = rows.schema.position(&c.name).and_then(|at| batch.columns.get(at));
            at.map_or_else(|| empty(c.ty, batch.rows), Arc::clone)
        };
        Batch { columns: schema.columns.iter().map(column).collect(), rows: batch.rows }
    };
    Rows { schema: Arc::clone(schema), batches: rows.batches.iter().map(widen).collect() }
}

/// What a transform makes beyond the table's columns falls away, as Azure does.
fn known_columns(rows: Rows, schema: &Schema) -> Rows {
    with_columns(rows, |c| schema.column(&c.name).is_some())
}

fn invalid_payload(error: &CollectError) -> ApiError {
    ApiError::new(400, "InvalidPayload", format!("The payload cannot be read: {error}."))
}

fn invalid_records(collected: &Collected) -> ApiError {
    let lost = collected.problems.lost_records();
    let details = collected.problems.iter().filter(|p| p.code.is_lost_record()).take(DETAILS_MAX);
    let details: Vec<_> = details
        .map(|p| {
            let target = format!("[{}]", p.index);
            value!({ "code": p.code.name(), "target": target, "message": p.message })
        })
        .collect();
    let message = format!(
        "{lost} element(s) are not records; nothing was stored. Send an array of JSON objects."
    );
    ApiError::with_body(
        400,
        value!({ "error": { "code": "InvalidPayload", "message": message, "details": details } }),
    )
}

fn transform_error(error: &QueryError) -> ApiError {
    let message = format!("The data collection rule's transformKql failed: {error}");
    match error {
        QueryError::Storage(_) => ApiError::new(500, "TransformFailed", message),
        QueryError::Timeout(_) => ApiError::new(504, "TransformFailed", message),
        _ => ApiError::new(400, "TransformFailed", message),
    }
}
