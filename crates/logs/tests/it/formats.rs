//! What earlier versions wrote is still read. `VEDETTE_WRITE_FORMATS=1` writes the sample of the newest format anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use logs::{LogStore, Options};
use state::{SqliteStore, Store};
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

fn open(folder: &Path) -> Arc<LogStore> {
    let documents: Arc<dyn Store> = Arc::new(SqliteStore::open(folder.join("state.db")).unwrap());
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
        let store = open(&folder);
        store.create_workspace(WORKSPACE).unwrap();
        append(&store, "Events", rows("w", 0, 200), noon(), Some("first")).await.unwrap();
        store.flush().unwrap();
        append(&store, "Events", rows("w", 200, 50), noon(), Some("second")).await.unwrap();
        store.shutdown();
    }
    let copied = tempfile::tempdir().unwrap();
    copy(&folder, copied.path());
    let store = open(copied.path());
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
