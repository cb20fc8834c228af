//! What applications ask with: hints at people, time since the sign-in, errors where the application looks for them,
//! pages that redeem from where they are.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::house::{Fixture, ORIGIN, Told, encode, house};
use crate::sign_in::{AZ, Browser, PASSWORD, authorize, parameter, redeem, user};

const WEB: &str = "https://app.example/back";
const PAGE: &str = "https://spa.example/app";
/// Verifier and challenge of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A house with two people, and an application with addresses of each kind.
struct World {
    house: Fixture,
    app_id: String,
    secret: String,
}

async fn world() -> World {
    let house = house().await;
    for name in ["alice", "bob"] {
        user(&house, name, json!({})).await;
    }
    let admin = house.admin_token().await;
    let web = json!({ "redirectUris": [WEB],
        "implicitGrantSettings": { "enableIdTokenIssuance": true } });
    let body = json!({ "displayName": "Wiki", "web": web, "spa": { "redirectUris": [PAGE] } });
    let app = house.call("POST", "/v1.0/applications", &admin, body).await.json();
    let path = format!("/v1.0/applications/{}/addPassword", app["id"].as_str().unwrap());
    let secret = house.call("POST", &path, &admin, json!({})).await.json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    World { app_id: text(&app["appId"]), secret: text(&secret["secretText"]), house }
}

impl World {
    fn path(&self, kind: &str, back: &str, more: &str) -> String {
        format!(
            "/{{tenant}}/oauth2/v2.0/authorize?client_id={}&response_type={}&redirect_uri={}&scope=openid%20offline_access&state=s&code_challenge={CHALLENGE}&code_challenge_method=S256{more}",
            self.app_id,
            encode(kind),
            encode(back),
        )
    }

    /// A browser in which somebody signed in and agreed.
    async fn signed_in(&self, name: &str) -> Browser {
        let mut browser = Browser::default();
        browser.get(&self.house, &self.path("code", WEB, "")).await;
        browser.password(&self.house, name, PASSWORD).await;
        let told = browser.step(&self.house, "continue", "").await;
        assert!(!parameter(&told, "code").is_empty(), "{}", browser.page);
        browser
    }

    /// An id token for who is signed in.
    async fn id_token(&self, browser: &mut Browser) -> String {
        let told = browser.get(&self.house, &self.path("id_token", WEB, "&nonce=n")).await;
        parameter(&told, "id_token")
    }

    async fn code(&self, browser: &mut Browser, back: &str) -> String {
        let told = browser.get(&self.house, &self.path("code", back, "")).await;
        parameter(&told, "code")
    }

    /// Status, AADSTS number and refresh token of a request to the token endpoint.
    async fn token(&self, form: &str, origin: Option<&str>) -> (u16, u64, String) {
        let form = format!("{form}&client_id={}", self.app_id);
        let headers: Vec<_> = origin.map(|o| ("origin", o)).into_iter().collect();
        let path = "/{tenant}/oauth2/v2.0/token";
        let told = self.house.send(self.house.request("POST", path, "", &headers, form)).await;
        let body = told.json();
        let number = body["error_codes"][0].as_u64().unwrap_or(0);
        (told.status, number, body["refresh_token"].as_str().unwrap_or_default().to_owned())
    }

    fn redeeming(&self, code: &str, back: &str) -> String {
        let proof = match back {
            WEB => format!("&client_secret={}", encode(&self.secret)),
            _ => String::new(),
        };
        format!(
            "grant_type=authorization_code&code={code}&redirect_uri={}&code_verifier={VERIFIER}{proof}",
            encode(back)
        )
    }
}

/// What the application hears: a code, or the error's word.
fn heard(told: &Told) -> String {
    match parameter(told, "error") {
        error if !error.is_empty() => error,
        _ if parameter(told, "code").is_empty() => "nothing".into(),
        _ => "code".into(),
    }
}

#[tokio::test]
async fn an_id_token_hints_at_its_person() {
    let world = world().await;
    let mut browser = world.signed_in("alice").await;
    let alice = world.id_token(&mut browser).await;
    let mut other = world.signed_in("bob").await;
    let bob = world.id_token(&mut other).await;
    let house = &world.house;
    house.clock.advance_seconds(2 * 60 * 60); // over, and good as a hint
    let hinting =
        |token: &str, more: &str| world.path("code", WEB, &format!("&id_token_hint={token}{more}"));
    let tampered = format!("{}x", bob);
    for (token, told_silently) in [
        (&alice, "code"),
        (&bob, "login_required"),
        (&"abc".to_owned(), "invalid_request"),
        (&tampered, "invalid_request"),
    ] {
        let told = browser.get(house, &hinting(token, "&prompt=none")).await;
        assert_eq!(heard(&told), told_silently, "{token}");
    }
    let told = browser.get(house, &hinting("abc", "")).await;
    assert!(parameter(&told, "error_description").starts_with("AADSTS50027"), "{}", browser.page);
    // without prompt: who is signed in goes on, for somebody else there is the page
    assert_eq!(heard(&browser.get(house, &hinting(&alice, "")).await), "code");
    let told = browser.get(house, &hinting(&bob, "")).await;
    assert_eq!(told.status, 200);
    assert!(
        browser.page.contains("value=\"bob@vedette.localhost\"")
            && browser.page.contains("name=\"password\""),
        "{}",
        browser.page
    );
    // an access token is none
    let code = world.code(&mut browser, WEB).await;
    let form = format!("{}&client_id={}", world.redeeming(&code, WEB), world.app_id);
    let access = house.form(&form).await.json()["access_token"].as_str().unwrap().to_owned();
    let told = browser.get(house, &hinting(&access, "&prompt=none")).await;
    assert_eq!(heard(&told), "invalid_request");
}

