//! `make-series`.

use std::cell::RefCell;
use std::sync::Arc;

use kql::Span;
use kql::syntax::{ExprKind, MakeSeries};
use values::{ScalarType, Value};

use super::env::Env;
use super::error::{BindError, Result};
use super::naming::{Names, implied_name};
use super::summarize::is_aggregate;
use super::types::cast;
use super::{Binder, Context, Relation, word};
use crate::plan::{AggregateCall, Expr, Field, Node, Output, Plan, SeriesAggregate, SeriesAxis};

impl Binder<'_> {
    /// `make-series`.
    pub(super) fn make_series(
        &self,
        env: &Env,
        input: Relation,
        series: &MakeSeries,
        span: Span,
    ) -> Result<Relation> {
        let ctx = Context { windows: false, ..Context::row(env, &input, "make-series") };
        let mut names = Names::beside(&input.plan.fields);
        let mut keys = Vec::with_capacity(series.by.len());
        for ast in &series.by {
            let expr = self.scalar(&ctx, ast)?;
            let name = self.column_name(ast, &mut names);
            keys.push(Output { field: self.field(name, expr.ty()), expr });
        }
        let mut aggregates = Vec::with_capacity(series.aggregates.len());
        for aggregate in &series.aggregates {
            let (call, name) = self.series_call(&ctx, &aggregate.value, &keys, span)?;
            let name = match name {
                Some(name) => names.unique(&name),
                None => names.column(),
            };
            let ty = call.fields.first().map_or(ScalarType::Real, |f| f.ty);
            let default = match &aggregate.default {
                Some(ast) => {
                    let value = self.scalar(&ctx, ast)?;
                    if matches!(value, Expr::Literal(Value::Null, _)) {
                        Expr::Literal(Value::Null, ty)
                    } else {
                        value
                    }
                }
                None => zero(ty),
            };
            let field = self.field(name, ScalarType::Dynamic);
            aggregates.push(SeriesAggregate { call, default, field });
        }
        let axis = self.series_axis(&ctx, series, &mut names, span)?;
        let mut fields: Vec<Field> = keys.iter().map(|k| k.field.clone()).collect();
        fields.extend(aggregates.iter().map(|a| a.field.clone()));
        fields.push(axis.field.clone());
        let nonempty = word(&series.parameters, "kind").as_deref() == Some("nonempty");
        let node = Node::MakeSeries { input: input.plan.clone(), keys, axis, aggregates, nonempty };
        Ok(Relation::new(Plan { node: Arc::new(node), fields }))
    }

    /// One aggregate of the list; scalar arithmetic around it is not part of the language here.
    fn series_call(
        &self,
        ctx: &Context<'_>,
        ast: &kql::syntax::Expr,
        keys: &[Output],
        span: Span,
    ) -> Result<(AggregateCall, Option<String>)> {
        let (given, inner) = match &ast.kind {
            ExprKind::Named { name, value } => (Some(name.text.to_string()), &**value),
            _ => (None, ast),
        };
        let inner = inner.unparenthesised();
        if let ExprKind::Call(call) = &inner.kind {
            if is_aggregate(&call.name.text) && ctx.env.get(&call.name.text).is_none() {
                let mut calls = self.aggregate(ctx, call, keys, inner.span)?;
                if let Some((mut wanted, call)) = calls.pop() {
                    let own = if wanted.is_empty() { None } else { Some(wanted.swap_remove(0)) };
                    return Ok((call, given.or(own)));
                }
            }
            // a user function or a scalar around one aggregate: computed per bin through the aggregate itself
            let collected = RefCell::new(Vec::new());
            let expr = self.scalar(&Context { aggregates: Some(&collected), ..*ctx }, inner)?;
            let mut calls = collected.into_inner();
            if let (Expr::Column(id, _), 1) = (&expr, calls.len()) {
                let call: AggregateCall = calls.remove(0);
                if call.fields.first().is_some_and(|f| f.id == *id) {
                    return Ok((call, given.or_else(|| implied_name(inner))));
                }
            }
        }
        Err(BindError::new(
            "SEM0102",
            span,
            "'make-series' operator: an aggregate is expected, such as count() or avg(x)",
        ))
    }

    fn series_axis(
        &self,
        ctx: &Context<'_>,
        series: &MakeSeries,
        names: &mut Names,
        span: Span,
    ) -> Result<SeriesAxis> {
        let expr = self.scalar(ctx, &series.on)?;
        let ty = expr.ty();
        let step_type = match ty {
            ScalarType::DateTime | ScalarType::TimeSpan => ScalarType::TimeSpan,
            t if t.is_numeric() => t,
            other => {
                return Err(BindError::new(
                    "SEM0061",
                    series.on.span,
                    format!(
                        "'make-series' operator: the axis must be a datetime, timespan or number, not {other}"
                    ),
                ));
            }
        };
        let axis = &series.axis;
        let bound = |ast: &Option<Box<kql::syntax::Expr>>| -> Result<Option<Expr>> {
            ast.as_ref().map(|a| Ok(cast(self.scalar(ctx, a)?, ty))).transpose()
        };
        let from = bound(&axis.from)?;
        let mut to = bound(&axis.to)?;
        let step = cast(self.scalar(ctx, &axis.step)?, step_type);
        if axis.in_range {
            // the old form includes its end
            if let Some(end) = to.take() {
                to = Some(self.arithmetic("+", end, smallest(ty), span)?);
            }
        }
        let name = match &series.on.kind {
            ExprKind::Named { name, .. } => names.unique(&name.text),
            _ => match implied_name(&series.on) {
                Some(name) => names.unique(&name),
                None => names.column(),
            },
        };
        Ok(SeriesAxis { expr, from, to, step, field: self.field(name, ScalarType::Dynamic) })
    }
}

/// The value of an empty bin.
fn zero(ty: ScalarType) -> Expr {
    match ty {
        ScalarType::Real => Expr::Literal(Value::Real(0.0), ty),
        ScalarType::Int => Expr::Literal(Value::Int(0), ty),
        _ => Expr::Literal(Value::Long(0), ScalarType::Long),
    }
}

/// The smallest step of an axis type.
fn smallest(ty: ScalarType) -> Expr {
    match ty {
        ScalarType::DateTime | ScalarType::TimeSpan => {
            Expr::Literal(Value::TimeSpan(values::TimeSpan::from_ticks(1)), ScalarType::TimeSpan)
        }
        ScalarType::Real => Expr::Literal(Value::Real(1e-9), ty),
        ty => Expr::Literal(Value::Long(1), ScalarType::Long).into_type(ty),
    }
}

impl Expr {
    fn into_type(self, ty: ScalarType) -> Self {
        cast(self, ty)
    }
}
