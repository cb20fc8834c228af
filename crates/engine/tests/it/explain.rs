//! `set query_explain;`: which steps there are and what each did.

use std::sync::Arc;

use engine::Query;
use engine::source::{MemoryCatalog, MemoryTable};
use model::{DateTime, QueryAnswer, Rows, ScalarType, Schema, Value};

fn ask(text: &str, bind_only: bool) -> QueryAnswer {
    let schema = Arc::new(Schema::new([("a", ScalarType::Long), ("s", ScalarType::String)]));
    let row = |n: i64| vec![Value::Long(n), Value::string(if n % 2 == 0 { "even" } else { "odd" })];
    let rows = Rows::from_values(schema, (0..10).map(row));
    let mut catalog = MemoryCatalog::default();
    catalog.insert(Arc::new(MemoryTable::new("T", rows)));
    let now = DateTime::parse("2024-06-01T12:00:00Z").unwrap();
    let query = Query { bind_only, ..Query::new(text, Arc::new(catalog), now) };
    engine::query(&query).unwrap()
}

/// Step, detail, rows, rows read.
fn steps(answer: &QueryAnswer) -> Vec<(String, String, String, String)> {
    let plan = answer.tables.last().unwrap();
    assert_eq!(plan.name, "QueryPlan");
    let at = |row: &[Value], name: &str| {
        let indent = match &row[0] {
            Value::Int(depth) if name == "Step" => " ".repeat(usize::try_from(*depth).unwrap()),
            _ => String::new(),
        };
        format!("{indent}{}", row[plan.rows.schema.position(name).unwrap()])
    };
    let all = plan
        .rows
        .values()
        .map(|row| (at(&row, "Step"), at(&row, "Detail"), at(&row, "Rows"), at(&row, "RowsRead")));
    all.collect()
}

#[test]
fn steps_stand_above_their_inputs_with_rows_counted() {
    let answer =
        ask("set query_explain; T | where a > 3 | summarize n = count() by s | top 1 by n", false);
    assert_eq!(answer.tables.len(), 2);
    assert_eq!(answer.tables[0].rows.len(), 1);
    let steps = steps(&answer);
    let names: Vec<&str> = steps.iter().map(|s| s.0.as_str()).collect();
    let stages = ["parse", "bind", "optimize", "run"];
    assert_eq!(names[..4], stages);
    assert_eq!(names[4..], [" sort", "  summarize", "   project", "    where", "     scan"]);
    assert_eq!((steps[4].2.as_str(), steps[5].2.as_str(), steps[7].2.as_str()), ("1", "2", "6"));
    assert_eq!(steps[5].1, "count() by s");
    assert_eq!(steps[7].1, "a > 3");
    assert_eq!((steps[8].1.starts_with("T, 2 columns"), steps[8].3.as_str()), (true, "10"));
    // what scans counted is in the sum as well
    assert_eq!(answer.statistics.rows_read, 10);
}

#[test]
fn subqueries_and_shared_parts_are_shown_once() {
    let answer = ask(
        "set query_explain = true; let M = materialize(T | where s == 'odd'); \
         union M, (T | where a in (M | project a))",
        false,
    );
    let steps = steps(&answer);
    let scans = steps.iter().filter(|s| s.0.trim() == "scan").count();
    assert_eq!(scans, 2, "{steps:#?}");
    assert!(steps.iter().any(|s| s.1 == "a in (subquery)"), "{steps:#?}");
    assert_eq!(answer.tables[0].rows.len(), 10);
}

#[test]
fn it_is_asked_for() {
    assert_eq!(ask("T | take 1", false).tables.len(), 1);
    assert_eq!(ask("set query_explain=false; T | take 1", false).tables.len(), 1);
    let bound = ask("set query_explain; T | count", true);
    assert_eq!(bound.tables.len(), 2);
    assert!(bound.tables[0].rows.is_empty());
}

#[test]
fn what_can_never_hold_is_not_read() {
    let legs = "let leg = (off:bool) { T | where not(off) | extend b = strcat(s, a) };";
    for (text, scans, rows) in [
        ("union (leg(true)), (leg(false)) | where a > 3 | summarize count()", 1, "[[Long(6)]]"),
        ("union (leg(true)), (leg(true)) | summarize count()", 0, "[[Long(0)]]"),
        ("leg(true) | summarize count() by b", 0, "[]"),
        ("leg(true) | join kind=leftouter (T) on a | where s1 == 'odd'", 0, "[]"),
        ("leg(true) | join kind=rightouter (T) on a | summarize count()", 1, "[[Long(10)]]"),
        ("leg(true) | mv-expand x = range(1, a) to typeof(long) | sort by x", 0, "[]"),
        ("T | where a > 3 and bool(null) | project a", 0, "[]"),
        ("T | where 1 == 2 | parse s with 'e' rest | distinct rest", 0, "[]"),
    ] {
        let answer = ask(&format!("set query_explain; {legs} {text}"), false);
        let got: Vec<Vec<Value>> = answer.tables[0].rows.values().collect();
        assert_eq!(format!("{got:?}"), rows, "{text}");
        let steps = steps(&answer);
        let seen = steps.iter().filter(|s| s.0.trim() == "scan").count();
        assert_eq!(seen, scans, "{text}: {steps:#?}");
        assert_eq!(answer.statistics.rows_read, scans as u64 * 10, "{text}");
    }
}
