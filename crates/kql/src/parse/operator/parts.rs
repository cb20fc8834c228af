//! Operators that run a query over parts, copies or databases.

use super::{Parser, Read, multivalue::graph_id};
use crate::{
    lexer::TokenKind,
    syntax::{Block, Expr, Facet, ForkBranch, MacroExpand, Partition, PartitionBody, PartitionBy},
};

pub(in crate::parse) fn facet(p: &mut Parser<'_>) -> Read {
    p.expect_word("by");
    let by = p.comma_separated(Parser::entity);
    let with = p.accept_word("with").then(|| {
        let in_parentheses = p.is(TokenKind::LeftParen);
        Box::new(if in_parentheses { p.parenthesised_operators() } else { p.one_operator() })
    });
    Read::Facet(Facet { by, with })
}

pub(in crate::parse) fn fork(p: &mut Parser<'_>) -> Read {
    let mut branches = Vec::new();
    loop {
        let length = p.name_length(0);
        let named = length > 0 && p.kind_at(length) == TokenKind::Assign;
        if !named && !p.is(TokenKind::LeftParen) {
            break;
        }
        let name = named.then(|| p.name("a name for the branch"));
        if named {
            p.advance();
        }
        let query: Expr = p.parenthesised_operators();
        branches.push(ForkBranch { name, query });
        if p.recovering {
            break;
        }
    }
    if branches.is_empty() {
        p.unexpected("expected a branch in parentheses");
    }
    Read::Fork(branches)
}

pub(in crate::parse) fn macro_expand(p: &mut Parser<'_>) -> Read {
    let parameters = p.parameters(&["isfuzzy", "kind"]);
    let group = Box::new(p.unary());
    let scope = p.accept_word("as").then(|| p.name("a name for the current entity"));
    let start = p.start();
    let mut body = Block::default();
    if p.is(TokenKind::LeftParen) {
        body.statements = p.nested(|p| {
            p.advance();
            let statements = p.statements(TokenKind::RightParen);
            p.close(TokenKind::RightParen, ")");
            statements
        });
    } else {
        p.unexpected("expected '(' and a query");
    }
    body.span = p.span_from(start);
    Read::MacroExpand(MacroExpand { parameters, group, scope, body })
}

pub(in crate::parse) fn partition(p: &mut Parser<'_>) -> Read {
    let parameters = p.parameters(&[]);
    p.expect_word("by");
    let by = Box::new(p.entity());
    let keys = p.accept_word("in").then(|| Box::new(p.unary()));
    let body = if p.is(TokenKind::LeftBrace) {
        PartitionBody::Query(Box::new(braced_query(p)))
    } else {
        PartitionBody::Subquery(Box::new(p.parenthesised_operators()))
    };
    Read::Partition(Partition { parameters, by, keys, body })
}

/// `{ T | where x }`.
fn braced_query(p: &mut Parser<'_>) -> Expr {
    let start = p.start();
    let query = p.nested(|p| {
        p.advance();
        let query = p.pipe_expression();
        p.close(TokenKind::RightBrace, "}");
        Some(query)
    });
    query.unwrap_or_else(|| Expr::missing(p.span_from(start)))
}

pub(in crate::parse) fn partition_by(p: &mut Parser<'_>) -> Read {
    let parameters = p.known_parameters(&[]);
    let by = Box::new(p.entity());
    let id = graph_id(p);
    let query = Box::new(p.parenthesised_operators());
    Read::PartitionBy(PartitionBy { parameters, by, id, query })
}
