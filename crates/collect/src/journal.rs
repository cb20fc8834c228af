//! The systemd journal, as `journalctl -o json` writes it, to rows of the Syslog table.

use std::borrow::Cow;

use model::DateTime;
use serde_json::{Map, Value};

use crate::Collected;
use crate::lines::Received;
use crate::problem::{ProblemCode, quote};
use crate::syslog::{Message, SyslogRows};

/// Facility of services that name none, and of the kernel.
const DAEMON: u8 = 3;
const KERNEL: u8 = 0;
const AUTHPRIV: u8 = 10;
/// Severity of entries that name none: info.
const INFO: u8 = 6;

/// Reads entries, one JSON object a line. A line that is none is told and left out.
pub fn read(text: &str, received: &Received<'_>) -> Collected {
    let mut rows = SyslogRows::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        match serde_json::from_str::<Map<String, Value>>(line) {
            Ok(entry) => push(&mut rows, &entry, received),
            Err(error) => rows.sink.skip(ProblemCode::Unreadable, || {
                format!("no journal entry ({error}): {}", quote(line))
            }),
        }
    }
    rows.finish()
}

/// The place of an entry in the journal, to go on behind it (`journalctl --after-cursor`).
pub fn cursor(line: &str) -> Option<String> {
    let entry = serde_json::from_str::<Map<String, Value>>(line).ok()?;
    entry.get("__CURSOR")?.as_str().map(str::to_owned)
}

fn push(rows: &mut SyslogRows, entry: &Map<String, Value>, received: &Received<'_>) {
    let text = |name: &str| entry.get(name).and_then(field).unwrap_or_default();
    let first = |names: &[&str]| {
        names.iter().map(|name| text(name)).find(|t| !t.is_empty()).unwrap_or_default()
    };
    let number = |name: &str| text(name).parse::<u8>().ok();
    let host = text("_HOSTNAME");
    let process = first(&["SYSLOG_IDENTIFIER", "_COMM", "_SYSTEMD_UNIT"]);
    let process_id = first(&["SYSLOG_PID", "_PID"]);
    let message = text("MESSAGE");
    let transport = match &*text("_TRANSPORT") {
        "kernel" => KERNEL,
        "audit" => AUTHPRIV,
        _ => DAEMON,
    };
    let time = first(&["_SOURCE_REALTIME_TIMESTAMP", "__REALTIME_TIMESTAMP"]);
    let parsed = Message {
        facility: number("SYSLOG_FACILITY").filter(|n| *n < 24).or(Some(transport)),
        severity: number("PRIORITY").filter(|n| *n < 8).or(Some(INFO)),
        time: time.parse().ok().and_then(DateTime::from_unix_microseconds),
        host: Some(&*host).filter(|t| !t.is_empty()),
        process: Some(&*process).filter(|t| !t.is_empty()),
        process_id: Some(&*process_id).filter(|t| !t.is_empty()),
        text: &message,
        ..Message::default()
    };
    rows.push(&parsed, received);
}

/// A field's text: a string, a list of bytes where it is no UTF-8, or the first of several values.
fn field(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Array(items) => match items.first()? {
            Value::Number(_) => {
                let bytes: Vec<u8> = items
                    .iter()
                    .filter_map(|b| b.as_u64().and_then(|b| u8::try_from(b).ok()))
                    .collect();
                Some(Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
            }
            Value::String(text) => Some(Cow::Borrowed(text)),
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use testkit::{rows_text, time};

    use super::*;

    #[test]
    fn entries_become_syslog_rows() {
        let text = [
            r#"{"__CURSOR":"s=1;i=2","__REALTIME_TIMESTAMP":"1704362400123456","_SOURCE_REALTIME_TIMESTAMP":"1704362400000001","_HOSTNAME":"web","SYSLOG_IDENTIFIER":"sshd","_PID":"77","PRIORITY":"6","SYSLOG_FACILITY":"10","MESSAGE":"Accepted publickey for ann"}"#,
            r#"{"__REALTIME_TIMESTAMP":"1704362400123456","_HOSTNAME":"web","_TRANSPORT":"kernel","PRIORITY":"4","MESSAGE":[104,105,255]}"#,
            "",
            r#"{"_COMM":"cron","MESSAGE":null,"_PID":["1","2"]}"#,
            r#"{"MESSAGE":"cut"#,
            "[]",
        ]
        .join("\n");
        let got = read(&text, &Received { event_time: true, ..Received::at(time("2024-01-05")) });
        testkit::check_golden("tests/golden/journal.txt", &rows_text(&got.rows));
        assert_eq!(
            got.problems.iter().map(|p| (p.index, p.code)).collect::<Vec<_>>(),
            [(3, ProblemCode::Unreadable), (4, ProblemCode::Unreadable),]
        );
        assert_eq!(cursor(text.lines().next().unwrap()).as_deref(), Some("s=1;i=2"));
        assert_eq!(cursor("{}"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in r#"(\{"(MESSAGE|_PID|PRIORITY)":["\[0-9,a-z\]]{0,12}\}?\n){0,4}"#) {
            let lines = text.lines().filter(|l| !l.trim().is_empty()).count();
            let got = read(&text, &Received::at(time("2024-01-05")));
            proptest::prop_assert_eq!(got.rows.len() + got.problems.lost_records(), lines);
        }
    }
}
