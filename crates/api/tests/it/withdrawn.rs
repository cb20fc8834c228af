//! What was given and is taken back: consents, service principals, passwords, sessions. All of it is over at once, in the
//! same second too, and what comes after is not.

use api::Event;
use serde_json::{Value, json};

use crate::consent::{ARM, World, code_of, world};
use crate::house::encode;
use crate::sign_in::{AZ, Browser, PASSWORD, authorize, parameter, redeem, signed_in, user};

impl World {
    async fn take_back(&self) {
        let own =
            format!("/v1.0/users/{}/oauth2PermissionGrants", self.alice["id"].as_str().unwrap());
        let grants = self.house.call("GET", &own, &self.admin, Value::Null).await.json();
        for grant in grants["value"].as_array().unwrap() {
            let one = format!("/v1.0/oauth2PermissionGrants/{}", grant["id"].as_str().unwrap());
            let told = self.house.call("DELETE", &one, &self.admin, Value::Null).await;
            assert_eq!(told.status, 204, "{one}");
        }
    }

    fn operations(&self) -> Vec<(&'static str, &'static str, String)> {
        let events = self.house.events.lock();
        let told = events.iter().filter_map(|e| match e {
            Event::Directory(d) => Some((d.operation, d.category, d.failure.clone())),
            _ => None,
        });
        told.collect()
    }
}

#[tokio::test]
async fn a_consent_that_was_taken_back_is_over_for_codes_and_refresh_tokens() {
    let mut world = world().await;
    let code = world.agreeing("User.Read offline_access").await;
    let (_, tokens) = world.redeem(&code, "").await;
    let waiting = world.silently("User.Read").await.unwrap();
    assert_eq!(world.refresh(&tokens, "").await.0, 200);
    world.take_back().await;
    for scope in ["", "openid offline_access", "User.Read"] {
        assert_eq!(code_of(&world.refresh(&tokens, scope).await), (400, 65_001), "{scope}");
    }
    assert_eq!(code_of(&world.redeem(&waiting, "").await), (400, 65_001));
    // agreed anew it goes on: nothing was spent
    world.agreeing("User.Read").await;
    assert_eq!(world.redeem(&waiting, "").await.0, 200);
}

#[tokio::test]
async fn a_consent_that_was_taken_back_is_over_for_devices() {
    let mut world = world().await;
    let form = format!("client_id={}&scope={}", world.app_id, encode(&format!("{ARM}/.default")));
    let path = "/organizations/oauth2/v2.0/devicecode";
    let device = world.house.send(world.house.request("POST", path, "", &[], form)).await.json();
    let typed = format!("user_code={}", device["user_code"].as_str().unwrap());
    world.browser.post(&world.house, "/devicelogin", &typed).await;
    world.browser.step(&world.house, "continue", "").await;
    world.take_back().await;
    let grant = encode("urn:ietf:params:oauth:grant-type:device_code");
    let code = device["device_code"].as_str().unwrap();
    let told = world.token(&format!("grant_type={grant}&device_code={code}")).await;
    assert_eq!(code_of(&told), (400, 65_001), "{}", told.1);
}

/// Whoever agrees to an application anew speaks for nobody else.
#[tokio::test]
async fn a_new_service_principal_brings_back_nobody() {
    let mut world = world().await;
    user(&world.house, "bob", json!({})).await;
    let mut bob = Browser::default();
    bob.get(&world.house, &authorize("")).await;
    bob.password(&world.house, "bob", PASSWORD).await;
    let code = world.agreeing("User.Read offline_access").await;
    let (_, of_alice) = world.redeem(&code, "").await;
    std::mem::swap(&mut world.browser, &mut bob);
    let code = world.agreeing("User.Read offline_access").await;
    let (_, of_bob) = world.redeem(&code, "").await;
    std::mem::swap(&mut world.browser, &mut bob);
    for token in [&of_alice, &of_bob] {
        assert_eq!(world.graph("GET", "me", token, Value::Null).await, 200);
    }
    let found = format!("/v1.0/servicePrincipals(appId='{}')", world.app_id);
    assert_eq!(world.house.call("DELETE", &found, &world.admin, Value::Null).await.status, 204);
    let code = world.agreeing("User.Read offline_access").await;
    let (_, anew) = world.redeem(&code, "").await;
    assert_eq!(world.graph("GET", "me", &anew, Value::Null).await, 200, "in the same second");
    for token in [&of_alice, &of_bob] {
        assert_eq!(world.graph("GET", "me", token, Value::Null).await, 401);
        assert_eq!(world.refresh(token, "").await.0, 400);
    }
    let made = world.operations();
    let made = made.iter().filter(|(name, ..)| *name == "Add service principal").count();
    assert_eq!(made, 2, "each is a row");
}

