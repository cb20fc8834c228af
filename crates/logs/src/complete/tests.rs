#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use model::rows::cell;
use model::{AppendRequest, DateTime, Rows, ScalarType, Schema, TableInfo, TableKind, Value};

use super::complete;

const RECEIVED: DateTime = DateTime::from_ticks(638_000_000_000_000_000);

fn table() -> TableInfo {
    TableInfo {
        name: Arc::from("Events_CL"),
        kind: TableKind::Custom,
        schema: Arc::new(Schema::new([
            ("TimeGenerated", ScalarType::DateTime),
            ("Computer", ScalarType::String),
            ("Count", ScalarType::Long),
            ("Ratio", ScalarType::Real),
            ("Type", ScalarType::String),
            ("TenantId", ScalarType::String),
            ("_ItemId", ScalarType::String),
        ])),
        retention_days: 30,
        total_retention_days: 30,
    }
}

fn request(columns: &[(&str, ScalarType)], rows: &[&[Value]]) -> AppendRequest {
    let schema = Arc::new(Schema::new(columns.iter().copied()));
    let rows = Rows::from_values(Arc::clone(&schema), rows.iter().map(|r| r.to_vec()));
    AppendRequest {
        workspace: Arc::from("w"),
        table: Arc::from("Events_CL"),
        schema,
        batch: rows.batches[0].clone(),
        batch_id: None,
        received: RECEIVED,
    }
}

#[test]
fn absent_and_null_times_become_the_time_of_receipt() {
    let given = DateTime::from_ticks(5);
    let request = request(
        &[("TimeGenerated", ScalarType::DateTime)],
        &[&[Value::DateTime(given)], &[Value::Null]],
    );
    let columns = complete(&table(), &request).unwrap();
    let cells: Vec<Value> =
        (0..2).map(|r| cell(&columns[0].array, ScalarType::DateTime, r)).collect();
    assert_eq!(cells, [Value::DateTime(given), Value::DateTime(RECEIVED)]);

    let without = self::request(&[("Computer", ScalarType::String)], &[&[Value::string("a")]]);
    let columns = complete(&table(), &without).unwrap();
    assert_eq!(&*columns[1].column.name, "TimeGenerated");
    assert_eq!(cell(&columns[1].array, ScalarType::DateTime, 0), Value::DateTime(RECEIVED));
}

#[test]
fn holes_in_system_columns_are_filled() {
    let types: Vec<(&str, ScalarType)> =
        ["Type", "TenantId", "_ItemId"].iter().map(|n| (*n, ScalarType::String)).collect();
    let kept = [Value::string("x"), Value::string("y"), Value::string("z")];
    let holes = [Value::string(""), Value::string(""), Value::string("")];
    let columns = complete(&table(), &request(&types, &[&kept, &holes])).unwrap();
    for (i, first) in kept.iter().enumerate() {
        assert_eq!(cell(&columns[i].array, ScalarType::String, 0), *first);
    }
    assert_eq!(cell(&columns[0].array, ScalarType::String, 1), Value::string("Events_CL"));
    assert_eq!(cell(&columns[1].array, ScalarType::String, 1), Value::string("w"));
    assert_eq!(model::rows::text(&columns[2].array, 1).len(), 36);
}

#[test]
fn what_every_row_has_is_not_stored() {
    let types = [("Type", ScalarType::String), ("TenantId", ScalarType::String)];
    let row = [Value::string("Events_CL"), Value::string("w")];
    let columns = complete(&table(), &request(&types, &[&row, &row])).unwrap();
    let names: Vec<&str> = columns.iter().map(|c| &*c.column.name).collect();
    assert_eq!(names, ["TimeGenerated"]);
}

#[test]
fn integers_widen_and_nothing_else_is_converted() {
    let widened = request(
        &[("Count", ScalarType::Int), ("Ratio", ScalarType::Int)],
        &[&[Value::Int(-3), Value::Int(4)], &[Value::Null, Value::Null]],
    );
    let columns = complete(&table(), &widened).unwrap();
    assert_eq!(cell(&columns[0].array, ScalarType::Long, 0), Value::Long(-3));
    assert_eq!(cell(&columns[0].array, ScalarType::Long, 1), Value::Null);
    assert_eq!(cell(&columns[1].array, ScalarType::Real, 0), Value::Real(4.0));
}

#[test]
fn what_does_not_fit_is_refused_with_the_way_out() {
    let long = ScalarType::Long;
    let cases: [(&[(&str, ScalarType)], &str); 4] = [
        (&[("computer", ScalarType::String)], "did you mean 'Computer'?"),
        (&[("Unknown", long)], "add it to the table"),
        (&[("Computer", long)], "is string in the table and long in the rows"),
        (&[("Count", long), ("Count", long)], "given twice"),
    ];
    for (columns, message) in cases {
        let row: Vec<Value> = columns.iter().map(|_| Value::Null).collect();
        let error = complete(&table(), &request(columns, &[&row])).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
    let mut wrong = request(&[("Count", long)], &[&[Value::Long(1)]]);
    wrong.batch.columns.clear();
    assert!(complete(&table(), &wrong).is_err());
}
