#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use crate::sha256;

const SIGNATURES: [&str; 13] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "ES256K",
    "HS256", "HS384", "HS512",
];

fn keys() -> Vec<JoseKey> {
    let mut kinds = vec![JoseKind::Rsa(2048)];
    kinds.extend(Curve::ALL.map(JoseKind::Ec));
    kinds.extend([128, 192, 256].map(JoseKind::Oct));
    kinds.into_iter().map(|kind| JoseKey::generate(kind).unwrap()).collect()
}

#[test]
fn every_key_signs_with_its_algorithms_and_no_other() {
    for key in keys() {
        for name in SIGNATURES {
            let algorithm = JoseSignature::from_name(name).unwrap();
            let digest = vec![7; algorithm.digest_bytes().unwrap_or(32)];
            let signed = key.sign(algorithm, &digest);
            assert_eq!(signed.is_ok(), algorithm.fits(key.kind()), "{:?} {name}", key.kind());
            let Ok(signature) = signed else { continue };
            assert!(key.verify(algorithm, &digest, &signature).unwrap(), "{name}");
            let mut bad = signature.clone();
            bad[3] ^= 1;
            assert!(!key.verify(algorithm, &digest, &bad).unwrap(), "{name}");
            assert!(!key.verify(algorithm, &digest, b"").unwrap(), "{name}");
            let mut other = digest.clone();
            other[0] ^= 1;
            assert!(!key.verify(algorithm, &other, &signature).unwrap(), "{name}");
            if algorithm.digest_bytes().is_some() {
                assert!(key.sign(algorithm, &digest[1..]).is_err(), "{name}: a short digest");
                assert!(key.verify(algorithm, &digest[1..], &signature).is_err(), "{name}");
            }
            if let JoseKind::Ec(curve) = key.kind() {
                assert_eq!(signature.len(), 2 * curve.field_bytes(), "r and s side by side");
            }
        }
    }
    assert!(
        JoseSignature::from_name("RSNULL").is_none() && JoseSignature::from_name("rs256").is_none()
    );
}

#[test]
fn keys_survive_their_stored_form() {
    for key in keys() {
        let stored = key.to_stored().unwrap();
        let again = JoseKey::from_stored(key.kind(), stored.expose()).unwrap();
        assert_eq!(again.public(), key.public());
        assert!(JoseKey::from_stored(key.kind(), &stored.expose()[1..]).is_err());
        for other in [JoseKind::Rsa(3072), JoseKind::Ec(Curve::P384), JoseKind::Oct(192)] {
            let fits = JoseKey::from_stored(other, stored.expose()).is_ok();
            assert_eq!(fits, other == key.kind(), "{other:?} of {:?}", key.kind());
        }
    }
}

#[test]
fn what_is_encrypted_comes_back_and_changes_show() {
    let all = [
        "RSA-OAEP",
        "RSA-OAEP-256",
        "RSA1_5",
        "A128GCM",
        "A192GCM",
        "A256GCM",
        "A128CBC",
        "A192CBC",
        "A256CBC",
        "A128CBCPAD",
        "A192CBCPAD",
        "A256CBCPAD",
    ];
    const CBC: EncryptionAlgorithm = EncryptionAlgorithm::Cbc { bits: 256, padded: false };
    let plain = [9; 32];
    let mut done = 0;
    for key in keys() {
        for name in all {
            let algorithm = EncryptionAlgorithm::from_name(name).unwrap();
            let Ok(text) = key.encrypt(algorithm, &plain, None, b"") else { continue };
            done += 1;
            assert_eq!(key.decrypt(algorithm, &text, b"").unwrap().expose(), plain, "{name}");
            let mut bad = text.clone();
            bad.bytes.pop();
            assert!(key.decrypt(algorithm, &bad, b"").is_err(), "{name}: cut");
            if text.tag.is_some() {
                let mut bad = text.clone();
                bad.bytes[0] ^= 1;
                assert!(key.decrypt(algorithm, &bad, b"").is_err());
                assert!(key.decrypt(algorithm, &text, b"x").is_err());
                let short = Encrypted { tag: Some(vec![0; 12]), ..text.clone() };
                assert!(key.decrypt(algorithm, &short, b"").is_err());
            }
        }
    }
    let key = keys().into_iter().find(|key| key.encrypt(CBC, &plain, None, b"").is_ok()).unwrap();
    for (length, shown) in [(1, 16), (16, 16), (20, 32)] {
        let text = key.encrypt(CBC, &plain[..length], None, b"").unwrap();
        let mut whole = plain[..length].to_vec();
        whole.resize(shown, 0);
        assert_eq!(key.decrypt(CBC, &text, b"").unwrap().expose(), whole, "{length}");
    }
    assert!(key.encrypt(CBC, b"", None, b"").is_err());
    assert_eq!(done, 3 + 3 * 3, "each algorithm with the one key that fits");
    for name in ["A128GCMKW", "A512GCM", "RSA-OAEP-512", "", "A12"] {
        assert!(EncryptionAlgorithm::from_name(name).is_none(), "{name}");
    }
}

