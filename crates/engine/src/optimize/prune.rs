//! Columns nobody reads fall away, down to the scans.

use std::sync::Arc;

use super::rewrite::columns;
use crate::plan::{AggregateCall, ColumnId, Expr, Field, Grouping, Node, Output, Plan, pass};
use ahash::AHashSet as HashSet;

type Wanted = HashSet<ColumnId>;

/// The plan with all its fields, and nothing below it that they do not need.
pub(super) fn prune_all(plan: Plan) -> Plan {
    let wanted = plan.fields.iter().map(|f| f.id).collect();
    prune(plan, &wanted)
}

/// The plan with at least the wanted columns, in their order.
fn prune(plan: Plan, wanted: &Wanted) -> Plan {
    let fields = plan.fields;
    let node = Arc::try_unwrap(plan.node).unwrap_or_else(|shared| (*shared).clone());
    match node {
        Node::Scan(mut scan) => {
            let keep: Vec<bool> = fields.iter().map(|f| wanted.contains(&f.id)).collect();
            let kept = |i: usize| keep.get(i).copied().unwrap_or(false);
            let mut at = 0;
            scan.columns.retain(|_| {
                at += 1;
                kept(at - 1)
            });
            let fields = retain(fields, wanted);
            Plan { node: Arc::new(Node::Scan(scan)), fields }
        }
        Node::Project { input, outputs } => {
            let outputs: Vec<Output> =
                outputs.into_iter().filter(|o| wanted.contains(&o.field.id)).collect();
            let input = prune(input, &needs(outputs.iter().map(|o| &o.expr)));
            projection(input, outputs, false)
        }
        Node::Window { input, outputs } => {
            let outputs: Vec<Output> =
                outputs.into_iter().filter(|o| wanted.contains(&o.field.id)).collect();
            let input = prune(input, &needs(outputs.iter().map(|o| &o.expr)));
            projection(input, outputs, true)
        }
        Node::Filter { input, predicate } => {
            let mut below = needs([&predicate]);
            below.extend(wanted);
            let input = prune(input, &below);
            let fields = input.fields.clone();
            let plan = Plan { node: Arc::new(Node::Filter { input, predicate }), fields };
            narrowed(plan, wanted)
        }
        Node::Sort { input, keys, limit } => {
            let mut below = needs(keys.iter().map(|k| &k.expr));
            below.extend(wanted);
            let input = prune(input, &below);
            let fields = input.fields.clone();
            narrowed(Plan { node: Arc::new(Node::Sort { input, keys, limit }), fields }, wanted)
        }
        Node::Limit { input, count } => {
            let input = prune(input, wanted);
            let fields = input.fields.clone();
            Plan { node: Arc::new(Node::Limit { input, count }), fields }
        }
        Node::Sample { input, count } => {
            let input = prune(input, wanted);
            let fields = input.fields.clone();
            Plan { node: Arc::new(Node::Sample { input, count }), fields }
        }
        Node::Aggregate { input, keys, aggregates } => {
            let aggregates: Vec<AggregateCall> = aggregates
                .into_iter()
                .filter(|a| a.fields.iter().any(|f| wanted.contains(&f.id)))
                .map(|a| fewer_columns(a, wanted))
                .collect();
            let exprs = keys
                .iter()
                .map(|k| &k.expr)
                .chain(aggregates.iter().flat_map(|a| a.args.iter().chain(a.filter.as_ref())));
            let input = prune(input, &needs(exprs));
            let fields = keys
                .iter()
                .map(|k| k.field.clone())
                .chain(aggregates.iter().flat_map(|a| a.fields.iter().cloned()))
                .collect();
            Plan { node: Arc::new(Node::Aggregate { input, keys, aggregates }), fields }
        }
        Node::Join { kind, left, right, left_keys, right_keys } => {
            let mut below = needs(left_keys.iter().chain(&right_keys));
            below.extend(wanted);
            let left = prune(left, &below);
            let right = prune(right, &below);
            let given: Wanted = fields.iter().map(|f| f.id).collect();
            let fields: Vec<Field> = left
                .fields
                .iter()
                .chain(&right.fields)
                .filter(|f| given.contains(&f.id))
                .cloned()
                .collect();
            let node = Node::Join { kind, left, right, left_keys, right_keys };
            narrowed(Plan { node: Arc::new(node), fields }, wanted)
        }
        Node::Union { inputs } => {
            let keep: Vec<usize> =
                (0..fields.len()).filter(|i| wanted.contains(&fields[*i].id)).collect();
            let inputs = inputs
                .into_iter()
                .map(|input| {
                    let kept: Vec<Field> =
                        keep.iter().filter_map(|i| input.fields.get(*i)).cloned().collect();
                    let below = kept.iter().map(|f| f.id).collect();
                    exactly(prune(input, &below), &kept)
                })
                .collect();
            Plan { node: Arc::new(Node::Union { inputs }), fields: retain(fields, wanted) }
        }
        Node::Expand { input, expansions, bags_as_arrays, index, row, limit, keep_null } => {
            let mut below = needs(expansions.iter().map(|e| &e.expr));
            below.extend(wanted);
            let input = prune(input, &below);
            let mut fields = input.fields.clone();
            fields.extend(expansions.iter().map(|e| e.field.clone()));
            fields.extend(index.iter().chain(&row).cloned());
            let node =
                Node::Expand { input, expansions, bags_as_arrays, index, row, limit, keep_null };
            narrowed(Plan { node: Arc::new(node), fields }, wanted)
        }
        Node::Parse { input, text, parts, captures, mode, only_matches } => {
            let mut below = needs([&text]);
            below.extend(wanted);
            let input = prune(input, &below);
            let mut fields = input.fields.clone();
            fields.extend(captures.iter().cloned());
            let node = Node::Parse { input, text, parts, captures, mode, only_matches };
            narrowed(Plan { node: Arc::new(node), fields }, wanted)
        }
        Node::ParseKv { input, text, captures, options } => {
            let mut below = needs([&text]);
            below.extend(wanted);
            let input = prune(input, &below);
            let mut fields = input.fields.clone();
            fields.extend(captures.iter().map(|(_, f)| f.clone()));
            narrowed(
                Plan { node: Arc::new(Node::ParseKv { input, text, captures, options }), fields },
                wanted,
            )
        }
        Node::MakeSeries { input, keys, axis, aggregates, nonempty } => {
            let axis_exprs =
                [Some(&axis.expr), axis.from.as_ref(), axis.to.as_ref(), Some(&axis.step)];
            let exprs = keys.iter().map(|k| &k.expr).chain(axis_exprs.into_iter().flatten()).chain(
                aggregates.iter().flat_map(|a| {
                    a.call.args.iter().chain(a.call.filter.as_ref()).chain([&a.default])
                }),
            );
            let input = prune(input, &needs(exprs));
            Plan {
                node: Arc::new(Node::MakeSeries { input, keys, axis, aggregates, nonempty }),
                fields,
            }
        }
        Node::Apply { input, grouping, row, keep, body, mapping } => {
            let body = prune_all(body);
            let mut below: Wanted = keep.iter().copied().chain(row).collect();
            below.extend(mapping.iter().map(|(_, outer)| *outer));
            if let Grouping::By(by) = &grouping {
                columns(by, &mut below);
            }
            let input = prune(input, &below);
            let node = Node::Apply { input, grouping, row, keep, body, mapping };
            Plan { node: Arc::new(node), fields }
        }
        Node::Shared { plan, columns: shared } => {
            let (fields, shared) =
                fields.into_iter().zip(shared).filter(|(f, _)| wanted.contains(&f.id)).unzip();
            Plan { node: Arc::new(Node::Shared { plan, columns: shared }), fields }
        }
        Node::Whole { inputs, operator } => {
            let inputs = inputs.into_iter().map(prune_all).collect();
            Plan { node: Arc::new(Node::Whole { inputs, operator }), fields }
        }
        Node::Rows(rows) => {
            if wanted.len() >= fields.len() {
                return Plan { node: Arc::new(Node::Rows(rows)), fields };
            }
            narrowed(Plan { node: Arc::new(Node::Rows(rows)), fields }, wanted)
        }
        node @ (Node::Range { .. } | Node::GroupInput) => Plan { node: Arc::new(node), fields },
    }
}

