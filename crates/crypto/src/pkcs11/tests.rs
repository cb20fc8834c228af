#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#![allow(clippy::print_stderr)] // a test that is skipped says so
//! Against SoftHSM, which reads its settings from the environment: each case runs in a process of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

const TOKEN: &str = "house";
const PIN: &str = "2468";
const CONTEXT: &str = "vedette|seal|test|1";
const FOLDER: &str = "VEDETTE_TEST_TOKEN";

/// Debian's places, and those of its builds from source.
fn softhsm() -> Option<PathBuf> {
    const PLACES: [&str; 4] = [
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
    ];
    PLACES.iter().map(PathBuf::from).find(|path| path.exists())
}

/// Runs a case against a new token, in a process of its own; says so where there is no SoftHSM.
fn with_token(case: &str, mechanisms: &str) {
    if softhsm().is_none() {
        eprintln!("skipped: there is no SoftHSM here (Debian: apt-get install softhsm2)");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (settings, tokens) = (folder.path().join("softhsm2.conf"), folder.path().join("tokens"));
    std::fs::create_dir(&tokens).unwrap();
    let text = format!(
        "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\nslots.mechanisms = {mechanisms}\n",
        tokens.display()
    );
    std::fs::write(&settings, text).unwrap();
    std::fs::write(folder.path().join("pin"), format!("{PIN}\n")).unwrap();
    let run = |command: &mut Command| {
        let done = command.env("SOFTHSM2_CONF", &settings).env(FOLDER, folder.path()).output();
        let done = done.unwrap();
        let told = [done.stdout, done.stderr].concat();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&told));
        String::from_utf8(told).unwrap()
    };
    run(Command::new("softhsm2-util").args([
        "--init-token",
        "--free",
        "--label",
        TOKEN,
        "--pin",
        PIN,
        "--so-pin",
        "13579",
    ]));
    let name = format!("pkcs11::tests::{case}");
    let told =
        run(Command::new(std::env::current_exe().unwrap()).args(["--ignored", "--exact", &name]));
    assert!(told.contains("1 passed"), "{told}");
}

fn folder() -> PathBuf {
    std::env::var_os(FOLDER).expect("run by the test of the same case").into()
}

fn access(pin: &Path) -> TokenAccess {
    TokenAccess { module: softhsm().unwrap(), pin: Pin::File(pin.to_path_buf()) }
}

fn key(object: &str) -> TokenKey {
    TokenKey::parse(&format!("pkcs11:token={TOKEN};object={object}")).unwrap()
}

fn why<T>(done: Result<T, CryptoError>) -> String {
    done.err().expect("a refusal").to_string()
}

#[test]
fn a_token_seals_and_opens() {
    with_token("seals_and_opens", "ALL");
}

#[test]
#[ignore = "runs inside a_token_seals_and_opens"]
fn seals_and_opens() {
    seals_with(TokenMechanism::AesGcm);
}

#[test]
fn a_token_without_gcm_seals_and_opens() {
    with_token("seals_without_gcm", "CKM_AES_KEY_GEN,CKM_AES_CBC");
}

#[test]
#[ignore = "runs inside a_token_without_gcm_seals_and_opens"]
fn seals_without_gcm() {
    seals_with(TokenMechanism::AesCbc);
}

fn seals_with(wanted: TokenMechanism) {
    let token = access(&folder().join("pin"));
    let plain = SealingKey::generate().unwrap();
    let (mechanism, wrapped) = token.wrap(&key("unseal"), true, &plain, CONTEXT).unwrap();
    assert_eq!(mechanism, wanted);
    let opened = |under: &TokenKey, wrapped: &[u8], context: &str| {
        token.unwrap_key(under, mechanism, wrapped, context)
    };
    assert_eq!(opened(&key("unseal"), &wrapped, CONTEXT).unwrap().expose(), plain.expose());
    assert!(!wrapped.windows(8).any(|part| plain.expose().windows(8).any(|other| part == other)));
    let (_, again) = token.wrap(&key("unseal"), true, &plain, CONTEXT).unwrap();
    assert_ne!(again, wrapped, "the key was there, the nonce is new");

    // another place, changed bytes, too few of them, another key
    assert!(
        why(opened(&key("unseal"), &wrapped, "vedette|seal|other|1")).contains("does not open")
    );
    for at in [0, 11, 12, 40, wrapped.len() - 1] {
        let mut bad = wrapped.clone();
        bad[at] ^= 1;
        assert!(why(opened(&key("unseal"), &bad, CONTEXT)).contains("does not open"), "{at}");
    }
    for short in [0, 5, 12, 32, wrapped.len() - 1] {
        assert!(opened(&key("unseal"), &wrapped[..short], CONTEXT).is_err(), "{short}");
    }
    token.wrap(&key("other"), true, &plain, CONTEXT).unwrap();
    assert!(why(opened(&key("other"), &wrapped, CONTEXT)).contains("does not open"));
}

