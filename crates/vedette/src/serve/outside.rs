//! The house's way out to identity providers that an operator registered, and to nothing else. TLS always, certificates
//! of the system's authorities (or SSL_CERT_FILE's), no redirects, small answers, little patience.

use std::io::Read;
use std::time::Duration;

use identity::{Outside, OutsideReply};
use serde_json::Value;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Where systems keep the authorities they trust.
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
];
const ANSWER_MAX: u64 = 1 << 20;
const PATIENCE: Duration = Duration::from_secs(15);

/// The way out.
pub(super) struct WayOut(());

impl WayOut {
    pub(super) fn new() -> Self {
        Self(())
    }

    /// Made for each call: sign-ins with a provider are rare, and authorities may change.
    fn agent(&self) -> Result<Agent, String> {
        let roots = system_authorities()?;
        let tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(crypto::tls::provider())
            .root_certs(RootCerts::Specific(roots.into()))
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .https_only(true)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .build();
        Ok(config.new_agent())
    }
}

/// The authorities that the system trusts, or those of SSL_CERT_FILE.
pub(super) fn system_authorities() -> Result<Vec<Certificate<'static>>, String> {
    let named = std::env::var("SSL_CERT_FILE").ok().filter(|p| !p.is_empty());
    let files = named.into_iter().chain(BUNDLES.iter().map(|b| (*b).to_owned()));
    let pem = files.filter_map(|path| std::fs::read_to_string(path).ok()).next();
    let pem =
        pem.ok_or("no file of certificate authorities was found; name one by SSL_CERT_FILE")?;
    let authorities = crypto::tls::authorities(&pem).map_err(|e| e.to_string())?;
    Ok(authorities.iter().map(|der| Certificate::from_der(der).to_owned()).collect())
}

impl Outside for WayOut {
    fn get(&self, url: &str) -> Result<OutsideReply, String> {
        let answer = self.agent()?.get(url).call().map_err(|e| e.to_string())?;
        read(answer)
    }

    fn post_form(&self, url: &str, form: &[(&str, &str)]) -> Result<OutsideReply, String> {
        let fields = form.iter().copied();
        let answer = self.agent()?.post(url).send_form(fields).map_err(|e| e.to_string())?;
        read(answer)
    }
}

fn read(answer: ureq::http::Response<ureq::Body>) -> Result<OutsideReply, String> {
    let status = answer.status().as_u16();
    let mut bytes = Vec::new();
    let mut reader = answer.into_body().into_reader().take(ANSWER_MAX);
    reader.read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    Ok(OutsideReply { status, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
}
