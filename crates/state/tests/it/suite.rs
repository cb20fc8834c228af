//! The contract of `Store`, run over each implementor.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use model::{Clock, DateTime};
use serde_json::{Value, json};
use state::{Condition, Document, MemoryStore, Op, SqliteStore, Store, StoreError};

/// A clock that moves one tick with every look.
#[derive(Default)]
pub(crate) struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> DateTime {
        DateTime::from_ticks(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// A store, and what must outlive it.
pub(crate) type Held = (Arc<dyn Store>, Option<tempfile::TempDir>);

pub(crate) fn memory() -> Held {
    (Arc::new(MemoryStore::with_clock(Arc::new(Ticking::default()))), None)
}

pub(crate) fn sqlite() -> Held {
    let folder = tempfile::tempdir().unwrap();
    let store =
        SqliteStore::open_with_clock(folder.path().join("state.db"), Arc::new(Ticking::default()));
    (Arc::new(store.unwrap()), Some(folder))
}

macro_rules! suite {
    ($($case:ident),* $(,)?) => {
        mod in_memory { $( #[test] fn $case() { super::$case(&*super::memory().0); } )* }
        mod in_sqlite { $( #[test] fn $case() {
            let (store, _folder) = super::sqlite();
            super::$case(&*store);
        } )* }
    };
}

suite!(
    reads_what_was_written,
    conditions_decide_writes,
    etags_rise_and_never_repeat,
    lists_by_prefix_in_byte_order,
    pages_cover_each_key_once,
    applies_all_or_nothing,
    later_operations_see_earlier_ones,
    the_feed_names_each_key_at_its_last_change,
    values_keep_their_order_and_numbers,
    one_of_many_writers_wins_each_round,
);

fn keys(documents: &[Document]) -> Vec<&str> {
    documents.iter().map(|d| d.key.as_str()).collect()
}

fn put(key: &str, value: Value, condition: Condition) -> Op {
    Op::Put { collection: "c".into(), key: key.into(), value, condition }
}

fn remove(key: &str, condition: Condition) -> Op {
    Op::Delete { collection: "c".into(), key: key.into(), condition }
}

fn reads_what_was_written(store: &dyn Store) {
    assert_eq!(store.get("c", "k").unwrap(), None);
    let first = store.put("c", "k", json!({"a": 1}), Condition::Any).unwrap();
    let second = store.put("c", "k", json!({"a": 2}), Condition::Any).unwrap();
    let read = store.get("c", "k").unwrap().unwrap();
    assert_eq!(read, second);
    assert_eq!(read.value, json!({"a": 2}));
    assert_eq!(read.created, first.created);
    assert!(read.modified > first.modified);
    assert_eq!(store.get("other", "k").unwrap(), None);
    assert!(store.delete("c", "k", Condition::Any).unwrap());
    assert!(!store.delete("c", "k", Condition::Any).unwrap());
    assert_eq!(store.get("c", "k").unwrap(), None);
    let again = store.put("c", "k", json!(3), Condition::Absent).unwrap();
    assert!(again.created > read.created);
}

fn conditions_decide_writes(store: &dyn Store) {
    let conflict = || Err(StoreError::Conflict { collection: "c".into(), key: "k".into() });
    let missing = || Err(StoreError::NotFound);
    let etag = |s: &dyn Store| s.get("c", "k").unwrap().unwrap().etag;
    let write = |s: &dyn Store, c: Condition| s.put("c", "k", json!(0), c).map(|_| ());
    let erase = |s: &dyn Store, c: Condition| s.delete("c", "k", c).map(|_| ());

    assert_eq!(write(store, Condition::Exists), missing());
    assert_eq!(write(store, Condition::Match("0".into())), conflict());
    assert_eq!(erase(store, Condition::Exists), missing());
    assert_eq!(erase(store, Condition::Match("0".into())), conflict());
    assert_eq!(erase(store, Condition::Absent), Ok(()));
    assert_eq!(write(store, Condition::Absent), Ok(()));
    let old = etag(store);
    assert_eq!(write(store, Condition::Absent), conflict());
    assert_eq!(write(store, Condition::Exists), Ok(()));
    assert_eq!(write(store, Condition::Match(old.clone())), conflict());
    assert_eq!(erase(store, Condition::Match(old)), conflict());
    assert_eq!(erase(store, Condition::Absent), conflict());
    assert_eq!(write(store, Condition::Match(etag(store))), Ok(()));
    assert_eq!(erase(store, Condition::Match(etag(store))), Ok(()));
    assert_eq!(store.get("c", "k").unwrap(), None);
}

fn etags_rise_and_never_repeat(store: &dyn Store) {
    let mut seen: Vec<String> = Vec::new();
    for round in 0..20 {
        let document = store.put("c", "k", json!("same"), Condition::Any).unwrap();
        assert!(!document.etag.contains('"'));
        assert!(seen.last().is_none_or(|last| *last < document.etag), "{seen:?}");
        seen.push(document.etag);
        if round % 3 == 0 {
            store.delete("c", "k", Condition::Any).unwrap();
        }
    }
}

fn lists_by_prefix_in_byte_order(store: &dyn Store) {
    for key in ["b", "a/2", "a/10", "a", "ab", "A/1", "a/\u{e9}", "a/\u{10ffff}", "a0", "a%", "a_"]
    {
        store.put("c", key, json!(key), Condition::Any).unwrap();
    }
    store.put("d", "a/3", json!(0), Condition::Any).unwrap();
    let list = |prefix: &str, after, limit| {
        let found = store.list("c", prefix, after, limit).unwrap();
        keys(&found).iter().map(|k| (*k).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(list("a/", None, 99), ["a/10", "a/2", "a/\u{e9}", "a/\u{10ffff}"]);
    assert_eq!(list("a/", Some("a/2"), 1), ["a/\u{e9}"]);
    assert_eq!(list("a/", Some("a/15"), 9), ["a/2", "a/\u{e9}", "a/\u{10ffff}"]);
    assert_eq!(list("a/", Some("A"), 1), ["a/10"]);
    assert_eq!(list("a/", Some("b"), 9), [""; 0]);
    assert_eq!(list("", None, 3), ["A/1", "a", "a%"]);
    assert_eq!(list("a%", None, 9), ["a%"]);
    assert_eq!(list("z", None, 9), [""; 0]);
    assert_eq!(list("", None, 0), [""; 0]);
}

fn pages_cover_each_key_once(store: &dyn Store) {
    let wanted: Vec<String> = (0..2345).map(|n| format!("p/{n:05}")).collect();
    let ops = wanted.iter().rev().map(|k| put(k, json!(1), Condition::Absent)).collect();
    store.apply(ops).unwrap();
    store.put("c", "q", json!(1), Condition::Any).unwrap();
    assert_eq!(keys(&store.list_all("c", "p/").unwrap()), wanted);
}

fn applies_all_or_nothing(store: &dyn Store) {
    store.put("c", "there", json!(1), Condition::Any).unwrap();
    let before = store.changes(0, 99).unwrap();
    let failing = [
        put("there", json!(2), Condition::Absent),
        put("gone", json!(2), Condition::Exists),
        put("there", json!(2), Condition::Match("no".into())),
        remove("gone", Condition::Exists),
        remove("there", Condition::Match("no".into())),
    ];
    for last in failing {
        let ops = vec![
            put("new", json!(1), Condition::Any),
            remove("there", Condition::Any),
            put("there", json!(9), Condition::Any),
            last.clone(),
        ];
        store.apply(ops).expect_err(&format!("{last:?}"));
        assert_eq!(store.get("c", "new").unwrap(), None);
        assert_eq!(store.get("c", "there").unwrap().unwrap().value, json!(1));
    }
    assert_eq!(store.changes(0, 99).unwrap(), before);
    assert_eq!(store.apply(Vec::new()).unwrap(), []);
}

fn later_operations_see_earlier_ones(store: &dyn Store) {
    let done = store
        .apply(vec![
            put("k", json!(1), Condition::Absent),
            put("k", json!(2), Condition::Exists),
            remove("k", Condition::Exists),
            put("k", json!(3), Condition::Absent),
        ])
        .unwrap();
    let values: Vec<Option<Value>> = done.into_iter().map(|d| d.map(|d| d.value)).collect();
    assert_eq!(values, [Some(json!(1)), Some(json!(2)), None, Some(json!(3))]);
}

fn the_feed_names_each_key_at_its_last_change(store: &dyn Store) {
    assert_eq!(store.changes(0, 9).unwrap(), []);
    for key in ["a", "b", "c", "a"] {
        store.put("c", key, json!(0), Condition::Any).unwrap();
    }
    store.delete("c", "b", Condition::Any).unwrap();
    store.delete("c", "never", Condition::Any).unwrap();
    let feed = |after, limit| {
        let changes = store.changes(after, limit).unwrap();
        assert!(changes.is_sorted_by_key(|c| c.sequence));
        assert!(changes.iter().all(|c| c.sequence > after && c.collection == "c"));
        changes
    };
    let told = |after, limit| -> Vec<(String, bool)> {
        feed(after, limit).into_iter().map(|c| (c.key, c.deleted)).collect()
    };
    let want = [("c", false), ("a", false), ("b", true)].map(|(k, d)| (k.to_owned(), d));
    assert_eq!(told(0, 9), want);
    let first = feed(0, 1)[0].sequence;
    assert_eq!(told(first, 9), want[1..]);
    let end = feed(0, 9)[2].sequence;
    store.put("c", "b", json!(0), Condition::Any).unwrap();
    assert_eq!(told(end, 9), [("b".to_owned(), false)]);
    assert_eq!(told(u64::MAX, 9), []);
}

fn values_keep_their_order_and_numbers(store: &dyn Store) {
    let text = r#"{"z":1,"a":[true,null,"\u0000\ud83d\ude00"],"n":18446744073709551615,"i":-9223372036854775808,"f":0.1}"#;
    let value: Value = serde_json::from_str(text).unwrap();
    store.put("c", "k", value.clone(), Condition::Any).unwrap();
    let read = store.get("c", "k").unwrap().unwrap().value;
    assert_eq!(read, value);
    assert_eq!(read.to_string(), value.to_string());
}

fn one_of_many_writers_wins_each_round(store: &dyn Store) {
    store.put("c", "n", json!(0), Condition::Any).unwrap();
    let (writers, each) = (8, 25);
    std::thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                let mut done = 0;
                while done < each {
                    let now = store.get("c", "n").unwrap().unwrap();
                    let next = json!(now.value.as_u64().unwrap() + 1);
                    match store.put("c", "n", next, Condition::Match(now.etag)) {
                        Ok(_) => done += 1,
                        Err(StoreError::Conflict { .. }) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
            });
        }
    });
    assert_eq!(store.get("c", "n").unwrap().unwrap().value, json!(writers * each));
}
