//! `extend`, `project` and its relatives, `distinct`.

use std::cmp::Ordering;
use std::sync::Arc;

use kql::Span;
use kql::syntax::{Expr as Ast, ExprKind, Ident, ReorderColumn, ReorderOrder, Schema};
use values::{ScalarType, Value};

use super::demand::Demand;
use super::env::Env;
use super::error::{BindError, Result};
use super::naming::{Names, expect_named_once, implied_name, matches_wildcard};
use super::types::cast;
use super::{Binder, Context, Relation, pass, project};
use crate::plan::{Expr, Field, Node, Output, Plan, Step};

use ScalarType::{Dynamic, Long, Real};

/// Functions that give several columns: name, suffixes and types. Their value is the array of the columns' values.
const MULTI: &[(&str, &[(&str, ScalarType)])] = &[
    (
        "series_fit_line",
        &[
            ("rsquare", Real),
            ("slope", Real),
            ("variance", Real),
            ("rvariance", Real),
            ("interception", Real),
            ("line_fit", Dynamic),
        ],
    ),
    (
        "series_fit_2lines",
        &[
            ("rsquare", Real),
            ("split_idx", Long),
            ("variance", Real),
            ("rvariance", Real),
            ("line_fit", Dynamic),
            ("right_rsquare", Real),
            ("right_slope", Real),
            ("right_interception", Real),
            ("right_variance", Real),
            ("right_rvariance", Real),
            ("left_rsquare", Real),
            ("left_slope", Real),
            ("left_interception", Real),
            ("left_variance", Real),
            ("left_rvariance", Real),
        ],
    ),
    (
        "series_fit_poly",
        &[
            ("rsquare", Real),
            ("coefficients", Dynamic),
            ("variance", Real),
            ("rvariance", Real),
            ("poly_fit", Dynamic),
        ],
    ),
    (
        "series_stats",
        &[
            ("min", Real),
            ("min_idx", Long),
            ("max", Real),
            ("max_idx", Long),
            ("avg", Real),
            ("stdev", Real),
            ("variance", Real),
        ],
    ),
    (
        "series_decompose",
        &[("baseline", Dynamic), ("seasonal", Dynamic), ("trend", Dynamic), ("residual", Dynamic)],
    ),
    (
        "series_decompose_anomalies",
        &[("ad_flag", Dynamic), ("ad_score", Dynamic), ("baseline", Dynamic)],
    ),
    (
        "series_decompose_forecast",
        &[("baseline", Dynamic), ("seasonal", Dynamic), ("trend", Dynamic), ("residual", Dynamic)],
    ),
    ("series_periods_detect", &[("periods", Dynamic), ("scores", Dynamic)]),
    ("series_periods_validate", &[("periods", Dynamic), ("scores", Dynamic)]),
    ("series_fft", &[("real", Dynamic), ("imag", Dynamic)]),
    ("series_ifft", &[("real", Dynamic), ("imag", Dynamic)]),
];

/// A column made by an expression: name, whether the query gave it, value.
type Part = (String, bool, Expr);

