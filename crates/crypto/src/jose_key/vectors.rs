//! Project Wycheproof's vectors, for every algorithm of the vault: none may come out wrong.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use aws_lc_rs::digest;
use wycheproof::{TestResult, aead, cipher, ecdsa, keywrap, mac, rsa_oaep, rsa_pkcs1_decrypt};
use wycheproof::{rsa_pkcs1_verify, rsa_pss_verify};

use super::*;

/// Counts vectors, and fails at the first that comes out wrong.
#[derive(Default)]
struct Count {
    right: usize,
}

impl Count {
    /// `good` is what our code says of a vector that the set calls `result`.
    fn judge(&mut self, set: &str, id: usize, result: TestResult, good: bool) {
        match result {
            TestResult::Valid => assert!(good, "{set} {id} is valid and was refused"),
            TestResult::Invalid => assert!(!good, "{set} {id} is invalid and was accepted"),
            TestResult::Acceptable => {}
        }
        self.right += 1;
    }
}

fn hashed(bytes: usize, message: &[u8]) -> Vec<u8> {
    let algorithm = match bytes {
        32 => &digest::SHA256,
        48 => &digest::SHA384,
        _ => &digest::SHA512,
    };
    digest::digest(algorithm, message).as_ref().to_vec()
}

fn verifies(algorithm: JoseSignature, public: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let digest = hashed(algorithm.digest_bytes().unwrap(), message);
    verify_digest(algorithm, public, &digest, signature).unwrap()
}

#[test]
fn ecdsa_signatures() {
    use ecdsa::TestName as T;
    let mut count = Count::default();
    for (name, algorithm) in [
        (T::EcdsaSecp256r1Sha256P1363, JoseSignature::Es256),
        (T::EcdsaSecp384r1Sha384P1363, JoseSignature::Es384),
        (T::EcdsaSecp521r1Sha512P1363, JoseSignature::Es512),
        (T::EcdsaSecp256k1Sha256P1363, JoseSignature::Es256K),
    ] {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let good = verifies(algorithm, &group.der, &test.msg, &test.sig);
                count.judge(&format!("{name:?}"), test.tc_id, test.result, good);
            }
        }
    }
    assert!(count.right > 900, "{}", count.right);
}

#[test]
fn rsa_signatures() {
    use rsa_pkcs1_verify::TestName as P;
    use rsa_pss_verify::TestName as S;
    let mut count = Count::default();
    for (name, algorithm) in [
        (P::Rsa2048Sha256, JoseSignature::Rs256),
        (P::Rsa2048Sha384, JoseSignature::Rs384),
        (P::Rsa2048Sha512, JoseSignature::Rs512),
        (P::Rsa3072Sha256, JoseSignature::Rs256),
        (P::Rsa3072Sha384, JoseSignature::Rs384),
        (P::Rsa3072Sha512, JoseSignature::Rs512),
        (P::Rsa4096Sha256, JoseSignature::Rs256),
        (P::Rsa4096Sha384, JoseSignature::Rs384),
        (P::Rsa4096Sha512, JoseSignature::Rs512),
    ] {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let good = verifies(algorithm, &group.asn_key, &test.msg, &test.sig);
                // signatures with a missing NULL are "acceptable": ours are not
                count.judge(&format!("{name:?}"), test.tc_id, test.result, good);
            }
        }
    }
    for (name, algorithm) in [
        (S::RsaPss2048Sha256Mgf1SaltLen32, JoseSignature::Ps256),
        (S::RsaPss2048Sha384Mgf1SaltLen48, JoseSignature::Ps384),
        (S::RsaPss3072Sha256Mgf1SaltLen32, JoseSignature::Ps256),
        (S::RsaPss4096Sha256Mgf1SaltLen32, JoseSignature::Ps256),
        (S::RsaPss4096Sha384Mgf1SaltLen48, JoseSignature::Ps384),
        (S::RsaPss4096Sha512Mgf1SaltLen64, JoseSignature::Ps512),
    ] {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let good = verifies(algorithm, &group.asn_key, &test.msg, &test.sig);
                count.judge(&format!("{name:?}"), test.tc_id, test.result, good);
            }
        }
    }
    assert!(count.right > 2000, "{}", count.right);
}

fn rsa_key(pkcs8: &[u8], bits: usize) -> JoseKey {
    JoseKey::from_stored(JoseKind::Rsa(u16::try_from(bits).unwrap()), pkcs8).unwrap()
}

