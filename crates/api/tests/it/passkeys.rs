//! Passkeys over HTTP: a person adds one on its own page, signs in with it everywhere a password does, and loses it.

use api::Event;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::KeyKind;
use serde_json::{Value, json};

use crate::house::{Fixture, ORIGIN, Told, encode, house};
use crate::sign_in::{
    AZ, Browser, PASSWORD, authorize, base32, claims, parameter, redeem, signed_in, user,
};
use crate::software::Authenticator;

/// What the page's script would read from its button.
fn data(page: &str, name: &str) -> Vec<u8> {
    let (_, rest) =
        page.split_once(&format!("data-{name}=\"")).unwrap_or_else(|| panic!("{name}: {page}"));
    URL_SAFE_NO_PAD.decode(rest.split('"').next().unwrap()).unwrap()
}

fn field(name: &str, bytes: &[u8]) -> String {
    format!("{name}={}&", URL_SAFE_NO_PAD.encode(bytes))
}

/// A browser on the page of a person's own passkeys.
async fn at_security_info(house: &Fixture, name: &str) -> Browser {
    let mut browser = Browser::default();
    let told = browser.get(house, "/security-info").await;
    assert!(told.status == 200 && browser.page.contains("your security info"), "{}", browser.page);
    browser.password(house, name, PASSWORD).await;
    assert!(browser.page.contains("Your passkeys"), "{}", browser.page);
    browser
}

async fn add(house: &Fixture, browser: &mut Browser, device: &mut Authenticator, name: &str) {
    device.user_handle = data(&browser.page, "user");
    let sent = device.register(&data(&browser.page, "challenge"));
    let fields = field("clientdata", &sent.client_data) + &field("attestation", &sent.attestation);
    let told = browser.step(house, "addpasskey", &format!("{fields}name={}", encode(name))).await;
    assert_eq!(told.status, 200, "{}", browser.page);
}

/// The form that a browser sends after the authenticator signed.
fn assertion(device: &mut Authenticator, challenge: &[u8]) -> String {
    let sent = device.sign_in(challenge);
    [
        field("credential", &device.id),
        field("clientdata", &sent.client_data),
        field("authenticatordata", &sent.data),
        field("signature", &sent.signature),
        field("userhandle", &device.user_handle),
    ]
    .concat()
}

async fn use_passkey(house: &Fixture, browser: &mut Browser, device: &mut Authenticator) -> Told {
    let fields = assertion(device, &data(&browser.page, "challenge"));
    browser.step(house, "passkey", &fields).await
}

/// Alice with a passkey of a kind.
async fn with_passkey(house: &Fixture, kind: KeyKind) -> (Value, Authenticator) {
    let alice = user(house, "alice", json!({})).await;
    let mut device = Authenticator::new(kind, b"alice's laptop", ORIGIN);
    let mut browser = at_security_info(house, "alice").await;
    add(house, &mut browser, &mut device, "my laptop").await;
    assert!(browser.page.contains("my laptop\u{201d} is added"), "{}", browser.page);
    (alice, device)
}

fn sign_ins(house: &Fixture) -> Vec<(u32, String, String, String)> {
    let events = house.events.lock();
    let rows = events.iter().filter_map(|e| match e {
        Event::SignIn(s) if !s.user_name.is_empty() || s.methods.contains(&"fido".to_owned()) => {
            let name = s.user_name.split('@').next().unwrap_or_default().to_owned();
            Some((s.result_code, name, s.methods.join(" "), s.display_name.clone()))
        }
        _ => None,
    });
    rows.collect()
}

fn row(code: u32, name: &str, methods: &str, app: &str) -> (u32, String, String, String) {
    (code, name.to_owned(), methods.to_owned(), app.to_owned())
}

