//! `search` and `find`.

use super::{Parser, Read};
use crate::{
    lexer::TokenKind,
    syntax::{Expr, Find, FindColumn, FindProject, Search},
};

pub(in crate::parse) fn search(p: &mut Parser<'_>) -> Read {
    let parameters = p.parameters(&["kind", "withsource", "with_source", "datascope"]);
    let tables = tables(p);
    Read::Search(Search { parameters, tables, predicate: p.boxed_expression() })
}

/// `in (A, B*)`.
fn tables(p: &mut Parser<'_>) -> Option<Vec<Expr>> {
    if !(p.is_word("in") && p.kind_at(1) == TokenKind::LeftParen) {
        return None;
    }
    p.advance();
    p.advance();
    let tables = p.list(TokenKind::RightParen, Parser::piped_table);
    p.close(TokenKind::RightParen, ")");
    Some(tables)
}

pub(in crate::parse) fn find(p: &mut Parser<'_>) -> Read {
    let parameters = p.parameters(&["withsource", "with_source", "datascope"]);
    let tables = tables(p);
    p.accept_word("where");
    let at_project = p.is_word("project") || p.at_operator_end();
    let predicate = (!at_project).then(|| p.boxed_expression());
    let project = find_project(p);
    let project_away = find_project_away(p);
    Read::Find(Find { parameters, tables, predicate, project, project_away })
}

/// `project-smart`, `project a, b: long, pack(*)`.
fn find_project(p: &mut Parser<'_>) -> FindProject {
    if !p.is_word("project") || p.is_word_at(2, "away") {
        return FindProject::Smart;
    }
    p.advance();
    if p.is(TokenKind::Minus) && p.is_word_at(1, "smart") {
        p.advance();
        p.advance();
        return FindProject::Smart;
    }
    FindProject::Columns(p.comma_separated(find_column))
}

fn find_column(p: &mut Parser<'_>) -> FindColumn {
    let start = p.start();
    let is_pack = matches!(p.text_of(p.token()), "pack" | "pack_all" | "bag_pack");
    if is_pack && p.kind_at(1) == TokenKind::LeftParen {
        p.advance();
        p.advance();
        p.accept(TokenKind::Star);
        p.close(TokenKind::RightParen, ")");
        return FindColumn::Pack(p.span_from(start));
    }
    let name = p.name("the name of a column");
    let column_type = p.accept(TokenKind::Colon).then(|| p.type_name());
    FindColumn::Column { name, column_type }
}

/// `project-away *`, `project-away a, b`.
fn find_project_away(p: &mut Parser<'_>) -> Vec<Expr> {
    if p.is_word("project") && p.is_word_at(2, "away") {
        for _ in 0..3 {
            p.advance();
        }
    } else if !p.accept_word("__projectAway") {
        return Vec::new();
    }
    p.comma_separated(Parser::name_or_wildcard)
}
