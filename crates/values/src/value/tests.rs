#![allow(clippy::unwrap_used)]

use std::cmp::Ordering;

use super::*;

fn dynamic(json: &str) -> Value {
    Value::Dynamic(Dynamic::parse_json(json).unwrap())
}

#[test]
fn casts_as_the_functions_do() {
    use ScalarType as T;
    let instant = DateTime::parse("2020-01-02T03:04:05.6789012Z").unwrap();
    let cases = [
        (Value::from("x"), T::Long, Value::Null),
        (Value::Real(2.9), T::Long, Value::Long(2)),
        (Value::Real(-2.9), T::Int, Value::Int(-2)),
        (Value::Real(f64::NAN), T::Long, Value::Null),
        (Value::Long(1 << 40), T::Int, Value::Null),
        (Value::from("0x1f"), T::Long, Value::Long(31)),
        (Value::Bool(true), T::Long, Value::Long(1)),
        (Value::Long(123), T::Bool, Value::Bool(true)),
        (Value::from("false"), T::Bool, Value::Bool(false)),
        (Value::from("rubbish"), T::DateTime, Value::Null),
        (Value::from("2020-01-02 03:04:05.6789012"), T::DateTime, Value::DateTime(instant)),
        (Value::Long(instant.ticks()), T::DateTime, Value::DateTime(instant)),
        (Value::DateTime(instant), T::Long, Value::Long(instant.ticks())),
        (Value::Long(-1), T::DateTime, Value::Null),
        (Value::from("1d"), T::TimeSpan, Value::TimeSpan(TimeSpan::from_days(1))),
        (Value::from("1.5"), T::Decimal, Value::Decimal(Decimal::parse("1.5").unwrap())),
        (Value::Real(1.5), T::String, Value::from("1.5")),
        (Value::Null, T::String, Value::from("")),
        (Value::Null, T::Long, Value::Null),
        (Value::DateTime(instant), T::String, Value::from("2020-01-02T03:04:05.6789012Z")),
        (
            Value::from("{74be27de1e4e49d9b579fe0b331d3642}"),
            T::Guid,
            Value::Guid(Guid::parse("74be27de-1e4e-49d9-b579-fe0b331d3642").unwrap()),
        ),
        (Value::from("74be27de-1e4e-49d9-b579-fe0b331d364"), T::Guid, Value::Null),
        (dynamic("21"), T::Long, Value::Long(21)),
        (dynamic("\"21\""), T::Long, Value::Long(21)),
        (dynamic("[1]"), T::Long, Value::Null),
        (dynamic("[1,\"a\"]"), T::String, Value::from("[1,\"a\"]")),
        (dynamic("\"a\\\"b\""), T::String, Value::from("a\"b")),
        (dynamic("\"2020-01-02T03:04:05.6789012Z\""), T::DateTime, Value::DateTime(instant)),
        (Value::from("[1, 2]"), T::Dynamic, dynamic("[1,2]")),
        (Value::from("null"), T::Dynamic, Value::Null),
        (Value::from(""), T::Dynamic, Value::Null),
        (Value::from("not json"), T::Dynamic, dynamic("\"not json\"")),
        (Value::Long(5), T::Dynamic, dynamic("5")),
    ];
    for (value, ty, expected) in cases {
        assert_eq!(value.cast(ty), expected, "{value:?} to {ty}");
    }
}

#[test]
fn shows_cells_as_log_analytics_does() {
    let cases = [
        (Value::Null, "null"),
        (Value::Bool(true), "true"),
        (Value::Long(i64::MAX), "9223372036854775807"),
        (Value::Real(1.5), "1.5"),
        (Value::Real(f64::NAN), "\"NaN\""),
        (Value::Real(f64::NEG_INFINITY), "\"-Infinity\""),
        (Value::Decimal(Decimal::parse("1.50").unwrap()), "\"1.50\""),
        (Value::from("a"), "\"a\""),
        (Value::TimeSpan(TimeSpan::from_seconds(-90)), "\"-00:01:30\""),
        (Value::DateTime(DateTime::UNIX_EPOCH), "\"1970-01-01T00:00:00.0000000Z\""),
        (dynamic("{\"a\":[1,2.0]}"), "\"{\\\"a\\\":[1,2.0]}\""),
        (Value::Dynamic(Dynamic::default()), "null"),
    ];
    for (value, expected) in cases {
        assert_eq!(value.to_json().to_string(), expected);
    }
}

