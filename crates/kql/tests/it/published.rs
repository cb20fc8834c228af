//! Every published query parses without an error.

use crate::kit::queries;

/// Pages whose example is not KQL; each with the reason.
const PAGE_ERRORS: &[(&str, &str)] = &[
    ("19be42edfd2c1b5f", "in-cs-operator: a management command, .show function"),
    ("11bcc8ffd49a3c6f", "levene-test-fl: the page's HTML comment got into the example"),
    ("422e8050710700b4", "log-reduce-train-fl: a management command, .set-or-append"),
];

fn all_parse(file: &str, at_least: usize) {
    let queries = queries(file);
    if queries.is_empty() {
        return;
    }
    assert!(queries.len() >= at_least, "{} queries only", queries.len());
    let mut broken = Vec::new();
    for query in &queries {
        let parsed = kql::parse(&query.text);
        if parsed.has_errors() && !PAGE_ERRORS.iter().any(|(id, _)| *id == query.id) {
            let first = parsed.diagnostics.iter().map(ToString::to_string).next();
            broken.push(format!("{} {}", query.id, first.unwrap()));
        }
    }
    assert!(
        broken.is_empty(),
        "{} of {} do not parse:\n{}",
        broken.len(),
        queries.len(),
        broken.join("\n")
    );
}

#[test]
fn security_content_parses() {
    all_parse("corpus-dev.jsonl", 2_153);
}

#[test]
fn documented_examples_parse() {
    all_parse("docs-dev.jsonl", 679);
}
