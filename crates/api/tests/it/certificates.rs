//! Certificates' wire form, the rights on each route, and the doors that ask for no token.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::vault_house::{RESOURCE, V, vault};

fn policy(issuer: &str) -> Value {
    json!({ "policy": {
        "key_props": { "kty": "EC", "crv": "P-256" },
        "x509_props": { "subject": "cn=wire.example" },
        "issuer": { "name": issuer },
    } })
}

/// Every operation, with a body that would do.
const ROUTES: &[(&str, &str)] = &[
    ("GET", "/certificates"),
    ("POST", "/certificates/restore"),
    ("GET", "/certificates/contacts"),
    ("PUT", "/certificates/contacts"),
    ("DELETE", "/certificates/contacts"),
    ("GET", "/certificates/issuers"),
    ("GET", "/certificates/issuers/x"),
    ("PUT", "/certificates/issuers/x"),
    ("PATCH", "/certificates/issuers/x"),
    ("DELETE", "/certificates/issuers/x"),
    ("POST", "/certificates/c/create"),
    ("POST", "/certificates/c/import"),
    ("GET", "/certificates/c/versions"),
    ("GET", "/certificates/c/policy"),
    ("PATCH", "/certificates/c/policy"),
    ("GET", "/certificates/c/pending"),
    ("PATCH", "/certificates/c/pending"),
    ("DELETE", "/certificates/c/pending"),
    ("POST", "/certificates/c/pending/merge"),
    ("GET", "/certificates/c/deployments"),
    ("PUT", "/certificates/c/deployments"),
    ("POST", "/certificates/c/backup"),
    ("POST", "/certificates/c/revoke"),
    ("DELETE", "/certificates/c"),
    ("GET", "/certificates/c/"),
    ("PATCH", "/certificates/c/"),
    ("GET", "/deletedcertificates"),
    ("GET", "/deletedcertificates/c"),
    ("DELETE", "/deletedcertificates/c"),
    ("POST", "/deletedcertificates/c/recover"),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_route_opens_without_a_token_or_a_right() {
    let v = vault().await;
    let wrong_audience = v.house.admin_token().await;
    let powerless = v.house.principal("", "", RESOURCE).await;
    for (method, path) in ROUTES {
        let at = format!("{path}?{V}");
        for token in ["", "rubbish", wrong_audience.as_str()] {
            let told = v.house.call(method, &at, token, Value::Null).await;
            assert_eq!(told.status, 401, "{method} {path}");
            assert!(told.header("www-authenticate").starts_with("Bearer authorization="));
        }
        let told = v.house.call(method, &at, &powerless, Value::Null).await;
        assert_eq!(told.status, 403, "{method} {path}");
        let told = v.ask(method, path, Value::Null).await;
        assert!(![401, 403, 405, 500].contains(&told.status), "{method} {path}: {}", told.status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_on_the_wire() {
    let v = vault().await;
    let told = v.ask("POST", "/certificates/Wire/create", policy("Self")).await;
    assert_eq!((told.status, &told.json()["status"]), (202, &json!("inProgress")));
    let pending = v.good("GET", "/certificates/wire/pending", Value::Null).await;
    assert_eq!(pending["status"], "completed");
    let made = v.good("GET", "/certificates/wire/", Value::Null).await;
    let version = made["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let part = |name: &str| made[name].as_str().unwrap().to_owned();
    assert!(part("kid").ends_with(&format!("/keys/Wire/{version}")));
    assert!(part("sid").ends_with(&format!("/secrets/Wire/{version}")));
    assert_eq!(part("x5t").len(), 27);
    assert!(made["attributes"]["nbf"].is_i64() && made["attributes"]["recoveryLevel"].is_string());
    assert!(made["policy"]["id"].as_str().unwrap().ends_with("/certificates/Wire/policy"));
    let listed = v.good("GET", "/certificates", Value::Null).await;
    assert!(listed["value"][0]["id"].as_str().unwrap().ends_with("/certificates/Wire"));
    assert_eq!(listed["value"][0]["policy"], Value::Null);
    let twin = v.good("GET", "/secrets/wire/", Value::Null).await;
    assert_eq!((&twin["managed"], &twin["kid"]), (&json!(true), &made["kid"]));
    let key = v.good("GET", "/keys/wire/", Value::Null).await;
    assert_eq!((&key["key"]["kty"], &key["managed"]), (&json!("EC"), &json!(true)));
    assert!(![200, 204].contains(&v.ask("DELETE", "/keys/wire", Value::Null).await.status));
    for (method, path, code) in [
        ("GET", "/certificates/missing/", "CertificateNotFound"),
        ("GET", "/certificates/missing/pending", "PendingCertificateNotFound"),
        ("GET", "/deletedcertificates/wire", "CertificateNotFound"),
    ] {
        let told = v.ask(method, path, Value::Null).await;
        assert_eq!((told.status, told.code().as_str()), (404, code), "{path}");
    }
    let gone = v.good("DELETE", "/certificates/wire", Value::Null).await;
    assert!(gone["recoveryId"].as_str().unwrap().ends_with("/deletedcertificates/Wire"));
    let taken = v.ask("POST", "/certificates/wire/create", policy("Self")).await;
    assert_eq!(taken.json()["error"]["innererror"]["code"], "ObjectIsDeletedButRecoverable");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_authority_publishes_is_for_everybody() {
    let v = vault().await;
    v.good("PUT", "/certificates/issuers/house", json!({ "provider": "PrivateCA" })).await;
    for (path, kind) in [
        ("crl", "application/pkix-crl"),
        ("crl.pem", "application/x-pem-file"),
        ("root-crl", "application/pkix-crl"),
        ("root-crl.pem", "application/x-pem-file"),
        ("issuer", "application/pkix-cert"),
        ("root", "application/pkix-cert"),
        ("chain", "application/x-pem-file"),
        ("ocsp/AAAA", "application/ocsp-response"),
    ] {
        let told =
            v.house.call("GET", &format!("/pki/default/house/{path}"), "", Value::Null).await;
        assert_eq!((told.status, told.header("content-type")), (200, kind), "{path}");
    }
    for path in
        ["/pki/default/nobody/crl", "/pki/nowhere/house/crl", "/pki/default/house/keys", "/pki"]
    {
        assert_eq!(v.house.call("GET", path, "", Value::Null).await.status, 404, "{path}");
    }
    assert_eq!(v.house.call("DELETE", "/pki/default/house/crl", "", Value::Null).await.status, 405);

    let directory = v.house.call("GET", "/acme/house/directory", "", Value::Null).await;
    assert_eq!(directory.status, 200);
    assert!(!directory.header("replay-nonce").is_empty());
    let url = directory.json()["newAccount"].as_str().unwrap().to_owned();
    assert!(url.ends_with("/acme/house/new-account"), "{url}");
    for (method, path, status) in [
        ("GET", "/acme/nobody/directory", 404),
        ("GET", "/acme/house/new-order", 405),
        ("POST", "/acme/house/new-order", 415),
        ("DELETE", "/acme/house/directory", 405),
        ("GET", "/acme", 404),
    ] {
        let told = v.house.call(method, path, "", json!({})).await;
        assert_eq!(told.status, status, "{method} {path}");
        assert_eq!(told.header("content-type"), "application/problem+json");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_secret_of_a_certificate_comes_in_the_form_that_is_asked_for() {
    const FORMS: [&str; 2] = ["application/x-pkcs12", "application/x-pem-file"];
    let v = vault().await;
    v.good("PUT", "/secrets/plain", json!({ "value": "x" })).await;
    for (kept, exportable) in [(0, true), (1, true), (0, false)] {
        let mut body = policy("Self");
        body["policy"]["secret_props"] = json!({ "contentType": FORMS[kept] });
        body["policy"]["key_props"]["exportable"] = json!(exportable);
        let name = format!("c{kept}{exportable}");
        v.ask("POST", &format!("/certificates/{name}/create"), body).await;
        let made = v.good("GET", &format!("/certificates/{name}/"), Value::Null).await;
        let path = format!("/secrets/{name}/");
        let as_kept = v.good("GET", &path, Value::Null).await;
        assert_eq!(as_kept["contentType"], FORMS[kept]);
        for (form, name) in FORMS.iter().enumerate() {
            let asked = format!("{path}?outContentType={}", name.to_uppercase());
            let told = v.good("GET", &asked, Value::Null).await;
            assert_eq!((&told["contentType"], &told["id"]), (&json!(name), &as_kept["id"]));
            let value = told["value"].as_str().unwrap();
            if form == 0 {
                assert_eq!(STANDARD.decode(value).unwrap()[0], 0x30);
            } else {
                let text: String = value.lines().collect();
                assert_eq!(text.contains("PRIVATE KEY"), exportable, "{value}");
                assert!(text.contains(made["cer"].as_str().unwrap()), "{value}");
            }
            if form == kept {
                assert_eq!(told["value"], as_kept["value"]);
            }
        }
    }
    // a second version says which was before it, since 7.6
    let first = v.good("GET", "/certificates/c0true/", Value::Null).await;
    let first = first["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    v.ask("POST", "/certificates/c0true/create", policy("Self")).await;
    v.good("GET", "/certificates/c0true/pending", Value::Null).await;
    for (version, shown) in [
        ("7.4", false),
        ("7.5-preview.1", false),
        ("7.6-preview.2", true),
        ("7.6", true),
        ("2025-07-01", true),
        ("2026-04-01", true),
    ] {
        let path = format!("/secrets/c0true?api-version={version}");
        let told = v.house.call("GET", &path, &v.token, Value::Null).await.json();
        let expected = if shown { json!(first) } else { Value::Null };
        assert_eq!(told["previousVersion"], expected, "{version}");
        let path = format!("/secrets/c0true/{first}?api-version={version}");
        let told = v.house.call("GET", &path, &v.token, Value::Null).await.json();
        assert_eq!(told["previousVersion"], Value::Null, "{version}: the first");
    }
    for path in [
        "/secrets/plain/?outContentType=application/x-pem-file",
        "/secrets/c0true/?outContentType=text/plain",
    ] {
        let told = v.ask("GET", path, Value::Null).await;
        assert_eq!((told.status, told.code().as_str()), (400, "BadParameter"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_of_a_certificate_keeps_the_form_that_it_has() {
    let v = vault().await;
    v.ask("POST", "/certificates/c/create", policy("Self")).await;
    for (sent, status) in [
        (json!({ "contentType": "application/x-pem-file" }), 400),
        (json!({ "contentType": "application/x-pkcs12", "tags": { "a": "b" } }), 200),
        (json!({ "attributes": { "enabled": true } }), 200),
    ] {
        let told = v.ask("PATCH", "/secrets/c", sent.clone()).await;
        assert_eq!(told.status, status, "{sent}: {}", told.json());
        assert_eq!(
            v.good("GET", "/secrets/c", Value::Null).await["contentType"],
            "application/x-pkcs12"
        );
    }
    v.good("PUT", "/secrets/plain", json!({ "value": "x" })).await;
    v.good("PATCH", "/secrets/plain", json!({ "contentType": "text/plain" })).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_on_its_way_is_shown_with_the_version_to_come() {
    let v = vault().await;
    let told = v.ask("POST", "/certificates/way/create", policy("Unknown")).await;
    assert_eq!((told.status, told.header("retry-after")), (202, "1"));
    let location = told.header("location").to_owned();
    let request = told.json()["request_id"].as_str().unwrap().to_owned();
    assert_eq!(
        location,
        format!("https://localhost:8443/certificates/way/pending?{V}&request_id={request}")
    );
    let at = location.trim_start_matches("https://localhost:8443");
    let again = v.house.call("GET", at, &v.token, Value::Null).await;
    assert_eq!((again.status, again.header("location")), (200, location.as_str()));

    let shown = v.good("GET", "/certificates/way/", Value::Null).await;
    let id = shown["id"].as_str().unwrap().to_owned();
    let version = id.strip_prefix("https://localhost:8443/certificates/way/").unwrap().to_owned();
    assert_eq!(version.len(), 32);
    assert_eq!(shown["kid"], format!("https://localhost:8443/keys/way/{version}"));
    assert_eq!(shown["sid"], format!("https://localhost:8443/secrets/way/{version}"));
    assert_eq!(shown["attributes"]["enabled"], false);
    assert!(shown["policy"].is_object() && shown["pending"].is_object());
    assert_eq!(v.good("GET", &format!("/certificates/way/{version}"), Value::Null).await, shown);
    assert_eq!(
        v.ask("GET", &format!("/certificates/way/{version}0"), Value::Null).await.status,
        400
    );
    let other = "0".repeat(32);
    assert_eq!(v.ask("GET", &format!("/certificates/way/{other}"), Value::Null).await.status, 404);
    for path in ["/certificates/way", "/deletedcertificates/way"] {
        v.good("DELETE", "/certificates/way", Value::Null).await;
        let gone = v.good("GET", "/deletedcertificates/way", Value::Null).await;
        assert_eq!(gone["id"], id.as_str(), "{path}");
        let back = v.good("POST", "/deletedcertificates/way/recover", Value::Null).await;
        assert_eq!(back["id"], id.as_str(), "{path}");
    }
    // without an operation there is no version to come
    v.good("DELETE", "/certificates/way/pending", Value::Null).await;
    let bare = v.good("GET", "/certificates/way/", Value::Null).await;
    assert_eq!(bare["id"], "https://localhost:8443/certificates/way");
    assert_eq!((&bare["kid"], &bare["sid"]), (&Value::Null, &Value::Null));

    // what is over is waited for by nobody
    v.ask("POST", "/certificates/done/create", policy("Self")).await;
    let done = v.ask("GET", "/certificates/done/pending", Value::Null).await;
    assert_eq!((done.header("location"), done.header("retry-after")), ("", ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_certificates_and_issuers_go_on_as_they_began() {
    let v = vault().await;
    for name in ["a", "b", "c", "d", "e"] {
        v.ask("POST", &format!("/certificates/{name}/create"), policy("Unknown")).await;
        let issuer = format!("/certificates/issuers/{name}");
        v.good("PUT", &issuer, json!({ "provider": "Test" })).await;
    }
    for (path, count) in [
        ("/certificates?maxresults=2&includePending=true", 5),
        ("/certificates?maxresults=2&includePending=false", 0),
        ("/certificates/issuers?maxresults=2", 5),
        ("/certificates/issuers", 5),
    ] {
        let mut names = Vec::new();
        let mut page = v.good("GET", path, Value::Null).await;
        loop {
            let items = page["value"].as_array().unwrap();
            assert!(items.len() <= 2 || !path.contains("max"), "{path}");
            names.extend(
                items
                    .iter()
                    .map(|i| i["id"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()),
            );
            let Some(next) = page["nextLink"].as_str().map(str::to_owned) else { break };
            let at = next.trim_start_matches("https://localhost:8443");
            page = v.house.call("GET", at, &v.token, Value::Null).await.json();
        }
        assert_eq!(names, ["a", "b", "c", "d", "e"][..count], "{path}");
    }
    assert_eq!(v.ask("GET", "/certificates/issuers?maxresults=26", Value::Null).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_certificate_stands_where_contacts_and_issuers_are() {
    let v = vault().await;
    v.good("PUT", "/certificates/contacts", json!({ "contacts": [{ "email": "a@b.example" }] }))
        .await;
    for name in ["contacts", "issuers", "Contacts"] {
        let told = v.ask("POST", &format!("/certificates/{name}/create"), policy("Self")).await;
        assert_eq!((told.status, told.code().as_str()), (400, "BadParameter"), "{name}");
    }
    let contacts = v.good("GET", "/certificates/contacts", Value::Null).await;
    assert_eq!(contacts["contacts"][0]["email"], "a@b.example");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vaults_network_rules_hold_for_its_acme_server() {
    let v = vault().await;
    v.good("PUT", "/certificates/issuers/house", json!({ "provider": "PrivateCA" })).await;
    let resource = "{group}/providers/Microsoft.KeyVault/vaults/default";
    let shut = json!({ "properties": { "publicNetworkAccess": "Disabled" } });
    assert_eq!(v.manage("PATCH", resource, shut).await.status, 200);
    for (method, path) in [
        ("GET", "/acme/house/directory"),
        ("HEAD", "/acme/house/new-nonce"),
        ("GET", "/acme/house/new-nonce"),
    ] {
        let told = v.house.call(method, path, "", Value::Null).await;
        assert_eq!(told.status, 403, "{method} {path}");
    }
    let told = v.house.call("GET", "/acme/house/directory", "", Value::Null).await;
    assert_eq!(told.json()["type"], "urn:ietf:params:acme:error:unauthorized");
    let typed = [("content-type", "application/jose+json")];
    let message = v.house.request("POST", "/acme/house/new-order", "", &typed, "{}");
    assert_eq!(v.house.send(message).await.status, 403);
    // what an authority publishes is for everybody
    for path in ["crl", "root-crl", "issuer", "chain"] {
        let told =
            v.house.call("GET", &format!("/pki/default/house/{path}"), "", Value::Null).await;
        assert_eq!(told.status, 200, "{path}");
    }
}
