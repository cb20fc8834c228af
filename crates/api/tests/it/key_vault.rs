//! Key Vault's wire form, rule by rule.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
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

fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_used_and_told_apart() {
    let v = vault().await;
    // kty, what else is sent, members of the JWK with their lengths
    let cases = [
        ("RSA", json!({}), vec![("n", 342), ("e", 4)]),
        ("RSA-HSM", json!({ "key_size": 2048 }), vec![("n", 342)]),
        ("EC", json!({}), vec![("x", 43), ("y", 43)]),
        ("EC-HSM", json!({ "crv": "P-384" }), vec![("x", 64), ("y", 64)]),
        ("EC", json!({ "crv": "P-521" }), vec![("x", 88), ("y", 88)]),
        ("EC", json!({ "crv": "P-256K" }), vec![("x", 43), ("y", 43)]),
        ("oct", json!({ "key_size": 128 }), vec![]),
        ("oct-HSM", json!({}), vec![]),
    ];
    for (i, (kty, mut body, members)) in cases.into_iter().enumerate() {
        body["kty"] = json!(kty);
        let made = v.good("POST", &format!("/keys/k{i}/create"), body.clone()).await;
        let key = &made["key"];
        assert_eq!(key["kty"], kty);
        assert_eq!(key.get("d").or_else(|| key.get("k")), None);
        for (name, length) in members {
            assert_eq!(key[name].as_str().unwrap().len(), length, "{kty} {name}");
        }
        if kty.starts_with("RSA") {
            assert_eq!(key["e"], "AQAB");
        }
        if let Some(curve) = body.get("crv") {
            assert_eq!(&key["crv"], curve);
        }
        let got = v.good("GET", &format!("/keys/k{i}/"), Value::Null).await;
        assert_eq!(got, made);
    }
    let list = v.good("GET", "/keys", Value::Null).await;
    assert_eq!(list["value"].as_array().unwrap().len(), 8);
    assert_eq!(list["value"][0]["kid"], "https://localhost:8443/keys/k0");

    let digest = encoded(&[7; 32]);
    let signed = v.good("POST", "/keys/k2//sign", json!({ "alg": "ES256", "value": digest })).await;
    assert!(signed["kid"].as_str().unwrap().starts_with("https://localhost:8443/keys/k2/"));
    let signature = signed["value"].as_str().unwrap();
    let check =
        |digest: &str, value: &str| json!({ "alg": "ES256", "digest": digest, "value": value });
    let verify = "/keys/k2/verify";
    assert_eq!(v.good("POST", verify, check(&digest, signature)).await, json!({ "value": true }));
    let other = encoded(&[8; 32]);
    assert_eq!(v.good("POST", verify, check(&other, signature)).await, json!({ "value": false }));
    let bad = refusal(400, "BadParameter", "");
    let short = json!({ "alg": "ES256", "value": encoded(&[7; 31]) });
    assert_eq!(v.refused("POST", "/keys/k2/sign", short).await, bad);
    let unfit = json!({ "alg": "ES384", "value": encoded(&[7; 48]) });
    assert_eq!(v.refused("POST", "/keys/k2/sign", unfit).await, bad);

    let plain = encoded(b"secret text");
    for (key, algorithm) in [
        ("k0", "RSA-OAEP"),
        ("k1", "RSA-OAEP-256"),
        ("k0", "RSA1_5"),
        ("k7", "A256GCM"),
        ("k6", "A128CBCPAD"),
    ] {
        let sent = json!({ "alg": algorithm, "value": plain });
        let mut text = v.good("POST", &format!("/keys/{key}/encrypt"), sent).await;
        text["alg"] = json!(algorithm);
        let back = v.good("POST", &format!("/keys/{key}//decrypt"), text.clone()).await;
        assert_eq!(back["value"], plain, "{algorithm}");
        text["value"] = json!(encoded(&[1; 256]));
        assert_eq!(v.refused("POST", &format!("/keys/{key}/decrypt"), text).await.0, 400);
    }
    for (key, algorithm) in [("k0", "RSA-OAEP"), ("k7", "A256KW"), ("k6", "CKM_AES_KEY_WRAP_PAD")] {
        let sent = json!({ "alg": algorithm, "value": encoded(&[3; 32]) });
        let wrapped = v.good("POST", &format!("/keys/{key}/wrapkey"), sent).await;
        let sent = json!({ "alg": algorithm, "value": wrapped["value"] });
        let back = v.good("POST", &format!("/keys/{key}/unwrapkey"), sent).await;
        assert_eq!(back["value"], encoded(&[3; 32]), "{algorithm}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_follow_their_rules() {
    let v = vault().await;
    let made = v.good("POST", "/keys/k/create", json!({ "kty": "EC", "key_ops": ["sign"] })).await;
    let sign = json!({ "alg": "ES256", "value": encoded(&[7; 32]) });
    let verify = json!({ "alg": "ES256", "digest": encoded(&[7; 32]), "value": encoded(&[7; 64]) });
    let forbidden = refusal(403, "Forbidden", "KeyOperationForbidden");
    assert_eq!(v.refused("POST", "/keys/k/verify", verify.clone()).await, forbidden);
    let patch = json!({ "key_ops": ["sign", "verify"], "attributes": { "exp": 1_000_000_000 } });
    v.good("PATCH", "/keys/k/", patch).await;
    assert_eq!(
        v.refused("POST", "/keys/k/sign", sign.clone()).await,
        refusal(403, "Forbidden", "KeyExpired")
    );
    assert_eq!(v.good("POST", "/keys/k/verify", verify).await["value"], false);
    v.good("PATCH", "/keys/k", json!({ "attributes": { "enabled": false } })).await;
    assert_eq!(
        v.refused("POST", "/keys/k/sign", sign.clone()).await,
        refusal(403, "Forbidden", "KeyDisabled")
    );
    assert_eq!(v.good("GET", "/keys/k", Value::Null).await["key"]["kid"], made["key"]["kid"]);

    // rotation
    let usual = v.good("GET", "/keys/k/rotationpolicy", Value::Null).await;
    assert_eq!(usual["lifetimeActions"][0]["action"]["type"], "Notify");
    let policy = json!({
        "lifetimeActions": [{ "trigger": { "timeAfterCreate": "P30D" }, "action": { "type": "rotate" } }],
        "attributes": { "expiryTime": "P90D" },
    });
    let set = v.good("PUT", "/keys/k/rotationpolicy", policy).await;
    assert_eq!(set["id"], "https://localhost:8443/keys/k/rotationpolicy");
    let bad = json!({ "lifetimeActions": [{ "trigger": { "timeAfterCreate": "P1D" }, "action": { "type": "rotate" } }] });
    assert_eq!(v.refused("PUT", "/keys/k/rotationpolicy", bad).await.0, 400);
    let rotated = v.good("POST", "/keys/k/rotate", Value::Null).await;
    assert_ne!(rotated["key"]["kid"], made["key"]["kid"]);
    let attributes = &rotated["attributes"];
    assert_eq!(
        attributes["exp"].as_i64().unwrap() - attributes["created"].as_i64().unwrap(),
        90 * 86_400
    );
    let now = attributes["created"].as_i64().unwrap();
    let vaults = &v.house.house.vaults;
    assert_eq!(vaults.rotate_due(now + 29 * 86_400).unwrap(), 0);
    assert_eq!(vaults.rotate_due(now + 31 * 86_400).unwrap(), 1);
    let versions = v.good("GET", "/keys/k/versions", Value::Null).await;
    assert_eq!(versions["value"].as_array().unwrap().len(), 3);

    // life
    let backup = v.good("POST", "/keys/k/backup", Value::Null).await;
    let gone = v.good("DELETE", "/keys/k", Value::Null).await;
    assert_eq!(gone["recoveryId"], "https://localhost:8443/deletedkeys/k");
    assert_eq!(
        v.refused("POST", "/keys/k/create", json!({ "kty": "EC" })).await,
        refusal(409, "Conflict", "ObjectIsDeletedButRecoverable")
    );
    v.good("POST", "/deletedkeys/k/recover", Value::Null).await;
    v.good("DELETE", "/keys/k", Value::Null).await;
    assert_eq!(v.ask("DELETE", "/deletedkeys/k", Value::Null).await.status, 204);
    v.good("POST", "/keys/restore", backup).await;
    v.good("POST", "/keys/k/sign", sign).await;

    let random = v.good("POST", "/rng", json!({ "count": 16 })).await;
    assert_eq!(random["value"].as_str().unwrap().len(), 22);
    for (method, path, body) in [
        ("POST", "/rng", json!({ "count": 129 })),
        ("POST", "/keys/k//release", json!({ "target": "x" })),
        ("GET", "/keys/k//attestation", Value::Null),
        ("POST", "/keys/x/create", json!({ "kty": "RSA", "key_size": 1024 })),
        ("POST", "/keys/x/create", json!({ "kty": "DSA" })),
        ("POST", "/keys/x/create", json!({ "kty": "EC", "crv": "P-224" })),
        ("POST", "/keys/x/create", json!({ "kty": "RSA", "key_ops": ["fly"] })),
        ("POST", "/keys/x/create", json!({ "kty": "RSA", "release_policy": { "data": "x" } })),
        ("PUT", "/keys/x", json!({ "key": { "kty": "RSA", "n": "AQ", "e": "AQAB" } })),
        ("PUT", "/keys/x", json!({ "key": { "kty": "oct", "k": "AAAA" } })),
    ] {
        assert_eq!(v.refused(method, path, body).await, refusal(400, "BadParameter", ""), "{path}");
    }
    let imported =
        json!({ "key": { "kty": "oct", "k": encoded(&[1; 16]), "key_ops": ["encrypt"] } });
    let made = v.good("PUT", "/keys/mine", imported).await;
    assert_eq!(
        (&made["key"]["kty"], &made["key"]["key_ops"]),
        (&json!("oct"), &json!(["encrypt"]))
    );
}

/// Method, path, body, the role that has just this right, and the access policy that has.
const RIGHTS: &[(&str, &str, &str, &str, &str)] = &[
    ("GET", "/secrets", "", READER, "secrets list"),
    ("PUT", "/secrets/s", r#"{"value":"v"}"#, SECRETS_OFFICER, "secrets set"),
    ("GET", "/secrets/s", "", SECRETS_USER, "secrets get"),
    ("GET", "/secrets/s/versions", "", SECRETS_USER, "secrets list"),
    ("PATCH", "/secrets/s", "{}", SECRETS_OFFICER, "secrets set"),
    ("POST", "/secrets/s/backup", "", SECRETS_OFFICER, "secrets backup"),
    ("POST", "/secrets/restore", r#"{"value":"x"}"#, SECRETS_OFFICER, "secrets restore"),
    ("DELETE", "/secrets/s", "", SECRETS_OFFICER, "secrets delete"),
    ("GET", "/deletedsecrets", "", READER, "secrets list"),
    ("GET", "/deletedsecrets/s", "", READER, "secrets get"),
    ("POST", "/deletedsecrets/s/recover", "", SECRETS_OFFICER, "secrets recover"),
    ("DELETE", "/deletedsecrets/x", "", SECRETS_OFFICER, "secrets purge"),
    ("GET", "/keys", "", READER, "keys list"),
    ("POST", "/keys/k/create", r#"{"kty":"oct"}"#, CRYPTO_OFFICER, "keys create"),
    (
        "PUT",
        "/keys/i",
        r#"{"key":{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAA"}}"#,
        CRYPTO_OFFICER,
        "keys import",
    ),
    ("POST", "/keys/k/rotate", "", CRYPTO_OFFICER, "keys rotate"),
    ("GET", "/keys/k", "", CRYPTO_USER, "keys get"),
    ("GET", "/keys/k/versions", "", CRYPTO_USER, "keys list"),
    ("PATCH", "/keys/k", "{}", CRYPTO_USER, "keys update"),
    ("GET", "/keys/k/rotationpolicy", "", READER, "keys getrotationpolicy"),
    ("PUT", "/keys/k/rotationpolicy", "{}", CRYPTO_OFFICER, "keys setrotationpolicy"),
    ("POST", "/keys/k/encrypt", r#"{"alg":"A256GCM","value":"AA"}"#, CRYPTO_USER, "keys encrypt"),
    ("POST", "/keys/k/decrypt", r#"{"alg":"A256GCM","value":"AA"}"#, CRYPTO_USER, "keys decrypt"),
    ("POST", "/keys/k/sign", r#"{"alg":"HS256","value":"AA"}"#, CRYPTO_USER, "keys sign"),
    (
        "POST",
        "/keys/k/verify",
        r#"{"alg":"HS256","value":"AA","digest":"AA"}"#,
        CRYPTO_USER,
        "keys verify",
    ),
    (
        "POST",
        "/keys/k/wrapkey",
        r#"{"alg":"A256KW","value":"AAAAAAAAAAAAAAAAAAAAAA"}"#,
        SERVICE_USER,
        "keys wrapKey",
    ),
    (
        "POST",
        "/keys/k/unwrapkey",
        r#"{"alg":"A256KW","value":"AAAA"}"#,
        SERVICE_USER,
        "keys unwrapKey",
    ),
    ("POST", "/keys/k/release", r#"{"target":"x"}"#, RELEASE_USER, "keys release"),
    ("GET", "/keys/k/attestation", "", READER, "keys get"),
    ("POST", "/keys/k/backup", "", CRYPTO_USER, "keys backup"),
    ("POST", "/keys/restore", r#"{"value":"x"}"#, CRYPTO_OFFICER, "keys restore"),
    ("POST", "/rng", r#"{"count":1}"#, CRYPTO_OFFICER, "keys get"),
    ("DELETE", "/keys/k", "", CRYPTO_OFFICER, "keys delete"),
    ("GET", "/deletedkeys", "", READER, "keys list"),
    ("GET", "/deletedkeys/k", "", READER, "keys get"),
    ("POST", "/deletedkeys/k/recover", "", CRYPTO_OFFICER, "keys recover"),
    ("DELETE", "/deletedkeys/x", "", CRYPTO_OFFICER, "keys purge"),
];

const READER: &str = "21090545-7ca7-4776-b22c-e363652d74d2";
const SECRETS_OFFICER: &str = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7";
const SECRETS_USER: &str = "4633458b-17de-408a-b874-0445c86b69e6";
const CRYPTO_OFFICER: &str = "14b46e9e-c2b7-41b4-b07b-48a6ebf60603";
const CRYPTO_USER: &str = "12338af0-0e69-4776-bea7-57ae8d297424";
const SERVICE_USER: &str = "e147488a-f6f5-4113-8e2d-b22465e65bf6";
const RELEASE_USER: &str = "08bbd89e-9f13-488c-ac41-acfcb10c90ab";
const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";

const DEFAULT_VAULT: &str = "{group}/providers/Microsoft.KeyVault/vaults/default";

fn body(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { serde_json::from_str(text).unwrap() }
}

fn with_version(path: &str) -> String {
    format!("{path}?{V}")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_asks_for_a_token_and_for_its_own_right() {
    let v = vault().await;
    let scope = v.house.path(DEFAULT_VAULT);
    // everything over the resource, nothing inside the vault
    let outside = v.house.principal(CONTRIBUTOR, &scope, RESOURCE).await;
    let mut tokens = std::collections::BTreeMap::new();
    for role in [
        READER,
        SECRETS_OFFICER,
        SECRETS_USER,
        CRYPTO_OFFICER,
        CRYPTO_USER,
        SERVICE_USER,
        RELEASE_USER,
    ] {
        tokens.insert(role, v.house.principal(role, &scope, RESOURCE).await);
    }
    v.good("PUT", "/secrets/s", json!({ "value": "v" })).await;
    v.good("POST", "/keys/k/create", json!({ "kty": "oct" })).await;
    for (method, path, text, role, _) in RIGHTS {
        let path = &with_version(path);
        let nobody = v.house.call(method, path, "", body(text)).await;
        assert_eq!(nobody.status, 401, "{method} {path}");
        assert!(nobody.header("www-authenticate").starts_with("Bearer authorization="));
        let told = v.house.call(method, path, &outside, body(text)).await;
        let error = told.json()["error"].clone();
        assert_eq!(
            (told.status, &error["innererror"]["code"]),
            (403, &json!("ForbiddenByRbac")),
            "{method} {path}"
        );
        assert!(error["message"].as_str().unwrap().contains("Action: 'Microsoft.KeyVault/vaults/"));
        let good = v.house.call(method, path, &tokens[role], body(text)).await;
        assert!(
            ![401, 403, 405].contains(&good.status),
            "{method} {path}: {} {}",
            good.status,
            String::from_utf8_lossy(&good.bytes)
        );
        // a reader sees, and changes nothing
        if *role == SECRETS_OFFICER || *role == CRYPTO_OFFICER {
            let told = v.house.call(method, path, &tokens[READER], body(text)).await;
            assert_eq!(told.status, 403, "{method} {path} by a reader");
        }
        let is_secret = path.contains("secret");
        let stranger = if is_secret { CRYPTO_OFFICER } else { SECRETS_OFFICER };
        let told = v.house.call(method, path, &tokens[stranger], body(text)).await;
        assert_eq!(told.status, 403, "{method} {path} by an officer of the other kind");
    }
    // a role at one secret reaches that secret alone
    v.good("PUT", "/secrets/other", json!({ "value": "v" })).await;
    let one = v.house.principal(SECRETS_USER, &format!("{scope}/secrets/s"), RESOURCE).await;
    for (path, status) in [("/secrets/s", 200), ("/secrets/other", 403), ("/secrets", 403)] {
        assert_eq!(
            v.house.call("GET", &with_version(path), &one, Value::Null).await.status,
            status,
            "{path}"
        );
    }
}

/// Resource Manager, in the administrator's name.
async fn manage(v: &Vault, method: &str, path: &str, body: Value) -> Told {
    let token = v.house.admin_token().await;
    v.house.call(method, &format!("{path}?api-version=2023-07-01"), &token, body).await
}

async fn on_host(
    v: &Vault,
    host: &str,
    method: &str,
    path: &str,
    token: &str,
    body: Value,
) -> Told {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    let mut request = v.house.request(method, path, token, &[], text);
    request.headers_mut().insert("host", host.parse().unwrap());
    v.house.send(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn access_policies_decide_where_roles_do_not() {
    let v = vault().await;
    let path = "{group}/providers/Microsoft.KeyVault/vaults/policies";
    let tenant = v.house.admin.tenant_id.clone();
    let made = manage(
        &v,
        "PUT",
        path,
        json!({ "location": "local", "properties": {
        "tenantId": tenant, "sku": { "family": "A", "name": "standard" }, "accessPolicies": [],
    } }),
    )
    .await;
    assert_eq!(made.status, 201, "{}", made.json());
    assert_eq!(made.json()["properties"]["vaultUri"], "https://policies.vault.localhost:8443/");
    let host = "policies.vault.localhost:8443";
    for (method, path, text, _, permission) in RIGHTS {
        let path = &with_version(path);
        let refused = on_host(&v, host, method, path, &v.token, body(text)).await;
        assert_eq!(refused.status, 403, "{method} {path}");
        assert_eq!(refused.json()["error"]["innererror"]["code"], "ForbiddenByPolicy");
        let (kind, word) = permission.split_once(' ').unwrap();
        let policy = json!({ "properties": { "accessPolicies": [{
            "tenantId": tenant, "objectId": v.house.admin.object_id, "permissions": { kind: [word] },
        }] } });
        let policies = "{group}/providers/Microsoft.KeyVault/vaults/policies/accessPolicies";
        let told = manage(&v, "PUT", &format!("{policies}/add"), policy.clone()).await;
        assert_eq!(told.status, 200, "{}", told.json());
        let told = on_host(&v, host, method, path, &v.token, body(text)).await;
        assert!(
            ![401, 403, 405].contains(&told.status),
            "{method} {path}: {} {}",
            told.status,
            String::from_utf8_lossy(&told.bytes)
        );
        manage(&v, "PUT", &format!("{policies}/remove"), policy).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn vaults_are_resources() {
    let v = vault().await;
    let path = "{group}/providers/Microsoft.KeyVault/vaults/Second";
    let tenant = v.house.admin.tenant_id.clone();
    let properties = json!({ "tenantId": tenant, "enableRbacAuthorization": true, "softDeleteRetentionInDays": 7 });
    let body = json!({ "location": "local", "tags": { "a": "b" }, "properties": properties });
    let made = manage(&v, "PUT", path, body.clone()).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let host = "second.vault.localhost:8443";
    let secret = "/secrets/s?api-version=7.4";
    let told = on_host(&v, host, "PUT", secret, &v.token, json!({ "value": "kept" })).await;
    assert_eq!(told.json()["attributes"]["recoveryLevel"], "CustomizedRecoverable+Purgeable");
    assert!(
        told.json()["id"]
            .as_str()
            .unwrap()
            .starts_with("https://second.vault.localhost:8443/secrets/s/")
    );
    let challenge = on_host(&v, host, "GET", secret, "", Value::Null).await;
    let tenant_url = format!("https://localhost:8443/{tenant}");
    assert!(challenge.header("www-authenticate").contains(&tenant_url));
    assert_eq!(v.ask("GET", "/secrets/s", Value::Null).await.status, 404, "another vault's");
    assert_eq!(
        on_host(&v, "third.vault.localhost", "GET", secret, &v.token, Value::Null).await.status,
        404
    );

    // a backup of one vault goes into another, and nowhere else
    let backup =
        on_host(&v, host, "POST", "/secrets/s/backup?api-version=7.4", &v.token, Value::Null)
            .await
            .json();
    assert!(
        !String::from_utf8_lossy(
            &URL_SAFE_NO_PAD.decode(backup["value"].as_str().unwrap()).unwrap()
        )
        .contains("kept")
    );
    assert_eq!(
        v.good("POST", "/secrets/restore", backup).await["id"].as_str().unwrap().split('/').nth(2),
        Some("localhost:8443")
    );
    assert_eq!(v.good("GET", "/secrets/s", Value::Null).await["value"], "kept");

    // network rules
    let acls = |action: &str, range: &str| {
        json!({ "properties": { "networkAcls": {
        "defaultAction": action, "ipRules": [{ "value": range }],
    } } })
    };
    assert_eq!(manage(&v, "PATCH", path, acls("Deny", "10.0.0.0/8")).await.status, 200);
    let refused = on_host(&v, host, "GET", secret, &v.token, Value::Null).await;
    assert_eq!(
        (refused.status, &refused.json()["error"]["innererror"]["code"]),
        (403, &json!("ForbiddenByFirewall"))
    );
    assert_eq!(manage(&v, "PATCH", path, acls("Deny", "127.0.0.0/8")).await.status, 200);
    assert_eq!(on_host(&v, host, "GET", secret, &v.token, Value::Null).await.status, 200);
    assert_eq!(manage(&v, "PATCH", path, acls("Maybe", "x")).await.status, 400);

    // deleted, seen, recovered, purged
    let check = |name: &str| json!({ "name": name, "type": "Microsoft.KeyVault/vaults" });
    let free = "{sub}/providers/Microsoft.KeyVault/checkNameAvailability";
    assert_eq!(manage(&v, "POST", free, check("second")).await.json()["reason"], "AlreadyExists");
    assert_eq!(manage(&v, "POST", free, check("free-one")).await.json()["nameAvailable"], true);
    assert_eq!(manage(&v, "POST", free, check("9x")).await.json()["reason"], "AccountNameInvalid");
    assert_eq!(manage(&v, "DELETE", path, Value::Null).await.status, 200);
    assert_eq!(on_host(&v, host, "GET", secret, &v.token, Value::Null).await.status, 404);
    let all = manage(&v, "GET", "{sub}/providers/Microsoft.KeyVault/deletedVaults", Value::Null)
        .await
        .json();
    assert_eq!(all["value"][0]["name"], "Second");
    let one = "{sub}/providers/Microsoft.KeyVault/locations/local/deletedVaults/second";
    assert_eq!(manage(&v, "GET", one, Value::Null).await.json()["properties"]["tags"]["a"], "b");
    assert_eq!(manage(&v, "PUT", path, body.clone()).await.status, 409, "its name is held");
    let recover = json!({ "location": "local", "properties": { "createMode": "recover" } });
    let back = manage(&v, "PUT", path, recover.clone()).await;
    assert_eq!((back.status, &back.json()["tags"]["a"]), (201, &json!("b")));
    assert_eq!(
        on_host(&v, host, "GET", secret, &v.token, Value::Null).await.json()["value"],
        "kept"
    );
    manage(&v, "DELETE", path, Value::Null).await;
    assert_eq!(manage(&v, "POST", &format!("{one}/purge"), Value::Null).await.status, 200);
    assert_eq!(manage(&v, "PUT", path, recover).await.status, 404);
    assert_eq!(manage(&v, "PUT", path, body).await.status, 201);
    assert_eq!(
        on_host(&v, host, "GET", secret, &v.token, Value::Null).await.status,
        404,
        "nothing is left"
    );

    // protection
    let protect = json!({ "properties": { "enablePurgeProtection": true } });
    assert_eq!(manage(&v, "PATCH", path, protect).await.status, 200);
    let back = json!({ "properties": { "enablePurgeProtection": false } });
    assert_eq!(manage(&v, "PATCH", path, back).await.status, 400);
    on_host(&v, host, "PUT", secret, &v.token, json!({ "value": "x" })).await;
    on_host(&v, host, "DELETE", secret, &v.token, Value::Null).await;
    let purge =
        on_host(&v, host, "DELETE", "/deletedsecrets/s?api-version=7.4", &v.token, Value::Null)
            .await;
    assert_eq!(purge.status, 403);
    manage(&v, "DELETE", path, Value::Null).await;
    assert_eq!(manage(&v, "POST", &format!("{one}/purge"), Value::Null).await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_means_that_only_status_and_unseal_answer() {
    let v = vault().await;
    let admin = v.house.admin_token().await;
    v.good("PUT", "/secrets/s", json!({ "value": "x" })).await;
    let seal = |word: &'static str, body: Value| {
        let (house, admin) = (&v.house, admin.clone());
        async move {
            let method = if word == "status" { "GET" } else { "POST" };
            house.call(method, &format!("/vault/{word}"), &admin, body).await
        }
    };
    assert_eq!(seal("status", Value::Null).await.json()["sealed"], false);
    assert_eq!(seal("seal", Value::Null).await.json()["sealed"], true);
    for (method, path, text, ..) in RIGHTS {
        let told = v.ask(method, path, body(text)).await;
        assert_eq!((told.status, told.code().as_str()), (503, "VaultSealed"), "{method} {path}");
        assert!(!told.header("retry-after").is_empty());
    }
    for word in ["rekey", "rotate-root"] {
        assert_eq!(
            seal(word, json!({ "seals": [{ "kind": "keyFile" }] })).await.status,
            503,
            "{word}"
        );
    }
    assert_eq!(seal("status", Value::Null).await.status, 200);
    let wrong = json!({ "passphrase": "wrong" });
    assert_eq!(seal("unseal", wrong).await.status, 403);
    assert_eq!(seal("unseal", json!({})).await.json()["sealed"], false);
    assert_eq!(v.good("GET", "/secrets/s", Value::Null).await["value"], "x");
    let told =
        seal("rekey", json!({ "seals": [{ "kind": "shamir", "threshold": 2, "count": 3 }] }))
            .await
            .json();
    assert_eq!(told["shares"].as_array().unwrap().len(), 3);
    assert_eq!(seal("rotate-root", Value::Null).await.json()["rootGeneration"], 2);
    seal("seal", Value::Null).await;
    for (at, open) in [(0, false), (2, true)] {
        let told = seal("unseal", json!({ "share": told["shares"][at] })).await.json();
        assert_eq!(told["sealed"], !open, "{told}");
    }
    assert_eq!(v.good("GET", "/secrets/s", Value::Null).await["value"], "x");
    for token in ["", v.token.as_str()] {
        assert_eq!(v.house.call("GET", "/vault/status", token, Value::Null).await.status, 401);
    }
    let reader = v
        .house
        .principal("acdd72a7-3385-48ef-bd42-f606fba81ae7", "{sub}", crate::house::ORIGIN)
        .await;
    assert_eq!(v.house.call("POST", "/vault/seal", &reader, Value::Null).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_audit_row_nothing_is_answered() {
    let v = vault().await;
    v.good("PUT", "/secrets/s", json!({ "value": "canary-value" })).await;
    v.house.tables.refuse_next_append(model::TablesError::Unwritable("no space left".into()));
    let told = v.ask("GET", "/secrets/s", Value::Null).await;
    assert_eq!(told.status, 503);
    assert!(!String::from_utf8_lossy(&told.bytes).contains("canary-value"));
    assert_eq!(v.good("GET", "/secrets/s", Value::Null).await["value"], "canary-value");
    let rows = v.house.tables.appended("AzureDiagnostics");
    let operations: Vec<String> = rows
        .iter()
        .flat_map(|r| (0..r.len()).map(|i| format!("{:?}", r.get(i, "OperationName").unwrap())))
        .collect();
    assert!(operations.iter().any(|o| o.contains("SecretSet")), "{operations:?}");
    assert_eq!(operations.iter().filter(|o| o.contains("SecretGet")).count(), 2, "{operations:?}");
    for row in rows.iter().flat_map(|r| r.values().collect::<Vec<_>>()) {
        assert!(!format!("{row:?}").contains("canary-value"));
    }
}
