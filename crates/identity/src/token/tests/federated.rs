//! Tokens of outside issuers as client assertions.

use std::sync::atomic::{AtomicUsize, Ordering};

use crypto::{RsaBits, RsaPrivateKey};
use parking_lot::Mutex;

use super::assertions::{TYPE, sign, with};
use super::*;
use crate::testing::{App, open, stranger};
use crate::{Outside, OutsideReply};

const ISSUER: &str = "https://cluster.example/oidc";
const SUBJECT: &str = "system:serviceaccount:prod:api";
const AUDIENCE: &str = "api://AzureADTokenExchange";

/// An issuer that publishes what it is told to.
struct Cluster {
    pages: Mutex<Value>,
    asked: AtomicUsize,
}

impl Outside for Cluster {
    fn get(&self, url: &str) -> Result<OutsideReply, String> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let body = self.pages.lock().get(url).cloned();
        body.map(|body| OutsideReply { status: 200, body }).ok_or("no route to host".to_owned())
    }

    fn post_form(
        &self,
        _: &str,
        _: &[(&str, &str)],
        _: Option<(&str, &str)>,
    ) -> Result<OutsideReply, String> {
        Err("nobody posts".to_owned())
    }
}

impl Cluster {
    fn publish(&self, keys: &[(&str, &RsaPrivateKey)]) {
        let keys = keys.iter().map(|(kid, key)| {
            let public = key.public();
            json!({ "kty": "RSA", "use": "sig", "kid": kid, "n": public.jwk_n(), "e": public.jwk_e() })
        });
        let keys = keys.collect::<Vec<_>>();
        *self.pages.lock() = json!({
            "https://cluster.example/oidc/.well-known/openid-configuration":
                { "issuer": ISSUER, "jwks_uri": "https://cluster.example/keys" },
            "https://cluster.example/keys": { "keys": keys },
        });
    }

    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::Relaxed)
    }
}

struct Workload {
    house: House,
    app: App,
    key: RsaPrivateKey,
    cluster: Arc<Cluster>,
}

fn workload() -> Workload {
    let house = house();
    let app = house.app("workload");
    let key = RsaPrivateKey::generate(RsaBits::Rsa2048).unwrap();
    let cluster = Arc::new(Cluster { pages: Mutex::new(Value::Null), asked: AtomicUsize::new(0) });
    cluster.publish(&[("one", &key)]);
    house.identity.set_outside(cluster.clone());
    let body = json!({ "name": "prod-api", "issuer": ISSUER, "subject": SUBJECT, "audiences": [AUDIENCE] });
    house.identity.add_federated_credential(&app.object_id, &body).unwrap();
    Workload { house, app, key, cluster }
}

fn header() -> Value {
    json!({ "alg": "RS256", "kid": "one" })
}

fn its_claims() -> Value {
    let now = now_seconds();
    json!({ "iss": ISSUER, "sub": SUBJECT, "aud": [AUDIENCE], "iat": now, "nbf": now, "exp": now + 3600 })
}

impl Workload {
    fn present_at(&self, assertion: &str, seconds: i64) -> TokenAnswer {
        let form = [
            ("client_id", self.app.app_id.as_str()),
            ("client_secret", ""),
            ("client_assertion", assertion),
            ("client_assertion_type", TYPE),
        ];
        let tenant = self.house.admin.tenant_id.clone();
        self.house.ask_at(&form, &tenant, TokenEndpoint::V2, later(seconds))
    }

    fn code(&self, header: &Value, claims: &Value) -> u64 {
        codes(&self.present_at(&sign(header, claims, &self.key), 0)).2
    }
}

#[test]
fn a_token_of_the_issuer_stands_in_for_a_secret() {
    let workload = workload();
    let assertion = sign(&header(), &its_claims(), &workload.key);
    let answer = workload.present_at(&assertion, 0);
    let (_, claims) = read_token(&access_token(&answer));
    assert_eq!(claims["oid"].as_str(), Some(&*workload.app.principal));
    assert_eq!(claims["appidacr"].as_str(), Some("2"));
    assert_eq!(answer.sign_in.credential, CredentialKind::Federated);
    let listed = workload.house.identity.federated_credentials(&workload.app.object_id).unwrap();
    assert_eq!(listed[0]["id"].as_str(), Some(&*answer.sign_in.credential_id));
    assert_eq!(workload.cluster.asked(), 2, "configuration and keys");
    assert_eq!(workload.present_at(&assertion, 0).status, 200);
    assert_eq!(workload.cluster.asked(), 0, "keys are kept");
    let changes = [
        json!({ "aud": AUDIENCE }),
        json!({ "aud": ["other", AUDIENCE] }),
        json!({ "exp": now_seconds() + 365 * 86400 }),
        json!({ "kubernetes.io": { "namespace": "prod" } }),
    ];
    for change in changes {
        assert_eq!(workload.code(&header(), &with(its_claims(), change.clone())), 0, "{change}");
    }
    let (again, _) = open(workload.house.store.clone(), workload.house.folder.path(), now());
    assert_eq!(again.federated_credentials(&workload.app.object_id).unwrap(), listed, "as stored");
}

