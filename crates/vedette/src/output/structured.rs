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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Arc;

    use model::{Dynamic, ResultTable, ScalarType, Schema};

    use super::*;

    fn rows() -> Rows {
        let schema = Schema::new([
            ("s", ScalarType::String),
            ("n", ScalarType::Long),
            ("r", ScalarType::Real),
            ("d", ScalarType::Dynamic),
        ]);
        let bag = Value::Dynamic(Dynamic::parse_json(r#"{"a":[1,"x"]}"#).unwrap());
        let full =
            vec![Value::string("a,\"b\"\n"), Value::Long(i64::MAX), Value::Real(f64::NAN), bag];
        let empty = vec![Value::empty_string(), Value::Null, Value::Null, Value::Null];
        Rows::from_values(Arc::new(schema), [full, empty])
    }

    #[test]
    fn json_is_whole_and_keeps_every_digit() {
        let table = |name: &str| ResultTable { name: name.into(), rows: rows() };
        let answer = QueryAnswer {
            tables: vec![table("PrimaryResult"), table("two")],
            ..QueryAnswer::default()
        };
        let mut out = Vec::new();
        json(&answer, &mut out).unwrap();
        let read: Json = serde_json::from_slice(&out).unwrap();
        assert_eq!(read["tables"][1]["name"], "two");
        assert_eq!(read["tables"][0]["columns"][1], json!({"name": "n", "type": "long"}));
        let first = json!(["a,\"b\"\n", i64::MAX, "NaN", {"a": [1, "x"]}]);
        assert_eq!(read["tables"][0]["rows"], json!([first, ["", null, null, null]]));
    }

    #[test]
    fn lines_and_csv_hold_one_row_each() {
        let (mut lines, mut table) = (Vec::new(), Vec::new());
        ndjson(&rows(), &mut lines).unwrap();
        csv(&rows(), &mut table).unwrap();
        assert_eq!(String::from_utf8(lines).unwrap().lines().count(), 2);
        let mut reader = csv::Reader::from_reader(table.as_slice());
        let records: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!(&records[0][0], "a,\"b\"\n");
        assert_eq!(&records[0][3], r#"{"a":[1,"x"]}"#);
    }
}
