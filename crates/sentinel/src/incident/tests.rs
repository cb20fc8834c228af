#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};
use testkit::time;

use super::*;
use crate::alert::AlertSource;

fn id() -> ResourceId {
    ResourceId::new("/subscriptions/s/x/providers/Microsoft.SecurityInsights/incidents/i-1")
}

fn alert(number: u32, severity: Severity) -> Alert {
    Alert {
        system_alert_id: format!("a-{number}"),
        display_name: format!("Alert {number}"),
        description: "Text".into(),
        severity,
        tactics: vec!["Execution".into()],
        techniques: vec!["T1059".into()],
        sub_techniques: Vec::new(),
        start: time(&format!("2024-01-01T00:0{number}:00Z")),
        end: time(&format!("2024-01-01T00:0{number}:30Z")),
        entities: Vec::new(),
        custom_details: Vec::new(),
        results: 1,
        source: AlertSource::default(),
    }
}

fn incident() -> Incident {
    let rule = ResourceId::new("/x/alertRules/r");
    Incident::of_alert(
        id(),
        5,
        "https://u".into(),
        &alert(2, Severity::Low),
        &rule,
        time("2024-01-01T01:00:00Z"),
    )
}

#[test]
fn alerts_widen_an_incident() {
    let mut incident = incident();
    let rule = ResourceId::new("/x/alertRules/r");
    incident.add_alert(&alert(1, Severity::High), &rule, time("2024-01-01T02:00:00Z"));
    incident.add_alert(&alert(1, Severity::High), &rule, time("2024-01-01T02:00:00Z"));
    assert_eq!(incident.alert_ids, ["a-2", "a-1"]);
    assert_eq!(incident.title, "Alert 2");
    assert_eq!(incident.severity, Severity::High);
    assert_eq!(incident.rule_ids.len(), 1);
    assert_eq!(incident.first_activity, Some(time("2024-01-01T00:01:00Z")));
    assert_eq!(incident.last_activity, Some(time("2024-01-01T00:02:30Z")));
    assert_eq!(incident.first_modified, Some(time("2024-01-01T02:00:00Z")));
    assert_eq!(Incident::from_document(&incident.document()), Some(incident));
}

#[test]
fn the_resource_and_the_row_have_azures_names() {
    let incident = incident();
    let resource = incident.resource();
    let properties = &resource["properties"];
    assert_eq!(resource["name"], "i-1");
    assert!(resource.get("state").is_none());
    assert_eq!(properties["incidentNumber"], 5);
    assert_eq!(properties["additionalData"]["alertsCount"], 1);
    assert_eq!(properties["additionalData"]["alertProductNames"], json!(["Azure Sentinel"]));
    assert_eq!(properties["owner"]["objectId"], Value::Null);
    assert_eq!(properties["relatedAnalyticRuleIds"], json!(["/x/alertRules/r"]));
    let row = incident.record(&[json!({"message": "m"})]);
    for (column, want) in [
        ("IncidentName", json!("i-1")),
        ("IncidentNumber", json!(5)),
        ("AlertIds", json!(["a-2"])),
        ("RelatedAnalyticRuleIds", json!(["r"])),
        ("Comments", json!([{"message": "m"}])),
        ("Classification", json!("")),
        ("ClosedTime", Value::Null),
        ("ProviderIncidentId", json!("5")),
    ] {
        assert_eq!(row[column], want, "{column}");
    }
}

fn put_on(
    existing: Option<Incident>,
    properties: Value,
) -> Result<Incident, crate::fields::Invalid> {
    let body = json!({ "properties": properties });
    put(existing, &id(), (9, "u".into()), &body, "ann", time("2024-01-02T00:00:00Z"))
}

#[test]
fn closing_needs_its_reason() {
    let closed = |more: Value| {
        let mut properties = json!({"title": "t", "severity": "Low", "status": "Closed"});
        properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        put_on(Some(incident()), properties)
    };
    let cases = [
        (json!({}), Err("properties.classification")),
        (json!({"classification": "Done"}), Err("properties.classification")),
        (json!({"classification": "TruePositive"}), Err("properties.classificationReason")),
        (
            json!({"classification": "TruePositive", "classificationReason": "InaccurateData"}),
            Err("properties.classificationReason"),
        ),
        (
            json!({"classification": "truepositive", "classificationReason": "suspiciousactivity"}),
            Ok(Some("SuspiciousActivity")),
        ),
        (
            json!({"classification": "FalsePositive", "classificationReason": "InaccurateData"}),
            Ok(Some("InaccurateData")),
        ),
        (json!({"classification": "Undetermined"}), Ok(None)),
        (
            json!({"classification": "Undetermined", "classificationReason": "InaccurateData"}),
            Ok(None),
        ),
    ];
    for (more, want) in cases {
        let got = closed(more.clone());
        let told = match &got {
            Ok(incident) => Ok(incident.closing.as_ref().unwrap().reason.as_deref()),
            Err(invalid) => Err(invalid.field.as_str()),
        };
        assert_eq!(told, want, "{more}");
    }
    let closed =
        closed(json!({"classification": "Undetermined", "classificationComment": "c"})).unwrap();
    assert_eq!(closed.record(&[])["ClosedTime"], "2024-01-02T00:00:00.0000000Z");
    assert_eq!(Incident::from_document(&closed.document()), Some(closed.clone()));
    let open = json!({"title": "t", "severity": "Low", "status": "Active", "classification": "Undetermined"});
    assert_eq!(put_on(Some(closed.clone()), open).unwrap().closing, None);
    let mut reopened = closed;
    reopened.add_alert(
        &alert(3, Severity::Low),
        &ResourceId::new("/x/alertRules/r"),
        time("2024-01-03"),
    );
    assert_eq!((reopened.status, reopened.closing), (IncidentStatus::New, None));
}

