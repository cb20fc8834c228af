//! `evaluate`, and the operators computed over whole inputs.

use kql::Span;
use kql::syntax::{Call, Evaluate, Reduce, Scan, TopNestedLevel};

use super::env::Env;
use super::error::{BindError, Result};
use super::{Binder, Relation};
use crate::functions;

impl Binder<'_> {
    /// `evaluate plugin(...)`.
    pub(super) fn evaluate(&self, _env: &Env, _input: Option<Relation>, evaluate: &Evaluate, _span: Span) -> Result<Relation> {
        let name = &evaluate.call.name;
        let hint = kql::suggest(&name.text, functions::plugin_names())
            .map_or_else(String::new, |n| format!(" (did you mean '{n}'?)"));
        Err(BindError::new("SEM0260", name.span, format!("Unknown plugin: '{}'{hint}", name.text)))
    }

    /// `invoke FileProfile(...)` and its like.
    pub(super) fn built_in_invoke(&self, env: &Env, _input: Relation, call: &Call) -> Result<Relation> {
        Err(self.unknown_function(&super::Context::constant(env, "invoke"), &call.name))
    }

    /// `reduce`.
    pub(super) fn reduce(&self, _env: &Env, _input: Relation, _reduce: &Reduce, span: Span) -> Result<Relation> {
        Err(BindError::refused(span, "'reduce' is not supported by this version"))
    }

    /// `scan`.
    pub(super) fn scan_operator(&self, _env: &Env, _input: Relation, _scan: &Scan, span: Span) -> Result<Relation> {
        Err(BindError::refused(span, "'scan' is not supported by this version"))
    }

    /// `top-nested`.
    pub(super) fn top_nested(&self, _env: &Env, _input: Relation, _levels: &[TopNestedLevel], span: Span) -> Result<Relation> {
        Err(BindError::refused(span, "'top-nested' is not supported by this version"))
    }
}
