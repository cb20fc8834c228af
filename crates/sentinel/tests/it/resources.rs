//! Microsoft.SecurityInsights over Resource Manager.

use std::sync::Arc;

use arm::{
    Arm, ArmError, BootstrapNames, Call, Caller, CallerKind, Installation, Settings, Verb,
    bootstrap,
};
use model::{QueryError, ResourceId, TableInfo, TableKind, Tables};
use sentinel::journal::Journal;
use sentinel::resource_types::{Services, register};
use sentinel::runner::{RuleRunner, RunnerOptions};
use serde_json::{Value, json};
use state::{MemoryStore, Store};
use testkit::{CannedTables, ManualClock, time};

use crate::house::users;

struct Office {
    arm: Arc<Arm>,
    tables: Arc<CannedTables>,
    runner: RuleRunner,
    installation: Installation,
    clock: Arc<ManualClock>,
}

impl Office {
    async fn new() -> Self {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let tables = Arc::new(CannedTables::new());
        let clock = Arc::new(ManualClock::at("2024-01-01T10:00:00Z"));
        let settings =
            Settings { public_url: "https://localhost:8443".into(), location: "local".into() };
        let journal = Arc::new(Journal::new(store.clone(), tables.clone()));
        let portal_url = settings.public_url.clone();
        let services = Services {
            store: store.clone(),
            tables: tables.clone(),
            journal: journal.clone(),
            clock: clock.clone(),
            portal_url: portal_url.clone(),
        };
        let arm = register(arm::builder(store.clone(), settings, tables.clone()), &services)
            .build()
            .unwrap();
        let installation =
            bootstrap(&arm, &BootstrapNames::default(), time("2024-01-01")).await.unwrap();
        let customer_id = arm::customer_id(&arm, &installation.workspace).unwrap().unwrap();
        for table in sentinel::records::Table::ALL {
            let info = TableInfo {
                name: table.name().into(),
                kind: TableKind::Microsoft,
                schema: Arc::new(model::Schema::new(table.columns().iter().copied())),
                retention_days: 30,
                total_retention_days: 30,
            };
            tables.put_table(&customer_id, info, false).await.unwrap();
        }
        let options = RunnerOptions { portal_url, ..RunnerOptions::default() };
        let runner = RuleRunner::new(store, tables.clone(), journal, options);
        Self { arm, tables, runner, installation, clock }
    }

    fn id(&self, path: &str) -> ResourceId {
        self.installation.workspace.join(&format!("providers/Microsoft.SecurityInsights/{path}"))
    }

    async fn send(&self, verb: Verb, path: &str, body: Value) -> Result<(u16, Value), ArmError> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let pairs = query.split('&').filter_map(|p| p.split_once('='));
        let call = Call {
            query: pairs.map(|(n, v)| (n.to_owned(), v.replace("%20", " "))).collect(),
            caller: Caller { name: "ann@contoso.com".into(), kind: CallerKind::User },
            ..Call::system(self.id(path), body, model::Clock::now(&*self.clock))
        };
        self.clock.advance_seconds(1);
        let answer = self.arm.answer(verb, &call).await?;
        Ok((answer.status, answer.value()))
    }

    async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        self.send(Verb::Put, path, body).await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        self.send(Verb::Get, path, Value::Null).await.unwrap().1
    }

    async fn delete(&self, path: &str) -> u16 {
        self.send(Verb::Delete, path, Value::Null).await.unwrap().0
    }

    async fn refused(&self, verb: Verb, path: &str, body: Value) -> (u16, String, Option<String>) {
        let error = self.send(verb, path, body).await.unwrap_err();
        (error.status, error.code.to_string(), error.target)
    }

    fn column(&self, table: &str, column: &str) -> Vec<String> {
        let rows = self.tables.appended(table);
        rows.iter()
            .flat_map(|r| (0..r.len()).map(|i| r.get(i, column).unwrap().to_string()))
            .collect()
    }
}