#[test]
fn orders_cells() {
    let rising = [
        Value::Null,
        Value::Bool(false),
        Value::Bool(true),
        Value::Real(f64::NAN),
        Value::Real(f64::NEG_INFINITY),
        Value::Int(-1),
        Value::Real(-0.5),
        Value::Long(0),
        Value::Decimal(Decimal::parse("0.25").unwrap()),
        Value::Real(0.5),
        Value::Long((1 << 53) + 1),
        Value::Real(f64::INFINITY),
        Value::DateTime(DateTime::MIN),
        Value::TimeSpan(TimeSpan::ZERO),
        Value::Guid(Guid([0; 16])),
        Value::from(""),
        Value::from("a"),
        Value::from("b"),
        dynamic("[]"),
        dynamic("[1]"),
        dynamic("[1,2]"),
        dynamic("[2]"),
        dynamic("{}"),
        dynamic("{\"a\":1}"),
    ];
    for (i, a) in rising.iter().enumerate() {
        for (j, b) in rising.iter().enumerate() {
            assert_eq!(a.total_cmp(b), i.cmp(&j), "{a} {b}");
        }
    }
    assert_eq!(Value::Int(1).total_cmp(&Value::Real(1.0)), Ordering::Equal);
    assert_eq!(
        Value::Long((1 << 53) + 1).total_cmp(&Value::Real(9_007_199_254_740_992.0)),
        Ordering::Greater
    );
}

#[test]
fn decimals_keep_their_digits() {
    for (text, expected) in [
        ("1.50", Some("1.50")),
        ("-0.1", Some("-0.1")),
        ("1e5", Some("100000")),
        ("1.25e1", Some("12.5")),
        ("12.5E-3", Some("0.0125")),
        ("0.1234567890123456789012345678", Some("0.1234567890123456789012345678")),
        ("79228162514264337593543950335", Some("79228162514264337593543950335")),
        ("1e29", None),
        ("1e-28", Some("0.0000000000000000000000000001")),
        ("x", None),
        ("", None),
        ("1_000", None),
        ("1e", None),
        ("1e99999999999", None),
    ] {
        assert_eq!(Decimal::parse(text).map(|d| d.to_string()).as_deref(), expected, "{text}");
    }
    let d = Decimal::parse("1.1").unwrap();
    assert_eq!(Decimal::from_bytes(d.to_bytes()), d);
    assert_eq!(d.to_f64(), 1.1);
    assert!(!Decimal::from_bytes([0xFF; 16]).to_string().is_empty());
}

#[test]
fn guids_are_read_in_any_dress() {
    let id = "74be27de-1e4e-49d9-b579-fe0b331d3642";
    for text in [
        id,
        "74BE27DE-1E4E-49D9-B579-FE0B331D3642",
        "{74be27de-1e4e-49d9-b579-fe0b331d3642}",
        "(74be27de-1e4e-49d9-b579-fe0b331d3642)",
        " 74be27de1e4e49d9b579fe0b331d3642 ",
        "74be27de1e4e-49d9-b579-fe0b331d3642",
    ] {
        assert_eq!(Guid::parse(text).map(|g| g.to_string()).as_deref(), Some(id), "{text}");
    }
    for text in [
        "",
        "{}",
        "74be27de-1e4e-49d9-b579-fe0b331d364g",
        "74be27de-1e4e-49d9-b579-fe0b331d3642-",
        "74be27de1e4e49d9b579fe0b331d36421",
        "{74be27de1e4e49d9b579fe0b331d3642",
    ] {
        assert_eq!(Guid::parse(text), None, "{text}");
    }
}
