//! Certificates, requests, revocation lists and OCSP requests: any bytes are read or refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pki::{Certificate, SigningRequest, crl::RevocationList, ocsp};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(certificate) = Certificate::from_der(bytes) {
        assert_eq!(certificate.der(), bytes);
        let _ = (certificate.subject().to_string(), certificate.is_signed_by(&certificate));
        let _ = RevocationList::read(bytes, &certificate);
    }
    let _ = SigningRequest::from_der(bytes);
    let _ = ocsp::Request::from_der(bytes);
});
