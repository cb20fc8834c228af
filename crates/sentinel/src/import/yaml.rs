//! One YAML file: tells rule, hunting query, parser, entity query and everything else apart.

use serde_json::Value;

use super::{Found, ItemKind, hunting_yaml, parser_yaml, rule_yaml};
use crate::fields::Fields;

/// Longest file that is parsed.
const BYTES_MAX: usize = 4 << 20;

pub(super) fn read(path: &str, text: &str) -> Vec<Found> {
    if text.len() > BYTES_MAX {
        return vec![Found::refused(ItemKind::File, "", "", "larger than 4 MB")];
    }
    let document = match serde_yaml::from_str::<Value>(text) {
        Ok(document) => document,
        Err(error) => {
            let kind = guess(text);
            if kind == ItemKind::EntityQuery {
                return vec![Found::skipped(kind, ENTITY_QUERY)];
            }
            return vec![Found::refused(kind, "", "", format!("not valid YAML: {error}"))];
        }
    };
    let Ok(fields) = Fields::of("", &document) else {
        return vec![Found::skipped(ItemKind::File, "no rule, hunting query or parser")];
    };
    let has = |name: &str| fields.get(name).is_some();
    if has("ParserQuery") || has("FunctionQuery") {
        return parser_yaml::read(path, &fields);
    }
    if has("InputEntityType") {
        return vec![Found::skipped(ItemKind::EntityQuery, ENTITY_QUERY)];
    }
    if has("query") {
        let scheduled = has("queryFrequency") || has("kind");
        return match scheduled && !in_hunting_folder(path) {
            true => rule_yaml::read(path, &fields),
            false => hunting_yaml::read(path, &fields),
        };
    }
    if has("id") && has("name") {
        let reason = "retired: the file keeps only its id, name and description";
        return vec![Found::skipped(ItemKind::AnalyticsRule, reason)];
    }
    vec![Found::skipped(ItemKind::File, "no rule, hunting query or parser")]
}

const ENTITY_QUERY: &str = "queries of entity pages are not part of this version";

fn in_hunting_folder(path: &str) -> bool {
    path.split(['/', '\\']).any(|folder| {
        folder.eq_ignore_ascii_case("Hunting Queries") || folder.eq_ignore_ascii_case("hunting")
    })
}

/// What a file that does not parse was meant to be.
fn guess(text: &str) -> ItemKind {
    let line = |start: &str| text.lines().any(|l| l.starts_with(start));
    if line("ParserQuery:") || line("FunctionQuery:") {
        ItemKind::Parser
    } else if line("InputEntityType:") {
        ItemKind::EntityQuery
    } else if line("queryFrequency:") || line("kind:") {
        ItemKind::AnalyticsRule
    } else if line("query:") {
        ItemKind::HuntingQuery
    } else {
        ItemKind::File
    }
}
