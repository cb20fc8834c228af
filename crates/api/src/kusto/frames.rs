//! Answers of the query endpoints: v1 tables, v2 frames.

use model::{QueryAnswer, ResultTable, Rows, ScalarType};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::wire::answer::Pieces;
use crate::wire::cells::{Dialect, write_string};

/// The .NET type name of v1's `DataType`.
fn data_type(ty: ScalarType) -> &'static str {
    match ty {
        ScalarType::Bool => "SByte",
        ScalarType::Int => "Int32",
        ScalarType::Long => "Int64",
        ScalarType::Real => "Double",
        ScalarType::Decimal => "SqlDecimal",
        ScalarType::String => "String",
        ScalarType::Guid => "Guid",
        ScalarType::DateTime => "DateTime",
        ScalarType::TimeSpan => "TimeSpan",
        ScalarType::Dynamic => "Object",
    }
}

fn add(out: &mut Pieces, text: &str) {
    out.text().extend_from_slice(text.as_bytes());
}

fn v1_table(name: &str, rows: &Rows, out: &mut Pieces) {
    add(out, "{\"TableName\":");
    write_string(name, out.text());
    add(out, ",\"Columns\":[");
    for (i, column) in rows.schema.columns.iter().enumerate() {
        add(out, if i > 0 { ",{\"ColumnName\":" } else { "{\"ColumnName\":" });
        write_string(&column.name, out.text());
        let (net, own) = (data_type(column.ty), column.ty);
        add(out, &format!(",\"DataType\":\"{net}\",\"ColumnType\":\"{own}\"}}"));
    }
    add(out, "],\"Rows\":");
    out.rows(rows, Dialect::KustoV1);
    add(out, "}");
}

/// One table alone: management commands, streaming ingestion.
pub(super) fn v1_single(rows: &Rows) -> Pieces {
    let mut out = Pieces::new("{\"Tables\":[");
    v1_table("Table_0", rows, &mut out);
    add(&mut out, "]}");
    out
}

/// Results, query properties, status, and the table of contents that tells them apart.
pub(super) fn v1(answer: &QueryAnswer) -> Pieces {
    let mut out = Pieces::new("{\"Tables\":[");
    let mut contents = Vec::new();
    for (i, table) in answer.tables.iter().enumerate() {
        v1_table(&format!("Table_{i}"), &table.rows, &mut out);
        add(&mut out, ",");
        contents.push((i, "QueryResult", table.name.as_str()));
    }
    let next = answer.tables.len();
    contents.push((next, "QueryProperties", "@ExtendedProperties"));
    contents.push((next + 1, "QueryStatus", "QueryStatus"));
    let string =
        |name: &str| json!({ "ColumnName": name, "DataType": "String", "ColumnType": "string" });
    let long =
        |name: &str| json!({ "ColumnName": name, "DataType": "Int64", "ColumnType": "long" });
    let properties = json!({
        "TableName": format!("Table_{next}"),
        "Columns": [string("Value")],
        "Rows": [[render_text(answer)]],
    });
    let status = json!({
        "TableName": format!("Table_{}", next + 1),
        "Columns": [string("Severity"), string("StatusDescription")],
        "Rows": statuses(answer).map(|s| json!([s.level_name, s.payload])).collect::<Vec<_>>(),
    });
    let row = |(i, kind, name): &(usize, &str, &str)| {
        json!([i, kind, name, Uuid::new_v4().to_string(), ""])
    };
    let toc = json!({
        "TableName": format!("Table_{}", next + 2),
        "Columns": [
            long("Ordinal"), string("Kind"), string("Name"), string("Id"), string("PrettyName"),
        ],
        "Rows": contents.iter().map(row).collect::<Vec<_>>(),
    });
    add(&mut out, &format!("{properties},{status},{toc}]}}"));
    out
}

/// What `render` asked for, under Kusto's names.
fn render_text(answer: &QueryAnswer) -> String {
    let capital = |name: &String| -> String {
        let mut letters = name.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
    };
    match answer.render.as_ref().and_then(Value::as_object) {
        None => json!({ "Visualization": null }).to_string(),
        Some(properties) => {
            let object = properties.iter().map(|(name, value)| (capital(name), value.clone()));
            Value::Object(object.collect()).to_string()
        }
    }
}

/// One line about how a query went.
struct Status {
    level: u8,
    level_name: &'static str,
    code_name: &'static str,
    event: &'static str,
    payload: String,
}

