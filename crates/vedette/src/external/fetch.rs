//! One GET of an allowed address: no redirects, no proxy, no credentials, bounded in time and size.

use std::io::Read;
use std::time::Duration;

use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// How long an address may take.
const TIME_MAX: Duration = Duration::from_secs(60);
/// Where systems keep the authorities they trust; SSL_CERT_FILE comes first.
const AUTHORITIES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The body behind an address.
pub(super) fn get(url: &str, bytes_max: usize) -> Result<Vec<u8>, String> {
    let roots: Vec<Certificate<'static>> = crypto::tls::authorities(&authorities()?)
        .map_err(|e| e.to_string())?
        .iter()
        .map(|der| Certificate::from_der(der).to_owned())
        .collect();
    let tls = TlsConfig::builder()
        .unversioned_rustls_crypto_provider(crypto::tls::provider())
        .root_certs(RootCerts::Specific(roots.into()))
        .build();
    let agent: Agent = Agent::config_builder()
        .tls_config(tls)
        .max_redirects(0)
        .timeout_global(Some(TIME_MAX))
        .proxy(None)
        .build()
        .new_agent();
    let mut answer = agent.get(url).call().map_err(|e| e.to_string())?;
    if answer.status().is_redirection() {
        return Err("the address leads to another one, which is not followed".to_owned());
    }
    let most = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let mut body = Vec::new();
    let mut reader = answer.body_mut().as_reader().take(most.saturating_add(1));
    reader.read_to_end(&mut body).map_err(|e| e.to_string())?;
    if body.len() > bytes_max {
        return Err(format!("the body is larger than {} MB", bytes_max >> 20));
    }
    Ok(body)
}

fn authorities() -> Result<String, String> {
    let named = std::env::var("SSL_CERT_FILE").ok();
    let places = named.iter().map(String::as_str).chain(AUTHORITIES);
    places
        .filter_map(|place| std::fs::read_to_string(place).ok())
        .next()
        .ok_or_else(|| "no certificate authorities are installed; set SSL_CERT_FILE".to_owned())
}