fn rule(more: Value) -> Value {
    let mut properties = json!({
        "displayName": "Brute force", "enabled": true, "severity": "High", "query": "T", "queryFrequency": "PT5M",
        "queryPeriod": "PT1H", "triggerOperator": "GreaterThan", "triggerThreshold": 0, "suppressionDuration": "PT5H",
        "suppressionEnabled": false, "tactics": ["CredentialAccess"],
        "entityMappings": [{"entityType": "Account", "fieldMappings": [{"identifier": "FullName", "columnName": "User"}]}],
    });
    properties.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"kind": "Scheduled", "properties": properties})
}

#[tokio::test]
async fn onboarding() {
    let office = Office::new().await;
    let (status, value) = office.put("onboardingStates/default", json!({"properties": {}})).await;
    assert_eq!((status, &value["properties"]["customerManagedKey"]), (201, &json!(false)));
    assert_eq!(office.get("onboardingStates").await["value"].as_array().unwrap().len(), 1);
    let refused =
        office.refused(Verb::Put, "onboardingStates/other", json!({"properties": {}})).await;
    assert_eq!((refused.0, refused.1.as_str()), (400, "BadRequest"));
    assert_eq!(office.delete("onboardingStates/default").await, 200);
}

#[tokio::test]
async fn rules_live() {
    let office = Office::new().await;
    office.tables.answer("", users(&[]));
    let (status, value) = office.put("alertRules/r1", rule(json!({}))).await;
    assert_eq!(status, 201);
    assert_eq!(value["type"], "Microsoft.SecurityInsights/alertRules");
    assert_eq!(value["properties"]["lastModifiedUtc"], "2024-01-01T10:00:00.0000000Z");
    assert_eq!(value["properties"]["incidentConfiguration"]["createIncident"], true);
    let (status, changed) = office.put("alertRules/R1", rule(json!({"severity": "Low"}))).await;
    assert_eq!((status, &changed["properties"]["severity"]), (200, &json!("Low")));
    let mut stale = rule(json!({}));
    stale["etag"] = value["etag"].clone();
    assert_eq!(office.refused(Verb::Put, "alertRules/r1", stale).await.0, 409);
    let mut other_kind = rule(json!({}));
    other_kind["kind"] = json!("NRT");
    assert_eq!(
        office.refused(Verb::Put, "alertRules/r1", other_kind).await.2.as_deref(),
        Some("kind")
    );
    assert_eq!(office.get("alertRules").await["value"].as_array().unwrap().len(), 1);
    assert_eq!(office.get("alertRules/r1/actions").await["value"], json!([]));
    assert_eq!(office.refused(Verb::Put, "alertRules/r1/actions/a", json!({})).await.0, 405);
    assert_eq!(office.get("alertRules/r1/status").await["lastRun"], Value::Null);
    office.runner.tick(time("2024-01-01T11:00:00Z")).await.unwrap();
    assert_eq!(office.get("alertRules/r1/status").await["lastRun"]["status"], "Success");
    assert_eq!(
        (office.delete("alertRules/r1").await, office.delete("alertRules/r1").await),
        (200, 204)
    );
    let operations = office.column("SentinelAudit", "OperationName");
    let tails: Vec<&str> = operations.iter().map(|o| o.rsplit('/').next().unwrap()).collect();
    assert_eq!(tails, ["Write", "Write", "Delete"]);
    assert!(
        office.column("SentinelAudit", "ExtendedProperties")[1]
            .contains("\"ResourceDiffMemberNames\":[\"severity\"]")
    );
}

