#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::*;
use crate::duration;
use crate::rule::{EventGrouping, RuleKind, TriggerOperator};

const RULE: &str = "id: 11111111-0000-0000-0000-000000000001
name: Many failed sign-ins
description: |
  Text.
severity: Medium
requiredDataConnectors:
  - connectorId: AzureActiveDirectory
    dataTypes:
      - SigninLogs
queryFrequency: 1h
queryPeriod: 1d
triggerOperator: gt
triggerThreshold: 3
tactics:
  - CommandandControl
relevantTechniques:
  - T1078.004
  - T1110
query: |
  SigninLogs | take 1
entityMappings:
  - entityType: File hash
    fieldMappings:
      - identifier: Value
        columnName: Hash
customDetails:
  Attempts: Count
eventGroupingSettings:
  aggregationKind: AlertPerResult
version: 1.0.2
kind: Scheduled
";

fn one(path: &str, text: &str) -> Import {
    read([(path, text)])
}

fn only(import: &Import) -> &Entry {
    assert_eq!(import.report.entries.len(), 1, "{:?}", import.report.entries);
    &import.report.entries[0]
}

#[test]
fn a_rule_file_becomes_a_template() {
    let import = one("Detections/a.yaml", RULE);
    let template = &import.rules[0];
    let rule = &template.rule;
    assert_eq!(template.id, "11111111-0000-0000-0000-000000000001");
    assert_eq!(template.version.as_deref(), Some("1.0.2"));
    assert_eq!(template.required_data_connectors[0]["dataTypes"][0], "SigninLogs");
    assert_eq!(rule.kind, RuleKind::Scheduled);
    let schedule = rule.schedule.as_ref().unwrap();
    assert_eq!(Some(schedule.frequency), duration::parse("PT1H"));
    assert_eq!(Some(schedule.period), duration::parse("P1D"));
    assert_eq!((schedule.operator, schedule.threshold), (TriggerOperator::GreaterThan, 3));
    assert_eq!(rule.tactics, ["CommandAndControl"]);
    assert_eq!((rule.techniques.len(), rule.sub_techniques.len()), (2, 1));
    assert_eq!(rule.entity_mappings[0].entity_type.name, "FileHash");
    assert_eq!(rule.event_grouping, EventGrouping::AlertPerResult);
    assert_eq!(only(&import).outcome, Outcome::Imported);
    let enabled = template.enabled_rule();
    assert_eq!(enabled.template_name.as_deref(), Some(template.id.as_str()));
}

