//! Rules that run: windows, alerts, incidents, health.

use model::{QueryError, TablesError};
use serde_json::json;
use state::Condition;

use crate::house::*;

#[tokio::test]
async fn a_result_becomes_an_alert_an_incident_and_rows() {
    let house = House::new();
    house.rule("r", "Scheduled", json!({"tactics": ["Execution"]}));
    house.tables.answer("r | take 1", users(&["ann", "bob"]));
    let tick = house.tick("10:00:00").await;
    assert_eq!((tick.runs, tick.alerts, tick.incidents, tick.failures), (1, 1, 1, 0));
    assert_eq!(tick.next_due, Some(at("10:05:00")));
    assert_eq!(house.column("SecurityAlert", "DisplayName"), ["r"]);
    let [incident] = &house.incidents()[..] else { panic!("one incident") };
    let properties = &incident["properties"];
    assert_eq!(properties["incidentNumber"], 1);
    assert_eq!(properties["status"], "New");
    assert_eq!(properties["relatedAnalyticRuleIds"], json!([rule_id("r")]));
    assert!(properties["incidentUrl"].as_str().unwrap().starts_with("https://localhost:8443/"));
    assert_eq!(
        house.column("SecurityIncident", "IncidentName"),
        [incident["name"].as_str().unwrap()]
    );
    assert_eq!(
        incident["state"]["alertIds"],
        json!(house.column("SecurityAlert", "SystemAlertId"))
    );
    assert_eq!(house.column("SentinelHealth", "Status"), ["Success"]);
    assert_eq!(house.column("SentinelHealth", "OperationName"), ["Scheduled analytics rule run"]);
    let cost = house.runner.costs().await;
    assert_eq!((cost[0].cost.runs, cost[0].cost.alerts), (1, 1));
    // the query sees its window, and now() is the window's end
    let request = &house.tables.queries()[0];
    let range = request.time_range.unwrap();
    assert_eq!((range.start, request.now), (Some(at("09:55:00")), at("10:00:00")));
    assert_eq!(range.end, Some(at("09:59:59.9999999")));
    assert!(request.limits.truncate && request.ingestion_range.is_none());
}

#[tokio::test]
async fn nothing_runs_twice_and_nothing_is_left_out() {
    let house = House::new();
    house.rule("r", "Scheduled", json!({}));
    house.tables.answer("", users(&["ann"]));
    for (clock, runs) in [
        ("10:00:00", 1),
        ("10:00:00", 0),
        ("10:04:59", 0),
        ("10:05:00", 1),
        ("10:05:01", 0),
        ("10:21:00", 3),
    ] {
        assert_eq!(house.tick(clock).await.runs, runs, "{clock}");
    }
    // after a restart the missed windows are caught up, in order
    let again = House::over(house.store.clone(), house.tables.clone());
    assert_eq!(again.tick("10:35:00").await.runs, 3);
    let ends: Vec<String> =
        again.tables.queries().iter().map(|q| q.now.to_string()[11..16].to_owned()).collect();
    assert_eq!(ends, ["10:00", "10:05", "10:10", "10:15", "10:20", "10:25", "10:30", "10:35"]);
    assert_eq!(again.column("SecurityAlert", "SystemAlertId").len(), 8);
}

#[tokio::test]
async fn nrt_rules_look_at_what_arrived() {
    let house = House::new();
    house.rule("n", "NRT", json!({}));
    house.tables.answer("", users(&["ann"]));
    assert_eq!(house.tick("10:00:00").await.runs, 0, "arrivals settle");
    assert_eq!(house.tick("10:00:05").await.runs, 1);
    assert_eq!(house.tick("10:03:06").await.runs, 1, "what was missed is one window");
    let ranges: Vec<_> =
        house.tables.queries().iter().map(|q| q.ingestion_range.unwrap()).collect();
    assert_eq!((ranges[0].start, ranges[0].end), (Some(at("09:59:00")), Some(at("10:00:00"))));
    assert_eq!((ranges[1].start, ranges[1].end), (Some(at("10:00:00")), Some(at("10:03:00"))));
    assert_eq!(house.column("SentinelHealth", "OperationName")[0], "NRT analytics rule run");
    assert_eq!(house.column("SecurityAlert", "ProviderName")[0], "ASI NRT Alerts");
}

