//! Any bytes as what a browser and an authenticator send for a passkey: refused, or a credential whose parts fit together;
//! never a sign-in, since nobody here has the key.
#![no_main]

use identity::webauthn::{Assertion, Expected, verify_assertion, verify_registration};
use libfuzzer_sys::fuzz_target;

const CHALLENGE: &[u8; 32] = b"0123456789abcdef0123456789abcdef";
const CREATE: &[u8] = br#"{"type":"webauthn.create","challenge":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY","origin":"https://localhost:8443"}"#;
const GET: &[u8] = br#"{"type":"webauthn.get","challenge":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY","origin":"https://localhost:8443"}"#;
/// SHA-256 of `localhost`.
const HOST: [u8; 32] = [
    0x49, 0x96, 0x0d, 0xe5, 0x88, 0x0e, 0x8c, 0x68, 0x74, 0x34, 0x17, 0x0f, 0x64, 0x76, 0x60, 0x5b, 0x8f, 0xe4, 0xae, 0xb9, 0xa2, 0x86,
    0x32, 0xc7, 0x99, 0x5c, 0xf3, 0xba, 0x83, 0x1d, 0x97, 0x63,
];

fuzz_target!(|bytes: &[u8]| {
    let expected = Expected { challenge: CHALLENGE, origin: "https://localhost:8443", rp_id: "localhost" };
    assert!(verify_registration(&expected, bytes, bytes).is_err());
    // the same bytes as the whole object, and as what follows the host's digest inside a well-formed one
    let data = [&HOST[..], bytes].concat();
    let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x5a".to_vec();
    object.extend((data.len() as u32).to_be_bytes());
    object.extend_from_slice(&data);
    for object in [bytes, &object] {
        if let Ok(made) = verify_registration(&expected, CREATE, object) {
            assert!(!made.id.is_empty() && made.id.len() <= identity::webauthn::CREDENTIAL_ID_MAX);
            let assertion = Assertion { client_data: GET, authenticator_data: &data, signature: bytes };
            assert!(verify_assertion(&expected, &made.public_key, &assertion).is_err());
        }
    }
    let assertion = Assertion { client_data: GET, authenticator_data: &data, signature: bytes };
    assert!(verify_assertion(&expected, bytes, &assertion).is_err());
});
