#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use parking_lot::Mutex;

use super::*;
use crate::testing::{House, ORIGIN, SOURCE, house, now, now_seconds, stranger};
use crate::{OutsideReply, jwt};

const BASE: &str = "https://login.example/common";
const TENANT_ID: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

/// A provider that says what it is told to.
#[derive(Default)]
struct Company {
    issuer: Mutex<String>,
    claims: Mutex<Value>,
}

impl Outside for Company {
    fn get(&self, url: &str) -> Result<OutsideReply, String> {
        let body = if url.ends_with(CONFIGURATION) {
            json!({ "issuer": *self.issuer.lock(), "authorization_endpoint": "https://login.example/a",
                "token_endpoint": "https://login.example/t", "jwks_uri": "https://login.example/k" })
        } else {
            let public = stranger().public();
            let key =
                json!({ "kty": "RSA", "kid": "one", "n": public.jwk_n(), "e": public.jwk_e() });
            json!({ "keys": [key] })
        };
        Ok(OutsideReply { status: 200, body })
    }

    fn post_form(
        &self,
        _: &str,
        _: &[(&str, &str)],
        _: Option<(&str, &str)>,
    ) -> Result<OutsideReply, String> {
        let token = jwt::sign(stranger(), "one", None, &self.claims.lock()).unwrap();
        Ok(OutsideReply { status: 200, body: json!({ "id_token": token }) })
    }
}

struct Federation {
    house: House,
    company: Arc<Company>,
    provider: String,
}

fn federation(issuer: &str) -> Federation {
    let house = house();
    let company = Arc::new(Company { issuer: Mutex::new(issuer.into()), ..Company::default() });
    house.identity.set_outside(company.clone());
    let body = json!({ "displayName": "Company", "clientId": "us", "clientSecret": "s", "createsUsers": true,
        "metadataUrl": format!("{BASE}{CONFIGURATION}") });
    let made = house.identity.create_identity_provider(&body).unwrap();
    let provider = made["id"].as_str().unwrap().to_owned();
    Federation { house, company, provider }
}

