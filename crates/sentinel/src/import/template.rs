//! Deployment templates (azuredeploy, a package's mainTemplate with templates inside): the rules, functions and saved
//! searches among their resources, however deep they are nested.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::expression::{self, Scope};
use super::item::HUNTING_CATEGORY;
use super::{Found, Item, ItemKind, Rank, RuleTemplate, SavedSearch, parser_yaml, rule_yaml};
use crate::fields::{Fields, Invalid};
use crate::ids;
use crate::rule::{AnalyticsRule, UNSUPPORTED_KINDS};

/// Longest file that is parsed.
const BYTES_MAX: usize = 64 << 20;
/// Deepest nesting of templates and child resources.
const DEPTH_MAX: usize = 16;

pub(super) fn read(path: &str, text: &str) -> Vec<Found> {
    if text.len() > BYTES_MAX {
        return vec![Found::refused(ItemKind::File, "", "", "larger than 64 MB")];
    }
    // Most JSON in a content tree is no template; telling so early keeps the import fast.
    let may_hold = |word: &str| text.contains(word);
    let template = may_hold("\"resources\"") || (may_hold("\"kind\"") && may_hold("\"query\""));
    if !template {
        return match serde_json::from_str::<serde::de::IgnoredAny>(text) {
            Ok(_) => vec![Found::skipped(kind_of_json(path, text), "no deployment template")],
            Err(error) => vec![not_json(&error)],
        };
    }
    let document = match serde_json::from_str::<Value>(text) {
        Ok(document) => document,
        Err(error) => return vec![not_json(&error)],
    };
    let mut walk = Walk { path, found: Vec::new(), others: BTreeMap::new() };
    match document.as_object() {
        Some(map) if map.contains_key("resources") => walk.template(map, &Above::default(), 0),
        _ => walk.exported(&document),
    }
    walk.finish()
}

fn not_json(error: &serde_json::Error) -> Found {
    Found::refused(ItemKind::File, "", "", format!("not valid JSON: {error}"))
}

/// What a JSON file without resources most likely is.
fn kind_of_json(path: &str, text: &str) -> ItemKind {
    if path.to_ascii_lowercase().contains("workbooks/") && text.contains("\"items\"") {
        ItemKind::Workbook
    } else {
        ItemKind::File
    }
}

/// Parameters and variables of the templates around.
#[derive(Clone, Default)]
struct Above<'a> {
    parameters: Vec<&'a Map<String, Value>>,
    variables: Vec<&'a Map<String, Value>>,
}

struct Walk<'a> {
    path: &'a str,
    found: Vec<Found>,
    /// Types that hold no detection content, and how many.
    others: BTreeMap<String, usize>,
}

impl<'a> Walk<'a> {
    fn template(&mut self, template: &'a Map<String, Value>, above: &Above<'a>, depth: usize) {
        let mut inside = above.clone();
        let section = |name: &str| template.get(name).and_then(Value::as_object);
        inside.parameters.splice(0..0, section("parameters"));
        inside.variables.splice(0..0, section("variables"));
        self.resources(template.get("resources"), &inside, "", depth);
    }

