//! What applications may do in people's names: nothing before the person agreed on a page, then what the page said, by
//! applications that may still act.

use api::Event;
use serde_json::{Value, json};

use crate::house::{Fixture, OWNER, encode, house};
use crate::sign_in::{AZ, Browser, PASSWORD, assign, authorize, claims, parameter, redeem, user};

const BACK: &str = "https://wiki.example/cb";
pub(super) const GRAPH: &str = "https://graph.microsoft.com";
pub(super) const ARM: &str = "https://management.azure.com";
pub(super) const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";
const APPLICATION_ADMINISTRATOR: &str = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3";

/// A house with an administrator who is signed in to az, and a registered web application.
pub(super) struct World {
    pub(super) house: Fixture,
    pub(super) admin: String,
    pub(super) alice: Value,
    pub(super) browser: Browser,
    pub(super) object_id: String,
    pub(super) app_id: String,
    pub(super) secret: String,
}

pub(super) async fn world() -> World {
    let house = house().await;
    let alice = user(&house, "alice", json!({})).await;
    let admin = house.admin_token().await;
    directory_role(&house, &admin, &alice, GLOBAL_ADMINISTRATOR).await;
    assign(&house, alice["id"].as_str().unwrap(), OWNER).await;
    let body = json!({ "displayName": "Wiki", "web": { "redirectUris": [BACK] } });
    let app = house.call("POST", "/v1.0/applications", &admin, body).await.json();
    let object_id = app["id"].as_str().unwrap().to_owned();
    let path = format!("/v1.0/applications/{object_id}/addPassword");
    let secret = house.call("POST", &path, &admin, json!({})).await.json();
    let mut browser = Browser::default();
    browser.get(&house, &authorize("")).await;
    assert_eq!(browser.password(&house, "alice", PASSWORD).await.status, 303);
    let app_id = app["appId"].as_str().unwrap().to_owned();
    let secret = secret["secretText"].as_str().unwrap().to_owned();
    World { house, admin, alice, browser, object_id, app_id, secret }
}

pub(super) async fn directory_role(house: &Fixture, admin: &str, user: &Value, role: &str) -> u16 {
    let body =
        json!({ "principalId": user["id"], "roleDefinitionId": role, "directoryScopeId": "/" });
    house.call("POST", "/v1.0/roleManagement/directory/roleAssignments", admin, body).await.status
}

impl World {
    pub(super) fn path(&self, scope: &str, more: &str) -> String {
        format!(
            "/{{tenant}}/oauth2/v2.0/authorize?client_id={}&response_type=code&redirect_uri={}&scope={}&state=x{more}",
            self.app_id,
            encode(BACK),
            encode(scope)
        )
    }

    /// Asks for a code without a page; the error where there is one.
    pub(super) async fn silently(&mut self, scope: &str) -> Result<String, String> {
        let path = self.path(scope, "&prompt=none");
        let told = self.browser.get(&self.house, &path).await;
        assert_eq!(told.status, 303, "{}", self.browser.page);
        match parameter(&told, "error").as_str() {
            "" => Ok(parameter(&told, "code")),
            error => Err(error.to_owned()),
        }
    }

    /// Asks for a code and agrees on the page.
    pub(super) async fn agreeing(&mut self, scope: &str) -> String {
        let path = self.path(scope, "&prompt=consent");
        self.browser.get(&self.house, &path).await;
        let told = self.browser.step(&self.house, "continue", "").await;
        assert_eq!(told.status, 303, "{}", self.browser.page);
        parameter(&told, "code")
    }

    pub(super) async fn token(&self, form: &str) -> (u16, Value) {
        let form =
            format!("{form}&client_id={}&client_secret={}", self.app_id, encode(&self.secret));
        let told = self.house.form(&form).await;
        (told.status, told.json())
    }

    pub(super) async fn redeem(&self, code: &str, more: &str) -> (u16, Value) {
        let form = format!(
            "grant_type=authorization_code&code={code}&redirect_uri={}{more}",
            encode(BACK)
        );
        self.token(&form).await
    }

