//! `scan`: names of steps and of what they remember.

use std::sync::Arc;

use kql::Span;
use kql::syntax::{
    Expr as Ast, ExprKind, FunctionParameter, ParameterType, Scan, ScanOutput as AstOutput,
    ScanStep as AstStep,
};
use values::{ScalarType, Value};

use super::env::Env;
use super::error::{BindError, Result};
use super::types::cast;
use super::{Binder, Context, Relation, scalar};
use crate::exec::whole::{RowScan, ScanOutput, ScanStep};
use crate::plan::{Expr, Field, Node, Plan};

/// The steps' names and the columns that each remembers, as `step.column` reads them.
pub(crate) struct StepNames {
    names: Vec<(Arc<str>, Vec<Field>)>,
}

impl StepNames {
    /// What a step remembers, if there is a step of this name.
    pub(super) fn get(&self, name: &str) -> Option<&[Field]> {
        self.names.iter().find(|(n, _)| **n == *name).map(|(_, fields)| &**fields)
    }
}

impl Binder<'_> {
    /// `scan`.
    pub(super) fn scan_operator(
        &self,
        env: &Env,
        input: Relation,
        scan: &Scan,
    ) -> Result<Relation> {
        let input =
            if scan.order_by.is_empty() { input } else { self.sort(env, input, &scan.order_by)? };
        let width = input.plan.fields.len();
        let declared = self.declared_columns(env, &scan.declare)?;
        let partition = self.scan_partition(env, &input, &scan.partition_by)?;
        let mut row: Vec<Field> = input.plan.fields.clone();
        row.extend(declared.iter().map(|(f, _)| f.clone()));
        let names = scan
            .steps
            .iter()
            .map(|step| {
                let own = row.iter().map(|f| self.field(Arc::clone(&f.name), f.ty)).collect();
                (Arc::clone(&step.name.text), own)
            })
            .collect();
        let names = StepNames { names };
        let ctx =
            Context { fields: &row, steps: Some(&names), ..Context::row(env, &input, "scan") };
        let ctx = Context { windows: false, ..ctx };
        let steps = scan
            .steps
            .iter()
            .map(|step| self.scan_step(&ctx, step, &row, &names))
            .collect::<Result<Vec<_>>>()?;
        let match_id =
            scan.parameters.word("with_match_id").map(|name| self.field(name, ScalarType::Long));
        let step_name =
            scan.parameters.word("with_step_name").map(|name| self.field(name, ScalarType::String));
        let mut fields: Vec<Field> =
            row.iter().map(|f| self.field(Arc::clone(&f.name), f.ty)).collect();
        fields.extend(match_id.iter().cloned());
        fields.extend(step_name.iter().cloned());
        let (input_fields, _) = row.split_at(width);
        let operator = RowScan {
            input: input_fields.to_vec(),
            declared,
            steps,
            partition,
            match_id,
            step_name,
        };
        let node = Node::Whole { inputs: vec![input.plan.clone()], operator: Arc::new(operator) };
        let mut result = input.with_plan(Plan { node: Arc::new(node), fields });
        result.ordered = true;
        Ok(result)
    }

    fn declared_columns(
        &self,
        env: &Env,
        declare: &[FunctionParameter],
    ) -> Result<Vec<(Field, Value)>> {
        declare
            .iter()
            .map(|column| {
                let ParameterType::Scalar(ty) = &column.parameter_type else {
                    return Err(BindError::new(
                        "SEM0061",
                        column.span,
                        "'scan' operator: a declared column has a scalar type",
                    ));
                };
                let ty = ty.scalar.unwrap_or(ScalarType::Dynamic);
                let value = match &column.default {
                    Some(ast) => self.constant(&Context::constant(env, "scan"), ast)?.0.cast(ty),
                    None => Value::null_of(ty),
                };
                Ok((self.field(Arc::clone(&column.name.text), ty), value))
            })
            .collect()
    }

    fn scan_partition(&self, env: &Env, input: &Relation, by: &[Ast]) -> Result<Vec<usize>> {
        let ctx = Context::row(env, input, "scan");
        by.iter()
            .map(|ast| match self.scalar(&ctx, ast)? {
                Expr::Column(id, _) => {
                    let at = input.plan.fields.iter().position(|f| f.id == id);
                    at.ok_or_else(|| not_a_column(ast.span))
                }
                _ => Err(not_a_column(ast.span)),
            })
            .collect()
    }

    fn scan_step(
        &self,
        ctx: &Context<'_>,
        step: &AstStep,
        row: &[Field],
        names: &StepNames,
    ) -> Result<ScanStep> {
        let condition = self.predicate(ctx, &step.condition)?;
        let condition = self.settled(condition, step.condition.span)?;
        let mut assignments = Vec::with_capacity(step.assignments.len());
        for ast in &step.assignments {
            let ExprKind::Named { name, value } = &ast.kind else {
                return Err(BindError::new(
                    "SEM0001",
                    ast.span,
                    "'scan' operator: write name = expression behind '=>'",
                ));
            };
            let Some(at) = row.iter().rposition(|f| f.name == name.text) else {
                let known = row.iter().map(|f| &*f.name);
                return Err(BindError::unresolved("column", "scan", &name.text, name.span, known));
            };
            let ty = row.get(at).map_or(ScalarType::Dynamic, |f| f.ty);
            let expr = cast(self.scalar(ctx, value)?, ty);
            assignments.push((at, self.settled(expr, value.span)?));
        }
        let state = names.get(&step.name.text).unwrap_or_default();
        Ok(ScanStep {
            name: Arc::clone(&step.name.text),
            optional: step.optional,
            output: match step.output {
                Some(AstOutput::Last) => ScanOutput::Last,
                Some(AstOutput::None) => ScanOutput::None,
                _ => ScanOutput::All,
            },
            condition,
            assignments,
            state: state.iter().map(|f| f.id).collect(),
        })
    }

    /// `step.column`: what a step remembers.
    pub(super) fn remembered(
        &self,
        ctx: &Context<'_>,
        step: &str,
        column: &kql::syntax::Ident,
    ) -> Option<Result<Expr>> {
        let fields = ctx.steps?.get(step)?;
        let found = scalar::find(fields, &column.text).map(|f| Expr::Column(f.id, f.ty));
        Some(found.ok_or_else(|| {
            let known = fields.iter().map(|f| &*f.name);
            BindError::unresolved("column", ctx.operator, &column.text, column.span, known)
        }))
    }
}

fn not_a_column(span: Span) -> BindError {
    BindError::new("SEM0061", span, "'scan' operator: partition by columns of the input")
}
