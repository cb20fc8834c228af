#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use crypto::RsaPublicKey;
use serde_json::json;

use super::*;
use crate::testing::{
    House, ORIGIN, SOURCE, access_token, house, later, now, now_seconds, read_token,
};
use crate::{Generation, Holder, NewPassword};

mod assertions;
mod federated;

fn codes(answer: &TokenAnswer) -> (u16, &str, u64) {
    (
        answer.status,
        answer.body["error"].as_str().unwrap_or(""),
        answer.body["error_codes"][0].as_u64().unwrap_or(0),
    )
}

#[test]
fn a_token_says_who_for_what_and_how_long() {
    let house = house();
    let answer = house.ask(&[]);
    let (header, claims) = read_token(&access_token(&answer));
    assert_eq!((header["typ"].as_str(), header["alg"].as_str()), (Some("JWT"), Some("RS256")));
    let (tenant, client, object) =
        (&house.admin.tenant_id, &house.admin.client_id, &house.admin.object_id);
    let expected = json!({
        "aud": ORIGIN, "iss": format!("{ORIGIN}/{tenant}/v2.0"), "tid": tenant, "oid": object, "sub": object,
        "appid": client, "azp": client, "appidacr": "1", "azpacr": "1", "idtyp": "app", "ver": "2.0",
        "iat": now_seconds(), "nbf": now_seconds(), "app_displayname": "vedette administrator",
        "roles": ["Application.ReadWrite.All", "Directory.ReadWrite.All"],
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&claims[name], value, "{name}");
    }
    let lives = claims["exp"].as_i64().unwrap() - now_seconds();
    assert!((3600..5400).contains(&lives), "{lives}");
    assert_eq!(answer.body["expires_in"], lives);
    assert_eq!(answer.body["token_type"], "Bearer");
    assert_eq!(claims["uti"].as_str().unwrap().len(), 22);
}

#[test]
fn lives_differ_and_ids_never_repeat() {
    let house = house();
    let read = |_| {
        let (_, claims) = read_token(&access_token(&house.ask(&[])));
        (claims["exp"].as_i64().unwrap(), claims["uti"].as_str().unwrap().to_owned())
    };
    let all: Vec<(i64, String)> = (0..8).map(read).collect();
    assert!(all.iter().any(|(exp, _)| *exp != all[0].0), "{all:?}");
    let ids: std::collections::HashSet<&String> = all.iter().map(|(_, id)| id).collect();
    assert_eq!(ids.len(), 8);
}

/// What a stranger's library does: fetch the keys, find the one by name, check the arithmetic.
#[test]
fn a_token_verifies_with_the_published_keys() {
    let house = house();
    let token = access_token(&house.ask(&[]));
    let (header, claims) = read_token(&token);
    let discovery = house
        .identity
        .openid_configuration(&house.admin.tenant_id, Generation::V2, ORIGIN)
        .unwrap();
    assert_eq!(claims["iss"], discovery["issuer"]);
    let jwks = house.identity.jwks(&house.admin.tenant_id, Generation::V2, ORIGIN).unwrap();
    let key = jwks["keys"].as_array().unwrap().iter().find(|k| k["kid"] == header["kid"]).unwrap();
    let part = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let public = RsaPublicKey::from_components(&part("n"), &part("e")).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert!(public.verify(crypto::RsaAlgorithm::Rs256, signed.as_bytes(), &signature));
}

#[test]
fn tokens_of_version_1_name_the_certificate_of_their_key() {
    let house = house();
    let resource = [("scope", ""), ("resource", "https://management.azure.com/")];
    let v1 = house.ask_at(&resource, &house.admin.tenant_id, TokenEndpoint::V1, now());
    let jwks = house.identity.jwks("common", Generation::V1, ORIGIN).unwrap();
    for (answer, x5t) in [(v1, jwks["keys"][0]["x5t"].clone()), (house.ask(&[]), Value::Null)] {
        let (header, _) = read_token(&access_token(&answer));
        assert_eq!((&header["x5t"], &header["kid"]), (&x5t, &jwks["keys"][0]["kid"]));
    }
}

