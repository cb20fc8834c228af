//! Key Vault's wire form, rule by rule.

use serde_json::{Value, json};

use crate::house::{Fixture, Told, house};

pub const RESOURCE: &str = "https://vault.azure.net";
const V: &str = "api-version=7.4";

struct Vault {
    house: Fixture,
    token: String,
}

async fn vault() -> Vault {
    let house = house().await;
    let (id, secret) =
        (house.admin.client_id.clone(), house.admin.client_secret.expose().to_owned());
    let token = house.token_of(&id, &secret, RESOURCE).await;
    Vault { house, token }
}

impl Vault {
    async fn ask(&self, method: &str, path: &str, body: Value) -> Told {
        let mark = if path.contains('?') { '&' } else { '?' };
        self.house.call(method, &format!("{path}{mark}{V}"), &self.token, body).await
    }

    async fn good(&self, method: &str, path: &str, body: Value) -> Value {
        let told = self.ask(method, path, body).await;
        assert!(told.status == 200, "{method} {path}: {} {}", told.status, told.json());
        told.json()
    }

    async fn refused(&self, method: &str, path: &str, body: Value) -> (u16, String, String) {
        let told = self.ask(method, path, body).await;
        let error = told.json()["error"].clone();
        let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
        (told.status, text(&error["code"]), text(&error["innererror"]["code"]))
    }
}

