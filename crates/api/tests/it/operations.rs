//! Health, metrics, the page at `/`, and what is not there.

use serde_json::Value;

use crate::house::{ORIGIN, house};

#[tokio::test]
async fn health_and_metrics_are_open() {
    let house = house().await;
    assert_eq!(house.call("GET", "/healthz", "", Value::Null).await.json()["status"], "Healthy");
    let ready = house.call("GET", "/readyz", "", Value::Null).await;
    assert_eq!((ready.status, &ready.json()["status"]), (200, &"Ready".into()));
    let metrics = house.call("GET", "/metrics", "", Value::Null).await;
    let text = String::from_utf8(metrics.bytes.clone()).unwrap();
    assert!(
        text.contains("\nvedette_logs_up 1\n") && text.contains("\nvedette_rows 7\n"),
        "{text}"
    );
    assert!(metrics.header("content-type").starts_with("text/plain; version=0.0.4"));
    let told = house.call("DELETE", "/healthz", "", Value::Null).await;
    assert_eq!((told.status, told.header("allow")), (405, "GET, HEAD"));
}

#[tokio::test]
async fn the_page_is_plain_and_strict() {
    let house = house().await;
    let page = house.call("GET", "/", "", Value::Null).await;
    let text = String::from_utf8(page.bytes.clone()).unwrap();
    assert!(
        text.contains("1.2.3") && text.contains(ORIGIN) && text.contains("2 tables &lt;now&gt;")
    );
    assert!(!text.contains("{{"), "every place is filled");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("script-src"), "{policy}");
    let head = house.call("HEAD", "/", "", Value::Null).await;
    assert_eq!((head.status, head.bytes.len()), (200, 0));
    assert_eq!(head.header("content-length"), text.len().to_string());
    // a name that is not ours does not get into the page
    let request = http::Request::get("/").header("host", "evil.example\"><script>");
    let told = house.send(request.body(axum::body::Body::empty()).unwrap()).await;
    assert!(!String::from_utf8(told.bytes).unwrap().contains("evil"));
}

#[tokio::test]
async fn what_is_not_there_is_told_in_azures_shape() {
    let house = house().await;
    for path in [
        "/elasticsearch/_bulk",
        "/no",
        "/v3/rest/query",
        "/%2e%2e/%2e%2e/etc",
        "/v1",
        "/v1/nothing",
    ] {
        for method in ["GET", "POST", "OPTIONS"] {
            let told = house.call(method, path, "", Value::Null).await;
            assert_eq!(
                (told.status, told.code().as_str()),
                (404, "ResourceNotFound"),
                "{method} {path}"
            );
            assert!(told.json()["error"]["message"].as_str().unwrap().len() > 10);
        }
    }
}
