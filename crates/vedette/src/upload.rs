//! Rows to the running server through the Logs Ingestion API: in batches below its limit, each sent again under the same
//! id until it is stored, so that a retry stores nothing twice.

use std::io::Write;
use std::thread::sleep;
use std::time::Duration;

use anyhow::bail;
use flate2::Compression;
use flate2::write::GzEncoder;
use model::{Rows, Value};
use serde_json::{Map, Value as Json};

use crate::client::Client;

/// Bytes of a batch before compression.
const BATCH_BYTES: usize = 900_000;
/// Attempts for one batch, and the first pause between them.
const ATTEMPTS: u32 = 8;
const PAUSE: Duration = Duration::from_millis(500);
const API_VERSION: &str = "2023-01-01";

/// Sends all rows to a table; `sent` hears of every batch that is stored.
pub(crate) fn rows(
    client: &Client,
    table: &str,
    rows: &Rows,
    mut sent: impl FnMut(usize),
) -> anyhow::Result<usize> {
    let names: Vec<String> = rows.schema.columns.iter().map(|c| c.name.to_string()).collect();
    let records = rows.values().map(|row| {
        let cells = names.iter().cloned().zip(&row).filter(|(_, v)| !v.is_empty());
        let record: Map<String, Json> = cells.map(|(name, value)| (name, cell(value))).collect();
        Json::Object(record).to_string()
    });
    records_of(client, table, records, &mut sent)
}

/// Sends records, JSON objects as text, to a table.
pub(crate) fn records_of(
    client: &Client,
    table: &str,
    records: impl Iterator<Item = String>,
    sent: &mut impl FnMut(usize),
) -> anyhow::Result<usize> {
    let (mut body, mut count, mut total) = (String::from("["), 0, 0);
    for record in records {
        if count > 0 && body.len() + record.len() > BATCH_BYTES {
            send(client, table, &body)?;
            sent(count);
            total += count;
            body.truncate(1);
            count = 0;
        }
        if count > 0 {
            body.push(',');
        }
        body.push_str(&record);
        count += 1;
    }
    if count > 0 {
        send(client, table, &body)?;
        sent(count);
    }
    Ok(total + count)
}

/// `[record,record`: the end is added here.
fn send(client: &Client, table: &str, body: &str) -> anyhow::Result<()> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body.as_bytes())?;
    encoder.write_all(b"]")?;
    let body = encoder.finish()?;
    let stream = if table.ends_with("_CL") {
        format!("Custom-{table}")
    } else {
        format!("Microsoft-{table}")
    };
    let rule = &client.instance.rule_id;
    let path = format!("/dataCollectionRules/{rule}/streams/{stream}?api-version={API_VERSION}");
    let id = uuid::Uuid::new_v4().to_string();
    let headers = [
        ("Content-Type", "application/json"),
        ("Content-Encoding", "gzip"),
        ("x-ms-client-request-id", id.as_str()),
    ];
    let mut pause = PAUSE;
    for attempt in 1..=ATTEMPTS {
        match client.send("POST", &path, &headers, Some(&body)) {
            Ok(reply) if reply.status == 429 || reply.status >= 500 => {
                if attempt == ATTEMPTS {
                    reply.success()?;
                    bail!("the server stays busy");
                }
                sleep(reply.retry_after.map_or(pause, Duration::from_secs));
            }
            Ok(reply) => return reply.success().map(drop),
            Err(error) if attempt == ATTEMPTS => return Err(error),
            Err(_) => sleep(pause),
        }
        pause = (pause * 2).min(Duration::from_secs(10));
    }
    Ok(())
}

fn cell(value: &Value) -> Json {
    match value {
        Value::Dynamic(dynamic) => dynamic.as_ref().to_json(),
        other => other.to_json(),
    }
}
