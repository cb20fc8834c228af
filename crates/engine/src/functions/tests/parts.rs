//! Parts of results against the results: the short way gives what following the path gives.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int32Type;
use arrow_array::{Array, ArrayRef, DictionaryArray, StringViewArray};
use model::ColumnBuilder;
use values::dynamic::PathPart;
use values::{DateTime, Dynamic, ScalarType, Value};

use super::super::{Call, Columnar, evaluate, evaluate_part, find, repeat};
use super::context;
use crate::exec::parts::follow;

const TARGETS: [ScalarType; 8] = [
    ScalarType::String,
    ScalarType::Dynamic,
    ScalarType::Long,
    ScalarType::Int,
    ScalarType::Real,
    ScalarType::Bool,
    ScalarType::DateTime,
    ScalarType::Decimal,
];

const TEXTS: [&str; 44] = [
    "",
    " ",
    "plain",
    "a,b,c",
    ",",
    ",,",
    "\"a,b\",c",
    "\"a\"\"b\" tail,\"open",
    "a\nb,c",
    "a/b/c/d",
    "/",
    "//a//b",
    "1,2.5,true,2024-01-02",
    "https://user:pass@host.example:8080/a/b?id=1&x=2&id=3#frag",
    "https://host",
    "http://[::1]:80/p",
    "mailto:someone@example.org",
    "host:80/path?x",
    "//host/path",
    "a:b://c",
    "x://y://z?=empty&novalue&&k=v=w#a#b",
    "?a=1&b",
    "ftp://ü@é/ß?ä=ö#ñ",
    "#only",
    r"C:\Windows\system32\cmd.exe:stream",
    r"\\server\share\file.tar.gz",
    "/usr/bin/env",
    "file://C:/a.b/c",
    r#"cmd.exe /c "echo \"hi\" there" "" x\\y"#,
    "\"quoted name\" a b",
    "tab\tsep  arated",
    r#"{"a":{"b":[1,2.5,"x",null,true]},"k":"v"}"#,
    r#"{"a":1,"a":"2"}"#,
    r#"{"a":{"b":1},"a":2}"#,
    r#"[1,"two",{"a":3},[4,5],null]"#,
    r#"{"a":"2024-01-02T03:04:05Z","k":12345678901234567890}"#,
    r#"{"a":{"b":["esc \u00e9\n\"q\""]}}"#,
    r#"{"a":1} trailing"#,
    r#"{"a":tru"#,
    "7",
    "\"text\"",
    "null",
    "123-abc-456",
    "aéb--ccc",
];

fn paths() -> Vec<Vec<PathPart<'static>>> {
    let (key, at) = (PathPart::Key, PathPart::Index);
    let mut paths: Vec<Vec<PathPart<'_>>> = [
        "Scheme",
        "Host",
        "Port",
        "Path",
        "Username",
        "Password",
        "Fragment",
        "Query Parameters",
        "RootPath",
        "DirectoryPath",
        "DirectoryName",
        "Filename",
        "Extension",
        "AlternateDataStreamName",
        "host",
        "",
        "a",
        "k",
        "b",
    ]
    .map(|k| vec![key(k)])
    .into();
    for k in ["id", "x", "", "novalue", "k", "a", "missing", "ä"] {
        paths.push(vec![key("Query Parameters"), key(k)]);
    }
    paths.push(vec![key("Query Parameters"), key("id"), key("x")]);
    paths.push(vec![key("Query Parameters"), at(0)]);
    paths.push(vec![key("Host"), key("a")]);
    paths.push(vec![key("a"), key("b")]);
    paths.push(vec![key("a"), at(0)]);
    paths.push(vec![key("a"), at(-1)]);
    for n in [0, 1, 2, 3, 7, -1, -2, -9, i64::MAX, i64::MIN] {
        paths.push(vec![at(n)]);
        paths.push(vec![key("a"), key("b"), at(n)]);
    }
    for (n, m) in [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (3, 1), (2, 0)] {
        paths.push(vec![at(n), at(m)]);
    }
    paths.push(vec![at(2), key("a")]);
    paths.push(vec![at(0), at(0), at(0)]);
    paths
}

fn column(values: impl IntoIterator<Item = Value>, ty: ScalarType) -> ArrayRef {
    let mut builder = ColumnBuilder::new(ty, TEXTS.len());
    values.into_iter().for_each(|value| builder.push(&value));
    builder.finish()
}

fn text(text: &str) -> Columnar {
    Columnar::Scalar(Value::from(text))
}

/// A result as texts that tell types apart.
fn said(result: &Columnar, ty: ScalarType, rows: usize) -> Vec<String> {
    let one = |value: Value| match &value {
        Value::Dynamic(d) => format!("{:?} {d}", d.as_ref().kind()),
        Value::Null if ty == ScalarType::String => String::new(),
        Value::String(text) => text.to_string(),
        value => format!("{value:?}"),
    };
    (0..rows).map(|row| one(result.value(ty, row))).collect()
}