impl Binder<'_> {
    /// The columns of a function that gives several; none for every other expression.
    pub(super) fn multi_column(&self, ctx: &Context<'_>, ast: &Ast) -> Result<Option<Vec<Part>>> {
        let (given, inner): (Vec<&Ident>, &Ast) = match &ast.kind {
            ExprKind::Named { name, value } => (vec![name], value),
            ExprKind::NamedTuple { names, value } => (names.iter().collect(), value),
            _ => (Vec::new(), ast),
        };
        let inner = inner.unparenthesised();
        let call = match &inner.kind {
            ExprKind::Call(call) => call,
            _ if matches!(ast.kind, ExprKind::NamedTuple { .. }) => {
                return self.tuple_of_dynamic(ctx, &given, inner).map(Some);
            }
            _ => return Ok(None),
        };
        let name = &*call.name.text;
        if ctx.env.get(name).is_some() {
            return Ok(None);
        }
        if matches!(name, "array_sort_asc" | "array_sort_desc") {
            return self.sorted_arrays(ctx, &given, call, inner).map(Some);
        }
        let Some((_, columns)) = MULTI.iter().find(|(n, _)| *n == name) else {
            if matches!(ast.kind, ExprKind::NamedTuple { .. }) {
                return self.tuple_of_dynamic(ctx, &given, inner).map(Some);
            }
            return Ok(None);
        };
        let tuple = self.scalar(ctx, inner)?;
        let stem = call.arguments.first().and_then(implied_name).unwrap_or_default();
        let parts = columns.iter().enumerate().map(|(i, (suffix, ty))| {
            let wanted = given.get(i).map(|n| n.text.to_string());
            let is_given = wanted.is_some();
            let name = wanted.unwrap_or_else(|| format!("{name}_{stem}_{suffix}"));
            (name, is_given, cast(element(&tuple, i), *ty))
        });
        Ok(Some(parts.collect()))
    }

    /// `(a, b) = d`: elements of a dynamic array.
    fn tuple_of_dynamic(
        &self,
        ctx: &Context<'_>,
        names: &[&Ident],
        value: &Ast,
    ) -> Result<Vec<Part>> {
        let value = self.scalar(ctx, value)?;
        if names.len() == 1 {
            return Ok(vec![(names[0].text.to_string(), true, value)]);
        }
        if value.ty() != Dynamic {
            return Err(BindError::new(
                "SEM0079",
                names.first().map_or(Span::default(), |n| n.span),
                "several names can be given only to a function with several results",
            ));
        }
        Ok(names
            .iter()
            .enumerate()
            .map(|(i, n)| (n.text.to_string(), true, element(&value, i)))
            .collect())
    }

    /// `array_sort_asc(a, b)`: one sorted array for each argument.
    fn sorted_arrays(
        &self,
        ctx: &Context<'_>,
        given: &[&Ident],
        call: &kql::syntax::Call,
        inner: &Ast,
    ) -> Result<Vec<Part>> {
        let types = call.arguments.iter().map(|a| self.scalar(ctx, a).map(|e| e.ty()));
        let types = types.collect::<Result<Vec<_>>>()?;
        let arrays = types.iter().filter(|ty| **ty == Dynamic).count();
        let value = self.scalar(ctx, inner)?;
        let name_of = |i: usize| -> (String, bool) {
            match given.get(i) {
                Some(n) => (n.text.to_string(), true),
                None => {
                    let stem = call.arguments.get(i).and_then(implied_name);
                    (format!("{}_sorted", stem.unwrap_or_else(|| format!("array{i}"))), false)
                }
            }
        };
        if arrays <= 1 {
            let named = call.arguments.first().and_then(implied_name).is_some();
            let (name, is_given) =
                if named || !given.is_empty() { name_of(0) } else { Default::default() };
            return Ok(vec![(name, is_given, value)]);
        }
        Ok((0..arrays)
            .map(|i| {
                let (name, is_given) = name_of(i);
                (name, is_given, element(&value, i))
            })
            .collect())
    }

    /// `extend`, `serialize`.
    pub(super) fn extend(
        &self,
        env: &Env,
        input: Relation,
        columns: &[Ast],
        operator: &'static str,
        after: &Demand,
    ) -> Result<Relation> {
        let input = self.once_named(input);
        let before = input.clone();
        let input = self.with_ingestion_time(input, columns);
        let mut outputs = pass(&input.plan.fields);
        let mut names = Names::new(input.plan.fields.iter().map(|f| Arc::clone(&f.name)));
        for ast in columns.iter().filter(|ast| after.wants_output(ast)) {
            let ctx = Context::row(env, &input, operator);
            if let Some(parts) = self.multi_column(&ctx, ast)? {
                for (name, given, expr) in parts {
                    let name = if name.is_empty() { names.column().to_string() } else { name };
                    self.put(&mut outputs, &mut names, &name, given, expr);
                }
                continue;
            }
            let expr = self.scalar(&ctx, ast)?;
            match &ast.kind {
                ExprKind::Named { name, .. } => {
                    self.put(&mut outputs, &mut names, &name.text, true, expr)
                }
                // a column by its own name stays what it is
                ExprKind::Name(_) if matches!(expr, Expr::Column(..)) => {}
                _ => match implied_name(ast).filter(|_| operator == "extend") {
                    // `extend tostring(d)` is `extend d = tostring(d)`
                    Some(name) => self.put(&mut outputs, &mut names, &name, true, expr),
                    None => {
                        let name = self.column_name(ast, &mut names);
                        let field = self.field(name, expr.ty());
                        outputs.push(Output { field, expr });
                    }
                },
            }
        }
        let result = input.with_plan(project(input.plan.clone(), outputs));
        Ok(self.without_ingestion_time(result, &before))
    }

    /// Adds a column, or replaces the one of that name where it stands.
    fn put(
        &self,
        outputs: &mut Vec<Output>,
        names: &mut Names,
        name: &str,
        given: bool,
        expr: Expr,
    ) {
        let known = outputs.iter_mut().find(|o| *o.field.name == *name).filter(|_| given);
        match known {
            Some(output) => {
                output.field = self.field(name, expr.ty());
                output.expr = expr;
            }
            None => {
                let name = if given {
                    let name: Arc<str> = Arc::from(name);
                    names.take(&name);
                    name
                } else {
                    names.unique(name)
                };
                outputs.push(Output { field: self.field(name, expr.ty()), expr });
            }
        }
    }

    /// `project`.
    pub(super) fn project_operator(
        &self,
        env: &Env,
        input: Relation,
        columns: &[Ast],
        after: &Demand,
    ) -> Result<Relation> {
        expect_named_once("project", columns)?;
        let input = self.with_ingestion_time(input, columns);
        let ctx = Context::row(env, &input, "project");
        // rows are counted by a column
        let none = !columns.iter().any(|ast| after.wants_output(ast));
        let mut names = Names::beside(&input.plan.fields);
        let mut outputs = Vec::with_capacity(columns.len());
        for (at, ast) in columns.iter().enumerate() {
            let counted = none && at == 0;
            if !counted && !after.wants_output(ast) {
                continue;
            }
            match &ast.kind {
                ExprKind::Star => {
                    for field in &input.plan.fields {
                        if !names.contains(&field.name) {
                            names.take(&field.name);
                            outputs.push(Output {
                                field: field.clone(),
                                expr: Expr::Column(field.id, field.ty),
                            });
                        }
                    }
                    continue;
                }
                ExprKind::Wildcard(pattern) => {
                    for field in &input.plan.fields {
                        if matches_wildcard(&pattern.text, &field.name)
                            && !names.contains(&field.name)
                        {
                            names.take(&field.name);
                            outputs.push(Output {
                                field: field.clone(),
                                expr: Expr::Column(field.id, field.ty),
                            });
                        }
                    }
                    continue;
                }
                _ => {}
            }
            if let Some(parts) = self.multi_column(&ctx, ast)? {
                for (name, _, expr) in parts {
                    let name = if name.is_empty() { names.column() } else { names.unique(&name) };
                    outputs.push(Output { field: self.field(name, expr.ty()), expr });
                }
                continue;
            }
            let expr = self.scalar(&ctx, ast)?;
            let name = self.column_name(ast, &mut names);
            outputs.push(Output { field: self.field(name, expr.ty()), expr });
        }
        let mut result = input.with_plan(project(input.plan.clone(), outputs));
        result.open = false;
        Ok(result)
    }

    /// Positions of the columns that names and patterns pick, in the order picked.
    fn pick(
        &self,
        input: &Relation,
        columns: &[Ast],
        operator: &'static str,
    ) -> Result<Vec<usize>> {
        let mut picked = Vec::new();
        for ast in columns {
            let before = picked.len();
            match &ast.kind {
                ExprKind::Star => picked.extend(0..input.plan.fields.len()),
                ExprKind::Wildcard(pattern) => picked.extend(
                    input
                        .plan
                        .fields
                        .iter()
                        .enumerate()
                        .filter(|(_, f)| matches_wildcard(&pattern.text, &f.name))
                        .map(|(i, _)| i),
                ),
                ExprKind::Name(name) => {
                    let fields = input.plan.fields.iter().enumerate();
                    picked.extend(fields.filter(|(_, f)| f.name == name.text).map(|(i, _)| i));
                    if picked.len() == before && !input.open {
                        let known = input.plan.fields.iter().map(|f| &*f.name);
                        return Err(BindError::unresolved(
                            "column", operator, &name.text, name.span, known,
                        ));
                    }
                }
                _ => {
                    return Err(BindError::new(
                        "SEM0065",
                        ast.span,
                        format!("'{operator}' operator: a column name or pattern is expected"),
                    ));
                }
            }
        }
        Ok(picked)
    }

    fn keep(&self, input: Relation, kept: &[usize]) -> Relation {
        let fields: Vec<Field> =
            kept.iter().filter_map(|i| input.plan.fields.get(*i)).cloned().collect();
        input.with_plan(project(input.plan.clone(), pass(&fields)))
    }

    /// `project-away`.
    pub(super) fn project_away(&self, input: Relation, columns: &[Ast]) -> Result<Relation> {
        let away = self.pick(&input, columns, "project-away")?;
        let kept: Vec<usize> = (0..input.plan.fields.len()).filter(|i| !away.contains(i)).collect();
        Ok(self.keep(input, &kept))
    }

    /// `project-keep`: the columns stay in their own order.
    pub(super) fn project_keep(&self, input: Relation, columns: &[Ast]) -> Result<Relation> {
        let mut kept = self.pick(&input, columns, "project-keep")?;
        kept.sort_unstable();
        kept.dedup();
        let mut result = self.keep(input, &kept);
        result.open = false;
        Ok(result)
    }

    /// `project-rename`.
    pub(super) fn project_rename(&self, input: Relation, columns: &[Ast]) -> Result<Relation> {
        let input = self.once_named(input);
        let mut fields = input.plan.fields.clone();
        for ast in columns {
            let renamed = match &ast.kind {
                ExprKind::Named { name, value } => value.as_name().map(|old| (name, old)),
                _ => None,
            };
            let Some((new, old)) = renamed else {
                return Err(BindError::new(
                    "SEM0065",
                    ast.span,
                    "'project-rename' operator: write new_name = old_name",
                ));
            };
            match input.plan.fields.iter().position(|f| f.name == old.text) {
                Some(at) => fields[at].name = Arc::clone(&new.text),
                None if input.open => fields.push(self.field(Arc::clone(&new.text), Dynamic)),
                None => {
                    let known = input.plan.fields.iter().map(|f| &*f.name);
                    return Err(BindError::unresolved(
                        "column",
                        "project-rename",
                        &old.text,
                        old.span,
                        known,
                    ));
                }
            }
        }
        for (i, field) in fields.iter().enumerate() {
            if fields[..i].iter().any(|f| f.name == field.name) {
                return Err(BindError::new(
                    "SEM0083",
                    columns.first().map_or(Span::default(), |c| c.span),
                    format!(
                        "'project-rename' operator: a column named '{}' exists already",
                        field.name
                    ),
                ));
            }
        }
        let outputs = fields
            .into_iter()
            .enumerate()
            .map(|(i, f)| match input.plan.fields.get(i) {
                Some(old) => Output {
                    field: Field { id: self.id(), ..f },
                    expr: Expr::Column(old.id, old.ty),
                },
                None => Output { field: f, expr: Expr::Literal(Value::Null, Dynamic) },
            })
            .collect();
        Ok(input.with_plan(project(input.plan.clone(), outputs)))
    }

    /// `project-reorder`.
    pub(super) fn project_reorder(
        &self,
        input: Relation,
        columns: &[ReorderColumn],
    ) -> Result<Relation> {
        let input = self.once_named(input);
        let mut order = Vec::with_capacity(input.plan.fields.len());
        for column in columns {
            let mut picked =
                self.pick(&input, std::slice::from_ref(&column.column), "project-reorder")?;
            if let Some(by) = column.order {
                picked.sort_by(|a, b| {
                    reorder(&input.plan.fields[*a].name, &input.plan.fields[*b].name, by)
                });
            }
            for at in picked {
                if !order.contains(&at) {
                    order.push(at);
                }
            }
        }
        order.extend(
            (0..input.plan.fields.len()).filter(|i| !order.contains(i)).collect::<Vec<_>>(),
        );
        Ok(self.keep(input, &order))
    }

    /// `project-by-names`: names, texts and arrays of texts.
    pub(super) fn project_by_names(
        &self,
        env: &Env,
        input: Relation,
        columns: &[Ast],
    ) -> Result<Relation> {
        let ctx = Context::constant(env, "project-by-names");
        let mut patterns: Vec<String> = Vec::new();
        for ast in columns {
            match &ast.kind {
                ExprKind::Name(n) if super::scalar::find(&input.plan.fields, &n.text).is_some() => {
                    patterns.push(n.text.to_string());
                }
                ExprKind::Wildcard(n) => patterns.push(n.text.to_string()),
                _ => match self.constant(&ctx, ast)?.0 {
                    Value::String(s) => patterns.push(s.to_string()),
                    Value::Dynamic(d) => {
                        patterns.extend(
                            d.as_ref().array().filter_map(|e| e.as_str()).map(str::to_owned),
                        );
                    }
                    _ => {
                        return Err(BindError::new(
                            "SEM0065",
                            ast.span,
                            "'project-by-names' operator: names, texts or arrays of texts are expected",
                        ));
                    }
                },
            }
        }
        let mut picked: Vec<usize> = Vec::new();
        for pattern in &patterns {
            for (i, field) in input.plan.fields.iter().enumerate() {
                if matches_wildcard(pattern, &field.name) && !picked.contains(&i) {
                    picked.push(i);
                }
            }
        }
        Ok(self.keep(input, &picked))
    }

    /// `distinct`.
    pub(super) fn distinct(&self, env: &Env, input: Relation, columns: &[Ast]) -> Result<Relation> {
        let input = self.once_named(input);
        let ctx = Context::row(env, &input, "distinct");
        let mut names = Names::beside(&input.plan.fields);
        let mut keys = Vec::new();
        for ast in columns {
            match &ast.kind {
                ExprKind::Star => keys.extend(
                    input
                        .plan
                        .fields
                        .iter()
                        .map(|f| (Arc::clone(&f.name), Expr::Column(f.id, f.ty))),
                ),
                ExprKind::Wildcard(p) => keys.extend(
                    input
                        .plan
                        .fields
                        .iter()
                        .filter(|f| matches_wildcard(&p.text, &f.name))
                        .map(|f| (Arc::clone(&f.name), Expr::Column(f.id, f.ty))),
                ),
                _ => {
                    let expr = self.scalar(&ctx, ast)?;
                    keys.push((self.column_name(ast, &mut names), expr));
                }
            }
        }
        let keys: Vec<Output> = keys
            .into_iter()
            .map(|(name, expr)| Output { field: self.field(name, expr.ty()), expr })
            .collect();
        let fields = keys.iter().map(|k| k.field.clone()).collect();
        let node = Node::Aggregate { input: input.plan.clone(), keys, aggregates: Vec::new() };
        let mut result = input.with_plan(Plan { node: Arc::new(node), fields });
        result.ordered = false;
        Ok(result)
    }

    /// `assert-schema`.
    pub(super) fn assert_schema(
        &self,
        input: Relation,
        schema: &Schema,
        span: Span,
    ) -> Result<Relation> {
        for column in &schema.columns {
            let wanted = column.column_type.scalar;
            let found = super::scalar::find(&input.plan.fields, &column.name.text);
            if found.is_none_or(|f| wanted.is_some_and(|w| w != f.ty)) && !input.open {
                return Err(BindError::new(
                    "SEM0262",
                    span,
                    format!(
                        "assert-schema: there is no column '{}' of type {}",
                        column.name, column.column_type.text
                    ),
                ));
            }
        }
        Ok(input)
    }

    /// `getschema`.
    pub(super) fn get_schema(&self, input: &Relation) -> Relation {
        use ScalarType::String as Text;
        let schema = Arc::new(model::Schema::new([
            ("ColumnName", Text),
            ("ColumnOrdinal", Long),
            ("DataType", Text),
            ("ColumnType", Text),
        ]));
        let rows = input.plan.fields.iter().enumerate().map(|(i, f)| {
            vec![
                Value::String(Arc::clone(&f.name)),
                Value::Long(i64::try_from(i).unwrap_or(i64::MAX)),
                Value::string(f.ty.net_name()),
                Value::string(f.ty.name()),
            ]
        });
        self.rows(model::Rows::from_values(schema, rows))
    }
}

