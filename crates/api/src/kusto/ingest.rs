//! Streaming ingestion: `POST /v1/rest/ingest/{database}/{table}?streamFormat=...`

use std::sync::Arc;

use axum::response::Response;
use collect::{CollectError, Collected, Columns, csv, json};
use http::Method;
use identity::Caller;
use model::{AppendRequest, ScalarType, Schema, TableInfo, Value};

use super::database;
use super::frames::v1_single;
use super::kusto_error;
use crate::wire::body;
use crate::wire::error::{ApiError, bytes_response};
use crate::{House, Incoming};

/// The data action that a sender needs on the table.
const ACTION: &str = "Microsoft.OperationalInsights/workspaces/tables/data/write";

/// Text formats with columns by position: name and separator.
const SEPARATED: &[(&str, char)] = &[("csv", ','), ("tsv", '\t'), ("tsve", '\t'), ("psv", '|'), ("scsv", ';')];

pub(super) async fn answer(house: &Arc<House>, mut incoming: Incoming, caller: &Caller) -> Result<Response, ApiError> {
    if incoming.method != Method::POST {
        return Err(ApiError::method(&incoming, "POST"));
    }
    let database = database::find(house, &incoming.segments[3].clone(), &incoming)?;
    let name = incoming.segments[4].clone();
    let scope = database.resource.join(&format!("tables/{name}"));
    let allowed = house.identity.allows(caller, ACTION, &scope, true)
        || house.identity.allows(caller, "Microsoft.Insights/Telemetry/Write", &scope, true);
    if !allowed {
        house.identity.require(caller, ACTION, &scope, true)?;
    }
    let Some(table) = house.tables.table(&database.customer_id, &name) else {
        let message = format!("Entity ID '{name}' of kind 'Table' was not found; create it with '.create table'.");
        return Err(kusto_error(404, "BadRequest_EntityNotFound", &message, &incoming));
    };
    if let Some(mapping) = incoming.parameter("mappingName").filter(|m| !m.is_empty()) {
        let message = format!("Ingestion mapping '{mapping}' was not found; mappings are not supported: name fields as the columns.");
        return Err(kusto_error(400, "BadRequest_MappingReferenceWasNotFound", &message, &incoming));
    }
    let format = incoming.parameter("streamFormat").unwrap_or("csv").to_ascii_lowercase();
    let bytes = body::read(house, &mut incoming, house.limits.streaming_bytes).await?;
    let collected = tokio::task::block_in_place(|| read(&format, bytes, &table)).map_err(|f| match f {
        Failure::Format => kusto_error(400, "BadRequest_InvalidFormat", &format!("streamFormat '{format}' is not supported; use csv, tsv, psv, scsv, json, multijson or txt."), &incoming),
        Failure::Content(error) => kusto_error(400, "BadRequest_InvalidBlob", &format!("The data cannot be read: {error}."), &incoming),
    })?;
    if collected.problems.lost_records() > 0 {
        let first = collected.problems.iter().find(|p| p.code.is_lost_record());
        let message = first.map_or_else(String::new, |p| format!(" First: record {}, {}", p.index, p.message));
        let text = format!("{} record(s) cannot be read; nothing was stored.{message}", collected.problems.lost_records());
        return Err(kusto_error(400, "BadRequest_InvalidBlob", &text, &incoming));
    }
    let batch = collected.batch();
    let request = AppendRequest {
        workspace: Arc::from(database.customer_id.as_str()),
        table: Arc::clone(&table.name),
        schema: Arc::clone(&collected.rows.schema),
        batch_id: incoming.header("x-ms-client-request-id").map(|id| Arc::from(format!("kusto:{id}"))),
        received: house.clock.now(),
        batch,
    };
    let receipt = house.tables.append(request).await.map_err(|e| crate::logs_ingestion::tables_error(&e))?;
    let schema = Arc::new(Schema::new([("ConsumedRecordsCount", ScalarType::Long), ("UpdatePolicyStatus", ScalarType::String)]));
    let count = i64::try_from(receipt.rows).unwrap_or(i64::MAX);
    let rows = model::Rows::from_values(schema, [vec![Value::Long(count), Value::string("Inactive")]]);
    Ok(bytes_response(200, v1_single(&rows)))
}

enum Failure {
    Format,
    Content(CollectError),
}

fn read(format: &str, mut bytes: Vec<u8>, table: &TableInfo) -> Result<Collected, Failure> {
    if let Some((_, separator)) = SEPARATED.iter().find(|(name, _)| *name == format) {
        // values come in the order of the table's columns: a header says so
        let names: Vec<String> =
            table.schema.columns.iter().map(|c| format!("\"{}\"", c.name.replace('"', "\"\""))).collect();
        let text = format!("{}\n{}", names.join(&separator.to_string()), collect::decode(&bytes).text);
        return csv::read(&text, &table.schema, Columns::Seen).map_err(Failure::Content);
    }
    match format {
        "json" | "multijson" | "singlejson" => {
            json::read(&mut bytes, &table.schema, &json::Options::default()).map_err(Failure::Content)
        }
        "txt" | "raw" => Ok(lines(&collect::decode(&bytes).text, table)),
        _ => Err(Failure::Format),
    }
}

/// Each line into the first text column.
fn lines(text: &str, table: &TableInfo) -> Collected {
    let Some(column) = table.schema.columns.iter().find(|c| c.ty == ScalarType::String) else {
        return Collected::default();
    };
    let schema = Arc::new(Schema { columns: vec![column.clone()] });
    let values = text.lines().filter(|l| !l.is_empty()).map(|l| vec![Value::string(l)]);
    Collected { rows: model::Rows::from_values(schema, values), ..Collected::default() }
}
