//! Operators that bring tables together.

use super::{Parser, Read};
use crate::syntax::{Join, JoinCondition, Union};

const UNION_PARAMETERS: &[&str] = &["kind", "withsource", "with_source", "isfuzzy", "best_effort"];

pub(in crate::parse) fn join(p: &mut Parser<'_>) -> Read {
    Read::Join(two_sided(p))
}

pub(in crate::parse) fn lookup(p: &mut Parser<'_>) -> Read {
    Read::Lookup(two_sided(p))
}

fn two_sided(p: &mut Parser<'_>) -> Join {
    let parameters = p.parameters(&["kind"]);
    let right = p.boxed_expression();
    let condition = if p.accept_word("on") {
        JoinCondition::On(p.comma_separated(Parser::expression))
    } else if p.accept_word("where") {
        JoinCondition::Where(p.boxed_expression())
    } else {
        JoinCondition::None
    };
    Join { parameters, right, condition }
}

pub(in crate::parse) fn union(p: &mut Parser<'_>) -> Read {
    let parameters = p.parameters(UNION_PARAMETERS);
    Read::Union(Union { parameters, tables: p.comma_separated(Parser::table) })
}
