//! What can be wrong with certificates and the files and messages around them.

use crypto::CryptoError;

/// A failure. Never carries secret material.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A subject that is no X.500 name.
    #[error(
        "the subject '{0}' is no X.500 name; write it like CN=example.com, O=\"Example, Inc.\""
    )]
    Subject(String),
    /// A value that cannot stand in a certificate.
    #[error("{0}")]
    Value(String),
    /// Bytes that are not what they should be.
    #[error("this is no {0}")]
    Format(&'static str),
    /// A signature that does not verify.
    #[error("the signature of the {0} does not verify")]
    Signature(&'static str),
    /// Wrong password or damaged file; which of the two cannot be told.
    #[error("the password is wrong, or the file is damaged")]
    Password,
    /// A key or certificate that is missing or does not belong.
    #[error("{0}")]
    Missing(&'static str),
    /// Something of the crypto library.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}
