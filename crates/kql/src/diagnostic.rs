//! What is wrong with a text, in Azure's manner: code, place, message, way out.

use std::fmt;

use crate::syntax::{Position, Span};

/// Findings beyond this number are dropped: nobody reads them, and each costs a look at the whole text.
const DIAGNOSTICS_MAX: usize = 50;

/// Longer tokens are cut in messages.
const TOKEN_CHARS_MAX: usize = 60;

/// One finding about a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// `SYN0001` for what could not be understood at all, `SYN0002` for a token in the wrong place.
    pub code: &'static str,
    /// Does it stop the query?
    pub severity: Severity,
    /// Where.
    pub span: Span,
    /// Line and position of the start, as Azure's `innererror` carries them.
    pub position: Position,
    /// The text at that place, shortened, without the inside of `h"..."`; empty at the end of the query.
    pub token: String,
    /// What is wrong and where, in Azure's words.
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

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// The two ways in which a text can be wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    /// A character, string or literal that makes no sense, or a text too large or too deep.
    NotUnderstood,
    /// A token where another was expected.
    Unexpected,
}

impl Fault {
    const fn code(self) -> &'static str {
        match self {
            Self::NotUnderstood => "SYN0001",
            Self::Unexpected => "SYN0002",
        }
    }
}

/// Findings while a text is read.
pub(crate) struct Diagnostics<'t> {
    text: &'t str,
    found: Vec<Diagnostic>,
}

impl<'t> Diagnostics<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, found: Vec::new() }
    }

    /// True if nothing more will be kept.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= DIAGNOSTICS_MAX
    }

    pub(crate) fn error(&mut self, fault: Fault, span: Span, hint: Option<String>) {
        self.add(fault, Severity::Error, span, hint);
    }

    pub(crate) fn warning(&mut self, fault: Fault, span: Span, hint: Option<String>) {
        self.add(fault, Severity::Warning, span, hint);
    }

    fn add(&mut self, fault: Fault, severity: Severity, span: Span, hint: Option<String>) {
        if self.is_full() {
            return;
        }
        let token = shown(span.of(self.text));
        let position = span.position(self.text);
        let message = match severity {
            Severity::Error => format!("Query could not be parsed at '{token}' on line {position}"),
            Severity::Warning => format!("Query is doubtful at '{token}' on line {position}"),
        };
        let code = fault.code();
        self.found.push(Diagnostic { code, severity, span, position, token, message, hint });
    }

    /// In the order of the text.
    pub(crate) fn into_vec(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|diagnostic| diagnostic.span.start);
        self.found
    }
}

/// A token as it may be shown: one line, not too long, no secrets.
fn shown(token: &str) -> String {
    let quote = token.trim_start_matches(['h', 'H', '@']).chars().next();
    if let (Some('h' | 'H'), Some(quote @ ('"' | '\'' | '`' | '~'))) = (token.chars().next(), quote)
    {
        return format!("h{quote}...{quote}");
    }
    let line = token.lines().next().unwrap_or_default();
    match line.char_indices().nth(TOKEN_CHARS_MAX) {
        Some((cut, _)) => format!("{}...", line.get(..cut).unwrap_or_default()),
        None => line.to_owned(),
    }
}
