#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use model::Value;
use proptest::prelude::*;
use testkit::time;

use super::*;
use crate::lines::{LogLines, Received};

const RECEIVED: &str = "2024-01-05T00:00:00Z";

fn parsed(line: &str) -> Message<'_> {
    parse(line, time(RECEIVED))
}

#[test]
fn messages_are_taken_apart() {
    type Case = (
        &'static str,
        Option<(u8, u8)>,
        &'static str,
        &'static str,
        &'static str,
        &'static str,
        &'static str,
    );
    // line, (facility, severity), time, host, process, id, text
    let cases: &[Case] = &[
        (
            "<34>Oct 11 22:14:15 mymachine su: 'su root' failed",
            Some((4, 2)),
            "2023-10-11T22:14:15Z",
            "mymachine",
            "su",
            "",
            "'su root' failed",
        ),
        (
            "<165>1 2023-08-24T05:14:15.000003-07:00 192.0.2.1 myproc 8710 ID47 - %% It's time",
            Some((20, 5)),
            "2023-08-24T12:14:15.000003Z",
            "192.0.2.1",
            "myproc",
            "8710",
            "%% It's time",
        ),
        (
            "<165>1 2023-10-11T22:14:15.003Z h evntslog - ID47 [a@1 iut=\"3]\" x=\"\\\"\"][b] \u{FEFF}An event",
            Some((20, 5)),
            "2023-10-11T22:14:15.003Z",
            "h",
            "evntslog",
            "",
            "An event",
        ),
        ("<13>1 - - - - - -", Some((1, 5)), "", "", "", "", ""),
        ("<13>1 - h app 7 - - text", Some((1, 5)), "", "h", "app", "7", "text"),
        (
            "Jun 21 11:17:33 demo-host.local openvpn[30264]: 1.2.3.4:41445 peer",
            None,
            "2023-06-21T11:17:33Z",
            "demo-host.local",
            "openvpn",
            "30264",
            "1.2.3.4:41445 peer",
        ),
        (
            "Jun 21 11:17:33 demo-host.local openvpn: 1.2.3.4:41445",
            None,
            "2023-06-21T11:17:33Z",
            "demo-host.local",
            "openvpn",
            "",
            "1.2.3.4:41445",
        ),
        (
            "<13>Feb  5 17:32:18 10.0.0.99 Use the BFG!",
            Some((1, 5)),
            "2023-02-05T17:32:18Z",
            "10.0.0.99",
            "",
            "",
            "Use the BFG!",
        ),
        (
            "<189>*Mar  1 18:46:11.512: %SYS-5-CONFIG_I: Configured",
            Some((23, 5)),
            "2023-03-01T18:46:11.512Z",
            "",
            "%SYS-5-CONFIG_I",
            "",
            "Configured",
        ),
        (
            "<13>Jan  6 00:00:00 h a: soon",
            Some((1, 5)),
            "2024-01-06T00:00:00Z",
            "h",
            "a",
            "",
            "soon",
        ),
        (
            "<13>Jan  8 00:00:00 h a: last year",
            Some((1, 5)),
            "2023-01-08T00:00:00Z",
            "h",
            "a",
            "",
            "last year",
        ),
        (
            "<13>Feb 29 00:00:00 h a: leap",
            Some((1, 5)),
            "2020-02-29T00:00:00Z",
            "h",
            "a",
            "",
            "leap",
        ),
        (
            "<13>Oct 13 2020 06:54:13 h a: year",
            Some((1, 5)),
            "2020-10-13T06:54:13Z",
            "h",
            "a",
            "",
            "year",
        ),
        (
            "2024-01-04T10:00:00.123456+02:00 host sshd[99]: Accepted",
            None,
            "2024-01-04T08:00:00.123456Z",
            "host",
            "sshd",
            "99",
            "Accepted",
        ),
        (
            "<30>Oct 11 22:14:15 systemd[1]: Started",
            Some((3, 6)),
            "2023-10-11T22:14:15Z",
            "",
            "systemd",
            "1",
            "Started",
        ),
        ("<13>app: no header", Some((1, 5)), "", "", "app", "", "no header"),
        ("<999>text", None, "", "", "", "", "<999>text"),
        ("<>text", None, "", "", "", "", "<>text"),
        ("<192>text", None, "", "", "", "", "<192>text"),
        ("<13>Xxx 99 99:99:99 text", Some((1, 5)), "", "", "", "", "Xxx 99 99:99:99 text"),
        ("<13>Oct 32 22:14:15 h a: b", Some((1, 5)), "", "", "", "", "Oct 32 22:14:15 h a: b"),
        ("<13>1 notatime h a - - - x", Some((1, 5)), "", "", "", "", "1 notatime h a - - - x"),
        ("<13>1 - h a - - [open x", Some((1, 5)), "", "", "", "", "1 - h a - - [open x"),
        ("", None, "", "", "", "", ""),
        ("just words", None, "", "", "", "", "just words"),
    ];
    for (line, priority, at, host, process, id, text) in cases {
        let got = parsed(line);
        let shown = (
            got.facility.zip(got.severity),
            got.time,
            got.host.unwrap_or(""),
            got.process.unwrap_or(""),
            got.process_id.unwrap_or(""),
            got.text,
        );
        let wanted =
            (*priority, Some(*at).filter(|t| !t.is_empty()).map(time), *host, *process, *id, *text);
        assert_eq!(shown, wanted, "{line}");
    }
    assert_eq!(
        parsed("<13>1 - h a - ID [a@1 x=\"]\"][b] m").structured_data,
        Some("[a@1 x=\"]\"][b]")
    );
}

