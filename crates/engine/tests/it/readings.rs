//! Plain readings of the rules beside the engine: what the documentation says of times and texts, written a second time in
//! the slowest and plainest way, over generated values. (Null logic, joins, groups and order have theirs in
//! `src/exec/tests`, over several physical forms.)

use std::sync::Arc;

use engine::Query;
use engine::source::MemoryCatalog;
use model::{DateTime, Value};
use proptest::prelude::*;

const SECOND: i64 = 10_000_000;
const DAY: i64 = 86_400 * SECOND;

fn run(text: &str) -> Vec<Vec<Value>> {
    let now = DateTime::parse("2024-06-01T12:00:00Z").unwrap();
    let query = Query::new(text, Arc::new(MemoryCatalog::default()), now);
    let answer = engine::query(&query).unwrap_or_else(|e| panic!("{e}\n{text}"));
    answer.tables.last().unwrap().rows.values().collect()
}

/// Year, month, day of a number of days since 0001-01-01, by walking.
fn civil(days: i64) -> (i64, i64, i64) {
    let leap = |y: i64| y % 4 == 0 && (y % 100 != 0 || y % 400 == 0);
    let mut left = days;
    let mut year = 1 + 400 * (left / 146_097);
    left %= 146_097;
    while left >= 365 + i64::from(leap(year)) {
        left -= 365 + i64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for length in lengths {
        if left < length {
            break;
        }
        left -= length;
        month += 1;
    }
    (year, month, left + 1)
}

/// Days since 0001-01-01 of a date, by counting.
fn days_of(year: i64, month: i64) -> i64 {
    let mut low = (year - 1) * 366;
    while civil(low) > (year, month, 1) {
        low -= 1;
    }
    low
}

fn month_later(days: i64) -> i64 {
    let (year, month, _) = civil(days);
    if month == 12 { days_of(year + 1, 1) } else { days_of(year, month + 1) }
}

/// What the pages say about one point in time: name, and ticks (or a number).
fn parts(ticks: i64) -> Vec<(&'static str, i64)> {
    let days = ticks.div_euclid(DAY);
    let (year, month, day) = civil(days);
    let of_day = ticks.rem_euclid(DAY);
    let weekday = (days + 1) % 7; // the first of January of year 1 was a Monday
    let new_year = days_of(year, 1);
    vec![
        ("startofday(t)", days * DAY),
        ("endofday(t)", (days + 1) * DAY - 1),
        ("startofweek(t)", (days - weekday) * DAY),
        ("endofweek(t)", (days - weekday + 7) * DAY - 1),
        ("startofmonth(t)", days_of(year, month) * DAY),
        ("endofmonth(t)", month_later(days) * DAY - 1),
        ("startofyear(t)", new_year * DAY),
        ("endofyear(t)", days_of(year + 1, 1) * DAY - 1),
        ("dayofweek(t)", weekday * DAY),
        ("dayofmonth(t)", day),
        ("dayofyear(t)", days - new_year + 1),
        ("getmonth(t)", month),
        ("getyear(t)", year),
        ("hourofday(t)", of_day / (3600 * SECOND)),
        ("datetime_part('minute', t)", of_day / (60 * SECOND) % 60),
        ("datetime_part('second', t)", of_day / SECOND % 60),
        ("datetime_part('millisecond', t)", of_day / 10_000 % 1000),
        ("datetime_part('quarter', t)", (month + 2) / 3),
    ]
}

/// How many boundaries of a part lie between two points in time.
fn boundaries(part: &str, a: i64, b: i64) -> i64 {
    let index = |ticks: i64| {
        let (year, month, _) = civil(ticks.div_euclid(DAY));
        match part {
            "year" => year,
            "quarter" => year * 4 + (month - 1) / 3,
            "month" => year * 12 + month,
            "day" => ticks.div_euclid(DAY),
            "hour" => ticks.div_euclid(3600 * SECOND),
            "minute" => ticks.div_euclid(60 * SECOND),
            "second" => ticks.div_euclid(SECOND),
            _ => ticks.div_euclid(10_000),
        }
    };
    index(a) - index(b)
}

fn number(value: &Value) -> i64 {
    match value {
        Value::DateTime(t) => t.ticks(),
        Value::TimeSpan(t) => t.ticks(),
        other => other.as_i64().unwrap_or_else(|| panic!("{other:?}")),
    }
}

fn time() -> impl Strategy<Value = i64> {
    // years 1600 to 2400, some of them at the edge of a day
    let days = 584_000_i64..876_000;
    (days, prop_oneof![Just(0), Just(DAY - 1), 0..DAY])
        .prop_map(|(days, of_day)| days * DAY + of_day)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn times_have_their_parts(ticks in time()) {
        let wanted = parts(ticks);
        let columns: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
        let row = run(&format!("print t = datetime(0001-01-01) + {ticks}tick | project {}", columns.join(", "))).remove(0);
        for ((name, value), got) in wanted.iter().zip(&row) {
            prop_assert_eq!(number(got), *value, "{} of {}", name, ticks);
        }
    }

    #[test]
    fn times_differ_as_their_ticks_do(a in time(), b in time(), span in -DAY * 400..DAY * 400, width in 1..DAY * 3) {
        let text = format!(
            "let zero = datetime(0001-01-01); print a = zero + {a}tick, b = zero + {b}tick, s = {span}tick, w = {width}tick
             | project a - b, a + s, a - s, bin(a, w), s + w, s - w, a < b, a >= b, s * 3, -s"
        );
        let row = run(&text).remove(0);
        let wanted = [a - b, a + span, a - span, a.div_euclid(width) * width, span + width, span - width];
        for (got, wanted) in row.iter().zip(wanted) {
            prop_assert_eq!(number(got), wanted, "{}", text);
        }
        prop_assert_eq!(&row[6], &Value::Bool(a < b));
        prop_assert_eq!(&row[7], &Value::Bool(a >= b));
        prop_assert_eq!(number(&row[8]), span * 3);
        prop_assert_eq!(number(&row[9]), -span);
    }

    #[test]
    fn differences_count_boundaries(a in time(), b in time()) {
        for part in ["year", "quarter", "month", "day", "hour", "minute", "second", "millisecond"] {
            let text = format!(
                "let zero = datetime(0001-01-01); print datetime_diff('{part}', zero + {a}tick, zero + {b}tick)"
            );
            prop_assert_eq!(number(&run(&text)[0][0]), boundaries(part, a, b), "{}", text);
        }
    }
}

/// The terms of a text: runs of letters and digits.
fn terms(text: &str) -> Vec<String> {
    text.split(|c: char| !c.is_alphanumeric())
        .filter(|t| !t.is_empty())
        .map(str::to_owned)
        .collect()
}

/// An operator that takes letters as they are, read plainly.
fn holds(operator: &str, text: &str, wanted: &str) -> bool {
    match operator {
        "==" => text == wanted,
        "contains" => text.contains(wanted),
        "startswith" => text.starts_with(wanted),
        "endswith" => text.ends_with(wanted),
        "has" => terms(text).iter().any(|t| t == wanted),
        "hasprefix" => terms(text).iter().any(|t| t.starts_with(wanted)),
        _ => terms(text).iter().any(|t| t.ends_with(wanted)),
    }
}

fn words() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("ab"),
        Just("Ab"),
        Just("b"),
        Just("1"),
        Just("ABBA"),
        Just("ä"),
        Just("Ä"),
        Just(" "),
        Just("-"),
        Just("_"),
        Just("."),
        Just("/"),
    ];
    proptest::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn wanted() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![Just("ab"), Just("B"), Just("1"), Just("a"), Just("ä")],
        1..3,
    )
    .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn texts_are_searched_plainly(texts in proptest::collection::vec(words(), 1..12), wanted in wanted()) {
        let rows: Vec<String> = texts.iter().map(|t| format!("'{t}'")).collect();
        let mut columns = Vec::new();
        let mut readings: Vec<(&str, bool, bool)> = Vec::new();
        for operator in ["contains", "startswith", "endswith", "has", "hasprefix", "hassuffix"] {
            for (suffix, case) in [("", false), ("_cs", true)] {
                for (sign, negated) in [("", false), ("!", true)] {
                    columns.push(format!("t {sign}{operator}{suffix} '{wanted}'"));
                    readings.push((operator, case, negated));
                }
            }
        }
        for (operator, case, negated) in [
            ("==", true, false), ("!=", true, true), ("=~", false, false), ("!~", false, true),
        ] {
            columns.push(format!("t {operator} '{wanted}'"));
            readings.push(("==", case, negated));
        }
        for (operator, case, negated) in
            [("in", true, false), ("!in", true, true), ("in~", false, false), ("!in~", false, true)]
        {
            columns.push(format!("t {operator} ('{wanted}', 'nothing')"));
            readings.push(("==", case, negated));
        }
        columns.push(format!("t has_any ('{wanted}', 'nothing')"));
        readings.push(("has", false, false));
        columns.push(format!("t has_all ('{wanted}')"));
        readings.push(("has", false, false));
        let text = format!("datatable(t:string)[{}] | project {}", rows.join(", "), columns.join(", "));
        for (row, own) in run(&text).iter().zip(&texts) {
            for ((got, (operator, case, negated)), column) in row.iter().zip(&readings).zip(&columns) {
                let plain = if *case {
                    holds(operator, own, &wanted)
                } else {
                    holds(operator, &own.to_lowercase(), &wanted.to_lowercase())
                };
                prop_assert_eq!(got, &Value::Bool(plain != *negated), "'{}' {}", own, column);
            }
        }
    }
}
