//! `mv-expand`, `mv-apply`, `partition`: rows from arrays, and pipelines run per group.

use std::sync::Arc;

use kql::Span;
use kql::syntax::{
    Expr as Ast, ExprKind, MvApply, MvExpand, MvItem, Partition, PartitionBody, PartitionBy, TypeOf,
};
use values::{ScalarType, Value};

use super::demand::Demand;
use super::env::{Binding, Env};
use super::error::{BindError, Result};
use super::naming::{Names, implied_name};
use super::{Binder, Context, Relation, pass, project, word};
use crate::plan::{ColumnId, Expansion, Expr, Field, Grouping, Node, Output, Plan};

/// Rows that the old spelling `mvexpand` stops at.
const LEGACY_LIMIT: u64 = 128;

/// Most values of a `partition` whose body names its own source.
const PARTITIONS_MAX: usize = 64;

/// An expanded column: its name and the expansion, whose field has the type that `to typeof(...)` names.
struct Item {
    name: Arc<str>,
    expansion: Expansion,
}

impl Binder<'_> {
    /// `mv-expand`.
    pub(super) fn mv_expand(
        &self,
        env: &Env,
        input: Relation,
        expand: &MvExpand,
    ) -> Result<Relation> {
        let input = self.once_named(input);
        let bags_as_arrays = ["bagexpansion", "kind"]
            .iter()
            .any(|p| word(&expand.parameters, p).as_deref() == Some("array"));
        let limit = match &expand.limit {
            Some(ast) => Some(self.row_count(env, ast, "mv-expand")? as u64),
            None => expand.legacy.then_some(LEGACY_LIMIT),
        };
        let items = self.items(env, &input, &expand.items, "mv-expand")?;
        let index =
            expand.parameters.word("with_itemindex").map(|n| self.field(n, ScalarType::Long));
        let expanded =
            self.expanded(&input, &items, bags_as_arrays, (index.as_ref(), None), limit, true);
        let mut outputs = self.shown(&input.plan.fields, &items);
        if let Some(index) = index {
            outputs.push(Output { expr: Expr::Column(index.id, index.ty), field: index });
        }
        Ok(input.with_plan(project(expanded, outputs)))
    }

    /// What `operator` expands.
    fn items(
        &self,
        env: &Env,
        input: &Relation,
        items: &[MvItem],
        operator: &'static str,
    ) -> Result<Vec<Item>> {
        let ctx = Context::row(env, input, operator);
        let mut names = Names::new([]);
        items
            .iter()
            .map(|item| {
                let expr = self.scalar(&ctx, &item.value)?;
                if expr.ty() != ScalarType::Dynamic {
                    let way_out = match expr.ty() {
                        ScalarType::String => "; use todynamic() or split()",
                        _ => "",
                    };
                    let text = format!(
                        "'{operator}' operator: a dynamic array or bag is expected, not {}{way_out}",
                        expr.ty()
                    );
                    return Err(BindError::new("SEM0066", item.value.span, text));
                }
                let name = match &item.value.kind {
                    ExprKind::Named { name, .. } => Arc::clone(&name.text),
                    _ => implied_name(&item.value).map_or_else(|| names.column(), Arc::from),
                };
                let ty = match &item.to {
                    Some(TypeOf::Scalar(ty)) => ty.scalar.unwrap_or(ScalarType::Dynamic),
                    _ => ScalarType::Dynamic,
                };
                let field = self.field(Arc::clone(&name), ty);
                Ok(Item { name, expansion: Expansion { expr, field } })
            })
            .collect()
    }

    fn expanded(
        &self,
        input: &Relation,
        items: &[Item],
        bags_as_arrays: bool,
        (index, row): (Option<&Field>, Option<&Field>),
        limit: Option<u64>,
        keep_null: bool,
    ) -> Plan {
        let mut fields = input.plan.fields.clone();
        fields.extend(items.iter().map(|i| i.expansion.field.clone()));
        fields.extend(index.into_iter().chain(row).cloned());
        let node = Node::Expand {
            input: input.plan.clone(),
            expansions: items.iter().map(|i| i.expansion.clone()).collect(),
            bags_as_arrays,
            index: index.cloned(),
            row: row.cloned(),
            limit,
            keep_null,
        };
        Plan { node: Arc::new(node), fields }
    }

    /// The columns behind an expansion: expanded ones take the place of those of their name, others follow.
    fn shown(&self, fields: &[Field], items: &[Item]) -> Vec<Output> {
        let mut outputs = pass(fields);
        for item in items {
            let field = &item.expansion.field;
            let output = Output {
                field: self.field(Arc::clone(&item.name), field.ty),
                expr: field.column(),
            };
            match outputs.iter_mut().find(|o| o.field.name == item.name) {
                Some(place) => *place = output,
                None => outputs.push(output),
            }
        }
        outputs
    }

    /// `mv-apply`.
    pub(super) fn mv_apply(&self, env: &Env, input: Relation, apply: &MvApply) -> Result<Relation> {
        let input = self.once_named(input);
        let limit = match &apply.limit {
            Some(ast) => Some(self.row_count(env, ast, "mv-apply")? as u64),
            None => None,
        };
        let outer = input.plan.fields.clone();
        let items = self.items(env, &input, &apply.items, "mv-apply")?;
        let index =
            apply.parameters.word("with_itemindex").map(|n| self.field(n, ScalarType::Long));
        // rows are numbered, so that the body runs once per row
        let row = self.field("$row", ScalarType::Long);
        let numbers = (index.as_ref(), Some(&row));
        let expanded = self.expanded(&input, &items, false, numbers, limit, false);
        let mut visible = self.shown(&input.plan.fields, &items);
        visible.extend(
            index.iter().chain([&row]).map(|f| Output { field: f.clone(), expr: f.column() }),
        );
        // columns that an expansion hides stay available beside the body's result
        let hidden: Vec<Field> =
            outer.iter().filter(|f| !visible.iter().any(|o| o.field.id == f.id)).cloned().collect();
        visible.extend(pass(&hidden));
        let prepared = project(expanded, visible);
        let body_input: Vec<Field> = prepared
            .fields
            .iter()
            .filter(|f| f.id != row.id && !hidden.iter().any(|h| h.id == f.id))
            .cloned()
            .collect();
        let (body, mapping) = self.group_body(env, &input, &body_input, &apply.query)?;
        let keep: Vec<Field> =
            outer.iter().filter(|f| !items.iter().any(|i| i.name == f.name)).cloned().collect();
        // what the body only passes through is there already
        let made: Vec<Field> = body
            .plan
            .fields
            .iter()
            .filter(|b| !outer.iter().any(|o| passes(&mapping, b.id, o.id)))
            .cloned()
            .collect();
        let body_plan = project(body.plan.clone(), pass(&made));
        let mut fields = keep.clone();
        fields.extend(made.iter().cloned());
        let node = Node::Apply {
            input: prepared,
            grouping: Grouping::EachRow,
            row: Some(row.id),
            keep: keep.iter().map(|f| f.id).collect(),
            body: body_plan,
            mapping,
        };
        // a column that the body made anew stands where the outer one of its name stood
        let named = |name: &Arc<str>| made.iter().find(|m| m.name == *name);
        let mut shown: Vec<Field> =
            keep.iter().map(|k| named(&k.name).unwrap_or(k).clone()).collect();
        shown.extend(made.iter().filter(|m| !keep.iter().any(|k| k.name == m.name)).cloned());
        let plan = Plan { node: Arc::new(node), fields };
        let mut result = input.with_plan(project(plan, pass(&shown)));
        result.open = input.open || body.open;
        Ok(result)
    }

    /// Binds a pipeline over the rows of a group.
    fn group_body(
        &self,
        env: &Env,
        outer: &Relation,
        fields: &[Field],
        query: &Ast,
    ) -> Result<(Relation, Vec<(ColumnId, ColumnId)>)> {
        let inner: Vec<Field> =
            fields.iter().map(|f| self.field(Arc::clone(&f.name), f.ty)).collect();
        let mapping = inner.iter().zip(fields).map(|(i, o)| (i.id, o.id)).collect();
        let mut rows = Relation::new(Plan { node: Arc::new(Node::GroupInput), fields: inner });
        rows.open = outer.open;
        rows.ordered = true;
        rows.source = outer.source.clone();
        let body = self.subpipeline(env, rows, query)?;
        Ok((body, mapping))
    }

    /// A pipeline without a source, fed with rows.
    pub(super) fn subpipeline(&self, env: &Env, rows: Relation, query: &Ast) -> Result<Relation> {
        match &query.unparenthesised().kind {
            ExprKind::Pipe { source: None, operators } => self.pipeline(env, Some(rows), operators),
            ExprKind::Pipe { source: Some(_), .. } => self.tabular(env, query),
            ExprKind::Missing => Ok(rows),
            _ => Err(BindError::new(
                "SEM0009",
                query.span,
                "a pipeline of operators is expected here",
            )),
        }
    }

    /// `partition by x (...)`.
    pub(super) fn partition(
        &self,
        env: &Env,
        input: Relation,
        partition: &Partition,
        span: Span,
    ) -> Result<Relation> {
        let ctx = Context::row(env, &input, "partition");
        let by = self.scalar(&ctx, &partition.by)?;
        match &partition.body {
            PartitionBody::Subquery(query) => self.grouped(env, input, by, query),
            PartitionBody::Query(query) => {
                // the body names its own source; the key stands for a constant there
                let (Some(name), Expr::Column(..)) = (implied_name(&partition.by), &by) else {
                    return Err(BindError::new(
                        "SEM0063",
                        span,
                        "'partition' operator: the key must be a column",
                    ));
                };
                self.partition_by_values(env, &input, &name, by, query, span)
            }
        }
    }

    /// `partition by x { T | where y == toscalar(x) }`: the body once for each value of the key.
    fn partition_by_values(
        &self,
        env: &Env,
        input: &Relation,
        name: &str,
        by: Expr,
        query: &Ast,
        span: Span,
    ) -> Result<Relation> {
        let ty = by.ty();
        let key = Output { field: self.field(name, ty), expr: by };
        let fields = vec![key.field.clone()];
        let node =
            Node::Aggregate { input: input.plan.clone(), keys: vec![key], aggregates: Vec::new() };
        let rows = self.run_now(&Plan { node: Arc::new(node), fields }, span)?;
        let mut values: Vec<Value> = match &rows {
            Some(rows) => rows.values().filter_map(|row| row.into_iter().next()).collect(),
            None => vec![Value::null_of(ty)],
        };
        if values.len() > PARTITIONS_MAX {
            return Err(BindError::new(
                "SEM0001",
                span,
                format!(
                    "'partition' operator: more than {PARTITIONS_MAX} values; use partition hint.strategy=native by {name} ( ... )"
                ),
            ));
        }
        if values.is_empty() {
            values.push(Value::null_of(ty));
        }
        let mut inputs = Vec::with_capacity(values.len());
        for value in values {
            let bound = Binding::Scalar(Expr::Literal(value, ty));
            inputs.push(self.tabular(&env.with(Arc::from(name), bound), query)?);
        }
        let none = rows.is_some_and(|rows| rows.is_empty());
        let all = self.union_of(inputs, false, None, span, &Demand::All)?;
        if none { self.limit(all, 0) } else { Ok(all) }
    }

    /// `__partitionby x (...)`.
    pub(super) fn partition_by(
        &self,
        env: &Env,
        input: Relation,
        partition: &PartitionBy,
    ) -> Result<Relation> {
        let ctx = Context::row(env, &input, "__partitionby");
        let by = self.scalar(&ctx, &partition.by)?;
        self.grouped(env, input, by, &partition.query)
    }

    fn grouped(&self, env: &Env, input: Relation, by: Expr, query: &Ast) -> Result<Relation> {
        let fields = input.plan.fields.clone();
        let (body, mapping) = self.group_body(env, &input, &fields, query)?;
        let result_fields: Vec<Field> = body.plan.fields.clone();
        let node = Node::Apply {
            input: input.plan.clone(),
            grouping: Grouping::By(by),
            row: None,
            keep: Vec::new(),
            body: body.plan.clone(),
            mapping,
        };
        let mut result = input.with_plan(Plan { node: Arc::new(node), fields: result_fields });
        result.open = body.open;
        result.ordered = false;
        Ok(result)
    }

    /// `fork`: several results over the same rows.
    pub(super) fn fork(
        &self,
        env: &Env,
        input: Relation,
        branches: &[kql::syntax::ForkBranch],
    ) -> Result<Relation> {
        let shared = self.shared(&input);
        let mut last = None;
        for (i, branch) in branches.iter().enumerate() {
            let rows = self.subpipeline(env, self.instance(&shared), &branch.query)?;
            let name = branch
                .name
                .as_ref()
                .map_or_else(|| format!("GenericResult_{}", i + 1), |n| n.text.to_string());
            self.extra.borrow_mut().push((name, rows.plan.clone()));
            last = Some(rows);
        }
        last.ok_or_else(|| {
            BindError::new("SEM0009", Span::default(), "'fork' operator: there is no branch")
        })
    }

    /// `facet by a, b with (...)`: one table of counts for each column, then the rows.
    pub(super) fn facet(
        &self,
        env: &Env,
        input: Relation,
        facet: &kql::syntax::Facet,
    ) -> Result<Relation> {
        let shared = self.shared(&input);
        for ast in &facet.by {
            let rows = self.instance(&shared);
            let ctx = Context::row(env, &rows, "facet");
            let key = self.scalar(&ctx, ast)?;
            let name = implied_name(ast).unwrap_or_else(|| "Column1".to_owned());
            let call = self.count_call(&format!("count_{name}"))?;
            let key = Output { field: self.field(name.clone(), key.ty()), expr: key };
            let fields = vec![key.field.clone(), call.fields[0].clone()];
            let node = Node::Aggregate {
                input: rows.plan.clone(),
                keys: vec![key],
                aggregates: vec![call],
            };
            self.extra
                .borrow_mut()
                .push((format!("facet_{name}"), Plan { node: Arc::new(node), fields }));
        }
        let rows = self.instance(&shared);
        let rows = match &facet.with {
            Some(query) => {
                let rows = self.subpipeline(env, rows, query)?;
                self.extra.borrow_mut().push(("PrimaryResult".to_owned(), rows.plan.clone()));
                rows
            }
            None => rows,
        };
        Ok(rows)
    }
}

/// True when the body's column `inner` is the outer column `outer`, untouched.
fn passes(mapping: &[(ColumnId, ColumnId)], inner: ColumnId, outer: ColumnId) -> bool {
    mapping.iter().any(|(i, o)| *i == inner && *o == outer)
}
