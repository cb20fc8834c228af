//! Keys, signatures, digests, secrets, certificates and TLS: the only crate that names a crypto library.
//!
//! Everything here takes and gives plain bytes, text and seconds since 1970, so that the library behind it can change
//! without a caller noticing. Types that hold secret material wipe it when dropped and have neither `Debug` nor
//! `Display`, `Clone` or `Serialize`: a struct that holds one cannot be logged by accident.

mod authority;
mod certificate;
mod digest;
mod error;
mod files;
mod jose_key;
mod key_pair;
mod local_key;
mod passphrase;
mod password;
pub mod password_based;
pub mod pkcs11;
mod random;
mod rsa;
mod sealing;
mod secret;
mod server_certificate;
pub mod shamir;
mod stored_secret;
pub mod tls;
mod totp;

pub use authority::{Authority, Issued, self_signed};
pub use certificate::{Certificate, pem_text};
pub use digest::{constant_time_eq, hmac_sha256, sha1, sha256, sha256_hex, verify_hmac_sha256};
pub use error::CryptoError;
pub use files::{private_directory, read_private, write_private, write_public};
pub use jose_key::{
    Curve, Encrypted, EncryptionAlgorithm, GCM_TAG_BYTES, JoseKey, JoseKind, JoseSignature,
    PublicParts, RsaForm, RsaNumbers, WrapAlgorithm,
};
pub use key_pair::{
    Hash, KeyKind, KeyPair, SignatureForm, is_public_key, verify_rsa_components, verify_signature,
};
pub use local_key::LocalKey;
pub use passphrase::{Stretch, passphrase_key};
pub use password::StoredPassword;
pub use random::{random_alphanumeric, random_below, random_bytes};
pub use rsa::{RsaAlgorithm, RsaBits, RsaPrivateKey, RsaPublicKey};
pub use sealing::{SEALING_KEY_BYTES, SealingKey};
pub use secret::{SecretBytes, SecretText};
pub use server_certificate::{ServerCertificate, ServerNames};
pub use stored_secret::{GeneratedSecret, StoredSecret};
pub use totp::TotpSecret;

#[cfg(test)]
mod hygiene;
