//! A certificate's secret in the form that is asked for: PKCS#12 as PEM, PEM as PKCS#12.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use pki::{pem, pkcs12};
use zeroize::Zeroizing;

use super::ContentType;
use super::twins::packed;
use crate::{Found, Vault, VaultError};

impl ContentType {
    /// From Azure's name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Pkcs12, Self::Pem].into_iter().find(|form| form.name().eq_ignore_ascii_case(name))
    }
}

impl Vault {
    /// The value of a certificate's secret in a form of choice.
    pub fn secret_value_as(
        &self,
        found: &Found,
        form: ContentType,
    ) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let kept = found.version.text("contentType").and_then(ContentType::from_name);
        let Some(kept) = kept.filter(|_| found.object.managed) else {
            return Err(VaultError::bad_parameter(
                "outContentType is for the secrets of certificates; this secret has one form alone.",
            ));
        };
        let value = self.secret_value(found)?;
        if kept == form {
            return Ok(Zeroizing::new(value.expose().to_vec()));
        }
        let unreadable = || VaultError::damaged(&format!("the secret '{}'", found.object.name));
        let text = std::str::from_utf8(value.expose()).map_err(|_| unreadable())?;
        let bundle = match kept {
            ContentType::Pem => pem::read(text, ""),
            ContentType::Pkcs12 => {
                let der = STANDARD.decode(text).map_err(|_| unreadable())?;
                pkcs12::read(&Zeroizing::new(der), "")
            }
        };
        let bundle = bundle.ok().filter(|bundle| !bundle.certificates.is_empty());
        let bundle = bundle.ok_or_else(unreadable)?;
        packed(bundle.key.as_ref(), &bundle.certificates, form)
    }
}
