//! Groups and aggregates against a plain reading, in all forms, with and without enough memory.

use std::collections::BTreeMap;

use proptest::prelude::*;
use values::{ScalarType, Value};

use super::{FORMS, How, PLAIN, Table, rows, run, same, sorted};

fn table(rows: Vec<Vec<Value>>) -> Table {
    let columns = vec![("k", ScalarType::String), ("n", ScalarType::Long), ("v", ScalarType::Long)];
    Table { name: "T", columns, rows }
}

fn number(max: i64) -> impl Strategy<Value = Value> {
    prop_oneof![1 => Just(Value::Null), 4 => (0..max).prop_map(Value::Long)]
}

fn input() -> impl Strategy<Value = Vec<Vec<Value>>> {
    let word = prop_oneof![Just(""), Just("a"), Just("b"), Just("c")].prop_map(Value::from);
    let row = (word, number(3), number(50)).prop_map(|(k, n, v)| vec![k, n, v]);
    proptest::collection::vec(row, 0..60)
}

/// Keys as text, which orders groups; then their keys and values.
type Groups = BTreeMap<String, (Vec<Value>, Vec<Option<i64>>)>;

fn groups(rows: &[Vec<Value>], keys: &[usize]) -> Groups {
    let mut groups = Groups::new();
    for row in rows {
        let key: Vec<Value> = keys.iter().map(|k| row[*k].clone()).collect();
        groups
            .entry(format!("{key:?}"))
            .or_insert_with(|| (key, Vec::new()))
            .1
            .push(row[2].as_i64());
    }
    groups
}

fn long(value: Option<i64>) -> Value {
    value.map_or(Value::Null, Value::Long)
}

fn summary(values: &[Option<i64>]) -> Vec<Value> {
    let some: Vec<i64> = values.iter().flatten().copied().collect();
    let mut distinct = some.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let mean = some.iter().sum::<i64>() as f64 / some.len() as f64;
    let median = {
        let mut all = some.clone();
        all.sort_unstable();
        all.get(all.len().div_ceil(2).saturating_sub(1)).copied()
    };
    vec![
        Value::Long(values.len() as i64),
        Value::Long(some.iter().filter(|v| **v > 20).count() as i64),
        Value::Long(some.iter().sum()),
        long(some.iter().min().copied()),
        long(some.iter().max().copied()),
        Value::Real(mean),
        Value::Long(distinct.len() as i64),
        Value::Long(distinct.len() as i64),
        Value::Long(some.len() as i64),
        Value::Long(distinct.len() as i64),
        long(median),
    ]
}

const SUMMARY: &str = "count(), countif(v > 20), sum(v), min(v), max(v), avg(v), dcount(v), \
    count_distinct(v), array_length(make_list(v)), array_length(make_set(v)), percentile(v, 50)";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn summaries(input in input()) {
        let table = [table(input.clone())];
        for (by, keys) in [("", &[][..]), ("by k", &[0]), ("by n", &[1]), ("by k, n", &[0, 1])] {
            let mut groups = groups(&input, keys);
            if keys.is_empty() && groups.is_empty() {
                groups.insert(String::new(), (Vec::new(), Vec::new()));
            }
            let expected: Vec<Vec<Value>> = groups
                .into_values()
                .map(|(key, values)| [key, summary(&values)].concat())
                .collect();
            let expected = sorted(expected);
            let text = format!("T | summarize {SUMMARY} {by}");
            for form in FORMS {
                for threads in [1, 2] {
                    let got = rows(&table, &text, How { form, threads, ..PLAIN });
                    same(&expected, &sorted(got), &format!("{text} {form:?}"));
                }
            }
        }
    }

    /// The row of the largest value brings the other columns along.
    #[test]
    fn rows_of_extremes(input in input()) {
        let numbered: Vec<Vec<Value>> = (0..)
            .zip(&input)
            .map(|(at, row)| vec![row[0].clone(), row[2].clone(), Value::Long(at)])
            .collect();
        let table = [table(numbered.clone())];
        let mut best: BTreeMap<String, &Vec<Value>> = BTreeMap::new();
        for row in &numbered {
            let slot = best.entry(row[0].to_string()).or_insert(row);
            if row[1].as_i64() > slot[1].as_i64() {
                *slot = row;
            }
        }
        let expected: Vec<Vec<Value>> = best.into_values().cloned().collect();
        for form in FORMS {
            let got = rows(&table, "T | summarize arg_max(n, v) by k", How { form, ..PLAIN });
            same(&sorted(expected.clone()), &sorted(got), &format!("{form:?}"));
        }
    }
}

