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
use crate::exec::whole::{SeriesMap, SeriesOutput};
use crate::plan::{AggregateCall, Expr, Field, Node, Output, Plan, SeriesAggregate, SeriesAxis};

/// An element of the list of aggregates.
enum Parts {
    /// An aggregate.
    One(AggregateCall),
    /// An expression over aggregates.
    Composed(Expr, Vec<AggregateCall>),
}

/// Behind how many plain aggregates it stands, its name, expression, default and aggregates.
type Composed = (usize, Arc<str>, Expr, Value, Vec<AggregateCall>);

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
        let mut composed = Vec::new();
        for aggregate in &series.aggregates {
            let (parts, name) = self.series_call(&ctx, &aggregate.value, &keys, span)?;
            let name = match name {
                Some(name) => names.unique(&name),
                None => names.column(),
            };
            let call = match parts {
                Parts::One(call) => call,
                Parts::Composed(expr, calls) => {
                    let default = match &aggregate.default {
                        Some(ast) => self.constant(&Context::constant(env, "make-series"), ast)?.0,
                        None => Value::Long(0).cast(expr.ty()),
                    };
                    composed.push((aggregates.len(), name, expr, default, calls));
                    continue;
                }
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
        let shown = aggregates.len();
        let hidden = self.hidden_series(&composed, &mut aggregates)?;
        let axis = self.series_axis(&ctx, series, &mut names, span)?;
        let mut fields: Vec<Field> = keys.iter().map(|k| k.field.clone()).collect();
        fields.extend(aggregates.iter().map(|a| a.field.clone()));
        fields.push(axis.field.clone());
        let nonempty = word(&series.parameters, "kind").as_deref() == Some("nonempty");
        let width = keys.len();
        let node = Node::MakeSeries { input: input.plan.clone(), keys, axis, aggregates, nonempty };
        let made = Relation::new(Plan { node: Arc::new(node), fields });
        if composed.is_empty() {
            return Ok(made);
        }
        let composed = composed.into_iter().map(|(at, name, expr, default, _)| {
            self.settled(expr, span).map(|expr| (at, name, expr, default))
        });
        Ok(self.composed_series(made, (width, shown), composed.collect::<Result<_>>()?, hidden))
    }

    /// Series that only expressions over aggregates read: the aggregates, and the number of rows of each bin.
    fn hidden_series(
        &self,
        composed: &[Composed],
        aggregates: &mut Vec<SeriesAggregate>,
    ) -> Result<Vec<Field>> {
        let mut hidden = Vec::new();
        if composed.is_empty() {
            return Ok(hidden);
        }
        let count = self.count_call("$count")?;
        let calls = composed.iter().flat_map(|(.., calls)| calls.iter().cloned());
        for (at, call) in std::iter::once(count).chain(calls).enumerate() {
            let element = call.fields.first().cloned();
            let ty = element.as_ref().map_or(ScalarType::Real, |f| f.ty);
            hidden.extend(element);
            let default = if at == 0 {
                zero(ScalarType::Long)
            } else {
                Expr::Literal(Value::null_of(ty), ty)
            };
            let field = self.field("$series", ScalarType::Dynamic);
            aggregates.push(SeriesAggregate { call, default, field });
        }
        Ok(hidden)
    }

    /// The series in the order written, those of expressions computed from hidden ones.
    fn composed_series(
        &self,
        made: Relation,
        (width, shown): (usize, usize),
        composed: Vec<(usize, Arc<str>, Expr, Value)>,
        hidden: Vec<Field>,
    ) -> Relation {
        let first = width + shown;
        let own = &made.plan.fields;
        let keep = |at: usize| {
            let field = own.get(at)?;
            let fresh = self.field(Arc::clone(&field.name), field.ty);
            Some(SeriesOutput::Column(at, fresh))
        };
        let mut outputs: Vec<SeriesOutput> = (0..width).filter_map(keep).collect();
        let mut composed = composed.into_iter().peekable();
        for at in 0..=shown {
            while let Some((_, name, expr, default)) = composed.next_if(|(place, ..)| *place == at)
            {
                let field = self.field(name, ScalarType::Dynamic);
                outputs.push(SeriesOutput::Computed { expr, default, count: first, field });
            }
            if at < shown {
                outputs.extend(keep(width + at));
            }
        }
        outputs.extend(own.len().checked_sub(1).and_then(keep));
        let fields = outputs
            .iter()
            .map(|o| match o {
                SeriesOutput::Column(_, field) | SeriesOutput::Computed { field, .. } => {
                    field.clone()
                }
            })
            .collect();
        let elements = (first..).zip(hidden).collect();
        let operator = Arc::new(SeriesMap { elements, outputs });
        let node = Node::Whole { inputs: vec![made.plan], operator };
        Relation::new(Plan { node: Arc::new(node), fields })
    }

    /// One aggregate of the list, or an expression over several.
    fn series_call(
        &self,
        ctx: &Context<'_>,
        ast: &kql::syntax::Expr,
        keys: &[Output],
        span: Span,
    ) -> Result<(Parts, Option<String>)> {
        let (given, inner) = match &ast.kind {
            ExprKind::Named { name, value } => (Some(name.text.to_string()), &**value),
            _ => (None, ast),
        };
        let inner = inner.unparenthesised();
        if let ExprKind::Call(call) = &inner.kind
            && is_aggregate(&call.name.text)
            && ctx.env.get(&call.name.text).is_none()
            && let Some((mut wanted, call)) = self.aggregate(ctx, call, keys, inner.span)?.pop()
        {
            let own = if wanted.is_empty() { None } else { Some(wanted.swap_remove(0)) };
            return Ok((Parts::One(call), given.or(own)));
        }
        let collected = RefCell::new(Vec::new());
        let expr = self.scalar(&Context { aggregates: Some(&collected), ..*ctx }, inner)?;
        let mut calls: Vec<AggregateCall> = collected.into_inner();
        let name = given.or_else(|| implied_name(inner));
        if let (Expr::Column(id, _), [call]) = (&expr, calls.as_slice())
            && call.fields.first().is_some_and(|f| f.id == *id)
        {
            return Ok((Parts::One(calls.remove(0)), name));
        }
        if !super::summarize::reads_others(&expr, &calls) {
            return Ok((Parts::Composed(expr, calls), name));
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