#[test]
fn what_does_not_fit_is_refused_and_asks_nobody() {
    let workload = workload();
    let cases = [
        (json!({ "iss": "https://cluster.example/oidc/" }), 700_211),
        (json!({ "iss": "https://evil.example" }), 700_211),
        (json!({ "sub": "system:serviceaccount:prod:API" }), 700_213),
        (json!({ "sub": null }), 700_213),
        (json!({ "aud": "api://azureadtokenexchange" }), 700_212),
        (json!({ "aud": null }), 700_212),
        (json!({ "exp": now_seconds() - 301 }), 700_024),
        (json!({ "exp": null }), 700_024),
        (json!({ "nbf": now_seconds() + 301 }), 700_024),
        (json!({ "iss": "cluster.example" }), 700_027), // a certificate's, which it does not name
    ];
    for (change, expected) in cases {
        let code = workload.code(&header(), &with(its_claims(), change.clone()));
        assert_eq!(code, expected, "{change}");
        workload.house.identity.throttle().succeeded(&workload.app.app_id, SOURCE);
    }
    // wrong proofs make the endpoint slower, so each case starts anew
    let none = with(header(), json!({ "alg": "none" }));
    assert_eq!(workload.code(&none, &its_claims()), 700_027);
    assert_eq!(workload.cluster.asked(), 0);
    let forged = sign(&header(), &its_claims(), stranger());
    let answer = workload.present_at(&forged, 0);
    assert_eq!(codes(&answer), (401, "invalid_client", 700_027));
    let other = workload.house.app("other");
    let mine = sign(&header(), &its_claims(), &workload.key);
    let form = [
        ("client_id", other.app_id.as_str()),
        ("client_secret", ""),
        ("client_assertion", mine.as_str()),
        ("client_assertion_type", TYPE),
    ];
    assert_eq!(
        codes(&workload.house.ask(&form)).2,
        700_211,
        "an application's own credentials count"
    );
}

#[test]
fn keys_change_and_issuers_fail() {
    let workload = workload();
    let cluster = &workload.cluster;
    let fresh = RsaPrivateKey::generate(RsaBits::Rsa2048).unwrap();
    let lasting = with(its_claims(), json!({ "exp": now_seconds() + 10 * 86400 }));
    let first = sign(&header(), &lasting, &workload.key);
    let second = sign(&with(header(), json!({ "kid": "two" })), &lasting, &fresh);
    let strange = sign(&with(header(), json!({ "kid": "three" })), &lasting, stranger());
    let code = |assertion: &str, seconds| {
        let answer = workload.present_at(assertion, seconds);
        workload.house.identity.throttle().succeeded(&workload.app.app_id, SOURCE);
        codes(&answer).2
    };
    assert_eq!(code(&first, 0), 0);
    assert_eq!(code(&second, 10), 50_166, "not published");
    cluster.publish(&[("one", &workload.key), ("two", &fresh)]);
    cluster.asked();
    assert_eq!(code(&second, 20), 50_166, "asked a moment ago");
    assert_eq!(cluster.asked(), 0);
    assert_eq!(code(&second, 31), 0);
    assert_eq!(cluster.asked(), 2);
    assert_eq!(code(&strange, 70), 50_166);
    assert_eq!(code(&first, 70), 0, "those who are known do not wait for strangers");

    // a day later the keys are asked for again; the old one is gone
    cluster.publish(&[("two", &fresh)]);
    assert_eq!(code(&first, 86_000), 0);
    assert_eq!(code(&first, 86_500), 50_166);
    assert_eq!(code(&second, 86_510), 0);

    *cluster.pages.lock() = Value::Null;
    assert_eq!(code(&second, 90_000), 0, "an issuer that is away is not needed each time");
    let answer = workload.present_at(&second, 180_000);
    assert_eq!(codes(&answer), (401, "invalid_client", 50_166));
    let said = answer.body["error_description"].as_str().unwrap();
    assert!(said.contains(ISSUER) && said.contains("no route to host"), "{said}");
    cluster.asked();
    assert_eq!(code(&second, 180_010), 50_166);
    assert_eq!(cluster.asked(), 0, "a failing issuer is left in peace for a while");
    let liar =
        json!({ "issuer": "https://else.example", "jwks_uri": "https://cluster.example/keys" });
    *cluster.pages.lock() = json!({ format!("{ISSUER}/.well-known/openid-configuration"): liar });
    assert_eq!(code(&second, 180_100), 50_166);
    cluster.publish(&[("two", &fresh)]);
    assert_eq!(code(&second, 180_200), 0, "it recovers");
}

