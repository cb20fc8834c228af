//! Which types operators take and give, and the conversions put in for them.

use kql::Span;
use values::{ScalarType, Value};

use super::error::{BindError, Result};
use crate::plan::{Expr, visit};

use ScalarType::{Bool, DateTime, Dynamic, Int, Long, Real, String as Text, TimeSpan};

/// The expression as another type: folded for constants, an [`Expr::Cast`] else, itself where it has the type.
pub(super) fn cast(expr: Expr, to: ScalarType) -> Expr {
    if expr.ty() == to {
        return expr;
    }
    match expr {
        Expr::Literal(value, _) => Expr::Literal(value.cast(to), to),
        other => Expr::Cast(Box::new(other), to),
    }
}

/// The wider of two numeric types.
pub(super) fn widest(a: ScalarType, b: ScalarType) -> ScalarType {
    let rank = |t| match t {
        Int => 0,
        Long => 1,
        Real => 2,
        _ => 3,
    };
    if rank(a) >= rank(b) { a } else { b }
}

/// The type that values of all these types share; dynamic where they share none.
pub(super) fn common(types: &[ScalarType], dynamic_yields: bool) -> ScalarType {
    let mut result = None;
    let mut dynamic = false;
    for ty in types {
        if *ty == Dynamic && dynamic_yields {
            dynamic = true;
            continue;
        }
        result = Some(match result {
            None => *ty,
            Some(r) if r == *ty => r,
            Some(r) if ScalarType::is_numeric(r) && ty.is_numeric() => widest(r, *ty),
            Some(_) => return Dynamic,
        });
    }
    match result {
        Some(r) => r,
        None if dynamic => Dynamic,
        None => Dynamic,
    }
}

/// What an arithmetic operator does to its operands: the types to convert them to, and the result's.
pub(super) struct Arithmetic {
    pub(super) left: ScalarType,
    pub(super) right: ScalarType,
    pub(super) result: ScalarType,
}

/// The rule of `+ - * / %` for two types.
pub(super) fn arithmetic(
    operator: &str,
    left: ScalarType,
    right: ScalarType,
    span: Span,
) -> Result<Arithmetic> {
    let rule = |l, r, result| Ok(Arithmetic { left: l, right: r, result });
    let number = |t: ScalarType| if t == Int { Long } else { t };
    match (operator, left, right) {
        (_, l, r) if l.is_numeric() && r.is_numeric() => {
            let wide = number(widest(l, r));
            rule(wide, wide, wide)
        }
        (_, Dynamic, Dynamic) => rule(Dynamic, Dynamic, Dynamic),
        ("-", DateTime | Dynamic, DateTime) | ("-", DateTime, Dynamic) => {
            rule(DateTime, DateTime, TimeSpan)
        }
        ("+" | "-", DateTime, TimeSpan) => rule(DateTime, TimeSpan, DateTime),
        ("+", TimeSpan, DateTime) => rule(TimeSpan, DateTime, DateTime),
        ("+", Dynamic, DateTime) => rule(TimeSpan, DateTime, DateTime),
        ("+", DateTime, Dynamic) => rule(DateTime, TimeSpan, DateTime),
        ("+" | "-" | "%", TimeSpan | Dynamic, TimeSpan) | ("+" | "-" | "%", TimeSpan, Dynamic) => {
            rule(TimeSpan, TimeSpan, TimeSpan)
        }
        ("/", TimeSpan | Dynamic, TimeSpan) => rule(TimeSpan, TimeSpan, Real),
        ("*", TimeSpan, r) if r.is_numeric() || r == Dynamic => rule(TimeSpan, factor(r), TimeSpan),
        ("*", l, TimeSpan) if l.is_numeric() || l == Dynamic => rule(factor(l), TimeSpan, TimeSpan),
        ("/", TimeSpan, r) if r.is_numeric() || r == Dynamic => rule(TimeSpan, factor(r), TimeSpan),
        ("*", TimeSpan, TimeSpan) => rule(TimeSpan, TimeSpan, TimeSpan),
        ("%", TimeSpan, r) if r.is_numeric() => rule(TimeSpan, factor(r), TimeSpan),
        ("%", DateTime, DateTime | TimeSpan) => rule(DateTime, right, TimeSpan),
        ("/", DateTime, DateTime | TimeSpan) => rule(DateTime, right, Real),
        // the middle of two datetimes is half of their sum
        ("+", DateTime, DateTime) => rule(DateTime, DateTime, DateTime),
        ("-", TimeSpan, DateTime) => rule(TimeSpan, DateTime, DateTime),
        // a datetime divided or multiplied is one of so many ticks; content does it to undo a wrong unit
        ("*" | "/" | "%", DateTime, r) if r.is_numeric() => rule(Long, factor(r), DateTime),
        ("*", l, DateTime) if l.is_numeric() => rule(factor(l), Long, DateTime),
        (_, Dynamic, r) if r.is_numeric() => rule(number(r), number(r), number(r)),
        (_, l, Dynamic) if l.is_numeric() => rule(number(l), number(l), number(l)),
        (_, Bool, r) if r.is_numeric() => rule(number(r), number(r), number(r)),
        (_, l, Bool) if l.is_numeric() => rule(number(l), number(l), number(l)),
        _ => Err(undefined(operator, left, right, span)),
    }
}

