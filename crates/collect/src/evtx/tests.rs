#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use model::{Rows, Value};
use testkit::{rows_text, shared_kit, time};

use super::*;

const SAMPLES: &[(&str, &[(&str, usize)])] = &[
    ("DE_104_system_log_cleared.evtx", &[("Event", 1)]),
    ("DE_Fake_ComputerAccount_4720.evtx", &[("SecurityEvent", 2)]),
    ("DE_UAC_Disabled_Sysmon_12_13.evtx", &[("Event", 3)]),
    ("DE_suspicious_remote_eventlog_svc_access_5145.evtx", &[("SecurityEvent", 8)]),
    ("de_portforward_netsh_rdp_sysmon_13_1.evtx", &[("Event", 3)]),
    ("sysmon_10_1_ppid_spoofing.evtx", &[("Event", 5)]),
    ("sysmon_lolbin_bohops_vshadow_exec.evtx", &[("Event", 6)]),
];

fn sample(name: &str) -> Option<Vec<u8>> {
    shared_kit(&format!("samples/evtx/{name}")).map(|path| std::fs::read(path).unwrap())
}

fn text(rows: &Rows, row: usize, column: &str) -> String {
    match rows.get(row, column) {
        Some(Value::String(text)) => text.to_string(),
        Some(other) => other.to_string(),
        None => panic!("no column {column}"),
    }
}

/// Records by the log's own bookkeeping: the numbers of the first and last record in each chunk's header.
fn records_by_headers(bytes: &[u8]) -> u64 {
    let number =
        |chunk: &[u8], at: usize| u64::from_le_bytes(chunk[at..at + 8].try_into().unwrap());
    bytes[4096..]
        .chunks_exact(65536)
        .filter(|chunk| chunk.starts_with(b"ElfChnk\0"))
        .map(|chunk| number(chunk, 16) - number(chunk, 8) + 1)
        .sum()
}

#[test]
fn samples_are_read_whole() {
    for (name, wanted) in SAMPLES {
        let Some(bytes) = sample(name) else { return };
        let counted = records_by_headers(&bytes);
        let (parts, problems) = read(bytes, time("2024-01-01")).unwrap();
        let got: Vec<_> = parts.iter().map(|p| (p.table.as_str(), p.rows.len())).collect();
        assert_eq!(got, *wanted, "{name}");
        assert_eq!(got.iter().map(|(_, n)| *n as u64).sum::<u64>(), counted, "{name}");
        assert!(problems.is_empty(), "{name}: {problems:?}");
    }
}

#[test]
fn a_created_account_fills_security_event() {
    let Some(bytes) = sample("DE_Fake_ComputerAccount_4720.evtx") else { return };
    let (parts, _) = read(bytes, time("2024-01-01")).unwrap();
    let rows = &parts[0].rows;
    for (column, wanted) in [
        ("EventID", "4720"),
        ("Activity", "4720 - A user account was created."),
        ("Account", "3B\\01566S-WIN16-IR$"),
        ("AccountType", "Machine"),
        ("TargetAccount", "3B\\$"),
        ("TargetSid", "S-1-5-21-308926384-506822093-3341789130-107103"),
        ("Computer", "01566s-win16-ir.threebeesco.com"),
        ("Channel", "Security"),
        ("EventSourceName", "Microsoft-Windows-Security-Auditing"),
        ("Task", "13824"),
        ("PrimaryGroupId", "513"),
        ("SamAccountName", "$"),
        ("TimeGenerated", "2020-09-16T09:31:19.1332724Z"),
        ("Level", "0"),
        ("EventLevelName", "LogAlways"),
    ] {
        assert_eq!(text(rows, 0, column), wanted, "{column}");
    }
    let data = text(rows, 0, "EventData");
    assert!(data.starts_with(
        "<EventData xmlns=\"http://schemas.microsoft.com/win/2004/08/events/event\"><Data Name="
    ));
    assert!(roxmltree::Document::parse(&data).is_ok());
}

#[test]
fn sysmon_fills_event_as_content_expects() {
    let Some(bytes) = sample("sysmon_10_1_ppid_spoofing.evtx") else { return };
    let (parts, _) = read(bytes, time("2024-01-01")).unwrap();
    let rows = &parts[0].rows;
    assert_eq!(text(rows, 1, "Source"), "Microsoft-Windows-Sysmon");
    assert_eq!(text(rows, 1, "EventLog"), "Microsoft-Windows-Sysmon/Operational");
    assert_eq!(
        (text(rows, 1, "EventID"), text(rows, 1, "EventLevelName")),
        ("1".into(), "Information".into())
    );
    assert_eq!(text(rows, 1, "UserName"), "NT AUTHORITY\\SYSTEM");
    assert!(
        text(rows, 1, "RenderedDescription").starts_with("Process Create:\nUtcTime: 2020-03-21")
    );
    let data = text(rows, 1, "EventData");
    let xml = roxmltree::Document::parse(&data).unwrap();
    assert_eq!(xml.root_element().tag_name().name(), "DataItem");
    let image = xml.descendants().find(|n| n.attribute("Name") == Some("Image")).unwrap();
    assert_eq!(image.text(), Some("C:\\Windows\\System32\\cmd.exe"));
}

