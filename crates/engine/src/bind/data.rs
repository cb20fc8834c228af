//! Rows written in the query: `print`, `range`, `datatable`, `externaldata`.

use std::sync::Arc;

use kql::Span;
use kql::syntax::{
    DataTable, Expr as Ast, ExprKind, ExternalData, InlineExternalTable, Literal, RangeOperator,
};
use model::{Batch, Rows, Schema};
use values::{ScalarType, Value};

use super::demand::Demand;
use super::env::Env;
use super::error::{BindError, Result};
use super::naming::{Names, implied_name};
use super::types::{cast, widest};
use super::{Binder, Context, Relation, project};
use crate::plan::{Expr, Field, Node, Output, Plan};

/// Most values of a `datatable`.
const CELLS_MAX: usize = 5_000_000;

impl Binder<'_> {
    /// Rows as a plan.
    pub(super) fn rows(&self, rows: Rows) -> Relation {
        let fields =
            rows.schema.columns.iter().map(|c| self.field(Arc::clone(&c.name), c.ty)).collect();
        Relation::new(Plan { node: Arc::new(Node::Rows(Arc::new(rows))), fields })
    }

    /// One row of expressions.
    pub(super) fn print_plan(&self, columns: Vec<(Arc<str>, Expr)>) -> Plan {
        let one =
            Rows { schema: Arc::default(), batches: vec![Batch { columns: Vec::new(), rows: 1 }] };
        let source = Plan { node: Arc::new(Node::Rows(Arc::new(one))), fields: Vec::new() };
        let outputs = columns
            .into_iter()
            .map(|(name, expr)| Output { field: self.field(name, expr.ty()), expr })
            .collect();
        project(source, outputs)
    }

    /// `print`.
    pub(super) fn print(&self, env: &Env, columns: &[Ast]) -> Result<Relation> {
        let ctx = Context::constant(env, "print");
        let mut names = Names::new([]);
        let mut outputs: Vec<(Arc<str>, Expr)> = Vec::with_capacity(columns.len());
        for (at, ast) in columns.iter().enumerate() {
            let unnamed = format!("print_{at}");
            if let Some(parts) = self.multi_column(&ctx, ast)? {
                for (name, _, expr) in parts {
                    let name = if name.is_empty() { &unnamed } else { &name };
                    outputs.push((names.unique(name), expr));
                }
                continue;
            }
            let expr = self.scalar(&ctx, ast)?;
            let name = match &ast.kind {
                ExprKind::Named { name, .. } => names.unique(&name.text),
                _ => names.unique(&unnamed),
            };
            outputs.push((name, expr));
        }
        Ok(Relation::new(self.print_plan(outputs)))
    }

    /// `range`.
    pub(super) fn range(&self, env: &Env, range: &RangeOperator) -> Result<Relation> {
        let ctx = Context::constant(env, "range");
        let from = self.scalar(&ctx, &range.from)?;
        let to = self.scalar(&ctx, &range.to)?;
        let step = self.scalar(&ctx, &range.step)?;
        use ScalarType as T;
        let ints = [&from, &to, &step].iter().all(|e| e.ty() == T::Int);
        let ty = match (from.ty(), to.ty()) {
            (a, b) if a.is_numeric() && b.is_numeric() => {
                let wide = widest(widest(a, b), if step.ty().is_numeric() { step.ty() } else { a });
                // integers count as long; all three together stay int
                if wide == T::Int { T::Long } else { wide }
            }
            (T::DateTime, _) | (_, T::DateTime) => T::DateTime,
            (T::TimeSpan, _) | (_, T::TimeSpan) => T::TimeSpan,
            (T::Dynamic, _) => T::Long,
            (other, _) => {
                return Err(BindError::new(
                    "SEM0061",
                    range.from.span,
                    format!(
                        "range: from, to and step must be numbers, datetimes or timespans, not {other}"
                    ),
                ));
            }
        };
        let step_type = if matches!(ty, T::DateTime | T::TimeSpan) { T::TimeSpan } else { ty };
        let field = self.field(Arc::clone(&range.name.text), ty);
        let node =
            Node::Range { from: cast(from, ty), to: cast(to, ty), step: cast(step, step_type) };
        let mut plan = Plan { node: Arc::new(node), fields: vec![field.clone()] };
        if ints {
            let own = self.field(Arc::clone(&range.name.text), T::Int);
            let expr = cast(Expr::Column(field.id, field.ty), T::Int);
            plan = project(plan, vec![Output { field: own, expr }]);
        }
        let mut rows = Relation::new(plan);
        rows.ordered = true;
        Ok(rows)
    }

    /// `datatable`.
    pub(super) fn data_table(&self, env: &Env, table: &DataTable, span: Span) -> Result<Relation> {
        let types: Vec<(Arc<str>, ScalarType)> = table
            .schema
            .columns
            .iter()
            .map(|c| (Arc::clone(&c.name.text), c.column_type.scalar.unwrap_or(ScalarType::String)))
            .collect();
        for (at, column) in table.schema.columns.iter().enumerate() {
            if types.iter().take(at).any(|(name, _)| *name == column.name.text) {
                return Err(super::naming::named_twice("datatable", &column.name));
            }
        }
        let width = types.len();
        let schema = Arc::new(Schema::new(types.iter().map(|(n, t)| (&**n, *t))));
        if table.values.len() > CELLS_MAX {
            return Err(BindError::new(
                "SEM0001",
                span,
                format!(
                    "datatable holds more than {CELLS_MAX} values; ingest the rows into a table instead"
                ),
            ));
        }
        if width == 0 || !table.values.len().is_multiple_of(width) {
            if table.values.is_empty() {
                return Ok(self.rows(Rows { schema, batches: Vec::new() }));
            }
            return Err(BindError::new(
                "SEM0056",
                span,
                format!(
                    "datatable: the number of values ({}) is not a multiple of the number of columns ({width})",
                    table.values.len()
                ),
            ));
        }
        let ctx = Context::constant(env, "datatable");
        let mut builders: Vec<_> = types
            .iter()
            .map(|(_, ty)| model::ColumnBuilder::new(*ty, table.values.len() / width))
            .collect();
        for (i, ast) in table.values.iter().enumerate() {
            let ty = types[i % width].1;
            let value = match &ast.kind {
                ExprKind::Literal(Literal::String(s)) => Value::String(Arc::clone(&s.value)),
                ExprKind::Literal(literal) => super::scalar::literal_value(literal),
                _ => self.constant(&ctx, ast)?.0,
            };
            builders[i % width].push(&value.cast(ty));
        }
        let columns = builders.into_iter().map(model::ColumnBuilder::finish).collect();
        let batch = Batch { columns, rows: table.values.len() / width };
        Ok(self.rows(Rows { schema, batches: vec![batch] }))
    }

    /// `externaldata`: allowed addresses only, read when the query runs.
    pub(super) fn external_data(&self, external: &ExternalData, span: Span) -> Result<Relation> {
        let columns: Vec<(Arc<str>, ScalarType)> = external
            .schema
            .columns
            .iter()
            .map(|c| (Arc::clone(&c.name.text), c.column_type.scalar.unwrap_or(ScalarType::String)))
            .collect();
        let schema = Arc::new(Schema::new(columns.iter().map(|(n, t)| (&**n, *t))));
        let format = external.properties.word("format").map(str::to_ascii_lowercase);
        let skip_first = external.properties.flag("ignoreFirstRecord").unwrap_or(false);
        self.external_rows(&external.uris, &schema, format.as_deref(), skip_first, span)
    }

    /// `inline_external_table`: the files are read as those of `externaldata` are.
    pub(super) fn inline_table(&self, table: &InlineExternalTable, span: Span) -> Result<Relation> {
        let kind = table.parameters.word("kind").unwrap_or("storage").to_ascii_lowercase();
        let schema = table.schema.as_ref().filter(|_| matches!(&*kind, "storage" | "blob" | "adl"));
        let Some(schema) = schema else {
            return Err(BindError::refused(
                span,
                format!(
                    "inline_external_table of kind {kind} is not available: this instance reads no outside stores; ingest the data into a table"
                ),
            ));
        };
        let columns: Vec<(Arc<str>, ScalarType)> = schema
            .columns
            .iter()
            .map(|c| (Arc::clone(&c.name.text), c.column_type.scalar.unwrap_or(ScalarType::String)))
            .collect();
        let schema = Arc::new(Schema::new(columns.iter().map(|(n, t)| (&**n, *t))));
        let format = table.parameters.word("dataformat").map(str::to_ascii_lowercase);
        let headers = table.properties.word("includeHeaders").unwrap_or_default();
        let skip_first = matches!(&*headers.to_ascii_lowercase(), "all" | "firstfile");
        self.external_rows(&table.uris, &schema, format.as_deref(), skip_first, span)
    }

    /// The rows of several addresses.
    fn external_rows(
        &self,
        uris: &[Ast],
        schema: &Arc<Schema>,
        format: Option<&str>,
        skip_first: bool,
        span: Span,
    ) -> Result<Relation> {
        let mut inputs = Vec::with_capacity(uris.len());
        for uri in uris {
            let address = match &uri.kind {
                ExprKind::Literal(Literal::String(s)) => Arc::clone(&s.value),
                _ => {
                    return Err(BindError::new(
                        "SEM0061",
                        uri.span,
                        "externaldata: an address must be a string literal",
                    ));
                }
            };
            let request = crate::source::ExternalData {
                address,
                schema: Arc::clone(schema),
                format: format.map(str::to_owned),
                skip_first,
            };
            inputs.push(self.external_scan(request));
        }
        match inputs.len() {
            0 => Ok(self.rows(Rows { schema: Arc::clone(schema), batches: Vec::new() })),
            1 => Ok(inputs.remove(0)),
            _ => self.union_of(inputs, false, None, span, &Demand::All),
        }
    }

    /// Reading one address, when the rows are asked for.
    fn external_scan(&self, request: crate::source::ExternalData) -> Relation {
        let fields: Vec<Field> =
            request.schema.columns.iter().map(|c| self.field(Arc::clone(&c.name), c.ty)).collect();
        let scan = crate::plan::Scan {
            columns: (0..fields.len()).map(crate::source::ScanColumn::Column).collect(),
            time: None,
            ingested: None,
            hints: Vec::new(),
            limit: None,
            table: Arc::new(crate::source::ExternalTable::new(request, Arc::clone(&self.catalog))),
        };
        Relation::new(Plan { node: Arc::new(Node::Scan(scan)), fields })
    }

    /// The first column alone, as a type.
    pub(super) fn first_column(&self, plan: Plan, ty: ScalarType) -> Plan {
        let Some(first) = plan.fields.first().cloned() else { return plan };
        if first.ty == ScalarType::Dynamic {
            return project(
                plan,
                vec![Output { expr: Expr::Column(first.id, first.ty), field: first }],
            );
        }
        let field: Field = self.field(Arc::clone(&first.name), ty);
        project(plan, vec![Output { expr: cast(Expr::Column(first.id, first.ty), ty), field }])
    }

    /// The name that an expression's column gets: given, implied, or `Column1`.
    pub(super) fn column_name(&self, ast: &Ast, names: &mut Names) -> Arc<str> {
        match &ast.kind {
            ExprKind::Named { name, .. } => names.unique(&name.text),
            _ => match implied_name(ast) {
                Some(name) => names.unique(&name),
                None => names.column(),
            },
        }
    }
}