#[tokio::test]
async fn native_applications_are_found_by_schemes_of_their_own() {
    let world = world().await;
    let admin = world.house.admin_token().await;
    for (back, place) in [
        ("myapp://auth", '?'),
        ("ms-appx-web://Microsoft.AAD.BrokerPlugin/x", '?'),
        ("urn:ietf:wg:oauth:2.0:oob", '?'),
        ("com.example.app:/cb?a=b", '&'),
    ] {
        let body = json!({ "displayName": "n", "publicClient": { "redirectUris": [back] } });
        let made = world.house.call("POST", "/v1.0/applications", &admin, body).await.json();
        let app_id = made["appId"].as_str().unwrap();
        let mut browser = Browser::default();
        let path = world.path("code", back, "").replace(&world.app_id, app_id);
        let told = browser.get(&world.house, &path).await;
        assert!(!told.header("content-security-policy").contains("form-action"), "{back}");
        browser.password(&world.house, "alice", PASSWORD).await;
        let told = browser.step(&world.house, "continue", "").await;
        let wanted = format!("{back}{place}code=");
        assert!(told.header("location").starts_with(&wanted), "{back}: {}", browser.page);
    }
    for bad in ["javascript:alert(1)", "data:text/html,x", "file:///x", "my\u{1}app://x"] {
        let body = json!({ "displayName": "n", "publicClient": { "redirectUris": [bad] } });
        let told = world.house.call("POST", "/v1.0/applications", &admin, body).await;
        assert_eq!(told.status, 400, "{bad}");
    }
}

#[tokio::test]
async fn no_time_since_the_sign_in_is_none() {
    let world = world().await;
    let mut browser = world.signed_in("alice").await;
    for (age, silently) in [("0", "login_required"), ("1", "code"), ("3600", "code")] {
        let path = world.path("code", WEB, &format!("&prompt=none&max_age={age}"));
        let told = browser.get(&world.house, &path).await;
        assert_eq!(heard(&told), silently, "{age}, in the same second");
    }
    browser.get(&world.house, &world.path("code", WEB, "&max_age=0")).await;
    assert!(browser.page.contains("name=\"password\""), "{}", browser.page);
    let told = browser.password(&world.house, "alice", PASSWORD).await;
    assert_eq!(heard(&told), "code", "asked again, that is enough");
}

#[tokio::test]
async fn errors_are_where_the_answer_would_be() {
    let world = world().await;
    let mut browser = Browser::default();
    for (kind, more, place) in [
        ("token", "", '#'),
        ("id_token token", "&nonce=n", '#'),
        ("code token", "", '#'),
        ("id_token", "", '#'), // no nonce
        ("junk", "", '?'),
        ("token", "&response_mode=query", '?'),
    ] {
        let told = browser.get(&world.house, &world.path(kind, WEB, more)).await;
        let wanted = format!("{WEB}{place}error=");
        assert!(
            told.header("location").starts_with(&wanted),
            "{kind}: {}",
            told.header("location")
        );
    }
    // what cannot be decoded is named
    for (text, name) in [
        ("&login_hint=%", "login_hint"),
        ("&nonce=%zz", "nonce"),
        ("&nonce=%ff", "nonce"),
        ("&n%=1", "n%"),
    ] {
        let told = browser.get(&world.house, &world.path("code", WEB, text)).await;
        assert_eq!((told.status, told.header("location")), (400, ""), "{text}");
        let said = format!("&#39;{name}&#39; cannot be decoded");
        assert!(browser.page.contains(&said), "{text}: {}", browser.page);
        let form = world.path("code", WEB, text);
        let (path, form) = form.split_once('?').unwrap();
        let told = browser.post(&world.house, path, form).await;
        assert!(told.status == 400 && browser.page.contains(&said), "{text}: {}", browser.page);
    }
}

