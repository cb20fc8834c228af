#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use serde_json::{Value, json};

fn base() -> Value {
    json!({
        "displayName": "Brute force", "enabled": true, "severity": "High", "query": "T | take 1",
        "queryFrequency": "PT5M", "queryPeriod": "PT1H", "triggerOperator": "GreaterThan", "triggerThreshold": 0,
        "suppressionDuration": "PT5H", "suppressionEnabled": false,
        "tactics": ["CommandandControl"], "techniques": ["T1078.004", "T1110"],
        "entityMappings": [{"entityType": "Account", "fieldMappings": [{"identifier": "FullName", "columnName": "User"}]}],
        "customDetails": {"Attempts": "Count"},
        "incidentConfiguration": {"createIncident": true, "groupingConfiguration": {"enabled": true,
            "reopenClosedIncident": false, "lookbackDuration": "PT5H", "matchingMethod": "Selected",
            "groupByEntities": ["Account"], "groupByAlertDetails": ["Severity"], "groupByCustomDetails": ["Attempts"]}},
    })
}

/// The base rule with the value at a JSON pointer replaced; null removes.
fn with(pointer: &str, value: Value) -> Value {
    let mut rule = base();
    let (parent, name) = pointer.rsplit_once('/').unwrap();
    let parent = rule.pointer_mut(parent).unwrap();
    match parent {
        Value::Object(map) => map.insert(name.to_owned(), value),
        _ => panic!("{pointer}"),
    };
    rule
}

#[test]
fn a_rule_reads_and_writes_the_same() {
    let rule = AnalyticsRule::read(Some("Scheduled"), &base()).unwrap();
    assert_eq!(rule.tactics, ["CommandAndControl"]);
    assert_eq!(rule.techniques, ["T1078", "T1110"]);
    assert_eq!(rule.sub_techniques, ["T1078.004"]);
    let again = AnalyticsRule::read(Some("scheduled"), &rule.properties().into()).unwrap();
    assert_eq!(again, rule);
}

#[test]
fn nrt_needs_no_schedule() {
    let mut properties = base();
    for name in ["queryFrequency", "queryPeriod", "triggerOperator", "triggerThreshold"] {
        properties.as_object_mut().unwrap().remove(name);
    }
    let rule = AnalyticsRule::read(Some("NRT"), &properties).unwrap();
    assert_eq!(rule.schedule, None);
    assert!(rule.fires(1) && !rule.fires(0));
    assert!(!rule.properties().contains_key("queryFrequency"));
    let refused = AnalyticsRule::read(Some("Scheduled"), &properties).unwrap_err();
    assert_eq!(refused.field, "properties.queryFrequency");
}

