//! Logs Ingestion: rows in, refusals as Azure's, retries stored once.

use std::io::Write;
use std::time::Duration;

use model::{TablesError, Value as Cell};
use serde_json::{Value, json};
use testkit::time;

use crate::house::{Fixture, ORIGIN, PUBLISHER, READER, Told, house, put_table};

const STREAM: &str = "/dataCollectionRules/{dcr}/streams/Microsoft-Syslog?api-version=2023-01-01";

async fn send(
    house: &Fixture,
    path: &str,
    headers: &[(&str, &str)],
    body: impl Into<Vec<u8>>,
) -> Told {
    let token = house.admin_publisher().await;
    house.send(house.request("POST", path, &token, headers, body.into())).await
}

impl Fixture {
    /// A token of someone who may send rows.
    async fn admin_publisher(&self) -> String {
        self.principal(PUBLISHER, "{sub}", ORIGIN).await
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn rows_arrive_plain_or_packed() {
    let house = house().await;
    let body = br#"[{"TimeGenerated":"2026-11-22T09:00:00Z","HostName":"a"},{"HostName":"b","SyslogMessage":"m"}]"#;
    let told = send(&house, STREAM, &[], *body).await;
    assert_eq!((told.status, told.bytes.len()), (204, 0));
    assert_eq!((told.header("x-vedette-rows"), told.header("x-vedette-problems")), ("2", "0"));
    let packed = [("content-encoding", "gzip")];
    assert_eq!(send(&house, STREAM, &packed, gzip(body)).await.status, 204);
    let stored = house.tables.appended("Syslog");
    assert_eq!(stored.len(), 2);
    for rows in stored {
        assert_eq!(
            rows.get(0, "TimeGenerated"),
            Some(Cell::DateTime(time("2026-11-22T09:00:00Z")))
        );
        assert_eq!(rows.get(1, "HostName"), Some(Cell::string("b")));
        assert_eq!(rows.get(1, "TimeGenerated"), Some(Cell::Null));
    }
    assert_eq!(send(&house, STREAM, &[], "[]").await.status, 204);
    assert_eq!(house.tables.appends().len(), 2, "nothing to store");
}

#[tokio::test]
async fn a_stream_has_several_names() {
    let house = house().await;
    let token = house.admin_token().await;
    let table = json!({ "properties": { "schema": { "name": "Mine_CL", "columns": [
        { "name": "TimeGenerated", "type": "datetime" }, { "name": "x", "type": "long" },
    ]}}});
    let made =
        house.call("PUT", "{resource}/tables/Mine_CL?api-version=2024-01-01", &token, table).await;
    assert!([200, 202].contains(&made.status), "{}", made.json());
    for stream in ["Microsoft-Syslog", "Custom-Syslog", "Custom-Mine_CL", "Custom-Mine"] {
        let path = STREAM.replace("Microsoft-Syslog", stream);
        let told = send(&house, &path, &[], r#"[{"x":1,"HostName":"h"}]"#).await;
        assert_eq!(told.status, 204, "{stream}");
        assert_eq!(told.header("x-vedette-problems"), "1", "{stream}: one field has no column");
    }
    assert_eq!(house.tables.appended("Mine_CL").len(), 2);
}

#[tokio::test]
async fn exported_rows_bring_their_table_back() {
    let house = house().await;
    let path = STREAM.replace("Microsoft-Syslog", "Custom-Back_CL");
    let row = r#"{"TimeGenerated":"2026-06-01T00:00:00Z","n":1,"Type":"Back_CL"}"#;
    for unknown in ["[]", r#"[{"n":1}]"#, &format!("[{row},{{\"n\":2,\"Type\":\"Other_CL\"}}]")] {
        let told = send(&house, &path, &[], unknown).await;
        assert_eq!((told.status, &*told.code()), (400, "InvalidOutputTable"), "{unknown}");
    }
    let told = send(&house, &path, &[], format!("[{row}]")).await;
    assert_eq!(told.status, 400, "a sender of rows may not make tables");
    let admin = house.admin_token().await;
    for _ in 0..2 {
        let request = house.request("POST", &path, &admin, &[], format!("[{row}]"));
        let told = house.send(request).await;
        assert_eq!(told.status, 204, "{}", told.json());
    }
    let told = send(&house, &path, &[], format!("[{row}]")).await;
    assert_eq!(told.status, 204, "the table is there now");
    let rows = house.tables.appended("Back_CL").pop().unwrap();
    assert_eq!(rows.get(0, "n"), Some(Cell::Long(1)));
}

#[tokio::test]
async fn a_retry_is_stored_once_and_parts_of_one_upload_each() {
    let house = house().await;
    let id = [("x-ms-client-request-id", "one")];
    let part = |n: usize| format!(r#"[{{"HostName":"{n}"}}]"#);
    for n in [1, 1, 2, 1, 2] {
        assert_eq!(send(&house, STREAM, &id, part(n)).await.status, 204);
    }
    assert_eq!(house.tables.appended("Syslog").len(), 2);
    for _ in 0..2 {
        send(&house, STREAM, &[], part(1)).await;
    }
    assert_eq!(house.tables.appended("Syslog").len(), 4, "without an id equal batches are honest");
}

#[tokio::test]
async fn cells_that_do_not_fit_are_null_and_counted() {
    let house = house().await;
    let path = STREAM.replace("Microsoft-Syslog", "Microsoft-SecurityEvent");
    let body =
        r#"[{"EventID":"4624","Computer":7,"Data":"{\"a\":1}"},{"EventID":"many","Extra":1}]"#;
    let told = send(&house, &path, &[], body).await;
    assert_eq!((told.status, told.header("x-vedette-rows")), (204, "2"));
    assert_eq!(told.header("x-vedette-problems"), "2");
    let rows = house.tables.appended("SecurityEvent").pop().unwrap();
    assert_eq!(rows.get(0, "EventID"), Some(Cell::Int(4624)));
    assert_eq!(rows.get(1, "EventID"), Some(Cell::Null));
}

#[tokio::test]
async fn a_cell_beyond_json_costs_no_other_row() {
    let house = house().await;
    let body = r#"[{"HostName":"\ud800 a"},{"HostName":1e400},{"HostName":"b","Facility":"\ud83d\ude00"}]"#;
    let told = send(&house, STREAM, &[], body).await;
    assert_eq!((told.status, told.header("x-vedette-rows")), (204, "3"));
    let rows = house.tables.appended("Syslog").pop().unwrap();
    let names: Vec<_> = (0..3).map(|row| rows.get(row, "HostName").unwrap()).collect();
    assert_eq!(names, ["\u{fffd} a", "1e400", "b"].map(Cell::string));
}

#[tokio::test]
async fn refusals_are_azures() {
    let house = house().await;
    let cases = [
        (STREAM, "nonsense", 400, "InvalidPayload"),
        (STREAM, "", 400, "InvalidPayload"),
        (STREAM, "[1,{\"HostName\":\"h\"},\"x\"]", 400, "InvalidPayload"),
        (STREAM, "[{\"HostName\":\"h\"", 400, "InvalidPayload"),
        ("/dataCollectionRules/{dcr}/streams/Custom-None?api-version=2024-01-01", "[]", 400, ""),
        ("/dataCollectionRules/{dcr}/streams/Nonsense?api-version=2024-01-01", "[]", 400, ""),
        (
            "/dataCollectionRules/dcr-none/streams/Microsoft-Syslog?api-version=2024-01-01",
            "[]",
            404,
            "NotFound",
        ),
        (
            "/dataCollectionRules/{dcr}/streams/Microsoft-Syslog",
            "[]",
            400,
            "MissingApiVersionParameter",
        ),
        ("/dataCollectionRules/{dcr}/streams", "[]", 404, "ResourceNotFound"),
        (
            "/dataCollectionRules/{dcr}/streams/a/b?api-version=2024-01-01",
            "[]",
            404,
            "ResourceNotFound",
        ),
    ];
    for (path, body, status, code) in cases {
        let told = send(&house, path, &[], body).await;
        assert_eq!(told.status, status, "{path} {body}: {}", told.json());
        assert!(code.is_empty() || told.code() == code, "{path} {body}: {}", told.json());
    }
    assert!(house.tables.appends().is_empty(), "nothing of it was stored");
    let details =
        send(&house, STREAM, &[], "[1,{},\"x\"]").await.json()["error"]["details"].clone();
    assert_eq!((&details[0]["target"], &details[1]["target"]), (&json!("[0]"), &json!("[2]")));
    let reader = house.principal(READER, "{sub}", ORIGIN).await;
    let told = house.call("POST", STREAM, &reader, json!([])).await;
    assert_eq!((told.status, told.code().as_str()), (403, "AuthorizationFailed"));
    let told = house.call("GET", STREAM, &reader, Value::Null).await;
    assert_eq!((told.status, told.header("allow")), (405, "POST"));
}

#[tokio::test]
async fn a_store_that_cannot_write_says_so() {
    let house = house().await;
    let cases = [
        (TablesError::Busy { retry_after: Duration::from_secs(7) }, 429, "7"),
        (TablesError::Unwritable("disk full".into()), 503, "10"),
        (TablesError::Invalid("no".into()), 400, ""),
    ];
    for (error, status, retry_after) in cases {
        house.tables.refuse_next_append(error);
        let told = send(&house, STREAM, &[], r#"[{"HostName":"h"}]"#).await;
        assert_eq!((told.status, told.header("retry-after")), (status, retry_after));
    }
    assert_eq!(send(&house, STREAM, &[], r#"[{"HostName":"h"}]"#).await.status, 204, "and goes on");
}

#[tokio::test]
async fn declared_columns_choose_among_the_tables_own() {
    let house = house().await;
    let token = house.admin_token().await;
    let rule = json!({ "location": "local", "kind": "Direct", "properties": {
        "streamDeclarations": { "Custom-In": { "columns": [
            { "name": "HostName", "type": "string" }, { "name": "More", "type": "string" },
        ]}},
        "destinations": { "logAnalytics": [{
            "name": "w", "workspaceResourceId": house.there.workspace.as_str(),
        }]},
        "dataFlows": [{
            "streams": ["Custom-In"], "destinations": ["w"], "outputStream": "Microsoft-Syslog",
        }],
    }});
    let path =
        "{group}/providers/Microsoft.Insights/dataCollectionRules/own?api-version=2023-03-11";
    let made = house.call("PUT", path, &token, rule).await;
    assert!([200, 201].contains(&made.status), "{}", made.json());
    let id = made.json()["properties"]["immutableId"].as_str().unwrap().to_owned();
    let stream = format!("/dataCollectionRules/{id}/streams/Custom-In?api-version=2023-01-01");
    let told =
        send(&house, &stream, &[], r#"[{"HostName":"h","More":"x","SyslogMessage":"y"}]"#).await;
    assert_eq!(told.status, 204);
    let rows = house.tables.appended("Syslog").pop().unwrap();
    assert_eq!(rows.schema.columns.len(), 1, "{:?}", rows.schema);
    assert_eq!(rows.get(0, "HostName"), Some(Cell::string("h")));
}

const SIGN_INS: &str = "TimeGenerated:datetime, UserPrincipalName:string, AADTenantId:string, TenantId:string, Type:string, _ItemId:string";
const DIAGNOSTICS: &str = "TimeGenerated:datetime, Category:string, ResourceProvider:string, ResourceId:string, _ResourceId:string, OperationName:string, AdditionalFields:dynamic";

/// A house with tables in which it writes what happens; doors of each kind.
async fn house_with_evidence() -> Fixture {
    let house = house().await;
    for (name, columns) in [("SigninLogs", SIGN_INS), ("AzureDiagnostics", DIAGNOSTICS)] {
        put_table(&house.tables, &house.there.customer_id, name, columns).await;
    }
    house
}

#[tokio::test]
async fn what_happened_here_is_written_by_the_server_alone() {
    let house = house_with_evidence().await;
    let own = house.path("{sub}/resourceGroups/g/providers/Microsoft.KeyVault/vaults/default");
    let other = "/SUBSCRIPTIONS/0BF5C5E5-0000-0000-0000-000000000000/X";
    let call = |id: &str| json!({ "Category": "AuditEvent", "ResourceProvider": "MICROSOFT.KEYVAULT", "ResourceId": id, "AdditionalFields": { "sequence": 10_000_000_000_000_u64 } });
    let sign_in =
        |tenant: &str| json!({ "UserPrincipalName": "ann@contoso.com", "AADTenantId": tenant });
    let cases = [
        ("AzureDiagnostics", call(&own), false),
        ("AzureDiagnostics", call(&own.to_uppercase()), false),
        ("AzureDiagnostics", call(""), false),
        ("AzureDiagnostics", json!({ "Category": "Other", "_ResourceId": own }), false),
        ("AzureDiagnostics", call(other), true),
        ("AzureDiagnostics", json!({ "Category": "Other" }), true),
        ("SigninLogs", sign_in(&house.admin.tenant_id), false),
        ("SigninLogs", sign_in("0bf5c5e5-0000-0000-0000-000000000000"), true),
        ("SigninLogs", sign_in(""), true),
    ];
    let (sender, admin) = (house.admin_publisher().await, house.admin_token().await);
    let innocent = json!({ "Category": "Other", "UserPrincipalName": "x" });
    for (table, row, is_welcome) in cases {
        let stream = STREAM.replace("Syslog", table);
        let inline = format!("/v1/rest/ingest/vedette/{table}?streamFormat=multijson");
        let body = json!([innocent, row]);
        for path in [&stream, &inline] {
            let stored = house.tables.appends().len();
            let told = house.call("POST", path, &sender, body.clone()).await;
            assert_eq!(told.status < 300, is_welcome, "{path} {row} {}", told.status);
            if !is_welcome {
                assert_eq!(told.status, 403, "{path} {row}");
                let text = String::from_utf8_lossy(&told.bytes).into_owned();
                assert!(text.contains("written by the server alone"), "{text}");
                assert!(text.contains("element 1"), "{text}");
            }
            assert_eq!(house.tables.appends().len() > stored, is_welcome, "{path} {row}");
        }
        let told = house.call("POST", &stream, &admin, body).await;
        assert_eq!(told.status, 204, "whoever may make tables restores what was exported: {row}");
    }
    let command = format!(".ingest inline into table SigninLogs <| ,ann,{}", house.admin.tenant_id);
    let command = json!({ "db": "vedette", "csl": command });
    let told = house.call("POST", "/v1/rest/mgmt", &sender, command.clone()).await;
    assert!(told.status >= 400, "a sender of rows has no commands");
    assert_eq!(house.call("POST", "/v1/rest/mgmt", &admin, command).await.status, 200);
}

#[tokio::test]
async fn columns_that_azure_fills_are_not_the_senders() {
    let house = house_with_evidence().await;
    let made = ["TenantId", "Type", "_ItemId"];
    let row = json!([{ "UserPrincipalName": "a", "TenantId": "t", "Type": "t", "_ItemId": "t" }]);
    let stream = STREAM.replace("Syslog", "SigninLogs");
    let held = || {
        let rows = house.tables.appended("SigninLogs").pop().unwrap();
        made.map(|name| rows.schema.column(name).is_some())
    };
    let told = send(&house, &stream, &[], row.to_string()).await;
    assert_eq!(told.status, 204);
    assert_eq!(held(), [false; 3]);
    let admin = house.admin_token().await;
    assert_eq!(house.call("POST", &stream, &admin, row).await.status, 204);
    assert_eq!(held(), [true; 3], "exported rows come back as they were");
}
