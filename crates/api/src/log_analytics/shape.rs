//! The shape of an answer: tables, and what was asked for beside them.

use model::QueryAnswer;
use serde_json::{Value, json};

use super::question::Question;
use crate::wire::answer::Pieces;
use crate::wire::cells::{Dialect, write_string};

/// `{"tables":[{"name","columns","rows"}], "statistics", "render", "error"}`
pub(super) fn answer(answer: &QueryAnswer, question: &Question) -> Pieces {
    let mut out = Pieces::new("{\"tables\":[");
    for (i, table) in answer.tables.iter().enumerate() {
        let text = out.text();
        if i > 0 {
            text.push(b',');
        }
        text.extend_from_slice(b"{\"name\":");
        write_string(&table.name, text);
        text.extend_from_slice(b",\"columns\":[");
        for (at, column) in table.rows.schema.columns.iter().enumerate() {
            if at > 0 {
                text.push(b',');
            }
            text.extend_from_slice(b"{\"name\":");
            write_string(&column.name, text);
            text.extend_from_slice(b",\"type\":\"");
            text.extend_from_slice(column.ty.name().as_bytes());
            text.extend_from_slice(b"\"}");
        }
        text.extend_from_slice(b"],\"rows\":");
        out.rows(&table.rows, Dialect::LogAnalytics);
        out.text().push(b'}');
    }
    let text = out.text();
    text.push(b']');
    let mut member = |name: &str, value: &Value| {
        text.extend_from_slice(format!(",\"{name}\":{value}").as_bytes());
    };
    if question.statistics {
        member("statistics", &statistics(answer));
    }
    if let (true, Some(render)) = (question.render, &answer.render) {
        member("render", render);
    }
    if let Some((code, message)) = &answer.partial {
        member("error", &partial_error(code, message));
    }
    text.push(b'}');
    out
}

/// Clients take an answer with this beside its tables for a partial one.
fn partial_error(code: &str, message: &str) -> Value {
    json!({
        "code": "PartialError",
        "message": "There were some errors when processing your query.",
        "details": [{
            "code": code,
            "message": message,
            "innererror": {
                "code": "-2133196797",
                "message": message,
                "severity": 2,
                "severityName": "Error",
            },
        }],
    })
}

fn statistics(answer: &QueryAnswer) -> Value {
    let s = &answer.statistics;
    let scanned = s.segments.saturating_sub(s.segments_pruned);
    let tables: Vec<Value> =
        answer.tables.iter().map(|t| json!({ "tableRowCount": t.rows.len() })).collect();
    json!({ "query": {
        "executionTime": s.elapsed.as_secs_f64(),
        "resourceUsage": {
            "cpu": { "totalCpu": s.cpu.as_secs_f64() },
            "memory": { "peakPerNode": s.memory_peak },
        },
        "inputDatasetStatistics": {
            "extents": { "total": s.segments, "scanned": scanned },
            "rows": { "scanned": s.rows_read },
        },
        "datasetStatistics": tables,
    }})
}
