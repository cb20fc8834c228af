//! Users, groups and directory roles over Graph: what they mean for rights, pages, who may change what.

use api::Event;
use serde_json::{Value, json};

use crate::house::{ORIGIN, OWNER, READER, house};
use crate::sign_in::{AZ, PASSWORD, assign, claims, signed_in, user};

#[tokio::test]
async fn groups_carry_rights_and_graph_pages() {
    let house = house().await;
    let alice = user(&house, "alice", json!({})).await;
    let admin = house.admin_token().await;
    let mut groups = Vec::new();
    for n in 0..5 {
        let body = json!({ "displayName": format!("Group {n}"), "mailNickname": format!("g{n}"), "mailEnabled": false, "securityEnabled": true });
        let told = house.call("POST", "/v1.0/groups", &admin, body).await;
        assert_eq!(told.status, 201, "{}", told.json());
        groups.push(told.json()["id"].as_str().unwrap().to_owned());
    }
    let tokens = signed_in(&house, "alice").await;
    let token = tokens["access_token"].as_str().unwrap();
    assign(&house, &groups[0], READER).await;
    let read = || house.call("GET", "{resource}?api-version=2023-09-01", token, Value::Null);
    assert_eq!(read().await.status, 403);
    let link = |id: &str| json!({ "@odata.id": format!("{ORIGIN}/v1.0/directoryObjects/{id}") });
    let add = |group: &str| format!("/v1.0/groups/{group}/members/$ref");
    let id = alice["id"].as_str().unwrap();
    assert_eq!(house.call("POST", &add(&groups[1]), &admin, link(id)).await.status, 204);
    assert_eq!(house.call("POST", &add(&groups[0]), &admin, link(&groups[1])).await.status, 204);
    assert_eq!(read().await.status, 200, "through two groups, at once");
    let again = house.call("POST", &add(&groups[1]), &admin, link(id)).await;
    assert!(
        again.status == 400
            && again.json()["error"]["message"].as_str().unwrap().contains("already exist")
    );
    let listed = house
        .call(
            "GET",
            "{sub}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01",
            &admin,
            Value::Null,
        )
        .await
        .json();
    let kinds: Vec<&str> = listed["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|a| a["properties"]["principalType"].as_str().unwrap())
        .collect();
    assert!(kinds.contains(&"Group"), "{kinds:?}");
    let of = house
        .call(
            "POST",
            &format!("/v1.0/users/{id}/getMemberGroups"),
            &admin,
            json!({ "securityEnabledOnly": true }),
        )
        .await
        .json();
    assert_eq!(of["value"].as_array().unwrap().len(), 2);
    let checked = house
        .call(
            "POST",
            &format!("/v1.0/directoryObjects/{id}/checkMemberGroups"),
            &admin,
            json!({ "groupIds": [groups[0], groups[2]] }),
        )
        .await
        .json();
    assert_eq!(checked["value"], json!([groups[0]]));
    let refreshed = format!(
        "grant_type=refresh_token&client_id={AZ}&refresh_token={}",
        tokens["refresh_token"].as_str().unwrap()
    );
    let fresh = house.form(&refreshed).await.json();
    assert_eq!(
        claims(fresh["access_token"].as_str().unwrap())["groups"].as_array().unwrap().len(),
        2
    );
    assert_eq!(
        house
            .call(
                "DELETE",
                &format!("/v1.0/groups/{}/members/{id}/$ref", groups[1]),
                &admin,
                Value::Null
            )
            .await
            .status,
        204
    );
    assert_eq!(read().await.status, 403, "at once");

    // options and pages
    let page = house
        .call("GET", "/v1.0/groups?$top=2&$select=displayName&$count=true", &admin, Value::Null)
        .await
        .json();
    assert_eq!((page["value"].as_array().unwrap().len(), &page["@odata.count"]), (2, &json!(5)));
    assert_eq!(
        page["value"][0].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["id", "displayName"]
    );
    let mut seen = vec![];
    let mut next = "/v1.0/groups?$top=2".to_owned();
    loop {
        let page = house.call("GET", &next, &admin, Value::Null).await.json();
        seen.extend(
            page["value"]
                .as_array()
                .unwrap()
                .iter()
                .map(|g| g["displayName"].as_str().unwrap().to_owned()),
        );
        match page["@odata.nextLink"].as_str() {
            Some(link) => next = link.strip_prefix(ORIGIN).unwrap().to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["Group 0", "Group 1", "Group 2", "Group 3", "Group 4"]);
    for bad in [
        "$top=0",
        "$top=x",
        "$expand=members",
        "$search=%22x%22",
        "$filter=x%20eq%20%27y%27",
        "$skiptoken=x",
    ] {
        assert_eq!(
            house.call("GET", &format!("/v1.0/groups?{bad}"), &admin, Value::Null).await.status,
            400,
            "{bad}"
        );
    }
    let by = house
        .call(
            "POST",
            "/v1.0/directoryObjects/getByIds",
            &admin,
            json!({ "ids": [id, groups[0], "x"], "types": ["user"] }),
        )
        .await
        .json();
    assert_eq!(by["value"].as_array().unwrap().len(), 1);
    assert_eq!(by["value"][0]["@odata.type"], "#microsoft.graph.user");
}

#[tokio::test]
async fn who_may_change_the_directory() {
    let house = house().await;
    let admin = house.admin_token().await;
    let (alice, bob, eve) = (
        user(&house, "alice", json!({})).await,
        user(&house, "bob", json!({})).await,
        user(&house, "eve", json!({})).await,
    );
    let role = |user: &Value, role: &str| json!({ "principalId": user["id"], "roleDefinitionId": role, "directoryScopeId": "/" });
    let assignments = "/v1.0/roleManagement/directory/roleAssignments";
    let (global, users) =
        ("62e90394-69f5-4237-9190-012177145e10", "fe930be7-5e62-47db-91af-98c3a49a38b1");
    assert_eq!(house.call("POST", assignments, &admin, role(&alice, global)).await.status, 201);
    assert_eq!(house.call("POST", assignments, &admin, role(&bob, users)).await.status, 201);
    let token = |tokens: Value| tokens["access_token"].as_str().unwrap().to_owned();
    let (alice_token, bob_token, eve_token) = (
        token(signed_in(&house, "alice").await),
        token(signed_in(&house, "bob").await),
        token(signed_in(&house, "eve").await),
    );
    let path = |u: &Value| format!("/v1.0/users/{}", u["id"].as_str().unwrap());
    let change = || json!({ "displayName": "Changed" });
    for (who, target, status) in [
        (&eve_token, &eve, 403),
        (&bob_token, &eve, 204),
        (&bob_token, &alice, 403), // an administrator
        (&bob_token, &bob, 204),
        (&alice_token, &bob, 204),
    ] {
        assert_eq!(
            house.call("PATCH", &path(target), who, change()).await.status,
            status,
            "{target}"
        );
    }
    // whoever can assign roles in Azure is no everyday user either
    assign(&house, eve["id"].as_str().unwrap(), OWNER).await;
    assert_eq!(house.call("PATCH", &path(&eve), &bob_token, change()).await.status, 403);
    assert_eq!(
        house
            .call("POST", "/v1.0/applications", &bob_token, json!({ "displayName": "x" }))
            .await
            .status,
        403
    );
    assert_eq!(
        house
            .call("POST", "/v1.0/applications", &alice_token, json!({ "displayName": "x" }))
            .await
            .status,
        201
    );
    assert_eq!(house.call("POST", assignments, &bob_token, role(&bob, global)).await.status, 403);
    assert_eq!(
        house.call("GET", "/v1.0/users", &eve_token, Value::Null).await.status,
        200,
        "everybody reads"
    );
    // neither by a group that administers, nor by the secret of an application that does
    let group = json!({ "displayName": "owners", "mailNickname": "owners" });
    let group = house.call("POST", "/v1.0/groups", &bob_token, group).await.json();
    let group = group["id"].as_str().unwrap();
    let join = format!("/v1.0/groups/{group}/members/$ref");
    let link =
        json!({ "@odata.id": format!("{ORIGIN}/v1.0/users/{}", bob["id"].as_str().unwrap()) });
    assert_eq!(house.call("POST", &join, &bob_token, link.clone()).await.status, 204);
    let leave = join.replace("$ref", &format!("{}/$ref", bob["id"].as_str().unwrap()));
    assert_eq!(house.call("DELETE", &leave, &bob_token, Value::Null).await.status, 204);
    assign(&house, group, OWNER).await;
    assert_eq!(house.call("POST", &join, &bob_token, link.clone()).await.status, 403);
    assert_eq!(house.call("POST", &join, &alice_token, link).await.status, 204);
    let applications = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3";
    let dave = user(&house, "dave", json!({})).await;
    assert_eq!(
        house.call("POST", assignments, &alice_token, role(&dave, applications)).await.status,
        201
    );
    let dave_token = token(signed_in(&house, "dave").await);
    let apps = house.call("GET", "/v1.0/applications", &dave_token, Value::Null).await.json();
    for app in apps["value"].as_array().unwrap() {
        let status = if app["appId"] == house.admin.client_id.as_str() { 403 } else { 200 };
        let path = format!("/v1.0/applications/{}/addPassword", app["id"].as_str().unwrap());
        assert_eq!(house.call("POST", &path, &dave_token, json!({})).await.status, status, "{app}");
    }
    // a person's own authenticator app, once
    let own = "/v1.0/me/authentication/softwareOathMethods";
    assert_eq!(house.call("POST", own, &eve_token, json!({})).await.status, 201);
    assert_eq!(
        house.call("POST", own, &eve_token, json!({})).await.status,
        403,
        "a stolen token must not replace it"
    );

    let events = house.events.lock();
    let told: Vec<(&str, bool)> = events
        .iter()
        .filter_map(|e| match e {
            Event::Directory(d) => Some((d.operation, d.failure.is_empty())),
            _ => None,
        })
        .collect();
    for expected in [
        ("Add user", true),
        ("Add member to role", true),
        ("Add member to role", false),
        ("Update user", false),
        ("Add application", false),
        ("Add application", true),
    ] {
        assert!(told.contains(&expected), "{expected:?} in {told:?}");
    }
    let activity: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            Event::Activity(a) => Some((a.action.as_str(), a.status, a.request.is_some())),
            _ => None,
        })
        .collect();
    assert_eq!(activity, [("Microsoft.Authorization/roleAssignments/write", 201, true); 2]);
}

