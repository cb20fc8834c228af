#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::{DateTime, Decimal, Guid, TimeSpan, Value};

fn parse(json: &str) -> Dynamic {
    Dynamic::parse_json(json).unwrap()
}

#[test]
fn json_goes_in_and_comes_out() {
    let same = [
        "null",
        "true",
        "false",
        "0",
        "-1",
        "127",
        "128",
        "-32769",
        "2147483648",
        "9223372036854775807",
        "18446744073709551615",
        "1.5",
        "1.0",
        "\"\"",
        "\"a\"",
        "[]",
        "{}",
        "[1,2.5,\"x\",null,true]",
        r#"{"a":1,"b":[1,2.5,"x"]}"#,
        r#"{"z":1,"a":{"y":2,"b":3},"m":[{"z":4}]}"#,
        r#"{"":0}"#,
        r#"["\"\\\n\r\t\b\f\u0001"]"#,
        "\"äöü€😀\"",
        "[[[[]]]]",
        "{\"a\":null}",
    ];
    for json in same {
        assert_eq!(parse(json).to_json_text(), json);
    }
    let other: &[(&str, &str)] = &[
        (" [ 1 , { \"a\" : 2 } ] ", r#"[1,{"a":2}]"#),
        (r#""😀é""#, "\"😀é\""),
        (r#""\ud83d""#, "\"\u{fffd}\""),
        (r#""\ud83dx""#, "\"\u{fffd}x\""),
        (r#"{"a":1,"b":2,"a":3}"#, r#"{"b":2,"a":3}"#),
        (r#"{"a":{"x":[1,2]},"b":2,"a":{"y":1}}"#, r#"{"b":2,"a":{"y":1}}"#),
        ("1e3", "1000.0"),
        ("1E400", "\"Infinity\""),
        ("99999999999999999999999999999999999", "1E+35"),
        ("-0", "0"),
        ("\"\\/\"", "\"/\""),
    ];
    for (json, expected) in other {
        assert_eq!(parse(json).to_json_text(), *expected, "{json}");
    }
}

#[test]
fn refuses_what_is_no_json() {
    let deep = "[".repeat(DEPTH_MAX + 1) + &"]".repeat(DEPTH_MAX + 1);
    for text in [
        "",
        " ",
        "x",
        "nul",
        "[1",
        "[1,]",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{\"a\":1,}",
        "\"",
        "\"\\",
        "\"\\u12\"",
        "\"\\x\"",
        "1.",
        "-",
        ".5",
        "1e",
        "[1]2",
        "tru",
        "'a'",
        "{\"a\":1 \"b\":2}",
        "[1 2]",
        "\u{feff}1",
        "+1",
        deep.as_str(),
    ] {
        assert_eq!(Dynamic::parse_json(text), None, "{text}");
    }
    let deepest = "[".repeat(DEPTH_MAX) + &"]".repeat(DEPTH_MAX);
    assert_eq!(parse(&deepest).to_json_text(), deepest);
}

#[test]
fn a_refused_text_leaves_no_trace() {
    let mut builder = DynamicBuilder::new();
    builder.begin_object();
    builder.key("a");
    assert_eq!(builder.json("{\"b\":[1,2,"), None);
    builder.string("plain");
    builder.key("c");
    assert_eq!(builder.json("[1]"), Some(()));
    builder.end_object();
    let built = builder.finish();
    assert_eq!(built.to_json_text(), r#"{"a":"plain","c":[1]}"#);
    assert!(!built.as_ref().metadata().contains(&b'b'));
}

#[test]
fn bytes_follow_the_variant_encoding() {
    let cases: &[(&str, &[u8])] = &[
        ("null", &[0x11, 0, 0, 0x00]),
        ("true", &[0x11, 0, 0, 0x04]),
        ("false", &[0x11, 0, 0, 0x08]),
        ("5", &[0x11, 0, 0, 0x0C, 5]),
        ("-300", &[0x11, 0, 0, 0x10, 0xD4, 0xFE]),
        ("\"ab\"", &[0x11, 0, 0, 0x09, b'a', b'b']),
        ("[1,2]", &[0x11, 0, 0, 0x03, 2, 0, 2, 4, 0x0C, 1, 0x0C, 2]),
        // Keys sorted in dictionary and ids, values as written: b's comes first.
        (
            r#"{"b":1,"a":true}"#,
            &[0x11, 2, 0, 1, 2, b'a', b'b', 0x02, 2, 0, 1, 2, 0, 3, 0x0C, 1, 0x04],
        ),
    ];
    for (json, bytes) in cases {
        assert_eq!(parse(json).as_bytes(), *bytes, "{json}");
    }
    let long = "x".repeat(64);
    let value = parse(&format!("\"{long}\""));
    assert_eq!(value.as_ref().value()[..5], [0x40, 64, 0, 0, 0]);
    let many = parse(&format!("[{}]", vec!["0"; 300].join(",")));
    assert_eq!(many.as_ref().value()[..5], [0b0001_0111, 0x2C, 1, 0, 0]); // large, two-byte offsets
    assert_eq!(many.as_ref().len(), 300);
}

#[test]
fn wide_dictionaries_and_bags() {
    let json: String =
        (0..70_000).rev().map(|i| format!("\"key{i}\":{i}")).collect::<Vec<_>>().join(",");
    let json = format!("{{{json}}}");
    let value = parse(&json);
    assert_eq!(value.to_json_text(), json);
    for i in [0, 1, 255, 256, 65_535, 65_536, 69_999] {
        assert_eq!(value.as_ref().get(&format!("key{i}")).and_then(|v| v.as_i64()), Some(i));
    }
    assert!(value.as_ref().get("key70000").is_none());
}

#[test]
fn paths_lead_to_parts() {
    let value = parse(r#"{"a":{"b":[10,20,{"c":"deep"}]},"n":null,"s":"text"}"#);
    let root = value.as_ref();
    let list = root.get("a").and_then(|a| a.get("b")).unwrap();
    assert_eq!(list.len(), 3);
    assert_eq!(list.index(0).and_then(|v| v.as_i64()), Some(10));
    assert_eq!(list.index(-2).and_then(|v| v.as_i64()), Some(20));
    assert_eq!(list.index(-1).and_then(|v| v.get("c")).and_then(|v| v.as_str()), Some("deep"));
    for none in [
        list.index(3),
        list.index(-4),
        list.index(i64::MIN),
        list.get("a"),
        root.index(0),
        root.get("x"),
    ] {
        assert!(none.is_none());
    }
    assert!(root.get("n").unwrap().is_null());
    assert!(root.get("s").unwrap().get("t").is_none());
    assert_eq!(root.keys().collect::<Vec<_>>(), ["a", "n", "s"]);
    assert_eq!(root.get("s").unwrap().to_scalar(), Value::from("text"));
    assert_eq!(root.get("n").unwrap().to_value(), Value::Null);
}

#[test]
fn parts_take_only_their_keys_along() {
    let value = parse(r#"{"zebra":{"inner":{"b":1,"a":[{"x":2}]}},"apple":7,"mango":[1,2]}"#);
    let part = value.as_ref().get("zebra").and_then(|v| v.get("inner")).unwrap().to_owned();
    assert_eq!(part.to_json_text(), r#"{"b":1,"a":[{"x":2}]}"#);
    assert_eq!(part.as_bytes(), parse(r#"{"b":1,"a":[{"x":2}]}"#).as_bytes());
    let number = value.as_ref().get("apple").unwrap().to_owned();
    assert_eq!(number.as_bytes(), [0x11, 0, 0, 0x0C, 7]);
    let list = value.as_ref().get("mango").unwrap().to_owned();
    assert_eq!(list.as_bytes(), parse("[1,2]").as_bytes());
    assert_eq!(value.as_ref().to_owned().as_bytes(), value.as_bytes());
}

fn all_kinds() -> Dynamic {
    let mut b = DynamicBuilder::new();
    b.begin_object();
    b.key("when");
    b.datetime(DateTime::parse("2020-01-01T00:00:00.1234567Z").unwrap());
    b.key("early");
    b.datetime(DateTime::MIN);
    b.key("early and odd");
    b.datetime(DateTime::from_ticks(1));
    b.key("long");
    b.timespan(TimeSpan::from_hours(25));
    b.key("id");
    b.guid(Guid::parse("74be27de-1e4e-49d9-b579-fe0b331d3642").unwrap());
    b.key("sum");
    b.decimal(Decimal::parse("12345678901234567890.5").unwrap());
    b.key("nan");
    b.real(f64::NAN);
    b.key("joined");
    b.string_of(["a", "b"]);
    b.key("list");
    b.begin_array();
    b.datetime(DateTime::UNIX_EPOCH);
    b.value(&Value::Int(7));
    b.end_array();
    b.end_object();
    b.finish()
}

#[test]
fn holds_what_json_does_not() {
    let value = all_kinds();
    assert_eq!(
        value.to_json_text(),
        r#"{"when":"2020-01-01T00:00:00.1234567Z","early":"0001-01-01T00:00:00.0000000Z","early and odd":"0001-01-01T00:00:00.0000001Z","long":"1.01:00:00","id":"74be27de-1e4e-49d9-b579-fe0b331d3642","sum":12345678901234567890.5,"nan":"NaN","joined":"ab","list":["1970-01-01T00:00:00.0000000Z",7]}"#
    );
    let kinds: Vec<Kind> = value.as_ref().object().map(|(_, v)| v.kind()).collect();
    use Kind::*;
    assert_eq!(kinds, [DateTime, DateTime, DateTime, TimeSpan, Guid, Decimal, Real, String, Array]);
    let mut copy = DynamicBuilder::new();
    copy.dynamic(value.as_ref());
    assert_eq!(copy.finish().as_bytes(), value.as_bytes());
}

#[test]
fn becomes_plain_variant_and_comes_back() {
    let value = all_kinds();
    let (metadata, bytes) = to_standard(value.as_bytes());
    let standard = DynamicRef::from_parts(&metadata, &bytes);
    for (key, first) in [
        ("when", primitive::TIMESTAMP_NANOS << 2),
        ("early", primitive::TIMESTAMP_MICROS << 2),
        ("id", primitive::UUID << 2),
    ] {
        assert_eq!(standard.get(key).unwrap().value()[0], first, "{key}");
    }
    assert_eq!(
        standard.get("early and odd").unwrap().as_str(),
        Some("0001-01-01T00:00:00.0000001Z")
    );
    assert_eq!(standard.get("long").unwrap().as_str(), Some("1.01:00:00"));
    let back = from_standard(&metadata, &bytes);
    assert_eq!(back.to_json_text(), value.to_json_text());
    assert_eq!(back.as_ref().get("when").unwrap().kind(), Kind::DateTime);

    let plain = parse(r#"{"b":[1,"x"],"a":2.5}"#);
    let (metadata, bytes) = to_standard(plain.as_bytes());
    assert_eq!([metadata.clone(), bytes.clone()].concat(), plain.as_bytes());
    assert_eq!(from_standard(&metadata, &bytes).as_bytes(), plain.as_bytes());
}

#[test]
fn reads_what_other_writers_write() {
    // Unsorted dictionary (z, a), four-byte offsets, is_large set where not needed.
    let metadata =
        [&[0xC1_u8][..], &[2, 0, 0, 0], &[0; 4], &[1, 0, 0, 0], &[2, 0, 0, 0], b"za"].concat();
    let object = [
        &[(0x10_u8 | 0x0C | 3) << 2 | basic::OBJECT][..],
        &[2, 0, 0, 0],
        &[1, 0, 0, 0],
        &[0; 4],
        &[0; 4],
        &[5, 0, 0, 0],
        &[7, 0, 0, 0],
        &[primitive::FLOAT << 2],
        &1.5_f32.to_le_bytes(),
        &[primitive::INT8 << 2, 9],
    ]
    .concat();
    assert_eq!(from_standard(&metadata, &object).to_json_text(), r#"{"a":1.5,"z":9}"#);
    let cases: &[(&[u8], &str)] = &[
        (&[primitive::DATE << 2, 1, 0, 0, 0], "\"1970-01-02T00:00:00.0000000Z\""),
        (&[primitive::BINARY << 2, 4, 0, 0, 0, 1, 2, 3, 255], "\"AQID/w==\""),
        (&[primitive::TIME_MICROS << 2, 64, 66, 15, 0, 0, 0, 0, 0], "\"00:00:01\""),
        (&[primitive::DECIMAL4 << 2, 2, 0x39, 0x30, 0, 0], "123.45"),
        (
            &[primitive::TIMESTAMP_NANOS_LOCAL << 2, 100, 0, 0, 0, 0, 0, 0, 0],
            "\"1970-01-01T00:00:00.0000001Z\"",
        ),
    ];
    for (value, expected) in cases {
        assert_eq!(from_standard(&EMPTY_METADATA, value).to_json_text(), *expected);
    }
}

#[test]
fn equal_values_have_equal_keys() {
    let groups: &[&[&str]] = &[
        &["null"],
        &["true"],
        &["1", "1.0", "1e0"],
        &["0", "0.0", "-0.0"],
        &["1.5"],
        &["\"1\""],
        &["18446744073709551615"],
        &["18446744073709551614"],
        &["[]"],
        &["[1]", "[1.0]"],
        &["[[1]]"],
        &["{}"],
        &[r#"{"a":1,"b":2}"#, r#"{"b":2.0,"a":1}"#],
        &[r#"{"a":1,"b":3}"#],
        &[r#"{"ab":1}"#],
    ];
    let mut seen: Vec<(usize, Dynamic, Vec<u8>)> = Vec::new();
    for (group, members) in groups.iter().enumerate() {
        for json in *members {
            let value = parse(json);
            let mut key = Vec::new();
            value.as_ref().write_key(&mut key);
            for (other_group, other, other_key) in &seen {
                assert_eq!(group == *other_group, value == *other, "{value} {other}");
                assert_eq!(group == *other_group, key == *other_key, "{value} {other}");
            }
            seen.push((group, value, key));
        }
    }
}

#[test]
fn a_careless_caller_breaks_nothing() {
    let mut b = DynamicBuilder::new();
    b.end_object();
    b.begin_object();
    b.long(1); // no key: dropped
    b.key("a");
    b.key("b");
    b.begin_array();
    b.key("ignored");
    b.string("x");
    assert_eq!(b.finish().to_json_text(), r#"{"b":["x"]}"#);
    b.long(1);
    b.long(2);
    assert_eq!(b.finish().to_json_text(), "1");
    assert_eq!(b.finish().to_json_text(), "null");
    for _ in 0..1000 {
        b.begin_array();
    }
    b.long(1);
    let deep = b.finish();
    assert_eq!(deep.to_json_text(), "[".repeat(DEPTH_MAX) + "null" + &"]".repeat(DEPTH_MAX));
}

/// Touches everything that reads.
fn exercise(bytes: &[u8]) {
    let value = DynamicRef::new(bytes);
    let mut key = Vec::new();
    value.write_key(&mut key);
    let _ =
        (value.to_string(), value.to_json(), value.to_scalar(), value.len(), value.compare(value));
    let _ = (value.get("a").map(|v| v.to_owned()), value.index(0), value.index(-1));
    let copy = value.to_owned();
    let _ =
        (copy.to_json_text(), to_standard(bytes), from_standard(value.metadata(), value.value()));
    let mut text = String::new();
    value.write_text(&mut text);
    let mut builder = DynamicBuilder::new();
    builder.dynamic(value);
    let _ = builder.finish();
}

#[test]
fn overlapping_parts_do_not_explode() {
    // Each level is an array whose elements all point at the same next level.
    let mut value = vec![0_u8];
    for _ in 0..60 {
        let n = 4;
        let len = u16::try_from(value.len()).unwrap().to_le_bytes();
        let mut outer = vec![1 << 2 | basic::ARRAY, n];
        for pair in 0..=n {
            outer.extend(if pair % 2 == 0 { [0, 0] } else { len });
        }
        let at = outer.len() - 2;
        outer[at..].copy_from_slice(&len);
        outer.extend(&value);
        value = outer;
    }
    exercise(&[&EMPTY_METADATA[..], &value].concat());
}

fn json_tree() -> impl Strategy<Value = serde_json::Value> {
    use serde_json::Value as Json;
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<i8>().prop_map(Json::from),
        any::<i32>().prop_map(|eighths| Json::from(f64::from(eighths) / 8.0)),
        "\\PC{0,70}".prop_map(Json::from),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Json::from),
            prop::collection::vec(("[a-zé]{0,3}", inner), 0..8)
                .prop_map(|slots| Json::Object(slots.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn trees_survive(tree in json_tree()) {
        let value = parse(&tree.to_string());
        prop_assert_eq!(value.as_ref().to_json(), tree.clone());
        let again: serde_json::Value = serde_json::from_str(&value.to_json_text()).unwrap();
        prop_assert_eq!(again, tree.clone());
        let built = Dynamic::from_json(&tree);
        prop_assert_eq!(built.as_bytes(), value.as_bytes());
        let back = parse(&value.to_json_text());
        prop_assert_eq!(back.as_bytes(), value.as_bytes());
        let (metadata, bytes) = to_standard(value.as_bytes());
        prop_assert_eq!(from_standard(&metadata, &bytes), value.clone());
        for (key, part) in value.as_ref().object() {
            prop_assert_eq!(&part.to_owned().as_ref().to_json(), &tree[key]);
            prop_assert_eq!(&value.as_ref().get(key).unwrap().to_json(), &tree[key]);
        }
    }

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        exercise(&bytes);
        exercise(&[&[0x11, 2, 0, 1, 2, b'a', b'b'][..], &bytes].concat());
    }

    #[test]
    fn damaged_values_are_read(tree in json_tree(), at: prop::sample::Index, byte: u8) {
        let mut bytes = parse(&tree.to_string()).as_bytes().to_vec();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        exercise(&bytes);
        exercise(&bytes[..at]);
    }

    #[test]
    fn any_text_is_json_or_not(text in "\\PC{0,40}", near in "[\\[\\]{}:,\"0-9a\\\\ue.-]{0,40}") {
        for text in [&text, &near] {
            let ours = Dynamic::parse_json(text);
            let theirs = serde_json::from_str::<serde_json::Value>(text);
            // Only this way round: unpaired surrogates and \' are let pass here.
            if theirs.is_ok() {
                prop_assert!(ours.is_some(), "{}", text);
            }
        }
    }
}
