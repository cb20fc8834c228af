//! Statements: `let`, `set`, `declare`, and the calls of functions they make.

use std::sync::{Arc, LazyLock};

use ahash::{AHashMap, AHashSet};
use kql::Span;
use kql::syntax::{
    Block, Expr as Ast, ExprKind, FunctionDeclaration, FunctionParameter, LetValue, Literal,
    ParameterType, Query, Schema, Selector, Statement, StatementKind, StringLiteral,
    SubqueryFunction,
};
use model::FunctionDefinition;
use parking_lot::Mutex;
use values::{ScalarType, Value};

use super::demand::{Demand, Leave, Proof};
use super::env::{Binding, Declared, Env};
use super::error::{BindError, Result};
use super::types::cast;
use super::{Binder, Context, Relation, scalar};
use crate::plan::{Expr, Field, Plan};

/// What an expression turned out to be.
pub(super) enum Bound {
    /// A value.
    Scalar(Expr),
    /// Rows.
    Table(Relation),
    /// A graph.
    Graph(Box<super::graph::Graph>),
}

/// Scalar functions that are written like tables or take them.
const TABLE_FUNCTIONS: &[&str] = &[
    "table",
    "database",
    "cluster",
    "workspace",
    "app",
    "resource",
    "arg",
    "adx",
    "graph",
    "external_table",
    "materialized_view",
    "_GetWatchlist",
    "view",
    "stored_query_result",
];

/// A saved function, parsed.
#[derive(Clone)]
struct Saved {
    parameters: Arc<Vec<FunctionParameter>>,
    body: Arc<Block>,
    proof: Arc<Proof>,
}

/// Parsed saved functions by their text.
static SAVED: LazyLock<Mutex<AHashMap<(Arc<str>, Arc<str>), Saved>>> =
    LazyLock::new(Mutex::default);

/// Refuses a name that `let` gives twice in one text; in a function it may hide one from outside.
fn expect_let_once(statements: &[Statement]) -> Result<()> {
    let mut given = AHashSet::new();
    for statement in statements {
        if let StatementKind::Let(binding) = &statement.kind
            && !given.insert(&binding.name.text)
        {
            return Err(super::naming::named_twice("let", &binding.name));
        }
    }
    Ok(())
}

/// What to do about a graph that nobody reads.
const GRAPH_END: &str = "a graph is no result; read it with graph-match or graph-to-table";

/// Most saved functions kept parsed.
const SAVED_MAX: usize = 4096;