#[tokio::test]
async fn hostile_graph_bodies_are_refused() {
    let house = house().await;
    let admin = house.admin_token().await;
    let name = |n: &str| json!({ "displayName": "x", "userPrincipalName": n, "passwordProfile": { "password": PASSWORD } });
    for (path, body) in [
        ("/v1.0/users", json!({})),
        ("/v1.0/users", json!([])),
        ("/v1.0/users", name("")),
        ("/v1.0/users", name("a b")),
        ("/v1.0/users", name("a@b@c")),
        ("/v1.0/users", name("<script>@vedette.localhost")),
        (
            "/v1.0/users",
            json!({ "displayName": "x", "userPrincipalName": "x", "passwordProfile": { "password": "short" } }),
        ),
        (
            "/v1.0/users",
            json!({ "displayName": "x", "userPrincipalName": "alexander", "passwordProfile": { "password": "alexander1" } }),
        ),
        (
            "/v1.0/users",
            json!({ "displayName": "x", "userPrincipalName": "x", "aboutMe": "y", "passwordProfile": { "password": PASSWORD } }),
        ),
        ("/v1.0/groups", json!({ "displayName": "x" })),
        ("/v1.0/groups", json!({ "displayName": "x", "mailNickname": "x", "mailEnabled": true })),
        (
            "/v1.0/applications",
            json!({ "displayName": "x", "web": { "redirectUris": ["javascript:alert(1)"] } }),
        ),
        (
            "/v1.0/applications",
            json!({ "displayName": "x", "web": { "redirectUris": ["http://app.example/"] } }),
        ),
        (
            "/v1.0/applications",
            json!({ "displayName": "x", "signInAudience": "AzureADMultipleOrgs" }),
        ),
        (
            "/v1.0/applications",
            json!({ "displayName": "x", "web": { "implicitGrantSettings": { "enableAccessTokenIssuance": true } } }),
        ),
        (
            "/v1.0/roleManagement/directory/roleAssignments",
            json!({ "principalId": "x", "roleDefinitionId": "y" }),
        ),
        (
            "/v1.0/identity/identityProviders",
            json!({ "displayName": "x", "clientId": "x", "clientSecret": "y", "metadataUrl": "http://x/.well-known/openid-configuration" }),
        ),
    ] {
        let told = house.call("POST", path, &admin, body.clone()).await;
        assert_eq!(told.status, 400, "{path} {body}: {}", told.json());
    }
}

