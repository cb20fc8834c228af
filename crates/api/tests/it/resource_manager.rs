//! Resource Manager over HTTP: versions, verbs, etags, pages, errors.

use serde_json::{Value, json};

use crate::house::{DATA_READER, ORIGIN, house};

const V: &str = "?api-version=2023-09-01";

#[tokio::test]
async fn any_date_is_a_version_and_nothing_else() {
    let house = house().await;
    let token = house.admin_token().await;
    for version in [
        "2022-12-01",
        "2099-01-01-preview",
        "2014-04-01-privatepreview",
        "2015-01-01-alpha",
        "2017-03-01-beta.1",
    ] {
        let path = format!("/subscriptions?api-version={version}");
        assert_eq!(house.call("GET", &path, &token, Value::Null).await.status, 200, "{version}");
    }
    for version in [
        "abc",
        "1",
        "7.4",
        "latest",
        "2022-12",
        "2022-12-1",
        "22-12-01",
        "2022-12-01-",
        "20221201",
        "2022-12-01%20",
    ] {
        for path in ["/subscriptions", "{sub}/resourceGroups", "{resource}", "{sub}/providers"] {
            let path = format!("{path}?api-version={version}");
            let told = house.call("GET", &path, &token, Value::Null).await;
            assert_eq!(
                (told.status, told.code().as_str()),
                (400, "InvalidApiVersionParameter"),
                "{path}"
            );
        }
    }
    let told = house.call("PUT", "{sub}/resourceGroups/g?api-version=abc", &token, json!({})).await;
    let message = told.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!(
        message,
        "The api-version 'abc' is invalid. The supported versions are '2025-04-01,2022-09-01,2021-04-01,2020-10-01,2019-10-01'."
    );
    for path in ["/subscriptions", "/subscriptions?api-version=", "/tenants?Api-Versions=1"] {
        let told = house.call("GET", path, &token, Value::Null).await;
        assert_eq!((told.status, told.code().as_str()), (400, "MissingApiVersionParameter"));
    }
    let told = house.call("GET", "/TENANTS?API-VERSION=2022-12-01", &token, Value::Null).await;
    assert_eq!(told.json()["value"][0]["tenantId"], house.admin.tenant_id);
}

#[tokio::test]
async fn a_resource_lives_and_dies() {
    let house = house().await;
    let token = house.admin_token().await;
    let path = format!("{{sub}}/resourcegroups/Mine{V}");
    let call = async |method: &str, body: Value| house.call(method, &path, &token, body).await;
    assert_eq!(call("HEAD", Value::Null).await.status, 404);
    let made = call("PUT", json!({ "location": "local", "tags": { "a": "1" } })).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.header("content-type"), "application/json; charset=utf-8");
    assert!(!made.header("x-ms-request-id").is_empty());
    assert!(!made.header("x-ms-correlation-request-id").is_empty());
    assert_eq!(call("PATCH", json!({ "tags": { "b": "2" } })).await.status, 200);
    let found = call("GET", Value::Null).await.json();
    assert_eq!((&found["name"], &found["tags"]["b"]), (&json!("Mine"), &json!("2")));
    let head = call("HEAD", Value::Null).await;
    assert!([200, 204].contains(&head.status) && head.bytes.is_empty());
    assert!([200, 202].contains(&call("DELETE", Value::Null).await.status));
    let gone = call("GET", Value::Null).await;
    assert_eq!((gone.status, gone.code().as_str()), (404, "ResourceGroupNotFound"));
    let odd = call("TRACE", Value::Null).await;
    assert_eq!((odd.status, odd.code().as_str()), (405, "MethodNotAllowed"));
}

#[tokio::test]
async fn etags_guard_a_saved_search() {
    let house = house().await;
    let token = house.admin_token().await;
    let path = format!("{{resource}}/savedSearches/s{V}");
    let body = json!({ "properties": { "category": "c", "displayName": "d", "query": "T" } });
    let put = async |headers: &[(&str, &str)]| {
        house.send(house.request("PUT", &path, &token, headers, body.to_string())).await
    };
    let made = put(&[]).await;
    assert_eq!(made.status, 200);
    let etag = made.json()["etag"].as_str().unwrap().to_owned();
    assert_eq!(put(&[("if-match", "\"other\"")]).await.status, 412);
    assert_eq!(put(&[("if-none-match", "*")]).await.status, 412);
    assert_eq!(put(&[("if-match", &etag)]).await.status, 200);
}

