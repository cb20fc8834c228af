//! `graph-match` and `graph-shortest-paths`.

use std::cell::RefCell;
use std::sync::Arc;

use kql::Span;
use kql::syntax::{
    BinaryOperator, EdgeDirection, EdgeHops, Expr as Ast, ExprKind, GraphElement,
    GraphMatch as AstMatch, GraphPattern, Ident,
};
use values::ScalarType;

use super::super::env::Env;
use super::super::error::{BindError, Result};
use super::super::naming::Names;
use super::super::{Binder, Context, Relation, word};
use super::Graph;
use super::scope::{Scope, Variable, compares_each};
use crate::exec::whole::graph::{
    CollectedKind, Cycles, Direction, GraphResult, Pattern, PatternEdge,
};
use crate::plan::{Expr, Field};

/// Longest variable edge.
const HOPS_MAX: i64 = 500;

/// The nodes and edges of a pattern while it is read.
struct Shape {
    nodes: Vec<(Option<Arc<str>>, Vec<Field>)>,
    edges: Vec<PatternEdge>,
    variables: Vec<(Arc<str>, Variable)>,
}

impl Binder<'_> {
    /// `graph-match`, `graph-shortest-paths`.
    pub(super) fn graph_match(
        &self,
        env: &Env,
        graph: &Graph,
        matching: &AstMatch,
        shortest: bool,
        span: Span,
    ) -> Result<Relation> {
        let operator = if shortest { "graph-shortest-paths" } else { "graph-match" };
        let cycles = match word(&matching.parameters, "cycles").as_deref() {
            None | Some("unique_edges") => Cycles::UniqueEdges,
            Some("all") => Cycles::All,
            Some("none") => Cycles::None,
            Some(_) => {
                return Err(BindError::new(
                    "SEM0061",
                    span,
                    format!("'{operator}' operator: cycles is all, none or unique_edges"),
                ));
            }
        };
        let mut shape = Shape { nodes: Vec::new(), edges: Vec::new(), variables: Vec::new() };
        for pattern in &matching.patterns {
            self.sequence(env, graph, pattern, &mut shape)?;
        }
        check_shape(&shape, matching, shortest, span)?;
        let scope = Scope {
            graph,
            variables: shape.variables,
            collected: RefCell::default(),
            element: RefCell::default(),
        };
        let ctx = Context { graph: Some(&scope), ..Context::constant(env, operator) };
        let mut conditions = Vec::new();
        if let Some(predicate) = &matching.predicate {
            self.conditions(&ctx, &scope, predicate, &mut conditions)?;
        }
        let Some(project) = &matching.project else {
            return Err(BindError::new(
                "SEM0001",
                span,
                format!("'{operator}' operator: say with 'project' which columns the matches have"),
            ));
        };
        let mut names = Names::new([]);
        let mut fields = Vec::with_capacity(project.len());
        let mut outputs = Vec::with_capacity(project.len());
        for ast in project {
            let expr = self.scalar(&ctx, ast)?;
            let expr = self.settled(expr, ast.span)?;
            fields.push(self.field(self.column_name(ast, &mut names), expr.ty()));
            outputs.push(expr);
        }
        let all = word(&matching.parameters, "output").as_deref() == Some("all");
        let pattern = Pattern {
            nodes: shape.nodes.iter().map(|(_, f)| f.iter().map(|f| f.id).collect()).collect(),
            edges: shape.edges,
            cycles,
            shortest: shortest.then_some(all),
            collected: scope.collected.take(),
            conditions,
            outputs,
        };
        Ok(self.graph_rows(graph, GraphResult::Matches(pattern), fields))
    }

    /// The parts of a condition that must all hold.
    fn conditions(
        &self,
        ctx: &Context<'_>,
        scope: &Scope<'_>,
        ast: &Ast,
        out: &mut Vec<Expr>,
    ) -> Result<()> {
        let mut rest = vec![ast];
        while let Some(ast) = rest.pop() {
            let inner = ast.unparenthesised();
            if let ExprKind::Binary { operator: BinaryOperator::And, left, right, .. } = &inner.kind
            {
                rest.extend([&**right, &**left]);
                continue;
            }
            let condition = match compares_each(scope, inner) {
                Some(edge) => {
                    let each = |element: &Context<'_>| {
                        // names without a scope are the pattern's, not the edge's
                        self.predicate(&Context { fields: &[], ..*element }, inner)
                    };
                    self.collect(ctx, scope, (edge, false), CollectedKind::All, inner.span, each)?
                }
                None => self.predicate(ctx, inner)?,
            };
            out.push(self.settled(condition, inner.span)?);
        }
        Ok(())
    }

    /// One path of the pattern: nodes and edges in turn.
    fn sequence(
        &self,
        env: &Env,
        graph: &Graph,
        pattern: &GraphPattern,
        shape: &mut Shape,
    ) -> Result<()> {
        let mut last = None;
        let mut open: Option<&GraphElement> = None;
        for element in &pattern.elements {
            match (element, last, open) {
                (GraphElement::Node { name, span }, before, edge) => {
                    let at = self.pattern_node(graph, name.as_ref(), *span, shape)?;
                    match (before, edge) {
                        (Some(left), Some(edge)) => {
                            self.pattern_edge(env, graph, edge, (left, at), shape)?;
                        }
                        (None, None) => {}
                        _ => return Err(bad_pattern(*span)),
                    }
                    (last, open) = (Some(at), None);
                }
                (GraphElement::Edge { .. }, Some(_), None) => open = Some(element),
                (GraphElement::Edge { span, .. }, ..) => return Err(bad_pattern(*span)),
            }
        }
        if open.is_some() || last.is_none() {
            return Err(bad_pattern(pattern.span));
        }
        Ok(())
    }

    fn columns(&self, fields: &[Field]) -> Vec<Field> {
        fields.iter().map(|f| self.field(Arc::clone(&f.name), f.ty)).collect()
    }

    fn pattern_node(
        &self,
        graph: &Graph,
        name: Option<&Ident>,
        span: Span,
        shape: &mut Shape,
    ) -> Result<usize> {
        if let Some(name) = name {
            let known = shape.nodes.iter().position(|(n, _)| n.as_ref() == Some(&name.text));
            if let Some(at) = known {
                return Ok(at);
            }
            if shape.variables.iter().any(|(n, _)| *n == name.text) {
                return Err(twice(name, span));
            }
        }
        let fields = self.columns(graph.nodes());
        if let Some(name) = name {
            shape.variables.push((Arc::clone(&name.text), Variable::Node(fields.clone())));
        }
        shape.nodes.push((name.map(|n| Arc::clone(&n.text)), fields));
        Ok(shape.nodes.len() - 1)
    }

    fn pattern_edge(
        &self,
        env: &Env,
        graph: &Graph,
        edge: &GraphElement,
        (left, right): (usize, usize),
        shape: &mut Shape,
    ) -> Result<()> {
        let GraphElement::Edge { name, direction, hops, span } = edge else { return Ok(()) };
        let hops = match hops {
            Some(hops) => Some(self.hops(env, hops, *span)?),
            None => None,
        };
        let fields = self.columns(&graph.source.edges);
        if let Some(name) = name {
            if shape.variables.iter().any(|(n, _)| *n == name.text) {
                return Err(twice(name, *span));
            }
            let variable = match hops {
                Some(_) => Variable::Path(shape.edges.len()),
                None => Variable::Edge(fields.clone()),
            };
            shape.variables.push((Arc::clone(&name.text), variable));
        }
        shape.edges.push(PatternEdge {
            left,
            right,
            direction: match direction {
                EdgeDirection::Forward => Direction::Forward,
                EdgeDirection::Backward => Direction::Backward,
                EdgeDirection::Any => Direction::Any,
            },
            hops,
            columns: fields.iter().map(|f| f.id).collect(),
        });
        Ok(())
    }

    /// `*1..3`
    fn hops(&self, env: &Env, hops: &EdgeHops, span: Span) -> Result<(usize, usize)> {
        let ctx = Context::constant(env, "graph-match");
        let bound = |ast: &Ast| -> Result<i64> {
            let (value, _) = self.constant(&ctx, ast)?;
            let number = value.cast(ScalarType::Long).as_i64();
            number.filter(|n| (0..=HOPS_MAX).contains(n)).ok_or_else(|| {
                BindError::new(
                    "SEM0061",
                    ast.span,
                    format!("the length of an edge lies between 0 and {HOPS_MAX}"),
                )
            })
        };
        let (least, most) = (bound(&hops.from)?, bound(&hops.to)?);
        if least > most {
            return Err(BindError::new(
                "SEM0061",
                span,
                "the smallest length of an edge is larger than the largest",
            ));
        }
        Ok((usize::try_from(least).unwrap_or(0), usize::try_from(most).unwrap_or(0)))
    }
}

