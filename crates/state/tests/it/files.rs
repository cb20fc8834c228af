//! What only a file can do: be reopened, killed, refused, copied, and read years later.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::json;
use state::{Condition, SqliteStore, Store, StoreError};

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn files_are_closed_to_others_and_survive_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    let store = SqliteStore::open(&path).unwrap();
    let first = store.put("c", "k", json!([1]), Condition::Any).unwrap();
    store.put("c", "gone", json!(0), Condition::Any).unwrap();
    store.delete("c", "gone", Condition::Any).unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        assert_eq!(mode(&file.unwrap().path()), 0o600);
    }
    let feed = store.changes(0, 9).unwrap();
    drop(store);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();

    let store = SqliteStore::open(&path).unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!(store.get("c", "k").unwrap().unwrap(), first);
    assert_eq!(store.changes(0, 9).unwrap(), feed);
    let next = store.put("c", "k", json!([2]), Condition::Match(first.etag.clone())).unwrap();
    assert!(next.etag > first.etag);
}

#[test]
fn a_backup_is_whole_private_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path().join("state.db")).unwrap();
    store.put("c", "k", json!("v"), Condition::Any).unwrap();
    let copy = folder.path().join("copy.db");
    store.backup(&copy).unwrap();
    assert_eq!(mode(&copy), 0o600);
    assert!(matches!(store.backup(&copy), Err(StoreError::Unavailable(_))));
    let restored = SqliteStore::open(&copy).unwrap();
    assert_eq!(restored.list_all("c", "").unwrap(), store.list_all("c", "").unwrap());
}

#[test]
fn strangers_and_newer_formats_are_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.db");
    std::fs::write(&text, "no database at all, but long enough to be looked at".repeat(20))
        .unwrap();
    assert!(matches!(SqliteStore::open(&text), Err(StoreError::Damaged(_))));

    let other = folder.path().join("other.db");
    let strange = rusqlite::Connection::open(&other).unwrap();
    strange.execute_batch("CREATE TABLE mine (x)").unwrap();
    drop(strange);
    let before = std::fs::read(&other).unwrap();
    assert!(matches!(SqliteStore::open(&other), Err(StoreError::Damaged(_))));
    assert_eq!(std::fs::read(&other).unwrap(), before);

    let newer = folder.path().join("newer.db");
    drop(SqliteStore::open(&newer).unwrap());
    let edit = rusqlite::Connection::open(&newer).unwrap();
    edit.pragma_update(None, "user_version", 99).unwrap();
    drop(edit);
    let refused = SqliteStore::open(&newer).err().unwrap();
    assert_eq!(refused, StoreError::Newer { found: 99, known: 1 });
    assert!(refused.to_string().contains("newer version"));
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let error = SqliteStore::open(folder.path().join("no/state.db")).err().unwrap();
    assert!(
        matches!(&error, StoreError::Unavailable(why) if why.contains("no/state.db")),
        "{error}"
    );
}

/// The format under use.
const FORMAT: u32 = 1;

fn sample(version: u32) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("formats/v{version}.db"))
}

/// What every sample holds.
fn write_sample(path: &Path) {
    struct Fixed(AtomicI64);
    impl model::Clock for Fixed {
        fn now(&self) -> model::DateTime {
            let second = self.0.fetch_add(1, Ordering::Relaxed);
            model::DateTime::from_ticks(638_000_000_000_000_000 + second * 10_000_000)
        }
    }
    let store = SqliteStore::open_with_clock(path, Arc::new(Fixed(0.into()))).unwrap();
    let put = |key: &str, value| store.put("resources", key, value, Condition::Any).unwrap();
    put("/subscriptions/s", json!(0));
    put("/subscriptions/s", json!({"name": "s", "tags": {"a": "\u{e9}"}, "n": 1.5}));
    put("gone", json!(0));
    store.delete("resources", "gone", Condition::Any).unwrap();
}

fn check_sample(path: &Path) {
    let store = SqliteStore::open(path).unwrap();
    let document = store.get("resources", "/subscriptions/s").unwrap().unwrap();
    assert_eq!(document.value, json!({"name": "s", "tags": {"a": "\u{e9}"}, "n": 1.5}));
    assert_eq!(document.etag, "0000000000000002");
    assert_eq!(document.created.ticks(), 638_000_000_000_000_000);
    assert_eq!(document.modified.ticks(), 638_000_000_010_000_000);
    let feed = store.changes(0, 9).unwrap();
    let told: Vec<(u64, &str, bool)> =
        feed.iter().map(|c| (c.sequence, c.key.as_str(), c.deleted)).collect();
    assert_eq!(told, [(2, "/subscriptions/s", false), (4, "gone", true)]);
    let next = store.put("resources", "new", json!(1), Condition::Absent).unwrap();
    assert_eq!(next.etag, "0000000000000005");
}

/// Every released format still opens and holds what it is to hold. A released sample is never rewritten; that of a new
/// format comes from `GOLDEN=1`.
#[test]
fn samples_of_all_formats_open() {
    let folder = tempfile::tempdir().unwrap();
    let written = folder.path().join("written.db");
    write_sample(&written);
    if std::env::var_os("GOLDEN").is_some() && !sample(FORMAT).exists() {
        std::fs::copy(&written, sample(FORMAT)).unwrap();
    }
    check_sample(&written);
    for version in 1..=FORMAT {
        let copy = folder.path().join(format!("v{version}.db"));
        std::fs::copy(sample(version), &copy).unwrap();
        check_sample(&copy);
    }
}

/// Set in the child process of the kill test: the store it writes to until it is killed.
const VICTIM: &str = "STATE_TEST_KILL_PATH";

/// Writes pairs of documents in transactions and tells each acknowledged one on standard output.
#[test]
fn kill_victim() {
    let Some(path) = std::env::var_os(VICTIM).map(PathBuf::from) else { return };
    let store = SqliteStore::open(path).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let store = &store;
            scope.spawn(move || {
                for n in 0.. {
                    let put = |side: &str| state::Op::Put {
                        collection: side.into(),
                        key: format!("{writer}/{n:06}"),
                        value: json!({ "n": n, "padding": "x".repeat(500) }),
                        condition: Condition::Any,
                    };
                    store.apply(vec![put("left"), put("right")]).unwrap();
                    use std::io::Write;
                    writeln!(std::io::stdout(), "acknowledged {writer}/{n:06}").unwrap();
                }
            });
        }
    });
}

#[test]
fn acknowledged_writes_outlive_a_kill_and_transactions_stay_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.db");
    for round in 0..6_usize {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "files::kill_victim", "--nocapture", "--test-threads=1"])
            .env(VICTIM, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut lines =
            lines.filter_map(|l| l.rsplit_once("acknowledged ").map(|(_, key)| key.to_owned()));
        let mut acknowledged: Vec<String> = lines.by_ref().take(20 + round * 17).collect();
        child.kill().unwrap();
        acknowledged.extend(lines);
        child.wait().unwrap();
        assert!(acknowledged.len() >= 20, "the victim wrote {}", acknowledged.len());

        let store = SqliteStore::open(&path).unwrap();
        let side = |name: &str| -> Vec<String> {
            store.list_all(name, "").unwrap().into_iter().map(|d| d.key).collect()
        };
        let (left, right) = (side("left"), side("right"));
        assert_eq!(left, right, "half a transaction was stored");
        for key in &acknowledged {
            assert!(left.binary_search(key).is_ok(), "round {round}: {key} was lost");
        }
    }
}
