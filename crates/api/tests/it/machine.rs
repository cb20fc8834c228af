//! The machine's own socket: what it is asked must be said once, in a version that there is.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::ConnectInfo;
use http::Request;
use tower::ServiceExt;

use crate::house::house;

#[tokio::test]
async fn versions_are_known_and_nothing_is_said_twice() {
    let house = house().await;
    let audit: api::Audit = Arc::new(|_| {});
    let header = crypto::SecretText::new("secret".into());
    let router = api::machine_router(house.house.clone(), audit, header);
    let ask = async |path: &str| {
        let mut request = Request::get(path)
            .header("host", "localhost")
            .header("metadata", "true")
            .header("x-identity-header", "secret")
            .body(Body::empty())
            .unwrap();
        let source = SocketAddr::from(([127, 0, 0, 1], 50_000));
        request.extensions_mut().insert(ConnectInfo(source));
        let response = router.clone().oneshot(request).await.unwrap();
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let (imds, app) = ("/metadata/identity/oauth2/token", "/msi/token");
    let resource = "resource=https://management.azure.com";
    for (path, query, answer) in [
        (imds, format!("api-version=2018-02-01&{resource}"), "no such managed identity"),
        (app, format!("api-version=2019-08-01&{resource}"), "no such managed identity"),
        (imds, format!("api-version=2018-02-02&{resource}"), "not supported"),
        (imds, format!("api-version=x&{resource}"), "not supported"),
        (app, format!("api-version=2017-09-01&{resource}"), "not supported"),
        (imds, format!("api-version=&{resource}"), "is missing"),
        (imds, format!("api-version=2018-02-01&{resource}&{resource}"), "given twice"),
        (imds, format!("api-version=2018-02-01&api-version=2018-02-01&{resource}"), "given twice"),
    ] {
        let told = ask(&format!("{path}?{query}")).await;
        assert!(told.contains(answer), "{path} {query}: {told}");
    }
}