/// `arg_max(t, *)` and `take_any(*)`: companion columns nobody wants are not carried. The first is what is compared.
fn fewer_columns(call: AggregateCall, wanted: &Wanted) -> AggregateCall {
    let leading = match call.aggregate.name {
        "arg_max" | "arg_min" => 1,
        "take_any" => 0,
        _ => return call,
    };
    if call.fields.len() != call.args.len() || call.fields.len() <= 1 {
        return call;
    }
    let (fields, args) = call
        .fields
        .into_iter()
        .zip(call.args)
        .enumerate()
        .filter(|(i, (f, _))| *i < leading || wanted.contains(&f.id))
        .map(|(_, pair)| pair)
        .unzip();
    AggregateCall { fields, args, ..call }
}

fn needs<'e>(exprs: impl IntoIterator<Item = &'e Expr>) -> Wanted {
    let mut wanted = Wanted::new();
    for expr in exprs {
        columns(expr, &mut wanted);
    }
    wanted
}

fn retain(fields: Vec<Field>, wanted: &Wanted) -> Vec<Field> {
    fields.into_iter().filter(|f| wanted.contains(&f.id)).collect()
}

/// A projection on top, where there are columns that nobody wants: they must not travel further.
fn narrowed(plan: Plan, wanted: &Wanted) -> Plan {
    if plan.fields.iter().all(|f| wanted.contains(&f.id)) {
        return plan;
    }
    let kept = retain(plan.fields.clone(), wanted);
    exactly(plan, &kept)
}

