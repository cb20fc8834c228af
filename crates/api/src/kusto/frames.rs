//! Answers of the query endpoints: v1 tables, v2 frames.

use model::{QueryAnswer, Rows, ScalarType};
use serde_json::json;

use crate::wire::cells::{Dialect, write_rows, write_string};

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

fn v1_table(name: &str, rows: &Rows, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"TableName\":");
    write_string(name, out);
    out.extend_from_slice(b",\"Columns\":[");
    for (i, column) in rows.schema.columns.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"ColumnName\":");
        write_string(&column.name, out);
        out.extend_from_slice(
            format!(",\"DataType\":\"{}\",\"ColumnType\":\"{}\"}}", data_type(column.ty), column.ty).as_bytes(),
        );
    }
    out.extend_from_slice(b"],\"Rows\":");
    write_rows(rows, Dialect::KustoV1, out);
    out.push(b'}');
}

/// One table alone: management commands, streaming ingestion.
pub(super) fn v1_single(rows: &Rows) -> Vec<u8> {
    let mut out = Vec::from(&b"{\"Tables\":["[..]);
    v1_table("Table_0", rows, &mut out);
    out.extend_from_slice(b"]}");
    out
}

/// Results, query properties, completion, and the table of contents that tells them apart.
pub(super) fn v1(answer: &QueryAnswer) -> Vec<u8> {
    let mut out = Vec::from(&b"{\"Tables\":["[..]);
    let mut contents = Vec::new();
    for (i, table) in answer.tables.iter().enumerate() {
        v1_table(&format!("Table_{i}"), &table.rows, &mut out);
        out.push(b',');
        contents.push((i, "QueryResult", table.name.clone()));
    }
    let next = answer.tables.len();
    let properties = render_text(answer);
    let mut fixed = |value: serde_json::Value| out.extend_from_slice(format!("{value},").as_bytes());
    let string = |name: &str| json!({ "ColumnName": name, "DataType": "String", "ColumnType": "string" });
    let long = |name: &str| json!({ "ColumnName": name, "DataType": "Int64", "ColumnType": "long" });
    fixed(json!({ "TableName": format!("Table_{next}"), "Columns": [string("Value")], "Rows": [[properties]] }));
    contents.push((next, "QueryProperties", "@ExtendedProperties".to_owned()));
    let seconds = answer.statistics.elapsed.as_secs_f64();
    fixed(json!({
        "TableName": format!("Table_{}", next + 1),
        "Columns": [string("Severity"), string("StatusDescription")],
        "Rows": [["Info", json!({ "ExecutionTime": seconds, "rows_read": answer.statistics.rows_read }).to_string()]],
    }));
    contents.push((next + 1, "QueryStatus", "QueryStatus".to_owned()));
    let rows: Vec<_> = contents
        .iter()
        .map(|(i, kind, name)| json!([i, kind, name, uuid::Uuid::new_v4().to_string(), ""]))
        .collect();
    let toc = json!({
        "TableName": format!("Table_{}", next + 2),
        "Columns": [long("Ordinal"), string("Kind"), string("Name"), string("Id"), string("PrettyName")],
        "Rows": rows,
    });
    out.extend_from_slice(format!("{toc}]}}").as_bytes());
    out
}

fn render_text(answer: &QueryAnswer) -> String {
    answer.render.as_ref().map_or_else(|| json!({ "Visualization": null }).to_string(), |render| {
        let mut object = serde_json::Map::new();
        if let Some(properties) = render.as_object() {
            for (name, value) in properties {
                let mut letters = name.chars();
                let name: String =
                    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
                object.insert(name, value.clone());
            }
        }
        serde_json::Value::Object(object).to_string()
    })
}

fn v2_columns(rows: &Rows, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"Columns\":[");
    for (i, column) in rows.schema.columns.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"ColumnName\":");
        write_string(&column.name, out);
        out.extend_from_slice(format!(",\"ColumnType\":\"{}\"}}", column.ty).as_bytes());
    }
    out.push(b']');
}