#[tokio::test]
async fn all_before_a_change_of_the_same_second_is_over_and_all_after_is_good() {
    let world = world().await;
    let (house, admin) = (&world.house, &world.admin);
    let eve = user(house, "eve", json!({})).await;
    let path = format!("/v1.0/users/{}", eve["id"].as_str().unwrap());
    let password = json!({ "passwordProfile":
        { "password": PASSWORD, "forceChangePasswordNextSignIn": false } });
    let revoke = format!("{path}/revokeSignInSessions");
    for (method, path, body) in [
        ("PATCH", &path, password),
        ("POST", &revoke, json!({})),
        ("POST", &revoke, json!({})), // and again
        ("PATCH", &path, json!({ "accountEnabled": false })),
    ] {
        let before = signed_in(house, "eve").await;
        assert_eq!(world.graph("GET", "me", &before, Value::Null).await, 200, "{body}");
        let mut waiting = Browser::default();
        waiting.get(house, &authorize("")).await;
        let told = waiting.password(house, "eve", PASSWORD).await;
        assert!(house.call(method, path, admin, body.clone()).await.status < 300);
        assert_eq!(world.graph("GET", "me", &before, Value::Null).await, 401, "{body}");
        let refresh = before["refresh_token"].as_str().unwrap();
        let form = format!("grant_type=refresh_token&client_id={AZ}&refresh_token={refresh}");
        assert_eq!(house.form(&form).await.status, 400, "{body}");
        assert_eq!(house.form(&redeem(&parameter(&told, "code"))).await.status, 400, "{body}");
    }
    let enabled = json!({ "accountEnabled": true });
    assert_eq!(house.call("PATCH", &path, admin, enabled).await.status, 204);
    let after = signed_in(house, "eve").await;
    assert_eq!(world.graph("GET", "me", &after, Value::Null).await, 200);
}

#[tokio::test]
async fn refusals_and_changes_of_ones_own_are_called_what_they_are() {
    let world = world().await;
    user(&world.house, "eve", json!({})).await;
    let eve = signed_in(&world.house, "eve").await;
    let app = "me/authentication/softwareOathMethods";
    assert_eq!(world.graph("POST", app, &eve, json!({})).await, 201);
    let role = "roleManagement/directory/roleAssignments";
    assert_eq!(world.graph("POST", role, &eve, json!({})).await, 403);
    let told = world.operations();
    assert!(told.contains(&("User registered security info", "UserManagement", String::new())));
    let refused =
        told.iter().find(|(name, _, why)| *name == "Add member to role" && !why.is_empty());
    assert_eq!(refused.unwrap().1, "RoleManagement");
}

/// What a right to write roles is: the right to everything.
#[tokio::test]
async fn whoever_writes_roles_is_changed_by_global_administrators() {
    let world = world().await;
    let (house, admin) = (&world.house, &world.admin);
    let (eve, bob) = (user(house, "eve", json!({})).await, user(house, "bob", json!({})).await);
    let users = "fe930be7-5e62-47db-91af-98c3a49a38b1";
    assert_eq!(crate::consent::directory_role(house, admin, &bob, users).await, 201);
    let bob = signed_in(house, "bob").await;
    let path = format!("users/{}", eve["id"].as_str().unwrap());
    let reset = || json!({ "passwordProfile": { "password": "another long password" } });
    assert_eq!(world.graph("PATCH", &path, &bob, reset()).await, 204);
    let id = uuid::Uuid::new_v4().to_string();
    let role = json!({ "properties": { "roleName": "Role writer", "type": "CustomRole",
        "permissions": [{ "actions": ["Microsoft.Authorization/roleDefinitions/write"] }],
        "assignableScopes": [house.path("{sub}")] } });
    let made = format!(
        "{{sub}}/providers/Microsoft.Authorization/roleDefinitions/{id}?api-version=2022-04-01"
    );
    let told = house.call("PUT", &made, admin, role).await;
    assert_eq!(told.status, 201, "{}", told.json());
    crate::sign_in::assign(house, eve["id"].as_str().unwrap(), &id).await;
    assert_eq!(world.graph("PATCH", &path, &bob, reset()).await, 403);
}

