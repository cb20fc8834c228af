//! Certificates: a policy, versions, an operation that is pending, and two twins of the same name: the key, and the secret
//! that holds both.
//!
//! ```text
//! create -> Pending (key made, request written) -> issuer -> complete -> certificate, key and secret in one transaction
//! import -------------------------------------------------^
//! renewal: a policy whose day has come creates again
//! ```
//!
//! A version's own sealed value is its private key (PKCS#8): what issuing and renewing read. Twins have theirs.

mod authority;
mod bundle;
mod contacts;
mod converted;
mod create;
mod deployments;
mod import;
mod issuers;
mod life;
mod pending;
mod policy;
mod renewal;
mod twins;
mod update;

pub use authority::{AuthorityPlaces, IssuedRecord, RevocationReason, pem_of_list};
pub(crate) use authority::{ISSUED, REVOKED};
pub use bundle::CertificateFacts;
pub use create::Step;
pub use deployments::{DuePush, OWN_FILES, Target, TargetKind, without_secrets};
pub use import::{NewImport, merged_certificates, standard_base64};
pub(crate) use issuers::OWN;
pub use issuers::{IssuerRecord, Provider};
pub use pending::{Pending, PendingStatus};
pub use policy::{ContentType, LifetimeAction, Policy, Trigger};
pub use renewal::Renewal;
pub use update::CertificateChange;

use pki::PkiError;

use crate::{VaultError, check_name};

/// Refuses what is no name for a certificate: paths with these words lead to the contacts and issuers of the vault.
pub(crate) fn check_certificate_name(name: &str) -> Result<(), VaultError> {
    check_name(name)?;
    if ["contacts", "issuers"].iter().any(|word| word.eq_ignore_ascii_case(name)) {
        return Err(VaultError::bad_parameter(format!(
            "A certificate cannot be called '{name}': that is where the {name} of the vault are."
        )));
    }
    Ok(())
}

impl From<PkiError> for VaultError {
    fn from(error: PkiError) -> Self {
        match error {
            PkiError::Crypto(error) => error.into(),
            error => Self::bad_parameter(format!("{error}.")),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
