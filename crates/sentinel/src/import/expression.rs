//! The part of the template language that content packages use to name things: `[concat(parameters('workspace'),'/x')]`.
//! Values are JSON; what cannot be known without a deployment (the workspace, the region) is empty text.

use serde_json::{Map, Value, json};

use crate::ids;

/// Deepest nesting of calls and of variables that refer to variables.
const DEPTH_MAX: usize = 32;
/// Most steps for one value, so that variables doubling each other end.
const STEPS_MAX: usize = 4_000;
/// Longest text that is put together.
const TEXT_MAX: usize = 1 << 20;
const TOO_LONG: &str = "a text grows too long";

/// Parameters and variables in force.
pub(super) struct Scope<'a> {
    /// `parameters` sections, innermost first.
    pub parameters: Vec<&'a Map<String, Value>>,
    /// `variables` sections, innermost first.
    pub variables: Vec<&'a Map<String, Value>>,
    /// Makes names unique to the file.
    pub file: &'a str,
}

/// A value with its expressions worked out; the error says what could not be.
pub(super) fn evaluate(value: &Value, scope: &Scope<'_>) -> Result<Value, String> {
    let mut machine = Machine { scope, steps: 0 };
    machine.value(value, 0)
}

/// Text that is no expression, or the text an expression gives.
pub(super) fn text(value: &Value, scope: &Scope<'_>) -> Result<String, String> {
    match evaluate(value, scope)? {
        Value::String(text) => Ok(text),
        other => Ok(other.to_string()),
    }
}

struct Machine<'a> {
    scope: &'a Scope<'a>,
    steps: usize,
}

impl Machine<'_> {
    fn value(&mut self, value: &Value, depth: usize) -> Result<Value, String> {
        self.step(depth)?;
        Ok(match value {
            Value::String(text) => match expression(text) {
                Some(inner) => self.parse(inner, depth)?,
                None => Value::from(
                    text.strip_prefix('[').filter(|r| r.starts_with('[')).unwrap_or(text),
                ),
            },
            Value::Array(items) => {
                let items = items.iter().map(|v| self.value(v, depth + 1));
                items.collect::<Result<Vec<_>, _>>()?.into()
            }
            Value::Object(map) => {
                let mut out = Map::new();
                for (key, item) in map {
                    out.insert(key.clone(), self.value(item, depth + 1)?);
                }
                out.into()
            }
            other => other.clone(),
        })
    }

    fn step(&mut self, depth: usize) -> Result<(), String> {
        self.steps += 1;
        if depth > DEPTH_MAX || self.steps > STEPS_MAX {
            return Err("expressions nest too deep".into());
        }
        Ok(())
    }

    fn parse(&mut self, text: &str, depth: usize) -> Result<Value, String> {
        let mut parser = Parser { text, at: 0 };
        let value = self.term(&mut parser, depth)?;
        parser.blank();
        if parser.at < text.len() {
            return Err(format!("'{}' behind an expression", &text[parser.at..]));
        }
        Ok(value)
    }

    fn term(&mut self, parser: &mut Parser<'_>, depth: usize) -> Result<Value, String> {
        self.step(depth)?;
        parser.blank();
        let mut value = match parser.peek() {
            Some('\'') => Value::from(parser.quoted()?),
            Some(c) if c.is_ascii_digit() || c == '-' => parser.number()?,
            Some(c) if c.is_ascii_alphabetic() => {
                let name = parser.word();
                let mut arguments = Vec::new();
                parser.expect('(')?;
                loop {
                    parser.blank();
                    if parser.take(')') {
                        break;
                    }
                    if !arguments.is_empty() {
                        parser.expect(',')?;
                    }
                    arguments.push(self.term(parser, depth + 1)?);
                }
                self.call(name, &arguments, depth)?
            }
            _ => return Err("an expression is not complete".into()),
        };
        loop {
            parser.blank();
            if parser.take('.') {
                let name = parser.word();
                value =
                    member(&value, name).ok_or_else(|| format!("'{name}' is not known here"))?;
            } else if parser.take('[') {
                let index = self.term(parser, depth + 1)?;
                parser.expect(']')?;
                value = element(&value, &index).ok_or("an index is out of range")?;
            } else {
                return Ok(value);
            }
        }
    }

    fn call(&mut self, name: &str, arguments: &[Value], depth: usize) -> Result<Value, String> {
        let weight: usize = arguments.iter().map(weight).sum();
        self.steps += weight / 1_024; // long texts are work, too
        if weight > TEXT_MAX {
            return Err(TOO_LONG.into());
        }
        match name.to_ascii_lowercase().as_str() {
            "parameters" => {
                let found = look_up(&self.scope.parameters, arguments)?;
                match member(found, "defaultValue") {
                    Some(default) => self.value(&default, depth + 1),
                    None => Ok("".into()), // given at deployment
                }
            }
            "variables" => {
                let found = look_up(&self.scope.variables, arguments)?;
                self.value(found, depth + 1)
            }
            "newguid" => Ok(ids::guid(&["newGuid", self.scope.file]).into()),
            lower => pure(lower, name, arguments),
        }
    }
}