#[tokio::test]
async fn pages_redeem_from_where_they_are() {
    let world = world().await;
    let mut browser = world.signed_in("alice").await;
    let own = Some("https://spa.example");
    for (back, origin, expected) in [
        (PAGE, None, (400, 9_002_327)),
        (PAGE, Some("https://evil.example"), (400, 9_002_327)),
        (PAGE, Some("https://spa.example.evil.example"), (400, 9_002_327)),
        (PAGE, Some("null"), (400, 9_002_327)),
        (PAGE, Some(ORIGIN), (400, 9_002_327)),
        (PAGE, own, (200, 0)),
        (WEB, None, (200, 0)),
        (WEB, Some("https://evil.example"), (400, 9_002_326)),
        (WEB, Some("https://app.example"), (400, 9_002_326)),
    ] {
        let code = world.code(&mut browser, back).await;
        let (status, number, refresh) = world.token(&world.redeeming(&code, back), origin).await;
        assert_eq!((status, number), expected, "{back} {origin:?}");
        if status != 200 {
            continue;
        }
        let form = match back {
            WEB => format!("grant_type=refresh_token&client_secret={}", encode(&world.secret)),
            _ => "grant_type=refresh_token".into(),
        };
        for (other, right) in [(None, back == WEB), (Some("https://evil.example"), false)] {
            let told = world.token(&format!("{form}&refresh_token={refresh}"), other).await;
            assert_eq!(told.0 == 200, right, "{back} {other:?}: {told:?}");
        }
    }
}

/// A page's refresh tokens go on for a day, however often they are used; others as long as they are used.
#[tokio::test]
async fn refresh_tokens_of_pages_live_a_day() {
    let world = world().await;
    let mut browser = world.signed_in("alice").await;
    for (back, origin, after_a_day) in
        [(PAGE, Some("https://spa.example"), (400, 700_084)), (WEB, None, (200, 0))]
    {
        let code = world.code(&mut browser, back).await;
        let (_, _, mut refresh) = world.token(&world.redeeming(&code, back), origin).await;
        let proof = match back {
            WEB => format!("&client_secret={}", encode(&world.secret)),
            _ => String::new(),
        };
        let mut last = (0, 0);
        for _ in 0..3 {
            assert_ne!(last.0, 400, "{back}: before its time");
            let form = format!("grant_type=refresh_token&refresh_token={refresh}{proof}");
            let (status, number, next) = world.token(&form, origin).await;
            (last, refresh) = ((status, number), next);
            world.house.clock.advance_seconds(12 * 60 * 60);
        }
        assert_eq!(last, after_a_day, "{back}");
        browser = world.signed_in_again(&mut browser).await;
    }
}

impl World {
    /// Sessions of browsers end earlier.
    async fn signed_in_again(&self, browser: &mut Browser) -> Browser {
        browser.get(&self.house, &self.path("code", WEB, "&prompt=login")).await;
        browser.password(&self.house, "alice", PASSWORD).await;
        std::mem::take(browser)
    }
}

#[tokio::test]
async fn userinfo_wants_a_token_of_a_sign_in() {
    let house = house().await;
    user(&house, "alice", json!({})).await;
    let graph = "https://graph.microsoft.com";
    for (scope, scp, status) in [
        ("openid", "openid User.Read", 200),
        ("openid profile email", "openid profile email User.Read", 200),
        ("User.Read", "User.Read", 403),
        ("User.Read openid", "openid User.Read", 200),
        (&format!("{ORIGIN}/.default"), "user_impersonation", 200),
        (&format!("{ORIGIN}/User.Read openid"), "openid User.Read", 200),
        (&format!("{graph}/.default openid"), "user_impersonation", 200),
    ] {
        let mut browser = Browser::default();
        let asked = encode(&format!("{ORIGIN}/.default openid profile offline_access"));
        browser.get(&house, &authorize("").replace(&asked, &encode(scope))).await;
        let told = browser.password(&house, "alice", PASSWORD).await;
        let tokens = house.form(&redeem(&parameter(&told, "code"))).await.json();
        let token = tokens["access_token"].as_str().unwrap();
        assert_eq!(crate::sign_in::claims(token)["scp"], scp, "{scope}");
        for method in ["GET", "POST"] {
            let told = house.call(method, "/oidc/userinfo", token, Value::Null).await;
            assert_eq!(told.status, status, "{scope}: {}", told.json());
            let lacks = told.header("www-authenticate").contains("error=\"insufficient_scope\"");
            assert_eq!(lacks, status == 403, "{scope}");
        }
    }
}

#[tokio::test]
async fn device_codes_that_nobody_gave_are_called_so() {
    let house = house().await;
    let ask = format!("client_id={AZ}&scope=User.Read");
    let path = "/organizations/oauth2/v2.0/devicecode";
    let device = house.send(house.request("POST", path, "", &[], ask)).await.json();
    let code = device["device_code"].as_str().unwrap().to_owned();
    let guess = URL_SAFE_NO_PAD.encode([7; 32]);
    let grant = encode("urn:ietf:params:oauth:grant-type:device_code");
    let other = "1950a258-227b-4e31-a9cf-717495945fc2";
    let poll = async |client: &str, code: &str| {
        let told =
            house.form(&format!("grant_type={grant}&client_id={client}&device_code={code}")).await;
        assert_eq!(told.status, 400);
        told.code()
    };
    assert_eq!(poll(AZ, &code).await, "authorization_pending");
    for bad in ["x", &guess] {
        assert_eq!(poll(AZ, bad).await, "bad_verification_code", "{bad}");
    }
    assert_eq!(poll(other, &code).await, "bad_verification_code", "another's");
    house.clock.advance_seconds(901);
    assert_eq!(poll(AZ, &code).await, "expired_token");
}
