//! Key Vault's wire form, rule by rule.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::vault_house::vault;

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
    assert_eq!(latest["previousVersion"], Value::Null, "certificates have one");
    let path = "/secrets/first?api-version=2026-04-01";
    let told = v.house.call("GET", path, &v.token, Value::Null).await.json();
    assert_eq!((&told["value"], &told["previousVersion"]), (&json!("two"), &Value::Null));

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
        ("GET", "/secrets?$skiptoken=L2tleXMKYQ", Value::Null), // of /keys
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
    // milliseconds are no seconds, wherever attributes stand
    let key = json!({ "kty": "oct", "k": encoded(&[1; 16]) });
    for (method, path, body) in [
        ("PUT", "/secrets/a", secret(json!("x"))),
        ("POST", "/keys/a/create", json!({ "kty": "EC" })),
        ("PUT", "/keys/a", json!({ "key": key })),
        (
            "POST",
            "/certificates/a/create",
            json!({ "policy": { "x509_props": { "subject": "CN=a" } } }),
        ),
        ("POST", "/certificates/a/import", secret(json!("x"))),
    ] {
        for (name, time) in [
            ("exp", json!(1_900_000_000_000_i64)),
            ("nbf", json!(253_402_300_800_i64)),
            ("exp", json!(u64::MAX)),
        ] {
            let mut body = body.clone();
            body["attributes"] = json!({ name: time });
            let told = v.ask(method, path, body).await;
            assert_eq!((told.status, told.code().as_str()), (400, "BadParameter"), "{path} {time}");
            let message = told.json()["error"]["message"].to_string();
            let says = format!("attributes.{name} is beyond the year 9999 and looks like milli");
            assert!(message.contains(&says), "{path} {time}: {message}");
        }
    }
    let last = json!({ "value": "x", "attributes": { "exp": 253_402_300_799_i64 } });
    assert_eq!(
        v.good("PUT", "/secrets/late", last).await["attributes"]["exp"],
        253_402_300_799_i64
    );
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
    let set = v.good("PUT", "/keys/k/rotationpolicy", policy.clone()).await;
    assert_eq!(set["id"], "https://localhost:8443/keys/k/rotationpolicy");
    let kinds: Vec<_> =
        (0..3).map(|i| set["lifetimeActions"][i]["action"]["type"].as_str()).collect();
    assert_eq!(kinds, [Some("Rotate"), Some("Notify"), None], "somebody is told, as in Azure");
    let bad = json!({ "lifetimeActions": [{ "trigger": { "timeAfterCreate": "P1D" }, "action": { "type": "rotate" } }] });
    assert_eq!(v.refused("PUT", "/keys/k/rotationpolicy", bad).await.0, 400);
    let with = |expiry: &str, trigger: &str, time: &str| {
        json!({
            "lifetimeActions": [{ "trigger": { trigger: time }, "action": { "type": "Rotate" } }],
            "attributes": { "expiryTime": expiry },
        })
    };
    for (expiry, trigger, time, status) in [
        ("P1Y10D", "timeAfterCreate", "P1Y", 200),
        ("P1Y6M", "timeBeforeExpiry", "P1M10D", 200),
        ("P1Y2M10DT2H30M", "timeAfterCreate", "P6M10DT12H", 200),
        ("P1Y", "timeAfterCreate", "P12M", 400),
        ("P90D", "timeAfterCreate", "P83D", 200),
        ("P90D", "timeBeforeExpiry", "P83D", 200),
        ("P90D", "timeAfterCreate", "P84D", 400),
        ("P90D", "timeBeforeExpiry", "P84D", 400),
        ("p90d", "timeAfterCreate", "P30D", 400),
        ("P90D", "timeAfterCreate", "P1Y6M", 400),
        ("P27D", "timeAfterCreate", "P7D", 400),
        ("P999999Y", "timeAfterCreate", "P30D", 400),
        ("P1Y", "timeBeforeExpiry", "P6DT23H", 400),
    ] {
        let told = v.ask("PUT", "/keys/k/rotationpolicy", with(expiry, trigger, time)).await;
        assert_eq!(told.status, status, "{expiry} {trigger} {time}: {}", told.json());
        if status == 200 {
            assert_eq!(told.json()["attributes"]["expiryTime"], expiry, "as it was sent");
        }
    }
    let twice = json!([
        { "trigger": { "timeAfterCreate": "P30D" }, "action": { "type": "Rotate" } },
        { "trigger": { "timeAfterCreate": "P60D" }, "action": { "type": "rotate" } },
    ]);
    let stands = v.good("GET", "/keys/k/rotationpolicy", Value::Null).await;
    for bad in [
        json!([]),
        json!("x"),
        Value::Null,
        json!({ "lifetimeActions": "x" }),
        json!({ "lifetimeActions": ["x"] }),
        json!({ "lifetimeActions": twice }),
        json!({ "LifetimeActions": [] }),
        json!({ "attributes": { "expiryTime": 30 } }),
        json!({ "attributes": { "ExpiryTime": "P90D" } }),
        json!({ "attributes": "P90D" }),
        json!({ "lifetimeActions": [{ "trigger": { "timeAfterCreate": 30 }, "action": { "type": "Rotate" } }] }),
        json!({ "lifetimeActions": [{ "trigger": "P30D", "action": { "type": "Rotate" } }] }),
    ] {
        let told = v.ask("PUT", "/keys/k/rotationpolicy", bad.clone()).await;
        assert_eq!((told.status, told.code().as_str()), (400, "BadParameter"), "{bad}");
    }
    assert_eq!(v.good("GET", "/keys/k/rotationpolicy", Value::Null).await, stands);
    assert_eq!(v.good("PUT", "/keys/k/rotationpolicy", stands.clone()).await["id"], stands["id"]);
    let long = v.ask("PUT", "/keys/k/rotationpolicy", with("P999999Y", "timeAfterCreate", "P9D"));
    let message = long.await.json()["error"]["message"].to_string();
    assert!(message.contains("expiryTime is longer than P100Y"), "{message}");
    v.good("PUT", "/keys/k/rotationpolicy", policy).await;
    let rotated = v.good("POST", "/keys/k/rotate", Value::Null).await;
    assert_ne!(rotated["key"]["kid"], made["key"]["kid"]);
    let attributes = &rotated["attributes"];
    assert_eq!(
        attributes["exp"].as_i64().unwrap() - attributes["created"].as_i64().unwrap(),
        90 * 86_400
    );
    let now = attributes["created"].as_i64().unwrap();
    let vaults = &v.house.house.vaults;
    assert!(vaults.rotate_due(now + 29 * 86_400).is_empty());
    let rotated = vaults.rotate_due(now + 31 * 86_400);
    assert!(matches!(&rotated[..], [r] if r.key == "k" && r.failure.is_none()));
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
        ("POST", "/keys/x/create", json!({ "kty": "EC", "key_ops": ["encrypt"] })),
        ("POST", "/keys/x/create", json!({ "kty": "EC", "key_ops": ["sign", "wrapKey"] })),
        ("PATCH", "/keys/k", json!({ "key_ops": ["encrypt"] })),
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