/// The inside of `[...]`, unless the bracket is doubled and so only text.
fn expression(text: &str) -> Option<&str> {
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix('[')?.strip_suffix(']')?;
    (!inner.starts_with('[') && inner.trim_start().starts_with(|c: char| c.is_ascii_alphabetic()))
        .then_some(inner)
        .filter(|i| i.contains('('))
}

fn look_up<'a>(maps: &[&'a Map<String, Value>], arguments: &[Value]) -> Result<&'a Value, String> {
    let name = arguments.first().and_then(Value::as_str).ok_or("a name is missing")?;
    let in_map = |map: &&'a Map<String, Value>| {
        map.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    };
    maps.iter().find_map(in_map).ok_or_else(|| format!("'{name}' is not declared"))
}

fn member(value: &Value, name: &str) -> Option<Value> {
    let map = value.as_object()?;
    map.iter().find(|(k, _)| k.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone())
}

fn element(value: &Value, index: &Value) -> Option<Value> {
    match index {
        Value::String(name) => member(value, name),
        _ => value.as_array()?.get(usize::try_from(index.as_u64()?).ok()?).cloned(),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Functions of their arguments alone.
fn pure(lower: &str, name: &str, arguments: &[Value]) -> Result<Value, String> {
    let text = |i: usize| arguments.get(i).map(plain).unwrap_or_default();
    let truth = |i: usize| arguments.get(i).and_then(Value::as_bool).unwrap_or(false);
    let list = |i: usize| arguments.get(i).and_then(Value::as_array).cloned().unwrap_or_default();
    let value = match lower {
        "concat" if arguments.iter().all(Value::is_array) && !arguments.is_empty() => {
            arguments.iter().filter_map(Value::as_array).flatten().cloned().collect()
        }
        "concat" => arguments.iter().map(plain).collect::<String>().into(),
        "format" => format(text(0), arguments.get(1..).unwrap_or_default())?.into(),
        "tolower" => text(0).to_lowercase().into(),
        "toupper" => text(0).to_uppercase().into(),
        "trim" => text(0).trim().into(),
        "replace" => replace(&text(0), &text(1), &text(2))?.into(),
        "string" => text(0).into(),
        "substring" => {
            let start = arguments.get(1).and_then(Value::as_u64).unwrap_or(0);
            let length = arguments.get(2).and_then(Value::as_u64).unwrap_or(u64::MAX);
            let skip = usize::try_from(start).unwrap_or(usize::MAX);
            let take = usize::try_from(length).unwrap_or(usize::MAX);
            text(0).chars().skip(skip).take(take).collect::<String>().into()
        }
        "split" if text(1).is_empty() => json!([text(0)]),
        "split" => text(0).split(text(1).as_str()).collect::<Vec<_>>().into(),
        "last" => list(0).pop().unwrap_or_default(),
        "first" => list(0).into_iter().next().unwrap_or_default(),
        "length" => match arguments.first() {
            Some(Value::Array(items)) => items.len().into(),
            _ => text(0).chars().count().into(),
        },
        "empty" => match arguments.first() {
            Some(Value::Array(items)) => items.is_empty().into(),
            Some(Value::Object(map)) => map.is_empty().into(),
            _ => text(0).is_empty().into(),
        },
        "if" => arguments.get(if truth(0) { 1 } else { 2 }).cloned().unwrap_or_default(),
        "equals" => match (arguments.first(), arguments.get(1)) {
            (Some(Value::String(a)), Some(Value::String(b))) => a.eq_ignore_ascii_case(b).into(),
            (a, b) => (a == b).into(),
        },
        "not" => (!truth(0)).into(),
        "and" => arguments.iter().all(|a| a == &Value::Bool(true)).into(),
        "or" => arguments.contains(&Value::Bool(true)).into(),
        "coalesce" => arguments.iter().find(|a| !a.is_null()).cloned().unwrap_or_default(),
        "createarray" | "array" => arguments.to_vec().into(),
        "resourceid" | "extensionresourceid" | "subscriptionresourceid" | "tenantresourceid" => {
            arguments.iter().map(plain).collect::<Vec<_>>().join("/").into()
        }
        "uniquestring" => {
            let parts: Vec<String> = arguments.iter().map(plain).collect();
            let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
            ids::guid(&parts).chars().filter(|c| *c != '-').take(13).collect::<String>().into()
        }
        "guid" => {
            let parts: Vec<String> = arguments.iter().map(plain).collect();
            ids::guid(&parts.iter().map(String::as_str).collect::<Vec<_>>()).into()
        }
        "resourcegroup" => json!({"name": "", "id": "", "location": ""}),
        "subscription" => {
            json!({"subscriptionId": "", "tenantId": "", "displayName": "", "id": ""})
        }
        "environment" => json!({
            "name": "AzureCloud",
            "portal": "https://portal.azure.com",
            "suffixes": {"keyvaultDns": ".vault.azure.net", "storage": "core.windows.net"},
            "authentication": {
                "audiences": ["https://management.core.windows.net/", "https://management.azure.com/"]
            },
        }),
        "utcnow" => "".into(),
        "copyindex" => return Err("copy loops are not supported".into()),
        _ => return Err(format!("the template function {name}() is not supported")),
    };
    Ok(value)
}

/// About how many bytes a value holds.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(weight).sum::<usize>() + 16 * items.len(),
        Value::Object(map) => map.iter().map(|(key, v)| key.len() + weight(v) + 16).sum(),
        _ => 8,
    }
}

