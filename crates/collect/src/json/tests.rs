#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use model::ScalarType;
use proptest::prelude::*;
use testkit::rows_text;

use super::*;

fn read_text(body: &str, columns: &str, options: &Options) -> Result<Collected, CollectError> {
    read(&mut body.as_bytes().to_vec(), &testkit::schema(columns), options)
}

fn infer_text(body: &str) -> Result<Collected, CollectError> {
    infer(&mut body.as_bytes().to_vec(), None)
}

/// Rows as text, and problems as `index column code`.
fn shown(got: &Collected) -> (String, Vec<String>) {
    let problems = got.problems.iter();
    let told = problems
        .map(|p| format!("{} {} {}", p.index, p.column.as_deref().unwrap_or("-"), p.code.name()));
    (rows_text(&got.rows), told.collect())
}

#[test]
fn every_framing_gives_the_same_rows() {
    let bodies = [
        r#"[{"A":"x","B":1},{"A":"y","B":2}]"#,
        "\u{FEFF}[\n {\"A\":\"x\",\"B\":1},\n {\"A\":\"y\",\"B\":2}\n]\n",
        "{\"A\":\"x\",\"B\":1}\n{\"A\":\"y\",\"B\":2}\n",
        "\n{\"A\":\"x\",\"B\":1}\r\n\r\n{\"A\":\"y\",\"B\":2}",
        r#"{"A":"x","B":1}{"A":"y","B":2}"#,
        "{\n \"A\": \"x\",\n \"B\": 1\n}\n{\n \"A\": \"y\",\n \"B\": 2\n}\n",
        r#"{"value":[{"A":"x","B":1},{"A":"y","B":2}],"nextLink":null}"#,
        r#"{"records":[{"A":"x","B":1},{"A":"y","B":2}]}"#,
        "{\"Records\":[\n{\"A\":\"x\",\"B\":1},\n{\"A\":\"y\",\"B\":2}\n]}",
        "[{\"A\":\"x\",\"B\":1}]\n[{\"A\":\"y\",\"B\":2}]",
        "{\"A\":\"x\",\"B\":1},\n{\"A\":\"y\",\"B\":2},\n{\"A\":\"z\",\"B\":3}]}}}",
    ];
    for body in &bodies[..bodies.len() - 1] {
        let read = read_text(body, "A:string, B:long", &Options::default()).unwrap();
        assert_eq!(
            shown(&read),
            ("A:string | B:long\n\"x\" | 1\n\"y\" | 2\n".to_owned(), vec![]),
            "{body}"
        );
        let inferred = infer_text(body).unwrap();
        assert_eq!(shown(&inferred), shown(&read), "{body}");
    }
    assert!(matches!(infer_text(bodies[bodies.len() - 1]), Err(CollectError::Json { .. })));
}

#[test]
fn bodies_without_records_are_refused() {
    for body in [
        "",
        "  \n",
        "{",
        "[",
        "[{\"A\":1}",
        "nonsense",
        "{\"A\":1",
        "[{]",
        "\"text",
        "{\"A\":tru}",
        "[1,]",
    ] {
        assert!(read_text(body, "A:long", &Options::default()).is_err(), "{body}");
    }
    for (body, rows) in [("[]", 0), ("{\"value\":[]}", 0), ("{}", 1), ("[{}]", 1)] {
        assert_eq!(
            read_text(body, "A:long", &Options::default()).unwrap().rows.len(),
            rows,
            "{body}"
        );
    }
}

