//! The report of an import: what became of every file, and why.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// What a file or a part of it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ItemKind {
    /// A rule.
    AnalyticsRule,
    /// A hunting query.
    HuntingQuery,
    /// A function.
    Parser,
    /// Another saved search.
    SavedSearch,
    /// A watchlist.
    Watchlist,
    /// A workflow.
    Playbook,
    /// A workbook.
    Workbook,
    /// A query of an entity page.
    EntityQuery,
    /// A file that is none of these.
    File,
}

impl ItemKind {
    /// Name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AnalyticsRule => "AnalyticsRule",
            Self::HuntingQuery => "HuntingQuery",
            Self::Parser => "Parser",
            Self::SavedSearch => "SavedSearch",
            Self::Watchlist => "Watchlist",
            Self::Playbook => "Playbook",
            Self::Workbook => "Workbook",
            Self::EntityQuery => "EntityQuery",
            Self::File => "File",
        }
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Stored.
    Imported,
    /// Left alone on purpose.
    Skipped,
    /// Should have been stored but is broken.
    Refused,
}

impl Outcome {
    /// Name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Imported => "imported",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
        }
    }
}

/// One file, or one item in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The file.
    pub path: String,
    /// What it is.
    pub kind: ItemKind,
    /// What became of it.
    pub outcome: Outcome,
    /// Id of the item; empty for a whole file.
    pub id: String,
    /// Name of the item; empty for a whole file.
    pub name: String,
    /// Why it was skipped or refused; for an imported item a remark, mostly empty.
    pub reason: String,
}

/// All entries, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// At least one for every file.
    pub entries: Vec<Entry>,
}

impl Report {
    /// How many entries of a kind ended so.
    pub fn count(&self, kind: ItemKind, outcome: Outcome) -> usize {
        self.entries.iter().filter(|e| e.kind == kind && e.outcome == outcome).count()
    }

    /// Adds a remark to the entry of an imported item.
    pub fn remark(&mut self, kind: ItemKind, id: &str, remark: &str) {
        let same = |e: &&mut Entry| e.kind == kind && e.outcome == Outcome::Imported && e.id == id;
        for entry in self.entries.iter_mut().filter(same) {
            if !entry.reason.is_empty() {
                entry.reason.push_str("; ");
            }
            entry.reason.push_str(remark);
        }
    }

    /// Marks the entry of an item that could not be stored after all.
    pub fn refuse(&mut self, kind: ItemKind, id: &str, reason: &str) {
        let same = |e: &&mut Entry| e.kind == kind && e.outcome == Outcome::Imported && e.id == id;
        for entry in self.entries.iter_mut().filter(same) {
            entry.outcome = Outcome::Refused;
            entry.reason = reason.to_owned();
        }
    }

    /// The report as JSON: a summary by kind, and the entries.
    pub fn to_json(&self) -> Value {
        let mut summary: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
        for entry in &self.entries {
            *summary
                .entry(entry.kind.name())
                .or_default()
                .entry(entry.outcome.name())
                .or_default() += 1;
        }
        let entries: Vec<Value> = self.entries.iter().map(entry_json).collect();
        json!({ "summary": summary, "files": entries })
    }
}

fn entry_json(entry: &Entry) -> Value {
    json!({
        "path": entry.path,
        "kind": entry.kind.name(),
        "status": entry.outcome.name(),
        "id": entry.id,
        "name": entry.name,
        "reason": entry.reason,
    })
}
