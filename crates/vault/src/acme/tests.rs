#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashMap;
use std::sync::Arc;

use crypto::{KeyKind, KeyPair};
use parking_lot::Mutex as Lock;
use pki::acme::{
    ChallengeKind, Client, ClientError, HttpRequest, HttpResponse, Identifier, Jwk, Wish,
    external_binding, sign,
};
use pki::{AlternativeNames, Certificate, Name, SigningRequest, Template};
use serde_json::{Value, json};

use super::*;
use crate::certificates::tests::{NOW, vault};
use crate::{AttributeChange, NewSecret};

/// A network in memory: files of web servers and texts of name servers.
#[derive(Default)]
struct Net {
    files: Lock<HashMap<String, String>>,
    texts: Lock<HashMap<String, String>>,
    /// What comes instead of a file.
    unseen: Lock<Option<Unseen>>,
}

impl Probe for Net {
    fn http(&self, look: &Look<'_>) -> Result<Vec<u8>, Unseen> {
        let Look { host, port, path, reach, .. } = *look;
        if let Some(unseen) = self.unseen.lock().clone() {
            return Err(unseen);
        }
        if host == "own.example" && reach == Reach::Elsewhere {
            return Err(Unseen::Here);
        }
        let url = format!("http://{host}:{port}{path}");
        let found = self.files.lock().get(&url).map(|f| f.clone().into_bytes());
        found.ok_or(Unseen::Other("status 404".into()))
    }

    fn is_own(&self, _: std::net::IpAddr) -> bool {
        false
    }

    fn texts(&self, name: &str, _: Option<&str>) -> Result<Vec<String>, String> {
        self.texts.lock().get(name).map(|t| vec![t.clone()]).ok_or("NXDOMAIN".to_owned())
    }
}

struct World {
    _folder: tempfile::TempDir,
    vault: Arc<Vault>,
    server: AcmeServer,
    net: Net,
    /// Calls come from this machine.
    is_local: std::sync::atomic::AtomicBool,
}

const BASE: &str = "https://ca.example/acme/house";

impl World {
    fn new(acme: Value) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(&folder);
        let issuer = json!({ "provider": "PrivateCA", "acme": acme });
        vault.set_issuer("house", &issuer, true, NOW).unwrap();
        let (server, net) = (AcmeServer::default(), Net::default());
        Self { _folder: folder, vault, server, net, is_local: false.into() }
    }

    /// One request, and what it sets going.
    fn send(&self, request: &HttpRequest) -> HttpResponse {
        let rest = request.url.strip_prefix(BASE).unwrap_or("/nowhere");
        let path: Vec<String> =
            rest.split('/').filter(|s| !s.is_empty()).map(str::to_owned).collect();
        let call = AcmeCall {
            vault: &self.vault,
            authority: "house",
            base: BASE.into(),
            url: request.url.clone(),
            path: &path,
            body: request.body.as_ref().map(String::as_bytes),
            source: std::net::IpAddr::from([192, 0, 2, 1]),
            is_local: self.is_local.load(std::sync::atomic::Ordering::Relaxed),
            places: AuthorityPlaces::default(),
            now: NOW,
        };
        let nonce = Some(self.server.nonce().unwrap());
        match self.server.answer(&call) {
            Ok(answer) => {
                assert_eq!(self.server.next_look().is_some_and(|v| self.look(&v)), answer.looks);
                let (status, location, body) = (answer.status, answer.location, answer.body);
                HttpResponse { status, nonce, location, body }
            }
            Err(problem) => {
                let body = problem.body().to_string().into_bytes();
                HttpResponse { status: problem.status, nonce, location: None, body }
            }
        }
    }

    fn look(&self, validation: &Validation) -> bool {
        self.server.validate(&self.vault, validation, &self.net, NOW).unwrap();
        self.server.looked(validation);
        true
    }

    /// Our own client against our own server.
    fn obtain(
        &self,
        wish: Wish,
        key: KeyPair,
        honest: bool,
    ) -> Result<Vec<Certificate>, ClientError> {
        let mut client = Client::new(wish, key);
        for _ in 0..60 {
            if let (Some(shown), true) = (client.challenged(), honest) {
                let name = &shown.identifier.value;
                let url = format!("http://{name}:5002/.well-known/acme-challenge/{}", shown.token);
                self.net.files.lock().insert(url, format!("{}\n", shown.key_authorization));
                let record = format!("_acme-challenge.{name}");
                let text = pki::acme::dns_record(&shown.key_authorization);
                self.net.texts.lock().insert(record, text);
            }
            let Some(request) = client.request()? else { break };
            client.response(&self.send(&request))?;
        }
        Ok(client.chain().expect("a chain within 60 steps").to_vec())
    }

    /// A signed message from an account, outside of the client.
    fn post(
        &self,
        key: &KeyPair,
        account: Option<&str>,
        place: &str,
        payload: &Value,
    ) -> HttpResponse {
        let nonce = self.server.nonce().unwrap();
        let url = format!("{BASE}/{place}");
        let bytes = if payload.is_null() { Vec::new() } else { payload.to_string().into_bytes() };
        let body = sign(key, account, Some(&nonce), &url, &bytes).unwrap();
        self.send(&HttpRequest { method: "POST", url, body: Some(body.to_string()) })
    }
}