#[tokio::test(flavor = "multi_thread")]
async fn without_an_audit_row_nothing_is_answered() {
    let v = vault().await;
    v.good("PUT", "/secrets/s", json!({ "value": "canary-value" })).await;
    let audit = &v.house.house.vault_audit;
    audit.settle().await.unwrap();
    for _ in 0..8 {
        let refusal = model::TablesError::Unwritable("no space left".into());
        v.house.tables.refuse_next_append(refusal);
    }
    v.good("GET", "/secrets/s", Value::Null).await; // durable in the journal
    assert!(audit.settle().await.is_err());
    for (method, path) in [("GET", "/secrets/s"), ("PUT", "/secrets/t"), ("DELETE", "/secrets/s")] {
        let told = v.ask(method, path, json!({ "value": "x" })).await;
        assert_eq!(told.status, 503, "{method}");
        assert!(!String::from_utf8_lossy(&told.bytes).contains("canary-value"));
    }
    while audit.settle().await.is_err() {}
    assert_eq!(v.good("GET", "/secrets/s", Value::Null).await["value"], "canary-value");
    assert_eq!(v.ask("GET", "/secrets/t", Value::Null).await.status, 404, "nothing was changed");
    audit.settle().await.unwrap();
    let rows = v.house.tables.appended("AzureDiagnostics");
    let operations: Vec<String> = rows
        .iter()
        .flat_map(|r| (0..r.len()).map(|i| format!("{:?}", r.get(i, "OperationName").unwrap())))
        .collect();
    assert!(operations.iter().any(|o| o.contains("SecretSet")), "{operations:?}");
    assert_eq!(operations.iter().filter(|o| o.contains("SecretGet")).count(), 3, "{operations:?}");
    assert_eq!(operations.iter().filter(|o| o.contains("SecretSet")).count(), 1, "{operations:?}");
    for row in rows.iter().flat_map(|r| r.values().collect::<Vec<_>>()) {
        assert!(!format!("{row:?}").contains("canary-value"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn times_are_in_order_with_those_that_stand() {
    let v = vault().await;
    v.good("PUT", "/secrets/s", json!({ "value": "x", "attributes": { "exp": 2_000_000_000 } }))
        .await;
    v.good(
        "POST",
        "/keys/s/create",
        json!({ "kty": "EC", "attributes": { "nbf": 1_900_000_000 } }),
    )
    .await;
    for (path, attributes, status) in [
        ("/secrets/s", json!({ "nbf": 2_000_000_001 }), 400),
        ("/secrets/s", json!({ "nbf": 1_900_000_000 }), 200),
        ("/secrets/s", json!({ "exp": 1_899_999_999 }), 400),
        ("/secrets/s", json!({ "enabled": false }), 200),
        ("/keys/s", json!({ "exp": 1_899_999_999 }), 400),
        ("/keys/s", json!({ "nbf": 1, "exp": 2 }), 200),
    ] {
        let told = v.ask("PATCH", path, json!({ "attributes": attributes })).await;
        assert_eq!(told.status, status, "{path} {attributes}: {}", told.json());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_there_are_no_versions() {
    let v = vault().await;
    v.good("PUT", "/secrets/gone", json!({ "value": "x" })).await;
    v.good("DELETE", "/secrets/gone", Value::Null).await;
    let empty = json!({ "value": [], "nextLink": null });
    for kind in ["secrets", "keys", "certificates"] {
        for name in ["never", "gone"] {
            let path = format!("/{kind}/{name}/versions");
            assert_eq!(v.good("GET", &path, Value::Null).await, empty, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_have_the_members_of_their_version() {
    let v = vault().await;
    v.good("PUT", "/secrets/k", json!({ "value": "x" })).await;
    for kty in ["EC", "EC-HSM"] {
        v.good("POST", &format!("/keys/{kty}/create"), json!({ "kty": kty })).await;
        for (version, exportable, platform) in [
            ("7.0", Value::Null, Value::Null),
            ("7.2", Value::Null, Value::Null),
            ("7.3", json!(false), Value::Null),
            ("7.5-preview.1", json!(false), json!("0")),
            ("2025-07-01", json!(false), json!("0")),
        ] {
            for path in [format!("/keys/{kty}"), format!("/keys/{kty}/versions")] {
                let at = format!("{path}?api-version={version}");
                let told = v.house.call("GET", &at, &v.token, Value::Null).await.json();
                let told = if path.ends_with('s') { &told["value"][0] } else { &told };
                let attributes = &told["attributes"];
                assert_eq!(attributes["exportable"], exportable, "{path} {version}");
                assert_eq!(attributes["hsmPlatform"], platform, "{path} {version}");
            }
        }
    }
    let secret = v.house.call("GET", "/secrets/k?api-version=7.6", &v.token, Value::Null).await;
    assert_eq!(secret.json()["attributes"]["hsmPlatform"], Value::Null);
}
