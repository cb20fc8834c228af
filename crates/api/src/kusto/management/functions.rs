//! Functions are saved searches with an alias.

use arm::{Call, Verb};
use model::{ResourceId, Rows, ScalarType, Value};
use serde_json::json;

use ScalarType::String as Text;

use super::{Command, bad, rows, syntax, text};
use crate::kusto::error::kusto_error;
use crate::wire::error::ApiError;
use crate::wire::workspace::Workspace;

const COLUMNS: &[(&str, ScalarType)] =
    &[("Name", Text), ("Parameters", Text), ("Body", Text), ("Folder", Text), ("DocString", Text)];

/// A function as Kusto tells it.
pub(super) struct Function {
    pub(super) name: String,
    id: ResourceId,
    parameters: String,
    body: String,
    folder: String,
    description: String,
}

impl Function {
    fn of(value: &serde_json::Value) -> Option<Self> {
        let property = |name: &str| value["properties"][name].as_str().unwrap_or("").to_owned();
        let name = property("functionAlias");
        (!name.is_empty()).then(|| Self {
            name,
            id: ResourceId::new(value["id"].as_str().unwrap_or("")),
            parameters: property("functionParameters"),
            body: property("query"),
            folder: property("category"),
            description: property("displayName"),
        })
    }

    fn row(&self) -> Vec<Value> {
        vec![
            text(&self.name),
            text(format!("({})", self.parameters)),
            text(format!("{{ {} }}", self.body)),
            text(&self.folder),
            text(&self.description),
        ]
    }

    /// As `.show database schema as json` tells it.
    pub(super) fn json(&self) -> serde_json::Value {
        let parameter = |part: &str| {
            let (name, ty) = part.split_once(':').unwrap_or((part, "string"));
            let (ty, default) = ty.split_once('=').map_or((ty, None), |(t, d)| (t, Some(d.trim())));
            json!({ "Name": name.trim(), "CslType": ty.trim(), "CslDefaultValue": default })
        };
        let parameters: Vec<_> =
            syntax::list(&self.parameters).into_iter().map(parameter).collect();
        json!({
            "Name": self.name,
            "InputParameters": parameters,
            "Body": format!("{{ {} }}", self.body),
            "Folder": self.folder,
            "DocString": self.description,
            "FunctionKind": "Unknown",
        })
    }
}

/// The functions of a database.
pub(super) async fn saved(c: &Command, database: &Workspace) -> Result<Vec<Function>, ApiError> {
    let saved = database.saved_functions(&c.doors).await?;
    Ok(saved.iter().filter_map(Function::of).collect())
}

pub(super) async fn show_all(c: Command) -> Result<Rows, ApiError> {
    if !c.rest.trim().is_empty() {
        return Err(bad("write .show functions, or .show function NAME"));
    }
    let all = saved(&c, &c.database).await?;
    Ok(rows(COLUMNS, all.iter().map(Function::row).collect()))
}

pub(super) async fn show(c: Command) -> Result<Rows, ApiError> {
    let (name, _) = syntax::entity(&c.rest).ok_or_else(|| bad("write .show function NAME"))?;
    let all = saved(&c, &c.database).await?;
    let found = all.iter().find(|f| f.name == name).ok_or_else(|| unknown(&name))?;
    Ok(rows(COLUMNS, vec![found.row()]))
}

/// `.create-or-alter function [ifnotexists] [with (...)] F(a:string) { body }`
pub(super) async fn put(c: Command) -> Result<Rows, ApiError> {
    let definition = definition(&c.rest).map_err(bad)?;
    let existing = saved(&c, &c.database).await?.into_iter().find(|f| f.name == definition.name);
    if let Some(existing) = existing.as_ref().filter(|_| definition.if_not_exists) {
        return Ok(rows(COLUMNS, vec![existing.row()]));
    }
    let id = existing.map_or_else(|| default_id(&c, &definition.name), |f| f.id);
    let value = json!({ "properties": {
        "category": definition.folder.as_deref().unwrap_or("Function"),
        "displayName": definition.docstring.as_deref().unwrap_or(&definition.name),
        "query": definition.body,
        "functionAlias": definition.name,
        "functionParameters": definition.parameters,
        "version": 2,
    }});
    let stored = c.doors.arm.answer(Verb::Put, &call(&c, id, value)).await?.value();
    Ok(rows(COLUMNS, Function::of(&stored).iter().map(Function::row).collect()))
}

