#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]
use std::collections::HashSet;
use std::path::PathBuf;

use super::*;

/// The measuring kit beside the repository, when it is there.
fn kit(path: &str) -> Option<String> {
    let shared = std::env::var_os("VEDETTE_SHARED").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared")),
        PathBuf::from,
    );
    let text = std::fs::read_to_string(shared.join(path)).ok();
    if text.is_none() {
        eprintln!("SKIPPED: {path} of the measuring kit is not there (VEDETTE_SHARED)");
    }
    text
}

#[test]
fn tables_are_sorted_and_unique_and_have_typed_columns() {
    let all = tables();
    assert_eq!(all.len(), 1156);
    let names: Vec<_> = all.iter().map(|t| t.name).collect();
    assert!(names.windows(2).all(|w| w[0] < w[1]));
    let mut total = 0;
    for table in all.iter() {
        let columns = table.columns();
        assert!(!columns.is_empty(), "{}", table.name);
        assert!(columns.windows(2).all(|w| w[0].name < w[1].name), "{}", table.name);
        total += columns.len();
    }
    assert_eq!(total, 38_707);
}

#[test]
fn known_tables_read_as_documented() {
    let columns = |name: &str| tables().get(name).unwrap().columns();
    let ty = |table: &str, name: &str| columns(table).iter().find(|c| c.name == name).map(|c| c.ty);
    assert_eq!(ty("SecurityEvent", "EventID"), Some(ColumnType::Int));
    assert_eq!(ty("SecurityEvent", "TimeGenerated"), Some(ColumnType::DateTime));
    assert_eq!(ty("SecurityEvent", "_BilledSize"), Some(ColumnType::Real));
    assert_eq!(ty("SecurityEvent", "Account"), Some(ColumnType::String));
    assert_eq!(ty("CiscoDuo_CL", "isotimestamp_t [UTC]"), Some(ColumnType::String));
    assert_eq!(ty("OracleWebLogicServer_CL", "TimeGenerated [UTC]"), Some(ColumnType::DateTime));
    assert!(tables().get("Syslog (Digital Guardian)").is_some());
    assert!(tables().get("GSuite_ReportsAPI_login_CL ").is_some());
    assert!(tables().get("securityevent").is_none());
    assert!(tables().get("DeviceEvents").unwrap().defender);
    assert!(!tables().get("SecurityEvent").unwrap().defender);
    assert_eq!(tables().iter().filter(|t| t.defender).count(), 64);
}

#[test]
fn every_name_and_type_agrees_with_the_kit() {
    let Some(text) = kit("kql/schemas.json") else { return };
    let kit: serde_json::Value = serde_json::from_str(&text).unwrap();
    let wanted = kit["tables"].as_object().unwrap();
    assert_eq!(wanted.len(), tables().len());
    for (name, columns) in wanted {
        let ours: HashSet<_> = tables()
            .get(name)
            .unwrap_or_else(|| panic!("{name} is missing"))
            .columns()
            .iter()
            .map(|c| (c.name, c.ty.name()))
            .collect();
        let theirs: HashSet<_> = columns
            .as_object()
            .unwrap()
            .iter()
            .map(|(c, t)| (c.as_str(), t.as_str().unwrap()))
            .collect();
        assert_eq!(ours, theirs, "{name}");
    }
}

#[test]
fn the_reader_takes_any_text() {
    for text in [
        "",
        "\n\n",
        "@",
        "@g",
        "T",
        "T @nowhere",
        "  indented first\nT",
        "\"open",
        "T\n  \"open",
        "T\n  a:",
    ] {
        let read = Tables::read(text);
        for table in read.iter() {
            read.columns(table);
        }
    }
    let read = Tables::read("@g B:long\nT defender @g\n  \"a b\":int A\n");
    let table = read.get("T").unwrap();
    assert!(table.defender);
    let names: Vec<_> = read.columns(table).iter().map(|c| (c.name, c.ty.name())).collect();
    assert_eq!(names, [("A", "string"), ("B", "long"), ("a b", "int")]);
}
