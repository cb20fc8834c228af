//! What earlier versions wrote is still read. `VEDETTE_WRITE_FORMATS=1` writes the sample of the newest format anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use logs::{LogStore, Options};
use state::{Condition, MemoryStore, Store};
use testkit::ManualClock;

use crate::support::*;

fn sample(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("formats").join(version)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

const COLLECTIONS: [&str; 6] = [
    "logs.workspaces",
    "logs.tables",
    "logs.segments",
    "logs.sealed",
    "logs.batches",
    "logs.damage",
];

/// The catalogue as text, so that this sample depends on no other stored format.
fn save(documents: &MemoryStore, to: &Path) {
    let mut all = serde_json::Map::new();
    for collection in COLLECTIONS {
        let listed = documents.list_all(collection, "").unwrap();
        let listed = listed.into_iter().map(|d| (d.key, d.value)).collect();
        all.insert(collection.to_owned(), serde_json::Value::Object(listed));
    }
    fs::write(to, serde_json::to_string_pretty(&all).unwrap()).unwrap();
}

fn load(from: &Path) -> Arc<MemoryStore> {
    let documents = Arc::new(MemoryStore::new());
    let all: serde_json::Value = serde_json::from_slice(&fs::read(from).unwrap()).unwrap();
    for (collection, listed) in all.as_object().unwrap() {
        for (key, value) in listed.as_object().unwrap() {
            documents.put(collection, key, value.clone(), Condition::Any).unwrap();
        }
    }
    documents
}

fn open(folder: &Path, documents: Arc<MemoryStore>) -> Arc<LogStore> {
    let mut options = Options::new(folder, documents);
    options.clock = Arc::new(ManualClock::new(noon()));
    options.built_in = vec![Arc::new(events())];
    options.limits = quiet();
    LogStore::open(&options).unwrap()
}

/// Rows 0..200 in a segment, 200..250 in the log.
#[tokio::test]
async fn format_1_is_read() {
    let folder = sample("v1");
    if std::env::var("VEDETTE_WRITE_FORMATS").is_ok() {
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let documents = Arc::new(MemoryStore::new());
        let store = open(&folder, documents.clone());
        store.create_workspace(WORKSPACE).unwrap();
        append(&store, "Events", rows("w", 0, 200), noon(), Some("first")).await.unwrap();
        store.flush().unwrap();
        append(&store, "Events", rows("w", 200, 50), noon(), Some("second")).await.unwrap();
        store.shutdown();
        save(&documents, &folder.join("documents.json"));
    }
    let copied = tempfile::tempdir().unwrap();
    copy(&folder, copied.path());
    let store = open(copied.path(), load(&copied.path().join("documents.json")));
    let columns = ["TimeGenerated", "Writer", "Number", "Message", "Properties"];
    let mut found = read(&store, "Events", &Ask::columns(&columns)).unwrap();
    found.sort_by_key(|r| long(&r[2]));
    let want: Vec<_> = rows("w", 0, 250).values().collect();
    assert_eq!(found, want);
    for id in ["first", "second"] {
        let again = append(&store, "Events", rows("w", 0, 1), noon(), Some(id)).await.unwrap();
        assert!(again.duplicate, "{id}");
    }
}
