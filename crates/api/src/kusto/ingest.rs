//! Streaming ingestion: `POST /v1/rest/ingest/{database}/{table}?streamFormat=...`

use std::sync::Arc;

use axum::response::Response;
use collect::{CollectError, Collected, Columns, csv, json};
use http::Method;
use identity::Caller;
use model::{AppendRequest, Rows, ScalarType, Schema, TableInfo, Value};

use super::database;
use super::error::kusto_error;
use super::frames::v1_single;
use crate::logs_ingestion::{self, admit, batch_id, tables_error};
use crate::wire::blocking::blocking;
use crate::wire::body;
use crate::wire::error::ApiError;
use crate::wire::workspace::Workspace;
use crate::{Doors, Incoming};

/// The data actions of which a sender needs one on the table.
const ACTIONS: [&str; 2] =
    ["Microsoft.OperationalInsights/workspaces/tables/data/write", logs_ingestion::ACTION];

/// Text formats with values by position: name, separator, and whether quotes have a meaning.
const SEPARATED: &[(&str, u8, bool)] = &[
    ("csv", b',', true),
    ("tsv", b'\t', false),
    ("tsve", b'\t', true),
    ("psv", b'|', true),
    ("scsv", b';', true),
    ("sohsv", 1, true),
];

const KNOWN: &str = "csv, tsv, tsve, psv, scsv, sohsv, json, multijson, txt or raw";

pub(super) async fn answer(
    doors: &Arc<Doors>,
    mut incoming: Incoming,
    caller: &Caller,
) -> Result<Response, ApiError> {
    if incoming.method != Method::POST {
        return Err(ApiError::method(&incoming, "POST"));
    }
    let part = |at: usize| incoming.segments.get(at).cloned().unwrap_or_default();
    let (database, name) = (database(doors, caller, &part(3))?, part(4));
    authorize(doors, caller, &database, &name)?;
    let Some(table) = doors.tables.table(&database.customer_id, &name) else {
        let message = format!(
            "Entity ID '{name}' of kind 'Table' was not found; create it with '.create table'."
        );
        return Err(kusto_error(400, "BadRequest_EntityNotFound", message));
    };
    if let Some(mapping) = incoming.parameter("mappingName").filter(|m| !m.is_empty()) {
        let message = format!(
            "Ingestion mapping '{mapping}' was not found: mappings are not supported. Name JSON fields as the columns, and put CSV values in the order of the columns."
        );
        return Err(kusto_error(400, "BadRequest_MappingReferenceWasNotFound", message));
    }
    let format = incoming.parameter("streamFormat").unwrap_or("csv").to_ascii_lowercase();
    let bytes = body::read(doors, &mut incoming, doors.limits.streaming_bytes).await?;
    let batch_id = batch_id(&incoming, "kusto", &bytes);
    let rows = read(format, bytes, &table).await?;
    let stored = store(doors, caller, &database, &table, rows, batch_id).await?;
    Ok(v1_single(&receipt(stored)).into_response(200))
}

/// May the caller write rows of the table?
pub(super) fn authorize(
    doors: &Doors,
    caller: &Caller,
    database: &Workspace,
    table: &str,
) -> Result<(), ApiError> {
    let scope = database.resource.join(&format!("tables/{table}"));
    if ACTIONS.iter().any(|action| doors.identity.allows(caller, action, &scope, true)) {
        return Ok(());
    }
    Ok(doors.identity.require(caller, ACTIONS[0], &scope, true)?)
}

/// What the client prints; an empty body would be an error to it.
pub(super) fn receipt(stored: usize) -> Rows {
    let schema = Schema::new([
        ("ConsumedRecordsCount", ScalarType::Long),
        ("UpdatePolicyStatus", ScalarType::String),
        ("UpdatePolicyFailureCode", ScalarType::String),
        ("UpdatePolicyFailureReason", ScalarType::String),
    ]);
    let count = i64::try_from(stored).unwrap_or(i64::MAX);
    let row = vec![
        Value::Long(count),
        Value::string("Inactive"),
        Value::string("Unknown"),
        Value::string(""),
    ];
    Rows::from_values(Arc::new(schema), [row])
}

/// Stores rows of a table; their number.
pub(super) async fn store(
    doors: &Doors,
    caller: &Caller,
    database: &Workspace,
    table: &TableInfo,
    collected: Collected,
    batch_id: Option<String>,
) -> Result<usize, ApiError> {
    let (batch, customer_id) = (collected.batch(), &database.customer_id);
    if batch.rows == 0 {
        return Ok(0);
    }
    let rows = Rows::new(collected.rows.schema, batch);
    let rows = admit(doors, caller, customer_id, &table.name, rows)?;
    let request = AppendRequest {
        workspace: Arc::from(customer_id.as_str()),
        table: Arc::clone(&table.name),
        batch: rows.batches.into_iter().next().unwrap_or_default(),
        schema: rows.schema,
        batch_id: batch_id.map(Arc::from),
        received: doors.clock.now(),
    };
    Ok(doors.tables.append(request).await.map_err(|e| tables_error(&e))?.rows)
}