/// `.drop function F [ifexists]`
pub(super) async fn drop(c: Command) -> Result<Rows, ApiError> {
    let (name, rest) =
        syntax::entity(&c.rest).ok_or_else(|| bad("write .drop function NAME [ifexists]"))?;
    let found = saved(&c, &c.database).await?.into_iter().find(|f| f.name == name);
    match found {
        Some(function) => {
            let call = call(&c, function.id, serde_json::Value::Null);
            c.doors.arm.answer(Verb::Delete, &call).await?;
        }
        None if rest.trim().eq_ignore_ascii_case("ifexists") => {}
        None => return Err(unknown(&name)),
    }
    let all = saved(&c, &c.database).await?;
    Ok(rows(COLUMNS, all.iter().map(Function::row).collect()))
}

fn unknown(name: &str) -> ApiError {
    let message = format!("Entity ID '{name}' of kind 'Function' was not found.");
    kusto_error(400, "BadRequest_EntityNotFound", message)
}

fn default_id(c: &Command, name: &str) -> ResourceId {
    c.database.resource.join(&format!("savedSearches/{}", name.to_lowercase()))
}

/// A call on the workspace's resources in the caller's name.
fn call(c: &Command, id: ResourceId, body: serde_json::Value) -> Call {
    let mut call = Call::system(id, body, c.doors.clock.now());
    call.caller.name = c.caller.object_id.to_string();
    call
}

#[derive(Debug, PartialEq)]
struct Definition {
    name: String,
    parameters: String,
    body: String,
    folder: Option<String>,
    docstring: Option<String>,
    if_not_exists: bool,
}

fn definition(text: &str) -> Result<Definition, &'static str> {
    let mut rest = text.trim_start();
    let if_not_exists = syntax::after_words(rest, &["ifnotexists"]);
    rest = if_not_exists.unwrap_or(rest);
    let (mut folder, mut docstring) = (None, None);
    if let Some(tail) = syntax::after_words(rest, &["with"]) {
        let (properties, tail) =
            syntax::parentheses(tail).ok_or("the properties are expected in parentheses")?;
        for property in syntax::list(properties) {
            let (name, value) = property.split_once('=').unwrap_or((property, ""));
            let value = value.trim().trim_matches(['\'', '"']).to_owned();
            match name.trim().to_ascii_lowercase().as_str() {
                "folder" => folder = Some(value).filter(|v| !v.is_empty()),
                "docstring" => docstring = Some(value).filter(|v| !v.is_empty()),
                _ => {}
            }
        }
        rest = tail;
    }
    let (name, tail) = syntax::entity(rest).ok_or("a function name is expected")?;
    let (parameters, tail) =
        syntax::parentheses(tail).ok_or("the parameters are expected in parentheses")?;
    let body = tail.trim().strip_prefix('{').and_then(|t| t.strip_suffix('}'));
    let body = body.ok_or("the body is expected in braces")?;
    Ok(Definition {
        name,
        parameters: parameters.trim().to_owned(),
        body: body.trim().to_owned(),
        folder,
        docstring,
        if_not_exists: if_not_exists.is_some(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn definitions_are_read() {
        let full = definition(
            "ifnotexists with (docstring = 'adds', folder=\"math\", skipvalidation=true) Add(a:long, b:long = 1) { T | extend x = a + '}' }",
        );
        let full = full.unwrap();
        assert_eq!((full.name.as_str(), full.parameters.as_str()), ("Add", "a:long, b:long = 1"));
        assert_eq!(full.body, "T | extend x = a + '}'");
        assert_eq!(
            (full.folder.as_deref(), full.docstring.as_deref()),
            (Some("math"), Some("adds"))
        );
        assert!(full.if_not_exists);
        let short = definition("F(){T}").unwrap();
        assert_eq!((short.name.as_str(), short.body.as_str()), ("F", "T"));
        for bad in ["", "F", "F()", "F() T", "F() {T", "F({T}", "with F() {T}"] {
            assert!(definition(bad).is_err(), "{bad}");
        }
    }
}
