//! Runs a KQL file without tables and prints the result as JSON: `cargo run -p engine --example kql -- FILE`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::sync::Arc;

use engine::source::MemoryCatalog;

fn main() {
    let Some(path) = std::env::args().nth(1) else {
        eprintln!("usage: kql FILE");
        std::process::exit(2);
    };
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let now = model::Clock::now(&model::SystemClock);
    let query = engine::Query::new(&text, Arc::new(MemoryCatalog::default()), now);
    match engine::query(&query) {
        Ok(answer) => {
            let tables: Vec<serde_json::Value> = answer
                .tables
                .iter()
                .map(|t| {
                    let columns: Vec<_> = t
                        .rows
                        .schema
                        .columns
                        .iter()
                        .map(|c| serde_json::json!({"name": &*c.name, "type": c.ty.name()}))
                        .collect();
                    let rows: Vec<Vec<serde_json::Value>> = t
                        .rows
                        .values()
                        .map(|r| r.iter().map(values::Value::to_json).collect())
                        .collect();
                    serde_json::json!({"name": t.name, "columns": columns, "rows": rows})
                })
                .collect();
            println!("{}", serde_json::json!({ "tables": tables }));
        }
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}
