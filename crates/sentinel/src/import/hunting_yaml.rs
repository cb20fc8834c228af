//! A hunting query file: a saved search in the category that Sentinel's hunting page lists.

use super::item::HUNTING_CATEGORY;
use super::{Found, Item, ItemKind, Rank, SavedSearch, rule_yaml};
use crate::fields::{Fields, Invalid};

pub(super) fn read(path: &str, fields: &Fields<'_>) -> Vec<Found> {
    let id = rule_yaml::id(path, fields);
    let name = fields.text("name").ok().flatten().unwrap_or_default();
    match search(path, &id, fields) {
        Ok(search) => vec![Found::Item(Item::Search(Box::new(search)), Rank::Yaml)],
        Err(invalid) => {
            vec![Found::refused(ItemKind::HuntingQuery, &id, &name, invalid.to_string())]
        }
    }
}

fn search(path: &str, id: &str, fields: &Fields<'_>) -> Result<SavedSearch, Invalid> {
    let mut tags = Vec::new();
    let mut tag = |name: &str, value: String| {
        if !value.trim().is_empty() {
            tags.push((name.to_owned(), value.trim().to_owned()));
        }
    };
    tag("description", fields.text("description")?.unwrap_or_default());
    tag("tactics", words(fields, "tactics"));
    tag("techniques", words(fields, "relevantTechniques"));
    Ok(SavedSearch {
        id: id.to_owned(),
        display_name: fields.required_text("name")?,
        category: HUNTING_CATEGORY.to_owned(),
        query: fields.required_text("query")?,
        function_alias: None,
        function_parameters: None,
        tags,
        version: None,
        source: path.to_owned(),
    })
}

/// A list of words joined by commas; a hunt is no worse for a list that is none.
fn words(fields: &Fields<'_>, name: &str) -> String {
    fields.texts(name).unwrap_or_default().join(",")
}
