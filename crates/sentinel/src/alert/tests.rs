#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use model::{Rows, Severity};
use serde_json::{Value, json};
use testkit::{row, rows, time};

use super::*;
use crate::rule::AnalyticsRule;

fn rule(kind: &str, more: Value) -> AnalyticsRule {
    let mut properties = json!({
        "displayName": "Rule", "description": "Text", "enabled": true, "severity": "Medium", "query": "T",
        "queryFrequency": "PT5M", "queryPeriod": "PT1H", "triggerOperator": "GreaterThan", "triggerThreshold": 0,
        "tactics": ["Execution"], "techniques": ["T1059.001"],
        "entityMappings": [{"entityType": "Account", "fieldMappings": [{"identifier": "Name", "columnName": "User"}]}],
        "customDetails": {"Count": "N", "Gone": "Nowhere"},
    });
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    AnalyticsRule::read(Some(kind), &properties).unwrap()
}

fn workspace() -> Workspace {
    Workspace {
        id: ResourceId::new(
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.OperationalInsights/workspaces/w",
        ),
        customer_id: "0000-w".into(),
    }
}

fn run(rule: &AnalyticsRule, rows: &Rows) -> Generated {
    let workspace = workspace();
    let id = workspace.resource("alertRules", "rule-1");
    generate(rule, &context(&workspace, &id), rows)
}

fn context<'a>(workspace: &'a Workspace, rule_id: &'a ResourceId) -> RunContext<'a> {
    let window = Window { start: time("2024-01-01T00:00:00Z"), end: time("2024-01-01T01:00:00Z") };
    RunContext { rule_id, workspace, window, now: time("2024-01-01T01:00:05Z") }
}

fn sample() -> Rows {
    rows(
        "TimeGenerated:datetime, User:string, N:long, Level:string, What:string",
        [
            row!["2024-01-01T00:10:00Z", "ann", 3, "High", "Impact, Discovery"],
            row!["2024-01-01T00:05:00Z", "bob", 3, "Low", ""],
            row!["2024-01-01T00:40:00Z", "ANN", 4, "", ""],
        ],
    )
}

#[test]
fn all_results_make_one_alert() {
    let generated = run(&rule("Scheduled", json!({})), &sample());
    let [alert] = generated.alerts.as_slice() else { panic!("{generated:?}") };
    assert_eq!(
        (alert.start, alert.end),
        (time("2024-01-01T00:05:00Z"), time("2024-01-01T00:40:00Z"))
    );
    let names: Vec<_> = alert.entities.iter().map(crate::entity::Entity::friendly_name).collect();
    assert_eq!(names, ["ann", "bob"], "the same entity counts once, whatever its case");
    assert_eq!(alert.custom_details, [("Count".to_owned(), vec!["3".to_owned(), "4".to_owned()])]);
    assert_eq!((generated.results, generated.entities, alert.results), (3, 2, 3));
    assert!(generated.issues[0].contains("Nowhere"), "{:?}", generated.issues);
    assert_eq!(
        run(&rule("Scheduled", json!({})), &sample()),
        generated,
        "the same run makes the same alert"
    );
}

#[test]
fn the_threshold_decides() {
    for (operator, threshold, want) in [
        ("GreaterThan", 2, 1),
        ("GreaterThan", 3, 0),
        ("LessThan", 4, 1),
        ("Equal", 3, 1),
        ("NotEqual", 3, 0),
    ] {
        let rule =
            rule("Scheduled", json!({"triggerOperator": operator, "triggerThreshold": threshold}));
        assert_eq!(run(&rule, &sample()).alerts.len(), want, "{operator} {threshold}");
    }
    let silence = rule(
        "Scheduled",
        json!({"triggerOperator": "Equal", "eventGroupingSettings": {"aggregationKind": "AlertPerResult"}}),
    );
    let generated = run(&silence, &rows("User:string", []));
    let [alert] = generated.alerts.as_slice() else { panic!("no results can be the finding") };
    assert_eq!(
        (alert.start, alert.end),
        (time("2024-01-01T00:00:00Z"), time("2024-01-01T01:00:00Z"))
    );
    assert!(run(&rule("NRT", json!({})), &rows("User:string", [])).alerts.is_empty());
}

#[test]
fn each_result_makes_its_own_alert() {
    let per_result = json!({"eventGroupingSettings": {"aggregationKind": "AlertPerResult"}});
    let generated = run(&rule("Scheduled", per_result.clone()), &sample());
    let told: Vec<_> = generated
        .alerts
        .iter()
        .map(|a| (a.entities[0].friendly_name(), a.start == a.end, a.results))
        .collect();
    assert_eq!(told, [("ann", true, 1), ("bob", true, 1), ("ANN", true, 1)]);
    let twice = rows("User:string", [row!["ann"], row!["ann"]]);
    let alerts = run(&rule("Scheduled", per_result), &twice).alerts;
    assert_ne!(alerts[0].system_alert_id, alerts[1].system_alert_id);
}

