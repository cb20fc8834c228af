//! Expressions for computations that run outside the executor's steps: their subqueries are computed first.

use std::sync::Arc;

use kql::Span;
use values::{ScalarType, Value};

use super::Binder;
use super::error::{BindError, Result};
use crate::plan::{Expr, Plan, Set, Step};

impl Binder<'_> {
    /// The expression with the values of its subqueries in their places.
    pub(super) fn settled(&self, expr: Expr, span: Span) -> Result<Expr> {
        let one = |e: Box<Expr>| self.settled(*e, span).map(Box::new);
        let all = |es: Vec<Expr>| {
            es.into_iter().map(|e| self.settled(e, span)).collect::<Result<Vec<_>>>()
        };
        Ok(match expr {
            Expr::Column(..) | Expr::Literal(..) => expr,
            Expr::Subquery(plan, ty) => {
                let first = self.first_values(&plan, span)?.into_iter().next();
                Expr::Literal(first.unwrap_or(Value::null_of(ty)), ty)
            }
            Expr::Call { function, args, ty } => Expr::Call { function, args: all(args)?, ty },
            Expr::Cast(inner, ty) => Expr::Cast(one(inner)?, ty),
            Expr::And(parts) => Expr::And(all(parts)?),
            Expr::Or(parts) => Expr::Or(all(parts)?),
            Expr::Not(inner) => Expr::Not(one(inner)?),
            Expr::Case { branches, otherwise, ty } => Expr::Case {
                branches: branches
                    .into_iter()
                    .map(|(c, r)| Ok((self.settled(c, span)?, self.settled(r, span)?)))
                    .collect::<Result<Vec<_>>>()?,
                otherwise: one(otherwise)?,
                ty,
            },
            Expr::InSet { value, set, matching, negated } => Expr::InSet {
                value: one(value)?,
                set: match set {
                    Set::Values(values) => Set::Values(values),
                    Set::Exprs(exprs) => Set::Exprs(all(exprs)?),
                    Set::Plan(plan) => Set::Values(Arc::new(flat(self.first_values(&plan, span)?))),
                },
                matching,
                negated,
            },
            Expr::Path { base, steps } => Expr::Path {
                base: one(base)?,
                steps: steps
                    .into_iter()
                    .map(|s| match s {
                        Step::Computed(e) => self.settled(e, span).map(Step::Computed),
                        other => Ok(other),
                    })
                    .collect::<Result<Vec<_>>>()?,
            },
            Expr::Window(_) => {
                return Err(BindError::new(
                    "SEM0069",
                    span,
                    "functions of neighbouring rows cannot stand here; compute them with extend before",
                ));
            }
        })
    }

    /// The first column of a plan's rows; nothing when only names and types are asked for.
    fn first_values(&self, plan: &Plan, span: Span) -> Result<Vec<Value>> {
        let rows = self.run_now(plan, span)?;
        Ok(rows.map_or_else(Vec::new, |rows| {
            rows.values().filter_map(|row| row.into_iter().next()).collect()
        }))
    }
}

/// Elements of arrays in their places, without nulls.
fn flat(values: Vec<Value>) -> Vec<Value> {
    let mut out = Vec::with_capacity(values.len());
    for value in values {
        match value {
            Value::Dynamic(d) if d.as_ref().kind() == values::dynamic::Kind::Array => {
                let elements = d.as_ref().array().map(|e| {
                    let element = Value::Dynamic(e.to_owned());
                    element.cast(ScalarType::String)
                });
                out.extend(elements);
            }
            Value::Null => {}
            other => out.push(other),
        }
    }
    out
}
