//! `union`: one column per name and type.

use std::sync::Arc;

use ahash::{AHashMap as HashMap, AHashSet as HashSet};
use kql::Span;
use kql::syntax::{Expr as Ast, ExprKind, Ident, Union};
use values::{ScalarType, Value};

use super::demand::{Demand, Leave};
use super::env::{Binding, Env};
use super::error::{BindError, Result};
use super::naming::matches_wildcard;
use super::statement::Bound;
use super::{Binder, Context, Relation, project, word};
use crate::plan::{Expr, Field, Node, Output, Plan};

/// Most inputs of one union.
const INPUTS_MAX: usize = 5_000;
/// A union of so many columns has only those that are asked for.
const COLUMNS_MANY: usize = 300;

impl Binder<'_> {
    /// `union`, as an operator or at the head of a query.
    pub(super) fn union(
        &self,
        env: &Env,
        first: Option<Relation>,
        union: &Union,
        span: Span,
        demand: &Demand,
    ) -> Result<Relation> {
        let fuzzy = union.parameters.flag("isfuzzy").unwrap_or(false);
        let inner = match word(&union.parameters, "kind").as_deref() {
            None | Some("outer") => false,
            Some("inner") => true,
            Some(other) => {
                let at = union.parameters.get("kind").map_or(span, |p| p.value.span);
                let text =
                    format!("'union' operator: kind '{other}' is unknown; use inner or outer");
                return Err(BindError::new("SEM0063", at, text));
            }
        };
        let source =
            union.parameters.word("withsource").or_else(|| union.parameters.word("with_source"));
        let all = union.tables.iter().any(is_all);
        let mut inputs: Vec<Relation> = first.into_iter().collect();
        let mut missing = None;
        for ast in &union.tables {
            let outer = self.forgiving.replace(fuzzy || self.forgiving.get());
            let input = self.union_input(env, ast, demand);
            self.forgiving.set(outer);
            match input {
                Ok(found) => inputs.extend(found),
                Err(error) if fuzzy && forgiven(&error) => missing = missing.or(Some(error)),
                Err(error) => return Err(error),
            }
            if inputs.len() > INPUTS_MAX {
                return Err(BindError::new(
                    "SEM0001",
                    span,
                    format!("union of more than {INPUTS_MAX} tables"),
                ));
            }
        }
        if inputs.is_empty() {
            if self.settings.run.is_none() || all {
                // names and types only, or no table has rows: nothing is known
                let columns = source.map(|name| (name, ScalarType::String));
                let schema = Arc::new(model::Schema::new(columns));
                let mut rows = self.rows(model::Rows { schema, batches: Vec::new() });
                rows.open = true;
                return Ok(rows);
            }
            return Err(missing.unwrap_or_else(|| {
                BindError::new(
                    "SEM0100",
                    span,
                    "'union' operator: none of the inputs could be resolved",
                )
            }));
        }
        let mut result = self.union_of(inputs, inner, source, span, demand)?;
        result.open |= all || (missing.is_some() && self.settings.run.is_none());
        Ok(result)
    }

    /// The inputs that one element stands for.
    fn union_input(&self, env: &Env, ast: &Ast, demand: &Demand) -> Result<Vec<Relation>> {
        match &ast.kind {
            ExprKind::Wildcard(pattern) => self.by_wildcard(env, pattern),
            ExprKind::Star => self.by_wildcard(
                env,
                &Ident { text: Arc::from("*"), span: ast.span, bracketed: false },
            ),
            _ => Ok(vec![self.tabular_for(env, ast, demand)?]),
        }
    }

    /// Tables and views whose name fits a pattern.
    pub(super) fn by_wildcard(&self, env: &Env, pattern: &Ident) -> Result<Vec<Relation>> {
        let mut found = Vec::new();
        let mut seen = Vec::new();
        for (name, binding) in env.iter() {
            if seen.contains(&name) || !matches_wildcard(&pattern.text, name) {
                continue;
            }
            seen.push(name);
            if let Binding::Function(declared) = binding
                && declared.view
                && declared.parameters.is_empty()
            {
                let declared = Arc::clone(declared);
                if let Bound::Table(mut rows) =
                    self.invoke(&Context::constant(env, "union"), &declared, &[], pattern.span)?
                {
                    rows.source = Some(Arc::from(name));
                    found.push(rows);
                }
            }
        }
        // tables without rows add nothing but columns; `*` over all of Azure's would be thousands
        let everything = &*pattern.text == "*";
        for name in self.catalog.table_names() {
            if !matches_wildcard(&pattern.text, &name)
                || !super::entities::is_visible(env, &name)
                || seen.contains(&&*name)
            {
                continue;
            }
            if everything && self.catalog.is_empty(&name) {
                self.left_out.set(true);
                continue;
            }
            found.extend(self.catalog.table(&name).map(|table| self.scan(table)));
        }
        Ok(found)
    }

    pub(super) fn wildcard_union(&self, env: &Env, asts: &[Ast], span: Span) -> Result<Relation> {
        let mut inputs = Vec::new();
        for ast in asts {
            inputs.extend(self.union_input(env, ast, &Demand::All)?);
        }
        if inputs.is_empty() {
            return Err(BindError::new("SEM0100", span, "no table fits the pattern"));
        }
        self.union_of(inputs, false, None, span, &Demand::All)
    }

    /// The union of relations; of a large one only the columns that are asked for.
    pub(super) fn union_of(
        &self,
        inputs: Vec<Relation>,
        inner: bool,
        source: Option<&str>,
        span: Span,
        demand: &Demand,
    ) -> Result<Relation> {
        if inputs.is_empty() {
            return Err(BindError::new("SEM0100", span, "'union' operator: there is no input"));
        }
        let open = inputs.iter().any(|r| r.open);
        let tables = inputs.iter().map(|r| r.tables).fold(0, usize::saturating_add);
        self.unfolded(tables, "tables", span)?;
        let mut columns = union_columns(&inputs, inner);
        // all tables have a thousand columns between them, and each would be a null in most of the tables
        if let Demand::Names { names, .. } = demand
            && columns.len() >= COLUMNS_MANY
            && self.leave.get() != Leave::Forbidden
        {
            self.leave.set(Leave::Done);
            columns.retain(|column| names.contains(&column.name));
        }
        let mut plans = Vec::with_capacity(inputs.len());
        for (i, input) in inputs.into_iter().enumerate() {
            let mut outputs = Vec::with_capacity(columns.len() + 1);
            if let Some(name) = source {
                let text =
                    input.source.clone().unwrap_or_else(|| Arc::from(format!("union_arg{i}")));
                outputs.push(Output {
                    field: self.field(name, ScalarType::String),
                    expr: Expr::Literal(Value::String(text), ScalarType::String),
                });
            }
            let own: HashMap<(&str, ScalarType), &Field> =
                input.plan.fields.iter().map(|f| ((&*f.name, f.ty), f)).collect();
            for column in &columns {
                let expr = match own.get(&(&*column.source, column.ty)) {
                    Some(f) => Expr::Column(f.id, f.ty),
                    None => null(column.ty),
                };
                outputs
                    .push(Output { field: self.field(Arc::clone(&column.name), column.ty), expr });
            }
            plans.push(project(input.plan, outputs));
        }
        let mut fields: Vec<Field> = Vec::with_capacity(columns.len() + 1);
        if let Some(name) = source {
            fields.push(self.field(name, ScalarType::String));
        }
        fields.extend(columns.iter().map(|c| self.field(Arc::clone(&c.name), c.ty)));
        let mut result =
            Relation::new(Plan { node: Arc::new(Node::Union { inputs: plans }), fields });
        result.open = open;
        result.tables = tables;
        Ok(result)
    }
}

