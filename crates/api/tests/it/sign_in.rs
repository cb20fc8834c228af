//! People: sign-in pages, codes, devices, refresh tokens, sessions. Driven as a browser and a client would.

use std::collections::BTreeMap;

use api::Event;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use identity::SignInKind;
use serde_json::{Value, json};

use crate::house::{Fixture, ORIGIN, READER, Told, encode, house};

pub(super) const AZ: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
pub(super) const PASSWORD: &str = "correct horse battery";
/// Verifier and challenge of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const BACK: &str = "http://localhost:8400";

/// A browser: cookies, and the page it last saw.
#[derive(Default)]
pub(super) struct Browser {
    cookies: BTreeMap<String, String>,
    pub(super) page: String,
}

impl Browser {
    fn keep(&mut self, told: &Told) {
        for line in told.headers.get_all("set-cookie") {
            let line = line.to_str().unwrap();
            for part in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
                assert!(line.contains(part), "{line}");
            }
            let (name, value) = line.split(';').next().unwrap().split_once('=').unwrap();
            assert!(name.starts_with("__Host-"));
            self.cookies.insert(name.into(), value.into());
        }
        self.page = String::from_utf8_lossy(&told.bytes).into_owned();
    }

    fn cookie(&self) -> String {
        self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>().join("; ")
    }

    pub(super) async fn get(&mut self, house: &Fixture, path: &str) -> Told {
        let cookie = self.cookie();
        let told = house.send(house.request("GET", path, "", &[("cookie", &cookie)], "")).await;
        self.keep(&told);
        told
    }

    pub(super) async fn post(&mut self, house: &Fixture, path: &str, form: &str) -> Told {
        let cookie = self.cookie();
        let headers =
            [("cookie", cookie.as_str()), ("origin", ORIGIN), ("sec-fetch-site", "same-origin")];
        let told = house.send(house.request("POST", path, "", &headers, form.to_owned())).await;
        self.keep(&told);
        told
    }

    pub(super) fn flow(&self) -> String {
        let (_, rest) = self
            .page
            .split_once("name=\"flow\" value=\"")
            .unwrap_or_else(|| panic!("{}", self.page));
        rest.split('"').next().unwrap().to_owned()
    }

    /// Presses a button of the page.
    pub(super) async fn step(&mut self, house: &Fixture, step: &str, fields: &str) -> Told {
        let form = format!("flow={}&step={step}&{fields}", self.flow());
        self.post(house, "/{tenant}/login", &form).await
    }

    pub(super) async fn password(&mut self, house: &Fixture, name: &str, password: &str) -> Told {
        let fields = format!("username={}&password={}", encode(name), encode(password));
        self.step(house, "password", &fields).await
    }
}

pub(super) async fn user(house: &Fixture, name: &str, more: Value) -> Value {
    let admin = house.admin_token().await;
    let mut body = json!({
        "displayName": format!("User {name}"),
        "userPrincipalName": format!("{name}@vedette.localhost"),
        "mailNickname": name,
        "accountEnabled": true,
        "passwordProfile": { "password": PASSWORD, "forceChangePasswordNextSignIn": false },
    });
    for (key, value) in more.as_object().into_iter().flatten() {
        body[key] = value.clone();
    }
    let told = house.call("POST", "/v1.0/users", &admin, body).await;
    assert_eq!(told.status, 201, "{}", told.json());
    told.json()
}

pub(super) async fn assign(house: &Fixture, principal: &str, role: &str) {
    let admin = house.admin_token().await;
    let path = format!(
        "{{sub}}/providers/Microsoft.Authorization/roleAssignments/{}?api-version=2022-04-01",
        uuid::Uuid::new_v4()
    );
    let role = format!("/providers/Microsoft.Authorization/roleDefinitions/{role}");
    let body = json!({ "properties": { "roleDefinitionId": role, "principalId": principal } });
    let told = house.call("PUT", &path, &admin, body).await;
    assert_eq!(told.status, 201, "{}", told.json());
}