fn wish(names: &[&str], challenge: ChallengeKind) -> (Wish, KeyPair) {
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let dns: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    let identifiers =
        dns.iter().map(|n| Identifier { kind: "dns".into(), value: n.clone() }).collect();
    let template = Template {
        subject: Name::default(),
        names: AlternativeNames { dns, ..AlternativeNames::default() },
        ..Template::default()
    };
    let csr = SigningRequest::create(&template, &key).unwrap();
    let directory = format!("{BASE}/directory");
    let contact = vec!["mailto:a@b.example".into()];
    (Wish { directory, contact, external: None, identifiers, challenge, csr }, key)
}

fn account_key() -> KeyPair {
    KeyPair::generate(KeyKind::P256).unwrap()
}

fn kind_of(response: &HttpResponse) -> String {
    let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    body["type"].as_str().unwrap_or_default().rsplit(':').next().unwrap_or_default().to_owned()
}

#[test]
fn our_client_gets_certificates_from_our_server() {
    let world = World::new(json!({ "httpPort": 5002, "validityDays": 30 }));
    let authority = world.vault.authority_chain("house").unwrap();
    for (names, challenge) in [
        (&["a.example"][..], ChallengeKind::Http01),
        (&["a.example", "b.example"], ChallengeKind::Http01),
        (&["*.c.example", "c.example"], ChallengeKind::Dns01),
    ] {
        let (wish, key) = wish(names, challenge);
        let chain = world.obtain(wish, account_key(), true).unwrap();
        assert_eq!(chain.len(), 2);
        assert!(chain[0].is_signed_by(&chain[1]) && chain[1] == authority[0]);
        assert!(chain[0].belongs_to(&key));
        assert_eq!(chain[0].names().dns, names);
        assert_eq!(chain[0].not_after(), NOW + 30 * 86_400);
        assert!(world.vault.issued("house", &chain[0].serial_hex()).unwrap().is_some());
    }
}

#[test]
fn who_does_not_control_the_name_gets_nothing() {
    let world = World::new(json!({ "httpPort": 5002, "domains": ["example"] }));
    let (first, _) = wish(&["a.example"], ChallengeKind::Http01);
    let error = world.obtain(first, account_key(), false).unwrap_err().to_string();
    assert!(error.contains("challenge failed") && error.contains("does not hold"), "{error}");
    assert!(!error.contains("404"), "{error}");
    // somebody else's file does not help
    let (first, _) = wish(&["a.example"], ChallengeKind::Http01);
    world.obtain(first, account_key(), true).unwrap();
    let (second, _) = wish(&["a.example"], ChallengeKind::Dns01);
    let error = world.obtain(second, account_key(), false).unwrap_err().to_string();
    assert!(error.contains("incorrectResponse"), "{error}");
    let (third, _) = wish(&["a.elsewhere"], ChallengeKind::Http01);
    let error = world.obtain(third, account_key(), true).unwrap_err().to_string();
    assert!(error.contains("rejectedIdentifier"), "{error}");
}

