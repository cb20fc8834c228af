#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use proptest::prelude::*;
use testkit::rows_text;

use super::*;

fn told(got: &Collected) -> Vec<String> {
    got.problems.iter().map(|p| format!("{} {}", p.index, p.code.name())).collect()
}

#[test]
fn separators_are_told_apart() {
    let cases: &[(&str, Option<u8>)] = &[
        ("A,B\n1,2\n", Some(b',')),
        ("A;B\n1,5;2\n", Some(b';')),
        ("A\tB\n1\t2\n", Some(b'\t')),
        ("A|B|C\n1|2|3\n", Some(b'|')),
        ("\"A,x\";B\n1;2\n", Some(b';')),
        ("A,B;C\n1,2;3\n", Some(b',')),
        ("one column\nonly\n", None),
        ("", None),
    ];
    for (text, wanted) in cases {
        assert_eq!(separator(text), *wanted, "{text:?}");
    }
}

#[test]
fn portal_exports_read_as_they_were() {
    let text = "\u{FEFF}TenantId,\"TimeGenerated [UTC]\",Count,Note,Bag,Count\r\n\
        x,\"11/16/2020, 11:00:47.500 AM\",1,\"said \"\"hi\"\",\nthen left\",\"{\"\"a\"\":1}\",007\r\n\
        x,\"6/3/2021, 4:11:48.323 PM\",,,,\r\n";
    let got = infer(text, None).unwrap();
    assert_eq!(
        rows_text(&got.rows),
        "TenantId:string | TimeGenerated:datetime | Count:long | Note:string | Bag:dynamic | Count1:string\n\
         \"x\" | 2020-11-16T11:00:47.5000000Z | 1 | \"said \\\"hi\\\",\\nthen left\" | {\"a\":1} | \"007\"\n\
         \"x\" | 2021-06-03T16:11:48.3230000Z | null | \"\" | null | \"\"\n"
    );
    assert_eq!(told(&got), ["0 Renamed", "0 Renamed"]);
}

#[test]
fn a_known_schema_decides() {
    let schema =
        testkit::schema("TimeGenerated:datetime, EventID:int, Computer:string, Other:long");
    let text = "timegenerated [UTC];EventID;Extra;Computer\n2024-01-01;4625;x;pc\n;many;;\n";
    let text = text.replace("timegenerated", "TimeGenerated");
    let got = read(&text, &schema, Columns::Seen).unwrap();
    assert_eq!(
        rows_text(&got.rows),
        "TimeGenerated:datetime | EventID:int | Computer:string\n\
         2024-01-01T00:00:00.0000000Z | 4625 | \"pc\"\nnull | null | \"\"\n"
    );
    assert_eq!(told(&got), ["0 UnknownField", "1 TypeMismatch"]);
    assert_eq!(read(&text, &schema, Columns::All).unwrap().rows.schema, schema);
}

#[test]
fn uneven_records_are_told() {
    let got = infer("A,B\n1\n1,2,3,4\n\n5,6\n", None).unwrap();
    assert_eq!(rows_text(&got.rows), "A:long | B:long\n1 | null\n1 | 2\n5 | 6\n");
    assert_eq!(told(&got), ["0 MissingField", "1 ExtraField"]);
    assert!(got.problems.iter().nth(1).unwrap().message.contains("'3,4'"));
}

#[test]
fn a_quote_that_is_never_closed_is_told() {
    let got = infer("A,B\n1,\"x\n2,y\n3,z\n", None).unwrap();
    assert_eq!((got.rows.len(), told(&got)), (1, vec!["1 Truncated".to_owned()]));
    let harmless = infer("A,B\n1,5\" disk\n2,y\n", None).unwrap();
    assert_eq!((harmless.rows.len(), told(&harmless)), (2, vec![]));
}

#[test]
fn texts_without_a_table() {
    assert!(infer("", None).is_err());
    assert!(infer("\u{FEFF}", None).is_err());
    let header_only = infer("A,B\n", None).unwrap();
    assert_eq!((header_only.rows.len(), header_only.rows.schema.len()), (0, 2));
    let one = infer("Name\nann\nbob\n", None).unwrap();
    assert_eq!(rows_text(&one.rows), "Name:string\n\"ann\"\n\"bob\"\n");
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "[A-C0-9,;|\t\"\r\n ]{0,120}") {
        if let Ok(got) = infer(&text, None) {
            prop_assert!(got.rows.batches.iter().all(|b| b.columns.iter().all(|c| c.len() == b.rows)));
        }
    }

    #[test]
    fn what_was_written_is_read(cells in proptest::collection::vec(("[ -~\n]{1,12}", "[ -~]{1,12}"), 1..20)) {
        let mut writer = ::csv::Writer::from_writer(Vec::new());
        writer.write_record(["First", "Second"]).unwrap();
        for (a, b) in &cells {
            writer.write_record([a, b]).unwrap();
        }
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        let got = read(&text, &testkit::schema("First:string, Second:string"), Columns::All).unwrap();
        prop_assert_eq!(got.rows.len(), cells.len());
        for (row, (a, b)) in got.rows.values().zip(&cells) {
            prop_assert_eq!(&row[..], &[model::Value::string(a), model::Value::string(b)]);
        }
    }
}