impl Binder<'_> {
    /// A whole query.
    pub(super) fn query(&self, query: &Query) -> Result<Vec<(String, Plan)>> {
        let mut env = Env::default();
        let mut last: Option<Relation> = None;
        let mut results: Vec<(String, Plan)> = Vec::new();
        expect_let_once(&query.statements)?;
        for statement in &query.statements {
            let bound = self.statement(&mut env, statement)?;
            let named = self.named.take();
            if named.is_empty() {
                if let Some(bound) = bound
                    && let Some(previous) = last.replace(self.table_of(bound)?)
                {
                    results.push(("PrimaryResult".to_owned(), previous.plan));
                }
                continue;
            }
            // tables of a graph: the statements behind see them; at the end they are the answer
            let is_last = query.statements.last().is_some_and(|s| s.span == statement.span);
            for (name, rows) in named {
                if is_last {
                    self.extra.borrow_mut().push((name.to_string(), rows.plan.clone()));
                    last = Some(rows.clone());
                }
                env = env.with(name, Binding::Table(Arc::new(rows)));
            }
        }
        let Some(last) = last else {
            // the text of a function: definitions alone ask for nothing, and nothing is answered
            if query.statements.iter().any(|s| matches!(s.kind, StatementKind::Let(_))) {
                let nothing = self.rows(model::Rows::default());
                return Ok(vec![("PrimaryResult".to_owned(), nothing.plan)]);
            }
            return Err(BindError::new(
                "SEM0009",
                query.span,
                "the query has no tabular expression statement; end it with a table, print or range",
            ));
        };
        self.open.set(last.open);
        results.push(("PrimaryResult".to_owned(), last.plan));
        if let Some(count) = self.option("query_take_max_records").and_then(|v| v.as_i64()) {
            let count = usize::try_from(count).unwrap_or(0);
            for (_, plan) in &mut results {
                *plan = self.limit(Relation::new(plan.clone()), count)?.plan;
            }
        }
        let extra = self.extra.take();
        if !extra.is_empty() {
            results.pop();
            results.extend(extra);
            self.open.set(true); // which of them is meant, and whether it is open, is not asked
        }
        Ok(results)
    }

    /// A statement; what it gives, where it is an expression.
    pub(super) fn statement(&self, env: &mut Env, statement: &Statement) -> Result<Option<Bound>> {
        match &statement.kind {
            StatementKind::Let(binding) => {
                let group = super::entities::entity_group(&binding.value);
                let value = match (&binding.value, group) {
                    (_, Some(group)) => group,
                    (LetValue::Function(f), None) => {
                        Binding::Function(Arc::new(declared(&binding.name.text, f, env)))
                    }
                    (LetValue::Expr(expr), None) => {
                        self.let_value(env, &binding.name.text, expr)?
                    }
                };
                *env = env.with(Arc::clone(&binding.name.text), value);
            }
            StatementKind::Set(option) => {
                let value = match &option.value {
                    Some(v) => match &v.kind {
                        ExprKind::Literal(l) => scalar::literal_value(l),
                        _ => Value::string(v.as_word().unwrap_or_default()),
                    },
                    None => Value::Bool(true),
                };
                self.options.borrow_mut().push((Arc::clone(&option.name.text), value));
            }
            StatementKind::DeclareQueryParameters(parameters) => {
                self.query_parameters(env, parameters)?
            }
            StatementKind::Alias(alias) => {
                let catalog = self.database(env, &alias.database)?;
                *env = env.with(Arc::clone(&alias.name.text), Binding::Database(catalog));
            }
            StatementKind::DeclarePattern(pattern) => {
                let bound = self.declare_pattern(env, pattern.definition.as_ref());
                *env = env.with(Arc::clone(&pattern.name.text), bound);
            }
            StatementKind::RestrictAccess(restrict) => {
                *env = self.restrict_access(env, restrict)?
            }
            StatementKind::Expression(expr) => return self.bound(env, expr).map(Some),
        }
        Ok(None)
    }

    fn let_value(&self, env: &Env, name: &Arc<str>, expr: &Ast) -> Result<Binding> {
        if let Some(catalog) = self.database_value(env, expr) {
            return Ok(Binding::Database(catalog));
        }
        Ok(match self.bound(env, expr) {
            Ok(Bound::Scalar(value)) => {
                self.unfolded(crate::plan::size(&value), "parts of an expression", expr.span)?;
                Binding::Scalar(value)
            }
            Ok(Bound::Graph(graph)) => Binding::Graph(Arc::new(self.shared_graph(*graph))),
            Ok(Bound::Table(mut rows)) => {
                rows.source = Some(Arc::clone(name));
                Binding::Table(Arc::new(rows))
            }
            // an input that does not resolve may be left out later by `union isfuzzy=true`
            Err(error) if error.code == "SEM0100" && self.is_tabular(env, expr, &[]) => {
                Binding::Failed(Arc::new(error))
            }
            Err(error) => return Err(error),
        })
    }

    fn query_parameters(&self, env: &mut Env, parameters: &[FunctionParameter]) -> Result<()> {
        for parameter in parameters {
            let ParameterType::Scalar(ty) = &parameter.parameter_type else { continue };
            let ty = ty.scalar.unwrap_or(ScalarType::String);
            let given = self.settings.parameters.iter().find(|(n, _)| **n == *parameter.name.text);
            let expr = match (given, &parameter.default) {
                (Some((_, text)), _) => parameter_value(text, ty).ok_or_else(|| {
                    BindError::new(
                        "SEM0223",
                        parameter.span,
                        format!(
                            "the value of query parameter '{}' is not a {ty} literal",
                            parameter.name
                        ),
                    )
                })?,
                (None, Some(default)) => {
                    cast(self.scalar(&Context::constant(env, "declare"), default)?, ty)
                }
                (None, None) if self.settings.run.is_none() => Expr::Literal(Value::Null, ty),
                (None, None) => {
                    return Err(BindError::new(
                        "SEM0222",
                        parameter.span,
                        format!(
                            "query parameter '{}' has no value; give one in the request or declare a default",
                            parameter.name
                        ),
                    ));
                }
            };
            *env = env.with(Arc::clone(&parameter.name.text), Binding::Scalar(expr));
        }
        Ok(())
    }

    /// An expression of either kind.
    pub(super) fn bound(&self, env: &Env, expr: &Ast) -> Result<Bound> {
        self.bound_for(env, expr, &Demand::All)
    }

    /// An expression of either kind; of a table these columns are asked for.
    fn bound_for(&self, env: &Env, expr: &Ast, demand: &Demand) -> Result<Bound> {
        if self.is_graph(env, expr) {
            return self.graph_value(env, expr).map(|g| Bound::Graph(Box::new(g)));
        }
        if self.is_tabular(env, expr, &[]) {
            return self.tabular_for(env, expr, demand).map(Bound::Table);
        }
        let call = match &expr.unparenthesised().kind {
            ExprKind::Call(call) => Some(call),
            _ => None,
        };
        if let Some((call, Binding::Function(declared))) =
            call.and_then(|c| env.get(&c.name.text).map(|b| (c, b)))
        {
            let declared = Arc::clone(declared);
            let ctx = Context::constant(env, "");
            return self.invoke(&ctx, &declared, &call.arguments, expr.span);
        }
        self.scalar(&Context::constant(env, ""), expr).map(Bound::Scalar)
    }

    /// A table, or the one-row table of a value.
    pub(super) fn table_of(&self, bound: Bound) -> Result<Relation> {
        Ok(match bound {
            Bound::Graph(_) => return Err(BindError::new("SEM0009", Span::default(), GRAPH_END)),
            Bound::Table(rows) => rows,
            Bound::Scalar(expr) => {
                Relation::new(self.print_plan(vec![(Arc::from("print_0"), expr)]))
            }
        })
    }

    /// True when the expression stands for rows.
    pub(super) fn is_tabular(&self, env: &Env, expr: &Ast, fields: &[Field]) -> bool {
        match &expr.kind {
            ExprKind::Pipe { .. }
            | ExprKind::DataTable(_)
            | ExprKind::ExternalData(_)
            | ExprKind::InlineExternalTable(_)
            | ExprKind::Wildcard(_) => true,
            ExprKind::Parenthesised(inner) => self.is_tabular(env, inner, fields),
            ExprKind::Subquery(s) => s.function != SubqueryFunction::ToScalar,
            ExprKind::Name(name) => {
                if scalar::find(fields, &name.text).is_some() {
                    return false;
                }
                match env.get(&name.text) {
                    Some(Binding::Table(_) | Binding::Failed(_)) => true,
                    Some(Binding::Function(f)) => self.gives_table(f),
                    Some(Binding::Restriction(_) | Binding::Pattern(_)) => false,
                    Some(Binding::Scalar(_) | Binding::Database(_)) => false,
                    Some(Binding::Graph(_) | Binding::EntityGroup(_)) => false,
                    None => {
                        fields.is_empty()
                            || self.catalog.table(&name.text).is_some()
                            || self.catalog.function(&name.text).is_some()
                    }
                }
            }
            ExprKind::Call(call) => {
                let name = &*call.name.text;
                match env.get(name) {
                    Some(Binding::Function(f)) => self.gives_table(f),
                    Some(Binding::Pattern(_)) => true,
                    Some(_) => false,
                    None if TABLE_FUNCTIONS.contains(&name) => true,
                    None if crate::functions::signatures(name).is_some() => false,
                    None => match self.saved_function(name, expr.span) {
                        Ok(Some(f)) => self.gives_table(&f),
                        _ => false,
                    },
                }
            }
            ExprKind::Path { base, selector } => match &base.unparenthesised().kind {
                ExprKind::Call(call) => {
                    matches!(env.get(&call.name.text), Some(Binding::Pattern(_)))
                        || matches!(
                            &*call.name.text,
                            "database"
                                | "cluster"
                                | "workspace"
                                | "app"
                                | "resource"
                                | "arg"
                                | "adx"
                        )
                }
                ExprKind::Name(name) => matches!(env.get(&name.text), Some(Binding::Database(_))),
                ExprKind::Path { .. } => {
                    matches!(
                        selector,
                        Selector::Name(_) | Selector::Call(_) | Selector::Wildcard(_)
                    ) && self.is_tabular(env, base, fields)
                }
                _ => false,
            },
            _ => false,
        }
    }

    /// True when the function's result is a table.
    pub(super) fn gives_table(&self, declared: &Declared) -> bool {
        let Some(last) = declared.body.statements.last() else { return false };
        let StatementKind::Expression(expr) = &last.kind else { return false };
        self.result_is_table(declared, expr, 0)
    }

    fn result_is_table(&self, declared: &Declared, expr: &Ast, depth: usize) -> bool {
        if depth > 16 {
            return true;
        }
        let local = |name: &str| {
            declared.body.statements.iter().rev().find_map(|s| match &s.kind {
                StatementKind::Let(l) if *l.name.text == *name => Some(&l.value),
                _ => None,
            })
        };
        let named = match &expr.unparenthesised().kind {
            ExprKind::Name(name) => Some(&*name.text),
            ExprKind::Call(call) => Some(&*call.name.text),
            _ => None,
        };
        if let Some(name) = named {
            match local(name) {
                Some(LetValue::Expr(value)) => {
                    return self.result_is_table(declared, value, depth + 1);
                }
                Some(LetValue::Function(f)) => {
                    let inner = self::declared(&Arc::from(name), f, &declared.env);
                    return self.gives_table(&inner);
                }
                None => {}
            }
            if let Some(parameter) = declared.parameters.iter().find(|p| *p.name.text == *name) {
                return matches!(parameter.parameter_type, ParameterType::Table(_));
            }
        }
        self.is_tabular(&declared.env, expr, &[])
    }

    /// The saved function of this name.
    pub(super) fn saved_function(&self, name: &str, span: Span) -> Result<Option<Arc<Declared>>> {
        match self.catalog.function(name) {
            Some(definition) => self.parse_saved(&definition, span).map(Some),
            None => Ok(None),
        }
    }

    pub(super) fn parse_saved(
        &self,
        definition: &FunctionDefinition,
        span: Span,
    ) -> Result<Arc<Declared>> {
        let key = (Arc::clone(&definition.parameters), Arc::clone(&definition.body));
        let known = SAVED.lock().get(&key).cloned();
        let Saved { parameters, body, proof } = match known {
            Some(saved) => saved,
            None => {
                let parsed = parse_function(definition).map_err(|message| {
                    BindError::new(
                        "SEM0001",
                        span,
                        format!("saved function '{}': {message}", definition.name),
                    )
                })?;
                let saved = Saved {
                    parameters: Arc::new(parsed.parameters),
                    body: Arc::new(parsed.body),
                    proof: Arc::default(),
                };
                let mut cache = SAVED.lock();
                if cache.len() >= SAVED_MAX {
                    cache.clear();
                }
                cache.insert(key, saved.clone());
                saved
            }
        };
        let (name, env) = (Arc::clone(&definition.name), Env::default());
        let saved = Some(proof);
        Ok(Arc::new(Declared { name, parameters, body, env, view: false, saved }))
    }

    /// Calls a declared function: its body, with the parameters standing for the arguments.
    pub(super) fn invoke(
        &self,
        ctx: &Context<'_>,
        declared: &Arc<Declared>,
        args: &[Ast],
        span: Span,
    ) -> Result<Bound> {
        self.invoke_for(ctx, declared, args, span, &Demand::All)
    }

    /// Calls a declared function, of whose rows these columns are asked for.
    pub(super) fn invoke_for(
        &self,
        ctx: &Context<'_>,
        declared: &Arc<Declared>,
        args: &[Ast],
        span: Span,
        demand: &Demand,
    ) -> Result<Bound> {
        let given = assign_arguments(declared, args, span)?;
        let mut env = declared.env.clone();
        for (parameter, arg) in declared.parameters.iter().zip(given) {
            let binding = self.argument(ctx, declared, parameter, arg, span)?;
            env = env.with(Arc::clone(&parameter.name.text), binding);
        }
        self.body(declared, env, span, demand)
    }

    /// Calls a function whose first parameter is a table, with these rows (`T | invoke f(...)`).
    pub(super) fn invoke_on(
        &self,
        ctx: &Context<'_>,
        rows: Relation,
        declared: &Arc<Declared>,
        args: &[Ast],
        span: Span,
    ) -> Result<Relation> {
        let Some((first, rest)) = declared.parameters.split_first() else {
            return Err(BindError::new(
                "SEM0261",
                span,
                format!(
                    "'{}' takes no table: its first parameter must be tabular to be used with invoke",
                    declared.name
                ),
            ));
        };
        let ParameterType::Table(schema) = &first.parameter_type else {
            return Err(BindError::new(
                "SEM0261",
                span,
                format!("the first parameter of '{}' is not a table", declared.name),
            ));
        };
        check_schema(&declared.name, &rows, schema, span)?;
        // `invoke DeviceFromIP(LocalIP)`: a column of the rows stands for its name
        let columns: Vec<Ast> = args.iter().map(|arg| column_text(ctx.env, &rows, arg)).collect();
        let args = columns.as_slice();
        let mut env =
            declared.env.with(Arc::clone(&first.name.text), Binding::Table(Arc::new(rows)));
        let mut positional = args.iter().filter(|a| !matches!(a.kind, ExprKind::Named { .. }));
        for parameter in rest {
            let named = args.iter().find_map(|a| match &a.kind {
                ExprKind::Named { name, value } if name.text == parameter.name.text => {
                    Some(&**value)
                }
                _ => None,
            });
            let arg = named.or_else(|| positional.next());
            let binding = self.argument(ctx, declared, parameter, arg, span)?;
            env = env.with(Arc::clone(&parameter.name.text), binding);
        }
        match self.body(declared, env, span, &Demand::All)? {
            Bound::Table(rows) => Ok(rows),
            Bound::Scalar(_) | Bound::Graph(_) => Err(BindError::new(
                "SEM0079",
                span,
                format!("'{}' gives a scalar value, but invoke needs a table", declared.name),
            )),
        }
    }

    fn argument(
        &self,
        ctx: &Context<'_>,
        declared: &Declared,
        parameter: &FunctionParameter,
        arg: Option<&Ast>,
        span: Span,
    ) -> Result<Binding> {
        match &parameter.parameter_type {
            ParameterType::Table(schema) => {
                let Some(arg) = arg else { return Err(missing(declared, parameter, span)) };
                let rows = self.tabular(ctx.env, arg)?;
                check_schema(&declared.name, &rows, schema, arg.span)?;
                Ok(Binding::Table(Arc::new(rows)))
            }
            ParameterType::Scalar(ty) => {
                let ty = ty.scalar.unwrap_or(ScalarType::Dynamic);
                let expr = match (arg, &parameter.default) {
                    (Some(arg), _) => self.scalar(ctx, arg)?,
                    (None, Some(default)) => {
                        self.scalar(&Context::constant(&declared.env, "let"), default)?
                    }
                    (None, None) => return Err(missing(declared, parameter, span)),
                };
                self.unfolded(crate::plan::size(&expr), "parts of an expression", span)?;
                Ok(Binding::Scalar(cast(expr, ty)))
            }
        }
    }

    fn body(&self, declared: &Declared, env: Env, span: Span, demand: &Demand) -> Result<Bound> {
        self.bodies.set(self.bodies.get() + 1);
        self.unfolded(self.bodies.get(), "calls of functions", span)?;
        let Some(proof) = &declared.saved else {
            return self.statements(declared, env, span, demand);
        };
        let lazy = self.leave.get() != Leave::Forbidden
            && matches!(demand, Demand::Names { .. })
            && super::demand::holds(proof, &*self.catalog);
        if lazy {
            self.leave.set(Leave::Done);
            let bound = self.saved_body(declared, env.clone(), span, &demand.lazily());
            if bound.is_ok() {
                return bound;
            }
        }
        let scanned = self.scanned.borrow().len();
        let bound = self.saved_body(declared, env, span, &Demand::All)?;
        let tables = self.scanned.borrow().get(scanned..).unwrap_or_default().to_vec();
        *proof.lock() = Some(super::demand::once_each(tables));
        Ok(bound)
    }

    fn saved_body(
        &self,
        declared: &Declared,
        env: Env,
        span: Span,
        demand: &Demand,
    ) -> Result<Bound> {
        let outer = self.lazy.replace(demand.is_lazy());
        self.saved.borrow_mut().push(Arc::clone(&declared.name));
        let bound = self.statements(declared, env, span, demand);
        self.saved.borrow_mut().pop();
        self.lazy.set(outer);
        bound
    }

    fn statements(
        &self,
        declared: &Declared,
        mut env: Env,
        span: Span,
        demand: &Demand,
    ) -> Result<Bound> {
        self.nested(span, || {
            let mut result = None;
            for statement in &declared.body.statements {
                let bound = match &statement.kind {
                    StatementKind::Expression(expr) => self.bound_for(&env, expr, demand).map(Some),
                    _ => self.statement(&mut env, statement),
                };
                match bound {
                    Ok(Some(bound)) => result = Some(bound),
                    Ok(None) => {}
                    Err(mut error) if declared.saved.is_some() => {
                        // places inside a saved function mean nothing to the reader of the query
                        error.message =
                            format!("in function '{}': {}", declared.name, error.message);
                        error.span = span;
                        return Err(error);
                    }
                    Err(error) => return Err(error),
                }
            }
            result.ok_or_else(|| {
                BindError::new(
                    "SEM0009",
                    span,
                    format!(
                        "function '{}' gives nothing: its body ends with a statement",
                        declared.name
                    ),
                )
            })
        })
    }
}

