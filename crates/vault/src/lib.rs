//! Secrets, keys and certificates under seal.
//!
//! ```text
//! Vaults          all vaults, the keyring, deleted vaults
//!   Keyring       sealed or open; the keys above the values (seal.rs: the ways to open it)
//!   Vault         settings (from its resource) and operations: set_secret, find, list, delete, recover, backup, ...
//!     Shelf       its objects in memory without values; Change is a transaction over several of them
//!       Object    name, versions, deleted or not; Version: attributes, tags, public facts
//! ```
//!
//! Values are opened for one answer and wiped behind it. Metadata (names, tags, attributes, public keys) is stored
//! readable: lists and searches work without opening anything, and the audit log names it anyway. Nothing here speaks
//! HTTP or judges rights.

mod acme;
mod audit;
mod backup;
mod certificates;
mod error;
mod generator;
mod keyring;
mod keys;
mod kind;
mod object;
mod objects;
pub mod resources;
mod seal;
mod sealed;
mod secrets;
mod settings;
mod shelf;
mod vaults;
mod wiped;

pub use pki::acme::txt as dns;

pub use acme::{
    AcmeAnswer, AcmeCall, AcmeServer, AcmeSettings, Look, Outside, Probe, Reach, Unseen,
    Validation, is_special_address, network_of,
};
pub use audit::{AuditHouse, AuditLog, AuditRecord, AuditReport, ChangeUnderWay};
pub use certificates::{
    AuthorityPlaces, CertificateChange, CertificateFacts, ContentType, DuePush, IssuedRecord,
    IssuerRecord, LifetimeAction, NewImport, OWN_FILES, Pending, PendingStatus, Policy, Provider,
    Renewal, RevocationReason, Step, Target, TargetKind, Trigger, merged_certificates, pem_of_list,
    standard_base64, without_secrets,
};
pub use error::VaultError;
pub use generator::Generator;
pub use keyring::{KeyFiles, Keyring, SealStatus, UnsealWith};
pub use keys::{
    Family, ImportedKey, Jwk, KeyType, KeyUse, NewKey, Rotation, RotationPolicy, check_operations,
    jwk_key,
};
pub use kind::{Kind, check_name};
pub use object::{AttributeChange, Attributes, Deleted, Object, Tags, Version, tags_from_json};
pub use objects::{Found, Life, Page};
pub use pki::acme::{
    ChallengeKind, Challenged, HttpRequest, HttpResponse, Problem as AcmeProblem,
    ProblemKind as AcmeProblemKind, dns_record,
};
pub use seal::{NewSeal, SealKind};
pub use secrets::{NewSecret, check_content_type};
pub use settings::{AccessPolicy, IpRange, Network, Settings};
pub use shelf::{Change, Shelf};
pub use vaults::{DeletedVault, RotatedKey, Vault, Vaults};
pub use wiped::Wiped;

/// Seconds of a day.
const DAY: i64 = 24 * 60 * 60;

/// A new version's id: 32 hexadecimal digits.
pub fn new_version_id() -> Result<String, VaultError> {
    Ok(hex::encode(crypto::random_bytes::<16>()?))
}