#[test]
fn wrapped_keys_come_back() {
    let all = [
        "RSA-OAEP",
        "RSA-OAEP-256",
        "RSA1_5",
        "A128KW",
        "A192KW",
        "A256KW",
        "CKM_AES_KEY_WRAP",
        "CKM_AES_KEY_WRAP_PAD",
    ];
    let mut done = 0;
    for key in keys() {
        for name in all {
            let algorithm = WrapAlgorithm::from_name(name).unwrap();
            for length in [16, 24, 32, 33] {
                let Ok(wrapped) = key.wrap(algorithm, &vec![5; length]) else { continue };
                done += 1;
                assert_eq!(key.unwrap_key(algorithm, &wrapped).unwrap().expose(), vec![5; length]);
                let mut bad = wrapped.clone();
                bad[1] ^= 1;
                assert!(key.unwrap_key(algorithm, &bad).is_err(), "{name}");
            }
        }
    }
    // RSA: 3 forms x 4 lengths; AES: 3 keys x (3 lengths by name, 3 by CKM, 4 padded)
    assert_eq!(done, 12 + 3 * 10);
}

#[test]
fn every_bad_ciphertext_gets_the_same_answer() {
    let key = JoseKey::generate(JoseKind::Rsa(2048)).unwrap();
    let mut told = std::collections::BTreeSet::new();
    for name in ["RSA-OAEP", "RSA-OAEP-256", "RSA1_5"] {
        let algorithm = EncryptionAlgorithm::from_name(name).unwrap();
        let good = key.encrypt(algorithm, b"secret", None, b"").unwrap();
        for bytes in [vec![], vec![0; 256], vec![0xff; 256], vec![1; 255], vec![1; 300], {
            let mut bad = good.bytes.clone();
            bad[100] ^= 1;
            bad
        }] {
            let bad = Encrypted { bytes, ..Encrypted::default() };
            if let Err(error) = key.decrypt(algorithm, &bad, b"") {
                told.insert(error.to_string());
            }
        }
    }
    assert_eq!(told.into_iter().collect::<Vec<_>>(), [REFUSED.to_string()]);
}

#[test]
fn numbers_that_are_no_key_are_refused() {
    let zero = [0; 32];
    assert!(JoseKey::from_ec(Curve::P256, &zero, &zero, &zero).is_err());
    let key = JoseKey::generate(JoseKind::Ec(Curve::P256)).unwrap();
    let PublicParts::Ec { x, y } = key.public() else { panic!("EC") };
    assert!(JoseKey::from_ec(Curve::P256, &sha256(b"another"), &x, &y).is_err(), "another's point");
    assert!(JoseKey::from_ec(Curve::P256, &[1; 33], &x, &y).is_err(), "too long");
    for length in [0, 15, 17, 64] {
        assert!(JoseKey::from_oct(&vec![1; length]).is_err());
    }
    let n = [0xff; 256];
    let numbers = RsaNumbers { n: &n, e: &[1, 0, 1], d: &n, p: &n, q: &n, dp: &n, dq: &n, qi: &n };
    assert!(JoseKey::from_rsa(&numbers).is_err());
    assert!(JoseKey::from_rsa(&RsaNumbers { n: &[], e: &[], ..numbers }).is_err());
}
