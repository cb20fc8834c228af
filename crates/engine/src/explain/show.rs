//! Steps and expressions as short texts for people.

use std::collections::HashMap;
use std::sync::Arc;

use values::Value;

use crate::plan::{
    AggregateCall, ColumnId, Expr, Matching, Node, Output, Plan, Set, Step, children,
};
use crate::source::{Hint, Piece, TickRange};

/// Longest text of a detail.
const DETAIL_MAX: usize = 400;
/// Deepest expression shown.
const DEPTH_MAX: usize = 12;

/// A step in words.
pub(super) struct Shown {
    pub(super) step: &'static str,
    pub(super) detail: String,
}

type Names = HashMap<ColumnId, Arc<str>>;

impl Shown {
    pub(super) fn of(plan: &Plan, names: &Names) -> Self {
        let text = |e: &Expr| expr(e, names, 0);
        let (step, detail) = match &*plan.node {
            Node::Scan(scan) => ("scan", scanned(scan)),
            Node::Rows(rows) => ("rows", format!("{} given", rows.len())),
            Node::Range { from, to, step } => {
                ("range", format!("{} to {} step {}", text(from), text(to), text(step)))
            }
            Node::Filter { predicate, .. } => ("where", text(predicate)),
            Node::Project { outputs: o, .. } => ("project", outputs(o, names)),
            Node::Window { outputs: o, .. } => ("serialized project", outputs(o, names)),
            Node::Aggregate { keys, aggregates, .. } => {
                ("summarize", format!("{} by {}", calls(aggregates, names), outputs(keys, names)))
            }
            Node::Sort { keys, limit, .. } => {
                let by: Vec<String> = keys
                    .iter()
                    .map(|k| {
                        format!("{}{}", text(&k.expr), if k.descending { " desc" } else { "" })
                    })
                    .collect();
                let top = limit.map_or_else(String::new, |n| format!("first {n} "));
                ("sort", format!("{top}by {}", by.join(", ")))
            }
            Node::Limit { count, .. } => ("take", count.to_string()),
            Node::Sample { count, .. } => ("sample", count.to_string()),
            Node::Join { kind, left_keys, right_keys, .. } => {
                let pairs: Vec<String> = left_keys
                    .iter()
                    .zip(right_keys)
                    .map(|(l, r)| format!("{} == {}", text(l), text(r)))
                    .collect();
                ("join", format!("{kind:?} on {}", pairs.join(" and ")))
            }
            Node::Union { inputs } => ("union", format!("{} inputs", inputs.len())),
            Node::Expand { expansions, .. } => {
                let all: Vec<String> = expansions.iter().map(|e| text(&e.expr)).collect();
                ("mv-expand", all.join(", "))
            }
            Node::Apply { .. } => ("mv-apply", String::new()),
            Node::GroupInput => ("group", String::new()),
            Node::Parse { text: t, .. } => ("parse", text(t)),
            Node::ParseKv { text: t, .. } => ("parse-kv", text(t)),
            Node::MakeSeries { aggregates, keys, .. } => {
                let all: Vec<&AggregateCall> = aggregates.iter().map(|a| &a.call).collect();
                let shown: Vec<String> = all.iter().map(|a| call(a, names)).collect();
                ("make-series", format!("{} by {}", shown.join(", "), outputs(keys, names)))
            }
            Node::Shared { .. } => ("materialized", String::new()),
            Node::Whole { operator, .. } => ("operator", format!("{operator:?}")),
        };
        Self { step, detail: shortened(detail) }
    }
}

/// The plans inside a step's expressions: sets and single values.
pub(super) fn subqueries(node: &Node) -> Vec<&Plan> {
    fn find<'e>(expr: &'e Expr, found: &mut Vec<&'e Plan>) {
        match expr {
            Expr::Subquery(plan, _) => found.push(plan),
            Expr::InSet { set: Set::Plan(plan), .. } => found.push(plan),
            _ => {}
        }
        for child in children(expr) {
            find(child, found);
        }
    }
    let exprs: Vec<&Expr> = match node {
        Node::Filter { predicate, .. } => vec![predicate],
        Node::Project { outputs, .. } | Node::Window { outputs, .. } => {
            outputs.iter().map(|o| &o.expr).collect()
        }
        Node::Aggregate { keys, aggregates, .. } => {
            let args = aggregates.iter().flat_map(|a| a.args.iter().chain(&a.filter));
            keys.iter().map(|k| &k.expr).chain(args).collect()
        }
        _ => Vec::new(),
    };
    let mut found = Vec::new();
    exprs.into_iter().for_each(|e| find(e, &mut found));
    found
}

fn scanned(scan: &crate::plan::Scan) -> String {
    let mut text = format!("{}, {} columns", scan.table.name(), scan.columns.len());
    for (what, range) in [("time", scan.time), ("ingested", scan.ingested)] {
        if let Some(range) = range {
            text.push_str(&format!(", {what} {}", between(range)));
        }
    }
    for hint in &scan.hints {
        text.push_str(&format!(", {}", hinted(hint, scan)));
    }
    if let Some(limit) = scan.limit {
        text.push_str(&format!(", {limit} rows are enough"));
    }
    text
}

