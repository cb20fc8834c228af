//! What a graph pattern's names stand for: `x.name`, `all(e, ...)`, `node_degree_in(x)`.

use std::cell::RefCell;
use std::sync::Arc;

use kql::Span;
use kql::syntax::{Call, Expr as Ast, ExprKind, Ident, Selector};
use values::{ScalarType, Value};

use super::super::call::text;
use super::super::error::{BindError, Result};
use super::super::{Binder, Context, scalar};
use super::{Graph, property};
use crate::exec::whole::graph::{Collected, CollectedKind, NODE_EXTRAS};
use crate::plan::{Expr, Field};

/// The names of a pattern.
pub(crate) struct Scope<'c> {
    pub(super) graph: &'c Graph,
    pub(super) variables: Vec<(Arc<str>, Variable)>,
    pub(super) collected: RefCell<Vec<Collected>>,
    /// The variable edge whose elements are being looked at, and their columns.
    pub(super) element: RefCell<Option<(usize, Vec<Field>)>>,
}

/// What a name of a pattern is.
#[derive(Clone)]
pub(super) enum Variable {
    /// A node, with its columns.
    Node(Vec<Field>),
    /// One edge, with its columns.
    Edge(Vec<Field>),
    /// Several edges in a row: the pattern's edge of this number.
    Path(usize),
}

impl Scope<'_> {
    pub(super) fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|(n, _)| **n == *name).map(|(_, v)| v)
    }
}