/// `applications(appId='...')`: another key of the same object.
#[tokio::test]
async fn applications_are_found_by_their_client_id_too() {
    let house = house().await;
    let admin = house.admin_token().await;
    let call =
        async |method: &str, path: &str, body: Value| house.call(method, path, &admin, body).await;
    let app = call("POST", "/v1.0/applications", json!({ "displayName": "one" })).await.json();
    let app_id = app["appId"].as_str().unwrap();
    let made = call("POST", "/v1.0/servicePrincipals", json!({ "appId": app_id })).await.json();
    let (upper, none) = (app_id.to_ascii_uppercase(), uuid::Uuid::new_v4());
    let apps = format!("/v1.0/applications(appId='{app_id}')");
    let principals = format!("/v1.0/servicePrincipals(appId='{app_id}')");
    for (path, object) in [
        (&apps, &app),
        (&format!("/v1.0/applications(appid='{upper}')"), &app),
        (&format!("/v1.0/applications(appId%3D%27{app_id}%27)"), &app),
        (&principals, &made),
    ] {
        let told = call("GET", path, Value::Null).await;
        assert_eq!((told.status, &told.json()["id"]), (200, &object["id"]), "{path}");
    }
    let context = call("GET", &apps, Value::Null).await.json()["@odata.context"].to_string();
    assert!(context.ends_with("$metadata#applications\""), "{context}");
    for (method, path, body, status) in [
        ("PATCH", apps.clone(), json!({ "displayName": "two" }), 204),
        ("POST", format!("{apps}/addPassword"), json!({}), 200),
        ("GET", format!("{apps}/owners"), Value::Null, 200),
        ("POST", format!("{principals}/addPassword"), json!({}), 200),
        ("GET", format!("{principals}/memberOf"), Value::Null, 200),
        ("PATCH", principals.clone(), json!({ "accountEnabled": true }), 204),
        ("GET", format!("/v1.0/applications(appId='{none}')"), Value::Null, 404),
        // an object id is no client id
        (
            "GET",
            format!("/v1.0/applications(appId='{}')", app["id"].as_str().unwrap()),
            Value::Null,
            404,
        ),
        ("GET", format!("/v1.0/applications(appId={app_id})"), Value::Null, 404),
        ("GET", format!("/v1.0/users(appId='{app_id}')"), Value::Null, 404),
        ("DELETE", principals.clone(), Value::Null, 204),
        ("GET", principals.clone(), Value::Null, 404),
        ("DELETE", apps.clone(), Value::Null, 204),
        ("GET", apps.clone(), Value::Null, 404),
    ] {
        let told = call(method, &path, body).await;
        assert_eq!(told.status, status, "{method} {path}");
    }
}

