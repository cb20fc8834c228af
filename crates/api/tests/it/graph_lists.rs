//! Lists of Graph as clients ask for them: filters, orders, searches, counts, casts, batches.

use serde_json::{Value, json};

use crate::house::{Fixture, encode, house};
use crate::sign_in::user;

struct Asking {
    house: Fixture,
    admin: String,
}

impl Asking {
    async fn get(&self, path: &str) -> (u16, Value) {
        let path = format!("/v1.0/{path}");
        let eventual = [("consistencylevel", "eventual")];
        let request = self.house.request("GET", &path, &self.admin, &eventual, String::new());
        let told = self.house.send(request).await;
        let body = if told.status == 200 && path.contains("$count?") || path.ends_with("$count") {
            Value::String(String::from_utf8_lossy(&told.bytes).into_owned())
        } else {
            told.json()
        };
        (told.status, body)
    }

    /// Names on the page; with a text in front, the error.
    async fn names(&self, path: &str) -> Result<Vec<String>, String> {
        let (status, body) = self.get(path).await;
        match status {
            200 => Ok(body["value"]
                .as_array()
                .unwrap()
                .iter()
                .map(|v| v["displayName"].as_str().unwrap_or("?").to_owned())
                .collect()),
            _ => Err(format!("{status} {}", body["error"]["message"].as_str().unwrap_or(""))),
        }
    }

    async fn batch(&self, requests: Value) -> (u16, Value) {
        let body = json!({ "requests": requests });
        let told = self.house.call("POST", "/v1.0/$batch", &self.admin, body).await;
        (told.status, told.json())
    }
}

async fn asking() -> (Asking, Vec<Value>) {
    let house = house().await;
    let people = vec![
        user(
            &house,
            "alice",
            json!({ "displayName": "Alice Front-Desk", "mail": "alice@example.org" }),
        )
        .await,
        user(&house, "bob", json!({ "displayName": "Bob Back Office" })).await,
        user(&house, "carol", json!({ "displayName": "Carol Desk", "accountEnabled": false }))
            .await,
    ];
    let admin = house.admin_token().await;
    (Asking { house, admin }, people)
}

#[tokio::test]
async fn lists_are_asked_as_odata_asks() {
    let (asking, people) = asking().await;
    let (alice, bob, carol) = ("Alice Front-Desk", "Bob Back Office", "Carol Desk");
    let cases: &[(&str, &str, &[&str])] = &[
        ("$filter", "displayName eq 'bob back office'", &[bob]),
        ("$filter", "displayname ne 'Bob Back Office'", &[alice, carol]),
        ("$filter", "startswith(userPrincipalName,'ALICE@')", &[alice]),
        ("$filter", "endsWith(mail,'@example.org')", &[alice]),
        ("$filter", "accountEnabled eq false", &[carol]),
        ("$filter", "not(accountEnabled eq true) or mail ne null", &[alice, carol]),
        ("$filter", "displayName in ('Carol Desk', 'x') and (accountEnabled eq false)", &[carol]),
        ("$filter", "createdDateTime ge 2020-01-01T00:00:00Z", &[alice, bob, carol]),
        ("$filter", "createdDateTime lt 2020-01-01T00:00:00Z", &[]),
        ("$filter", "mail eq 'null'", &[]),
        ("$search", "\"displayName:desk\"", &[alice, carol]),
        ("$search", "\"displayName:back\" OR \"mail:alice\"", &[alice, bob]),
        ("$orderby", "displayName desc", &[carol, bob, alice]),
        ("$orderby", "accountEnabled,displayName desc", &[carol, bob, alice]),
    ];
    for (option, value, wanted) in cases {
        let found = asking.names(&format!("users?{option}={}", encode(value))).await.unwrap();
        assert_eq!(found, *wanted, "{option} {value}");
        let (status, count) = asking.get(&format!("users/$count?{option}={}", encode(value))).await;
        assert_eq!((status, count), (200, json!(wanted.len().to_string())), "{option} {value}");
    }
    for (option, value, said) in [
        ("$filter", "owner eq 'x'", "property named 'owner'"),
        ("$filter", "displayName eq 'x", "does not end"),
        ("$filter", "displayName like 'x'", "not expected"),
        ("$orderby", "nothing", "property named 'nothing'"),
        ("$orderby", "displayName down", "asc or desc"),
        ("$search", "desk", "not understood"),
        ("$expand", "members", "$expand"),
        ("$skip", "5", "$skip"),
    ] {
        let error = asking.names(&format!("users?{option}={}", encode(value))).await.unwrap_err();
        assert!(error.starts_with("400") && error.contains(said), "{option} {value}: {error}");
    }
    let without =
        asking.house.call("GET", "/v1.0/users?$search=%22mail:a%22", &asking.admin, Value::Null);
    assert_eq!(without.await.json()["error"]["code"], "Request_UnsupportedQuery");
    let id = people[0]["id"].as_str().unwrap();
    let (status, error) = asking.get(&format!("users/{id}?$expand=memberOf")).await;
    assert_eq!(status, 400, "{error}");
    assert_eq!(asking.get(&format!("users/{id}/$count")).await.0, 404);
}