#[test]
fn messages_are_taken_once_at_their_own_address() {
    let world = World::new(json!({}));
    let key = account_key();
    let nonce = world.server.nonce().unwrap();
    let url = format!("{BASE}/new-account");
    let body = sign(&key, None, Some(&nonce), &url, b"{}").unwrap().to_string();
    let request = HttpRequest { method: "POST", url: url.clone(), body: Some(body.clone()) };
    assert_eq!(world.send(&request).status, 201);
    let again = world.send(&request);
    assert_eq!((again.status, kind_of(&again).as_str()), (400, "badNonce"));
    assert!(again.nonce.is_some());
    let moved = HttpRequest { url: format!("{BASE}/new-order"), ..request };
    assert_eq!(world.send(&moved).status, 403);
    let none = sign(&key, None, None, &url, b"{}").unwrap().to_string();
    let answer = world.send(&HttpRequest { method: "POST", url: url.clone(), body: Some(none) });
    assert_eq!(kind_of(&answer), "badNonce");
    let garbage = world.send(&HttpRequest { method: "POST", url, body: Some("{}".into()) });
    assert_eq!(kind_of(&garbage), "malformed");
    let get = HttpRequest { method: "GET", url: format!("{BASE}/new-order"), body: None };
    assert_eq!(world.send(&get).status, 405);
}

#[test]
fn accounts_live_change_keys_and_end() {
    let world = World::new(json!({}));
    let (key, other) = (account_key(), account_key());
    let missing = world.post(&key, None, "new-account", &json!({ "onlyReturnExisting": true }));
    assert_eq!(kind_of(&missing), "accountDoesNotExist");
    let made = world.post(&key, None, "new-account", &json!({ "contact": ["mailto:a@b.c"] }));
    let url = made.location.clone().unwrap();
    assert_eq!(made.status, 201);
    let again = world.post(&key, None, "new-account", &json!({}));
    assert_eq!((again.status, again.location.as_ref()), (200, Some(&url)));
    let place = url.strip_prefix(BASE).unwrap().trim_start_matches('/').to_owned();
    let changed = world.post(&key, Some(&url), &place, &json!({ "contact": [] }));
    let body: Value = serde_json::from_slice(&changed.body).unwrap();
    assert_eq!(body["contact"], json!([]));

    let change = |new: &KeyPair, old: &KeyPair| {
        let inner = json!({ "account": url, "oldKey": Jwk::of(old).unwrap().to_json() });
        let target = format!("{BASE}/key-change");
        sign(new, None, None, &target, inner.to_string().as_bytes()).unwrap()
    };
    let wrong = world.post(&key, Some(&url), "key-change", &change(&other, &other));
    assert_eq!(wrong.status, 400);
    let done = world.post(&key, Some(&url), "key-change", &change(&other, &key));
    assert_eq!(done.status, 200, "{}", String::from_utf8_lossy(&done.body));
    assert_eq!(
        world.post(&key, Some(&url), &place, &Value::Null).status,
        403,
        "the old key is out"
    );
    assert_eq!(world.post(&other, Some(&url), &place, &Value::Null).status, 200);
    let ended = world.post(&other, Some(&url), &place, &json!({ "status": "deactivated" }));
    assert_eq!(ended.status, 200);
    let order = json!({ "identifiers": [{ "type": "dns", "value": "a.example" }] });
    assert_eq!(kind_of(&world.post(&other, Some(&url), "new-order", &order)), "unauthorized");
}

#[test]
fn nobody_sees_what_another_ordered() {
    let world = World::new(json!({}));
    let account =
        |key: &KeyPair| world.post(key, None, "new-account", &json!({})).location.unwrap();
    let (ann, bob) = (account_key(), account_key());
    let (ann_url, bob_url) = (account(&ann), account(&bob));
    let sent = json!({ "identifiers": [{ "type": "dns", "value": "a.example" }] });
    let made = world.post(&ann, Some(&ann_url), "new-order", &sent);
    let place = |url: &str| url.strip_prefix(BASE).unwrap().trim_start_matches('/').to_owned();
    let order_place = place(&made.location.clone().unwrap());
    let order: Value = serde_json::from_slice(&made.body).unwrap();
    let authorization = place(order["authorizations"][0].as_str().unwrap());
    let finalize = place(order["finalize"].as_str().unwrap());
    for path in [&order_place, &authorization, &finalize, &format!("{authorization}x")] {
        let seen = world.post(&bob, Some(&bob_url), path, &Value::Null);
        assert_eq!(seen.status, 404, "{path}");
        // a key that is not the account's
        assert_eq!(world.post(&bob, Some(&ann_url), path, &Value::Null).status, 403);
    }
    let early = world.post(&ann, Some(&ann_url), &finalize, &json!({ "csr": "AAAA" }));
    assert_eq!(kind_of(&early), "orderNotReady");
    let orders = format!("{}/orders", place(&ann_url));
    let listed: Value =
        serde_json::from_slice(&world.post(&ann, Some(&ann_url), &orders, &Value::Null).body)
            .unwrap();
    assert_eq!(listed["orders"], json!([made.location.unwrap()]));
    assert_eq!(world.post(&bob, Some(&bob_url), &orders, &Value::Null).status, 403);
}

