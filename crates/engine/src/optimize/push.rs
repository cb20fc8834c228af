//! Conjuncts moved toward the scans. Where one can never hold, nothing is read: legs of unions that a parameter switches
//! off fall away.

use std::sync::Arc;

use super::flat::flat;
use super::hints;
use super::narrow::narrow;
use super::rewrite::{columns, conjuncts, is_cheap, is_movable, substitute};
use super::settle::settle;
use crate::plan::{ColumnId, Expr, Field, JoinKind, Node, Output, Plan, pass, project};
use ahash::{AHashMap as HashMap, AHashSet as HashSet};
use model::{Rows, Schema};
use values::Value;

/// The plan with these conjuncts applied as early as possible. They read the plan's fields.
pub(super) fn push(plan: Plan, mut wanted: Vec<Expr>) -> Plan {
    let plan = flat(&plan).unwrap_or(plan);
    let fields = plan.fields;
    if wanted.iter().any(never) {
        return nothing(fields);
    }
    match unwrap(plan.node) {
        Node::Filter { input, predicate } => {
            // the filter's own conjuncts come first: those above may rely on them
            let mut all = conjuncts(narrow(predicate));
            all.append(&mut wanted);
            let pushed = push(input, all);
            restore(pushed, &fields)
        }
        Node::Project { input, outputs } => {
            let (down, stay) = through_projection(&outputs, wanted);
            let input = push(input, down);
            if is_nothing(&input) {
                return nothing(fields);
            }
            let node = Node::Project { input, outputs };
            filtered(Plan { node: Arc::new(node), fields }, stay)
        }
        Node::Scan(mut scan) => {
            hints::learn(&mut scan, &fields, &wanted);
            filtered(Plan { node: Arc::new(Node::Scan(scan)), fields }, wanted)
        }
        Node::Union { inputs } => {
            let (movable, stay): (Vec<_>, Vec<_>) = wanted.into_iter().partition(is_movable);
            let inputs: Vec<Plan> = inputs
                .into_iter()
                .map(|input| {
                    let exprs: Vec<Expr> =
                        input.fields.iter().map(|f| Expr::Column(f.id, f.ty)).collect();
                    let map = fields.iter().map(|f| f.id).zip(&exprs).collect();
                    let down = movable.iter().filter_map(|e| substitute(e, &map)).collect();
                    push(input, down)
                })
                .filter(|input| !is_nothing(input))
                .collect();
            if inputs.is_empty() {
                return nothing(fields);
            }
            filtered(Plan { node: Arc::new(Node::Union { inputs }), fields }, stay)
        }
        Node::Aggregate { input, keys, aggregates } => {
            let (down, stay) = through_projection(&keys, wanted);
            let input = push(input, down);
            if is_nothing(&input) && !keys.is_empty() {
                return nothing(fields);
            }
            let node = Node::Aggregate { input, keys, aggregates };
            filtered(Plan { node: Arc::new(node), fields }, stay)
        }
        Node::Sort { input, keys, limit: None } => {
            let input = push(input, wanted);
            if is_nothing(&input) {
                return nothing(fields);
            }
            let node = Node::Sort { input, keys, limit: None };
            Plan { node: Arc::new(node), fields }
        }
        Node::Join { kind, left, right, left_keys, right_keys } => {
            let (to_left, to_right) = sides(kind);
            let (down_left, rest) = split(wanted, &left, to_left);
            let (down_right, stay) = split(rest, &right, to_right);
            let left = push(left, down_left);
            if is_nothing(&left) && needs_left(kind) {
                return nothing(fields);
            }
            let right = push(right, down_right);
            let node = Node::Join { kind, left, right, left_keys, right_keys };
            filtered(Plan { node: Arc::new(node), fields }, stay)
        }
        Node::Expand { input, expansions, bags_as_arrays, index, row, limit, keep_null } => {
            let (down, stay) = split(wanted, &input, true);
            let input = push(input, down);
            if is_nothing(&input) {
                return nothing(fields);
            }
            let node =
                Node::Expand { input, expansions, bags_as_arrays, index, row, limit, keep_null };
            filtered(Plan { node: Arc::new(node), fields }, stay)
        }
        Node::Parse { input, text, parts, captures, mode, only_matches } => {
            let (down, stay) = split(wanted, &input, true);
            let input = push(input, down);
            if is_nothing(&input) {
                return nothing(fields);
            }
            let node = Node::Parse { input, text, parts, captures, mode, only_matches };
            filtered(Plan { node: Arc::new(node), fields }, stay)
        }
        other => filtered(Plan { node: Arc::new(inner(other)), fields }, wanted),
    }
}

/// Steps that conjuncts do not pass: their inputs are optimized on their own.
fn inner(node: Node) -> Node {
    let own = |plan: Plan| push(plan, Vec::new());
    match node {
        Node::Window { input, outputs } => Node::Window { input: own(input), outputs },
        Node::Sort { input, keys, limit } => Node::Sort { input: own(input), keys, limit },
        Node::Limit { input, count } => unwrap(cut(own(input), count).node),
        Node::Sample { input, count } => Node::Sample { input: own(input), count },
        Node::Apply { input, grouping, row, keep, body, mapping } => {
            Node::Apply { input: own(input), grouping, row, keep, body, mapping }
        }
        Node::ParseKv { input, text, captures, options } => {
            Node::ParseKv { input: own(input), text, captures, options }
        }
        Node::MakeSeries { input, keys, axis, aggregates, nonempty } => {
            Node::MakeSeries { input: series_input(input, &axis), keys, axis, aggregates, nonempty }
        }
        Node::Whole { inputs, operator } => {
            Node::Whole { inputs: inputs.into_iter().map(own).collect(), operator }
        }
        other => other,
    }
}

