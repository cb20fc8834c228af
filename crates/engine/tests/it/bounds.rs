//! What a query may not take, whatever its text: memory that rows held would need, and texts that unfold without end.

use std::fmt::Write as _;
use std::sync::Arc;

use engine::Query;
use engine::source::MemoryCatalog;
use model::{DateTime, FunctionDefinition, QueryError};

fn ask(text: &str, memory: usize) -> Result<Vec<String>, QueryError> {
    let mut catalog = MemoryCatalog::default();
    catalog.insert_function(FunctionDefinition {
        name: "endless".into(),
        parameters: "n:long".into(),
        body: "union (print n), (endless(n + 1)), (endless(n + 2))".into(),
    });
    let now = DateTime::parse("2024-06-01T12:00:00Z").unwrap();
    let mut query = Query::new(text, Arc::new(catalog), now);
    query.limits.memory_max = memory;
    let answer = engine::query(&query)?;
    Ok(answer.tables[0].rows.values().map(|row| format!("{row:?}")).collect())
}

/// A chain of lets, each made of the one before.
fn chain(first: &str, next: &str, last: &str) -> String {
    let mut text = format!("let a0 = {first};\n");
    for line in 1..60 {
        writeln!(text, "let a{line} = {};", next.replace('@', &format!("a{}", line - 1))).unwrap();
    }
    text + last
}

#[test]
fn texts_that_unfold_without_end_are_refused() {
    for text in [
        chain("print x = 1", "union @, @", "a59 | count"),
        chain("print x = 1", "@ | join @ on x", "a59 | count"),
        chain("print x = 1", "@ | lookup @ on $left.x == $right.x1", "a59"),
        chain("print x = 1", "materialize(@ | join @ on x)", "a59 | count"),
        chain("() { print x = 1 }", "() { union isfuzzy=true @(), @() }", "a59() | count"),
        chain("(v:long) { v + 1 }", "(v:long) { @(v) * @(v + 1) }", "print a59(1)"),
        chain("toscalar(range x from 1 to 2 step 1 | count)", "@ + @", "print a59"),
        "endless(1)".to_owned(),
        format!("print {}1{}", "(".repeat(5000), ")".repeat(5000)),
    ] {
        match ask(&text, 64 << 20) {
            Err(QueryError::ResourceLimit(_) | QueryError::Syntax { .. }) => {}
            Err(QueryError::Semantic { code, .. }) if text.contains("x1") => {
                assert_eq!(code, "SEM0100");
            }
            other => panic!("{}: {other:?}", &text[..60]),
        }
    }
}

#[test]
fn what_is_written_once_may_be_read_often() {
    let text = chain("print x = 1", "materialize(@ | union @ | summarize x = sum(x))", "a59");
    assert_eq!(ask(&text, 64 << 20).unwrap(), [format!("[Long({})]", 1_i64 << 59)]);
    let text = chain("range x from 1 to 9 step 1", "@ | where x in (@)", "a59 | count");
    assert_eq!(ask(&text, 64 << 20).unwrap(), ["[Long(9)]"]);
}

#[test]
fn more_rows_than_memory_are_sorted_grouped_and_joined_on_disk() {
    let rows = "range x from 1 to 300000 step 1 | extend k = tostring(hash(x)), v = x % 1000";
    let cases = [
        (format!("{rows} | sort by k asc | take 1 | count"), "[Long(1)]"),
        (format!("{rows} | summarize n = count() by k | summarize sum(n)"), "[Long(300000)]"),
        (format!("{rows} | join kind=inner ({rows}) on k | count"), "[Long(300000)]"),
        (format!("{rows} | sort by k asc | serialize r = 1 | summarize sum(r)"), "[Long(300000)]"),
    ];
    for (text, expected) in cases {
        assert_eq!(ask(&text, 12 << 20).unwrap_or_else(|e| panic!("{text}: {e}")), [expected]);
    }
}

#[test]
fn many_groups_fit_into_little_memory() {
    // each key comes twice, far apart, so that rows of a key are on disk and in memory
    let rows =
        "range x from 1 to 700000 step 1 | extend k = tostring(hash(x % 350000)), v = x % 1000";
    for (text, expected) in [
        (
            "summarize n = count(), s = sum(v) by k | summarize count(), sum(n), sum(s), max(n)",
            "[Long(350000), Long(700000), Long(349650000), Long(2)]",
        ),
        ("distinct k, v | count", "[Long(350000)]"),
        (
            "summarize s = make_set(v), l = make_list(v) by k | summarize count(), sum(array_length(s)), sum(array_length(l))",
            "[Long(350000), Long(350000), Long(700000)]",
        ),
    ] {
        let text = format!("{rows} | {text}");
        assert_eq!(ask(&text, 4 << 20).unwrap_or_else(|e| panic!("{text}: {e}")), [expected]);
    }
}

