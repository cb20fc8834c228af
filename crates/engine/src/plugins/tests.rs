//! Plugins: query and rows.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use model::{DateTime, Value};

use crate::Query;
use crate::source::MemoryCatalog;

fn run(text: &str) -> Result<String, String> {
    let query = Query::new(text, Arc::new(MemoryCatalog::default()), DateTime::UNIX_EPOCH);
    let answer = crate::query(&query).map_err(|e| e.to_string())?;
    let rows = &answer.tables[0].rows;
    let names: Vec<String> = rows.schema.columns.iter().map(|c| c.name.to_string()).collect();
    let cell = |v: &Value| if v.is_null() { "null".to_owned() } else { v.to_string() };
    let line = |r: Vec<Value>| r.iter().map(cell).collect::<Vec<_>>().join(" | ");
    let mut lines = vec![names.join(" | ")];
    lines.extend(rows.values().map(line));
    Ok(lines.join("\n"))
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (query, expected) in cases {
        assert_eq!(run(query).as_deref(), Ok(*expected), "{query}");
    }
}

const VISITS: &str = "datatable(user:string, day:long, site:string)[
    'ann',0,'x', 'bob',0,'x', 'ann',0,'x', 'ann',1,'x', 'cid',1,'y', 'bob',2,'x', 'ann',2,'y', 'cid',2,'y']";

#[test]
fn activity() {
    check(&[
        (
            &format!("{VISITS} | evaluate activity_counts_metrics(user, day, 0, 2, 1)"),
            "day | count | dcount | new_dcount | aggregated_dcount\n0 | 3 | 2 | 2 | 2\n1 | 2 | 2 | 1 | 3\n2 | 3 | 3 | 0 | 3",
        ),
        (
            &format!("{VISITS} | evaluate activity_metrics(user, day, 0, 2, 1)"),
            "day | dcount_values | dcount_newvalues | retention_rate | churn_rate\n0 | 2 | 2 | NaN | NaN\n1 | 2 | 1 | 0.5 | 0.5\n2 | 3 | 0 | 1.0 | 0.0",
        ),
        (
            &format!(
                "{VISITS} | evaluate activity_metrics(user, day, 0, 2, 1, site) | where site == 'y' | project day, dcount_values, retention_rate"
            ),
            "day | dcount_values | retention_rate\n1 | 1 | NaN\n2 | 2 | 1.0",
        ),
        (
            &format!("{VISITS} | evaluate activity_engagement(user, day, 0, 2, 1, 2)"),
            "day | dcount_activities_inner | dcount_activities_outer | activity_ratio\n0 | 2 | 2 | 1.0\n1 | 2 | 3 | 0.6666666666666666\n2 | 3 | 3 | 1.0",
        ),
        (
            &format!("{VISITS} | evaluate new_activity_metrics(user, day, 0, 2, 1)"),
            "from_day | to_day | dcount_new_values | dcount_retained_values | dcount_churn_values | retention_rate | churn_rate\n0 | 0 | 2 | 2 | 0 | 1.0 | 0.0\n0 | 1 | 2 | 1 | 1 | 0.5 | 0.5\n0 | 2 | 2 | 2 | 0 | 1.0 | 0.0\n1 | 1 | 1 | 1 | 0 | 1.0 | 0.0\n1 | 2 | 1 | 1 | 0 | 1.0 | 0.0",
        ),
        (
            &format!("{VISITS} | evaluate sliding_window_counts(user, day, 0, 2, 2, 1)"),
            "day | Count | Dcount\n0 | 3 | 2\n1 | 5 | 3\n2 | 5 | 3",
        ),
        (
            &format!("{VISITS} | evaluate session_count(user, day, 0, 2, 1, 1)"),
            "day | count_sessions\n0 | 2\n1 | 1\n2 | 1",
        ),
        (
            &format!("{VISITS} | evaluate active_users_count(user, day, 0, 2, 2, 1, 2, 1)"),
            "day | dcount\n1 | 1\n2 | 2",
        ),
    ]);
}

#[test]
fn funnels() {
    let steps = "datatable(id:long, t:long, s:string)[1,0,'a', 1,1,'b', 1,2,'c', 2,0,'b', 2,1,'c', 3,0,'a', 3,5,'b']";
    check(&[
        (
            &format!(
                "{steps} | evaluate funnel_sequence(id, t, 0, 10, 10, 100, s, dynamic(['b']))"
            ),
            "t | prev | next | dcount | samples\n0 |  | c | 1 | [2]\n0 | a |  | 1 | [3]\n0 | a | c | 1 | [1]",
        ),
        (
            &format!(
                "{steps} | evaluate funnel_sequence_completion(id, t, 0, 10, 100, s, dynamic(['a', 'b', 'c']), dynamic([1, 10]))"
            ),
            "t | s | Period | dcount\n0 | a | 1 | 2\n0 | b | 1 | 1\n0 | c | 1 | 0\n0 | a | 10 | 2\n0 | b | 10 | 2\n0 | c | 10 | 1",
        ),
        (
            "datatable(t:long, e:string, k:string)[0,'in','p', 1,'out','p', 9,'out','p', 0,'out','q'] | evaluate sequence_detect(t, 5, 5, first=(e == 'in'), last=(e == 'out'), k)",
            "k | first_t | last_t | Duration\np | 0 | 1 | 1",
        ),
    ]);
}

