//! Calls: special forms, functions of the query or the workspace, aggregates, and the registry with its overloads.

use std::sync::Arc;

use kql::Span;
use kql::syntax::{Call, Expr as Ast, ExprKind, Ident, Literal, TypeOf};
use values::{DateTime, ScalarType, TimeSpan, Value};

use super::env::Binding;
use super::error::{BindError, Result};
use super::statement::Bound;
use super::types::{cast, common, expect_bool, is_constant, not_constant, widest};
use super::{Binder, Context, fold};
use crate::functions::{self, Parameter, ParameterKind, ResultKind, Signature};
use crate::plan::{Expr, Window, WindowKind};

/// An argument: its text, its value, and the type named by a `typeof`.
pub(super) struct Argument<'a> {
    pub(super) ast: &'a Ast,
    pub(super) expr: Expr,
    pub(super) type_literal: Option<ScalarType>,
}

impl Binder<'_> {
    /// A call in a scalar expression.
    pub(super) fn function_call(&self, ctx: &Context<'_>, call: &Call, span: Span) -> Result<Expr> {
        let name = &*call.name.text;
        if let Some(binding) = ctx.env.get(name) {
            if let Binding::Function(declared) = binding {
                let declared = Arc::clone(declared);
                return self.scalar_result(
                    self.invoke(ctx, &declared, &call.arguments, span)?,
                    &call.name,
                );
            }
            if let Binding::Failed(error) = binding {
                return Err((**error).clone());
            }
        }
        if let Some(expr) = self.special_form(ctx, call, span)? {
            return Ok(expr);
        }
        if let Some(aggregates) = ctx.aggregates
            && (crate::aggregates::find(name).is_some()
                || functions::aggregate_signatures(name).is_some())
        {
            return self.nested_aggregate(ctx, aggregates, call, span);
        }
        if functions::find(name).is_some() || functions::signatures(name).is_some() {
            let args = self.arguments(ctx, &call.arguments)?;
            return self.overloaded(ctx, name, args, span);
        }
        if let Some(declared) = self.saved_function(name, span)? {
            return self
                .scalar_result(self.invoke(ctx, &declared, &call.arguments, span)?, &call.name);
        }
        if functions::aggregate_signatures(name).is_some() {
            return Err(BindError::new(
                "SEM0101",
                call.name.span,
                format!(
                    "'{}' operator: the aggregate function '{name}' is not allowed in this context; use it in summarize, make-series or top-nested",
                    ctx.operator
                ),
            ));
        }
        Err(self.unknown_function(ctx, &call.name))
    }

    /// No function has this name.
    pub(super) fn unknown_function(&self, ctx: &Context<'_>, name: &Ident) -> BindError {
        let mut known: Vec<&str> = Vec::new();
        known.extend(
            ctx.env.iter().filter(|(_, b)| matches!(b, Binding::Function(_))).map(|(n, _)| n),
        );
        for name in functions::names().chain(functions::aggregate_names()) {
            known.push(name);
        }
        let hint = kql::suggest(&name.text, known)
            .map_or_else(String::new, |near| format!(" (did you mean '{near}'?)"));
        BindError::new("SEM0260", name.span, format!("Unknown function: '{}'{hint}", name.text))
    }

    fn scalar_result(&self, bound: Bound, name: &Ident) -> Result<Expr> {
        match bound {
            Bound::Scalar(expr) => Ok(expr),
            Bound::Table(_) | Bound::Graph(_) => Err(BindError::new(
                "SEM0079",
                name.span,
                format!(
                    "'{}' gives a table, but a scalar value is expected here; use toscalar()",
                    name.text
                ),
            )),
        }
    }

    /// Arguments in order; named ones keep their value.
    pub(super) fn arguments<'a>(
        &self,
        ctx: &Context<'_>,
        asts: &'a [Ast],
    ) -> Result<Vec<Argument<'a>>> {
        asts.iter()
            .map(|ast| {
                let inner = match &ast.kind {
                    ExprKind::Named { value, .. } => value,
                    _ => ast,
                };
                if let ExprKind::TypeOf(TypeOf::Scalar(ty)) = &inner.kind {
                    let null = Expr::Literal(Value::Null, ScalarType::String);
                    return Ok(Argument { ast, expr: null, type_literal: ty.scalar });
                }
                Ok(Argument { ast, expr: self.scalar(ctx, inner)?, type_literal: None })
            })
            .collect()
    }

    /// Forms that see more than their arguments' values.
    fn special_form(&self, ctx: &Context<'_>, call: &Call, span: Span) -> Result<Option<Expr>> {
        let args = &call.arguments;
        let name = &*call.name.text;
        if let Some(expr) = self.graph_function(ctx, call, span)? {
            return Ok(Some(expr));
        }
        Ok(Some(match (name, args.len()) {
            ("iff" | "iif", 3) | ("case", 3..) => self.conditional(ctx, args, name, span)?,
            ("not", 1) => {
                let inner = self.scalar(ctx, &args[0])?;
                fold::not(expect_bool(inner, "not", args[0].span)?)
            }
            ("now", 0) => self.now(0),
            ("now" | "ago", 1) => {
                let by = cast(self.scalar(ctx, &args[0])?, ScalarType::TimeSpan);
                self.arithmetic(if name == "ago" { "-" } else { "+" }, self.now(0), by, span)?
            }
            ("column_names_of", 1) => {
                let rows = self.tabular(ctx.env, &args[0])?;
                let names = values::Dynamic::strings(rows.plan.fields.iter().map(|f| &*f.name));
                Expr::Literal(Value::Dynamic(names), ScalarType::Dynamic)
            }
            ("ingestion_time", 0) => self.ingestion_time(ctx, span)?,
            ("iscolumnexists", 1) => {
                let (name, _) = self.constant(ctx, &args[0])?;
                let found = name.as_str().and_then(|name| super::scalar::find(ctx.fields, name));
                Expr::Literal(Value::Bool(found.is_some()), ScalarType::Bool)
            }
            ("bin_auto", 1) => self.bin_auto(self.scalar(ctx, &args[0])?, span)?,
            ("column_ifexists" | "columnifexists", 2) => self.column_if_exists(ctx, args)?,
            ("pack_all", 0 | 1) => self.pack_all(ctx, args, span)?,
            ("bag_pack_columns", 1..) => self.pack_columns(ctx, args, span)?,
            ("pack_array", 1) if matches!(args[0].kind, ExprKind::Star) => {
                let all = ctx.fields.iter().map(|f| Expr::Column(f.id, f.ty)).collect();
                self.registered("pack_array", all, ScalarType::Dynamic, span)?
            }
            ("estimate_data_size", 1) if matches!(args[0].kind, ExprKind::Star) => {
                let all = ctx.fields.iter().map(|f| Expr::Column(f.id, f.ty)).collect();
                self.registered("estimate_data_size", all, ScalarType::Long, span)?
            }
            ("prev" | "next", 1..=3) => self.neighbour(ctx, call, span)?,
            (
                "row_number" | "row_cumsum" | "row_rank_dense" | "row_rank_min" | "row_rank"
                | "row_window_session",
                _,
            ) => self.window(ctx, call, span)?,
            ("current_database", 0) => text("default"),
            ("current_principal", 0) => text(
                &self.settings.principal.map(model::Principal::qualified_name).unwrap_or_default(),
            ),
            ("current_principal_details", 0) => self.principal_details(),
            ("current_principal_is_member_of", 1..) => self.is_member(ctx, args)?,
            ("current_cluster_endpoint", 0) => {
                return Err(BindError::refused(
                    span,
                    "current_cluster_endpoint() is not available: queries do not see at which address they were asked",
                ));
            }
            (
                "extent_id"
                | "extent_tags"
                | "cursor_after"
                | "cursor_before_or_at"
                | "cursor_current"
                | "current_cursor",
                _,
            ) => {
                return Err(BindError::refused(
                    span,
                    format!(
                        "{name}() is not supported: this store has segments, not extents or cursors; use ingestion_time()"
                    ),
                ));
            }
            _ => match (conversion(name), args.len()) {
                (Some(ty), 1) => cast(self.scalar(ctx, &args[0])?, ty),
                _ => return Ok(None),
            },
        }))
    }

    /// Who asks, as a bag; null where nobody is known.
    fn principal_details(&self) -> Expr {
        let Some(principal) = self.settings.principal else {
            return Expr::Literal(Value::Null, ScalarType::Dynamic);
        };
        let mut builder = values::dynamic::DynamicBuilder::new();
        builder.begin_object();
        for (key, value) in [
            ("Type", "AadApplication"),
            ("Authority", &principal.tenant_id),
            ("DisplayName", &principal.display_name),
            ("ObjectId", &principal.object_id),
            ("FQN", &principal.qualified_name()),
        ] {
            builder.key(key);
            builder.string(value);
        }
        builder.end_object();
        Expr::Literal(Value::Dynamic(builder.finish()), ScalarType::Dynamic)
    }

    /// `current_principal_is_member_of("aadapp=...", ...)`, also over an array.
    fn is_member(&self, ctx: &Context<'_>, args: &[Ast]) -> Result<Expr> {
        let mut member = false;
        for arg in args {
            let (value, _) = self.constant(ctx, arg)?;
            let names: Vec<String> = match &value {
                Value::Dynamic(d) if d.as_ref().kind() == values::dynamic::Kind::Array => {
                    d.as_ref().array().filter_map(|e| e.as_str().map(str::to_owned)).collect()
                }
                other => vec![other.to_string()],
            };
            let named = |p: &model::Principal| names.iter().any(|name| p.is_named(name));
            member |= self.settings.principal.is_some_and(named);
        }
        Ok(Expr::Literal(Value::Bool(member), ScalarType::Bool))
    }

    /// The statement's time, or the one that `set query_now` gives, shifted by ticks.
    fn now(&self, by: i64) -> Expr {
        let now = match self.option("query_now").map(|v| v.cast(ScalarType::DateTime)) {
            Some(Value::DateTime(at)) => at,
            _ => self.context.now,
        };
        let at = now.checked_add(TimeSpan::from_ticks(by)).unwrap_or(now);
        Expr::Literal(Value::DateTime(at), ScalarType::DateTime)
    }

    /// Bins as large, and lying as, the request's options say.
    fn bin_auto(&self, value: Expr, span: Span) -> Result<Expr> {
        let Some(size) = self.option("query_bin_auto_size") else {
            let told =
                "bin_auto(): put the size of a bin before the query: set query_bin_auto_size=1h;";
            return Err(BindError::new("SEM0001", span, told));
        };
        let ty = value.ty();
        let at = match (self.option("query_bin_auto_at"), ty) {
            (Some(at), _) => at.cast(ty),
            (None, ScalarType::DateTime) => Value::DateTime(DateTime::MIN),
            (None, ScalarType::TimeSpan) => Value::TimeSpan(TimeSpan::ZERO),
            (None, _) => Value::Long(0).cast(ty),
        };
        let unit = if ty == ScalarType::DateTime { ScalarType::TimeSpan } else { ty };
        let args = vec![value, Expr::Literal(size.cast(unit), unit), Expr::Literal(at, ty)];
        self.registered("bin_at", args, ty, span)
    }

    fn conditional(&self, ctx: &Context<'_>, args: &[Ast], name: &str, span: Span) -> Result<Expr> {
        let (pairs, otherwise) = args.split_at(args.len() - 1);
        if pairs.len() % 2 != 0 {
            return Err(BindError::new(
                "SEM0219",
                span,
                format!(
                    "{name}(): conditions and results come in pairs, followed by one default: an odd number of arguments"
                ),
            ));
        }
        let mut branches = Vec::with_capacity(pairs.len() / 2);
        for pair in pairs.chunks_exact(2) {
            let condition = expect_bool(self.scalar(ctx, &pair[0])?, name, pair[0].span)?;
            branches.push((condition, self.scalar(ctx, &pair[1])?));
        }
        let Some(last) = otherwise.first() else {
            return Err(self.wrong_count(name, args.len(), span));
        };
        let otherwise = self.scalar(ctx, last)?;
        let types: Vec<ScalarType> =
            branches.iter().map(|(_, r)| r.ty()).chain([otherwise.ty()]).collect();
        let ty = common(&types, true);
        let branches = branches.into_iter().map(|(c, r)| (c, cast(r, ty))).collect();
        Ok(fold::case(branches, cast(otherwise, ty), ty))
    }

    fn column_if_exists(&self, ctx: &Context<'_>, args: &[Ast]) -> Result<Expr> {
        let (wanted, _) = self.constant(ctx, &args[0])?;
        let found = wanted.as_str().and_then(|name| super::scalar::find(ctx.fields, name));
        // the official binder gives the default's type to both; a flag stays one, so that it can be a condition
        let default = self.scalar(ctx, &args[1])?;
        Ok(match found {
            Some(field) if field.ty == ScalarType::Bool => Expr::Column(field.id, field.ty),
            Some(field) => cast(Expr::Column(field.id, field.ty), default.ty()),
            None => default,
        })
    }

    fn pack_all(&self, ctx: &Context<'_>, args: &[Ast], span: Span) -> Result<Expr> {
        let mut packed = Vec::with_capacity(ctx.fields.len() * 2 + 1);
        for field in ctx.fields {
            packed.push(text(&field.name));
            packed.push(Expr::Column(field.id, field.ty));
        }
        let ignore_empty = match args.first() {
            Some(arg) => matches!(self.constant(ctx, arg)?.0, Value::Bool(true)),
            None => false,
        };
        let function = if ignore_empty { "pack_nonempty" } else { "bag_pack" };
        self.registered(function, packed, ScalarType::Dynamic, span)
    }

    fn pack_columns(&self, ctx: &Context<'_>, args: &[Ast], span: Span) -> Result<Expr> {
        let mut packed = Vec::with_capacity(args.len() * 2);
        for arg in args {
            let name = super::naming::implied_name(arg).unwrap_or_default();
            packed.push(text(&name));
            packed.push(self.scalar(ctx, arg)?);
        }
        self.registered("bag_pack", packed, ScalarType::Dynamic, span)
    }

    fn neighbour(&self, ctx: &Context<'_>, call: &Call, span: Span) -> Result<Expr> {
        self.expect_ordered(ctx, &call.name)?;
        let mut args = Vec::with_capacity(3);
        for arg in &call.arguments {
            args.push(self.scalar(ctx, arg)?);
        }
        let ty = args.first().map_or(ScalarType::Dynamic, Expr::ty);
        if let Some(offset) = args.get_mut(1) {
            *offset = cast(offset.clone(), ScalarType::Long);
        }
        if let Some(default) = args.get_mut(2) {
            *default = cast(default.clone(), ty);
        }
        let kind = if &*call.name.text == "prev" { WindowKind::Prev } else { WindowKind::Next };
        let _ = span;
        Ok(Expr::Window(Box::new(Window { kind, args, ty })))
    }

    fn window(&self, ctx: &Context<'_>, call: &Call, span: Span) -> Result<Expr> {
        self.expect_ordered(ctx, &call.name)?;
        let args = self.arguments(ctx, &call.arguments)?;
        let first = args.first().map_or(ScalarType::Long, |a| a.expr.ty());
        let (kind, ty) = match &*call.name.text {
            "row_number" => (WindowKind::RowNumber, ScalarType::Long),
            "row_cumsum" => (WindowKind::RowCumSum, first),
            "row_rank_min" => (WindowKind::RowRankMin, ScalarType::Long),
            "row_window_session" => (WindowKind::RowWindowSession, ScalarType::DateTime),
            _ => (WindowKind::RowRankDense, ScalarType::Long),
        };
        let least = usize::from(kind != WindowKind::RowNumber)
            + if kind == WindowKind::RowWindowSession { 2 } else { 0 };
        if args.len() < least || args.len() > least + 2 {
            return Err(self.wrong_count(&call.name.text, args.len(), span));
        }
        if let (WindowKind::RowNumber, Some(start)) = (kind, args.first())
            && !is_constant(&start.expr)
        {
            return Err(not_constant("row_number", "start", start.ast.span));
        }
        let args = args
            .into_iter()
            .enumerate()
            .map(|(i, a)| match (kind, i) {
                (WindowKind::RowNumber | WindowKind::RowCumSum, 0) => cast(a.expr, ty),
                _ => a.expr,
            })
            .collect();
        Ok(Expr::Window(Box::new(Window { kind, args, ty })))
    }

    fn expect_ordered(&self, ctx: &Context<'_>, name: &Ident) -> Result<()> {
        if ctx.windows || self.settings.run.is_none() {
            return Ok(());
        }
        Err(BindError::new(
            "SEM0069",
            name.span,
            format!(
                "Function '{}' cannot be invoked in current context: the row set must be serialized; add '| serialize' or '| sort by ...' before it",
                name.text
            ),
        ))
    }

    /// A registered function, its overload chosen by the arguments' types.
    pub(super) fn overloaded(
        &self,
        ctx: &Context<'_>,
        name: &str,
        args: Vec<Argument<'_>>,
        span: Span,
    ) -> Result<Expr> {
        let Some(known) = functions::signatures(name) else {
            let ty = ScalarType::Dynamic;
            return self.registered(name, args.into_iter().map(|a| a.expr).collect(), ty, span);
        };
        let Some((signature, slots)) = choose(&known.overloads, &args) else {
            return Err(self.no_overload(name, &known.overloads, &args, span));
        };
        let result = self.result_type(name, signature, &args, &slots);
        if signature.result == ResultKind::Common && result == ScalarType::Dynamic {
            expect_common(name, &args, span)?;
        }
        let type_literal = args.iter().any(|a| a.type_literal.is_some());
        let (exprs, asts): (Vec<Expr>, Vec<&Ast>) =
            args.into_iter().filter(|a| a.type_literal.is_none()).map(|a| (a.expr, a.ast)).unzip();
        let exprs = convert(signature, &slots, exprs);
        let _ = (asts, ctx);
        if type_literal {
            // the conversion named by typeof() is a step of its own behind the text that the function finds
            let found = self.registered(name, exprs, inner_type(name), span)?;
            return Ok(cast(found, result));
        }
        let name = known
            .replaced_by
            .as_deref()
            .filter(|new| functions::find(name).is_none() && functions::find(new).is_some())
            .unwrap_or(name);
        self.registered(name, exprs, result, span)
    }

    fn result_type(
        &self,
        name: &str,
        signature: &Signature,
        args: &[Argument<'_>],
        slots: &[usize],
    ) -> ScalarType {
        let ty = |i: usize| args.get(i).map_or(ScalarType::Dynamic, |a| a.expr.ty());
        match &signature.result {
            ResultKind::Fixed(ty) => *ty,
            ResultKind::Argument(i) => ty(*i),
            ResultKind::Promoted(i) => match ty(*i) {
                ScalarType::Int => ScalarType::Long,
                other => other,
            },
            ResultKind::Widest => numeric_widest(signature, args, slots),
            ResultKind::Common | ResultKind::CommonNonDynamic => {
                let types: Vec<ScalarType> = slots
                    .iter()
                    .zip(args)
                    .filter(|(s, _)| is_common(&signature.parameters[**s].kind))
                    .map(|(_, a)| a.expr.ty())
                    .collect();
                common(&types, signature.result == ResultKind::CommonNonDynamic)
            }
            ResultKind::TypeLiteral => {
                args.iter().find_map(|a| a.type_literal).unwrap_or(ScalarType::String)
            }
            ResultKind::Custom(_) => match name {
                "bin_auto" => ty(0),
                _ => ScalarType::Dynamic,
            },
        }
    }

    pub(super) fn no_overload(
        &self,
        name: &str,
        overloads: &[Signature],
        args: &[Argument<'_>],
        span: Span,
    ) -> BindError {
        let counts = overloads.iter().map(|s| {
            let least: usize = s.parameters.iter().map(|p| p.min).sum();
            let most = s.parameters.iter().map(|p| p.max).fold(0_usize, usize::saturating_add);
            (least, most)
        });
        let least = counts.clone().map(|c| c.0).min().unwrap_or(0);
        let most = counts.map(|c| c.1).max().unwrap_or(0);
        if args.len() < least || args.len() > most {
            let wanted = match (least, most) {
                (l, m) if l == m => format!("{l} argument(s)"),
                (l, usize::MAX) => format!("at least {l} argument(s)"),
                (l, m) => format!("{l} to {m} argument(s)"),
            };
            return BindError::new(
                "SEM0219",
                span,
                format!("{name}(): function expects {wanted}, {} given", args.len()),
            );
        }
        for signature in overloads {
            if let Err(Some((at, parameter))) = assign(signature, args) {
                return BindError::new(
                    "SEM0061",
                    args[at].ast.span,
                    format!(
                        "{name}(): argument #{} ({}) must be {}, not {}; try an explicit cast",
                        at + 1,
                        parameter.name,
                        describe(&parameter.kind),
                        args[at].expr.ty()
                    ),
                );
            }
        }
        BindError::new(
            "SEM0061",
            span,
            format!("{name}(): no form of the function takes these arguments"),
        )
    }

    pub(super) fn wrong_count(&self, name: &str, given: usize, span: Span) -> BindError {
        BindError::new(
            "SEM0219",
            span,
            format!("{name}(): wrong number of arguments ({given} given)"),
        )
    }
}

/// The type that a `to...` function converts to.
fn conversion(name: &str) -> Option<ScalarType> {
    Some(match name {
        "tostring" => ScalarType::String,
        "tolong" => ScalarType::Long,
        "toint" => ScalarType::Int,
        "todouble" | "toreal" => ScalarType::Real,
        "todecimal" => ScalarType::Decimal,
        "tobool" | "toboolean" => ScalarType::Bool,
        "todatetime" => ScalarType::DateTime,
        "totimespan" | "totime" => ScalarType::TimeSpan,
        "toguid" => ScalarType::Guid,
        _ => return None,
    })
}

/// What a function with a `typeof` argument gives before the conversion.
fn inner_type(name: &str) -> ScalarType {
    match name {
        "extract" | "extractjson" | "extract_json" => ScalarType::String,
        _ => ScalarType::Dynamic,
    }
}

/// A text constant.
pub(super) fn text(value: &str) -> Expr {
    Expr::Literal(Value::string(value), ScalarType::String)
}

/// No parameter of the function has this name. (In calls of built-in functions a name is free: it names the column.)
pub(super) fn unknown_argument<'n>(
    function: &str,
    name: &Ident,
    known: impl IntoIterator<Item = &'n str>,
) -> BindError {
    let known: Vec<&str> = known.into_iter().collect();
    let told = match kql::suggest(&name.text, known.iter().copied()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => format!("there are: {}", known.join(", ")),
    };
    let text = format!("{function}(): there is no argument named '{}'; {told}", name.text);
    BindError::new("SEM0219", name.span, text)
}

