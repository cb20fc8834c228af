//! Results for programs: JSON, one object a row, CSV.

use std::io::{self, Write};

use model::{QueryAnswer, Rows, Value};
use serde_json::{Map, Value as Json, json};

/// A cell in JSON; dynamic values nest.
fn cell(value: &Value) -> Json {
    match value {
        Value::Dynamic(dynamic) => dynamic.as_ref().to_json(),
        other => other.to_json(),
    }
}

/// `{"tables":[{"name","columns":[{"name","type"}],"rows":[[...]]}]}`, as the Log Analytics API has it.
pub(super) fn json(answer: &QueryAnswer, out: &mut impl Write) -> io::Result<()> {
    out.write_all(b"{\"tables\":[")?;
    for (at, table) in answer.tables.iter().enumerate() {
        let columns: Vec<Json> = table
            .rows
            .schema
            .columns
            .iter()
            .map(|c| json!({"name": &*c.name, "type": c.ty.name()}))
            .collect();
        let comma = if at > 0 { "," } else { "" };
        write!(
            out,
            "{comma}{{\"name\":{},\"columns\":{},\"rows\":[",
            json!(table.name),
            Json::Array(columns)
        )?;
        for (at, row) in table.rows.values().enumerate() {
            out.write_all(if at > 0 { b",\n" } else { b"\n" })?;
            serde_json::to_writer(&mut *out, &row.iter().map(cell).collect::<Vec<_>>())?;
        }
        out.write_all(b"]}")?;
    }
    writeln!(out, "]}}")
}

/// One object a row.
pub(super) fn ndjson(rows: &Rows, out: &mut impl Write) -> io::Result<()> {
    for row in rows.values() {
        let names = rows.schema.columns.iter().map(|c| c.name.to_string());
        let object: Map<String, Json> = names.zip(row.iter().map(cell)).collect();
        serde_json::to_writer(&mut *out, &object)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// A header and a line per row.
pub(super) fn csv(rows: &Rows, out: &mut impl Write) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(rows.schema.columns.iter().map(|c| &*c.name))?;
    for row in rows.values() {
        writer.write_record(row.iter().map(ToString::to_string))?;
    }
    writer.flush()
}