    fn resources(
        &mut self,
        list: Option<&'a Value>,
        above: &Above<'a>,
        parent: &str,
        depth: usize,
    ) {
        if depth > DEPTH_MAX {
            self.found.push(Found::refused(ItemKind::File, "", "", "templates nest too deep"));
            return;
        }
        // Newer templates name their resources: an object instead of a list.
        let resources: Vec<&'a Value> = match list {
            Some(Value::Array(items)) => items.iter().collect(),
            Some(Value::Object(map)) => map.values().collect(),
            _ => Vec::new(),
        };
        for resource in resources.into_iter().filter_map(Value::as_object) {
            self.resource(resource, above, parent, depth);
        }
    }

    fn resource(
        &mut self,
        resource: &'a Map<String, Value>,
        above: &Above<'a>,
        parent: &str,
        depth: usize,
    ) {
        let Some(own) = resource.get("type").and_then(Value::as_str) else { return };
        let full = if own.contains('/') || parent.is_empty() {
            own.to_owned()
        } else {
            format!("{parent}/{own}")
        };
        let properties = resource.get("properties").and_then(Value::as_object);
        let inner = |name: &str| properties.and_then(|p| p.get(name)).and_then(Value::as_object);
        if let Some(template) = inner("mainTemplate").or_else(|| inner("template")) {
            self.template(template, above, depth + 1);
        } else {
            self.one(resource, &full, above);
        }
        self.resources(resource.get("resources"), above, &full, depth + 1);
    }

    /// A resource that holds no template.
    fn one(&mut self, resource: &Map<String, Value>, full_type: &str, above: &Above<'a>) {
        let lower = full_type.to_ascii_lowercase();
        let last = lower.rsplit('/').next().unwrap_or("");
        let found = match last {
            "alertrules" | "alertruletemplates" => rule(self.path, resource, &self.scope(above)),
            "savedsearches" => saved_search(self.path, resource, &self.scope(above)),
            "watchlists" => {
                Found::skipped(ItemKind::Watchlist, "watchlists are not part of this version")
            }
            "workflows" => {
                Found::skipped(ItemKind::Playbook, "playbooks are not part of this version")
            }
            "workbooks" => {
                Found::skipped(ItemKind::Workbook, "workbooks are not part of this version")
            }
            _ => {
                *self.others.entry(full_type.to_owned()).or_default() += 1;
                return;
            }
        };
        self.found.push(found);
    }

    fn scope(&self, above: &Above<'a>) -> Scope<'a> {
        Scope {
            parameters: above.parameters.clone(),
            variables: above.variables.clone(),
            file: self.path,
        }
    }

    /// Rules as the API gives them: one, a list, or `{"value": [...]}`.
    fn exported(&mut self, document: &'a Value) {
        let items: Vec<&Value> = match document {
            Value::Array(items) => items.iter().collect(),
            Value::Object(map) => match map.get("value").and_then(Value::as_array) {
                Some(items) => items.iter().collect(),
                None => vec![document],
            },
            _ => Vec::new(),
        };
        let is_rule = |map: &&Map<String, Value>| {
            let query = map.get("properties").and_then(|p| p.get("query"));
            map.get("kind").is_some_and(Value::is_string) && query.is_some_and(Value::is_string)
        };
        for item in items.into_iter().filter_map(Value::as_object).filter(is_rule) {
            let scope = self.scope(&Above::default());
            self.found.push(rule(self.path, item, &scope));
        }
    }

    /// A file without detection content says what it holds instead.
    fn finish(mut self) -> Vec<Found> {
        if self.found.is_empty() {
            let kinds = self.others.iter().take(4).map(|(name, count)| format!("{count} {name}"));
            let kinds: Vec<String> = kinds.collect();
            let reason = match kinds.is_empty() {
                true => "no deployment template".to_owned(),
                false => format!("no detection content: {}", kinds.join(", ")),
            };
            self.found.push(Found::skipped(ItemKind::File, reason));
        }
        self.found
    }
}

/// The last part of a resource's name: `workspace/Microsoft.SecurityInsights/id` names `id`.
fn name(path: &str, resource: &Map<String, Value>, scope: &Scope<'_>) -> Result<String, String> {
    let full = match resource.get("name") {
        Some(name) => expression::text(name, scope).map_err(|e| format!("its name: {e}"))?,
        None => String::new(),
    };
    let last = full.rsplit('/').next().unwrap_or("").trim();
    Ok(if ids::is_name(last) { last.to_owned() } else { ids::guid(&["content", path, &full]) })
}

fn rule(path: &str, resource: &Map<String, Value>, scope: &Scope<'_>) -> Found {
    let kind = resource.get("kind").and_then(Value::as_str);
    let shown =
        resource.get("properties").and_then(|p| p.get("displayName")).and_then(Value::as_str);
    let shown = shown.unwrap_or_default();
    if let Some(known) =
        UNSUPPORTED_KINDS.iter().find(|k| kind.is_some_and(|kind| kind.eq_ignore_ascii_case(k)))
    {
        let reason = format!("rules of kind {known} are not part of this version");
        return Found::skipped(ItemKind::AnalyticsRule, reason);
    }
    if given_at_deployment(resource) {
        return Found::skipped(ItemKind::AnalyticsRule, AT_DEPLOYMENT);
    }
    let refused = |reason: String| Found::refused(ItemKind::AnalyticsRule, "", shown, reason);
    let id = match name(path, resource, scope) {
        Ok(id) => id,
        Err(error) => return refused(error),
    };
    let properties = resource.get("properties").cloned().unwrap_or_default();
    let properties = match expression::evaluate(&properties, scope) {
        Ok(properties) => properties,
        Err(error) => return refused(error),
    };
    match rule_of(kind, properties.clone()) {
        Ok(rule) => Found::Item(
            Item::Rule(Box::new(RuleTemplate {
                id,
                rule,
                version: properties.get("version").and_then(Value::as_str).map(str::to_owned),
                required_data_connectors: rule_yaml::connectors(
                    properties.get("requiredDataConnectors"),
                ),
                source: path.to_owned(),
            })),
            Rank::Template,
        ),
        Err(invalid) => Found::refused(ItemKind::AnalyticsRule, &id, shown, invalid.to_string()),
    }
}

