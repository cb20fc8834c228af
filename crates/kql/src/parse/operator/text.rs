//! Operators that take texts apart.

use super::{Parser, Read};
use crate::{
    lexer::TokenKind,
    syntax::{Parameters, Parse, ParseKv, ParseStep},
};

pub(in crate::parse) fn parse(p: &mut Parser<'_>) -> Read {
    Read::Parse(pattern_parse(p))
}

pub(in crate::parse) fn parse_where(p: &mut Parser<'_>) -> Read {
    Read::ParseWhere(pattern_parse(p))
}

fn pattern_parse(p: &mut Parser<'_>) -> Parse {
    let parameters = p.parameters(&["kind", "flags"]);
    let input = p.boxed_expression();
    p.expect_word("with");
    let pattern = pattern(p);
    if pattern.is_empty() {
        p.unexpected("expected a pattern such as * \"text\" column: long");
    }
    Parse { parameters, input, pattern }
}

/// `* "text" column: long *`.
fn pattern(p: &mut Parser<'_>) -> Vec<ParseStep> {
    let mut steps = Vec::new();
    loop {
        let token = p.token();
        if p.accept(TokenKind::Star) {
            steps.push(ParseStep::Star(token.span));
        } else if p.is(TokenKind::String) {
            let (text, span) = p.string_literal();
            steps.push(ParseStep::Text(text, span));
        } else if let Some(name) = p.accept_name() {
            let column_type = p.accept(TokenKind::Colon).then(|| p.type_name());
            steps.push(ParseStep::Column { name, column_type });
        } else {
            return steps;
        }
    }
}

pub(in crate::parse) fn parse_kv(p: &mut Parser<'_>) -> Read {
    let input = p.boxed_expression();
    p.accept_word("as");
    let schema = p.schema();
    let properties: Parameters = match p.accept_word("with") {
        true => p.properties(),
        false => Parameters::default(),
    };
    Read::ParseKv(ParseKv { input, schema, properties })
}
