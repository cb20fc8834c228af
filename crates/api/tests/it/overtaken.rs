//! What changes while somebody signs in: an application that is removed, disabled or moved gets nothing, and its old
//! address hears of nothing.

use serde_json::{Value, json};

use crate::house::{Fixture, Told, encode, house};
use crate::sign_in::{Browser, PASSWORD, parameter, user};

const BACK: &str = "https://app.example/cb";

/// A house with people and one who administers; applications are made as they are needed.
struct World {
    house: Fixture,
    admin: String,
}

/// A registered application with a secret.
struct App {
    id: String,
    app_id: String,
    secret: String,
}

async fn world() -> World {
    let house = house().await;
    user(&house, "alice", json!({})).await;
    let admin = house.admin_token().await;
    World { house, admin }
}

impl World {
    async fn graph(&self, method: &str, path: &str, body: Value) -> Value {
        let told = self.house.call(method, &format!("/v1.0/{path}"), &self.admin, body).await;
        assert!(told.status < 300, "{method} {path}: {}", String::from_utf8_lossy(&told.bytes));
        serde_json::from_slice(&told.bytes).unwrap_or_default()
    }

    async fn app(&self) -> App {
        let web = json!({ "redirectUris": [BACK],
            "implicitGrantSettings": { "enableIdTokenIssuance": true } });
        let body = json!({ "displayName": "Wiki", "web": web, "isFallbackPublicClient": true });
        let made = self.graph("POST", "applications", body).await;
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        let path = format!("applications/{}/addPassword", text("id"));
        let secret = self.graph("POST", &path, json!({})).await;
        self.graph("POST", "servicePrincipals", json!({ "appId": text("appId") })).await;
        let secret = secret["secretText"].as_str().unwrap().to_owned();
        App { id: text("id"), app_id: text("appId"), secret }
    }

    async fn change(&self, app: &App, change: &str) {
        let (object, principal) = (
            format!("applications/{}", app.id),
            format!("servicePrincipals(appId='{}')", app.app_id),
        );
        let (method, path, body) = match change {
            "removed" => ("DELETE", object, Value::Null),
            "disabled" => ("PATCH", principal, json!({ "accountEnabled": false })),
            "without principal" => ("DELETE", principal, Value::Null),
            "moved" => {
                ("PATCH", object, json!({ "web": { "redirectUris": ["https://new.example/"] } }))
            }
            "of another kind" => (
                "PATCH",
                object,
                json!({ "web": { "redirectUris": [] }, "spa": { "redirectUris": [BACK] } }),
            ),
            "without id tokens" => {
                let off = json!({ "implicitGrantSettings": { "enableIdTokenIssuance": false } });
                ("PATCH", object, json!({ "web": off }))
            }
            "alice disabled" => (
                "PATCH",
                "users/alice@vedette.localhost".into(),
                json!({ "accountEnabled": false }),
            ),
            other => panic!("{other}"),
        };
        self.graph(method, &path, body).await;
    }

    fn path(app: &App, kind: &str, more: &str) -> String {
        format!(
            "/{{tenant}}/oauth2/v2.0/authorize?client_id={}&response_type={}&response_mode=fragment&redirect_uri={}&scope=openid%20User.Read&nonce=n&state=s{more}",
            app.app_id,
            encode(kind),
            encode(BACK),
        )
    }

    /// A browser at the page for the name, or at that for what is to be agreed to.
    async fn begun(&self, app: &App, kind: &str, at: &str) -> Browser {
        let mut browser = Browser::default();
        browser.get(&self.house, &Self::path(app, kind, "")).await;
        if at != "password" {
            browser.password(&self.house, "alice", PASSWORD).await;
            assert!(browser.page.contains("wants to:"), "{}", browser.page);
        }
        browser
    }

    async fn press(&self, browser: &mut Browser, at: &str) -> Told {
        match at {
            "password" => browser.password(&self.house, "alice", PASSWORD).await,
            step => browser.step(&self.house, step, "").await,
        }
    }

    async fn redeem(&self, app: &App, code: &str) -> (u16, u64) {
        let form = format!(
            "grant_type=authorization_code&client_id={}&client_secret={}&code={code}&redirect_uri={}",
            app.app_id,
            encode(&app.secret),
            encode(BACK)
        );
        let told = self.house.form(&form).await;
        (told.status, told.json()["error_codes"][0].as_u64().unwrap_or(0))
    }
}

