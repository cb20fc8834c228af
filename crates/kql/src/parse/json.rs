//! The inside of `dynamic(...)`: JSON, with KQL's literals as values and either quotes.

use super::Parser;
use crate::{
    diagnostic::Fault,
    lexer::TokenKind,
    syntax::{Expr, ExprKind, Json, Literal},
};

impl Parser<'_> {
    /// `dynamic(...)`, at its word.
    pub(super) fn dynamic_literal(&mut self) -> Expr {
        let start = self.start();
        self.advance();
        self.advance();
        let json = self.nested(|parser| {
            let empty = parser.is(TokenKind::RightParen);
            let json = if empty { Json::Null } else { parser.json() };
            parser.close(TokenKind::RightParen, ")");
            Some(json)
        });
        let literal = Literal::Dynamic(Box::new(json.unwrap_or(Json::Null)));
        Expr::new(ExprKind::Literal(literal), self.span_from(start))
    }

    fn json(&mut self) -> Json {
        use TokenKind::*;
        match self.kind() {
            LeftBracket => self.nested(|parser| Some(parser.json_array())).unwrap_or(Json::Null),
            LeftBrace => self.nested(|parser| Some(parser.json_object())).unwrap_or(Json::Null),
            Word if self.is_word("null") => {
                self.advance();
                Json::Null
            }
            Minus | Plus => self.json_signed(),
            Word if self.is_word("dynamic") && self.kind_at(1) == LeftParen => {
                match self.dynamic_literal().kind {
                    ExprKind::Literal(Literal::Dynamic(inner)) => *inner,
                    _ => Json::Null,
                }
            }
            _ => self.json_scalar(),
        }
    }

    fn json_scalar(&mut self) -> Json {
        let literal = self.accept_literal();
        match literal.map(|literal| literal.kind) {
            Some(ExprKind::Literal(Literal::Null(_))) => Json::Null,
            Some(ExprKind::Literal(literal)) => Json::Scalar(literal),
            Some(_) => {
                let hint =
                    "a dynamic holds fixed values only; build it with bag_pack() or pack_array()";
                self.error(Fault::Unexpected, self.token().span, hint);
                Json::Null
            }
            None => {
                let hint =
                    "a dynamic holds literals only; build it with bag_pack() or pack_array()";
                self.unexpected(hint);
                Json::Null
            }
        }
    }

    fn json_signed(&mut self) -> Json {
        let negative = self.advance().kind == TokenKind::Minus;
        let json = if self.is(TokenKind::Long) && negative {
            let token = self.advance();
            let text = self.text_of(token);
            let value = format!("-{text}").parse().ok();
            let value = value.or_else(|| super::literal::long(text)?.checked_neg());
            return value.map_or(Json::Null, |value| Json::Scalar(Literal::Long(value)));
        } else {
            self.json_scalar()
        };
        match json {
            Json::Scalar(Literal::Real(value)) if negative => Json::Scalar(Literal::Real(-value)),
            Json::Scalar(Literal::TimeSpan(value)) if negative => {
                let ticks = value.ticks().saturating_neg();
                Json::Scalar(Literal::TimeSpan(values::TimeSpan::from_ticks(ticks)))
            }
            other => other,
        }
    }

    fn json_array(&mut self) -> Json {
        self.advance();
        let items = self.list(TokenKind::RightBracket, Self::json);
        self.close(TokenKind::RightBracket, "]");
        Json::Array(items)
    }

    fn json_object(&mut self) -> Json {
        self.advance();
        let items = self.list(TokenKind::RightBrace, |parser| {
            let key = if parser.is(TokenKind::String) {
                parser.string_literal().0.value
            } else {
                parser.name("a key in quotes").text
            };
            parser.expect(TokenKind::Colon, ":");
            (key, parser.json())
        });
        self.close(TokenKind::RightBrace, "}");
        Json::Object(items)
    }
}