/// Refuses arguments that are to be of one type and have none in common.
fn expect_common(name: &str, args: &[Argument<'_>], span: Span) -> Result<()> {
    let types: Vec<ScalarType> = args.iter().map(|a| a.expr.ty()).collect();
    let odd = types.iter().find(|t| common(&[types[0], **t], true) == ScalarType::Dynamic);
    match (types.contains(&ScalarType::Dynamic), types.first(), odd) {
        (false, Some(first), Some(odd)) => Err(BindError::new(
            "SEM0061",
            span,
            format!(
                "{name}(): the arguments must be of one type, not {first} and {odd}; try an explicit cast"
            ),
        )),
        _ => Ok(()),
    }
}

fn is_common(kind: &ParameterKind) -> bool {
    matches!(kind, ParameterKind::Common | ParameterKind::CommonOrDynamic)
}

/// The overload that takes the arguments with the fewest conversions, and the parameter of each argument.
pub(super) fn choose<'s>(
    overloads: &'s [Signature],
    args: &[Argument<'_>],
) -> Option<(&'s Signature, Vec<usize>)> {
    overloads
        .iter()
        .filter_map(|s| assign(s, args).ok().map(|(cost, slots)| (cost, s, slots)))
        .min_by_key(|(cost, ..)| *cost)
        .map(|(_, s, slots)| (s, slots))
}

/// Gives each argument its parameter; the cost counts conversions. On failure: which argument does not fit.
fn assign<'s>(
    signature: &'s Signature,
    args: &[Argument<'_>],
) -> Result<(usize, Vec<usize>), Option<(usize, &'s Parameter)>> {
    let parameters = &signature.parameters;
    let first_repeat = parameters.iter().position(|p| p.max > 1);
    let mut slots = Vec::with_capacity(args.len());
    match first_repeat {
        None => {
            let least: usize = parameters.iter().map(|p| p.min).sum();
            if args.len() < least || args.len() > parameters.len() {
                return Err(None);
            }
            slots.extend(0..args.len());
        }
        Some(start) => {
            let group = parameters[start..].iter().take_while(|p| p.max > 1).count();
            let suffix = parameters.len() - start - group;
            let least: usize = parameters.iter().map(|p| p.min).sum();
            let most = parameters.iter().map(|p| p.max).fold(0_usize, usize::saturating_add);
            if args.len() < least || args.len() > most || args.len() < start + suffix {
                return Err(None);
            }
            let repeated = args.len() - start - suffix;
            if !repeated.is_multiple_of(group) {
                return Err(None);
            }
            slots.extend(0..start);
            slots.extend((0..repeated).map(|i| start + i % group));
            slots.extend(start + group..parameters.len());
        }
    }
    // named arguments find their parameter by name
    for (i, arg) in args.iter().enumerate() {
        if let ExprKind::Named { name, .. } = &arg.ast.kind
            && let Some(at) =
                parameters.iter().position(|p| p.name.eq_ignore_ascii_case(&name.text))
        {
            slots[i] = at;
        }
    }
    let mut cost = 0;
    for (i, (slot, arg)) in slots.iter().zip(args).enumerate() {
        match fit(&parameters[*slot].kind, arg) {
            Some(c) => cost += c,
            None => return Err(Some((i, &parameters[*slot]))),
        }
    }
    Ok((cost, slots))
}

/// The cost of giving an argument to a parameter; none where it does not fit.
fn fit(kind: &ParameterKind, arg: &Argument<'_>) -> Option<usize> {
    use ScalarType as T;
    let ty = arg.expr.ty();
    if arg.type_literal.is_some() {
        return (*kind == ParameterKind::TypeLiteral).then_some(0);
    }
    let null = matches!(&arg.expr, Expr::Literal(Value::Null, T::Dynamic));
    let ok = |fits: bool| {
        if fits {
            Some(0)
        } else if null {
            Some(3)
        } else {
            None
        }
    };
    match kind {
        ParameterKind::TypeLiteral => {
            // the old form: a type name in a text
            matches!(&arg.ast.kind, ExprKind::Literal(Literal::String(s)) if ScalarType::from_name(&s.value).is_some())
                .then_some(1)
        }
        ParameterKind::Types(types) if types.contains(&ty) => Some(0),
        ParameterKind::Types(types) => {
            let converts = types.iter().any(|t| {
                matches!(
                    (ty, *t),
                    (T::Int, T::Long | T::Real | T::Decimal)
                        | (T::Long, T::Int | T::Real | T::Decimal)
                        | (T::Real, T::Decimal)
                        | (T::Decimal, T::Real)
                        | (T::Bool, T::Long)
                )
            });
            if converts {
                Some(1)
            } else if ty == T::Dynamic {
                Some(5)
            } else {
                None
            }
        }
        ParameterKind::Scalar | ParameterKind::Common | ParameterKind::CommonOrDynamic => Some(0),
        ParameterKind::Number => {
            if ty == T::Dynamic {
                Some(5)
            } else {
                ok(ty.is_numeric())
            }
        }
        ParameterKind::NumberOrBool => {
            if ty == T::Dynamic {
                Some(5)
            } else {
                ok(ty.is_numeric() || ty == T::Bool)
            }
        }
        ParameterKind::Integer => match ty {
            T::Int | T::Long => Some(0),
            T::Dynamic => Some(5),
            _ => None,
        },
        ParameterKind::IntegerOrArray => ok(matches!(ty, T::Int | T::Long | T::Dynamic)),
        ParameterKind::Summable => {
            if ty == T::Dynamic {
                Some(5)
            } else {
                ok(ty.is_numeric() || matches!(ty, T::TimeSpan | T::DateTime))
            }
        }
        ParameterKind::Orderable | ParameterKind::NotDynamic => ok(ty != T::Dynamic),
        ParameterKind::NotRealOrBool => ok(!matches!(ty, T::Real | T::Bool)),
        ParameterKind::DynamicArray | ParameterKind::DynamicBag => ok(ty == T::Dynamic),
        ParameterKind::StringOrDynamic | ParameterKind::StringOrArray => {
            ok(matches!(ty, T::String | T::Dynamic))
        }
        ParameterKind::Tabular => None,
    }
}

/// The arguments as the parameters take them.
pub(super) fn convert(signature: &Signature, slots: &[usize], exprs: Vec<Expr>) -> Vec<Expr> {
    let wide = signature.result == ResultKind::Widest;
    let common_type = {
        let types: Vec<ScalarType> = slots
            .iter()
            .zip(&exprs)
            .filter(|(s, _)| is_common(&signature.parameters[**s].kind))
            .map(|(_, e)| e.ty())
            .collect();
        common(&types, signature.result == ResultKind::CommonNonDynamic)
    };
    let widest_type = exprs.iter().map(Expr::ty).filter(|t| t.is_numeric()).reduce(widest);
    slots
        .iter()
        .zip(exprs)
        .map(|(slot, expr)| {
            let ty = expr.ty();
            match &signature.parameters[*slot].kind {
                ParameterKind::Types(types) if types.contains(&ty) => expr,
                ParameterKind::Types(types) => match types.first() {
                    Some(first) => cast(expr, *first),
                    None => expr,
                },
                ParameterKind::Number if wide => match widest_type {
                    Some(to) => cast(expr, to),
                    None => cast(expr, ScalarType::Real),
                },
                ParameterKind::Number | ParameterKind::NumberOrBool | ParameterKind::Summable
                    if ty == ScalarType::Dynamic =>
                {
                    cast(expr, ScalarType::Real)
                }
                ParameterKind::Integer => cast(expr, ScalarType::Long),
                kind if is_common(kind) => cast(expr, common_type),
                _ => expr,
            }
        })
        .collect()
}

fn numeric_widest(signature: &Signature, args: &[Argument<'_>], slots: &[usize]) -> ScalarType {
    slots
        .iter()
        .zip(args)
        .filter(|(s, _)| signature.parameters[**s].kind == ParameterKind::Number)
        .map(
            |(_, a)| {
                if a.expr.ty() == ScalarType::Dynamic { ScalarType::Real } else { a.expr.ty() }
            },
        )
        .map(|t| if t == ScalarType::Int { ScalarType::Long } else { t })
        .reduce(widest)
        .unwrap_or(ScalarType::Real)
}

fn describe(kind: &ParameterKind) -> String {
    match kind {
        ParameterKind::Types(types) => {
            types.iter().map(|t| t.name()).collect::<Vec<_>>().join(" or ")
        }
        ParameterKind::TypeLiteral => "a typeof() literal".to_owned(),
        ParameterKind::Number => "a number".to_owned(),
        ParameterKind::NumberOrBool => "a number or bool".to_owned(),
        ParameterKind::Integer => "an integer".to_owned(),
        ParameterKind::IntegerOrArray => "an integer or an array".to_owned(),
        ParameterKind::Summable => "a number, timespan or datetime".to_owned(),
        ParameterKind::Orderable => "a number, timespan, datetime, string or bool".to_owned(),
        ParameterKind::NotDynamic => "a value that is not dynamic".to_owned(),
        ParameterKind::NotRealOrBool => "neither real nor bool".to_owned(),
        ParameterKind::DynamicArray => "a dynamic array".to_owned(),
        ParameterKind::DynamicBag => "a dynamic property bag".to_owned(),
        ParameterKind::StringOrDynamic => "string or dynamic".to_owned(),
        ParameterKind::StringOrArray => "string or a dynamic array".to_owned(),
        ParameterKind::Tabular => "a table".to_owned(),
        ParameterKind::Scalar | ParameterKind::Common | ParameterKind::CommonOrDynamic => {
            "a scalar value".to_owned()
        }
    }
}
