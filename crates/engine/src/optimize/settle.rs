//! Parts of a condition that are decided once constants stand for columns: those of a union's leg that lacks a column ask
//! nothing of it.

use values::{DateTime, ScalarType, Value};

use super::rewrite::{Replaced, transform};
use crate::bind::fold;
use crate::functions::{Call, Columnar, EvalContext, evaluate, terms};
use crate::plan::Expr;

/// The condition with what constants decide decided.
pub(super) fn settle(condition: Expr) -> Expr {
    transform(&condition, &mut |expr| settled(expr).map_or(Replaced::Inside, Replaced::By))
        .unwrap_or(condition)
}

/// What stands in its place; none where only parts inside it may be decided.
fn settled(expr: &Expr) -> Option<Expr> {
    let each = |parts: &[Expr]| parts.iter().cloned().map(settle).collect();
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
        Expr::Call { function, args, ty: ScalarType::Bool } => {
            let decides =
                matches!(function.name, "==" | "!=" | "=~") || terms::needs_the_text(function.name);
            let constants: Option<Vec<(Columnar, ScalarType)>> = args
                .iter()
                .filter(|_| decides)
                .map(|arg| match settle(arg.clone()) {
                    Expr::Literal(value, ty) => Some((Columnar::Scalar(value), ty)),
                    _ => None,
                })
                .collect();
            let (values, types): (Vec<_>, Vec<_>) =
                constants.filter(|_| decides)?.into_iter().unzip();
            let (result, context) =
                (ScalarType::Bool, EvalContext::new(DateTime::from_ticks(0), None));
            let call = Call { args: &values, types: &types, rows: 1, result, context: &context };
            let value = match evaluate(function, &call).ok()? {
                Columnar::Scalar(value) => value,
                array @ Columnar::Array(_) => array.value(result, 0),
            };
            Some(Expr::Literal(value, result))
        }
        _ => None,
    }
}
