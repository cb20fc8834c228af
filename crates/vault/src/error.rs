//! Failures in Key Vault's words: status, code, inner code, message. None ever carries a value.

use state::StoreError;

/// Why a call was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct VaultError {
    /// HTTP status.
    pub status: u16,
    /// `error.code`.
    pub code: &'static str,
    /// `error.innererror.code`, where clients look for one.
    pub inner: Option<&'static str>,
    /// What is wrong and how to mend it.
    pub message: String,
}

impl VaultError {
    /// A failure with status and code.
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, inner: None, message: message.into() }
    }

    /// The same with an inner code.
    #[must_use]
    pub fn inner(mut self, code: &'static str) -> Self {
        self.inner = Some(code);
        self
    }

    /// 400: the request is not what it should be.
    pub fn bad_parameter(message: impl Into<String>) -> Self {
        Self::new(400, "BadParameter", message)
    }

    /// 403 with an inner code.
    pub fn forbidden(inner: &'static str, message: impl Into<String>) -> Self {
        Self::new(403, "Forbidden", message).inner(inner)
    }

    /// 404 with the code of the kind of thing.
    pub fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(404, code, message)
    }

    /// 409 with an inner code.
    pub fn conflict(inner: &'static str, message: impl Into<String>) -> Self {
        Self::new(409, "Conflict", message).inner(inner)
    }

    /// 503: nothing is answered while the seal is closed.
    pub fn sealed() -> Self {
        Self::new(
            503,
            "VaultSealed",
            "The vault is sealed. Unseal it with: vedette vault unseal; 'vedette vault status' tells how.",
        )
    }

    /// What is stored does not open: damaged, or of another instance.
    pub(crate) fn damaged(what: &str) -> Self {
        Self::new(
            500,
            "InternalServerError",
            format!(
                "{what} is stored damaged and does not open; restore a backup of the data folder"
            ),
        )
    }
}

impl From<StoreError> for VaultError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        match error {
            StoreError::Unavailable(_) => Self::new(503, "ServiceUnavailable", message),
            StoreError::Conflict { .. } => Self::new(409, "Conflict", message),
            StoreError::NotFound | StoreError::Damaged(_) | StoreError::Newer { .. } => {
                Self::new(500, "InternalServerError", message)
            }
        }
    }
}

impl From<crypto::CryptoError> for VaultError {
    fn from(error: crypto::CryptoError) -> Self {
        match error {
            // what was asked of a token cannot be had from it: the message says why
            crypto::CryptoError::Token(message) => Self::bad_parameter(message),
            other => Self::new(500, "InternalServerError", other.to_string()),
        }
    }
}

impl From<VaultError> for arm::ArmError {
    fn from(error: VaultError) -> Self {
        Self::new(error.status, error.code, error.message)
    }
}
