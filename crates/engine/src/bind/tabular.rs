//! Tabular expressions: sources by name, scopes, and the pipeline's dispatch.

use std::sync::Arc;

use kql::Span;
use kql::syntax::{
    Call, Expr as Ast, ExprKind, Ident, Literal, Operator, OperatorKind as Op, Selector,
    SubqueryFunction,
};
use values::{ScalarType, Value};

use super::demand::Demand;
use super::entities::is_visible;
use super::env::{Binding, Env};
use super::error::{BindError, Result};
use super::graph::{self, Flow};
use super::statement::Bound;
use super::{Binder, Context, Relation, project};
use crate::plan::{Expr, Field, Node, Output, Plan, Scan};
use crate::source::{Catalog, ScanColumn, TableSource};

/// The hidden column behind `ingestion_time()`.
pub(super) const INGESTION_TIME: &str = "$IngestionTime";

impl Binder<'_> {
    /// An expression that stands for rows.
    pub(super) fn tabular(&self, env: &Env, ast: &Ast) -> Result<Relation> {
        self.tabular_for(env, ast, &Demand::All)
    }

    /// An expression that stands for rows, of which these columns are asked for.
    pub(super) fn tabular_for(&self, env: &Env, ast: &Ast, demand: &Demand) -> Result<Relation> {
        self.nested(ast.span, || self.tabular_here(env, ast, demand))
    }

    fn tabular_here(&self, env: &Env, ast: &Ast, demand: &Demand) -> Result<Relation> {
        match &ast.kind {
            ExprKind::Parenthesised(inner) => self.tabular_for(env, inner, demand),
            ExprKind::Pipe { source, operators } => {
                match self.pipe(env, source.as_deref(), operators, demand)? {
                    Flow::Rows(rows) => Ok(rows),
                    Flow::Graph(_) => Err(expected_table(ast.span)),
                }
            }
            ExprKind::Name(name) => self.named_table(env, name, demand),
            ExprKind::Call(call) => self.table_call(env, call, ast.span, demand),
            ExprKind::Path { base, selector } => self.scoped(env, base, selector, ast.span),
            ExprKind::DataTable(table) => self.data_table(env, table, ast.span),
            ExprKind::InlineExternalTable(table) => self.inline_table(table, ast.span),
            ExprKind::ExternalData(external) => self.external_data(external, ast.span),
            ExprKind::Subquery(s) => {
                let rows = self.tabular(env, &s.query)?;
                match s.function {
                    SubqueryFunction::Materialize => Ok(self.shared(&rows)),
                    SubqueryFunction::ToTable => Ok(rows),
                    SubqueryFunction::ToScalar => Err(expected_table(ast.span)),
                }
            }
            ExprKind::Wildcard(_) => self.wildcard_union(env, std::slice::from_ref(ast), ast.span),
            _ => match self.bound(env, ast)? {
                Bound::Table(rows) => Ok(rows),
                Bound::Scalar(_) | Bound::Graph(_) => Err(expected_table(ast.span)),
            },
        }
    }

    /// A table, `let`, or function without parentheses.
    pub(super) fn named_table(&self, env: &Env, name: &Ident, demand: &Demand) -> Result<Relation> {
        match env.get(&name.text) {
            Some(Binding::Table(rows)) => return Ok(self.instance(rows)),
            Some(Binding::Failed(error)) => return Err((**error).clone()),
            Some(Binding::Function(declared)) => {
                let declared = Arc::clone(declared);
                let ctx = Context::constant(env, "");
                return match self.invoke_for(&ctx, &declared, &[], name.span, demand)? {
                    Bound::Table(mut rows) => {
                        if declared.view {
                            rows.source = Some(Arc::clone(&name.text));
                        }
                        Ok(rows)
                    }
                    Bound::Scalar(_) | Bound::Graph(_) => Err(expected_table(name.span)),
                };
            }
            Some(Binding::Scalar(_) | Binding::Graph(_) | Binding::EntityGroup(_)) => {
                return Err(BindError::new(
                    "SEM0079",
                    name.span,
                    format!("'{}' is no table, but a table is expected here", name.text),
                ));
            }
            Some(Binding::Database(_) | Binding::Pattern(_) | Binding::Restriction(_)) | None => {}
        }
        self.catalog_table(&self.catalog, &name.text, name.span, env, demand)
    }

    /// A table or function of a catalogue.
    fn catalog_table(
        &self,
        catalog: &Arc<dyn Catalog>,
        name: &str,
        span: Span,
        env: &Env,
        demand: &Demand,
    ) -> Result<Relation> {
        if !is_visible(env, name) {
            return Err(BindError::unresolved("table or function", "", name, span, []));
        }
        // a saved function may carry a table's name and then stands for it, except inside itself
        let inside = self.saved.borrow().iter().any(|n| **n == *name);
        let function = if inside { None } else { catalog.function(name) };
        if let (None, Some(table)) = (&function, catalog.table(name)) {
            return Ok(self.scan_for(table, demand));
        }
        if let Some(definition) = function.or_else(|| catalog.function(name)) {
            let declared = self.parse_saved(&definition, span)?;
            let ctx = Context::constant(env, "");
            return match self.invoke_for(&ctx, &declared, &[], span, demand)? {
                Bound::Table(mut rows) => {
                    rows.source.get_or_insert_with(|| Arc::from(name));
                    Ok(rows)
                }
                Bound::Scalar(_) | Bound::Graph(_) => Err(expected_table(span)),
            };
        }
        if self.forgiving.get() {
            return Err(BindError::unresolved("table or function", "", name, span, []));
        }
        let tables = catalog.table_names();
        let functions = catalog.function_names();
        let lets: Vec<&str> = env.iter().map(|(n, _)| n).collect();
        let known = tables.iter().chain(&functions).map(|n| &**n).chain(lets);
        Err(BindError::unresolved("table or function", "", name, span, known))
    }

    /// Reading a stored table.
    pub(super) fn scan(&self, table: Arc<dyn TableSource>) -> Relation {
        self.scan_for(table, &Demand::All)
    }

    /// Reading these columns of a stored table.
    fn scan_for(&self, table: Arc<dyn TableSource>, demand: &Demand) -> Relation {
        self.note_table(table.name());
        let schema = table.schema();
        self.scanned.borrow_mut().push((Arc::from(table.name()), Arc::clone(&schema)));
        let all = self.option("query_datetimescope_column").is_some();
        let mut columns: Vec<usize> = (0..schema.columns.len()).collect();
        if demand.is_lazy() && !all {
            columns.retain(|at| schema.columns.get(*at).is_some_and(|c| demand.wants(&c.name)));
            if columns.is_empty() && !schema.columns.is_empty() {
                columns.push(0); // rows are counted by a column
            }
        }
        let fields: Vec<Field> = columns
            .iter()
            .filter_map(|at| schema.columns.get(*at))
            .map(|c| self.field(Arc::clone(&c.name), c.ty))
            .collect();
        let time = schema.position("TimeGenerated").and(self.time_bounds());
        let source = Arc::from(table.name());
        let scan = Scan {
            columns: columns.into_iter().map(ScanColumn::Column).collect(),
            time,
            ingested: self.ingestion_bounds(),
            hints: Vec::new(),
            limit: None,
            table,
        };
        let mut rows = Relation::new(Plan { node: Arc::new(Node::Scan(scan)), fields });
        rows.source = Some(source);
        match self.time_scope(&rows) {
            Some(predicate) => {
                let fields = rows.plan.fields.clone();
                let node = Node::Filter { input: rows.plan.clone(), predicate };
                rows.with_plan(Plan { node: Arc::new(node), fields })
            }
            None => rows,
        }
    }

    /// What `set query_datetimescope_column/from/to` demand of every table that has the column.
    fn time_scope(&self, rows: &Relation) -> Option<Expr> {
        let column = self.option("query_datetimescope_column")?;
        let field = super::scalar::find(&rows.plan.fields, column.as_str()?)?;
        if field.ty != ScalarType::DateTime {
            return None;
        }
        let bound = |option: &str, operator: &'static str| {
            let limit = self.option(option)?.cast(ScalarType::DateTime);
            let limit = Expr::Literal(limit, ScalarType::DateTime);
            let column = Expr::Column(field.id, field.ty);
            self.compare(operator, column, limit, Span::default()).ok()
        };
        let bounds =
            [bound("query_datetimescope_from", ">="), bound("query_datetimescope_to", "<")];
        Some(super::fold::and(bounds.into_iter().flatten().collect()))
    }

    /// Rows computed once however often they are used.
    pub(super) fn shared(&self, rows: &Relation) -> Relation {
        let fields: Vec<Field> =
            rows.plan.fields.iter().map(|f| self.field(Arc::clone(&f.name), f.ty)).collect();
        let node = Node::Shared {
            plan: Arc::new(crate::optimize::optimize(&rows.plan)),
            columns: rows.plan.fields.iter().map(|f| f.id).collect(),
        };
        Relation { tables: 1, ..rows.with_plan(Plan { node: Arc::new(node), fields }) }
    }

    /// `ingestion_time()`: the hidden column of the stored table below; null behind other sources.
    pub(super) fn ingestion_time(&self, ctx: &Context<'_>, _span: Span) -> Result<Expr> {
        Ok(match super::scalar::find(ctx.fields, INGESTION_TIME) {
            Some(f) => Expr::Column(f.id, f.ty),
            None => Expr::Literal(Value::Null, ScalarType::DateTime),
        })
    }

    fn table_call(&self, env: &Env, call: &Call, span: Span, demand: &Demand) -> Result<Relation> {
        let name = &*call.name.text;
        let declared = match env.get(name) {
            Some(Binding::Function(declared)) => Some(Arc::clone(declared)),
            Some(Binding::Table(rows)) if call.arguments.is_empty() => {
                return Ok(self.instance(rows));
            }
            Some(Binding::Failed(error)) => return Err((**error).clone()),
            Some(Binding::Pattern(pattern)) => {
                let pattern = Arc::clone(pattern);
                let bound = self.pattern_call(env, &pattern, call, None, span)?;
                return self.table_of(bound);
            }
            _ => None,
        };
        let ctx = Context::constant(env, "");
        if declared.is_none() && self.catalog.function(name).is_some() && !is_visible(env, name) {
            return Err(self.unknown_function(&ctx, &call.name));
        }
        if declared.is_none() {
            match name {
                "stored_query_result" => {
                    return Err(BindError::refused(
                        span,
                        "stored_query_result(): results are not stored here; run the query, or materialize() it",
                    ));
                }
                "table" | "materialized_view" | "external_table" => {
                    return self.table_by_text(env, call, span);
                }
                "view" if call.arguments.len() == 1 => {
                    return self.tabular(env, &call.arguments[0]);
                }
                "_GetWatchlist" => return self.watchlist(&ctx, call, span),
                "workspace" | "app" | "resource" | "database" | "cluster" | "arg" | "adx" => {
                    return Err(BindError::new(
                        "SEM0100",
                        span,
                        format!(
                            "{name}() names a scope, not a table; write {name}(\"...\").TableName"
                        ),
                    ));
                }
                _ => {}
            }
        }
        let declared = match declared {
            Some(d) => d,
            None => match self.saved_function(name, call.name.span)? {
                Some(d) => d,
                None => match self.catalog.table(name) {
                    Some(table) if call.arguments.is_empty() => {
                        return Ok(self.scan_for(table, demand));
                    }
                    _ => return Err(self.unknown_function(&ctx, &call.name)),
                },
            },
        };
        match self.invoke_for(&ctx, &declared, &call.arguments, span, demand)? {
            Bound::Table(mut rows) => {
                rows.source.get_or_insert_with(|| Arc::clone(&call.name.text));
                Ok(rows)
            }
            Bound::Scalar(_) | Bound::Graph(_) => Err(expected_table(span)),
        }
    }

    /// `table("name")`.
    fn table_by_text(&self, env: &Env, call: &Call, span: Span) -> Result<Relation> {
        let ctx = Context::constant(env, "table");
        let Some(first) = call.arguments.first() else {
            return Err(self.wrong_count(&call.name.text, 0, span));
        };
        let (value, _) = self.constant(&ctx, first)?;
        let Some(text) = value.as_str() else {
            return Err(BindError::new(
                "SEM0061",
                first.span,
                "table(): the name must be a constant string",
            ));
        };
        let name = Ident { text: Arc::from(text), span: first.span, bracketed: true };
        self.named_table(env, &name, &Demand::All)
    }

    fn watchlist(&self, ctx: &Context<'_>, call: &Call, span: Span) -> Result<Relation> {
        let Some(first) = call.arguments.first() else {
            return Err(self.wrong_count("_GetWatchlist", 0, span));
        };
        let (value, _) = self.constant(ctx, first)?;
        let alias = value.as_str().unwrap_or_default();
        if let Some(rows) = self.catalog.watchlist(alias) {
            return Ok(self.rows(rows));
        }
        if let Some(declared) = self.saved_function("_GetWatchlist", span)?
            && let Bound::Table(rows) = self.invoke(ctx, &declared, &call.arguments, span)?
        {
            return Ok(rows);
        }
        let schema = model::Schema::new([
            ("_DTItemId", ScalarType::String),
            ("LastUpdatedTimeUTC", ScalarType::DateTime),
            ("SearchKey", ScalarType::String),
            ("WatchlistItem", ScalarType::Dynamic),
        ]);
        let mut rows = self.rows(model::Rows { schema: Arc::new(schema), batches: Vec::new() });
        rows.open = true; // the columns of a watchlist that does not exist yet are unknown
        Ok(rows)
    }

    /// `workspace("w").T`, `database("d").f(1)`.
    fn scoped(&self, env: &Env, base: &Ast, selector: &Selector, span: Span) -> Result<Relation> {
        if let ExprKind::Call(call) = &base.unparenthesised().kind
            && let Some(Binding::Pattern(pattern)) = env.get(&call.name.text)
        {
            let pattern = Arc::clone(pattern);
            let path = match selector {
                Selector::Name(name) | Selector::Wildcard(name) => &name.text,
                Selector::Call(call) => &call.name.text,
            };
            let bound = self.pattern_call(env, &pattern, call, Some(path), span)?;
            return self.table_of(bound);
        }
        let catalog = self.database(env, base)?;
        let wanted = match selector {
            Selector::Name(name) | Selector::Wildcard(name) => &name.text,
            Selector::Call(call) => &call.name.text,
        };
        self.check_scope(env, base, wanted, span)?;
        match selector {
            Selector::Name(name) => {
                let env = Env::default();
                self.catalog_table(&catalog, &name.text, name.span, &env, &Demand::All)
            }
            Selector::Call(call) => {
                if &*call.name.text == "table" {
                    let first = call.arguments.first().and_then(|a| match &a.kind {
                        ExprKind::Literal(Literal::String(s)) => Some(Arc::clone(&s.value)),
                        _ => None,
                    });
                    if let Some(name) = first {
                        let env = Env::default();
                        return self.catalog_table(&catalog, &name, call.span, &env, &Demand::All);
                    }
                }
                match catalog.function(&call.name.text) {
                    Some(definition) => {
                        let declared = self.parse_saved(&definition, call.span)?;
                        match self.invoke(
                            &Context::constant(env, ""),
                            &declared,
                            &call.arguments,
                            span,
                        )? {
                            Bound::Table(rows) => Ok(rows),
                            Bound::Scalar(_) | Bound::Graph(_) => Err(expected_table(span)),
                        }
                    }
                    None => self.catalog_table(
                        &catalog,
                        &call.name.text,
                        call.name.span,
                        &Env::default(),
                        &Demand::All,
                    ),
                }
            }
            Selector::Wildcard(pattern) => {
                let inputs = catalog
                    .table_names()
                    .iter()
                    .filter(|n| super::naming::matches_wildcard(&pattern.text, n))
                    .filter_map(|n| catalog.table(n))
                    .map(|t| self.scan(t))
                    .collect();
                self.union_of(inputs, false, None, span, &Demand::All)
            }
        }
    }

    /// A scope expression as a database, where it is one.
    pub(super) fn database_value(&self, env: &Env, ast: &Ast) -> Option<Arc<dyn Catalog>> {
        match &ast.unparenthesised().kind {
            ExprKind::Call(call)
                if matches!(&*call.name.text, "database" | "workspace" | "app" | "resource") =>
            {
                self.database(env, ast).ok()
            }
            ExprKind::Path { selector: Selector::Call(call), .. }
                if &*call.name.text == "database" =>
            {
                self.database(env, ast).ok()
            }
            _ => None,
        }
    }

    /// The catalogue that a scope expression names.
    pub(super) fn database(&self, env: &Env, ast: &Ast) -> Result<Arc<dyn Catalog>> {
        match &ast.unparenthesised().kind {
            ExprKind::Name(name) => match env.get(&name.text) {
                Some(Binding::Database(catalog)) => Ok(Arc::clone(catalog)),
                _ => Err(BindError::unresolved("database", "", &name.text, name.span, [])),
            },
            ExprKind::Path { selector: Selector::Call(call), .. } => {
                self.scope_call(env, call, ast.span)
            }
            ExprKind::Call(call) => self.scope_call(env, call, ast.span),
            _ => Err(BindError::new(
                "SEM0100",
                ast.span,
                "a database or workspace is expected before '.'",
            )),
        }
    }

    fn scope_call(&self, env: &Env, call: &Call, span: Span) -> Result<Arc<dyn Catalog>> {
        let kind = &*call.name.text;
        let name = match call.arguments.first() {
            Some(arg) => {
                let (value, _) = self.constant(&Context::constant(env, "workspace"), arg)?;
                value.as_str().map(str::to_owned).unwrap_or_default()
            }
            None => String::new(),
        };
        match kind {
            "database" | "cluster" if name.is_empty() || name == "default" || name == "*" => {
                Ok(Arc::clone(&self.catalog))
            }
            "database" | "workspace" | "app" | "resource" => {
                self.catalog.workspace(&name).ok_or_else(|| {
                    BindError::new(
                        "SEM0100",
                        span,
                        format!("{kind}(\"{name}\") could not be found, or you may not read it"),
                    )
                })
            }
            _ => Err(BindError::refused(
                span,
                format!(
                    "{kind}(\"{name}\") is not supported: this instance reaches no other clusters or services"
                ),
            )),
        }
    }

    /// A source, rows or a graph, and its operators.
    pub(super) fn pipe(
        &self,
        env: &Env,
        source: Option<&Ast>,
        operators: &[Operator],
        demand: &Demand,
    ) -> Result<Flow> {
        // inside a lazy function its own columns may be left out; elsewhere only those of the functions it calls
        let demands = demand.clone().along(operators, self.lazy.get());
        let first = demands.first().unwrap_or(&Demand::All);
        let rows = match source {
            Some(source) if operators.first().is_some_and(graph::takes_graph) => {
                let graph = self.graph_value(env, source)?;
                return self.graph_flow(env, Flow::Graph(Box::new(graph)), operators);
            }
            Some(source) => Some(self.tabular_for(env, source, first)?),
            None => None,
        };
        match operators.iter().position(|o| matches!(o.kind, Op::MakeGraph(_))) {
            Some(at) if at > 0 || rows.is_some() => {
                let (before, after) = operators.split_at(at);
                let rows = self.pipeline(env, rows, before)?;
                self.graph_flow(env, Flow::Rows(rows), after)
            }
            _ => self.pipeline_for(env, rows, operators, &demands).map(Flow::Rows),
        }
    }

    /// Operators one after the other.
    pub(super) fn pipeline(
        &self,
        env: &Env,
        rows: Option<Relation>,
        operators: &[Operator],
    ) -> Result<Relation> {
        self.pipeline_for(env, rows, operators, &[])
    }

    /// Operators one after the other, and what is asked of the rows before each; nothing said asks for all.
    fn pipeline_for(
        &self,
        env: &Env,
        rows: Option<Relation>,
        operators: &[Operator],
        demands: &[Demand],
    ) -> Result<Relation> {
        let mut env = env.clone();
        let mut rows = rows;
        for (at, operator) in operators.iter().enumerate() {
            self.expect_for_records(operator)?;
            if let (Op::MakeGraph(_), Some(edges)) = (&operator.kind, &rows) {
                // a graph, and what comes of it
                let rest = operators.get(at..).unwrap_or_default();
                return match self.graph_flow(&env, Flow::Rows(edges.clone()), rest)? {
                    Flow::Rows(rows) => Ok(rows),
                    Flow::Graph(_) => Err(BindError::new(
                        "SEM0009",
                        operator.span,
                        "a graph is no result; read it with graph-match or graph-to-table",
                    )),
                };
            }
            let after = demands.get(at + 1).unwrap_or(&Demand::All);
            rows = Some(self.operator(&mut env, rows, operator, after)?);
        }
        rows.ok_or_else(|| {
            BindError::new("SEM0009", Span::default(), "an empty pipeline gives no rows")
        })
    }

    /// Refuses what the transform of a data collection rule cannot have: it is applied to one record at a time.
    fn expect_for_records(&self, operator: &Operator) -> Result<()> {
        let Some(text) = self.settings.each_record else { return Ok(()) };
        let fits = matches!(
            operator.kind,
            Op::Extend(_)
                | Op::Parse(_)
                | Op::Print(_)
                | Op::Project(_)
                | Op::ProjectAway(_)
                | Op::ProjectRename(_)
                | Op::Where(_)
        );
        if fits {
            return Ok(());
        }
        let told = format!(
            "the operator '{}' is not supported in a transform, which sees one record at a time; use where, extend, project, project-away, project-rename, parse or print",
            operator.name_span.of(text)
        );
        Err(BindError::new("SEM0001", operator.name_span, told))
    }

    pub(super) fn operator(
        &self,
        env: &mut Env,
        rows: Option<Relation>,
        operator: &Operator,
        after: &Demand,
    ) -> Result<Relation> {
        let span = operator.span;
        // operators that make rows by themselves
        let input = match (&operator.kind, rows) {
            (Op::Print(columns), None) => return self.print(env, columns),
            (Op::Range(range), None) => return self.range(env, range),
            (Op::Union(union), rows) => return self.union(env, rows, union, span, after),
            (Op::Search(search), rows) => return self.search(env, rows, search, span, after),
            (Op::Find(find), rows) => return self.find(env, rows, find, span),
            (Op::MacroExpand(expand), None) => return self.macro_expand(env, expand, span),
            (Op::Evaluate(evaluate), None) => return self.evaluate(env, None, evaluate, span),
            (_, Some(rows)) => rows,
            (_, None) => {
                return Err(BindError::new(
                    "SEM0009",
                    operator.name_span,
                    "this operator needs rows: put a table and '|' before it",
                ));
            }
        };
        match &operator.kind {
            Op::Where(w) => self.filter(env, input, &w.predicate),
            Op::Extend(columns) => self.extend(env, input, columns, "extend", after),
            Op::Project(columns) => self.project_operator(env, input, columns, after),
            Op::ProjectAway(columns) => self.project_away(input, columns),
            Op::ProjectKeep(columns) => self.project_keep(input, columns),
            Op::ProjectRename(columns) => self.project_rename(input, columns),
            Op::ProjectReorder(columns) => self.project_reorder(input, columns),
            Op::ProjectByNames(columns) => self.project_by_names(env, input, columns),
            Op::Distinct(distinct) => self.distinct(env, input, &distinct.columns),
            Op::Summarize(summarize) => self.summarize(env, input, summarize, span),
            Op::Count(count) => self.count(&input, count.name.as_ref()),
            Op::Sort(sort) => self.sort(env, input, &sort.by),
            Op::Top(top) => self.top(env, input, top),
            Op::Take(take) => self.take(env, input, &take.count),
            Op::Sample(take) => self.sample(env, input, &take.count),
            Op::SampleDistinct(sample) => self.sample_distinct(env, input, sample),
            Op::TopHitters(top) => self.top_hitters(env, input, top),
            Op::TopNested(levels) => self.top_nested(env, input, levels, span),
            Op::Serialize(serialize) => {
                let mut input = input;
                input.ordered = true;
                self.extend(env, input, &serialize.columns, "serialize", after)
            }
            Op::Join(join) => self.join(env, input, join, span),
            Op::Lookup(join) => self.lookup(env, input, join, span),
            Op::MvExpand(expand) => self.mv_expand(env, input, expand),
            Op::MvApply(apply) => self.mv_apply(env, input, apply),
            Op::Partition(partition) => self.partition(env, input, partition, span),
            Op::PartitionBy(partition) => self.partition_by(env, input, partition),
            Op::Parse(parse) => self.parse(env, input, parse, false, span),
            Op::ParseWhere(parse) => self.parse(env, input, parse, true, span),
            Op::ParseKv(parse) => self.parse_kv(env, input, parse),
            Op::MakeSeries(series) => self.make_series(env, input, series, span),
            Op::Evaluate(evaluate) => self.evaluate(env, Some(input), evaluate, span),
            Op::Invoke(call) => self.invoke_operator(env, input, call),
            Op::GetSchema(_) => Ok(self.get_schema(&input)),
            Op::Render(render) => {
                self.note_render(render)?;
                Ok(input)
            }
            Op::As(name) => {
                let mut shared = self.shared(&input);
                shared.source = Some(Arc::clone(&name.name.text));
                *env =
                    env.with(Arc::clone(&name.name.text), Binding::Table(Arc::new(shared.clone())));
                Ok(self.instance(&shared))
            }
            Op::Consume(_) => self.limit(input, 0),
            Op::ExecuteAndCache => Ok(self.shared(&input)),
            Op::AssertSchema(schema) => self.assert_schema(input, schema, span),
            Op::Fork(branches) => self.fork(env, input, branches),
            Op::Facet(facet) => self.facet(env, input, facet),
            Op::Reduce(reduce) => self.reduce(env, input, reduce, span),
            Op::Scan(scan) => self.scan_operator(env, input, scan),
            Op::Print(_) | Op::Range(_) => Err(BindError::new(
                "SEM0009",
                operator.name_span,
                "this operator makes rows and cannot stand behind a '|'",
            )),
            Op::Unknown(name) => Err(BindError::new(
                "SYN0002",
                name.span,
                format!("'{}' is not a query operator", name.text),
            )),
            Op::MakeGraph(_)
            | Op::GraphMatch(_)
            | Op::GraphMarkComponents(_)
            | Op::GraphShortestPaths(_)
            | Op::GraphToTable(_)
            | Op::GraphWhereEdges(_)
            | Op::GraphWhereNodes(_)
            | Op::MacroExpand(_)
            | Op::Union(_)
            | Op::Search(_)
            | Op::Find(_) => Err(BindError::new(
                "SEM0009",
                operator.name_span,
                "this operator takes a graph, or makes rows by itself, and cannot stand behind these rows",
            )),
        }
    }

    /// `where`.
    pub(super) fn filter(&self, env: &Env, input: Relation, predicate: &Ast) -> Result<Relation> {
        let input = self.with_ingestion_time(input, std::slice::from_ref(predicate));
        let expr = self.predicate(&Context::row(env, &input, "where"), predicate)?;
        let fields = input.plan.fields.clone();
        let plan = if let Expr::Literal(Value::Bool(true), _) = expr {
            input.plan.clone()
        } else {
            let mut predicate = expr;
            let mut source = input.plan.clone();
            // window functions are computed first, as a column of their own
            if super::has_window(&predicate) {
                let field = self.field("$where", ScalarType::Bool);
                let mut outputs = super::pass(&fields);
                let column = Expr::Column(field.id, field.ty);
                outputs.push(Output { field, expr: predicate });
                source = project(source, outputs);
                predicate = column;
            }
            let all = source.fields.clone();
            let filtered =
                Plan { node: Arc::new(Node::Filter { input: source, predicate }), fields: all };
            if filtered.fields.len() == fields.len() {
                filtered
            } else {
                project(filtered, super::pass(&fields))
            }
        };
        let result = input.with_plan(plan);
        Ok(self.without_ingestion_time(result, &input))
    }

    /// Adds the hidden ingestion time to a scan right below, where an expression asks for it.
    pub(super) fn with_ingestion_time(&self, mut input: Relation, asts: &[Ast]) -> Relation {
        if super::scalar::find(&input.plan.fields, INGESTION_TIME).is_some()
            || !asts.iter().any(mentions_ingestion_time)
        {
            return input;
        }
        if let Some(plan) =
            add_hidden(&input.plan, &|| self.field(INGESTION_TIME, ScalarType::DateTime))
        {
            input.plan = plan;
        }
        input
    }

    /// Takes the hidden column out again, where this step put it in.
    pub(super) fn without_ingestion_time(
        &self,
        mut result: Relation,
        before: &Relation,
    ) -> Relation {
        let _ = before;
        if super::scalar::find(&result.plan.fields, INGESTION_TIME)
            .is_some_and(|f| is_hidden(&result.plan, f.id))
        {
            let kept: Vec<Field> =
                result.plan.fields.iter().filter(|f| &*f.name != INGESTION_TIME).cloned().collect();
            result.plan = project(result.plan, super::pass(&kept));
        }
        result
    }

    fn invoke_operator(&self, env: &Env, input: Relation, target: &Ast) -> Result<Relation> {
        let ExprKind::Call(call) = &target.unparenthesised().kind else {
            return Err(BindError::new("SEM0260", target.span, "invoke needs a function call"));
        };
        let ctx = Context::constant(env, "invoke");
        let declared = match env.get(&call.name.text) {
            Some(Binding::Function(d)) => Arc::clone(d),
            _ => match self.saved_function(&call.name.text, call.name.span)? {
                Some(d) => d,
                None => return self.built_in_invoke(env, input, call),
            },
        };
        self.invoke_on(&ctx, input, &declared, &call.arguments, target.span)
    }
}