    pub(super) async fn refresh(&self, token: &Value, scope: &str) -> (u16, Value) {
        let token = token["refresh_token"].as_str().unwrap();
        self.token(&format!(
            "grant_type=refresh_token&refresh_token={token}&scope={}",
            encode(scope)
        ))
        .await
    }

    pub(super) async fn graph(&self, method: &str, path: &str, token: &Value, body: Value) -> u16 {
        let token = token["access_token"].as_str().unwrap();
        self.house.call(method, &format!("/v1.0/{path}"), token, body).await.status
    }

    async fn enable(&self, enabled: bool) {
        let found = format!("/v1.0/servicePrincipals(appId='{}')", self.app_id);
        let body = json!({ "accountEnabled": enabled });
        assert_eq!(self.house.call("PATCH", &found, &self.admin, body).await.status, 204);
    }
}

pub(super) fn code_of(answer: &(u16, Value)) -> (u16, u64) {
    (answer.0, answer.1["error_codes"][0].as_u64().unwrap_or(0))
}

#[tokio::test]
async fn nothing_goes_to_an_application_before_the_person_agreed() {
    let mut world = world().await;
    assert_eq!(world.silently("openid").await, Err("interaction_required".into()));
    let path = world.path("openid offline_access", "");
    let told = world.browser.get(&world.house, &path).await;
    assert_eq!((told.status, told.header("location")), (200, ""));
    let page = world.browser.page.clone();
    assert!(page.contains("Wiki wants to:") && page.contains("https://wiki.example"), "{page}");
    assert!(page.contains("Sign you in and read your profile"), "{page}");
    // declined: asked again the next time
    let told = world.browser.step(&world.house, "deny", "").await;
    assert_eq!(parameter(&told, "error"), "access_denied");
    assert_eq!(world.silently("openid").await, Err("interaction_required".into()));

    let code = world.agreeing("openid offline_access").await;
    let (status, tokens) = world.redeem(&code, "").await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(claims(tokens["access_token"].as_str().unwrap())["scp"], "openid User.Read");
    assert!(world.silently("openid").await.is_ok(), "agreed once");
    assert_eq!(
        world.silently(&format!("{ARM}/.default")).await,
        Err("interaction_required".into())
    );
    let told = world.browser.get(&world.house, &world.path("openid", "&prompt=consent")).await;
    assert!(told.status == 200 && world.browser.page.contains("wants to:"), "asked for");

    // the log has it, in the words that rules look for
    let events = world.house.events.lock();
    let consents: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            Event::Directory(e) if e.operation == "Consent to application" => Some(e),
            _ => None,
        })
        .collect();
    let [consent] = consents.as_slice() else { panic!("{}", consents.len()) };
    assert_eq!((consent.category, consent.kind), ("ApplicationManagement", "Assign"));
    let target = &consent.targets[0];
    assert_eq!((target.kind, target.name.as_str()), ("ServicePrincipal", "Wiki"));
    let change = |name: &str| target.changes.iter().find(|(n, ..)| n == name).unwrap().2.clone();
    assert_eq!(change("ConsentContext.IsAdminConsent"), "False");
    let permissions = change("ConsentAction.Permissions");
    assert!(permissions.starts_with("[] => [[Id: "), "{permissions}");
    assert!(permissions.contains("ConsentType: Principal, Scope: User.Read]"), "{permissions}");
}

