//! Statements: `let`, `set`, `declare`, `restrict`, `alias`, and queries.

use super::{Parser, pipeline::NAMES};
use crate::{
    lexer::TokenKind,
    suggest::suggest,
    syntax::{
        Alias, Block, ColumnDeclaration, DeclarePattern, Expr, FunctionDeclaration,
        FunctionParameter, Let, LetValue, ParameterType, Parameters, PatternCase,
        PatternDefinition, Query, RestrictAccess, SetOption, Span, Statement, StatementKind,
    },
};

impl Parser<'_> {
    /// The whole text.
    pub(super) fn query(&mut self) -> Query {
        let statements = self.statements(TokenKind::End);
        let end = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        Query { statements, span: Span::new(0, end) }
    }

    /// Statements up to `close`, which is left unread.
    pub(super) fn statements(&mut self, close: TokenKind) -> Vec<Statement> {
        let mut statements = Vec::new();
        loop {
            while self.accept(TokenKind::Semicolon) {
                self.recovering = false;
            }
            if self.is(close) || self.is(TokenKind::End) {
                return statements;
            }
            let before = self.at;
            let statement = self.statement();
            let is_let = matches!(statement.kind, StatementKind::Let(_));
            statements.push(statement);
            let ends = self.is(close) || self.is(TokenKind::Semicolon) || self.is(TokenKind::End);
            if !ends {
                self.after_statement(is_let, close);
                if self.at == before {
                    self.advance();
                }
            }
        }
    }

    /// Something follows a statement that does not belong to it.
    fn after_statement(&mut self, is_let: bool, close: TokenKind) {
        let starts_anew = is_let && self.is(TokenKind::Word);
        let hint =
            if starts_anew { "end the 'let' before it with ';'".to_owned() } else { self.stray() };
        self.unexpected(hint);
        if starts_anew {
            // Most likely the semicolon was forgotten: the next statement is read as one.
            self.recovering = false;
            return;
        }
        self.skip_to(|kind| kind == TokenKind::Semicolon || kind == close);
        if close == TokenKind::End && !self.is(TokenKind::Semicolon) {
            // A closing bracket too many: go on behind it.
            self.advance();
            self.skip_to(|kind| kind == TokenKind::Semicolon);
        }
    }

    /// What to say about a token that no construct wants.
    pub(super) fn stray(&self) -> String {
        if self.is_silent() {
            return String::new();
        }
        let token = self.token();
        let text = self.text_of(token);
        match token.kind {
            TokenKind::RightParen | TokenKind::RightBracket | TokenKind::RightBrace => {
                format!("'{text}' closes nothing")
            }
            TokenKind::Assign => "write '==' to compare".to_owned(),
            _ if self.follows_word("not") => format!("write not({text})"),
            TokenKind::Word => match NAMES.contains(&text) {
                true => format!("write '| {text}' to start an operator"),
                false => match suggest(text, super::expression::operator_words()) {
                    Some(near) => format!("did you mean '{near}'?"),
                    None => "expected '|', ';' or the end of the query".to_owned(),
                },
            },
            TokenKind::End => "the query ends too early".to_owned(),
            _ => "expected '|', ';' or the end of the query".to_owned(),
        }
    }

    fn follows_word(&self, word: &str) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
        before.is_some_and(|token| self.text_of(*token) == word)
    }

    fn statement(&mut self) -> Statement {
        let start = self.start();
        let second_is_name = self.name_length(1) > 0;
        let kind = match self.text_of(self.token()) {
            "let" if second_is_name || self.kind_at(1) == TokenKind::Assign => self.let_statement(),
            "set" if second_is_name => self.set_statement(),
            "declare" if self.is_word_at(1, "query_parameters") => self.query_parameters(),
            "declare" if self.is_word_at(1, "pattern") => self.declare_pattern(),
            "restrict" if self.is_word_at(1, "access") => self.restrict_access(),
            "alias" if self.is_word_at(1, "database") => self.alias(),
            _ => StatementKind::Expression(self.pipe_expression()),
        };
        Statement { kind, span: self.span_from(start) }
    }

    fn let_statement(&mut self) -> StatementKind {
        self.advance();
        let name = self.name("a name");
        self.expect(TokenKind::Assign, "=");
        let value = if self.starts_function() {
            LetValue::Function(self.function())
        } else {
            LetValue::Expr(self.pipe_expression())
        };
        StatementKind::Let(Let { name, value })
    }

    /// `view (`, `() {`, `(name:`.
    fn starts_function(&self) -> bool {
        use TokenKind::*;
        if self.is_word("view") && self.kind_at(1) == LeftParen {
            return true;
        }
        if !self.is(LeftParen) {
            return false;
        }
        match self.name_length(1) {
            0 => self.kind_at(1) == RightParen && self.kind_at(2) == LeftBrace,
            // `(a: long)` declares; `(a: "text")` searches.
            length => {
                self.kind_at(1 + length) == Colon
                    && matches!(self.kind_at(2 + length), Word | LeftParen | Typed)
            }
        }
    }

    fn function(&mut self) -> FunctionDeclaration {
        let start = self.start();
        let view = self.accept_word("view");
        let parameters = self.function_parameters();
        let body = self.block();
        FunctionDeclaration { view, parameters, body, span: self.span_from(start) }
    }

    /// `(a: long = 1, T: (*))`.
    pub(super) fn function_parameters(&mut self) -> Vec<FunctionParameter> {
        if !self.expect(TokenKind::LeftParen, "(") {
            return Vec::new();
        }
        let parameters = self.list(TokenKind::RightParen, Self::function_parameter);
        self.close(TokenKind::RightParen, ")");
        parameters
    }

    pub(super) fn function_parameter(&mut self) -> FunctionParameter {
        let start = self.start();
        let name = self.name("the name of a parameter");
        self.expect(TokenKind::Colon, ":");
        let parameter_type = if self.is(TokenKind::LeftParen) {
            ParameterType::Table(self.schema())
        } else {
            ParameterType::Scalar(self.type_name())
        };
        let default = self.accept(TokenKind::Assign).then(|| self.expression());
        FunctionParameter { name, parameter_type, default, span: self.span_from(start) }
    }

    /// `{ statements }`.
    pub(super) fn block(&mut self) -> Block {
        let start = self.start();
        if !self.is(TokenKind::LeftBrace) {
            self.unexpected("expected '{' and the body of the function");
            return Block { statements: Vec::new(), span: self.span_from(start) };
        }
        let statements = self.nested(|parser| {
            parser.advance();
            let statements = parser.statements(TokenKind::RightBrace);
            parser.close(TokenKind::RightBrace, "}");
            statements
        });
        Block { statements, span: self.span_from(start) }
    }

    fn set_statement(&mut self) -> StatementKind {
        self.advance();
        let name = self.name("the name of an option");
        let value = self.accept(TokenKind::Assign).then(|| self.parameter_value());
        StatementKind::Set(SetOption { name, value })
    }

    fn query_parameters(&mut self) -> StatementKind {
        self.advance();
        self.advance();
        StatementKind::DeclareQueryParameters(self.function_parameters())
    }

    fn restrict_access(&mut self) -> StatementKind {
        self.advance();
        self.advance();
        self.expect_word("to");
        let mut entities = Vec::new();
        if self.expect(TokenKind::LeftParen, "(") {
            entities = self.list(TokenKind::RightParen, Self::table);
            self.close(TokenKind::RightParen, ")");
        }
        let has_properties = self.accept_word("with");
        let properties = if has_properties { self.properties() } else { Parameters::default() };
        StatementKind::RestrictAccess(RestrictAccess { entities, properties })
    }

    fn alias(&mut self) -> StatementKind {
        self.advance();
        self.advance();
        let name = self.name("a name");
        self.expect(TokenKind::Assign, "=");
        let database = self.expression();
        StatementKind::Alias(Alias { name, database })
    }

    fn declare_pattern(&mut self) -> StatementKind {
        self.advance();
        self.advance();
        let name = self.name("the name of a pattern");
        let definition = self.accept(TokenKind::Assign).then(|| self.pattern_definition());
        StatementKind::DeclarePattern(DeclarePattern { name, definition })
    }

    fn pattern_definition(&mut self) -> PatternDefinition {
        let parameters = self.schema().columns;
        let path = self.is(TokenKind::LeftBracket).then(|| self.pattern_path());
        let mut cases = Vec::new();
        if self.expect(TokenKind::LeftBrace, "{") {
            while self.is(TokenKind::LeftParen) {
                cases.push(self.pattern_case());
                while self.accept(TokenKind::Semicolon) {
                    self.recovering = false;
                }
            }
            self.close(TokenKind::RightBrace, "}");
        }
        PatternDefinition { parameters, path, cases }
    }

    /// `[scope: string]`.
    fn pattern_path(&mut self) -> ColumnDeclaration {
        self.advance();
        let column = self.column_declaration();
        self.close(TokenKind::RightBracket, "]");
        column
    }

    /// `("a").["b"] = { body }`.
    fn pattern_case(&mut self) -> PatternCase {
        let start = self.start();
        self.advance();
        let arguments = self.list(TokenKind::RightParen, Self::parameter_value);
        self.close(TokenKind::RightParen, ")");
        let path = self.accept(TokenKind::Dot).then(|| self.pattern_case_path());
        self.expect(TokenKind::Assign, "=");
        let body = self.block();
        PatternCase { arguments, path, body, span: self.span_from(start) }
    }

    fn pattern_case_path(&mut self) -> Expr {
        self.expect(TokenKind::LeftBracket, "[");
        let path = self.literal();
        self.close(TokenKind::RightBracket, "]");
        path
    }
}