#[tokio::test]
async fn an_address_is_one_persons() {
    let world = world().await;
    let (house, admin) = (&world.house, &world.admin);
    let eve = user(house, "eve", json!({ "mail": "Eve@mail.example" })).await;
    let new = |name: &str, mail: &str| {
        json!({ "displayName": "n", "userPrincipalName": name, "mailNickname": "n", "mail": mail,
            "accountEnabled": true, "passwordProfile": { "password": PASSWORD } })
    };
    for (name, mail, property) in [
        ("n@vedette.localhost", "eve@mail.example", "mail"),
        ("n@vedette.localhost", "ALICE@vedette.localhost", "mail"),
        ("eve@mail.example", "n@mail.example", "userPrincipalName"),
        ("Alice@vedette.localhost", "n@mail.example", "userPrincipalName"),
        // names that look like others
        ("\u{430}lice@vedette.localhost", "n@mail.example", "letters of a to z"),
        ("n+1@vedette.localhost", "n@mail.example", "letters of a to z"),
    ] {
        let told = house.call("POST", "/v1.0/users", admin, new(name, mail)).await;
        let message = told.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert!(told.status == 400 && message.contains(property), "{name} {mail}: {message}");
    }
    let path = |user: &Value| format!("/v1.0/users/{}", user["id"].as_str().unwrap());
    for (whose, mail, status) in [
        (&world.alice, "eve@mail.example", 400),
        (&eve, "eve@mail.example", 204),
        (&eve, "eve@vedette.localhost", 204),
        (&eve, "alice@vedette.localhost", 400),
    ] {
        let told = house.call("PATCH", &path(whose), admin, json!({ "mail": mail })).await;
        assert_eq!(told.status, status, "{mail}");
    }
}

#[tokio::test]
async fn each_resource_is_taken_back_alone_and_seen_by_few() {
    let mut world = world().await;
    world.agreeing(&format!("{ARM}/user_impersonation User.Read")).await;
    let all = "oauth2PermissionGrants";
    let path = format!("/v1.0/{all}");
    let grants = world.house.call("GET", &path, &world.admin, Value::Null).await.json();
    let grants = grants["value"].as_array().unwrap();
    let [one, other] = grants.as_slice() else { panic!("{grants:?}") };
    assert_ne!(one["id"], other["id"]);
    let manager = "797f4846-ba00-4fd7-ba43-dac1f8f63013";
    let arm = grants.iter().find(|g| g["resourceId"] == manager).unwrap();
    let path = format!("{path}/{}", arm["id"].as_str().unwrap());
    assert_eq!(world.house.call("DELETE", &path, &world.admin, Value::Null).await.status, 204);
    assert_eq!(world.house.call("DELETE", &path, &world.admin, Value::Null).await.status, 404);
    assert!(world.silently("User.Read").await.is_ok(), "the other stays");
    assert!(world.silently(&format!("{ARM}/user_impersonation")).await.is_err());

    user(&world.house, "eve", json!({})).await;
    let eve = signed_in(&world.house, "eve").await;
    let of_alice = format!("users/{}/{all}", world.alice["id"].as_str().unwrap());
    for (path, status) in [(all, 403), (&of_alice, 403), (&format!("me/{all}"), 200)] {
        assert_eq!(world.graph("GET", path, &eve, Value::Null).await, status, "{path}");
    }
}