/// A bare name that is a column of the rows, and nothing else, as the text of that name.
fn column_text(env: &Env, rows: &Relation, arg: &Ast) -> Ast {
    match &arg.kind {
        ExprKind::Name(name)
            if env.get(&name.text).is_none()
                && scalar::find(&rows.plan.fields, &name.text).is_some() =>
        {
            let text = StringLiteral { value: Arc::clone(&name.text), obfuscated: false };
            Ast::new(ExprKind::Literal(Literal::String(text)), arg.span)
        }
        _ => arg.clone(),
    }
}

/// Gives each parameter its argument: named ones first, the others fill the places left, in order.
fn assign_arguments<'a>(
    declared: &Declared,
    args: &'a [Ast],
    span: Span,
) -> Result<Vec<Option<&'a Ast>>> {
    let mut given: Vec<Option<&Ast>> = vec![None; declared.parameters.len()];
    let mut positional = Vec::with_capacity(args.len());
    for arg in args {
        match &arg.kind {
            ExprKind::Named { name, value } => {
                let at = declared.parameters.iter().position(|p| p.name.text == name.text);
                match at.and_then(|at| given.get_mut(at)) {
                    Some(place) => *place = Some(value),
                    None => {
                        return Err(super::call::unknown_argument(
                            &declared.name,
                            name,
                            declared.parameters.iter().map(|p| &*p.name.text),
                        ));
                    }
                }
            }
            _ => positional.push(arg),
        }
    }
    let mut places = given.iter_mut().filter(|p| p.is_none());
    for arg in positional {
        match places.next() {
            Some(place) => *place = Some(arg),
            None => return Err(too_many(declared, args.len(), span)),
        }
    }
    drop(places);
    Ok(given)
}

