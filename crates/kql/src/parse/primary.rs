//! Operands: names, literals, calls, paths, parentheses, and the expressions that bring their own syntax.

use super::Parser;
use crate::{
    diagnostic::Fault,
    lexer::TokenKind,
    syntax::{Call, DataTable, Expr, ExprKind, Selector, Span, Subquery, SubqueryFunction},
};

impl Parser<'_> {
    /// An operand and what hangs on it: `.name`, `.f(1)`, `[0]`.
    pub(super) fn postfix(&mut self) -> Expr {
        let mut base = self.primary();
        loop {
            base = match self.kind() {
                TokenKind::Dot => self.dot(base),
                TokenKind::LeftBracket => self.index(base),
                _ => return base,
            };
            if !self.grow() {
                return base;
            }
        }
    }

    /// `.name`, `.f(1)`, `.["name"]`, `.[0]`.
    fn dot(&mut self, base: Expr) -> Expr {
        self.advance();
        if self.is(TokenKind::LeftBracket) && self.name_length(0) == 0 {
            return self.index(base);
        }
        let start = base.span.start;
        let selector = if self.is(TokenKind::Word) && self.kind_at(1) == TokenKind::LeftParen {
            Selector::Call(self.call())
        } else {
            Selector::Name(self.name("a name behind '.'"))
        };
        let kind = ExprKind::Path { base: Box::new(base), selector };
        Expr::new(kind, self.span_from(start))
    }

    fn index(&mut self, base: Expr) -> Expr {
        let start = base.span.start;
        let index = self.nested(|parser| {
            parser.advance();
            let index = parser.expression();
            parser.close(TokenKind::RightBracket, "]");
            Some(index)
        });
        let index = Box::new(index.unwrap_or_else(|| Expr::missing(Span::new(start, start))));
        let kind = ExprKind::Index { base: Box::new(base), index };
        Expr::new(kind, self.span_from(start))
    }

    /// An operand.
    fn primary(&mut self) -> Expr {
        use TokenKind::*;
        let token = self.token();
        match token.kind {
            LeftParen => self.parenthesised(),
            Star => {
                self.advance();
                Expr::new(ExprKind::Star, token.span)
            }
            Word if !self.is_typed_word() => self.word_operand(),
            LeftBracket if self.name_length(0) > 0 => {
                let name = self.name("a name");
                let span = name.span;
                Expr::new(ExprKind::Name(name), span)
            }
            _ => match self.accept_literal() {
                Some(literal) => literal,
                None => self.no_operand(),
            },
        }
    }

    /// `true`, `dynamic(...)`.
    fn is_typed_word(&self) -> bool {
        let text = self.text_of(self.token());
        super::literal::boolean(text).is_some()
            || (text == "dynamic" && self.kind_at(1) == TokenKind::LeftParen)
    }

    fn no_operand(&mut self) -> Expr {
        let start = self.start();
        let hint = match self.kind() {
            TokenKind::Dot if self.at == 0 => "management commands are not queries",
            TokenKind::End => "the query ends where an expression was expected",
            TokenKind::LeftBracket => "write lists of values as dynamic([...])",
            TokenKind::Assign => "write '==' to compare",
            TokenKind::Bang => "write not(...)",
            _ => "expected an expression",
        };
        self.unexpected(hint);
        Expr::missing(Span::new(start, start))
    }

    /// `(expr)`, `(T | where x)`.
    fn parenthesised(&mut self) -> Expr {
        let start = self.start();
        let inner = self.nested(|parser| {
            parser.advance();
            let inner = parser.pipe_expression();
            parser.close(TokenKind::RightParen, ")");
            Some(inner)
        });
        let span = self.span_from(start);
        match inner {
            Some(inner) => Expr::new(ExprKind::Parenthesised(Box::new(inner)), span),
            None => Expr::missing(span),
        }
    }

    fn word_operand(&mut self) -> Expr {
        let word = self.text_of(self.token());
        match word {
            "toscalar" => self.subquery(SubqueryFunction::ToScalar),
            "totable" => self.subquery(SubqueryFunction::ToTable),
            "materialize" => self.subquery(SubqueryFunction::Materialize),
            "datatable" if self.has_schema() => self.data_table(),
            "externaldata" | "external_data" if self.has_schema() => self.external_data(),
            "inline_external_table" if self.has_schema() => self.inline_external_table(),
            "entity_group" if self.kind_at(1) == TokenKind::LeftBracket => self.entity_group(),
            "typeof" if self.kind_at(1) == TokenKind::LeftParen => {
                let start = self.start();
                self.advance();
                let type_of = self.type_of();
                Expr::new(ExprKind::TypeOf(type_of), self.span_from(start))
            }
            _ if self.kind_at(1) == TokenKind::LeftParen => {
                let call = self.call();
                let span = call.span;
                Expr::new(ExprKind::Call(call), span)
            }
            _ => self.name_operand(word),
        }
    }

    /// A name; words that are operators must be bracketed to be names.
    fn name_operand(&mut self, word: &str) -> Expr {
        if self.is_reserved(word) {
            let start = self.start();
            let hint =
                format!("expected an expression; a column of that name is written ['{word}']");
            self.unexpected(hint);
            return Expr::missing(Span::new(start, start));
        }
        let name = self.name("a name");
        let span = name.span;
        Expr::new(ExprKind::Name(name), span)
    }

    /// `f(a, b)`, at its word.
    pub(super) fn call(&mut self) -> Call {
        let start = self.start();
        let name = self.name("the name of a function");
        let mut arguments = Vec::new();
        if self.is(TokenKind::LeftParen) {
            arguments = self.nested(|parser| {
                parser.advance();
                let arguments = parser.list(TokenKind::RightParen, Self::argument);
                parser.close(TokenKind::RightParen, ")");
                arguments
            });
        } else {
            self.unexpected("expected '(' and the arguments of the function");
        }
        Call { name, arguments, span: self.span_from(start) }
    }

    /// An argument: named, a star, a value or a query.
    fn argument(&mut self) -> Expr {
        self.named(Self::pipe_expression)
    }

    /// `toscalar(query)`, `materialize(query)`.
    fn subquery(&mut self, function: SubqueryFunction) -> Expr {
        let start = self.start();
        if self.kind_at(1) != TokenKind::LeftParen && self.kind_at(2) != TokenKind::Assign {
            return self.name_operand(function.text());
        }
        self.advance();
        let parameters = self.parameters(&["kind"]);
        let query = if self.is(TokenKind::LeftParen) {
            match self.parenthesised().kind {
                ExprKind::Parenthesised(query) => query,
                other => Box::new(Expr::new(other, self.span_from(start))),
            }
        } else {
            self.unexpected("expected '(' and a query");
            Box::new(Expr::missing(self.span_from(start)))
        };
        let kind = ExprKind::Subquery(Subquery { function, parameters, query });
        Expr::new(kind, self.span_from(start))
    }

    /// True if the word before is followed by a schema, maybe behind options.
    fn has_schema(&self) -> bool {
        matches!(self.kind_at(1), TokenKind::LeftParen)
            || (self.kind_at(1) == TokenKind::Word && self.kind_at(2) != TokenKind::End)
    }

    /// `datatable(schema)[values]`.
    fn data_table(&mut self) -> Expr {
        let start = self.start();
        self.advance();
        let parameters = self.parameters(&[]);
        let schema = self.schema();
        let values = self.bracketed_list();
        let table = DataTable { schema, values, parameters };
        Expr::new(ExprKind::DataTable(Box::new(table)), self.span_from(start))
    }

    /// `[a, b]`, where it must be.
    pub(super) fn bracketed_list(&mut self) -> Vec<Expr> {
        if !self.is(TokenKind::LeftBracket) {
            self.unexpected("expected '[' and the values");
            return Vec::new();
        }
        self.nested(|parser| {
            parser.advance();
            parser.accept(TokenKind::Comma);
            let items = parser.list(TokenKind::RightBracket, Self::expression);
            parser.close(TokenKind::RightBracket, "]");
            items
        })
    }

    /// `entity_group [a, b]`.
    fn entity_group(&mut self) -> Expr {
        let start = self.start();
        self.advance();
        let entities = self.bracketed_list();
        Expr::new(ExprKind::EntityGroup(entities), self.span_from(start))
    }

    /// A column, or a path to one, that is never a call: `a`, `a.b`, `a["b"]`.
    pub(super) fn entity(&mut self) -> Expr {
        self.apart(Self::entity_path)
    }

    fn entity_path(&mut self) -> Expr {
        let name = self.name("the name of a column");
        let start = name.span.start;
        let span = name.span;
        let mut base = Expr::new(ExprKind::Name(name), span);
        loop {
            base = match self.kind() {
                TokenKind::Dot => {
                    self.advance();
                    let selector = Selector::Name(self.name("a name behind '.'"));
                    let kind = ExprKind::Path { base: Box::new(base), selector };
                    Expr::new(kind, self.span_from(start))
                }
                TokenKind::LeftBracket => self.index(base),
                _ => return base,
            };
            if !self.grow() {
                return base;
            }
        }
    }

    /// A table as `union` and `find in (...)` list them: name, wildcard, call, path, parenthesised query.
    pub(super) fn table(&mut self) -> Expr {
        let length = self.wildcard_length();
        if length > 0 {
            return self.wildcard(length);
        }
        if !self.starts_expression() {
            self.error(Fault::Unexpected, self.token().span, "expected a table");
            let start = self.start();
            return Expr::missing(Span::new(start, start));
        }
        let base = self.apart(Self::postfix_table);
        if !self.is(TokenKind::Dot) {
            return base;
        }
        self.advance();
        let start = base.span.start;
        let length = self.wildcard_length();
        let selector = Selector::Wildcard(self.wildcard_ident(length));
        let kind = ExprKind::Path { base: Box::new(base), selector };
        Expr::new(kind, self.span_from(start))
    }

    /// Like [`Self::postfix`], but stops before `.Sec*`.
    fn postfix_table(&mut self) -> Expr {
        let mut base = self.primary();
        loop {
            base = match self.kind() {
                TokenKind::Dot if self.wildcard_behind_dot() => return base,
                TokenKind::Dot => self.dot(base),
                TokenKind::LeftBracket => self.index(base),
                _ => return base,
            };
            if !self.grow() {
                return base;
            }
        }
    }

    fn wildcard_behind_dot(&self) -> bool {
        let mut ahead = 1;
        while matches!(self.kind_at(ahead), TokenKind::Word | TokenKind::Long)
            && (ahead == 1 || self.is_glued(ahead))
        {
            ahead += 1;
        }
        self.kind_at(ahead) == TokenKind::Star && (ahead == 1 || self.is_glued(ahead))
    }
}