#[tokio::test]
async fn every_step_looks_at_the_application_again() {
    let world = world().await;
    for (change, number) in [
        ("removed", "AADSTS700016:"),
        ("disabled", "AADSTS7000112:"),
        ("moved", "AADSTS50011:"),
        ("of another kind", "AADSTS50011:"),
    ] {
        for kind in ["code", "id_token", "code id_token"] {
            for at in ["password", "continue", "deny"] {
                let app = world.app().await;
                let mut browser = world.begun(&app, kind, at).await;
                world.change(&app, change).await;
                let told = world.press(&mut browser, at).await;
                let place = format!("{change}, {kind}, {at}: {}", browser.page);
                assert_eq!((told.status, told.header("location")), (400, ""), "{place}");
                assert!(browser.page.contains(number), "{place}");
            }
        }
    }
    // the address is still the application's: it hears of it
    for at in ["password", "continue"] {
        let app = world.app().await;
        let mut browser = world.begun(&app, "id_token", at).await;
        world.change(&app, "without id tokens").await;
        let told = world.press(&mut browser, at).await;
        assert!(told.header("location").starts_with(BACK), "{at}: {}", browser.page);
        assert_eq!(parameter(&told, "error"), "unsupported_response_type", "{at}");
        assert_eq!(parameter(&told, "id_token"), "", "{at}");
    }
    // the person too: what it had under way is forgotten with it
    let app = world.app().await;
    let mut browser = world.begun(&app, "code", "continue").await;
    world.change(&app, "alice disabled").await;
    let told = world.press(&mut browser, "continue").await;
    assert_eq!((told.status, told.header("location")), (400, ""));
    assert!(browser.page.contains("AADSTS165000:"), "{}", browser.page);
}

/// With its service principal goes what people agreed to: a page that asked for nothing must not bring it back.
#[tokio::test]
async fn nobody_agrees_to_what_the_page_did_not_say() {
    let world = world().await;
    let app = world.app().await;
    let mut browser = world.begun(&app, "code", "continue").await;
    world.press(&mut browser, "continue").await;
    let again = World::path(&app, "code", "&prompt=select_account");
    browser.get(&world.house, &again).await;
    assert!(!browser.page.contains("wants to:"), "agreed once: {}", browser.page);
    world.change(&app, "without principal").await;
    let told = world.press(&mut browser, "continue").await;
    assert_eq!((told.status, told.header("location")), (200, ""));
    assert!(browser.page.contains("Sign you in and read your profile"), "{}", browser.page);
    let told = world.press(&mut browser, "continue").await;
    assert!(!parameter(&told, "code").is_empty(), "{}", browser.page);
}

#[tokio::test]
async fn a_code_is_worth_nothing_at_an_address_of_nobody() {
    let world = world().await;
    for (change, expected) in [
        ("removed", (400, 700_016)),
        ("disabled", (400, 7_000_112)),
        ("without principal", (400, 7_000_229)),
        ("moved", (400, 50_011)),
        ("of another kind", (400, 50_011)),
        ("without id tokens", (200, 0)),
        ("alice disabled", (400, 70_008)),
    ] {
        let app = world.app().await;
        let mut browser = world.begun(&app, "code", "continue").await;
        let told = world.press(&mut browser, "continue").await;
        let code = parameter(&told, "code");
        world.change(&app, change).await;
        assert_eq!(world.redeem(&app, &code).await, expected, "{change}");
    }
}

#[tokio::test]
async fn a_device_is_not_let_in_for_an_application_that_went() {
    let world = world().await;
    for (change, number) in [("removed", "AADSTS165000:"), ("disabled", "AADSTS7000112:")] {
        let app = world.app().await;
        let form = format!("client_id={}&scope=User.Read", app.app_id);
        let path = "/{tenant}/oauth2/v2.0/devicecode";
        let told = world.house.send(world.house.request("POST", path, "", &[], form)).await;
        let device = told.json();
        let mut browser = Browser::default();
        let typed = format!("user_code={}", device["user_code"].as_str().unwrap());
        browser.post(&world.house, "/devicelogin", &typed).await;
        browser.password(&world.house, "alice", PASSWORD).await;
        assert!(browser.page.contains("Let a device use"), "{}", browser.page);
        world.change(&app, change).await;
        let told = world.press(&mut browser, "continue").await;
        assert!(told.status == 400 && browser.page.contains(number), "{change}: {}", browser.page);
        let grant = encode("urn:ietf:params:oauth:grant-type:device_code");
        let code = device["device_code"].as_str().unwrap();
        let form = format!("grant_type={grant}&client_id={}&device_code={code}", app.app_id);
        assert_eq!(world.house.form(&form).await.status, 400, "{change}");
    }
}