/// Patterns hang together; shortest paths are one sequence with a variable edge.
fn check_shape(shape: &Shape, matching: &AstMatch, shortest: bool, span: Span) -> Result<()> {
    let mut reached = vec![false; shape.nodes.len()];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for _ in &shape.edges {
        for edge in &shape.edges {
            let touched = [edge.left, edge.right].iter().any(|at| reached.get(*at) == Some(&true));
            for at in [edge.left, edge.right] {
                if let (true, Some(slot)) = (touched, reached.get_mut(at)) {
                    *slot = true;
                }
            }
        }
    }
    if reached.contains(&false) {
        return Err(BindError::new(
            "SEM0001",
            span,
            "the sequences of a graph pattern must share nodes, so that the pattern is connected",
        ));
    }
    if !shortest {
        return Ok(());
    }
    if matching.patterns.len() != 1 || !shape.edges.iter().any(|e| e.hops.is_some()) {
        return Err(BindError::new(
            "SEM0001",
            span,
            "'graph-shortest-paths' operator: the pattern is one sequence with at least one variable length edge, such as (a)-[e*1..5]->(b)",
        ));
    }
    Ok(())
}

fn bad_pattern(span: Span) -> BindError {
    BindError::new(
        "SEM0001",
        span,
        "a graph pattern is nodes with edges between them: (a)-[e]->(b)",
    )
}

fn twice(name: &Ident, span: Span) -> BindError {
    BindError::new("SEM0001", span, format!("'{name}' stands for two things in the graph pattern"))
}
