//! Names that stand for groups and choices: `declare pattern`, `restrict access`, `macro-expand`.

use std::sync::Arc;

use kql::Span;
use kql::syntax::{
    Block, Call, Expr as Ast, ExprKind, LetValue, MacroExpand, PatternDefinition, RestrictAccess,
    Selector,
};
use values::{ScalarType, Value};

use super::call::text;
use super::demand::Demand;
use super::env::{Binding, Env};
use super::error::{BindError, Result};
use super::naming::matches_wildcard;
use super::statement::Bound;
use super::{Binder, Context, Relation, word};

/// The name under which an environment keeps what `restrict access` left.
const RESTRICTION: &str = "$restricted";

/// Most entities of a group.
const ENTITIES_MAX: usize = 500;

/// A declared pattern with the names its bodies see.
pub(crate) struct Pattern {
    definition: PatternDefinition,
    env: Env,
}

/// What `restrict access` leaves: names, with stars, of the own database and of others.
pub(crate) struct Restriction {
    own: Vec<Arc<str>>,
    others: Vec<(String, Arc<str>)>,
}

impl Restriction {
    fn allows(&self, name: &str) -> bool {
        self.own.iter().any(|pattern| matches_wildcard(pattern, name))
    }
}

/// True where the name of a table or function may be used.
pub(super) fn is_visible(env: &Env, name: &str) -> bool {
    match env.get(RESTRICTION) {
        Some(Binding::Restriction(restriction)) => restriction.allows(name),
        _ => true,
    }
}

