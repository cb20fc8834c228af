#![allow(clippy::unwrap_used)]
use std::sync::OnceLock;

use super::*;

fn key() -> &'static RsaPrivateKey {
    static KEY: OnceLock<RsaPrivateKey> = OnceLock::new();
    KEY.get_or_init(|| RsaPrivateKey::generate(RsaBits::Rsa2048).unwrap())
}

const BOTH: [RsaAlgorithm; 2] = [RsaAlgorithm::Rs256, RsaAlgorithm::Ps256];

#[test]
fn a_signature_verifies_with_its_key_scheme_and_message_alone() {
    for algorithm in BOTH {
        let signature = key().sign(algorithm, b"message").unwrap();
        for other in BOTH {
            assert_eq!(key().public().verify(other, b"message", &signature), other == algorithm);
        }
        assert!(!key().public().verify(algorithm, b"massage", &signature));
        let mut flipped = signature.clone();
        flipped[100] ^= 1;
        assert!(!key().public().verify(algorithm, b"message", &flipped));
        assert!(!key().public().verify(algorithm, b"message", &signature[1..]));
        assert!(!key().public().verify(algorithm, b"message", b""));
    }
    let stranger = RsaPrivateKey::generate(RsaBits::Rsa2048).unwrap();
    let signature = stranger.sign(RsaAlgorithm::Rs256, b"message").unwrap();
    assert!(!key().public().verify(RsaAlgorithm::Rs256, b"message", &signature));
}

#[test]
fn keys_survive_their_stored_form() {
    let pem = key().to_pkcs8_pem().unwrap();
    assert!(pem.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    let again = RsaPrivateKey::from_pkcs8_pem(pem.expose()).unwrap();
    assert_eq!(again.public(), key().public());
    let signature = again.sign(RsaAlgorithm::Rs256, b"x").unwrap();
    assert!(key().public().verify(RsaAlgorithm::Rs256, b"x", &signature));
}

#[test]
fn a_public_key_is_its_modulus_and_exponent() {
    let public = key().public();
    assert_eq!((public.modulus().len(), public.jwk_e().as_str()), (256, "AQAB"));
    let padded: Vec<u8> = [&[0, 0], public.modulus()].concat();
    assert_eq!(&RsaPublicKey::from_components(&padded, public.exponent()).unwrap(), public);
    let signature = key().sign(RsaAlgorithm::Ps256, b"x").unwrap();
    let decode = |text: String| URL_SAFE_NO_PAD.decode(text).unwrap();
    let again =
        RsaPublicKey::from_components(&decode(public.jwk_n()), &decode(public.jwk_e())).unwrap();
    assert!(again.verify(RsaAlgorithm::Ps256, b"x", &signature));
}

#[test]
fn three_thousand_bits_are_three_thousand_bits() {
    let key = RsaPrivateKey::generate(RsaBits::Rsa3072).unwrap();
    assert_eq!(key.public().modulus().len(), 384);
}

#[test]
fn keys_that_are_none_or_too_short_are_refused() {
    assert!(RsaPublicKey::from_components(&[0xff; 128], &[1, 0, 1]).is_err()); // 1024 bits
    assert!(RsaPublicKey::from_components(&[0xff; 2048], &[1, 0, 1]).is_err());
    assert!(RsaPublicKey::from_components(&[], &[]).is_err());
    assert!(RsaPublicKey::from_components(&[0xff; 256], &[]).is_err());
    assert!(RsaPublicKey::from_components(&[0xff; 256], &[1; 64]).is_err());
    for text in ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "nonsense"] {
        assert!(RsaPrivateKey::from_pkcs8_pem(text).is_err());
    }
    let pem = key().to_pkcs8_pem().unwrap();
    assert!(RsaPrivateKey::from_pkcs8_pem(&pem.expose()[..400]).is_err());
}

#[test]
fn only_the_two_names_are_algorithms() {
    assert_eq!(RsaAlgorithm::from_name("RS256"), Some(RsaAlgorithm::Rs256));
    for name in ["none", "None", "HS256", "rs256", "RS512", ""] {
        assert_eq!(RsaAlgorithm::from_name(name), None);
    }
}
