//! Operators that take arrays and bags apart.

use super::{Parser, Read};
use crate::{
    lexer::TokenKind,
    syntax::{Expr, MvApply, MvExpand, MvItem},
};

const PARAMETERS: &[&str] = &["bagexpansion", "kind", "with_itemindex"];

pub(in crate::parse) fn mv_apply(p: &mut Parser<'_>) -> Read {
    let parameters = p.known_parameters(PARAMETERS);
    let items = p.comma_separated(item);
    let limit = limit(p);
    let id = graph_id(p);
    p.expect_word("on");
    let query = Box::new(p.parenthesised_operators());
    Read::MvApply(MvApply { parameters, items, limit, id, query })
}

pub(in crate::parse) fn mv_expand(p: &mut Parser<'_>) -> Read {
    expand(p, false)
}

pub(in crate::parse) fn mv_expand_legacy(p: &mut Parser<'_>) -> Read {
    expand(p, true)
}

fn expand(p: &mut Parser<'_>, legacy: bool) -> Read {
    let parameters = p.known_parameters(PARAMETERS);
    let items = p.comma_separated(item);
    Read::MvExpand(MvExpand { parameters, items, limit: limit(p), legacy })
}

/// `a to typeof(long)`.
fn item(p: &mut Parser<'_>) -> MvItem {
    let value = p.named_expression();
    let to = p.accept_word("to").then(|| {
        p.expect_word("typeof");
        p.type_of()
    });
    MvItem { value, to }
}

fn limit(p: &mut Parser<'_>) -> Option<Box<Expr>> {
    p.accept_word("limit").then(|| p.boxed_expression())
}

/// `id guid`.
pub(super) fn graph_id(p: &mut Parser<'_>) -> Option<Box<Expr>> {
    let has_id = p.is_word("id")
        && matches!(p.kind_at(1), TokenKind::Typed | TokenKind::RawGuid | TokenKind::String);
    has_id.then(|| {
        p.advance();
        Box::new(p.literal())
    })
}
