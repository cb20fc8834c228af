//! Hints and options: `kind=inner`, `hint.strategy=shuffle`, `with (format="csv")`.

use super::Parser;
use crate::{
    diagnostic::Fault,
    lexer::TokenKind,
    suggest::suggest,
    syntax::{Expr, ExprKind, Ident, Parameter, Parameters, UnaryOperator},
};

/// Parameters that some operator takes: any other reads over them.
const ELSEWHERE: &[&str] = &[
    "bagexpansion",
    "best_effort",
    "bin_legacy",
    "cycles",
    "decodeblocks",
    "expandoutput",
    "flags",
    "force_remote",
    "isfuzzy",
    "kind",
    "output",
    "with_itemindex",
    "with_match_id",
    "with_source",
    "with_step_name",
    "withsource",
];

impl Parser<'_> {
    /// Parameters of an operator whose first operand may itself be `name = value`: only the names known are taken.
    pub(super) fn known_parameters(&mut self, names: &[&str]) -> Parameters {
        let mut parameters = Parameters::default();
        while let Some(length) = self.parameter_name_length() {
            let word = self.text_of(self.token());
            let is_hint = length > 1 || word.starts_with("__");
            if !is_hint && !names.contains(&word) {
                break;
            }
            let parameter = self.parameter(length);
            parameters.0.push(parameter);
        }
        parameters
    }

    /// Parameters of an operator whose first operand is never `name = value`: names not known are reported.
    pub(super) fn parameters(&mut self, names: &[&str]) -> Parameters {
        let mut parameters = Parameters::default();
        self.missing_assignment(names);
        while let Some(length) = self.parameter_name_length() {
            let token = self.token();
            let word = self.text_of(token);
            let is_hint = length > 1 || word.starts_with("__");
            if !is_hint && !names.contains(&word) && ELSEWHERE.contains(&word) {
                self.warn(token.span, "this parameter has no effect here");
            } else if !is_hint && !names.contains(&word) {
                let hint = match suggest(word, names.iter().copied()) {
                    Some(near) => format!("no such parameter here; did you mean '{near}'?"),
                    None if names.is_empty() => "only hints may stand here".to_owned(),
                    None => format!("the parameters here are {}", names.join(", ")),
                };
                self.complain(Fault::Unexpected, token.span, hint);
            }
            let parameter = self.parameter(length);
            parameters.0.push(parameter);
        }
        parameters
    }

    /// `kind inner` for `kind=inner`: reported and skipped.
    fn missing_assignment(&mut self, names: &[&str]) {
        let (name, value) = (self.token(), self.token_at(1));
        let (name_text, value_text) = (self.text_of(name), self.text_of(value));
        let is_clause = matches!(value_text, "on" | "where" | "with" | "by" | "as" | "in" | "from");
        let is_pair = name.kind == TokenKind::Word && value.kind == TokenKind::Word;
        if is_pair && names.contains(&name_text) && !is_clause {
            let hint = format!("write {name_text}={value_text}");
            self.complain(Fault::Unexpected, value.span, hint);
            self.advance();
            self.advance();
        }
    }

    /// How many tokens stand before the `=` of a parameter: 1 for `kind`, 3 for `hint.strategy`.
    fn parameter_name_length(&self) -> Option<usize> {
        let mut length = 1;
        if !self.is(TokenKind::Word) {
            return None;
        }
        while length < 5
            && self.kind_at(length) == TokenKind::Dot
            && self.kind_at(length + 1) == TokenKind::Word
        {
            length += 2;
        }
        (self.kind_at(length) == TokenKind::Assign).then_some(length)
    }

    /// `name = value`, where the name takes `length` tokens.
    fn parameter(&mut self, length: usize) -> Parameter {
        let name = self.wildcard_ident(length);
        self.advance();
        let value = self.parameter_value();
        let span = name.span.to(value.span);
        Parameter { name, value, span }
    }

    /// A bare word, a name in brackets or a literal.
    pub(super) fn parameter_value(&mut self) -> Expr {
        if !self.is_word("dynamic")
            && let Some(name) = self.accept_name()
        {
            return self.word_value(name);
        }
        let start = self.start();
        if self.is(TokenKind::Minus) && self.kind_at(1) != TokenKind::End {
            self.advance();
            let operand = Box::new(self.literal());
            let kind = ExprKind::Unary { operator: UnaryOperator::Minus, operand };
            return Expr::new(kind, self.span_from(start));
        }
        self.literal()
    }

    /// `true` and `false` are literals, everything else a name.
    fn word_value(&mut self, name: Ident) -> Expr {
        let span = name.span;
        let literal = (!name.bracketed).then(|| super::literal::boolean(&name.text)).flatten();
        Expr::new(literal.map_or(ExprKind::Name(name), ExprKind::Literal), span)
    }

    /// `(name = value, ...)`, as behind `with`.
    pub(super) fn properties(&mut self) -> Parameters {
        if !self.expect(TokenKind::LeftParen, "(") {
            return Parameters::default();
        }
        let items = self.list(TokenKind::RightParen, Self::property);
        self.close(TokenKind::RightParen, ")");
        Parameters(items)
    }

    /// `name = value`, where the value is any expression.
    pub(super) fn property(&mut self) -> Parameter {
        let name = self.name("the name of a property");
        self.expect(TokenKind::Assign, "=");
        let value = self.expression();
        let span = name.span.to(value.span);
        Parameter { name, value, span }
    }
}
