//! The house rules as a test: floors, who may name which library, sizes and habits of source files, links of the
//! documents. ARCHITECTURE.md explains them; this file holds them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// A crate: its floor, and which of our crates it may use. Arrows go downward only.
struct Room {
    name: &'static str,
    floor: u8,
    may_use: &'static [&'static str],
}

const fn room(name: &'static str, floor: u8, may_use: &'static [&'static str]) -> Room {
    Room { name, floor, may_use }
}

/// The floors. A new arrow is a change here and in ARCHITECTURE.md.
const ROOMS: &[Room] = &[
    room("values", 0, &[]),
    room("model", 1, &["values"]),
    room("crypto", 1, &[]),
    room("kql", 1, &["values"]),
    room("content", 1, &[]),
    room("state", 2, &["model", "values"]),
    room("engine", 2, &["model", "values", "kql"]),
    room("odata", 2, &["model"]),
    room("pki", 2, &["crypto", "model", "values"]),
    room("collect", 2, &["model", "values", "content"]),
    room("arm", 3, &["state", "odata", "model", "values"]),
    room("identity", 4, &["arm", "state", "odata", "crypto", "model", "values"]),
    room("logs", 4, &["engine", "state", "model", "values"]),
    room("sentinel", 4, &["arm", "state", "odata", "model", "values"]),
    room("vault", 4, &["arm", "state", "pki", "crypto", "model", "values"]),
    room(
        "api",
        5,
        &[
            "identity", "sentinel", "vault", "arm", "state", "odata", "collect", "crypto", "model",
            "values",
        ],
    ),
    room(
        "vedette",
        6,
        &[
            "api", "identity", "logs", "sentinel", "vault", "arm", "state", "engine", "collect",
            "crypto", "content", "model", "values",
        ],
    ),
];

/// For tests only: every crate may have it there, none in the product.
const TEST_ROOM: &str = "testkit";
const TEST_ROOM_USES: &[&str] = &["model", "values"];

/// Libraries that only some crates may name outside their tests.
const LIBRARIES: &[(&str, &[&str])] = &[
    // columns: computing on them is the engine's and the store's business; the others only hold or read them
    ("arrow-array", &["engine", "logs", "model", "collect", "api"]),
    ("arrow-buffer", &["engine", "logs", "model", "collect", "api"]),
    ("arrow-schema", &["engine", "logs"]),
    ("arrow-select", &["engine", "logs"]),
    ("arrow-data", &["engine"]),
    ("arrow-ipc", &["engine"]),
    ("arrow-ord", &["engine"]),
    ("arrow-row", &["engine"]),
    ("parquet", &["logs"]),
    // cryptography; the binary's socket and client take their whole set-up from `crypto::tls`
    ("aws-lc-rs", &["crypto"]),
    ("argon2", &["crypto"]),
    ("rc2", &["crypto"]),
    ("rcgen", &["crypto"]),
    ("argon2", &["crypto"]),
    ("aes-kw", &["crypto"]),
    ("cryptoki", &["crypto"]),
    ("x509-parser", &["crypto"]),
    ("rustls", &["crypto"]),
    ("rustls-pki-types", &["crypto"]),
    ("tokio-rustls", &["vedette"]),
    ("ureq", &["vedette"]),
    // digests as KQL functions (hash_md5() and its kin): fingerprints, not protection
    ("md-5", &["engine"]),
    ("sha1", &["engine"]),
    ("sha2", &["engine"]),
    // storage and formats
    ("rusqlite", &["state"]),
    ("evtx", &["collect"]),
    ("serde_norway", &["sentinel"]),
    ("ciborium", &["identity"]),
    // HTTP
    ("axum", &["api", "vedette"]),
    ("hyper", &["api", "vedette"]),
    ("http", &["api", "vedette"]),
    // waiting: pillars that need it, and the doors
    ("tokio", &["logs", "sentinel", "vault", "api", "vedette"]),
    // the terminal
    ("anyhow", &["vedette"]),
    ("clap", &["vedette"]),
    ("indicatif", &["vedette"]),
];

/// Longest source file.
const LINES_MAX: usize = 900;

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).expect("crates/vedette lies two folders deep").to_path_buf()
}

/// What cargo knows about the crates of the workspace.
fn packages() -> Vec<Value> {
    let manifest = root().join("Cargo.toml");
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline", "--manifest-path"])
        .arg(manifest)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    metadata["packages"].as_array().expect("packages").clone()
}

fn text_of<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

/// Names of what a crate depends on; `tests` asks for what only its tests need.
fn dependencies(package: &Value, tests: bool) -> Vec<String> {
    let all = package["dependencies"].as_array().expect("dependencies");
    let wanted = all.iter().filter(|d| (text_of(d, "kind") == "dev") == tests);
    wanted.map(|d| text_of(d, "name").to_owned()).collect()
}

fn floor_of(name: &str) -> Option<u8> {
    ROOMS.iter().find(|room| room.name == name).map(|room| room.floor)
}

/// All files below `folder` with this ending; build output and foreign code left out.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("readable folder") {
            let path = entry.expect("entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() {
                let skipped = name.starts_with('.') || name == "target" || name == "node_modules";
                if !skipped {
                    folders.push(path);
                }
            } else if name.ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Fails with all findings at once.
fn none(findings: &[String]) {
    assert!(findings.is_empty(), "\n{}\n", findings.join("\n"));
}