fn between(range: TickRange) -> String {
    let at = |ticks: i64| match ticks {
        i64::MIN | i64::MAX => "..".to_owned(),
        ticks => Value::DateTime(values::DateTime::from_ticks(ticks)).to_string(),
    };
    format!("{} to {}", at(range.start), at(range.end))
}

fn hinted(hint: &Hint, scan: &crate::plan::Scan) -> String {
    let schema = scan.table.schema();
    let name = |at: usize| schema.columns.get(at).map_or_else(String::new, |c| c.name.to_string());
    let all = |hints: &[Hint], word: &str| {
        let parts: Vec<String> = hints.iter().map(|h| hinted(h, scan)).collect();
        format!("({})", parts.join(word))
    };
    match hint {
        Hint::Terms { column, terms } => {
            let place = column.map_or_else(|| "any column".to_owned(), name);
            format!("{place} has {}", terms.join(" "))
        }
        Hint::Piece { column, piece } => {
            let how = match piece {
                Piece::Start(_) => "begins with",
                Piece::End(_) => "ends with",
                Piece::Inside(_) => "contains",
            };
            format!("{} has a term that {how} {}", name(*column), piece.text())
        }
        Hint::Compare { column, op, value } => format!("{} {op:?} {value}", name(*column)),
        Hint::In { column, values } => format!("{} is one of {}", name(*column), values.len()),
        Hint::Any(hints) => all(hints, " or "),
        Hint::All(hints) => all(hints, " and "),
    }
}

fn outputs(outputs: &[Output], names: &Names) -> String {
    let one = |o: &Output| match &o.expr {
        Expr::Column(id, _) if names.get(id).is_some_and(|n| *n == o.field.name) => {
            o.field.name.to_string()
        }
        e => format!("{} = {}", o.field.name, expr(e, names, 0)),
    };
    outputs.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn calls(calls: &[AggregateCall], names: &Names) -> String {
    calls.iter().map(|c| call(c, names)).collect::<Vec<_>>().join(", ")
}

fn call(call: &AggregateCall, names: &Names) -> String {
    let args: Vec<String> = call.args.iter().map(|a| expr(a, names, 0)).collect();
    let filter = call.filter.as_ref();
    let filter = filter.map_or_else(String::new, |f| format!(" if {}", expr(f, names, 0)));
    format!("{}({}){filter}", call.aggregate.name, args.join(", "))
}

fn expr(e: &Expr, names: &Names, depth: usize) -> String {
    if depth > DEPTH_MAX {
        return "...".to_owned();
    }
    let inner = |e: &Expr| expr(e, names, depth + 1);
    let list = |es: &[Expr], word: &str| es.iter().map(inner).collect::<Vec<_>>().join(word);
    match e {
        Expr::Column(id, _) => names.get(id).map_or_else(|| format!("#{id}"), |n| n.to_string()),
        Expr::Literal(Value::String(text), _) => format!("'{}'", shortened(text.to_string())),
        Expr::Literal(value, _) => shortened(value.to_string()),
        Expr::Call { function, args, .. } => match args.as_slice() {
            [a, b] if !function.name.starts_with(|c: char| c.is_alphabetic() || c == '_') => {
                format!("{} {} {}", inner(a), function.name, inner(b))
            }
            args => format!("{}({})", function.name, list(args, ", ")),
        },
        Expr::Cast(value, ty) => format!("to{ty}({})", inner(value)),
        Expr::And(parts) => list(parts, " and "),
        Expr::Or(parts) => format!("({})", list(parts, " or ")),
        Expr::Not(value) => format!("not({})", inner(value)),
        Expr::Case { branches, otherwise, .. } => {
            let pairs: Vec<String> =
                branches.iter().map(|(c, r)| format!("{}, {}", inner(c), inner(r))).collect();
            format!("case({}, {})", pairs.join(", "), inner(otherwise))
        }
        Expr::InSet { value, set, matching, negated } => {
            let word = match matching {
                Matching::Exact => "in",
                Matching::IgnoreCase => "in~",
                Matching::HasAny => "has_any",
                Matching::HasAll => "has_all",
            };
            let set = match set {
                Set::Values(values) => format!("{} values", values.len()),
                Set::Plan(_) => "subquery".to_owned(),
                Set::Exprs(exprs) => list(exprs, ", "),
            };
            format!("{} {}{word} ({set})", inner(value), if *negated { "!" } else { "" })
        }
        Expr::Path { base, steps } => {
            let mut text = inner(base);
            for step in steps {
                match step {
                    Step::Key(key) => text.push_str(&format!(".{key}")),
                    Step::Index(at) => text.push_str(&format!("[{at}]")),
                    Step::Computed(e) => text.push_str(&format!("[{}]", inner(e))),
                }
            }
            text
        }
        Expr::Subquery(..) => "toscalar(subquery)".to_owned(),
        Expr::Window(window) => format!("{:?}({})", window.kind, list(&window.args, ", ")),
    }
}

fn shortened(text: String) -> String {
    match text.char_indices().nth(DETAIL_MAX) {
        Some((at, _)) => format!("{}...", text.get(..at).unwrap_or_default()),
        None => text,
    }
}
