//! Graph operators.

use super::{Parser, Read};
use crate::{
    lexer::TokenKind,
    syntax::{
        EdgeDirection, EdgeHops, GraphElement, GraphMatch, GraphNodeTable, GraphNodes, GraphOutput,
        GraphPart, GraphPartition, GraphPattern, Ident, MakeGraph,
    },
};

pub(in crate::parse) fn graph_mark_components(p: &mut Parser<'_>) -> Read {
    Read::GraphMarkComponents(p.parameters(&["kind", "with_component_id"]))
}

pub(in crate::parse) fn graph_where_edges(p: &mut Parser<'_>) -> Read {
    Read::GraphWhereEdges(p.boxed_expression())
}

pub(in crate::parse) fn graph_where_nodes(p: &mut Parser<'_>) -> Read {
    Read::GraphWhereNodes(p.boxed_expression())
}

pub(in crate::parse) fn graph_match(p: &mut Parser<'_>) -> Read {
    Read::GraphMatch(matching(p, &["cycles"]))
}

pub(in crate::parse) fn graph_shortest_paths(p: &mut Parser<'_>) -> Read {
    Read::GraphShortestPaths(matching(p, &["output", "cycles"]))
}

fn matching(p: &mut Parser<'_>, names: &[&str]) -> GraphMatch {
    let parameters = p.parameters(names);
    let patterns = p.comma_separated(pattern);
    let predicate = p.accept_word("where").then(|| p.boxed_expression());
    let project = p.accept_word("project").then(|| p.columns());
    GraphMatch { parameters, patterns, predicate, project }
}

/// `(a)-[e]->(b)<--(c)`.
fn pattern(p: &mut Parser<'_>) -> GraphPattern {
    let start = p.start();
    let mut elements = Vec::new();
    loop {
        match p.kind() {
            TokenKind::LeftParen => elements.push(node(p)),
            TokenKind::Minus | TokenKind::Less => elements.push(edge(p)),
            _ => break,
        }
        if p.recovering {
            break;
        }
    }
    if elements.is_empty() {
        p.unexpected("expected a pattern such as (a)-[e]->(b)");
    }
    GraphPattern { elements, span: p.span_from(start) }
}

fn node(p: &mut Parser<'_>) -> GraphElement {
    let start = p.start();
    p.advance();
    let name = p.accept_name();
    p.close(TokenKind::RightParen, ")");
    GraphElement::Node { name, span: p.span_from(start) }
}

/// `-->`, `--`, `<--`, `-[e*1..3]->`, `-[e]-`, `<-[e]-`.
fn edge(p: &mut Parser<'_>) -> GraphElement {
    let start = p.start();
    let backward = p.accept(TokenKind::Less);
    p.expect(TokenKind::Minus, "-");
    let (name, hops) = if p.is(TokenKind::LeftBracket) { edge_inside(p) } else { (None, None) };
    p.expect(TokenKind::Minus, "-");
    let forward = !backward && p.accept(TokenKind::Greater);
    let direction = match (forward, backward) {
        (true, _) => EdgeDirection::Forward,
        (_, true) => EdgeDirection::Backward,
        _ => EdgeDirection::Any,
    };
    GraphElement::Edge { name, direction, hops, span: p.span_from(start) }
}

/// `[e*1..3]`.
fn edge_inside(p: &mut Parser<'_>) -> (Option<Ident>, Option<Box<EdgeHops>>) {
    p.advance();
    let name = p.accept_name();
    let hops = p.accept(TokenKind::Star).then(|| {
        let from = p.unary();
        p.expect(TokenKind::DotDot, "..");
        Box::new(EdgeHops { from, to: p.unary() })
    });
    p.close(TokenKind::RightBracket, "]");
    (name, hops)
}

pub(in crate::parse) fn graph_to_table(p: &mut Parser<'_>) -> Read {
    Read::GraphToTable(p.comma_separated(graph_output))
}

fn graph_output(p: &mut Parser<'_>) -> GraphOutput {
    let start = p.start();
    let part = if p.accept_word("nodes") {
        GraphPart::Nodes
    } else {
        if !p.accept_word("edges") {
            p.unexpected("expected 'nodes' or 'edges'");
        }
        GraphPart::Edges
    };
    let name = p.accept_word("as").then(|| p.name("a name for the table"));
    let parameters = p.parameters(match part {
        GraphPart::Nodes => &["with_node_id"],
        GraphPart::Edges => &["with_source_id", "with_target_id"],
    });
    GraphOutput { part, name, parameters, span: p.span_from(start) }
}

pub(in crate::parse) fn make_graph(p: &mut Parser<'_>) -> Read {
    let parameters = p.known_parameters(&[]);
    let source = p.name("the column where edges start");
    p.expect(TokenKind::Minus, "-->");
    p.expect(TokenKind::Minus, "-->");
    let directed = p.accept(TokenKind::Greater);
    let target = p.name("the column where edges end");
    let nodes = graph_nodes(p);
    let partitioned_by = (p.is_word("partitioned") && p.is_word_at(2, "by")).then(|| {
        for _ in 0..3 {
            p.advance();
        }
        let by = Box::new(p.entity());
        GraphPartition { by, query: Box::new(p.parenthesised_operators()) }
    });
    Read::MakeGraph(MakeGraph { parameters, source, directed, target, nodes, partitioned_by })
}

fn graph_nodes(p: &mut Parser<'_>) -> GraphNodes {
    if p.accept_word("with_node_id") {
        p.expect(TokenKind::Assign, "=");
        return GraphNodes::Id(p.name("a name for the identity of nodes"));
    }
    if !p.accept_word("with") {
        return GraphNodes::None;
    }
    GraphNodes::Tables(p.comma_separated(|p| {
        let table = p.unary();
        p.expect_word("on");
        GraphNodeTable { table, key: p.name("the column that identifies a node") }
    }))
}
