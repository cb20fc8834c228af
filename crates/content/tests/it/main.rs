//! The shipped rules hold to the format that importers of the public content repository expect.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeSet, HashSet};

use serde_yaml::Value;

/// (identifier, entity type) pairs that rules may map; Azure's names.
const IDENTIFIERS: &[(&str, &[&str])] = &[
    ("Account", &["Name", "FullName", "NTDomain", "UPNSuffix", "Sid", "AadUserId", "DisplayName"]),
    ("Host", &["HostName", "FullName", "NetBiosName", "DnsDomain", "NTDomain", "AzureID"]),
    ("IP", &["Address"]),
    ("CloudApplication", &["AppId", "Name", "InstanceName"]),
    ("Process", &["CommandLine", "ProcessId"]),
    ("File", &["Name", "Directory"]),
];

const TACTICS: &[&str] = &[
    "Reconnaissance",
    "ResourceDevelopment",
    "InitialAccess",
    "Execution",
    "Persistence",
    "PrivilegeEscalation",
    "DefenseEvasion",
    "CredentialAccess",
    "Discovery",
    "LateralMovement",
    "Collection",
    "CommandAndControl",
    "Exfiltration",
    "Impact",
];

fn rules() -> Vec<(&'static str, Value)> {
    content::files("analytics-rules")
        .iter()
        .map(|(path, text)| {
            (*path, serde_yaml::from_str(text).unwrap_or_else(|e| panic!("{path}: {e}")))
        })
        .collect()
}

fn texts<'a>(rule: &'a Value, key: &str) -> Vec<&'a str> {
    rule.get(key)
        .and_then(Value::as_sequence)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

fn text<'a>(rule: &'a Value, key: &str) -> &'a str {
    rule.get(key).and_then(Value::as_str).unwrap_or("")
}

#[test]
fn every_rule_has_what_the_format_asks_for() {
    let all = rules();
    assert!(all.len() >= 12);
    for (path, rule) in &all {
        for key in ["id", "name", "description", "severity", "query", "version", "kind"] {
            assert!(!text(rule, key).trim().is_empty(), "{path}: {key}");
        }
        assert!(
            ["High", "Medium", "Low", "Informational"].contains(&text(rule, "severity")),
            "{path}"
        );
        let scheduled = text(rule, "kind") == "Scheduled";
        assert!(scheduled || text(rule, "kind") == "NRT", "{path}");
        for key in ["queryFrequency", "queryPeriod", "triggerOperator", "triggerThreshold"] {
            assert_eq!(rule.get(key).is_some(), scheduled, "{path}: {key}");
        }
        let tactics = texts(rule, "tactics");
        assert!(
            !tactics.is_empty() && tactics.iter().all(|t| TACTICS.contains(t)),
            "{path}: {tactics:?}"
        );
        let techniques = texts(rule, "relevantTechniques");
        assert!(!techniques.is_empty(), "{path}");
        assert!(
            techniques.iter().all(|t| t.len() >= 5 && t.starts_with('T')),
            "{path}: {techniques:?}"
        );
    }
}

#[test]
fn ids_and_names_are_unique() {
    let all = rules();
    let ids: HashSet<_> = all.iter().map(|(_, r)| text(r, "id").to_owned()).collect();
    let names: HashSet<_> = all.iter().map(|(_, r)| text(r, "name").to_owned()).collect();
    assert_eq!((ids.len(), names.len()), (all.len(), all.len()));
    for id in ids {
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
        assert!(
            id.chars().all(|c| c == '-' || c.is_ascii_digit() || ('a'..='f').contains(&c)),
            "{id}"
        );
    }
}

#[test]
fn mapped_entities_and_details_name_columns_of_the_query() {
    for (path, rule) in rules() {
        let query = text(&rule, "query");
        let mut columns = BTreeSet::new();
        for mapping in rule["entityMappings"].as_sequence().expect(path) {
            let kind = text(mapping, "entityType");
            let allowed = IDENTIFIERS
                .iter()
                .find(|(k, _)| *k == kind)
                .unwrap_or_else(|| panic!("{path}: {kind}"))
                .1;
            for field in mapping["fieldMappings"].as_sequence().expect(path) {
                assert!(allowed.contains(&text(field, "identifier")), "{path}: {field:?}");
                columns.insert(text(field, "columnName").to_owned());
            }
        }
        for (_, column) in rule["customDetails"].as_mapping().into_iter().flatten() {
            columns.insert(column.as_str().unwrap().to_owned());
        }
        let details = rule["alertDetailsOverride"].as_mapping().expect(path);
        for (key, value) in details {
            let value = value.as_str().unwrap();
            if key.as_str().unwrap().ends_with("ColumnName") {
                columns.insert(value.to_owned());
            } else {
                let named: Vec<_> =
                    value.split("{{").skip(1).map(|p| p.split("}}").next().unwrap()).collect();
                assert!((1..=3).contains(&named.len()), "{path}: {value}");
                columns.extend(named.into_iter().map(str::to_owned));
            }
        }
        for column in columns {
            let found = query
                .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .any(|word| word == column);
            assert!(found, "{path}: '{column}' does not occur in the query");
        }
    }
}

#[test]
fn connectors_name_built_in_tables_that_the_query_reads() {
    for (path, rule) in rules() {
        let query = text(&rule, "query");
        for connector in rule["requiredDataConnectors"].as_sequence().expect(path) {
            for table in texts(connector, "dataTypes") {
                assert!(
                    content::tables().get(table).is_some() && query.contains(table),
                    "{path}: {table}"
                );
            }
        }
    }
}
