#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use crypto::pkcs11::TokenKey;
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
        let files = KeyFiles { own: self.file(), credential: None, token: None };
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
    assert_eq!(keyring.unseal(&UnsealWith::AtHand).unwrap_err().code, "UnsealRefused");
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
fn a_token_that_cannot_be_asked_stands_in_nobodys_way() {
    let place = Place::new();
    let keyring = place.start();
    let key = TokenKey::parse("pkcs11:token=house;object=unseal").unwrap();
    let token = || NewSeal::Pkcs11 { key: key.clone(), make: true };
    let error = keyring.rekey(&[token()], now()).err().unwrap();
    assert_eq!((error.status, error.code), (400, "BadParameter"));
    let wanted = if cfg!(feature = "pkcs11") { "--pkcs11-module" } else { "built without" };
    assert!(error.message.contains(wanted), "{error}");
    assert!(keyring.rekey(&[token(), token()], now()).err().unwrap().message.contains("only once"));
    assert!(!place.start().is_sealed(), "the old seal holds");

    // as a build with the feature left it, beside a passphrase
    let right = || UnsealWith::Passphrase(passphrase("correct horse battery"));
    let UnsealWith::Passphrase(text) = right() else { panic!("a passphrase") };
    keyring.rekey(&[NewSeal::Passphrase(text)], now()).unwrap();
    let stored = json!({
        "kind": "pkcs11", "created": "now", "wrapped": STANDARD.encode([7; 60]),
        "uri": "pkcs11:token=house;object=unseal", "mechanism": "aesGcm",
    });
    place.store.put(SEALS, "00", stored, Condition::Absent).unwrap();
    let again = place.start();
    assert!(again.is_sealed() && again.status().unwrap().seals.len() == 2);
    let error = again.unseal(&UnsealWith::AtHand).unwrap_err();
    assert_eq!(error.code, "UnsealRefused");
    assert!(error.message.contains(wanted), "{error}");
    assert!(!again.unseal(&right()).unwrap().sealed);
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

/// The store's commits wait for the audit log, whose writers read the keyring: whoever changes it must not hold them up.
#[test]
fn commits_may_read_the_keyring() {
    type Change = fn(&Keyring) -> Result<(), VaultError>;
    let changes: [(&str, Change); 4] = [
        ("ensure_key", |keyring| keyring.ensure_key("second")),
        ("rotate_root", |keyring| keyring.rotate_root().map(drop)),
        ("rekey", |keyring| keyring.rekey(&[NewSeal::KeyFile], now()).map(drop)),
        ("destroy_key", |keyring| keyring.destroy_key("second")),
    ];
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(state::SqliteStore::open(folder.path().join("state.db")).unwrap());
    let files = KeyFiles { own: folder.path().join("vault.unseal"), credential: None, token: None };
    let keyring = Arc::new(Keyring::open(store.clone(), files, now()).unwrap());
    let reader = Arc::downgrade(&keyring);
    let barrier = move || match reader.upgrade() {
        Some(keyring) => keyring.audit_key().map(drop).map_err(|e| e.to_string()),
        None => Ok(()),
    };
    let barrier = move || barrier().map_err(state::StoreError::Unavailable);
    assert!(store.before_commits(Box::new(barrier)));
    for (name, change) in changes {
        let (own, (told, done)) = (Arc::clone(&keyring), std::sync::mpsc::channel());
        let working = std::thread::spawn(move || told.send(change(&own).is_ok()));
        assert_eq!(done.recv_timeout(std::time::Duration::from_secs(20)), Ok(true), "{name}");
        working.join().unwrap().unwrap();
    }
}
