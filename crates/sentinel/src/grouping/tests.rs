#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use model::Severity;
use serde_json::json;
use testkit::time;

use super::*;
use crate::alert::AlertSource;
use crate::entity::Entity;
use crate::rule::AnalyticsRule;

fn grouping(value: Value) -> GroupingConfiguration {
    let mut configuration = json!({"enabled": true, "reopenClosedIncident": false, "lookbackDuration": "PT5H",
        "matchingMethod": "AllEntities"});
    configuration.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    let properties = json!({"displayName": "r", "enabled": true, "severity": "Low", "query": "T",
        "incidentConfiguration": {"createIncident": true, "groupingConfiguration": configuration}});
    AnalyticsRule::read(Some("NRT"), &properties).unwrap().incident.grouping
}

/// An alert written as `account=ann host=web severity=High name=n detail=1`.
fn alert(text: &str) -> Alert {
    let (mut entities, mut severity, mut name, mut details) =
        (Vec::new(), Severity::Low, "alert", Vec::new());
    for (kind, value) in text.split_whitespace().filter_map(|part| part.split_once('=')) {
        match kind {
            "severity" => severity = Severity::from_name(value).unwrap(),
            "name" => name = value,
            "detail" => details.push(value.to_owned()),
            "account" => entities
                .extend(Entity::parse_list(&format!(r#"[{{"Type":"account","Name":"{value}"}}]"#))),
            "host" => entities.extend(Entity::parse_list(&format!(
                r#"[{{"Type":"host","HostName":"{value}"}}]"#
            ))),
            other => panic!("{other}"),
        }
    }
    Alert {
        system_alert_id: String::new(),
        display_name: name.to_owned(),
        description: String::new(),
        severity,
        tactics: Vec::new(),
        techniques: Vec::new(),
        sub_techniques: Vec::new(),
        start: time("2024-01-01"),
        end: time("2024-01-01"),
        entities,
        custom_details: vec![("D".to_owned(), details)],
        results: 1,
        source: AlertSource::default(),
    }
}

#[test]
fn which_alerts_belong_together() {
    let all = json!({"matchingMethod": "AllEntities"});
    let any = json!({"matchingMethod": "AnyAlert"});
    let selected = |more: Value| {
        let mut value = json!({"matchingMethod": "Selected"});
        value.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        value
    };
    let account = selected(json!({"groupByEntities": ["Account"]}));
    let severity = selected(json!({"groupByAlertDetails": ["Severity"]}));
    let name = selected(json!({"groupByAlertDetails": ["DisplayName"]}));
    let detail = selected(json!({"groupByCustomDetails": ["D"]}));
    let both = selected(json!({"groupByEntities": ["Account"], "groupByCustomDetails": ["D"]}));
    let nothing = selected(json!({}));
    let cases = [
        (&all, "account=ann host=web", "host=WEB account=Ann", true),
        (&all, "account=ann host=web", "account=ann", false),
        (&all, "account=ann", "host=ann", false),
        (&all, "severity=High", "severity=Low", true),
        (&any, "account=ann", "host=web severity=High", true),
        (&account, "account=ann host=web", "account=ann host=other", true),
        (&account, "account=ann host=web", "account=bob host=web", false),
        (&account, "account=ann account=bob", "account=bob account=ann", true),
        (&account, "host=web", "host=other", true),
        (&severity, "account=ann severity=High", "account=bob severity=High", true),
        (&severity, "severity=High", "severity=Low", false),
        (&name, "name=a", "name=a severity=High", true),
        (&name, "name=a", "name=b", false),
        (&detail, "detail=1 detail=2", "detail=2 detail=1 account=x", true),
        (&detail, "detail=1", "detail=1 detail=2", false),
        (&both, "account=ann detail=1", "account=ann detail=1 host=h", true),
        (&both, "account=ann detail=1", "account=ann detail=2", false),
        (&nothing, "account=ann", "host=web", true),
    ];
    for (configuration, a, b, want) in cases {
        let grouping = grouping((*configuration).clone());
        let same = key(&grouping, &alert(a)) == key(&grouping, &alert(b));
        assert_eq!(same, want, "{configuration}: {a} | {b}");
    }
    assert_eq!(key(&grouping(json!({"enabled": false})), &alert("account=ann")), None);
}

#[test]
fn where_an_alert_goes() {
    let keep = grouping(json!({}));
    let reopen = grouping(json!({"reopenClosedIncident": true}));
    let group = Group { incident: "i".into(), since: time("2024-01-01T00:00:00Z") };
    let incident = |closed, alerts| Some(Existing { closed, alerts });
    let cases = [
        (&keep, None, None, "05:00:00", Placement::New),
        (&keep, Some(&group), incident(false, 1), "05:00:00", Placement::Join),
        (&keep, Some(&group), incident(false, 1), "05:00:01", Placement::New),
        (&keep, Some(&group), incident(false, 149), "01:00:00", Placement::Join),
        (&keep, Some(&group), incident(false, 150), "01:00:00", Placement::New),
        (&keep, Some(&group), None, "01:00:00", Placement::New),
        (&keep, Some(&group), incident(true, 1), "01:00:00", Placement::New),
        (&reopen, Some(&group), incident(true, 1), "01:00:00", Placement::Reopen),
        (&reopen, Some(&group), incident(true, 1), "06:00:00", Placement::New),
        (&reopen, Some(&group), incident(false, 1), "01:00:00", Placement::Join),
    ];
    for (grouping, group, existing, clock, want) in cases {
        let now = time(&format!("2024-01-01T{clock}Z"));
        assert_eq!(place(grouping, group, existing, now), want, "{group:?} {existing:?} {clock}");
    }
    assert_eq!(Group::from_json(&group.to_json()), Some(group));
}