fn factor(ty: ScalarType) -> ScalarType {
    match ty {
        Int | Long => Long,
        _ => Real,
    }
}

/// The type in which `==` and `<` compare two operands.
pub(super) fn comparable(
    operator: &str,
    left: ScalarType,
    right: ScalarType,
    span: Span,
) -> Result<ScalarType> {
    let equality = matches!(operator, "==" | "!=");
    match (left, right) {
        (l, r) if l == r => match l {
            Dynamic | Bool | ScalarType::Guid if !equality => Ok(l),
            _ => Ok(l),
        },
        (l, r) if l.is_numeric() && r.is_numeric() => Ok(widest(l, r)),
        (Dynamic, other) | (other, Dynamic) => Ok(other),
        (Text, other) | (other, Text) if equality => Ok(other),
        (Bool, Int | Long | Real) | (Int | Long | Real, Bool) if equality => Ok(Long),
        _ => Err(undefined(operator, left, right, span)),
    }
}

/// The operator has no meaning for these types.
pub(super) fn undefined(
    operator: &str,
    left: ScalarType,
    right: ScalarType,
    span: Span,
) -> BindError {
    BindError::new(
        "SEM0064",
        span,
        format!(
            "The operator '{operator}' is not defined for values of types {left} and {right}. \
             Try adding explicit casts, e.g. to{right}(...)"
        ),
    )
}

/// True for what has one value in a whole query: no column is read and nothing is drawn by chance.
pub(super) fn is_constant(expr: &Expr) -> bool {
    let mut constant = true;
    visit(expr, &mut |e| match e {
        Expr::Column(..) | Expr::Window(_) => constant = false,
        Expr::Call { function, .. } => constant &= function.pure,
        _ => {}
    });
    constant
}

/// The argument must be the same for all rows, and is not.
pub(super) fn not_constant(function: &str, parameter: &str, span: Span) -> BindError {
    let text = format!(
        "{function}(): argument '{parameter}' must be a constant, not a value that changes from row to row"
    );
    BindError::new("SEM0061", span, text)
}

/// A bool, or an error that says what stands there instead.
pub(super) fn expect_bool(expr: Expr, operator: &str, span: Span) -> Result<Expr> {
    match (expr.ty(), &expr) {
        (Bool, _) => Ok(expr),
        // an unknown column of an open relation, or a null
        (Dynamic, Expr::Literal(Value::Null, _)) => Ok(Expr::Literal(Value::Null, Bool)),
        (ty, _) => Err(BindError::new(
            "SEM0079",
            span,
            format!(
                "'{operator}' operator: the expression must have the type bool, not {ty}; compare it with a value or use tobool()"
            ),
        )),
    }
}