#[tokio::test]
async fn a_token_does_what_its_scopes_say_whoever_the_person_is() {
    let mut world = world().await;
    let code = world.agreeing("openid offline_access").await;
    let (_, tokens) = world.redeem(&code, "").await;
    let new = || json!({ "displayName": "x" });
    assert_eq!(world.graph("GET", "me", &tokens, Value::Null).await, 200);
    let own = format!("users/{}", world.alice["id"].as_str().unwrap());
    assert_eq!(world.graph("GET", &own, &tokens, Value::Null).await, 200);
    for (method, path) in [
        ("GET", "users"),
        ("GET", "groups"),
        ("GET", "applications"),
        ("GET", "oauth2PermissionGrants"),
        ("POST", "users"),
        ("POST", "applications"),
        ("POST", "roleManagement/directory/roleAssignments"),
        ("POST", "me/authentication/softwareOathMethods"),
        ("PATCH", own.as_str()),
    ] {
        assert_eq!(world.graph(method, path, &tokens, new()).await, 403, "{method} {path}");
    }
    // what was not agreed to is not given later either
    for scope in [
        format!("{ARM}/.default"),
        "https://vault.azure.net/.default".into(),
        format!("{GRAPH}/.default"),
        "User.ReadWrite.All".into(),
    ] {
        let answer = world.refresh(&tokens, &scope).await;
        assert_eq!(code_of(&answer), (400, 65_001), "{scope}");
    }
    // reading alone
    let code = world.agreeing("User.Read.All offline_access").await;
    let (status, tokens) = world.redeem(&code, "").await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(world.graph("GET", "users", &tokens, Value::Null).await, 200);
    assert_eq!(world.graph("GET", "groups", &tokens, Value::Null).await, 403);
    assert_eq!(world.graph("PATCH", &own, &tokens, new()).await, 403);
    // everything, agreed to
    let code = world.agreeing(&format!("{GRAPH}/.default offline_access")).await;
    let (_, tokens) = world.redeem(&code, "").await;
    assert_eq!(world.graph("PATCH", &own, &tokens, json!({ "surname": "A" })).await, 204);
    let arm = world
        .house
        .call(
            "GET",
            "{sub}?api-version=2022-12-01",
            tokens["access_token"].as_str().unwrap(),
            Value::Null,
        )
        .await;
    assert_eq!(arm.status, 401, "another audience");
    let code = world.agreeing(&format!("{ARM}/user_impersonation")).await;
    let (_, tokens) = world.redeem(&code, "").await;
    let token = tokens["access_token"].as_str().unwrap();
    let told = world.house.call("GET", "{sub}?api-version=2022-12-01", token, Value::Null).await;
    assert_eq!(told.status, 200, "{}", told.json());
}

#[tokio::test]
async fn several_resources_are_agreed_to_at_once_and_redeemed_in_turn() {
    let mut world = world().await;
    let scope = format!("{ARM}/user_impersonation User.Read openid offline_access");
    world.browser.get(&world.house, &world.path(&scope, "")).await;
    for said in ["Manage resources, with your rights", "Sign you in and read your profile"] {
        assert!(world.browser.page.contains(said), "{}", world.browser.page);
    }
    let audience = |tokens: &Value| claims(tokens["access_token"].as_str().unwrap())["aud"].clone();
    let code = world.agreeing(&scope).await;
    let (status, tokens) = world.redeem(&code, "").await;
    assert_eq!(status, 200, "{tokens}");
    assert_eq!(audience(&tokens), ARM, "the first");
    let code = world.silently(&scope).await.unwrap();
    let (_, other) = world.redeem(&code, &format!("&scope={}", encode("openid User.Read"))).await;
    assert_eq!(audience(&other), GRAPH, "as the redemption says");
    let (_, next) = world.refresh(&tokens, "User.Read").await;
    assert_eq!(audience(&next), GRAPH);
    let code = world.silently(&scope).await.unwrap();
    let both = world.redeem(&code, &format!("&scope={}", encode(&scope))).await;
    assert_eq!(code_of(&both), (400, 70_011), "a token is for one");
    assert_eq!(world.redeem(&code, "").await.0, 200, "and the slip cost nothing");
    let code = world.silently(&scope).await.unwrap();
    let more = world
        .redeem(&code, &format!("&scope={}", encode("https://vault.azure.net/.default")))
        .await;
    assert_eq!(code_of(&more), (400, 65_001));
}

