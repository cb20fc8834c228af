#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use crypto::{KeyKind, KeyPair};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{AlternativeNames, Name, SigningRequest, Template};

const KINDS: [KeyKind; 5] =
    [KeyKind::P256, KeyKind::P384, KeyKind::P521, KeyKind::Rsa(2048), KeyKind::Ed25519];

#[test]
fn messages_of_every_kind_of_key() {
    for kind in KINDS {
        let key = KeyPair::generate(kind).unwrap();
        let jwk = Jwk::of(&key).unwrap();
        assert_eq!(Jwk::from_json(&jwk.to_json()), Some(jwk.clone()));
        let message = sign(&key, None, Some("n"), "https://a/b", b"{\"x\":1}").unwrap();
        let read = Jws::parse(message.to_string().as_bytes()).unwrap();
        assert_eq!((read.nonce.as_deref(), read.url.as_str()), (Some("n"), "https://a/b"));
        assert_eq!(read.key, KeyReference::Key(jwk.clone()));
        assert_eq!(read.verify(&jwk).unwrap(), b"{\"x\":1}");
        let other = Jwk::of(&KeyPair::generate(KeyKind::P256).unwrap()).unwrap();
        assert_eq!(read.verify(&other).unwrap_err().status, 403);
        let by_account = sign(&key, Some("https://a/1"), None, "u", b"").unwrap();
        let read = Jws::from_json(&by_account).unwrap();
        assert_eq!(read.key, KeyReference::Account("https://a/1".into()));
        assert_eq!(read.verify(&jwk).unwrap(), b"");
    }
}