#[test]
fn outside_accounts_are_bound_by_secrets_of_the_vault() {
    use base64::Engine;
    let world = World::new(json!({ "requireExternalAccount": true, "httpPort": 5002 }));
    let (first, _) = wish(&["a.example"], ChallengeKind::Http01);
    let error = world.obtain(first, account_key(), true).unwrap_err().to_string();
    assert!(error.contains("externalAccountRequired"), "{error}");
    let hmac_key = [7; 32];
    let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hmac_key);
    let ended = AttributeChange { exp: Some(NOW), ..AttributeChange::default() };
    let later = AttributeChange { nbf: Some(NOW + 1), ..AttributeChange::default() };
    let always = AttributeChange::default();
    for (name, tag, attributes) in [
        ("kid-1", "house", always),
        ("kid-2", "other", always),
        ("ended", "house", ended),
        ("later", "house", later),
    ] {
        let mut tags = crate::Tags::new();
        tags.insert("acme".into(), tag.into());
        let new = NewSecret {
            value: crypto::SecretText::new(text.clone()),
            content_type: None,
            attributes,
            tags: Some(tags),
        };
        pollster::block_on(world.vault.set_secret(name, &new, NOW)).unwrap();
    }
    let bound = |kid: &str| {
        let (mut wish, _) = wish(&["a.example"], ChallengeKind::Http01);
        wish.external = Some((kid.to_owned(), hmac_key.to_vec()));
        world.obtain(wish, account_key(), true)
    };
    assert!(bound("kid-1").is_ok());
    assert!(bound("kid-2").unwrap_err().to_string().contains("unauthorized"));
    for kid in ["kid-3", "ended", "later"] {
        assert!(bound(kid).unwrap_err().to_string().contains("unauthorized"), "{kid}");
    }
    let binding = external_binding(&Jwk::of(&account_key()).unwrap(), "kid-1", &hmac_key, "x");
    let answer = world.post(
        &account_key(),
        None,
        "new-account",
        &json!({ "externalAccountBinding": binding }),
    );
    assert_eq!(kind_of(&answer), "unauthorized");
}

#[test]
fn certificates_are_revoked_by_those_who_may() {
    use base64::Engine;
    let world = World::new(json!({ "httpPort": 5002 }));
    let text = |c: &Certificate| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(c.der());
    let account = account_key();
    let again = KeyPair::from_der(account.to_pkcs8().unwrap().expose()).unwrap();
    let (first, _) = wish(&["a.example"], ChallengeKind::Http01);
    let one = world.obtain(first, account, true).unwrap();
    let (second, second_key) = wish(&["a.example"], ChallengeKind::Http01);
    let two = world.obtain(second, account_key(), true).unwrap();
    let url = world.post(&again, None, "new-account", &json!({})).location.unwrap();
    let stranger = account_key();
    let stranger_url = world.post(&stranger, None, "new-account", &json!({})).location.unwrap();

    let no = world.post(
        &stranger,
        Some(&stranger_url),
        "revoke-cert",
        &json!({ "certificate": text(&one[0]) }),
    );
    assert_eq!(kind_of(&no), "unauthorized");
    let no = world.post(
        &again,
        Some(&url),
        "revoke-cert",
        &json!({ "certificate": text(&one[0]), "reason": 7 }),
    );
    assert_eq!(kind_of(&no), "badRevocationReason");
    let yes = world.post(
        &again,
        Some(&url),
        "revoke-cert",
        &json!({ "certificate": text(&one[0]), "reason": 4 }),
    );
    assert_eq!(yes.status, 200);
    let twice =
        world.post(&again, Some(&url), "revoke-cert", &json!({ "certificate": text(&one[0]) }));
    assert_eq!(kind_of(&twice), "alreadyRevoked");
    let by_key =
        world.post(&second_key, None, "revoke-cert", &json!({ "certificate": text(&two[0]) }));
    assert_eq!(by_key.status, 200);
    // an account's key is no certificate's key, and one that showed control of all names may
    let (third, _) = wish(&["a.example", "b.example"], ChallengeKind::Http01);
    let three = world.obtain(third, account_key(), true).unwrap();
    let one_name =
        world.post(&again, Some(&url), "revoke-cert", &json!({ "certificate": text(&three[0]) }));
    assert_eq!(kind_of(&one_name), "unauthorized", "it showed one of two names");
    let (fourth, _) = wish(&["a.example"], ChallengeKind::Http01);
    let four = world.obtain(fourth, account_key(), true).unwrap();
    let by_jwk = world.post(&again, None, "revoke-cert", &json!({ "certificate": text(&four[0]) }));
    assert_eq!(kind_of(&by_jwk), "unauthorized", "an account signs by its name");
    let holder =
        world.post(&again, Some(&url), "revoke-cert", &json!({ "certificate": text(&four[0]) }));
    assert_eq!(holder.status, 200);
    let root = &world.vault.authority_chain("house").unwrap()[1];
    let foreign =
        world.post(&again, Some(&url), "revoke-cert", &json!({ "certificate": text(root) }));
    assert_eq!(foreign.status, 404);
    let list = world.vault.revocation_list("house", NOW + 1).unwrap();
    let list = pki::crl::RevocationList::read(&list, &two[1]).unwrap();
    assert_eq!(list.revoked.len(), 3);
}