#[test]
fn refusals_name_the_field() {
    let mapping = |entity: &str, identifier: &str, column: Value| json!([{"entityType": entity, "fieldMappings": [{"identifier": identifier, "columnName": column}]}]);
    let many = |n: usize| -> Value {
        (0..n)
            .map(|i| (format!("k{i}"), Value::from("c")))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let cases = [
        ("/displayName", Value::Null, "properties.displayName"),
        ("/displayName", json!("x".repeat(257)), "properties.displayName"),
        ("/enabled", Value::Null, "properties.enabled"),
        ("/enabled", json!("maybe"), "properties.enabled"),
        ("/severity", json!("Huge"), "properties.severity"),
        ("/query", json!("  "), "properties.query"),
        ("/queryFrequency", json!("PT4M"), "properties.queryFrequency"),
        ("/queryFrequency", json!("P15D"), "properties.queryFrequency"),
        ("/queryFrequency", json!("soon"), "properties.queryFrequency"),
        ("/queryFrequency", json!(["PT5M"]), "properties.queryFrequency"),
        ("/queryFrequency", json!("PT2H"), "properties.queryPeriod"),
        ("/queryPeriod", json!("P2D"), "properties.queryFrequency"),
        ("/queryPeriod", json!("P15D"), "properties.queryPeriod"),
        ("/triggerOperator", json!("More"), "properties.triggerOperator"),
        ("/triggerThreshold", json!(-1), "properties.triggerThreshold"),
        ("/triggerThreshold", json!(10001), "properties.triggerThreshold"),
        ("/triggerThreshold", json!("many"), "properties.triggerThreshold"),
        ("/suppressionDuration", json!("PT1M"), "properties.suppressionDuration"),
        ("/suppressionDuration", json!("P2D"), "properties.suppressionDuration"),
        ("/tactics", json!(["Hacking"]), "properties.tactics"),
        ("/tactics", json!("Impact"), "properties.tactics"),
        ("/techniques", json!(["T1"]), "properties.techniques"),
        (
            "/entityMappings",
            mapping("Cat", "Name", json!("c")),
            "properties.entityMappings[0].entityType",
        ),
        (
            "/entityMappings",
            mapping("IP", "Name", json!("c")),
            "properties.entityMappings[0].fieldMappings[0].identifier",
        ),
        (
            "/entityMappings",
            mapping("IP", "Address", Value::Null),
            "properties.entityMappings[0].fieldMappings[0].columnName",
        ),
        (
            "/entityMappings",
            json!([{"entityType": "IP", "fieldMappings": []}]),
            "properties.entityMappings[0].fieldMappings",
        ),
        (
            "/entityMappings",
            json!([{"entityType": "Account", "fieldMappings": vec![json!({"identifier": "Name", "columnName": "c"}); 4]}]),
            "properties.entityMappings[0].fieldMappings",
        ),
        (
            "/entityMappings",
            json!(vec![
                json!({"entityType": "IP", "fieldMappings": [{"identifier": "Address", "columnName": "c"}]});
                11
            ]),
            "properties.entityMappings",
        ),
        ("/customDetails", many(21), "properties.customDetails"),
        ("/customDetails", json!({"a": 1}), "properties.customDetails.a"),
        (
            "/alertDetailsOverride",
            json!({"alertDisplayNameFormat": "{{a}}{{b}}{{c}}{{d}}"}),
            "properties.alertDetailsOverride.alertDisplayNameFormat",
        ),
        (
            "/alertDetailsOverride",
            json!({"alertDynamicProperties": [{"alertProperty": "Colour", "value": "c"}]}),
            "properties.alertDetailsOverride.alertDynamicProperties[0].alertProperty",
        ),
        (
            "/eventGroupingSettings",
            json!({"aggregationKind": "Some"}),
            "properties.eventGroupingSettings.aggregationKind",
        ),
        (
            "/incidentConfiguration/groupingConfiguration/lookbackDuration",
            json!("P8D"),
            "properties.incidentConfiguration.groupingConfiguration.lookbackDuration",
        ),
        (
            "/incidentConfiguration/groupingConfiguration/matchingMethod",
            json!("Some"),
            "properties.incidentConfiguration.groupingConfiguration.matchingMethod",
        ),
        (
            "/incidentConfiguration/groupingConfiguration/groupByAlertDetails",
            json!(["Colour"]),
            "properties.incidentConfiguration.groupingConfiguration.groupByAlertDetails",
        ),
        (
            "/incidentConfiguration/createIncident",
            Value::Null,
            "properties.incidentConfiguration.createIncident",
        ),
    ];
    for (pointer, value, field) in cases {
        let refused = AnalyticsRule::read(Some("Scheduled"), &with(pointer, value.clone()));
        let refused = refused.expect_err(&format!("{pointer} = {value}"));
        assert_eq!(refused.field, field, "{pointer} = {value}: {refused}");
    }
}

#[test]
fn kinds_that_do_not_run_yet_are_refused_by_name() {
    for kind in UNSUPPORTED_KINDS {
        let refused = AnalyticsRule::read(Some(kind), &base()).unwrap_err();
        assert!(refused.problem.contains(kind) && refused.problem.contains("not supported yet"));
    }
    assert_eq!(AnalyticsRule::read(None, &base()).unwrap_err().field, "kind");
    assert_eq!(AnalyticsRule::read(Some("Cat"), &base()).unwrap_err().field, "kind");
    let refused = AnalyticsRule::read(Some("NRT"), &json!([])).unwrap_err();
    assert_eq!(refused.field, "properties");
}

#[test]
fn triggers() {
    use TriggerOperator::*;
    for (operator, count, threshold, want) in [
        (GreaterThan, 1, 0, true),
        (GreaterThan, 0, 0, false),
        (LessThan, 0, 1, true),
        (LessThan, 1, 1, false),
        (Equal, 0, 0, true),
        (Equal, 3, 2, false),
        (NotEqual, 3, 2, true),
        (NotEqual, 2, 2, false),
    ] {
        assert_eq!(operator.fires(count, threshold), want, "{operator:?} {count} {threshold}");
    }
}
