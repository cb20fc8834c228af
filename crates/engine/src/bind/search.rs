//! `search` and `find`: conditions over whichever columns there are.

use std::sync::Arc;

use kql::Span;
use kql::syntax::{
    BinaryOperator, Expr as Ast, ExprKind, Find, FindColumn, FindProject, Literal, Search, Selector,
};
use values::{ScalarType, Value};

use super::env::Env;
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
    ) -> Result<Relation> {
        let case = search
            .parameters
            .word("kind")
            .is_some_and(|k| k.eq_ignore_ascii_case("case_sensitive"));
        let source_name = search.parameters.word("withsource").unwrap_or("$table");
        if let Some(rows) = first {
            let source = rows.source.clone().unwrap_or_default();
            let filtered = self.search_in(env, rows, &search.predicate, case, true)?;
            let mut outputs = vec![Output {
                field: self.field(source_name, ScalarType::String),
                expr: Expr::Literal(Value::String(source), ScalarType::String),
            }];
            outputs.extend(super::pass(&filtered.plan.fields));
            return Ok(filtered.with_plan(project(filtered.plan.clone(), outputs)));
        }
        let all = search.tables.is_none();
        let inputs = self.searched_tables(env, search.tables.as_deref(), span)?;
        let mut filtered = Vec::with_capacity(inputs.len());
        let mut failure = None;
        for input in inputs {
            match self.search_in(env, input, &search.predicate, case, !all) {
                Ok(rows) => filtered.push(rows),
                // a table without a column named in the condition has no row that meets it
                Err(error) if error.code == "SEM0100" => failure = Some(error),
                Err(error) => return Err(error),
            }
        }
        if filtered.is_empty() {
            if let (Some(error), false) = (failure, all) {
                return Err(error);
            }
            let schema = model::Schema::new([(source_name, ScalarType::String)]);
            let mut rows = self.rows(model::Rows { schema: Arc::new(schema), batches: Vec::new() });
            rows.open = true;
            return Ok(rows);
        }
        let mut result = self.union_of(filtered, false, Some(source_name), span)?;
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

    fn search_in(
        &self,
        env: &Env,
        input: Relation,
        predicate: &Ast,
        case: bool,
        report: bool,
    ) -> Result<Relation> {
        let _ = report;
        let ctx = Context::row(env, &input, "search");
        let predicate = self.search_predicate(&ctx, predicate, case)?;
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
        let source = find.parameters.word("withsource").unwrap_or("source_");
        let inputs = match first {
            Some(rows) => vec![rows],
            None => self.searched_tables(env, find.tables.as_deref(), span)?,
        };
        let common = common_columns(&inputs);
        let mut found = Vec::new();
        let mut failure = None;
        for input in inputs {
            let filtered = match &find.predicate {
                Some(predicate) => self.search_in(env, input, predicate, false, true),
                None => Ok(input),
            };
            match filtered {
                Ok(rows) => found.push(self.find_columns(rows, find, &common)?),
                Err(error) if error.code == "SEM0100" => failure = Some(error),
                Err(error) => return Err(error),
            }
        }
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
        self.union_of(found, false, Some(source), span)
    }

    /// The columns that `find` shows: those asked for, or those of the condition and the rest packed.
    fn find_columns(&self, rows: Relation, find: &Find, common: &[Arc<str>]) -> Result<Relation> {
        let span = Span::default();
        let mut wanted: Vec<(Arc<str>, Option<ScalarType>)> = Vec::new();
        let mut packed = false;
        match &find.project {
            FindProject::Columns(columns) => {
                for column in columns {
                    match column {
                        FindColumn::Column { name, column_type } => {
                            wanted.push((
                                Arc::clone(&name.text),
                                column_type.as_ref().and_then(|t| t.scalar),
                            ));
                        }
                        FindColumn::Pack(_) => packed = true,
                    }
                }
            }
            FindProject::Smart => {
                packed = true;
                wanted.extend(common.iter().map(|name| (Arc::clone(name), None)));
                if let Some(predicate) = &find.predicate {
                    let mut named = Vec::new();
                    mentioned(predicate, &mut named);
                    named.retain(|(n, _)| super::scalar::find(&rows.plan.fields, n).is_some());
                    wanted.append(&mut named);
                }
            }
        }
        let mut outputs: Vec<Output> = Vec::new();
        for (name, ty) in wanted {
            if outputs.iter().any(|o| o.field.name == name) {
                continue;
            }
            let expr = match super::scalar::find(&rows.plan.fields, &name) {
                Some(f) => Expr::Column(f.id, f.ty),
                None => super::union::null(ty.unwrap_or(ScalarType::String)),
            };
            let expr = ty.map_or(expr.clone(), |t| cast(expr, t));
            outputs.push(Output { field: self.field(name, expr.ty()), expr });
        }
        if packed {
            let mut args = Vec::new();
            for field in &rows.plan.fields {
                if !outputs.iter().any(|o| o.field.name == field.name) {
                    args.push(super::call::text(&field.name));
                    args.push(Expr::Column(field.id, field.ty));
                }
            }
            let expr = self.registered("bag_pack", args, ScalarType::Dynamic, span)?;
            outputs.push(Output { field: self.field("pack_", ScalarType::Dynamic), expr });
        }
        if outputs.is_empty() {
            return Err(BindError::new("SEM0009", span, "'find' operator: no column is shown"));
        }
        let mut result = rows.with_plan(project(rows.plan.clone(), outputs));
        result.open = false;
        Ok(result)
    }
}

/// Columns that all inputs have, under the same name and type.
fn common_columns(inputs: &[Relation]) -> Vec<Arc<str>> {
    let Some((first, rest)) = inputs.split_first() else { return Vec::new() };
    if rest.is_empty() {
        return Vec::new();
    }
    let everywhere = |f: &&Field| {
        rest.iter().all(|r| r.plan.fields.iter().any(|o| o.name == f.name && o.ty == f.ty))
    };
    first.plan.fields.iter().filter(everywhere).map(|f| Arc::clone(&f.name)).collect()
}

/// Columns that a condition names.
fn mentioned(ast: &Ast, out: &mut Vec<(Arc<str>, Option<ScalarType>)>) {
    match &ast.kind {
        ExprKind::Name(name) => out.push((Arc::clone(&name.text), None)),
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
