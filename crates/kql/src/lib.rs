//! Kusto Query Language: text in, syntax tree and diagnostics out, whatever the text.

mod diagnostic;
pub mod syntax;

pub use diagnostic::{Diagnostic, Severity};
pub use syntax::{Position, Span};

/// What [`parse`] makes of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The tree; where the text is broken it has gaps.
    pub query: syntax::Query,
    /// Findings in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a query.
pub fn parse(text: &str) -> Parsed {
    let span = Span::new(0, u32::try_from(text.len()).unwrap_or(u32::MAX));
    Parsed { query: syntax::Query { statements: Vec::new(), span }, diagnostics: Vec::new() }
}
