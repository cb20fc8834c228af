//! Rights as a picture: every route by who knocks. Nothing behind a door is answered to someone unknown.

use std::convert::Infallible;
use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::Frame;

use crate::house::{
    CONTRIBUTOR, DATA_READER, Fixture, ORIGIN, OWNER, PUBLISHER, READER, forged, house,
    with_algorithm,
};

/// Open to all, as in Azure.
const OPEN: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/healthz"),
    ("GET", "/readyz"),
    ("GET", "/metrics"),
    ("GET", "/metadata/endpoints"),
    ("GET", "/{tenant}/v2.0/.well-known/openid-configuration"),
    ("GET", "/{tenant}/discovery/v2.0/keys"),
    ("GET", "/adfs/.well-known/openid-configuration"),
    (
        "GET",
        "/common/discovery/instance?authorization_endpoint=https://localhost:8443/common/oauth2/v2.0/authorize",
    ),
    ("GET", "/v1/rest/auth/metadata"),
    ("GET", "/devicelogin"),
    ("GET", "/common/userrealm/alice@vedette.localhost?api-version=1.0"),
    ("GET", "/{tenant}/oauth2/v2.0/logout"),
    ("GET", "/no/such/door"),
];

const V: &str = "?api-version=2023-09-01";

/// Method, path, body.
const ROUTES: &[(&str, &str, &str)] = &[
    ("GET", "/subscriptions", ""),
    ("GET", "/tenants", ""),
    ("GET", "/providers", ""),
    ("GET", "{sub}", ""),
    ("GET", "{sub}/resources", ""),
    ("GET", "{sub}/locations", ""),
    ("GET", "{sub}/providers/Microsoft.Insights", ""),
    ("GET", "{sub}/resourceGroups", ""),
    ("PUT", "{sub}/resourceGroups/made", r#"{"location":"local"}"#),
    ("PATCH", "{sub}/resourceGroups/made", r#"{"tags":{"a":"b"}}"#),
    ("DELETE", "{sub}/resourceGroups/made", ""),
    ("HEAD", "{group}", ""),
    ("GET", "{group}/providers/Microsoft.OperationalInsights/workspaces", ""),
    ("GET", "{resource}", ""),
    ("POST", "{resource}/sharedKeys", ""),
    ("POST", "{resource}/regenerateSharedKey", ""),
    ("GET", "{resource}/tables", ""),
    ("GET", "{resource}/tables/Syslog", ""),
    (
        "PUT",
        "{resource}/tables/Made_CL",
        r#"{"properties":{"schema":{"name":"Made_CL","columns":[{"name":"TimeGenerated","type":"datetime"}]}}}"#,
    ),
    ("DELETE", "{resource}/tables/Made_CL", ""),
    ("GET", "{resource}/savedSearches", ""),
    (
        "PUT",
        "{resource}/savedSearches/s",
        r#"{"properties":{"category":"c","displayName":"d","query":"Syslog"}}"#,
    ),
    ("DELETE", "{resource}/savedSearches/s", ""),
    ("GET", "{rule}", ""),
    ("GET", "{resource}/providers/Microsoft.SecurityInsights/alertRules", ""),
    (
        "PUT",
        "{resource}/providers/Microsoft.SecurityInsights/onboardingStates/default",
        r#"{"properties":{}}"#,
    ),
    ("GET", "{resource}/providers/Microsoft.SecurityInsights/onboardingStates/default", ""),
    ("GET", "{sub}/providers/Microsoft.Authorization/roleAssignments", ""),
    ("GET", "{sub}/providers/Microsoft.Authorization/roleDefinitions", ""),
    ("GET", "{sub}/providers/Microsoft.Authorization/permissions", ""),
    (
        "PUT",
        "{sub}/providers/Microsoft.Authorization/roleAssignments/8a2e1d5c-6f0b-4a43-9b0e-5d2f6c1e7a90",
        r#"{"properties":{"roleDefinitionId":"/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7","principalId":"{me}"}}"#,
    ),
    (
        "DELETE",
        "{sub}/providers/Microsoft.Authorization/roleAssignments/00000000-6f0b-4a43-9b0e-5d2f6c1e7a90",
        "",
    ),
    ("POST", "/v1/workspaces/{ws}/query", r#"{"query":"Syslog"}"#),
    ("GET", "/v1/workspaces/{ws}/query?query=Syslog", ""),
    ("POST", "/workspaces/{ws}/query", r#"{"query":"Syslog"}"#),
    ("POST", "/v1{resource}/query", r#"{"query":"Syslog"}"#),
    ("POST", "{resource}/query", r#"{"query":"Syslog"}"#),
    ("POST", "/v1/$batch", r#"{"requests":[]}"#),
    ("POST", "/$batch", r#"{"requests":[]}"#),
    ("POST", "/v1/rest/query", r#"{"csl":"Syslog"}"#),
    ("POST", "/v2/rest/query", r#"{"db":"vedette","csl":"Syslog"}"#),
    ("POST", "/v1/rest/mgmt", r#"{"csl":".show tables"}"#),
    ("POST", "/v1/rest/mgmt", r#"{"csl":".create table M (a:int)"}"#),
    ("POST", "/v1/rest/mgmt", r#"{"csl":".drop table M ifexists"}"#),
    ("POST", "/v1/rest/mgmt", r#"{"csl":".create-or-alter function F() { Syslog }"}"#),
    ("POST", "/v1/rest/mgmt", r#"{"csl":".drop function F ifexists"}"#),
    ("POST", "/v1/rest/mgmt", r#"{"csl":".ingest inline into table Syslog <| 2026-01-01,h,m"}"#),
    ("POST", "/v1/rest/mgmt", r#"{"csl":".get ingestion resources"}"#),
    ("POST", "/v1/rest/ingest/vedette/Syslog?streamFormat=json", r#"{"HostName":"h"}"#),
    (
        "POST",
        "/dataCollectionRules/{dcr}/streams/Microsoft-Syslog?api-version=2023-01-01",
        r#"[{"HostName":"h"}]"#,
    ),
    ("GET", "/v1.0/applications", ""),
    ("POST", "/v1.0/applications", r#"{"displayName":"x"}"#),
    ("GET", "/v1.0/servicePrincipals", ""),
    ("GET", "/v1.0/applications/00000000-6f0b-4a43-9b0e-5d2f6c1e7a90", ""),
    ("DELETE", "/v1.0/applications/00000000-6f0b-4a43-9b0e-5d2f6c1e7a90", ""),
    ("POST", "/v1.0/applications/00000000-6f0b-4a43-9b0e-5d2f6c1e7a90/addPassword", "{}"),
    ("PATCH", "/v1.0/applications/00000000-6f0b-4a43-9b0e-5d2f6c1e7a90", r#"{"displayName":"x"}"#),
    ("POST", "/v1.0/servicePrincipals/00000000-6f0b-4a43-9b0e-5d2f6c1e7a90/addPassword", "{}"),
    ("POST", "/v1.0/servicePrincipals/00000000-6f0b-4a43-9b0e-5d2f6c1e7a90/removePassword", "{}"),
    (
        "PATCH",
        "/v1.0/servicePrincipals/00000000-6f0b-4a43-9b0e-5d2f6c1e7a90",
        r#"{"keyCredentials":[]}"#,
    ),
    ("GET", "/v1.0/users", ""),
    (
        "POST",
        "/v1.0/users",
        r#"{"displayName":"x","userPrincipalName":"x","passwordProfile":{"password":"correct horse"}}"#,
    ),
    ("PATCH", "/v1.0/users/x@vedette.localhost", r#"{"displayName":"y"}"#),
    ("POST", "/v1.0/users/x@vedette.localhost/revokeSignInSessions", "{}"),
    ("POST", "/v1.0/users/x@vedette.localhost/authentication/softwareOathMethods", "{}"),
    ("GET", "/v1.0/users/x@vedette.localhost/memberOf", ""),
    ("DELETE", "/v1.0/users/x@vedette.localhost", ""),
    ("GET", "/v1.0/me", ""),
    ("GET", "/v1.0/groups", ""),
    ("POST", "/v1.0/groups", r#"{"displayName":"x","mailNickname":"x"}"#),
    ("GET", "/v1.0/groups/00000000-6f0b-4a43-9b0e-5d2f6c1e7a90/members", ""),
    (
        "POST",
        "/v1.0/groups/00000000-6f0b-4a43-9b0e-5d2f6c1e7a90/members/$ref",
        r#"{"@odata.id":"x"}"#,
    ),
    ("POST", "/v1.0/directoryObjects/getByIds", r#"{"ids":[]}"#),
    ("GET", "/v1.0/roleManagement/directory/roleAssignments", ""),
    ("POST", "/v1.0/roleManagement/directory/roleAssignments", "{}"),
    ("GET", "/v1.0/identity/identityProviders", ""),
    ("POST", "/v1.0/identity/identityProviders", "{}"),
    ("GET", "/v1.0/organization", ""),
    ("GET", "/oidc/userinfo", ""),
    ("GET", "{sub}/providers/Microsoft.Authorization/denyAssignments", ""),
    ("OPTIONS", "/subscriptions", ""),
    ("PUT", "/v1/workspaces/{ws}/query", ""),
    ("DELETE", "/v1/rest/mgmt", ""),
];

/// The path with an api-version where it has none and none belongs.
fn full(path: &str) -> String {
    let versioned = path.starts_with("{sub}")
        || path.starts_with("{group}")
        || path.starts_with("{resource}")
        || path.starts_with("{rule}")
        || ["/subscriptions", "/tenants", "/providers"].contains(&path);
    if versioned && !path.contains('?') { format!("{path}{V}") } else { path.to_owned() }
}

/// Who is not known here: how, and the token.
async fn unknown() -> (Fixture, Vec<(&'static str, String)>) {
    let (house, elsewhere) = (house().await, house().await);
    let expired = house.admin_token().await;
    for clock in [&house.clock, &elsewhere.clock] {
        clock.advance_seconds(3 * 3600);
    }
    let good = house.admin_token().await;
    let admin = &house.admin;
    let other_door =
        house.token_of(&admin.client_id, admin.client_secret.expose(), "https://vault.azure.net");
    let other_door = other_door.await;
    let foreign = elsewhere.admin_token().await;
    let callers = vec![
        ("nobody", String::new()),
        ("tenant", foreign),
        ("audience", other_door),
        ("expired", expired),
        ("alg none", with_algorithm(&good, "none", false)),
        ("forged", forged(&good)),
    ];
    (house, callers)
}

#[tokio::test]
async fn rights_as_a_picture() {
    let mut columns: Vec<(&str, Vec<u16>)> = Vec::new();
    let (strange_house, strangers) = unknown().await;
    strange_house.tables.answer("", testkit::rows("a:long", []));
    for (who, token) in strangers {
        let mut statuses = Vec::new();
        for (method, path, body) in ROUTES {
            let request =
                strange_house.request(method, &full(path), &token, &[], (*body).to_owned());
            let told = strange_house.send(request).await;
            let challenge = told.header("www-authenticate").to_owned();
            assert_eq!(told.status, 401, "{who}: {method} {path}");
            let authority = format!(r#"Bearer authorization_uri="{ORIGIN}/"#);
            assert!(challenge.starts_with(&authority), "{who}: {method} {path}: {challenge}");
            if *method != "HEAD" {
                assert!(!told.json()["error"]["code"].as_str().unwrap().is_empty());
            }
            statuses.push(told.status);
        }
        for (method, path) in OPEN {
            let told = strange_house.call(method, path, &token, serde_json::Value::Null).await;
            assert!([200, 404].contains(&told.status), "{who}: {method} {path} {}", told.status);
        }
        columns.push((who, statuses));
    }
    let roles = [
        ("no role", "", ""),
        ("publisher", PUBLISHER, "{rule}"),
        ("one table", DATA_READER, "{resource}/tables/Syslog"),
        ("reader", READER, "{sub}"),
        ("contrib.", CONTRIBUTOR, "{sub}"),
        ("owner", OWNER, "{sub}"),
        ("admin", "admin", ""),
    ];
    for (who, role, scope) in roles {
        let house = house().await;
        house.tables.answer("", testkit::rows("a:long", []));
        let token = match role {
            "admin" => house.admin_token().await,
            role => house.principal(role, scope, ORIGIN).await,
        };
        let me = house.principal("", "", ORIGIN).await;
        let me = object_id(&me);
        let mut statuses = Vec::new();
        for (method, path, body) in ROUTES {
            let body = body.replace("{me}", &me);
            let told = house.send(house.request(method, &full(path), &token, &[], body)).await;
            assert!(told.status < 500, "{who}: {method} {path}: {}", told.status);
            statuses.push(told.status);
        }
        columns.push((who, statuses));
    }
    testkit::check_golden("tests/it/authorization.txt", &picture(&columns));
}

fn object_id(token: &str) -> String {
    use base64::Engine;
    let claims = token.split('.').nth(1).unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims).unwrap();
    let claims: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    claims["oid"].as_str().unwrap().to_owned()
}

fn picture(columns: &[(&str, Vec<u16>)]) -> String {
    let mut out = String::new();
    for (who, _) in columns {
        let _ = write!(out, "{who:<10}");
    }
    out.push('\n');
    for (row, (method, path, body)) in ROUTES.iter().enumerate() {
        for (_, statuses) in columns {
            let _ = write!(out, "{:<10}", statuses[row]);
        }
        let hint = if path.ends_with("mgmt") { *body } else { "" };
        let _ = writeln!(out, "{method} {path} {hint}");
    }
    out.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// A body that tells when someone looks at it, and never ends.
struct Watched(Arc<AtomicBool>);

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.store(true, Ordering::SeqCst);
        Poll::Pending
    }
}

#[tokio::test]
async fn nobodys_body_is_read() {
    let (house, strangers) = unknown().await;
    for (who, token) in strangers {
        for (method, path, _) in ROUTES {
            let looked = Arc::new(AtomicBool::new(false));
            let body = Body::new(Watched(Arc::clone(&looked)));
            let told = house.send(house.request(method, &full(path), &token, &[], body)).await;
            assert_eq!(told.status, 401, "{who}: {method} {path}");
            assert!(!looked.load(Ordering::SeqCst), "{who}: {method} {path} was read");
        }
    }
}

#[tokio::test]
async fn bodies_are_read_after_the_right_is_known_where_the_path_tells_it() {
    let house = house().await;
    let token = house.principal("", "", ORIGIN).await;
    for (method, path) in [
        ("PUT", "{sub}/resourceGroups/made?api-version=2024-01-01"),
        ("POST", "/dataCollectionRules/{dcr}/streams/Microsoft-Syslog?api-version=2024-01-01"),
        ("POST", "/v1/rest/ingest/vedette/Syslog"),
        ("POST", "/v1.0/applications"),
    ] {
        let looked = Arc::new(AtomicBool::new(false));
        let body = Body::new(Watched(Arc::clone(&looked)));
        let told = house.send(house.request(method, path, &token, &[], body)).await;
        assert_eq!((told.status, looked.load(Ordering::SeqCst)), (403, false), "{method} {path}");
    }
}

/// A role below a list opens the list, and nothing beside what the role holds for.
#[tokio::test]
async fn lists_show_what_the_caller_may_see() {
    let house = house().await;
    let token = house.principal(DATA_READER, "{resource}/tables/Syslog", ORIGIN).await;
    let ids = |told: crate::house::Told| -> Vec<String> {
        assert_eq!(told.status, 200);
        let body = told.json();
        let all = body["value"].as_array().unwrap().iter();
        all.map(|v| v["id"].as_str().unwrap_or("").to_owned()).collect()
    };
    let none = serde_json::Value::Null;
    let list = async |path: &str| ids(house.call("GET", &full(path), &token, none.clone()).await);
    assert_eq!(list("/subscriptions").await.len(), 1, "what is inside shows what is around");
    let assignments = list("{sub}/providers/Microsoft.Authorization/roleAssignments").await;
    assert!(assignments.is_empty(), "others' rights are not shown: {assignments:?}");
    let admin = house.admin_token().await;
    let path = full("{sub}/providers/Microsoft.Authorization/roleAssignments");
    assert!(ids(house.call("GET", &path, &admin, none.clone()).await).len() > 1);
    // one table of the workspace can be queried, and no other
    house.tables.answer("", testkit::rows("a:long", []));
    let query = serde_json::json!({ "query": "Syslog" });
    assert_eq!(house.call("POST", "/v1/workspaces/{ws}/query", &token, query).await.status, 200);
    let asked = house.tables.queries().pop().unwrap();
    let model::TableAccess::Only(names) = asked.access else { panic!("{:?}", asked.access) };
    assert_eq!(names.iter().collect::<Vec<_>>(), ["Syslog"]);
}

/// Built-in roles of the tenant are everybody's to read; custom ones where their reader may see what they can be given on.
#[tokio::test]
async fn roles_of_the_tenant_can_be_read() {
    let house = house().await;
    let none = serde_json::Value::Null;
    let (admin, reader) = (house.admin_token().await, house.principal("", "", ORIGIN).await);
    let version = "?api-version=2022-04-01";
    let roles = "/providers/Microsoft.Authorization/roleDefinitions";
    let custom = "dddddddd-0000-0000-0000-000000000001";
    let body = serde_json::json!({ "properties": { "roleName": "ours", "type": "CustomRole",
        "permissions": [{ "actions": ["*/read"] }], "assignableScopes": [house.path("{sub}")] } });
    let path = full(&format!("{{sub}}{roles}/{custom}{version}"));
    assert_eq!(house.call("PUT", &path, &admin, body).await.status, 201);
    for (token, sees_custom) in [(&admin, true), (&reader, false)] {
        let list = house.call("GET", &format!("{roles}{version}"), token, none.clone()).await;
        assert_eq!(list.status, 200);
        let list = list.json();
        let list = list["value"].as_array().unwrap();
        assert!(list.len() > 10, "{}", list.len());
        assert_eq!(list.iter().any(|role| role["name"] == custom), sees_custom);
        let one = |name: &str| format!("{roles}/{name}{version}");
        let built_in = house.call("GET", &one(DATA_READER), token, none.clone()).await;
        assert_eq!(built_in.status, 200);
        let ours = house.call("GET", &one(custom), token, none.clone()).await;
        assert_eq!(ours.status, if sees_custom { 200 } else { 403 });
        let nobodys = "00000000-1111-2222-3333-444444444444";
        let missing = house.call("GET", &one(nobodys), token, none.clone()).await;
        assert_eq!(missing.code(), "RoleDefinitionDoesNotExist");
        // what is served nowhere is not found, whoever asks
        let path = "/providers/Microsoft.Authorization/providerOperations/Microsoft.Compute";
        let odd = house.call("GET", &format!("{path}{version}"), token, none.clone()).await;
        assert_eq!((odd.status, odd.code().as_str()), (404, "InvalidResourceType"));
    }
}
