#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use model::Value;
use proptest::prelude::*;
use testkit::time;

use super::rows::places;
use super::*;
use crate::lines::{LogLines, Received};
use crate::problem::{ProblemCode, Problems};

/// One line as a row, cells by column name.
fn row(line: &str) -> (Vec<(String, String)>, Problems) {
    let mut lines =
        LogLines::new(Received { collector: Some("col"), ..Received::at(time("2022-08-04")) });
    lines.push(line);
    let (parts, problems) = lines.finish();
    assert_eq!(
        (parts.len(), parts[0].table.as_str(), parts[0].rows.len()),
        (1, TABLE, 1),
        "{line}"
    );
    let rows = &parts[0].rows;
    let cells = rows.values().next().unwrap();
    let named =
        rows.schema.columns.iter().zip(cells).map(|(c, v)| (c.name.to_string(), v.to_string()));
    (named.collect(), problems)
}

fn get(line: &str, column: &str) -> String {
    row(line).0.into_iter().find(|(name, _)| name == column).map(|(_, v)| v).unwrap_or_default()
}

#[test]
fn every_mapped_key_has_its_column() {
    let mapped: usize = places().by_key.values().map(Vec::len).sum();
    let numbered: usize = keys::NUMBERED
        .iter()
        .map(|(_, column, count)| {
            (1..=*count)
                .map(|n| {
                    let has = |suffix: &str| {
                        places().schema.column(&format!("{column}{n}{suffix}")).is_some()
                    };
                    assert!(has(""), "{column}{n}");
                    usize::from(has("")) + usize::from(has("Label"))
                })
                .sum::<usize>()
        })
        .sum();
    for (key, column) in keys::KEYS {
        assert!(places().schema.column(column).is_some(), "{key}: {column}");
    }
    assert_eq!(mapped, keys::KEYS.len() + numbered);
}

#[test]
fn a_whole_event_fills_the_columns() {
    let line = r"<134>Aug  3 10:49:35 fw01 CEF:0|Con\|toso|Wall\\fire|1.0|42|Denied \| thing|7|src=10.0.0.1 spt=1234 dst=10.0.0.2 dpt=443 act=denied in=209 cn1=9999999999 cn1Label=bytes cs1=a b  c cs1Label=Policy rt=1659523775038 msg=one\=1\ntwo request=/x?a=b&c=d custom.key=v";
    let (cells, problems) = row(line);
    let text: Vec<String> = cells.iter().map(|(n, v)| format!("{n} = {v:?}")).collect();
    testkit::check_golden("tests/golden/cef_row.txt", &(text.join("\n") + "\n"));
    assert!(problems.is_empty());
}

#[test]
fn broken_and_unusual_lines_are_read() {
    for (line, column, wanted) in [
        ("CEF: 0|V|P|1|2|n|3|src=1.2.3.4", "SourceIP", "1.2.3.4"),
        ("Aug  3 10:49:35 Barracuda CEF: 0|V|P|1|2|n|3|", "Computer", "Barracuda"),
        (
            "Jul 25 09:56:42 web.example.com syslogng[9] CEF:0||||N/A|URL|High|cat=attack",
            "Computer",
            "web.example.com",
        ),
        ("host CEF:1|V|P|1|2|n|3|", "Computer", "host"),
        ("CEF:0|V|P|1|2|n|3|msg=lang=en dst=1.1.1.1", "Message", "lang=en"),
        ("CEF:0|V|P|1|2|n|3|msg=lang=en dst=1.1.1.1", "DestinationIP", "1.1.1.1"),
        ("CEF:0|V|P|1|2|n|3|duser=\"-\" in=209", "DestinationUserName", "\"-\""),
        ("CEF:0|V|P|1|2|n|3|requestCookies=\"a=1; b=2\" in=209", "RequestCookies", "\"a=1; b=2\""),
        ("CEF:0|V|P|1|2|n|3|requestCookies=\"a=1; b=2\" in=209", "ReceivedBytes", "209"),
        ("CEF:0|V|P|1|2|n|3|dpt=http x=1", "AdditionalExtensions", "dpt=http;x=1"),
        ("CEF:0|V|P|1|2|n|3|externalId=7", "ExternalID", "7"),
        ("CEF:0|V|P|1|2|n|3|externalId=a7", "ExtID", "a7"),
        ("CEF:0|V|P|1|2|n|3|externalId=a7", "AdditionalExtensions", ""),
        ("CEF:0|V|P|1|2|n|3|src=1.1.1.1 src=2.2.2.2", "AdditionalExtensions", "src=2.2.2.2"),
        ("CEF:0|V|P|1|2|n|3|no keys at all", "AdditionalExtensions", "no keys at all"),
        ("CEF:0|V|P|1|2|n|3|stray text src=1.1.1.1", "AdditionalExtensions", "stray text"),
        ("CEF:0|V|P|1|2|n|3|act=Permit", "SimplifiedDeviceAction", "Allow"),
        ("CEF:0|V|P|1|2|n|3|act=monitor", "SimplifiedDeviceAction", "monitor"),
        ("CEF:0|V|P|1|2|n|3|filePath=C:\\\\temp\\\\x.exe", "FilePath", "C:\\temp\\x.exe"),
        ("CEF:0|V|P|1|2|n|3|filePath=C:\\temp\\new", "FilePath", "C:\\temp\new"),
        ("CEF:0|V|P|1|2|n|3|", "TimeGenerated", "2022-08-04T00:00:00.0000000Z"),
        ("CEF:0|Vendor", "DeviceVendor", "Vendor"),
    ] {
        assert_eq!(get(line, column), wanted, "{column} of {line}");
    }
    assert_eq!(row("CEF:0|Vendor").1.count(ProblemCode::Truncated), 1);
    assert_eq!(row("CEF:0|V|P|1|2|n|3").1.total(), 0);
}

