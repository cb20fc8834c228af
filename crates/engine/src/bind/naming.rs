//! Names of columns: those nobody gave, and those that would stand twice.

use std::sync::Arc;

use ahash::AHashSet as HashSet;
use kql::syntax::{Call, Expr, ExprKind, Ident, Literal, Selector};

use super::error::{BindError, Result};
use crate::functions::{self, Naming, Signatures};

/// The name that an expression gives its column by itself: `strlen_x`, `d_foo`, the column's own name.
pub(super) fn implied_name(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Name(name) => Some(name.text.to_string()),
        ExprKind::Named { name, .. } => Some(name.text.to_string()),
        ExprKind::Parenthesised(inner) => implied_name(inner),
        ExprKind::Path { base, selector } => match selector {
            Selector::Name(name) => Some(join(implied_name(base), &name.text)),
            Selector::Call(call) => call_name(call),
            Selector::Wildcard(_) => None,
        },
        ExprKind::Index { base, index } => {
            let index = match &index.kind {
                ExprKind::Literal(Literal::Long(n)) => n.to_string(),
                ExprKind::Literal(Literal::String(s)) => s.value.to_string(),
                _ => return implied_name(base),
            };
            Some(join(implied_name(base), &index))
        }
        ExprKind::Call(call) => call_name(call),
        _ => None,
    }
}

/// `$left.a` and `d.a` both end in a name; the row scopes `$left` and `$right` add nothing to it.
fn join(base: Option<String>, name: &str) -> String {
    match base {
        Some(base) if !base.starts_with('$') => format!("{base}_{name}"),
        _ => name.to_owned(),
    }
}

fn call_name(call: &Call) -> Option<String> {
    let name = &*call.name.text;
    let first = || call.arguments.first().and_then(implied_name);
    if name == "column_ifexists" || name == "columnifexists" {
        return match &call.arguments.first()?.kind {
            ExprKind::Literal(Literal::String(s)) => Some(s.value.to_string()),
            _ => first(),
        };
    }
    if name == "ingestion_time" {
        return Some("$IngestionTime".to_owned());
    }
    let signatures =
        functions::signatures(name).or_else(|| functions::aggregate_signatures(name))?;
    named_by(signatures, call)
}

/// The name that an aggregate's column gets; some names are those of scalar functions too.
pub(super) fn aggregate_name(call: &Call) -> Option<String> {
    named_by(functions::aggregate_signatures(&call.name.text)?, call)
}

fn named_by(signatures: &Signatures, call: &Call) -> Option<String> {
    let name = &*call.name.text;
    let first = || call.arguments.first().and_then(implied_name);
    match &signatures.naming {
        Naming::None | Naming::FirstValue => None,
        Naming::First => first(),
        Naming::NameAndFirst => first().map(|f| format!("{name}_{f}")),
        Naming::PrefixAndFirst(prefix) => Some(format!("{prefix}_{}", first().unwrap_or_default())),
        Naming::Prefix(prefix) => Some(prefix.clone()),
        Naming::Only if call.arguments.len() == 1 => first(),
        Naming::Only => None,
    }
}

/// A column, or a name of the query, is declared a second time.
pub(super) fn named_twice(operator: &str, name: &Ident) -> BindError {
    let text = format!("'{operator}': the name '{}' is given twice", name.text);
    BindError::new("SEM0063", name.span, text)
}

/// Refuses `a=1, a=2`.
pub(super) fn expect_named_once(operator: &str, columns: &[Expr]) -> Result<()> {
    let mut given = HashSet::new();
    for column in columns {
        if let ExprKind::Named { name, .. } = &column.kind
            && !given.insert(&name.text)
        {
            return Err(named_twice(operator, name));
        }
    }
    Ok(())
}

/// Hands out names that do not stand twice.
pub(super) struct Names {
    used: HashSet<Arc<str>>,
    /// Names of the input: `Column1` there makes the next unnamed one `Column2`.
    avoided: HashSet<Arc<str>>,
    unnamed: usize,
}

impl Names {
    /// Names already taken.
    pub(super) fn new(used: impl IntoIterator<Item = Arc<str>>) -> Self {
        Self { used: used.into_iter().collect(), avoided: HashSet::new(), unnamed: 0 }
    }

    /// The names of a result whose unnamed columns also keep clear of the input's names.
    pub(super) fn beside(input: &[crate::plan::Field]) -> Self {
        let avoided = input.iter().filter(|f| f.name.starts_with("Column"));
        Self { avoided: avoided.map(|f| Arc::clone(&f.name)).collect(), ..Self::new([]) }
    }

    /// The names of these columns put together: numbered ones keep clear of all of them.
    pub(super) fn aside(fields: &[crate::plan::Field]) -> Self {
        let mut names = Self::new([]);
        names.avoided.extend(fields.iter().map(|f| Arc::clone(&f.name)));
        names
    }

    /// The name itself, or with the first number that makes it new: `x`, `x1`, `x2`.
    pub(super) fn unique(&mut self, wanted: &str) -> Arc<str> {
        let mut name: Arc<str> = Arc::from(wanted);
        let mut number = 1;
        while self.used.contains(&name) || (number > 1 && self.avoided.contains(&name)) {
            name = Arc::from(format!("{wanted}{number}"));
            number += 1;
        }
        self.used.insert(Arc::clone(&name));
        name
    }

    /// Marks a name as taken.
    pub(super) fn take(&mut self, name: &Arc<str>) {
        self.used.insert(Arc::clone(name));
    }

    /// True when the name stands already.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.used.contains(name)
    }

    /// `Column1`, `Column2`, ... for what has no name.
    pub(super) fn column(&mut self) -> Arc<str> {
        loop {
            self.unnamed += 1;
            let name = format!("Column{}", self.unnamed);
            if !self.avoided.contains(&*name) {
                return self.unique(&name);
            }
        }
    }
}

/// True when `name` fits a pattern with `*`.
pub(super) fn matches_wildcard(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else { return false };
    let Some(mut rest) = name.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards() {
        for (pattern, name, fits) in [
            ("Sec*", "SecurityEvent", true),
            ("*", "x", true),
            ("*Event", "SecurityEvent", true),
            ("*Event", "Events", false),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "abc", true),
            ("a*b*c", "acb", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(matches_wildcard(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn names_grow_numbers() {
        let mut names = Names::new(["x".into(), "y".into()]);
        assert_eq!(&*names.unique("x"), "x1");
        assert_eq!(&*names.unique("x"), "x2");
        assert_eq!(&*names.unique("z"), "z");
        assert_eq!(&*names.column(), "Column1");
    }
}