/// The first rows of a plan. A sort below keeps no more than these: `sort | take` is a `top`.
fn cut(plan: Plan, count: usize) -> Plan {
    let fields = plan.fields;
    let node = match unwrap(plan.node) {
        Node::Sort { input, keys, limit } => {
            Node::Sort { input, keys, limit: Some(limit.map_or(count, |limit| limit.min(count))) }
        }
        Node::Project { input, outputs } => Node::Project { input: cut(input, count), outputs },
        Node::Limit { input, count: before } => Node::Limit { input, count: count.min(before) },
        other => {
            let input = Plan { node: Arc::new(other), fields: fields.clone() };
            Node::Limit { input, count }
        }
    };
    Plan { node: Arc::new(node), fields }
}

/// Rows outside the axis of a `make-series` are not needed.
fn series_input(input: Plan, axis: &crate::plan::SeriesAxis) -> Plan {
    let compare = |operator: &str, bound: &Option<Expr>| {
        let bound = bound.clone().filter(|b| matches!(b, Expr::Literal(..)))?;
        let function = crate::functions::find(operator)?;
        Some(Expr::Call {
            function,
            args: vec![axis.expr.clone(), bound],
            ty: values::ScalarType::Bool,
        })
    };
    let bounds =
        [compare(">=", &axis.from), compare("<", &axis.to)].into_iter().flatten().collect();
    push(input, bounds)
}

/// True for a condition that no row meets.
fn never(condition: &Expr) -> bool {
    match condition {
        Expr::Literal(Value::Bool(false) | Value::Null, _) => true,
        Expr::And(parts) => parts.iter().any(never),
        _ => false,
    }
}

/// No rows, with these columns.
fn nothing(fields: Vec<Field>) -> Plan {
    let schema = Schema::new(fields.iter().map(|f| (&*f.name, f.ty)));
    let rows = Rows { schema: Arc::new(schema), batches: Vec::new() };
    Plan { node: Arc::new(Node::Rows(Arc::new(rows))), fields }
}

/// True where it is known that no rows come.
fn is_nothing(plan: &Plan) -> bool {
    matches!(&*plan.node, Node::Rows(rows) if rows.batches.is_empty())
}

/// True for joins that give rows of the left side alone, or pairs.
const fn needs_left(kind: JoinKind) -> bool {
    match kind {
        JoinKind::InnerUnique
        | JoinKind::Inner
        | JoinKind::LeftOuter
        | JoinKind::LeftSemi
        | JoinKind::LeftAnti => true,
        JoinKind::RightOuter | JoinKind::RightSemi | JoinKind::RightAnti | JoinKind::FullOuter => {
            false
        }
    }
}

/// Which sides of a join a filter above it may move to.
const fn sides(kind: JoinKind) -> (bool, bool) {
    match kind {
        // which left row survives the deduplication must not change: only keys could move, so nothing does
        JoinKind::InnerUnique => (false, true),
        JoinKind::Inner => (true, true),
        JoinKind::LeftOuter | JoinKind::LeftSemi | JoinKind::LeftAnti => (true, false),
        JoinKind::RightOuter | JoinKind::RightSemi | JoinKind::RightAnti => (false, true),
        JoinKind::FullOuter => (false, false),
    }
}

/// Splits conjuncts into those that a plan below can answer alone, and the rest.
fn split(wanted: Vec<Expr>, below: &Plan, allowed: bool) -> (Vec<Expr>, Vec<Expr>) {
    if !allowed {
        return (Vec::new(), wanted);
    }
    let known: HashSet<ColumnId> = below.fields.iter().map(|f| f.id).collect();
    wanted.into_iter().partition(|e| {
        let mut used = HashSet::new();
        columns(e, &mut used);
        is_movable(e) && !used.is_empty() && used.is_subset(&known)
    })
}

/// Splits conjuncts at a projection: those that read only cheap outputs are rewritten for its input.
fn through_projection(outputs: &[Output], wanted: Vec<Expr>) -> (Vec<Expr>, Vec<Expr>) {
    if wanted.is_empty() {
        return (Vec::new(), wanted);
    }
    let map: HashMap<ColumnId, &Expr> =
        outputs.iter().filter(|o| is_cheap(&o.expr)).map(|o| (o.field.id, &o.expr)).collect();
    let constants = map.values().any(|expr| matches!(expr, Expr::Literal(..)));
    let (mut down, mut stay) = (Vec::new(), Vec::new());
    for expr in wanted {
        // once a conjunct stays, later ones that may fail on rows it removes could still move: null logic makes that safe
        let moved = match (is_movable(&expr), constants) {
            (false, _) => None,
            (true, true) => settle(&expr, &map).map(conjuncts),
            (true, false) => substitute(&expr, &map).map(|moved| vec![moved]),
        };
        match moved {
            Some(moved) => down.extend(moved),
            None => stay.push(expr),
        }
    }
    (down, stay)
}

/// A filter on top, where there is something to filter.
fn filtered(plan: Plan, mut wanted: Vec<Expr>) -> Plan {
    let predicate = match wanted.len() {
        0 => return plan,
        1 => wanted.remove(0),
        _ => Expr::And(wanted),
    };
    let fields = plan.fields.clone();
    Plan { node: Arc::new(Node::Filter { input: plan, predicate }), fields }
}

/// The plan with exactly these fields (a filter gives what its input gives).
fn restore(plan: Plan, fields: &[crate::plan::Field]) -> Plan {
    if plan.fields.len() == fields.len() {
        return plan;
    }
    project(plan, pass(fields))
}

fn unwrap(node: Arc<Node>) -> Node {
    Arc::try_unwrap(node).unwrap_or_else(|shared| (*shared).clone())
}