pub(super) fn authorize(more: &str) -> String {
    format!(
        "/organizations/oauth2/v2.0/authorize?client_id={AZ}&response_type=code&redirect_uri={}&scope={}&state=s%20%26&code_challenge={CHALLENGE}&code_challenge_method=S256&{more}",
        encode(BACK),
        encode(&format!("{ORIGIN}/.default openid profile offline_access")),
    )
}

/// A parameter of the address that a redirect leads to.
pub(super) fn parameter(told: &Told, name: &str) -> String {
    let location = told.header("location");
    let (_, query) = location
        .split_once(['?', '#'])
        .unwrap_or_else(|| panic!("{location}: {}", String::from_utf8_lossy(&told.bytes)));
    let found = query.split('&').find_map(|p| p.strip_prefix(&format!("{name}=")));
    found.unwrap_or_default().to_owned()
}

pub(super) fn redeem(code: &str) -> String {
    format!(
        "grant_type=authorization_code&client_id={AZ}&code={code}&redirect_uri={}&code_verifier={VERIFIER}&client_info=1",
        encode(BACK)
    )
}

pub(super) fn claims(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap())
        .unwrap()
}

/// Signs a user in as az does; its tokens.
pub(super) async fn signed_in(house: &Fixture, name: &str) -> Value {
    let mut browser = Browser::default();
    browser.get(house, &authorize("")).await;
    let told = browser.password(house, name, PASSWORD).await;
    assert_eq!(told.status, 303, "{}", browser.page);
    let told = house.form(&redeem(&parameter(&told, "code"))).await;
    assert_eq!(told.status, 200, "{}", told.json());
    told.json()
}

#[tokio::test]
async fn a_person_signs_in_with_a_browser() {
    let house = house().await;
    let alice =
        user(&house, "alice", json!({ "givenName": "Alice", "mail": "a@example.com" })).await;
    let mut browser = Browser::default();
    let told = browser.get(&house, &authorize("nonce=n1")).await;
    assert_eq!(told.status, 200, "{}", browser.page);
    let policy = told.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
        "{policy}"
    );
    assert!(policy.contains("base-uri 'none'"), "{policy}");
    assert!(!policy.contains("form-action"), "browsers hold redirects to it: {policy}");
    // one script, for passkeys, and it is the one that the policy names
    let (_, script) = browser.page.split_once("<script>").unwrap();
    let digest = crypto::sha256(script.split("</script>").next().unwrap().as_bytes());
    assert!(
        policy.contains(&format!("script-src 'sha256-{}';", STANDARD.encode(digest))),
        "{policy}"
    );
    assert_eq!(browser.page.matches("<script").count(), 1);
    assert_eq!(
        (told.header("x-frame-options"), told.header("cache-control")),
        ("DENY", "no-store")
    );

    let told = browser.password(&house, "alice", "wrong password").await;
    assert!(
        told.status == 200 && browser.page.contains("The name or the password is wrong."),
        "{}",
        browser.page
    );
    let told = browser.password(&house, "ALICE@vedette.localhost", PASSWORD).await;
    assert_eq!(told.status, 303, "{}", browser.page);
    assert!(told.header("location").starts_with("http://localhost:8400?code="));
    assert_eq!(parameter(&told, "state"), "s%20%26");
    let code = parameter(&told, "code");

    let tokens = house.form(&redeem(&code)).await.json();
    let access = claims(tokens["access_token"].as_str().unwrap());
    let expected = json!({
        "aud": ORIGIN, "oid": alice["id"], "idtyp": "user", "scp": "user_impersonation", "appid": AZ, "appidacr": "0",
        "upn": "alice@vedette.localhost", "amr": ["pwd"], "name": "User alice", "ver": "2.0",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&access[name], value, "{name}");
    }
    let id = claims(tokens["id_token"].as_str().unwrap());
    let expected = json!({ "aud": AZ, "nonce": "n1", "preferred_username": "alice@vedette.localhost", "given_name": "Alice" });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&id[name], value, "{name}");
    }
    assert!(id["email"].is_null(), "not asked for");
    assert_eq!(id["tid"], house.admin.tenant_id);
    assert_ne!(id["sub"], access["sub"], "one is the client's, one the resource's");
    let info = URL_SAFE_NO_PAD.decode(tokens["client_info"].as_str().unwrap()).unwrap();
    let info: Value = serde_json::from_slice(&info).unwrap();
    assert_eq!((&info["uid"], &info["utid"]), (&alice["id"], &json!(house.admin.tenant_id)));

    // no rights at first; a role is in force at once
    let token = tokens["access_token"].as_str().unwrap();
    let told = house.call("GET", "{resource}?api-version=2023-09-01", token, Value::Null).await;
    assert_eq!(told.status, 403, "{}", told.json());
    assign(&house, alice["id"].as_str().unwrap(), READER).await;
    let told = house.call("GET", "{resource}?api-version=2023-09-01", token, Value::Null).await;
    assert_eq!(told.status, 200, "{}", told.json());
    let told = house.call("GET", "/oidc/userinfo", token, Value::Null).await;
    assert_eq!(told.json()["sub"], id["sub"], "{}", told.json());

    // what came of it as rows
    let events = house.events.lock();
    let sign_ins: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            Event::SignIn(s) if s.kind != SignInKind::ServicePrincipal => {
                Some((s.kind, s.result_code, s.user_name.as_str()))
            }
            _ => None,
        })
        .collect();
    let (kind, name) = (SignInKind::InteractiveUser, "alice@vedette.localhost");
    assert_eq!(sign_ins, [(kind, 50126, name), (kind, 0, name)]);
    assert!(!format!("{events:?}").contains(PASSWORD));
}