/// Compares all paths and targets; how many calls had a short way.
fn compare(name: &str, args: &[Columnar], types: &[ScalarType], rows: usize) -> usize {
    let function = find(name).unwrap();
    let context = context();
    let whole = Call { args, types, rows, result: ScalarType::Dynamic, context: &context };
    let made = evaluate(function, &whole).unwrap().into_array(ScalarType::Dynamic, rows);
    let mut short = 0;
    for path in paths() {
        for target in TARGETS {
            let call = Call { result: target, ..whole };
            let Some(part) = evaluate_part(function, &path, &call).unwrap() else { continue };
            short += 1;
            let wanted = follow(made.as_binary_view(), &path, target).unwrap();
            assert_eq!(
                said(&part, target, rows),
                said(&Columnar::Array(wanted), target, rows),
                "{name} {path:?} {target}"
            );
        }
    }
    short
}

/// The text as a constant, a column, and a coded column.
fn forms() -> Vec<(Columnar, usize)> {
    let texts = StringViewArray::from_iter_values(TEXTS);
    let rows = texts.len();
    let keys = arrow_array::Int32Array::from_iter_values((0..rows as i32).rev());
    let coded = DictionaryArray::<Int32Type>::try_new(keys, Arc::new(texts.clone())).unwrap();
    let mut forms: Vec<(Columnar, usize)> = vec![
        (Columnar::Array(Arc::new(texts)), rows),
        (Columnar::Array(Arc::new(coded)), rows),
        (Columnar::Scalar(Value::Null), 3),
    ];
    forms.extend(TEXTS.map(|t| (text(t), 2)));
    forms
}

#[test]
fn the_part_of_a_result_is_what_the_whole_holds() {
    use ScalarType::{Dynamic as D, Long, String as S};
    let mut short = 0;
    for (texts, rows) in forms() {
        for name in ["parse_url", "parse_urlquery", "parse_path", "parse_csv", "todynamic"] {
            short += compare(name, std::slice::from_ref(&texts), &[S], rows);
        }
        let two = |other: Columnar| [texts.clone(), other];
        short += compare("parse_command_line", &two(text("windows")), &[S, S], rows);
        for delimiter in ["/", "", "--", ",", "é", "//"] {
            short += compare("split", &two(text(delimiter)), &[S, S], rows);
        }
        let other = Columnar::Array(repeat(&Value::from("/"), S, rows));
        short += compare("split", &two(other), &[S, S], rows);
        let third = Columnar::Scalar(Value::Long(1));
        compare("split", &[texts.clone(), text("/"), third], &[S, S, Long], rows);
        for pattern in
            ["[a-z]", "([a-z]+)", "([a-z])([0-9é])?", "a*", "(a)|(b)", "^(.)", r"\b(\w+)\b"]
        {
            let args = [text(pattern), texts.clone()];
            short += compare("extract_all", &args, &[S, S], rows);
            let groups = Columnar::Scalar(Value::Dynamic(Dynamic::parse_json("[1,0]").unwrap()));
            let args = [text(pattern), groups, texts.clone()];
            short += compare("extract_all", &args, &[S, D, S], rows);
        }
    }
    assert!(short > 10_000, "{short}");
}

#[test]
fn the_part_of_what_was_packed_is_what_was_packed() {
    use ScalarType::{Dynamic as D, String as S};
    let rows = TEXTS.len();
    let cell = |ty: ScalarType| {
        let value = move |(row, t): (usize, &str)| match (row % 5, ty) {
            (4, _) => Value::null_of(ty),
            (_, D) => Dynamic::parse_json(t).map_or(Value::Null, |d| d.as_ref().to_value()),
            (n, ScalarType::DateTime) => Value::DateTime(DateTime::from_ticks(
                638_000_000_000_000_000 + i64::try_from(n).unwrap(),
            )),
            (n, _) => Value::from(n.to_string().as_str()).cast(ty),
        };
        column(TEXTS.into_iter().enumerate().map(value), ty)
    };
    let texts: ArrayRef = Arc::new(StringViewArray::from_iter_values(TEXTS));
    let mut short = 0;
    let mut columns: Vec<(Columnar, ScalarType)> = [
        D,
        ScalarType::Long,
        ScalarType::Int,
        ScalarType::Real,
        ScalarType::Bool,
        ScalarType::DateTime,
        ScalarType::TimeSpan,
        ScalarType::Decimal,
        ScalarType::Guid,
    ]
    .map(|ty| (Columnar::Array(cell(ty)), ty))
    .into();
    columns.push((Columnar::Array(Arc::clone(&texts)), S));
    columns.push((text("constant"), S));
    columns.push((Columnar::Scalar(Value::Null), D));
    columns.push((Columnar::Scalar(Value::Long(5)), ScalarType::Long));
    for (value, ty) in columns {
        for keys in [["a", "k"], ["k", "a"], ["a", "a"], ["", "b"]] {
            for second in [text("other"), Columnar::Array(Arc::clone(&texts))] {
                let args = [text(keys[0]), value.clone(), text(keys[1]), second];
                for name in ["bag_pack", "pack", "pack_nonempty"] {
                    short += compare(name, &args, &[S, ty, S, S], rows);
                }
                let args = [args[1].clone(), args[3].clone(), value.clone()];
                short += compare("pack_array", &args, &[ty, S, ty], rows);
            }
        }
        let args = [Columnar::Array(Arc::clone(&texts)), value];
        short += compare("bag_pack", &args, &[S, ty], rows);
    }
    assert!(short > 10_000, "{short}");
}