#[test]
fn a_put_keeps_what_it_does_not_name() {
    let full = json!({"title": "t", "severity": "High", "status": "Active", "description": "d",
        "owner": {"assignedTo": "Ann", "objectId": "o"}, "labels": [{"labelName": "red"}, {"labelName": "red"}]});
    let first = put_on(None, full).unwrap();
    assert_eq!((first.number, first.modified_by.as_str()), (9, "ann"));
    assert_eq!(first.labels, [Label { name: "red".into(), label_type: "User".into() }]);
    let short = json!({"title": "t2", "severity": "Low", "status": "New"});
    let kept = put_on(Some(first.clone()), short).unwrap();
    assert_eq!((kept.owner.clone(), kept.labels.clone()), (first.owner, first.labels));
    assert_eq!((kept.title.as_str(), kept.description.as_str()), ("t2", "d"));
    let emptied = json!({"title": "t", "severity": "Low", "status": "New", "owner": null, "labels": [], "description": null});
    let emptied = put_on(Some(kept), emptied).unwrap();
    assert_eq!(
        (emptied.owner, emptied.labels.len(), emptied.description.as_str()),
        (Owner::default(), 0, "")
    );
}

#[test]
fn bad_puts_name_the_field() {
    let base = json!({"title": "t", "severity": "Low", "status": "New"});
    for (name, value, field) in [
        ("title", Value::Null, "properties.title"),
        ("title", json!("x".repeat(501)), "properties.title"),
        ("severity", json!("Huge"), "properties.severity"),
        ("status", json!("Open"), "properties.status"),
        ("owner", json!("ann"), "properties.owner"),
        ("labels", json!([{"labelType": "User"}]), "properties.labels[0].labelName"),
        ("labels", json!("red"), "properties.labels"),
        ("firstActivityTimeUtc", json!("soon"), "properties.firstActivityTimeUtc"),
    ] {
        let mut properties = base.clone();
        properties[name] = value;
        assert_eq!(put_on(None, properties).unwrap_err().field, field);
    }
    let refused =
        put(None, &id(), (1, String::new()), &json!({}), "ann", time("2024-01-01")).unwrap_err();
    assert_eq!(refused.field, "properties");
}

fn page(count: i64, query: &[(&str, &str)]) -> (Vec<i64>, Option<String>) {
    let parameter = |name: &str| query.iter().find(|(n, _)| *n == name).map(|(_, v)| *v);
    let listing = Listing::parse(parameter, "properties/incidentNumber desc").unwrap();
    let resources = (0..count).map(|i| json!({"name": format!("n{i}"), "properties": {"incidentNumber": i, "status": if i % 2 == 0 { "New" } else { "Closed" }}}));
    let (page, token) = list(resources, &listing);
    (page.iter().map(|r| r["properties"]["incidentNumber"].as_i64().unwrap()).collect(), token)
}

#[test]
fn lists_are_cut_into_pages() {
    let (first, token) = page(250, &[]);
    assert_eq!((first.len(), first[0]), (100, 249));
    let (second, token) = page(250, &[("$skipToken", &token.unwrap())]);
    assert_eq!(second[0], 149);
    let (third, token) = page(250, &[("$skipToken", &token.unwrap())]);
    assert_eq!((third.len(), third[49], token), (50, 0, None));
    assert_eq!(
        page(9, &[("$top", "3"), ("$filter", "properties/status eq 'New'")]),
        (vec![8, 6, 4], None)
    );
    assert_eq!(
        page(9, &[("$orderby", "properties/incidentNumber asc"), ("$top", "2")]),
        (vec![0, 1], None)
    );
    let (big, token) = page(1500, &[("$top", "1200")]);
    assert_eq!(big.len(), 1000);
    let (rest, token) = page(1500, &[("$top", "1200"), ("$skipToken", &token.unwrap())]);
    assert_eq!((rest.len(), token), (200, None));
    for (name, value) in [
        ("$top", "0"),
        ("$top", "x"),
        ("$filter", "("),
        ("$orderby", "a b c"),
        ("$skipToken", "!!"),
    ] {
        let parameter = |n: &str| (n == name).then_some(value);
        assert_eq!(Listing::parse(parameter, "").unwrap_err().0, name);
    }
}
