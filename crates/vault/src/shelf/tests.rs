#![allow(clippy::unwrap_used, clippy::panic)]

use crypto::SecretText;

use super::*;
use crate::certificates::tests::{NOW, vault};
use crate::{AttributeChange, NewSecret, Vault};

fn new(value: &str) -> NewSecret {
    let value = SecretText::new(value.into());
    NewSecret { value, content_type: None, attributes: AttributeChange::default(), tags: None }
}

/// Collection and kind of each write.
fn writes(change: &Change<'_>) -> Vec<(String, bool)> {
    let ops = change.ops().0.into_iter();
    let mut writes: Vec<_> = ops
        .map(|op| match op {
            Op::Put { collection, .. } => (collection, true),
            Op::Delete { collection, .. } => (collection, false),
        })
        .collect();
    writes.sort();
    writes
}

/// What the shelf shows is what a new start would read.
fn check_stored(vault: &Vault) {
    let shelf = &vault.shelf;
    let (store, keyring) = (Arc::clone(&shelf.store), Arc::clone(&shelf.keyring));
    let read = Shelf::load(&shelf.vault, store, keyring).unwrap();
    assert_eq!(*read.objects.read(), *shelf.objects.read());
    for object in read.objects.read().values() {
        for version in &object.versions {
            read.open(object, version).unwrap();
        }
    }
}

#[test]
fn a_change_writes_what_it_changes() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    for turn in 0..6 {
        pollster::block_on(vault.set_secret("s", &new(&format!("value {turn}")), NOW)).unwrap();
    }
    check_stored(&vault);
    let put = |collection: &str| (collection.to_owned(), true);
    let gone = |collection: &str| (collection.to_owned(), false);

    let mut change = vault.shelf.change_of("s");
    let object = change.live(Kind::Secret, "s").unwrap();
    let mut version = (**object.current().unwrap()).clone();
    version.id = crate::new_version_id().unwrap();
    change.add(object, version, b"one more").unwrap();
    assert_eq!(writes(&change), [put(SEALED), put(VERSIONS)], "one version more");
    change.commit().unwrap();
    check_stored(&vault);

    let mut change = vault.shelf.change_of("s");
    let mut object = change.live(Kind::Secret, "s").unwrap();
    for at in [1, 4] {
        let mut version = (*object.versions[at]).clone();
        version.attributes.enabled = false;
        object.replace(version);
    }
    let same = (*object.versions[2]).clone();
    object.replace(same);
    change.put(object.clone());
    assert_eq!(writes(&change), [put(VERSIONS), put(VERSIONS)], "two of seven become others");
    change.commit().unwrap();
    check_stored(&vault);

    let mut change = vault.shelf.change_of("s");
    object.versions.remove(3);
    change.put(object.clone());
    assert_eq!(writes(&change), [gone(SEALED), gone(VERSIONS)], "one of seven goes");
    change.commit().unwrap();
    check_stored(&vault);

    let mut change = vault.shelf.change_of("s");
    change.remove(Kind::Secret, "s");
    assert_eq!(writes(&change).len(), 1 + 2 * 6, "everything goes");
    change.commit().unwrap();
    assert!(vault.shelf.is_empty());
    check_stored(&vault);
}

#[test]
fn changes_of_one_name_wait_for_one_another_in_tasks_and_threads() {
    let folder = tempfile::tempdir().unwrap();
    let vault = vault(&folder);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|task| {
            let vault = Arc::clone(&vault);
            runtime.spawn(async move {
                for turn in 0..25 {
                    vault.set_secret("s", &new(&format!("{task}-{turn}")), NOW).await.unwrap();
                }
            })
        })
        .collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut done = 0;
                while done < 25 {
                    let change = AttributeChange::default();
                    let none = |_: &mut Version| Ok(());
                    let found = vault.update(Kind::Secret, "S", None, change, None, NOW, none);
                    done += usize::from(found.is_ok()); // there is none at first
                }
            });
        }
    });
    for task in tasks {
        runtime.block_on(task).unwrap();
    }
    let object = vault.shelf.object(Kind::Secret, "s").unwrap();
    let orders: Vec<u64> = object.versions.iter().map(|version| version.order).collect();
    assert_eq!(orders, (0..200).collect::<Vec<u64>>(), "no change is lost");
    check_stored(&vault);
}