/// The element of a dynamic array.
fn element(tuple: &Expr, at: usize) -> Expr {
    let at = i64::try_from(at).unwrap_or(i64::MAX);
    if let Expr::Literal(Value::Dynamic(d), _) = tuple {
        let value = d.as_ref().index(at).filter(|v| !v.is_null());
        return Expr::Literal(value.map_or(Value::Null, |v| Value::Dynamic(v.to_owned())), Dynamic);
    }
    Expr::Path { base: Box::new(tuple.clone()), steps: vec![Step::Index(at)] }
}

fn reorder(a: &str, b: &str, by: ReorderOrder) -> Ordering {
    match by {
        ReorderOrder::Ascending => alphabetical(a, b),
        ReorderOrder::Descending => alphabetical(b, a),
        ReorderOrder::GrannyAscending => natural(&a.to_lowercase(), &b.to_lowercase()),
        ReorderOrder::GrannyDescending => natural(&b.to_lowercase(), &a.to_lowercase()),
    }
}

/// Compares names without regard to case.
fn alphabetical(a: &str, b: &str) -> Ordering {
    a.to_lowercase().cmp(&b.to_lowercase())
}

/// Compares names with the numbers inside them as numbers.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let number = |s: &str| s.len() - s.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (da, db) = (number(a), number(b));
        if da > 0 && db > 0 {
            let (na, nb) = (a[..da].trim_start_matches('0'), b[..db].trim_start_matches('0'));
            let order = na.len().cmp(&nb.len()).then_with(|| na.cmp(nb));
            if order != Ordering::Equal {
                return order;
            }
            (a, b) = (&a[da..], &b[db..]);
            continue;
        }
        match (a.chars().next(), b.chars().next()) {
            (None, None) => return Ordering::Equal,
            (None, _) => return Ordering::Less,
            (_, None) => return Ordering::Greater,
            (Some(x), Some(y)) if x != y => return x.cmp(&y),
            (Some(x), Some(_)) => (a, b) = (&a[x.len_utf8()..], &b[x.len_utf8()..]),
        }
    }
}
