//! `evaluate`: plugins, run while binding, since rows decide their columns.

use std::sync::Arc;

use kql::Span;
use kql::syntax::{Call, Evaluate, Expr as Ast, ExprKind, Schema as AstSchema};
use model::Rows;
use values::{ScalarType, Value};

use super::env::Env;
use super::error::{BindError, Result};
use super::summarize::is_aggregate;
use super::{Binder, Context, Relation, pass, project};
use crate::functions;
use crate::plan::{Expr, Field, Node, Output, Plan};
use crate::plugins::{self, PluginArgument, PluginCall, PluginValue};

/// Plugins that would leave this instance.
const REFUSED: &[(&str, &str)] = &[
    ("python", "scripts in other languages are not run here; use KQL functions"),
    ("r", "scripts in other languages are not run here; use KQL functions"),
    ("csharp", "scripts in other languages are not run here; use KQL functions"),
    ("sql_request", "this instance calls no outside databases"),
    ("mysql_request", "this instance calls no outside databases"),
    ("postgresql_request", "this instance calls no outside databases"),
    ("cosmosdb_sql_request", "this instance calls no outside databases"),
    ("dax_request", "this instance calls no outside services"),
    ("http_request", "this instance calls no outside addresses from queries"),
    ("http_request_post", "this instance calls no outside addresses from queries"),
    ("azure_digital_twins_query_request", "this instance calls no outside services"),
    ("ai_embed_text", "this instance calls no outside services"),
    ("ai_embeddings", "this instance calls no outside services"),
    ("ai_chat_completion", "this instance calls no outside services"),
    ("ai_chat_completion_prompt", "this instance calls no outside services"),
    ("execute_query", "this instance reaches no other clusters"),
    ("execute_show_command", "this instance reaches no other clusters"),
];

/// Columns that `invoke FileProfile(...)` adds: what a cloud knows about a file, which nobody tells us here.
const FILE_PROFILE: &[(&str, ScalarType)] = &[
    ("GlobalFirstSeen", ScalarType::DateTime),
    ("GlobalLastSeen", ScalarType::DateTime),
    ("GlobalPrevalence", ScalarType::Long),
    ("IsCertificateValid", ScalarType::Bool),
    ("IsExecutable", ScalarType::Bool),
    ("IsRootSignerMicrosoft", ScalarType::Bool),
    ("Issuer", ScalarType::String),
    ("ProfileAvailability", ScalarType::String),
    ("Publisher", ScalarType::String),
    ("SignatureState", ScalarType::String),
    ("Signer", ScalarType::String),
    ("SignerHash", ScalarType::String),
    ("SoftwareName", ScalarType::String),
    ("ThreatName", ScalarType::String),
];