#[tokio::test]
async fn codes_are_for_who_asked_once() {
    let house = house().await;
    user(&house, "alice", json!({})).await;
    let mut browser = Browser::default();
    browser.get(&house, &authorize("")).await;
    let code = parameter(&browser.password(&house, "alice", PASSWORD).await, "code");
    let good = redeem(&code);
    let other = VERIFIER.replace('d', "e");
    for (form, number) in [
        (good.replace(&format!("&code_verifier={VERIFIER}"), ""), 501_481),
        (good.replace(VERIFIER, &other), 501_481),
        (good.replace("8400", "8401"), 500_112),
        (good.replace(AZ, "1950a258-227b-4e31-a9cf-717495945fc2"), 70_008),
        (good.replace(&code, "guess"), 70_008),
        (good.replace("client_id", "x"), 900_144),
    ] {
        let body = house.form(&form).await.json();
        assert_eq!(body["error_codes"], json!([number]), "{form}");
    }
    let tokens = house.form(&good).await.json();
    let refresh = tokens["refresh_token"].as_str().unwrap().to_owned();
    let again = house.form(&good).await;
    assert_eq!(again.json()["error_codes"], json!([54_005]), "{}", again.json());
    let form = format!("grant_type=refresh_token&client_id={AZ}&refresh_token={refresh}");
    assert_eq!(house.form(&form).await.status, 400, "what a copied code gave is over too");
    // a code ends by itself
    let told = browser.get(&house, &authorize("")).await;
    assert!(
        told.status == 200 && browser.page.contains("You are signed in as"),
        "a loopback address always asks"
    );
    let code = parameter(&browser.step(&house, "continue", "").await, "code");
    house.clock.advance_seconds(601);
    assert_eq!(house.form(&redeem(&code)).await.json()["error_codes"], json!([70_008]));
}