#[tokio::test]
async fn a_disabled_application_acts_for_nobody() {
    let mut world = world().await;
    let code = world.agreeing("openid offline_access").await;
    let (_, tokens) = world.redeem(&code, "").await;
    assert_eq!(world.graph("GET", "me", &tokens, Value::Null).await, 200);
    let waiting = world.silently("openid").await.unwrap();
    world.enable(false).await;
    assert_eq!(world.graph("GET", "me", &tokens, Value::Null).await, 401, "at once");
    assert_eq!(code_of(&world.refresh(&tokens, "").await), (400, 7_000_112));
    assert_eq!(code_of(&world.redeem(&waiting, "").await), (400, 7_000_112));
    let told = world.browser.get(&world.house, &world.path("openid", "")).await;
    assert!(
        told.header("location").is_empty() && world.browser.page.contains("7000112"),
        "{}",
        world.browser.page
    );
    let form = format!("client_id={}&scope=openid", world.app_id);
    let told = world
        .house
        .send(world.house.request("POST", "/organizations/oauth2/v2.0/devicecode", "", &[], form))
        .await;
    assert_eq!(told.json()["error_codes"], json!([7_000_112]));
    world.enable(true).await;
    assert_eq!(world.graph("GET", "me", &tokens, Value::Null).await, 200);

    // without its service principal it is as new: people are asked again
    let found = format!("/v1.0/servicePrincipals(appId='{}')", world.app_id);
    assert_eq!(world.house.call("DELETE", &found, &world.admin, Value::Null).await.status, 204);
    assert_eq!(world.graph("GET", "me", &tokens, Value::Null).await, 401);
    assert_eq!(code_of(&world.refresh(&tokens, "").await), (400, 7_000_229));
    assert_eq!(world.silently("openid").await, Err("interaction_required".into()));
    let code = world.agreeing("openid").await;
    assert_eq!(world.redeem(&code, "").await.0, 200);
    assert_eq!(world.house.call("GET", &found, &world.admin, Value::Null).await.status, 200);
    // gone for good
    let path = format!("/v1.0/applications/{}", world.object_id);
    assert_eq!(world.house.call("DELETE", &path, &world.admin, Value::Null).await.status, 204);
    assert_eq!(world.graph("GET", "me", &tokens, Value::Null).await, 401);
}

#[tokio::test]
async fn what_was_agreed_to_is_shown_and_taken_back() {
    let mut world = world().await;
    world.agreeing("User.Read openid").await;
    let own = format!("/v1.0/users/{}/oauth2PermissionGrants", world.alice["id"].as_str().unwrap());
    let grants = world.house.call("GET", &own, &world.admin, Value::Null).await.json();
    let grant = &grants["value"][0];
    assert_eq!((&grant["principalId"], &grant["scope"]), (&world.alice["id"], &json!("User.Read")));
    assert_eq!(grant["consentType"], "Principal");
    let one = format!("/v1.0/oauth2PermissionGrants/{}", grant["id"].as_str().unwrap());
    assert!(world.silently("openid").await.is_ok());
    assert_eq!(world.house.call("DELETE", &one, &world.admin, Value::Null).await.status, 204);
    assert_eq!(world.silently("openid").await, Err("interaction_required".into()));
    assert_eq!(world.house.call("DELETE", &one, &world.admin, Value::Null).await.status, 404);
}

#[tokio::test]
async fn devices_of_registered_applications_are_agreed_to() {
    let mut world = world().await;
    let body = json!({ "isFallbackPublicClient": true });
    let path = format!("/v1.0/applications/{}", world.object_id);
    assert_eq!(world.house.call("PATCH", &path, &world.admin, body).await.status, 204);
    let form = format!("client_id={}&scope={}", world.app_id, encode(&format!("{ARM}/.default")));
    let device = world
        .house
        .send(world.house.request("POST", "/organizations/oauth2/v2.0/devicecode", "", &[], form))
        .await
        .json();
    let typed = format!("user_code={}", device["user_code"].as_str().unwrap());
    world.browser.get(&world.house, &format!("/devicelogin?{typed}")).await;
    assert!(world.browser.page.contains("Enter the code"), "not by a link: {}", world.browser.page);
    world.browser.post(&world.house, "/devicelogin", &typed).await;
    assert!(
        world.browser.page.contains("Manage resources, with your rights"),
        "{}",
        world.browser.page
    );
    world.browser.step(&world.house, "continue", "").await;
    let form = format!(
        "grant_type={}&client_id={}&device_code={}",
        encode("urn:ietf:params:oauth:grant-type:device_code"),
        world.app_id,
        device["device_code"].as_str().unwrap()
    );
    let told = world.house.form(&form).await;
    assert_eq!(told.status, 200, "{}", told.json());
    assert!(world.silently(&format!("{ARM}/.default")).await.is_ok(), "remembered");
}

