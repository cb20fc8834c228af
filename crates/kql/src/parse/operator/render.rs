//! `render`.

use super::{Parser, Read};
use crate::{
    lexer::TokenKind,
    syntax::{Expr, ExprKind, Parameter, Parameters, Render},
};

/// Properties whose value is a list of columns.
const COLUMN_LISTS: &[&str] = &["anomalycolumns", "by", "series", "ycolumns"];

pub(in crate::parse) fn render(p: &mut Parser<'_>) -> Read {
    let chart = p.name("the kind of a chart, such as 'timechart'");
    let mut properties = Parameters::default();
    loop {
        if p.is_word("with") && p.kind_at(1) == TokenKind::LeftParen {
            p.advance();
            p.advance();
            let inside = p.list(TokenKind::RightParen, property);
            p.close(TokenKind::RightParen, ")");
            properties.0.extend(inside);
        } else if p.is(TokenKind::Word) && p.kind_at(1) == TokenKind::Assign {
            properties.0.push(property(p));
        } else if p.is_word("by") || p.is_word("with") {
            properties.0.push(legacy_property(p));
        } else {
            return Read::Render(Render { chart, properties });
        }
    }
}

/// `title="x"`, `ycolumns=a, b`.
fn property(p: &mut Parser<'_>) -> Parameter {
    let name = p.name("the name of a property");
    p.expect(TokenKind::Assign, "=");
    let value = value(p, &name.text);
    let span = name.span.to(value.span);
    Parameter { name, value, span }
}

/// `by a, b`, `with "x"`: without an equals sign.
fn legacy_property(p: &mut Parser<'_>) -> Parameter {
    let name = p.name("the name of a property");
    let value = value(p, &name.text);
    let span = name.span.to(value.span);
    Parameter { name, value, span }
}

fn value(p: &mut Parser<'_>, name: &str) -> Expr {
    if !COLUMN_LISTS.contains(&name) {
        return p.expression();
    }
    let start = p.start();
    let mut columns = vec![p.expression()];
    // A comma before `name =` ends the list.
    while p.is(TokenKind::Comma) && p.kind_at(2) != TokenKind::Assign {
        p.advance();
        columns.push(p.expression());
    }
    Expr::new(ExprKind::List(columns), p.span_from(start))
}