#[tokio::test]
async fn requests_that_are_not_right_go_nowhere_or_are_told() {
    let house = house().await;
    let mut browser = Browser::default();
    // shown here: nothing is sent to an address that nobody registered
    for (from, to, number) in [
        ("localhost%3A8400", "evil%2Eexample", "AADSTS50011"),
        ("http%3A%2F%2Flocalhost", "http%3A%2F%2Flocalhost%2Eevil", "AADSTS50011"),
        (AZ, "11111111-1111-1111-1111-111111111111", "AADSTS700016"),
        ("/organizations/", "/22222222-1111-1111-1111-111111111111/", "AADSTS90002"),
        ("client_id=", "x=", "AADSTS900144"),
        ("state=", "client_id=", "AADSTS90100"),
    ] {
        let told = browser.get(&house, &authorize("").replace(from, to)).await;
        assert_eq!((told.status, told.header("location")), (400, ""), "{to}");
        assert!(browser.page.contains(number), "{to}: {}", browser.page);
    }
    // told to the application
    for (from, to, error) in [
        ("response_type=code", "response_type=token", "unsupported_response_type"),
        ("response_type=code", "response_type=id_token", "unsupported_response_type"),
        ("S256", "plain", "invalid_request"),
        ("code_challenge=", "x=", "invalid_request"),
        ("scope=", "x=", "invalid_request"),
        (
            "&scope=https",
            "&scope=https%3A%2F%2Fevil%2Eexample%2F%2Edefault%20https",
            "invalid_resource",
        ),
        ("state=", "prompt=none&state=", "login_required"),
        ("state=", "response_mode=web_message&state=", "invalid_request"),
        ("state=", "request=x&state=", "invalid_request"),
    ] {
        let told = browser.get(&house, &authorize("").replacen(from, to, 1)).await;
        assert_eq!(told.status, 303, "{to}");
        assert_eq!(
            (parameter(&told, "error"), parameter(&told, "state").as_str()),
            (error.into(), "s%20%26"),
            "{to}"
        );
        assert_eq!(parameter(&told, "code"), "", "{to}");
    }
    // what is repeated is not believed to be harmless
    browser.get(&house, &authorize("login_hint=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E")).await;
    assert!(
        !browser.page.contains("<script>alert") && browser.page.contains("&lt;script"),
        "{}",
        browser.page
    );
}

#[tokio::test]
async fn steps_belong_to_the_browser_that_began() {
    let house = house().await;
    user(&house, "alice", json!({})).await;
    let mut browser = Browser::default();
    browser.get(&house, &authorize("")).await;
    let form = format!(
        "flow={}&step=password&username=alice&password={}",
        browser.flow(),
        encode(PASSWORD)
    );
    // another browser with a stolen link, and a foreign page
    let mut thief = Browser::default();
    let told = thief.post(&house, "/{tenant}/login", &form).await;
    assert!(told.status == 400 && thief.page.contains("another browser"), "{}", thief.page);
    let cookie = browser.cookie();
    for foreign in
        [("origin", "https://evil.example"), ("sec-fetch-site", "cross-site"), ("origin", "null")]
    {
        let request = house.request(
            "POST",
            "/{tenant}/login",
            "",
            &[("cookie", &cookie), foreign],
            form.clone(),
        );
        assert_eq!(house.send(request).await.status, 403, "{foreign:?}");
    }
    let told = browser.get(&house, &format!("/{{tenant}}/login?{form}")).await;
    assert_eq!(told.status, 405, "no password in an address");
    // out of order: nothing is skipped
    browser.get(&house, &authorize("")).await;
    for step in ["continue", "code", "newpassword", "nonsense", ""] {
        let told = browser
            .step(&house, step, "code=1&newpassword=abcdefghijkl1&again=abcdefghijkl1")
            .await;
        assert_eq!((told.status, told.header("location")), (200, ""), "{step}");
        assert!(browser.page.contains("name=\"password\""), "{step}");
    }
    let told = browser.step(&house, "deny", "").await;
    assert_eq!(parameter(&told, "error"), "access_denied");
    let told = browser.post(&house, "/{tenant}/login", &form).await;
    assert_eq!(told.status, 303, "the first window still works");
    let told = browser.post(&house, "/{tenant}/login", &form).await;
    assert_eq!(told.status, 400, "and is over then");
}

