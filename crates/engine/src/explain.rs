//! `set query_explain;`: the plan as rows, with what each step did.

mod show;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use model::{ResultTable, Rows, Schema};
use values::{ScalarType, TimeSpan, Value};

use crate::exec::{Measures, inputs};
use crate::plan::{ColumnId, Node, Plan};
use show::Shown;

/// Name of the table that explains.
pub(crate) const TABLE: &str = "QueryPlan";

/// How long the stages before the run took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stages {
    pub(crate) parse: Duration,
    pub(crate) bind: Duration,
    pub(crate) optimize: Duration,
    pub(crate) run: Duration,
}

/// The stages, then the steps of each result: a step stands above those that it takes its rows from.
pub(crate) fn table(
    stages: Stages,
    results: &[(String, Plan)],
    measures: &Measures,
) -> ResultTable {
    let mut rows = vec![
        stage("parse", stages.parse),
        stage("bind", stages.bind),
        stage("optimize", stages.optimize),
        stage("run", stages.run),
    ];
    for (_, plan) in results {
        let mut names = HashMap::new();
        let mut walk = Walk { measures, names: &mut names, seen: HashSet::new(), rows: &mut rows };
        walk.collect_names(plan);
        walk.seen.clear();
        walk.step(plan, 1);
    }
    let schema = Schema::new([
        ("Depth", ScalarType::Int),
        ("Step", ScalarType::String),
        ("Detail", ScalarType::String),
        ("Rows", ScalarType::Long),
        ("Time", ScalarType::TimeSpan),
        ("RowsRead", ScalarType::Long),
        ("Segments", ScalarType::Long),
        ("SegmentsPruned", ScalarType::Long),
    ]);
    ResultTable { name: TABLE.to_owned(), rows: Rows::from_values(Arc::new(schema), rows) }
}

fn stage(name: &str, time: Duration) -> Vec<Value> {
    let mut row = vec![Value::Int(0), Value::string(name), Value::string(""), Value::Null];
    row.push(span(time));
    row.extend([Value::Null, Value::Null, Value::Null]);
    row
}

fn span(time: Duration) -> Value {
    let ticks = i64::try_from(time.as_nanos() / 100).unwrap_or(i64::MAX);
    Value::TimeSpan(TimeSpan::from_ticks(ticks))
}

fn count(value: u64) -> Value {
    Value::Long(i64::try_from(value).unwrap_or(i64::MAX))
}

struct Walk<'a> {
    measures: &'a Measures,
    names: &'a mut HashMap<ColumnId, Arc<str>>,
    /// Steps that several others read: shown below the first of them.
    seen: HashSet<*const Node>,
    rows: &'a mut Vec<Vec<Value>>,
}

impl Walk<'_> {
    fn collect_names(&mut self, plan: &Plan) {
        for field in &plan.fields {
            self.names.insert(field.id, Arc::clone(&field.name));
        }
        if self.seen.insert(Arc::as_ptr(&plan.node)) {
            let below = inputs(&plan.node).into_iter().chain(show::subqueries(&plan.node));
            below.for_each(|input| self.collect_names(input));
        }
    }

    fn step(&mut self, plan: &Plan, depth: usize) {
        let node = &*plan.node;
        let again = !self.seen.insert(node);
        let Shown { step, detail } = Shown::of(plan, self.names);
        let detail = if again { "as above".to_owned() } else { detail };
        let below: Vec<&Plan> = inputs(node).into_iter().chain(show::subqueries(node)).collect();
        let measure = self.measures.step(node).filter(|_| !again);
        let own = measure.as_ref().map(|m| {
            let inside = |p: &&Plan| self.measures.step(&p.node).map(|m| m.time());
            m.time().saturating_sub(below.iter().filter_map(inside).sum())
        });
        let counters = match node {
            Node::Scan(scan) if !again => self.measures.scan(scan),
            _ => None,
        };
        let counted = |pick: fn(&crate::source::Counters) -> &std::sync::atomic::AtomicU64| {
            counters.as_ref().map_or(Value::Null, |c| count(pick(c).load(Ordering::Relaxed)))
        };
        self.rows.push(vec![
            Value::Int(i32::try_from(depth).unwrap_or(i32::MAX)),
            Value::string(step),
            Value::string(detail),
            measure.map_or(Value::Null, |m| count(m.rows())),
            own.map_or(Value::Null, span),
            counted(|c| &c.rows_read),
            counted(|c| &c.segments),
            counted(|c| &c.segments_pruned),
        ]);
        if !again {
            for input in below {
                self.step(input, depth + 1);
            }
        }
    }
}
