//! Fixed paths into dynamic columns become columns of the scans: a store may have them apart from the rest.
//!
//! Each step wishes for the paths that its expressions follow. Wishes go down with the column that they start from; a scan
//! that can grant one gives a further column, which the steps between hand up. What nobody grants stays a path.

use std::sync::Arc;

use super::rewrite::{Replaced, transform};
use crate::plan::{
    AggregateCall, ColumnId, Expr, Field, Grouping, Node, Output, Plan, Step, visit,
};
use crate::source::{Part, PartStep, ScanColumn};
use values::ScalarType;

/// Columns made here are numbered from here on: the binder does not come so far.
const FIRST: ColumnId = 1 << 31;

/// The plan whose scans give the parts that its steps follow paths to.
pub(super) fn split_off(plan: Plan) -> Plan {
    Parts { next: FIRST }.plan(plan, &[])
}

/// A path that some step follows, and the column that its end may become.
#[derive(Clone)]
struct Wish {
    from: ColumnId,
    path: Vec<PartStep>,
    field: Field,
}

impl Wish {
    fn is(&self, from: ColumnId, path: &[Step], ty: ScalarType) -> bool {
        let same = |(wished, step): (&PartStep, &Step)| match (wished, step) {
            (PartStep::Key(wished), Step::Key(key)) => wished == key,
            (PartStep::Index(wished), Step::Index(at)) => wished == at,
            _ => false,
        };
        self.from == from
            && self.field.ty == ty
            && self.path.len() == path.len()
            && self.path.iter().zip(path).all(same)
    }
}

struct Parts {
    next: ColumnId,
}

impl Parts {
    /// The plan with these wishes granted where it can: then their fields are among its fields.
    fn plan(&mut self, plan: Plan, wishes: &[Wish]) -> Plan {
        let Plan { node, fields } = plan;
        let node = Arc::try_unwrap(node).unwrap_or_else(|shared| (*shared).clone());
        match node {
            Node::Scan(scan) if scan.table.has_parts() => grant(scan, fields, wishes),
            Node::Filter { input, predicate } => {
                let mut exprs = [predicate];
                let input = self.below(input, exprs.iter_mut(), wishes);
                let [predicate] = exprs;
                handed_up(Node::Filter { input, predicate }, fields, wishes)
            }
            Node::Project { input, mut outputs } => {
                let input = self.below(input, outputs.iter_mut().map(|o| &mut o.expr), wishes);
                outputs.extend(carried(&input, &outputs, wishes));
                let fields = outputs.iter().map(|o| o.field.clone()).collect();
                Plan { node: Arc::new(Node::Project { input, outputs }), fields }
            }
            Node::Window { input, mut outputs } => {
                let input = self.below(input, outputs.iter_mut().map(|o| &mut o.expr), wishes);
                outputs.extend(carried(&input, &outputs, wishes));
                let fields = outputs.iter().map(|o| o.field.clone()).collect();
                Plan { node: Arc::new(Node::Window { input, outputs }), fields }
            }
            Node::Sort { input, mut keys, limit } => {
                let input = self.below(input, keys.iter_mut().map(|k| &mut k.expr), wishes);
                handed_up(Node::Sort { input, keys, limit }, fields, wishes)
            }
            Node::Limit { input, count } => {
                let input = self.below(input, [].into_iter(), wishes);
                handed_up(Node::Limit { input, count }, fields, wishes)
            }
            Node::Sample { input, count } => {
                let input = self.below(input, [].into_iter(), wishes);
                handed_up(Node::Sample { input, count }, fields, wishes)
            }
            Node::Aggregate { input, mut keys, mut aggregates } => {
                let calls = aggregates.iter_mut().flat_map(call_exprs);
                let exprs = keys.iter_mut().map(|k| &mut k.expr).chain(calls);
                let input = self.below(input, exprs, &[]);
                Plan { node: Arc::new(Node::Aggregate { input, keys, aggregates }), fields }
            }
            Node::Join { kind, left, right, mut left_keys, mut right_keys } => {
                let left = self.below(left, left_keys.iter_mut(), wishes);
                let right = self.below(right, right_keys.iter_mut(), wishes);
                handed_up(Node::Join { kind, left, right, left_keys, right_keys }, fields, wishes)
            }
            Node::Expand {
                input,
                mut expansions,
                bags_as_arrays,
                index,
                row,
                limit,
                keep_null,
            } => {
                let exprs = expansions.iter_mut().map(|e| &mut e.expr);
                let input = self.below(input, exprs, wishes);
                let node = Node::Expand {
                    input,
                    expansions,
                    bags_as_arrays,
                    index,
                    row,
                    limit,
                    keep_null,
                };
                handed_up(node, fields, wishes)
            }
            Node::Parse { input, mut text, parts, captures, mode, only_matches } => {
                let input = self.below(input, [&mut text].into_iter(), wishes);
                let node = Node::Parse { input, text, parts, captures, mode, only_matches };
                handed_up(node, fields, wishes)
            }
            Node::ParseKv { input, mut text, captures, options } => {
                let input = self.below(input, [&mut text].into_iter(), wishes);
                handed_up(Node::ParseKv { input, text, captures, options }, fields, wishes)
            }
            Node::MakeSeries { input, mut keys, mut axis, mut aggregates, nonempty } => {
                let calls = aggregates.iter_mut().flat_map(|a| call_exprs(&mut a.call));
                let exprs = keys.iter_mut().map(|k| &mut k.expr).chain([&mut axis.expr]);
                let input = self.below(input, exprs.chain(calls), &[]);
                let node = Node::MakeSeries { input, keys, axis, aggregates, nonempty };
                Plan { node: Arc::new(node), fields }
            }
            Node::Union { inputs } => {
                let inputs = inputs.into_iter().map(|input| self.plan(input, &[])).collect();
                Plan { node: Arc::new(Node::Union { inputs }), fields }
            }
            Node::Whole { inputs, operator } => {
                let inputs = inputs.into_iter().map(|input| self.plan(input, &[])).collect();
                Plan { node: Arc::new(Node::Whole { inputs, operator }), fields }
            }
            Node::Apply { input, mut grouping, row, keep, body, mapping } => {
                let by = match &mut grouping {
                    Grouping::By(by) => Some(by),
                    Grouping::EachRow => None,
                };
                let input = self.below(input, by.into_iter(), &[]);
                let body = self.plan(body, &[]);
                let node = Node::Apply { input, grouping, row, keep, body, mapping };
                Plan { node: Arc::new(node), fields }
            }
            node => Plan { node: Arc::new(node), fields },
        }
    }