impl Binder<'_> {
    /// `evaluate plugin(...)`.
    pub(super) fn evaluate(
        &self,
        env: &Env,
        input: Option<Relation>,
        evaluate: &Evaluate,
        span: Span,
    ) -> Result<Relation> {
        let call = &evaluate.call;
        let name = &*call.name.text;
        let input = match input {
            Some(rows) => rows,
            None => self.rows(Rows::default()),
        };
        if let Some((_, why)) = REFUSED.iter().find(|(n, _)| *n == name) {
            return Err(BindError::refused(
                call.name.span,
                format!("plugin '{name}' is not available: {why}"),
            ));
        }
        let (rows, open) = match (name, plugins::find(name)) {
            ("pivot", _) => self.pivot(env, &input, call, span)?,
            (_, Some(plugin)) => self.plugin(env, &input, plugin, call, span)?,
            (_, None) => return Err(unknown_plugin(call)),
        };
        let mut result = self.rows(rows);
        result.open = open || input.open;
        result.source.clone_from(&input.source);
        match &evaluate.schema {
            Some(schema) => Ok(self.promised(result, &input, schema)),
            None => Ok(result),
        }
    }

    /// Runs a plugin over its input; true when its columns are unknown for want of rows.
    fn plugin(
        &self,
        env: &Env,
        input: &Relation,
        plugin: &plugins::Plugin,
        call: &Call,
        span: Span,
    ) -> Result<(Rows, bool)> {
        let ctx = Context::row(env, input, "evaluate");
        let mut outputs = pass(&input.plan.fields);
        let mut args = Vec::with_capacity(call.arguments.len());
        let mut unread = None;
        for ast in &call.arguments {
            let (name, inner) = match &ast.kind {
                ExprKind::Named { name, value } => (Some(Arc::clone(&name.text)), &**value),
                _ => (None, ast),
            };
            let mut made = PluginOutputs { columns: &mut outputs, unread: &mut unread };
            let value = self.plugin_argument(&ctx, inner, name.as_ref(), &mut made, &args)?;
            args.push(PluginArgument { name, value });
        }
        let width = input.plan.fields.len();
        let rows = self.rows_now(&project(input.plan.clone(), outputs), span)?;
        if let Some(error) = unread.filter(|_| !rows.is_empty()) {
            return Err(error);
        }
        let call = PluginCall {
            rows: &rows,
            width,
            args: &args,
            context: &self.context,
            memory_max: self.settings.memory_max,
        };
        let result = (plugin.run)(&call)
            .map_err(|m| plugin_error(span, format!("plugin '{}': {m}", plugin.name)))?;
        Ok((result, plugin.open && rows.is_empty()))
    }

    fn plugin_argument(
        &self,
        ctx: &Context<'_>,
        ast: &Ast,
        name: Option<&Arc<str>>,
        made: &mut PluginOutputs<'_>,
        before: &[PluginArgument],
    ) -> Result<PluginValue> {
        if self.is_tabular(ctx.env, ast, ctx.fields) {
            let other = before.iter().find_map(|a| match &a.value {
                PluginValue::Table(rows) => Some(rows),
                _ => None,
            });
            match (other, ast.as_name()) {
                // a column of the table given before
                (Some(table), Some(column)) if table.schema.column(&column.text).is_some() => {
                    return Ok(PluginValue::Name(Arc::clone(&column.text)));
                }
                _ => {
                    let plan = self.tabular(ctx.env, ast)?.plan;
                    let rows = self.rows_now(&plan, ast.span).unwrap_or_else(|error| {
                        made.unread.get_or_insert(error);
                        empty(&plan)
                    });
                    return Ok(PluginValue::Table(rows));
                }
            }
        }
        if let Some(column) = ast.as_name() {
            // behind a lookup table, a name that the input has too may mean either: the plugin decides by place
            let in_table = before.iter().any(|a| matches!(&a.value, PluginValue::Table(t) if t.schema.column(&column.text).is_some()));
            let keys = before.iter().filter(|a| matches!(a.value, PluginValue::Column(_))).count();
            let own = ctx.fields.iter().position(|f| f.name == column.text);
            if in_table && (keys > 0 || own.is_none()) {
                return Ok(PluginValue::Name(Arc::clone(&column.text)));
            }
            if let Some(at) = own {
                return Ok(PluginValue::Column(at));
            }
        }
        let expr = match &ast.kind {
            ExprKind::Star => {
                return Ok(PluginValue::Constant(Value::string("*"), ScalarType::String));
            }
            _ => self.scalar(ctx, ast)?,
        };
        match expr {
            Expr::Literal(value, ty) => Ok(PluginValue::Constant(value, ty)),
            expr if depends_on_row(&expr) => {
                let name = name
                    .map_or_else(|| Arc::from(format!("$arg{}", made.columns.len())), Arc::clone);
                made.columns.push(Output { field: self.field(name, expr.ty()), expr });
                Ok(PluginValue::Column(made.columns.len() - 1))
            }
            expr => {
                let ty = expr.ty();
                let plan = self.print_plan(vec![(Arc::from("value"), expr)]);
                let rows = self.rows_now(&plan, ast.span)?;
                Ok(PluginValue::Constant(rows.get(0, "value").unwrap_or(Value::Null), ty))
            }
        }
    }

    /// The rows of a plan now, or none of them when only names and types are asked for.
    fn rows_now(&self, plan: &Plan, span: Span) -> Result<Rows> {
        Ok(self.run_now(plan, span)?.unwrap_or_else(|| empty(plan)))
    }

    /// `pivot(column, aggregate, columns...)`.
    fn pivot(&self, env: &Env, input: &Relation, call: &Call, span: Span) -> Result<(Rows, bool)> {
        let ctx = Context::row(env, input, "pivot");
        let Some((first, rest)) = call.arguments.split_first() else {
            return Err(self.wrong_count("pivot", 0, span));
        };
        let pivot = self.scalar(&ctx, first)?;
        let Expr::Column(pivot_id, pivot_type) = pivot else {
            return Err(BindError::new(
                "SEM0061",
                first.span,
                "pivot: the first argument must be a column",
            ));
        };
        let (aggregate, rest) = match rest.split_first() {
            Some((ast, rest)) => match &ast.unparenthesised().kind {
                ExprKind::Call(c) if is_aggregate(&c.name.text) => (Some(c), rest),
                _ => (None, &call.arguments[1..]),
            },
            None => (None, rest),
        };
        let mut calls = match aggregate {
            Some(call) => {
                self.aggregate(&ctx, call, &[], span)?.into_iter().map(|(_, c)| c).collect()
            }
            None => vec![self.count_call("count_")?],
        };
        let Some(mut aggregate) = calls.pop() else {
            return Err(self.wrong_count("pivot", 0, span));
        };
        let mut used = std::collections::HashSet::from([pivot_id]);
        for arg in &aggregate.args {
            crate::plan::visit(arg, &mut |e| {
                if let Expr::Column(id, _) = e {
                    used.insert(*id);
                }
            });
        }
        let keys: Vec<Field> = if rest.is_empty() {
            input.plan.fields.iter().filter(|f| !used.contains(&f.id)).cloned().collect()
        } else {
            rest.iter()
                .map(|ast| match self.scalar(&ctx, ast)? {
                    Expr::Column(id, _) => {
                        input.plan.fields.iter().find(|f| f.id == id).cloned().ok_or_else(|| {
                            BindError::new(
                                "SEM0061",
                                ast.span,
                                "pivot: a column of the input is expected",
                            )
                        })
                    }
                    _ => Err(BindError::new(
                        "SEM0061",
                        ast.span,
                        "pivot: a column of the input is expected",
                    )),
                })
                .collect::<Result<Vec<_>>>()?
        };
        aggregate.fields.truncate(1);
        let mut outputs: Vec<Output> = keys
            .iter()
            .map(|f| Output {
                field: self.field(Arc::clone(&f.name), f.ty),
                expr: Expr::Column(f.id, f.ty),
            })
            .collect();
        let pivot_expr = Expr::Column(pivot_id, pivot_type);
        outputs.push(Output { field: self.field("$pivot", pivot_type), expr: pivot_expr });
        let fields =
            outputs.iter().map(|o| o.field.clone()).chain(aggregate.fields.clone()).collect();
        let empty = match aggregate.aggregate.name {
            "count" | "countif" | "dcount" | "dcountif" | "sum" | "sumif" | "count_distinct" => {
                Value::Long(0).cast(aggregate.fields.first().map_or(ScalarType::Long, |f| f.ty))
            }
            _ => Value::Null,
        };
        let node = Node::Aggregate {
            input: input.plan.clone(),
            keys: outputs,
            aggregates: vec![aggregate],
        };
        let groups = self.rows_now(&Plan { node: Arc::new(node), fields }, span)?;
        let wide = plugins::widen(&groups, keys.len(), &empty, self.settings.memory_max)
            .map_err(|m| plugin_error(span, m))?;
        Ok((wide, groups.is_empty()))
    }

    /// `: (a: long, *)`: the columns that the query promises, and no others without the star.
    fn promised(&self, rows: Relation, input: &Relation, schema: &AstSchema) -> Relation {
        let mut outputs: Vec<Output> = Vec::new();
        if schema.star {
            outputs.extend(
                pass(&rows.plan.fields)
                    .into_iter()
                    .filter(|o| super::scalar::find(&input.plan.fields, &o.field.name).is_some()),
            );
        }
        for column in &schema.columns {
            let ty = column.column_type.scalar.unwrap_or(ScalarType::Dynamic);
            let expr = match super::scalar::find(&rows.plan.fields, &column.name.text) {
                Some(f) => super::types::cast(Expr::Column(f.id, f.ty), ty),
                None => super::union::null(ty),
            };
            outputs.retain(|o| o.field.name != column.name.text);
            outputs.push(Output { field: self.field(Arc::clone(&column.name.text), ty), expr });
        }
        let mut result = rows.with_plan(project(rows.plan.clone(), outputs));
        result.open = false;
        result
    }

    /// `invoke FileProfile(...)`: the columns, unknown here.
    pub(super) fn built_in_invoke(
        &self,
        env: &Env,
        input: Relation,
        call: &Call,
    ) -> Result<Relation> {
        if &*call.name.text != "FileProfile" {
            return Err(self.unknown_function(&Context::constant(env, "invoke"), &call.name));
        }
        let mut outputs = pass(&input.plan.fields);
        for (name, ty) in FILE_PROFILE {
            let output = Output { field: self.field(*name, *ty), expr: super::union::null(*ty) };
            match outputs.iter_mut().find(|o| *o.field.name == **name) {
                Some(place) => *place = output,
                None => outputs.push(output),
            }
        }
        Ok(input.with_plan(project(input.plan.clone(), outputs)))
    }
}

