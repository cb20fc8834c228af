//! `parse`, `parse-where`, `parse-kv`.

use std::sync::Arc;

use kql::Span;
use kql::syntax::{Expr as Ast, ExprKind, Literal, Parse, ParseKv, ParseStep};
use values::ScalarType;

use super::env::Env;
use super::error::{BindError, Result};
use super::types::cast;
use super::{Binder, Context, Relation, pass, project, word};
use crate::plan::{Expr, Field, Node, ParseKvOptions, ParseMode, ParsePart, Plan};

impl Binder<'_> {
    /// `parse`, `parse-where`.
    pub(super) fn parse(
        &self,
        env: &Env,
        input: Relation,
        parse: &Parse,
        only_matches: bool,
        span: Span,
    ) -> Result<Relation> {
        let ctx = Context::row(env, &input, "parse");
        let text = cast(self.scalar(&ctx, &parse.input)?, ScalarType::String);
        let mode = parse_mode(parse, span)?;
        let mut captures = Vec::new();
        let mut parts = Vec::with_capacity(parse.pattern.len());
        for step in &parse.pattern {
            parts.push(match step {
                ParseStep::Star(_) => ParsePart::Any,
                ParseStep::Text(text, _) => ParsePart::Text(Arc::clone(&text.value)),
                ParseStep::Column { name, column_type } => {
                    let ty =
                        column_type.as_ref().and_then(|t| t.scalar).unwrap_or(ScalarType::String);
                    captures.push(self.field(Arc::clone(&name.text), ty));
                    ParsePart::Capture(captures.len() - 1)
                }
            });
        }
        let mut fields = input.plan.fields.clone();
        fields.extend(captures.iter().cloned());
        let node = Node::Parse {
            input: input.plan.clone(),
            text,
            parts,
            captures: captures.clone(),
            mode,
            only_matches,
        };
        let plan = Plan { node: Arc::new(node), fields };
        Ok(input.with_plan(self.beside(plan, &input.plan.fields, &captures)))
    }

    /// `parse-kv`.
    pub(super) fn parse_kv(&self, env: &Env, input: Relation, parse: &ParseKv) -> Result<Relation> {
        let ctx = Context::row(env, &input, "parse-kv");
        let text = cast(self.scalar(&ctx, &parse.input)?, ScalarType::String);
        let captures: Vec<(Arc<str>, Field)> = parse
            .schema
            .columns
            .iter()
            .map(|c| {
                let ty = c.column_type.scalar.unwrap_or(ScalarType::String);
                (Arc::clone(&c.name.text), self.field(Arc::clone(&c.name.text), ty))
            })
            .collect();
        let option = |name: &str| parse.properties.get(name).map(|p| &p.value);
        let text_option = |name: &str| option(name).and_then(literal_text);
        let mut quotes = Vec::new();
        if let Some(value) = option("quote") {
            let texts: Vec<Arc<str>> = match &value.kind {
                ExprKind::List(items) => items.iter().filter_map(literal_text).collect(),
                _ => literal_text(value).into_iter().collect(),
            };
            let chars: Vec<char> =
                texts.iter().flat_map(|t| t.chars().collect::<Vec<_>>()).collect();
            match chars.as_slice() {
                [one] => quotes.push((*one, *one)),
                [open, close, ..] => quotes.push((*open, *close)),
                [] => {}
            }
        }
        let options = ParseKvOptions {
            pair_delimiter: text_option("pair_delimiter"),
            kv_delimiter: text_option("kv_delimiter"),
            quotes,
            escape: text_option("escape").and_then(|t| t.chars().next()),
            greedy: parse.properties.flag("greedy").unwrap_or(false),
            regex: text_option("regex"),
        };
        let made: Vec<Field> = captures.iter().map(|(_, f)| f.clone()).collect();
        let mut fields = input.plan.fields.clone();
        fields.extend(made.iter().cloned());
        let node = Node::ParseKv { input: input.plan.clone(), text, captures, options };
        let plan = Plan { node: Arc::new(node), fields };
        Ok(input.with_plan(self.beside(plan, &input.plan.fields, &made)))
    }

    /// New columns follow the input's. A column of a captured name keeps its place and type and shows what was
    /// captured; the capture itself follows under the same name, as Kusto's own binder has it.
    fn beside(&self, plan: Plan, before: &[Field], made: &[Field]) -> Plan {
        let captured = |name: &str| made.iter().find(|m| *m.name == *name);
        if !before.iter().any(|f| captured(&f.name).is_some()) {
            return plan;
        }
        let mut outputs = pass(before);
        for output in &mut outputs {
            if let Some(capture) = captured(&output.field.name) {
                output.expr = cast(Expr::Column(capture.id, capture.ty), output.field.ty);
                output.field.id = self.id();
            }
        }
        outputs.extend(pass(made));
        project(plan, outputs)
    }
}

fn literal_text(ast: &Ast) -> Option<Arc<str>> {
    match &ast.kind {
        ExprKind::Literal(Literal::String(s)) => Some(Arc::clone(&s.value)),
        _ => ast.as_word().map(Arc::from),
    }
}

fn parse_mode(parse: &Parse, span: Span) -> Result<ParseMode> {
    let flags = parse.parameters.word("flags").unwrap_or_default();
    match word(&parse.parameters, "kind").as_deref() {
        None | Some("simple") => Ok(ParseMode::Simple),
        Some("relaxed") => Ok(ParseMode::Relaxed),
        Some("regex") => Ok(ParseMode::Regex {
            ignore_case: flags.contains('i'),
            ungreedy: flags.contains('U'),
            dot_all: flags.contains('s'),
            multi_line: flags.contains('m'),
        }),
        Some(other) => Err(BindError::new(
            "SEM0063",
            span,
            format!("'parse' operator: kind '{other}' is unknown; use simple, relaxed or regex"),
        )),
    }
}
