#![allow(clippy::unwrap_used, clippy::expect_used)]
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::stranger;

fn encode(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn token(header: &str, claims: &str) -> String {
    format!("{}.{}.{}", encode(header), encode(claims), encode("signature"))
}

#[test]
fn what_was_signed_is_read_back_and_verifies() {
    let text = sign(stranger(), "k1", None, &json!({ "aud": "x", "exp": 12 })).unwrap();
    let jwt = Jwt::parse(&text).unwrap();
    assert_eq!(
        (jwt.header("kid"), jwt.text("aud"), jwt.seconds("exp")),
        (Some("k1"), Some("x"), Some(12))
    );
    assert_eq!(jwt.algorithm(), Some(RsaAlgorithm::Rs256));
    assert!(jwt.is_signed_by(stranger().public(), RsaAlgorithm::Rs256));
    assert!(!jwt.is_signed_by(stranger().public(), RsaAlgorithm::Ps256));
}

#[test]
fn a_changed_claim_breaks_the_signature() {
    let text = sign(stranger(), "k1", None, &json!({ "oid": "me" })).unwrap();
    let (header, rest) = text.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let forged = format!("{header}.{}.{signature}", encode(r#"{"oid":"you"}"#));
    assert!(!Jwt::parse(&forged).unwrap().is_signed_by(stranger().public(), RsaAlgorithm::Rs256));
}

#[test]
fn times_may_be_floats_but_not_nonsense() {
    let claims = r#"{"a":1.9,"b":1800000000.25,"c":"12","d":1e300,"e":null,"f":-5,"g":18446744073709551615}"#;
    let text = token("{}", claims);
    let jwt = Jwt::parse(&text).unwrap();
    let read: Vec<Option<i64>> =
        ["a", "b", "c", "d", "e", "f", "g", "h"].map(|n| jwt.seconds(n)).to_vec();
    assert_eq!(read, [Some(1), Some(1_800_000_000), None, None, None, Some(-5), None, None]);
}

#[test]
fn algorithms_that_are_none_of_ours() {
    for alg in [r#""none""#, r#""NONE""#, r#""HS256""#, r#""rs256""#, "1", "null"] {
        let text = token(&format!(r#"{{"alg":{alg}}}"#), "{}");
        assert_eq!(Jwt::parse(&text).unwrap().algorithm(), None, "{alg}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let deep = format!("{}1{}", "[".repeat(400), "]".repeat(400));
    let cases = [
        String::new(),
        ".".into(),
        "..".into(),
        "a.b.c".into(),
        token("{}", "[]"),
        token("[]", "{}"),
        token("{}", "{"),
        token("{}", &format!(r#"{{"a":{deep}}}"#)),
        token(r#"{"crit":["b64"]}"#, "{}"),
        format!("{}.x", token("{}", "{}")),
        format!("{}=", token("{}", "{}")),
        token("{}", &format!(r#"{{"a":"{}"}}"#, "x".repeat(TOKEN_BYTES_MAX))),
    ];
    for text in cases {
        assert!(Jwt::parse(&text).is_none(), "{}", text.chars().take(60).collect::<String>());
    }
}

proptest! {
    #[test]
    fn garbage_never_panics(text in "[A-Za-z0-9_.=-]{0,200}") {
        let _ = Jwt::parse(&text);
    }

    #[test]
    fn any_json_in_the_right_places_never_panics(header in ".{0,40}", claims in ".{0,60}") {
        if let Some(jwt) = Jwt::parse(&token(&header, &claims)) {
            let _ = (jwt.algorithm(), jwt.seconds("exp"), jwt.text("aud"));
            prop_assert!(!jwt.is_signed_by(stranger().public(), RsaAlgorithm::Rs256));
        }
    }
}
