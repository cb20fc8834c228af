//! Saved functions are bound only as far as they are read, once they are known to mean something: the rows are the same.

use std::path::Path;
use std::sync::Arc;

use engine::Query;
use engine::source::{MemoryCatalog, MemoryTable};
use model::{DateTime, FunctionDefinition, Rows, ScalarType, Schema, Value};

fn function(name: &str, parameters: &str, body: &str) -> FunctionDefinition {
    FunctionDefinition { name: name.into(), parameters: parameters.into(), body: body.into() }
}

/// Column names and rows, sorted.
fn ask(text: &str, catalog: &MemoryCatalog) -> Result<(Vec<String>, Vec<Vec<String>>), String> {
    let now = DateTime::parse("2024-06-01T12:00:00Z").unwrap();
    let query = Query::new(text, Arc::new(catalog.clone()), now);
    let answer = engine::query(&query).map_err(|e| e.to_string())?;
    let [table] = answer.tables.as_slice() else { return Err("several tables".to_owned()) };
    let columns = table.rows.schema.columns.iter().map(|c| format!("{}:{}", c.name, c.ty));
    let row = |row: Vec<Value>| row.iter().map(Value::to_string).collect::<Vec<_>>();
    let mut rows: Vec<_> = table.rows.values().map(row).collect();
    rows.sort();
    Ok((columns.collect(), rows))
}

/// Every case of `cases/` as the body of a function, of which one column after the other is asked for.
#[test]
fn every_case_gives_the_same_column_by_column() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let files = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path());
    let mut asked = 0;
    let mut failures = Vec::new();
    for case in files.flat_map(|file| super::cases(&file)) {
        if case.query.contains("query_take_max_records") {
            continue; // bounds the answer, not the function's rows
        }
        let mut catalog = MemoryCatalog::default();
        catalog.insert_function(function("Case", "", &case.query));
        let Ok((columns, rows)) = ask("Case", &catalog) else { continue };
        for (at, column) in columns.iter().enumerate() {
            let name = column.rsplit_once(':').unwrap().0.replace('\'', "\\'");
            let one = ask(&format!("Case | project ['{name}']"), &catalog);
            let mut wanted: Vec<_> = rows.iter().map(|row| vec![row[at].clone()]).collect();
            wanted.sort();
            asked += 1;
            if one != Ok((vec![column.clone()], wanted)) {
                failures.push(format!("{} {name}: {one:?}\n{}", case.place, case.query));
            }
        }
        let counted = ask("Case | count", &catalog);
        if counted.map(|(_, n)| n) != Ok(vec![vec![rows.len().to_string()]]) {
            failures.push(format!("{} count\n{}", case.place, case.query));
        }
    }
    assert!(asked > 250, "{asked}");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

fn table(name: &str, columns: &[(&str, ScalarType)], rows: &[&[Value]]) -> Arc<MemoryTable> {
    let schema = Arc::new(Schema::new(columns.iter().copied()));
    let rows = Rows::from_values(schema, rows.iter().map(|r| r.to_vec()));
    Arc::new(MemoryTable::new(name, rows))
}

fn catalog(logins: &[(&str, ScalarType)]) -> MemoryCatalog {
    let mut catalog = MemoryCatalog::default();
    let row: Vec<Value> = logins
        .iter()
        .map(|(name, ty)| match ty {
            ScalarType::Long => Value::Long(7),
            _ => Value::string(name),
        })
        .collect();
    catalog.insert(table("Logins", logins, &[&row]));
    let mails =
        [("user", ScalarType::String), ("size", ScalarType::Long), ("note", ScalarType::String)];
    let mail = [Value::string("ann"), Value::Long(5), Value::string("n")];
    catalog.insert(table("Mails", &mails, &[&mail]));
    catalog
}

const LOGINS: &[(&str, ScalarType)] =
    &[("user", ScalarType::String), ("size", ScalarType::String), ("ip", ScalarType::String)];

/// Names that joins number and unions tell apart by type are made of columns that nobody names.
#[test]
fn made_up_names_stay() {
    let mut catalog = catalog(LOGINS);
    catalog.insert_function(function("All", "", "union withsource=T Logins, Mails"));
    catalog.insert_function(function(
        "Joined",
        "",
        "Mails | extend k = 1 | join kind=inner (Mails | extend k = 1) on k",
    ));
    catalog.insert_function(function(
        "Picked",
        "column:string",
        "Mails | extend picked = column_ifexists(column, 'none'), other = size",
    ));
    let cases = [
        ("All | project size_long", "size_long:long", vec!["", "5"]),
        ("All | project size_string", "size_string:string", vec!["", "size"]),
        ("All | where T == 'Mails' | project note", "note:string", vec!["n"]),
        ("Joined | project note1", "note1:string", vec!["n"]),
        ("Joined | summarize sum(size1) by user", "user:string", vec!["ann"]),
        ("Joined | count", "Count:long", vec!["1"]),
        ("Picked('note') | project picked", "picked:string", vec!["n"]),
        ("Picked('user') | project picked", "picked:string", vec!["ann"]),
        ("Picked('nothing') | project picked", "picked:string", vec!["none"]),
    ];
    for round in 0..2 {
        for (query, column, values) in &cases {
            let (columns, mut rows) = ask(query, &catalog).unwrap();
            assert_eq!(columns[0], *column, "{round} {query}");
            let first: Vec<String> = rows.drain(..).map(|r| r[0].clone()).collect();
            assert_eq!(first, *values, "{round} {query}");
        }
    }
}

/// What is wrong in columns that nobody asks for is said when it is seen first, and when a table has changed.
#[test]
fn slips_are_found_where_nobody_looks() {
    let body = "Logins | extend a = strlen(user), b = strlen(ip)";
    let mut first = catalog(LOGINS);
    first.insert_function(function("Slip", "", "Logins | extend a = user, b = nowhere"));
    first.insert_function(function("Sound", "", body));
    for _ in 0..2 {
        let refused = ask("Slip | project a", &first).unwrap_err();
        assert!(refused.contains("'nowhere'"), "{refused}");
        assert!(ask("Sound | project a", &first).is_ok());
        let refused = ask("Sound | project a, nothing", &first).unwrap_err();
        assert!(refused.contains("'nothing'"), "{refused}");
    }
    let changed =
        [("user", ScalarType::String), ("size", ScalarType::String), ("ip", ScalarType::Long)];
    let mut second = catalog(&changed);
    second.insert_function(function("Sound", "", body));
    let refused = ask("Sound | project a", &second).unwrap_err();
    assert!(refused.contains("strlen"), "{refused}");
    // a leg that does not resolve is left out as before
    second.insert_function(function(
        "Both",
        "",
        "union isfuzzy=true Sound, (Mails | extend a = size)",
    ));
    for _ in 0..2 {
        assert_eq!(ask("Both | project a", &second).unwrap().1, [["5"]]);
    }
}