#[test]
fn forms_of_v1_and_adfs() {
    let house = house();
    let resource = [("scope", ""), ("resource", "https://management.azure.com/")];
    let v1 = house.ask_at(&resource, &house.admin.tenant_id, TokenEndpoint::V1, now());
    let (_, claims) = read_token(&access_token(&v1));
    assert_eq!(
        (claims["ver"].as_str(), claims["aud"].as_str()),
        (Some("1.0"), Some("https://management.azure.com/"))
    );
    assert_eq!(claims["iss"], format!("{ORIGIN}/{}/", house.admin.tenant_id));
    let expires_on = claims["exp"].as_i64().unwrap().to_string();
    assert_eq!(v1.body["expires_on"], expires_on);
    assert!(v1.body["expires_in"].is_string() && v1.body["resource"].is_string());

    for form in [
        &resource[..],
        &[("scope", "https://localhost:8443/.default")],
        &[("scope", "https://localhost:8443")],
        &[("scope", "openid https://localhost:8443/.default offline_access")],
    ] {
        let adfs = house.ask_at(form, "adfs", TokenEndpoint::V1, now());
        let (_, claims) = read_token(&access_token(&adfs));
        assert_eq!(claims["ver"], "1.0");
        assert!(adfs.body["expires_in"].is_number());
    }
}

#[test]
fn the_tenant_has_several_names() {
    let house = house();
    for tenant in
        ["common", "organizations", "vedette.localhost", &house.admin.tenant_id.to_uppercase()]
    {
        assert_eq!(house.ask_at(&[], tenant, TokenEndpoint::V2, now()).status, 200, "{tenant}");
    }
    let answer =
        house.ask_at(&[], "11111111-1111-1111-1111-111111111111", TokenEndpoint::V2, now());
    assert_eq!(codes(&answer), (400, "invalid_request", 90_002));
    assert_eq!(
        codes(&house.ask_at(&[], "!", TokenEndpoint::V2, now())),
        (400, "invalid_request", 900_023)
    );
}

