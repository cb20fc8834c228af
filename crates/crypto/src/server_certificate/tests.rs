#![allow(clippy::unwrap_used)]
use std::fs;

use super::*;

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 86_400;

fn ensure(home: &Path, more: &[&str], now: i64) -> (ServerCertificate, bool) {
    ServerCertificate::ensure(home, &ServerNames::standard(more.iter().copied()), now).unwrap()
}

#[test]
fn made_once_and_kept() {
    let home = tempfile::tempdir().unwrap();
    let (first, new) = ensure(home.path(), &[], NOW);
    assert!(new);
    let (second, new) = ensure(home.path(), &[], NOW + 300 * DAY);
    assert!(!new);
    assert_eq!(first.certificate().der(), second.certificate().der());
    assert!(first.authority_path().ends_with("ca.pem"));
}

#[test]
fn renewed_before_its_end_under_the_same_authority() {
    let home = tempfile::tempdir().unwrap();
    let (first, _) = ensure(home.path(), &[], NOW);
    let (second, new) = ensure(home.path(), &[], first.certificate().not_after() - 29 * DAY);
    assert!(new);
    assert_eq!(first.authority().der(), second.authority().der());
    assert!(second.certificate().not_after() > first.certificate().not_after());
}

#[test]
fn renewed_when_a_name_is_missing_and_not_when_one_is_over() {
    let home = tempfile::tempdir().unwrap();
    ensure(home.path(), &["one.example"], NOW);
    assert!(ensure(home.path(), &["one.example", "192.0.2.1"], NOW).1);
    assert!(!ensure(home.path(), &["one.example"], NOW).1);
}

#[test]
fn a_kill_between_two_files_heals() {
    for lost in ["ca.pem", "server.pem", "server.key.pem"] {
        let home = tempfile::tempdir().unwrap();
        ensure(home.path(), &[], NOW);
        fs::remove_file(home.path().join(lost)).unwrap();
        let (healed, new) = ensure(home.path(), &[], NOW);
        assert!(new, "{lost}");
        assert!(healed.certificate().is_signed_by(healed.authority()), "{lost}");
        assert!(!ensure(home.path(), &[], NOW).1, "{lost}");
    }
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    ensure(one.path(), &[], NOW);
    ensure(two.path(), &[], NOW);
    fs::copy(one.path().join("server.key.pem"), two.path().join("server.key.pem")).unwrap();
    assert!(ensure(two.path(), &[], NOW).1, "a key of another certificate");
}

#[test]
fn an_authority_key_kept_elsewhere_stops_issuing_but_not_serving() {
    let home = tempfile::tempdir().unwrap();
    ensure(home.path(), &[], NOW);
    fs::remove_file(home.path().join("ca.key.pem")).unwrap();
    assert!(!ensure(home.path(), &["new.example"], NOW + 390 * DAY).1);
    fs::remove_file(home.path().join("server.pem")).unwrap();
    let refused = ServerCertificate::ensure(home.path(), &ServerNames::standard([]), NOW);
    assert!(refused.err().unwrap().to_string().contains("ca.key.pem is missing"));
}

#[test]
fn damaged_files_are_named_or_replaced_never_used() {
    let home = tempfile::tempdir().unwrap();
    ensure(home.path(), &[], NOW);
    fs::write(home.path().join("server.pem"), "garbage").unwrap();
    assert!(ensure(home.path(), &[], NOW).1);
    fs::write(home.path().join("ca.pem"), "garbage").unwrap();
    assert!(ServerCertificate::ensure(home.path(), &ServerNames::standard([]), NOW).is_err());
}

#[cfg(unix)]
#[test]
fn keys_are_for_the_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let home = tempfile::tempdir().unwrap();
    let keys = home.path().join("keys");
    ensure(&keys, &[], NOW);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&keys), 0o700);
    for entry in fs::read_dir(&keys).unwrap() {
        let path = entry.unwrap().path();
        let is_key = path.to_string_lossy().ends_with(".key.pem");
        assert_eq!(mode(&path), if is_key { 0o600 } else { 0o644 }, "{path:?}");
    }
}
