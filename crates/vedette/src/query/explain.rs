//! `vedette query --explain`: the plan in place of the rows, as a tree.

use std::sync::Arc;

use model::{QueryAnswer, Rows, ScalarType, Schema, Value};

/// Columns of the plan that are shown behind the step.
const SHOWN: [&str; 6] = ["Rows", "Time", "RowsRead", "Segments", "SegmentsPruned", "Detail"];

/// The query that also gives its plan. The text keeps its lines.
pub(super) fn asking(text: &str) -> String {
    format!("set query_explain; {text}")
}

/// Leaves the plan alone of an answer, with each step indented below the one that takes its rows.
pub(super) fn only_plan(answer: &mut QueryAnswer) {
    answer.tables.retain(|t| t.name == "QueryPlan");
    answer.render = None;
    for table in &mut answer.tables {
        table.rows = tree(&table.rows);
    }
}

fn tree(rows: &Rows) -> Rows {
    let place = |name: &str| rows.schema.position(name);
    let columns = rows.schema.columns.iter().filter(|c| SHOWN.contains(&&*c.name));
    let mut columns: Vec<(&str, ScalarType)> = columns.map(|c| (&*c.name, c.ty)).collect();
    columns.sort_by_key(|(name, _)| SHOWN.iter().position(|shown| shown == name));
    let cells = rows.values().map(|row| {
        let cell = |name: &str| place(name).and_then(|at| row.get(at)).cloned();
        let depth = cell("Depth").and_then(|d| d.as_i64()).unwrap_or_default();
        let indent = "  ".repeat(usize::try_from(depth).unwrap_or_default());
        let step = cell("Step").unwrap_or(Value::Null);
        let mut shown = vec![Value::string(format!("{indent}{step}"))];
        shown.extend(columns.iter().map(|(name, _)| cell(name).unwrap_or(Value::Null)));
        shown
    });
    let schema = Schema::new([("Step", ScalarType::String)].into_iter().chain(columns.clone()));
    Rows::from_values(Arc::new(schema), cells.collect::<Vec<_>>())
}
