//! What can be imported, as values.

use serde_json::{Map, Value, json};

use super::ItemKind;
use crate::rule::AnalyticsRule;

/// A rule as a template: named by its id, not running.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleTemplate {
    /// Name of the alertRuleTemplates resource: the file's id.
    pub id: String,
    /// The rule.
    pub rule: AnalyticsRule,
    /// `1.0.3`
    pub version: Option<String>,
    /// Connectors that deliver its data: `[{connectorId, dataTypes}]`.
    pub required_data_connectors: Value,
    /// The file.
    pub source: String,
}

/// A saved search: a function when it has an alias.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedSearch {
    /// Name of the savedSearches resource.
    pub id: String,
    /// Name shown to people.
    pub display_name: String,
    /// Group it is listed under.
    pub category: String,
    /// KQL.
    pub query: String,
    /// Name by which queries call it.
    pub function_alias: Option<String>,
    /// Parameters as KQL writes them.
    pub function_parameters: Option<String>,
    /// Name and value.
    pub tags: Vec<(String, String)>,
    /// `0.3`; only to choose between two of one name.
    pub version: Option<String>,
    /// The file.
    pub source: String,
}

/// Anything that can be imported.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// A rule.
    Rule(Box<RuleTemplate>),
    /// A hunting query, a function or another saved search.
    Search(Box<SavedSearch>),
}

impl Item {
    /// What it is called in reports.
    pub fn kind(&self) -> ItemKind {
        match self {
            Self::Rule(_) => ItemKind::AnalyticsRule,
            Self::Search(search) if search.function_alias.is_some() => ItemKind::Parser,
            Self::Search(search) if search.is_hunting() => ItemKind::HuntingQuery,
            Self::Search(_) => ItemKind::SavedSearch,
        }
    }

    /// Its id.
    pub fn id(&self) -> &str {
        match self {
            Self::Rule(rule) => &rule.id,
            Self::Search(search) => &search.id,
        }
    }

    /// Its version.
    pub(super) fn version(&self) -> Option<&str> {
        match self {
            Self::Rule(rule) => rule.version.as_deref(),
            Self::Search(search) => search.version.as_deref(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Rule(rule) => &rule.rule.display_name,
            Self::Search(search) => {
                search.function_alias.as_deref().unwrap_or(&search.display_name)
            }
        }
    }
}

/// Category under which Sentinel lists hunting queries.
pub(super) const HUNTING_CATEGORY: &str = "Hunting Queries";

impl SavedSearch {
    /// True for a hunting query.
    pub fn is_hunting(&self) -> bool {
        self.category.eq_ignore_ascii_case(HUNTING_CATEGORY)
    }

    /// The `properties` of its savedSearches resource.
    pub fn properties(&self) -> Map<String, Value> {
        let mut properties = Map::new();
        let mut put = |name: &str, value: Value| properties.insert(name.to_owned(), value);
        put("category", self.category.as_str().into());
        put("displayName", self.display_name.as_str().into());
        put("query", self.query.as_str().into());
        if let Some(alias) = &self.function_alias {
            put("functionAlias", alias.as_str().into());
        }
        if let Some(parameters) = self.function_parameters.as_deref().filter(|p| !p.is_empty()) {
            put("functionParameters", parameters.into());
        }
        put("version", 2.into());
        if !self.tags.is_empty() {
            let tags = self.tags.iter().map(|(name, value)| json!({"name": name, "value": value}));
            put("tags", tags.collect());
        }
        properties
    }
}

impl RuleTemplate {
    /// The `properties` of its alertRuleTemplates resource, without dates.
    pub fn template_properties(&self) -> Map<String, Value> {
        let mut properties = self.rule.detection();
        let mut put = |name: &str, value: Value| properties.insert(name.to_owned(), value);
        put("requiredDataConnectors", self.required_data_connectors.clone());
        put("status", "Available".into());
        put("version", self.version.clone().map_or(Value::Null, Value::from));
        properties
    }

    /// The rule that runs this template.
    pub fn enabled_rule(&self) -> AnalyticsRule {
        AnalyticsRule {
            enabled: true,
            template_name: Some(self.id.clone()),
            template_version: self.version.clone(),
            ..self.rule.clone()
        }
    }
}
