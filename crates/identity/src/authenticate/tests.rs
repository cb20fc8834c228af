#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::testing::{
    House, SOURCE, access_token, house, later, now, now_seconds, read_token, stranger,
};
use crate::{Audiences, AuthError, bearer_token, jwt};

const OWN: &str = "https://localhost:8443";

fn token(house: &House) -> String {
    access_token(&house.ask(&[]))
}

fn judge(house: &House, token: &str) -> Result<String, AuthError> {
    let caller = house.identity.authenticate(token, Audiences::RESOURCE_MANAGER, now());
    caller.map(|c| c.object_id.to_string())
}

fn encode(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn with(value: &Value, name: &str, change: Value) -> Value {
    let mut value = value.clone();
    value[name] = change;
    value
}

#[test]
fn a_good_token_names_its_caller_every_time() {
    let house = house();
    let token = token(&house);
    for _ in 0..3 {
        assert_eq!(judge(&house, &token), Ok(house.admin.object_id.clone()));
    }
    let caller = house.identity.authenticate(&token, Audiences::KUSTO, now()).unwrap();
    assert_eq!(*caller.app_id, *house.admin.client_id);
    assert_eq!(*caller.display_name, *"vedette administrator");
    assert_eq!(caller.token_id.len(), 22);
}

#[test]
fn forged_tokens_are_refused() {
    let house = house();
    let good = token(&house);
    let (header, claims) = read_token(&good);
    let parts: Vec<&str> = good.split('.').collect();
    let (h, c, s) = (parts[0], parts[1], parts[2]);
    let own = |header: &Value, claims: &Value| format!("{}.{}.{s}", encode(header), encode(claims));
    let kid = header["kid"].as_str().unwrap();
    let signed_by_stranger = jwt::sign(stranger(), kid, None, &claims).unwrap();
    let unknown_key = jwt::sign(stranger(), "another", None, &claims).unwrap();
    // the classic: the public key as an HMAC secret
    let hmac = {
        let signed =
            format!("{}.{c}", encode(&json!({ "alg": "HS256", "kid": kid, "typ": "JWT" })));
        let jwks = house.identity.jwks("common", crate::Generation::V2, OWN).unwrap();
        let tag = crypto::hmac_sha256(
            jwks["keys"][0]["n"].as_str().unwrap().as_bytes(),
            signed.as_bytes(),
        );
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    let cases = [
        ("signature of another token's claims", own(&header, &with(&claims, "oid", json!("x")))),
        ("longer life", own(&header, &with(&claims, "exp", json!(now_seconds() + 1_000_000)))),
        ("alg none", own(&with(&header, "alg", json!("none")), &claims)),
        (
            "alg none without signature",
            format!("{}.{c}.", encode(&with(&header, "alg", json!("none")))),
        ),
        ("alg PS256", own(&with(&header, "alg", json!("PS256")), &claims)),
        ("alg HS256", hmac),
        ("no kid", own(&json!({ "alg": "RS256", "typ": "JWT" }), &claims)),
        ("kid of nobody", own(&with(&header, "kid", json!("nobody")), &claims)),
        (
            "kid that is a path",
            own(&with(&header, "kid", json!("../../keys/token-signing.json")), &claims),
        ),
        ("key in the header", own(&with(&header, "jwk", json!({ "kty": "RSA" })), &claims)),
        ("signed by a stranger under our name", signed_by_stranger),
        ("signed by a stranger", unknown_key),
        ("cut signature", format!("{h}.{c}.{}", &s[..s.len() - 2])),
        ("empty signature", format!("{h}.{c}.")),
    ];
    for (what, token) in cases {
        assert_eq!(judge(&house, &token), Err(AuthError::BadSignature), "{what}");
    }
    for token in [
        String::new(),
        "x".into(),
        format!("{h}.{c}"),
        format!("{good}.x"),
        good.repeat(50),
        format!(" {good}"),
    ] {
        assert_eq!(
            judge(&house, &token),
            Err(AuthError::Malformed),
            "{}",
            &token[..token.len().min(40)]
        );
    }
    assert!(judge(&house, &good).is_ok(), "the good one is still good");
}

/// Tokens that we signed ourselves and that still do not fit, with a key that the house knows.
#[test]
fn tokens_that_are_ours_but_do_not_fit() {
    let house = house();
    let (_, claims) = read_token(&token(&house));
    let keys = house.identity.signing_keys().current();
    let key = keys.signing(now_seconds()).unwrap();
    let made = |claims: &Value| jwt::sign(key.private(), key.kid(), None, claims).unwrap();
    let foreign = "0f8fad5b-d9cb-469f-a165-70867728950e";
    let cases = [
        (with(&claims, "exp", json!(now_seconds())), AuthError::Expired { at: now_seconds() }),
        (with(&claims, "exp", json!("never")), AuthError::Malformed),
        (with(&claims, "nbf", json!(now_seconds() + 301)), AuthError::NotYetValid),
        (with(&claims, "tid", json!(foreign)), AuthError::WrongTenant(foreign.into())),
        (with(&claims, "tid", json!(null)), AuthError::WrongTenant(String::new())),
        (
            with(&claims, "aud", json!("https://example.com")),
            AuthError::WrongAudience("https://example.com".into()),
        ),
        (with(&claims, "aud", json!([OWN])), AuthError::Malformed),
        (with(&claims, "oid", json!(foreign)), AuthError::PrincipalGone),
        (with(&claims, "oid", json!(null)), AuthError::Malformed),
    ];
    for (claims, error) in cases {
        assert_eq!(judge(&house, &made(&claims)), Err(error), "{claims}");
    }
    assert!(judge(&house, &made(&with(&claims, "nbf", json!(now_seconds() + 299)))).is_ok());
}

#[test]
fn every_door_takes_its_own_audience() {
    let house = house();
    let doors = [
        Audiences::RESOURCE_MANAGER,
        Audiences::LOG_ANALYTICS,
        Audiences::INGESTION,
        Audiences::KUSTO,
        Audiences::KEY_VAULT,
        Audiences::GRAPH,
    ];
    let cases = [
        ("https://localhost:8443", "xxxx.x"),
        ("https://management.azure.com/", "x....."),
        ("https://api.loganalytics.io", ".x...."),
        ("https://monitor.azure.com/", "..x..."),
        ("https://kusto.kusto.windows.net", "...x.."),
        ("https://vault.azure.net", "....x."),
        ("https://vault.localhost:8443", "....x."),
        ("https://graph.microsoft.com", ".....x"),
    ];
    for (resource, expected) in cases {
        let token = access_token(&house.ask(&[("scope", &format!("{resource}/.default"))]));
        let opens = |door: &Audiences| match house.identity.authenticate(&token, *door, now()) {
            Ok(_) => 'x',
            Err(AuthError::WrongAudience(_)) => '.',
            Err(other) => panic!("{resource}: {other}"),
        };
        assert_eq!(doors.iter().map(opens).collect::<String>(), expected, "{resource}");
    }
}

#[test]
fn a_remembered_token_still_ends() {
    let house = house();
    let token = token(&house);
    let judge =
        |at| house.identity.authenticate(&token, Audiences::RESOURCE_MANAGER, at).map(|_| ());
    assert_eq!(judge(now()), Ok(()));
    assert!(matches!(judge(later(5401)), Err(AuthError::Expired { .. })));
}

#[test]
fn a_removed_or_disabled_principal_is_out_at_once() {
    let house = house();
    let app = house.app("app");
    let token = house.token_for(&app, OWN);
    assert!(judge(&house, &token).is_ok());
    house.identity.enable_service_principal(&app.principal, false).unwrap();
    assert_eq!(judge(&house, &token), Err(AuthError::PrincipalGone));
    house.identity.enable_service_principal(&app.principal, true).unwrap();
    assert!(judge(&house, &token).is_ok());
    house.identity.delete_application(&app.object_id).unwrap();
    assert_eq!(judge(&house, &token), Err(AuthError::PrincipalGone));
}

#[test]
fn revoking_refuses_even_remembered_tokens() {
    let house = house();
    let token = token(&house);
    assert!(judge(&house, &token).is_ok());
    house.identity.revoke_all_tokens(now()).unwrap();
    assert_eq!(judge(&house, &token), Err(AuthError::BadSignature));
    assert!(judge(&house, &self::token(&house)).is_ok());
}

#[test]
fn basic_credentials_slow_guessers_down_and_nobody_else() {
    let house = house();
    let header = |secret: &str| {
        let pair = format!("{}:{secret}", house.admin.client_id);
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
    };
    let ask = |secret: &str| house.identity.authenticate_basic(&header(secret), SOURCE, now());
    assert!(ask(house.admin.client_secret.expose()).is_ok());
    (0..7).for_each(|_| drop(ask("wrong")));
    let last = ask("wrong").unwrap_err();
    assert!(matches!(last, AuthError::Throttled { .. }));
    assert!(ask(house.admin.client_secret.expose()).is_ok());
    assert_eq!(
        house.identity.authenticate_basic("Bearer x", SOURCE, now()),
        Err(AuthError::Missing)
    );
}

#[test]
fn errors_have_resource_managers_codes_and_every_401_a_challenge() {
    let house = house();
    let tenant = &house.admin.tenant_id;
    let cases = [
        (AuthError::Missing, "AuthenticationFailed"),
        (AuthError::Malformed, "InvalidAuthenticationToken"),
        (AuthError::BadSignature, "InvalidAuthenticationToken"),
        (AuthError::Expired { at: 1_800_000_000 }, "ExpiredAuthenticationToken"),
        (AuthError::NotYetValid, "InvalidAuthenticationToken"),
        (AuthError::WrongTenant("t\"x".into()), "InvalidAuthenticationTokenTenant"),
        (AuthError::WrongAudience("a".into()), "InvalidAuthenticationTokenAudience"),
        (AuthError::PrincipalGone, "InvalidAuthenticationToken"),
    ];
    for (error, code) in cases {
        assert_eq!((error.status(), error.body()["error"]["code"].as_str()), (401, Some(code)));
        let challenge = house.identity.bearer_challenge(OWN, &error);
        let start = format!(r#"Bearer authorization_uri="{OWN}/{tenant}""#);
        assert!(challenge.starts_with(&start), "{challenge}");
        assert_eq!(challenge.matches('"').count() % 2, 0, "{challenge}");
    }
    let vault = house.identity.vault_challenge(OWN);
    assert_eq!(
        vault,
        format!(
            r#"Bearer authorization="{OWN}/{tenant}", resource="https://vault.localhost:8443""#
        )
    );
    assert_eq!(vault.matches('=').count(), 2, "a value with an equals sign is dropped by clients");
}

#[test]
fn bearer_headers() {
    let cases = [
        ("Bearer abc", Some("abc")),
        ("bearer  abc ", Some("abc")),
        ("BEARER abc", Some("abc")),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
    ];
    for (header, expected) in cases {
        assert_eq!(bearer_token(header), expected, "{header}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any change of any character of a good token is refused, and none makes a panic.
    #[test]
    fn a_token_with_one_character_changed_is_refused(at in 0_usize..2000, to in "[A-Za-z0-9_.=-]") {
        static MADE: std::sync::OnceLock<(House, String)> = std::sync::OnceLock::new();
        let (house, good) = MADE.get_or_init(|| {
            let house = house();
            let token = token(&house);
            (house, token)
        });
        let at = at % (good.len() - 1); // the last character carries bits that mean nothing
        let changed = format!("{}{to}{}", &good[..at], &good[at + 1..]);
        if changed != *good {
            prop_assert!(judge(house, &changed).is_err());
        }
    }
}
