//! Log Analytics: answers cell by cell, errors as clients print them, batches in order, queries that end with their
//! clients.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use model::{
    AppendReceipt, AppendRequest, Cancel, Decimal, Dynamic, FunctionDefinition, Guid, QueryAnswer,
    QueryError, QueryRequest, ResultTable, Retention, Rows, ScalarType, Schema, TableInfo, Tables,
    TablesError, TimeSpan, Value as Cell,
};
use parking_lot::Mutex;
use serde_json::{Value, json};
use testkit::{row, rows, time};

use crate::house::{Fixture, ORIGIN, READER, house, house_with};

const QUERY: &str = "/v1/workspaces/{ws}/query";

/// One row of every type and one of nulls.
pub fn all_types() -> Rows {
    use ScalarType as T;
    let schema = Schema::new([
        ("b", T::Bool),
        ("i", T::Int),
        ("l", T::Long),
        ("r", T::Real),
        ("m", T::Decimal),
        ("s", T::String),
        ("g", T::Guid),
        ("d", T::DateTime),
        ("t", T::TimeSpan),
        ("y", T::Dynamic),
    ]);
    let full = vec![
        Cell::Bool(true),
        Cell::Int(-7),
        Cell::Long(9_007_199_254_740_993),
        Cell::Real(0.1),
        Cell::Decimal(Decimal::parse("1.10").unwrap()),
        Cell::string("a\"\\\n\u{1}é"),
        Cell::Guid(Guid::parse("74be27de-1e4e-49d9-b579-fe0b331d3642").unwrap()),
        Cell::DateTime(time("2024-02-29T12:34:56.7891234Z")),
        Cell::TimeSpan(TimeSpan::parse("1.02:03:04.5").unwrap()),
        Cell::Dynamic(Dynamic::parse_json(r#"{"a":[1,"x"]}"#).unwrap()),
    ];
    let nulls = vec![Cell::Null; full.len()];
    let mut odd = nulls.clone();
    odd[3] = Cell::Real(f64::NAN);
    let mut huge = nulls.clone();
    huge[3] = Cell::Real(f64::NEG_INFINITY);
    Rows::from_values(Arc::new(schema), [full, nulls, odd, huge])
}

async fn ask(house: &Fixture, token: &str, body: Value) -> crate::house::Told {
    house.call("POST", QUERY, token, body).await
}

#[tokio::test]
async fn every_type_has_azures_form() {
    let house = house().await;
    let token = house.admin_token().await;
    house.tables.answer("", all_types());
    let told = ask(&house, &token, json!({ "query": "T" })).await;
    assert_eq!(told.status, 200);
    let body = told.json();
    assert_eq!(
        body["tables"][0],
        json!({
            "name": "PrimaryResult",
            "columns": [
                { "name": "b", "type": "bool" }, { "name": "i", "type": "int" },
                { "name": "l", "type": "long" }, { "name": "r", "type": "real" },
                { "name": "m", "type": "decimal" }, { "name": "s", "type": "string" },
                { "name": "g", "type": "guid" }, { "name": "d", "type": "datetime" },
                { "name": "t", "type": "timespan" }, { "name": "y", "type": "dynamic" },
            ],
            "rows": [
                [true, -7, 9_007_199_254_740_993_i64, 0.1, "1.10", "a\"\\\n\u{1}é",
                 "74be27de-1e4e-49d9-b579-fe0b331d3642", "2024-02-29T12:34:56.7891234Z",
                 "1.02:03:04.5000000", "{\"a\":[1,\"x\"]}"],
                [null, null, null, null, null, "", null, null, null, null],
                [null, null, null, "NaN", null, "", null, null, null, null],
                [null, null, null, "-Infinity", null, "", null, null, null, null],
            ],
        })
    );
    assert_eq!(body.as_object().unwrap().len(), 1, "nothing that was not asked for");
}

#[tokio::test]
async fn metadata_tells_what_can_be_asked_for() {
    let house = house().await;
    let admin = house.admin_token().await;
    let function = json!({ "properties": {
        "category": "f", "displayName": "Five", "query": "print 5", "functionAlias": "Five",
        "functionParameters": "a:long=1", "version": 2,
    }});
    let path = "{resource}/savedSearches/five?api-version=2020-08-01";
    assert_eq!(house.call("PUT", path, &admin, function).await.status, 200);
    for (method, path) in [
        ("GET", "/v1/workspaces/{ws}/metadata"),
        ("POST", "/v1/workspaces/{ws}/metadata"),
        ("GET", "/v1{resource}/metadata"),
    ] {
        let told = house.call(method, path, &admin, Value::Null).await;
        assert_eq!(told.status, 200, "{method} {path}: {}", told.json());
        let body = told.json();
        let table = body["tables"].as_array().unwrap().iter().find(|t| t["name"] == "Syslog");
        let table = table.unwrap();
        assert_eq!(table["id"], "t/Syslog");
        assert_eq!(table["timespanColumn"], "TimeGenerated");
        assert_eq!(table["columns"][1], json!({ "name": "HostName", "type": "string" }));
        assert_eq!(body["functions"][0]["name"], "Five");
        assert_eq!(body["functions"][0]["parameters"], "a:long=1");
        let workspace = &body["workspaces"][0];
        assert_eq!(workspace["name"], "vedette");
        assert_eq!(workspace["region"], "local");
        assert_eq!(workspace["related"]["functions"], json!(["f/Five"]));
        assert_eq!(body["permissions"][0]["workspaces"][0]["denyTables"], json!([]));
    }
    let path = "/v1/workspaces/{ws}/metadata";
    assert_eq!(house.call("DELETE", path, &admin, Value::Null).await.status, 405);
    assert_eq!(house.call("GET", path, "", Value::Null).await.status, 401);
    let other = "/v1/workspaces/00000000-0000-0000-0000-000000000000/metadata";
    assert_eq!(house.call("GET", other, &admin, Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_question_can_be_put_in_every_form() {
    let house = house().await;
    let token = house.admin_token().await;
    house.tables.answer("", rows("n:long", [row![1]]));
    let body = json!({ "query": "T", "timespan": "PT86400.0S" });
    for path in [
        QUERY,
        "/workspaces/{ws}/query",
        "/v1{resource}/query",
        "{resource}/query",
        "/V1/Workspaces/{ws}/Query",
    ] {
        let told = house.call("POST", path, &token, body.clone()).await;
        assert_eq!(told.status, 200, "{path}: {}", told.json());
        let range = house.tables.queries().pop().unwrap().time_range.unwrap();
        assert_eq!(range.start, Some(time("2026-11-21T10:00:00Z")), "{path}");
    }
    for (path, start) in [
        ("/v1/workspaces/{ws}/query?query=T&timespan=P1D", "2026-11-21T10:00:00Z"),
        ("/v1/workspaces/{ws}/query?query=T&timespan=P1M", "2026-10-22T10:00:00Z"),
        ("/v1/workspaces/{ws}/query?query=T&timespan=P1Y", "2025-11-22T10:00:00Z"),
        ("/v1{resource}/query?query=T&timespan=2024-01-01/PT1H", "2024-01-01T00:00:00Z"),
    ] {
        let told = house.call("GET", path, &token, Value::Null).await;
        assert_eq!(told.status, 200, "{path}: {}", told.json());
        let range = house.tables.queries().pop().unwrap().time_range.unwrap();
        assert_eq!(range.start, Some(time(start)), "{path}");
    }
    let by_url = "/v1/workspaces/{ws}/query?timespan=P1D";
    house.call("POST", by_url, &token, json!({ "query": "T" })).await;
    assert!(house.tables.queries().pop().unwrap().time_range.is_some());
}

#[tokio::test]
async fn preferences_ask_for_more() {
    let house = house().await;
    let token = house.admin_token().await;
    let table = ResultTable { name: "PrimaryResult".into(), rows: rows("n:long", [row![1]]) };
    let render = json!({ "visualization": "barchart" });
    let answer =
        QueryAnswer { tables: vec![table], render: Some(render), ..QueryAnswer::default() };
    house.tables.answer_with("", Ok(answer));
    let prefer = [("prefer", "wait=1, include-statistics=true,include-render=true")];
    let body = json!({ "query": "T" }).to_string();
    let told = house.send(house.request("POST", QUERY, &token, &prefer, body)).await.json();
    assert!(told["statistics"]["query"]["executionTime"].is_number(), "{told}");
    assert_eq!(told["render"]["visualization"], "barchart");
    let asked = house.tables.queries().pop().unwrap();
    assert_eq!(asked.limits.time_max, Duration::from_secs(1));
    assert!(asked.limits.truncate);
}

#[tokio::test]
async fn what_was_cut_off_is_a_partial_error_beside_the_rows() {
    let house = house().await;
    let token = house.admin_token().await;
    let table = ResultTable { name: "PrimaryResult".into(), rows: rows("n:long", [row![1]]) };
    let partial = Some(("E_QUERY_RESULT_SET_TOO_LARGE".to_owned(), "cut".to_owned()));
    house.tables.answer_with(
        "",
        Ok(QueryAnswer { tables: vec![table], partial, ..QueryAnswer::default() }),
    );
    let told = ask(&house, &token, json!({ "query": "T" })).await;
    let body = told.json();
    assert_eq!((told.status, &body["error"]["code"]), (200, &json!("PartialError")));
    assert_eq!(body["error"]["details"][0]["code"], "E_QUERY_RESULT_SET_TOO_LARGE");
    assert_eq!(body["tables"][0]["rows"], json!([[1]]));
}

#[tokio::test]
async fn failures_have_the_chain_that_clients_print() {
    let house = house().await;
    let token = house.admin_token().await;
    let place = |code: &str| (code.to_owned(), "no such thing".to_owned(), 2, 5, "Foo".to_owned());
    let (code, message, line, pos, token_text) = place("SEM0100");
    house.tables.answer_with(
        "semantic",
        Err(QueryError::Semantic { code, message, line, pos, token: token_text }),
    );
    let (code, message, line, pos, token_text) = place("SYN0002");
    house.tables.answer_with(
        "syntax",
        Err(QueryError::Syntax { code, message, line, pos, token: token_text }),
    );
    house.tables.answer_with("slow", Err(QueryError::Timeout(Duration::from_secs(9))));
    house.tables.answer_with("greedy", Err(QueryError::ResourceLimit("too much memory".into())));
    house.tables.answer_with("broken", Err(QueryError::Execution("no".into())));
    for (query, kind, code) in
        [("semantic", "SemanticError", "SEM0100"), ("syntax", "SyntaxError", "SYN0002")]
    {
        let told = ask(&house, &token, json!({ "query": query })).await;
        let error = told.json()["error"].clone();
        assert_eq!((told.status, &error["code"]), (400, &json!("BadArgumentError")));
        assert_eq!(error["innererror"]["code"], kind);
        assert_eq!(
            error["innererror"]["innererror"],
            json!({ "code": code, "message": "no such thing", "line": 2, "pos": 5, "token": "Foo" })
        );
    }
    for (query, status, code) in [
        ("slow", 504, "GatewayTimeout"),
        ("greedy", 400, "BadArgumentError"),
        ("broken", 400, "BadArgumentError"),
    ] {
        let told = ask(&house, &token, json!({ "query": query })).await;
        assert_eq!((told.status, told.code().as_str()), (status, code), "{query}");
    }
    for bad in
        [json!({}), json!({ "query": 1 }), json!([]), json!({ "query": "x", "timespan": "soon" })]
    {
        let told = ask(&house, &token, bad.clone()).await;
        assert_eq!((told.status, told.code().as_str()), (400, "BadArgumentError"), "{bad}");
    }
    let told = house.call("GET", QUERY, &token, Value::Null).await;
    assert_eq!((told.status, told.code().as_str()), (400, "BadArgumentError"));
    for path in [
        "/v1/workspaces/00000000-0000-0000-0000-000000000000/query",
        "/v1{group}/query",
        "/v1/workspaces/x/y",
        "/v1{resource}x/query",
        "/v1/workspaces",
    ] {
        let told = house.call("POST", path, &token, json!({ "query": "T" })).await;
        assert_eq!((told.status, told.code().as_str()), (404, "PathNotFoundError"), "{path}");
    }
    let told = house.call("DELETE", QUERY, &token, Value::Null).await;
    assert_eq!((told.status, told.header("allow")), (405, "GET, POST"));
    let nobody = house.principal("", "", ORIGIN).await;
    let told = ask(&house, &nobody, json!({ "query": "T" })).await;
    assert_eq!((told.status, told.code().as_str()), (403, "InsufficientAccessError"));
}

#[tokio::test]
async fn a_batch_keeps_its_order_and_parts_its_errors() {
    let house = house().await;
    let token = house.admin_token().await;
    house.tables.answer("good", rows("n:long", [row![1]]));
    house.tables.answer_with("bad", Err(QueryError::Execution("no".into())));
    let ws = house.there.customer_id.clone();
    let one = |id: &str, workspace: &str, query: &str| {
        json!({
            "id": id, "headers": { "Prefer": "include-statistics=true" }, "method": "POST",
            "body": { "query": query }, "path": "/query", "workspace": workspace,
        })
    };
    let requests = json!({ "requests": [
        one("9", &ws, "good"),
        one("1", &ws, "bad"),
        one("5", "00000000-0000-0000-0000-000000000000", "good"),
        one("7", house.there.workspace.as_str(), "good"),
        { "id": 3, "path": format!("/v1/workspaces/{ws}/query"), "body": { "query": "good" } },
        {},
    ]});
    for path in ["/v1/$batch", "/$batch"] {
        let told = house.call("POST", path, &token, requests.clone()).await;
        assert_eq!(told.status, 200);
        let body = told.json();
        let responses = body["responses"].as_array().unwrap();
        let seen: Vec<_> = responses
            .iter()
            .map(|r| (r["id"].as_str().unwrap(), r["status"].as_u64().unwrap()))
            .collect();
        assert_eq!(seen, [("9", 200), ("1", 400), ("5", 404), ("7", 200), ("3", 200), ("5", 400)]);
        assert_eq!(responses[0]["body"]["tables"][0]["rows"], json!([[1]]));
        assert!(responses[0]["body"]["statistics"].is_object());
        assert_eq!(responses[1]["body"]["error"]["code"], "BadArgumentError");
    }
    let many = json!({ "requests": vec![json!({}); 101] });
    assert_eq!(house.call("POST", "/v1/$batch", &token, many).await.status, 400);
    assert_eq!(house.call("POST", "/v1/$batch", &token, json!({})).await.status, 400);
    assert_eq!(house.call("GET", "/v1/$batch", &token, Value::Null).await.status, 405);
}

#[tokio::test]
async fn other_workspaces_are_read_only_by_those_who_may_read_all_of_them() {
    let house = house().await;
    let admin = house.admin_token().await;
    let path = "{group}/providers/Microsoft.OperationalInsights/workspaces/second";
    let made = house
        .call(
            "PUT",
            &format!("{path}?api-version=2024-01-01"),
            &admin,
            json!({ "location": "local" }),
        )
        .await;
    assert_eq!(made.status, 201, "{}", made.json());
    let second = made.json()["properties"]["customerId"].as_str().unwrap().to_owned();
    let info = TableInfo {
        name: "Syslog".into(),
        kind: model::TableKind::Microsoft,
        schema: testkit::schema("a:string"),
        retention_days: 1,
        total_retention_days: 1,
    };
    house.tables.put_table(&second, info.clone(), false).await.unwrap();
    house
        .tables
        .put_table(&second, TableInfo { name: "Other".into(), ..info }, false)
        .await
        .unwrap();
    house.tables.answer("", rows("n:long", [row![1]]));
    let query = json!({ "query": "union Syslog, workspace('second').Syslog" });
    let named = |house: &Fixture| {
        let asked = house.tables.queries().pop().unwrap();
        asked.other_workspaces.into_iter().filter(|(name, _)| name == "second").count()
    };
    assert_eq!(ask(&house, &admin, query.clone()).await.status, 200);
    assert_eq!(named(&house), 1);
    let reader = house.principal(READER, "{resource}", ORIGIN).await;
    assert_eq!(ask(&house, &reader, query).await.status, 200);
    assert_eq!(named(&house), 0, "no right at the second workspace");
    // a list of workspaces is refused rather than read in part
    let listed = json!({ "query": "Syslog", "workspaces": ["second"] });
    let told = ask(&house, &admin, listed).await;
    assert_eq!((told.status, told.code().as_str()), (400, "BadArgumentError"));
    let own = json!({ "query": "Syslog", "workspaces": [house.there.customer_id] });
    assert_eq!(ask(&house, &admin, own).await.status, 200);
}

#[tokio::test]
async fn large_answers_come_whole() {
    let house = house().await;
    let token = house.admin_token().await;
    house.tables.answer("", rows("n:long, s:string", (0..30_000).map(|n| row![n, "some text"])));
    let told = ask(&house, &token, json!({ "query": "T" })).await.json();
    let rows = told["tables"][0]["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 30_000);
    assert_eq!(rows[29_999], json!([29_999, "some text"]));
}

/// Tables whose queries run until they are cancelled.
struct Endless(Arc<testkit::CannedTables>, Mutex<Vec<Cancel>>);

#[async_trait]
impl Tables for Endless {
    async fn append(&self, request: AppendRequest) -> Result<AppendReceipt, TablesError> {
        self.0.append(request).await
    }
    async fn query(&self, request: QueryRequest) -> Result<QueryAnswer, QueryError> {
        self.1.lock().push(request.cancel);
        std::future::pending().await
    }
    fn tables(&self, workspace: &str) -> Vec<Arc<TableInfo>> {
        self.0.tables(workspace)
    }
    fn table(&self, workspace: &str, name: &str) -> Option<Arc<TableInfo>> {
        self.0.table(workspace, name)
    }
    async fn put_table(
        &self,
        w: &str,
        t: TableInfo,
        merge: bool,
    ) -> Result<Arc<TableInfo>, TablesError> {
        self.0.put_table(w, t, merge).await
    }
    async fn delete_table(&self, workspace: &str, name: &str) -> Result<(), TablesError> {
        self.0.delete_table(workspace, name).await
    }
    fn put_workspace(&self, w: &str, retention: &Retention) -> Result<(), TablesError> {
        self.0.put_workspace(w, retention)
    }
    fn retention_days(&self, workspace: &str) -> Option<u32> {
        self.0.retention_days(workspace)
    }
    async fn delete_workspace(&self, workspace: &str) -> Result<(), TablesError> {
        self.0.delete_workspace(workspace).await
    }
    fn set_functions(&self, workspace: &str, functions: Vec<FunctionDefinition>) {
        self.0.set_functions(workspace, functions);
    }
    fn row_count(&self, workspace: &str, table: &str) -> u64 {
        self.0.row_count(workspace, table)
    }
}

/// The same house over tables whose queries do not end.
fn endless(house: &mut Fixture, limits: api::Limits) -> Arc<Endless> {
    let endless = Arc::new(Endless(house.tables.clone(), Mutex::default()));
    let old = &house.house;
    house.router = api::router(Arc::new(api::House {
        identity: old.identity.clone(),
        arm: old.arm.clone(),
        tables: endless.clone(),
        vaults: old.vaults.clone(),
        vault_audit: old.vault_audit.clone(),
        probe: old.probe.clone(),
        clock: old.clock.clone(),
        limits,
        health: old.health.clone(),
        version: old.version,
    }));
    endless
}

#[tokio::test]
async fn a_query_ends_with_its_client() {
    let mut house = house().await;
    let token = house.admin_token().await;
    let tables = endless(&mut house, api::Limits::default());
    for path in [QUERY, "/v1/rest/query", "/v2/rest/query", "/v1/$batch"] {
        let body = json!({
            "query": "T", "csl": "T",
            "requests": [{ "workspace": house.there.customer_id, "body": { "query": "T" } }],
        });
        let mut call = Box::pin(house.call("POST", path, &token, body));
        let cancel = loop {
            tokio::select! {
                _ = &mut call => panic!("{path}: endless"),
                () = tokio::time::sleep(Duration::from_millis(5)) => {}
            }
            if let Some(cancel) = tables.1.lock().pop() {
                break cancel;
            }
        };
        assert!(!cancel.is_cancelled());
        drop(call);
        assert!(cancel.is_cancelled(), "{path}: the client went, the query stays");
    }
}

#[tokio::test]
async fn too_many_queries_are_told_to_come_back() {
    let limits = api::Limits { queries_running: 2, queries_waiting: 0, ..api::Limits::default() };
    let mut house = house_with(limits).await;
    let token = house.admin_token().await;
    let _tables = endless(&mut house, limits);
    let body = || json!({ "query": "T", "csl": "T" });
    let (mut first, mut second) = (
        Box::pin(house.call("POST", QUERY, &token, body())),
        Box::pin(house.call("POST", "/v2/rest/query", &token, body())),
    );
    let third = async {
        tokio::task::yield_now().await;
        let la = house.call("POST", QUERY, &token, body()).await;
        (la, house.call("POST", "/v1/rest/query", &token, body()).await)
    };
    tokio::select! {
        biased;
        _ = &mut first => panic!("endless"),
        _ = &mut second => panic!("endless"),
        (la, kusto) = third => {
            assert_eq!((la.status, la.header("retry-after")), (429, "5"));
            assert_eq!((kusto.status, kusto.header("retry-after")), (429, "5"));
            assert_eq!(kusto.json()["error"]["@permanent"], false);
        }
    }
}

#[tokio::test]
async fn the_house_is_told_of_queries_and_sign_ins() {
    let mut house = house().await;
    let events: Arc<Mutex<Vec<api::Event>>> = Arc::default();
    let sink = Arc::clone(&events);
    house.router =
        api::router_with_audit(house.house.clone(), Arc::new(move |e| sink.lock().push(e)));
    let token = house.admin_token().await;
    house.tables.answer("good", rows("n:long", [row![1], row![2]]));
    house.tables.answer_with("slow", Err(QueryError::Timeout(Duration::from_secs(1))));
    ask(&house, &token, json!({ "query": "good", "timespan": "PT1H" })).await;
    let id = [("x-ms-client-request-id", "mine")];
    let body = json!({ "csl": "slow" }).to_string();
    house.send(house.request("POST", "/v2/rest/query", &token, &id, body)).await;
    let mut told = Vec::new();
    for event in events.lock().iter() {
        told.push(match event {
            api::Event::SignIn(s) => {
                format!("sign-in {} {}", s.app_id == house.admin.client_id, s.result_code)
            }
            api::Event::Query(q) => format!(
                "{} {:?} {} {} {} {}",
                q.api,
                q.text,
                q.status,
                q.rows,
                q.time_range.is_some(),
                q.client_request_id == "mine"
            ),
            other => format!("{other:?}"),
        });
    }
    assert_eq!(
        told,
        [
            "sign-in true 0",
            "LogAnalytics \"good\" 200 2 true false",
            "Kusto \"slow\" 504 0 false true",
        ]
    );
}