#[test]
fn nobody_makes_accounts_without_end() {
    let world = World::new(json!({}));
    let first = account_key();
    let url = world.post(&first, None, "new-account", &json!({})).location.unwrap();
    let refused = (1..=limit::ACCOUNTS_MAX).find_map(|_| {
        let made = world.post(&account_key(), None, "new-account", &json!({}));
        (made.status != 201).then_some(made)
    });
    let refused = refused.expect("a limit");
    assert_eq!((refused.status, kind_of(&refused).as_str()), (429, "rateLimited"));
    // who has an account is not hindered
    let known = world.post(&first, None, "new-account", &json!({}));
    assert_eq!((known.status, known.location.as_deref()), (200, Some(url.as_str())));
    assert_eq!(world.post(&first, Some(&url), "new-order", &order("a.example")).status, 201);
}

fn order(name: &str) -> Value {
    json!({ "identifiers": [{ "type": "dns", "value": name }] })
}

#[test]
fn orders_that_ended_long_ago_are_removed() {
    const DAY: i64 = 24 * 60 * 60;
    let world = World::new(json!({ "httpPort": 5002 }));
    let key = account_key();
    let url = world.post(&key, None, "new-account", &json!({})).location.unwrap();
    let placed: Vec<String> = ["a.example", "b.example"]
        .map(|name| world.post(&key, Some(&url), "new-order", &order(name)).location.unwrap())
        .to_vec();
    let place = |url: &str| url.strip_prefix(&format!("{BASE}/")).unwrap().to_owned();
    let (wish, _) = wish(&["c.example"], ChallengeKind::Http01);
    world.obtain(wish, account_key(), true).unwrap();
    assert_eq!(world.vault.sweep_acme(NOW + 7 * DAY + DAY / 2).unwrap(), 0, "kept for a while");
    assert_eq!(world.post(&key, Some(&url), &place(&placed[0]), &Value::Null).status, 200);
    assert_eq!(world.vault.sweep_acme(NOW + 9 * DAY).unwrap(), 4, "orders, authorizations");
    assert_eq!(world.vault.sweep_acme(NOW + 37 * DAY).unwrap(), 0, "one led to a certificate");
    assert_eq!(world.vault.sweep_acme(NOW + 38 * DAY).unwrap(), 2);
    for url_of_order in &placed {
        let gone = world.post(&key, Some(&url), &place(url_of_order), &Value::Null);
        assert_eq!(gone.status, 404);
    }
    assert_eq!(world.vault.sweep_acme(NOW + 38 * DAY).unwrap(), 0);
    assert_eq!(world.post(&key, Some(&url), "new-order", &order("c.example")).status, 201);
}