fn mentions_ingestion_time(ast: &Ast) -> bool {
    match &ast.kind {
        ExprKind::Call(call) => {
            &*call.name.text == "ingestion_time"
                || call.arguments.iter().any(mentions_ingestion_time)
        }
        ExprKind::Binary { left, right, .. } => {
            mentions_ingestion_time(left) || mentions_ingestion_time(right)
        }
        ExprKind::Range { start, end } => {
            mentions_ingestion_time(start) || mentions_ingestion_time(end)
        }
        ExprKind::Unary { operand: inner, .. }
        | ExprKind::Parenthesised(inner)
        | ExprKind::Named { value: inner, .. } => mentions_ingestion_time(inner),
        ExprKind::List(items) => items.iter().any(mentions_ingestion_time),
        _ => false,
    }
}

/// The plan with the hidden column, where a scan can be reached through filters, limits and projections.
fn add_hidden(plan: &Plan, field: &dyn Fn() -> Field) -> Option<Plan> {
    match &*plan.node {
        Node::Scan(scan) => {
            let hidden = field();
            let mut scan = scan.clone();
            scan.columns.push(ScanColumn::IngestionTime);
            let mut fields = plan.fields.clone();
            fields.push(hidden);
            Some(Plan { node: Arc::new(Node::Scan(scan)), fields })
        }
        Node::Filter { input, predicate } => {
            let input = add_hidden(input, field)?;
            let fields = input.fields.clone();
            Some(Plan {
                node: Arc::new(Node::Filter { input, predicate: predicate.clone() }),
                fields,
            })
        }
        Node::Project { input, outputs } => {
            let input = add_hidden(input, field)?;
            let hidden = input.fields.last()?.clone();
            let mut outputs = outputs.clone();
            outputs.push(Output { expr: Expr::Column(hidden.id, hidden.ty), field: hidden });
            Some(project(input, outputs))
        }
        _ => None,
    }
}

/// True when the column is the hidden one, not a user's column of that name.
fn is_hidden(plan: &Plan, id: crate::plan::ColumnId) -> bool {
    match &*plan.node {
        Node::Scan(scan) => plan
            .fields
            .iter()
            .zip(&scan.columns)
            .any(|(f, c)| f.id == id && *c == ScanColumn::IngestionTime),
        Node::Filter { input, .. } => is_hidden(input, id),
        Node::Project { input, outputs } | Node::Window { input, outputs } => {
            outputs.iter().any(|o| {
                o.field.id == id && matches!(o.expr, Expr::Column(inner, _) if inner == id)
            }) && is_hidden(input, id)
        }
        _ => false,
    }
}

fn expected_table(span: Span) -> BindError {
    BindError::new("SEM0079", span, "a tabular expression is expected here, not a scalar value")
}
