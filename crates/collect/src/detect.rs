//! What a file is, and which table its rows belong to.

use model::{Rows, Schema, Value};

use crate::{builtin, cef, csv, evtx, syslog, text};

/// Lines looked at to tell a format.
const SAMPLE_LINES: usize = 20;
/// Bytes looked at to tell a format.
const SAMPLE_BYTES: usize = 64 * 1024;
/// A table fits when it has this share of the file's columns.
const SHARE_MIN: f64 = 0.6;

/// Formats that files have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// JSON in any of the framings that [`crate::json`] reads, NDJSON included.
    Json,
    /// Entries of `journalctl -o json`.
    Journal,
    /// CSV, or separated by semicolons, tabs or bars.
    Csv,
    /// Lines of CEF, syslog or both.
    Log,
    /// A Windows event log.
    Evtx,
    /// Parquet, which the engine reads by itself.
    Parquet,
    /// Lines of any other text.
    Text,
}

impl Format {
    /// Its name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Journal => "journal",
            Self::Csv => "csv",
            Self::Log => "log",
            Self::Evtx => "evtx",
            Self::Parquet => "parquet",
            Self::Text => "text",
        }
    }
}

/// Tells the format by the content, and where that leaves a choice by the name's ending.
pub fn detect(bytes: &[u8], name: &str) -> Format {
    if bytes.starts_with(evtx::MAGIC) {
        return Format::Evtx;
    }
    if bytes.starts_with(b"PAR1") {
        return Format::Parquet;
    }
    let sample = bytes.get(..SAMPLE_BYTES.min(bytes.len())).unwrap_or_default();
    // Cut behind a whole line, and a whole character.
    let whole = memchr::memrchr(b'\n', sample).filter(|_| bytes.len() > SAMPLE_BYTES);
    let decoded = text::decode(whole.and_then(|end| sample.get(..=end)).unwrap_or(sample));
    detect_text(&decoded.text, &extension(name))
}

fn detect_text(text: &str, extension: &str) -> Format {
    let trimmed = text.trim_start();
    if is_json(trimmed, extension) {
        let journal = trimmed.starts_with('{') && trimmed.contains("\"__REALTIME_TIMESTAMP\"");
        return if journal { Format::Journal } else { Format::Json };
    }
    if matches!(extension, "csv" | "tsv") {
        return Format::Csv;
    }
    let (mut log, mut all) = (0, 0);
    for line in trimmed.lines().filter(|line| !line.trim().is_empty()).take(SAMPLE_LINES) {
        all += 1;
        log += usize::from(is_log(line));
    }
    if all > 0 && log * 2 >= all {
        Format::Log
    } else if all > 1 && has_header(trimmed) {
        Format::Csv
    } else {
        Format::Text
    }
}

/// A bracket is followed by what JSON allows; `[2024-01-01] started` is a log line.
fn is_json(text: &str, extension: &str) -> bool {
    let mut marks = text.chars().filter(|c| !c.is_whitespace());
    match (marks.next(), marks.next()) {
        (Some('{'), next) => matches!(next, Some('"' | '}')) || extension.contains("json"),
        (Some('['), next) => matches!(next, Some('{' | ']')) || extension.contains("json"),
        _ => false,
    }
}

fn is_log(line: &str) -> bool {
    if cef::parse(line).is_some() {
        return true;
    }
    // The year does not matter here.
    let message = syslog::parse(line, model::DateTime::MAX);
    message.facility.is_some() || (message.time.is_some() && message.host.is_some())
}

/// The first line names columns: short, different, and no values.
fn has_header(text: &str) -> bool {
    let Some(separator) = csv::separator(text) else { return false };
    let header = text.lines().next().unwrap_or_default();
    let names: Vec<&str> =
        header.split(char::from(separator)).map(|n| n.trim().trim_matches('"')).collect();
    let is_name = |n: &&str| {
        n.len() <= 64
            && n.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && !n.contains(['=', ':', '"'])
    };
    let distinct: std::collections::HashSet<_> = names.iter().collect();
    names.iter().all(is_name) && distinct.len() == names.len()
}

