//! Operators that choose, make and name columns.

use super::{Parser, Read};
use crate::syntax::{Expr, ReorderColumn, ReorderOrder};

impl Parser<'_> {
    /// `a, b = expr`, at least one.
    pub(in crate::parse) fn columns(&mut self) -> Vec<Expr> {
        self.comma_separated(Self::named_expression)
    }

    /// The same, or nothing.
    pub(in crate::parse) fn optional_columns(&mut self) -> Vec<Expr> {
        if self.at_operator_end() { Vec::new() } else { self.columns() }
    }

    /// `a, Sec*`, or nothing.
    pub(in crate::parse) fn column_names(&mut self) -> Vec<Expr> {
        if self.at_operator_end() {
            return Vec::new();
        }
        self.comma_separated(Self::name_or_wildcard)
    }
}

pub(in crate::parse) fn project_reorder(p: &mut Parser<'_>) -> Read {
    if p.at_operator_end() {
        return Read::ProjectReorder(Vec::new());
    }
    Read::ProjectReorder(p.comma_separated(|p| {
        let column = p.name_or_wildcard();
        ReorderColumn { column, order: reorder_order(p) }
    }))
}

fn reorder_order(p: &mut Parser<'_>) -> Option<ReorderOrder> {
    let granny = p.is_word("granny");
    if granny {
        p.advance();
        p.advance();
    }
    let ascending = p.accept_word("asc");
    if !ascending && !p.accept_word("desc") {
        if granny {
            p.unexpected("expected 'granny-asc' or 'granny-desc'");
        }
        return None;
    }
    Some(match (granny, ascending) {
        (false, true) => ReorderOrder::Ascending,
        (false, false) => ReorderOrder::Descending,
        (true, true) => ReorderOrder::GrannyAscending,
        (true, false) => ReorderOrder::GrannyDescending,
    })
}