#[tokio::test]
async fn a_passkey_is_added_and_signs_in_alone() {
    for kind in [KeyKind::P256, KeyKind::Ed25519, KeyKind::Rsa(2048)] {
        let house = house().await;
        let (alice, mut device) = with_passkey(&house, kind).await;
        let mut browser = Browser::default();
        browser.get(&house, &authorize("nonce=n1")).await;
        let told = use_passkey(&house, &mut browser, &mut device).await;
        assert_eq!(told.status, 303, "{}", browser.page);
        let tokens = house.form(&redeem(&parameter(&told, "code"))).await.json();
        for token in ["access_token", "id_token"] {
            let claims = claims(tokens[token].as_str().unwrap());
            assert_eq!(claims["amr"], json!(["fido", "mfa"]), "{token}");
            assert_eq!(claims["oid"], alice["id"]);
        }
        // signed in from now on: the same browser is not asked again
        browser.get(&house, &authorize("")).await;
        assert!(browser.page.contains("You are signed in as"), "{}", browser.page);
        let az = "Microsoft Azure CLI";
        let expected = [row(0, "alice", "pwd", "My Signins"), row(0, "alice", "fido mfa", az)];
        assert_eq!(sign_ins(&house)[..2], expected);
        // the password still does
        signed_in(&house, "alice").await;
    }
}

#[tokio::test]
async fn a_passkey_lets_a_device_in_and_needs_no_authenticator_app() {
    let house = house().await;
    let (alice, mut device) = with_passkey(&house, KeyKind::P256).await;
    let (admin, id) = (house.admin_token().await, alice["id"].as_str().unwrap());
    let methods = format!("/v1.0/users/{id}/authentication/softwareOathMethods");
    let made = house.call("POST", &methods, &admin, json!({})).await.json();
    let ask = format!("client_id={AZ}&scope={}", encode(&format!("{ORIGIN}/.default")));
    let told = house
        .send(house.request("POST", "/organizations/oauth2/v2.0/devicecode", "", &[], ask))
        .await;
    let code = told.json();
    let mut browser = Browser::default();
    browser.get(&house, "/devicelogin").await;
    let typed = format!("user_code={}", code["user_code"].as_str().unwrap());
    browser.post(&house, "/devicelogin", &typed).await;
    use_passkey(&house, &mut browser, &mut device).await;
    assert!(browser.page.contains("Let a device use"), "{}", browser.page);
    browser.step(&house, "continue", "").await;
    let form = format!(
        "grant_type={}&client_id={AZ}&device_code={}",
        encode("urn:ietf:params:oauth:grant-type:device_code"),
        code["device_code"].as_str().unwrap()
    );
    let tokens = house.form(&form).await.json();
    let access = claims(tokens["access_token"].as_str().unwrap());
    assert_eq!(access["amr"], json!(["fido", "mfa"]));
    // a password alone does not reach the page of passkeys where there is an app
    let mut browser = Browser::default();
    browser.get(&house, "/security-info").await;
    browser.password(&house, "alice", PASSWORD).await;
    assert!(browser.page.contains("authenticator app"), "{}", browser.page);
    browser.step(&house, "addpasskey", "name=x").await;
    assert!(browser.page.contains("authenticator app"), "{}", browser.page);
    let app = crypto::TotpSecret::from_bytes(base32(made["secretKey"].as_str().unwrap())).unwrap();
    let code = app.code_at(crate::house::seconds(&house)).expose().to_owned();
    browser.step(&house, "code", &format!("code={code}")).await;
    assert!(browser.page.contains("Your passkeys"), "{}", browser.page);
    // a passkey does
    browser.get(&house, "/security-info").await;
    assert!(browser.page.contains("name=\"password\""), "asked anew: {}", browser.page);
    use_passkey(&house, &mut browser, &mut device).await;
    assert!(browser.page.contains("Your passkeys"), "{}", browser.page);
}