#[tokio::test]
async fn a_failing_rule_is_told_and_stops_no_other() {
    let house = House::new();
    house.rule("bad", "Scheduled", json!({}));
    house.rule("good", "Scheduled", json!({}));
    house.tables.answer("good", users(&["ann"]));
    let error = QueryError::Semantic {
        code: "SEM0100".into(),
        message: "'Nope' does not exist".into(),
        line: 1,
        pos: 4,
        token: "Nope".into(),
    };
    house.tables.answer_with("bad", Err(error));
    let tick = house.tick("10:00:00").await;
    assert_eq!((tick.runs, tick.failures, tick.alerts), (2, 1, 1));
    let health = house
        .column("SentinelHealth", "Status")
        .into_iter()
        .zip(house.column("SentinelHealth", "Reason"));
    let health: Vec<_> = health.filter(|(status, _)| status == "Failure").collect();
    assert_eq!(health, [("Failure".to_owned(), "SEM0100".to_owned())]);
    let status = &house.checkpoint("bad")["lastRun"];
    assert_eq!(status["status"], "Failure");
    assert!(status["description"].as_str().unwrap().contains("line 1"), "{status}");
    assert_eq!(house.tick("10:05:00").await.runs, 2, "it goes on");
}

#[tokio::test]
async fn what_may_pass_is_tried_again_on_the_same_window() {
    let house = House::new();
    house.rule("r", "Scheduled", json!({}));
    house.tables.answer_with("", Err(QueryError::Storage("disk".into())));
    assert_eq!(house.tick("10:00:00").await.failures, 1);
    assert_eq!(house.tick("10:00:30").await.runs, 0, "it waits first");
    house.tables.answer("", users(&["ann"]));
    let tick = house.tick("10:01:00").await;
    assert_eq!((tick.runs, tick.alerts), (1, 1));
    let ends: Vec<_> = house.tables.queries().iter().map(|q| q.now).collect();
    assert_eq!(ends, [at("10:00:00"), at("10:00:00")]);
    house.tables.answer_with("", Err(QueryError::Storage("disk".into())));
    let mut failures = 0;
    for minute in 5..59 {
        failures += house.tick(&format!("10:{minute:02}:00")).await.failures;
    }
    assert!(failures > 6, "a window that fails for long is given up for the next");
}

#[tokio::test]
async fn alerts_are_grouped_into_incidents() {
    let house = House::new();
    let per_result = json!({"aggregationKind": "AlertPerResult"});
    house.rule("r", "Scheduled", json!({"eventGroupingSettings": per_result, "incidentConfiguration": grouped("AllEntities", false)}));
    house.tables.answer("", users(&["ann", "bob"]));
    let tick = house.tick("10:00:00").await;
    assert_eq!((tick.alerts, tick.incidents), (2, 2));
    house.tables.answer("", users(&["ann", "eve"]));
    let tick = house.tick("10:05:00").await;
    assert_eq!((tick.alerts, tick.incidents), (2, 1));
    let counts: Vec<_> = house
        .incidents()
        .iter()
        .map(|i| i["properties"]["additionalData"]["alertsCount"].clone())
        .collect();
    assert_eq!(counts, [json!(2), json!(1), json!(1)]);
    let rows = house.column("SecurityIncident", "IncidentNumber");
    assert_eq!(rows, ["1", "2", "1", "3"], "every change of an incident is a row");
    let house = House::over(house.store.clone(), house.tables.clone());
    house.tables.answer("", users(&[]));
    while house.tick("15:00:00").await.more {}
    house.tables.answer("", users(&["ann"]));
    let tick = house.tick("15:05:00").await;
    assert_eq!((tick.alerts, tick.incidents), (1, 1), "the time frame is over");
}

