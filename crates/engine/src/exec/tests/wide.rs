//! Unions of many columns have those that are asked for, and nobody sees a difference.

use values::{ScalarType, Value};

use super::{PLAIN, Table, rows, run};

/// Two tables with two hundred columns each, half of them the same.
fn wide() -> Vec<Table> {
    let table = |name: &'static str, from: usize, text: &str| {
        let columns = (from..from + 200).map(|n| {
            let name: &'static str = format!("c{n}").leak();
            (name, if n == 150 && from > 0 { ScalarType::Long } else { ScalarType::String })
        });
        let columns: Vec<_> = columns.collect();
        let cell = |(n, (_, ty)): (usize, &(&str, ScalarType))| match ty {
            ScalarType::Long => Value::Long(7),
            _ => Value::string(format!("{text} {}", n + from)),
        };
        Table { name, rows: vec![columns.iter().enumerate().map(cell).collect()], columns }
    };
    vec![table("A", 0, "alpha"), table("B", 100, "beta")]
}

#[test]
fn a_wide_union_has_what_is_asked_for() {
    let tables = wide();
    let texts = |row: &[Value]| row.iter().map(Value::to_string).collect::<Vec<_>>().join("|");
    let cases = [
        ("search 'alpha' | summarize count() by $table", "A|1"),
        ("search 'beta' | project $table, c250, c5, c150_long", "B|beta 250||7"),
        ("union A, B | where c120 has 'beta' | project c120, c299", "beta 120|beta 299"),
        ("union withsource=T A, B | where c150_long == 7 | distinct T", "B"),
        ("union A, B | summarize dcount(c150_string), sum(c150_long), take_any(c0)", "2|7|alpha 0"),
        ("union A, B | where * has 'beta' | extend n = strlen(c299) | project n", "8"),
        ("union A, B | project-away c1* | where c0 != '' | project c0, c99", "alpha 0|alpha 99"),
        (
            "union A, B | extend p = pack_all() | where c0 == '' | project tostring(p.c299)",
            "beta 299",
        ),
        (
            "union A, B | join kind=inner (B | project c299, x = c298) on c299 | project c2991, x",
            "beta 299|beta 298",
        ),
        ("union A, B | getschema | count", "301"),
        ("union A, B | count", "2"),
    ];
    for (query, wanted) in cases {
        let rows = rows(&tables, query, PLAIN);
        assert_eq!(rows.iter().map(|row| texts(row)).collect::<Vec<_>>(), [wanted], "{query}");
    }
    // what is wrong is said as if all columns were there
    let error = run(&tables, "union A, B | where c29 == '' | project c2999", PLAIN).unwrap_err();
    assert!(error.to_string().contains("c2999"), "{error}");
    assert!(run(&tables, "search 'alpha' | project c7777", PLAIN).is_ok(), "tables may lack it");
}
