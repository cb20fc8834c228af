//! Rewriting of expressions: columns replaced by what they stand for.

use crate::plan::{ColumnId, Expr, Set, Step, Window, visit};
use ahash::{AHashMap as HashMap, AHashSet as HashSet};

/// What becomes of a part of an expression.
pub(super) enum Replaced {
    /// This stands in its place.
    By(Expr),
    /// It stays; the parts inside it are looked at.
    Inside,
    /// The whole cannot be rewritten.
    Not,
}

/// The expression with columns replaced; none where a column is not in the map.
pub(super) fn substitute(expr: &Expr, map: &HashMap<ColumnId, &Expr>) -> Option<Expr> {
    transform(expr, &mut |e| match e {
        Expr::Column(id, _) => map.get(id).map_or(Replaced::Not, |e| Replaced::By((*e).clone())),
        _ => Replaced::Inside,
    })
}

/// The expression with parts replaced, outermost first; none where one cannot be.
pub(super) fn transform(expr: &Expr, f: &mut dyn FnMut(&Expr) -> Replaced) -> Option<Expr> {
    match f(expr) {
        Replaced::By(expr) => return Some(expr),
        Replaced::Not => return None,
        Replaced::Inside => {}
    }
    let mut all =
        |exprs: &[Expr]| exprs.iter().map(|e| transform(e, f)).collect::<Option<Vec<_>>>();
    Some(match expr {
        Expr::Column(..) | Expr::Literal(..) | Expr::Subquery(..) => expr.clone(),
        Expr::Call { function, args, ty } => Expr::Call { function, args: all(args)?, ty: *ty },
        Expr::Cast(inner, ty) => Expr::Cast(Box::new(transform(inner, f)?), *ty),
        Expr::And(parts) => Expr::And(all(parts)?),
        Expr::Or(parts) => Expr::Or(all(parts)?),
        Expr::Not(inner) => Expr::Not(Box::new(transform(inner, f)?)),
        Expr::Case { branches, otherwise, ty } => Expr::Case {
            branches: branches
                .iter()
                .map(|(c, r)| Some((transform(c, f)?, transform(r, f)?)))
                .collect::<Option<Vec<_>>>()?,
            otherwise: Box::new(transform(otherwise, f)?),
            ty: *ty,
        },
        Expr::InSet { value, set, matching, negated } => Expr::InSet {
            value: Box::new(transform(value, f)?),
            set: match set {
                Set::Exprs(exprs) => {
                    let exprs = exprs.iter().map(|e| transform(e, f)).collect::<Option<_>>()?;
                    Set::Exprs(exprs)
                }
                other => other.clone(),
            },
            matching: *matching,
            negated: *negated,
        },
        Expr::Path { base, steps } => Expr::Path {
            base: Box::new(transform(base, f)?),
            steps: steps
                .iter()
                .map(|s| match s {
                    Step::Computed(e) => transform(e, f).map(Step::Computed),
                    other => Some(other.clone()),
                })
                .collect::<Option<Vec<_>>>()?,
        },
        Expr::Window(window) => Expr::Window(Box::new(Window {
            kind: window.kind,
            args: all(&window.args)?,
            ty: window.ty,
        })),
    })
}

/// Columns that an expression reads.
pub(super) fn columns(expr: &Expr, out: &mut HashSet<ColumnId>) {
    visit(expr, &mut |e| {
        if let Expr::Column(id, _) = e {
            out.insert(*id);
        }
    });
}

/// True when the value depends on the columns alone: it may be computed earlier, later, or more often.
pub(super) fn is_movable(expr: &Expr) -> bool {
    let mut movable = true;
    visit(expr, &mut |e| match e {
        Expr::Call { function, .. } if !function.pure => movable = false,
        Expr::Window(_) => movable = false,
        _ => {}
    });
    movable
}

/// True when the value depends on the row alone: no other rows have to be computed for it.
pub(crate) fn is_certain(expr: &Expr) -> bool {
    let mut certain = is_movable(expr);
    visit(expr, &mut |e| {
        let reads = matches!(e, Expr::Subquery(..) | Expr::InSet { set: Set::Plan(_), .. });
        certain &= !reads;
    });
    certain
}

/// True when computing it twice costs little: a column, a constant, or a path, maybe cast.
pub(super) fn is_cheap(expr: &Expr) -> bool {
    match expr {
        Expr::Column(..) | Expr::Literal(..) => true,
        Expr::Cast(inner, _) => is_cheap(inner),
        Expr::Path { base, steps } => {
            is_cheap(base) && !steps.iter().any(|s| matches!(s, Step::Computed(_)))
        }
        _ => false,
    }
}

/// The conjuncts of a predicate.
pub(crate) fn conjuncts(expr: Expr) -> Vec<Expr> {
    match expr {
        Expr::And(parts) => parts.into_iter().flat_map(conjuncts).collect(),
        other => vec![other],
    }
}
