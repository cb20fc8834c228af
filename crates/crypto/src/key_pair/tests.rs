#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;

const ALL: [KeyKind; 6] = [
    KeyKind::Rsa(2048),
    KeyKind::P256,
    KeyKind::P384,
    KeyKind::P521,
    KeyKind::P256K,
    KeyKind::Ed25519,
];

#[test]
fn every_kind_signs_and_comes_back() {
    for kind in ALL {
        let key = KeyPair::generate(kind).unwrap();
        let again = KeyPair::from_der(key.to_pkcs8().unwrap().expose()).unwrap();
        assert_eq!((again.kind(), again.spki()), (kind, key.spki()));
        let signature = key.sign(key.form(), b"message").unwrap();
        let public = again.public_bytes();
        assert!(again.spki().ends_with(&public), "{kind:?}");
        assert!(verify_signature(kind, &public, key.form(), b"message", &signature), "{kind:?}");
        assert!(!verify_signature(kind, &public, key.form(), b"Message", &signature), "{kind:?}");
        assert!(!verify_signature(kind, b"", key.form(), b"message", &signature), "{kind:?}");
    }
}

#[test]
fn jose_forms() {
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    let signature = key.sign(SignatureForm::EcdsaFixed, b"m").unwrap();
    assert_eq!(signature.len(), 64);
    let check = |form| verify_signature(key.kind(), &key.public_bytes(), form, b"m", &signature);
    assert!(check(SignatureForm::EcdsaFixed) && !check(key.form()));

    let key = KeyPair::generate(KeyKind::Rsa(2048)).unwrap();
    let form = SignatureForm::RsaPkcs1(Hash::Sha256);
    let signature = key.sign(form, b"m").unwrap();
    let (n, e) = key.rsa_components().unwrap();
    assert!(verify_rsa_components(&n, &e, form, b"m", &signature));
    assert!(!verify_rsa_components(&n[1..], &e, form, b"m", &signature));
    assert!(!verify_rsa_components(&[], &[], form, b"m", &signature));
}

#[test]
fn what_is_no_key_is_refused() {
    for bytes in [&b""[..], b"0", b"\x30\x03\x02\x01\x00", &[0x30; 4000]] {
        assert!(KeyPair::from_der(bytes).is_err());
    }
    assert!(KeyPair::generate(KeyKind::Rsa(1024)).is_err());
    let key = KeyPair::generate(KeyKind::P256).unwrap();
    assert!(key.sign(SignatureForm::Ecdsa(Hash::Sha384), b"m").is_err());
    assert!(key.sign(SignatureForm::RsaPkcs1(Hash::Sha256), b"m").is_err());
}