#[tokio::test]
async fn every_list_is_filtered_and_cast() {
    let (asking, people) = asking().await;
    let group = json!({ "displayName": "Ops", "mailNickname": "ops", "mailEnabled": false, "securityEnabled": true,
        "members@odata.bind": [format!("https://x/v1.0/users/{}", people[0]["id"].as_str().unwrap())] });
    let made = asking.house.call("POST", "/v1.0/groups", &asking.admin, group).await.json();
    let (alice, group) = (people[0]["id"].as_str().unwrap(), made["id"].as_str().unwrap());
    let names = async |path: String| asking.names(&path).await.unwrap();
    for (path, wanted) in [
        (format!("users/{alice}/memberOf"), &["Ops"][..]),
        (format!("users/{alice}/memberOf?$filter={}", encode("displayName eq 'nosuch'")), &[]),
        (format!("users/{alice}/memberOf/microsoft.graph.group"), &["Ops"]),
        (format!("users/{alice}/memberOf/microsoft.graph.directoryRole"), &[]),
        (format!("groups/{group}/members?$filter={}", encode("displayName eq 'nosuch'")), &[]),
        (format!("groups/{group}/members/microsoft.graph.user"), &["Alice Front-Desk"]),
        (format!("groups/{group}/members/graph.user"), &["Alice Front-Desk"]),
        (format!("groups/{group}/members/Graph.ServicePrincipal"), &[]),
        (format!("users/{alice}/memberOf/graph.group"), &["Ops"]),
        (format!("groups/{group}/transitiveMembers/microsoft.graph.servicePrincipal"), &[]),
        (
            format!(
                "roleManagement/directory/roleDefinitions?$filter={}",
                encode("displayName eq 'User Administrator'")
            ),
            &["User Administrator"],
        ),
    ] {
        assert_eq!(names(path.clone()).await, wanted, "{path}");
    }
    let count = |path: String| async move { path };
    for (path, wanted) in [
        (format!("users/{alice}/transitiveMemberOf/$count"), "1"),
        (format!("groups/{group}/members/microsoft.graph.user/$count"), "1"),
        (format!("groups/{group}/members/microsoft.graph.group/$count"), "0"),
        (format!("groups/{group}/members/graph.user/$count"), "1"),
        ("groups/$count".to_owned(), "1"),
    ] {
        let path = count(path).await;
        assert_eq!(asking.get(&path).await, (200, json!(wanted)), "{path}");
    }
    // a person may be called like a kind; what is not there is not a method
    let (status, told) = asking.get("users/graph.user@nowhere.example").await;
    assert!(told["error"]["message"].as_str().unwrap().contains("graph.user@"), "{status} {told}");
    for method in ["GET", "DELETE"] {
        let path = format!("/v1.0/groups/{group}/members/graph.user/x");
        let told = asking.house.call(method, &path, &asking.admin, Value::Null).await;
        assert_eq!(told.status, 404, "{method}: {}", told.json());
    }
}

