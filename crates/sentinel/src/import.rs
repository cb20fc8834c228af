//! Detection content as the public repository keeps it: files in, rules, hunting queries and functions out, and a
//! report that names every file. No IO and no state: who calls brings the bytes and stores the result.

mod apply;
pub(crate) mod content_action;
mod expression;
mod hunting_yaml;
mod item;
mod parser_yaml;
mod report;
mod rule_yaml;
mod select;
mod template;
#[cfg(test)]
mod tests;
mod text;
mod wire;
mod yaml;

pub use apply::{Applied, Target};
pub use item::{Item, RuleTemplate, SavedSearch};
pub use report::{Entry, ItemKind, Outcome, Report};

pub(crate) use rule_yaml::connectors;
use select::Candidate;

/// What a tree of content holds. Functions come first: rules call them.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// Functions (parsers), by alias.
    pub functions: Vec<SavedSearch>,
    /// Hunting queries and other saved searches.
    pub searches: Vec<SavedSearch>,
    /// Rules, each a template named by its id.
    pub rules: Vec<RuleTemplate>,
    /// What became of every file.
    pub report: Report,
}

/// Reads content files given as (path, bytes), in any order; the result does not depend on it.
pub fn read<P: AsRef<str>, B: AsRef<[u8]>>(files: impl IntoIterator<Item = (P, B)>) -> Import {
    let mut candidates = Vec::new();
    let mut report = Report::default();
    for (path, bytes) in files {
        read_file(path.as_ref(), bytes.as_ref(), &mut candidates, &mut report);
    }
    select::winners(candidates, report)
}

fn read_file(path: &str, bytes: &[u8], candidates: &mut Vec<Candidate>, report: &mut Report) {
    let extension = path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, e)| e);
    let found = match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("yaml" | "yml") => yaml::read(path, &text::decode(bytes)),
        Some("json") => template::read(path, &text::decode(bytes)),
        Some("txt" | "kql" | "csl" | "kusto") => {
            let reason = "plain KQL text names no id or alias; save it as a function by hand";
            vec![Found::skipped(ItemKind::File, reason)]
        }
        _ => vec![Found::skipped(ItemKind::File, "not a content format")],
    };
    for item in found {
        match item {
            Found::Item(item, rank) => {
                candidates.push(Candidate { item, path: path.to_owned(), rank });
            }
            Found::Other(entry) => report.entries.push(Entry { path: path.to_owned(), ..entry }),
        }
    }
}

/// Where an item comes from; of two with one id the first kind wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// Its own YAML file: the source.
    Yaml,
    /// A deployment template, built from sources.
    Template,
}

/// One thing found in a file.
enum Found {
    /// An item that can be stored.
    Item(Item, Rank),
    /// A part of the file, or all of it, that cannot.
    Other(Entry),
}

impl Found {
    fn skipped(kind: ItemKind, reason: impl Into<String>) -> Self {
        Self::other(kind, Outcome::Skipped, "", "", reason)
    }

    fn refused(kind: ItemKind, id: &str, name: &str, reason: impl Into<String>) -> Self {
        Self::other(kind, Outcome::Refused, id, name, reason)
    }

    fn other(
        kind: ItemKind,
        outcome: Outcome,
        id: &str,
        name: &str,
        reason: impl Into<String>,
    ) -> Self {
        Self::Other(Entry {
            path: String::new(),
            kind,
            outcome,
            id: id.to_owned(),
            name: name.to_owned(),
            reason: reason.into(),
        })
    }
}
