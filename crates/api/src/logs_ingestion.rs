//! Logs Ingestion: JSON records into the tables that a data collection rule names.

mod admitted;
mod records;
mod restored;

use std::sync::Arc;

use arm::data_collection_rule_by_immutable_id;
use axum::response::Response;
use http::{HeaderValue, Method};
use identity::Audiences;
use model::TablesError;

use crate::wire::body;
use crate::wire::caller::authenticate;
use crate::wire::error::{ApiError, empty_response};
use crate::{Doors, Incoming};

pub(crate) use admitted::admit;

/// The data action that a sender needs on the rule.
pub(crate) const ACTION: &str = "Microsoft.Insights/Telemetry/Write";

/// `POST /dataCollectionRules/{immutableId}/streams/{stream}`
pub(crate) async fn answer(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
) -> Result<Response, ApiError> {
    let caller = authenticate(doors, &incoming, Audiences::INGESTION)?;
    let (rule_id, stream) = match incoming.segments.as_slice() {
        [_, rule, word, stream] if word.eq_ignore_ascii_case("streams") => {
            (rule.clone(), stream.clone())
        }
        _ => return Err(ApiError::not_found(&incoming)),
    };
    if incoming.method != Method::POST {
        return Err(ApiError::method(&incoming, "POST"));
    }
    if incoming.parameter("api-version").is_none_or(str::is_empty) {
        return Err(ApiError::missing_api_version());
    }
    let rule = data_collection_rule_by_immutable_id(&doors.arm, &rule_id)?;
    let rule = rule.ok_or_else(|| {
        let message = format!("Data collection rule with immutable Id '{rule_id}' not found.");
        ApiError::new(404, "NotFound", message)
    })?;
    doors.identity.require(&caller, ACTION, &rule.id, true)?;
    let exists = |workspace: &str, table: &str| doors.tables.table(workspace, table).is_some();
    let (targets, bytes) = match rule.targets(&stream, &exists) {
        Ok(targets) => {
            let bytes = body::read(doors, &mut incoming, doors.limits.ingestion_bytes).await?;
            (targets, bytes)
        }
        Err(unknown) if rule.absent_table(&stream, &exists).is_none() => return Err(unknown.into()),
        Err(_) => {
            let bytes = body::read(doors, &mut incoming, doors.limits.ingestion_bytes).await?;
            restored::make_table(doors, &caller, &rule, &stream, &bytes).await?;
            (rule.targets(&stream, &exists)?, bytes)
        }
    };
    let batch_id = batch_id(&incoming, &format!("{}:{stream}", rule.immutable_id), &bytes);
    let (mut rows, mut problems) = (0, 0);
    for (i, target) in targets.iter().enumerate() {
        // a stream may feed several tables: each gets a batch of its own
        let batch_id = batch_id.as_ref().map(|id| format!("{id}:{i}"));
        let stored = records::store(doors, &caller, target, bytes.clone(), batch_id).await?;
        rows += stored.rows;
        problems += stored.problems;
    }
    let mut response = empty_response(204);
    let headers = response.headers_mut();
    headers.insert("x-vedette-rows", HeaderValue::from(rows));
    headers.insert("x-vedette-problems", HeaderValue::from(problems));
    Ok(response)
}

/// By what a batch is known when it is sent again: the client's id together with the content, because some clients give
/// one id to all parts of an upload. None without an id: equal batches can be honest.
pub(crate) fn batch_id(incoming: &Incoming, door: &str, content: &[u8]) -> Option<String> {
    let id = incoming.header("x-ms-client-request-id").filter(|id| !id.is_empty())?;
    Some(format!("{door}:{}", crypto::sha256_hex(&[id.as_bytes(), b"\n", content].concat())))
}

/// A refusal of the log store in Azure's shape.
pub(crate) fn tables_error(error: &TablesError) -> ApiError {
    let message = error.to_string();
    match error {
        TablesError::UnknownWorkspace(_) | TablesError::UnknownTable(_) => {
            ApiError::new(404, "TableNotFound", message)
        }
        TablesError::Invalid(_) => ApiError::new(400, "InvalidPayload", message),
        TablesError::Busy { retry_after } => ApiError::new(429, "TooManyRequests", message)
            .header("retry-after", retry_after.as_secs().max(1).to_string()),
        TablesError::Unwritable(_) => {
            ApiError::new(503, "InsufficientStorage", message).header("retry-after", "10")
        }
        TablesError::Damaged(_) => ApiError::new(500, "StorageDamaged", message),
    }
}
