//! Operators that pick, order, name or end rows.

use super::{Parser, Read};
use crate::{
    lexer::TokenKind,
    syntax::{
        As, Consume, Count, Evaluate, ExprKind, RangeOperator, SampleDistinct, Serialize, Sort,
        Take, Top, Where,
    },
};

pub(in crate::parse) fn as_operator(p: &mut Parser<'_>) -> Read {
    let parameters = p.parameters(&[]);
    Read::As(As { parameters, name: p.name("a name for the rows") })
}

pub(in crate::parse) fn assert_schema(p: &mut Parser<'_>) -> Read {
    Read::AssertSchema(p.schema())
}

pub(in crate::parse) fn consume(p: &mut Parser<'_>) -> Read {
    Read::Consume(Consume { parameters: p.parameters(&["decodeblocks"]) })
}

pub(in crate::parse) fn count(p: &mut Parser<'_>) -> Read {
    let parameters = p.parameters(&[]);
    let name = p.accept_word("as").then(|| p.name("a name for the column"));
    Read::Count(Count { parameters, name })
}

pub(in crate::parse) fn evaluate(p: &mut Parser<'_>) -> Read {
    let parameters = p.parameters(&[]);
    let call = p.call();
    let schema = p.accept(TokenKind::Colon).then(|| p.schema());
    Read::Evaluate(Evaluate { parameters, call, schema })
}

pub(in crate::parse) fn filter(p: &mut Parser<'_>) -> Read {
    let parameters = p.known_parameters(&[]);
    let predicate = Box::new(p.named_expression());
    if let ExprKind::Named { name, .. } = &predicate.kind {
        let hint = format!("this names the condition '{name}'; write '==' to compare");
        p.warn(predicate.span, hint);
    }
    Read::Where(Where { parameters, predicate })
}

pub(in crate::parse) fn get_schema(p: &mut Parser<'_>) -> Read {
    Read::GetSchema(p.parameters(&["kind"]))
}

pub(in crate::parse) fn invoke(p: &mut Parser<'_>) -> Read {
    Read::Invoke(Box::new(p.unary()))
}

pub(in crate::parse) fn range(p: &mut Parser<'_>) -> Read {
    let name = p.name("the name of the column to make");
    p.expect_word("from");
    let from = p.expression();
    p.expect_word("to");
    let to = p.expression();
    p.expect_word("step");
    let step = p.expression();
    Read::Range(Box::new(RangeOperator { name, from, to, step }))
}

fn counted(p: &mut Parser<'_>) -> Take {
    let parameters = p.known_parameters(&[]);
    Take { parameters, count: p.boxed_expression() }
}

pub(in crate::parse) fn sample(p: &mut Parser<'_>) -> Read {
    Read::Sample(counted(p))
}

pub(in crate::parse) fn take(p: &mut Parser<'_>) -> Read {
    Read::Take(counted(p))
}

pub(in crate::parse) fn sample_distinct(p: &mut Parser<'_>) -> Read {
    let Take { parameters, count } = counted(p);
    p.expect_word("of");
    Read::SampleDistinct(SampleDistinct { parameters, count, of: Box::new(p.named_expression()) })
}

pub(in crate::parse) fn serialize(p: &mut Parser<'_>) -> Read {
    let parameters = p.known_parameters(&[]);
    Read::Serialize(Serialize { parameters, columns: p.optional_columns() })
}

pub(in crate::parse) fn sort(p: &mut Parser<'_>) -> Read {
    let parameters = p.parameters(&[]);
    p.expect_word("by");
    Read::Sort(Sort { parameters, by: p.comma_separated(Parser::sort_key) })
}

pub(in crate::parse) fn top(p: &mut Parser<'_>) -> Read {
    let Take { parameters, count } = counted(p);
    p.expect_word("by");
    Read::Top(Top { parameters, count, by: Box::new(p.sort_key()) })
}