impl Binder<'_> {
    /// `declare pattern`.
    pub(super) fn declare_pattern(
        &self,
        env: &Env,
        definition: Option<&PatternDefinition>,
    ) -> Binding {
        // without a definition the name is known, and no use of it means anything
        let definition = definition.cloned().unwrap_or_else(|| PatternDefinition {
            parameters: Vec::new(),
            path: None,
            cases: Vec::new(),
        });
        Binding::Pattern(Arc::new(Pattern { definition, env: env.clone() }))
    }

    /// `p("a")`, `p("a").b`: what the pattern means for these arguments.
    pub(super) fn pattern_call(
        &self,
        env: &Env,
        pattern: &Pattern,
        call: &Call,
        path: Option<&str>,
        span: Span,
    ) -> Result<Bound> {
        let ctx = Context::constant(env, "pattern");
        let values = call
            .arguments
            .iter()
            .map(|a| self.constant(&ctx, a).map(|(v, _)| v))
            .collect::<Result<Vec<Value>>>()?;
        let expected = pattern.definition.parameters.len();
        if values.len() != expected {
            return Err(self.wrong_count(&call.name.text, values.len(), span));
        }
        for case in &pattern.definition.cases {
            let own = case
                .arguments
                .iter()
                .map(|a| self.constant(&ctx, a).map(|(v, _)| v))
                .collect::<Result<Vec<Value>>>()?;
            let own_path = match &case.path {
                Some(ast) => Some(self.constant(&ctx, ast)?.0),
                None => None,
            };
            let same = own
                .iter()
                .zip(&values)
                .all(|(a, b)| a == b || a.cast(ScalarType::String) == b.cast(ScalarType::String));
            if same && own_path.as_ref().and_then(Value::as_str) == path {
                return self.pattern_body(pattern, &case.body, span);
            }
        }
        Err(BindError::new(
            "SEM0036",
            span,
            format!("pattern '{}' says nothing about these arguments", call.name),
        ))
    }

    fn pattern_body(&self, pattern: &Pattern, body: &Block, span: Span) -> Result<Bound> {
        self.nested(span, || {
            let mut env = pattern.env.clone();
            let mut last = None;
            for statement in &body.statements {
                if let Some(bound) = self.statement(&mut env, statement)? {
                    last = Some(bound);
                }
            }
            last.ok_or_else(|| BindError::new("SEM0009", span, "this case of the pattern is empty"))
        })
    }

    /// `restrict access to (...)`: the names that following statements still see.
    pub(super) fn restrict_access(&self, env: &Env, restrict: &RestrictAccess) -> Result<Env> {
        let mut left = Restriction { own: Vec::new(), others: Vec::new() };
        for entity in &restrict.entities {
            match &entity.unparenthesised().kind {
                ExprKind::Name(name) | ExprKind::Wildcard(name) => {
                    left.own.push(Arc::clone(&name.text));
                }
                ExprKind::Star => left.own.push(Arc::from("*")),
                ExprKind::Call(call) => left.own.push(Arc::clone(&call.name.text)),
                ExprKind::Path { base, selector } => {
                    let pattern = match selector {
                        Selector::Name(name) | Selector::Wildcard(name) => Arc::clone(&name.text),
                        Selector::Call(call) => Arc::clone(&call.name.text),
                    };
                    match scope_name(base) {
                        Some(name) if is_own(&name) => left.own.push(pattern),
                        Some(name) => left.others.push((name, pattern)),
                        None => return Err(not_an_entity(entity.span)),
                    }
                }
                _ => return Err(not_an_entity(entity.span)),
            }
        }
        let mut kept = Vec::new();
        let mut seen: Vec<&str> = Vec::new();
        for (name, binding) in env.iter() {
            if seen.contains(&name) {
                continue;
            }
            seen.push(name);
            let scalar = match binding {
                Binding::Scalar(_) | Binding::EntityGroup(_) => true,
                Binding::Function(declared) => !declared.view && !self.gives_table(declared),
                _ => false,
            };
            let narrowed = name == RESTRICTION;
            if !narrowed && (scalar || left.allows(name)) {
                kept.push((Arc::from(name), binding.clone()));
            }
        }
        // what was restricted before stays so
        if let Some(Binding::Restriction(before)) = env.get(RESTRICTION) {
            left.own.retain(|pattern| before.allows(pattern));
            left.others.retain(|entry| before.others.contains(entry));
        }
        let mut result = Env::default();
        for (name, binding) in kept.into_iter().rev() {
            result = result.with(name, binding);
        }
        Ok(result.with(Arc::from(RESTRICTION), Binding::Restriction(Arc::new(left))))
    }

    /// Refuses a name of another database that `restrict access` left out.
    pub(super) fn check_scope(&self, env: &Env, base: &Ast, name: &str, span: Span) -> Result<()> {
        let Some(Binding::Restriction(restriction)) = env.get(RESTRICTION) else { return Ok(()) };
        let allowed = match scope_name(base) {
            Some(scope) if is_own(&scope) => restriction.allows(name),
            Some(scope) => restriction
                .others
                .iter()
                .any(|(s, pattern)| (*s == scope || s == "*") && matches_wildcard(pattern, name)),
            None => false,
        };
        if allowed {
            Ok(())
        } else {
            Err(BindError::unresolved("table or function", "", name, span, []))
        }
    }

    /// `macro-expand group as X ( query )`: the union of the query over each database of the group.
    pub(super) fn macro_expand(
        &self,
        env: &Env,
        expand: &MacroExpand,
        span: Span,
    ) -> Result<Relation> {
        let fuzzy = expand.parameters.flag("isfuzzy").unwrap_or(false);
        let inner = word(&expand.parameters, "kind").as_deref() == Some("inner");
        let entities = self.entities(env, &expand.group, 0)?;
        let mut inputs = Vec::new();
        let mut missing = None;
        for entity in &entities {
            match self.expanded_entity(env, expand, entity, span) {
                Ok(rows) => inputs.push(rows),
                Err(error) if fuzzy => missing = Some(error),
                Err(error) => return Err(error),
            }
        }
        match (inputs.is_empty(), missing) {
            (true, Some(error)) => Err(error),
            _ => self.union_of(inputs, inner, None, span, &Demand::All),
        }
    }

    fn expanded_entity(
        &self,
        env: &Env,
        expand: &MacroExpand,
        entity: &Ast,
        span: Span,
    ) -> Result<Relation> {
        let catalog = self.database(env, entity)?;
        let mut inside = env.clone();
        if let Some(scope) = &expand.scope {
            inside = inside.with(Arc::clone(&scope.text), Binding::Database(catalog));
            let name = scope_name(entity).unwrap_or_default();
            for (property, value) in
                [("$current_database", &*name), ("$current_cluster_endpoint", "")]
            {
                let hidden = Arc::from(format!("{}.{property}", scope.text));
                inside = inside.with(hidden, Binding::Scalar(text(value)));
            }
        }
        self.nested(span, || {
            let mut last = None;
            for statement in &expand.body.statements {
                if let Some(bound) = self.statement(&mut inside, statement)? {
                    last = Some(self.table_of(bound)?);
                }
            }
            last.ok_or_else(|| {
                BindError::new("SEM0009", span, "'macro-expand' operator: the body gives no rows")
            })
        })
    }

    /// The databases of a group.
    fn entities(&self, env: &Env, group: &Ast, depth: usize) -> Result<Vec<Ast>> {
        let group = group.unparenthesised();
        let unknown = || {
            BindError::new(
                "SEM0100",
                group.span,
                "an entity group is expected: entity_group [database(\"a\"), workspace(\"b\")], or a let of one",
            )
        };
        if depth > 16 {
            return Err(unknown());
        }
        match &group.kind {
            ExprKind::EntityGroup(list) => {
                let mut all = Vec::new();
                for entity in list {
                    match &entity.unparenthesised().kind {
                        ExprKind::Name(_) | ExprKind::EntityGroup(_) => {
                            all.extend(self.entities(env, entity, depth + 1)?);
                        }
                        _ => all.push(entity.clone()),
                    }
                    if all.len() > ENTITIES_MAX {
                        return Err(BindError::new(
                            "SEM0001",
                            group.span,
                            format!("an entity group holds more than {ENTITIES_MAX} entities"),
                        ));
                    }
                }
                Ok(all)
            }
            ExprKind::Name(name) => match env.get(&name.text) {
                Some(Binding::EntityGroup(list)) => {
                    let list = Arc::clone(list);
                    self.entities(env, &list, depth + 1)
                }
                Some(Binding::Database(_)) => Ok(vec![group.clone()]),
                _ => Err(unknown()),
            },
            ExprKind::Call(_) | ExprKind::Path { .. } => Ok(vec![group.clone()]),
            _ => Err(unknown()),
        }
    }
}