/// (path, text, kind, outcome, part of the reason)
const FILES: &[(&str, &str, ItemKind, Outcome, &str)] = &[
    (
        "a.yaml",
        "id: 1\nname: n\ndescription: retired",
        ItemKind::AnalyticsRule,
        Outcome::Skipped,
        "retired",
    ),
    (
        "a.yaml",
        "kind: Fusion\nname: f\nquery: T",
        ItemKind::AnalyticsRule,
        Outcome::Refused,
        "not supported yet",
    ),
    (
        "a.yaml",
        "kind: NRT\nname: f\nquery: T\nseverity: Low",
        ItemKind::AnalyticsRule,
        Outcome::Imported,
        "",
    ),
    (
        "a.yaml",
        "kind: Scheduled\nname: f\nquery: T\nseverity: Low",
        ItemKind::AnalyticsRule,
        Outcome::Refused,
        "queryFrequency",
    ),
    (
        "Hunting Queries/a.yaml",
        "kind: Scheduled\nname: f\nquery: T",
        ItemKind::HuntingQuery,
        Outcome::Imported,
        "",
    ),
    (
        "a.yml",
        "name: h\nquery: T\ntactics: [Impact]",
        ItemKind::HuntingQuery,
        Outcome::Imported,
        "",
    ),
    ("a.yml", "query: T", ItemKind::HuntingQuery, Outcome::Refused, "name"),
    ("a.yml", "name: h\nquery:\n  a: b", ItemKind::HuntingQuery, Outcome::Refused, "query"),
    (
        "a.yaml",
        "InputEntityType: Ip\nquery: T\nDisplayName: d",
        ItemKind::EntityQuery,
        Outcome::Skipped,
        "entity",
    ),
    ("a.yaml", "on: push\njobs: {}", ItemKind::File, Outcome::Skipped, "no rule"),
    ("a.yaml", "- 1\n- 2", ItemKind::File, Outcome::Skipped, "no rule"),
    ("a.yaml", "", ItemKind::File, Outcome::Skipped, "no rule"),
    (
        "a.yaml",
        "name: x\nkind: Scheduled\n\tquery: T\n",
        ItemKind::AnalyticsRule,
        Outcome::Refused,
        "not valid YAML",
    ),
    (
        "a.yaml",
        "kind: Scheduled\nname: \"x\nquery: T\n",
        ItemKind::AnalyticsRule,
        Outcome::Refused,
        "line",
    ),
    ("a.yaml", "ParserName: p\nParserQuery: T", ItemKind::Parser, Outcome::Imported, ""),
    (
        "a.yaml",
        "ParserName: a b\nParserQuery: T",
        ItemKind::Parser,
        Outcome::Refused,
        "function name",
    ),
    ("a.yaml", "ParserQuery: T", ItemKind::Parser, Outcome::Refused, "ParserName"),
    (
        "a.yaml",
        "ParserName: p\nParserQuery: T\nParserParams:\n- Name: x\n  Type: cat",
        ItemKind::Parser,
        Outcome::Refused,
        "cat",
    ),
    (
        "a.yaml",
        "ParserName: <name>\nParserQuery: T",
        ItemKind::Parser,
        Outcome::Skipped,
        "placeholder",
    ),
    (
        "a.json",
        "{\"resources\": [{\"type\": \"x/savedSearches\", \"properties\": {\"query\": \"[parameters('q')]\"}}]}",
        ItemKind::SavedSearch,
        Outcome::Skipped,
        "given at deployment",
    ),
    ("a.json", "{", ItemKind::File, Outcome::Refused, "not valid JSON"),
    ("a.json", "{\"a\": 1}", ItemKind::File, Outcome::Skipped, "no deployment template"),
    (
        "a.json",
        "{\"resources\": [{\"type\": \"Microsoft.Web/sites\"}]}",
        ItemKind::File,
        Outcome::Skipped,
        "1 Microsoft.Web/sites",
    ),
    (
        "a.json",
        "{\"resources\": [{\"type\": \"Microsoft.Logic/workflows\"}]}",
        ItemKind::Playbook,
        Outcome::Skipped,
        "playbooks",
    ),
    (
        "a.json",
        "{\"resources\": [{\"type\": \"x/watchlists\"}]}",
        ItemKind::Watchlist,
        Outcome::Skipped,
        "watchlists",
    ),
    (
        "a.json",
        "{\"resources\": [{\"type\": \"x/providers/alertRules\", \"kind\": \"Fusion\", \"properties\": {}}]}",
        ItemKind::AnalyticsRule,
        Outcome::Skipped,
        "Fusion",
    ),
    (
        "a.json",
        "{\"resources\": [{\"type\": \"x/alertRules\", \"name\": \"[reference('a')]\", \"kind\": \"NRT\"}]}",
        ItemKind::AnalyticsRule,
        Outcome::Refused,
        "reference()",
    ),
    ("a.txt", "T | take 1", ItemKind::File, Outcome::Skipped, "by hand"),
    ("picture.png", "x", ItemKind::File, Outcome::Skipped, "not a content format"),
    ("README", "x", ItemKind::File, Outcome::Skipped, "not a content format"),
];

#[test]
fn every_file_is_named_with_a_reason() {
    for (path, text, kind, outcome, reason) in FILES {
        let import = one(path, text);
        let entry = only(&import);
        assert_eq!((entry.kind, entry.outcome), (*kind, *outcome), "{path}: {text}: {entry:?}");
        assert!(entry.reason.contains(reason), "{path}: {text}: {entry:?}");
        assert_eq!(entry.path, *path);
        assert_eq!(entry.outcome == Outcome::Imported, entry.reason.is_empty(), "{entry:?}");
    }
}