#[test]
fn what_is_missing_is_named() {
    with_token("names_what_is_missing", "ALL");
}

#[test]
#[ignore = "runs inside what_is_missing_is_named"]
fn names_what_is_missing() {
    let token = access(&folder().join("pin"));
    let plain = SealingKey::generate().unwrap();
    let wrap = |under: &TokenKey| why(token.wrap(under, false, &plain, CONTEXT));
    assert!(wrap(&key("none")).contains("--pkcs11-make-key"));
    let elsewhere = TokenKey::parse("pkcs11:token=elsewhere;object=unseal").unwrap();
    let error = wrap(&elsewhere);
    assert!(error.contains("elsewhere") && error.contains("'house' (serial "), "{error}");

    // a key that may be taken out of the token, or is short, seals nothing
    for (name, bytes, stays) in [("loose", 32, false), ("short", 16, true), ("good", 32, true)] {
        make_key_elsewhere(name, bytes, stays);
        let done = token.wrap(&key(name), false, &plain, CONTEXT);
        match name {
            "good" => assert!(done.is_ok()),
            _ => assert!(why(done).contains("may be taken out of it, or has not 256 bits")),
        }
    }

    // two of one name, and the id that tells them apart
    for id in ["%0A", "%0B"] {
        let twin = TokenKey::parse(&format!("pkcs11:token={TOKEN};object=twin;id={id}")).unwrap();
        token.wrap(&twin, true, &plain, CONTEXT).unwrap();
    }
    assert!(wrap(&key("twin")).contains("several keys"));
}

/// As the token's own tool would.
fn make_key_elsewhere(name: &str, bytes: u64, stays: bool) {
    use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
    use cryptoki::mechanism::Mechanism;
    use cryptoki::object::Attribute;
    let library = Pkcs11::new(softhsm().unwrap()).unwrap();
    library.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).unwrap();
    let slot = library.get_slots_with_initialized_token().unwrap()[0];
    let session = library.open_rw_session(slot).unwrap();
    session.login(cryptoki::session::UserType::User, Some(&PIN.into())).unwrap();
    let attributes = [
        Attribute::Token(true),
        Attribute::Label(name.into()),
        Attribute::ValueLen(bytes.into()),
        Attribute::Sensitive(stays),
        Attribute::Extractable(!stays),
        Attribute::Encrypt(true),
        Attribute::Decrypt(true),
    ];
    session.generate_key(&Mechanism::AesKeyGen, &attributes).unwrap();
    drop(session);
    library.finalize().unwrap();
}

#[test]
fn a_wrong_pin_is_shown_once() {
    with_token("shows_a_wrong_pin_once", "ALL");
}

#[test]
#[ignore = "runs inside a_wrong_pin_is_shown_once"]
fn shows_a_wrong_pin_once() {
    let pin = folder().join("pin");
    let token = access(&pin);
    let plain = SealingKey::generate().unwrap();
    let wrap = || token.wrap(&key("unseal"), true, &plain, CONTEXT);
    std::fs::write(&pin, "1111").unwrap();
    let first = why(wrap());
    assert!(first.contains("refused the PIN in") && first.contains("/pin"), "{first}");
    for _ in 0..3 {
        assert!(why(wrap()).contains("refused the PIN") && why(wrap()).contains("before"));
    }
    assert!(!first.contains("1111"));
    std::fs::write(&pin, "\n").unwrap();
    assert!(why(wrap()).contains("no PIN for the token 'house'"));
    std::fs::remove_file(&pin).unwrap();
    assert!(why(wrap()).contains("there is no file"));
    std::fs::write(&pin, PIN).unwrap();
    assert!(wrap().is_ok());
}

#[test]
fn a_module_that_is_none_is_named() {
    let plain = SealingKey::generate().unwrap();
    let pin = Pin::Variable("VEDETTE_TEST_NO_SUCH_PIN");
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.so");
    std::fs::write(&text, "no library").unwrap();
    for (module, word) in [
        (PathBuf::from("libsofthsm2.so"), "whole path"),
        (folder.path().join("none.so"), "whole path"),
        (folder.path().to_path_buf(), "whole path"),
        (text, "could not be loaded"),
    ] {
        let access = TokenAccess { module, pin: pin.clone() };
        let error = why(access.wrap(&key("unseal"), true, &plain, CONTEXT));
        assert!(error.contains(word), "{error}");
        let mechanism = TokenMechanism::AesGcm;
        assert!(access.unwrap_key(&key("unseal"), mechanism, &[0; 60], CONTEXT).is_err());
    }
}