#[tokio::test]
async fn guesses_are_slowed_down_without_locking_out_others() {
    let house = house().await;
    user(&house, "alice", json!({})).await;
    user(&house, "bob", json!({})).await;
    let mut browser = Browser::default();
    browser.get(&house, &authorize("")).await;
    let mut slowed = 0;
    for _ in 0..12 {
        browser.password(&house, "alice", "wrong password").await;
        slowed += i32::from(browser.page.contains("Too many wrong attempts"));
    }
    assert!(slowed >= 6, "{slowed}");
    // even the right one waits its turn: it could be a guess
    browser.password(&house, "alice", PASSWORD).await;
    assert!(browser.page.contains("Too many wrong attempts"), "{}", browser.page);
    assert_eq!(browser.password(&house, "bob", PASSWORD).await.status, 303, "others sign in");
    house.clock.advance_seconds(61);
    browser.get(&house, &authorize("prompt=login")).await;
    assert_eq!(browser.password(&house, "alice", PASSWORD).await.status, 303, "{}", browser.page);
    // nobody learns which names exist
    browser.get(&house, &authorize("prompt=login")).await;
    browser.password(&house, "nobody", PASSWORD).await;
    assert!(browser.page.contains("The name or the password is wrong."), "{}", browser.page);
}

#[tokio::test]
async fn disabled_changed_and_signed_out_people() {
    let house = house().await;
    let alice = user(&house, "alice", json!({})).await;
    let (admin, id) = (house.admin_token().await, alice["id"].as_str().unwrap());
    let path = format!("/v1.0/users/{id}");
    let me = |token: &str| (token.to_owned(), "/v1.0/me");
    for (method, body, after) in [
        ("revoke", json!({}), "signed out"),
        ("PATCH", json!({ "accountEnabled": false }), "disabled"),
    ] {
        let tokens = signed_in(&house, "alice").await;
        let (token, refresh) =
            (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
        let (token, own) = me(token);
        assert_eq!(house.call("GET", own, &token, Value::Null).await.json()["id"], alice["id"]);
        let told = match method {
            "revoke" => {
                house.call("POST", &format!("{path}/revokeSignInSessions"), &admin, body).await
            }
            method => house.call(method, &path, &admin, body).await,
        };
        assert!(told.status < 300, "{after}");
        assert_eq!(house.call("GET", own, &token, Value::Null).await.status, 401, "{after}");
        let form = format!("grant_type=refresh_token&client_id={AZ}&refresh_token={refresh}");
        assert_eq!(house.form(&form).await.status, 400, "{after}");
        house.clock.advance_seconds(2);
    }
    let mut browser = Browser::default();
    browser.get(&house, &authorize("")).await;
    browser.password(&house, "alice", PASSWORD).await;
    assert!(browser.page.contains("The user account is disabled."), "{}", browser.page);
    // enabled again with a password to be changed
    let body =
        json!({ "accountEnabled": true, "passwordProfile": { "password": "first-password-1" } });
    assert_eq!(house.call("PATCH", &path, &admin, body).await.status, 204);
    browser.get(&house, &authorize("")).await;
    browser.password(&house, "alice", "first-password-1").await;
    assert!(browser.page.contains("Choose a new password"), "{}", browser.page);
    for (new, again, message) in [
        ("short", "short", "10 to 256"),
        ("first-password-1", "first-password-1", "must differ"),
        ("another-password", "another-passwort", "differ"),
        ("password1234", "password1234", "guesses"),
    ] {
        browser.step(&house, "newpassword", &format!("newpassword={new}&again={again}")).await;
        assert!(browser.page.contains(message), "{new}: {}", browser.page);
    }
    let told = browser
        .step(&house, "newpassword", "newpassword=another-password&again=another-password")
        .await;
    assert_eq!(house.form(&redeem(&parameter(&told, "code"))).await.status, 200);
}

#[tokio::test]
async fn an_authenticator_app_is_a_second_proof_and_its_codes_work_once() {
    let house = house().await;
    let alice = user(&house, "alice", json!({})).await;
    let (admin, id) = (house.admin_token().await, alice["id"].as_str().unwrap());
    let methods = format!("/v1.0/users/{id}/authentication/softwareOathMethods");
    let made = house.call("POST", &methods, &admin, json!({})).await.json();
    let secret = made["secretKey"].as_str().unwrap();
    assert!(made["otpauthUri"].as_str().unwrap().contains(secret));
    let listed = house.call("GET", &methods, &admin, Value::Null).await.json();
    assert!(listed["value"][0]["secretKey"].is_null() && !listed.to_string().contains(secret));
    let app = crypto::TotpSecret::from_bytes(base32(secret)).unwrap();
    let now = || crate::house::seconds(&house);

    let mut browser = Browser::default();
    browser.get(&house, &authorize("")).await;
    browser.password(&house, "alice", PASSWORD).await;
    assert!(browser.page.contains("authenticator app"), "{}", browser.page);
    browser.step(&house, "code", "code=000000").await;
    assert!(browser.page.contains("The code is wrong"), "{}", browser.page);
    let code = app.code_at(now()).expose().to_owned();
    let told = browser.step(&house, "code", &format!("code={code}")).await;
    let tokens = house.form(&redeem(&parameter(&told, "code"))).await.json();
    assert_eq!(claims(tokens["access_token"].as_str().unwrap())["amr"], json!(["pwd", "mfa"]));
    // the same code again
    browser.get(&house, &authorize("prompt=login")).await;
    browser.password(&house, "alice", PASSWORD).await;
    browser.step(&house, "code", &format!("code={code}")).await;
    assert!(browser.page.contains("used before"), "{}", browser.page);
    house.clock.advance_seconds(30);
    let code = app.code_at(now()).expose().to_owned();
    assert_eq!(
        browser.step(&house, "code", &format!("code={code}")).await.status,
        303,
        "{}",
        browser.page
    );
    // five wrong ones, and the password is asked for again
    browser.get(&house, &authorize("prompt=login")).await;
    browser.password(&house, "alice", PASSWORD).await;
    for _ in 0..5 {
        browser.step(&house, "code", "code=111111").await;
    }
    assert!(browser.page.contains("name=\"password\""), "{}", browser.page);
    let method = made["id"].as_str().unwrap();
    assert_eq!(
        house.call("DELETE", &format!("{methods}/{method}"), &admin, Value::Null).await.status,
        204
    );
    browser.get(&house, &authorize("prompt=login")).await;
    assert_eq!(browser.password(&house, "alice", PASSWORD).await.status, 303);
}

pub(super) fn base32(text: &str) -> Vec<u8> {
    let (mut out, mut buffer, mut bits) = (Vec::new(), 0_u32, 0);
    for c in text.bytes() {
        let value = if c.is_ascii_uppercase() { c - b'A' } else { c - b'2' + 26 };
        buffer = (buffer << 5 | u32::from(value)) & 0xffff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(buffer >> bits & 255).unwrap());
        }
    }
    out
}

