//! Sign-in: tokens and what leads to them, Graph.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::house::{ORIGIN, encode, house};

#[tokio::test]
async fn a_token_is_given_and_never_kept_by_caches() {
    let house = house().await;
    let secret = encode(house.admin.client_secret.expose());
    let form = format!(
        "grant_type=client_credentials&client_id={}&client_secret={secret}&scope={}",
        house.admin.client_id,
        encode("https://management.azure.com/.default")
    );
    let told = house.form(&form).await;
    let body = told.json();
    assert_eq!((told.status, told.header("cache-control")), (200, "no-store"));
    assert_eq!(body["token_type"], "Bearer");
    assert!(body["expires_in"].as_i64().unwrap() >= 3600, "{body}");
    // version 1, as adfs
    let v1 = form.replace("scope", "resource").replace("%2F%2Edefault", "");
    for path in ["/adfs/oauth2/token", "/{tenant}/oauth2/token"] {
        let told = house.send(house.request("POST", path, "", &[], v1.clone())).await;
        assert_eq!(told.status, 200, "{path}: {}", told.json());
    }
}

#[tokio::test]
async fn refusals_are_entras() {
    let house = house().await;
    let id = house.admin.client_id.clone();
    let scope = encode("https://management.azure.com/.default");
    let start = format!("grant_type=client_credentials&scope={scope}");
    let cases = [
        (format!("{start}&client_id={id}&client_secret=wrong"), 401, 7_000_215),
        (format!("{start}&client_id=nobody&client_secret=x"), 400, 700_016),
        (format!("{start}&client_id={id}"), 401, 7_000_216),
        (String::new(), 400, 900_144),
        ("%zz=%&&&=".to_owned(), 400, 900_144),
    ];
    for (form, status, code) in cases {
        let told = house.form(&form).await;
        let body = told.json();
        assert_eq!((told.status, &body["error_codes"]), (status, &json!([code])), "{form}");
        let text = body["error_description"].as_str().unwrap();
        assert!(text.starts_with(&format!("AADSTS{code}: ")), "{text}");
        assert!(body["trace_id"].is_string() && body["timestamp"].is_string());
        assert_eq!(told.header("www-authenticate"), "", "nothing came in a header: {form}");
        assert_eq!(told.header("cache-control"), "no-store");
    }
    for (client, status, challenge) in [
        ("nobody", 400, ""),
        (&id, 401, "Basic realm=\"https://localhost:8443\", charset=\"UTF-8\""),
    ] {
        let wrong = format!("Basic {}", STANDARD.encode(format!("{client}:x")));
        let header = [("authorization", wrong.as_str())];
        let path = "/{tenant}/oauth2/v2.0/token";
        let told = house.send(house.request("POST", path, "", &header, start.clone())).await;
        assert_eq!((told.status, told.header("www-authenticate")), (status, challenge), "{client}");
    }
    let told = house.call("GET", "/{tenant}/oauth2/v2.0/token", "", Value::Null).await;
    assert_eq!((told.status, told.header("allow")), (405, "POST"));
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let house = house().await;
    let form = format!(
        "grant_type=client_credentials&scope=x&client_id={}&client_secret=wrong",
        house.admin.client_id
    );
    let mut slowed = None;
    for _ in 0..50 {
        let told = house.form(&form).await;
        if told.status == 429 {
            slowed = Some(told);
            break;
        }
    }
    let told = slowed.expect("429 within 50 guesses");
    assert!(told.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn the_id_of_a_sign_in_comes_from_header_or_url() {
    let house = house().await;
    let id = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let by_url = format!("/{{tenant}}/oauth2/v2.0/token?client-request-id={id}");
    let told = house.send(house.request("POST", &by_url, "", &[], "")).await;
    assert_eq!(told.json()["correlation_id"], id);
    assert_eq!(told.header("client-request-id"), id);
    let header = [("client-request-id", id)];
    let told =
        house.send(house.request("POST", "/{tenant}/oauth2/v2.0/token", "", &header, "")).await;
    assert_eq!(told.json()["correlation_id"], id);
}

#[tokio::test]
async fn documents_lead_to_this_server_under_the_name_the_client_used() {
    let house = house().await;
    let get = async |path: &str| house.call("GET", path, "", Value::Null).await;
    let v2 = get("/{tenant}/v2.0/.well-known/openid-configuration").await.json();
    let tenant = &house.admin.tenant_id;
    assert_eq!(v2["token_endpoint"], format!("{ORIGIN}/{tenant}/oauth2/v2.0/token"));
    let v1 = get("/adfs/.well-known/openid-configuration").await.json();
    assert_eq!(v1["token_endpoint"], format!("{ORIGIN}/adfs/oauth2/token"));
    let keys = get("/{tenant}/discovery/v2.0/keys").await.json();
    assert_eq!(keys["keys"][0]["kty"], "RSA");
    assert!(keys["keys"][0]["d"].is_null(), "no private part");
    assert_eq!(get("/{tenant}/discovery/keys").await.status, 200);
    let one = get("/metadata/endpoints?api-version=2022-09-01").await.json();
    assert_eq!(one["resourceManager"].as_str().unwrap().trim_end_matches('/'), ORIGIN);
    assert!(one["suffixes"]["keyvaultDns"].is_string());
    assert!(get("/metadata/endpoints?api-version=2019-05-01").await.json().is_array());
    assert_eq!(
        get("/nosuchtenant.example/v2.0/.well-known/openid-configuration").await.status,
        400
    );
    assert_eq!(
        get("/common/discovery/instance?authorization_endpoint=https://evil/").await.status,
        400
    );
    let other =
        house.request("GET", "/{tenant}/v2.0/.well-known/openid-configuration", "", &[], "");
    let (mut parts, body) = other.into_parts();
    parts.headers.insert("host", "box.example".parse().unwrap());
    let told = house.send(http::Request::from_parts(parts, body)).await.json();
    assert!(told["token_endpoint"].as_str().unwrap().starts_with("https://box.example/"));
    let told = house.call("POST", "/metadata/endpoints", "", Value::Null).await;
    assert_eq!((told.status, told.header("allow")), (405, "GET, HEAD"));
}

#[tokio::test]
async fn applications_live_their_life_over_graph() {
    let house = house().await;
    let admin = house.admin_token().await;
    let call =
        async |method: &str, path: &str, body: Value| house.call(method, path, &admin, body).await;
    let app = call("POST", "/v1.0/applications", json!({ "displayName": "one" })).await;
    assert_eq!(app.status, 201);
    let app = app.json();
    let path = format!("/v1.0/applications/{}", app["id"].as_str().unwrap());
    assert_eq!(call("GET", &path, Value::Null).await.json()["displayName"], "one");
    let filter = format!("/v1.0/applications?$filter={}", encode("displayName eq 'one'"));
    assert_eq!(
        call("GET", &filter, Value::Null).await.json()["value"].as_array().unwrap().len(),
        1
    );
    let made = call(
        "POST",
        &format!("{path}/addPassword"),
        json!({ "passwordCredential": { "displayName": "p", "endDateTime": "2027-01-01T00:00:00Z" } }),
    )
    .await;
    let (status, store) = (made.status, made.header("cache-control").to_owned());
    let made = made.json();
    assert_eq!((status, store.as_str()), (200, "no-store"));
    assert!(made["secretText"].as_str().unwrap().len() >= 32);
    let shown = call("GET", &path, Value::Null).await;
    let secret = made["secretText"].as_str().unwrap();
    assert!(!String::from_utf8_lossy(&shown.bytes).contains(secret), "shown once, never again");
    let removed =
        call("POST", &format!("{path}/removePassword"), json!({ "keyId": made["keyId"] })).await;
    assert_eq!(removed.status, 204);
    assert_eq!(call("DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(call("GET", &path, Value::Null).await.status, 404);
    for (method, path, status) in [
        ("POST", "/v1.0/applications", 400),
        ("PATCH", "/v1.0/applications", 405),
        ("GET", "/v1.0/drives", 404),
        ("PUT", "/v1.0/users", 405),
        ("GET", "/v1.0/applications/x/y/z", 404),
        ("PUT", "/v1.0/applications/x/addPassword", 405),
    ] {
        let told = call(method, path, json!({})).await;
        assert_eq!(told.status, status, "{method} {path}");
        assert!(!told.code().is_empty());
    }
}

/// `az ad sp credential reset` and `delete`: the principal's own secrets, beside its application's.
#[tokio::test]
async fn a_service_principal_has_secrets_of_its_own() {
    let house = house().await;
    let admin = house.admin_token().await;
    let call =
        async |method: &str, path: &str, body: Value| house.call(method, path, &admin, body).await;
    let app = call("POST", "/v1.0/applications", json!({ "displayName": "one" })).await.json();
    let app_id = app["appId"].as_str().unwrap();
    let made = call("POST", "/v1.0/servicePrincipals", json!({ "appId": app_id })).await.json();
    let application = format!("/v1.0/applications/{}", app["id"].as_str().unwrap());
    let principal = format!("/v1.0/servicePrincipals/{}", made["id"].as_str().unwrap());
    let token = async |secret: &Value| {
        let form = format!(
            "grant_type=client_credentials&client_id={app_id}&client_secret={}&scope={}",
            encode(secret["secretText"].as_str().unwrap()),
            encode(&format!("{ORIGIN}/.default"))
        );
        house.form(&form).await.status
    };
    let wanted = json!({ "passwordCredential": { "displayName": "rbac" } });
    let own = call("POST", &format!("{principal}/addPassword"), wanted).await;
    assert_eq!(own.status, 200, "{}", own.json());
    let own = own.json();
    let apps = call("POST", &format!("{application}/addPassword"), json!({})).await.json();
    assert_eq!((token(&own).await, token(&apps).await), (200, 200), "with either");
    for (path, secret) in [(&principal, &own), (&application, &apps)] {
        let shown = call("GET", path, Value::Null).await.json();
        let listed = shown["passwordCredentials"].as_array().unwrap();
        assert_eq!((listed.len(), &listed[0]["keyId"]), (1, &secret["keyId"]), "{path}");
        assert_eq!(listed[0]["secretText"], Value::Null);
    }
    let remove = format!("{principal}/removePassword");
    for (body, status) in [
        (json!({ "keyId": apps["keyId"] }), 400), // the application's
        (json!({ "keyId": own["keyId"] }), 204),
        (json!({ "keyId": own["keyId"] }), 400),
    ] {
        assert_eq!(call("POST", &remove, body.clone()).await.status, status, "{body}");
    }
    assert_eq!((token(&own).await, token(&apps).await), (401, 200));
    for (method, path, body, status) in [
        ("PATCH", principal.clone(), json!({ "keyCredentials": [] }), 204),
        ("PATCH", principal.clone(), json!({ "keyCredentials": [{ "key": "AAAA" }] }), 400),
        ("PATCH", principal.clone(), json!({ "accountEnabled": false, "notes": "x" }), 400),
        ("PUT", remove.clone(), json!({}), 405),
        ("POST", "/v1.0/servicePrincipals/x/addPassword".to_owned(), json!({}), 404),
        (
            "POST",
            format!("{}/addPassword", principal.replace("servicePrincipals", "applications")),
            json!({}),
            404,
        ),
    ] {
        let told = call(method, &path, body.clone()).await;
        assert_eq!(told.status, status, "{method} {path} {body}");
    }
    assert_eq!(
        call("GET", &principal, Value::Null).await.json()["accountEnabled"],
        true,
        "all or nothing"
    );
    let events = house.events.lock();
    let told: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            api::Event::Directory(d) if d.targets.iter().any(|t| t.kind == "ServicePrincipal") => {
                Some((d.operation, d.failure.is_empty()))
            }
            _ => None,
        })
        .collect();
    for expected in [
        ("Add service principal credentials", true),
        ("Add service principal credentials", false),
        ("Remove service principal credentials", true),
        ("Remove service principal credentials", false),
        ("Update service principal", false),
    ] {
        assert!(told.contains(&expected), "{expected:?} in {told:?}");
    }
}