#[test]
fn parsers_get_both_names_and_their_parameters() {
    let text = "Parser:\n  Title: DNS\nNormalization:\n  Schema: Dns\nParserName: imDns\nEquivalentBuiltInParser: _Im_Dns\n\
        ParserParams:\n- Name: starttime\n  Type: datetime\n  Default: datetime(null)\n- Name: ip\n  Type: string\n  Default: '*'\n\
        - Name: list\n  Type: dyanmic\n  Default: dynamic([])\n- Name: off\n  Type: bool\n  Default: False\n\
        - Name: q\n  Type: string\n  Default: \"'*'\"\n- Name: T\n  Type: table\nParserQuery: |\n  T | take 1\n";
    let import = one("Parsers/imDns.yaml", text);
    let names: Vec<_> =
        import.functions.iter().filter_map(|f| f.function_alias.as_deref()).collect();
    assert_eq!(names, ["_Im_Dns", "imDns"]);
    let want = "starttime:datetime=datetime(null), ip:string='*', list:dynamic=dynamic([]), off:bool=false, \
                q:string='*', T:(*)";
    for function in &import.functions {
        assert_eq!(function.function_parameters.as_deref(), Some(want));
        assert_eq!(function.category, "ASIM");
    }
}

#[test]
fn packages_are_read_through_their_nested_templates() {
    let package = r#"{"variables": {"ruleId": "r-1", "_name": "[concat(parameters('workspace'),'/',variables('fn'))]", "fn": "My Parser"},
      "parameters": {"workspace": {"type": "string"}},
      "resources": [
        {"type": "Microsoft.Resources/templateSpecs/versions", "properties": {"mainTemplate": {"parameters": {}, "variables": {}, "resources": [
          {"type": "Microsoft.SecurityInsights/AlertRuleTemplates", "name": "[variables('RuleId')]", "kind": "Scheduled",
           "properties": {"displayName": "R", "enabled": false, "severity": "Low", "query": "T", "queryFrequency": "PT1H",
             "queryPeriod": "PT1H", "triggerOperator": "GreaterThan", "triggerThreshold": 0, "version": "2.0.0"}}]}}},
        {"type": "Microsoft.OperationalInsights/workspaces/savedSearches", "name": "[variables('_name')]",
         "properties": {"displayName": "P", "category": "Samples", "functionAlias": "MyParser", "query": "T"}},
        {"type": "Microsoft.OperationalInsights/workspaces", "name": "w", "resources": [
          {"type": "savedSearches", "name": "hunt", "properties": {"DisplayName": "H", "Category": "Hunting Queries", "Query": "T",
            "tags": [{"name": "tactics", "value": "Impact"}]}}]}
      ]}"#;
    let import = one("Package/mainTemplate.json", package);
    assert_eq!(import.rules[0].id, "r-1");
    assert_eq!(import.rules[0].version.as_deref(), Some("2.0.0"));
    assert_eq!(import.functions[0].id, "My Parser");
    assert_eq!(import.functions[0].function_alias.as_deref(), Some("MyParser"));
    assert!(import.searches[0].is_hunting());
    assert_eq!(import.searches[0].tags, [("tactics".to_owned(), "Impact".to_owned())]);
    assert_eq!(import.report.entries.len(), 3);
}

#[test]
fn of_two_with_one_id_the_report_names_the_winner() {
    let newer = RULE.replace("1.0.2", "1.0.10").replace("take 1", "take 2");
    let forwards = [("b/new.yaml", newer.as_str()), ("a/old.yaml", RULE), ("c/same.yaml", RULE)];
    let mut backwards = forwards;
    backwards.reverse();
    for files in [forwards, backwards] {
        let import = read(files);
        assert_eq!(import.rules.len(), 1);
        assert_eq!(import.rules[0].source, "b/new.yaml");
        let told: Vec<_> = import
            .report
            .entries
            .iter()
            .map(|e| (e.path.as_str(), e.outcome, e.reason.contains("b/new.yaml")))
            .collect();
        let want = [
            ("a/old.yaml", Outcome::Skipped, true),
            ("b/new.yaml", Outcome::Imported, false),
            ("c/same.yaml", Outcome::Skipped, true),
        ];
        assert_eq!(told, want);
    }
}