/// A function with the names around it.
pub(super) fn declared(name: &Arc<str>, f: &FunctionDeclaration, env: &Env) -> Declared {
    Declared {
        name: Arc::clone(name),
        parameters: Arc::new(f.parameters.clone()),
        body: Arc::new(Block { statements: f.body.statements.clone(), span: f.body.span }),
        env: env.clone(),
        view: f.view,
        saved: None,
    }
}

fn parse_function(definition: &FunctionDefinition) -> Result<FunctionDeclaration, String> {
    let text = format!("let __saved = ({}) {{\n{}\n}};", definition.parameters, definition.body);
    let parsed = kql::parse(&text);
    if let Some(error) = parsed.diagnostics.iter().find(|d| d.severity == kql::Severity::Error) {
        return Err(error.message.clone());
    }
    parsed
        .query
        .statements
        .into_iter()
        .find_map(|s| match s.kind {
            StatementKind::Let(kql::syntax::Let { value: LetValue::Function(f), .. }) => Some(f),
            _ => None,
        })
        .ok_or_else(|| "its text is not a function body".to_owned())
}

fn missing(declared: &Declared, parameter: &FunctionParameter, span: Span) -> BindError {
    BindError::new(
        "SEM0219",
        span,
        format!(
            "{}(): parameter '{}' has no argument and no default",
            declared.name, parameter.name
        ),
    )
}

