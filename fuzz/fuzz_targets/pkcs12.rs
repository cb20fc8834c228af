//! Key files: any bytes are read or refused, whatever the password.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pki::{pem, pkcs12};

fuzz_target!(|bytes: &[u8]| {
    let _ = pkcs12::read(bytes, "");
    let _ = pkcs12::decrypt_key(bytes, "x");
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = pem::read(text, "");
        let _ = pki::Name::parse(text);
    }
});
