//! What `let` and parameters make names stand for. Environments are persistent: a function keeps the one it was made in.

use std::sync::Arc;

use kql::syntax::{Block, FunctionParameter};

use super::{BindError, Relation};
use crate::plan::Expr;
use crate::source::Catalog;

/// What a name stands for.
#[derive(Clone)]
pub(crate) enum Binding {
    /// A scalar: a constant, a subquery's value, or (for parameters of functions called per row) columns.
    Scalar(Expr),
    /// A table. Each use gets columns of its own.
    Table(Arc<Relation>),
    /// A function.
    Function(Arc<Declared>),
    /// Another workspace or database.
    Database(Arc<dyn Catalog>),
    /// A graph.
    Graph(Arc<super::graph::Graph>),
    /// A declared pattern.
    Pattern(Arc<super::entities::Pattern>),
    /// A group of databases, as written.
    EntityGroup(Arc<kql::syntax::Expr>),
    /// What `restrict access` left.
    Restriction(Arc<super::entities::Restriction>),
    /// A `let` that could not be bound: fatal where it is used, and `union isfuzzy=true` leaves it out.
    Failed(Arc<BindError>),
}

/// A function with the names its body sees.
pub(crate) struct Declared {
    pub(super) name: Arc<str>,
    pub(super) parameters: Arc<Vec<FunctionParameter>>,
    pub(super) body: Arc<Block>,
    pub(super) env: Env,
    /// True for `view`: wildcards and `search` see it.
    pub(super) view: bool,
    /// For saved functions, over which tables they meant something: places inside do not belong to the query's text.
    pub(super) saved: Option<Arc<super::demand::Proof>>,
}

/// A chain of names, newest first.
#[derive(Clone, Default)]
pub(crate) struct Env(Option<Arc<Entry>>);

struct Entry {
    name: Arc<str>,
    binding: Binding,
    parent: Env,
}

impl Env {
    /// With one name more.
    #[must_use]
    pub(super) fn with(&self, name: Arc<str>, binding: Binding) -> Self {
        Self(Some(Arc::new(Entry { name, binding, parent: self.clone() })))
    }

    /// What the name stands for.
    pub(super) fn get(&self, name: &str) -> Option<&Binding> {
        self.iter().find(|(n, _)| *n == name).map(|(_, b)| b)
    }

    /// All names, newest first; shadowed ones too.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Binding)> {
        let mut at = self.0.as_deref();
        std::iter::from_fn(move || {
            let entry = at?;
            at = entry.parent.0.as_deref();
            Some((&*entry.name, &entry.binding))
        })
    }
}

impl Drop for Env {
    /// Long chains are taken apart in a loop, not by recursion.
    fn drop(&mut self) {
        let mut next = self.0.take();
        while let Some(entry) = next {
            match Arc::try_unwrap(entry) {
                Ok(mut entry) => next = entry.parent.0.take(),
                Err(_) => break,
            }
        }
    }
}