/// The null of a type as an expression.
pub(super) fn null(ty: ScalarType) -> Expr {
    let value = if ty == ScalarType::String { Value::string("") } else { Value::Null };
    Expr::Literal(value, ty)
}

/// A column of a union: the name shown, and the inputs' column it comes from.
struct UnionColumn {
    name: Arc<str>,
    source: Arc<str>,
    ty: ScalarType,
}

fn union_columns(inputs: &[Relation], inner: bool) -> Vec<UnionColumn> {
    let mut order: Vec<(Arc<str>, Vec<ScalarType>, usize)> = Vec::new();
    let mut at: HashMap<Arc<str>, usize> = HashMap::new();
    for input in inputs {
        for field in &input.plan.fields {
            if &*field.name == super::tabular::INGESTION_TIME {
                continue;
            }
            match at.get(&field.name) {
                Some(i) => {
                    let (_, types, count) = &mut order[*i];
                    *count += 1;
                    if !types.contains(&field.ty) {
                        types.push(field.ty);
                    }
                }
                None => {
                    at.insert(Arc::clone(&field.name), order.len());
                    order.push((Arc::clone(&field.name), vec![field.ty], 1));
                }
            }
        }
    }
    let plain = order.iter().filter(|(_, types, _)| types.len() == 1);
    let mut taken: HashSet<Arc<str>> = plain.map(|(name, ..)| Arc::clone(name)).collect();
    let mut columns = Vec::with_capacity(order.len());
    for (name, types, count) in order {
        if inner && (count < inputs.len() || types.len() > 1) {
            continue;
        }
        if let [ty] = types.as_slice() {
            columns.push(UnionColumn { name: Arc::clone(&name), source: name, ty: *ty });
            continue;
        }
        for ty in types {
            let typed = format!("{name}_{ty}");
            let numbered = (1..).map(|n| Arc::from(format!("{typed}{n}")));
            let shown =
                std::iter::once(Arc::from(&*typed)).chain(numbered).find(|n| !taken.contains(n));
            let Some(shown) = shown else { continue };
            taken.insert(Arc::clone(&shown));
            columns.push(UnionColumn { name: shown, source: Arc::clone(&name), ty });
        }
    }
    columns
}

/// `union *`
fn is_all(ast: &Ast) -> bool {
    match &ast.kind {
        ExprKind::Star => true,
        ExprKind::Wildcard(pattern) => &*pattern.text == "*",
        _ => false,
    }
}

/// What `isfuzzy=true` forgives: an input that means nothing here, for whichever reason.
fn forgiven(error: &BindError) -> bool {
    !error.limit
}
