//! The scans without whose rows a plan has none.

use crate::optimize::{conjuncts, is_certain};
use crate::plan::{Expr, Field, JoinKind, Node, Plan, Scan};

/// A scan and the condition right above it.
pub(super) struct Gate<'p> {
    pub(super) scan: &'p Scan,
    pub(super) fields: &'p [Field],
    /// What of the condition depends on the row alone: rows that do not meet it do not pass.
    pub(super) conjuncts: Vec<Expr>,
}

/// The scans of which one must have a row that meets its condition for the plan to have a row; none where rows may come
/// from elsewhere.
pub(super) fn gates(plan: &Plan) -> Option<Vec<Gate<'_>>> {
    match &*plan.node {
        Node::Filter { input, predicate } => match &*input.node {
            Node::Scan(scan) => {
                let mut conjuncts = conjuncts(predicate.clone());
                conjuncts.retain(is_certain);
                Some(vec![Gate { scan, fields: &input.fields, conjuncts }])
            }
            _ => gates(input),
        },
        Node::Scan(scan) => Some(vec![Gate { scan, fields: &plan.fields, conjuncts: Vec::new() }]),
        Node::Rows(rows) => rows.batches.is_empty().then(Vec::new),
        Node::Aggregate { keys, .. } if keys.is_empty() => None,
        Node::Project { input, .. }
        | Node::Window { input, .. }
        | Node::Aggregate { input, .. }
        | Node::Sort { input, .. }
        | Node::Limit { input, .. }
        | Node::Sample { input, .. }
        | Node::Expand { input, .. }
        | Node::Apply { input, .. }
        | Node::Parse { input, .. }
        | Node::ParseKv { input, .. } => gates(input),
        Node::Union { inputs } => inputs
            .iter()
            .map(gates)
            .collect::<Option<Vec<_>>>()
            .map(|g| g.into_iter().flatten().collect()),
        Node::Join { kind, left, right, .. } => match kind {
            JoinKind::Inner | JoinKind::InnerUnique => narrower(gates(left), gates(right)),
            JoinKind::LeftOuter | JoinKind::LeftSemi | JoinKind::LeftAnti => gates(left),
            JoinKind::RightOuter | JoinKind::RightSemi | JoinKind::RightAnti => gates(right),
            JoinKind::FullOuter => {
                let (mut all, right) = (gates(left)?, gates(right)?);
                all.extend(right);
                Some(all)
            }
        },
        Node::Shared { plan, .. } => gates(plan),
        Node::Range { .. } | Node::GroupInput | Node::MakeSeries { .. } | Node::Whole { .. } => {
            None
        }
    }
}

/// Of two sets of gates, either of which would do, the one with fewer scans that nothing is asked of.
fn narrower<'p>(a: Option<Vec<Gate<'p>>>, b: Option<Vec<Gate<'p>>>) -> Option<Vec<Gate<'p>>> {
    let open = |gates: &[Gate<'_>]| gates.iter().filter(|g| g.conjuncts.is_empty()).count();
    match (a, b) {
        (Some(a), Some(b)) if open(&b) < open(&a) => Some(b),
        (Some(a), _) => Some(a),
        (None, b) => b,
    }
}
