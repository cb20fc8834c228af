//! Certificates as values, for the vault's doors: everything here is bytes in, bytes out, without clock, files or waiting.
//!
//! | room | what |
//! |---|---|
//! | [`der`] | DER, written and read |
//! | [`Name`], [`AlternativeNames`], [`KeyUsage`] | who and what for |
//! | [`Certificate`], [`Template`], [`Issuer`] | certificates read, described, issued |
//! | [`SigningRequest`] | PKCS#10 |
//! | [`pem`], [`pkcs12`] | files with keys |
//! | [`crl`], [`ocsp`] | what was revoked |
//! | [`acme`] | RFC 8555: both sides |
//!
//! Cryptography itself is `crypto`'s. Readers take any bytes: bounded, an error instead of a panic.

pub mod acme;
mod algorithm;
mod alternative_names;
mod certificate;
pub mod crl;
pub mod der;
mod error;
mod issue;
mod name;
pub mod ocsp;
pub mod oids;
pub mod pem;
pub mod pkcs12;
mod request;
pub mod time;
mod usage;

pub use algorithm::PublicKey;
pub use alternative_names::{AlternativeNames, is_dns_name};
pub use certificate::Certificate;
pub use error::PkiError;
pub use issue::{Authority, Issuer, Template, new_serial, self_signed};
pub use name::Name;
pub use request::SigningRequest;
pub use usage::KeyUsage;
