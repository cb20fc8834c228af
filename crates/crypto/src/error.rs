//! What can go wrong with keys, certificates and their files.

use std::path::{Path, PathBuf};

/// A failure of a cryptographic operation. Never carries secret material.
#[derive(Debug, thiserror::Error)]
pub enum CryptoError {
    /// A key could not be made, read or used.
    #[error("{0}")]
    Key(&'static str),
    /// A certificate could not be made or read.
    #[error("{0}")]
    Certificate(String),
    /// TLS could not be set up.
    #[error("TLS set-up failed: {0}")]
    Tls(String),
    /// A token, its module or its PIN: what, where, and what to do.
    #[error("{0}")]
    Token(String),
    /// The system gave no random bytes.
    #[error("the system's random number generator failed; check that /dev/urandom is readable")]
    Random,
    /// A file could not be read or written.
    #[error("{path}: {source}", path = path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl CryptoError {
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        |source| Self::File { path, source }
    }
}
