//! ACME messages: any bytes are a signed message or a problem, and no chance signature verifies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pki::acme::{Account, Jwk, Jws, KeyReference, Order};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = Jws::parse(bytes)
        && let KeyReference::Key(key) = &message.key
    {
        let _ = message.verify(key);
        assert_eq!(Jwk::from_json(&key.to_json()).as_ref(), Some(key));
    }
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(bytes) {
        let _ = Order::identifiers(Some(&value));
        let _ = Account::contacts(Some(&value));
    }
});
