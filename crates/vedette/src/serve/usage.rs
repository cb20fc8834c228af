//! Rows of Usage: what each table took in, hour by hour. The size is that of all rows by the average of a sample.

use std::sync::Arc;

use model::{DateTime, QueryRequest, Tables, TimeRange, Value};
use values::TICKS_PER_HOUR;

use super::House;
use super::own_rows::append;

const SAMPLE: usize = 1_000;
const BYTES_PER_MB: f64 = 1_000_000.0;

/// Tells of the last full hour. The same hour may be told twice: it is stored once.
pub(super) async fn record(house: Arc<House>) -> anyhow::Result<()> {
    let now = house.clock.now().ticks();
    let end = now - now.rem_euclid(TICKS_PER_HOUR);
    let hour = (DateTime::from_ticks(end - TICKS_PER_HOUR), DateTime::from_ticks(end));
    for workspace in sentinel::workspace::Workspace::all(&*house.store)? {
        let id = &workspace.customer_id;
        let mut rows = Vec::new();
        for table in house.logs.tables(id) {
            if house.logs.row_count(id, &table.name) == 0 || &*table.name == "Usage" {
                continue;
            }
            let (count, bytes) = taken_in(&house, id, &table.name, hour).await?;
            if count == 0 {
                continue;
            }
            rows.push(vec![
                ("TimeGenerated", Value::DateTime(hour.1)),
                ("StartTime", Value::DateTime(hour.0)),
                ("EndTime", Value::DateTime(hour.1)),
                ("DataType", Value::string(&table.name)),
                ("Solution", Value::string("LogManagement")),
                ("Quantity", Value::Real(bytes / BYTES_PER_MB)),
                ("QuantityUnit", Value::string("MBytes")),
                ("Plan", Value::string("Analytics")),
                ("IsBillable", Value::Bool(false)),
                ("ResourceUri", Value::string(workspace.id.as_str())),
            ]);
        }
        append(&house, id, "Usage", rows, Some(format!("usage {}", hour.0))).await?;
    }
    Ok(())
}

/// Rows and bytes that a table took in.
async fn taken_in(
    house: &House,
    workspace: &str,
    table: &str,
    hour: (DateTime, DateTime),
) -> anyhow::Result<(i64, f64)> {
    let ask = async |text: String| -> anyhow::Result<Value> {
        let mut request = QueryRequest::new(workspace, text, house.clock.now());
        request.ingestion_range = Some(TimeRange { start: Some(hour.0), end: Some(hour.1) });
        let answer = house.logs.query(request).await?;
        let first = answer.tables.first().and_then(|t| t.rows.values().next()?.into_iter().next());
        Ok(first.unwrap_or(Value::Null))
    };
    let name = table.replace('\\', "\\\\").replace('\'', "\\'");
    let count = ask(format!("['{name}'] | count")).await?.as_i64().unwrap_or(0);
    if count == 0 {
        return Ok((0, 0.0));
    }
    let average = format!("['{name}'] | take {SAMPLE} | summarize avg(estimate_data_size(*))");
    let average = ask(average).await?.as_f64().unwrap_or(0.0);
    Ok((count, count as f64 * average))
}
