#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use model::{Rows, ScalarType, Schema};
use values::{DateTime, Dynamic, Guid, TimeSpan, Value};

use super::{read, write};

fn rows(time: &str) -> Rows {
    let schema = Schema::new([
        ("b", ScalarType::Bool),
        ("i", ScalarType::Int),
        ("l", ScalarType::Long),
        ("r", ScalarType::Real),
        ("s", ScalarType::String),
        ("t", ScalarType::DateTime),
        ("span", ScalarType::TimeSpan),
        ("g", ScalarType::Guid),
        ("d", ScalarType::Dynamic),
    ]);
    let full = vec![
        Value::Bool(true),
        Value::Int(-7),
        Value::Long(i64::MAX),
        Value::Real(0.5),
        Value::string("größe"),
        Value::DateTime(DateTime::parse(time).unwrap()),
        Value::TimeSpan(TimeSpan::parse("1.02:03:04.5").unwrap()),
        Value::Guid(Guid::parse("74be27de-1e4e-49d9-b579-fe0b331d3642").unwrap()),
        Value::Dynamic(Dynamic::parse_json(r#"{"a":[1,"x"]}"#).unwrap()),
    ];
    let empty = schema.columns.iter().map(|c| Value::null_of(c.ty)).collect();
    Rows::from_values(Arc::new(schema), [full, empty])
}

#[test]
fn what_is_written_reads_back() {
    let written = rows("2024-02-29T12:34:56.7891234Z");
    let back = read(write(&written).unwrap()).unwrap();
    let texts = |rows: &Rows| -> Vec<Vec<String>> {
        rows.values().map(|r| r.iter().map(ToString::to_string).collect()).collect()
    };
    assert_eq!(texts(&back), texts(&written));
    let types: Vec<ScalarType> = back.schema.columns.iter().take(6).map(|c| c.ty).collect();
    let wanted: Vec<ScalarType> = written.schema.columns.iter().take(6).map(|c| c.ty).collect();
    assert_eq!(types, wanted);
}

#[test]
fn times_beyond_nanoseconds_keep_their_microseconds() {
    let back = read(write(&rows("0100-01-01T00:00:00.1234567Z")).unwrap()).unwrap();
    assert_eq!(back.get(0, "t").unwrap().to_string(), "0100-01-01T00:00:00.1234560Z");
}

#[test]
fn no_rows_are_a_file_too_and_rubbish_is_none() {
    let none = Rows { batches: Vec::new(), ..rows("2024-01-01") };
    let back = read(write(&none).unwrap()).unwrap();
    assert_eq!((back.len(), back.schema.len()), (0, 9));
    for bytes in [&b""[..], b"PAR1", b"PAR1PAR1PAR1", b"hello"] {
        assert!(read(bytes.to_vec()).unwrap_err().contains("Parquet"));
    }
    let mut broken = write(&rows("2024-01-01")).unwrap();
    let middle = broken.len() / 2;
    broken.truncate(middle);
    assert!(read(broken).is_err());
}