/// An account, its address, and where a challenge of an order of its is.
fn challenged(world: &World, name: &str) -> (KeyPair, String, String, String) {
    let key = account_key();
    let url = world.post(&key, None, "new-account", &json!({})).location.unwrap();
    let kind = if name.parse::<std::net::IpAddr>().is_ok() { "ip" } else { "dns" };
    let sent = json!({ "identifiers": [{ "type": kind, "value": name }] });
    let made = world.post(&key, Some(&url), "new-order", &sent);
    assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
    let order: Value = serde_json::from_slice(&made.body).unwrap();
    let place = order["authorizations"][0].as_str().unwrap();
    let authorization = place.strip_prefix(&format!("{BASE}/")).unwrap().to_owned();
    let id = authorization.rsplit('/').next().unwrap();
    (key, url, authorization.clone(), format!("challenge/{id}/http-01"))
}

/// Kind and detail of what came of a challenge.
fn outcome(world: &World, name: &str) -> (String, String) {
    let (key, url, authorization, challenge) = challenged(world, name);
    assert_eq!(world.post(&key, Some(&url), &challenge, &json!({})).status, 200);
    let shown = world.post(&key, Some(&url), &authorization, &Value::Null);
    let shown: Value = serde_json::from_slice(&shown.body).unwrap();
    let error = &shown["challenges"][0]["error"];
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (text("type").rsplit(':').next().unwrap().to_owned(), text("detail"))
}

