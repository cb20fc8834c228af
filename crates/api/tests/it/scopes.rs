//! What a scope lets an application do, and which scopes there are.

use serde_json::{Value, json};

use crate::consent::{ARM, GRAPH, code_of, world};
use crate::house::encode;
use crate::sign_in::{parameter, user};

/// Alice is a Global Administrator: what is refused is refused to the application.
#[tokio::test]
async fn each_part_of_the_directory_has_scopes_of_its_own() {
    let mut world = world().await;
    let eve = user(&world.house, "eve", json!({})).await;
    let eve = eve["id"].as_str().unwrap().to_owned();
    let person = format!("users/{eve}");
    let app = format!("users/{eve}/authentication/softwareOathMethods");
    let methods = format!("users/{eve}/authentication/methods");
    let roles = "roleManagement/directory/roleAssignments";
    let role = json!({ "principalId": eve, "directoryScopeId": "/",
        "roleDefinitionId": "88d8e3e3-8f55-4a1e-953a-9b9898b8876b" });
    let password = json!({ "passwordProfile": { "password": "another long password" } });
    let both =
        json!({ "surname": "E", "passwordProfile": { "password": "another long password" } });
    let name = json!({ "surname": "E" });
    let all = [
        ("GET", roles, Value::Null),
        ("POST", roles, role),
        ("PATCH", &person, name),
        ("PATCH", &person, password),
        ("PATCH", &person, both),
        ("GET", &methods, Value::Null),
        ("POST", &app, json!({})),
        ("GET", "me/authentication/methods", Value::Null),
        ("GET", "identity/identityProviders", Value::Null),
        ("POST", "identity/identityProviders", json!({})),
    ];
    for (scope, allowed) in [
        ("User.Read", [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("User.ReadWrite.All", [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
        ("Directory.ReadWrite.All", [1, 0, 1, 0, 0, 0, 0, 0, 0, 0]),
        ("RoleManagement.ReadWrite.Directory", [1, 1, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("User-PasswordProfile.ReadWrite.All", [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]),
        ("User.ReadWrite.All User-PasswordProfile.ReadWrite.All", [0, 0, 1, 1, 1, 0, 0, 0, 0, 0]),
        ("UserAuthenticationMethod.Read", [0, 0, 0, 0, 0, 0, 0, 1, 0, 0]),
        ("UserAuthenticationMethod.Read.All", [0, 0, 0, 0, 0, 1, 0, 1, 0, 0]),
        ("UserAuthenticationMethod.ReadWrite.All", [0, 0, 0, 0, 0, 1, 1, 1, 0, 0]),
        ("IdentityProvider.Read.All", [0, 0, 0, 0, 0, 0, 0, 0, 1, 0]),
        ("IdentityProvider.ReadWrite.All", [0, 0, 0, 0, 0, 0, 0, 0, 1, 1]),
        ("Directory.AccessAsUser.All", [0, 0, 1, 1, 1, 1, 1, 1, 1, 1]), // the role is there
    ] {
        let code = world.agreeing(scope).await;
        let (status, tokens) = world.redeem(&code, "").await;
        assert_eq!(status, 200, "{tokens}");
        for ((method, path, body), allowed) in all.iter().zip(allowed) {
            let told = world.graph(method, path, &tokens, body.clone()).await;
            // what is let in may be wrong, or there already
            let is = u8::from(told != 403);
            let there = scope == "Directory.AccessAsUser.All" && *path == roles;
            assert!(is == allowed || there, "{scope}: {method} {path}: {told}");
        }
    }
}

#[tokio::test]
async fn scopes_that_nobody_defined_are_refused() {
    let world = &mut world().await;
    let admin = &world.admin;
    let made = async |name: &str, principal: bool| {
        let body = json!({ "displayName": name, "identifierUris": [format!("api://{name}")] });
        let app = world.house.call("POST", "/v1.0/applications", admin, body).await.json();
        if principal {
            let body = json!({ "appId": app["appId"] });
            let told = world.house.call("POST", "/v1.0/servicePrincipals", admin, body).await;
            assert_eq!(told.status, 201);
        }
    };
    made("whole", true).await;
    made("half", false).await;
    for (scope, error) in [
        ("Everything.Possible", "invalid_scope"),
        ("User.Read <script>", "invalid_scope"),
        (&format!("{GRAPH}/made.up"), "invalid_scope"),
        (&format!("{ARM}/Reader"), "invalid_scope"),
        ("User.Read https://vault.azure.net/Reader", "invalid_scope"),
        ("api://whole/Files.Read", "invalid_scope"),
        ("api://half/.default", "invalid_resource"),
        ("api://none/.default", "invalid_resource"),
    ] {
        let path = world.path(scope, "");
        let told = world.browser.get(&world.house, &path).await;
        assert_eq!((told.status, parameter(&told, "error").as_str()), (303, error), "{scope}");
    }
    let own = format!("{}/.default", world.app_id);
    for good in ["api://whole/.default", "api://whole/user_impersonation", &own, "user.read"] {
        let code = world.agreeing(good).await;
        assert_eq!(world.redeem(&code, "").await.0, 200, "{good}");
    }
}

#[tokio::test]
async fn an_answer_names_the_scopes_of_its_own_token() {
    let mut world = world().await;
    let scope = format!("{ARM}/user_impersonation User.Read openid offline_access");
    let code = world.agreeing(&scope).await;
    let (_, first) = world.redeem(&code, "").await;
    assert_eq!(first["scope"], format!("{ARM}/user_impersonation openid offline_access"));
    let (_, other) = world.refresh(&first, "User.Read openid").await;
    assert_eq!(other["scope"], "User.Read openid");
    let (_, same) = world.refresh(&first, "").await;
    assert_eq!(same["scope"], first["scope"]);
}

#[tokio::test]
async fn what_is_sent_twice_is_refused() {
    let mut world = world().await;
    for (more, number) in [
        ("&prompt=none&prompt=login", "AADSTS90100"),
        ("&scope=openid", "AADSTS90100"),
        ("&nonce=a&nonce=a", "AADSTS90100"),
    ] {
        let path = world.path("openid", more);
        let told = world.browser.get(&world.house, &path).await;
        assert_eq!((told.status, told.header("location")), (400, ""), "{more}");
        assert!(world.browser.page.contains(number), "{more}");
    }
    for age in ["abc", "-1", "1.5", "1e3"] {
        let path = world.path("openid", &format!("&max_age={}", encode(age)));
        let told = world.browser.get(&world.house, &path).await;
        assert_eq!(parameter(&told, "error"), "invalid_request", "{age}");
    }
    let refused = world.refresh(&json!({ "refresh_token": "x" }), "").await;
    assert_eq!(code_of(&refused).0, 400);
}