#[test]
fn rows_have_the_agents_names() {
    let received =
        Received { peer: Some("10.1.1.1"), collector: Some("col"), ..Received::at(time(RECEIVED)) };
    let mut lines = LogLines::new(received);
    for line in [
        "<86>Jan  4 09:00:00 web sshd[77]: Failed password",
        "<11>1 2024-01-04T09:00:00Z db app abc - [timeQuality tzKnown=\"1\"] hello",
        "<11>1 2024-01-04T09:00:00Z db app 5 - [v@32473 a=\"1\"] hello",
        "no header at all",
    ] {
        lines.push(line);
    }
    let (parts, problems) = lines.finish();
    assert_eq!(parts.len(), 1);
    testkit::check_golden("tests/golden/syslog_rows.txt", &testkit::rows_text(&parts[0].rows));
    assert_eq!(problems.total(), 1);
    assert_eq!(
        problems.iter().next().map(|p| (p.index, p.column.as_deref())),
        Some((1, Some("ProcessID")))
    );
}

#[test]
fn cef_and_syslog_part_ways_and_keep_their_indexes() {
    let mut lines = LogLines::new(Received::at(time(RECEIVED)));
    lines.push("<13>1 - h a x1 - - one");
    lines.push("CEF:0|V");
    lines.push_bytes(&[b'c', b'a', b'f', 0xE9]);
    assert_eq!(lines.len(), 3);
    let (parts, problems) = lines.finish();
    let tables: Vec<_> = parts.iter().map(|p| (p.table.as_str(), p.rows.len())).collect();
    assert_eq!(tables, [("CommonSecurityLog", 1), ("Syslog", 2)]);
    assert_eq!(problems.iter().map(|p| p.index).collect::<Vec<_>>(), [1, 0]);
    assert_eq!(parts[1].rows.get(1, "SyslogMessage"), Some(Value::string("café")));
}

#[test]
fn names_of_numbers() {
    assert_eq!(
        (facility_name(0), facility_name(23), facility_name(24)),
        (Some("kern"), Some("local7"), None)
    );
    assert_eq!((severity_name(3), severity_name(8)), (Some("err"), None));
}

/// All frames of a stream that arrives in pieces of the given size.
fn frames(stream: &[u8], piece: usize, limit: usize) -> Vec<String> {
    let (mut buffer, mut got, mut skip) = (Vec::new(), Vec::new(), 0);
    for bytes in stream.chunks(piece) {
        buffer.extend_from_slice(bytes);
        loop {
            let dropped = skip.min(buffer.len());
            buffer.drain(..dropped);
            skip -= dropped;
            match next_frame(&buffer, limit) {
                Frame::Message { bytes, used } => {
                    got.push(String::from_utf8_lossy(bytes).into_owned());
                    buffer.drain(..used);
                }
                Frame::TooLong { bytes, skip: Some(all) } => {
                    got.push(format!("{}...", String::from_utf8_lossy(bytes)));
                    skip = all;
                }
                Frame::TooLong { bytes, skip: None } => {
                    got.push(format!("{}...", String::from_utf8_lossy(bytes)));
                    buffer.drain(..limit);
                }
                Frame::Incomplete => break,
            }
            if buffer.is_empty() {
                break;
            }
        }
    }
    got
}

#[test]
fn frames_of_both_kinds_in_any_pieces() {
    let stream = b"9 <1>first\n<2>second\r\n9 <3>thi\nrd<4>fourth\n8 <5>five\n\0\n12345 no count\n";
    let wanted = ["<1>first", "<2>second", "<3>thi\nrd", "<4>fourth", "<5>five", "12345 no count"];
    let stream: Vec<u8> = [&b"8 "[..], &stream[2..]].concat();
    for piece in 1..stream.len() {
        assert_eq!(frames(&stream, piece, 1000), wanted, "{piece}");
    }
}

#[test]
fn long_frames_are_cut_and_told() {
    let counted = b"20 <1>0123456789012345X7 <2>next";
    assert_eq!(frames(counted, 5, 10), ["<1>0123456...", "<2>next"]);
    assert_eq!(next_frame(&[b'x'; 11], 10), Frame::TooLong { bytes: &[b'x'; 10], skip: None });
    assert_eq!(next_frame(b"", 10), Frame::Incomplete);
    assert_eq!(next_frame(b"\n\n", 10), Frame::Incomplete);
    assert_eq!(
        next_frame(b"99999999999999999999 <", 10),
        Frame::TooLong { bytes: b"9999999999", skip: None }
    );
    assert_eq!(next_frame(b"0 <1>x\n", 10), Frame::Message { bytes: b"0 <1>x", used: 7 });
}

proptest! {
    #[test]
    fn any_line_is_a_message(line in r#"(<[0-9]{0,3}>)?(1 )?((Oct|Feb) [0-9 ]{1,2} [0-9]{2}:[0-9]{2}:[0-9]{2})?[ a-z\[\]:"=\-@é0-9]{0,60}"#) {
        parsed(&line);
    }

    #[test]
    fn any_stream_moves_on(stream in proptest::collection::vec(any::<u8>(), 0..200), limit in 1_usize..40) {
        let mut rest: &[u8] = &stream;
        while !rest.is_empty() {
            let step = match next_frame(rest, limit) {
                Frame::Message { bytes, used } => {
                    prop_assert!(bytes.len() <= used && bytes.len() <= limit);
                    used
                }
                Frame::TooLong { bytes, skip } => {
                    prop_assert_eq!(bytes.len(), limit);
                    skip.unwrap_or(limit)
                }
                Frame::Incomplete => break,
            };
            prop_assert!(step > 0);
            rest = rest.get(step..).unwrap_or_default();
        }
    }
}