#[test]
fn arrays_are_held_to_their_grammar() {
    for (body, at) in [
        (r#"[{"A":1} {"A":2}]"#, 9),
        (r#"[{"A":1},]"#, 9),
        (r#"[,{"A":1}]"#, 1),
        (r#"[{"A":1}] x"#, 10),
        (r#"[{"A":1}]]"#, 9),
        (r#"[{"A":1}"#, 8),
        (r#"[{"A":1},"#, 9),
        (r#"["#, 1),
        (r#" [ 7 8 ]"#, 5),
    ] {
        match read_text(body, "A:long", &Options::default()) {
            Err(CollectError::Json { offset, .. }) => assert_eq!(offset, at, "{body}"),
            other => panic!("{body}: {other:?}"),
        }
    }
    let deep = r#"[{"A":1}, [{"A":2}], {"value":[{"A":3}]}, "]", 4 , null]"#;
    let (rows, problems) = shown(&read_text(deep, "A:long", &Options::default()).unwrap());
    assert_eq!(rows, "A:long\n1\nnull\n");
    assert_eq!(
        problems,
        [
            "1 - NotARecord",
            "3 - NotARecord",
            "4 - NotARecord",
            "5 - NotARecord",
            "2 value UnknownField"
        ]
    );
}

#[test]
fn a_wrapper_that_is_a_column_is_a_record() {
    let body = r#"{"value":[{"A":1}]}"#;
    let got = read_text(body, "value:dynamic", &Options::default()).unwrap();
    assert_eq!(shown(&got).0, "value:dynamic\n[{\"A\":1}]\n");
    let many = r#"{"a":1,"b":2,"c":3,"d":4,"e":5,"records":[{"A":1}]}"#;
    assert_eq!(infer_text(many).unwrap().rows.schema.len(), 6);
}

#[test]
fn values_meet_their_columns() {
    let body = r#"[
        {"S":"a\u00e9","I":"7","L":8,"R":1,"B":"True","T":"2024-02-29T12:00:00Z","D":{"k":[1,null]}},
        {"S":{"x":[1,"y\n"]},"I":1.5,"L":"many","R":"2.5","B":1,"T":1709208000,"D":"{\"k\":1}"},
        {"S":null,"I":null,"L":9007199254740993,"R":null,"B":"","T":"","D":"plain"},
        {"S":12,"I":[1],"L":{"a":1},"R":[],"B":2,"T":"never","D":[]}
    ]"#;
    let columns = "S:string, I:int, L:long, R:real, B:bool, T:datetime, D:dynamic";
    let (rows, problems) = shown(&read_text(body, columns, &Options::default()).unwrap());
    testkit::check_golden(
        "tests/golden/json_values.txt",
        &format!("{rows}{}\n", problems.join("\n")),
    );
}

#[test]
fn unknown_fields_are_told_once_each_and_other_records_stay() {
    let body = r#"[{"A":1,"X":1},{"X":2,"A":2,"Y":[3]},7,null,{"a":3,"A":4,"A":5}]"#;
    let (rows, problems) = shown(&read_text(body, "A:long", &Options::default()).unwrap());
    assert_eq!(rows, "A:long\n1\n2\n4\n");
    assert_eq!(
        problems,
        [
            "2 - NotARecord",
            "3 - NotARecord",
            "4 A DuplicateField",
            "0 X UnknownField",
            "1 Y UnknownField",
            "4 a UnknownField"
        ]
    );
}

#[test]
fn names_match_exactly_or_leniently() {
    let body = r#"[{"TimeGenerated [UTC]":"6/3/2021, 4:11:48.323 PM","name":"x"}]"#;
    let columns = "TimeGenerated:datetime, Name:string";
    let strict = read_text(body, columns, &Options::default()).unwrap();
    assert_eq!((strict.rows.schema.len(), strict.problems.total()), (0, 2));
    assert_eq!(strict.rows.len(), 1);
    let lenient = Options { lenient_names: true, ..Options::default() };
    let got = read_text(body, columns, &lenient).unwrap();
    assert_eq!(got.rows.get(0, "Name"), Some(model::Value::string("x")));
    assert!(got.problems.is_empty() && !got.rows.get(0, "TimeGenerated").unwrap().is_empty());
}

#[test]
fn broken_lines_are_told_and_the_others_kept() {
    let body = "{\"A\":1}\n{\"A\":2\n{\"A\":3}\n\n{\"A\":oops}\n{\"A\":5}";
    let (rows, problems) = shown(&read_text(body, "A:long", &Options::default()).unwrap());
    assert_eq!(rows, "A:long\n1\n3\n5\n");
    assert_eq!(problems, ["1 - Unreadable", "3 - Unreadable"]);
    assert_eq!(shown(&infer_text(body).unwrap()).0, rows);
}

#[test]
fn inference_looks_at_all_rows() {
    let body = r#"[
        {"long":1,"real":1,"bool":true,"time":"2024-01-01T00:00:00Z","text":"a","mixed":1,"bag":{"a":1},"null":null,"TenantId":"x","g":"74be27de-1e4e-49d9-b579-fe0b331d3642"},
        {"long":-2,"real":2.5,"bool":false,"time":"","text":"2024-01-01","mixed":"one","bag":[1],"big":18446744073709551616,"TimeGenerated [UTC]":"1/2/2024, 3:04:05 AM"},
        {"bag":null,"mixed":{"a":1},"year":"2024","n":"7"}
    ]"#;
    let got = infer_text(body).unwrap();
    let types: Vec<String> =
        got.rows.schema.columns.iter().map(|c| format!("{}:{}", c.name, c.ty)).collect();
    assert_eq!(
        types.join(" "),
        "long:long real:real bool:bool time:datetime text:string mixed:string bag:dynamic null:string TenantId:string \
         g:string big:real TimeGenerated:datetime year:string n:string"
    );
    let mixed: Vec<_> = (0..3).map(|row| got.rows.get(row, "mixed").unwrap()).collect();
    assert_eq!(
        mixed,
        [
            model::Value::string("1"),
            model::Value::string("one"),
            model::Value::string(r#"{"a":1}"#)
        ]
    );
    assert_eq!(got.problems.lost_records(), 0);
}

#[test]
fn known_types_go_before_inferred_ones() {
    let known = testkit::schema("EventID:int, Other:long");
    let mut body = br#"[{"EventID":4625,"Computer":7}]"#.to_vec();
    let got = infer(&mut body, Some(&known)).unwrap();
    let types: Vec<ScalarType> = got.rows.schema.columns.iter().map(|c| c.ty).collect();
    assert_eq!(types, [ScalarType::Int, ScalarType::String]);
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = format!("[{{\"D\":{}1{}}}]", "[".repeat(500), "]".repeat(500));
    let got = read_text(&deep, "D:dynamic", &Options::default()).unwrap();
    assert_eq!(got.problems.count(ProblemCode::Truncated), 1);
    let text = read_text(&deep, "D:string", &Options::default()).unwrap();
    assert_eq!(text.rows.get(0, "D").unwrap().to_string().matches('[').count(), 500);
    let deeper = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read_text(&deeper, "D:dynamic", &Options::default()).is_err());
    let keys: Vec<_> = (0..5000).map(|n| format!("\"k{n}\":1")).collect();
    let wide = format!("{{{}}}", keys.join(","));
    let got = read_text(&wide, "A:long", &Options::default()).unwrap();
    assert_eq!((got.problems.total(), got.problems.iter().len()), (5000, 1000));
    assert_eq!(infer_text(&wide).unwrap().rows.schema.len(), 5000);
}

#[test]
fn every_cut_of_a_body_is_read_or_refused() {
    let bodies = [
        r#"[{"A":"x\u00e9\"","B":[1,{"c":-1.5e3}]},{"A":null}]"#,
        "{\"A\":\"x\",\"B\":1}\n{\"A\":\"y\",\"B\":{}}\n",
        r#"{"value":[{"A":1}],"nextLink":"x"}"#,
    ];
    for body in bodies {
        for cut in 0..body.len() {
            let mut piece = body.as_bytes()[..cut].to_vec();
            let _ = infer(&mut piece.clone(), None);
            let _ = read(&mut piece, &testkit::schema("A:string, B:dynamic"), &Options::default());
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = infer(&mut bytes.clone(), None);
    }

    #[test]
    fn any_json_like_text_is_read_or_refused(text in r#"[\[\]{}:,"\\ \nA-C0-9.eE+-]{0,80}"#) {
        let _ = infer_text(&text);
        let _ = read_text(&text, "A:dynamic, B:long", &Options::default());
    }

    #[test]
    fn no_record_is_lost(values in proptest::collection::vec((any::<i64>(), ".{0,20}", any::<f64>()), 0..30), lines in any::<bool>()) {
        let records: Vec<String> = values
            .iter()
            .map(|(n, s, r)| serde_json::json!({"N": n, "S": s, "R": r}).to_string())
            .collect();
        let body = if lines { records.join("\n") } else { format!("[{}]", records.join(",")) };
        prop_assume!(!body.is_empty());
        let got = read_text(&body, "N:long, S:string, R:real", &Options { columns: Columns::All, ..Options::default() }).unwrap();
        prop_assert_eq!(got.rows.len(), values.len());
        for (row, (n, s, r)) in got.rows.values().zip(&values) {
            prop_assert_eq!(&row[0], &model::Value::Long(*n));
            prop_assert_eq!(&row[1], &model::Value::string(s));
            if r.is_finite() {
                prop_assert_eq!(&row[2], &model::Value::Real(*r));
            }
        }
        prop_assert!(got.problems.is_empty());
    }
}
