//! Items as JSON, so that a tree read in one place can be stored in another: `{functions, searches, rules}`.

use serde_json::{Map, Value, json};

use super::{Import, RuleTemplate, SavedSearch, rule_yaml};
use crate::fields::{Fields, Invalid};
use crate::rule::AnalyticsRule;

impl Import {
    /// The items, without the report.
    pub fn to_json(&self) -> Value {
        json!({
            "functions": self.functions.iter().map(SavedSearch::to_json).collect::<Vec<_>>(),
            "searches": self.searches.iter().map(SavedSearch::to_json).collect::<Vec<_>>(),
            "rules": self.rules.iter().map(RuleTemplate::to_json).collect::<Vec<_>>(),
        })
    }

    /// Reads items; the report stays empty.
    pub fn from_json(value: &Value) -> Result<Self, Invalid> {
        let fields = Fields::of("", value)?;
        let searches = |name: &str| -> Result<Vec<SavedSearch>, Invalid> {
            fields.objects(name)?.iter().map(SavedSearch::from_fields).collect()
        };
        let rules = fields.objects("rules")?;
        Ok(Self {
            functions: searches("functions")?,
            searches: searches("searches")?,
            rules: rules.iter().map(RuleTemplate::from_fields).collect::<Result<_, _>>()?,
            ..Self::default()
        })
    }
}

impl SavedSearch {
    fn to_json(&self) -> Value {
        json!({ "id": self.id, "source": self.source, "properties": self.properties() })
    }

    fn from_fields(fields: &Fields<'_>) -> Result<Self, Invalid> {
        let properties =
            fields.object("properties")?.ok_or_else(|| fields.missing("properties"))?;
        let tags = properties.objects("tags")?;
        let tag = |t: &Fields<'_>| Some((t.text("name").ok()??, t.text("value").ok()??));
        Ok(Self {
            id: fields.required_text("id")?,
            source: fields.text("source")?.unwrap_or_default(),
            display_name: properties.required_text("displayName")?,
            category: properties.text("category")?.unwrap_or_default(),
            query: properties.required_text("query")?,
            function_alias: properties.text("functionAlias")?.filter(|a| !a.is_empty()),
            function_parameters: properties.text("functionParameters")?.filter(|p| !p.is_empty()),
            tags: tags.iter().filter_map(tag).collect(),
            version: None,
        })
    }
}

impl RuleTemplate {
    fn to_json(&self) -> Value {
        let mut properties = self.rule.properties();
        properties.retain(|name, value| !value.is_null() && !name.starts_with("template"));
        json!({
            "id": self.id,
            "kind": self.rule.kind.name(),
            "version": self.version,
            "source": self.source,
            "requiredDataConnectors": self.required_data_connectors,
            "properties": properties,
        })
    }

    fn from_fields(fields: &Fields<'_>) -> Result<Self, Invalid> {
        let properties = fields.get("properties").cloned().unwrap_or_else(|| Map::new().into());
        let rule = AnalyticsRule::read(fields.text("kind")?.as_deref(), &properties)
            .map_err(|invalid| fields.invalid(&invalid.field, invalid.problem))?;
        Ok(Self {
            id: fields.required_text("id")?,
            rule,
            version: fields.text("version")?,
            required_data_connectors: rule_yaml::connectors(fields.get("requiredDataConnectors")),
            source: fields.text("source")?.unwrap_or_default(),
        })
    }
}