/// The plan with exactly these columns.
fn exactly(plan: Plan, fields: &[Field]) -> Plan {
    if plan.fields == fields {
        return plan;
    }
    projection(plan, pass(fields), false)
}

/// A projection; two in a row that only pick and rename become one.
fn projection(input: Plan, outputs: Vec<Output>, window: bool) -> Plan {
    let fields: Vec<Field> = outputs.iter().map(|o| o.field.clone()).collect();
    if window {
        return Plan { node: Arc::new(Node::Window { input, outputs }), fields };
    }
    if let Node::Project { input: below, outputs: inner } = &*input.node
        && outputs.iter().all(|o| matches!(o.expr, Expr::Column(..)))
    {
        let merged: Option<Vec<Output>> = outputs
            .iter()
            .map(|o| {
                let Expr::Column(id, _) = o.expr else { return None };
                let source = inner.iter().find(|i| i.field.id == id)?;
                Some(Output { field: o.field.clone(), expr: source.expr.clone() })
            })
            .collect();
        let unique = outputs.len()
            == outputs
                .iter()
                .filter_map(|o| if let Expr::Column(id, _) = o.expr { Some(id) } else { None })
                .collect::<Wanted>()
                .len();
        if let (Some(merged), true) = (merged, unique) {
            return Plan {
                node: Arc::new(Node::Project { input: below.clone(), outputs: merged }),
                fields,
            };
        }
    }
    // nothing changes: the input itself
    let identity = outputs.len() == input.fields.len()
        && outputs
            .iter()
            .zip(&input.fields)
            .all(|(o, f)| o.field == *f && matches!(o.expr, Expr::Column(id, _) if id == f.id));
    if identity {
        return input;
    }
    Plan { node: Arc::new(Node::Project { input, outputs }), fields }
}
