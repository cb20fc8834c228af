//! Steps against plain readings of the rules, over tables in several physical forms, with and without enough memory.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod aggregates;
mod forms;
mod joins;
mod limits;
mod logic;
mod sorts;
mod steps;
mod wide;

use std::sync::Arc;

use model::{Column, QueryAnswer, QueryError, Rows, Schema};
use values::{DateTime, ScalarType, Value};

use crate::Query;
use crate::source::{MemoryCatalog, MemoryTable};
use forms::{FORMS, Form};

/// A table of values.
#[derive(Clone, Debug)]
struct Table {
    name: &'static str,
    columns: Vec<(&'static str, ScalarType)>,
    rows: Vec<Vec<Value>>,
}

/// How a query is run.
#[derive(Clone, Copy, Debug)]
struct How {
    form: Form,
    threads: usize,
    memory: usize,
}

const PLAIN: How = How { form: Form::Plain, threads: 1, memory: 512 << 20 };

/// Runs a query over tables in one of their forms.
fn run(tables: &[Table], text: &str, how: How) -> Result<QueryAnswer, QueryError> {
    let mut catalog = MemoryCatalog::default();
    for table in tables {
        let columns = table.columns.iter().map(|(n, t)| Column::new(n, *t)).collect();
        let schema = Arc::new(Schema { columns });
        let rows = Rows::from_values(schema, table.rows.clone());
        catalog.insert(Arc::new(MemoryTable::new(table.name, how.form.of(&rows))));
    }
    let mut query = Query::new(text, Arc::new(catalog), DateTime::UNIX_EPOCH);
    query.threads = how.threads;
    query.limits.memory_max = how.memory;
    crate::query(&query)
}

/// The rows of a query.
fn rows(tables: &[Table], text: &str, how: How) -> Vec<Vec<Value>> {
    match run(tables, text, how) {
        Ok(answer) => answer.tables[0].rows.values().collect(),
        Err(error) => panic!("{text}\n{how:?}: {error}"),
    }
}

/// Rows in an order of their own, for comparisons without order.
fn sorted(mut rows: Vec<Vec<Value>>) -> Vec<Vec<Value>> {
    rows.sort_by(|a, b| {
        let cells = a.iter().zip(b).map(|(a, b)| a.total_cmp(b));
        cells.fold(std::cmp::Ordering::Equal, std::cmp::Ordering::then)
    });
    rows
}

/// Rows as text: one line a row, cells by ` | `.
fn text(rows: &[Vec<Value>]) -> String {
    let cell = |v: &Value| if v.is_null() { "null".to_owned() } else { v.to_string() };
    let line = |row: &Vec<Value>| row.iter().map(cell).collect::<Vec<_>>().join(" | ");
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Compares as text, so that NaN equals NaN.
#[track_caller]
fn same(expected: &[Vec<Value>], got: &[Vec<Value>], what: &str) {
    assert_eq!(text(expected), text(got), "{what}");
}