#[test]
fn credentials_are_kept_checked_and_removed() {
    let workload = workload();
    let (identity, app) = (&workload.house.identity, workload.app.object_id.as_str());
    let good = json!({ "name": "ci", "issuer": "https://ci.example", "subject": "repo:a:main",
        "audiences": [AUDIENCE], "description": "builds" });
    let cases = [
        (json!({ "name": "x" }), "name must"),
        (json!({ "name": "a b c" }), "name must"),
        (json!({ "name": null }), "name must"),
        (json!({ "issuer": "http://ci.example" }), "https"),
        (json!({ "issuer": null }), "issuer must"),
        (json!({ "issuer": " https://ci.example" }), "without blanks"),
        (json!({ "subject": "" }), "subject is required"),
        (json!({ "subject": "s".repeat(601) }), "600"),
        (json!({ "audiences": [] }), "one entry"),
        (json!({ "audiences": ["a", "b"] }), "one entry"),
        (json!({ "audiences": "a" }), "one entry"),
        (json!({ "audiences": [7] }), "must be a text"),
        (json!({ "claimsMatchingExpression": { "value": "x" } }), "claimsMatchingExpression"),
    ];
    for (change, expected) in cases {
        let body = with(with(good.clone(), json!({ "name": "ci-2" })), change.clone());
        let error = identity.add_federated_credential(app, &body).unwrap_err();
        assert_eq!(error.status, 400, "{change}");
        assert!(error.message.contains(expected), "{change}: {error}");
    }
    let long_name = with(good.clone(), json!({ "name": "cii" }));
    let made = identity.add_federated_credential(app, &long_name).unwrap();
    let id = made["id"].as_str().unwrap();
    let same_name = with(long_name.clone(), json!({ "subject": "else" }));
    assert_eq!(identity.add_federated_credential(app, &same_name).unwrap_err().status, 409);
    let same_pair = with(long_name, json!({ "name": "another" }));
    assert_eq!(identity.add_federated_credential(app, &same_pair).unwrap_err().status, 400);

    identity.update_federated_credential(app, "cii", &json!({ "subject": "repo:a:dev" })).unwrap();
    assert_eq!(identity.federated_credential(app, id).unwrap()["subject"], "repo:a:dev");
    let renamed = identity.update_federated_credential(app, id, &json!({ "name": "other" }));
    assert_eq!(renamed.unwrap_err().status, 400);
    assert_eq!(identity.federated_credential(app, "cii").unwrap()["description"], "builds");
    let taken = json!({ "issuer": ISSUER, "subject": SUBJECT });
    assert_eq!(identity.update_federated_credential(app, id, &taken).unwrap_err().status, 400);
    assert_eq!(identity.federated_credentials(app).unwrap().len(), 2, "refused, nothing is lost");

    let assertion = sign(&header(), &its_claims(), &workload.key);
    assert_eq!(workload.present_at(&assertion, 0).status, 200);
    identity.remove_federated_credential(app, "prod-api").unwrap();
    assert_eq!(codes(&workload.present_at(&assertion, 0)).2, 700_211, "at once");
    assert_eq!(identity.remove_federated_credential(app, "prod-api").unwrap_err().status, 404);
    for n in 1..20 {
        let body =
            with(good.clone(), json!({ "name": format!("n-{n}"), "subject": n.to_string() }));
        identity.add_federated_credential(app, &body).unwrap();
    }
    let one_more = with(good, json!({ "name": "one-more", "subject": "more" }));
    assert_eq!(identity.add_federated_credential(app, &one_more).unwrap_err().status, 400);
}
