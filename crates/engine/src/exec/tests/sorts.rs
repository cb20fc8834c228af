//! Order against a plain comparison: nulls, NaN, both directions, limits, and runs on disk.

use std::cmp::Ordering;

use proptest::prelude::*;
use values::{ScalarType, Value};

use super::{FORMS, Form, How, PLAIN, Table, rows, run, same};

fn table(rows: Vec<Vec<Value>>) -> Table {
    let columns = vec![
        ("s", ScalarType::String),
        ("n", ScalarType::Long),
        ("r", ScalarType::Real),
        ("d", ScalarType::Decimal),
        ("i", ScalarType::Long),
    ];
    Table { name: "T", columns, rows }
}

fn input() -> impl Strategy<Value = Vec<Vec<Value>>> {
    let word = prop_oneof![
        Just(""),
        Just("a"),
        Just("b"),
        Just("longer than twelve bytes"),
        Just("longer than twelve bytes too")
    ];
    let number = prop_oneof![
        1 => Just(Value::Null), 3 => (-2..3_i64).prop_map(Value::Long),
        1 => prop_oneof![Just(i64::MIN), Just(i64::MAX)].prop_map(Value::Long)];
    let real = prop_oneof![
        1 => Just(Value::Null),
        1 => Just(Value::Real(f64::NAN)),
        1 => prop_oneof![Just(f64::INFINITY), Just(f64::NEG_INFINITY), Just(0.0)].prop_map(Value::Real),
        3 => (-2..3_i32).prop_map(|v| Value::Real(f64::from(v) / 2.0))];
    let decimal = prop_oneof![
    1 => Just(Value::Null),
    4 => (-30..30_i64, 0..3_u32).prop_map(|(m, e)| {
        Value::from(format!("{}e-{e}", m)).cast(ScalarType::Decimal)
    })];
    proptest::collection::vec((word.prop_map(Value::from), number, real, decimal), 0..50).prop_map(
        |rows| (0..).zip(rows).map(|(i, (s, n, r, d))| vec![s, n, r, d, Value::Long(i)]).collect(),
    )
}

/// (column, descending, nulls first)
type Key = (usize, bool, bool);

fn compare(a: &Value, b: &Value, (_, descending, nulls_first): Key) -> Ordering {
    // null outside, NaN next to it, then values
    let class = |v: &Value| match v {
        Value::Null => 0,
        Value::Real(r) if r.is_nan() => 1,
        _ => 2,
    };
    let classes = class(a).cmp(&class(b));
    if classes.is_ne() {
        return if nulls_first { classes } else { classes.reverse() };
    }
    let order = if class(a) == 2 { a.total_cmp(b) } else { Ordering::Equal };
    if descending { order.reverse() } else { order }
}

fn keys() -> impl Strategy<Value = Vec<Key>> {
    proptest::collection::vec((0..4_usize, any::<bool>(), any::<bool>()), 1..4)
}

fn kql(keys: &[Key]) -> String {
    let names = ["s", "n", "r", "d"];
    let key = |(at, descending, first): &Key| {
        let (way, nulls) =
            (if *descending { "desc" } else { "asc" }, if *first { "first" } else { "last" });
        format!("{} {way} nulls {nulls}", names[*at])
    };
    keys.iter().map(key).collect::<Vec<_>>().join(", ")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn sorted_rows(input in input(), keys in keys(), limit in 0..20_usize) {
        let mut expected = input.clone();
        expected.sort_by(|a, b| {
            keys.iter().fold(Ordering::Equal, |o, k| o.then_with(|| compare(&a[k.0], &b[k.0], *k)))
        });
        let table = [table(input)];
        let by = kql(&keys);
        for form in FORMS {
            let how = How { form, ..PLAIN };
            same(&expected, &rows(&table, &format!("T | sort by {by}"), how), &by);
            let cut = &expected[..limit.min(expected.len())];
            same(cut, &rows(&table, &format!("T | sort by {by} | take {limit}"), how), &by);
        }
    }
}

#[test]
fn runs_on_disk_give_the_same() {
    let mixed = |at: i64| (at * 7919) % 10_007;
    let many: Vec<Vec<Value>> = (0..30_000_i64)
        .map(|at| {
            let n = mixed(at);
            let real =
                if n % 50 == 0 { Value::Real(f64::NAN) } else { Value::Real(n as f64 / 8.0) };
            let decimal = Value::Long(n % 100).cast(ScalarType::Decimal);
            vec![
                Value::from(format!("text of row {}", n % 500)),
                Value::Long(n),
                real,
                decimal,
                Value::Long(at),
            ]
        })
        .collect();
    let table = [table(many)];
    for by in ["s asc, r desc", "r asc nulls first", "d desc, s asc, n asc", "n"] {
        // ties keep the order of the rows only where one worker sorts
        let text = format!("T | sort by {by}, i asc | project i");
        let enough = rows(&table, &text, PLAIN);
        for threads in [1, 2] {
            let how = How { memory: 400 << 10, threads, form: Form::Pieces(1500) };
            let scarce = run(&table, &text, how).unwrap();
            assert!(scarce.statistics.spilled > 0, "{by}: nothing was spilled");
            same(&enough, &scarce.tables[0].rows.values().collect::<Vec<_>>(), by);
        }
    }
}
