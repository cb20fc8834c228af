//! Whom the program trusts when it calls out: the system's authorities, or those it is given.

use std::time::Duration;

use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Where systems keep the authorities they trust; SSL_CERT_FILE comes first.
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// Authorities to trust.
pub(crate) type Authorities = Vec<Certificate<'static>>;

/// The authorities that the system trusts, or those of SSL_CERT_FILE.
pub(crate) fn system_authorities() -> Result<Authorities, String> {
    let named = std::env::var("SSL_CERT_FILE").ok().filter(|path| !path.is_empty());
    let mut files = named.iter().map(String::as_str).chain(BUNDLES.iter().copied());
    let pem = files.find_map(|path| std::fs::read_to_string(path).ok());
    let pem =
        pem.ok_or("no file of certificate authorities was found; name one by SSL_CERT_FILE")?;
    authorities(&pem).map_err(|e| e.to_string())
}

/// The authorities of a PEM file.
pub(crate) fn authorities(pem: &str) -> Result<Authorities, crypto::CryptoError> {
    let all = crypto::tls::authorities(pem)?;
    Ok(all.iter().map(|der| Certificate::from_der(der).to_owned()).collect())
}

/// TLS that trusts these authorities alone.
pub(crate) fn tls(roots: Authorities) -> TlsConfig {
    TlsConfig::builder()
        .unversioned_rustls_crypto_provider(crypto::tls::provider())
        .root_certs(RootCerts::Specific(roots.into()))
        .build()
}

/// An agent for servers that an operator named: TLS always, no redirects, refusals as answers, bounded patience.
pub(crate) fn careful_agent(roots: Authorities, patience: Duration) -> Agent {
    Agent::config_builder()
        .tls_config(tls(roots))
        .https_only(true)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(patience))
        .build()
        .new_agent()
}