fn rule_of(kind: Option<&str>, mut properties: Value) -> Result<AnalyticsRule, Invalid> {
    if let Some(map) = properties.as_object_mut() {
        map.insert("enabled".to_owned(), true.into());
        for name in ["entityMappings", "sentinelEntitiesMappings"] {
            map.entry(name).and_modify(list_of_one);
        }
    }
    AnalyticsRule::read(kind, &properties)
}

/// The tool that builds packages writes a list of one as its element.
fn list_of_one(value: &mut Value) {
    if value.is_object() {
        *value = Value::Array(vec![value.take()]);
    }
}

const AT_DEPLOYMENT: &str =
    "a pattern for own content: its query is a parameter given at deployment";

/// True when the query is nothing but a parameter without a default.
fn given_at_deployment(resource: &Map<String, Value>) -> bool {
    let query = resource.get("properties").and_then(|p| p.get("query")).and_then(Value::as_str);
    query.is_some_and(|q| q.trim().starts_with("[parameters("))
}

fn saved_search(path: &str, resource: &Map<String, Value>, scope: &Scope<'_>) -> Found {
    if given_at_deployment(resource) {
        return Found::skipped(ItemKind::SavedSearch, AT_DEPLOYMENT);
    }
    match saved_search_of(path, resource, scope) {
        Ok(search) => Found::Item(Item::Search(Box::new(search)), Rank::Template),
        Err(reason) => {
            let text = |name: &str| {
                let properties = resource.get("properties").and_then(Value::as_object)?;
                properties.iter().find(|(k, _)| k.eq_ignore_ascii_case(name))?.1.as_str()
            };
            let kind = match text("functionAlias") {
                Some(_) => ItemKind::Parser,
                None if text("category").is_some_and(is_hunting) => ItemKind::HuntingQuery,
                None => ItemKind::SavedSearch,
            };
            Found::refused(kind, "", "", reason)
        }
    }
}

fn saved_search_of(
    path: &str,
    resource: &Map<String, Value>,
    scope: &Scope<'_>,
) -> Result<SavedSearch, String> {
    let id = name(path, resource, scope)?;
    let properties = resource.get("properties").cloned().unwrap_or_default();
    let properties = expression::evaluate(&properties, scope)?;
    let fields = Fields::of("properties", &properties).map_err(|e| e.to_string())?;
    search_of(path, id, &fields)
}

fn search_of(path: &str, id: String, fields: &Fields<'_>) -> Result<SavedSearch, String> {
    let text = |name: &str| fields.text(name).map_err(|e| e.to_string());
    let alias = text("functionAlias")?.map(|a| a.trim().to_owned()).filter(|a| !a.is_empty());
    if let Some(bad) = alias.as_deref().filter(|a| !parser_yaml::is_function_name(a)) {
        return Err(format!("'{bad}' is no function name: letters, digits and underscores"));
    }
    let query = fields.required_text("query").map_err(|e| e.to_string())?;
    let category = text("category")?.unwrap_or_default();
    let hunting = is_hunting(&category);
    Ok(SavedSearch {
        display_name: text("displayName")?.unwrap_or_else(|| id.clone()),
        category: if hunting { HUNTING_CATEGORY.to_owned() } else { category },
        query,
        function_parameters: text("functionParameters")?.map(|p| p.trim().to_owned()),
        function_alias: alias,
        tags: tags(fields),
        version: None,
        source: path.to_owned(),
        id,
    })
}

/// True for `Hunting Queries` and the spellings near it.
fn is_hunting(category: &str) -> bool {
    category.trim().to_ascii_lowercase().starts_with("hunting quer")
}

fn tags(fields: &Fields<'_>) -> Vec<(String, String)> {
    let tags = fields.objects("tags").unwrap_or_default();
    let pair = |tag: &Fields<'_>| Some((tag.text("name").ok()??, tag.text("value").ok()??));
    tags.iter().filter_map(pair).collect()
}