#[tokio::test]
async fn pages_follow_the_name_by_which_the_client_came() {
    let house = house().await;
    let token = house.admin_token().await;
    for name in ["a", "b", "c"] {
        let path = format!("{{sub}}/resourceGroups/{name}{V}");
        let made = house.call("PUT", &path, &token, json!({ "location": "local" })).await;
        assert_eq!(made.status, 201);
    }
    let mut names = Vec::new();
    let mut next = house.path(&format!("{{sub}}/resourceGroups{V}&$top=2"));
    loop {
        let (mut parts, body) = house.request("GET", &next, &token, &[], "").into_parts();
        parts.headers.insert("host", "127.0.0.1:9443".parse().unwrap());
        let page = house.send(http::Request::from_parts(parts, body)).await;
        assert_eq!(page.status, 200);
        let page = page.json();
        let value = page["value"].as_array().unwrap();
        names.extend(value.iter().map(|v| v["name"].as_str().unwrap().to_owned()));
        let Some(link) = page["nextLink"].as_str() else { break };
        next = link.strip_prefix("https://127.0.0.1:9443").expect(link).to_owned();
    }
    assert_eq!(names, ["a", "b", "c", "vedette"]);
}

#[tokio::test]
async fn bodies_are_read_leniently_or_refused_clearly() {
    let house = house().await;
    let token = house.admin_token().await;
    let path = format!("{{sub}}/resourceGroups/g{V}");
    let put = async |body: &'static [u8]| {
        house.send(house.request("PUT", &path, &token, &[], body)).await
    };
    assert_eq!(put(b"{'location': 'local', 'tags': None}").await.status, 201);
    assert_eq!(put(br#"{location: "local"}"#).await.status, 200);
    for bad in [&b"{"[..], b"[]", b"\xff\xfe", b"nonsense", b"{\"location\": 7}", b""] {
        let told = put(bad).await;
        assert_eq!(told.status, 400, "{bad:?}: {}", told.json());
        assert!(!told.code().is_empty());
    }
}

#[tokio::test]
async fn errors_have_codes() {
    let house = house().await;
    let token = house.admin_token().await;
    let cases = [
        ("GET", "/subscriptions/00000000-0000-0000-0000-000000000000", 403, "AuthorizationFailed"),
        ("GET", "{group}/providers/Microsoft.No/such", 404, "InvalidResourceNamespace"),
        ("GET", "{group}/providers/Microsoft.OperationalInsights/such", 404, "InvalidResourceType"),
        ("GET", "{resource}x", 404, "ResourceNotFound"),
        ("POST", "{resource}", 405, "MethodNotAllowed"),
        ("GET", "{sub}/resourceGroups/a%2Fb", 404, ""),
        ("GET", "{sub}/resourceGroups?$top=0", 400, ""),
    ];
    for (method, path, status, code) in cases {
        let join = if path.contains('?') { "&" } else { "?" };
        let told = house
            .call(method, &format!("{path}{join}api-version=2024-01-01"), &token, Value::Null)
            .await;
        assert_eq!(told.status, status, "{method} {path}: {}", told.json());
        assert!(code.is_empty() || told.code() == code, "{method} {path}: {}", told.json());
    }
    let denied = house.principal(DATA_READER, "{resource}/tables/Syslog", ORIGIN).await;
    let told = house.call("DELETE", &format!("{{group}}{V}"), &denied, Value::Null).await;
    let text = told.json()["error"]["message"].as_str().unwrap().to_owned();
    assert_eq!((told.status, told.code().as_str()), (403, "AuthorizationFailed"));
    assert!(text.contains("Microsoft.Resources/subscriptions/resourceGroups/delete"), "{text}");
}

#[tokio::test]
async fn ids_of_requests_come_back() {
    let house = house().await;
    let token = house.admin_token().await;
    let ids = [("x-ms-client-request-id", "mine"), ("x-ms-correlation-request-id", "ours")];
    let told =
        house.send(house.request("GET", "/tenants?api-version=2024-01-01", &token, &ids, "")).await;
    assert_eq!(told.header("x-ms-client-request-id"), "mine");
    assert_eq!(told.header("x-ms-correlation-request-id"), "ours");
    assert_eq!(told.header("cache-control"), "no-store");
    let odd = [("x-ms-client-request-id", "\u{7f}")];
    let request = http::Request::get("/tenants")
        .header(odd[0].0, http::HeaderValue::from_bytes(b"\xff").unwrap());
    let told = house.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(told.status, 401);
}