/// Each single thing wrong: the page says so, a row is written, nobody is signed in.
#[tokio::test]
async fn wrong_answers_are_refused_and_are_rows() {
    type Spoil = fn(&mut Authenticator);
    let cases: &[(&str, Spoil, &str, u32)] = &[
        ("origin", |d| d.origin = "https://localhost:9443".into(), "another address", 500_121),
        ("host", |d| d.rp_id = "evil.example".into(), "another host name", 500_121),
        ("nobody checked", |d| d.flags = 1, "did not check who", 500_121),
        ("frame", |d| d.client_more = r#","crossOrigin":true"#.into(), "another site", 500_121),
        ("handle", |d| d.user_handle[0] ^= 1, "names another user", 500_121),
        ("no handle", |d| d.user_handle.clear(), "userhandle", 500_121),
        ("counter", |d| d.count = 3, "there may be a copy", 500_121),
        ("no counter", |d| d.count = 0, "there may be a copy", 500_121),
        (
            "key",
            |d| d.key = crypto::KeyPair::generate(KeyKind::P256).unwrap(),
            "signature is wrong",
            500_121,
        ),
        ("credential", |d| d.id = b"unknown".to_vec(), "not known here", 135_010),
        ("no credential", |d| d.id.clear(), "no readable", 500_121),
    ];
    for (name, spoil, message, code) in cases {
        let house = house().await;
        user(&house, "alice", json!({})).await;
        let mut device = Authenticator::new(KeyKind::P256, b"alice's laptop", ORIGIN);
        device.count = 9;
        let mut browser = at_security_info(&house, "alice").await;
        add(&house, &mut browser, &mut device, "my laptop").await;
        let mut browser = Browser::default();
        browser.get(&house, &authorize("")).await;
        spoil(&mut device);
        let told = use_passkey(&house, &mut browser, &mut device).await;
        assert_eq!((told.status, told.header("location")), (200, ""), "{name}");
        assert!(browser.page.contains(message), "{name}: {}", browser.page);
        let who = if matches!(*name, "credential" | "no credential") { "" } else { "alice" };
        let last = sign_ins(&house).pop().unwrap();
        assert_eq!(last, row(*code, who, "fido mfa", "Microsoft Azure CLI"), "{name}");
    }
}

#[tokio::test]
async fn an_answer_counts_once_on_its_own_page_in_time() {
    let house = house().await;
    let (alice, mut device) = with_passkey(&house, KeyKind::P256).await;
    let mut browser = Browser::default();
    browser.get(&house, &authorize("")).await;
    let first = data(&browser.page, "challenge");
    let flow = browser.flow();
    // a wrong password is a new page with a new question
    browser.password(&house, "alice", "wrong password").await;
    assert_ne!(data(&browser.page, "challenge"), first);
    let fields = assertion(&mut device, &first);
    browser.step(&house, "passkey", &fields).await;
    assert!(browser.page.contains("another page or was used before"), "{}", browser.page);
    // a question is gone with the first answer, also a wrong one
    let challenge = data(&browser.page, "challenge");
    let (good, mut wrong) = (assertion(&mut device, &challenge), assertion(&mut device, &first));
    wrong.push_str("x=1");
    browser.post(&house, "/{tenant}/login", &format!("flow={flow}&step=passkey&{wrong}")).await;
    browser.post(&house, "/{tenant}/login", &format!("flow={flow}&step=passkey&{good}")).await;
    assert!(browser.page.contains("another page or was used before"), "{}", browser.page);
    // of another flow of the same browser
    let challenge = data(&browser.page, "challenge");
    browser.get(&house, &authorize("prompt=login")).await;
    let fields = assertion(&mut device, &challenge);
    browser.step(&house, "passkey", &fields).await;
    assert!(browser.page.contains("another page or was used before"), "{}", browser.page);
    // right, then again: the sign-in is over
    let form = format!(
        "flow={}&step=passkey&{}",
        browser.flow(),
        assertion(&mut device, &data(&browser.page, "challenge"))
    );
    assert_eq!(browser.post(&house, "/{tenant}/login", &form).await.status, 303);
    assert_eq!(browser.post(&house, "/{tenant}/login", &form).await.status, 400);
    // too late
    browser.get(&house, &authorize("prompt=login")).await;
    house.clock.advance_seconds(15 * 60 + 1);
    let told = use_passkey(&house, &mut browser, &mut device).await;
    assert_eq!(told.status, 400, "{}", browser.page);
    // in another browser
    browser.get(&house, &authorize("prompt=login")).await;
    let fields = assertion(&mut device, &data(&browser.page, "challenge"));
    let form = format!("flow={}&step=passkey&{fields}", browser.flow());
    let mut thief = Browser::default();
    assert_eq!(thief.post(&house, "/{tenant}/login", &form).await.status, 400);
    // a disabled user has a right passkey, and is told so
    let (admin, id) = (house.admin_token().await, alice["id"].as_str().unwrap());
    let off = json!({ "accountEnabled": false });
    house.call("PATCH", &format!("/v1.0/users/{id}"), &admin, off).await;
    browser.get(&house, &authorize("prompt=login")).await;
    use_passkey(&house, &mut browser, &mut device).await;
    assert!(browser.page.contains("The user account is disabled."), "{}", browser.page);
}

#[tokio::test]
async fn failures_slow_down_but_a_right_passkey_is_taken() {
    let house = house().await;
    let (_, mut device) = with_passkey(&house, KeyKind::P256).await;
    let mut stranger = Authenticator::new(KeyKind::P256, &device.id, ORIGIN);
    stranger.user_handle.clone_from(&device.user_handle);
    let mut browser = Browser::default();
    browser.get(&house, &authorize("")).await;
    let mut slowed = 0;
    for _ in 0..10 {
        use_passkey(&house, &mut browser, &mut stranger).await;
        slowed += i32::from(browser.page.contains("Too many wrong attempts"));
    }
    assert!(slowed >= 4, "{slowed}");
    let told = use_passkey(&house, &mut browser, &mut device).await;
    assert_eq!(told.status, 303, "{}", browser.page);
}

#[tokio::test]
async fn registrations_that_are_refused() {
    let house = house().await;
    let (_, device) = with_passkey(&house, KeyKind::P256).await;
    user(&house, "bob", json!({})).await;
    type Spoil = fn(&mut Authenticator);
    let cases: &[(&str, Spoil, &str)] = &[
        ("the same credential", |_| (), "registered already"),
        ("origin", |d| d.origin = "https://evil.example".into(), "another address"),
        ("host", |d| d.rp_id = "evil.example".into(), "another host name"),
        ("nobody checked", |d| d.flags = 1, "did not check who"),
    ];
    for (name, spoil, message) in cases {
        for person in ["alice", "bob"] {
            let mut again = Authenticator::new(KeyKind::P256, &device.id, ORIGIN);
            spoil(&mut again);
            let mut browser = at_security_info(&house, person).await;
            add(&house, &mut browser, &mut again, "copy").await;
            assert!(browser.page.contains(message), "{person}, {name}: {}", browser.page);
            assert!(!browser.page.contains("is added"), "{person}, {name}");
        }
    }
    let mut browser = at_security_info(&house, "bob").await;
    // a question answered twice
    let mut first = Authenticator::new(KeyKind::P256, b"first", ORIGIN);
    let page = browser.page.clone();
    add(&house, &mut browser, &mut first, "<b>one</b>").await;
    assert!(browser.page.contains("&lt;b&gt;one&lt;/b&gt;") && !browser.page.contains("<b>one"));
    let mut second = Authenticator::new(KeyKind::P256, b"second", ORIGIN);
    browser.page = page;
    add(&house, &mut browser, &mut second, "two").await;
    assert!(browser.page.contains("another page or was used before"), "{}", browser.page);
    browser.step(&house, "addpasskey", "clientdata=%00&attestation=x&name=y").await;
    assert!(browser.page.contains("no readable"), "{}", browser.page);
    // at most twenty
    for n in 1..=20_u8 {
        let mut next = Authenticator::new(KeyKind::P256, &[n; 20], ORIGIN);
        add(&house, &mut browser, &mut next, "next").await;
    }
    assert!(browser.page.contains("at most 20"), "{}", browser.page);
}

#[tokio::test]
async fn passkeys_are_listed_and_removed() {
    let house = house().await;
    let (alice, mut device) = with_passkey(&house, KeyKind::P256).await;
    let (admin, id) = (house.admin_token().await, alice["id"].as_str().unwrap());
    let methods = format!("/v1.0/users/{id}/authentication/fido2Methods");
    let listed = house.call("GET", &methods, &admin, Value::Null).await.json();
    let passkey = listed["value"][0].clone();
    let expected = json!({
        "@odata.type": "#microsoft.graph.fido2AuthenticationMethod",
        "displayName": "my laptop", "aaGuid": "07070707-0707-0707-0707-070707070707",
        "model": null, "attestationLevel": "notAttested", "passkeyType": "deviceBound",
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&passkey[name], value, "{name}");
    }
    let one = format!("{methods}/{}", passkey["id"].as_str().unwrap());
    let told = house.call("GET", &one, &admin, Value::Null).await.json();
    assert_eq!(told["createdDateTime"], passkey["createdDateTime"]);
    let all = format!("/v1.0/users/{id}/authentication/methods");
    let all = house.call("GET", &all, &admin, Value::Null).await.json();
    assert_eq!(all["value"].as_array().unwrap().len(), 2, "{all}");

    // people do not take each other's passkeys away, nor, by a token that may be stolen, their own
    user(&house, "bob", json!({})).await;
    for name in ["alice", "bob"] {
        let tokens = signed_in(&house, name).await;
        let form = format!(
            "grant_type=refresh_token&client_id={AZ}&refresh_token={}&scope={}",
            tokens["refresh_token"].as_str().unwrap(),
            encode("https://graph.microsoft.com/.default")
        );
        let tokens = house.form(&form).await.json();
        let token = tokens["access_token"].as_str().unwrap();
        assert_eq!(house.call("DELETE", &one, token, Value::Null).await.status, 403, "{name}");
    }
    for (method, path, status) in
        [("POST", &methods, 405), ("PATCH", &one, 405), ("DELETE", &format!("{one}0"), 404)]
    {
        assert_eq!(house.call(method, path, &admin, json!({})).await.status, status, "{method}");
    }
    assert_eq!(house.call("DELETE", &one, &admin, Value::Null).await.status, 204);
    let mut browser = Browser::default();
    browser.get(&house, &authorize("")).await;
    use_passkey(&house, &mut browser, &mut device).await;
    assert!(browser.page.contains("not known here"), "{}", browser.page);

    // the person does it on its page
    let mut browser = at_security_info(&house, "alice").await;
    add(&house, &mut browser, &mut device, "again").await;
    let listed = house.call("GET", &methods, &admin, Value::Null).await.json();
    let id = listed["value"][0]["id"].as_str().unwrap();
    browser.step(&house, "removepasskey", &format!("id={id}")).await;
    assert!(browser.page.contains("again\u{201d} is removed"), "{}", browser.page);
    browser.step(&house, "removepasskey", &format!("id={id}")).await;
    assert!(browser.page.contains("not there any more"), "{}", browser.page);
    browser.step(&house, "deny", "").await;
    assert!(browser.page.contains("You may close this window"), "{}", browser.page);

    let events = house.events.lock();
    let told: Vec<(&str, bool)> = events
        .iter()
        .filter_map(|e| match e {
            Event::Directory(d) if d.operation.contains("security info") => {
                Some((d.operation, d.failure.is_empty()))
            }
            _ => None,
        })
        .collect();
    assert_eq!(
        told,
        [
            ("User registered security info", true),
            ("Admin deleted security info", false),
            ("Admin deleted security info", true),
            ("User registered security info", true),
            ("User deleted security info", true),
            ("User deleted security info", false),
        ]
    );
}

#[tokio::test]
async fn at_an_address_without_a_name_there_is_no_button() {
    let house = house().await;
    for path in ["/security-info", &authorize("")] {
        for (host, offered) in
            [("localhost:8443", true), ("127.0.0.1:8443", false), ("[::1]:8443", false)]
        {
            let mut request = house.request("GET", path, "", &[], "");
            request.headers_mut().insert("host", host.parse().unwrap());
            let told = house.send(request).await;
            let page = String::from_utf8_lossy(&told.bytes).into_owned();
            assert_eq!(page.contains("Sign in with a passkey"), offered, "{host}: {page}");
            assert_eq!(page.contains("<script"), offered, "{host}");
            assert_eq!(page.contains("Passkeys need a host name"), !offered, "{host}");
        }
    }
}

/// A token alone sets up the first authenticator app, as it does without a passkey, and never a second one.
#[tokio::test]
async fn a_passkey_is_no_authenticator_app() {
    let house = house().await;
    with_passkey(&house, KeyKind::P256).await;
    let tokens = signed_in(&house, "alice").await;
    let form = format!(
        "grant_type=refresh_token&client_id={AZ}&refresh_token={}&scope={}",
        tokens["refresh_token"].as_str().unwrap(),
        encode("https://graph.microsoft.com/.default")
    );
    let tokens = house.form(&form).await.json();
    let token = tokens["access_token"].as_str().unwrap();
    for status in [201, 403] {
        let path = "/v1.0/me/authentication/softwareOathMethods";
        assert_eq!(house.call("POST", path, token, json!({})).await.status, status);
    }
}