/// The value of a `let` that is an entity group.
pub(super) fn entity_group(value: &LetValue) -> Option<Binding> {
    match value {
        LetValue::Expr(expr) => match &expr.unparenthesised().kind {
            ExprKind::EntityGroup(_) => Some(Binding::EntityGroup(Arc::new(expr.clone()))),
            _ => None,
        },
        LetValue::Function(_) => None,
    }
}

/// The database named by `database("d")` or `cluster("c").database("d")`.
fn scope_name(base: &Ast) -> Option<String> {
    let call = match &base.unparenthesised().kind {
        ExprKind::Call(call) => call,
        ExprKind::Path { selector: Selector::Call(call), .. } => call,
        ExprKind::Name(name) => return Some(name.text.to_string()),
        _ => return None,
    };
    match call.arguments.first().map(|a| &a.kind) {
        Some(ExprKind::Literal(kql::syntax::Literal::String(s))) => Some(s.value.to_string()),
        None => Some(String::new()),
        _ => None,
    }
}

fn is_own(name: &str) -> bool {
    matches!(name, "" | "default" | "*")
}

fn not_an_entity(span: Span) -> BindError {
    BindError::new(
        "SEM0001",
        span,
        "'restrict access' takes tables, views and functions, with stars, and those of database(\"...\")",
    )
}
