//! Parts of a condition that are decided once constants stand for columns: those of a union's leg that lacks a column ask
//! nothing of it.

use values::{DateTime, ScalarType, Value};

use super::rewrite::{Replaced, transform};
use crate::bind::fold;
use crate::functions::{EvalContext, terms};
use crate::plan::Expr;

/// The condition with what constants decide decided.
pub(super) fn settle(condition: Expr) -> Expr {
    transform(&condition, &mut |expr| settled(expr).map_or(Replaced::Inside, Replaced::By))
        .unwrap_or(condition)
}

/// Comparisons of texts depend on nothing but these.
const NOTHING_AROUND: EvalContext = EvalContext::new(DateTime::from_ticks(0), None);

fn compares(function: &str) -> bool {
    matches!(function, "==" | "!=" | "=~") || terms::needs_the_text(function)
}

/// What stands in its place; none where only parts inside it may be decided.
fn settled(expr: &Expr) -> Option<Expr> {
    let each = |parts: &[Expr]| -> Vec<Expr> { parts.iter().cloned().map(settle).collect() };
    match expr {
        Expr::And(parts) => Some(fold::and(each(parts))),
        Expr::Or(parts) => Some(fold::or(each(parts))),
        Expr::Not(inner) => Some(fold::not(settle((**inner).clone()))),
        Expr::Cast(inner, ScalarType::String) => match &**inner {
            Expr::Literal(Value::Null, _) => {
                Some(Expr::Literal(Value::string(""), ScalarType::String))
            }
            _ => None,
        },
        Expr::Call { function, args, ty: ty @ ScalarType::Bool } if compares(function.name) => {
            let args = each(args);
            let decided = fold::constant(function, &args, *ty, &NOTHING_AROUND).ok().flatten();
            Some(decided.unwrap_or(Expr::Call { function, args, ty: *ty }))
        }
        _ => None,
    }
}
