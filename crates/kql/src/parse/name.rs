//! Names, wildcards, types and schemas.

use values::ScalarType;

use super::{Parser, string::decode};
use crate::{
    diagnostic::Fault,
    lexer::TokenKind,
    suggest::suggest,
    syntax::{ColumnDeclaration, Expr, ExprKind, Ident, Schema, Span, TypeName, TypeOf},
};

impl Parser<'_> {
    /// How many tokens a name takes from `ahead` on: 1 for a word, 3 for `['a name']`, 0 if there is none.
    pub(super) fn name_length(&self, ahead: usize) -> usize {
        use TokenKind::*;
        match self.kind_at(ahead) {
            Word => 1,
            LeftBracket
                if self.kind_at(ahead + 1) == String && self.kind_at(ahead + 2) == RightBracket =>
            {
                3
            }
            _ => 0,
        }
    }

    /// A name, if one is here.
    pub(super) fn accept_name(&mut self) -> Option<Ident> {
        let start = self.start();
        match self.name_length(0) {
            0 => None,
            1 => {
                let token = self.advance();
                let text = self.text_of(token);
                Some(Ident { text: self.intern(text), span: token.span, bracketed: false })
            }
            _ => {
                self.advance();
                let token = self.advance();
                self.advance();
                let text = decode(self.text_of(token)).value;
                let text = self.intern(&text);
                Some(Ident { text, span: self.span_from(start), bracketed: true })
            }
        }
    }

    /// A name that must be here; empty if it is not.
    pub(super) fn name(&mut self, what: &str) -> Ident {
        match self.accept_name() {
            Some(name) => name,
            None => {
                self.unexpected(format!("expected {what}"));
                self.missing_name()
            }
        }
    }

    pub(super) fn missing_name(&mut self) -> Ident {
        let start = self.start();
        Ident { text: self.intern(""), span: Span::new(start, start), bracketed: false }
    }

    /// How many tokens a wildcard such as `Sec*` or `*_CL` takes; 0 if there is no star among glued words.
    pub(super) fn wildcard_length(&self) -> usize {
        use TokenKind::{Long, Star, Word};
        let mut length = 0;
        let mut stars = 0;
        while matches!(self.kind_at(length), Word | Star | Long)
            && (length == 0 || self.is_glued(length))
        {
            stars += usize::from(self.kind_at(length) == Star);
            length += 1;
        }
        if stars == 0 { 0 } else { length }
    }

    /// A wildcard of that many tokens; `*` alone is a star.
    pub(super) fn wildcard(&mut self, length: usize) -> Expr {
        let ident = self.wildcard_ident(length);
        let span = ident.span;
        let kind = if &*ident.text == "*" { ExprKind::Star } else { ExprKind::Wildcard(ident) };
        Expr::new(kind, span)
    }

    pub(super) fn wildcard_ident(&mut self, length: usize) -> Ident {
        let start = self.start();
        for _ in 0..length {
            self.advance();
        }
        let span = self.span_from(start);
        Ident { text: self.intern(span.of(self.text)), span, bracketed: false }
    }

    /// A name or a wildcard, as `project-away` takes them.
    pub(super) fn name_or_wildcard(&mut self) -> Expr {
        match self.wildcard_length() {
            0 => {
                let name = self.name("the name of a column");
                let span = name.span;
                Expr::new(ExprKind::Name(name), span)
            }
            length => self.wildcard(length),
        }
    }

    /// `long`, `datetime`, ...
    pub(super) fn type_name(&mut self) -> TypeName {
        let token = self.token();
        if token.kind != TokenKind::Word {
            self.unexpected("expected a type such as 'string' or 'long'");
            let name = self.missing_name();
            return TypeName { text: name.text, span: name.span, scalar: None };
        }
        self.advance();
        let text = self.text_of(token);
        let scalar = ScalarType::from_name(text);
        if scalar.is_none() {
            let known = ScalarType::ALL.map(ScalarType::name);
            let hint = match suggest(text, known) {
                Some(near) => format!("no such type; did you mean '{near}'?"),
                None => format!("no such type; the types are {}", known.join(", ")),
            };
            self.complain(Fault::Unexpected, token.span, hint);
        }
        TypeName { text: self.intern(text), span: token.span, scalar }
    }

    /// `name: type`.
    pub(super) fn column_declaration(&mut self) -> ColumnDeclaration {
        let start = self.start();
        let name = self.name("the name of a column");
        self.expect(TokenKind::Colon, ":");
        let column_type = self.type_name();
        ColumnDeclaration { name, column_type, span: self.span_from(start) }
    }

    /// `(a: long, *)`.
    pub(super) fn schema(&mut self) -> Schema {
        let start = self.start();
        let mut schema = Schema::default();
        if self.expect(TokenKind::LeftParen, "(") {
            self.accept(TokenKind::Comma);
            self.schema_columns(&mut schema);
            self.close(TokenKind::RightParen, ")");
        }
        schema.span = self.span_from(start);
        schema
    }

    fn schema_columns(&mut self, schema: &mut Schema) {
        self.list(TokenKind::RightParen, |parser| {
            if parser.accept(TokenKind::Star) {
                schema.star = true;
            } else {
                let column = parser.column_declaration();
                schema.columns.push(column);
            }
        });
    }

    /// Behind the word `typeof`: `(long)`, `(a: long)`, `(*)`.
    pub(super) fn type_of(&mut self) -> TypeOf {
        let start = self.start();
        let is_table = self.kind_at(1) == TokenKind::Star
            || self.kind_at(1 + self.name_length(1)) == TokenKind::Colon
            || self.kind_at(1) == TokenKind::RightParen;
        if is_table {
            return TypeOf::Table(self.schema());
        }
        if !self.expect(TokenKind::LeftParen, "(") {
            let name = self.missing_name();
            let span = self.span_from(start);
            return TypeOf::Scalar(TypeName { text: name.text, span, scalar: None });
        }
        let scalar = self.type_name();
        self.close(TokenKind::RightParen, ")");
        TypeOf::Scalar(scalar)
    }
}
