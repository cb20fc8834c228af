//! Scalar expressions: literals, names, paths, operators, sets.

use std::sync::Arc;

use kql::Span;
use kql::syntax::{
    BinaryOperator, Expr as Ast, ExprKind, Ident, Json, Literal, Selector, SubqueryFunction,
    UnaryOperator,
};
use values::dynamic::DynamicBuilder;
use values::{Decimal, Dynamic, ScalarType, Value};

use super::env::Binding;
use super::error::{BindError, Result};
use super::statement::Bound;
use super::summarize::contains_column;
use super::types::{arithmetic, cast, comparable, expect_bool, is_constant, widest};
use super::{Binder, Context, fold};
use crate::functions;
use crate::plan::{Expr, Field, Matching, Set, Step};

impl Binder<'_> {
    /// A scalar expression.
    pub(super) fn scalar(&self, ctx: &Context<'_>, ast: &Ast) -> Result<Expr> {
        self.nested(ast.span, || self.scalar_here(ctx, ast))
    }

    fn scalar_here(&self, ctx: &Context<'_>, ast: &Ast) -> Result<Expr> {
        match &ast.kind {
            ExprKind::Literal(literal) => Ok(self.literal(literal)),
            ExprKind::Name(name) => self.name(ctx, name),
            ExprKind::Parenthesised(inner) => self.scalar(ctx, inner),
            ExprKind::Named { value, .. } | ExprKind::NamedTuple { value, .. } => {
                self.scalar(ctx, value)
            }
            ExprKind::Path { base, selector } => self.path(ctx, base, selector, ast.span),
            ExprKind::Index { base, index } => {
                let step = self.index_step(ctx, index)?;
                let base = self.dynamic_base(ctx, base)?;
                Ok(path(base, step))
            }
            ExprKind::Unary { operator, operand } => self.unary(ctx, *operator, operand),
            ExprKind::Binary { operator, operator_span, left, right }
                if matches!(left.kind, ExprKind::Star) =>
            {
                self.star_operator(ctx, *operator, right, *operator_span)
            }
            ExprKind::Binary { operator, operator_span, left, right } => {
                self.binary(ctx, *operator, *operator_span, left, right)
            }
            ExprKind::Call(call) => self.function_call(ctx, call, ast.span),
            ExprKind::Subquery(subquery) => match subquery.function {
                SubqueryFunction::ToScalar => self.to_scalar(ctx, &subquery.query, ast.span),
                other => Err(BindError::new(
                    "SEM0079",
                    ast.span,
                    format!(
                        "'{}' gives a table, but a scalar value is expected here; use toscalar()",
                        other.text()
                    ),
                )),
            },
            ExprKind::TypeOf(_) => Err(expected_scalar(ast.span, "a type")),
            ExprKind::Star | ExprKind::Wildcard(_) => {
                Err(BindError::new("SEM0100", ast.span, "'*' cannot be used in this context"))
            }
            ExprKind::Pipe { .. }
            | ExprKind::DataTable(_)
            | ExprKind::ExternalData(_)
            | ExprKind::InlineExternalTable(_) => Err(expected_scalar(ast.span, "a table")),
            ExprKind::List(_)
            | ExprKind::Range { .. }
            | ExprKind::EntityGroup(_)
            | ExprKind::Missing => Err(expected_scalar(ast.span, "something else")),
        }
    }

    /// A boolean expression.
    pub(super) fn predicate(&self, ctx: &Context<'_>, ast: &Ast) -> Result<Expr> {
        let expr = self.scalar(ctx, ast)?;
        expect_bool(expr, ctx.operator, ast.span)
    }

    /// An expression that must be known while binding.
    pub(super) fn constant(&self, ctx: &Context<'_>, ast: &Ast) -> Result<(Value, ScalarType)> {
        let expr = self.scalar(&Context { fields: &[], right: None, open: false, ..*ctx }, ast)?;
        match expr {
            Expr::Literal(value, ty) => Ok((value, ty)),
            other => {
                let ty = other.ty();
                let plan = self.print_plan(vec![(Arc::from("value"), other)]);
                match self.run_now(&plan, ast.span)? {
                    Some(rows) => Ok((rows.get(0, "value").unwrap_or(Value::Null), ty)),
                    None => Ok((Value::Null, ty)),
                }
            }
        }
    }

    /// A literal of the text.
    pub(super) fn literal(&self, literal: &Literal) -> Expr {
        let ty = literal.scalar_type();
        Expr::Literal(literal_value(literal), ty)
    }

    fn name(&self, ctx: &Context<'_>, name: &Ident) -> Result<Expr> {
        if let Some(field) = find(ctx.fields, &name.text) {
            return Ok(Expr::Column(field.id, field.ty));
        }
        if let Some(field) = ctx.right.and_then(|r| find(r, &name.text)) {
            return Ok(Expr::Column(field.id, field.ty));
        }
        if let Some(element) = self.graph_element(ctx, name) {
            return element;
        }
        match ctx.env.get(&name.text) {
            Some(Binding::Scalar(expr)) if of_other_rows(ctx, expr) => {
                return Err(BindError::new(
                    "SEM0079",
                    name.span,
                    format!(
                        "'{}' changes from row to row, and a table expression inside of a function cannot depend on the row that the function is called for; use join or lookup",
                        name.text
                    ),
                ));
            }
            Some(Binding::Scalar(expr)) => return Ok(expr.clone()),
            Some(Binding::Failed(error)) => return Err((**error).clone()),
            Some(Binding::Restriction(_)) | None => {}
            Some(Binding::Function(declared)) if declared.parameters.is_empty() => {
                // a function without parameters is called by its name alone
                let declared = Arc::clone(declared);
                return match self.invoke(ctx, &declared, &[], name.span)? {
                    Bound::Scalar(expr) => Ok(expr),
                    Bound::Table(_) | Bound::Graph(_) => {
                        Err(expected_scalar(name.span, "a table or function"))
                    }
                };
            }
            Some(_) => {
                return Err(expected_scalar(name.span, "a table or function"));
            }
        }
        if ctx.open {
            return Ok(self.unknown_column(&name.text));
        }
        let scalars =
            ctx.env.iter().filter(|(_, b)| matches!(b, Binding::Scalar(_))).map(|(n, _)| n);
        let known = ctx.fields.iter().map(|f| &*f.name).chain(scalars);
        Err(BindError::unresolved(
            "column or scalar expression",
            ctx.operator,
            &name.text,
            name.span,
            known,
        ))
    }

    fn path(&self, ctx: &Context<'_>, base: &Ast, selector: &Selector, span: Span) -> Result<Expr> {
        let name = match selector {
            Selector::Name(name) => name,
            Selector::Wildcard(_) | Selector::Call(_) => {
                return Err(BindError::new(
                    "SEM0100",
                    span,
                    "a property name is expected after '.'",
                ));
            }
        };
        if let ExprKind::Name(side) = &base.kind {
            let fields = match &*side.text {
                "$left" => Some(ctx.fields),
                "$right" => ctx.right,
                _ => None,
            };
            if let Some(Binding::Scalar(value)) =
                name.text.starts_with('$').then(|| ctx.env.get(&format!("{side}.{name}"))).flatten()
            {
                return Ok(value.clone());
            }
            if let Some(value) = self.remembered(ctx, &side.text, name) {
                return value;
            }
            if let Some(value) = self.graph_property(ctx, &side.text, name) {
                return value;
            }
            if let Some(fields) = fields {
                return find(fields, &name.text).map(|f| Expr::Column(f.id, f.ty)).ok_or_else(
                    || {
                        let known = fields.iter().map(|f| &*f.name);
                        BindError::unresolved("column", ctx.operator, &name.text, name.span, known)
                    },
                );
            }
        }
        let base = self.dynamic_base(ctx, base)?;
        Ok(path(base, Step::Key(Arc::clone(&name.text))))
    }

    /// What a path starts from: a dynamic value.
    fn dynamic_base(&self, ctx: &Context<'_>, base: &Ast) -> Result<Expr> {
        let expr = self.scalar(ctx, base)?;
        if expr.ty() == ScalarType::Dynamic {
            return Ok(expr);
        }
        Err(BindError::new(
            "SEM0052",
            base.span,
            format!(
                "a property or element can be read from a dynamic value only, not from {}; use parse_json() first",
                expr.ty()
            ),
        ))
    }

    fn index_step(&self, ctx: &Context<'_>, index: &Ast) -> Result<Step> {
        let index_span = index.span;
        Ok(match self.scalar(ctx, index)? {
            Expr::Literal(Value::String(key), _) => Step::Key(key),
            Expr::Literal(Value::Long(at), _) => Step::Index(at),
            Expr::Literal(Value::Int(at), _) => Step::Index(i64::from(at)),
            other => match other.ty() {
                ScalarType::String | ScalarType::Long | ScalarType::Dynamic => {
                    Step::Computed(other)
                }
                ScalarType::Int => Step::Computed(cast(other, ScalarType::Long)),
                ty => {
                    return Err(BindError::new(
                        "SEM0053",
                        index_span,
                        format!("an index is a position (long) or a key (string), not {ty}"),
                    ));
                }
            },
        })
    }

    fn unary(&self, ctx: &Context<'_>, operator: UnaryOperator, operand: &Ast) -> Result<Expr> {
        let expr = self.scalar(ctx, operand)?;
        if operator == UnaryOperator::Plus {
            return Ok(expr);
        }
        match expr {
            Expr::Literal(Value::Long(v), ty) => {
                Ok(Expr::Literal(Value::Long(v.wrapping_neg()), ty))
            }
            Expr::Literal(Value::Real(v), ty) => Ok(Expr::Literal(Value::Real(-v), ty)),
            Expr::Literal(Value::TimeSpan(v), ty) => Ok(Expr::Literal(
                Value::TimeSpan(values::TimeSpan::from_ticks(v.ticks().wrapping_neg())),
                ty,
            )),
            other => {
                let minus = Expr::Literal(Value::Long(-1), ScalarType::Long);
                self.arithmetic("*", minus, other, operand.span)
            }
        }
    }

    fn binary(
        &self,
        ctx: &Context<'_>,
        operator: BinaryOperator,
        span: Span,
        left: &Ast,
        right: &Ast,
    ) -> Result<Expr> {
        use BinaryOperator as B;
        let both = || Ok((self.scalar(ctx, left)?, self.scalar(ctx, right)?));
        match operator {
            B::And | B::Or => self.logic(ctx, operator, left, right),
            B::Add | B::Subtract | B::Multiply | B::Divide | B::Modulo => {
                let (l, r) = both()?;
                self.arithmetic(operator.text(), l, r, span)
            }
            B::Equal | B::NotEqual | B::Less | B::LessOrEqual | B::Greater | B::GreaterOrEqual => {
                let (l, r) = both()?;
                self.compare(operator.text(), l, r, span)
            }
            B::In | B::NotIn => self.set(ctx, left, right, Matching::Exact, operator == B::NotIn),
            B::InTilde | B::NotInTilde => {
                self.set(ctx, left, right, Matching::IgnoreCase, operator == B::NotInTilde)
            }
            B::HasAny => self.set(ctx, left, right, Matching::HasAny, false),
            B::HasAll => self.set(ctx, left, right, Matching::HasAll, false),
            B::Between | B::NotBetween => self.between(ctx, operator, span, left, right),
            _ => {
                let (l, r) = both()?;
                self.text_operator(operator.text(), l, r, span)
            }
        }
    }

    /// `and`, `or`: long chains are taken apart in a loop.
    fn logic(
        &self,
        ctx: &Context<'_>,
        operator: BinaryOperator,
        left: &Ast,
        right: &Ast,
    ) -> Result<Expr> {
        let mut parts = vec![right];
        let mut rest = left;
        while let ExprKind::Binary { operator: inner, left, right, .. } = &rest.kind {
            if *inner != operator {
                break;
            }
            parts.push(right);
            rest = left;
        }
        parts.push(rest);
        let bound = parts
            .into_iter()
            .rev()
            .map(|p| expect_bool(self.scalar(ctx, p)?, operator.text(), p.span))
            .collect::<Result<Vec<_>>>()?;
        Ok(if operator == BinaryOperator::And { fold::and(bound) } else { fold::or(bound) })
    }

    /// `+ - * / %` over bound operands.
    pub(super) fn arithmetic(
        &self,
        operator: &'static str,
        left: Expr,
        right: Expr,
        span: Span,
    ) -> Result<Expr> {
        let rule = arithmetic(operator, left.ty(), right.ty(), span)?;
        let args = vec![cast(left, rule.left), cast(right, rule.right)];
        let numbers = rule.left.is_numeric() && rule.right.is_numeric();
        if numbers && rule.result == ScalarType::DateTime {
            let own = widest(rule.left, rule.right);
            let ticks = self.registered(
                operator,
                args.into_iter().map(|a| cast(a, own)).collect(),
                own,
                span,
            )?;
            return Ok(cast(cast(ticks, ScalarType::Long), ScalarType::DateTime));
        }
        self.registered(operator, args, rule.result, span)
    }

    /// `== != < <= > >=` over bound operands.
    pub(super) fn compare(
        &self,
        operator: &'static str,
        left: Expr,
        right: Expr,
        span: Span,
    ) -> Result<Expr> {
        let ty = comparable(operator, left.ty(), right.ty(), span)?;
        self.registered(operator, vec![cast(left, ty), cast(right, ty)], ScalarType::Bool, span)
    }

    /// `has`, `contains`, `=~`, ... over bound operands; the `!` forms negate.
    pub(super) fn text_operator(
        &self,
        operator: &'static str,
        left: Expr,
        right: Expr,
        span: Span,
    ) -> Result<Expr> {
        if !matches!(left.ty(), ScalarType::String | ScalarType::Dynamic)
            && !matches!(right.ty(), ScalarType::String | ScalarType::Dynamic)
        {
            return Err(super::types::undefined(operator, left.ty(), right.ty(), span));
        }
        let args = vec![cast(left, ScalarType::String), cast(right, ScalarType::String)];
        match operator.strip_prefix('!') {
            Some("~") => Ok(fold::not(self.registered("=~", args, ScalarType::Bool, span)?)),
            Some(positive) => {
                Ok(fold::not(self.registered(positive, args, ScalarType::Bool, span)?))
            }
            None => self.registered(operator, args, ScalarType::Bool, span),
        }
    }

    /// A call of a function that the engine registers under this very name.
    pub(super) fn registered(
        &self,
        name: &str,
        args: Vec<Expr>,
        ty: ScalarType,
        span: Span,
    ) -> Result<Expr> {
        let function = functions::find(name).ok_or_else(|| {
            BindError::refused(span, format!("'{name}' is not supported by this version"))
        })?;
        self.call(function, args, ty).map_err(|e| BindError {
            limit: e.limit,
            ..BindError::new("SEM0001", span, format!("{name}: {e}"))
        })
    }

    fn between(
        &self,
        ctx: &Context<'_>,
        operator: BinaryOperator,
        span: Span,
        left: &Ast,
        right: &Ast,
    ) -> Result<Expr> {
        let ExprKind::Range { start, end } = &right.kind else {
            return Err(expected_scalar(right.span, "something else than a range (a .. b)"));
        };
        let value = self.scalar(ctx, left)?;
        if matches!(value.ty(), ScalarType::String | ScalarType::Bool | ScalarType::Guid) {
            let text = format!(
                "'{}' is defined for numbers, datetime and timespan, not for {}; use >= and <=",
                operator.text(),
                value.ty()
            );
            return Err(BindError::new("SEM0064", span, text));
        }
        let (start, end) = (self.scalar(ctx, start)?, self.scalar(ctx, end)?);
        let end = if start.ty() == ScalarType::DateTime && end.ty() == ScalarType::TimeSpan {
            self.arithmetic("+", start.clone(), end, span)?
        } else {
            end
        };
        let lower = self.compare(">=", value.clone(), start, span)?;
        let upper = self.compare("<=", value, end, span)?;
        let inside = fold::and(vec![lower, upper]);
        Ok(if operator == BinaryOperator::NotBetween { fold::not(inside) } else { inside })
    }

    /// `in`, `in~`, `has_any`, `has_all`: constants, tables and per-row expressions.
    fn set(
        &self,
        ctx: &Context<'_>,
        left: &Ast,
        right: &Ast,
        matching: Matching,
        negated: bool,
    ) -> Result<Expr> {
        let value = self.scalar(ctx, left)?;
        let text = matching != Matching::Exact;
        let items: &[Ast] = match &right.kind {
            ExprKind::List(items) => items,
            _ => std::slice::from_ref(right),
        };
        let in_set =
            |value: Expr, set: Set| Expr::InSet { value: Box::new(value), set, matching, negated };
        if let [only] = items
            && self.is_tabular(ctx.env, only, ctx.fields)
        {
            let rows = self.tabular(ctx.env, only)?;
            let Some(first) = rows.plan.fields.first().cloned() else {
                return Err(expected_scalar(only.span, "a table without columns"));
            };
            let ty = match (text, value.ty(), first.ty) {
                (true, ..) => ScalarType::String,
                (_, ScalarType::Dynamic, ScalarType::Dynamic) => ScalarType::String,
                (_, ScalarType::Dynamic, other) => other,
                (_, own, _) => own,
            };
            let plan = self.first_column(rows.plan, ty);
            return Ok(in_set(
                cast(value, ty),
                Set::Plan(Arc::new(crate::optimize::optimize(&plan))),
            ));
        }
        let mut constants = Vec::with_capacity(items.len());
        let mut exprs = Vec::with_capacity(items.len());
        for item in items {
            let expr = self.scalar(ctx, item)?;
            if let Expr::Literal(v, _) = &expr {
                flatten(v, &mut constants);
            }
            exprs.push(expr);
        }
        let ty = if text {
            ScalarType::String
        } else if value.ty() == ScalarType::Dynamic {
            element_type(&constants, &exprs)
        } else {
            self.set_type(value.ty(), &exprs, right.span)?
        };
        let value = cast(value, ty);
        if exprs.iter().all(|e| matches!(e, Expr::Literal(..))) {
            let values: Vec<Value> = constants
                .iter()
                .map(|v| v.cast(ty))
                .filter(|v| !matches!(v, Value::Null))
                .collect();
            return Ok(in_set(value, Set::Values(Arc::new(values))));
        }
        let exprs = exprs
            .into_iter()
            .map(|e| if e.ty() == ScalarType::Dynamic { e } else { cast(e, ty) })
            .collect();
        Ok(in_set(value, Set::Exprs(exprs)))
    }

    /// The type in which `in` compares a typed value with its set.
    fn set_type(&self, own: ScalarType, exprs: &[Expr], span: Span) -> Result<ScalarType> {
        let mut ty = own;
        for expr in exprs {
            if expr.ty() != ScalarType::Dynamic {
                let shared = comparable("==", ty, expr.ty(), span)?;
                ty = if ty == ScalarType::String { ty } else { shared };
            }
        }
        Ok(ty)
    }

    fn to_scalar(&self, ctx: &Context<'_>, query: &Ast, span: Span) -> Result<Expr> {
        if !self.is_tabular(ctx.env, query, &[]) {
            let value = self.scalar(&Context::constant(ctx.env, "toscalar"), query)?;
            if is_constant(&value) || contains_column(&value) {
                return Ok(value);
            }
            // a row of its own is computed once, however often and for however many rows it is asked for
            let ty = value.ty();
            let row = self.print_plan(vec![(Arc::from("value"), value)]);
            return Ok(Expr::Subquery(Arc::new(crate::optimize::optimize(&row)), ty));
        }
        let rows = self.tabular(ctx.env, query)?;
        let Some(first) = rows.plan.fields.first().cloned() else {
            return Err(expected_scalar(span, "a table without columns"));
        };
        if let Some(Expr::Literal(value, ty)) = single_literal(&rows.plan) {
            return Ok(Expr::Literal(value.clone(), *ty));
        }
        Ok(Expr::Subquery(Arc::new(crate::optimize::optimize(&rows.plan)), first.ty))
    }
}

