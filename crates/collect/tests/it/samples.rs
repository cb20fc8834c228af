//! Every sample file of the measuring kit.

use collect::{FileRows, Format, ProblemCode, ReadOptions, read_file};
use testkit::{shared_kit, time};

/// (file, format, tables with their rows). The counts of JSON, CSV and lines are also taken independently below.
const SENTINEL: &[(&str, Format, &[(&str, usize)])] = &[
    ("CiscoISEEvent.json", Format::Json, &[("Syslog", 31)]),
    ("CiscoMeraki.json", Format::Json, &[("CiscoMeraki_CL", 284)]),
    ("CitrixADC.txt", Format::Log, &[("CommonSecurityLog", 6)]),
    ("Cloudflare_CL.json", Format::Json, &[("Cloudflare_CL", 62)]),
    ("Fortigate.json", Format::Json, &[("CommonSecurityLog", 2)]),
    ("GCP_IAM_CL.json", Format::Json, &[("GCP_IAM_CL", 10)]),
    ("GWorkspace_ReportsAPI_login_CL.json", Format::Json, &[("GWorkspace_ReportsAPI_login_CL", 3)]),
    ("LinuxAudit_CL.json", Format::Json, &[("LinuxAudit_CL", 11)]),
    ("NGINX_CL.json", Format::Json, &[("NGINX_CL", 35)]),
    ("OSSECEvents.json", Format::Json, &[("OSSECEvents_CL", 154)]),
    ("Okta_CL.json", Format::Json, &[("Okta_CL", 593)]),
    ("OpenVPN.txt", Format::Log, &[("Syslog", 32)]),
    ("OracleDatabaseAudit.txt", Format::Log, &[("Syslog", 9)]),
    ("PaloAltoCDLEvent.json", Format::Json, &[("CommonSecurityLog", 28)]),
    ("RiskIQ_scenrio.json", Format::Json, &[("SecurityEvent", 4)]),
    ("SonicWallFirewall_Query_Data.csv", Format::Csv, &[("CommonSecurityLog", 453)]),
    ("VMwareESXi.json", Format::Json, &[("Syslog", 676)]),
    ("barracudaWAFCEF.txt", Format::Log, &[("CommonSecurityLog", 346)]),
    ("fortiwebwafsamplelog.txt", Format::Log, &[("CommonSecurityLog", 104)]),
];

fn read(path: &std::path::Path) -> FileRows {
    let bytes = std::fs::read(path).unwrap();
    let name = path.to_string_lossy();
    read_file(&bytes, &ReadOptions::new(&name, time("2024-01-01")))
        .unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// Records by other means: serde_json for JSON, quote-aware line ends for CSV, lines for text.
fn counted(format: Format, bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{FEFF}');
    match format {
        Format::Json => serde_json::from_str::<Vec<serde_json::Value>>(text).unwrap().len(),
        Format::Csv => {
            let (mut quoted, mut records, mut blank) = (false, 0, true);
            for c in text.chars() {
                quoted ^= c == '"';
                if c == '\n' && !quoted {
                    records += usize::from(!blank);
                    blank = true;
                } else if c != '\r' {
                    blank = false;
                }
            }
            records + usize::from(!blank) - 1
        }
        _ => text.lines().filter(|line| !line.trim().is_empty()).count(),
    }
}

#[test]
fn sentinel_samples_are_read_whole() {
    let Some(folder) = shared_kit("samples/sentinel") else { return };
    let mut report = String::new();
    for (name, format, wanted) in SENTINEL {
        let path = folder.join(name);
        let got = read(&path);
        assert_eq!(got.format, *format, "{name}");
        assert_eq!(got.len(), counted(*format, &std::fs::read(&path).unwrap()), "{name}");
        let tables: Vec<_> = got.parts.iter().map(|p| (p.table.as_str(), p.rows.len())).collect();
        assert_eq!(tables, *wanted, "{name}");
        assert_eq!(got.problems.lost_records(), 0, "{name}");
        let columns: usize = got.parts.iter().map(|p| p.rows.schema.len()).sum();
        report += &format!("{name}: {columns} columns, {:?}\n", got.problems.counts());
    }
    testkit::check_golden("tests/golden/samples.txt", &report);
}

#[test]
fn every_file_of_the_kit_is_in_the_list() {
    let Some(folder) = shared_kit("samples/sentinel") else { return };
    let mut files: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|f| f.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let listed: Vec<&str> = SENTINEL.iter().map(|(name, ..)| *name).collect();
    assert_eq!(files, listed);
}

#[test]
fn portal_exports_get_the_types_of_their_table() {
    let Some(folder) = shared_kit("samples/sentinel") else { return };
    for name in [
        "CiscoISEEvent.json",
        "VMwareESXi.json",
        "SonicWallFirewall_Query_Data.csv",
        "RiskIQ_scenrio.json",
    ] {
        let got = read(&folder.join(name));
        let part = &got.parts[0];
        let known = collect::builtin_schema(&part.table).unwrap();
        for column in &part.rows.schema.columns {
            if let Some(wanted) = known.column(&column.name) {
                assert_eq!(column.ty, wanted.ty, "{name}: {}", column.name);
            }
        }
        let times = (0..part.rows.len())
            .filter(|row| !part.rows.get(*row, "TimeGenerated").unwrap().is_empty());
        assert_eq!(times.count(), part.rows.len(), "{name}");
    }
}

#[test]
fn a_given_schema_is_kept_to() {
    let Some(folder) = shared_kit("samples/sentinel") else { return };
    let bytes = std::fs::read(folder.join("CiscoMeraki.json")).unwrap();
    let schema =
        testkit::schema("SyslogMessage:string, SrcPortNumber:int, EventTimestamp:datetime");
    let options = ReadOptions {
        schema: Some(schema.clone()),
        ..ReadOptions::new("x.json", time("2024-01-01"))
    };
    let got = read_file(&bytes, &options).unwrap();
    assert_eq!(got.parts[0].rows.schema, schema);
    assert_eq!(got.parts[0].rows.len(), 284);
    assert!(got.problems.count(ProblemCode::UnknownField) > 50);
    assert_eq!(got.problems.count(ProblemCode::TypeMismatch), 0);
}