/// All places of `from` replaced, unless the text would grow too long.
fn replace(text: &str, from: &str, to: &str) -> Result<String, String> {
    if from.is_empty() {
        return Ok(text.to_owned());
    }
    if text.len() + text.matches(from).count().saturating_mul(to.len()) > TEXT_MAX {
        return Err(TOO_LONG.into());
    }
    Ok(text.replace(from, to))
}

/// `{0}` and `{1}` replaced.
fn format(pattern: String, values: &[Value]) -> Result<String, String> {
    let filled = values.iter().enumerate().take(16);
    filled
        .into_iter()
        .try_fold(pattern, |text, (i, value)| replace(&text, &format!("{{{i}}}"), &plain(value)))
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn blank(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn take(&mut self, c: char) -> bool {
        let taken = self.peek() == Some(c);
        if taken {
            self.at += c.len_utf8();
        }
        taken
    }

    fn expect(&mut self, c: char) -> Result<(), String> {
        self.blank();
        if self.take(c) { Ok(()) } else { Err(format!("'{c}' is missing in an expression")) }
    }

    fn word(&mut self) -> &'a str {
        let rest = self.rest();
        let end =
            rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn quoted(&mut self) -> Result<String, String> {
        self.expect('\'')?;
        let mut text = String::new();
        loop {
            let rest = self.rest();
            let end = rest.find('\'').ok_or("a text in an expression does not end")?;
            text.push_str(&rest[..end]);
            self.at += end + 1;
            if !self.take('\'') {
                return Ok(text);
            }
            text.push('\''); // doubled: one quote
        }
    }

    fn number(&mut self) -> Result<Value, String> {
        let rest = self.rest();
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '-')).unwrap_or(rest.len());
        self.at += end;
        rest[..end].parse::<i64>().map(Value::from).map_err(|_| "a number is not readable".into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    fn evaluated(expression: &str) -> Result<Value, String> {
        let parameters =
            json!({"workspace": {"type": "string"}, "n": {"defaultValue": "[concat('a','b')]"}});
        let variables = json!({"ruleId": "1-2", "full": "[concat(parameters('Workspace'),'/x/',variables('RuleID'))]",
            "loop": "[variables('loop')]", "list": ["p", "q"], "wide": "[concat(variables('w1'),variables('w1'))]",
            "t1": "[replace(variables('t2'),'x',variables('t2'))]", "t2": "[format('{0}{0}{0}{0}{0}{0}{0}{0}', variables('t3'))]",
            "t3": "x".repeat(2_000), "text": "[replace(variables('t2'),'x',variables('t2'))]",
            "texts": "[format('{0}{0}{0}{0}', concat(variables('t2'), variables('t4')))]",
            "t4": "y".repeat(300_000),
            "w1": "[concat(variables('w2'),variables('w2'))]", "w2": "[variables('wide')]"});
        let scope = Scope {
            parameters: vec![parameters.as_object().unwrap()],
            variables: vec![variables.as_object().unwrap()],
            file: "f",
        };
        evaluate(&Value::from(expression), &scope)
    }

    #[test]
    fn expressions() {
        let cases = [
            ("plain", json!("plain")),
            ("[[text]", json!("[text]")),
            ("[variables('full')]", json!("/x/1-2")),
            ("[parameters('n')]", json!("ab")),
            ("[last(split(variables('full'),'/'))]", json!("1-2")),
            ("[variables('list')[1]]", json!("q")),
            ("[resourceGroup().location]", json!("")),
            ("[format('{0}-{1}', 'a', 2)]", json!("a-2")),
            ("[if(equals('A','a'), 'same', 'other')]", json!("same")),
            ("[toLower('AB''C')]", json!("ab'c")),
            ("[substring('abcdef', 2, 3)]", json!("cde")),
            ("[resourceId('N/t', parameters('workspace'), 'x')]", json!("N/t//x")),
            ("[coalesce(first(variables('list')), 'z')]", json!("p")),
            ("[ \"not an expression\" ]", json!("[ \"not an expression\" ]")),
        ];
        for (text, want) in cases {
            assert_eq!(evaluated(text), Ok(want), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_worked_out_says_why() {
        for (text, part) in [
            ("[variables('none')]", "'none' is not declared"),
            ("[variables('loop')]", "too deep"),
            ("[variables('wide')]", "too deep"),
            ("[reference('x').y]", "reference() is not supported"),
            ("[concat('a'", "[concat('a'"),
            ("[concat('a)]", "does not end"),
            ("[concat('a',)]", "not complete"),
            ("[concat('a') b]", "behind"),
            ("[variables('text')]", "too long"),
            ("[variables('texts')]", "too long"),
        ] {
            match evaluated(text) {
                Err(error) => assert!(error.contains(part), "{text}: {error}"),
                Ok(value) => assert_eq!(value, json!(part), "{text}"),
            }
        }
    }
}
