//! `top-nested` and `reduce`: operators over a whole input with columns of their own.

use std::sync::Arc;

use kql::Span;
use kql::syntax::{Expr as Ast, ExprKind, Literal, Reduce as AstReduce, SortOrder, TopNestedLevel};
use values::{ScalarType, Value};

use super::env::Env;
use super::error::{BindError, Result};
use super::naming::{Names, implied_name};
use super::summarize::is_aggregate;
use super::types::cast;
use super::{Binder, Context, Relation, pass, project};
use crate::exec::whole::{NestedLevel, Reduce, TopNested};
use crate::plan::{Field, Node, Output, Plan};

impl Binder<'_> {
    /// `top-nested`.
    pub(super) fn top_nested(
        &self,
        env: &Env,
        input: Relation,
        levels: &[TopNestedLevel],
        span: Span,
    ) -> Result<Relation> {
        let ctx = Context { windows: false, ..Context::row(env, &input, "top-nested") };
        let mut names = Names::new([]);
        let mut bound = Vec::with_capacity(levels.len());
        for level in levels {
            bound.push(self.nested_level(&ctx, level, &mut names, span)?);
        }
        let fields: Vec<Field> = bound
            .iter()
            .flat_map(|l| [Some(&l.field), l.by.fields.first()])
            .flatten()
            .cloned()
            .collect();
        let operator = TopNested { input: input.plan.fields.clone(), levels: bound };
        let node = Node::Whole { inputs: vec![input.plan], operator: Arc::new(operator) };
        Ok(Relation::new(Plan { node: Arc::new(node), fields }))
    }

    fn nested_level(
        &self,
        ctx: &Context<'_>,
        level: &TopNestedLevel,
        names: &mut Names,
        span: Span,
    ) -> Result<NestedLevel> {
        let count = match &level.count {
            Some(ast) => Some(self.row_count(ctx.env, ast, "top-nested")?),
            None => None,
        };
        let of = self.settled(self.scalar(ctx, &level.of)?, level.of.span)?;
        let of_name = self.column_name(&level.of, names);
        let others = match &level.others {
            Some(ast) => {
                Some(self.constant(&Context::constant(ctx.env, "top-nested"), ast)?.0.cast(of.ty()))
            }
            None => None,
        };
        let ranked = &level.by.value;
        let call = match &inner(ranked).kind {
            ExprKind::Call(call) if is_aggregate(&call.name.text) => call,
            _ => {
                return Err(BindError::new(
                    "SEM0102",
                    ranked.span,
                    "'top-nested' operator: an aggregate such as count() or sum(x) is expected behind 'by'",
                ));
            }
        };
        let Some((_, mut by)) = self.aggregate(ctx, call, &[], span)?.pop() else {
            return Err(self.wrong_count(&call.name.text, 0, span));
        };
        by.args = by
            .args
            .into_iter()
            .map(|a| self.settled(a, ranked.span))
            .collect::<Result<Vec<_>>>()?;
        by.filter = by.filter.map(|f| self.settled(f, ranked.span)).transpose()?;
        let by_name = match &ranked.kind {
            ExprKind::Named { name, .. } => names.unique(&name.text),
            _ => names.unique(&format!("aggregated_{of_name}")),
        };
        if let Some(field) = by.fields.first_mut() {
            field.name = by_name;
        }
        Ok(NestedLevel {
            count,
            field: self.field(of_name, of.ty()),
            of,
            by,
            ascending: level.by.order == Some(SortOrder::Ascending),
            others,
        })
    }

    /// `reduce by`.
    pub(super) fn reduce(
        &self,
        env: &Env,
        input: Relation,
        reduce: &AstReduce,
        span: Span,
    ) -> Result<Relation> {
        let ctx = Context::row(env, &input, "reduce");
        let by = cast(self.scalar(&ctx, &reduce.by)?, ScalarType::String);
        let constant = |name: &str| -> Result<Option<Value>> {
            let constants = Context::constant(env, "reduce");
            match reduce.with.get(name).map(|p| &p.value) {
                None => Ok(None),
                Some(Ast { kind: ExprKind::Literal(Literal::String(text)), .. }) => {
                    Ok(Some(Value::String(Arc::clone(&text.value))))
                }
                Some(ast) => self.constant(&constants, ast).map(|(v, _)| Some(v)),
            }
        };
        let threshold = constant("threshold")?.and_then(|v| v.as_f64()).unwrap_or(0.1);
        if !(0.0..=1.0).contains(&threshold) {
            return Err(BindError::new(
                "SEM0061",
                span,
                "'reduce' operator: the threshold lies between 0 and 1",
            ));
        }
        let characters = match constant("characters")? {
            Some(value) => Arc::from(value.as_str().unwrap_or_default()),
            None => Arc::from(""),
        };
        let source = super::word(&reduce.parameters, "kind").as_deref() == Some("source");
        let text = self.field(
            implied_name(&reduce.by).unwrap_or_else(|| "Column1".to_owned()),
            ScalarType::String,
        );
        let mut outputs = if source { pass(&input.plan.fields) } else { Vec::new() };
        let at = outputs.len();
        outputs.push(Output { field: text, expr: by });
        let narrowed = project(input.plan.clone(), outputs);
        let mut fields = if source { input.plan.fields.clone() } else { Vec::new() };
        let fresh: Vec<Field> =
            fields.iter().map(|f| self.field(Arc::clone(&f.name), f.ty)).collect();
        fields = fresh;
        fields.push(self.field("Pattern", ScalarType::String));
        fields.push(self.field("Count", ScalarType::Long));
        fields.push(self.field("Representative", ScalarType::String));
        let operator = Reduce { text: at, threshold, characters, source };
        let node = Node::Whole { inputs: vec![narrowed], operator: Arc::new(operator) };
        Ok(input.with_plan(Plan { node: Arc::new(node), fields }))
    }
}

/// The expression behind a name and parentheses.
fn inner(ast: &Ast) -> &Ast {
    match &ast.kind {
        ExprKind::Named { value, .. } => value.unparenthesised(),
        _ => ast.unparenthesised(),
    }
}
