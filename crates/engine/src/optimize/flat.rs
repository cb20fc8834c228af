//! `mv-apply` and `partition` over all groups at once: what runs once per group becomes steps that keep the groups apart
//! by their key. Filters and projections do not see the groups, `summarize` gets one more key, `sort` sorts by the key
//! first, and `top` counts rows from each group's first on. Pipelines with other steps still run group by group.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use values::{ScalarType, Value};

use super::rewrite::is_certain;
use crate::plan::{
    AggregateCall, ColumnId, Expr, Field, Grouping, Node, Output, Plan, SortKey, Window,
    WindowKind, pass, project,
};

/// Columns made here are numbered from here on: neither the binder nor [`super::parts`] comes so far.
const FIRST: ColumnId = 3 << 30;
/// How many before numbers come again; a plan has far fewer.
const NUMBERS: u32 = 1 << 29;

static NEXT: AtomicU32 = AtomicU32::new(0);

fn fresh(name: &str, ty: ScalarType) -> Field {
    let number = NEXT.fetch_add(1, Ordering::Relaxed) % NUMBERS;
    Field { id: FIRST + number, name: Arc::from(name), ty }
}

/// The plan of a [`Node::Apply`] without groups, where its body allows it.
pub(super) fn flat(plan: &Plan) -> Option<Plan> {
    let Node::Apply { input, grouping, row, keep, body, mapping } = &*plan.node else {
        return None;
    };
    let of = |id: &ColumnId| input.fields.iter().find(|f| f.id == *id).cloned();
    let (input, key) = match grouping {
        Grouping::EachRow => (input.clone(), of(row.as_ref()?)?),
        Grouping::By(by) if is_certain(by) => {
            let key = fresh("$key", by.ty());
            let mut outputs = pass(&input.fields);
            outputs.push(Output { field: key.clone(), expr: by.clone() });
            (project(input.clone(), outputs), key)
        }
        Grouping::By(_) => return None,
    };
    let mut carried: Vec<Field> = keep.iter().map(of).collect::<Option<_>>()?;
    carried.retain(|f| f.id != key.id);
    let flat = Flat { input, mapping, key, carried };
    let rows = flat.rows(body, false)?;
    Some(project(rows.plan, pass(&plan.fields)))
}

struct Flat<'a> {
    input: Plan,
    /// (the body's id, the input's id)
    mapping: &'a [(ColumnId, ColumnId)],
    /// Tells the groups apart.
    key: Field,
    /// Columns that are the same for all rows of a group, and stand beside the body's.
    carried: Vec<Field>,
}

/// The rows that the body gives for all groups, beside the key and what is carried.
struct Groups {
    plan: Plan,
    /// A condition that the rows have yet to meet.
    condition: Option<Expr>,
    /// Every group has a row, whether it meets the condition or not.
    complete: bool,
}

impl Groups {
    /// The rows that meet the condition.
    fn met(self) -> Self {
        let Some(predicate) = self.condition else { return self };
        let fields = self.plan.fields.clone();
        let node = Node::Filter { input: self.plan, predicate };
        let plan = Plan { node: Arc::new(node), fields };
        Self { plan, condition: None, complete: false }
    }
}