#[tokio::test]
async fn a_hint_at_somebody_else_is_no_sign_in() {
    let mut world = world().await;
    user(&world.house, "bob", json!({ "mail": "bob@mail.example" })).await;
    world.agreeing("openid").await;
    for (hint, silent) in [
        ("alice@vedette.localhost", true),
        ("ALICE@vedette.localhost", true),
        ("bob@vedette.localhost", false),
        ("nobody", false),
    ] {
        let hint = format!("&login_hint={}", encode(hint));
        let told = world
            .browser
            .get(&world.house, &world.path("openid", &format!("&prompt=none{hint}")))
            .await;
        let error = parameter(&told, "error");
        assert_eq!(error, if silent { "" } else { "login_required" }, "{hint}");
        let told = world.browser.get(&world.house, &world.path("openid", &hint)).await;
        assert_eq!(told.status, if silent { 303 } else { 200 }, "{hint}");
        assert!(
            silent || world.browser.page.contains("name=\"password\""),
            "{}",
            world.browser.page
        );
    }
}

/// An application administrator must not become more through an application that has rights over the directory.
#[tokio::test]
async fn applications_with_rights_over_the_directory_are_changed_by_global_administrators() {
    let world = world().await;
    let dave = user(&world.house, "dave", json!({})).await;
    let status = directory_role(&world.house, &world.admin, &dave, APPLICATION_ADMINISTRATOR).await;
    assert_eq!(status, 201);
    let roles = "{sub}/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01";
    let all = world.house.call("GET", roles, &world.admin, Value::Null).await.json();
    let admin = &world.house.admin;
    let own = all["value"]
        .as_array()
        .unwrap()
        .iter()
        .find(|a| a["properties"]["principalId"] == admin.object_id.as_str())
        .unwrap();
    let own = format!("{}?api-version=2022-04-01", own["id"].as_str().unwrap());
    let tokens = |name: &'static str| {
        let house = &world.house;
        async move {
            crate::sign_in::signed_in(house, name).await["access_token"]
                .as_str()
                .unwrap()
                .to_owned()
        }
    };
    let (alice, dave) = (tokens("alice").await, tokens("dave").await);
    assert_eq!(
        world.house.call("DELETE", &own, &alice, Value::Null).await.status,
        200,
        "a careful owner"
    );
    let app = format!("/v1.0/applications(appId='{}')/addPassword", admin.client_id);
    assert_eq!(world.house.call("POST", &app, &dave, json!({})).await.status, 403);
    let wiki = format!("/v1.0/applications/{}/addPassword", world.object_id);
    assert_eq!(
        world.house.call("POST", &wiki, &dave, json!({})).await.status,
        200,
        "others are his"
    );
}

#[tokio::test]
async fn how_others_prove_themselves_is_for_administrators_of_users() {
    let world = world().await;
    user(&world.house, "bob", json!({})).await;
    let token = crate::sign_in::signed_in(&world.house, "bob").await;
    let path = |name: &str| format!("users/{name}@vedette.localhost/authentication/methods");
    assert_eq!(world.graph("GET", &path("bob"), &token, Value::Null).await, 200);
    assert_eq!(world.graph("GET", "me/authentication/methods", &token, Value::Null).await, 200);
    for list in ["methods", "softwareOathMethods", "fido2Methods"] {
        let path = format!("users/alice@vedette.localhost/authentication/{list}");
        assert_eq!(world.graph("GET", &path, &token, Value::Null).await, 403, "{list}");
    }
    assert_eq!(
        world
            .house
            .call("GET", &format!("/v1.0/{}", path("bob")), &world.admin, Value::Null)
            .await
            .status,
        200
    );
}