#[tokio::test]
async fn a_device_is_let_in_from_a_browser() {
    let house = house().await;
    user(&house, "alice", json!({})).await;
    let ask = format!(
        "client_id={AZ}&scope={}",
        encode(&format!("{ORIGIN}/.default offline_access openid"))
    );
    let start = || async {
        let told = house
            .send(house.request(
                "POST",
                "/organizations/oauth2/v2.0/devicecode",
                "",
                &[],
                ask.clone(),
            ))
            .await;
        assert_eq!(told.status, 200, "{}", told.json());
        told.json()
    };
    let poll = |code: &Value| {
        let code = code["device_code"].as_str().unwrap().to_owned();
        let form = format!(
            "grant_type={}&client_id={AZ}&device_code={code}",
            encode("urn:ietf:params:oauth:grant-type:device_code")
        );
        async move { form }
    };
    let device = start().await;
    assert_eq!((&device["interval"], &device["expires_in"]), (&json!(5), &json!(900)));
    assert_eq!(device["verification_uri"], format!("{ORIGIN}/devicelogin"));
    let form = poll(&device).await;
    let pending = house.form(&form).await;
    assert_eq!((pending.status, pending.code().as_str()), (400, "authorization_pending"));
    assert_eq!(pending.json()["error_codes"], json!([70_016]));

    let mut browser = Browser::default();
    let told = browser.get(&house, "/devicelogin").await;
    assert!(browser.page.contains("name=\"user_code\""));
    assert!(told.header("content-security-policy").contains("form-action 'self';"), "leads home");
    browser.post(&house, "/devicelogin", "user_code=WRONGCODE").await;
    assert!(browser.page.contains("That code is not known"), "{}", browser.page);
    let typed = format!("user_code=%20{}", device["user_code"].as_str().unwrap().to_lowercase());
    browser.post(&house, "/devicelogin", &typed).await;
    assert!(browser.page.contains("Microsoft Azure CLI"), "{}", browser.page);
    browser.password(&house, "alice", PASSWORD).await;
    assert!(browser.page.contains("Let a device use"), "asked before: {}", browser.page);
    assert_eq!(house.form(&form).await.status, 400, "not yet");
    browser.step(&house, "continue", "").await;
    assert!(browser.page.contains("You are signed in"), "{}", browser.page);
    let tokens = house.form(&form).await;
    assert_eq!(tokens.status, 200, "{}", tokens.json());
    assert!(tokens.json()["refresh_token"].is_string() && tokens.json()["id_token"].is_string());
    assert_eq!(house.form(&form).await.code(), "expired_token", "once");

    // declined, in a browser that is signed in already
    let device = start().await;
    let typed = format!("user_code={}", device["user_code"].as_str().unwrap());
    browser.post(&house, "/devicelogin", &typed).await;
    assert!(browser.page.contains("Let a device use"), "{}", browser.page);
    browser.step(&house, "deny", "").await;
    assert_eq!(house.form(&poll(&device).await).await.code(), "authorization_declined");
    // too late
    let device = start().await;
    house.clock.advance_seconds(901);
    assert_eq!(house.form(&poll(&device).await).await.code(), "expired_token");
}