/// What binding a plugin's arguments makes besides their values.
struct PluginOutputs<'a> {
    /// Columns that the plugin's input gets for arguments computed per row.
    columns: &'a mut Vec<Output>,
    /// Why a table argument has no rows. It counts only where the plugin has rows to look up in it.
    unread: &'a mut Option<BindError>,
}

/// What a plugin refuses: its arguments, or rows for which there is no room.
fn plugin_error(span: Span, message: String) -> BindError {
    let limit = message.contains(plugins::NO_ROOM);
    BindError { limit, ..BindError::new("SEM0061", span, message) }
}

/// The columns of a plan without rows.
fn empty(plan: &Plan) -> Rows {
    let schema = model::Schema::new(plan.fields.iter().map(|f| (&*f.name, f.ty)));
    Rows { schema: Arc::new(schema), batches: Vec::new() }
}

fn unknown_plugin(call: &Call) -> BindError {
    let name = &call.name.text;
    if functions::plugin_signatures(name).is_some() {
        return BindError::refused(
            call.name.span,
            format!("plugin '{name}' is not supported by this version"),
        );
    }
    let hint = kql::suggest(name, functions::plugin_names())
        .map_or_else(String::new, |n| format!(" (did you mean '{n}'?)"));
    BindError::new("SEM0260", call.name.span, format!("Unknown plugin: '{name}'{hint}"))
}

fn depends_on_row(expr: &Expr) -> bool {
    let mut found = false;
    crate::plan::visit(expr, &mut |e| found |= matches!(e, Expr::Column(..) | Expr::Window(_)));
    found
}