/// A password is known; many addresses guess the second factor.
#[tokio::test]
async fn codes_cannot_be_guessed_from_many_addresses() {
    let world = world().await;
    let house = &world.house;
    let eve = user(house, "eve", json!({})).await;
    let methods =
        format!("/v1.0/users/{}/authentication/softwareOathMethods", eve["id"].as_str().unwrap());
    assert_eq!(house.call("POST", &methods, &world.admin, json!({})).await.status, 201);
    let mut looked_at = 0;
    for n in 0..60 {
        house.come_from([10, 0, 0, n]);
        let mut browser = Browser::default();
        browser.get(house, &authorize("")).await;
        browser.password(house, "eve", PASSWORD).await;
        browser.step(house, "code", "code=000000").await;
        looked_at += i32::from(browser.page.contains("The code is wrong"));
    }
    house.come_from([127, 0, 0, 1]);
    assert!((15..=25).contains(&looked_at), "{looked_at}");
    house.clock.advance_seconds(61);
    let mut browser = Browser::default();
    browser.get(house, &authorize("")).await;
    browser.password(house, "eve", PASSWORD).await;
    browser.step(house, "code", "code=000000").await;
    assert!(browser.page.contains("The code is wrong"), "nobody is locked out: {}", browser.page);
}

#[tokio::test]
async fn a_change_of_ones_own_password_is_told() {
    let world = world().await;
    let house = &world.house;
    let profile = json!({ "passwordProfile": { "password": PASSWORD, "forceChangePasswordNextSignIn": true } });
    let eve = user(house, "eve", profile).await;
    let mut browser = Browser::default();
    browser.get(house, &authorize("")).await;
    browser.password(house, "eve", PASSWORD).await;
    browser.step(house, "newpassword", "newpassword=short&again=short").await;
    let told = browser
        .step(house, "newpassword", "newpassword=correct-horse-2&again=correct-horse-2")
        .await;
    assert_eq!(house.form(&redeem(&parameter(&told, "code"))).await.status, 200);
    let events = house.events.lock();
    let changes: Vec<bool> = events
        .iter()
        .filter_map(|e| match e {
            Event::Directory(e) if e.operation == "Change user password" => {
                assert_eq!(
                    (e.targets[0].id.as_str(), &*e.caller.app_id),
                    (eve["id"].as_str().unwrap(), AZ)
                );
                Some(e.failure.is_empty())
            }
            _ => None,
        })
        .collect();
    assert_eq!(changes, [false, true], "the refused one too");
    assert!(!format!("{:?}", *events).contains("correct-horse"));
}