fn too_many(declared: &Declared, given: usize, span: Span) -> BindError {
    BindError::new(
        "SEM0219",
        span,
        format!(
            "{}(): function expects {} argument(s), {given} given",
            declared.name,
            declared.parameters.len()
        ),
    )
}

fn check_schema(function: &str, rows: &Relation, schema: &Schema, span: Span) -> Result<()> {
    if rows.open {
        return Ok(());
    }
    for column in &schema.columns {
        if scalar::find(&rows.plan.fields, &column.name.text).is_none() {
            return Err(BindError::new(
                "SEM0262",
                span,
                format!(
                    "{function}(): the table given has no column '{}', which the parameter demands",
                    column.name
                ),
            ));
        }
    }
    Ok(())
}

/// The value of a query parameter: a KQL literal, or the bare text of a string.
fn parameter_value(text: &str, ty: ScalarType) -> Option<Expr> {
    let parsed = kql::parse(text);
    if let [Statement { kind: StatementKind::Expression(expr), .. }] =
        parsed.query.statements.as_slice()
        && let (ExprKind::Literal(literal), true) = (&expr.kind, parsed.diagnostics.is_empty())
    {
        let value = scalar::literal_value(literal).cast(ty);
        return Some(Expr::Literal(value, ty));
    }
    match Value::string(text).cast(ty) {
        Value::Null => None,
        value => Some(Expr::Literal(value, ty)),
    }
}