fn extension(name: &str) -> String {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase()).unwrap_or_default()
}

/// The file's name without folders and endings.
fn stem(name: &str) -> &str {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let name = name.strip_suffix(".gz").unwrap_or(name);
    match name.rsplit_once('.') {
        Some((stem, _)) if !stem.is_empty() => stem,
        _ => name,
    }
}

/// A table name made of a file's name: a built-in table of that name, else a custom one, `my-data.json` being
/// `my_data_CL`.
pub fn table_name(name: &str) -> String {
    let stem = stem(name);
    if let Some(table) = content::tables().get(stem) {
        return table.name.to_owned();
    }
    let plain = stem.strip_suffix("_CL").unwrap_or(stem);
    let mut table: String =
        plain.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(60).collect();
    if !table.starts_with(|c: char| c.is_ascii_alphabetic()) {
        table.insert_str(0, "T_");
    }
    table.push_str("_CL");
    table
}

/// (table, columns that together occur in no other).
const SIGNATURES: &[(&str, &[&str])] = &[
    ("CommonSecurityLog", &["DeviceVendor", "DeviceProduct", "LogSeverity"]),
    ("Syslog", &["SyslogMessage", "Facility", "SeverityLevel"]),
    ("SecurityEvent", &["EventID", "Channel", "EventSourceName"]),
    ("Event", &["EventLog", "EventID", "RenderedDescription"]),
    ("SigninLogs", &["UserPrincipalName", "ResultType", "AppDisplayName", "IPAddress"]),
    ("AuditLogs", &["InitiatedBy", "TargetResources", "OperationName"]),
    ("OfficeActivity", &["OfficeWorkload", "Operation"]),
    ("AzureActivity", &["OperationNameValue", "Caller"]),
    ("AWSCloudTrail", &["EventName", "EventSource", "UserIdentityType"]),
    ("W3CIISLog", &["csUriStem", "csMethod"]),
    ("DnsEvents", &["ClientIP", "QueryType", "SubType"]),
    ("DeviceProcessEvents", &["DeviceName", "ProcessCommandLine", "InitiatingProcessFileName"]),
    ("DeviceNetworkEvents", &["DeviceName", "RemoteIP", "RemotePort", "InitiatingProcessFileName"]),
    ("SecurityAlert", &["AlertName", "AlertSeverity", "SystemAlertId"]),
    ("SecurityIncident", &["IncidentNumber", "IncidentName", "Severity"]),
    ("ThreatIntelligenceIndicator", &["IndicatorId", "ThreatType", "ConfidenceScore"]),
    ("Heartbeat", &["Computer", "OSType", "ComputerIP"]),
];

/// The table that rows belong to: the one that they name in `Type`, the file's name where that is a custom table's,
/// one whose columns they have, or else the file's name.
pub(crate) fn table_of(rows: &Rows, name: &str) -> String {
    if let Some(table) = named_type(rows) {
        return table;
    }
    let stem = stem(name);
    if stem.ends_with("_CL") {
        return table_name(name);
    }
    let has = |column: &&str| rows.schema.column(column).is_some();
    let fitting = SIGNATURES.iter().find(|(table, columns)| {
        columns.iter().all(has)
            && builtin::schema(table).is_some_and(|table| share(&rows.schema, &table) >= SHARE_MIN)
    });
    fitting.map_or_else(|| table_name(name), |(table, _)| (*table).to_owned())
}

/// The one value of the `Type` column, where it names a table that can hold the rows.
fn named_type(rows: &Rows) -> Option<String> {
    let at = rows.schema.position("Type")?;
    let mut named: Option<String> = None;
    for batch in &rows.batches {
        let column = batch.columns.get(at)?;
        for row in 0..batch.rows {
            match model::rows::cell(column, rows.schema.columns.get(at)?.ty, row) {
                Value::String(text) if text.is_empty() => {}
                Value::String(text) if named.as_deref().is_none_or(|n| n == &*text) => {
                    if named.is_none() {
                        named = Some(text.to_string());
                    }
                }
                _ => return None,
            }
        }
    }
    let named = named?;
    match builtin::schema(&named) {
        Some(table) => (share(&rows.schema, &table) >= SHARE_MIN).then_some(named),
        None => (named.ends_with("_CL") && table_name(&named) == named).then_some(named),
    }
}