#[test]
fn who_comes_from_outside_learns_the_kind_of_what_was_seen() {
    let world = World::new(json!({}));
    for (unseen, kind, secret) in [
        (Unseen::NoName("SERVFAIL".into()), "dns", "SERVFAIL"),
        (Unseen::NoAnswer("Connection refused".into()), "connection", "refused"),
        (Unseen::Other("status 302".into()), "incorrectResponse", "status 302"),
    ] {
        *world.net.unseen.lock() = Some(unseen);
        let (told, detail) = outcome(&world, "a.example");
        assert_eq!(told, kind);
        assert!(!detail.contains(secret) && !detail.is_empty(), "{detail}");
        world.is_local.store(true, std::sync::atomic::Ordering::Relaxed);
        let (told, detail) = outcome(&world, "a.example");
        assert_eq!(told, kind);
        assert!(detail.contains(secret), "on this machine all is told: {detail}");
        world.is_local.store(false, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn this_machine_is_looked_at_for_its_own_callers_alone() {
    for (setting, is_local, allowed) in [
        (Value::Null, false, false),
        (Value::Null, true, true),
        (json!(true), false, true),
        (json!(false), true, false),
    ] {
        let world = World::new(json!({ "allowLocal": setting }));
        world.is_local.store(is_local, std::sync::atomic::Ordering::Relaxed);
        let key = account_key();
        let url = world.post(&key, None, "new-account", &json!({})).location.unwrap();
        for (kind, name) in [
            ("dns", "localhost"),
            ("dns", "a.localhost"),
            ("ip", "127.0.0.1"),
            ("ip", "::1"),
            ("ip", "169.254.169.254"),
            ("ip", "0.0.0.0"),
        ] {
            let sent = json!({ "identifiers": [{ "type": kind, "value": name }] });
            let made = world.post(&key, Some(&url), "new-order", &sent);
            assert_eq!(made.status == 201, allowed, "{name} {setting} {is_local}");
            if !allowed {
                assert_eq!(kind_of(&made), "rejectedIdentifier");
                let text = String::from_utf8_lossy(&made.body).into_owned();
                assert!(text.contains("allowLocal"), "{text}");
            }
        }
        // a name that leads here only tells when it is looked at
        let (told, _) = outcome(&world, "own.example");
        assert_eq!(told, if allowed { "incorrectResponse" } else { "rejectedIdentifier" });
    }
}

#[test]
fn open_orders_are_bounded_and_end() {
    let world = World::new(json!({}));
    let key = account_key();
    let url = world.post(&key, None, "new-account", &json!({})).location.unwrap();
    let many = |n: usize| {
        let names =
            (0..100).map(|at| json!({ "type": "dns", "value": format!("n{n}-{at}.example") }));
        json!({ "identifiers": names.collect::<Vec<_>>() })
    };
    let mut placed = Vec::new();
    for n in 0..tally::ACCOUNT_NAMES_MAX / 100 {
        let made = world.post(&key, Some(&url), "new-order", &many(n));
        assert_eq!(made.status, 201);
        placed.push(made);
    }
    let refused = world.post(&key, Some(&url), "new-order", &order("one.example"));
    assert_eq!((refused.status, kind_of(&refused).as_str()), (429, "rateLimited"));
    // one that is given up makes room, and is over now
    let first: Value = serde_json::from_slice(&placed[0].body).unwrap();
    let place = |url: &str| url.strip_prefix(&format!("{BASE}/")).unwrap().to_owned();
    let authorization = place(first["authorizations"][7].as_str().unwrap());
    let given_up = json!({ "status": "deactivated" });
    assert_eq!(world.post(&key, Some(&url), &authorization, &given_up).status, 200);
    assert_eq!(world.post(&key, Some(&url), "new-order", &order("one.example")).status, 201);
    assert_eq!(world.vault.sweep_acme(NOW + 2 * 24 * 60 * 60).unwrap(), 101);
}

#[test]
fn a_look_that_was_forgotten_is_begun_anew() {
    let mut world = World::new(json!({}));
    let (key, url, _, challenge) = challenged(&world, "a.example");
    let nonce = world.server.nonce().unwrap();
    let at = format!("{BASE}/{challenge}");
    let body = sign(&key, Some(&url), Some(&nonce), &at, b"{}").unwrap().to_string();
    let path: Vec<String> = challenge.split('/').map(str::to_owned).collect();
    let call = AcmeCall {
        vault: &world.vault,
        authority: "house",
        base: BASE.into(),
        url: at,
        path: &path,
        body: Some(body.as_bytes()),
        source: std::net::IpAddr::from([192, 0, 2, 1]),
        is_local: false,
        places: AuthorityPlaces::default(),
        now: NOW,
    };
    assert!(world.server.answer(&call).unwrap().looks);
    drop(world.server.next_look().unwrap());
    let again = |world: &World| world.post(&key, Some(&url), &challenge, &json!({}));
    assert_eq!(again(&world).status, 200, "it is under way: nothing begins");
    world.server = AcmeServer::default();
    assert_eq!(again(&world).status, 200);
    let shown: Value = serde_json::from_slice(&again(&world).body).unwrap();
    assert_eq!(shown["status"], "invalid");
}

#[test]
fn times_that_cannot_be_are_refused_at_once() {
    let world = World::new(json!({ "validityDays": 30 }));
    let key = account_key();
    let url = world.post(&key, None, "new-account", &json!({})).location.unwrap();
    let day = 24 * 60 * 60;
    for (from, until, status) in [
        (None, Some(NOW + day), 201),
        (Some(NOW), Some(NOW + day), 201),
        (Some(NOW + day), None, 201),
        (None, Some(NOW + 31 * day), 400),
        (Some(NOW - day), None, 400),
        (Some(NOW + 2 * day), Some(NOW + day), 400),
        (None, Some(NOW - 1), 400),
    ] {
        let mut sent = order("a.example");
        for (name, time) in [("notBefore", from), ("notAfter", until)] {
            if let Some(time) = time {
                sent[name] = json!(pki::time::rfc3339(time));
            }
        }
        let made = world.post(&key, Some(&url), "new-order", &sent);
        assert_eq!(made.status, status, "{sent}");
    }
}

#[test]
fn orders_are_listed_by_pages() {
    let world = World::new(json!({}));
    let key = account_key();
    let url = world.post(&key, None, "new-account", &json!({})).location.unwrap();
    for n in 0..103 {
        let made = world.post(&key, Some(&url), "new-order", &order(&format!("n{n}.example")));
        assert_eq!(made.status, 201);
    }
    let mut at = format!("{url}/orders");
    let path = at.strip_prefix(&format!("{BASE}/")).unwrap().to_owned();
    let path: Vec<String> = path.split('/').map(str::to_owned).collect();
    let mut counts = Vec::new();
    loop {
        let nonce = world.server.nonce().unwrap();
        let body = sign(&key, Some(&url), Some(&nonce), &at, b"").unwrap().to_string();
        let call = AcmeCall {
            vault: &world.vault,
            authority: "house",
            base: BASE.into(),
            url: at.clone(),
            path: &path,
            body: Some(body.as_bytes()),
            source: std::net::IpAddr::from([192, 0, 2, 1]),
            is_local: false,
            places: AuthorityPlaces::default(),
            now: NOW,
        };
        let page = world.server.answer(&call).unwrap();
        let body: Value = serde_json::from_slice(&page.body).unwrap();
        counts.push(body["orders"].as_array().unwrap().len());
        let Some(next) = page.links.first() else { break };
        at = next.trim_start_matches('<').split('>').next().unwrap().to_owned();
    }
    assert_eq!(counts, [100, 3]);
}