    /// The input of a step with these expressions, which read what was granted.
    fn below<'e>(
        &mut self,
        input: Plan,
        exprs: impl Iterator<Item = &'e mut Expr>,
        wishes: &[Wish],
    ) -> Plan {
        let has = |id: ColumnId| input.fields.iter().any(|f| f.id == id);
        let mut wished: Vec<Wish> = wishes.iter().filter(|w| has(w.from)).cloned().collect();
        let exprs: Vec<&mut Expr> = exprs.collect();
        let mut own = false;
        for expr in &exprs {
            visit(expr, &mut |e| {
                let Some((from, path, ty)) = followed(e).filter(|(from, ..)| has(*from)) else {
                    return;
                };
                own = true;
                if !wished.iter().any(|w| w.is(from, path, ty)) {
                    wished.extend(self.wish(from, path, ty));
                }
            });
        }
        let input = self.plan(input, &wished);
        let granted = |w: &&Wish| input.fields.iter().any(|f| f.id == w.field.id);
        let granted: Vec<&Wish> = wished.iter().filter(granted).collect();
        if own && !granted.is_empty() {
            for expr in exprs {
                if let Some(replaced) = reading(expr, &granted) {
                    *expr = replaced;
                }
            }
        }
        input
    }

    fn wish(&mut self, from: ColumnId, path: &[Step], ty: ScalarType) -> Option<Wish> {
        let step = |step: &Step| match step {
            Step::Key(key) => Some(PartStep::Key(Arc::clone(key))),
            Step::Index(at) => Some(PartStep::Index(*at)),
            Step::Computed(_) => None,
        };
        let path = path.iter().map(step).collect::<Option<Vec<_>>>()?;
        let id = self.next;
        self.next = self.next.checked_add(1)?;
        Some(Wish { from, path, field: Field { id, name: Arc::from(""), ty } })
    }
}

