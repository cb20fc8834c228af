//! What can go wrong below the seam, and how it reads above it.

use std::io;
use std::path::Path;

use engine::source::SourceError;
use model::{QueryError, TablesError};
use state::StoreError;

/// Why the log store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk refused; nothing was lost that had been acknowledged.
    #[error("{what}: {source}")]
    Disk {
        /// What was tried, with the file.
        what: String,
        /// The system's answer.
        source: io::Error,
    },
    /// A file does not hold what was written to it.
    #[error("{file} is damaged: {what}; restore it from a backup")]
    Damaged {
        /// The file.
        file: String,
        /// What does not fit.
        what: String,
    },
    /// A file was written by a newer version.
    #[error("{file} has format {found}, this version reads up to {known}; run the newer version")]
    Newer {
        /// The file.
        file: String,
        /// Its format.
        found: u32,
        /// The newest known here.
        known: u32,
    },
    /// The catalogue could not be read or written.
    #[error("catalogue: {0}")]
    Store(#[from] StoreError),
    /// The query's own condition failed.
    #[error(transparent)]
    Condition(SourceError),
    /// The columns do not fit the table; the text says which and what to do.
    #[error("{0}")]
    Invalid(String),
}

impl Error {
    /// The disk refused to do `what` with the file at `path`.
    pub(crate) fn disk(what: &str, path: &Path, source: io::Error) -> Self {
        Self::Disk { what: format!("cannot {what} {}", path.display()), source }
    }

    /// The file at `path` does not hold what was written.
    pub(crate) fn damaged(path: &Path, what: impl ToString) -> Self {
        Self::Damaged { file: path.display().to_string(), what: what.to_string() }
    }
}

impl From<Error> for TablesError {
    fn from(error: Error) -> Self {
        match error {
            Error::Disk { .. } | Error::Store(StoreError::Unavailable(_)) => {
                Self::Unwritable(error.to_string())
            }
            Error::Invalid(text) => Self::Invalid(text),
            Error::Damaged { .. } | Error::Newer { .. } | Error::Store(_) | Error::Condition(_) => {
                Self::Damaged(error.to_string())
            }
        }
    }
}

impl From<Error> for SourceError {
    fn from(error: Error) -> Self {
        match error {
            Error::Condition(error) => error,
            other => Self::Storage(other.to_string()),
        }
    }
}

impl From<Error> for QueryError {
    fn from(error: Error) -> Self {
        Self::Storage(error.to_string())
    }
}