#[test]
fn rsa_decryption() {
    use rsa_oaep::TestName as O;
    use rsa_pkcs1_decrypt::TestName as P;
    let mut count = Count::default();
    for (name, form) in [
        (O::Rsa2048Sha1Mgf1Sha1, RsaForm::Oaep),
        (O::Rsa2048Sha256Mgf1Sha256, RsaForm::Oaep256),
        (O::Rsa3072Sha256Mgf1Sha256, RsaForm::Oaep256),
        (O::Rsa4096Sha256Mgf1Sha256, RsaForm::Oaep256),
    ] {
        for group in rsa_oaep::TestSet::load(name).unwrap().test_groups {
            let key = rsa_key(&group.pkcs8, group.key_size);
            // Key Vault knows no labels
            for test in group.tests.into_iter().filter(|t| t.label.is_empty()) {
                let text = Encrypted { bytes: test.ct.to_vec(), ..Encrypted::default() };
                let plain = key.decrypt(EncryptionAlgorithm::Rsa(form), &text, b"");
                let good = plain.is_ok_and(|p| p.expose() == *test.pt);
                count.judge(&format!("{name:?}"), test.tc_id, test.result, good);
            }
        }
    }
    for name in [P::Rsa2048, P::Rsa3072, P::Rsa4096] {
        for group in rsa_pkcs1_decrypt::TestSet::load(name).unwrap().test_groups {
            let key = rsa_key(&group.pkcs8, group.key_size);
            for test in group.tests {
                let text = Encrypted { bytes: test.ct.to_vec(), ..Encrypted::default() };
                let plain = key.decrypt(EncryptionAlgorithm::Rsa(RsaForm::Pkcs1), &text, b"");
                let good = plain.is_ok_and(|p| p.expose() == *test.pt);
                count.judge(&format!("{name:?}"), test.tc_id, test.result, good);
            }
        }
    }
    assert!(count.right > 200, "{}", count.right);
}

#[test]
fn aes() {
    let mut count = Count::default();
    for group in aead::TestSet::load(aead::TestName::AesGcm).unwrap().test_groups {
        for test in group.tests {
            // Key Vault: an iv of 12 bytes and a tag of 16
            if (test.nonce.len(), test.tag.len()) != (12, 16) {
                continue;
            }
            let key = JoseKey::from_oct(&test.key).unwrap();
            let text = Encrypted {
                bytes: test.ct.to_vec(),
                iv: Some(test.nonce.to_vec()),
                tag: Some(test.tag.to_vec()),
            };
            let plain = key.decrypt(EncryptionAlgorithm::Gcm(group.key_size), &text, &test.aad);
            let good = plain.is_ok_and(|p| p.expose() == *test.pt);
            count.judge("AES-GCM", test.tc_id, test.result, good);
        }
    }
    for group in cipher::TestSet::load(cipher::TestName::AesCbcPkcs5).unwrap().test_groups {
        let algorithm = EncryptionAlgorithm::Cbc { bits: group.key_size, padded: true };
        for test in group.tests {
            let key = JoseKey::from_oct(&test.key).unwrap();
            let text =
                Encrypted { bytes: test.ct.to_vec(), iv: Some(test.nonce.to_vec()), tag: None };
            let plain = key.decrypt(algorithm, &text, b"");
            let good = plain.is_ok_and(|p| p.expose() == *test.pt);
            count.judge("AES-CBC-PKCS5", test.tc_id, test.result, good);
            if test.result == TestResult::Valid {
                let again = key.encrypt(algorithm, &test.pt, Some(&test.nonce), b"").unwrap();
                assert_eq!(again.bytes, test.ct.to_vec());
            }
        }
    }
    assert!(count.right > 300, "{}", count.right);
}

#[test]
fn key_wrapping() {
    let mut count = Count::default();
    for (name, padded) in
        [(keywrap::TestName::AesKeyWrap, false), (keywrap::TestName::AesKeyWrapWithPadding, true)]
    {
        for group in keywrap::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let key = JoseKey::from_oct(&test.key).unwrap();
                let algorithm = WrapAlgorithm::Aes { bits: Some(group.key_size), padded };
                let plain = key.unwrap_key(algorithm, &test.ct);
                let good = plain.is_ok_and(|p| p.expose() == *test.pt);
                count.judge(&format!("{name:?}"), test.tc_id, test.result, good);
                if test.result == TestResult::Valid {
                    assert_eq!(key.wrap(algorithm, &test.pt).unwrap(), test.ct.to_vec());
                }
            }
        }
    }
    assert!(count.right > 300, "{}", count.right);
}

#[test]
fn authentication() {
    use mac::TestName as M;
    let mut count = Count::default();
    for (name, algorithm, whole) in [
        (M::HmacSha256, JoseSignature::Hs256, 256),
        (M::HmacSha384, JoseSignature::Hs384, 384),
        (M::HmacSha512, JoseSignature::Hs512, 512),
    ] {
        for group in mac::TestSet::load(name).unwrap().test_groups {
            if group.tag_size != whole {
                continue; // Key Vault cuts no tags
            }
            for test in group.tests {
                let Ok(key) = JoseKey::from_oct(&test.key) else { continue };
                let good = key.verify(algorithm, &test.msg, &test.tag).unwrap();
                count.judge(&format!("{name:?}"), test.tc_id, test.result, good);
            }
        }
    }
    assert!(count.right > 50, "{}", count.right);
}