#[tokio::test]
async fn bad_rules_are_answered() {
    let office = Office::new().await;
    office.tables.answer("", users(&[]));
    let error = QueryError::Syntax {
        code: "SYN0002".into(),
        message: "a query cannot end here".into(),
        line: 2,
        pos: 7,
        token: String::new(),
    };
    office.tables.answer_with("wrong", Err(error));
    for (body, target) in [
        (rule(json!({"queryFrequency": "PT1M"})), "properties.queryFrequency"),
        (rule(json!({"query": ""})), "properties.query"),
        (rule(json!({"query": "wrong"})), "properties.query"),
        (json!({"properties": {}}), "kind"),
        (
            json!({"kind": "Fusion", "properties": {"enabled": true, "alertRuleTemplateName": "x"}}),
            "kind",
        ),
        (json!({"kind": "MLBehaviorAnalytics"}), "kind"),
    ] {
        let (status, code, found) = office.refused(Verb::Put, "alertRules/r", body.clone()).await;
        assert_eq!(
            (status, code.as_str(), found.as_deref()),
            (400, "BadRequest", Some(target)),
            "{body}"
        );
    }
    let error =
        office.send(Verb::Put, "alertRules/r", rule(json!({"query": "wrong"}))).await.unwrap_err();
    assert!(
        error.message.contains("SYN0002") && error.message.contains("line 2, position 7"),
        "{error}"
    );
    assert_eq!(office.refused(Verb::Put, "alertRules/r", json!([1])).await.0, 400);
    assert!(office.tables.appended("SentinelAudit").is_empty());
}

#[tokio::test]
async fn from_rule_to_closed_incident() {
    let office = Office::new().await;
    office.tables.answer("", users(&["CONTOSO\\ann", "bob@contoso.com"]));
    office.put("alertRules/r1", rule(json!({}))).await;
    office.runner.tick(time("2024-01-01T11:00:00Z")).await.unwrap();
    let page = office.get("incidents?$filter=properties/status%20eq%20'New'&$orderby=properties/createdTimeUtc%20desc").await;
    let [incident] = &page["value"].as_array().unwrap()[..] else { panic!("{page}") };
    assert!(incident.get("state").is_none() && incident["etag"].is_string());
    let name = incident["name"].as_str().unwrap();
    let alerts =
        office.send(Verb::Post, &format!("incidents/{name}/alerts"), Value::Null).await.unwrap().1;
    assert_eq!(alerts["value"][0]["properties"]["alertDisplayName"], "Brute force");
    let entities = office
        .send(Verb::Post, &format!("incidents/{name}/entities"), Value::Null)
        .await
        .unwrap()
        .1;
    assert_eq!(entities["metaData"], json!([{"entityKind": "Account", "count": 2}]));
    assert_eq!(entities["entities"][0]["properties"]["accountName"], "ann");
    assert_eq!(entities["entities"][1]["properties"]["upnSuffix"], "contoso.com");
    let bookmarks = office
        .send(Verb::Post, &format!("incidents/{name}/bookmarks"), Value::Null)
        .await
        .unwrap()
        .1;
    assert_eq!(bookmarks, json!({"value": []}));
    let relations = office.get(&format!("incidents/{name}/relations")).await;
    let relation = relations["value"][0]["name"].as_str().unwrap();
    let one = office.get(&format!("incidents/{name}/relations/{relation}")).await;
    assert_eq!(one["properties"]["relatedResourceName"], alerts["value"][0]["name"]);

    let path = format!("incidents/{name}");
    let (status, comment) = office
        .put(&format!("{path}/comments/c1"), json!({"properties": {"message": "looking"}}))
        .await;
    assert_eq!(
        (status, &comment["properties"]["author"]["name"]),
        (201, &json!("ann@contoso.com"))
    );
    assert_eq!(
        office
            .put(&format!("{path}/comments/c1"), json!({"properties": {"message": "done"}}))
            .await
            .0,
        200
    );
    assert_eq!(office.get(&path).await["properties"]["additionalData"]["commentsCount"], 1);
    let mut body =
        json!({"properties": {"title": "Brute force", "severity": "High", "status": "Closed"}});
    let refused = office.refused(Verb::Put, &path, body.clone()).await;
    assert_eq!(refused.2.as_deref(), Some("properties.classification"));
    body["properties"]["classification"] = json!("TruePositive");
    body["properties"]["classificationReason"] = json!("SuspiciousActivity");
    body["etag"] = incident["etag"].clone();
    assert_eq!(
        office.refused(Verb::Put, &path, body.clone()).await.0,
        409,
        "the comment changed the incident"
    );
    body["etag"] = office.get(&path).await["etag"].clone();
    let (status, closed) = office.put(&path, body).await;
    assert_eq!((status, &closed["properties"]["status"]), (200, &json!("Closed")));
    assert_eq!(
        closed["properties"]["additionalData"]["commentsCount"], 1,
        "what hangs on it stays"
    );
    assert_eq!(office.column("SecurityIncident", "Status"), ["New", "New", "New", "Closed"]);
    assert_eq!(office.column("SecurityIncident", "ModifiedBy")[3], "ann@contoso.com");
    assert!(office.column("SecurityIncident", "Comments")[3].contains("done"));
    assert_eq!(office.delete(&format!("{path}/comments/c1")).await, 200);
    assert_eq!(office.get(&path).await["properties"]["additionalData"]["commentsCount"], 0);
    assert_eq!((office.delete(&path).await, office.delete(&path).await), (200, 204));
    assert_eq!(office.refused(Verb::Post, &format!("{path}/alerts"), Value::Null).await.0, 404);
}