#[tokio::test]
async fn groups_are_forgotten_when_their_time_is_over() {
    let house = House::new();
    house.rule("r", "Scheduled", json!({"incidentConfiguration": grouped("AnyAlert", false), "queryFrequency": "P1D", "queryPeriod": "P1D"}));
    house.tables.answer("", users(&["ann"]));
    let groups = || house.store.list_all("sentinel.groups", "").unwrap().len();
    house.runner.tick(testkit::time("2024-01-01")).await.unwrap();
    assert_eq!(groups(), 1);
    house.tables.answer("", users(&[]));
    house.runner.tick(testkit::time("2024-01-08")).await.unwrap();
    assert_eq!(groups(), 1);
    house.runner.tick(testkit::time("2024-01-10")).await.unwrap();
    assert_eq!(groups(), 0);
}

#[tokio::test]
async fn a_closed_incident_is_opened_again_or_left() {
    for (reopen, incidents, status) in [(true, 1, "New"), (false, 2, "Closed")] {
        let house = House::new();
        house.rule("r", "Scheduled", json!({"incidentConfiguration": grouped("AnyAlert", reopen)}));
        house.tables.answer("", users(&["ann"]));
        house.tick("10:00:00").await;
        let mut closed = house.incidents().remove(0);
        closed["properties"]["status"] = json!("Closed");
        closed["properties"]["classification"] = json!("Undetermined");
        closed["state"]["closed"] = json!("2024-01-01T10:01:00Z");
        let key = closed["id"].as_str().unwrap().to_lowercase();
        house
            .store
            .put("microsoft.securityinsights/incidents", &key, closed, Condition::Any)
            .unwrap();
        house.tick("10:05:00").await;
        let all = house.incidents();
        assert_eq!(
            (all.len(), all[0]["properties"]["status"].as_str().unwrap()),
            (incidents, status)
        );
        assert_eq!(all[0]["properties"]["classification"].is_null(), reopen);
    }
}

#[tokio::test]
async fn no_incident_where_none_is_wanted() {
    let house = House::new();
    house.rule("r", "Scheduled", json!({"incidentConfiguration": {"createIncident": false}}));
    house.tables.answer("", users(&["ann"]));
    let tick = house.tick("10:00:00").await;
    assert_eq!((tick.alerts, tick.incidents, house.incidents().len()), (1, 0, 0));
    assert!(house.tables.appended("SecurityIncident").is_empty());
}