/// The column, the path and the type of its end, where an expression is a fixed path into a column.
fn followed(expr: &Expr) -> Option<(ColumnId, &[Step], ScalarType)> {
    let Expr::Cast(inner, ty) = expr else { return None };
    let Expr::Path { base, steps } = &**inner else { return None };
    let Expr::Column(id, ScalarType::Dynamic) = **base else { return None };
    let fixed = !steps.iter().any(|s| matches!(s, Step::Computed(_)));
    (fixed && *ty != ScalarType::Dynamic).then_some((id, steps, *ty))
}

/// The expression, with granted columns in place of paths.
fn reading(expr: &Expr, granted: &[&Wish]) -> Option<Expr> {
    transform(expr, &mut |e| {
        let found =
            followed(e).and_then(|(from, path, ty)| granted.iter().find(|w| w.is(from, path, ty)));
        match found {
            Some(wish) => Replaced::By(Expr::Column(wish.field.id, wish.field.ty)),
            None => Replaced::Inside,
        }
    })
}

/// A scan grants all that starts from its own dynamic columns.
fn grant(mut scan: crate::plan::Scan, mut fields: Vec<Field>, wishes: &[Wish]) -> Plan {
    for wish in wishes {
        let at = fields.iter().position(|f| f.id == wish.from);
        let Some((at, ScanColumn::Column(column))) =
            at.and_then(|at| Some((at, scan.columns.get(at)?.clone())))
        else {
            continue;
        };
        let name = part_name(fields.get(at).map_or("", |f| &*f.name), &wish.path);
        let part = Part { column, path: wish.path.clone(), ty: wish.field.ty };
        scan.columns.push(ScanColumn::Part(Arc::new(part)));
        fields.push(Field { name, ..wish.field.clone() });
    }
    Plan { node: Arc::new(Node::Scan(scan)), fields }
}

/// `column.key[0]`
fn part_name(column: &str, path: &[PartStep]) -> Arc<str> {
    let step = |step: &PartStep| match step {
        PartStep::Key(key) => format!(".{key}"),
        PartStep::Index(at) => format!("[{at}]"),
    };
    format!("{column}{}", path.iter().map(step).collect::<String>()).into()
}

/// A step that gives what its inputs give: the granted columns among it.
fn handed_up(node: Node, mut fields: Vec<Field>, wishes: &[Wish]) -> Plan {
    let granted: Vec<Field> = match &node {
        Node::Filter { input, .. }
        | Node::Sort { input, .. }
        | Node::Limit { input, .. }
        | Node::Sample { input, .. }
        | Node::Expand { input, .. }
        | Node::Parse { input, .. }
        | Node::ParseKv { input, .. } => of_wishes(input, wishes),
        Node::Join { kind, left, right, .. } => {
            let (of_left, of_right) = kind.gives();
            let left = if of_left { of_wishes(left, wishes) } else { Vec::new() };
            let right = if of_right { of_wishes(right, wishes) } else { Vec::new() };
            left.into_iter().chain(right).collect()
        }
        _ => Vec::new(),
    };
    fields.extend(granted);
    Plan { node: Arc::new(node), fields }
}

/// The fields of wishes that a plan grants.
fn of_wishes(plan: &Plan, wishes: &[Wish]) -> Vec<Field> {
    plan.fields.iter().filter(|f| wishes.iter().any(|w| w.field.id == f.id)).cloned().collect()
}

/// What a projection must give besides, so that granted columns pass: only where it hands their column on unchanged.
fn carried(input: &Plan, outputs: &[Output], wishes: &[Wish]) -> Vec<Output> {
    let unchanged = |id: ColumnId| {
        outputs.iter().any(|o| o.field.id == id && matches!(o.expr, Expr::Column(c, _) if c == id))
    };
    let wishes: Vec<Wish> = wishes.iter().filter(|w| unchanged(w.from)).cloned().collect();
    let output = |field: Field| Output { expr: Expr::Column(field.id, field.ty), field };
    of_wishes(input, &wishes).into_iter().map(output).collect()
}

fn call_exprs(call: &mut AggregateCall) -> impl Iterator<Item = &mut Expr> {
    call.args.iter_mut().chain(call.filter.as_mut())
}
