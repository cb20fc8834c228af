//! A disk that refuses writes, played by SQLite's own limits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;

use super::*;

fn store() -> (SqliteStore, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (SqliteStore::open(folder.path().join("state.db")).unwrap(), folder)
}

/// Fails writes by `refuse`, sees them refused without a trace while reads go on, then `mend`s and goes on.
fn check_recovery(refuse: &str, mend: &str, says: &str) {
    let (store, _folder) = store();
    store.put("c", "kept", json!(1), Condition::Any).unwrap();
    store.writing.writer.lock().execute_batch(refuse).unwrap();
    let big = json!("x".repeat(1 << 20));
    for _ in 0..3 {
        match store.put("c", "kept", big.clone(), Condition::Any) {
            Err(StoreError::Unavailable(why)) => assert!(why.contains(says), "{why}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(store.get("c", "kept").unwrap().unwrap().value, json!(1));
    }
    store.writing.writer.lock().execute_batch(mend).unwrap();
    store.put("c", "kept", big.clone(), Condition::Any).unwrap();
    assert_eq!(store.get("c", "kept").unwrap().unwrap().value, big);
}

#[test]
fn nothing_is_committed_that_the_barrier_does_not_let_through() {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    let (store, _folder) = store();
    store.put("c", "kept", json!(1), Condition::Any).unwrap();
    let (calls, closed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let (counted, asked) = (Arc::clone(&calls), Arc::clone(&closed));
    let barrier = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        match asked.load(Ordering::Relaxed) {
            true => Err(StoreError::Unavailable("closed".into())),
            false => Ok(()),
        }
    };
    assert!(store.before_commits(Box::new(barrier)));
    assert!(!store.before_commits(Box::new(|| Ok(()))), "there is one");
    store.put("c", "kept", json!(2), Condition::Any).unwrap();
    closed.store(true, Ordering::Relaxed);
    let refused = store.put("c", "kept", json!(3), Condition::Any).unwrap_err();
    assert!(matches!(&refused, StoreError::Unavailable(why) if why == "closed"), "{refused}");
    assert!(store.delete("c", "kept", Condition::Any).is_err());
    assert_eq!(store.get("c", "kept").unwrap().unwrap().value, json!(2));
    closed.store(false, Ordering::Relaxed);
    assert!(store.delete("c", "kept", Condition::Any).unwrap());
    assert_eq!(calls.load(Ordering::Relaxed), 4, "reading asks nobody");
}

#[test]
fn writers_that_wait_are_committed_together_and_fail_alone() {
    let (store, _folder) = store();
    store.put("c", "taken", json!(0), Condition::Absent).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..16 {
            let store = &store;
            scope.spawn(move || {
                for turn in 0..20 {
                    let key = format!("{writer}-{turn}");
                    let put = |key: &str, condition| Op::Put {
                        collection: "c".into(),
                        key: key.into(),
                        value: json!([writer, turn]),
                        condition,
                    };
                    if turn % 4 == 3 {
                        let both = vec![put(&key, Condition::Any), put("taken", Condition::Absent)];
                        let refused = store.apply(both).unwrap_err();
                        assert!(matches!(refused, StoreError::Conflict { .. }));
                        assert_eq!(store.get("c", &key).unwrap(), None, "all or nothing");
                    } else {
                        let stored = store.apply(vec![put(&key, Condition::Absent)]).unwrap();
                        let own = stored[0].as_ref().unwrap();
                        assert_eq!((&own.key, &own.value), (&key, &json!([writer, turn])));
                        assert_eq!(store.get("c", &key).unwrap().as_ref(), Some(own));
                    }
                }
            });
        }
    });
    let all = store.list("c", "", None, 1000).unwrap();
    assert_eq!(all.len(), 16 * 15 + 1);
    let mut etags: Vec<&String> = all.iter().map(|d| &d.etag).collect();
    etags.sort();
    etags.dedup();
    assert_eq!(etags.len(), all.len(), "each write has a number of its own");
    assert_eq!(store.get("c", "taken").unwrap().unwrap().value, json!(0));
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    check_recovery("PRAGMA max_page_count = 20", "PRAGMA max_page_count = 100000", "free space");
}

#[test]
fn a_read_only_disk_refuses_and_recovers() {
    check_recovery("PRAGMA query_only = 1", "PRAGMA query_only = 0", "writable");
}

#[test]
fn every_commit_is_synced() {
    let (store, _folder) = store();
    let writer = store.writing.writer.lock();
    let pragma =
        |name| writer.pragma_query_value(None, name, |r| r.get::<_, rusqlite::types::Value>(0));
    assert_eq!(pragma("synchronous").unwrap(), rusqlite::types::Value::Integer(2));
    assert_eq!(pragma("journal_mode").unwrap(), rusqlite::types::Value::Text("wal".into()));
}

#[test]
fn an_unreadable_value_is_damage_and_named() {
    let (store, _folder) = store();
    store.put("c", "k", json!(1), Condition::Any).unwrap();
    store.writing.writer.lock().execute_batch("UPDATE documents SET value = '{'").unwrap();
    assert!(matches!(store.get("c", "k"), Err(StoreError::Damaged(_))));
}