#[test]
fn spilled_groups_give_the_same() {
    let many: Vec<Vec<Value>> = (0..60_000_i64)
        .map(|at| {
            let key = (at * 7919) % 30_000;
            vec![Value::from(format!("group {key}")), Value::Long(key % 13), Value::Long(at)]
        })
        .collect();
    let table = [table(many)];
    for aggregates in
        ["count(), sum(v), dcount(n)", "make_list(v), arg_max(v, n)", "make_set(n), take_any(n)"]
    {
        let text = format!(
            "T | summarize {aggregates} by k, n | summarize count(), sum(n), sum(hash(tostring(pack_all()), 1000))"
        );
        let enough = rows(&table, &text, PLAIN);
        let how = How { memory: 3 << 20, threads: 2, form: super::Form::Pieces(1000) };
        let scarce = run(&table, &text, how).unwrap();
        assert!(scarce.statistics.spilled > 0, "{aggregates}: nothing was spilled");
        let got: Vec<Vec<Value>> = scarce.tables[0].rows.values().collect();
        assert_eq!(enough[0][..2], got[0][..2], "{aggregates}");
    }
}

#[test]
fn lists_that_do_not_fit_are_refused() {
    let many: Vec<Vec<Value>> =
        (0..100_000).map(|at| vec![Value::from("k"), Value::Long(0), Value::Long(at)]).collect();
    let how = How { memory: 200 << 10, form: super::Form::Pieces(5000), ..PLAIN };
    let error =
        run(&[table(many)], "T | summarize make_list(v) by k", how).unwrap_err().to_string();
    assert!(error.contains("summarize"), "{error}");
}

#[test]
fn documented_results() {
    let cases = [
        // empty input: what each gives without rows
        (
            "datatable(x:long)[] | summarize count(), sum(x), min(x), max(x), avg(x), dcount(x), make_list(x), make_set(x), stdev(x), variance(x)",
            "0 | 0 | null | null | NaN | 0 | [] | [] | 0.0 | 0.0",
        ),
        ("datatable(x:long)[] | summarize count() by x", ""),
        // nulls are passed over, but by count and make_list_with_nulls
        (
            "datatable(x:long)[1, long(null), 3] | summarize count(), avg(x), make_list(x), make_list_with_nulls(x)",
            "3 | 2.0 | [1,3] | [1,null,3]",
        ),
        (
            "datatable(x:long, w:long)[10,8, 20,6, 30,3, 40,1] | summarize percentilesw(x, w, 50, 75, 99.9)",
            "20 | 20 | 40",
        ),
        (
            "range x from 1 to 100 step 1 | summarize percentiles(x, 5, 50, 95, 100)",
            "5 | 50 | 95 | 100",
        ),
        (
            "range x from 1 to 100 step 1 | summarize variance(x), variancep(x), stdev(x)",
            "841.6666666666666 | 833.25 | 29.011491975882016",
        ),
        (
            "datatable(b:dynamic)[dynamic({'a':1}), dynamic({'b':2, 'a':3})] | summarize make_bag(b)",
            r#"{"a":1,"b":2}"#,
        ),
        (
            "datatable(a:dynamic)[dynamic([1,2]), dynamic([2,3]), dynamic(4)] | summarize make_set(a)",
            "[1,2,3,4]",
        ),
        (
            "datatable(a:dynamic)[dynamic([1,[2]]), dynamic([2,3]), dynamic(4)] | summarize make_list(a), make_list(a, 3)",
            "[1,[2],2,3,4] | [1,[2],2]",
        ),
        ("datatable(x:long)[3, 1, 2] | summarize make_list(x, 2), make_set(x, 1)", "[3,1] | [3]"),
        ("datatable(x:real)[real(nan), 1.0, real(null)] | summarize max(x), min(x)", "1.0 | NaN"),
        ("datatable(s:string)['b', '', 'a'] | summarize min(s), max(s), take_any(s)", "a | b | b"),
        ("datatable(t:timespan)[1m, 3m] | summarize avg(t), sum(t)", "00:02:00 | 00:04:00"),
        (
            "datatable(d:decimal)[decimal(1.10), decimal(2.20)] | summarize sum(d), avg(d)",
            "3.30 | 1.65",
        ),
        (
            "datatable(x:long)[0xff, 0x0f] | summarize binary_all_and(x), binary_all_or(x), binary_all_xor(x)",
            "15 | 255 | 240",
        ),
        (
            "range x from 1 to 10 step 1 | extend y = x + 5 | summarize a = hll(x), b = hll(y) | project dcount_hll(hll_merge(a, b))",
            "15",
        ),
        (
            "range x from 1 to 20 step 1 | summarize h = hll(x) by x % 3 | summarize h = hll_merge(h) | project dcount_hll(h)",
            "20",
        ),
        (
            "range x from 1 to 100 step 1 | summarize t = tdigest(x) by x % 2 | summarize t = tdigest_merge(t) | project percentile_tdigest(t, 95)",
            "95",
        ),
        (
            "datatable(b:dynamic)[dynamic({'x':1, 'y':[1, 'a']}), dynamic({'x':'s'})] | summarize buildschema(b)",
            r#"{"x":["long","string"],"y":{"`indexer`":["long","string"]}}"#,
        ),
        (
            "datatable(a:dynamic)[dynamic([1,[2]]), dynamic([2,3]), dynamic(4)] | summarize make_list(a), make_list(a, 3)",
            "[1,[2],2,3,4] | [1,[2],2]",
        ),
    ];
    for (query, expected) in cases {
        let got = super::text(&rows(&[], query, PLAIN));
        assert_eq!(expected, got, "{query}");
    }
}