#[test]
fn rows_that_must_be_held_are_refused_once_they_do_not_fit() {
    let rows = "range x from 1 to 300000 step 1 | extend k = tostring(hash(x))";
    for text in [
        format!("let m = materialize({rows}); union m, m | count"),
        format!("range y from 1 to 3 step 1 | where y !in (({rows} | project x))"),
        format!("{rows} | sort by x asc | extend p = prev(k) | summarize max(p)"),
        format!("{rows} | summarize make_list(k, 300000)"),
        format!("print toscalar({rows} | summarize make_list(k, 300000))"),
    ] {
        match ask(&text, 2 << 20) {
            Err(QueryError::ResourceLimit(message)) => {
                assert!(message.contains("memory"), "{message}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

/// Memory that operators and functions need beyond their input's.
#[test]
fn what_is_made_of_few_rows_is_bounded() {
    let rows = "range x from 1 to 100000 step 1 | extend k = tostring(x % 3000)";
    for text in [
        "range x from 1 to 9 step 1 | make-series n = count() on x from 0 to 10000000 step 1".to_owned(),
        format!("{rows} | make-series n = count() on x from 0 to 100000 step 1000 by k"),
        format!("{rows} | evaluate pivot(k)"),
        format!("{rows} | extend b = bag_pack(tostring(x % 1500), x) | evaluate bag_unpack(b)"),
        format!("{rows} | extend j = tostring(hash(x)) | evaluate autocluster()"),
        format!("{rows} | top-nested of tostring(hash(x)) by max(x)"),
        "range x from 1 to 200 step 1 | mv-expand y = range(1, 200, 1) to typeof(long) | make-graph x --> y with_node_id=id | graph-match (p)-[e*1..3]->(q) project p.id, e.x".to_owned(),
        format!("{rows} | summarize s = buildschema(bag_pack(tostring(x), x)) | project strlen(tostring(s))"),
        // one value, and the values of one batch
        "print a = range(1, 1000000, 1) | extend b = array_concat(a, a, a, a, a, a, a, a, a, a) | project array_length(array_concat(b, b))".to_owned(),
        "range x from 1 to 5000 step 1 | extend y = range(1, 100000 + x, 1) | summarize sum(array_length(y))".to_owned(),
    ] {
        match ask(&text, 8 << 20) {
            Err(QueryError::ResourceLimit(_)) => {}
            other => panic!("{text}: {other:?}"),
        }
    }
    // the same value in every row is there once
    let text = "range x from 1 to 8000 step 1 | extend y = range(1, 1000000, 1) | summarize sum(array_length(y))";
    assert_eq!(ask(text, 8 << 20).unwrap(), ["[Long(8000000000)]"]);
}

/// Rows that plugins work on are no result: the limit of a result does not cut them.
#[test]
fn plugins_see_all_rows() {
    let rows = "range x from 1 to 3000 step 1";
    let catalog: Arc<dyn engine::source::Catalog> = Arc::new(MemoryCatalog::default());
    for (text, expected) in [
        (format!("{rows} | evaluate narrow() | count"), 3000),
        (
            format!(
                "{rows} | extend b = bag_pack('n', x) | evaluate bag_unpack(b) | summarize max(n)"
            ),
            3000,
        ),
        (
            format!("{rows} | extend k = tostring(x % 2) | evaluate pivot(k, count(), x) | count"),
            3000,
        ),
    ] {
        let now = DateTime::parse("2024-06-01T12:00:00Z").unwrap();
        let mut query = Query::new(&text, Arc::clone(&catalog), now);
        query.limits.rows_max = 100;
        let answer = engine::query(&query).unwrap();
        let row = answer.tables[0].rows.values().next().unwrap();
        assert_eq!(row[0].as_i64(), Some(expected), "{text}");
    }
}

#[test]
fn regular_expressions_stay_small() {
    for text in [
        "print 'a' | where print_0 matches regex '((a{1,1000}){1,1000}){1,1000}'",
        "print extract('(((x{1,500}){1,500}){1,500})', 1, 'x')",
        "print s = 'x' | parse kind=regex s with '((x{1,900}){1,900}){1,900}' y",
    ] {
        assert!(ask(text, 64 << 20).is_err(), "{text}");
    }
}
