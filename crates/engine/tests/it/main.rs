//! Queries and their rows, as data: every file of `cases/` is run and compared.
//!
//! A case is a heading line `# what it shows`, `query` with options, the KQL, `----`, and the rows: cells separated by
//! a tab or ` | `, `null` for null. Options: `rowsort` compares without order, `schema` puts `name:type` first.
//! An error case is `error` with a text that the message must hold.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod bounds;
mod explain;
mod readings;
mod reference;
mod unasked;

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use engine::Query;
use engine::source::MemoryCatalog;
use model::{DateTime, ScalarType, Value};

struct Case {
    place: String,
    title: String,
    options: Vec<String>,
    query: String,
    expected: Vec<String>,
}

fn cases(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut cases = Vec::new();
    let mut title = String::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        if let Some(heading) = line.strip_prefix("# ") {
            heading.clone_into(&mut title);
            continue;
        }
        if !line.starts_with("query") && !line.starts_with("error") {
            assert!(
                line.trim().is_empty(),
                "{}:{}: not a case: {line}",
                path.display(),
                number + 1
            );
            continue;
        }
        let options = line.split_whitespace().map(str::to_owned).collect();
        let mut query = String::new();
        for (_, line) in lines.by_ref() {
            if line == "----" {
                break;
            }
            writeln!(query, "{line}").unwrap();
        }
        let mut expected = Vec::new();
        while let Some((_, line)) = lines.next_if(|(_, l)| !l.is_empty()) {
            expected.push(line.to_owned());
        }
        let place = format!("{}:{}", path.file_name().unwrap().to_string_lossy(), number + 1);
        cases.push(Case { place, title: title.clone(), options, query, expected });
    }
    cases
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(s) if s.is_empty() => "''".to_owned(),
        other => other.to_string(),
    }
}

fn run(case: &Case) -> Result<Vec<String>, String> {
    let now = DateTime::parse("2024-06-01T12:00:00Z").unwrap();
    let query = Query::new(&case.query, Arc::new(MemoryCatalog::default()), now);
    let answer = engine::query(&query).map_err(|e| e.to_string())?;
    let mut lines = Vec::new();
    for table in &answer.tables {
        if case.options.iter().any(|o| o == "schema") {
            let schema: Vec<String> =
                table.rows.schema.columns.iter().map(|c| format!("{}:{}", c.name, c.ty)).collect();
            lines.push(schema.join(" | "));
        }
        let mut rows: Vec<String> = table
            .rows
            .values()
            .map(|row| row.iter().map(show).collect::<Vec<_>>().join(" | "))
            .collect();
        if case.options.iter().any(|o| o == "rowsort") {
            rows.sort();
        }
        lines.extend(rows);
    }
    Ok(lines)
}

#[test]
fn all_cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let mut failures = String::new();
    let mut count = 0;
    for case in
        files.iter().filter(|f| f.extension().is_some_and(|e| e == "slt")).flat_map(|f| cases(f))
    {
        count += 1;
        let got = run(&case);
        let wants_error = case.options[0] == "error";
        let ok = match &got {
            Ok(lines) => !wants_error && *lines == case.expected,
            Err(message) => {
                wants_error && case.expected.iter().all(|part| message.contains(part.as_str()))
            }
        };
        if !ok {
            writeln!(
                failures,
                "\n{} {}\n{}wanted {:#?}\ngot {got:#?}",
                case.place, case.title, case.query, case.expected
            )
            .unwrap();
        }
    }
    assert!(count > 10, "the cases were not found");
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn a_transform_sees_one_record_at_a_time_and_no_other_table() {
    let now = DateTime::parse("2024-06-01T12:00:00Z").unwrap();
    let rows = || {
        let schema = model::Schema::new([("a", ScalarType::Long), ("s", ScalarType::String)]);
        model::Rows::from_values(
            Arc::new(schema),
            [vec![Value::Long(1), Value::string("x=5")], vec![Value::Long(2), Value::string("")]],
        )
    };
    let text = "let twice = (n:long) { n * 2 }; source | where a < 5 | extend b = twice(a) | parse s with 'x=' x:long | project-rename c = b | project-away s | project a, c, x";
    let made = engine::transform(text, rows(), now).unwrap();
    assert_eq!(made.values().count(), 2);
    assert_eq!(engine::transform("print a = 1", rows(), now).unwrap().values().count(), 1);
    for (text, told) in [
        ("Heartbeat", "Heartbeat"),
        ("source | extend n = toscalar(Heartbeat | project a)", "Heartbeat"),
        ("source | summarize count()", "'summarize'"),
        ("source | extend n = toscalar(source | count)", "'count'"),
        ("source | join (source) on a", "'join'"),
        ("union source, source", "'union'"),
        ("source | mv-expand d = dynamic([1, 2])", "'mv-expand'"),
        ("source | make-graph a --> s", "'make-graph'"),
        ("let f = () { source | take 1 }; f()", "'take'"),
        ("externaldata(a:long)['https://localhost/x']", "externaldata"),
        ("_SavedFunction(1)", "_SavedFunction"),
    ] {
        let error = engine::transform(text, rows(), now).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(told), "{text}: {error}");
    }
    let counted = engine::query_rows("source | count", rows(), now).unwrap();
    assert_eq!(counted.get(0, "Count"), Some(Value::Long(2)));
}
