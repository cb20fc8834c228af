//! Why identity could not do its work: store, keys, files. What callers did wrong has types of its own.

use crypto::CryptoError;
use state::StoreError;

/// A failure below identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Keys or key files.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// Something stored cannot be read.
    #[error("{what} cannot be read: {why}; restore a backup")]
    Damaged {
        /// Which document or file.
        what: String,
        /// What is wrong with it.
        why: String,
    },
}

impl IdentityError {
    pub(crate) fn damaged(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Damaged { what: what.into(), why: why.to_string() }
    }
}
