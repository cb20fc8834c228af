//! TLS 1.2 and 1.3 for the one port, and clients that trust this instance's authority.

use std::sync::{Arc, RwLock};

use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::{Certificate, CryptoError, ServerCertificate};

/// gRPC and modern clients want HTTP/2; everything else speaks HTTP/1.1.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];
/// A new handshake costs as much as 75 requests: resumption is worth its memory.
const SESSIONS_KEPT: usize = 4096;

/// The cryptography behind TLS, for clients that take it as an argument.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// A server's TLS set-up, whose certificate can be replaced while it runs.
pub struct TlsServer {
    config: Arc<ServerConfig>,
    current: Arc<Current>,
}

impl TlsServer {
    /// TLS 1.2 and 1.3 with `certificate`, offering h2 and http/1.1.
    pub fn new(certificate: &ServerCertificate) -> Result<Self, CryptoError> {
        let key = certified_key(certificate.certificate(), certificate.key_pem())?;
        let current = Arc::new(Current(RwLock::new(Arc::new(key))));
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(failed)?
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
        config.session_storage = rustls::server::ServerSessionMemoryCache::new(SESSIONS_KEPT);
        config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new().map_err(failed)?;
        Ok(Self { config: Arc::new(config), current })
    }

    /// The set-up to accept connections with.
    pub fn config(&self) -> Arc<ServerConfig> {
        self.config.clone()
    }

    /// New connections get `certificate` from now on.
    pub fn replace(&self, certificate: &ServerCertificate) -> Result<(), CryptoError> {
        let key = certified_key(certificate.certificate(), certificate.key_pem())?;
        *self.current.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::new(key);
        Ok(())
    }
}

/// A client's TLS set-up that trusts the authorities in `ca_pem` and no other.
pub fn client_config(ca_pem: &str) -> Result<Arc<ClientConfig>, CryptoError> {
    let mut roots = RootCertStore::empty();
    for certificate in authorities(ca_pem)? {
        roots.add(certificate).map_err(failed)?;
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map_err(failed)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The certificates of a PEM text, for clients that build their own trust store; at least one.
pub fn authorities(ca_pem: &str) -> Result<Vec<CertificateDer<'static>>, CryptoError> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(ca_pem.as_bytes()).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(CryptoError::Certificate("the CA file holds no PEM certificate".into())),
    }
}

/// True when `key_pem` is the private key of `certificate`.
pub(crate) fn key_matches(certificate: &Certificate, key_pem: &str) -> bool {
    certified_key(certificate, key_pem).is_ok()
}

fn certified_key(certificate: &Certificate, key_pem: &str) -> Result<CertifiedKey, CryptoError> {
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())
        .map_err(|_| CryptoError::Key("the server's key file holds no private key"))?;
    let chain = vec![CertificateDer::from(certificate.der().to_vec())];
    CertifiedKey::from_der(chain, key, &provider()).map_err(failed)
}

fn failed(error: rustls::Error) -> CryptoError {
    CryptoError::Tls(error.to_string())
}

/// The certificate of the moment.
#[derive(Debug)]
struct Current(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone())
    }
}

#[cfg(test)]
mod tests;