#[test]
fn every_crate_has_its_place() {
    let mut named: BTreeSet<&str> = ROOMS.iter().map(|room| room.name).collect();
    named.insert(TEST_ROOM);
    let packages = packages();
    let real: BTreeSet<&str> = packages.iter().map(|p| text_of(p, "name")).collect();
    assert_eq!(real, named, "ROOMS and the folder crates/ differ");
}

#[test]
fn arrows_go_downward() {
    for room in ROOMS {
        for used in room.may_use {
            let below = floor_of(used).expect("a crate of ROOMS");
            assert!(below < room.floor, "{} may not stand above {used}", room.name);
        }
    }
}

#[test]
fn crates_use_what_their_floor_allows() {
    let ours: BTreeSet<&str> = ROOMS.iter().map(|r| r.name).chain([TEST_ROOM]).collect();
    let mut findings = Vec::new();
    for package in packages() {
        let name = text_of(&package, "name");
        let room = ROOMS.iter().find(|room| room.name == name);
        let may_use = room.map_or(TEST_ROOM_USES, |room| room.may_use);
        let floor = room.map_or(u8::MAX, |room| room.floor);
        for used in dependencies(&package, false) {
            if ours.contains(&*used) && !may_use.contains(&&*used) {
                findings.push(format!("{name} uses {used}, which ROOMS does not allow"));
            }
        }
        for used in dependencies(&package, true) {
            let below = floor_of(&used).is_some_and(|other| other < floor);
            if ours.contains(&*used) && !below && used != TEST_ROOM {
                findings.push(format!("the tests of {name} use {used}, which is not below it"));
            }
        }
    }
    none(&findings);
}

#[test]
fn libraries_stay_in_their_rooms() {
    let mut findings = Vec::new();
    for package in packages() {
        let name = text_of(&package, "name");
        for used in dependencies(&package, false) {
            let rule = LIBRARIES.iter().find(|(library, _)| *library == used);
            if rule.is_some_and(|(_, rooms)| !rooms.contains(&name)) {
                findings.push(format!("{name} names {used}, which only {:?} may", rule.unwrap().1));
            }
        }
    }
    none(&findings);
}

#[test]
fn manifests_are_complete() {
    let mut findings = Vec::new();
    for package in packages() {
        let name = text_of(&package, "name");
        let manifest = std::fs::read_to_string(text_of(&package, "manifest_path")).unwrap();
        if text_of(&package, "description").trim().is_empty() {
            findings.push(format!("{name} has no description"));
        }
        if !manifest.contains("[lints]\nworkspace = true") {
            findings.push(format!("{name} does not take the workspace's lints"));
        }
        if text_of(&package, "license").is_empty() {
            findings.push(format!("{name} names no licence"));
        }
        for line in manifest.lines().filter(|l| l.contains("version =") || l.contains("path =")) {
            let target = line.starts_with("path =");
            let optional = line.contains("workspace = true");
            if !target && !optional {
                findings
                    .push(format!("{name}: versions and paths stand in the root manifest: {line}"));
            }
        }
    }
    none(&findings);
}

#[test]
fn unsafe_code_is_forbidden() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("unsafe_code = \"forbid\""), "the workspace forbids unsafe code");
}

#[test]
fn source_files_keep_the_habits() {
    let mut findings = Vec::new();
    let unfinished = [concat!("todo", "!("), concat!("unimplemented", "!(")];
    for path in files(&root().join("crates"), ".rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        let place = path.strip_prefix(root()).unwrap().display();
        let lines = text.lines().count();
        if lines > LINES_MAX {
            findings.push(format!(
                "{place}: {lines} lines, more than {LINES_MAX}; divide it by subject"
            ));
        }
        for mark in unfinished.iter().filter(|mark| text.contains(**mark)) {
            findings.push(format!("{place}: {mark}...) is no implementation"));
        }
        let is_test = path.components().any(|c| {
            let part = c.as_os_str();
            part == "tests" || part == "tests.rs" || part == "benches"
        });
        if !is_test && !text.starts_with("//!") {
            findings.push(format!(
                "{place}: begins without a line of //! that says what lives here and why"
            ));
        }
    }
    none(&findings);
}

#[test]
fn the_map_names_every_crate() {
    let map = std::fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let mut findings = Vec::new();
    for room in ROOMS {
        let uses = if room.may_use.is_empty() { "-".to_owned() } else { room.may_use.join(", ") };
        let row = |line: &str| {
            line.starts_with(&format!("| {} | `{}` |", room.floor, room.name))
                && line.ends_with(&format!("| {uses} |"))
        };
        if !map.lines().any(row) {
            findings.push(format!(
                "ARCHITECTURE.md: no row '| {} | `{}` | ... | {uses} |'",
                room.floor, room.name
            ));
        }
    }
    none(&findings);
}

#[test]
fn links_in_documents_lead_somewhere() {
    let mut findings = Vec::new();
    for path in files(&root(), ".md") {
        let text = std::fs::read_to_string(&path).unwrap();
        for (at, _) in text.match_indices("](") {
            let target = text[at + 2..].split(')').next().unwrap_or_default();
            let file = target.split('#').next().unwrap_or_default();
            let outside = file.contains("://") || file.is_empty() || file.contains([' ', '\n']);
            if !outside && !path.with_file_name("").join(file).exists() {
                findings
                    .push(format!("{}: {target}", path.strip_prefix(root()).unwrap().display()));
            }
        }
    }
    none(&findings);
}
