//! Every kind accepts what it should and names what it wants.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

#[test]
fn kinds_admit_and_normalise() {
    let cases = [
        (Kind::Text(3), json!("abc"), Some(json!("abc"))),
        (Kind::Text(3), json!("abcd"), None),
        (Kind::Text(3), json!(1), None),
        (Kind::OneOf(&["High", "Low"]), json!("hIGH"), Some(json!("High"))),
        (Kind::OneOf(&["High", "Low"]), json!("mid"), None),
        (Kind::Bool, json!(true), Some(json!(true))),
        (Kind::Bool, json!("true"), None),
        (Kind::Integer(4, 9), json!(4), Some(json!(4))),
        (Kind::Integer(4, 9), json!(9.0), Some(json!(9))),
        (Kind::Integer(4, 9), json!("7"), Some(json!(7))),
        (Kind::Integer(4, 9), json!(10), None),
        (Kind::Integer(4, 9), json!(4.5), None),
        (Kind::Integer(4, 9), json!(u64::MAX), None),
        (
            Kind::Guid,
            json!("6F9619FF-8B86-D011-B42D-00CF4FC964FF"),
            Some(json!("6F9619FF-8B86-D011-B42D-00CF4FC964FF")),
        ),
        (Kind::Guid, json!("x"), None),
        (Kind::Duration(60, 3600), json!("PT1H"), Some(json!("PT1H"))),
        (Kind::Duration(60, 3600), json!("PT59S"), None),
        (Kind::Duration(60, 3600), json!("1h"), None),
        (Kind::Object, json!({}), Some(json!({}))),
        (Kind::Array(1), json!([1]), Some(json!([1]))),
        (Kind::Array(1), json!([1, 2]), None),
        (Kind::Texts(2), json!(["a", "b"]), Some(json!(["a", "b"]))),
        (Kind::Texts(2), json!(["a", 1]), None),
        (Kind::Id, json!("/subscriptions/s"), Some(json!("/subscriptions/s"))),
        (Kind::Id, json!("s"), None),
        (Kind::Number, json!(1.5), Some(json!(1.5))),
    ];
    for (kind, given, wanted) in cases {
        let mut value = given.clone();
        match (kind.admit(&mut value), wanted) {
            (Ok(()), Some(wanted)) => assert_eq!(value, wanted, "{kind:?}"),
            (Err(says), None) => assert!(!says.is_empty()),
            (got, wanted) => panic!("{kind:?} {given}: {got:?} but wanted {wanted:?}"),
        }
    }
}

const TABLE: &[Field] = &[
    Field::required("name", Kind::Text(9)),
    Field::new("days", Kind::Integer(1, 9)).or(Default::Integer(3)),
    Field::new("inner/flag", Kind::Bool).or(Default::Bool(true)),
    Field::read_only("secretId"),
];

fn checked(given: Value, stored: Value) -> Result<Value, Vec<(String, String)>> {
    let Value::Object(mut map) = given else { panic!() };
    check(&mut map, &stored, TABLE, "properties").map(|()| Value::Object(map))
}

#[test]
fn tables_fill_keep_and_drop() {
    let cases = [
        (json!({"name": "a"}), json!({}), json!({"name": "a", "days": 3, "inner": {"flag": true}})),
        (
            json!({"name": "a", "days": null, "inner": {"flag": false}, "secretId": "mine", "more": 1}),
            json!({"secretId": "kept"}),
            json!({"name": "a", "days": 3, "inner": {"flag": false}, "secretId": "kept", "more": 1}),
        ),
    ];
    for (given, stored, wanted) in cases {
        assert_eq!(checked(given, stored).unwrap(), wanted);
    }
}

#[test]
fn every_finding_is_told_with_its_place() {
    let found = checked(json!({"days": "many", "inner": 5}), json!({})).unwrap_err();
    let places: Vec<&str> = found.iter().map(|(p, _)| p.as_str()).collect();
    assert_eq!(places, ["properties.name", "properties.days", "properties.inner.flag"]);
    assert!(found[1].1.contains("whole number from 1 to 9"), "{}", found[1].1);
}