impl Binder<'_> {
    /// `x.name` of a pattern.
    pub(in crate::bind) fn graph_property(
        &self,
        ctx: &Context<'_>,
        variable: &str,
        name: &Ident,
    ) -> Option<Result<Expr>> {
        let scope = ctx.graph?;
        match scope.variable(variable)?.clone() {
            Variable::Node(fields) | Variable::Edge(fields) => {
                Some(property(&fields, name, ctx.operator))
            }
            Variable::Path(edge) => {
                if let Some((at, fields)) = &*scope.element.borrow()
                    && *at == edge
                {
                    return Some(property(fields, name, ctx.operator));
                }
                let value = |inner: &Context<'_>| property(inner.fields, name, ctx.operator);
                Some(self.collect(ctx, scope, (edge, false), CollectedKind::Map, name.span, value))
            }
        }
    }

    /// A whole node or edge: a bag of its properties, or an array of them.
    pub(in crate::bind) fn graph_element(
        &self,
        ctx: &Context<'_>,
        name: &Ident,
    ) -> Option<Result<Expr>> {
        let scope = ctx.graph?;
        match scope.variable(&name.text)?.clone() {
            Variable::Node(fields) | Variable::Edge(fields) => Some(self.bag(&fields, name.span)),
            Variable::Path(edge) => {
                let value = |inner: &Context<'_>| self.bag(inner.fields, name.span);
                Some(self.collect(ctx, scope, (edge, false), CollectedKind::Map, name.span, value))
            }
        }
    }

    fn bag(&self, fields: &[Field], span: Span) -> Result<Expr> {
        let shown = fields.iter().filter(|f| !NODE_EXTRAS.contains(&&*f.name));
        let packed =
            shown.flat_map(|f| [text(&f.name), Expr::Column(f.id, f.ty)]).collect::<Vec<_>>();
        self.registered("bag_pack", packed, ScalarType::Dynamic, span)
    }

    /// Functions that only graphs have.
    pub(in crate::bind) fn graph_function(
        &self,
        ctx: &Context<'_>,
        call: &Call,
        span: Span,
    ) -> Result<Option<Expr>> {
        let args = call.arguments.as_slice();
        let extra = match &*call.name.text {
            "node_id" => NODE_EXTRAS.first(),
            "node_degree_in" => NODE_EXTRAS.get(1),
            "node_degree_out" => NODE_EXTRAS.get(2),
            _ => None,
        };
        if let Some(extra) = extra {
            return self.node_extra(ctx, extra, args, span).map(Some);
        }
        let Some(scope) = ctx.graph else { return Ok(None) };
        match (&*call.name.text, args) {
            ("labels", [] | [_]) => {
                // graphs made from rows have no labels
                let none = values::Dynamic::strings(std::iter::empty::<&str>());
                Ok(Some(Expr::Literal(Value::Dynamic(none), ScalarType::Dynamic)))
            }
            ("inner_nodes", [edge]) => {
                let at = self.path_variable(scope, edge)?;
                let value = |inner: &Context<'_>| self.bag(inner.fields, span);
                self.collect(ctx, scope, (at, true), CollectedKind::Map, span, value).map(Some)
            }
            ("all" | "any" | "map", [over, value]) => {
                let kind = match &*call.name.text {
                    "all" => CollectedKind::All,
                    "any" => CollectedKind::Any,
                    _ => CollectedKind::Map,
                };
                let (edge, inner) = match &over.unparenthesised().kind {
                    ExprKind::Call(call) if &*call.name.text == "inner_nodes" => {
                        (call.arguments.first().unwrap_or(over), true)
                    }
                    _ => (over, false),
                };
                let at = self.path_variable(scope, edge)?;
                let bound = |inner: &Context<'_>| match kind {
                    CollectedKind::Map => self.scalar(inner, value),
                    _ => self.predicate(inner, value),
                };
                self.collect(ctx, scope, (at, inner), kind, span, bound).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Identity or degree of a node: named, or the one being looked at.
    fn node_extra(&self, ctx: &Context<'_>, extra: &str, args: &[Ast], span: Span) -> Result<Expr> {
        let found = match args {
            [] => scalar::find(ctx.fields, extra).cloned(),
            [node] => {
                let name = node.as_name().and_then(|n| ctx.graph?.variable(&n.text));
                match name {
                    Some(Variable::Node(fields)) => scalar::find(fields, extra).cloned(),
                    _ => None,
                }
            }
            _ => None,
        };
        found.map(|f| Expr::Column(f.id, f.ty)).ok_or_else(|| {
            BindError::new(
                "SEM0061",
                span,
                "a node of the graph pattern is expected; without one the function stands in graph-where-nodes or over inner_nodes()",
            )
        })
    }

    fn path_variable(&self, scope: &Scope<'_>, ast: &Ast) -> Result<usize> {
        match ast.as_name().and_then(|name| scope.variable(&name.text)) {
            Some(Variable::Path(at)) => Ok(*at),
            _ => Err(BindError::new(
                "SEM0061",
                ast.span,
                "a variable length edge of the graph pattern is expected, such as e in -[e*1..3]->",
            )),
        }
    }

    /// A value over the elements of a variable edge.
    pub(super) fn collect(
        &self,
        ctx: &Context<'_>,
        scope: &Scope<'_>,
        (edge, inner): (usize, bool),
        kind: CollectedKind,
        span: Span,
        value: impl Fn(&Context<'_>) -> Result<Expr>,
    ) -> Result<Expr> {
        let columns = if inner { scope.graph.nodes() } else { &scope.graph.source.edges };
        let fields: Vec<Field> =
            columns.iter().map(|f| self.field(Arc::clone(&f.name), f.ty)).collect();
        let before = scope.element.replace((!inner).then(|| (edge, fields.clone())));
        let element = Context { fields: &fields, aggregates: None, windows: false, ..*ctx };
        let expr = value(&element);
        scope.element.replace(before);
        let expr = self.settled(expr?, span)?;
        let ty = match kind {
            CollectedKind::Map => ScalarType::Dynamic,
            _ => ScalarType::Bool,
        };
        let field = self.field("", ty);
        let column = Expr::Column(field.id, ty);
        scope.collected.borrow_mut().push(Collected {
            field,
            edge,
            inner,
            kind,
            expr,
            columns: fields.iter().map(|f| f.id).collect(),
        });
        Ok(column)
    }
}

/// True where a property of a variable edge is compared as it stands: the condition then is one on each of its edges.
pub(super) fn compares_each(scope: &Scope<'_>, ast: &Ast) -> Option<usize> {
    let path = |side: &Ast| match &side.unparenthesised().kind {
        ExprKind::Path { base, selector: Selector::Name(_) } => {
            match base.as_name().and_then(|n| scope.variable(&n.text)) {
                Some(Variable::Path(at)) => Some(*at),
                _ => None,
            }
        }
        _ => None,
    };
    match &ast.unparenthesised().kind {
        ExprKind::Binary { left, right, .. } => path(left)
            .or_else(|| path(right))
            .or_else(|| compares_each(scope, left))
            .or_else(|| compares_each(scope, right)),
        _ => None,
    }
}