fn refusal(status: u16, code: &str, inner: &str) -> (u16, String, String) {
    (status, code.to_owned(), inner.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_401_has_the_challenge_and_comes_before_anything_else() {
    let v = vault().await;
    let challenge = format!(
        r#"Bearer authorization="https://localhost:8443/{}", resource="https://vault.localhost:8443""#,
        v.house.admin.tenant_id
    );
    let arm = v.house.admin_token().await;
    for token in ["", "rubbish", arm.as_str()] {
        for (method, path) in [
            ("PUT", "/secrets/a"),
            ("GET", "/secrets/a/?api-version=7.4"),
            ("POST", "/keys/!!/create?api-version=none"),
            ("DELETE", "/no-such-thing"),
        ] {
            let path = if path == "/no-such-thing" { "/secrets/x/y/z/w" } else { path };
            let told = v.house.call(method, path, token, Value::Null).await;
            assert_eq!(told.status, 401, "{method} {path}");
            assert_eq!(told.header("www-authenticate"), challenge);
            assert_eq!(told.code(), "Unauthorized");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_lives_and_dies() {
    let v = vault().await;
    let sent = json!({
        "value": "va\"lue\n", "contentType": "text/plain", "tags": { "a": "b" },
        "attributes": { "exp": -1_767_594_496_i64, "nbf": 1_700_000_000 },
    });
    let first = v.good("PUT", "/secrets/First", sent).await;
    assert_eq!(first["value"], "va\"lue\n");
    let id = first["id"].as_str().unwrap();
    assert!(id.starts_with("https://localhost:8443/secrets/First/") && id.len() == 69, "{id}");
    let attributes = &first["attributes"];
    assert_eq!(attributes["exp"], 2_527_372_800_i64, "a 32-bit time behind 2038");
    assert_eq!(attributes["recoveryLevel"], "Recoverable+Purgeable");
    assert_eq!(attributes["recoverableDays"], 90);
    let second = v.good("PUT", "/secrets/first", json!({ "value": "two" })).await;
    let version = id.rsplit('/').next().unwrap();
    for path in ["/secrets/first", "/secrets/first/", "/secrets/FIRST//"] {
        assert_eq!(v.good("GET", path, Value::Null).await["value"], "two");
    }
    let old = v.good("GET", &format!("/secrets/first/{version}"), Value::Null).await;
    assert_eq!((&old["value"], &old["tags"]["a"]), (&json!("va\"lue\n"), &json!("b")));
    let latest = v.good("GET", "/secrets/first", Value::Null).await;
    assert_eq!(latest["previousVersion"], version);

    let patch = json!({ "attributes": { "enabled": false }, "tags": { "c": "d" } });
    let patched = v.good("PATCH", "/secrets/first/", patch).await;
    assert_eq!((&patched["id"], &patched["value"]), (&second["id"], &Value::Null));
    assert_eq!(
        v.refused("GET", "/secrets/first", Value::Null).await,
        refusal(403, "Forbidden", "SecretDisabled")
    );
    let versions = v.good("GET", "/secrets/first/versions", Value::Null).await;
    assert_eq!(versions["value"].as_array().unwrap().len(), 2);
    assert_eq!(versions["nextLink"], Value::Null);
    let list = v.good("GET", "/secrets", Value::Null).await;
    assert_eq!(list["value"][0]["id"], "https://localhost:8443/secrets/First");
    assert_eq!(list["value"][0]["value"], Value::Null);

    let gone = v.good("DELETE", "/secrets/first", Value::Null).await;
    assert_eq!(gone["recoveryId"], "https://localhost:8443/deletedsecrets/First");
    let days = gone["scheduledPurgeDate"].as_i64().unwrap() - gone["deletedDate"].as_i64().unwrap();
    assert_eq!(days, 90 * 86_400);
    assert_eq!(
        v.refused("GET", "/secrets/first", Value::Null).await,
        refusal(404, "SecretNotFound", "")
    );
    let taken = refusal(409, "Conflict", "ObjectIsDeletedButRecoverable");
    assert_eq!(v.refused("PUT", "/secrets/first", json!({ "value": "x" })).await, taken);
    assert_eq!(
        v.good("GET", "/deletedsecrets/first", Value::Null).await["recoveryId"],
        gone["recoveryId"]
    );
    assert_eq!(
        v.good("GET", "/deletedsecrets", Value::Null).await["value"].as_array().unwrap().len(),
        1
    );
    v.good("POST", "/deletedsecrets/first/recover", Value::Null).await;
    assert_eq!(v.refused("GET", "/deletedsecrets/first", Value::Null).await.0, 404);
    assert_eq!(
        v.good("GET", &format!("/secrets/first/{version}"), Value::Null).await["value"],
        "va\"lue\n"
    );

    let backup = v.good("POST", "/secrets/first/backup", Value::Null).await;
    assert_eq!(v.refused("POST", "/secrets/restore", backup.clone()).await.0, 409);
    v.good("DELETE", "/secrets/first", Value::Null).await;
    let purged = v.ask("DELETE", "/deletedsecrets/first", Value::Null).await;
    assert_eq!((purged.status, purged.bytes.len()), (204, 0));
    let back = v.good("POST", "/secrets/restore", backup).await;
    assert_eq!(back["id"], second["id"]);
    assert_eq!(
        v.good("GET", &format!("/secrets/first/{version}"), Value::Null).await["value"],
        "va\"lue\n"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_while_somebody_writes() {
    let v = vault().await;
    for i in 0..60 {
        v.good("PUT", &format!("/secrets/s{i:03}"), json!({ "value": "x" })).await;
    }
    let mut seen = Vec::new();
    let mut page = v.good("GET", "/secrets?maxresults=7", Value::Null).await;
    loop {
        let items = page["value"].as_array().unwrap();
        seen.extend(
            items.iter().map(|i| i["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()),
        );
        v.good("PUT", &format!("/secrets/a{}", seen.len()), json!({ "value": "new" })).await;
        let Some(next) = page["nextLink"].as_str().map(str::to_owned) else { break };
        assert!(items.len() == 7 && next.starts_with("https://localhost:8443/secrets?"), "{next}");
        let told = v
            .house
            .call("GET", next.trim_start_matches("https://localhost:8443"), &v.token, Value::Null)
            .await;
        assert_eq!(told.status, 200, "{}", told.json());
        page = told.json();
    }
    let expected: Vec<String> = (0..60).map(|i| format!("s{i:03}")).collect();
    assert_eq!(seen, expected);
    let all = v.good("GET", "/secrets", Value::Null).await;
    assert_eq!(all["value"].as_array().unwrap().len(), 25);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named() {
    let v = vault().await;
    let secret = |value: Value| json!({ "value": value });
    let bad = refusal(400, "BadParameter", "");
    for (method, path, body) in [
        ("PUT", "/secrets/a_b", secret(json!("x"))),
        ("PUT", "/secrets/a", secret(json!(7))),
        ("PUT", "/secrets/a", json!({})),
        ("PUT", "/secrets/a", secret(json!("x".repeat(26_000)))),
        ("PUT", "/secrets/a", json!({ "value": "x", "tags": { "a": 1 } })),
        ("PUT", "/secrets/a", json!({ "value": "x", "attributes": { "exp": "soon" } })),
        ("PUT", "/secrets/a", json!({ "value": "x", "attributes": { "nbf": 2, "exp": 1 } })),
        ("GET", "/secrets/a/xyz", Value::Null),
        ("GET", "/secrets?maxresults=26", Value::Null),
        ("GET", "/secrets?maxresults=0", Value::Null),
        ("GET", "/secrets?$skiptoken=***", Value::Null),
        ("POST", "/secrets/restore", secret(json!("AAAA"))),
        ("POST", "/secrets/restore", secret(json!("***"))),
    ] {
        assert_eq!(v.refused(method, path, body).await, bad, "{method} {path}");
    }
    for (path, status, code) in [
        ("/secrets/none?api-version=7.4", 404, "SecretNotFound"),
        ("/secrets/none/00000000000000000000000000000000?api-version=7.4", 404, "SecretNotFound"),
        ("/deletedsecrets/none?api-version=7.4", 404, "SecretNotFound"),
        ("/secrets/none", 400, "BadParameter"),
        ("/secrets/none?api-version=6.0", 400, "BadParameter"),
        ("/secrets/none?api%2Dversion=2026-04-01", 404, "SecretNotFound"),
        ("/secrets/a/b/c/d?api-version=7.4", 404, "NotFound"),
    ] {
        let told = v.house.call("GET", path, &v.token, Value::Null).await;
        assert_eq!((told.status, told.code().as_str()), (status, code), "{path}");
    }
    let told = v.ask("PUT", "/secrets/a", secret(json!(["canary-in-a-list"]))).await;
    assert!(!told.json().to_string().contains("canary"), "{}", told.json());
}
