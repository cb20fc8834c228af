//! `summarize`: keys, aggregates, and what is computed from them.

use std::cell::RefCell;
use std::sync::Arc;

use kql::Span;
use kql::syntax::{Call, Expr as Ast, ExprKind, Ident, Summarize};
use values::{ScalarType, Value};

use super::call::Argument;
use super::env::Env;
use super::error::{BindError, Result};
use super::naming::{Names, aggregate_name, implied_name};
use super::types::{cast, expect_bool, is_constant, not_constant};
use super::{Binder, Context, Relation, project};
use crate::aggregates;
use crate::functions::{self, ResultKind};
use crate::plan::{AggregateCall, Expr, Field, Node, Output, Plan};

impl Binder<'_> {
    /// `summarize`.
    pub(super) fn summarize(
        &self,
        env: &Env,
        input: Relation,
        summarize: &Summarize,
        span: Span,
    ) -> Result<Relation> {
        let input = self.once_named(input);
        let before = input.clone();
        let asts: Vec<Ast> = summarize.by.iter().chain(&summarize.aggregates).cloned().collect();
        let input = self.with_ingestion_time(input, &asts);
        let _ = before;
        let ctx = Context { windows: false, ..Context::row(env, &input, "summarize") };
        let mut names = Names::beside(&input.plan.fields);
        let mut keys = Vec::with_capacity(summarize.by.len());
        for (i, ast) in summarize.by.iter().enumerate() {
            let mut expr = self.scalar(&ctx, ast)?;
            if let (Some(bin), true) = (&summarize.bin, i + 1 == summarize.by.len()) {
                let width = self.scalar(&ctx, bin)?;
                let ty = expr.ty();
                expr = self.registered("bin", vec![expr, width], ty, bin.span)?;
            }
            if expr.ty() == ScalarType::Dynamic
                && !matches!(expr, Expr::Literal(..))
                && self.settings.run.is_some()
            {
                return Err(BindError::new(
                    "SEM0066",
                    ast.span,
                    "'summarize' operator: a dynamic value cannot be a group key; use tostring(), tolong() or the like",
                ));
            }
            let name = self.column_name(ast, &mut names);
            keys.push(Output { field: self.field(name, expr.ty()), expr });
        }
        let collected = RefCell::new(Vec::<AggregateCall>::new());
        let mut outputs: Vec<Output> = keys
            .iter()
            .map(|k| Output { field: k.field.clone(), expr: Expr::Column(k.field.id, k.field.ty) })
            .collect();
        for ast in &summarize.aggregates {
            self.summarize_column(&ctx, ast, &keys, &collected, &mut names, &mut outputs, span)?;
        }
        let aggregates = collected.into_inner();
        let fields: Vec<Field> = keys
            .iter()
            .map(|k| k.field.clone())
            .chain(aggregates.iter().flat_map(|a| a.fields.iter().cloned()))
            .collect();
        let node = if aggregates.is_empty() && !summarize.has_by && keys.is_empty() {
            return Err(BindError::new(
                "SEM0009",
                span,
                "'summarize' operator: name at least one aggregate or key",
            ));
        } else {
            Node::Aggregate { input: input.plan.clone(), keys, aggregates }
        };
        let grouped = Plan { node: Arc::new(node), fields: fields.clone() };
        let plan = if same(&fields, &outputs) { grouped } else { project(grouped, outputs) };
        let mut result = Relation::new(plan);
        result.source = input.source;
        Ok(result)
    }

    /// One element of the aggregates' list: an aggregate, or a scalar expression over aggregates.
    fn summarize_column(
        &self,
        ctx: &Context<'_>,
        ast: &Ast,
        keys: &[Output],
        collected: &RefCell<Vec<AggregateCall>>,
        names: &mut Names,
        outputs: &mut Vec<Output>,
        span: Span,
    ) -> Result<()> {
        let (given, inner): (Vec<&Ident>, &Ast) = match &ast.kind {
            ExprKind::Named { name, value } => (vec![name], value),
            ExprKind::NamedTuple { names, value } => (names.iter().collect(), value),
            _ => (Vec::new(), ast),
        };
        let direct = match &inner.unparenthesised().kind {
            ExprKind::Call(call)
                if is_aggregate(&call.name.text) && ctx.env.get(&call.name.text).is_none() =>
            {
                Some(call)
            }
            _ => None,
        };
        if let Some(call) = direct {
            for (wanted, mut call) in self.aggregate(ctx, call, keys, inner.span)? {
                let count = call.fields.len();
                for (i, field) in call.fields.iter_mut().enumerate() {
                    let own = wanted.get(i).cloned().unwrap_or_default();
                    let position = outputs.len() - keys.len();
                    let _ = position;
                    let name = match given.get(i) {
                        Some(name) => names.unique(&name.text),
                        None if own.is_empty() && count == 1 => names.column(),
                        None => names.unique(&own),
                    };
                    field.name = name;
                    outputs.push(Output {
                        field: field.clone(),
                        expr: Expr::Column(field.id, field.ty),
                    });
                }
                collected.borrow_mut().push(call);
            }
            return Ok(());
        }
        let before = collected.borrow().len();
        let inside = Context { aggregates: Some(collected), ..*ctx };
        let expr = self.scalar(&inside, inner)?;
        if collected.borrow().len() == before && contains_column(&expr) {
            return Err(BindError::new(
                "SEM0102",
                inner.span,
                "'summarize' operator: an aggregate is expected here; put the expression behind 'by', or in take_any()",
            ));
        }
        let _ = span;
        let name = match given.first() {
            Some(name) => names.unique(&name.text),
            None => match implied_name(inner) {
                Some(name) => names.unique(&name),
                None => names.column(),
            },
        };
        outputs.push(Output { field: self.field(name, expr.ty()), expr });
        Ok(())
    }

    /// An aggregate inside a scalar expression: its column, computed beside the others.
    pub(super) fn nested_aggregate(
        &self,
        ctx: &Context<'_>,
        collected: &RefCell<Vec<AggregateCall>>,
        call: &Call,
        span: Span,
    ) -> Result<Expr> {
        let plain = Context { aggregates: None, ..*ctx };
        let mut calls = self.aggregate(&plain, call, &[], span)?;
        let Some((_, call)) = calls.pop() else {
            return Err(BindError::new("SEM0102", span, "an aggregate of no columns has no value"));
        };
        let Some(field) = call.fields.first().cloned() else {
            return Err(BindError::new("SEM0102", span, "an aggregate of no columns has no value"));
        };
        let expr = Expr::Column(field.id, field.ty);
        collected.borrow_mut().push(call);
        Ok(expr)
    }

    /// An aggregate call with the names that its columns have by themselves.
    pub(super) fn aggregate(
        &self,
        ctx: &Context<'_>,
        call: &Call,
        keys: &[Output],
        span: Span,
    ) -> Result<Vec<(Vec<String>, AggregateCall)>> {
        let ctx = &Context { aggregates: None, ..*ctx };
        let name = &*call.name.text;
        let star = call.arguments.iter().any(|a| matches!(a.kind, ExprKind::Star));
        match name {
            "arg_max" | "arg_min" | "argmax" | "argmin" => {
                return self.arg_extreme(ctx, call, keys, span);
            }
            "take_any" | "any" if star || call.arguments.len() > 1 => {
                let mut parts = Vec::new();
                for (at, arg) in call.arguments.iter().enumerate() {
                    if matches!(arg.kind, ExprKind::Star) {
                        parts.extend(self.star_columns(ctx, keys, &[]));
                    } else {
                        let expr = self.scalar(ctx, arg)?;
                        let own = match implied_name(arg) {
                            Some(stem) if name == "any" => format!("any_{stem}"),
                            Some(stem) => stem,
                            None => format!("any_arg{at}"),
                        };
                        parts.push((own, expr));
                    }
                }
                return self.many("take_any", parts, span);
            }
            "take_any" => {
                let Some(arg) = call.arguments.first() else {
                    return Err(self.wrong_count(name, 0, span));
                };
                let expr = self.scalar(ctx, arg)?;
                return self.many(
                    "take_any",
                    vec![(implied_name(arg).unwrap_or_default(), expr)],
                    span,
                );
            }
            "percentile" | "percentiles" | "percentilew" | "percentilesw" | "percentiles_array"
            | "percentilesw_array" => {
                return self.percentiles(ctx, call, span);
            }
            _ => {}
        }
        let args = self.arguments(ctx, &call.arguments)?;
        let Some(known) = functions::aggregate_signatures(name) else {
            return Err(self.unknown_function(ctx, &call.name));
        };
        let bound = self.overload_of_aggregate(name, known, args, span)?;
        let wanted = aggregate_name(call).unwrap_or_default();
        Ok(vec![(vec![wanted], bound)])
    }

    fn overload_of_aggregate(
        &self,
        name: &str,
        known: &functions::Signatures,
        args: Vec<Argument<'_>>,
        span: Span,
    ) -> Result<AggregateCall> {
        let (result, predicate, exprs) = self.choose_aggregate(name, known, args, span)?;
        let base = if name == "count" && predicate.is_some() { "countif" } else { name };
        let aggregate = aggregates::find(base)
            .or_else(|| known.replaced_by.as_deref().and_then(aggregates::find))
            .ok_or_else(|| {
                BindError::refused(
                    span,
                    format!("aggregate '{name}' is not supported by this version"),
                )
            })?;
        Ok(AggregateCall {
            fields: vec![self.field("", result)],
            aggregate,
            args: exprs,
            filter: predicate,
        })
    }

    /// Picks the overload; gives result type, predicate and remaining arguments.
    fn choose_aggregate(
        &self,
        name: &str,
        known: &functions::Signatures,
        args: Vec<Argument<'_>>,
        span: Span,
    ) -> Result<(ScalarType, Option<Expr>, Vec<Expr>)> {
        let Some((signature, slots)) = super::call::choose(&known.overloads, &args) else {
            return Err(self.no_overload(name, &known.overloads, &args, span));
        };
        let result = match &signature.result {
            ResultKind::Fixed(ty) => *ty,
            ResultKind::Argument(i) => args.get(*i).map_or(ScalarType::Dynamic, |a| a.expr.ty()),
            ResultKind::Promoted(i) => match args.get(*i).map(|a| a.expr.ty()) {
                Some(ScalarType::Int | ScalarType::Bool) => ScalarType::Long,
                Some(ScalarType::Dynamic) => ScalarType::Real,
                Some(other) => other,
                None => ScalarType::Long,
            },
            _ => ScalarType::Dynamic,
        };
        let mut predicate = None;
        let mut exprs = Vec::with_capacity(args.len());
        let exprs_in: Vec<(Expr, Span)> = args.into_iter().map(|a| (a.expr, a.ast.span)).collect();
        let plain: Vec<Expr> = exprs_in.iter().map(|(e, _)| e.clone()).collect();
        let converted = super::call::convert(signature, &slots, plain);
        for ((slot, expr), (_, at)) in slots.iter().zip(converted).zip(exprs_in) {
            if signature.parameters[*slot].name == "predicate" {
                predicate = Some(expect_bool(expr, "summarize", at)?);
            } else {
                let parameter = &signature.parameters[*slot];
                if parameter.form == "constant" && !is_constant(&expr) {
                    return Err(not_constant(name, &parameter.name, at));
                }
                exprs.push(expr);
            }
        }
        let result = if matches!(signature.result, ResultKind::Argument(_)) {
            exprs.first().map_or(result, Expr::ty)
        } else {
            result
        };
        Ok((result, predicate, exprs))
    }

    /// `arg_max(t, *)`, `arg_min(t, a, x=b)`.
    fn arg_extreme(
        &self,
        ctx: &Context<'_>,
        call: &Call,
        keys: &[Output],
        span: Span,
    ) -> Result<Vec<(Vec<String>, AggregateCall)>> {
        let Some((first, rest)) = call.arguments.split_first() else {
            return Err(self.wrong_count(&call.name.text, 0, span));
        };
        let by = self.scalar(ctx, first)?;
        let max = matches!(&*call.name.text, "arg_max" | "argmax");
        let old = !call.name.text.contains('_');
        let stem = implied_name(first).unwrap_or_default();
        let by_name = if old {
            format!("{}_{stem}", if max { "max" } else { "min" })
        } else if stem.is_empty() {
            format!("{}_", if max { "max" } else { "min" })
        } else {
            stem.clone()
        };
        let mut parts = vec![(by_name, by)];
        for (at, arg) in (1..).zip(rest) {
            if matches!(arg.kind, ExprKind::Star) {
                let star = self.star_columns(ctx, keys, &[&stem]);
                parts.extend(star.into_iter().map(|(n, e)| {
                    if old {
                        (format!("{}_{stem}_{n}", if max { "max" } else { "min" }), e)
                    } else {
                        (n, e)
                    }
                }));
            } else {
                let expr = self.scalar(ctx, arg)?;
                let prefix = if max { "max" } else { "min" };
                let own = match implied_name(arg) {
                    Some(own) if old => format!("{prefix}_{stem}_{own}"),
                    Some(own) => own,
                    None => format!("{prefix}_{stem}_arg{at}"),
                };
                parts.push((own, expr));
            }
        }
        self.many(if max { "arg_max" } else { "arg_min" }, parts, span)
    }

    /// The columns that `*` stands for: all but the group keys and those named.
    fn star_columns(
        &self,
        ctx: &Context<'_>,
        keys: &[Output],
        but: &[&str],
    ) -> Vec<(String, Expr)> {
        ctx.fields
            .iter()
            .filter(|f| !but.contains(&&*f.name) && &*f.name != super::tabular::INGESTION_TIME)
            .filter(|f| !keys.iter().any(|k| matches!(k.expr, Expr::Column(id, _) if id == f.id)))
            .map(|f| (f.name.to_string(), Expr::Column(f.id, f.ty)))
            .collect()
    }

    /// One aggregate with one column per argument.
    fn many(
        &self,
        name: &str,
        parts: Vec<(String, Expr)>,
        span: Span,
    ) -> Result<Vec<(Vec<String>, AggregateCall)>> {
        let aggregate = aggregates::find(name).ok_or_else(|| {
            BindError::refused(span, format!("aggregate '{name}' is not supported by this version"))
        })?;
        let (names, args): (Vec<String>, Vec<Expr>) = parts.into_iter().unzip();
        let fields = args.iter().map(|a| self.field("", a.ty())).collect();
        Ok(vec![(names, AggregateCall { fields, aggregate, args, filter: None })])
    }

    /// `percentile(x, 95)`, `percentiles(x, 5, 50)`, weighted and array forms.
    fn percentiles(
        &self,
        ctx: &Context<'_>,
        call: &Call,
        span: Span,
    ) -> Result<Vec<(Vec<String>, AggregateCall)>> {
        let name = &*call.name.text;
        let weighted = matches!(name, "percentilew" | "percentilesw" | "percentilesw_array");
        let array = name.ends_with("_array");
        let leading = if weighted { 2 } else { 1 };
        if call.arguments.len() <= leading {
            return Err(self.wrong_count(name, call.arguments.len(), span));
        }
        let mut args = Vec::new();
        for (i, arg) in call.arguments[..leading].iter().enumerate() {
            let expr = self.scalar(ctx, arg)?;
            let ty = expr.ty();
            args.push(match (i, ty) {
                (1, _) => cast(expr, ScalarType::Long),
                (_, ScalarType::Dynamic) => cast(expr, ScalarType::Real),
                (_, t)
                    if t.is_numeric()
                        || matches!(t, ScalarType::DateTime | ScalarType::TimeSpan) =>
                {
                    expr
                }
                (_, t) => {
                    return Err(BindError::new(
                        "SEM0061",
                        arg.span,
                        format!(
                            "{name}(): the value must be a number, timespan or datetime, not {t}"
                        ),
                    ));
                }
            });
        }
        let mut percents = Vec::new();
        for arg in &call.arguments[leading..] {
            match self.constant(ctx, arg)?.0 {
                Value::Dynamic(d) => percents.extend(d.as_ref().array().filter_map(|p| p.to_f64())),
                other => percents.extend(other.as_f64()),
            }
        }
        let stem = implied_name(&call.arguments[0]).unwrap_or_default();
        let value_type = match args[0].ty() {
            ScalarType::Int => ScalarType::Long,
            ScalarType::Decimal => ScalarType::Real,
            other => other,
        };
        args[0] = cast(args[0].clone(), value_type);
        args.extend(percents.iter().map(|p| Expr::Literal(Value::Real(*p), ScalarType::Real)));
        let base = if weighted { "percentilesw" } else { "percentiles" };
        let (base, fields, names) = if array {
            let name = format!("percentiles_{stem}");
            (format!("{base}_array"), vec![self.field("", ScalarType::Dynamic)], vec![name])
        } else {
            let fields = percents.iter().map(|_| self.field("", value_type)).collect();
            let names = percents
                .iter()
                .map(|p| format!("percentile_{stem}_{}", percent_text(*p)))
                .collect();
            (base.to_owned(), fields, names)
        };
        let aggregate = aggregates::find(&base).ok_or_else(|| {
            BindError::refused(span, format!("aggregate '{name}' is not supported by this version"))
        })?;
        Ok(vec![(names, AggregateCall { fields, aggregate, args, filter: None })])
    }
}

/// `95`, `99.9` -> `99_9`.
fn percent_text(percent: f64) -> String {
    percent.to_string().replace('.', "_")
}

pub(super) fn is_aggregate(name: &str) -> bool {
    functions::aggregate_signatures(name).is_some()
}

fn same(fields: &[Field], outputs: &[Output]) -> bool {
    fields.len() == outputs.len()
        && fields.iter().zip(outputs).all(|(f, o)| {
            f.name == o.field.name
                && matches!(o.expr, Expr::Column(id, _) if id == f.id && id == o.field.id)
        })
}

/// True when the expression reads columns that are not of these aggregates.
pub(super) fn reads_others(expr: &Expr, calls: &[AggregateCall]) -> bool {
    let mut others = false;
    crate::plan::visit(expr, &mut |e| {
        if let Expr::Column(id, _) = e {
            others |= !calls.iter().any(|c| c.fields.iter().any(|f| f.id == *id));
        }
    });
    others
}

/// True for what reads a column.
pub(super) fn contains_column(expr: &Expr) -> bool {
    let mut found = false;
    crate::plan::visit(expr, &mut |e| found |= matches!(e, Expr::Column(..)));
    found
}