#[tokio::test]
async fn batches_are_answered_one_by_one() {
    let (asking, people) = asking().await;
    let alice = people[0]["id"].as_str().unwrap();
    let group = json!({ "displayName": "Ops", "mailNickname": "ops", "mailEnabled": false, "securityEnabled": true });
    let (status, body) = asking
        .batch(json!([
            { "id": "later", "method": "GET", "url": "/groups?$select=displayName", "dependsOn": ["make"] },
            { "id": "make", "method": "POST", "url": "groups", "body": group, "headers": { "Content-Type": "application/json" } },
            { "id": "one", "method": "GET", "url": format!("/users/{alice}?$select=displayName") },
            { "id": "count", "method": "get", "url": "/users/$count", "headers": { "ConsistencyLevel": "eventual" } },
            { "id": "gone", "method": "DELETE", "url": format!("/users/{}", people[1]["id"].as_str().unwrap()) },
            { "id": "none", "method": "GET", "url": "/users/nobody" },
            { "id": "after", "method": "GET", "url": "/users", "dependsOn": ["none"] },
            { "id": "out", "method": "GET", "url": "https://elsewhere.example/users" },
            { "id": "in", "method": "POST", "url": "/$batch", "body": { "requests": [] } },
            { "id": "bad", "method": "GE T", "url": "/users" },
        ]))
        .await;
    assert_eq!(status, 200, "{body}");
    let of = |id: &str| {
        let all = body["responses"].as_array().unwrap();
        all.iter().find(|r| r["id"] == id).unwrap_or(&Value::Null)
    };
    assert_eq!(of("make")["status"], 201);
    assert_eq!(of("later")["body"]["value"][0]["displayName"], "Ops", "after what it depends on");
    assert_eq!(of("one")["body"]["displayName"], "Alice Front-Desk");
    assert_eq!(of("count")["body"], 3);
    assert_eq!((&of("gone")["status"], of("gone").get("body")), (&json!(204), None));
    assert_eq!((&of("none")["status"], &of("after")["status"]), (&json!(404), &json!(424)));
    assert_eq!(of("none")["body"]["error"]["code"], "Request_ResourceNotFound");
    for id in ["out", "in", "bad"] {
        assert_eq!(of(id)["status"], 400, "{id}");
    }
    let many: Vec<Value> =
        (0..21).map(|n| json!({ "id": n.to_string(), "method": "GET", "url": "/me" })).collect();
    let circle = json!([
        { "id": "a", "method": "GET", "url": "/users", "dependsOn": ["b"] },
        { "id": "b", "method": "GET", "url": "/users", "dependsOn": ["a"] },
    ]);
    let twice = json!([{ "id": "a", "method": "GET", "url": "/users" }, { "id": "a", "method": "GET", "url": "/users" }]);
    for bad in
        [json!(many), circle, twice, json!([{ "method": "GET", "url": "/users" }]), json!({})]
    {
        assert_eq!(asking.batch(bad.clone()).await.0, 400, "{bad}");
    }
    // a part has the rights of its caller, no more
    let tokens = crate::sign_in::signed_in(&asking.house, "alice").await;
    let body = json!({ "requests": [{ "id": "1", "method": "POST", "url": "/users", "body": {},
        "headers": { "Authorization": format!("Bearer {}", asking.admin) } }] });
    let token = tokens["access_token"].as_str().unwrap();
    let told = asking.house.call("POST", "/v1.0/$batch", token, body).await.json();
    assert_eq!(told["responses"][0]["status"], 403, "not the token that a part brings");
    let unsigned = asking.house.call("POST", "/v1.0/$batch", "", json!({ "requests": [] })).await;
    assert_eq!(unsigned.status, 401, "{}", unsigned.json());
}
