//! Constants computed while binding.

use std::sync::Arc;

use values::{ScalarType, Value};

use super::Binder;
use crate::functions::{Call, Columnar, EvalContext, EvalError, Function, evaluate};
use crate::plan::Expr;

impl Binder<'_> {
    /// A call; its value where all arguments are constants and the function depends on them alone.
    pub(super) fn call(
        &self,
        function: &'static Function,
        args: Vec<Expr>,
        ty: ScalarType,
    ) -> Result<Expr, EvalError> {
        let decided = constant(function, &args, ty, &self.context)?;
        Ok(decided.unwrap_or(Expr::Call { function, args, ty }))
    }
}

/// The value of a call whose arguments are constants; none where one is not, or the function depends on more than them.
pub(crate) fn constant(
    function: &'static Function,
    args: &[Expr],
    ty: ScalarType,
    context: &EvalContext,
) -> Result<Option<Expr>, EvalError> {
    let constant = |arg: &Expr| match arg {
        Expr::Literal(value, ty) if function.pure => Some((Columnar::Scalar(value.clone()), *ty)),
        _ => None,
    };
    let constants = args.iter().map(constant).collect::<Option<Vec<_>>>();
    let Some(constants) = constants.filter(|_| function.pure) else { return Ok(None) };
    let (values, types): (Vec<_>, Vec<_>) = constants.into_iter().unzip();
    let call = Call { args: &values, types: &types, rows: 1, result: ty, context };
    let value = match evaluate(function, &call)? {
        Columnar::Scalar(value) => value,
        array @ Columnar::Array(_) => array.value(ty, 0),
    };
    Ok(Some(Expr::Literal(normal(value, ty), ty)))
}

/// A null string is the empty text.
fn normal(value: Value, ty: ScalarType) -> Value {
    match (value, ty) {
        (Value::Null, ScalarType::String) => Value::String(Arc::from("")),
        (value, _) => value,
    }
}

/// `case` with constant conditions decided.
pub(super) fn case(branches: Vec<(Expr, Expr)>, otherwise: Expr, ty: ScalarType) -> Expr {
    let mut kept = Vec::with_capacity(branches.len());
    for (condition, result) in branches {
        match condition {
            Expr::Literal(Value::Bool(true), _) if kept.is_empty() => return result,
            Expr::Literal(Value::Bool(false) | Value::Null, _) => {}
            condition => kept.push((condition, result)),
        }
    }
    if kept.is_empty() {
        return otherwise;
    }
    Expr::Case { branches: kept, otherwise: Box::new(otherwise), ty }
}

/// A conjunction, flattened, with constants decided.
pub(crate) fn and(parts: Vec<Expr>) -> Expr {
    let mut kept = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Expr::Literal(Value::Bool(true), _) => {}
            Expr::Literal(Value::Bool(false), _) => {
                return Expr::Literal(Value::Bool(false), ScalarType::Bool);
            }
            Expr::And(inner) => kept.extend(inner),
            other => kept.push(other),
        }
    }
    match kept.len() {
        0 => Expr::Literal(Value::Bool(true), ScalarType::Bool),
        1 => kept.remove(0),
        _ => Expr::And(kept),
    }
}

/// A disjunction, flattened, with constants decided.
pub(crate) fn or(parts: Vec<Expr>) -> Expr {
    let mut kept = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Expr::Literal(Value::Bool(false), _) => {}
            Expr::Literal(Value::Bool(true), _) => {
                return Expr::Literal(Value::Bool(true), ScalarType::Bool);
            }
            Expr::Or(inner) => kept.extend(inner),
            other => kept.push(other),
        }
    }
    match kept.len() {
        0 => Expr::Literal(Value::Bool(false), ScalarType::Bool),
        1 => kept.remove(0),
        _ => Expr::Or(kept),
    }
}

/// `not`, with constants and double negation decided.
pub(crate) fn not(inner: Expr) -> Expr {
    match inner {
        Expr::Literal(Value::Bool(b), ty) => Expr::Literal(Value::Bool(!b), ty),
        Expr::Literal(Value::Null, ty) => Expr::Literal(Value::Null, ty),
        Expr::Not(inner) => *inner,
        other => Expr::Not(Box::new(other)),
    }
}