#[test]
fn cleared_logs_name_who_did_it() {
    let Some(bytes) = sample("DE_suspicious_remote_eventlog_svc_access_5145.evtx") else { return };
    let (parts, _) = read(bytes, time("2024-01-01")).unwrap();
    let rows = &parts[0].rows;
    assert_eq!(
        (text(rows, 0, "EventID"), text(rows, 0, "Account")),
        ("1102".into(), "3B\\Administrator".into())
    );
    let Some(bytes) = sample("DE_104_system_log_cleared.evtx") else { return };
    let (parts, _) = read(bytes, time("2024-01-01")).unwrap();
    assert!(
        text(&parts[0].rows, 0, "EventData").contains("<SubjectUserName>user01</SubjectUserName>")
    );
}

fn logon(data: &str) -> String {
    format!(
        "<Event xmlns='{}'><System><Provider Name='Microsoft-Windows-Security-Auditing'/><EventID Qualifiers='0'>4625</EventID>\
         <TimeCreated SystemTime='2024-01-01T00:00:00.1234567Z'/><Channel>Security</Channel><Computer>pc</Computer></System>\
         <EventData>{data}</EventData></Event>",
        record::NAMESPACE
    )
}

#[test]
fn a_failed_logon_fills_the_logon_columns() {
    let xml = logon(
        "<Data Name='SubjectUserName'>PC$</Data><Data Name='SubjectDomainName'>CORP</Data>\
         <Data Name='TargetUserName'>ann</Data><Data Name='TargetDomainName'>CORP</Data>\
         <Data Name='Status'>0xc000006d</Data><Data Name='LogonType'>10</Data><Data Name='IpAddress'>10.0.0.9</Data>\
         <Data Name='IpPort'>-</Data><Data Name='KeyLength'>none</Data><Data Name='ProcessName'>C:\\Windows\\System32\\svchost.exe</Data>\
         <Data Name='LogonGuid'>{00000000-0000-0000-0000-000000000000}</Data><Data Name='Unheard'>of</Data>",
    );
    let (parts, problems) = read_xml(&xml, time("2024-01-02"));
    let lines: Vec<_> = rows_text(&parts[0].rows).lines().map(str::to_owned).collect();
    let pairs =
        lines[0].split(" | ").zip(lines[1].split(" | ")).map(|(n, v)| format!("{n} = {v}\n"));
    testkit::check_golden("tests/golden/logon.txt", &pairs.collect::<String>());
    assert!(problems.is_empty());
}

#[test]
fn odd_xml_is_kept() {
    let (parts, _) =
        read_xml(&logon("<Data Name='TargetUserName'>a\u{1}b</Data>"), time("2024-01-01"));
    assert_eq!(text(&parts[0].rows, 0, "TargetUserName"), "a\u{FFFD}b");
    let (parts, problems) = read_xml("<Event><broken", time("2024-01-01"));
    assert_eq!(text(&parts[0].rows, 0, "EventData"), "<Event><broken");
    assert_eq!(problems.total(), 1);
    let (parts, _) = read_xml("<Event/>", time("2024-01-01"));
    assert_eq!((parts[0].table.as_str(), parts[0].rows.len()), ("Event", 1));
}

#[test]
fn titles_are_sorted_and_unique() {
    for titles in [titles::SECURITY, titles::SYSMON] {
        assert!(titles.windows(2).all(|w| w[0].0 < w[1].0));
    }
    assert_eq!(
        (titles::security("4625"), titles::sysmon("0")),
        (Some("An account failed to log on."), None)
    );
}

#[test]
fn damaged_logs_give_rows_or_errors() {
    let Some(whole) = sample("DE_suspicious_remote_eventlog_svc_access_5145.evtx") else { return };
    assert!(read(Vec::new(), time("2024-01-01")).is_err());
    assert!(read(b"ElfFile\0 and nothing".to_vec(), time("2024-01-01")).is_err());
    for cut in (0..whole.len()).step_by(4111) {
        let _ = read(whole[..cut].to_vec(), time("2024-01-01"));
    }
    // Damage spread over the header, the chunk's header and the records, by a fixed pattern.
    let mut state = 12345_u64;
    for _ in 0..60 {
        let mut bytes = whole.clone();
        for _ in 0..40 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let at = (state >> 33) as usize % 16_000;
            bytes[at] ^= (state >> 20) as u8;
        }
        bytes[..8].copy_from_slice(MAGIC);
        let Ok((parts, _)) = read(bytes, time("2024-01-01")) else { continue };
        for batch in parts.iter().flat_map(|p| &p.rows.batches) {
            assert!(batch.columns.iter().all(|c| c.len() == batch.rows));
        }
    }
}
