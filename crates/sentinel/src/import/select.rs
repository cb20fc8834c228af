//! Of several items with one id, one wins, and the report says which file it came from.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use crate::ids;

use super::{Entry, Import, Item, ItemKind, Outcome, Rank, Report};

/// An item that could be imported.
pub(super) struct Candidate {
    pub item: Item,
    pub path: String,
    pub rank: Rank,
}

/// The best candidate first: sources before templates, a function whose file bears its name, the higher version, then
/// the earlier path.
fn order(a: &Candidate, b: &Candidate) -> Ordering {
    let version = |c: &Candidate| c.item.version().map(numbers).unwrap_or_default();
    a.rank
        .cmp(&b.rank)
        .then_with(|| bears_name(b).cmp(&bears_name(a)))
        .then_with(|| version(b).cmp(&version(a)))
        .then_with(|| a.path.cmp(&b.path))
}

fn bears_name(candidate: &Candidate) -> bool {
    let file = candidate.path.rsplit(['/', '\\']).next().unwrap_or("");
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    match &candidate.item {
        Item::Search(search) => search.function_alias.as_deref() == Some(stem),
        Item::Rule(_) => false,
    }
}

fn numbers(version: &str) -> Vec<u64> {
    version.split('.').map(|part| part.trim().parse().unwrap_or(0)).collect()
}

/// Under which name two items are the same thing. Functions are found by alias, with case as KQL does; resources by
/// name, without case.
fn identity(item: &Item) -> (bool, String) {
    match item {
        Item::Rule(rule) => (true, rule.id.to_lowercase()),
        Item::Search(search) => match &search.function_alias {
            Some(alias) => (false, format!("()/{alias}")),
            None => (false, search.id.to_lowercase()),
        },
    }
}

pub(super) fn winners(mut candidates: Vec<Candidate>, report: Report) -> Import {
    candidates.sort_by(order);
    let mut import = Import { report, ..Import::default() };
    let mut won: HashMap<(bool, String), Candidate> = HashMap::new();
    for candidate in candidates {
        let identity = identity(&candidate.item);
        match won.get(&identity) {
            // A package lists what it installs twice: once as a template, once to deploy.
            Some(winner)
                if winner.path == candidate.path && same(&winner.item, &candidate.item) => {}
            Some(winner) => import.report.entries.push(loser(&candidate, winner)),
            None => {
                let item = &candidate.item;
                import.report.entries.push(entry(&candidate, Outcome::Imported, item.kind(), ""));
                won.insert(identity, candidate);
            }
        }
    }
    for candidate in won.into_values() {
        match candidate.item {
            Item::Rule(rule) => import.rules.push(*rule),
            Item::Search(search) if search.function_alias.is_some() => {
                import.functions.push(*search)
            }
            Item::Search(search) => import.searches.push(*search),
        }
    }
    import.functions.sort_by(|a, b| (&a.id, &a.source).cmp(&(&b.id, &b.source)));
    import.searches.sort_by(|a, b| (&a.id, &a.source).cmp(&(&b.id, &b.source)));
    distinct_names(&mut import);
    import.rules.sort_by(|a, b| a.id.cmp(&b.id));
    import.report.entries.sort_by(|a, b| (&a.path, a.kind, &a.id).cmp(&(&b.path, b.kind, &b.id)));
    import
}

/// Resource names are one without case, function names are not: `imDns` and `ImDns` need two resources.
fn distinct_names(import: &mut Import) {
    let mut taken = HashSet::new();
    for search in import.functions.iter_mut().chain(&mut import.searches) {
        if !taken.insert(search.id.to_lowercase()) {
            let alias = search.function_alias.as_deref().unwrap_or_default();
            search.id = ids::guid(&["savedSearch", &search.id, alias, &search.source]);
            taken.insert(search.id.clone());
        }
    }
}

fn same(a: &Item, b: &Item) -> bool {
    match (a, b) {
        (Item::Rule(a), Item::Rule(b)) => a.rule.query == b.rule.query,
        (Item::Search(a), Item::Search(b)) => a.query == b.query,
        _ => false,
    }
}

fn loser(candidate: &Candidate, winner: &Candidate) -> Entry {
    let what = match candidate.item.kind() {
        ItemKind::Parser => "function",
        _ => "id",
    };
    let reason = if same(&candidate.item, &winner.item) {
        format!("the same {what} with the same query is imported from {}", winner.path)
    } else {
        format!("{what} used twice with different queries: the one of {} won", winner.path)
    };
    entry(candidate, Outcome::Skipped, candidate.item.kind(), &reason)
}

fn entry(candidate: &Candidate, outcome: Outcome, kind: ItemKind, reason: &str) -> Entry {
    Entry {
        path: candidate.path.clone(),
        kind,
        outcome,
        id: candidate.item.id().to_owned(),
        name: candidate.item.name().to_owned(),
        reason: reason.to_owned(),
    }
}