#[tokio::test]
async fn refresh_tokens_rotate_and_a_copy_ends_the_family() {
    let house = house().await;
    user(&house, "alice", json!({})).await;
    let first = signed_in(&house, "alice").await["refresh_token"].as_str().unwrap().to_owned();
    let form =
        |token: &str| format!("grant_type=refresh_token&client_id={AZ}&refresh_token={token}");
    let told = house.form(&form(&first)).await;
    assert_eq!(told.status, 200, "{}", told.json());
    let second = told.json()["refresh_token"].as_str().unwrap().to_owned();
    assert_ne!(first, second);
    // an answer that was lost is asked for again
    assert_eq!(house.form(&form(&first)).await.status, 200);
    // for another resource of the same sign-in
    let graph =
        format!("{}&scope={}", form(&second), encode("https://graph.microsoft.com/.default"));
    let told = house.form(&graph).await.json();
    assert_eq!(
        claims(told["access_token"].as_str().unwrap())["aud"],
        "https://graph.microsoft.com"
    );
    let third = told["refresh_token"].as_str().unwrap().to_owned();
    // another client cannot use it, and does not spoil it
    let foreign = form(&third).replace(AZ, "1950a258-227b-4e31-a9cf-717495945fc2");
    assert_eq!(house.form(&foreign).await.json()["error_codes"], json!([700_005]));
    assert_eq!(house.form(&form(&third)).await.status, 200);
    // a copy comes late
    house.clock.advance_seconds(120);
    assert_eq!(house.form(&form(&first)).await.json()["error_codes"], json!([70_000]));
    assert_eq!(house.form(&form(&third)).await.status, 400, "the family is over");
    for bad in ["", "x", "1.x.y", "1..", &"a".repeat(500)] {
        assert_eq!(house.form(&form(bad)).await.status, 400, "{bad}");
    }
    let kinds: Vec<SignInKind> = house
        .events
        .lock()
        .iter()
        .filter_map(|e| match e {
            Event::SignIn(s) if s.kind == SignInKind::NonInteractiveUser => Some(s.kind),
            _ => None,
        })
        .collect();
    assert!(kinds.len() >= 6, "refreshes are rows: {}", kinds.len());
}

