//! `sort`, `top`, `take`, `sample`, `count`, and the operators built from them.

use std::sync::Arc;

use kql::Span;
use kql::syntax::{
    Expr as Ast, ExprKind, Ident, NullsOrder, SampleDistinct, SortKey as AstKey, SortOrder, Top,
    TopHitters,
};
use values::{ScalarType, Value};

use super::env::Env;
use super::error::{BindError, Result};
use super::naming::implied_name;

use super::{Binder, Context, Relation};
use crate::aggregates;
use crate::plan::{AggregateCall, Expr, Node, Output, Plan, SortKey};

impl Binder<'_> {
    /// `sort by`.
    pub(super) fn sort(&self, env: &Env, input: Relation, by: &[AstKey]) -> Result<Relation> {
        self.sorted(env, input, by, None, "sort")
    }

    /// `top N by`.
    pub(super) fn top(&self, env: &Env, input: Relation, top: &Top) -> Result<Relation> {
        let count = self.row_count(env, &top.count, "top")?;
        self.sorted(env, input, std::slice::from_ref(&top.by), Some(count), "top")
    }

    fn sorted(
        &self,
        env: &Env,
        input: Relation,
        by: &[AstKey],
        limit: Option<usize>,
        operator: &'static str,
    ) -> Result<Relation> {
        let ctx = Context::row(env, &input, operator);
        let keys = by.iter().map(|key| self.sort_key(&ctx, key)).collect::<Result<Vec<_>>>()?;
        let fields = input.plan.fields.clone();
        let node = Node::Sort { input: input.plan.clone(), keys, limit };
        let mut result = input.with_plan(Plan { node: Arc::new(node), fields });
        result.ordered = true;
        Ok(result)
    }

    pub(super) fn sort_key(&self, ctx: &Context<'_>, key: &AstKey) -> Result<SortKey> {
        let expr = self.scalar(ctx, &key.value)?;
        if expr.ty() == ScalarType::Dynamic
            && !matches!(expr, Expr::Literal(..))
            && self.settings.run.is_some()
        {
            return Err(BindError::new(
                "SEM0066",
                key.value.span,
                format!(
                    "'{}' operator: a dynamic value cannot be sorted by; use tostring(), tolong() or the like",
                    ctx.operator
                ),
            ));
        }
        let descending = key.order != Some(SortOrder::Ascending);
        let nulls_first = match key.nulls {
            Some(NullsOrder::First) => true,
            Some(NullsOrder::Last) => false,
            None => !descending,
        };
        Ok(SortKey { expr, descending, nulls_first })
    }

    /// A constant number of rows.
    pub(super) fn row_count(&self, env: &Env, ast: &Ast, operator: &'static str) -> Result<usize> {
        let (value, _) = self.constant(&Context::constant(env, operator), ast)?;
        let whole = matches!(value, Value::Int(_) | Value::Long(_) | Value::Dynamic(_));
        match value.cast(ScalarType::Long) {
            Value::Long(n) if whole => Ok(usize::try_from(n).unwrap_or(0)),
            Value::Null if self.settings.run.is_none() => Ok(0),
            _ => Err(BindError::new(
                "SEM0061",
                ast.span,
                format!("'{operator}' operator: the number of rows must be a constant integer"),
            )),
        }
    }

    /// `take`, `limit`.
    pub(super) fn take(&self, env: &Env, input: Relation, count: &Ast) -> Result<Relation> {
        let count = self.row_count(env, count, "take")?;
        self.limit(input, count)
    }

    pub(super) fn limit(&self, input: Relation, count: usize) -> Result<Relation> {
        let fields = input.plan.fields.clone();
        let node = Node::Limit { input: input.plan.clone(), count };
        Ok(input.with_plan(Plan { node: Arc::new(node), fields }))
    }

    /// `sample`.
    pub(super) fn sample(&self, env: &Env, input: Relation, count: &Ast) -> Result<Relation> {
        let count = self.row_count(env, count, "sample")?;
        let fields = input.plan.fields.clone();
        let node = Node::Sample { input: input.plan.clone(), count };
        let mut result = input.with_plan(Plan { node: Arc::new(node), fields });
        result.ordered = false;
        Ok(result)
    }

    /// `sample-distinct N of x`: some of the distinct values.
    pub(super) fn sample_distinct(
        &self,
        env: &Env,
        input: Relation,
        sample: &SampleDistinct,
    ) -> Result<Relation> {
        let count = self.row_count(env, &sample.count, "sample-distinct")?;
        let distinct = self.distinct(env, input, std::slice::from_ref(&*sample.of))?;
        self.limit(distinct, count)
    }

    /// `count`.
    pub(super) fn count(&self, input: &Relation, name: Option<&Ident>) -> Result<Relation> {
        let name = name.map_or_else(|| Arc::from("Count"), |n| Arc::clone(&n.text));
        let call = self.count_call(&name)?;
        let fields = call.fields.clone();
        let node =
            Node::Aggregate { input: input.plan.clone(), keys: Vec::new(), aggregates: vec![call] };
        Ok(Relation::new(Plan { node: Arc::new(node), fields }))
    }

    pub(super) fn count_call(&self, name: &str) -> Result<AggregateCall> {
        self.aggregate_call("count", name, Vec::new(), ScalarType::Long)
    }

    pub(super) fn aggregate_call(
        &self,
        aggregate: &str,
        name: &str,
        args: Vec<Expr>,
        ty: ScalarType,
    ) -> Result<AggregateCall> {
        let aggregate = aggregates::find(aggregate).ok_or_else(|| {
            BindError::refused(
                Span::default(),
                format!("'{aggregate}' is not supported by this version"),
            )
        })?;
        Ok(AggregateCall { fields: vec![self.field(name, ty)], aggregate, args, filter: None })
    }

    /// `top-hitters N of x by y`: the values with the largest counts or sums, exact here.
    pub(super) fn top_hitters(
        &self,
        env: &Env,
        input: Relation,
        top: &TopHitters,
    ) -> Result<Relation> {
        let count = self.row_count(env, &top.count, "top-hitters")?;
        let ctx = Context::row(env, &input, "top-hitters");
        let of = self.scalar(&ctx, &top.of)?;
        let of_name = match &top.of.kind {
            ExprKind::Named { name, .. } => name.text.to_string(),
            _ => implied_name(&top.of).unwrap_or_else(|| "Column1".to_owned()),
        };
        let call = match &top.by {
            Some(by) => {
                let weight = self.scalar(&ctx, &by.value)?;
                let by_name = implied_name(&by.value).unwrap_or_default();
                let ty =
                    if weight.ty() == ScalarType::Int { ScalarType::Long } else { weight.ty() };
                self.aggregate_call("sum", &format!("approximate_sum_{by_name}"), vec![weight], ty)?
            }
            None => self.count_call(&format!("approximate_count_{of_name}"))?,
        };
        let key = Output { field: self.field(of_name, of.ty()), expr: of };
        let (weight, weight_type) = (call.fields[0].id, call.fields[0].ty);
        let fields = vec![key.field.clone(), call.fields[0].clone()];
        let grouped = Plan {
            node: Arc::new(Node::Aggregate {
                input: input.plan.clone(),
                keys: vec![key],
                aggregates: vec![call],
            }),
            fields: fields.clone(),
        };
        let keys = vec![SortKey {
            expr: Expr::Column(weight, weight_type),
            descending: true,
            nulls_first: false,
        }];
        let mut result = Relation::new(Plan {
            node: Arc::new(Node::Sort { input: grouped, keys, limit: Some(count) }),
            fields,
        });
        result.ordered = true;
        Ok(result)
    }
}