#[test]
fn lookups() {
    let nets = "let nets = datatable(net:string, who:string)['10.0.0.0/8','ten', '10.1.0.0/16','one', 'fe80::/10','link'];";
    check(&[
        (
            &format!(
                "{nets} datatable(ip:string, n:long)['10.1.2.3',1, '10.9.9.9',2, '8.8.8.8',3] | evaluate ipv4_lookup(nets, ip, net)"
            ),
            "ip | n | net | who\n10.1.2.3 | 1 | 10.1.0.0/16 | one\n10.9.9.9 | 2 | 10.0.0.0/8 | ten",
        ),
        (
            &format!(
                "{nets} datatable(ip:string)['8.8.8.8', 'rubbish'] | evaluate ipv4_lookup(nets, ip, net, return_unmatched=true) | project ip, who"
            ),
            "ip | who\n8.8.8.8 | \nrubbish | ",
        ),
        (
            &format!(
                "{nets} datatable(ip:string)['fe80::1'] | evaluate ipv6_lookup(nets, ip, net) | project ip, who"
            ),
            "ip | who\nfe80::1 | link",
        ),
    ]);
}

#[test]
fn small_ones() {
    check(&[
        ("range x from 1 to 9 step 1 | evaluate rows_near(x == 4, 1, 2)", "x\n3\n4\n5\n6"),
        ("range x from 1 to 9 step 1 | evaluate rows_near(x in (1, 2), 1)", "x\n1\n2\n3"),
        (
            "datatable(a:long, b:string)[1,'x'] | evaluate narrow()",
            "Row | Column | Value\n0 | a | 1\n0 | b | x",
        ),
        ("range x from 1 to 9 step 1 | evaluate preview(2)", "x\n1\n2"),
        (
            "range i from 0 to 5 step 1 | extend v = i * 10 | evaluate rolling_percentile(v, 50, i, 2, 2)",
            "i | rolling_2_percentile_v_50\n0 | 0\n2 | 10\n4 | 30",
        ),
        (
            "range x from 1 to 100 step 1 | summarize a = hll(x), b = hll(iff(x % 2 == 0, x, 2)) | evaluate dcount_intersect(a, b) | project-away a, b",
            "s0 | s1\n100 | 50",
        ),
    ]);
}

#[test]
fn mining() {
    let table = "range x from 1 to 100 step 1 | project kind = iff(x <= 60, 'web', 'db'), state = iff(x % 10 == 0, 'bad', 'good'), half = x > 50";
    check(&[
        (
            &format!("{table} | project kind, state | evaluate basket(0.5)"),
            "SegmentId | Count | Percent | kind | state\n0 | 90 | 90.0 |  | good\n1 | 60 | 60.0 | web | \n2 | 54 | 54.0 | web | good",
        ),
        (
            &format!(
                "{table} | project kind, state | evaluate basket(0.55, '~', 1, '*') | project Count, kind, state"
            ),
            "Count | kind | state\n90 | * | good\n60 | web | *",
        ),
        (
            &format!(
                "{table} | evaluate diffpatterns(half, 'true', 'false') | where PercentDiffAB > 50 | project CountA, CountB, kind, state"
            ),
            "CountA | CountB | kind | state\n10 | 50 | web | \n40 | 0 | db | ",
        ),
    ]);
    let covered = run(&format!(
        "{table} | project kind, state | evaluate autocluster() | summarize sum(Count), count()"
    ))
    .unwrap();
    assert_eq!(covered, "sum_Count | count_\n100 | 4");
}

#[test]
fn mistakes_are_told() {
    for (query, part) in [
        ("print a = 1 | evaluate no_such_plugin()", "no_such_plugin"),
        ("print a = 1 | evaluate python(typeof(*), 'x')", "python"),
        ("print a = 1 | evaluate activity_metrics(a, a, 0, 1, 0)", "positive"),
        ("print a = 'x' | evaluate ipv4_lookup(a, a, a)", "LookupTable"),
        ("print a = 1 | evaluate sequence_detect(a, 1, 1)", "condition"),
    ] {
        let error = run(query).unwrap_err();
        assert!(error.contains(part), "{query}: {error}");
    }
}