#[test]
fn what_is_no_event_is_left_to_others() {
    for line in [
        "",
        "CEF:",
        "CEF:0",
        "CEF:x|a",
        "ACEF:0|a|b",
        "the CEF: format|",
        "xCEF:0|1|",
        "CEF:0123|x",
    ] {
        assert_eq!(parse(line), None, "{line}");
    }
    assert!(parse("say CEF: no, CEF:0|V|P|1|2|n|3|").is_some());
}

#[test]
fn the_events_own_time_counts_for_files() {
    let line = "CEF:0|V|P|1|2|n|3|rt=1659523775038 start=1600000000000";
    let received = Received { event_time: true, ..Received::at(time("2022-08-04")) };
    let mut lines = LogLines::new(received);
    lines.push(line);
    lines.push("<13>Aug  1 00:00:00 h CEF:0|V|P|1|2|n|3|");
    let rows = &lines.finish().0[0].rows;
    assert_eq!(
        rows.get(0, "TimeGenerated"),
        Some(Value::DateTime(time("2022-08-03T10:49:35.038Z")))
    );
    assert_eq!(rows.get(1, "TimeGenerated"), Some(Value::DateTime(time("2022-08-01"))));
}

#[test]
fn every_cut_of_a_line_is_a_row() {
    let line = r#"<134>Aug  3 10:49:35 fw CEF:0|V\|x|P|1|2|n|3|src=1.1.1.1 msg=a\=b "q" cs1="x y=1" cs1Label=L"#;
    for cut in 0..=line.len() {
        let mut lines = LogLines::new(Received::at(time("2022-08-04")));
        lines.push(&line[..cut]);
        let total: usize = lines.finish().0.iter().map(|p| p.rows.len()).sum();
        assert_eq!(total, 1, "{cut}");
    }
}

proptest! {
    #[test]
    fn any_text_is_a_row(text in r#"(<[0-9]{0,4}>)?(CEF: ?0\|)?[a-c|=\\ "é\n\[\]]{0,60}"#) {
        let mut lines = LogLines::new(Received::at(time("2022-08-04")));
        lines.push(&text);
        let total: usize = lines.finish().0.iter().map(|p| p.rows.len()).sum();
        prop_assert_eq!(total, 1);
    }

    #[test]
    fn values_survive_escaping(values in proptest::collection::vec(r"[a-zA-Z0-9|=\\.:/-]{1,20}", 1..6)) {
        let escape = |v: &str| v.replace('\\', "\\\\").replace('=', "\\=");
        let pairs: Vec<String> = values.iter().enumerate().map(|(n, v)| format!("k{n}={}", escape(v))).collect();
        let line = format!("CEF:0|V|P|1|2|n|3|{}", pairs.join(" "));
        let event = parse(&line).unwrap();
        let got: Vec<&str> = event.extension.iter().map(|(_, v)| &**v).collect();
        prop_assert_eq!(got, values.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
