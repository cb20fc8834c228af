//! Tables that are files elsewhere: `externaldata` and `inline_external_table`.

use super::Parser;
use crate::{
    lexer::TokenKind,
    syntax::{Expr, ExprKind, ExternalData, FunctionParameter, InlineExternalTable, Parameters},
};

impl Parser<'_> {
    /// `externaldata(schema)[uris] with (properties)`.
    pub(super) fn external_data(&mut self) -> Expr {
        let start = self.start();
        self.advance();
        let parameters = self.parameters(&[]);
        let schema = self.schema();
        let uris = self.bracketed_list();
        let properties = self.with_properties();
        let data = ExternalData { schema, uris, properties, parameters };
        Expr::new(ExprKind::ExternalData(Box::new(data)), self.span_from(start))
    }

    /// `with (...)`, if it is here.
    fn with_properties(&mut self) -> Parameters {
        if self.is_word("with") && self.kind_at(1) == TokenKind::LeftParen {
            self.advance();
            return self.properties();
        }
        Parameters::default()
    }

    /// `inline_external_table(schema) kind=storage ... (uris)`.
    pub(super) fn inline_external_table(&mut self) -> Expr {
        let start = self.start();
        self.advance();
        let mut table = InlineExternalTable {
            schema: self.is(TokenKind::LeftParen).then(|| self.schema()),
            parameters: Parameters::default(),
            partitions: Vec::new(),
            path_format: Vec::new(),
            uris: Vec::new(),
            properties: Parameters::default(),
        };
        loop {
            if self.is_word("partition") && self.is_word_at(1, "by") {
                self.advance();
                self.advance();
                table.partitions = self.partition_columns();
            } else if self.is_word("pathformat") && self.kind_at(1) == TokenKind::Assign {
                self.advance();
                self.advance();
                table.path_format = self.path_format();
            } else {
                let parameters = self.known_parameters(&["kind", "dataformat"]);
                if parameters.is_empty() {
                    break;
                }
                table.parameters.0.extend(parameters.0);
            }
        }
        if self.expect(TokenKind::LeftParen, "(") {
            table.uris = self.list(TokenKind::RightParen, Self::expression);
            self.close(TokenKind::RightParen, ")");
        }
        table.properties = self.with_properties();
        Expr::new(ExprKind::InlineExternalTable(Box::new(table)), self.span_from(start))
    }

    /// `(day: datetime = startofday(t), ...)`.
    fn partition_columns(&mut self) -> Vec<FunctionParameter> {
        if !self.expect(TokenKind::LeftParen, "(") {
            return Vec::new();
        }
        self.accept(TokenKind::Comma);
        let columns = self.list(TokenKind::RightParen, Self::function_parameter);
        self.close(TokenKind::RightParen, ")");
        columns
    }

    /// `("day=" datetime_pattern("yyyy", day) "/" region)`.
    fn path_format(&mut self) -> Vec<Expr> {
        let mut parts = Vec::new();
        if self.expect(TokenKind::LeftParen, "(") {
            while self.starts_expression() && !self.recovering {
                parts.push(self.unary());
            }
            self.close(TokenKind::RightParen, ")");
        }
        parts
    }
}