#[tokio::test]
async fn incidents_made_by_hand() {
    let office = Office::new().await;
    for i in 1..=5 {
        let body = json!({"properties": {"title": format!("t{i}"), "severity": "Low", "status": "Active",
            "labels": [{"labelName": if i % 2 == 0 { "even" } else { "odd" }}]}});
        let (status, value) = office.put(&format!("incidents/i{i}"), body).await;
        assert_eq!((status, &value["properties"]["incidentNumber"]), (201, &json!(i)));
    }
    let titles = |page: &Value| -> Vec<String> {
        page["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| v["properties"]["title"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(titles(&office.get("incidents").await), ["t5", "t4", "t3", "t2", "t1"]);
    assert_eq!(
        titles(&office.get("incidents?$top=2&$orderby=properties/title%20asc").await),
        ["t1", "t2"]
    );
    let even =
        office.get("incidents?$filter=properties/labels/any(l:%20l/labelName%20eq%20'even')").await;
    assert_eq!(titles(&even), ["t4", "t2"]);
    for (path, target) in [
        ("incidents?$filter=properties/status%20is%20'New'", "$filter"),
        ("incidents?$orderby=a%20b%20c", "$orderby"),
        ("incidents?$top=none", "$top"),
        ("incidents?$skipToken=x", "$skipToken"),
    ] {
        let refused = office.refused(Verb::Get, path, Value::Null).await;
        assert_eq!((refused.0, refused.2.as_deref()), (400, Some(target)));
    }
    assert_eq!(office.refused(Verb::Get, "incidents/none", Value::Null).await.0, 404);
    assert_eq!(
        office
            .refused(
                Verb::Put,
                "incidents/none/comments/c",
                json!({"properties": {"message": "m"}})
            )
            .await
            .0,
        404
    );
    assert_eq!(
        office
            .refused(Verb::Put, "incidents/i1/comments/c", json!({"properties": {"message": " "}}))
            .await
            .0,
        400
    );
    assert_eq!(office.refused(Verb::Put, "incidents/i1/relations/c", json!({})).await.0, 405);
}

#[tokio::test]
async fn conditions_in_headers_hold() {
    let office = Office::new().await;
    let body = json!({"properties": {"title": "t", "severity": "Low", "status": "New"}});
    let (_, made) = office.put("incidents/i", body.clone()).await;
    let etag = made["etag"].as_str().unwrap().to_owned();
    let call = |if_match: Option<&str>, if_none_match: Option<&str>| Call {
        if_match: if_match.map(str::to_owned),
        if_none_match: if_none_match.map(str::to_owned),
        ..Call::system(office.id("incidents/i"), body.clone(), time("2024-01-01T11:00:00Z"))
    };
    for (if_match, if_none_match, want) in [
        (Some("\"no\""), None, 412),
        (None, Some("*"), 412),
        (Some(etag.as_str()), None, 200),
        (Some(etag.as_str()), None, 412), // it changed by the call before
        (Some("*"), None, 200),
    ] {
        let answer = office.arm.put(&call(if_match, if_none_match)).await;
        assert_eq!(
            answer.map_or_else(|e| e.status, |a| a.status),
            want,
            "{if_match:?} {if_none_match:?}"
        );
    }
    let gone = office.arm.delete(&call(Some("\"no\""), None)).await.unwrap_err();
    assert_eq!(gone.status, 412);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn numbers_are_handed_out_once() {
    let office = Arc::new(Office::new().await);
    office
        .put(
            "incidents/shared",
            json!({"properties": {"title": "t", "severity": "Low", "status": "New"}}),
        )
        .await;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..16 {
        let office = office.clone();
        tasks.spawn(async move {
            let body = json!({"properties": {"title": "t", "severity": "Low", "status": "New"}});
            office.put(&format!("incidents/i{i}"), body).await;
            office
                .put(
                    &format!("incidents/shared/comments/c{i}"),
                    json!({"properties": {"message": "m"}}),
                )
                .await;
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let page = office.get("incidents").await;
    let number = |v: &Value| v["properties"]["incidentNumber"].as_i64().unwrap();
    let mut numbers: Vec<i64> = page["value"].as_array().unwrap().iter().map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=17).collect::<Vec<_>>());
    assert_eq!(
        office.get("incidents/shared").await["properties"]["additionalData"]["commentsCount"],
        16
    );
    assert_eq!(
        office.get("incidents/shared/comments").await["value"].as_array().unwrap().len(),
        16
    );
}

const RULE: &str = "id: r-1\nname: Rule\nseverity: Low\nkind: Scheduled\nqueryFrequency: 5m\nqueryPeriod: 5m\n\
    triggerOperator: gt\ntriggerThreshold: 0\nversion: 1.0.0\nquery: imDns | take 1\n";
const PARSER: &str = "ParserName: imDns\nEquivalentBuiltInParser: _Im_Dns\nParserQuery: T\n";
const HUNT: &str = "id: h-1\nname: Hunt\nquery: T\n";

/// What `importContent` answers: id and remark of each item.
async fn import(office: &Office, files: &[(&str, &str)], enable: bool) -> Vec<(String, String)> {
    let import = sentinel::import::read(files.iter().copied());
    let mut body = import.to_json();
    body["enable"] = enable.into();
    let (status, answer) = office.send(Verb::Post, "importContent", body).await.unwrap();
    assert_eq!(status, 200);
    let told = |r: &Value| {
        assert_eq!(r["status"], "imported", "{r}");
        (r["id"].as_str().unwrap().to_owned(), r["reason"].as_str().unwrap().to_owned())
    };
    answer["results"].as_array().unwrap().iter().map(told).collect()
}

#[tokio::test]
async fn content_is_imported_once() {
    let office = Office::new().await;
    office.tables.answer("", users(&[]));
    let files = [("a.yaml", RULE), ("b.yaml", PARSER), ("c.yaml", HUNT)];
    let ids: Vec<String> =
        import(&office, &files, false).await.into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids, ["_Im_Dns", "imDns", "h-1", "r-1"], "functions come first");
    let customer_id =
        arm::customer_id(&office.arm, &office.installation.workspace).unwrap().unwrap();
    let names: Vec<String> =
        office.tables.functions(&customer_id).iter().map(|f| f.name.to_string()).collect();
    assert_eq!(names, ["_Im_Dns", "imDns"]);
    let template = office.get("alertRuleTemplates/r-1").await;
    assert_eq!(template["kind"], "Scheduled");
    assert_eq!(template["properties"]["queryFrequency"], "PT5M");
    assert_eq!(template["properties"]["alertRulesCreatedByTemplateCount"], 0);
    assert_eq!(office.get("alertRules").await["value"], json!([]));

    let store = office.arm.store();
    let before = store.changes(0, 10_000).unwrap().last().map(|c| c.sequence);
    import(&office, &files, false).await;
    assert_eq!(
        store.changes(0, 10_000).unwrap().last().map(|c| c.sequence),
        before,
        "the same again writes nothing"
    );

    import(&office, &files, true).await;
    let rule = office.get("alertRules/r-1").await;
    assert_eq!(
        (&rule["properties"]["enabled"], &rule["properties"]["alertRuleTemplateName"]),
        (&json!(true), &json!("r-1"))
    );
    assert_eq!(
        office.get("alertRuleTemplates/r-1").await["properties"]["alertRulesCreatedByTemplateCount"],
        1
    );
    office.delete("alertRules/r-1").await;
    assert_eq!(
        office.get("alertRuleTemplates/r-1").await["properties"]["alertRulesCreatedByTemplateCount"],
        0
    );
}

#[tokio::test]
async fn a_newer_import_updates_what_nobody_changed() {
    let office = Office::new().await;
    office.tables.answer("", users(&[]));
    import(&office, &[("a.yaml", RULE)], true).await;
    let newer = RULE.replace("1.0.0", "1.1.0").replace("take 1", "take 2");
    let mut disabled = office.get("alertRules/r-1").await;
    disabled["properties"]["enabled"] = json!(false);
    office.put("alertRules/r-1", disabled).await;
    import(&office, &[("a.yaml", &newer)], true).await;
    let mut rule = office.get("alertRules/r-1").await;
    assert_eq!(rule["properties"]["query"], "imDns | take 2");
    assert_eq!(
        (&rule["properties"]["enabled"], &rule["properties"]["templateVersion"]),
        (&json!(false), &json!("1.1.0"))
    );
    rule["properties"]["query"] = json!("imDns | where mine");
    office.put("alertRules/r-1", rule).await;
    let newest = newer.replace("take 2", "take 3");
    let results = import(&office, &[("a.yaml", &newest)], true).await;
    assert!(results[0].1.contains("left as it is"), "{results:?}");
    assert_eq!(office.get("alertRules/r-1").await["properties"]["query"], "imDns | where mine");
    assert_eq!(office.get("alertRuleTemplates/r-1").await["properties"]["query"], "imDns | take 3");
}

#[tokio::test]
async fn a_rule_that_does_not_bind_is_imported_and_shows_its_failure() {
    let office = Office::new().await;
    let error = QueryError::Semantic {
        code: "SEM0260".into(),
        message: "unknown function 'imDns'".into(),
        line: 1,
        pos: 0,
        token: "imDns".into(),
    };
    office.tables.answer_with("", Err(error));
    let results = import(&office, &[("a.yaml", RULE)], true).await;
    assert!(results[0].1.contains("SEM0260"), "{results:?}");
    office.runner.tick(time("2024-01-01T11:00:00Z")).await.unwrap();
    let status = office.get("alertRules/r-1/status").await;
    assert_eq!(
        (&status["lastRun"]["status"], &status["lastRun"]["reason"]),
        (&json!("Failure"), &json!("SEM0260"))
    );
    assert_eq!(office.column("SentinelHealth", "Reason"), ["SEM0260"]);
    // its owner may still change other settings
    let mut rule = office.get("alertRules/r-1").await;
    rule["properties"]["severity"] = json!("High");
    assert_eq!(office.put("alertRules/r-1", rule).await.0, 200);
}

/// As in Azure a rule is refused when it names columns that its results do not have; what only the rows can tell passes.
#[tokio::test]
async fn rules_name_columns_that_there_are() {
    let office = Office::new().await;
    office.tables.answer("", users(&[]));
    let entity = |column: &str| json!({"entityMappings": [{"entityType": "Account", "fieldMappings": [{"identifier": "FullName", "columnName": column}]}]});
    let cases = [
        (entity("Who"), "entityMappings[0].fieldMappings[0].columnName"),
        (entity("user"), "entityMappings[0].fieldMappings[0].columnName"),
        (json!({"customDetails": {"who": "Who"}}), "customDetails.who"),
        (
            json!({"alertDetailsOverride": {"alertDisplayNameFormat": "by {{User}} on {{Host}}"}}),
            "alertDetailsOverride.alertDisplayNameFormat",
        ),
        (
            json!({"alertDetailsOverride": {"alertSeverityColumnName": "Level"}}),
            "alertDetailsOverride.alertSeverityColumnName",
        ),
    ];
    for (more, place) in cases {
        let error = office.send(Verb::Put, "alertRules/r", rule(more)).await.unwrap_err();
        assert_eq!((error.status, &*error.code), (400, "BadRequest"));
        assert_eq!(error.target.as_deref(), Some(format!("properties.{place}").as_str()));
        assert!(error.message.contains("The given column '"), "{error}");
        assert!(error.message.contains("' does not exist."), "{error}");
    }
    office.put("alertRules/r", rule(entity("User"))).await;
    // settings alone are looked at too
    assert_eq!(office.refused(Verb::Put, "alertRules/r", rule(entity("Who"))).await.0, 400);
    let bound = model::QueryAnswer {
        tables: vec![model::ResultTable { name: "PrimaryResult".into(), rows: users(&[]) }],
        open: true,
        ..model::QueryAnswer::default()
    };
    office.tables.answer_with("", Ok(bound));
    office.put("alertRules/open", rule(entity("Pivoted"))).await;
}

#[tokio::test]
async fn bad_imports_are_answered() {
    let office = Office::new().await;
    for body in [
        json!([]),
        json!({"rules": 5}),
        json!({"rules": [{"id": "x", "kind": "Scheduled"}]}),
        json!({"functions": [{"id": "x"}]}),
    ] {
        assert_eq!(
            office.refused(Verb::Post, "importContent", body.clone()).await.0,
            400,
            "{body}"
        );
    }
}

#[tokio::test]
async fn all_goes_with_the_workspace() {
    let office = Office::new().await;
    office.tables.answer("", users(&["ann"]));
    office.put("alertRules/r1", rule(json!({}))).await;
    office.runner.tick(time("2024-01-01T11:00:00Z")).await.unwrap();
    let store = office.arm.store();
    assert_eq!(store.list_all("sentinel.alerts", "").unwrap().len(), 1);
    let workspace = office.installation.workspace.clone();
    let mut call = Call::system(workspace.clone(), Value::Null, time("2024-01-02"));
    // deleted it rests: no rule runs, and all is there when it comes back
    office.arm.delete(&call).await.unwrap();
    assert_eq!(office.runner.tick(time("2024-01-02T11:00:00Z")).await.unwrap().runs, 0);
    let body = json!({"location": "local"});
    office.arm.put(&Call::system(workspace, body, time("2024-01-02"))).await.unwrap();
    assert_eq!(store.list_all("sentinel.alerts", "").unwrap().len(), 1);
    assert_eq!(office.get("incidents").await["value"].as_array().unwrap().len(), 1);
    office.runner.tick(time("2024-01-02T12:00:00Z")).await.unwrap();
    assert_eq!(office.runner.tick(time("2024-01-02T13:00:00Z")).await.unwrap().failures, 0);

    call.query.push(("force".into(), "true".into()));
    office.arm.delete(&call).await.unwrap();
    for collection in [
        "sentinel.alerts",
        "sentinel.checkpoints",
        "sentinel.groups",
        "sentinel.counters",
        "microsoft.securityinsights/incidents",
    ] {
        assert!(store.list_all(collection, "").unwrap().is_empty(), "{collection}");
    }
    assert_eq!(office.runner.tick(time("2024-01-03T11:00:00Z")).await.unwrap().runs, 0);
}
