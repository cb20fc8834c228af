//! Kusto Query Language: text in, syntax tree and diagnostics out, whatever the text.
//!
//! [`parse`] never fails and never panics. It gives a tree with a place ([`Span`]) on every node, and diagnostics in the
//! manner of Azure: code, line, position, token, and a hint that names the way out. Names are not resolved and nothing is
//! typed or run here.
//!
//! ```
//! use kql::syntax::{ExprKind, OperatorKind, StatementKind};
//!
//! let parsed = kql::parse("let n = 5; StormEvents | where State has 'TEX' | take n");
//! assert!(parsed.diagnostics.is_empty());
//! let StatementKind::Expression(query) = &parsed.query.statements[1].kind else { panic!() };
//! let ExprKind::Pipe { operators, .. } = &query.kind else { panic!() };
//! assert!(matches!(operators[0].kind, OperatorKind::Where(_)));
//! assert!(matches!(operators[1].kind, OperatorKind::Take(_)));
//! ```

mod diagnostic;
mod lexer;
mod parse;
mod suggest;
pub mod syntax;

pub use diagnostic::{Diagnostic, Severity};
pub use parse::{DEPTH_MAX, TEXT_BYTES_MAX, operator_names, parse};
pub use suggest::suggest;
pub use syntax::{Position, Span};

/// What [`parse`] makes of a text.
#[derive(Clone, Debug, PartialEq)]
pub struct Parsed {
    /// The tree; where the text is broken it has gaps.
    pub query: syntax::Query,
    /// Findings in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// True if some finding stops the query.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|found| found.severity == Severity::Error)
    }
}

/// The examples of the README run.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