impl Flat<'_> {
    /// The rows of a step of the body. `lazily`: a condition may be left to the caller, who gives one row for each group,
    /// even for one of which no row meets it.
    fn rows(&self, body: &Plan, lazily: bool) -> Option<Groups> {
        let rows = match &*body.node {
            Node::GroupInput => {
                let outer = |f: &Field| {
                    let (_, outer) = self.mapping.iter().find(|(inner, _)| *inner == f.id)?;
                    Some(Output { field: f.clone(), expr: Expr::Column(*outer, f.ty) })
                };
                let mut outputs = body.fields.iter().map(outer).collect::<Option<Vec<_>>>()?;
                outputs.extend(self.beside());
                let plan = project(self.input.clone(), outputs);
                Groups { plan, condition: None, complete: true }
            }
            Node::Filter { input, predicate } if is_certain(predicate) => {
                let rows = self.rows(input, lazily)?;
                let condition = both(rows.condition, predicate);
                Groups { condition: Some(condition), ..rows }
            }
            Node::Project { input, outputs } if outputs.iter().all(|o| is_certain(&o.expr)) => {
                let rows = self.rows(input, lazily)?;
                let mut outputs = outputs.clone();
                outputs.extend(self.beside());
                let condition = rows.condition.map(|condition| {
                    let field = fresh("$met", ScalarType::Bool);
                    let met = field.column();
                    outputs.push(Output { field, expr: condition });
                    met
                });
                Groups { plan: project(rows.plan, outputs), condition, complete: rows.complete }
            }
            Node::Expand { input, expansions, bags_as_arrays, index, row, limit, keep_null }
                if expansions.iter().all(|e| is_certain(&e.expr)) =>
            {
                let input = self.rows(input, false)?.plan;
                let mut fields = input.fields.clone();
                fields.extend(expansions.iter().map(|e| e.field.clone()));
                fields.extend(index.iter().chain(row).cloned());
                let node = Node::Expand {
                    input,
                    expansions: expansions.clone(),
                    bags_as_arrays: *bags_as_arrays,
                    index: index.clone(),
                    row: row.clone(),
                    limit: *limit,
                    keep_null: *keep_null,
                };
                let plan = Plan { node: Arc::new(node), fields };
                Groups { plan, condition: None, complete: false }
            }
            Node::Aggregate { input, keys, aggregates } => {
                self.aggregated(input, keys, aggregates)?
            }
            Node::Sort { input, keys, limit } if keys.iter().all(|k| is_certain(&k.expr)) => {
                let rows = self.rows(input, lazily && limit.is_none())?;
                let plan = self.sorted(rows.plan, keys);
                let rows = Groups { plan, ..rows };
                match limit {
                    Some(count) => self.first(rows, *count)?,
                    None => rows,
                }
            }
            Node::Limit { input, count } => {
                let rows = self.rows(input, false)?;
                let plan = self.sorted(rows.plan, &[]);
                self.first(Groups { plan, ..rows }, *count)?
            }
            _ => return None,
        };
        Some(if lazily { rows } else { rows.met() })
    }

    fn aggregated(
        &self,
        input: &Plan,
        keys: &[Output],
        aggregates: &[AggregateCall],
    ) -> Option<Groups> {
        let exprs = keys.iter().map(|k| &k.expr).chain(aggregates.iter().flat_map(|a| &a.args));
        if !exprs.chain(aggregates.iter().filter_map(|a| a.filter.as_ref())).all(is_certain) {
            return None;
        }
        // without keys a group has its row even where its rows are all filtered out
        let rows = self.rows(input, keys.is_empty())?;
        if keys.is_empty() && !rows.complete {
            return None;
        }
        let mut calls = aggregates.to_vec();
        if let Some(condition) = &rows.condition {
            for call in &mut calls {
                call.filter = Some(both(call.filter.take(), condition));
            }
        }
        if !self.carried.is_empty() {
            calls.push(AggregateCall {
                fields: self.carried.clone(),
                aggregate: crate::aggregates::find("take_any")?,
                args: self.carried.iter().map(Field::column).collect(),
                filter: None,
            });
        }
        let key = Output { field: self.key.clone(), expr: self.key.column() };
        let keys: Vec<Output> = std::iter::once(key).chain(keys.iter().cloned()).collect();
        let fields = keys.iter().map(|k| &k.field).chain(calls.iter().flat_map(|c| &c.fields));
        let fields = fields.cloned().collect();
        let node = Node::Aggregate { input: rows.plan, keys, aggregates: calls };
        let plan = Plan { node: Arc::new(node), fields };
        Some(Groups { plan, condition: None, complete: rows.complete })
    }

    /// The rows group by group, within them by these keys.
    fn sorted(&self, input: Plan, keys: &[SortKey]) -> Plan {
        let by = SortKey { expr: self.key.column(), descending: false, nulls_first: true };
        let keys = std::iter::once(by).chain(keys.iter().cloned()).collect();
        let fields = input.fields.clone();
        Plan { node: Arc::new(Node::Sort { input, keys, limit: None }), fields }
    }

    /// The first rows of each group, of rows that come group by group.
    fn first(&self, rows: Groups, count: usize) -> Option<Groups> {
        let function = crate::functions::find;
        let bool = |name: &str, args: Vec<Expr>| {
            Some(Expr::Call { function: function(name)?, args, ty: ScalarType::Bool })
        };
        let window = |kind, args, ty| Expr::Window(Box::new(Window { kind, args, ty }));
        let long = |value: i64| Expr::Literal(Value::Long(value), ScalarType::Long);
        let before = window(WindowKind::Prev, vec![self.key.column()], self.key.ty);
        let new = bool("!=", vec![before, self.key.column()])?;
        let number = fresh("$number", ScalarType::Long);
        let mut outputs = pass(&rows.plan.fields);
        let counted = window(WindowKind::RowNumber, vec![long(1), new], ScalarType::Long);
        outputs.push(Output { field: number.clone(), expr: counted });
        let plan = project(rows.plan, outputs);
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        let early = bool("<=", vec![number.column(), long(count)])?;
        // a group that has rows keeps the first of them
        let complete = rows.complete && count > 0;
        let rows = Groups { plan, condition: Some(early), complete }.met();
        Some(Groups { complete, ..rows })
    }

    /// The columns beside the body's.
    fn beside(&self) -> Vec<Output> {
        let mut outputs = pass(&self.carried);
        outputs.extend(pass(std::slice::from_ref(&self.key)));
        outputs
    }
}

/// Both conditions, of which the first may rely on nothing and the second on the first.
fn both(first: Option<Expr>, second: &Expr) -> Expr {
    match first {
        Some(first) => Expr::And(vec![first, second.clone()]),
        None => second.clone(),
    }
}
