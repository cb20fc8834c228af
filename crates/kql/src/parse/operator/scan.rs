//! `scan`.

use super::{Parser, Read};
use crate::{
    lexer::TokenKind,
    syntax::{Scan, ScanOutput, ScanStep},
};

pub(in crate::parse) fn scan(p: &mut Parser<'_>) -> Read {
    let parameters = p.parameters(&["kind", "with_match_id", "with_step_name"]);
    let order_by = if p.accept_word("order") {
        p.expect_word("by");
        p.comma_separated(Parser::sort_key)
    } else {
        Vec::new()
    };
    let partition_by = if p.accept_word("partition") {
        p.expect_word("by");
        p.comma_separated(Parser::expression)
    } else {
        Vec::new()
    };
    let declare = if p.accept_word("declare") { p.function_parameters() } else { Vec::new() };
    p.expect_word("with");
    let steps = steps(p);
    Read::Scan(Scan { parameters, order_by, partition_by, declare, steps })
}

/// `( step ...; step ...; )`.
fn steps(p: &mut Parser<'_>) -> Vec<ScanStep> {
    if !p.expect(TokenKind::LeftParen, "(") {
        return Vec::new();
    }
    let mut steps = Vec::new();
    while p.is_word("step") {
        steps.push(step(p));
        if !p.is(TokenKind::Semicolon) {
            p.unexpected("end the step with ';'");
            p.skip_to(|kind| kind == TokenKind::Semicolon);
        }
        if p.accept(TokenKind::Semicolon) {
            p.recovering = false;
        }
    }
    if steps.is_empty() {
        p.unexpected("expected a step such as 'step s1: a > 1;'");
    }
    p.close(TokenKind::RightParen, ")");
    steps
}

/// `step s optional output=all: condition => x = 1`.
fn step(p: &mut Parser<'_>) -> ScanStep {
    let start = p.start();
    p.advance();
    let name = p.name("the name of the step");
    let optional = p.accept_word("optional");
    let output = p.accept_word("output").then(|| {
        p.expect(TokenKind::Assign, "=");
        output(p)
    });
    p.expect(TokenKind::Colon, ":");
    let condition = p.expression();
    let assignments = if p.accept(TokenKind::FatArrow) {
        p.comma_separated(Parser::named_expression)
    } else {
        Vec::new()
    };
    let span = p.span_from(start);
    ScanStep { name, optional, output: output.flatten(), condition, assignments, span }
}

fn output(p: &mut Parser<'_>) -> Option<ScanOutput> {
    let word = p.text_of(p.token());
    let output = match word {
        "all" => ScanOutput::All,
        "last" => ScanOutput::Last,
        "none" => ScanOutput::None,
        _ => {
            p.unexpected("expected 'all', 'last' or 'none'");
            return None;
        }
    };
    p.advance();
    Some(output)
}
