//! Bodies that real clients send, bodies that nobody should, and any bytes at all.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

#[test]
fn reads_what_clients_send() {
    let cases = [
        ("", json!(null)),
        (" \r\n", json!(null)),
        ("\u{feff}{\"a\":1}", json!({"a": 1})),
        // az deployment: the template's key has no quotes
        (
            r#"{"properties": {"mode": "Incremental", template:{"resources": []}}}"#,
            json!({"properties": {"mode": "Incremental", "template": {"resources": []}}}),
        ),
        // str(dict) in Python
        (
            "{'a': None, 'b': True, 'c': False, 'd': \"it's\", 'e': 'say \"hi\"', 'f': (1, 2.5), 'g': 'x\\xe9\\n'}",
            json!({"a": null, "b": true, "c": false, "d": "it's", "e": "say \"hi\"", "f": [1, 2.5], "g": "x\u{e9}\n"}),
        ),
        (
            "{'q': 'SecurityEvent | where x == \\'a\\' \\\\d', 'n': 1e+16}",
            json!({"q": "SecurityEvent | where x == 'a' \\d", "n": 1e16}),
        ),
        // templates
        (
            "// head\n{ /* in */ \"a\": [1, 2, ], \"b\": \"line\nbreak\", } // tail",
            json!({"a": [1, 2], "b": "line\nbreak"}),
        ),
        ("{$schema: 'x', a-b.c: 1, _d: [ ]}", json!({"$schema": "x", "a-b.c": 1, "_d": []})),
        ("['\\ud83d\\ude00\\U0001F600\\0\\/']", json!(["\u{1F600}\u{1F600}\0/"])),
        (
            "[18446744073709551615, -9223372036854775808, +1, .5, 1., -0, 0]",
            json!([18446744073709551615_u64, i64::MIN, 1, 0.5, 1.0, 0, 0]),
        ),
        ("{'a': 1, 'a': 2}", json!({"a": 2})),
        ("'text'", json!("text")),
    ];
    for (body, wanted) in cases {
        assert_eq!(lenient_json(body.as_bytes()).unwrap(), wanted, "{body}");
    }
}

#[test]
fn refuses_the_rest_with_its_place() {
    let deep = "[".repeat(100_000);
    let cases = [
        ("{", "line 1, column 2: a key or '}'"),
        ("{'a' 1}", "a ':' is missing after the key 'a'"),
        ("{'a': 1 'b': 2}", "column 9: a ',' or '}'"),
        ("[1 2]", "a ',' or ']'"),
        ("(1]", "a ',' or ')'"),
        ("{'a':\n  nope}", "line 2, column 3: 'nope' is no value"),
        ("{'a': 'x", "column 7: the text has no end"),
        ("/* x", "the comment has no end"),
        ("{'a': 1} x", "'x' follows"),
        ("['\\d']", "escape"),
        ("['\\ud83d']", "escape"),
        ("['\\x4']", "escape"),
        ("['\\U00110000']", "escape"),
        ("[007]", "'007' is not a number"),
        ("[1e999]", "not a number"),
        ("[nan]", "no value"),
        ("[--1]", "not a number"),
        ("[1_0]", "not a number"),
        ("{,}", "a key or '}'"),
        ("[,]", "no value"),
        ("{1: 2}", "a key or '}'"),
        ("{-a: 2}", "a key or '}'"),
        (&deep, "nested deeper"),
        ("\u{e9}", "no value"),
    ];
    for (body, wanted) in cases {
        let error = lenient_json(body.as_bytes()).unwrap_err();
        assert_eq!((error.status, error.code.as_ref()), (400, "InvalidRequestContent"));
        let shown: String = body.chars().take(30).collect();
        assert!(error.message.contains(wanted), "{shown}: {}", error.message);
    }
    assert!(lenient_json(b"[\"\xff\"]").unwrap_err().message.contains("byte 2"));
    assert_eq!(lenient_json(&vec![b' '; BYTES_MAX + 1]).unwrap_err().status, 413);
}

/// Writes a value as Python's `str()` does.
fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number(n) => n.to_string(),
        Value::String(s) => {
            let mut out = String::from("'");
            for c in s.chars() {
                match c {
                    '\'' => out += "\\'",
                    '\\' => out += "\\\\",
                    '\n' => out += "\\n",
                    c if c.is_control() => out += &format!("\\U{:08x}", u32::from(c)),
                    c => out.push(c),
                }
            }
            out + "'"
        }
        Value::Array(list) => {
            format!("[{}]", list.iter().map(python).collect::<Vec<_>>().join(", "))
        }
        Value::Object(map) => {
            let members = map.iter().map(|(k, v)| format!("{}: {}", python(&json!(k)), python(v)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1e9..1e9).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn strict_json_means_what_it_always_meant(value in values()) {
        let text = value.to_string();
        prop_assert_eq!(lenient_json(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
    }

    #[test]
    fn python_literals_mean_the_same(value in values()) {
        prop_assert_eq!(lenient_json(python(&value).as_bytes()).unwrap(), value);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = lenient_json(&bytes);
    }

    #[test]
    fn near_json_is_read_or_refused(text in "[\\[\\]{}(),:'\"/*\\\\ntuxU0-9a-fNTe+.\\- \u{e9}\u{1F600}]{0,60}") {
        if let Err(error) = lenient_json(text.as_bytes()) {
            prop_assert_eq!(error.status, 400);
            prop_assert!(error.message.len() < 300);
        }
    }
}