/// Reads a body; one record that cannot be read refuses all.
pub(super) async fn read(
    format: String,
    bytes: Vec<u8>,
    table: &Arc<TableInfo>,
) -> Result<Collected, ApiError> {
    let (own, table) = (format.clone(), Arc::clone(table));
    let read = blocking(move || read_format(&own, bytes, &table)).await?;
    let collected = read.map_err(|failure| match failure {
        Failure::Format => kusto_error(
            400,
            "BadRequest_InvalidFormat",
            format!("streamFormat '{format}' is not supported; use {KNOWN}."),
        ),
        Failure::Content(error) => {
            kusto_error(400, "BadRequest_InvalidBlob", format!("The data cannot be read: {error}."))
        }
    })?;
    let lost = collected.problems.lost_records();
    if lost == 0 {
        return Ok(collected);
    }
    let first = collected.problems.iter().find(|p| p.code.is_lost_record());
    let first = first.map(|p| format!(" First: record {}, {}", p.index, p.message));
    let message = format!(
        "{lost} record(s) cannot be read; nothing was stored.{}",
        first.unwrap_or_default()
    );
    Err(kusto_error(400, "BadRequest_InvalidBlob", message))
}

enum Failure {
    Format,
    Content(CollectError),
}

fn read_format(format: &str, mut bytes: Vec<u8>, table: &TableInfo) -> Result<Collected, Failure> {
    if let Some((_, separator, quotes)) = SEPARATED.iter().find(|(name, ..)| *name == format) {
        let text = by_position(&collect::decode(&bytes).text, *separator, *quotes, &table.schema);
        return csv::read(&text, &table.schema, Columns::Seen).map_err(Failure::Content);
    }
    match format {
        "json" | "multijson" | "singlejson" => {
            json::read(&mut bytes, &table.schema, &json::Options::default())
                .map_err(Failure::Content)
        }
        "txt" | "raw" => Ok(lines(&collect::decode(&bytes).text, table)),
        _ => Err(Failure::Format),
    }
}

/// Values in the order of the table's columns, as CSV under a header that says so. Cells beyond the columns stay: they
/// are told as left out.
fn by_position(text: &str, separator: u8, quotes: bool, schema: &Schema) -> String {
    let mut reader = ::csv::ReaderBuilder::new();
    let reader = reader.delimiter(separator).quoting(quotes).flexible(true).has_headers(false);
    let mut reader = reader.from_reader(text.as_bytes());
    let mut writer = ::csv::WriterBuilder::new()
        .flexible(true)
        .quote_style(::csv::QuoteStyle::Always)
        .from_writer(Vec::with_capacity(text.len() + (text.len() >> 2)));
    // neither fails: both sides are memory, and the text is text
    let _ = writer.write_record(schema.columns.iter().map(|c| &*c.name));
    let mut record = ::csv::StringRecord::new();
    while reader.read_record(&mut record).unwrap_or(false) {
        let _ = writer.write_record(&record);
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// Each line into the first text column.
fn lines(text: &str, table: &TableInfo) -> Collected {
    let Some(column) = table.schema.columns.iter().find(|c| c.ty == ScalarType::String) else {
        return Collected::default();
    };
    let schema = Arc::new(Schema { columns: vec![column.clone()] });
    let values = text.lines().filter(|l| !l.is_empty()).map(|l| vec![Value::string(l)]);
    Collected { rows: Rows::from_values(schema, values), ..Collected::default() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use testkit::{rows_text, schema};

    use super::*;

    #[test]
    fn every_separated_format_puts_values_by_position() {
        let table = TableInfo {
            name: "T".into(),
            kind: model::TableKind::Custom,
            schema: schema("a:string, n:long, d:dynamic, extra:string"),
            retention_days: 1,
            total_retention_days: 1,
        };
        let cases = [
            ("csv", "x,1,\"{\"\"k\"\":[1,2]}\"\ny,2,\n"),
            ("tsv", "x\t1\t{\"k\":[1,2]}\ny\t2\t\n"),
            ("psv", "x|1|\"{\"\"k\"\":[1,2]}\"\ny|2|\n"),
            ("scsv", "x;1;\"{\"\"k\"\":[1,2]}\"\r\ny;2;\r\n"),
            ("sohsv", "x\u{1}1\u{1}\"{\"\"k\"\":[1,2]}\"\ny\u{1}2\u{1}\n"),
        ];
        for (format, text) in cases {
            let Ok(read) = read_format(format, text.as_bytes().to_vec(), &table) else {
                panic!("{format} is not read")
            };
            let text = rows_text(&read.rows);
            let lines: Vec<&str> = text.lines().collect();
            assert_eq!(lines.len(), 3, "{format}: {text}");
            assert!(lines[0].starts_with("a:string | n:long | d:dynamic"), "{format}: {text}");
            assert!(lines[1].starts_with("\"x\" | 1 | {\"k\":[1,2]}"), "{format}: {text}");
            assert!(lines[2].starts_with("\"y\" | 2 | null"), "{format}: {text}");
        }
    }
}
