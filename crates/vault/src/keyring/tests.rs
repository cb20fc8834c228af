#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use state::MemoryStore;
use tempfile::TempDir;

fn now() -> DateTime {
    DateTime::from_unix_seconds(1_800_000_000).unwrap()
}

struct Place {
    folder: TempDir,
    store: Arc<dyn Store>,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), store: Arc::new(MemoryStore::new()) }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("vault.unseal")
    }

    fn start(&self) -> Keyring {
        let files = KeyFiles { own: self.file(), credential: None };
        Keyring::open(self.store.clone(), files, now()).unwrap()
    }
}

fn passphrase(text: &str) -> SecretText {
    SecretText::new(text.into())
}

#[test]
fn the_first_start_makes_a_file_and_later_ones_open_with_it() {
    let place = Place::new();
    let keyring = place.start();
    assert!(!keyring.is_sealed());
    keyring.ensure_key("default").unwrap();
    let key = keyring.key("default").unwrap();
    let again = place.start();
    assert_eq!(again.key("default").unwrap().expose(), key.expose());
    std::fs::remove_file(place.file()).unwrap();
    let closed = place.start();
    assert!(closed.is_sealed());
    assert_eq!(closed.key("default").err().unwrap().code, "VaultSealed");
    assert_eq!(closed.ensure_key("other").unwrap_err().code, "VaultSealed");
}

#[test]
fn sealing_forgets_and_only_the_right_key_opens() {
    let place = Place::new();
    let keyring = place.start();
    let two = [
        NewSeal::Passphrase(passphrase("correct horse battery")),
        NewSeal::Shamir { threshold: 2, count: 3 },
    ];
    let shares = keyring.rekey(&two, now()).unwrap();
    assert!(!place.file().exists(), "no key file seal, no key file");
    keyring.seal();
    assert!(keyring.is_sealed());
    assert_eq!(keyring.unseal(&UnsealWith::KeyFile).unwrap_err().code, "UnsealRefused");
    let wrong = UnsealWith::Passphrase(passphrase("wrong horse battery"));
    assert_eq!(keyring.unseal(&wrong).unwrap_err().status, 403);
    let share = |i: usize| UnsealWith::Share(passphrase(shares[i].expose()));
    let status = keyring.unseal(&share(1)).unwrap();
    assert_eq!((status.sealed, status.shares_given), (true, 1));
    assert!(keyring.unseal(&share(1)).unwrap().sealed, "the same share twice is one");
    assert!(!keyring.unseal(&share(2)).unwrap().sealed);
    keyring.seal();
    let right = UnsealWith::Passphrase(passphrase("correct horse battery"));
    assert!(!keyring.unseal(&right).unwrap().sealed);
}

#[test]
fn old_seals_open_nothing_after_a_rekey() {
    let place = Place::new();
    let keyring = place.start();
    let old = std::fs::read(place.file()).unwrap();
    keyring.rekey(&[NewSeal::KeyFile], now()).unwrap();
    assert_ne!(std::fs::read(place.file()).unwrap(), old);
    assert!(!place.start().is_sealed());
    std::fs::write(place.file(), old).unwrap();
    assert!(place.start().is_sealed());
}

#[test]
fn a_new_root_keeps_every_key() {
    let place = Place::new();
    let keyring = place.start();
    keyring.ensure_key("a").unwrap();
    let key = keyring.key("a").unwrap();
    assert_eq!(keyring.rotate_root().unwrap(), 2);
    assert_eq!(keyring.rotate_root().unwrap(), 3);
    let again = place.start();
    assert_eq!(again.key("a").unwrap().expose(), key.expose());
    assert_eq!(again.status().unwrap().root_generation, 3);
    again.destroy_key("a").unwrap();
    assert!(place.start().key("a").is_err());
}

#[test]
fn a_swapped_or_edited_box_does_not_open() {
    let place = Place::new();
    let keyring = place.start();
    keyring.ensure_key("a").unwrap();
    keyring.ensure_key("b").unwrap();
    let b = place.store.get(KEYRING, "kek/b").unwrap().unwrap();
    place.store.put(KEYRING, "kek/a", b.value, Condition::Any).unwrap();
    assert!(place.start().is_sealed(), "keys of two vaults cannot be exchanged");
}
