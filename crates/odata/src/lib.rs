//! The OData of list calls: `$filter=properties/status eq 'New' and properties/createdTimeUtc ge 2024-01-01T00:00:00Z`
//! and `$orderby=properties/createdTimeUtc desc`, over JSON values. Names and texts compare without case, times as
//! times; a list equals what one of its elements equals. Each door says which names and functions of its own it knows.

#![forbid(unsafe_code)]

mod evaluate;
mod parse;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use serde_json::Value;

/// A condition on a resource.
#[derive(Clone, Debug, PartialEq)]
pub struct Filter(Expression);

#[derive(Clone, Debug, PartialEq)]
enum Expression {
    Literal(Value),
    /// Member names from the resource, or from the variable of an `any`.
    Path(Vec<String>),
    Not(Box<Expression>),
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Compare(Comparison, Box<Expression>, Box<Expression>),
    In(Box<Expression>, Vec<Expression>),
    Call(Function, Vec<Expression>),
    /// A function of the door: its place in what [`Filter::parse_with`] was told.
    Own(usize, Vec<Expression>),
    /// True when one (`any`) or each (`all`) element fulfils the condition; `any()` alone asks for elements.
    Each {
        every: bool,
        list: Vec<String>,
        variable: String,
        condition: Option<Box<Expression>>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Function {
    Contains,
    /// `contains` with the part first, as version 3 had it.
    SubstringOf,
    StartsWith,
    EndsWith,
    ToLower,
    ToUpper,
    Length,
    Trim,
}

impl Filter {
    /// Reads a `$filter`; the error says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        Self::parse_with(text, &[])
    }

    /// Reads a `$filter` with functions of the door's own: their names, and how many arguments each has.
    pub fn parse_with(text: &str, functions: &[(&str, usize)]) -> Result<Self, String> {
        parse::filter(text, functions).map(Self)
    }

    /// The members of the resource that the condition names, so that unknown ones can be refused.
    pub fn paths(&self) -> Vec<&[String]> {
        let (mut found, mut variables) = (Vec::new(), Vec::new());
        self.0.paths(&mut variables, &mut found);
        found
    }

    /// True when the resource fulfils the condition.
    pub fn matches(&self, resource: &Value) -> bool {
        self.matches_with(resource, &|_, _| false)
    }

    /// True when the resource fulfils the condition; `own` says whether a function of the door holds, by its place.
    pub fn matches_with(&self, resource: &Value, own: &dyn Fn(usize, &[Value]) -> bool) -> bool {
        evaluate::truth(&self.0, resource, own)
    }
}

impl Expression {
    fn paths<'a>(&'a self, variables: &mut Vec<&'a str>, found: &mut Vec<&'a [String]>) {
        let own = |path: &'a [String], variables: &[&str], found: &mut Vec<&'a [String]>| {
            if path.first().is_some_and(|first| !variables.contains(&first.as_str())) {
                found.push(path);
            }
        };
        match self {
            Self::Literal(_) => {}
            Self::Path(path) => own(path, variables, found),
            Self::Not(inner) => inner.paths(variables, found),
            Self::And(a, b) | Self::Or(a, b) | Self::Compare(_, a, b) => {
                a.paths(variables, found);
                b.paths(variables, found);
            }
            Self::In(item, list) => {
                item.paths(variables, found);
                list.iter().for_each(|item| item.paths(variables, found));
            }
            Self::Call(_, arguments) | Self::Own(_, arguments) => {
                arguments.iter().for_each(|argument| argument.paths(variables, found));
            }
            Self::Each { list, variable, condition, .. } => {
                own(list, variables, found);
                if let Some(condition) = condition {
                    variables.push(variable);
                    condition.paths(variables, found);
                    variables.pop();
                }
            }
        }
    }
}

/// The order of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order(Vec<(Vec<String>, bool)>);

impl Order {
    /// Reads an `$orderby`: paths, each with `asc` or `desc`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let mut words = part.split_whitespace();
            let path = words.next().unwrap_or("");
            let descending = match words.next().map(str::to_ascii_lowercase).as_deref() {
                None | Some("asc") => false,
                Some("desc") => true,
                Some(other) => return Err(format!("'{other}' is no order; use asc or desc")),
            };
            let good = |c: char| c.is_alphanumeric() || c == '_' || c == '/';
            if words.next().is_some() || !path.chars().all(good) {
                return Err(format!("'{part}' is no path such as properties/createdTimeUtc desc"));
            }
            keys.push((path.split('/').map(str::to_owned).collect(), descending));
        }
        Ok(Self(keys))
    }

    /// The members of the resource that the order goes by.
    pub fn paths(&self) -> impl Iterator<Item = &[String]> {
        self.0.iter().map(|(path, _)| path.as_slice())
    }

    /// The values of a resource that its place in the list depends on.
    pub fn key(&self, resource: &Value) -> Vec<Value> {
        let value = |path: &[String]| evaluate::member(resource, path).cloned().unwrap_or_default();
        self.0.iter().map(|(path, _)| value(path)).collect()
    }

    /// Sorts items by the resource that each has; equal ones stay as they are.
    pub fn sort<T>(&self, items: &mut Vec<T>, resource: impl Fn(&T) -> &Value) {
        let mut keyed: Vec<_> = items.drain(..).map(|i| (self.key(resource(&i)), i)).collect();
        keyed.sort_by(|(a, _), (b, _)| self.compare(a, b));
        items.extend(keyed.into_iter().map(|(_, item)| item));
    }

    /// Compares two keys.
    pub fn compare(&self, a: &[Value], b: &[Value]) -> Ordering {
        for ((a, b), (_, descending)) in a.iter().zip(b).zip(&self.0) {
            let order = evaluate::order(a, b);
            if order != Ordering::Equal {
                return if *descending { order.reverse() } else { order };
            }
        }
        Ordering::Equal
    }
}