#[test]
fn of_two_functions_the_one_whose_file_bears_its_name_wins_then_the_newer() {
    let parser = |version: &str, query: &str| {
        format!("Parser:\n  Version: '{version}'\nParserName: im\nParserQuery: {query}")
    };
    let (old, new, named) = (parser("0.1", "A"), parser("0.10", "B"), parser("0.0", "C"));
    let query = |files: &[(&str, &String)]| read(files.iter().copied()).functions[0].query.clone();
    assert_eq!(query(&[("a.yaml", &old), ("b.yaml", &new)]), "B");
    assert_eq!(query(&[("a.yaml", &old), ("b.yaml", &new), ("x/im.yaml", &named)]), "C");
}

#[test]
fn functions_that_differ_in_case_are_two() {
    let import = read([
        ("a.yaml", "ParserName: imDns\nParserQuery: T"),
        ("b.yaml", "ParserName: ImDns\nParserQuery: U"),
    ]);
    assert_eq!(import.functions.len(), 2);
    assert_ne!(import.functions[0].id.to_lowercase(), import.functions[1].id.to_lowercase());
}

#[test]
fn the_report_counts() {
    let import = read([("a.yaml", RULE), ("b.yaml", "query: T"), ("c.md", "")]);
    let json = import.report.to_json();
    assert_eq!(json["summary"]["AnalyticsRule"]["imported"], 1);
    assert_eq!(json["summary"]["HuntingQuery"]["refused"], 1);
    assert_eq!(json["summary"]["File"]["skipped"], 1);
    assert_eq!(json["files"][0]["path"], "a.yaml");
}

#[test]
fn aliases_that_multiply_are_refused() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let names = vec![format!("*a{}", i - 1); 10].join(", ");
        text.push_str(&format!("a{i}: &a{i} [{names}]\n"));
    }
    text.push_str("query: T\nname: n\n");
    let import = one("x.yaml", &text);
    assert_eq!(only(&import).outcome, Outcome::Refused);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Any bytes give at least one entry and no panic.
    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200), ext in "yaml|json|txt") {
        let path = format!("x.{ext}");
        let import = read([(path.as_str(), bytes)]);
        prop_assert!(!import.report.entries.is_empty());
    }

    /// A rule with a piece cut out or doubled is imported, skipped or refused with a reason.
    #[test]
    fn torn_rules_are_answered(start in 0usize..700, length in 0usize..80, double in any::<bool>()) {
        let (start, end) = (start.min(RULE.len()), (start + length).min(RULE.len()));
        let mut text = RULE.to_owned();
        if double { text.insert_str(start, &RULE[start..end]); } else { text.replace_range(start..end, ""); }
        let import = one("x.yaml", &text);
        prop_assert_eq!(import.report.entries.len(), 1);
        let entry = &import.report.entries[0];
        prop_assert!(entry.outcome == Outcome::Imported || !entry.reason.is_empty());
    }

    /// Values of any type in the place of a field never panic.
    #[test]
    fn fields_of_any_type(at in 0usize..24, value in "[0-9]{1,30}|true|null|\\[\\]|\\{\\}|\\[1, \\{a: b\\}\\]|'x'|1e999|\\.nan|!!binary x|&a \\[\\*a\\]") {
        let lines: Vec<String> = RULE.lines().enumerate().map(|(i, line)| match line.split_once(':') {
            Some((key, _)) if i == at => format!("{key}: {value}"),
            _ => line.to_owned(),
        }).collect();
        prop_assert!(!one("x.yaml", &lines.join("\n")).report.entries.is_empty());
    }

    /// Expressions of any shape never panic.
    #[test]
    fn expressions_of_any_shape(text in "\\[[a-z()',.0-9\\[\\] ]{0,60}\\]") {
        let package = serde_json::json!({"resources": [{"type": "x/savedSearches", "name": text, "properties": {"query": text}}]});
        prop_assert!(!one("x.json", &package.to_string()).report.entries.is_empty());
    }
}
