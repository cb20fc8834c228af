//! Conditions over JSON: names and texts compare without case, times as times, anything against null.

use std::cmp::Ordering;

use model::DateTime;
use serde_json::Value;

use super::{Comparison, Expression, Function};

/// What a path may begin with: the resource, or the variable of the `any` around. And the door's own functions.
struct Scope<'a> {
    resource: &'a Value,
    own: &'a dyn Fn(usize, &[Value]) -> bool,
    variables: Vec<(&'a str, &'a Value)>,
}

pub(super) fn truth(
    expression: &Expression,
    resource: &Value,
    own: &dyn Fn(usize, &[Value]) -> bool,
) -> bool {
    holds(expression, &Scope { resource, own, variables: Vec::new() })
}

fn holds(expression: &Expression, scope: &Scope<'_>) -> bool {
    value(expression, scope) == Value::Bool(true)
}

fn value(expression: &Expression, scope: &Scope<'_>) -> Value {
    match expression {
        Expression::Literal(value) => value.clone(),
        Expression::Path(path) => look_up(path, scope).cloned().unwrap_or_default(),
        Expression::Not(inner) => (!holds(inner, scope)).into(),
        Expression::And(a, b) => (holds(a, scope) && holds(b, scope)).into(),
        Expression::Or(a, b) => (holds(a, scope) || holds(b, scope)).into(),
        Expression::Compare(comparison, a, b) => {
            compare(*comparison, &value(a, scope), &value(b, scope)).into()
        }
        Expression::In(item, list) => {
            let item = value(item, scope);
            list.iter().any(|other| order(&item, &value(other, scope)) == Ordering::Equal).into()
        }
        Expression::Call(function, arguments) => {
            let arguments: Vec<Value> = arguments.iter().map(|a| value(a, scope)).collect();
            call(*function, &arguments)
        }
        Expression::Own(place, arguments) => {
            let arguments: Vec<Value> = arguments.iter().map(|a| value(a, scope)).collect();
            (scope.own)(*place, &arguments).into()
        }
        Expression::Each { every, list, variable, condition } => {
            let elements = look_up(list, scope).and_then(Value::as_array).map(Vec::as_slice);
            let elements = elements.unwrap_or_default();
            let Some(condition) = condition else { return (!elements.is_empty()).into() };
            let mut fulfils = elements.iter().map(|element| {
                let mut variables = scope.variables.clone();
                variables.push((variable, element));
                holds(condition, &Scope { variables, ..*scope })
            });
            if *every { fulfils.all(|f| f) } else { fulfils.any(|f| f) }.into()
        }
    }
}

fn look_up<'a>(path: &[String], scope: &Scope<'a>) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    match scope.variables.iter().rev().find(|(name, _)| name == first) {
        Some((_, value)) => member(value, rest),
        None => member(scope.resource, path),
    }
}

/// The value behind member names; names compare without case.
pub(super) fn member<'a>(value: &'a Value, path: &[String]) -> Option<&'a Value> {
    let mut value = value;
    for name in path {
        let object = value.as_object()?;
        value = object.get(name).or_else(|| {
            object.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v)
        })?;
    }
    Some(value)
}

fn compare(comparison: Comparison, a: &Value, b: &Value) -> bool {
    if let (Value::Array(items), Value::Bool(_) | Value::Number(_) | Value::String(_)) = (a, b) {
        return match comparison {
            Comparison::Ne => items.iter().all(|item| compare(comparison, item, b)),
            _ => items.iter().any(|item| compare(comparison, item, b)),
        };
    }
    let order = order(a, b);
    let comparable = !a.is_null() && !b.is_null();
    match comparison {
        Comparison::Eq => order == Ordering::Equal,
        Comparison::Ne => order != Ordering::Equal,
        Comparison::Gt => comparable && order == Ordering::Greater,
        Comparison::Ge => comparable && order != Ordering::Less,
        Comparison::Lt => comparable && order == Ordering::Less,
        Comparison::Le => comparable && order != Ordering::Greater,
    }
}

/// A total order: null, flags, numbers, texts (times among them as times), lists and objects by their text.
pub(super) fn order(a: &Value, b: &Value) -> Ordering {
    let rank = |v: &Value| match v {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) | Value::Object(_) => 4,
    };
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().unwrap_or(0.0).total_cmp(&b.as_f64().unwrap_or(0.0))
        }
        (Value::String(a), Value::String(b)) => match (time(a), time(b)) {
            (Some(a), Some(b)) => a.cmp(&b),
            _ => a.to_lowercase().cmp(&b.to_lowercase()),
        },
        _ if rank(a) == rank(b) => a.to_string().cmp(&b.to_string()),
        _ => rank(a).cmp(&rank(b)),
    }
}

/// A text that is a time: `2024-01-02` and longer.
fn time(text: &str) -> Option<DateTime> {
    let bytes = text.as_bytes();
    let dated = bytes.len() >= 10 && bytes.get(4) == Some(&b'-') && bytes.get(7) == Some(&b'-');
    dated.then(|| DateTime::parse(text)).flatten()
}

fn call(function: Function, arguments: &[Value]) -> Value {
    let text = |i: usize| arguments.get(i).and_then(Value::as_str).unwrap_or("").to_lowercase();
    match function {
        Function::Contains => match arguments.first() {
            Some(Value::Array(items)) => {
                let item = arguments.get(1).unwrap_or(&Value::Null);
                items.iter().any(|i| order(i, item) == Ordering::Equal).into()
            }
            _ => text(0).contains(&text(1)).into(),
        },
        Function::SubstringOf => text(1).contains(&text(0)).into(),
        Function::StartsWith => text(0).starts_with(&text(1)).into(),
        Function::EndsWith => text(0).ends_with(&text(1)).into(),
        Function::ToLower => text(0).into(),
        Function::ToUpper => text(0).to_uppercase().into(),
        Function::Length => text(0).chars().count().into(),
        Function::Trim => text(0).trim().into(),
    }
}
