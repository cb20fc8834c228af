//! The OData of list calls: `$filter=properties/status eq 'New' and properties/createdTimeUtc ge 2024-01-01T00:00:00Z`
//! and `$orderby=properties/createdTimeUtc desc`, over JSON values.

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
        parse::filter(text).map(Self)
    }

    /// True when the resource fulfils the condition.
    pub fn matches(&self, resource: &Value) -> bool {
        evaluate::truth(&self.0, resource)
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

    /// The values of a resource that its place in the list depends on.
    pub fn key(&self, resource: &Value) -> Vec<Value> {
        let value = |path: &[String]| evaluate::member(resource, path).cloned().unwrap_or_default();
        self.0.iter().map(|(path, _)| value(path)).collect()
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