/// True when the value of a parameter is made of columns that the rows at hand do not have.
fn of_other_rows(ctx: &Context<'_>, expr: &Expr) -> bool {
    if ctx.fields.is_empty() || ctx.graph.is_some() || ctx.steps.is_some() {
        return false;
    }
    let mut others = false;
    crate::plan::visit(expr, &mut |e| {
        if let Expr::Column(id, _) = e {
            let mut own = ctx.fields.iter().chain(ctx.right.unwrap_or_default());
            others |= !own.any(|f| f.id == *id);
        }
    });
    others
}

/// The constant that a plan of one projected row gives first.
fn single_literal(plan: &crate::plan::Plan) -> Option<&Expr> {
    match &*plan.node {
        crate::plan::Node::Project { input, outputs } => match &*input.node {
            crate::plan::Node::Rows(rows) if rows.len() == 1 => {
                outputs.first().map(|o| &o.expr).filter(|e| matches!(e, Expr::Literal(..)))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The column of exactly this name.
pub(super) fn find<'f>(fields: &'f [Field], name: &str) -> Option<&'f Field> {
    fields.iter().find(|f| &*f.name == name)
}

/// One step further into a dynamic; steps of one path are kept together.
fn path(base: Expr, step: Step) -> Expr {
    if let (Expr::Literal(Value::Dynamic(d), _), Step::Key(_) | Step::Index(_)) = (&base, &step) {
        let found = match &step {
            Step::Key(key) => d.as_ref().get(key),
            Step::Index(at) => d.as_ref().index(*at),
            Step::Computed(_) => None,
        };
        let value = match found {
            Some(v) if !v.is_null() => Value::Dynamic(v.to_owned()),
            _ => Value::Null,
        };
        return Expr::Literal(value, ScalarType::Dynamic);
    }
    match base {
        Expr::Literal(Value::Null, ty) => Expr::Literal(Value::Null, ty),
        Expr::Path { base, mut steps } => {
            steps.push(step);
            Expr::Path { base, steps }
        }
        base => Expr::Path { base: Box::new(base), steps: vec![step] },
    }
}

fn expected_scalar(span: Span, found: &str) -> BindError {
    BindError::new("SEM0079", span, format!("a scalar expression is expected here, not {found}"))
}

/// A constant's elements where it is an array, itself otherwise.
fn flatten(value: &Value, out: &mut Vec<Value>) {
    match value {
        Value::Dynamic(d) if d.as_ref().kind() == values::dynamic::Kind::Array => {
            out.extend(d.as_ref().array().map(|e| Value::Dynamic(e.to_owned())));
        }
        other => out.push(other.clone()),
    }
}

/// The type in which a dynamic value is looked up in a set: the set's own.
fn element_type(constants: &[Value], exprs: &[Expr]) -> ScalarType {
    let typed = exprs.iter().map(Expr::ty).find(|t| *t != ScalarType::Dynamic);
    typed.unwrap_or_else(|| {
        let numbers = !constants.is_empty()
            && constants
                .iter()
                .all(|v| matches!(v, Value::Dynamic(d) if d.as_ref().as_i64().is_some()));
        if numbers { ScalarType::Long } else { ScalarType::String }
    })
}

/// The value of a literal.
pub(super) fn literal_value(literal: &Literal) -> Value {
    match literal {
        Literal::Null(ScalarType::String) => Value::string(""),
        Literal::Null(_) => Value::Null,
        Literal::Bool(v) => Value::Bool(*v),
        Literal::Int(v) => Value::Int(*v),
        Literal::Long(v) => Value::Long(*v),
        Literal::Real(v) => Value::Real(*v),
        Literal::Decimal(text) => Decimal::parse(text).map_or(Value::Null, Value::Decimal),
        Literal::String(text) => Value::String(Arc::clone(&text.value)),
        Literal::DateTime(v) => Value::DateTime(*v),
        Literal::TimeSpan(v) => Value::TimeSpan(*v),
        Literal::Guid(v) => Value::Guid(*v),
        Literal::Dynamic(json) => match &**json {
            Json::Null => Value::Null,
            json => Value::Dynamic(dynamic_value(json)),
        },
    }
}

fn dynamic_value(json: &Json) -> Dynamic {
    let mut builder = DynamicBuilder::new();
    write_json(json, &mut builder);
    builder.finish()
}

fn write_json(json: &Json, builder: &mut DynamicBuilder) {
    match json {
        Json::Null => builder.null(),
        Json::Scalar(literal) => builder.value(&literal_value(literal)),
        Json::Array(items) => {
            builder.begin_array();
            items.iter().for_each(|item| write_json(item, builder));
            builder.end_array();
        }
        Json::Object(members) => {
            builder.begin_object();
            for (key, value) in members {
                builder.key(key);
                write_json(value, builder);
            }
            builder.end_object();
        }
    }
}
