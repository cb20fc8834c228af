//! Comparisons of a narrow column with a constant of a wider type, as comparisons of the column itself: `EventID == 4625` has
//! an int column and a long constant. Nothing is converted row by row, and scans learn from it.

use std::sync::Arc;

use values::{ScalarType, Value};

use super::rewrite::{Replaced, transform};
use crate::plan::{Expr, Matching, Set};

const COMPARISONS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];

/// The condition without such conversions.
pub(super) fn narrow(condition: Expr) -> Expr {
    transform(&condition, &mut |expr| narrowed(expr).map_or(Replaced::Inside, Replaced::By))
        .unwrap_or(condition)
}

fn narrowed(expr: &Expr) -> Option<Expr> {
    match expr {
        Expr::Call { function, args, ty } if COMPARISONS.contains(&function.name) => {
            let args = match args.as_slice() {
                [tested, Expr::Literal(value, _)] => vec![int(tested)?.clone(), literal(value)?],
                [Expr::Literal(value, _), tested] => vec![literal(value)?, int(tested)?.clone()],
                _ => return None,
            };
            Some(Expr::Call { function, args, ty: *ty })
        }
        Expr::InSet {
            value,
            set: Set::Values(values),
            matching: matching @ Matching::Exact,
            negated,
        } => {
            let tested = int(value)?.clone();
            // what no int can be, no row is
            let values = values.iter().filter_map(as_int).map(Value::Int).collect();
            Some(Expr::InSet {
                value: Box::new(tested),
                set: Set::Values(Arc::new(values)),
                matching: *matching,
                negated: *negated,
            })
        }
        _ => None,
    }
}

/// What is converted from int to long.
fn int(expr: &Expr) -> Option<&Expr> {
    match expr {
        Expr::Cast(inner, ScalarType::Long) if inner.ty() == ScalarType::Int => Some(inner),
        _ => None,
    }
}

fn as_int(value: &Value) -> Option<i32> {
    match value {
        Value::Long(value) => i32::try_from(*value).ok(),
        _ => None,
    }
}

fn literal(value: &Value) -> Option<Expr> {
    as_int(value).map(|value| Expr::Literal(Value::Int(value), ScalarType::Int))
}
