#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;

const NOW: i64 = 1_800_000_000;

fn kids(keys: &SigningKeys) -> Vec<String> {
    keys.current().0.iter().map(|k| k.kid.clone()).collect()
}

#[test]
fn a_key_is_published_before_it_signs_and_kept_after() {
    let home = tempfile::tempdir().unwrap();
    let keys = SigningKeys::open(home.path(), NOW).unwrap();
    let first = kids(&keys);
    assert_eq!(first.len(), 1);
    assert!(!keys.rotate(NOW + 88 * DAY).unwrap(), "not due yet");

    let due = NOW + 89 * DAY;
    assert!(keys.rotate(due).unwrap());
    let both = kids(&keys);
    assert_eq!((both.len(), &both[0]), (2, &first[0]));
    assert!(!keys.rotate(due + 10).unwrap(), "twice changes nothing");
    let signs = |at: i64| keys.current().signing(at).unwrap().kid().to_owned();
    assert_eq!(signs(due), first[0], "published, not yet signing");
    assert_eq!(signs(due + DAY), both[1]);
    assert!(keys.current().find(&first[0]).is_some(), "the old one still verifies");

    assert!(!keys.rotate(due + DAY + 3600).unwrap());
    assert!(keys.rotate(due + 2 * DAY).unwrap());
    assert_eq!(kids(&keys), [both[1].clone()]);
}

#[test]
fn a_long_pause_leaves_a_key_that_signs() {
    let home = tempfile::tempdir().unwrap();
    let first = kids(&SigningKeys::open(home.path(), NOW).unwrap());
    let keys = SigningKeys::open(home.path(), NOW + 400 * DAY).unwrap();
    assert_eq!(keys.current().signing(NOW + 400 * DAY).unwrap().kid(), first[0]);
    assert_eq!(kids(&keys).len(), 2);
    // a clock set back before every key still signs
    assert!(keys.current().signing(0).is_some());
}

#[test]
fn keys_survive_a_restart_and_revoking_does_not_spare_them() {
    let home = tempfile::tempdir().unwrap();
    let keys = SigningKeys::open(home.path(), NOW).unwrap();
    let before = kids(&keys);
    assert_eq!(kids(&SigningKeys::open(home.path(), NOW).unwrap()), before);
    keys.revoke_all(NOW).unwrap();
    assert_ne!(kids(&keys), before);
    assert_eq!(kids(&SigningKeys::open(home.path(), NOW).unwrap()), kids(&keys));
}

#[test]
fn the_file_is_for_the_owner_and_damage_is_named() {
    let home = tempfile::tempdir().unwrap();
    SigningKeys::open(home.path(), NOW).unwrap();
    let path = home.path().join(FILE);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let good = std::fs::read_to_string(&path).unwrap();
    let kid = good.split("\"kid\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    for bad in
        ["", "{}", &good.replace("\"version\":1", "\"version\":2"), &good.replace(&kid, "other")]
    {
        std::fs::write(&path, bad).unwrap();
        let error = SigningKeys::open(home.path(), NOW).err().unwrap().to_string();
        assert!(error.contains(FILE) && !error.contains("BEGIN"), "{error}");
    }
}

#[test]
fn published_keys_hold_the_public_half_alone() {
    let home = tempfile::tempdir().unwrap();
    let jwks = SigningKeys::open(home.path(), NOW).unwrap().current().jwks("issuer");
    let key = jwks["keys"][0].as_object().unwrap();
    let mut names: Vec<&str> = key.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["alg", "e", "issuer", "kid", "kty", "n", "use", "x5c", "x5t"]);
}

#[test]
fn each_key_has_a_certificate_that_stays_its_own() {
    let home = tempfile::tempdir().unwrap();
    let published =
        || SigningKeys::open(home.path(), NOW).unwrap().current().jwks("i")["keys"].clone();
    let made = published();
    let der = STANDARD.decode(made[0]["x5c"][0].as_str().unwrap()).unwrap();
    let certificate = Certificate::from_der(&der).unwrap();
    assert_eq!(certificate.rsa_public_key().unwrap().jwk_n(), made[0]["n"]);
    assert_eq!(URL_SAFE_NO_PAD.encode(certificate.thumbprint_sha1()), made[0]["x5t"]);
    assert!(certificate.is_signed_by(&certificate) && certificate.not_before() <= NOW);
    assert_eq!(published(), made, "after a restart");

    // files of earlier versions have none, a damaged one may have another's
    let path = home.path().join(FILE);
    let stored: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for other in [Value::Null, json!("AAAA"), json!("no base64")] {
        let mut old = stored.clone();
        match other.is_null() {
            true => drop(old["keys"][0].as_object_mut().unwrap().shift_remove("certificate")),
            false => old["keys"][0]["certificate"] = other,
        }
        std::fs::write(&path, old.to_string()).unwrap();
        let again = published();
        assert_eq!((&again[0]["kid"], &again[0]["n"]), (&made[0]["kid"], &made[0]["n"]));
        assert_eq!(published(), again, "made once, and kept");
    }
}
