//! Why a query means nothing: Azure's code, place, message and a way out.

use kql::Span;

/// A semantic error.
#[derive(Clone, Debug)]
pub struct BindError {
    /// Azure's code, `SEM....`.
    pub code: &'static str,
    /// What is wrong, with a hint where there is one.
    pub message: String,
    /// Where, in the text being bound.
    pub span: Span,
    /// The failure lies in a limit (depth, size) rather than in the meaning.
    pub limit: bool,
}

/// Result of binding something.
pub(super) type Result<T, E = BindError> = std::result::Result<T, E>;

impl BindError {
    pub(super) fn new(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), span, limit: false }
    }

    /// A name that stands for nothing here; the nearest known ones are suggested.
    pub(super) fn unresolved<'n>(
        what: &str,
        operator: &str,
        name: &str,
        span: Span,
        known: impl IntoIterator<Item = &'n str>,
    ) -> Self {
        let place =
            if operator.is_empty() { String::new() } else { format!("'{operator}' operator: ") };
        let hint = match kql::suggest(name, known) {
            Some(near) => format!(" (did you mean '{near}'?)"),
            None => String::new(),
        };
        Self::new("SEM0100", span, format!("{place}Failed to resolve {what} named '{name}'{hint}"))
    }

    /// A construct that this instance refuses by name.
    pub(super) fn refused(span: Span, message: impl Into<String>) -> Self {
        Self::new("SEM0001", span, message)
    }
}