fn statuses(answer: &QueryAnswer) -> impl Iterator<Item = Status> {
    let line = |event, payload: Value| Status {
        level: 4,
        level_name: "Info",
        code_name: "S_OK (0)",
        event,
        payload: payload.to_string(),
    };
    let s = &answer.statistics;
    let tables: Vec<Value> =
        answer.tables.iter().map(|t| json!({ "table_row_count": t.rows.len() })).collect();
    let consumption = json!({
        "ExecutionTime": s.elapsed.as_secs_f64(),
        "resource_usage": {
            "cpu": { "total cpu": s.cpu.as_secs_f64() },
            "memory": { "peak_per_node": s.memory_peak },
        },
        "input_dataset_statistics": {
            "extents": { "total": s.segments, "scanned": s.segments.saturating_sub(s.segments_pruned) },
            "rows": { "scanned": s.rows_read },
        },
        "dataset_statistics": tables,
    });
    let partial = answer.partial.as_ref().map(|(code, message)| Status {
        level: 3,
        level_name: "Warning",
        ..line("QueryInfo", json!({ "Count": 1, "Text": format!("{code}: {message}") }))
    });
    let info = line("QueryInfo", json!({ "Count": 1, "Text": "Query completed successfully" }));
    partial.into_iter().chain([info, line("QueryResourceConsumption", consumption)])
}

fn v2_columns(rows: &Rows, out: &mut Pieces) {
    add(out, ",\"Columns\":[");
    for (i, column) in rows.schema.columns.iter().enumerate() {
        add(out, if i > 0 { ",{\"ColumnName\":" } else { "{\"ColumnName\":" });
        write_string(&column.name, out.text());
        add(out, &format!(",\"ColumnType\":\"{}\"}}", column.ty));
    }
    add(out, "]");
}

/// The beginning of a frame that shows a result table: `DataTable`, or `TableHeader` in parts.
fn v2_head(frame: &str, id: usize, table: &ResultTable, out: &mut Pieces) {
    let start = format!(
        ",{{\"FrameType\":\"{frame}\",\"TableId\":{id},\"TableKind\":\"PrimaryResult\",\"TableName\":"
    );
    add(out, &start);
    write_string(&table.name, out.text());
    v2_columns(&table.rows, out);
}

fn v2_table(id: usize, table: &ResultTable, out: &mut Pieces) {
    v2_head("DataTable", id, table, out);
    add(out, ",\"Rows\":");
    out.rows(&table.rows, Dialect::KustoV2);
    add(out, "}");
}

/// The same table in parts.
fn v2_progressive(id: usize, table: &ResultTable, out: &mut Pieces) {
    v2_head("TableHeader", id, table, out);
    let fields = table.rows.schema.len();
    add(
        out,
        &format!(
            "}},{{\"FrameType\":\"TableFragment\",\"TableFragmentType\":\"DataAppend\",\"TableId\":{id},\"FieldCount\":{fields},\"Rows\":"
        ),
    );
    out.rows(&table.rows, Dialect::KustoV2);
    let progress = json!({ "FrameType": "TableProgress", "TableId": id, "TableProgress": 100.0 });
    let end =
        json!({ "FrameType": "TableCompletion", "TableId": id, "RowCount": table.rows.len() });
    add(out, &format!("}},{progress},{end}"));
}

/// All frames of a v2 answer.
pub(super) fn v2(answer: &QueryAnswer, request_id: &str, progressive: bool) -> Pieces {
    let header = json!({
        "FrameType": "DataSetHeader",
        "IsProgressive": progressive,
        "Version": "v2.0",
        "IsFragmented": false,
        "ErrorReportingPlacement": "InData",
    });
    let column = |(name, ty): (&str, &str)| json!({ "ColumnName": name, "ColumnType": ty });
    let property_columns =
        [("TableId", "int"), ("Key", "string"), ("Value", "dynamic")].map(column);
    let properties = json!({
        "FrameType": "DataTable",
        "TableId": 0,
        "TableKind": "QueryProperties",
        "TableName": "@ExtendedProperties",
        "Columns": property_columns,
        "Rows": [[1, "Visualization", render_text(answer)]],
    });
    let mut out = Pieces::new(&format!("[{header},{properties}"));
    for (i, table) in answer.tables.iter().enumerate() {
        let write = if progressive { v2_progressive } else { v2_table };
        write(i + 1, table, &mut out);
    }
    let columns = [
        ("ClientRequestId", "string"),
        ("Level", "int"),
        ("LevelName", "string"),
        ("StatusCode", "int"),
        ("StatusCodeName", "string"),
        ("EventTypeName", "string"),
        ("Payload", "string"),
    ]
    .map(column);
    let row =
        |s: Status| json!([request_id, s.level, s.level_name, 0, s.code_name, s.event, s.payload]);
    let completion = json!({
        "FrameType": "DataTable",
        "TableId": answer.tables.len() + 1,
        "TableKind": "QueryCompletionInformation",
        "TableName": "QueryCompletionInformation",
        "Columns": columns,
        "Rows": statuses(answer).map(row).collect::<Vec<_>>(),
    });
    let end = json!({ "FrameType": "DataSetCompletion", "HasErrors": false, "Cancelled": false });
    add(&mut out, &format!(",{completion},{end}]"));
    out
}
