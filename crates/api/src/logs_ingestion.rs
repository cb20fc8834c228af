//! Logs Ingestion: JSON records into the tables that a data collection rule names.

use std::sync::Arc;

use arm::{DataCollectionRule, StreamTarget, data_collection_rule_by_immutable_id};
use axum::response::Response;
use collect::{CollectError, Collected, json};
use http::{HeaderValue, Method};
use identity::Audiences;
use model::{AppendRequest, QueryError, Rows, Schema, TablesError};
use serde_json::json as value;

use crate::wire::body;
use crate::wire::caller::authenticate;
use crate::wire::error::{ApiError, empty_response};
use crate::{House, Incoming};

/// The data action that a sender needs on the rule.
const ACTION: &str = "Microsoft.Insights/Telemetry/Write";

/// Findings named in an error.
const DETAILS_MAX: usize = 20;

/// `POST /dataCollectionRules/{immutableId}/streams/{stream}`
pub(crate) async fn answer(house: &Arc<House>, mut incoming: Incoming) -> Result<Response, ApiError> {
    let caller = authenticate(house, &incoming, Audiences::INGESTION)?;
    let (Some(rule_id), "streams", Some(stream), 4) = (
        incoming.segments.get(1).cloned(),
        incoming.segment(2).as_str(),
        incoming.segments.get(3).cloned(),
        incoming.segments.len(),
    ) else {
        return Err(ApiError::not_found(&incoming));
    };
    if incoming.method != Method::POST {
        return Err(ApiError::method(&incoming, "POST"));
    }
    if incoming.parameter("api-version").is_none_or(str::is_empty) {
        return Err(ApiError::new(
            400,
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=2023-01-01) is required for all requests.",
        ));
    }
    let rule = data_collection_rule_by_immutable_id(&house.arm, &rule_id)?.ok_or_else(|| {
        ApiError::new(
            404,
            "NotFound",
            format!("Data collection rule with immutable Id '{rule_id}' not found."),
        )
    })?;
    house.identity.require(&caller, ACTION, &rule.id, true)?;
    let targets = targets(house, &rule, &stream)?;
    let bytes = body::read(house, &mut incoming, house.limits.ingestion_bytes).await?;
    let batch_id = incoming.header("x-ms-client-request-id").map(str::to_owned);
    let (mut problems, mut rows) = (0, 0);
    for (i, target) in targets.iter().enumerate() {
        // a stream may feed several tables: each is a batch of its own
        let batch_id = batch_id.as_ref().map(|id| format!("{}:{stream}:{i}:{id}", rule.immutable_id));
        let (found, count) = append(house, target, bytes.clone(), batch_id).await?;
        problems += found;
        rows += count;
    }
    let mut response = empty_response(204);
    let headers = response.headers_mut();
    headers.insert("x-vedette-rows", HeaderValue::from(rows));
    headers.insert("x-vedette-problems", HeaderValue::from(problems));
    Ok(response)
}

fn targets(house: &House, rule: &DataCollectionRule, stream: &str) -> Result<Vec<StreamTarget>, ApiError> {
    Ok(rule.targets(stream, &|workspace, table| house.tables.table(workspace, table).is_some())?)
}

