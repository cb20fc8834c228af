//! The trees hold what the official parser found in the same queries: operators, text operators, calls.

use std::collections::{BTreeMap, BTreeSet};

use crate::kit;

/// A feature of the official tree, and the head of our dump that stands for it.
const HEADS: &[(&str, &str)] = &[
    ("expr:Add", "+"),
    ("expr:And", "and"),
    ("expr:BangTilde", "!~"),
    ("expr:Between", "between"),
    ("expr:Contains", "contains"),
    ("expr:ContainsCs", "contains_cs"),
    ("expr:DataTable", "datatable"),
    ("expr:Divide", "/"),
    ("expr:Dynamic", "dynamic"),
    ("expr:EndsWith", "endswith"),
    ("expr:Equal", "=="),
    ("expr:EqualTilde", "=~"),
    ("expr:ExternalData", "externaldata"),
    ("expr:GreaterThan", ">"),
    ("expr:GreaterThanOrEqual", ">="),
    ("expr:Has", "has"),
    ("expr:HasAll", "has_all"),
    ("expr:HasAny", "has_any"),
    ("expr:HasCs", "has_cs"),
    ("expr:HasPrefix", "hasprefix"),
    ("expr:HasSuffix", "hassuffix"),
    ("expr:In", "in"),
    ("expr:InCs", "in~"),
    ("expr:JsonArray", "array"),
    ("expr:JsonObject", "bag"),
    ("expr:LessThan", "<"),
    ("expr:LessThanOrEqual", "<="),
    ("expr:MatchesRegex", "matches"),
    ("expr:Materialize", "materialize"),
    ("expr:Modulo", "%"),
    ("expr:NotBetween", "!between"),
    ("expr:NotContains", "!contains"),
    ("expr:NotEndsWith", "!endswith"),
    ("expr:NotEqual", "!="),
    ("expr:NotHas", "!has"),
    ("expr:NotIn", "!in"),
    ("expr:NotInCs", "!in~"),
    ("expr:NotStartsWith", "!startswith"),
    ("expr:Or", "or"),
    ("expr:Search", ":"),
    ("expr:StartsWith", "startswith"),
    ("expr:ToScalar", "toscalar"),
    ("let:view", "view"),
    ("op:As", "as"),
    ("op:Count", "count"),
    ("op:Distinct", "distinct"),
    ("op:Evaluate", "evaluate"),
    ("op:Extend", "extend"),
    ("op:Filter", "where"),
    ("op:Find", "find"),
    ("op:GetSchema", "getschema"),
    ("op:Invoke", "invoke"),
    ("op:Join", "join"),
    ("op:Lookup", "lookup"),
    ("op:MakeSeries", "make-series"),
    ("op:MvApply", "mv-apply"),
    ("op:MvExpand", "mv-expand"),
    ("op:Parse", "parse"),
    ("op:ParseWhere", "parse-where"),
    ("op:Partition", "partition"),
    ("op:Print", "print"),
    ("op:Project", "project"),
    ("op:ProjectAway", "project-away"),
    ("op:ProjectKeep", "project-keep"),
    ("op:ProjectRename", "project-rename"),
    ("op:ProjectReorder", "project-reorder"),
    ("op:Range", "range"),
    ("op:Render", "render"),
    ("op:Search", "search"),
    ("op:Serialize", "serialize"),
    ("op:Sort", "sort"),
    ("op:Summarize", "summarize"),
    ("op:Take", "take"),
    ("op:Top", "top"),
    ("op:TopNested", "top-nested"),
    ("op:Union", "union"),
];

/// Queries that were given to the official parser behind parameters or a table of their own.
const WITH_PRELUDE: &[&str] = &[
    "04a9e03ffb0a861e",
    "4f0e6ab08a1ca377",
    "53fc46328de352e8",
    "671aee67d3e32743",
    "8b54ff5bd7e8405c",
    "a237ccbf4f819381",
    "ca0c84ea99b7d083",
    "ce4aa0bfc777888f",
];

/// Where our dump shows more on purpose: clauses of `find` and `search`, and `datetime(8:00)` as a sum.
fn is_ours_alone(feature: &str, heads: &BTreeSet<String>) -> bool {
    let has = |head: &str| heads.contains(head);
    match feature {
        "expr:In" => has("find") || has("search"),
        "op:Filter" | "op:Project" => has("find"),
        "expr:Add" => has("startofday()"),
        _ => false,
    }
}

/// The heads of a dump, and the names called: `(call f` counts as `f()`.
fn heads(dump: &str) -> BTreeSet<String> {
    let mut heads = BTreeSet::new();
    let mut rest = dump;
    while let Some(at) = rest.find(['(', '"']) {
        let (_, found) = rest.split_at(at);
        if let Some(inside) = found.strip_prefix('"') {
            rest = behind_text(inside);
            continue;
        }
        let inside = &found[1..];
        let mut words = inside.split([' ', ')', '(']);
        match (words.next(), words.next()) {
            (Some("call"), Some(name)) => heads.insert(format!("{name}()")),
            (Some("mvexpand"), _) => heads.insert("mv-expand".to_owned()),
            (Some(head), _) => heads.insert(head.to_owned()),
            _ => false,
        };
        rest = inside;
    }
    heads
}

/// What follows the closing quote.
fn behind_text(inside: &str) -> &str {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return &inside[at + 1..],
            _ => {}
        }
    }
    ""
}

#[test]
fn trees_hold_what_the_official_parser_found() {
    let queries = kit::queries("corpus-dev.jsonl");
    let features: BTreeMap<String, BTreeSet<String>> = kit::features("oracle-dev.jsonl");
    let mut different = Vec::new();
    let mut compared = 0;
    for query in &queries {
        let Some(official) = features.get(&query.id) else { continue };
        if WITH_PRELUDE.contains(&query.id.as_str()) {
            continue;
        }
        let ours = heads(&kql::parse(&query.text).query.dump());
        for (feature, head) in HEADS {
            compared += 1;
            let (theirs, ours_too) = (official.contains(*feature), ours.contains(*head));
            if theirs != ours_too && !(ours_too && is_ours_alone(feature, &ours)) {
                different.push(format!("{} {feature}: ours {ours_too}", query.id));
            }
        }
        for feature in official {
            let Some((_, name)) = feature.split_once(':') else { continue };
            let is_call = ["fn:", "agg:", "plugin:"].iter().any(|kind| feature.starts_with(kind));
            if is_call && !ours.contains(&format!("{name}()")) {
                different.push(format!("{} {feature} not called", query.id));
            }
        }
    }
    assert!(queries.is_empty() || compared > 100_000, "{compared} comparisons only");
    assert!(different.is_empty(), "{} differences:\n{}", different.len(), different.join("\n"));
}