#[tokio::test]
async fn a_role_given_is_a_new_value_and_a_role_taken_an_old_one() {
    let house = house().await;
    let admin = house.admin_token().await;
    let alice = user(&house, "alice", json!({})).await;
    let global = "62e90394-69f5-4237-9190-012177145e10";
    let path = "/v1.0/roleManagement/directory/roleAssignments";
    let wanted =
        json!({ "principalId": alice["id"], "roleDefinitionId": global, "directoryScopeId": "/" });
    let agent = [("user-agent", "az/2.60")];
    let request = house.request("POST", path, &admin, &agent, wanted.to_string());
    let made = house.send(request).await.json();
    let path = format!("{path}/{}", made["id"].as_str().unwrap());
    assert_eq!(house.call("DELETE", &path, &admin, Value::Null).await.status, 204);
    let events = house.events.lock();
    let roles = events.iter().filter_map(|event| match event {
        Event::Directory(told) if told.category == "RoleManagement" => Some(told),
        _ => None,
    });
    let told: Vec<_> = roles.map(|e| (e.kind, &*e.agent, e.targets[0].changes.clone())).collect();
    let names = ["Role.DisplayName", "Role.TemplateId", "Role.WellKnownObjectName"];
    let values = ["Global Administrator", global, "TenantAdmins"];
    let changes = |is_old: bool| -> Vec<(String, String, String)> {
        let value = |value: &str, shown: bool| if shown { value.to_owned() } else { String::new() };
        let all = names.iter().zip(values);
        all.map(|(name, v)| ((*name).to_owned(), value(v, is_old), value(v, !is_old))).collect()
    };
    assert_eq!(told, [("Assign", "az/2.60", changes(false)), ("Unassign", "", changes(true))]);
}