#[tokio::test]
async fn a_full_incident_is_followed_by_another() {
    let house = House::new();
    let per_result = json!({"aggregationKind": "AlertPerResult"});
    house.rule("r", "Scheduled", json!({"eventGroupingSettings": per_result, "incidentConfiguration": grouped("AnyAlert", false)}));
    let names: Vec<String> = (0..100).map(|i| format!("u{i}")).collect();
    house.tables.answer("", users(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    house.tick("10:00:00").await;
    house.tick("10:05:00").await;
    let counts: Vec<_> = house
        .incidents()
        .iter()
        .map(|i| i["properties"]["additionalData"]["alertsCount"].clone())
        .collect();
    assert_eq!(counts, [json!(150), json!(50)]);
}

#[tokio::test]
async fn suppression_pauses_the_rule() {
    let house = House::new();
    house.rule(
        "r",
        "Scheduled",
        json!({"suppressionEnabled": true, "suppressionDuration": "PT15M"}),
    );
    house.tables.answer("", users(&["ann"]));
    let mut runs = Vec::new();
    for minute in (0..40).step_by(5) {
        runs.push(house.tick(&format!("10:{minute:02}:00")).await.runs);
    }
    assert_eq!(runs, [1, 0, 0, 1, 0, 0, 1, 0]);
    assert_eq!(house.tables.queries().len(), 3);
}

#[tokio::test]
async fn rules_come_change_rest_and_go() {
    let house = House::new();
    house.tables.answer("", users(&[]));
    assert_eq!(house.tick("10:00:00").await.next_due, None);
    house.rule("r", "Scheduled", json!({}));
    assert_eq!(house.tick("10:00:30").await.runs, 1, "a new rule runs at once");
    house.rule("r", "Scheduled", json!({"queryFrequency": "PT1H", "queryPeriod": "PT1H"}));
    assert_eq!(
        house.tick("10:06:00").await.runs,
        0,
        "a changed frequency counts from the last run"
    );
    assert_eq!(house.tick("11:00:30").await.runs, 1);
    house.rule("r", "Scheduled", json!({"enabled": false}));
    assert_eq!(house.tick("11:30:00").await.runs, 0);
    house.rule("r", "Scheduled", json!({}));
    assert_eq!(
        house.tick("14:00:00").await.runs,
        1,
        "what passed while it was off is not caught up"
    );
    house
        .store
        .delete(
            "microsoft.securityinsights/alertrules",
            &rule_id("r").to_lowercase(),
            Condition::Any,
        )
        .unwrap();
    assert_eq!(house.tick("15:00:00").await.runs, 0);
    assert!(house.store.list_all("sentinel.checkpoints", "").unwrap().is_empty());
}

#[tokio::test]
async fn too_long_an_absence_is_told() {
    let house = House::new();
    house.rule("r", "Scheduled", json!({}));
    house.tables.answer("", users(&[]));
    house.runner.tick(testkit::time("2024-01-01T00:00:00Z")).await.unwrap();
    let house = House::over(house.store, house.tables);
    let now = testkit::time("2024-01-11T00:00:00Z");
    while house.runner.tick(now).await.unwrap().more {}
    let missed: Vec<_> = house
        .column("SentinelHealth", "Reason")
        .into_iter()
        .filter(|r| r == "WindowsMissed")
        .collect();
    assert_eq!(missed.len(), 1);
    assert_eq!(house.checkpoint("r")["cost"]["windowsMissed"], 2880 - 300);
    assert_eq!(house.tables.queries().len(), 1 + 300);
}

#[tokio::test]
async fn a_clock_that_jumps_makes_no_alert_twice() {
    let house = House::new();
    house.rule("r", "Scheduled", json!({}));
    house.tables.answer("", users(&["ann"]));
    for clock in
        ["10:00:00", "10:05:00", "11:05:00", "10:06:00", "10:10:00", "10:15:00", "11:10:00"]
    {
        house.tick(clock).await;
    }
    let ids = house.column("SecurityAlert", "SystemAlertId");
    let distinct: std::collections::HashSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), distinct.len());
    assert_eq!(ids.len(), 15, "one for each window from 10:00 to 11:10");
}

#[tokio::test]
async fn many_rules_share_a_tick() {
    let house = House::new();
    for i in 0..400 {
        house.rule(&format!("r{i}"), "Scheduled", json!({}));
    }
    house.tables.answer("", users(&[]));
    house.tables.answer("r399 |", users(&["ann"]));
    let tick = house.tick("10:00:00").await;
    assert_eq!((tick.runs, tick.alerts, tick.more), (400, 1, false));
    assert_eq!(house.column("SentinelHealth", "Status").len(), 400);
}

#[tokio::test]
async fn rows_wait_until_their_tables_take_them() {
    let house = House::new();
    house.rule("r", "Scheduled", json!({}));
    house.tables.answer("", users(&["ann"]));
    house.tables.refuse_next_append(TablesError::Unwritable("disk full".into()));
    house.tick("10:00:00").await;
    assert_eq!(house.incidents().len(), 1);
    assert!(house.tables.appended("SentinelHealth").is_empty());
    house.tick("10:00:01").await;
    assert_eq!(house.column("SecurityAlert", "DisplayName"), ["r"]);
    assert_eq!(house.column("SentinelHealth", "Status"), ["Success"]);
}
