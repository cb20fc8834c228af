//! Any bytes as a JSON web key to import: a key whose numbers fit together, or a refusal. What is taken signs or encrypts.
#![no_main]

use crypto::{EncryptionAlgorithm, JoseKind, JoseSignature};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(jwk) = serde_json::from_slice::<vault::Jwk>(data) else { return };
    let Ok((_, key)) = vault::jwk_key(&jwk) else { return };
    let stored = key.to_stored().expect("a key that was taken can be stored");
    let again = crypto::JoseKey::from_stored(key.kind(), stored.expose()).expect("and read again");
    assert_eq!(again.public(), key.public());
    let _ = match key.kind() {
        JoseKind::Oct(_) => key.encrypt(EncryptionAlgorithm::Gcm(128), b"x", None, b"").is_ok(),
        _ => key.sign(JoseSignature::Es256, &[0; 32]).is_ok(),
    };
});
