//! One reader for each tabular operator, from behind its name.

mod aggregate;
mod columns;
mod graph;
mod join;
mod multivalue;
mod parts;
mod render;
mod rows;
mod scan;
mod search;
mod text;

pub(super) use aggregate::*;
pub(super) use columns::*;
pub(super) use graph::*;
pub(super) use join::*;
pub(super) use multivalue::*;
pub(super) use parts::*;
pub(super) use render::*;
pub(super) use rows::*;
pub(super) use scan::*;
pub(super) use search::*;
pub(super) use text::*;

use super::Parser;
use crate::{
    lexer::TokenKind,
    syntax::{Expr, NullsOrder, SortKey, SortOrder},
};

/// What a reader hands back.
type Read = crate::syntax::OperatorKind;

impl Parser<'_> {
    /// True if nothing of the operator is left.
    fn at_operator_end(&self) -> bool {
        use TokenKind::*;
        matches!(
            self.kind(),
            Pipe | Semicolon | Comma | RightParen | RightBracket | RightBrace | End
        )
    }

    fn boxed_expression(&mut self) -> Box<Expr> {
        Box::new(self.expression())
    }

    /// `a asc nulls last`.
    fn sort_key(&mut self) -> SortKey {
        let value = self.named_expression();
        let order = if self.accept_word("asc") {
            Some(SortOrder::Ascending)
        } else {
            self.accept_word("desc").then_some(SortOrder::Descending)
        };
        let nulls = self.accept_word("nulls").then(|| {
            if self.accept_word("first") {
                NullsOrder::First
            } else {
                self.expect_word("last");
                NullsOrder::Last
            }
        });
        SortKey { value, order, nulls }
    }
}
