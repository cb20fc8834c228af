//! Takes the window functions out of expressions: each becomes a column.

use crate::plan::{ColumnId, Expr, Set, Step, Window};

/// Expressions without window functions, and the functions taken out, innermost first.
#[derive(Default)]
pub(crate) struct Lowered {
    /// (column, function; its arguments hold no window functions any more)
    pub(crate) windows: Vec<(ColumnId, Window)>,
}

/// The expression with columns in the place of window functions. Columns are numbered down from the largest id.
pub(crate) fn lower(expr: &Expr, lowered: &mut Lowered) -> Expr {
    let mut each = |exprs: &[Expr]| exprs.iter().map(|e| lower(e, lowered)).collect::<Vec<_>>();
    match expr {
        Expr::Column(..) | Expr::Literal(..) | Expr::Subquery(..) => expr.clone(),
        Expr::Call { function, args, ty } => Expr::Call { function, args: each(args), ty: *ty },
        Expr::Cast(inner, ty) => Expr::Cast(Box::new(lower(inner, lowered)), *ty),
        Expr::And(parts) => Expr::And(each(parts)),
        Expr::Or(parts) => Expr::Or(each(parts)),
        Expr::Not(inner) => Expr::Not(Box::new(lower(inner, lowered))),
        Expr::Case { branches, otherwise, ty } => Expr::Case {
            branches: branches
                .iter()
                .map(|(c, r)| (lower(c, lowered), lower(r, lowered)))
                .collect(),
            otherwise: Box::new(lower(otherwise, lowered)),
            ty: *ty,
        },
        Expr::InSet { value, set, matching, negated } => Expr::InSet {
            value: Box::new(lower(value, lowered)),
            set: match set {
                Set::Exprs(exprs) => Set::Exprs(exprs.iter().map(|e| lower(e, lowered)).collect()),
                set => set.clone(),
            },
            matching: *matching,
            negated: *negated,
        },
        Expr::Path { base, steps } => Expr::Path {
            base: Box::new(lower(base, lowered)),
            steps: steps
                .iter()
                .map(|step| match step {
                    Step::Computed(e) => Step::Computed(lower(e, lowered)),
                    step => step.clone(),
                })
                .collect(),
        },
        Expr::Window(window) => {
            let args = each(&window.args);
            let taken = u32::try_from(lowered.windows.len()).unwrap_or(0);
            let id = ColumnId::MAX - taken;
            lowered.windows.push((id, Window { kind: window.kind, args, ty: window.ty }));
            Expr::Column(id, window.ty)
        }
    }
}