#[test]
fn a_thumbprint_of_rfc_7638() {
    let n = "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw";
    let jwk = Jwk::from_json(&json!({ "kty": "RSA", "n": n, "e": "AQAB", "alg": "RS256" }));
    assert_eq!(jwk.unwrap().thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

#[test]
fn messages_that_are_none() {
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let good = sign(&key, None, Some("n"), "u", b"{}").unwrap();
    let header = |value: Value| {
        use base64::Engine;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
    };
    let jwk = Jwk::of(&key).unwrap().to_json();
    let bad_headers = [
        json!({ "alg": "none", "jwk": jwk, "url": "u" }),
        json!({ "alg": "HS256", "jwk": jwk, "url": "u" }),
        json!({ "alg": "ES256", "url": "u" }),
        json!({ "alg": "ES256", "jwk": jwk, "kid": "k", "url": "u" }),
        json!({ "alg": "ES256", "jwk": jwk }),
        json!({ "alg": "ES256", "jwk": jwk, "url": "u", "crit": ["x"] }),
        json!({ "alg": "ES256", "jwk": { "kty": "oct", "k": "AA" }, "url": "u" }),
        json!({ "alg": "ES256", "jwk": { "kty": "EC", "crv": "P-256", "x": "AA", "y": "AA" }, "url": "u" }),
        json!([]),
    ];
    for bad in bad_headers {
        let mut message = good.clone();
        message["protected"] = json!(header(bad.clone()));
        assert!(Jws::from_json(&message).is_err(), "{bad}");
    }
    for member in ["protected", "payload", "signature"] {
        let mut message = good.clone();
        message.as_object_mut().unwrap().remove(member);
        assert!(Jws::from_json(&message).is_err());
        message[member] = json!("\u{e4}");
        assert!(Jws::from_json(&message).is_err());
    }
    // an algorithm of another kind of key is no way around the signature
    let mut message = good.clone();
    message["protected"] = json!(header(json!({ "alg": "RS256", "jwk": jwk, "url": "u" })));
    let read = Jws::from_json(&message).unwrap();
    assert!(read.verify(&Jwk::of(&key).unwrap()).is_err());
}

#[test]
fn bindings_to_outside_accounts() {
    let account = Jwk::of(&KeyPair::generate(KeyKind::P256).unwrap()).unwrap();
    let made = external_binding(&account, "kid-1", b"secret", "https://a/new");
    let check = |value: &Value, url: &str, key: &'static [u8]| {
        Jws::check_binding(value, &account, url, |kid| (kid == "kid-1").then(|| key.to_vec()))
    };
    assert_eq!(check(&made, "https://a/new", b"secret").unwrap(), "kid-1");
    assert!(check(&made, "https://a/other", b"secret").is_err());
    assert!(check(&made, "https://a/new", b"Secret").is_err());
    let other = external_binding(&account, "kid-2", b"secret", "https://a/new");
    assert!(check(&other, "https://a/new", b"secret").is_err());
    assert!(check(&Value::Null, "https://a/new", b"secret").is_err());
}

#[test]
fn nonces_are_taken_once() {
    let mut nonces = Nonces::default();
    let nonce = nonces.issue().unwrap();
    assert!(nonces.take(&nonce) && !nonces.take(&nonce));
    assert!(!nonces.take("") && !nonces.take("not a nonce"));
}

fn order(names: &[&str]) -> Order {
    let list: Vec<Value> = names.iter().map(|n| json!({ "type": "dns", "value": n })).collect();
    Order {
        id: "o".into(),
        account: "a".into(),
        status: OrderStatus::Pending,
        expires: 100,
        identifiers: Order::identifiers(Some(&json!(list))).unwrap(),
        authorizations: Vec::new(),
        not_before: None,
        not_after: None,
        certificate: None,
        error: None,
    }
}

#[test]
fn an_order_follows_its_authorizations() {
    let mut one = order(&["A.example", "*.a.example", "a.example"]);
    assert_eq!(one.identifiers.len(), 2);
    let authorization =
        |i: usize| Authorization::new(i.to_string(), &one, &one.identifiers[i], 100).unwrap();
    let (mut plain, mut star) = (authorization(0), authorization(1));
    assert!(star.wildcard && star.challenge("http-01").is_none());
    assert!(plain.begin(ChallengeKind::Http01) && !plain.begin(ChallengeKind::Http01));
    plain.settle(ChallengeKind::Http01, Ok(()), 5);
    one.refresh(&[plain.clone(), star.clone()], 10);
    assert_eq!(one.status, OrderStatus::Pending);
    let mut failed = one.clone();
    let problem = Problem::new(ProblemKind::Dns, "no record");
    let mut bad = star.clone();
    bad.settle(ChallengeKind::Dns01, Err(problem.clone()), 5);
    failed.refresh(&[plain.clone(), bad], 10);
    assert_eq!((failed.status, failed.error), (OrderStatus::Invalid, Some(problem)));
    star.settle(ChallengeKind::Dns01, Ok(()), 6);
    one.refresh(&[plain.clone(), star.clone()], 10);
    assert_eq!(one.status, OrderStatus::Ready);
    one.refresh(&[plain.clone(), star], 100);
    assert_eq!(one.status, OrderStatus::Invalid);
    plain.refresh(100);
    assert_eq!(plain.status, AuthorizationStatus::Expired);
}

#[test]
fn a_request_asks_for_what_was_ordered() {
    let account = KeyPair::generate(KeyKind::P256).unwrap();
    let jwk = Jwk::of(&account).unwrap();
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let csr = |subject: &str, dns: &[&str], key: &KeyPair| {
        let dns = dns.iter().map(|d| (*d).to_owned()).collect();
        let template = Template {
            subject: Name::parse(subject).unwrap(),
            names: AlternativeNames { dns, ..AlternativeNames::default() },
            ..Template::default()
        };
        SigningRequest::create(&template, key).unwrap()
    };
    let mut one = order(&["a.example", "b.example"]);
    let good = csr("CN=b.example", &["a.example"], &key);
    let early = one.check_finalize(&good, &jwk).unwrap_err();
    assert_eq!((early.kind, early.status), (ProblemKind::OrderNotReady, 403));
    one.status = OrderStatus::Ready;
    assert!(one.check_finalize(&good, &jwk).is_ok());
    let bad = [
        csr("CN=a.example", &[], &key),
        csr("", &["a.example", "b.example", "c.example"], &key),
        csr("", &["a.example", "b.example"], &account),
        b"0".to_vec(),
    ];
    for csr in bad {
        assert_eq!(one.check_finalize(&csr, &jwk).unwrap_err().kind, ProblemKind::BadCsr);
    }
}

#[test]
fn names_that_get_no_certificate() {
    for bad in [
        json!([]),
        json!({}),
        json!([{ "type": "dns", "value": "a b" }]),
        json!([{ "type": "dns", "value": "1.2.3.4" }]),
        json!([{ "type": "mail", "value": "x" }]),
        json!([{ "type": "ip", "value": "x" }]),
        json!([1]),
        Value::Null,
    ] {
        assert!(Order::identifiers(Some(&bad)).is_err(), "{bad}");
    }
    let ip = Order::identifiers(Some(&json!([{ "type": "ip", "value": "::1" }]))).unwrap();
    assert_eq!(ip[0].value, "::1");
    for bad in [json!(["tel:1"]), json!(["mailto:a"]), json!("x"), json!([1])] {
        assert!(Account::contacts(Some(&bad)).is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn any_message(text: String, bytes: Vec<u8>) {
        let _ = Jws::parse(&bytes);
        let _ = Jws::parse(text.as_bytes());
        let _ = Jws::from_json(&json!({ "protected": text, "payload": text, "signature": text }));
        let _ = Order::identifiers(Some(&json!([{ "type": "dns", "value": text }])));
        let key = KeyPair::generate(KeyKind::P256).unwrap();
        let wish = Wish { directory: "d".into(), contact: vec![], external: None, identifiers: vec![],
            challenge: ChallengeKind::Http01, csr: vec![] };
        let mut client = Client::new(wish, key);
        for _ in 0..12 {
            let nonce = Some(text.clone());
            let body = json!({ "newNonce": text, "newAccount": text, "newOrder": text, "status": "valid" });
            let response = HttpResponse { status: 200, nonce, location: Some(text.clone()), body: body.to_string().into_bytes() };
            if client.request().is_err() || client.response(&response).is_err() {
                break;
            }
        }
    }
}