/// Reads the records for one table and stores them; problems with cells, and rows.
async fn append(
    house: &House,
    target: &StreamTarget,
    mut bytes: Vec<u8>,
    batch_id: Option<String>,
) -> Result<(usize, usize), ApiError> {
    let table = house
        .tables
        .table(&target.workspace, &target.table)
        .ok_or_else(|| tables_error(&TablesError::UnknownTable(target.table.clone())))?;
    let schema = match &target.columns {
        Some(columns) => Arc::new(Schema::new(columns.iter().map(|(n, t)| (n.as_str(), *t)))),
        None => Arc::clone(&table.schema),
    };
    let collected = tokio::task::block_in_place(|| json::read(&mut bytes, &schema, &json::Options::default()))
        .map_err(|e| invalid_payload(&e))?;
    if collected.problems.lost_records() > 0 {
        return Err(invalid_records(&collected));
    }
    let problems = collected.problems.total();
    let now = house.clock.now();
    let rows = match &target.transform {
        None => collected.rows,
        Some(transform) => {
            let whole = widen(&collected.rows, &schema);
            let rows = house.tables.transform(transform, whole, now).await.map_err(|e| transform_error(&e))?;
            known_columns(rows, &table.schema)
        }
    };
    let mut count = 0;
    for (i, batch) in rows.batches.into_iter().enumerate() {
        if batch.rows == 0 {
            continue;
        }
        let request = AppendRequest {
            workspace: Arc::from(target.workspace.as_str()),
            table: Arc::clone(&table.name),
            schema: Arc::clone(&rows.schema),
            batch_id: batch_id.as_ref().map(|id| Arc::from(format!("{id}:{i}"))),
            received: now,
            batch,
        };
        count += house.tables.append(request).await.map_err(|e| tables_error(&e))?.rows;
    }
    Ok((problems, count))
}

/// The rows with every declared column: a transform may name any of them.
fn widen(rows: &Rows, schema: &Arc<Schema>) -> Rows {
    let batches = rows
        .batches
        .iter()
        .map(|batch| {
            let columns = schema
                .columns
                .iter()
                .map(|c| match rows.schema.position(&c.name) {
                    Some(at) => Arc::clone(&batch.columns[at]),
                    None => {
                        let mut builder = model::ColumnBuilder::new(c.ty, batch.rows);
                        (0..batch.rows).for_each(|_| builder.push_null());
                        builder.finish()
                    }
                })
                .collect();
            model::Batch { columns, rows: batch.rows }
        })
        .collect();
    Rows { schema: Arc::clone(schema), batches }
}

/// What a transform makes beyond the table's columns falls away, as Azure does.
fn known_columns(rows: Rows, schema: &Schema) -> Rows {
    let keep: Vec<usize> = (0..rows.schema.len())
        .filter(|i| schema.column(&rows.schema.columns[*i].name).is_some())
        .collect();
    let kept = Schema { columns: keep.iter().map(|i| rows.schema.columns[*i].clone()).collect() };
    let batches = rows
        .batches
        .into_iter()
        .map(|b| model::Batch { columns: keep.iter().map(|i| Arc::clone(&b.columns[*i])).collect(), rows: b.rows })
        .collect();
    Rows { schema: Arc::new(kept), batches }
}

fn invalid_payload(error: &CollectError) -> ApiError {
    ApiError::new(400, "InvalidPayload", format!("The payload cannot be read: {error}."))
}

fn invalid_records(collected: &Collected) -> ApiError {
    let lost = collected.problems.lost_records();
    let details: Vec<_> = collected
        .problems
        .iter()
        .filter(|p| p.code.is_lost_record())
        .take(DETAILS_MAX)
        .map(|p| value!({ "code": p.code.name(), "target": format!("[{}]", p.index), "message": p.message }))
        .collect();
    ApiError::with_body(
        400,
        value!({ "error": {
            "code": "InvalidPayload",
            "message": format!("{lost} element(s) are not records; nothing was stored. Send an array of JSON objects."),
            "details": details,
        }}),
    )
}

fn transform_error(error: &QueryError) -> ApiError {
    ApiError::new(400, "TransformFailed", format!("The data collection rule's transformKql failed: {error}"))
}

/// A refusal of the log store in Azure's shape.
pub(crate) fn tables_error(error: &TablesError) -> ApiError {
    let message = error.to_string();
    match error {
        TablesError::UnknownWorkspace(_) | TablesError::UnknownTable(_) => ApiError::new(404, "TableNotFound", message),
        TablesError::Invalid(_) => ApiError::new(400, "InvalidPayload", message),
        TablesError::Busy { retry_after } => ApiError::new(429, "TooManyRequests", message)
            .header("retry-after", retry_after.as_secs().max(1).to_string()),
        TablesError::Unwritable(_) => {
            ApiError::new(503, "InsufficientStorage", message).header("retry-after", "10")
        }
        TablesError::Damaged(_) => ApiError::new(500, "StorageDamaged", message),
    }
}