impl Federation {
    fn ask<R>(&self, given: &[(&str, &str)], ask: impl FnOnce(&BrowserRequest<'_>) -> R) -> R {
        let given: Vec<_> = given.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        ask(&BrowserRequest {
            tenant: &self.house.identity.tenant().id,
            origin: ORIGIN,
            parameters: &given,
            malformed: None,
            session: None,
            browser: Some("browser-browser-browser-browser-browser-bro"),
            source: SOURCE,
            correlation_id: None,
            user_agent: None,
            now: now(),
            clock: &model::SystemClock,
        })
    }

    /// Signs in at the provider, whose token has these claims besides: the flow's answer, or why it is none.
    fn sign_in(&self, claims: Value) -> Result<BrowserAnswer, String> {
        let identity = &self.house.identity;
        let page = |answer: BrowserAnswer| match answer.show {
            Show::Page(page) => *page,
            _ => panic!("no page"),
        };
        let start = page(self.ask(&[], |r| identity.begin(r, super::super::Goal::SecurityInfo)));
        let flow = start.flow.expose();
        let given = [("flow", flow), ("step", "federate"), ("provider", &self.provider)];
        let answer = self.ask(&given, |r| identity.continue_sign_in(r));
        let sent = match answer.show {
            Show::Redirect(redirect) => redirect.parameters,
            Show::Page(page) => return Err(page.message.unwrap_or_default()),
            Show::Refused(error) => return Err(error.message),
        };
        let sent = |name: &str| {
            sent.iter().find(|(n, _)| *n == name).map(|(_, v)| v.expose().to_owned()).unwrap()
        };
        let at = now_seconds();
        let mut all = json!({ "iss": BASE, "aud": "us", "sub": "s1", "iat": at, "exp": at + 600,
            "nonce": sent("nonce"), "name": "Ann" });
        for (name, value) in claims.as_object().unwrap() {
            all[name] = value.clone();
        }
        *self.company.claims.lock() = all;
        let given = [("state", &*sent("state")), ("code", "c")];
        let answer = self.ask(&given, |r| identity.federation_callback(r));
        match &answer.show {
            Show::Page(page) if page.kind == super::super::PageKind::SecurityInfo => Ok(answer),
            Show::Page(page) => Err(page.message.clone().unwrap_or_default()),
            Show::Refused(error) => Err(error.message.clone()),
            Show::Redirect(_) => panic!("nowhere to go"),
        }
    }

    fn session(&self, answer: &BrowserAnswer) -> Proof {
        let session = answer.session.as_ref().unwrap().expose();
        self.house.identity.interactive().sessions.get(session, now_seconds()).unwrap().proof
    }
}

#[test]
fn an_issuer_is_where_it_is_described() {
    let many = format!("https://login.example/{TENANT}");
    let of_tenant = format!("https://login.example/{TENANT_ID}");
    let tenant = || json!({ "iss": of_tenant, "tid": TENANT_ID });
    for (published, claims, right) in [
        (BASE, json!({}), true),
        ("https://login.example/common/", json!({ "iss": "https://login.example/common/" }), true),
        ("https://login.example", json!({ "iss": "https://login.example" }), false),
        ("https://other.example/common", json!({ "iss": "https://other.example/common" }), false),
        (&many, tenant(), true),
        (&many, json!({ "iss": "https://login.example/x", "tid": "x" }), false),
        (&many, json!({ "iss": "https://login.example/", "tid": "" }), false),
        (&many, json!({ "iss": "https://login.example/" }), false),
        (&many, json!({ "iss": of_tenant, "tid": "a" }), false),
        ("https://{tenantid}/common", json!({ "iss": "https://login.example/common" }), false),
        ("https://login.example/a{tenantid}", tenant(), false),
        ("https://login.example/common/{tenantid}", tenant(), false),
    ] {
        let told = federation(published).sign_in(claims.clone());
        assert_eq!(told.is_ok(), right, "{published} {claims}: {:?}", told.err());
    }
}

#[test]
fn id_tokens_for_others_or_for_later_are_refused() {
    let there = federation(BASE);
    let at = now_seconds();
    for (claims, right) in [
        (json!({ "azp": "us" }), true),
        (json!({ "azp": "them" }), false),
        (json!({ "azp": 7 }), false),
        (json!({ "aud": ["us", "them"] }), false),
        (json!({ "aud": ["us", "them"], "azp": "us" }), true),
        (json!({ "nbf": at }), true),
        (json!({ "nbf": at + 3600 }), false),
        (json!({ "iat": at + 3600 }), false),
        (json!({ "exp": at - 3600 }), false),
        (json!({ "iss": "https://other.example" }), false),
        (json!({ "nonce": "n" }), false),
    ] {
        let told = there.sign_in(claims.clone());
        assert_eq!(told.is_ok(), right, "{claims}: {:?}", told.err());
    }
}

#[test]
fn mail_is_taken_when_the_provider_made_sure_of_it_and_nobody_has_it() {
    let there = federation(BASE);
    let address = "ann@mail.example";
    for (at, (claims, mail)) in [
        (json!({ "email": address }), None),
        (json!({ "email": address, "email_verified": false }), None),
        (json!({ "email": address, "email_verified": "no" }), None),
        (json!({ "email": address, "email_verified": true }), Some(address)),
        (json!({ "email": "ANN@mail.example", "email_verified": "true" }), None), // there is one
    ]
    .into_iter()
    .enumerate()
    {
        let mut claims = claims;
        claims["sub"] = json!(format!("subject-{at}"));
        let told = there.sign_in(claims.clone()).unwrap();
        let [added] = told.changes.as_slice() else { panic!("one row for who is new") };
        assert_eq!((added.operation, added.kind), ("Add user", "Add"));
        let user = there.house.identity.user(&added.caller.object_id).unwrap();
        assert_eq!(user["mail"].as_str(), mail, "{claims}");
        assert!(there.sign_in(claims).unwrap().changes.is_empty(), "known the second time");
    }
}

#[test]
fn sign_ins_end_with_the_link_and_with_the_provider() {
    let there = federation(BASE);
    let identity = &there.house.identity;
    let proof = there.session(&there.sign_in(json!({})).unwrap());
    assert!(identity.holds(&proof).is_some());
    let none = json!({ "identities": [] });
    identity.update_user(&proof.user_id, &none, &model::SystemClock).unwrap();
    assert!(identity.holds(&proof).is_none(), "no link any more");
    let before = Proof { outside: None, ..proof.clone() };
    assert!(identity.holds(&before).is_none(), "kept by an earlier version");

    let proof = there.session(&there.sign_in(json!({ "sub": "s2" })).unwrap());
    assert!(identity.holds(&proof).is_some());
    identity.delete_identity_provider(&there.provider).unwrap();
    assert!(identity.holds(&proof).is_none(), "no provider any more");
}

/// Somebody is at the provider while the application it signs in to goes.
#[test]
fn who_comes_back_finds_no_application() {
    let there = federation(BASE);
    let identity = &there.house.identity;
    let app = there.house.app("wiki");
    let web = json!({ "web": { "redirectUris": ["https://app.example/cb"] } });
    identity.update_application(&app.object_id, &web).unwrap();
    let given = [
        ("client_id", app.app_id.as_str()),
        ("redirect_uri", "https://app.example/cb"),
        ("response_type", "code"),
        ("scope", "openid"),
    ];
    let Show::Page(start) = there.ask(&given, |r| identity.authorize(r, false)).show else {
        panic!("no page")
    };
    let flow = start.flow.expose();
    let given = [("flow", flow), ("step", "federate"), ("provider", &there.provider)];
    let Show::Redirect(sent) = there.ask(&given, |r| identity.continue_sign_in(r)).show else {
        panic!("no provider")
    };
    let state = sent.parameters.iter().find(|(n, _)| *n == "state").unwrap().1.expose();
    identity.delete_application(&app.object_id).unwrap();
    let answer = there.ask(&[("state", state), ("code", "c")], |r| identity.federation_callback(r));
    assert!(matches!(answer.show, Show::Refused(error) if error.code == 700_016));
}