/// All frames of a v2 answer.
pub(super) fn v2(answer: &QueryAnswer, request_id: &str, progressive: bool) -> Vec<u8> {
    let mut out = Vec::from(&b"["[..]);
    let header = json!({
        "FrameType": "DataSetHeader", "IsProgressive": progressive, "Version": "v2.0",
        "IsFragmented": false, "ErrorReportingPlacement": "InData",
    });
    out.extend_from_slice(header.to_string().as_bytes());
    let properties = json!({
        "FrameType": "DataTable", "TableId": 0, "TableKind": "QueryProperties", "TableName": "@ExtendedProperties",
        "Columns": [
            { "ColumnName": "TableId", "ColumnType": "int" },
            { "ColumnName": "Key", "ColumnType": "string" },
            { "ColumnName": "Value", "ColumnType": "dynamic" },
        ],
        "Rows": [[1, "Visualization", render_text(answer)]],
    });
    out.extend_from_slice(format!(",{properties}").as_bytes());
    for (i, table) in answer.tables.iter().enumerate() {
        let id = i + 1;
        let kind = "PrimaryResult";
        if progressive {
            out.extend_from_slice(format!(",{{\"FrameType\":\"TableHeader\",\"TableId\":{id},\"TableKind\":\"{kind}\",\"TableName\":").as_bytes());
            write_string(&table.name, &mut out);
            out.push(b',');
            v2_columns(&table.rows, &mut out);
            out.extend_from_slice(format!("}},{{\"FrameType\":\"TableFragment\",\"TableFragmentType\":\"DataAppend\",\"TableId\":{id},\"FieldCount\":{},\"Rows\":", table.rows.schema.len()).as_bytes());
            write_rows(&table.rows, Dialect::KustoV2, &mut out);
            out.extend_from_slice(format!("}},{{\"FrameType\":\"TableProgress\",\"TableId\":{id},\"TableProgress\":100.0}}").as_bytes());
            out.extend_from_slice(format!(",{{\"FrameType\":\"TableCompletion\",\"TableId\":{id},\"RowCount\":{}}}", table.rows.len()).as_bytes());
        } else {
            out.extend_from_slice(format!(",{{\"FrameType\":\"DataTable\",\"TableId\":{id},\"TableKind\":\"{kind}\",\"TableName\":").as_bytes());
            write_string(&table.name, &mut out);
            out.push(b',');
            v2_columns(&table.rows, &mut out);
            out.extend_from_slice(b",\"Rows\":");
            write_rows(&table.rows, Dialect::KustoV2, &mut out);
            out.push(b'}');
        }
    }
    let seconds = answer.statistics.elapsed.as_secs_f64();
    let completion = json!({
        "FrameType": "DataTable", "TableId": answer.tables.len() + 1, "TableKind": "QueryCompletionInformation",
        "TableName": "QueryCompletionInformation",
        "Columns": [
            { "ColumnName": "ClientRequestId", "ColumnType": "string" },
            { "ColumnName": "Level", "ColumnType": "int" },
            { "ColumnName": "LevelName", "ColumnType": "string" },
            { "ColumnName": "StatusCode", "ColumnType": "int" },
            { "ColumnName": "StatusCodeName", "ColumnType": "string" },
            { "ColumnName": "EventTypeName", "ColumnType": "string" },
            { "ColumnName": "Payload", "ColumnType": "string" },
        ],
        "Rows": [[request_id, 4, "Info", 0, "S_OK (0)", "QueryInfo",
            json!({ "Count": 1, "Text": "Query completed successfully" }).to_string()],
            [request_id, 4, "Info", 0, "S_OK (0)", "QueryResourceConsumption",
            json!({ "ExecutionTime": seconds, "rows_read": answer.statistics.rows_read }).to_string()]],
    });
    out.extend_from_slice(format!(",{completion}").as_bytes());
    let end = json!({ "FrameType": "DataSetCompletion", "HasErrors": false, "Cancelled": false });
    out.extend_from_slice(format!(",{end}]").as_bytes());
    out
}
