//! What is wrong with a text, in Azure's manner: code, place, message, way out.

use std::fmt;

use crate::syntax::{Position, Span};

/// One finding about a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// `SYN0001`, `SYN0002`, `SEM0100`, ...
    pub code: &'static str,
    /// Does it stop the query?
    pub severity: Severity,
    /// Where.
    pub span: Span,
    /// The text at that place, shortened; empty at the end of the query.
    pub token: String,
    /// What is wrong, with line and position.
    pub message: String,
    /// What to do: "did you mean 'where'?"
    pub hint: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The query runs.
    Warning,
    /// The query does not run.
    Error,
}

impl Diagnostic {
    /// Line and position in `text`, as Azure's `innererror` carries them.
    pub fn position(&self, text: &str) -> Position {
        self.span.position(text)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}
