//! Parts of a condition that are decided once constants stand for columns: those of a union's leg that lacks a column ask
//! nothing of it.

use ahash::AHashMap as HashMap;
use values::{DateTime, ScalarType, Value};

use super::rewrite::{Replaced, transform};
use crate::bind::fold;
use crate::functions::{EvalContext, terms};
use crate::plan::{ColumnId, Expr};

/// The condition with columns replaced, and with what constants decide decided; none where a column is not in the map.
pub(super) fn settle(condition: &Expr, map: &HashMap<ColumnId, &Expr>) -> Option<Expr> {
    transform(condition, &mut |expr| settled(expr, map))
}

/// Comparisons of texts depend on nothing but these.
const NOTHING_AROUND: EvalContext = EvalContext::new(DateTime::from_ticks(0), None);

fn compares(function: &str) -> bool {
    matches!(function, "==" | "!=" | "=~") || terms::needs_the_text(function)
}

/// What stands in its place.
fn settled(expr: &Expr, map: &HashMap<ColumnId, &Expr>) -> Replaced {
    let each = |parts: &[Expr]| -> Option<Vec<Expr>> {
        parts.iter().map(|part| settle(part, map)).collect()
    };
    let replaced = match expr {
        Expr::Column(id, _) => map.get(id).map(|expr| (*expr).clone()),
        Expr::And(parts) => each(parts).map(fold::and),
        Expr::Or(parts) => {
            // a search asks hundreds of columns, of which a table has some: the others are passed over as they are
            let asked = parts.iter().filter(|part| !asks_nothing(part, map));
            asked.map(|part| settle(part, map)).collect::<Option<Vec<_>>>().map(fold::or)
        }
        Expr::Not(inner) => settle(inner, map).map(fold::not),
        Expr::Cast(inner, ty @ ScalarType::String) => settle(inner, map).map(|inner| match inner {
            Expr::Literal(Value::Null, _) => Expr::Literal(Value::string(""), *ty),
            inner => Expr::Cast(Box::new(inner), *ty),
        }),
        Expr::Call { function, args, ty: ty @ ScalarType::Bool } if compares(function.name) => {
            each(args).map(|args| {
                let decided = fold::constant(function, &args, *ty, &NOTHING_AROUND).ok().flatten();
                decided.unwrap_or(Expr::Call { function, args, ty: *ty })
            })
        }
        _ => return Replaced::Inside,
    };
    replaced.map_or(Replaced::Not, Replaced::By)
}

/// True where a text is sought in a column that has none.
fn asks_nothing(expr: &Expr, map: &HashMap<ColumnId, &Expr>) -> bool {
    let Expr::Call { function, args, .. } = expr else { return false };
    let [tested, Expr::Literal(Value::String(sought), _)] = args.as_slice() else { return false };
    let column = match tested {
        Expr::Cast(inner, ScalarType::String) => inner,
        tested => tested,
    };
    let Expr::Column(id, _) = column else { return false };
    let empty = match map.get(id) {
        Some(Expr::Literal(Value::Null, _)) => true,
        Some(Expr::Literal(Value::String(text), _)) => text.is_empty(),
        _ => false,
    };
    empty && !sought.is_empty() && terms::needs_the_text(function.name)
}
