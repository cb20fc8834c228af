//! `search` and `find`: conditions over whichever columns there are.

use std::sync::Arc;

use kql::Span;
use kql::syntax::{
    BinaryOperator, Expr as Ast, ExprKind, Find, FindColumn, FindProject, Literal, Parameters,
    Search, Selector,
};
use values::{ScalarType, Value};

use super::demand::Demand;
use super::env::{Binding, Env};
use super::error::{BindError, Result};
use super::naming::matches_wildcard;
use super::types::cast;
use super::{Binder, Context, Relation, fold, project};
use crate::plan::{Expr, Field, Node, Output, Plan};

impl Binder<'_> {
    /// `search`.
    pub(super) fn search(
        &self,
        env: &Env,
        first: Option<Relation>,
        search: &Search,
        span: Span,
        demand: &Demand,
    ) -> Result<Relation> {
        let case = search
            .parameters
            .word("kind")
            .is_some_and(|k| k.eq_ignore_ascii_case("case_sensitive"));
        let source_name = source_column(&search.parameters, "$table");
        let sought = Sought { predicate: Some(&search.predicate), case, operator: "search" };
        if let Some(rows) = first {
            let source = rows.source.clone().unwrap_or_default();
            let filtered = self.search_in(env, rows, sought)?;
            let mut outputs = vec![Output {
                field: self.field(source_name, ScalarType::String),
                expr: Expr::Literal(Value::String(source), ScalarType::String),
            }];
            outputs.extend(super::pass(&filtered.plan.fields));
            return Ok(filtered.with_plan(project(filtered.plan.clone(), outputs)));
        }
        let all = search.tables.is_none();
        let inputs = self.searched_tables(env, search.tables.as_deref(), span)?;
        let Matching { rows: filtered, failure, .. } = self.matching(env, inputs, sought)?;
        if filtered.is_empty() {
            if let (Some(error), false) = (failure, all) {
                return Err(error);
            }
            let schema = model::Schema::new([(source_name, ScalarType::String)]);
            let mut rows = self.rows(model::Rows { schema: Arc::new(schema), batches: Vec::new() });
            rows.open = true;
            return Ok(rows);
        }
        let mut result = self.union_of(filtered, false, Some(source_name), span, demand)?;
        result.open |= all;
        Ok(result)
    }

    fn searched_tables(
        &self,
        env: &Env,
        tables: Option<&[Ast]>,
        span: Span,
    ) -> Result<Vec<Relation>> {
        let star = [Ast::new(ExprKind::Star, span)];
        let mut inputs = Vec::new();
        for ast in tables.unwrap_or(&star) {
            match &ast.kind {
                ExprKind::Wildcard(pattern) => inputs.extend(self.by_wildcard(env, pattern)?),
                ExprKind::Star => {
                    let all = kql::syntax::Ident { text: Arc::from("*"), span, bracketed: false };
                    inputs.extend(self.by_wildcard(env, &all)?);
                }
                _ => inputs.push(self.tabular(env, ast)?),
            }
        }
        Ok(inputs)
    }

    /// Those of the tables that can have rows that meet the condition, each cut down to these.
    ///
    /// A column of the condition that a table lacks, and another one has, is null there; a table with none of the
    /// condition's columns has no such rows.
    fn matching(&self, env: &Env, inputs: Vec<Relation>, sought: Sought<'_>) -> Result<Matching> {
        let mut names = Vec::new();
        if let Some(predicate) = sought.predicate {
            mentioned(predicate, &mut names);
        }
        let mut types: Vec<(Arc<str>, ScalarType)> = Vec::new();
        for name in names {
            let named = matches!(env.get(&name), Some(Binding::Scalar(_)));
            if named || types.iter().any(|(n, _)| *n == name) {
                continue;
            }
            if let Some(ty) = self.type_somewhere(&inputs, &name) {
                types.push((name, ty));
            }
        }
        let everywhere = types.is_empty() || sought.predicate.is_none_or(looks_everywhere);
        let mut found = Matching::default();
        for input in inputs {
            found.fields.extend(input.plan.fields.iter().cloned());
            let has = |name: &Arc<str>| super::scalar::find(&input.plan.fields, name).is_some();
            if !everywhere && !types.iter().any(|(name, _)| has(name)) {
                continue;
            }
            let lacking = types.iter().filter(|(name, _)| !has(name));
            let scope = lacking.fold(env.clone(), |scope, (name, ty)| {
                scope.with(Arc::clone(name), Binding::Scalar(super::union::null(*ty)))
            });
            match self.search_in(&scope, input, sought) {
                Ok(rows) => found.rows.push(rows),
                // a name that no table has
                Err(error) if error.code == "SEM0100" => found.failure = Some(error),
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// The type that a column has in the first table that has it, be it one left out for want of rows.
    fn type_somewhere(&self, inputs: &[Relation], name: &str) -> Option<ScalarType> {
        let here = |rows: &Relation| super::scalar::find(&rows.plan.fields, name).map(|f| f.ty);
        inputs.iter().find_map(here).or_else(|| self.type_left_out(name))
    }

    fn search_in(&self, env: &Env, input: Relation, sought: Sought<'_>) -> Result<Relation> {
        let Some(predicate) = sought.predicate else { return Ok(input) };
        let ctx = Context::row(env, &input, sought.operator);
        let predicate = self.search_predicate(&ctx, predicate, sought.case)?;
        let fields = input.plan.fields.clone();
        let node = Node::Filter { input: input.plan.clone(), predicate };
        Ok(input.with_plan(Plan { node: Arc::new(node), fields }))
    }

    /// A search condition: bare texts look into every column.
    fn search_predicate(&self, ctx: &Context<'_>, ast: &Ast, case: bool) -> Result<Expr> {
        match &ast.kind {
            ExprKind::Literal(Literal::String(text)) => {
                self.any_column_has(ctx, &text.value, case, ast.span)
            }
            ExprKind::Star => Ok(Expr::Literal(Value::Bool(true), ScalarType::Bool)),
            ExprKind::Parenthesised(inner) => self.search_predicate(ctx, inner, case),
            ExprKind::Call(call) if &*call.name.text == "not" && call.arguments.len() == 1 => {
                Ok(fold::not(self.search_predicate(ctx, &call.arguments[0], case)?))
            }
            ExprKind::Binary {
                operator: operator @ (BinaryOperator::And | BinaryOperator::Or),
                left,
                right,
                ..
            } => {
                let parts = vec![
                    self.search_predicate(ctx, left, case)?,
                    self.search_predicate(ctx, right, case)?,
                ];
                Ok(if *operator == BinaryOperator::And {
                    fold::and(parts)
                } else {
                    fold::or(parts)
                })
            }
            ExprKind::Binary { operator: BinaryOperator::Search, left, right, .. } => {
                self.column_search(ctx, left, right, case, ast.span)
            }
            _ => self.predicate(ctx, ast),
        }
    }

    /// `* has "x"` and its like: over every column that can hold text.
    pub(super) fn star_operator(
        &self,
        ctx: &Context<'_>,
        operator: BinaryOperator,
        right: &Ast,
        span: Span,
    ) -> Result<Expr> {
        let right = self.scalar(ctx, right)?;
        let mut parts = Vec::new();
        for field in ctx.fields {
            let column = Expr::Column(field.id, field.ty);
            let text = matches!(field.ty, ScalarType::String | ScalarType::Dynamic);
            match operator {
                BinaryOperator::Equal | BinaryOperator::NotEqual if field.ty == right.ty() => {
                    parts.push(self.compare(operator.text(), column, right.clone(), span)?);
                }
                BinaryOperator::Equal | BinaryOperator::NotEqual => {}
                _ if text => {
                    parts.push(self.text_operator(operator.text(), column, right.clone(), span)?)
                }
                _ => {}
            }
        }
        Ok(fold::or(parts))
    }

    /// `column: "text"`.
    fn column_search(
        &self,
        ctx: &Context<'_>,
        left: &Ast,
        right: &Ast,
        case: bool,
        span: Span,
    ) -> Result<Expr> {
        let text = match &right.kind {
            ExprKind::Literal(Literal::String(text)) => Arc::clone(&text.value),
            _ => {
                let (l, r) = (self.scalar(ctx, left)?, self.scalar(ctx, right)?);
                return self.compare("==", l, r, span);
            }
        };
        match &left.kind {
            ExprKind::Star => self.any_column_has(ctx, &text, case, span),
            ExprKind::Wildcard(pattern) => {
                let fields: Vec<Field> = ctx
                    .fields
                    .iter()
                    .filter(|f| matches_wildcard(&pattern.text, &f.name))
                    .cloned()
                    .collect();
                self.any_column_has(&Context { fields: &fields, ..*ctx }, &text, case, span)
            }
            _ => {
                let column = self.scalar(ctx, left)?;
                self.has(column, &text, case, span)
            }
        }
    }

    fn any_column_has(
        &self,
        ctx: &Context<'_>,
        text: &str,
        case: bool,
        span: Span,
    ) -> Result<Expr> {
        let mut parts = Vec::new();
        let number = text.parse::<f64>().is_ok();
        for field in ctx.fields {
            let searched = match field.ty {
                ScalarType::String | ScalarType::Dynamic | ScalarType::Guid => true,
                ScalarType::Int | ScalarType::Long | ScalarType::Real | ScalarType::Decimal => {
                    number
                }
                _ => false,
            };
            if searched {
                parts.push(self.has(Expr::Column(field.id, field.ty), text, case, span)?);
            }
        }
        Ok(fold::or(parts))
    }

    /// A term, with `*` at its ends for prefixes, suffixes and substrings.
    fn has(&self, column: Expr, text: &str, case: bool, span: Span) -> Result<Expr> {
        let column = cast(column, ScalarType::String);
        let literal = |t: &str| super::call::text(t);
        let (operator, text) = match (text.strip_prefix('*'), text.strip_suffix('*')) {
            (Some(_), Some(_)) if text.len() > 1 => ("contains", text.trim_matches('*')),
            (Some(rest), _) => ("hassuffix", rest),
            (_, Some(rest)) => ("hasprefix", rest),
            _ => ("has", text),
        };
        if text.contains('*') {
            let pattern = text.split('*').map(escape).collect::<Vec<_>>().join(".*");
            let pattern = if case { pattern } else { format!("(?i){pattern}") };
            return self.registered(
                "matches regex",
                vec![column, literal(&pattern)],
                ScalarType::Bool,
                span,
            );
        }
        let operator = if case { format!("{operator}_cs") } else { operator.to_owned() };
        self.registered(&operator, vec![column, literal(text)], ScalarType::Bool, span)
    }

    /// `find`.
    pub(super) fn find(
        &self,
        env: &Env,
        first: Option<Relation>,
        find: &Find,
        span: Span,
    ) -> Result<Relation> {
        let source = source_column(&find.parameters, "source_");
        let inputs = match first {
            Some(rows) => vec![rows],
            None => self.searched_tables(env, find.tables.as_deref(), span)?,
        };
        let sought = Sought { predicate: find.predicate.as_deref(), case: false, operator: "find" };
        let Matching { rows, failure, fields } = self.matching(env, inputs, sought)?;
        let common = common_columns(&rows);
        let shown = self.shown_columns(find, &common, &fields)?;
        let found = rows
            .into_iter()
            .map(|rows| self.find_columns(rows, find, &shown))
            .collect::<Result<Vec<_>>>()?;
        if found.is_empty() {
            return match failure {
                Some(error) if find.tables.is_some() => Err(error),
                _ => {
                    let schema = model::Schema::new([(source, ScalarType::String)]);
                    let mut rows =
                        self.rows(model::Rows { schema: Arc::new(schema), batches: Vec::new() });
                    rows.open = true;
                    Ok(rows)
                }
            };
        }
        self.union_of(found, false, Some(source), span, &Demand::All)
    }

    /// The columns that `find` shows: those asked for, or those that all tables have and those of the condition.
    fn shown_columns(
        &self,
        find: &Find,
        common: &[Arc<str>],
        fields: &[Field],
    ) -> Result<Vec<Shown>> {
        let mut shown: Vec<Shown> = Vec::new();
        match &find.project {
            FindProject::Columns(columns) => {
                for column in columns {
                    let FindColumn::Column { name, column_type } = column else { continue };
                    let cast = column_type.as_ref().and_then(|t| t.scalar);
                    let known = super::scalar::find(fields, &name.text).map(|f| f.ty);
                    let ty = cast.or(known).or_else(|| self.type_left_out(&name.text));
                    if ty.is_none() && !fields.is_empty() && find.tables.is_some() {
                        return Err(BindError::new(
                            "SEM0100",
                            name.span,
                            format!(
                                "'find' operator: Failed to resolve column named '{}'",
                                name.text
                            ),
                        ));
                    }
                    let missing = Some(ty.unwrap_or(ScalarType::String));
                    shown.push(Shown { name: Arc::clone(&name.text), cast, missing });
                }
            }
            FindProject::Smart => {
                let mut names = common.to_vec();
                if let Some(predicate) = &find.predicate {
                    mentioned(predicate, &mut names);
                }
                shown.extend(names.into_iter().map(|name| Shown {
                    name,
                    cast: None,
                    missing: None,
                }));
            }
        }
        Ok(shown)
    }

    /// What `find` makes of the columns of one table: those shown, and the others packed where that is asked for.
    fn find_columns(&self, mut rows: Relation, find: &Find, shown: &[Shown]) -> Result<Relation> {
        let away = |name: &str| {
            find.project_away.iter().any(|ast| match &ast.kind {
                ExprKind::Star => true,
                ExprKind::Name(dropped) => *dropped.text == *name,
                ExprKind::Wildcard(pattern) => matches_wildcard(&pattern.text, name),
                _ => false,
            })
        };
        let mut outputs: Vec<Output> = Vec::new();
        for Shown { name, cast: ty, missing } in shown {
            if away(name) || outputs.iter().any(|o| o.field.name == *name) {
                continue;
            }
            let expr = match (super::scalar::find(&rows.plan.fields, name), missing) {
                (Some(f), _) => Expr::Column(f.id, f.ty),
                (None, Some(missing)) => super::union::null(*missing),
                (None, None) => continue,
            };
            let expr = match ty {
                Some(ty) => cast(expr, *ty),
                None => expr,
            };
            outputs.push(Output { field: self.field(Arc::clone(name), expr.ty()), expr });
        }
        let packed = match &find.project {
            FindProject::Columns(columns) => {
                columns.iter().any(|c| matches!(c, FindColumn::Pack(_)))
            }
            FindProject::Smart => true,
        };
        if packed && !away("pack_") {
            let mut args = Vec::new();
            for field in &rows.plan.fields {
                if !away(&field.name) && !outputs.iter().any(|o| o.field.name == field.name) {
                    args.push(super::call::text(&field.name));
                    args.push(Expr::Column(field.id, field.ty));
                }
            }
            let expr = self.registered("bag_pack", args, ScalarType::Dynamic, Span::default())?;
            outputs.push(Output { field: self.field("pack_", ScalarType::Dynamic), expr });
        }
        rows.plan = project(rows.plan, outputs);
        rows.open = false;
        Ok(rows)
    }
}

/// What `search` and `find` look for.
#[derive(Clone, Copy)]
struct Sought<'a> {
    /// None where every row will do.
    predicate: Option<&'a Ast>,
    /// Texts are told apart by case.
    case: bool,
    /// For messages.
    operator: &'static str,
}

/// Where it was found.
#[derive(Default)]
struct Matching {
    rows: Vec<Relation>,
    /// The columns of all tables looked into.
    fields: Vec<Field>,
    /// Why a table could not be looked into.
    failure: Option<BindError>,
}

/// A column that `find` shows.
struct Shown {
    name: Arc<str>,
    /// The type asked for.
    cast: Option<ScalarType>,
    /// The type of its nulls in tables without it; none where it is left out of them.
    missing: Option<ScalarType>,
}

/// The column that names the table a row comes from.
fn source_column<'a>(parameters: &'a Parameters, otherwise: &'a str) -> &'a str {
    let asked = parameters.word("withsource").or_else(|| parameters.word("with_source"));
    asked.unwrap_or(otherwise)
}

/// True for a condition that every column of a table has a part in.
fn looks_everywhere(ast: &Ast) -> bool {
    match &ast.kind {
        ExprKind::Literal(Literal::String(_)) | ExprKind::Star => true,
        ExprKind::Parenthesised(inner) => looks_everywhere(inner),
        ExprKind::Call(call) if &*call.name.text == "not" => {
            call.arguments.iter().any(looks_everywhere)
        }
        ExprKind::Binary {
            operator: BinaryOperator::And | BinaryOperator::Or,
            left,
            right,
            ..
        } => looks_everywhere(left) || looks_everywhere(right),
        ExprKind::Binary { left, .. } => {
            matches!(left.kind, ExprKind::Star | ExprKind::Wildcard(_))
        }
        _ => false,
    }
}

/// Columns that all inputs have, under the same name and type.
fn common_columns(inputs: &[Relation]) -> Vec<Arc<str>> {
    let Some((first, rest)) = inputs.split_first() else { return Vec::new() };
    let everywhere = |f: &&Field| {
        rest.iter().all(|r| r.plan.fields.iter().any(|o| o.name == f.name && o.ty == f.ty))
    };
    first.plan.fields.iter().filter(everywhere).map(|f| Arc::clone(&f.name)).collect()
}

/// Columns that a condition names.
fn mentioned(ast: &Ast, out: &mut Vec<Arc<str>>) {
    match &ast.kind {
        ExprKind::Name(name) => out.push(Arc::clone(&name.text)),
        ExprKind::Path { base, selector: Selector::Name(_) } | ExprKind::Index { base, .. } => {
            mentioned(base, out)
        }
        ExprKind::Parenthesised(inner) | ExprKind::Unary { operand: inner, .. } => {
            mentioned(inner, out)
        }
        ExprKind::Binary { left, right, .. } => {
            mentioned(left, out);
            mentioned(right, out);
        }
        ExprKind::List(items) => items.iter().for_each(|i| mentioned(i, out)),
        ExprKind::Range { start, end } => {
            mentioned(start, out);
            mentioned(end, out);
        }
        ExprKind::Call(call) => call.arguments.iter().for_each(|a| mentioned(a, out)),
        _ => {}
    }
}

/// A text as a regular expression that matches it.
fn escape(text: &str) -> String {
    regex_syntax::escape(text)
}