/// Share of the columns that a table has too.
fn share(columns: &Schema, table: &Schema) -> f64 {
    let common = columns.columns.iter().filter(|c| table.column(&c.name).is_some()).count();
    common as f64 / columns.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use testkit::{row, rows};

    use super::*;

    #[test]
    fn formats_are_told_by_content() {
        let cases: &[(&str, &str, Format)] = &[
            ("[{\"a\":1}]", "x", Format::Json),
            ("  {\"a\":1}\n", "x.log", Format::Json),
            ("\u{FEFF}[]", "x", Format::Json),
            ("[1,2]", "x.json", Format::Json),
            ("[2024-01-01] started\n[2024-01-02] ended\n", "x.log", Format::Text),
            ("{\"__REALTIME_TIMESTAMP\":\"1\",\"MESSAGE\":\"x\"}\n", "x", Format::Journal),
            ("A,B\n1,2\n", "x.csv", Format::Csv),
            ("A,B\n1,2\n", "x", Format::Csv),
            ("Name\tAge\nann\t3\n", "x.txt", Format::Csv),
            ("hello, world\nthis, too\n", "x.txt", Format::Csv),
            ("well: hello, world\nthis, too\n", "x.txt", Format::Text),
            ("1,2\n3,4\n", "x.txt", Format::Text),
            ("A,B\n", "x.csv", Format::Csv),
            ("CEF:0|a|b|c|d|e|f|\n", "x.csv.txt", Format::Log),
            ("Aug  3 10:49:35 h CEF: 0|a,b|b|c|d|e|f|\n", "x", Format::Log),
            ("Jun 21 11:17:33 host app: text\nJun 21 11:17:33 host app: text\n", "x", Format::Log),
            ("<13>text\n", "x", Format::Log),
            ("plain words\n", "x", Format::Text),
            ("", "x", Format::Text),
            ("PAR1", "x", Format::Parquet),
        ];
        for (text, name, wanted) in cases {
            assert_eq!(detect(text.as_bytes(), name), *wanted, "{text:?}");
        }
        assert_eq!(detect(b"ElfFile\0", "x"), Format::Evtx);
        let utf16: Vec<u8> = "A,B\r\n1,2\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(detect(&utf16, "x"), Format::Csv);
    }

    #[test]
    fn names_of_files_become_names_of_tables() {
        for (name, wanted) in [
            ("Foo_CL.json", "Foo_CL"),
            ("/a/b/SecurityEvent.csv", "SecurityEvent"),
            ("C:\\x\\my-data v2.json.gz", "my_data_v2_CL"),
            ("7days.csv", "T_7days_CL"),
            (".hidden", "T__hidden_CL"),
            ("", "T__CL"),
            ("größe.json", "gr__e_CL"),
        ] {
            assert_eq!(table_name(name), wanted, "{name}");
        }
    }

    #[test]
    fn rows_tell_their_table() {
        let syslog = "SyslogMessage:string, Facility:string, SeverityLevel:string, Computer:string";
        let event = |ty: &str| {
            rows(
                &format!("{syslog}, Type:string"),
                [row!["m", "f", "s", "c", ty], row!["", "", "", "", ""]],
            )
        };
        assert_eq!(table_of(&event("Syslog"), "x.json"), "Syslog");
        assert_eq!(table_of(&event("Mine_CL"), "x.json"), "Mine_CL");
        assert_eq!(table_of(&event("no table"), "x.json"), "Syslog");
        assert_eq!(table_of(&event(""), "Own_CL.json"), "Own_CL");
        assert_eq!(table_of(&rows("A:string", [row!["x"]]), "x.json"), "x_CL");
        // Named, but with columns of its own.
        let other = rows("A:string, B:string, C:string, Type:string", [row!["", "", "", "Syslog"]]);
        assert_eq!(table_of(&other, "Meraki.json"), "Meraki_CL");
    }
}
