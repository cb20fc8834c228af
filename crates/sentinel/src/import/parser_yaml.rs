//! A parser file (`ParserName`, `ParserParams`, `ParserQuery`) or function file (`FunctionName`, ...): a saved function
//! under its own name and under the name of the built-in one that it equals, since rules call both.

use serde_json::Value;

use super::{Found, Item, ItemKind, Rank, SavedSearch};
use crate::fields::{Fields, Invalid};

/// The names that the two kinds of file, and their typos, use for one thing.
const NAME: &[&str] = &["ParserName", "FunctionName", "FunctionAlias", "PParserName"];
const QUERY: &[&str] = &["ParserQuery", "FunctionQuery"];
const PARAMETERS: &[&str] = &["ParserParams", "FunctionParams", "FunctionParameters"];
const BUILT_IN: &[&str] = &["EquivalentBuiltInParser", "EquivalentBuiltInFunction"];

pub(super) fn read(path: &str, fields: &Fields<'_>) -> Vec<Found> {
    let name = first_text(fields, NAME).ok().flatten().unwrap_or_default();
    if name.starts_with('<') {
        let reason = format!("a pattern for authors: its name is the placeholder {name}");
        return vec![Found::skipped(ItemKind::Parser, reason)];
    }
    match functions(path, fields) {
        Ok(functions) => {
            let item = |f| Found::Item(Item::Search(Box::new(f)), Rank::Yaml);
            functions.into_iter().map(item).collect()
        }
        Err(invalid) => {
            vec![Found::refused(ItemKind::Parser, &name, &name, invalid.to_string())]
        }
    }
}

fn functions(path: &str, fields: &Fields<'_>) -> Result<Vec<SavedSearch>, Invalid> {
    let alias = first_text(fields, NAME)?.ok_or_else(|| fields.missing("ParserName"))?;
    let query = first_text(fields, QUERY)?.ok_or_else(|| fields.missing("ParserQuery"))?;
    let built_in = first_text(fields, BUILT_IN)?;
    let mut names = vec![alias];
    names.extend(built_in.filter(|b| *b != names[0]));
    if let Some(bad) = names.iter().find(|n| !is_function_name(n)) {
        let problem = format!("'{bad}' is no function name: letters, digits and underscores");
        return Err(fields.invalid("ParserName", problem));
    }
    let parameters = parameters(fields)?;
    let about = fields.object("Parser")?.or(fields.object("Function")?);
    let title = about.as_ref().map(|a| a.text("Title")).transpose()?.flatten();
    let version = about.as_ref().map(|a| a.text("Version")).transpose()?.flatten();
    let schema = fields.object("Normalization")?.map(|n| n.text("Schema")).transpose()?.flatten();
    let description = fields.text("Description")?.unwrap_or_default();
    let function = |alias: String| SavedSearch {
        display_name: title.clone().unwrap_or_else(|| alias.clone()),
        category: if schema.is_some() { "ASIM" } else { "Functions" }.to_owned(),
        query: query.clone(),
        function_parameters: Some(parameters.clone()).filter(|p| !p.is_empty()),
        tags: Some(("description".to_owned(), description.trim().to_owned()))
            .filter(|(_, text)| !text.is_empty())
            .into_iter()
            .collect(),
        version: version.clone(),
        source: path.to_owned(),
        id: alias.clone(),
        function_alias: Some(alias),
    };
    Ok(names.into_iter().map(function).collect())
}

fn first_text(fields: &Fields<'_>, names: &[&str]) -> Result<Option<String>, Invalid> {
    for name in names {
        if let Some(text) = fields.text(name)?.filter(|t| !t.trim().is_empty()) {
            return Ok(Some(text.trim().to_owned()));
        }
    }
    Ok(None)
}

/// True for a name that a query can call.
pub(super) fn is_function_name(name: &str) -> bool {
    let first = name.chars().next();
    first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The parameters as KQL writes them: `starttime:datetime=datetime(null), T:(*)`.
fn parameters(fields: &Fields<'_>) -> Result<String, Invalid> {
    let mut parts = Vec::new();
    for name in PARAMETERS {
        if let Some(Value::String(text)) = fields.get(name) {
            return Ok(text.trim().to_owned());
        }
        for parameter in fields.objects(name)? {
            parts.push(one_parameter(&parameter)?);
        }
    }
    Ok(parts.join(", "))
}

/// Types in files and in KQL; one typo that the public parsers hold is mended.
const TYPES: &[(&str, &str)] = &[
    ("string", "string"),
    ("dynamic", "dynamic"),
    ("dyanmic", "dynamic"),
    ("datetime", "datetime"),
    ("bool", "bool"),
    ("boolean", "bool"),
    ("int", "int"),
    ("long", "long"),
    ("real", "real"),
    ("double", "real"),
    ("decimal", "decimal"),
    ("guid", "guid"),
    ("timespan", "timespan"),
    ("table", "(*)"),
];

fn one_parameter(fields: &Fields<'_>) -> Result<String, Invalid> {
    let name = fields.required_text("Name")?;
    let ty = fields.one_of("Type", TYPES)?.ok_or_else(|| fields.missing("Type"))?;
    let default = match fields.text("Default")? {
        Some(text) if ty == "string" => format!("={}", string_literal(&text)),
        Some(text) if !text.trim().is_empty() => format!("={}", text.trim()),
        _ => String::new(),
    };
    Ok(format!("{}:{ty}{default}", name.trim()))
}

/// A default of type string as KQL writes it; YAML took the quotes off most of them.
fn string_literal(text: &str) -> String {
    let quoted = |q: char| text.len() >= 2 && text.starts_with(q) && text.ends_with(q);
    if quoted('\'') || quoted('"') {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
