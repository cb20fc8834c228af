//! Both stores answer any sequence of operations alike.

use proptest::prelude::*;
use serde_json::json;
use state::{Condition, Op, Store};

use crate::suite::{memory, sqlite};

/// A condition by kind; `Match` takes the etag that the key has, or had `back` writes ago.
#[derive(Clone, Debug)]
enum Wanted {
    Any,
    Absent,
    Exists,
    Current,
    Stale,
}

#[derive(Clone, Debug)]
struct Step {
    key: &'static str,
    put: bool,
    wanted: Wanted,
}

fn steps() -> impl Strategy<Value = Vec<Vec<Step>>> {
    let key = prop::sample::select(vec!["a", "a/b", "a/c", "b"]);
    let wanted = prop_oneof![
        4 => Just(Wanted::Any),
        1 => Just(Wanted::Absent),
        1 => Just(Wanted::Exists),
        1 => Just(Wanted::Current),
        1 => Just(Wanted::Stale)
    ];
    let step =
        (key, any::<bool>(), wanted).prop_map(|(key, put, wanted)| Step { key, put, wanted });
    prop::collection::vec(prop::collection::vec(step, 1..4), 1..12)
}

fn op(store: &dyn Store, step: &Step, n: usize) -> Op {
    let (collection, key) = ("c".to_owned(), step.key.to_owned());
    let condition = match step.wanted {
        Wanted::Any => Condition::Any,
        Wanted::Absent => Condition::Absent,
        Wanted::Exists => Condition::Exists,
        Wanted::Current => match store.get("c", step.key).unwrap() {
            Some(document) => Condition::Match(document.etag),
            None => Condition::Absent,
        },
        Wanted::Stale => Condition::Match("0000000000000001".into()),
    };
    if step.put {
        Op::Put { collection, key, value: json!(n), condition }
    } else {
        Op::Delete { collection, key, condition }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn stores_agree(transactions in steps()) {
        let (memory, _) = memory();
        let (sqlite, _folder) = sqlite();
        for (n, transaction) in transactions.iter().enumerate() {
            let answers = [&memory, &sqlite].map(|store| {
                let ops = transaction.iter().map(|s| op(&**store, s, n)).collect();
                store.apply(ops)
            });
            // times differ by design of the ticking clock only when looks differ; they do not here
            prop_assert_eq!(&answers[0], &answers[1]);
        }
        prop_assert_eq!(memory.list_all("c", "").unwrap(), sqlite.list_all("c", "").unwrap());
        prop_assert_eq!(memory.list_all("c", "a/").unwrap(), sqlite.list_all("c", "a/").unwrap());
        prop_assert_eq!(memory.changes(0, 99).unwrap(), sqlite.changes(0, 99).unwrap());
        prop_assert_eq!(memory.changes(3, 2).unwrap(), sqlite.changes(3, 2).unwrap());
    }
}