#[test]
fn the_last_alert_stands_for_all_beyond_the_limit() {
    let per_result = json!({"eventGroupingSettings": {"aggregationKind": "AlertPerResult"}});
    for (kind, most) in [("Scheduled", 150), ("NRT", 30)] {
        for count in [most, most + 1, 1000] {
            let result = rows("User:string", (0..count).map(|i| row![format!("u{i}")]));
            let generated = run(&rule(kind, per_result.clone()), &result);
            assert_eq!(generated.alerts.len(), most, "{kind} {count}");
            let last = generated.alerts.last().unwrap();
            assert_eq!(last.results, if count > most { count } else { 1 });
            assert_eq!(last.entities.len(), last.results.min(500));
            let ids: std::collections::HashSet<_> =
                generated.alerts.iter().map(|a| &a.system_alert_id).collect();
            assert_eq!(ids.len(), most);
            assert_eq!(generated.entities_dropped, count.saturating_sub(500), "{kind} {count}");
        }
    }
}

#[test]
fn results_override_details() {
    let details = |format: Value| json!({"alertDetailsOverride": format});
    type Told = fn(&Alert) -> String;
    let cases: &[(Value, Told, &str)] = &[
        (
            json!({"alertDisplayNameFormat": "By {{User}} x{{N}}"}),
            |a| a.display_name.clone(),
            "By ann x3",
        ),
        (json!({"alertDisplayNameFormat": "By {{Nobody}}"}), |a| a.display_name.clone(), "Rule"),
        (
            json!({"alertDescriptionFormat": "{{TimeGenerated}}"}),
            |a| a.description.clone(),
            "2024-01-01T00:10:00.0000000Z",
        ),
        (json!({"alertSeverityColumnName": "Level"}), |a| a.severity.name().into(), "High"),
        (json!({"alertSeverityColumnName": "User"}), |a| a.severity.name().into(), "Medium"),
        (json!({"alertTacticsColumnName": "What"}), |a| a.tactics.join(), "Impact,Discovery"),
        (json!({"alertTacticsColumnName": "User"}), |a| a.tactics.join(), "Execution"),
        (
            json!({"alertDynamicProperties": [{"alertProperty": "ProductName", "value": "User"}]}),
            |a| a.product_name().into(),
            "ann",
        ),
        (
            json!({"alertDynamicProperties": [{"alertProperty": "ConfidenceScore", "value": "{{N}}"}]}),
            |a| format!("{:?}", a.source.confidence_score),
            "None",
        ),
    ];
    for (format, told, want) in cases {
        let generated = run(&rule("Scheduled", details(format.clone())), &sample());
        assert_eq!(told(&generated.alerts[0]), *want, "{format}");
    }
}

trait Join {
    fn join(&self) -> String;
}

impl Join for Vec<String> {
    fn join(&self) -> String {
        <[String]>::join(self, ",")
    }
}

#[test]
fn the_row_has_azures_columns() {
    let (workspace, rule) = (workspace(), rule("Scheduled", json!({})));
    let id = workspace.resource("alertRules", "rule-1");
    let context = context(&workspace, &id);
    let alert = &generate(&rule, &context, &sample()).alerts[0];
    let record = alert.record(&rule, &context);
    for (column, want) in [
        ("DisplayName", json!("Rule")),
        ("AlertSeverity", json!("Medium")),
        ("ProviderName", json!("ASI Scheduled Alerts")),
        ("ProductName", json!("Azure Sentinel")),
        ("ProductComponentName", json!("Scheduled Alerts")),
        ("AlertType", json!("0000-w_rule-1")),
        (
            "Entities",
            json!(
                r#"[{"$id":"2","Name":"ann","Type":"account"},{"$id":"3","Name":"bob","Type":"account"}]"#
            ),
        ),
        ("Tactics", json!("Execution")),
        ("Techniques", json!(r#"["T1059"]"#)),
        ("SubTechniques", json!(r#"["T1059.001"]"#)),
        ("WorkspaceSubscriptionId", json!("s")),
        ("WorkspaceResourceGroup", json!("g")),
        ("Status", json!("New")),
        ("ConfidenceScore", json!(null)),
    ] {
        assert_eq!(record[column], want, "{column}");
    }
    let extended: Value =
        serde_json::from_str(record["ExtendedProperties"].as_str().unwrap()).unwrap();
    assert_eq!(extended["Query Period"], "01:00:00");
    assert_eq!(extended["Query End Time UTC"], "2024-01-01 01:00:00Z");
    assert_eq!(extended["Search Query Results Overall Count"], "3");
    assert_eq!(extended["Custom Details"], r#"{"Count":["3","4"]}"#);
    assert_eq!(extended["Analytic Rule Ids"], r#"["rule-1"]"#);

    let shown = resource(&record.into(), &workspace);
    assert_eq!(shown["kind"], "SecurityAlert");
    assert_eq!(shown["properties"]["systemAlertId"], alert.system_alert_id);
    assert_eq!(shown["properties"]["intent"], "Execution");
    assert_eq!(shown["properties"]["tactics"], json!(["Execution"]));
    assert_eq!(shown["properties"]["startTimeUtc"], "2024-01-01T00:05:00.0000000Z");
    assert_eq!(shown["properties"]["additionalData"]["Event Grouping"], "SingleAlert");
}

#[test]
fn wide_details_are_cut() {
    let long = "x".repeat(3000);
    let result = rows("User:string, N:string", (0..9).map(|i| row!["ann", format!("{i}{long}")]));
    let generated = run(&rule("Scheduled", json!({})), &result);
    let values = &generated.alerts[0].custom_details[0].1;
    assert_eq!(values.len(), 1);
    let name = json!({"alertDetailsOverride": {"alertDisplayNameFormat": "{{N}}"}});
    assert_eq!(run(&rule("Scheduled", name), &result).alerts[0].display_name.len(), 256);
    assert_eq!(generated.alerts[0].severity, Severity::Medium);
}
