//! What a query may not do: take too long, make too many rows, go on after it was stopped.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::ThreadId;
use std::time::Duration;

use arrow_array::Int64Array;
use model::{Batch, Rows, Schema};
use parking_lot::Mutex;
use values::{DateTime, ScalarType, Value};

use super::{PLAIN, rows, run};
use crate::Query;
use crate::exec::{self, ExecError, ExecSettings};
use crate::functions::EvalContext;
use crate::plan::{Expansion, Expr, Field, Node, Plan};
use crate::source::{MemoryCatalog, Scan, ScanRequest, SourceError, TableSource};

fn query(text: &str) -> Query<'_> {
    Query::new(text, Arc::new(MemoryCatalog::default()), DateTime::UNIX_EPOCH)
}

#[test]
fn generated_rows_are_limited() {
    for text in [
        "range x from 1 to 10000000000 step 1 | count",
        "range x from 1 to 1000000000 step 1 | summarize sum(x)",
    ] {
        let error = run(&[], text, PLAIN).unwrap_err();
        assert!(matches!(error, model::QueryError::ResourceLimit(_)), "{text}: {error}");
    }
}

/// `mv-expand` of `[1,"2",3.5]` as long, over so many rows.
fn expansion(rows: usize) -> Plan {
    let field = |id, name: &str, ty| Field { id, name: Arc::from(name), ty };
    let (array, element) = (field(0, "a", ScalarType::Dynamic), field(1, "e", ScalarType::Long));
    let schema = Arc::new(Schema::new([("a", ScalarType::Dynamic)]));
    let value = Value::from(values::Dynamic::parse_json(r#"[1, "2", 3.5]"#).unwrap());
    let input = Rows::from_values(schema, vec![vec![value]; rows]);
    let input = Plan { node: Arc::new(Node::Rows(Arc::new(input))), fields: vec![array.clone()] };
    let expr = Expr::Column(0, ScalarType::Dynamic);
    let node = Node::Expand {
        input,
        expansions: vec![Expansion { expr, field: element.clone() }],
        bags_as_arrays: false,
        index: None,
        row: None,
        limit: None,
        keep_null: true,
    };
    Plan { node: Arc::new(node), fields: vec![array, element] }
}

#[test]
fn expansion_is_limited_and_casts_without_reading_text() {
    let mut settings = ExecSettings::new(EvalContext::new(DateTime::UNIX_EPOCH, None));
    settings.generated_max = 30;
    let answer = exec::run(&expansion(10), settings.clone()).unwrap();
    let elements: Vec<Value> = answer.rows.values().map(|mut row| row.remove(1)).collect();
    assert_eq!(elements[..3], [Value::Long(1), Value::Null, Value::Long(3)]);
    let error = exec::run(&expansion(11), settings).unwrap_err();
    assert!(matches!(error, ExecError::ResourceLimit(_)), "{error}");
}

#[test]
fn time_is_limited_and_cancelling_ends_a_query() {
    let text = "range x from 1 to 40000000 step 1 | extend y = tostring(x) | summarize dcount(y)";
    let mut slow = query(text);
    slow.limits.time_max = Duration::from_millis(1);
    assert!(matches!(crate::query(&slow).unwrap_err(), model::QueryError::Timeout(_)));
    let stopped = query(text);
    stopped.cancel.cancel();
    assert!(matches!(crate::query(&stopped).unwrap_err(), model::QueryError::Cancelled));
}

/// A table whose batches take a while; notes the threads that read it.
#[derive(Clone, Default)]
struct Slow {
    left: Arc<AtomicUsize>,
    seen: Arc<Mutex<HashSet<ThreadId>>>,
}

impl TableSource for Slow {
    fn name(&self) -> &'static str {
        "Slow"
    }

    fn schema(&self) -> Arc<Schema> {
        Arc::new(Schema::new([("x", ScalarType::Long)]))
    }

    fn scan(&self, _: ScanRequest) -> Result<Box<dyn Scan>, SourceError> {
        Ok(Box::new(self.clone()))
    }
}

impl Scan for Slow {
    fn next(&self) -> Result<Option<Batch>, SourceError> {
        std::thread::sleep(Duration::from_millis(2));
        self.seen.lock().insert(std::thread::current().id());
        let less = |left: usize| left.checked_sub(1);
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_err() {
            return Ok(None);
        }
        let column = Arc::new(Int64Array::from(vec![1; 10]));
        Ok(Some(Batch { columns: vec![column], rows: 10 }))
    }
}

#[test]
fn steps_that_find_nothing_get_help_too() {
    for (text, count) in [
        ("Slow | where x == 2 | count", 0),
        ("Slow | where x * 2 == 3 | project x | summarize count() by x | count", 0),
        ("Slow | mv-expand a = dynamic([]) to typeof(long) | where a > x | count", 0),
        ("Slow | take 5 | where x == 1 | count", 5),
        ("Slow | where x == 1 | count", 600),
    ] {
        let slow = Slow { left: Arc::new(AtomicUsize::new(60)), ..Slow::default() };
        let mut catalog = MemoryCatalog::default();
        catalog.insert(Arc::new(slow.clone()));
        let mut asked = Query::new(text, Arc::new(catalog), DateTime::UNIX_EPOCH);
        asked.threads = 2;
        let answer = crate::query(&asked).unwrap();
        let found: Vec<_> = answer.tables[0].rows.values().collect();
        assert_eq!(found, [[Value::Long(count)]], "{text}");
        let threads = slow.seen.lock().len();
        assert!(threads == 2 || count == 5, "{text}: {threads} threads");
    }
}

#[test]
fn results_are_cut_at_the_limits() {
    let mut cut = query("range x from 1 to 1000000 step 1");
    cut.limits.rows_max = 70_000;
    cut.limits.truncate = true;
    let answer = crate::query(&cut).unwrap();
    assert_eq!(answer.tables[0].rows.len(), 70_000);
    assert!(answer.partial.is_some());
    cut.limits.truncate = false;
    assert!(matches!(crate::query(&cut).unwrap_err(), model::QueryError::ResultTooLarge(_)));
}

#[test]
fn a_step_of_zero_is_refused() {
    let error = run(&[], "range x from 1 to 10 step 0", PLAIN).unwrap_err().to_string();
    assert!(error.contains("step"), "{error}");
    assert!(rows(&[], "range x from 10 to 1 step 1", PLAIN).is_empty());
    assert_eq!(rows(&[], "range x from 3 to 1 step -1", PLAIN).len(), 3);
    let ends = format!("range x from {} to {} step 1", i64::MAX - 1, i64::MAX);
    assert_eq!(rows(&[], &ends, PLAIN), [[Value::Long(i64::MAX - 1)], [Value::Long(i64::MAX)]]);
}