#[tokio::test]
async fn web_applications_prove_themselves_and_know_the_session() {
    let house = house().await;
    user(&house, "alice", json!({})).await;
    let admin = house.admin_token().await;
    let back = "https://app.example/back";
    let body = json!({
        "displayName": "<web> & more",
        "web": { "redirectUris": [back], "implicitGrantSettings": { "enableIdTokenIssuance": true } },
    });
    let app = house.call("POST", "/v1.0/applications", &admin, body).await.json();
    let (id, app_id) = (app["id"].as_str().unwrap(), app["appId"].as_str().unwrap());
    let secret = house
        .call("POST", &format!("/v1.0/applications/{id}/addPassword"), &admin, json!({}))
        .await
        .json();
    let secret = secret["secretText"].as_str().unwrap();
    let path = |kind: &str, mode: &str| {
        format!(
            "/{{tenant}}/oauth2/v2.0/authorize?client_id={app_id}&response_type={}&response_mode={mode}&redirect_uri={}&scope=openid%20email&nonce=n&state=x",
            encode(kind),
            encode(back)
        )
    };
    let mut browser = Browser::default();
    browser.get(&house, &path("code", "query")).await;
    assert!(browser.page.contains("&lt;web&gt; &amp; more"), "{}", browser.page);
    browser.password(&house, "alice", PASSWORD).await;
    assert!(browser.page.contains("Sign you in and read your profile"), "{}", browser.page);
    let told = browser.step(&house, "continue", "").await;
    let form = |code: &str, proof: &str| {
        format!(
            "grant_type=authorization_code&client_id={app_id}&code={code}&redirect_uri={}&{proof}",
            encode(back)
        )
    };
    let code = parameter(&told, "code");
    assert_eq!(house.form(&form(&code, "")).await.json()["error_codes"], json!([7_000_218]));
    assert_eq!(
        house.form(&form(&code, "client_secret=wrong")).await.json()["error_codes"],
        json!([7_000_215])
    );
    let told = house.form(&form(&code, &format!("client_secret={}", encode(secret)))).await;
    assert_eq!(told.status, 200, "{}", told.json());
    assert!(told.json()["refresh_token"].is_null(), "offline_access was not asked for");
    // the browser is signed in: no page any more, also without prompt
    for more in ["", "&prompt=none"] {
        let told = browser.get(&house, &format!("{}{more}", path("code", "query"))).await;
        assert_eq!(told.status, 303, "{}", browser.page);
        assert!(!parameter(&told, "code").is_empty());
    }
    let told = browser.get(&house, &path("code id_token", "fragment")).await;
    assert!(told.header("location").starts_with("https://app.example/back#code="));
    let id = claims(&parameter(&told, "id_token"));
    assert!(id["c_hash"].is_string() && id["nonce"] == "n");
    let told = browser.get(&house, &path("code id_token", "form_post")).await;
    assert_eq!(told.status, 200);
    assert!(
        browser.page.contains("action=\"https://app.example/back\"")
            && browser.page.contains("name=\"id_token\"")
    );
    let policy = told.header("content-security-policy");
    assert!(policy.contains("script-src 'sha256-") && !policy.contains("form-action"), "{policy}");
    // signed out
    let told = browser
        .get(
            &house,
            &format!("/{{tenant}}/oauth2/v2.0/logout?post_logout_redirect_uri={}", encode(back)),
        )
        .await;
    assert_eq!((told.status, told.header("location")), (303, back));
    let told = browser
        .get(&house, "/{tenant}/oauth2/v2.0/logout?post_logout_redirect_uri=https://evil.example/")
        .await;
    assert_eq!(told.status, 200, "nowhere");
    let told = browser.get(&house, &format!("{}&prompt=none", path("code", "query"))).await;
    assert_eq!(parameter(&told, "error"), "login_required");
}