#[tokio::test]
async fn pages_of_registered_single_page_applications_read_answers() {
    let house = house().await;
    let admin = house.admin_token().await;
    let body = json!({ "displayName": "spa", "spa": { "redirectUris": ["https://spa.example/app", "http://localhost:3000"] },
        "web": { "redirectUris": ["https://server.example/"] } });
    assert_eq!(house.call("POST", "/v1.0/applications", &admin, body).await.status, 201);
    let ask = async |method: &str, path: &str, origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "x-client-sku,content-type"),
        ];
        house.send(house.request(method, path, "", &headers, "")).await
    };
    let allowed = |told: &crate::house::Told| told.header("access-control-allow-origin").to_owned();
    let token = "/{tenant}/oauth2/v2.0/token";
    for (origin, open) in [
        ("https://spa.example", true),
        ("http://localhost:3000", true),
        ("http://localhost:3001", false),
        ("https://spa.example.evil.example", false),
        ("https://server.example", false),
        ("http://spa.example", false),
        ("null", false),
    ] {
        let wanted = if open { origin } else { "" };
        let asked = ask("OPTIONS", token, origin).await;
        assert_eq!(
            (asked.status, allowed(&asked).as_str()),
            (if open { 204 } else { 405 }, wanted),
            "{origin}"
        );
        let told = ask("POST", token, origin).await;
        assert_eq!(
            (told.status, allowed(&told).as_str()),
            (400, wanted),
            "errors are read too: {origin}"
        );
        let graph = ask("GET", "/v1.0/me", origin).await;
        assert_eq!((graph.status, allowed(&graph).as_str()), (401, wanted), "{origin}");
        let vault = ask("GET", "/secrets?api-version=7.4", origin).await;
        assert_eq!(allowed(&vault), "", "vaults take none");
        let keys = ask("GET", "/{tenant}/discovery/v2.0/keys", origin).await;
        assert_eq!((keys.status, allowed(&keys).as_str()), (200, "*"), "open to all");
    }
    let asked = ask("OPTIONS", token, "https://spa.example").await;
    assert_eq!(asked.header("access-control-allow-headers"), "x-client-sku,content-type");
    assert!(asked.header("access-control-allow-methods").contains("POST"));
    assert_eq!(
        (asked.header("vary"), asked.header("access-control-allow-credentials")),
        ("Origin", "")
    );
}

/// What a build job needs to resolve names: a directory role for its service principal.
#[tokio::test]
async fn service_principals_have_directory_roles() {
    let world = world().await;
    let house = &world.house;
    let body = json!({ "appId": world.app_id });
    let made = house.call("POST", "/v1.0/servicePrincipals", &world.admin, body).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let made = made.json();
    let token = house.token_of(&world.app_id, &world.secret, "https://localhost:8443").await;
    let status = async |method: &str, path: &str, body: Value| {
        house.call(method, &format!("/v1.0/{path}"), &token, body).await.status
    };
    let refused = house.call("GET", "/v1.0/users", &token, Value::Null).await;
    assert_eq!(refused.status, 403);
    assert!(refused.json()["error"]["message"].as_str().unwrap().contains("Directory Readers"));
    let (readers, users) =
        ("88d8e3e3-8f55-4a1e-953a-9b9898b8876b", "fe930be7-5e62-47db-91af-98c3a49a38b1");
    assert_eq!(directory_role(house, &world.admin, &made, readers).await, 201);
    let new = || {
        json!({ "displayName": "n", "userPrincipalName": "n@vedette.localhost", "mailNickname": "n",
            "accountEnabled": true, "passwordProfile": { "password": PASSWORD } })
    };
    for path in ["users", "groups", "applications", "servicePrincipals"] {
        assert_eq!(status("GET", path, Value::Null).await, 200, "{path}");
    }
    assert_eq!(status("POST", "users", new()).await, 403);
    assert_eq!(directory_role(house, &world.admin, &made, users).await, 201);
    assert_eq!(status("POST", "users", new()).await, 201);
    assert_eq!(status("POST", "applications", json!({ "displayName": "x" })).await, 403);
    // it is held to what people with the role are held to
    let alice = format!("users/{}", world.alice["id"].as_str().unwrap());
    let reset = json!({ "passwordProfile": { "password": "another long password" } });
    assert_eq!(status("PATCH", &alice, reset).await, 403, "an administrator's password");
    let role = format!(
        "roleManagement/directory/roleAssignments/{users}_{}",
        made["id"].as_str().unwrap()
    );
    assert_eq!(
        house.call("DELETE", &format!("/v1.0/{role}"), &world.admin, Value::Null).await.status,
        204
    );
    assert_eq!(status("POST", "users", new()).await, 403, "at once");
    let all = house
        .call("GET", "/v1.0/roleManagement/directory/roleAssignments", &world.admin, Value::Null)
        .await
        .json();
    assert!(all["value"].as_array().unwrap().iter().any(|a| a["principalId"] == made["id"]));
}
