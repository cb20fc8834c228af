#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use proptest::prelude::*;

use super::*;
use crate::testing::{ORIGIN, SOURCE, house, now};
use crate::token::OAuthError;
use crate::{Audiences, Identity, TokenEndpoint, TokenRequest};

fn browser<'a>(
    identity: &'a Identity,
    parameters: &'a [(String, String)],
    cookie: &'a str,
) -> BrowserRequest<'a> {
    BrowserRequest {
        tenant: &identity.tenant().id,
        origin: ORIGIN,
        parameters,
        malformed: None,
        session: Some(cookie),
        browser: Some(cookie),
        source: SOURCE,
        correlation_id: Some(cookie),
        user_agent: Some(cookie),
        now: now(),
        clock: &model::SystemClock,
    }
}

/// Parameters as an attacker would try them: known names, hostile values.
fn parameters() -> impl Strategy<Value = Vec<(String, String)>> {
    let names = [
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "state",
        "nonce",
        "prompt",
        "max_age",
        "code_challenge",
        "code_challenge_method",
        "flow",
        "step",
        "username",
        "password",
        "code",
        "newpassword",
        "again",
        "user_code",
        "provider",
        "login_hint",
        "grant_type",
        "refresh_token",
        "device_code",
        "client_secret",
        "client_assertion",
        "resource",
        "post_logout_redirect_uri",
        "credential",
        "clientdata",
        "authenticatordata",
        "signature",
        "userhandle",
        "attestation",
        "name",
        "id",
    ];
    let values = prop_oneof![
        Just("04b07795-8ddb-461a-bbee-02f9e1bf7b46".to_owned()),
        Just("http://localhost:8400".to_owned()),
        Just("code".to_owned()),
        Just("authorization_code".to_owned()),
        Just("refresh_token".to_owned()),
        Just("urn:ietf:params:oauth:grant-type:device_code".to_owned()),
        Just("https://localhost:8443/.default".to_owned()),
        Just("S256".to_owned()),
        Just("passkey".to_owned()),
        Just("addpasskey".to_owned()),
        Just("1.aaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb".to_owned()),
        "\\PC{0,40}",
        "[a-zA-Z0-9_-]{43}",
        Just("<script>alert(1)</script>".to_owned()),
        Just("\u{0}\r\nlocation: x".to_owned()),
    ];
    prop::collection::vec(
        (prop::sample::select(names.to_vec()).prop_map(str::to_owned), values),
        0..10,
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever comes, nobody is signed in by it and nothing panics. One house for all: its tables stay bounded.
    #[test]
    fn hostile_parameters_give_nothing(parameters in parameters(), cookie in "\\PC{0,60}") {
        thread_local! { static HOUSE: crate::testing::House = house(); }
        HOUSE.with(|house| {
            let identity = &house.identity;
            let request = browser(identity, &parameters, &cookie);
            for answer in [
                identity.authorize(&request, false),
                identity.authorize(&request, true),
                identity.continue_sign_in(&request),
                identity.device_page(&request),
                identity.security_info(&request),
                identity.sign_out(&request),
                identity.federation_callback(&request),
            ] {
                if let Show::Redirect(redirect) = &answer.show {
                    let given = redirect.parameters.iter().any(|(n, _)| matches!(*n, "code" | "id_token"));
                    assert!(!given, "{}", redirect.uri);
                    assert!(redirect.uri.starts_with("http://localhost"), "{}", redirect.uri);
                }
            }
            let tokens = TokenRequest {
                tenant: &identity.tenant().id,
                endpoint: TokenEndpoint::V2,
                origin: ORIGIN,
                form: &parameters,
                authorization: Some(&cookie),
                page: None,
                source: SOURCE,
                correlation_id: None,
                user_agent: None,
                now: now(),
            };
            assert!(identity.token(&tokens).status >= 400);
            assert!(identity.authenticate(&cookie, Audiences::OWN_URL, now()).is_err());
        });
    }
}

#[test]
fn costly_checks_do_not_pile_up() {
    let inside = Interactive::default();
    inside.waiting.store(CHECKS_WAITING_MAX, Ordering::SeqCst);
    assert_eq!(inside.check(|| ()).unwrap_err().status, 429);
    inside.waiting.store(CHECKS_WAITING_MAX - 1, Ordering::SeqCst);
    assert_eq!(inside.check(|| 7), Ok::<_, OAuthError>(7));
    assert_eq!(inside.waiting.load(Ordering::SeqCst), CHECKS_WAITING_MAX - 1);
}
