#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use Scalar::{Bool, Long, Null, Real, Text, ULong};
use model::rows::cell;
use model::{ScalarType, Value};

use super::*;

/// What a scalar becomes in a column of a type; none when it does not fit.
fn stored(ty: ScalarType, scalar: Scalar<'_>) -> Option<Value> {
    let mut builder = ColumnBuilder::new(ty, 1);
    let fits = push(&mut builder, scalar);
    let array = builder.finish();
    assert_eq!(array.len(), 1, "exactly one cell for {scalar:?} in {ty}");
    let value = cell(&array, ty, 0);
    if !fits {
        assert!(value.is_empty(), "{value:?}");
        return None;
    }
    Some(value)
}

fn at(text: &str) -> Value {
    Value::DateTime(DateTime::parse(text).unwrap())
}

#[test]
fn scalars_fit_or_are_refused() {
    use ScalarType as T;
    let cases: &[(T, Scalar<'_>, Option<Value>)] = &[
        (T::Bool, Bool(true), Some(Value::Bool(true))),
        (T::Bool, Text("True"), Some(Value::Bool(true))),
        (T::Bool, Text(" false "), Some(Value::Bool(false))),
        (T::Bool, Long(1), Some(Value::Bool(true))),
        (T::Bool, Text("0"), Some(Value::Bool(false))),
        (T::Bool, Long(2), None),
        (T::Bool, Text("yes"), None),
        (T::Bool, Text(""), Some(Value::Null)),
        (T::Int, Text("42"), Some(Value::Int(42))),
        (T::Int, Long(i64::from(i32::MAX) + 1), None),
        (T::Int, Text("0x1F"), Some(Value::Int(31))),
        (T::Long, Text("-7"), Some(Value::Long(-7))),
        (T::Long, Text("3.0"), Some(Value::Long(3))),
        (T::Long, Text("3.5"), None),
        (T::Long, Real(1e3), Some(Value::Long(1000))),
        (T::Long, Real(f64::NAN), None),
        (T::Long, ULong(u64::MAX), None),
        (T::Long, Text("12a"), None),
        (T::Long, Bool(true), Some(Value::Long(1))),
        (T::Real, Long(2), Some(Value::Real(2.0))),
        (T::Real, Text("1e-3"), Some(Value::Real(0.001))),
        (T::Real, Text("x"), None),
        (T::String, Long(7), Some(Value::string("7"))),
        (T::String, Bool(false), Some(Value::string("false"))),
        (T::String, Real(1.0), Some(Value::string("1.0"))),
        (T::String, ULong(u64::MAX), Some(Value::string("18446744073709551615"))),
        (T::String, Text("  "), Some(Value::string("  "))),
        (T::String, Null, Some(Value::string(""))),
        (
            T::Guid,
            Text("74be27de-1e4e-49d9-b579-fe0b331d3642"),
            Guid::parse("74be27de1e4e49d9b579fe0b331d3642").map(Value::Guid),
        ),
        (T::Guid, Text("x"), None),
        (T::Guid, Long(1), None),
        (T::Decimal, Text("1.10"), Decimal::parse("1.10").map(Value::Decimal)),
        (T::Decimal, Long(3), Some(Value::Decimal(Decimal::from_i64(3)))),
        (T::Decimal, ULong(u64::MAX), Decimal::parse("18446744073709551615").map(Value::Decimal)),
        (T::TimeSpan, Text("01:00:00"), Some(Value::TimeSpan(TimeSpan::from_hours(1)))),
        (T::TimeSpan, Long(1), None),
        (
            T::DateTime,
            Text("2024-02-29T12:34:56.7891234Z"),
            Some(at("2024-02-29T12:34:56.7891234Z")),
        ),
        (T::DateTime, Text("2024-02-29 12:34:56"), Some(at("2024-02-29T12:34:56Z"))),
        (T::DateTime, Text("2024-02-29T12:34:56+02:00"), Some(at("2024-02-29T10:34:56Z"))),
        (T::DateTime, Text("2024-02-30T12:34:56Z"), None),
        (T::DateTime, Text("11/16/2020, 11:00:47.500 AM"), Some(at("2020-11-16T11:00:47.5Z"))),
        (T::DateTime, Text("6/3/2021, 4:11:48.323 PM"), Some(at("2021-06-03T16:11:48.323Z"))),
        (T::DateTime, Long(1_659_523_775), Some(at("2022-08-03T10:49:35Z"))),
        (T::DateTime, Text("1659523775038"), Some(at("2022-08-03T10:49:35.038Z"))),
        (T::DateTime, Text("1602571970.909397331"), Some(at("2020-10-13T06:52:50.909397Z"))),
        (T::DateTime, Text("3/31/2022, 14:51:35.857 PM"), Some(at("2022-03-31T14:51:35.857Z"))),
        (T::DateTime, Text("3/31/2022, 14:51:35.857 AM"), None),
        (T::DateTime, Text("soon"), None),
        (T::Int, Text("null"), Some(Value::Null)),
        (T::String, Text("null"), Some(Value::string("null"))),
        (T::DateTime, Bool(true), None),
    ];
    for (ty, scalar, wanted) in cases {
        assert_eq!(stored(*ty, *scalar), *wanted, "{scalar:?} in {ty}");
    }
}

#[test]
fn the_quick_iso_path_agrees_with_the_general_one() {
    let forms = [
        "2024-02-29T12:34:56Z",
        "2024-02-29T12:34:56",
        "1999-12-31 23:59:59.9999999Z",
        "0001-01-01T00:00:00.1Z",
    ];
    for text in forms {
        assert_eq!(iso(text.as_bytes()), DateTime::parse(text), "{text}");
        assert!(iso(text.as_bytes()).is_some());
    }
    for text in [
        "",
        "2024-02-29",
        "2024-02-29T12:34:56.Z",
        "2024-02-29T12:34:56.12345678Z",
        "2024-13-01T00:00:00Z",
        "2024-02-29T12:34:56z",
        "20x4-02-29T12:34:56Z",
        "2024-02-29T24:00:00Z",
    ] {
        assert_eq!(iso(text.as_bytes()), None, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_in_any_column_gives_one_cell(text in ".{0,40}", number in proptest::prelude::any::<f64>()) {
        for ty in ScalarType::ALL {
            stored(ty, Text(&text));
            stored(ty, Real(number));
        }
    }
}
