//! Operators that gather rows.

use super::{Parser, Read};
use crate::{
    lexer::TokenKind,
    syntax::{
        Distinct, Expr, MakeSeries, Parameters, Reduce, SeriesAggregate, SeriesAxis, Summarize,
        TopHitters, TopNestedLevel,
    },
};

pub(in crate::parse) fn distinct(p: &mut Parser<'_>) -> Read {
    let parameters = p.known_parameters(&[]);
    Read::Distinct(Distinct { parameters, columns: p.columns() })
}

pub(in crate::parse) fn summarize(p: &mut Parser<'_>) -> Read {
    let parameters = p.known_parameters(&[]);
    let at_by = |p: &Parser<'_>| p.is_word("by") && p.kind_at(1) != TokenKind::Assign;
    let aggregates = if at_by(p) || p.at_operator_end() { Vec::new() } else { p.columns() };
    let has_by = p.accept_word("by");
    let by = if has_by { p.columns() } else { Vec::new() };
    let has_bin = p.is_word("bin") && p.kind_at(1) == TokenKind::Assign;
    let bin = has_bin.then(|| {
        p.advance();
        p.advance();
        p.boxed_expression()
    });
    Read::Summarize(Summarize { parameters, aggregates, by, has_by, bin })
}

pub(in crate::parse) fn make_series(p: &mut Parser<'_>) -> Read {
    let parameters = p.known_parameters(&["kind"]);
    let aggregates = p.comma_separated(series_aggregate);
    p.expect_word("on");
    // Binds tighter than `in`, which may begin the axis.
    let on = Box::new(p.named(Parser::relation));
    let axis = if p.accept_word("in") { range_axis(p) } else { step_axis(p) };
    let by = if p.accept_word("by") { p.columns() } else { Vec::new() };
    Read::MakeSeries(MakeSeries { parameters, aggregates, on, axis, by })
}

/// `n=count() default=0`.
fn series_aggregate(p: &mut Parser<'_>) -> SeriesAggregate {
    let value = p.named_expression();
    let default = p.accept_word("default").then(|| {
        p.expect(TokenKind::Assign, "=");
        p.expression()
    });
    SeriesAggregate { value, default }
}

/// `range(from, to, step)`.
fn range_axis(p: &mut Parser<'_>) -> SeriesAxis {
    p.expect_word("range");
    p.expect(TokenKind::LeftParen, "(");
    let from = p.boxed_expression();
    p.expect(TokenKind::Comma, ",");
    let to = p.boxed_expression();
    p.expect(TokenKind::Comma, ",");
    let step = p.boxed_expression();
    p.close(TokenKind::RightParen, ")");
    SeriesAxis { from: Some(from), to: Some(to), step, in_range: true }
}

/// `from a to b step c`.
fn step_axis(p: &mut Parser<'_>) -> SeriesAxis {
    let from = p.accept_word("from").then(|| p.boxed_expression());
    let to = p.accept_word("to").then(|| p.boxed_expression());
    p.expect_word("step");
    SeriesAxis { from, to, step: p.boxed_expression(), in_range: false }
}

pub(in crate::parse) fn reduce(p: &mut Parser<'_>) -> Read {
    let parameters = p.known_parameters(&["kind"]);
    p.expect_word("by");
    let by = Box::new(p.named_expression());
    let with = p.accept_word("with").then(|| Parameters(p.comma_separated(Parser::property)));
    Read::Reduce(Reduce { parameters, by, with: with.unwrap_or_default() })
}

pub(in crate::parse) fn top_hitters(p: &mut Parser<'_>) -> Read {
    let parameters = p.known_parameters(&[]);
    let count = p.boxed_expression();
    p.expect_word("of");
    let of = Box::new(p.named_expression());
    let by = p.accept_word("by").then(|| Box::new(p.sort_key()));
    Read::TopHitters(TopHitters { parameters, count, of, by })
}

pub(in crate::parse) fn top_nested(p: &mut Parser<'_>) -> Read {
    let mut levels = vec![top_nested_level(p)];
    while p.is(TokenKind::Comma) && p.is_word_at(1, "top") && p.is_word_at(3, "nested") {
        for _ in 0..4 {
            p.advance();
        }
        levels.push(top_nested_level(p));
    }
    Read::TopNested(levels)
}

fn top_nested_level(p: &mut Parser<'_>) -> TopNestedLevel {
    let start = p.start();
    let count: Option<Expr> = (!p.is_word("of")).then(|| p.expression());
    p.expect_word("of");
    let of = p.named_expression();
    let others = p.accept_word("with").then(|| {
        p.expect_word("others");
        p.expect(TokenKind::Assign, "=");
        p.expression()
    });
    p.expect_word("by");
    let by = p.sort_key();
    TopNestedLevel { count, of, others, by, span: p.span_from(start) }
}
