#![allow(clippy::unwrap_used)]
use proptest::prelude::*;

use super::*;
use crate::{Authority, ServerNames};

const NOW: i64 = 1_800_000_000;

#[test]
fn what_was_issued_is_read_back() {
    let (authority, root) = Authority::create("test root", NOW).unwrap();
    let names = ServerNames::standard(["Host.Example.", "192.0.2.7", "bad name!", "0.0.0.0"]);
    let issued = authority.issue_server(&names, NOW).unwrap();
    let (root, leaf) = (
        Certificate::from_pem(&root.certificate_pem).unwrap(),
        Certificate::from_pem(&issued.certificate_pem).unwrap(),
    );
    assert!(root.is_authority() && !leaf.is_authority());
    assert!(leaf.is_signed_by(&root) && root.is_signed_by(&root) && !root.is_signed_by(&leaf));
    assert_eq!(leaf.dns_names(), names.dns.as_slice());
    assert_eq!(leaf.addresses(), names.addresses.as_slice());
    assert_eq!(names.dns.last().unwrap(), "host.example");
    assert_eq!(names.addresses.last().unwrap().to_string(), "192.0.2.7");
    assert!(root.subject().contains("test root"));
    assert!(leaf.not_after() - leaf.not_before() <= 397 * 86_400);
    assert!(root.not_after() - NOW > 9 * 365 * 86_400);
    assert!(leaf.rsa_public_key().is_none());
    assert_eq!(
        Certificate::from_pem(&leaf.to_pem()).unwrap().thumbprint_sha1(),
        leaf.thumbprint_sha1()
    );
}

#[test]
fn a_leaf_never_outlives_its_root() {
    let (authority, _) = Authority::create("test root", NOW).unwrap();
    let late = authority.certificate().not_after() - 86_400;
    let issued = authority.issue_server(&ServerNames::standard([]), late).unwrap();
    let leaf = Certificate::from_pem(&issued.certificate_pem).unwrap();
    assert_eq!(leaf.not_after(), authority.certificate().not_after());
}

#[test]
fn a_foreign_key_is_no_authority_key() {
    let (_, one) = Authority::create("one", NOW).unwrap();
    let (_, two) = Authority::create("two", NOW).unwrap();
    assert!(Authority::load(&one.certificate_pem, two.key_pem.expose()).is_err());
    assert!(Authority::load(&one.certificate_pem, one.key_pem.expose()).is_ok());
    assert!(Authority::create("x", -10).is_err());
    assert!(Authority::create("x", i64::MAX / 2).is_err());
}

proptest! {
    #[test]
    fn bytes_that_are_no_certificate_are_refused_quietly(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(Certificate::from_der(&bytes).is_err());
    }

    /// Offsets 8.. lie within the signed part, behind the outer headers.
    #[test]
    fn a_damaged_certificate_never_passes_its_signature(at in 8_usize..300, bit in 0_u8..8) {
        static MADE: std::sync::OnceLock<(Certificate, Certificate)> = std::sync::OnceLock::new();
        let (root, leaf) = MADE.get_or_init(|| {
            let (authority, _) = Authority::create("test root", NOW).unwrap();
            let issued = authority.issue_server(&ServerNames::standard([]), NOW).unwrap();
            (authority.certificate().clone(), Certificate::from_pem(&issued.certificate_pem).unwrap())
        });
        let mut der = leaf.der().to_vec();
        der[at] ^= 1 << bit;
        if let Ok(damaged) = Certificate::from_der(&der) {
            prop_assert!(!damaged.is_signed_by(root));
        }
    }
}