#[test]
fn refusals_have_entras_words_and_numbers() {
    let house = house();
    let unknown = "11111111-1111-1111-1111-111111111111";
    let graph = "https://graph.microsoft.com/.default";
    let cases: [(&[(&str, &str)], (u16, &str, u64)); 18] = [
        (&[("grant_type", "")], (400, "invalid_request", 900_144)),
        (&[("client_id", "")], (400, "invalid_request", 900_144)),
        (&[("scope", "")], (400, "invalid_request", 900_144)),
        (
            &[("scope", ""), ("resource", "https://localhost:8443")],
            (400, "invalid_request", 900_144),
        ),
        (&[("grant_type", "password")], (400, "unsupported_grant_type", 70_003)),
        (&[("client_id", unknown)], (400, "unauthorized_client", 700_016)),
        (&[("client_id", "no guid")], (400, "unauthorized_client", 700_016)),
        (&[("client_secret", "")], (401, "invalid_client", 7_000_216)),
        (&[("client_secret", "wrong")], (401, "invalid_client", 7_000_215)),
        (&[("scope", "https://localhost:8443")], (400, "invalid_scope", 1_002_012)),
        (&[("scope", "User.Read")], (400, "invalid_scope", 1_002_012)),
        (&[("scope", "/.default")], (400, "invalid_scope", 70_011)),
        (&[("scope", "openid profile")], (400, "invalid_scope", 70_011)),
        (
            &[("scope", &format!("https://localhost:8443/.default {graph}"))],
            (400, "invalid_scope", 70_011),
        ),
        (&[("scope", "https://example.com/.default")], (400, "invalid_resource", 500_011)),
        (&[("scope", "http://localhost:8443/.default")], (400, "invalid_resource", 500_011)),
        (
            &[("client_assertion", "x"), ("client_assertion_type", "y")],
            (400, "invalid_request", 90_100),
        ),
        (
            &[
                ("client_assertion", "x"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ],
            (400, "invalid_request", 50_027),
        ),
    ];
    for (form, expected) in cases {
        let answer = house.ask(form);
        assert_eq!(codes(&answer), expected, "{form:?}: {}", answer.body);
        let body = answer.body.as_object().unwrap();
        let description = body["error_description"].as_str().unwrap();
        assert!(description.starts_with(&format!("AADSTS{}: ", expected.2)), "{description}");
        assert_eq!(body["timestamp"], "2026-11-22 10:00:00Z");
        assert!(Uuid::try_parse(body["trace_id"].as_str().unwrap()).is_ok());
        assert!(Uuid::try_parse(body["correlation_id"].as_str().unwrap()).is_ok());
        assert_eq!(u64::from(answer.sign_in.result_code), expected.2);
    }
}

#[test]
fn a_parameter_given_twice_is_refused() {
    let house = house();
    let form: Vec<(String, String)> = [
        ("grant_type", "client_credentials"),
        ("client_id", &house.admin.client_id),
        ("client_secret", "guess one"),
        ("client_secret", house.admin.client_secret.expose()),
        ("scope", "https://localhost:8443/.default"),
    ]
    .map(|(n, v)| (n.to_owned(), v.to_owned()))
    .to_vec();
    assert_eq!(codes(&raw(&house, &form, None)), (400, "invalid_request", 90_100));
}

fn raw(house: &House, form: &[(String, String)], authorization: Option<&str>) -> TokenAnswer {
    house.identity.token(&TokenRequest {
        tenant: &house.admin.tenant_id,
        endpoint: TokenEndpoint::V2,
        origin: ORIGIN,
        form,
        authorization,
        page: None,
        source: SOURCE,
        correlation_id: Some("0f8fad5b-d9cb-469f-a165-70867728950e"),
        user_agent: Some("test"),
        now: now(),
    })
}

#[test]
fn the_secret_may_come_in_a_basic_header() {
    let house = house();
    let form = [("grant_type", "client_credentials"), ("scope", "https://localhost:8443/.default")]
        .map(|(n, v)| (n.to_owned(), v.to_owned()));
    let header = |id: &str, secret: &str| {
        let pair = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
        format!("Basic {pair}")
    };
    let (id, secret) = (&house.admin.client_id, house.admin.client_secret.expose());
    assert_eq!(raw(&house, &form, Some(&header(id, secret))).status, 200);
    let wrong = raw(&house, &form, Some(&header(id, "wrong")));
    assert_eq!(codes(&wrong), (401, "invalid_client", 7_000_215));
    assert_eq!(wrong.body["correlation_id"], "0f8fad5b-d9cb-469f-a165-70867728950e");
    assert_eq!(raw(&house, &form, Some("Bearer x")).status, 400);
}

#[test]
fn secrets_begin_and_end() {
    let house = house();
    let app = house.app("app");
    let limits = |start: i64, end: i64| NewPassword {
        start: Some(now_seconds() + start),
        end: Some(now_seconds() + end),
        display_name: None,
    };
    let old = house
        .identity
        .add_password(Holder::Application(&app.object_id), limits(-100, -1), now())
        .unwrap()
        .secret;
    let coming = house
        .identity
        .add_password(Holder::Application(&app.object_id), limits(100, 200), now())
        .unwrap()
        .secret;
    let ask = |secret: &str, at| {
        let form = [("client_id", app.app_id.as_str()), ("client_secret", secret)];
        codes(&house.ask_at(&form, &house.admin.tenant_id, TokenEndpoint::V2, at)).2
    };
    assert_eq!(ask(old.expose(), now()), 7_000_222);
    assert_eq!(ask(coming.expose(), now()), 7_000_215);
    assert_eq!(ask(coming.expose(), later(150)), 0);
    assert_eq!(ask(app.secret.expose(), now()), 0);
}

#[test]
fn an_application_without_an_enabled_principal_gets_nothing() {
    let house = house();
    let app = house.app("app");
    let ask = || {
        let answer =
            house.ask(&[("client_id", &app.app_id), ("client_secret", app.secret.expose())]);
        answer.body["error_codes"][0].as_u64().unwrap_or(0)
    };
    house.identity.enable_service_principal(&app.principal, false).unwrap();
    assert_eq!(ask(), 7_000_112);
    house.identity.enable_service_principal(&app.principal, true).unwrap();
    assert_eq!(ask(), 0);
    house.identity.delete_service_principal(&app.principal).unwrap();
    assert_eq!(ask(), 7_000_229);
    house.identity.delete_application(&app.object_id).unwrap();
    assert_eq!(ask(), 700_016);
}

#[test]
fn graph_permissions_are_in_graph_tokens_alone() {
    let house = house();
    let roles = |scope: &str| {
        let (_, claims) = read_token(&access_token(&house.ask(&[("scope", scope)])));
        claims.get("roles").is_some()
    };
    assert!(roles("https://graph.microsoft.com/.default"));
    assert!(!roles("https://vault.azure.net/.default"));
    assert!(!roles("https://monitor.azure.com//.default"));
}

#[test]
fn an_application_of_ones_own_is_a_resource_too() {
    let house = house();
    let app = house.app("app");
    let scope = format!("api://{}/.default", app.app_id);
    let (_, claims) = read_token(&access_token(&house.ask(&[("scope", &scope)])));
    assert_eq!(claims["aud"], format!("api://{}", app.app_id));
}

#[test]
fn guessing_slows_down_and_never_locks_out() {
    let house = house();
    let guess = || house.ask(&[("client_secret", "wrong")]);
    let answers: Vec<TokenAnswer> = (0..8).map(|_| guess()).collect();
    assert_eq!(codes(&answers[4]), (401, "invalid_client", 7_000_215));
    assert_eq!(codes(&answers[7]), (429, "temporarily_unavailable", 90_055));
    assert!(answers[7].retry_after.is_some());
    assert_eq!(
        house.ask(&[]).status,
        200,
        "the right secret is taken at once, from the same address"
    );
    assert_eq!(codes(&guess()).0, 401, "and the count begins anew");
}

#[test]
fn signing_without_end_is_refused() {
    let house = house();
    let app = house.app("app");
    let form = [("client_id", app.app_id.as_str()), ("client_secret", app.secret.expose())];
    let mut refused = None;
    for _ in 0..201 {
        refused = Some(house.ask(&form));
    }
    assert_eq!(codes(&refused.unwrap()), (429, "temporarily_unavailable", 90_055));
    assert_eq!(house.ask(&[]).status, 200, "others go on");
}

#[test]
fn the_sign_in_log_gets_what_happened() {
    let house = house();
    let good = house.ask(&[]).sign_in;
    assert_eq!((good.app_id.as_str(), good.result_code), (house.admin.client_id.as_str(), 0));
    assert_eq!(
        (good.principal_id.as_str(), good.resource.as_str()),
        (house.admin.object_id.as_str(), ORIGIN)
    );
    assert_eq!(good.credential, CredentialKind::Secret);
    assert!(!good.credential_id.is_empty() && !good.token_id.is_empty());
    let bad = house.ask(&[("client_secret", "wrong")]).sign_in;
    assert_eq!((bad.app_id.as_str(), bad.result_code), (house.admin.client_id.as_str(), 7_000_215));
    assert!(bad.credential_id.is_empty() && bad.token_id.is_empty() && !bad.result.is_empty());
    assert_eq!(
        (&bad.principal_id, &*bad.resource),
        (&house.admin.object_id, ORIGIN),
        "whose secret it was not, and what for"
    );
}
