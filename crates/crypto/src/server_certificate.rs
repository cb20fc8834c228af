//! The server's certificate on disk: made at the first start, renewed before it ends or when a name is missing.
//!
//! Files: `ca.pem` (what clients trust), `ca.key.pem`, `server.pem`, `server.key.pem`. Keys are written before their
//! certificates, and a pair that does not match is made anew, so a kill at any moment heals at the next start.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::{Path, PathBuf};

use crate::{
    Authority, Certificate, CryptoError, SecretText, private_directory, random_bytes, read_private,
    tls, write_private, write_public,
};

/// Renewed when less is left, in seconds: 30 days.
const RENEW_BEFORE: i64 = 30 * 24 * 60 * 60;

/// What a server certificate stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerNames {
    /// DNS names; the first one is the common name.
    pub dns: Vec<String>,
    /// Addresses.
    pub addresses: Vec<IpAddr>,
}

impl ServerNames {
    /// The names every instance answers to, and `more` (the machine's host name, names and addresses it listens on).
    /// What is neither a DNS name nor an address is left out.
    pub fn standard<'a>(more: impl IntoIterator<Item = &'a str>) -> Self {
        let own = ["localhost", "default.vault.localhost", "vault.localhost", "*.vault.localhost"];
        let mut names = Self {
            dns: own.map(str::to_owned).to_vec(),
            addresses: vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()],
        };
        for name in more {
            let name = name.trim_end_matches('.').to_lowercase();
            if let Ok(address) = name.parse::<IpAddr>() {
                if !names.addresses.contains(&address) && !address.is_unspecified() {
                    names.addresses.push(address);
                }
            } else if is_dns_name(&name) && !names.dns.contains(&name) {
                names.dns.push(name);
            }
        }
        names
    }
}

fn is_dns_name(name: &str) -> bool {
    let label = |label: &str| {
        let fits =
            (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
        fits && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// A server certificate, its key and the authority that signed it.
pub struct ServerCertificate {
    directory: PathBuf,
    authority: Certificate,
    certificate: Certificate,
    key_pem: SecretText,
}

impl ServerCertificate {
    /// Loads what `directory` holds and makes what is missing, does not match, lacks a name or ends within 30 days of
    /// `now` (seconds since 1970). Call it at start and once a day; the answer tells whether it is new.
    pub fn ensure(
        directory: &Path,
        names: &ServerNames,
        now: i64,
    ) -> Result<(Self, bool), CryptoError> {
        private_directory(directory)?;
        let files = Files::new(directory);
        let (authority, signer) = files.authority(now)?;
        if let Some(certificate) = files.server(&authority)?
            && (signer.is_none() || fits(&certificate.certificate, names, now))
        {
            return Ok((certificate, false));
        }
        let signer = signer.ok_or_else(|| {
            CryptoError::Certificate(format!(
                "{} is missing, so no server certificate can be issued; put it back or remove ca.pem to start anew",
                files.authority_key.display()
            ))
        })?;
        let issued = signer.issue_server(names, now)?;
        write_private(&files.server_key, issued.key_pem.expose().as_bytes())?;
        write_public(&files.server, issued.certificate_pem.as_bytes())?;
        let certificate = Certificate::from_pem(&issued.certificate_pem)?;
        let directory = directory.to_path_buf();
        Ok((Self { directory, authority, certificate, key_pem: issued.key_pem }, true))
    }

    /// The authority's certificate as PEM file: what clients are told to trust.
    pub fn authority_path(&self) -> PathBuf {
        Files::new(&self.directory).authority
    }

    /// The authority's certificate.
    pub fn authority(&self) -> &Certificate {
        &self.authority
    }

    /// The server's certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    pub(crate) fn key_pem(&self) -> &str {
        self.key_pem.expose()
    }
}

fn fits(certificate: &Certificate, names: &ServerNames, now: i64) -> bool {
    let lasts = certificate.not_before() <= now && now + RENEW_BEFORE < certificate.not_after();
    lasts
        && names.dns.iter().all(|n| certificate.dns_names().contains(n))
        && names.addresses.iter().all(|a| certificate.addresses().contains(a))
}

struct Files {
    directory: PathBuf,
    authority: PathBuf,
    authority_key: PathBuf,
    server: PathBuf,
    server_key: PathBuf,
}

impl Files {
    fn new(directory: &Path) -> Self {
        let at = |name: &str| directory.join(name);
        Self {
            directory: directory.to_path_buf(),
            authority: at("ca.pem"),
            authority_key: at("ca.key.pem"),
            server: at("server.pem"),
            server_key: at("server.key.pem"),
        }
    }

    /// The authority, made if there is none; without its signing part when the key was taken away.
    fn authority(&self, now: i64) -> Result<(Certificate, Option<Authority>), CryptoError> {
        let (pem, key) = (read_public(&self.authority)?, read_private(&self.authority_key)?);
        let authority = match (pem, key) {
            (Some(pem), Some(key)) => Authority::load(&pem, key.expose())?,
            (Some(pem), None) => return Ok((Certificate::from_pem(&pem)?, None)),
            (None, _) => self.new_authority(now)?,
        };
        Ok((authority.certificate().clone(), Some(authority)))
    }

    fn new_authority(&self, now: i64) -> Result<Authority, CryptoError> {
        let mark: [u8; 4] = random_bytes()?; // tells the roots of several instances apart in a trust store
        let (authority, issued) =
            Authority::create(&format!("vedette root {}", hex::encode(mark)), now)?;
        write_private(&self.authority_key, issued.key_pem.expose().as_bytes())?;
        write_public(&self.authority, issued.certificate_pem.as_bytes())?;
        Ok(authority)
    }

    /// The server's certificate, when certificate, key and authority belong together.
    fn server(&self, authority: &Certificate) -> Result<Option<ServerCertificate>, CryptoError> {
        let (pem, key) = (read_public(&self.server)?, read_private(&self.server_key)?);
        let (Some(pem), Some(key_pem)) = (pem, key) else { return Ok(None) };
        let Ok(certificate) = Certificate::from_pem(&pem) else { return Ok(None) };
        if !certificate.is_signed_by(authority) || !tls::key_matches(&certificate, key_pem.expose())
        {
            return Ok(None);
        }
        let directory = self.directory.clone();
        Ok(Some(ServerCertificate {
            directory,
            authority: authority.clone(),
            certificate,
            key_pem,
        }))
    }
}

fn read_public(path: &Path) -> Result<Option<String>, CryptoError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(CryptoError::file(path)(error)),
    }
}

#[cfg(test)]
mod tests;
